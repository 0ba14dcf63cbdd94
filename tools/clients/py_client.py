"""Unmodified postgrest-py against a running Mainstay over examples/chinook and more.sql: python py_client.py URL ANON_KEY SERVICE_KEY

Every check is a call as a user writes it, and what must come of it. The last line counts.
"""

import sys

from postgrest import APIError, CountMethod, SyncPostgrestClient

URL, ANON, SERVICE = sys.argv[1:4]


def client(key, schema="public"):
    return SyncPostgrestClient(URL + "/rest/v1", schema=schema, headers={"apikey": key, "Authorization": "Bearer " + key})


anon, service = client(ANON), client(SERVICE)
passed = failed = 0


def check(name, call, good):
    global passed, failed
    try:
        answer = call()
        fine = good(answer)
    except Exception as error:  # A refusal that nobody expected is a failure like any other.
        answer, fine = error, False
    if fine:
        passed += 1
    else:
        failed += 1
        print("FAIL", name, repr(answer)[:600])


def refused(name, call, code):
    def caught():
        try:
            return call()
        except APIError as error:
            return error

    check(name, caught, lambda e: isinstance(e, APIError) and e.code == code and isinstance(e.message, str))


def things(name, change, wanted):
    query = lambda: change(anon.from_("thing").select("name")).order("name").execute()
    check(name, query, lambda r: [row["name"] for row in r.data] == wanted)


things("eq", lambda q: q.eq("name", "buoy"), ["buoy"])
things("neq", lambda q: q.neq("name", "buoy"), ["anchor", "chain"])
things("gt, lte", lambda q: q.gt("id", 1).lte("id", 3), ["buoy", "chain"])
things("gte, lt", lambda q: q.gte("id", 1).lt("id", 2), ["anchor"])
things("is_", lambda q: q.is_("mood", "null"), ["chain"])
things("like", lambda q: q.like("name", "%ch%"), ["anchor", "chain"])
things("ilike", lambda q: q.ilike("name", "BU%"), ["buoy"])
things("like_any_of", lambda q: q.like_any_of("name", "a%,b%"), ["anchor", "buoy"])
things("like_all_of", lambda q: q.like_all_of("name", "a%,%r"), ["anchor"])
things("in_", lambda q: q.in_("name", ["buoy", "chain", "a,b"]), ["buoy", "chain"])
things("contains list", lambda q: q.contains("tags", ["heavy", "iron"]), ["anchor"])
things("contains dict", lambda q: q.contains("facts", {"in": {"port": True}}), ["anchor"])
things("contained_by", lambda q: q.contained_by("tags", ["heavy", "wood"]), ["chain"])
things("overlaps", lambda q: q.overlaps("tags", ["light", "iron"]), ["anchor", "buoy"])
things("ov", lambda q: q.ov("tags", ["light", "iron"]), ["anchor", "buoy"])
things("range_gt", lambda q: q.range_gt("span", [1, 5]), ["buoy"])
things("range_lt", lambda q: q.range_lt("span", [10, 12]), ["anchor"])
things("range_adjacent", lambda q: q.range_adjacent("span", [1, 10]), ["buoy"])
things("match", lambda q: q.match({"name": "anchor", "mood": "glad"}), ["anchor"])
things("not_", lambda q: q.not_.is_("mood", "null"), ["anchor", "buoy"])
things("or_", lambda q: q.or_("name.eq.buoy,and(id.gt.2,tags.cs.{heavy})"), ["buoy", "chain"])
things("filter", lambda q: q.filter("facts->>kg", "eq", "8"), ["buoy"])
check("text_search", lambda: anon.from_("thing").select("name").text_search("name", "buoy").execute(), lambda r: len(r.data) == 1)

check("single", lambda: anon.from_("artist").select("*").eq("artist_id", 1).single().execute(), lambda r: r.data["name"] == "AC/DC")
check("maybe_single of none", lambda: anon.from_("artist").select("*").eq("artist_id", -1).maybe_single().execute(), lambda r: r is None or r.data is None)
check("count", lambda: anon.from_("artist").select("name,album(title)", count="exact").limit(2).execute(), lambda r: r.count == 275 and len(r.data) == 2)
check("head", lambda: anon.from_("track").select("*", count=CountMethod.exact, head=True).execute(), lambda r: r.count == 3503)
check("range", lambda: anon.from_("track").select("track_id").order("track_id").range(10, 12).execute(), lambda r: [t["track_id"] for t in r.data] == [11, 12, 13])
check("limit, offset", lambda: anon.from_("track").select("track_id").order("track_id").limit(1).offset(5).execute(), lambda r: r.data == [{"track_id": 6}])
check("order down", lambda: anon.from_("thing").select("name").order("name", desc=True).limit(1).execute(), lambda r: r.data[0]["name"] == "chain")
check("order nulls first", lambda: anon.from_("thing").select("name").order("mood", nullsfirst=True).limit(1).execute(), lambda r: r.data[0]["name"] == "chain")
check("order in an embed", lambda: anon.from_("artist").select("album(title)").eq("name", "Accept").order("title", foreign_table="album").execute(), lambda r: [a["title"] for a in r.data[0]["album"]] == ["Balls to the Wall", "Restless and Wild"])
check("csv", lambda: anon.from_("thing").select("id,name").order("id").limit(1).csv().execute(), lambda r: r.data.splitlines() == ["id,name", "1,anchor"])
check("explain", lambda: anon.from_("thing").select("id").explain(format="json").execute(), lambda r: len(r if isinstance(r, str) else str(r.data)) > 2)
check("schema", lambda: client(ANON, "yard").from_("dock").select("*").execute(), lambda r: r.data == [{"id": 1, "name": "North"}])

check("insert", lambda: service.from_("thing").insert({"name": "p1", "tags": ["a b"]}).execute(), lambda r: r.data[0]["tags"] == ["a b"])
check("insert many", lambda: service.from_("thing").insert([{"name": "p2"}, {"name": "p3", "note": "x"}], count="exact").execute(), lambda r: r.count == 2 and [t["note"] for t in r.data] == [None, "x"])
check("insert with defaults", lambda: service.from_("thing").insert([{"name": "p4"}, {"name": "p5", "note": "x"}], default_to_null=False).execute(), lambda r: [t["note"] for t in r.data] == ["none", "x"])
check("insert without rows back", lambda: service.from_("thing").insert({"name": "p6"}, returning="minimal").execute(), lambda r: r.data == [])
check("upsert", lambda: service.from_("thing").upsert({"name": "p1", "note": "up"}, on_conflict="name").execute(), lambda r: r.data[0]["note"] == "up")
check("upsert that ignores", lambda: service.from_("thing").upsert({"name": "p1", "note": "no"}, on_conflict="name", ignore_duplicates=True).execute(), lambda r: r.data == [])
check("update", lambda: service.from_("thing").update({"note": "u"}).eq("name", "p2").execute(), lambda r: r.data[0]["note"] == "u")
check("delete", lambda: service.from_("thing").delete(count="exact").like("name", "p%").execute(), lambda r: r.count == 6 and len(r.data) == 6)

refused("no leave to write", lambda: anon.from_("artist").insert({"name": "x"}).execute(), "42501")
refused("no such table", lambda: anon.from_("nope").select("*").execute(), "PGRST205")
refused("no such column", lambda: anon.from_("artist").select("nope").execute(), "42703")
refused("single of none", lambda: anon.from_("artist").select("*").eq("artist_id", -1).single().execute(), "PGRST116")
refused("a key that is taken", lambda: service.from_("thing").insert({"name": "anchor"}).execute(), "23505")

print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
