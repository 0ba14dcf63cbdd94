//! Log lines: one JSON object a line for machines, one readable line for people; the same fields in both.
//!
//! A line has `time`, `level`, `target`, `message`, the event's own fields, those of the spans around it, and `request.id` and
//! `trace.id` when it was said on behalf of a request.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use kernel::{Clock, Micros, SystemClock, TraceParent};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;

use crate::context;
use crate::sink::Sink;
use crate::task::panic_text;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people; with colours if the flag is set.
    Pretty {
        /// Whether to colour the level.
        color: bool,
    },
}

/// Logging could not be set up; the text says why.
#[derive(Debug)]
pub struct InitError(String);

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for InitError {}

/// Sends the log of the process to its standard error. `filter` names levels by module: `info`, `warn,web=debug`,
/// `info,web::access=off`. Panics become log lines, too. Keep the guard until the process ends.
pub fn init(json: bool, filter: &str) -> Result<Guard, InitError> {
    let format = if json { Format::Json } else { Format::Pretty { color: io::stderr().is_terminal() } };
    let sink = Sink::start(io::stderr()).map_err(|e| InitError(format!("the log's thread does not start: {e}")))?;
    let subscriber = subscriber(format, filter, Arc::new(SystemClock), sink.clone())?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| InitError("logging was set up twice".to_owned()))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(Guard(sink))
}

/// Writes out what was said when it goes, also when the process ends by a panic.
#[derive(Debug)]
#[must_use = "lines that are still waiting when it goes are written; without it they are lost"]
pub struct Guard(Sink);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.flush(Duration::from_secs(1));
    }
}

/// One line for a panic, instead of the several of the default, which no reader of JSON could take.
fn log_panic(info: &std::panic::PanicHookInfo<'_>) {
    let at = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    tracing::error!(panic = panic_text(info.payload()), panic.location = at, thread.name = name, "something panicked");
}

/// The subscriber behind [`init`], with its clock and its writer given.
pub fn subscriber<W>(
    format: Format,
    filter: &str,
    clock: Arc<dyn Clock>,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, InitError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wrong = |why: &str| {
        InitError(format!("the log filter {filter:?} cannot be read ({why}): write it like info or warn,web=debug"))
    };
    // A word alone that is no level would be taken for a module, and everything else for silence.
    for word in filter.split(',').map(str::trim).filter(|word| !word.contains('=')) {
        if word.parse::<LevelFilter>().is_err() {
            return Err(wrong(&format!("{word:?} is no level")));
        }
    }
    let targets: Targets = filter.parse().map_err(|e: tracing_subscriber::filter::ParseError| wrong(&e.to_string()))?;
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .fmt_fields(Line { format, clock: Arc::clone(&clock) })
        .event_format(Line { format, clock })
        .with_writer(writer)
        .with_filter(targets);
    Ok(tracing_subscriber::registry().with(lines))
}

struct Line {
    format: Format,
    clock: Arc<dyn Clock>,
}

impl<'w> FormatFields<'w> for Line {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Fields { out: &mut out, json: self.format == Format::Json, result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

impl<S> FormatEvent<S, Self> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, Self>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        let json = match self.format {
            Format::Json => {
                out.write_str("{\"time\":\"")?;
                time(&mut out, self.clock.now())?;
                out.write_str("\",\"level\":\"")?;
                out.write_str(level.as_str())?;
                out.write_str("\",\"target\":\"")?;
                escape(&mut out, target, true)?;
                out.write_char('"')?;
                true
            }
            Format::Pretty { color } => {
                let (on, off) = if color { (colour(level), "\x1b[0m") } else { ("", "") };
                write!(out, "{} {on}{level:>5}{off} {target}:", self.clock.now())?;
                false
            }
        };
        self.format_fields(out.by_ref(), event)?;
        if let Some(scope) = ctx.event_scope() {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<FormattedFields<Self>>() {
                    out.write_str(fields)?;
                }
            }
        }
        if let Some(context) = context::current() {
            let trace = TraceParent { trace_id: context.trace_id, span_id: [0; 8], flags: 0 }.trace_text();
            let trace = std::str::from_utf8(&trace).unwrap_or_default();
            let id = context.request_id.as_str();
            if json {
                [",\"request.id\":\"", id, "\",\"trace.id\":\"", trace, "\""]
                    .iter()
                    .try_for_each(|part| out.write_str(part))?;
            } else {
                write!(out, " request.id={id} trace.id={trace}")?;
            }
        }
        out.write_str(if json { "}\n" } else { "\n" })
    }
}

fn time(out: &mut Writer<'_>, now: Micros) -> fmt::Result {
    match now.to_text() {
        Some(text) => out.write_str(std::str::from_utf8(&text).unwrap_or_default()),
        None => write!(out, "{now}"),
    }
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        _ => "\x1b[35m",
    }
}

struct Fields<'a, 'w> {
    out: &'a mut Writer<'w>,
    json: bool,
    result: fmt::Result,
}

