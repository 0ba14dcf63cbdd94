//! Every type, decoded from binary, must print as the server itself prints it: `to_json(x)::text` and `format('%s', x)` are the oracle.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use store::postgres::{Options, PostgresEngine};
use store::{Lane, Participants, Scope};
use values::Type;

const VALUES: &[&str] = &[
    "true",
    "false",
    "(-32768)::int2",
    "0::int4",
    "(-2147483648)::int4",
    "9223372036854775807::int8",
    "(-9223372036854775808)::int8",
    "4294967295::oid",
    "0::float8",
    "'-0'::float8",
    "0.1::float8",
    "1e14::float8",
    "123456789012345::float8",
    "1e15::float8",
    "1.5e300::float8",
    "-1.25e-5::float8",
    "0.0001::float8",
    "0.00012345::float8",
    "123456.789::float8",
    "5e-324::float8",
    "1.7976931348623157e308::float8",
    "'NaN'::float8",
    "'-Infinity'::float8",
    "0.1::float4",
    "999999::float4",
    "1e6::float4",
    "1.17549435e-38::float4",
    "3.4028235e38::float4",
    "16777216::float4",
    "'Infinity'::float4",
    "0::numeric",
    "0.00::numeric(5,2)",
    "12.30::numeric",
    "-0.000123::numeric",
    "10000::numeric",
    "100000000.00000001::numeric",
    "99999999999999999999999999999999.999999::numeric",
    "1e40::numeric",
    "1e-30::numeric",
    "123456.7::numeric(10,3)",
    "'NaN'::numeric",
    "'Infinity'::numeric",
    "'-Infinity'::numeric",
    "''::text",
    r#"E'quotes " and \\ and \n \t \r \b \f \x01 \x1f \x7f and \u00e9 \U0001F600'::text"#,
    "'varying'::varchar(20)",
    "'padded'::char(10)",
    "'name'::name",
    "'c'::\"char\"",
    "''::\"char\"",
    "'\\303'::\"char\"",
    "'\\xdeadbeef00'::bytea",
    "''::bytea",
    "'3f2504e0-4f89-11d3-9a0c-0305e82c3301'::uuid",
    "'2024-02-29'::date",
    "'1999-12-31'::date",
    "'0001-01-01'::date",
    "'0044-03-15 BC'::date",
    "'4713-01-01 BC'::date",
    "'12345-06-07'::date",
    "'infinity'::date",
    "'-infinity'::date",
    "'00:00:00'::time",
    "'24:00:00'::time",
    "'12:34:56.789'::time",
    "'23:59:59.999999'::time",
    "'12:34:56.7+02'::timetz",
    "'12:34:56-05:30'::timetz",
    "'12:34:56+01:02:03'::timetz",
    "'2020-01-31 23:59:59.5'::timestamp",
    "'1969-12-31 23:59:59.999999'::timestamp",
    "'0044-03-15 12:00:00 BC'::timestamp",
    "'294276-12-31 23:59:59.999999'::timestamp",
    "'infinity'::timestamp",
    "'2020-06-30 12:00:00+02'::timestamptz",
    "'1900-01-01 00:00:00+00'::timestamptz",
    "'2020-01-01 00:00:00.000001+00'::timestamptz",
    "'-infinity'::timestamptz",
    "'0010-01-01 00:00:00+00 BC'::timestamptz",
    "'0'::interval",
    "'1 year'::interval",
    "'1 year 2 mons 3 days 04:05:06.789'::interval",
    "'-1 year -2 mons +3 days -04:05:06'::interval",
    "'-1 day +00:00:01'::interval",
    "'-1 mon 1 day'::interval",
    "'123456789 hours'::interval",
    "'-00:00:00.000001'::interval",
    "'{\"a\" : [1, 2.50]}'::json",
    "'{\"b\":1, \"a\":[true,null]}'::jsonb",
    "'10.1.2.3/8'::inet",
    "'10.1.2.3'::inet",
    "'10.0.0.0/8'::cidr",
    "'::1'::inet",
    "'2001:db8::ff00:42:8329'::inet",
    "'08:00:2b:01:02:03'::macaddr",
    "'08:00:2b:01:02:03:04:05'::macaddr8",
    "'{}'::int4[]",
    "'{1,NULL,3}'::int4[]",
    "'{{1,2},{3,4}}'::int4[]",
    "'[0:1]={7,8}'::int4[]",
    "'[2:3][-1:0]={{1,2},{3,4}}'::int4[]",
    r#"array['', 'null', 'a b', 'a,b', '{}', E'q"\\', 'plain', E'tab\t', NULL]::text[]"#,
    "array['2020-01-01 00:00:00'::timestamp, NULL]",
    "array['2020-01-01 00:00:00+00'::timestamptz]",
    "array[1.50, 'NaN'::numeric]",
    "array['NaN'::float8, 1e20]",
    "array['{\"a\":1}'::jsonb, '[1, 2]'::jsonb]",
    "array[true,false]",
    "array['\\x00ff'::bytea]",
    "array['3f2504e0-4f89-11d3-9a0c-0305e82c3301'::uuid]",
    "'[1,5)'::int4range",
    "'empty'::int4range",
    "'(,5]'::int8range",
    "'[1.5,2.50]'::numrange",
    "'[2020-01-01 00:00:00,)'::tsrange",
    "'[2020-01-01 00:00:00+00,2020-02-01 00:00:00+00)'::tstzrange",
    "'[2020-01-01,2020-02-01)'::daterange",
    "array['[1,3)'::int4range, 'empty']",
    "'{[1,3),[5,7)}'::int4multirange",
    "'{}'::datemultirange",
    "'happy'::mood",
    "array['so so', 'happy']::mood[]",
    "'5'::small",
    "array[1,2]::small[]",
    "'[a,\"b c\"]'::textrange",
    "NULL::int4",
];

