//! What the presenter needs of JSON: finished texts of ours, taken apart without building values.

/// The values of an object's members, in order. The text is one of ours, so it is well formed and without blanks between members.
pub(crate) fn members(object: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut at = 1;
    while at < object.len() && object[at] != b'}' {
        at = skip_string(object, at) + 1; // the key and its colon
        let end = skip_value(object, at);
        out.push(&object[at..end]);
        at = end;
        if object.get(at) == Some(&b',') {
            at += 1;
        }
    }
    out
}

/// The place after the string that begins at `at`.
fn skip_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The place after the value that begins at `at`.
fn skip_value(text: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = at;
    while at < text.len() {
        match text[at] {
            b'"' => {
                at = skip_string(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                if depth == 0 {
                    return at;
                }
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Drops every member whose value is null, at every depth, as `json_strip_nulls` does.
pub(crate) fn strip_nulls(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    // For each open bracket: whether something was written inside.
    let mut open: Vec<bool> = Vec::new();
    while at < text.len() {
        match text[at] {
            b'{' | b'[' => {
                mark(&mut open);
                open.push(false);
                out.push(text[at]);
                at += 1;
                at = strip_member(text, at);
            }
            b'}' | b']' => {
                open.pop();
                out.push(text[at]);
                at += 1;
            }
            b',' => {
                at += 1;
                while text.get(at).is_some_and(u8::is_ascii_whitespace) {
                    at += 1;
                }
                at = strip_member(text, at);
                let closing = matches!(text.get(at), Some(b'}' | b']' | b',') | None);
                if !closing && open.last() == Some(&true) {
                    out.push(b',');
                }
            }
            b'"' => {
                let end = skip_string(text, at);
                out.extend_from_slice(&text[at..end]);
                mark(&mut open);
                at = end;
            }
            byte => {
                if !byte.is_ascii_whitespace() && byte != b':' {
                    mark(&mut open);
                }
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn mark(open: &mut [bool]) {
    if let Some(last) = open.last_mut() {
        *last = true;
    }
}

/// If the member of an object that begins at `at` is null, the place after it; else `at`.
fn strip_member(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    if text.get(at) != Some(&b'"') {
        return at;
    }
    let mut colon = skip_string(text, at);
    while text.get(colon).is_some_and(u8::is_ascii_whitespace) {
        colon += 1;
    }
    if text.get(colon) != Some(&b':') {
        return at;
    }
    let mut value = colon + 1;
    while text.get(value).is_some_and(u8::is_ascii_whitespace) {
        value += 1;
    }
    if text[value..].starts_with(b"null") { value + 4 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_an_object_are_found_whatever_they_hold() {
        let object = br#"{"a":1,"b":"x,\"}","c":[1,{"d":2}],"e":{},"f":null}"#;
        let found: Vec<&str> = members(object).into_iter().map(|value| std::str::from_utf8(value).unwrap()).collect();
        assert_eq!(found, ["1", r#""x,\"}""#, r#"[1,{"d":2}]"#, "{}", "null"]);
        assert!(members(b"{}").is_empty());
    }

    #[test]
    fn nulls_are_stripped_from_objects_at_every_depth_and_kept_in_arrays() {
        let cases = [
            (r#"{"a":null}"#, "{}"),
            (r#"{"a":null,"b":1}"#, r#"{"b":1}"#),
            (r#"{"a":1,"b":null}"#, r#"{"a":1}"#),
            (r#"{"a":1,"b":null,"c":2}"#, r#"{"a":1,"c":2}"#),
            (r#"[{"a":null},{"a":1,"b":null}]"#, r#"[{},{"a":1}]"#),
            ("[null,1,null]", "[null,1,null]"),
            (r#"{"a":{"b":null,"c":"null"},"d":[null]}"#, r#"{"a":{"c":"null"},"d":[null]}"#),
            (r#"{"a":"x,\"null\":null"}"#, r#"{"a":"x,\"null\":null"}"#),
            (r#"{"a":null,"b":null,"c":{"d":null}}"#, r#"{"c":{}}"#),
        ];
        for (text, expected) in cases {
            assert_eq!(String::from_utf8(strip_nulls(text.as_bytes())).unwrap(), expected, "{text}");
        }
    }
}
