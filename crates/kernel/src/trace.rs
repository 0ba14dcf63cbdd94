//! W3C Trace Context: where a request stands in a trace that may span many services.

use std::fmt;
use std::str::FromStr;

use crate::Random;

/// The `traceparent` header: the trace, the caller's span, and its flags. Neither id is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The whole trace.
    pub trace_id: [u8; 16],
    /// One span of it.
    pub span_id: [u8; 8],
    /// Bit 0: sampled. Bit 1: the trace id is random.
    pub flags: u8,
}

/// The text is not a valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTraceParent;

impl fmt::Display for BadTraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid traceparent")
    }
}
impl std::error::Error for BadTraceParent {}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None, // upper case is not allowed by the standard
    };
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn push_hex(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

impl TraceParent {
    /// A new trace with its first span.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 24];
        random.fill(&mut bytes);
        let mut it = Self { trace_id: [0; 16], span_id: [0; 8], flags: 0b10 };
        it.trace_id.copy_from_slice(&bytes[..16]);
        it.span_id.copy_from_slice(&bytes[16..]);
        it.span_id[7] |= u8::from(it.span_id == [0; 8]);
        it.trace_id[15] |= u8::from(it.trace_id == [0; 16]);
        it
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self, random: &dyn Random) -> Self {
        let span_id = random.next_u64().max(1).to_be_bytes();
        Self { span_id, ..self }
    }

    /// Whether the caller records this trace.
    pub const fn is_sampled(self) -> bool {
        self.flags & 1 == 1
    }

    /// The header's 55 characters, without an allocation.
    pub fn to_text(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        push_hex(&mut text[3..35], &self.trace_id);
        push_hex(&mut text[36..52], &self.span_id);
        push_hex(&mut text[53..], &[self.flags]);
        text
    }

    /// The trace id in 32 hexadecimal digits, for logs.
    pub fn trace_text(self) -> [u8; 32] {
        let mut text = [0; 32];
        push_hex(&mut text, &self.trace_id);
        text
    }

    /// Reads a header's bytes. A version after 00 may carry more fields, which are not read.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() < 55 || text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
            return None;
        }
        let [version] = hex(&text[..2])?;
        let longer_is_fine = version != 0 && text.get(55) == Some(&b'-');
        if version == 0xff || (text.len() > 55 && !longer_is_fine) {
            return None;
        }
        let (trace_id, span_id) = (hex(&text[3..35])?, hex(&text[36..52])?);
        let [flags] = hex(&text[53..55])?;
        let known = flags & 0b11;
        (trace_id != [0; 16] && span_id != [0; 8]).then_some(Self { trace_id, span_id, flags: known })
    }
}

impl FromStr for TraceParent {
    type Err = BadTraceParent;
    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        Self::parse(text.as_bytes()).ok_or(BadTraceParent)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).expect("hexadecimal digits are ASCII"))
    }
}

/// Where one request stands: its own span, the span that called it, and what other vendors want carried along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// This request's own span.
    pub own: TraceParent,
    /// The caller's span, if it sent one.
    pub parent_span: Option<[u8; 8]>,
    /// The `tracestate` to pass on, if it came with a valid parent and is well formed.
    pub state: Option<Box<str>>,
}

impl TraceContext {
    /// Continues the caller's trace, or begins a new one when there is none or it is not valid. An invalid parent also drops the state.
    pub fn enter(traceparent: Option<&[u8]>, tracestate: Option<&[u8]>, random: &dyn Random) -> Self {
        match traceparent.and_then(TraceParent::parse) {
            Some(parent) => Self {
                own: parent.child(random),
                parent_span: Some(parent.span_id),
                state: tracestate.and_then(sane_state).map(Into::into),
            },
            None => Self { own: TraceParent::new(random), parent_span: None, state: None },
        }
    }
}

/// At most 32 members of `key=value` in at most 512 printable characters; anything else is not passed on.
fn sane_state(state: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(state).ok()?.trim();
    let member = |m: &str| {
        let m = m.trim();
        m.is_empty()
            || m.split_once('=').is_some_and(|(key, value)| {
                let in_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/@".contains(&b);
                !key.is_empty()
                    && key.len() <= 256
                    && key.bytes().all(in_key)
                    && !value.is_empty()
                    && value.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'=')
            })
    };
    let fine = !text.is_empty() && text.len() <= 512 && text.split(',').count() <= 32 && text.split(',').all(member);
    fine.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_parses_exactly_as_the_standard_says() {
        for (text, valid) in [
            (GOOD, true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.more", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", false),
            ("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<TraceParent>().is_ok(), valid, "{text}");
        }
        assert_eq!(GOOD.parse::<TraceParent>().unwrap().to_string(), GOOD);
        assert!(GOOD.parse::<TraceParent>().unwrap().is_sampled());
    }

    #[test]
    fn a_valid_parent_is_continued_and_an_invalid_one_begins_anew_without_state() {
        let random = SeededRandom::new(7);
        let on = TraceContext::enter(Some(GOOD.as_bytes()), Some(b"vendor=a"), &random);
        let parent: TraceParent = GOOD.parse().unwrap();
        assert_eq!((on.own.trace_id, on.own.flags), (parent.trace_id, 1));
        assert_eq!(on.parent_span, Some(parent.span_id));
        assert_ne!(on.own.span_id, parent.span_id);
        assert_eq!(on.state.as_deref(), Some("vendor=a"));

        let anew = TraceContext::enter(Some(b"nonsense"), Some(b"vendor=a"), &random);
        assert_ne!(anew.own.trace_id, parent.trace_id);
        assert_eq!((anew.parent_span, anew.state), (None, None));
    }

    #[test]
    fn only_a_sane_tracestate_is_passed_on() {
        let many = vec!["a=1"; 33].join(",");
        let long = format!("a={}", "x".repeat(511));
        for (state, sane) in [
            ("vendor=a", true),
            (" vendor=a , t@other=b ", true),
            ("a=1,,b=2", true),
            ("", false),
            ("novalue", false),
            ("=x", false),
            ("a=", false),
            ("a=b=c", false),
            ("UPPER=x", false),
            ("a=\u{e9}", false),
            (&many, false),
            (&long, false),
        ] {
            assert_eq!(sane_state(state.as_bytes()).is_some(), sane, "{state}");
        }
    }
}
