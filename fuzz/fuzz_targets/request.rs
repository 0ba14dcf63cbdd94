//! Any bytes as a request: the parser answers or refuses, and never panics.
#![no_main]

use data::request::{Parts, RequestConfig, parse};
use libfuzzer_sys::fuzz_target;

// Lines of method, path and query, `Prefer`, `Range`, `Content-Type`; the rest is the body. So seeds can be written by hand.
fuzz_target!(|input: &[u8]| {
    let mut lines = input.splitn(6, |byte| *byte == b'\n').map(|line| std::str::from_utf8(line).ok());
    let mut next = || lines.next().flatten();
    let (Some(method), Some(target)) = (next(), next()) else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (prefer, range, content_type) = (next(), next(), next());
    let body = input.splitn(6, |byte| *byte == b'\n').nth(5).unwrap_or_default().to_vec();
    let parts = Parts {
        method,
        path,
        query,
        prefer: prefer.into_iter().collect(),
        range,
        content_type,
        body: body.into(),
        ..Parts::default()
    };
    drop(parse(&parts, &RequestConfig::default()));
});
