//! No text makes the crate panic, and whatever it accepts it can write and read back.

use crate::random::Random;

const SEEDS: &[&str] = &[
    "select distinct on (a) a as \"B\", t.*, (c).*, count(*) filter (where x > 0) over (partition by y order by z desc \
     rows between 1 preceding and current row) from s.t as u (v, w) left join lateral f(1) with ordinality g on true, \
     (values (1, 'x')) q where a = any (array[1, 2]) and b not in (select c from d) or e is not distinct from null \
     group by rollup (a, b) having true window win as (order by a) order by 1 desc nulls last limit 5 offset 2 for update",
    "with recursive r (n) as materialized (select 1 union all select n + 1 from r where n < 10), x as (insert into t \
     (a, b) values (1, default) on conflict (a, lower(b)) where c do update set (d, e) = (1, 2), f = excluded.f \
     returning *) select * from r cross join x",
    "create table if not exists s.t (id bigint generated always as identity (start with 5) primary key, a text collate \
     \"C\" not null default ('x' || 'y'), b numeric(10, 2) check (b > 0), c uuid references u (id) on delete cascade, d \
     tsvector generated always as (to_tsvector('english', a)) stored, unique nulls not distinct (a, b), constraint f \
     foreign key (c) references v match full on update set null deferrable initially deferred, exclude using gist (a with =))",
    "create or replace function s.f(a int default 1, out b text, variadic c text[]) returns setof s.t language sql stable \
     security definer set search_path = '', public as $body$ select $1; $body$",
    "create function f() returns int language sql begin atomic insert into t values (1); select case when a then b end; end",
    "create policy \"a b\" on s.t as restrictive for update to authenticated, public using ((select auth.uid()) = user_id) \
     with check (exists (select 1 from m where m.data->>'k' ~* E'^\\\\d' and m.tags && '{a,b}'))",
    "grant select (a, b), insert on all tables in schema public, s to anon with grant option; revoke all on function \
     f(int, text) from public cascade; alter default privileges for role x in schema s grant usage on sequences to y",
    "alter table only s.t add column if not exists a int[] not null, alter b type timestamptz using b at time zone 'utc', \
     drop constraint if exists c cascade, enable row level security, add constraint d check (e <> -1) not valid, \
     set (fillfactor = 50), alter f set default -1, replica identity full",
    "create unique index concurrently i on t using gin (a, lower(b) text_pattern_ops desc nulls last, (c || d) collate \
     \"C\") include (e) with (fillfactor = 70) where f is not null; comment on column s.t.c is 'it''s'; create type m as \
     enum ('a', 'b'); create domain d as text check (value ~ '@'); create sequence q increment by -2 no cycle owned by t.a",
    "select extract(epoch from interval '1' day to second(3)), substring(a from 1 for 2), trim(both 'x' from y), \
     position(b in c), overlay(d placing e from 1), f[1:2][3].g, h::double precision, x'1F', b'01', U&'d\\0061', $1, ?2, \
     coalesce(i, j), cast(k as varchar(3)[]), row(l), (m, n) overlaps (o, p), q between symmetric 1 and 2, r like s escape '!'",
    "set local search_path to a, \"B\"; do language plpgsql $$ begin end $$; explain (analyze, format json) delete from t \
     using u where true returning *; create role r with login password 'x' in role a; update only t as v set a = default",
    "create view v with (security_invoker = true) as select 1 with local check option; copy t from stdin; vacuum full t; \
     create trigger t after insert on u for each row execute function g('x'); create materialized view w as table x with no data",
];

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ".",
    "'",
    "\"",
    "$$",
    "$1",
    "--",
    "/*",
    "*/",
    "::",
    ":",
    "*",
    "=",
    "<",
    "- ",
    "@",
    "?",
    "\\",
    " select ",
    " from ",
    " as ",
    " in ",
    " not ",
    " and ",
    " is null ",
    " null ",
    " case ",
    " end ",
    " between ",
    " with ",
    " values ",
    " default ",
    " order by ",
    " limit ",
    " join ",
    " on ",
    " union ",
    " any (",
    " array[",
    " row(",
    " lateral ",
    " collate ",
    " at time zone ",
    " interval ",
    " 1 ",
    " 1.5 ",
    " 'x' ",
    " \"Y\" ",
    " E'\\",
    " U&'\\",
    " begin atomic ",
    " create ",
    " alter ",
    " drop ",
    " grant ",
    " only ",
    " over (",
    " filter (",
    " é ",
    "\u{0}",
    "\u{feff}",
    "\n",
];

/// A text with some places deleted, doubled, swapped or overwritten.
fn mutated(random: &mut Random, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(chars.len() + 1);
        let length = random.below(12).min(chars.len() - at);
        match random.below(5) {
            0 => {
                chars.drain(at..at + length);
            }
            1 => {
                let copy: Vec<char> = chars[at..at + length].to_vec();
                chars.splice(at..at, copy);
            }
            2 => {
                let piece = PIECES[random.below(PIECES.len())];
                chars.splice(at..at, piece.chars());
            }
            3 => {
                let other: Vec<char> = SEEDS[random.below(SEEDS.len())].chars().collect();
                let from = random.below(other.len());
                let to = (from + random.below(40)).min(other.len());
                chars.splice(at..at + length, other[from..to].iter().copied());
            }
            _ => chars.truncate(at.max(1)),
        }
        if chars.is_empty() {
            chars.push('x');
        }
    }
    chars.into_iter().collect()
}

#[test]
fn mutated_statements_never_panic_and_accepted_ones_read_back() {
    let mut accepted = 0;
    for seed in 0..3_000u64 {
        let mut random = Random::new(seed);
        let seed_text = SEEDS[random.below(SEEDS.len())];
        let text = mutated(&mut random, seed_text);
        let whole = sql::parse_statements(&text);
        let pieces = sql::split(&text);
        if let Ok(statements) = &whole {
            accepted += 1;
            for statement in statements {
                crate::assert_reads_back(&text[statement.range.clone()], &statement.node);
            }
            // In these bodies a label may be called `end`, which the splitter takes for the end, as `psql` does.
            if let (Ok(pieces), false) = (&pieces, text.contains("atomic")) {
                assert_eq!(
                    pieces.iter().map(|piece| piece.range.clone()).collect::<Vec<_>>(),
                    statements.iter().map(|statement| statement.range.clone()).collect::<Vec<_>>(),
                    "seed {seed}: {text}"
                );
            }
        }
        if let Err(error) = whole.map(|_| ()).and(pieces.map(|_| ())) {
            assert!(error.offset <= text.len() && error.line >= 1 && error.column >= 1, "seed {seed}: {error:?}");
        }
        if let Ok(expr) = sql::parse_expr(&text) {
            assert_eq!(sql::parse_expr(&expr.to_sql()), Ok(expr), "seed {seed}: {text}");
        }
    }
    // Otherwise the mutations would be too wild to test the second promise.
    assert!(accepted > 150, "{accepted}");
}

#[test]
fn noise_never_panics() {
    for seed in 0..3_000u64 {
        let mut random = Random::new(seed);
        let mut text = String::new();
        for _ in 0..random.below(40) {
            text.push_str(PIECES[random.below(PIECES.len())]);
        }
        let parsed = sql::parse_statements(&text);
        let split = sql::split(&text);
        if parsed.is_ok() {
            assert!(split.is_ok(), "seed {seed}: {text:?} parses but does not split");
        }
    }
}
