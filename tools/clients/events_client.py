# The unmodified CloudEvents SDK for Python against a running Mainstay: python events_client.py URL ANON_KEY SERVICE_KEY
# What it sends in both modes comes back as the same event. The last line counts.
import json
import sys
import time
import urllib.error
import urllib.request
from datetime import datetime, timezone

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

URL, _, SERVICE = sys.argv[1:4]
passed = failed = 0


def check(name, good, told=None):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print("FAIL", name, repr(told)[:600])


def ask(path, body=None, headers=()):
    headers = {**dict(headers), "Authorization": f"Bearer {SERVICE}"}
    request = urllib.request.Request(f"{URL}{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def log(source, count):
    for _ in range(100):
        found = [event for event in json.loads(ask("/events/v1?limit=1000&wait=1")[1]) if event["source"] == source]
        if len(found) >= count:
            headers = {"content-type": "application/cloudevents+json"}
            return [from_http_event(HTTPMessage(headers=headers, body=json.dumps(event).encode())) for event in found]
        time.sleep(0.05)
    return []


WHEN = datetime(2026, 1, 31, 23, 59, 59, 500000, tzinfo=timezone.utc)


def events(source):
    base = {"type": "org.example.sold", "source": source, "specversion": "1.0"}
    return [
        CloudEvent({**base, "id": "json", "subject": "Euro € 😀 \"100%\"", "time": WHEN, "datacontenttype": "application/json"}, {"price": 0.99, "tags": ["x", None]}),
        CloudEvent({**base, "id": "text", "datacontenttype": "text/plain"}, "plain é"),
        CloudEvent({**base, "id": "bytes", "datacontenttype": "application/octet-stream"}, b"\x00\x01\xff"),
        CloudEvent({**base, "id": "extended", "partitionkey": "till-7", "datacontenttype": "application/json"}, []),
    ]


for mode, write in [("structured", to_structured_event), ("binary", to_binary_event)]:
    source = f"/py/{mode}"
    for event in events(source):
        message = write(event)
        status, body = ask("/events/v1", message.body, message.headers.items())
        check(f"{mode} {event.get_id()}", status == 202, (status, body, message))
    found = log(source, 4)
    check(f"{mode} read", len(found) == 4, found)
    for wanted, read in zip(events(source), found):
        same = wanted.get_id() == read.get_id() and wanted.get_type() == read.get_type() and wanted.get_subject() == read.get_subject()
        check(f"{mode} {wanted.get_id()} read", same, read.get_attributes())
        check(f"{mode} {wanted.get_id()} data", wanted.get_data() == read.get_data(), read.get_data())
        check(f"{mode} {wanted.get_id()} place", len(read.get_extension("sequence")) == 20, read.get_attributes())
    check(f"{mode} time", found and found[0].get_time() == WHEN, found and found[0].get_time())
    check(f"{mode} extension", found and found[3].get_extension("partitionkey") == "till-7")

message = to_structured_event(events("/py/structured")[0])
check("sent again", ask("/events/v1", message.body, message.headers.items())[0] == 202)
check("once", len(log("/py/structured", 4)) == 4)
status, body = ask("/events/v1", b"{}", [("content-type", "application/cloudevents+json")])
check("refused", status == 400 and json.loads(body)["code"] == "events.event_invalid", (status, body))

print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
