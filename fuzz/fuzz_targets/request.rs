//! Any bytes as a query string and a body: the parser answers or refuses, and never panics.
#![no_main]

use data::request::{Parts, RequestConfig, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, bool, &[u8])| {
    let (query, prefer, write, body) = input;
    let method = if write { "POST" } else { "GET" };
    let parts = Parts { method, path: "/t", query, prefer: vec![prefer], body: body.to_vec().into(), ..Parts::default() };
    drop(parse(&parts, &RequestConfig::default()));
});
