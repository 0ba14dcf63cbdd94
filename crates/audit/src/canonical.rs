//! Canonical JSON (RFC 8785), written straight to bytes: the same value always has the same bytes, on every machine.

use serde_json::{Number, Value};

/// Integers up to here are exact as doubles (RFC 7493 section 2.2).
const EXACT_MAX: u64 = (1 << 53) - 1;

/// Writes a value. An integer beyond 2^53 becomes a string of its digits: as a number, readers would round it.
pub(crate) fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number(number) => self::number(number, out),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                self::value(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            // Names are in the order of their UTF-16 code units, which is not that of their bytes.
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            let mut object = Object::begin(out);
            for (name, member) in members {
                self::value(member, object.member(name));
            }
            object.end();
        }
    }
}

/// Writes a string: only what must be escaped is.
pub(crate) fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            0..0x20 => out.extend([b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Writes an integer that is exact as a double, else its digits as a string.
pub(crate) fn integer(number: i64, out: &mut Vec<u8>) {
    if number.unsigned_abs() <= EXACT_MAX {
        out.extend(number.to_string().bytes());
    } else {
        string(&number.to_string(), out);
    }
}

fn number(number: &Number, out: &mut Vec<u8>) {
    if let Some(whole) = number.as_i64() {
        integer(whole, out);
    } else if let Some(whole) = number.as_u64() {
        string(&whole.to_string(), out);
    } else {
        double(number.as_f64().unwrap_or_default(), out);
    }
}

/// Writes a double as ECMAScript does (ECMA-262, `Number::toString`): the fewest digits that read back as the same.
fn double(number: f64, out: &mut Vec<u8>) {
    if number < 0.0 {
        out.push(b'-');
    }
    let shortest = shortest(number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    // How many digits stand before the point.
    let whole: isize = exponent.parse::<isize>().unwrap_or_default() + 1;
    let count = digits.len().cast_signed();
    let zeros = |n: isize| std::iter::repeat_n(b'0', n.max(0).unsigned_abs());
    if whole >= count && whole <= 21 {
        out.extend(&digits);
        out.extend(zeros(whole - count));
    } else if whole > 0 && whole <= 21 {
        let (before, after) = digits.split_at(whole.unsigned_abs());
        out.extend([before, b".", after].concat());
    } else if whole > -6 && whole <= 0 {
        out.extend(b"0.");
        out.extend(zeros(-whole));
        out.extend(&digits);
    } else {
        let (first, rest) = digits.split_at(1);
        out.extend(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend(rest);
        }
        out.extend(format!("e{:+}", whole - 1).bytes());
    }
}

/// The fewest digits that read back as the same, in scientific form. Of two such the nearer one, of two as near the even one.
fn shortest(number: f64) -> String {
    let short = format!("{number:e}");
    let digits = short.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    let nearest = format!("{number:.*e}", digits.saturating_sub(1));
    if nearest.parse() == Ok(number) { nearest } else { short }
}

/// An object that is being written; whoever writes it gives the members in their order.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Opens it.
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Where the value of the next member goes.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        string(name, self.out);
        self.out.push(b':');
        self.out
    }

    /// A member that is a string.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        string(text, self.member(name));
    }

    /// A member that is a string, if there is one.
    pub(crate) fn maybe(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// A member that is an integer.
    pub(crate) fn integer(&mut self, name: &str, number: i64) {
        integer(number, self.member(name));
    }

    /// Closes it.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(json: &Value) -> String {
        let mut out = Vec::new();
        value(json, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn doubles_print_as_the_standard_lists_them() {
        // RFC 8785, appendix B.
        for (bits, text) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let mut out = Vec::new();
            double(f64::from_bits(bits), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text, "{bits:x}");
        }
    }

    #[test]
    fn members_are_sorted_by_utf_16_and_nothing_is_escaped_needlessly() {
        let json = json!({
            "\u{20ac}": "Euro", "\r": "CR", "\u{fb33}": "Hebrew", "1": "One", "\u{1f600}": "Smiley", "\u{80}": "Control",
            "\u{f6}": "Latin",
        });
        assert_eq!(
            canonical(&json),
            "{\"\\r\":\"CR\",\"1\":\"One\",\"\u{80}\":\"Control\",\"\u{f6}\":\"Latin\",\"\u{20ac}\":\"Euro\",\
             \"\u{1f600}\":\"Smiley\",\"\u{fb33}\":\"Hebrew\"}"
        );
        assert_eq!(canonical(&json!("\u{1}\u{8}\t\n\u{c}\r\u{1f}\"\\/é")), r#""\u0001\b\t\n\f\r\u001f\"\\/é""#);
        assert_eq!(
            canonical(&json!([{}, [], null, true, false, -1, 0.5, 1e21])),
            "[{},[],null,true,false,-1,0.5,1e+21]"
        );
        assert_eq!(
            canonical(&json!([9_007_199_254_740_991_i64, 9_007_199_254_740_993_i64, u64::MAX])),
            r#"[9007199254740991,"9007199254740993","18446744073709551615"]"#
        );
    }
}
