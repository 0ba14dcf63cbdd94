//! What is wrong with an answer.

use super::{Got, How, Step, Want};
use crate::json::{Json, same_number};

/// What is wrong with an answer, as lines; none when it is as expected.
pub fn differences(step: &Step, got: &Got) -> Vec<String> {
    let mut out = Vec::new();
    if step.status != got.status {
        out.push(format!("status: {}, expected {}", got.status, step.status));
    }
    for (name, want) in &step.want_headers {
        let have: Vec<&str> = got
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        match (want, have.join(", ")) {
            (None, value) if !have.is_empty() => out.push(format!("header {name}: `{value}`, expected none")),
            (Some(want), _) if have.is_empty() => out.push(format!("header {name}: none, expected `{want}`")),
            (Some(want), value) if want != "..." && *want != value => {
                out.push(format!("header {name}: `{value}`, expected `{want}`"));
            }
            _ => {}
        }
    }
    let body = String::from_utf8_lossy(&got.body);
    match &step.want {
        Want::Any => {}
        Want::Text(want) if *want == body => {}
        Want::Text(want) => out.push(format!("body:     {body:?}\nexpected: {want:?}")),
        Want::Json(want, how) => out.extend(json(want, &body, *how, got.status)),
    }
    out
}

fn json(want: &str, body: &str, how: How, status: u16) -> Option<String> {
    let want = Json::parse(want).expect("the parser of case files has read it before");
    let got = match Json::parse(body) {
        Ok(got) => got,
        Err(error) => return Some(format!("body:     {body:?} is not JSON: {error}\nexpected: {want}")),
    };
    let judged = match (&want, &got) {
        // Of an error only what is named counts.
        (Json::Object(named), Json::Object(members)) if status >= 300 => Json::Object(
            members.iter().filter(|(name, _)| named.iter().any(|(known, _)| known == name)).cloned().collect(),
        ),
        _ => got.clone(),
    };
    let place = first_difference(&want, &judged, how, "")?;
    Some(format!("body:     {got}\nexpected: {want}\nfirst difference: {place}"))
}

fn first_difference(want: &Json, got: &Json, how: How, at: &str) -> Option<String> {
    let differ = || Some(format!("{}: got {got}, expected {want}", if at.is_empty() { "the whole" } else { at }));
    match (want, got) {
        (Json::Text(any), _) if any == "..." => None,
        (Json::Number(one), Json::Number(other)) if same_number(one, other) => None,
        (Json::Object(named), Json::Object(members)) => {
            for (name, value) in named {
                match got.get(name) {
                    None => return Some(format!("{at}.{name}: missing")),
                    Some(found) => {
                        if let Some(place) = first_difference(value, found, how, &format!("{at}.{name}")) {
                            return Some(place);
                        }
                    }
                }
            }
            let extra = members.iter().find(|(name, _)| want.get(name).is_none());
            extra.filter(|_| how != How::Within).map(|(name, _)| format!("{at}.{name}: not expected"))
        }
        (Json::List(expected), Json::List(items)) => list_difference(expected, items, how, at),
        _ if want == got => None,
        _ => differ(),
    }
}

fn list_difference(want: &[Json], got: &[Json], how: How, at: &str) -> Option<String> {
    if want.len() != got.len() {
        return Some(format!("{at}[]: {} elements, expected {}", got.len(), want.len()));
    }
    // What `<+` leaves out is members of objects outside of lists only.
    let how = if how == How::Within { How::Exact } else { how };
    if how == How::AnyOrder && want.iter().all(|item| matches!(item, Json::Object(_))) {
        let mut left: Vec<&Json> = got.iter().collect();
        for (number, item) in want.iter().enumerate() {
            let Some(hit) = left.iter().position(|other| first_difference(item, other, how, "").is_none()) else {
                return Some(format!("{at}[{number}]: no element is {item}"));
            };
            left.remove(hit);
        }
        return None;
    }
    (want.iter().zip(got).enumerate())
        .find_map(|(number, (want, got))| first_difference(want, got, how, &format!("{at}[{number}]")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(status: u16, how: How, want: &str, got: &str) -> Option<String> {
        json(want, got, how, status)
    }

    #[test]
    fn json_is_compared_as_the_marks_say() {
        use How::{AnyOrder, Exact, Within};
        for (status, how, want, got, same) in [
            (200, Exact, r#"{"a":1,"b":2.50}"#, r#"{"b":2.5,"a":1}"#, true),
            (200, Exact, r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            (200, Exact, r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false),
            (200, Exact, r#"{"a":1,"b":2}"#, r#"{"a":1}"#, false),
            (404, Exact, r#"{"code":"x"}"#, r#"{"code":"x","message":"m"}"#, true),
            (404, Exact, r#"{"code":"x"}"#, r#"{"message":"m"}"#, false),
            (200, Exact, r#"[{"a":1},{"a":2}]"#, r#"[{"a":2},{"a":1}]"#, false),
            (200, AnyOrder, r#"[{"a":1},{"a":2}]"#, r#"[{"a":2},{"a":1}]"#, true),
            (200, AnyOrder, r#"[{"a":1},{"a":1}]"#, r#"[{"a":2},{"a":1}]"#, false),
            (200, AnyOrder, r#"[{"a":[{"b":1},{"b":2}]}]"#, r#"[{"a":[{"b":2},{"b":1}]}]"#, true),
            (200, AnyOrder, "[1,2]", "[2,1]", false),
            (200, Within, r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"c":2},"d":3}"#, true),
            (200, Within, r#"{"a":[{"b":1}]}"#, r#"{"a":[{"b":1,"c":2}]}"#, false),
            (200, Exact, r#"[{"a":"..."}]"#, r#"[{"a":[1]}]"#, true),
            (200, Exact, "[]", "[1]", false),
            (200, Exact, "[]", "", false),
            (200, Exact, "null", "null", true),
        ] {
            assert_eq!(compare(status, how, want, got).is_none(), same, "{want} {got}");
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        for (want, got, place) in [
            (r#"[{"a":{"b":[1,2]}}]"#, r#"[{"a":{"b":[1,3]}}]"#, "[0].a.b[1]: got 3, expected 2"),
            (r#"[{"a":1}]"#, r#"[{"b":1}]"#, "[0].a: missing"),
            (r#"{"a":[]}"#, r#"{"a":[1]}"#, ".a[]: 1 elements, expected 0"),
        ] {
            let found = compare(200, How::Exact, want, got).expect("they differ");
            assert!(found.ends_with(place), "{found}");
        }
    }
}