impl Fields<'_, '_> {
    fn name(&mut self, field: &Field) -> fmt::Result {
        if self.json {
            self.out.write_str(",\"")?;
            escape(self.out, field.name(), true)?;
            self.out.write_str("\":")
        } else if field.name() == "message" {
            self.out.write_char(' ')
        } else {
            self.out.write_char(' ')?;
            self.out.write_str(field.name())?;
            self.out.write_char('=')
        }
    }

    fn bare(&mut self, field: &Field, value: impl fmt::Display) {
        self.result = self.result.and_then(|()| {
            self.name(field)?;
            write!(self.out, "{value}")
        });
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.result = self.result.and_then(|()| {
            self.name(field)?;
            // For people quotes stay as they are, but a caller's text cannot begin a line of its own.
            let json = self.json;
            let quote = if json { "\"" } else { "" };
            self.out.write_str(quote)?;
            write!(Escaped { out: self.out, json }, "{value}")?;
            self.out.write_str(quote)
        });
    }
}

impl Visit for Fields<'_, '_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.bare(field, value);
        } else {
            self.text(field, format_args!("{value}"));
        }
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        // The numbers of an access line come this way; the formatter's own is three times as slow.
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.result = self.result.and_then(|()| {
            self.name(field)?;
            self.out.write_str(std::str::from_utf8(&digits[at..]).unwrap_or_default())
        });
    }
    fn record_i128(&mut self, field: &Field, value: i128) {
        self.bare(field, value);
    }
    fn record_u128(&mut self, field: &Field, value: u128) {
        self.bare(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.result = self.result.and_then(|()| {
            self.name(field)?;
            let quote = if self.json { "\"" } else { "" };
            self.out.write_str(quote)?;
            escape(self.out, value, self.json)?;
            self.out.write_str(quote)
        });
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// Escapes what is written through it as the inside of a JSON string, or only its control characters.
struct Escaped<'a, 'w> {
    out: &'a mut Writer<'w>,
    json: bool,
}

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(self.out, text, self.json)
    }
}

fn escape(out: &mut Writer<'_>, text: &str, json: bool) -> fmt::Result {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let plain = byte >= 0x20 && byte != 0x7f;
        if plain && !(json && (byte == b'"' || byte == b'\\')) {
            continue;
        }
        out.write_str(&text[from..at])?;
        from = at + 1;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.write_str(&text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Context;
    use kernel::{ManualClock, RequestId};
    use std::sync::Mutex;

    fn said(format: Format, filter: &str, say: impl FnOnce()) -> String {
        let out = Arc::new(Mutex::new(Vec::<u8>::new()));
        let theirs = Arc::clone(&out);
        let writer = move || Tee(Arc::clone(&theirs));
        let clock = Arc::new(ManualClock::at(Micros::from_secs(1)));
        tracing::subscriber::with_default(subscriber(format, filter, clock, writer).unwrap(), say);
        let text = out.lock().unwrap().clone();
        String::from_utf8(text).unwrap()
    }

    struct Tee(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Tee {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_json_line_is_one_object_with_every_field() {
        let line = said(Format::Json, "info", || {
            let context = Context { request_id: RequestId::from_caller(b"abc").unwrap(), trace_id: [0xab; 16] };
            let span = tracing::info_span!("work", run.id = "run_1");
            let _in_span = span.enter();
            context::with(Some(context), || {
                tracing::warn!(n = 7, f = 0.5, nan = f64::NAN, ok = true, text = "a\"\\\n\u{1}é", debug = ?Some("x\ny"), "hello {}", "you");
            });
        });
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).expect(&line);
        let expected = serde_json::json!({
            "time": "1970-01-01T00:00:01.000000Z", "level": "WARN", "target": "telemetry::log::tests", "message": "hello you",
            "n": 7, "f": 0.5, "nan": "NaN", "ok": true, "text": "a\"\\\n\u{1}é", "debug": "Some(\"x\\ny\")", "run.id": "run_1",
            "request.id": "abc", "trace.id": "abababababababababababababababab",
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn a_pretty_line_reads_from_left_to_right_and_stays_one_line() {
        let line = said(Format::Pretty { color: false }, "info", || tracing::info!(path = "/a\nb", "served \"x\""));
        assert_eq!(line, "1970-01-01T00:00:01.000000Z  INFO telemetry::log::tests: served \"x\" path=/a\\nb\n");
    }

    #[test]
    fn the_filter_chooses_levels_by_module() {
        let say = || {
            tracing::debug!(target: "web::access", "one");
            tracing::info!(target: "web", "two");
            tracing::warn!(target: "store", "three");
        };
        for (filter, lines) in
            [("info", 2), ("debug", 3), ("error", 0), ("warn,web=info", 2), ("off,web::access=debug", 1)]
        {
            assert_eq!(said(Format::Json, filter, say).lines().count(), lines, "{filter}");
        }
        assert!(subscriber(Format::Json, "web=loud", Arc::new(SystemClock), io::sink).is_err());
    }
}