async fn engine(url: &str) -> PostgresEngine {
    PostgresEngine::connect(url, Options::default(), Participants::from([])).await.unwrap()
}

async fn compare(engine: &PostgresEngine, values: &'static [&'static str], zone: Option<&str>) {
    let scope = Scope { time_zone: zone.map(Arc::from), ..Scope::default() };
    let wrong = engine
        .read::<_, store::Error>(scope, Lane::Short, move |conn| {
            let mut wrong = Vec::new();
            for value in values {
                let sql = format!("select x, to_json(x)::text, format('%s', x) from (select {value} as x) as t");
                conn.query(&sql, &[], &mut |row| {
                    let (mut json, mut text) = (Vec::new(), String::new());
                    row.write_json(0, &Type::Unknown, &mut json)?;
                    row.write_text(0, &Type::Unknown, &mut text)?;
                    let (mut want_json, mut want_text) = (String::new(), String::new());
                    row.write_text(1, &Type::Text, &mut want_json)?;
                    row.write_text(2, &Type::Text, &mut want_text)?;
                    if row.is_null(0) {
                        want_json.push_str("null");
                    }
                    let json = String::from_utf8(json).unwrap();
                    if json != want_json || text != want_text {
                        wrong.push(format!("{value}: {json} / {text} instead of {want_json} / {want_text}"));
                    }
                    Ok(())
                })?;
            }
            Ok(wrong)
        })
        .await
        .unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_type_prints_as_the_server_prints_it() {
    let database = testkit::postgres::fresh_database(None);
    database.run(
        "create type mood as enum ('sad', 'so so', 'happy'); create domain small as int check (value < 10);
         create type textrange as range (subtype = text)",
    );
    compare(&engine(database.url()).await, VALUES, None).await;
}

#[tokio::test]
async fn moments_print_in_the_callers_zone() {
    const MOMENTS: &[&str] = &[
        "'2024-03-10 09:59:59.999999+00'::timestamptz",
        "'2024-03-10 10:00:00+00'::timestamptz",
        "'2024-11-03 08:59:59+00'::timestamptz",
        "'2024-11-03 09:00:00+00'::timestamptz",
        "'1883-11-18 00:00:00+00'::timestamptz",
        "'1950-07-01 00:00:00+00'::timestamptz",
        "'2037-12-31 00:00:00+00'::timestamptz",
        "'2100-07-01 00:00:00+00'::timestamptz",
        "array['2024-07-01 00:00:00+00'::timestamptz]",
        "'infinity'::timestamptz",
        "'12:00:00'::time",
    ];
    let database = testkit::postgres::fresh_database(None);
    let engine = engine(database.url()).await;
    for zone in ["America/Los_Angeles", "Asia/Kathmandu", "Africa/Casablanca", "Europe/Amsterdam", "-03:30", "utc"] {
        compare(&engine, MOMENTS, Some(zone)).await;
    }
}

#[tokio::test]
async fn an_unknown_zone_is_refused_as_a_bad_setting() {
    let database = testkit::postgres::fresh_database(None);
    let scope = Scope { time_zone: Some(Arc::from("Nowhere/Land")), ..Scope::default() };
    let refused: Result<u64, store::Error> = engine(database.url())
        .await
        .read(scope, Lane::Short, |conn| conn.query("select 1", &[], &mut |_| Ok(())))
        .await;
    assert_eq!(refused.unwrap_err().code(), Some("22023"));
}

#[tokio::test]
async fn a_type_without_a_decoder_is_named() {
    let database = testkit::postgres::fresh_database(None);
    let failed: Result<u64, store::Error> = engine(database.url())
        .await
        .read(Scope::default(), Lane::Short, |conn| {
            conn.query("select point(1, 2)", &[], &mut |row| row.write_json(0, &Type::Unknown, &mut Vec::new()))
        })
        .await;
    assert!(failed.unwrap_err().to_string().contains("type point"));
}

#[tokio::test]
async fn stored_forms_print_as_the_value_they_were_read_from() {
    const TYPED: &[(&str, &str)] = &[
        ("bool", "true"),
        ("int2", "-7"),
        ("int8", "9223372036854775807"),
        ("float4", "0.1"),
        ("float8", "NaN"),
        ("float8", "-1.5e-07"),
        ("numeric", "123456789.000"),
        ("text", "a b"),
        ("bytea", "\\x00ff"),
        ("uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
        ("date", "2024-02-29"),
        ("time", "23:59:59.5"),
        ("timestamp", "2020-01-31 23:59:59.5"),
        ("timestamptz", "2020-01-31 23:59:59.5+00"),
        ("timestamptz", "infinity"),
        ("interval", "1 year 2 mons -3 days 04:05:06.7"),
        ("json", "{\"a\" : 1}"),
        ("jsonb", "{\"a\": [1, 2.50]}"),
        ("int4[]", "{1,NULL,3}"),
        ("text[]", "{\"a,b\",\"\",c}"),
        ("int4range", "[1,5)"),
        ("tstzrange", "[\"2020-01-01 00:00:00+00\",)"),
        ("inet", "10.0.0.0/8"),
    ];
    let database = testkit::postgres::fresh_database(None);
    let engine = engine(database.url()).await;
    let wrong = engine.read::<_, store::Error>(Scope::default(), Lane::Short, |conn| {
        let mut wrong = Vec::new();
        for (name, text) in TYPED {
            let ty = Type::named(name).unwrap();
            let param = [store::Param::Text(ty.clone(), (*text).to_owned())];
            conn.query(&format!("select $1::{name}"), &param, &mut |row| {
                let mut printed = String::new();
                row.write_text(0, &ty, &mut printed)?;
                let stored = row.value(0, &ty)?;
                let mut again = String::new();
                values::write_text(&ty, stored.as_ref(), &mut again);
                if again != printed || stored != values::input(&ty, text)? {
                    wrong.push(format!("{name} {text}: {stored:?} prints {again} instead of {printed}"));
                }
                Ok(())
            })?;
        }
        Ok(wrong)
    });
    let wrong = wrong.await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
