//! Aggregates that SQLite has not, or has with other types; most can be used as window functions.

use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, WindowAggregate};
use values::datetime::Interval;
use values::numeric::{self, Sum};
use values::{Result, Value, ValueError, ValueRef, array};

use super::casts::type_named;
use super::{Output, flags, mistyped, text, with_arguments};
use crate::sqlite::session;

/// What rows are folded into.
trait Fold: Default + Send + UnwindSafe + RefUnwindSafe + 'static {
    /// Takes a row in.
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()>;
    /// Takes the row out again that was taken in first.
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()>;
    /// The value over the rows that are in.
    fn value(&self) -> Result<Value>;
}

/// Ties a fold to SQLite's calls.
struct Folded<S>(std::marker::PhantomData<fn() -> S>);

impl<S: Fold> Aggregate<S, Output> for Folded<S> {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<S> {
        Ok(S::default())
    }
    fn step(&self, context: &mut Context<'_>, state: &mut S) -> rusqlite::Result<()> {
        with_arguments(context, |args| state.add(args))
    }
    fn finalize(&self, _: &mut Context<'_>, state: Option<S>) -> rusqlite::Result<Output> {
        state.unwrap_or_default().value().map(Output).map_err(super::failed)
    }
}

impl<S: Fold> WindowAggregate<S, Output> for Folded<S> {
    fn value(&self, state: Option<&mut S>) -> rusqlite::Result<Output> {
        let value = state.map_or_else(|| S::default().value(), |state| state.value());
        value.map(Output).map_err(super::failed)
    }
    fn inverse(&self, context: &mut Context<'_>, state: &mut S) -> rusqlite::Result<()> {
        with_arguments(context, |args| state.remove(args))
    }
}

fn window<S: Fold>(db: &Connection, name: &str, args: i32) -> rusqlite::Result<()> {
    db.create_window_function(name, args, flags(false), Folded::<S>(std::marker::PhantomData))
}

/// Exact sums. Infinities and NaN are counted, so that they can leave a window again.
#[derive(Default)]
struct Exact {
    finite: Sum,
    count: i64,
    special: [i64; 3],
}

impl Exact {
    fn fold(&mut self, arg: ValueRef<'_>, sign: i64) -> Result<()> {
        let text = match arg {
            ValueRef::Null => return Ok(()),
            ValueRef::Int(n) => {
                self.count += sign;
                return match (sign, n.checked_neg()) {
                    (1, _) => self.finite.add_int(n),
                    (_, Some(negated)) => self.finite.add_int(negated),
                    (_, None) => self.finite.add(&numeric::neg(&numeric::from_i64(n))?),
                };
            }
            ValueRef::Text(text) => text,
            other => return Err(mistyped("numeric", Some(other))),
        };
        self.count += sign;
        match text {
            "NaN" => self.special[0] += sign,
            "Infinity" => self.special[1] += sign,
            "-Infinity" => self.special[2] += sign,
            _ if sign > 0 => return self.finite.add(text),
            _ => return self.finite.add(&numeric::neg(text)?),
        }
        Ok(())
    }

    fn sum(&self) -> Result<Option<String>> {
        Ok(Some(match self.special {
            _ if self.count == 0 => return Ok(None),
            [0, 0, 0] => self.finite.sum()?.unwrap_or_else(|| "0".to_owned()),
            [0, _, 0] => "Infinity".to_owned(),
            [0, 0, _] => "-Infinity".to_owned(),
            _ => "NaN".to_owned(),
        }))
    }
}

#[derive(Default)]
struct NumericSum(Exact);

impl Fold for NumericSum {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], 1)
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], -1)
    }
    fn value(&self) -> Result<Value> {
        Ok(self.0.sum()?.map_or(Value::Null, Value::Text))
    }
}

#[derive(Default)]
struct NumericAverage(Exact);

impl Fold for NumericAverage {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], 1)
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], -1)
    }
    fn value(&self) -> Result<Value> {
        match self.0.sum()? {
            Some(sum) => numeric::div(&sum, &numeric::from_i64(self.0.count)).map(Value::Text),
            None => Ok(Value::Null),
        }
    }
}

/// Float sums are taken again over what is in the window: subtracting floats leaves errors behind.
#[derive(Default)]
struct Floats(VecDeque<f64>);

impl Floats {
    fn add(&mut self, arg: ValueRef<'_>) -> Result<()> {
        if !arg.is_null() {
            self.0.push_back(arg.as_float().ok_or_else(|| mistyped("double precision", Some(arg)))?);
        }
        Ok(())
    }
    fn remove(&mut self, arg: ValueRef<'_>) {
        if !arg.is_null() {
            self.0.pop_front();
        }
    }
    fn sum(&self) -> Result<Option<f64>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let sum: f64 = self.0.iter().sum();
        if sum.is_infinite() && self.0.iter().all(|f| f.is_finite()) {
            return Err(ValueError::new("22003", "value out of range: overflow"));
        }
        Ok(Some(sum))
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    fn count(&self) -> f64 {
        self.0.len() as f64
    }
    fn variance(&self, sample: bool) -> Option<f64> {
        let n = self.0.len();
        if n == 0 || (sample && n == 1) {
            return None;
        }
        // Youngs and Cramer's sum of squares, whose roundings PostgreSQL's answers have.
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for f in &self.0 {
            count += 1.0;
            sum += f;
            if count > 1.0 {
                let apart = f * count - sum;
                squares += apart * apart / (count * (count - 1.0));
            }
        }
        Some(squares / (if sample { self.count() - 1.0 } else { self.count() }))
    }
}

macro_rules! float_folds {
    ($($name:ident($floats:ident) => $value:expr;)*) => { $(
        #[derive(Default)]
        struct $name(Floats);
        impl Fold for $name {
            fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
                self.0.add(args[0])
            }
            fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
                self.0.remove(args[0]);
                Ok(())
            }
            fn value(&self) -> Result<Value> {
                let $floats = &self.0;
                let value: Option<f64> = $value;
                Ok(value.map_or(Value::Null, Value::float))
            }
        }
    )* };
}

float_folds! {
    FloatSum(floats) => floats.sum()?;
    FloatAverage(floats) => floats.sum()?.map(|sum| sum / floats.count());
    FloatVarSamp(floats) => floats.variance(true);
    FloatVarPop(floats) => floats.variance(false);
    FloatStddevSamp(floats) => floats.variance(true).map(f64::sqrt);
    FloatStddevPop(floats) => floats.variance(false).map(f64::sqrt);
}

/// Variance of exact numbers, over what is in the window.
#[derive(Default)]
struct Spread<const SAMPLE: bool, const ROOT: bool>(VecDeque<String>);

impl<const SAMPLE: bool, const ROOT: bool> Fold for Spread<SAMPLE, ROOT> {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        if !args[0].is_null() {
            self.0.push_back(super::numeric(args, 0)?.into_owned());
        }
        Ok(())
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        if !args[0].is_null() {
            self.0.pop_front();
        }
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        let mut sum = Sum::with_squares();
        for n in &self.0 {
            sum.add(n)?;
        }
        Ok(sum.variance(SAMPLE, ROOT)?.map_or(Value::Null, Value::Text))
    }
}

/// Sums of intervals.
#[derive(Default)]
struct Spans {
    count: i64,
    sum: Interval,
}

impl Spans {
    fn fold(&mut self, arg: ValueRef<'_>, add: bool) -> Result<()> {
        if let ValueRef::Text(text) = arg {
            let span = Interval::parse(text)?;
            self.sum = self.sum.plus(if add { span } else { span.negated()? })?;
            self.count += if add { 1 } else { -1 };
        }
        Ok(())
    }
}

#[derive(Default)]
struct IntervalSum(Spans);

impl Fold for IntervalSum {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], true)
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], false)
    }
    fn value(&self) -> Result<Value> {
        Ok(if self.0.count == 0 { Value::Null } else { Value::Text(self.0.sum.to_text()) })
    }
}

#[derive(Default)]
struct IntervalAverage(Spans);

impl Fold for IntervalAverage {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], true)
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.fold(args[0], false)
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of rows")]
    fn value(&self) -> Result<Value> {
        if self.0.count == 0 {
            return Ok(Value::Null);
        }
        self.0.sum.over(self.0.count as f64).map(|mean| Value::Text(mean.to_text()))
    }
}

/// `bool_and` (true unless a row is false) and `bool_or` (false unless a row is true).
#[derive(Default)]
struct Verdict<const AND: bool> {
    no: i64,
    yes: i64,
}

impl<const AND: bool> Verdict<AND> {
    fn fold(&mut self, arg: ValueRef<'_>, by: i64) {
        match arg.as_int() {
            Some(0) => self.no += by,
            Some(_) => self.yes += by,
            None => {}
        }
    }
}

impl<const AND: bool> Fold for Verdict<AND> {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.fold(args[0], 1);
        Ok(())
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.fold(args[0], -1);
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        Ok(match (AND, self.no, self.yes) {
            (_, 0, 0) => Value::Null,
            (true, no, _) => Value::bool(no == 0),
            (false, _, yes) => Value::bool(yes > 0),
        })
    }
}

/// `bit_and`, `bit_or`, `bit_xor` over integers, by `OP`.
#[derive(Default)]
struct Bits<const OP: char>(VecDeque<i64>);

impl<const OP: char> Fold for Bits<OP> {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        self.0.extend(args[0].as_int());
        Ok(())
    }
    fn remove(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        if !args[0].is_null() {
            self.0.pop_front();
        }
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        let folded = self.0.iter().copied().reduce(|a, b| match OP {
            '&' => a & b,
            '|' => a | b,
            _ => a ^ b,
        });
        Ok(folded.map_or(Value::Null, Value::Int))
    }
}

/// Bytes that one aggregate may collect: beyond it, 54000 instead of no memory.
const COLLECTED_MAX: usize = 256 << 20;

/// Pieces in order, joined when asked for.
#[derive(Default)]
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Pieces {
    fn push(&mut self, piece: Vec<u8>) -> Result<()> {
        self.bytes += piece.len();
        if self.bytes > COLLECTED_MAX {
            return Err(ValueError::limit("an aggregate collects too much"));
        }
        self.pieces.push_back(piece);
        Ok(())
    }
    fn pop(&mut self) {
        if let Some(piece) = self.pieces.pop_front() {
            self.bytes -= piece.len();
        }
    }
    /// The pieces between brackets; null when there are none.
    fn joined(&self, open: &str, between: &str, close: &str) -> Value {
        if self.pieces.is_empty() {
            return Value::Null;
        }
        let mut out = String::with_capacity(self.bytes + self.pieces.len() * between.len() + open.len() + close.len());
        out.push_str(open);
        for (n, piece) in self.pieces.iter().enumerate() {
            if n > 0 {
                out.push_str(between);
            }
            // Every piece was written as JSON, which is UTF-8.
            out.push_str(&String::from_utf8_lossy(piece));
        }
        out.push_str(close);
        Value::Text(out)
    }
}

/// `array_agg(anynonarray)`: nulls stay.
#[derive(Default)]
struct Elements(Pieces);

impl Fold for Elements {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        let mut piece = Vec::new();
        array::push_element(args[0], &mut piece);
        self.0.push(piece)
    }
    fn remove(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        self.0.pop();
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        Ok(self.0.joined("[", ",", "]"))
    }
}

/// `array_agg(anyarray)`: one dimension more.
#[derive(Default)]
struct Slices(Pieces);

impl Fold for Slices {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        match args[0] {
            ValueRef::Text(text) => self.0.push(text.as_bytes().to_vec()),
            _ => Err(ValueError::new("22004", "cannot accumulate null arrays")),
        }
    }
    fn remove(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        self.0.pop();
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        Ok(self.0.joined("[", ",", "]"))
    }
}

/// A value of a named type as JSON; null is `null`.
fn json_piece(value: ValueRef<'_>, type_name: &str, out: &mut Vec<u8>) -> Result<()> {
    if value.is_null() {
        out.extend_from_slice(b"null");
    } else {
        values::write_json_in(&type_named(type_name)?, value, &session::values_session(), out);
    }
    Ok(())
}

/// `json_agg` and `jsonb_agg`, which differ in whether documents inside are brought to jsonb's form.
#[derive(Default)]
struct Documents<const BINARY: bool>(Pieces);

impl<const BINARY: bool> Fold for Documents<BINARY> {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        let mut piece = Vec::new();
        json_piece(args[0], text(args, 1)?, &mut piece)?;
        if BINARY {
            piece = values::json::normalise(&String::from_utf8_lossy(&piece))?.into_bytes();
        }
        self.0.push(piece)
    }
    fn remove(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        self.0.pop();
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        Ok(self.0.joined("[", ", ", "]"))
    }
}

/// `json_object_agg` and `jsonb_object_agg` over key, value and the value's type.
#[derive(Default)]
struct Members<const BINARY: bool>(Pieces);

impl<const BINARY: bool> Fold for Members<BINARY> {
    fn add(&mut self, args: &[ValueRef<'_>]) -> Result<()> {
        let key = match args[0] {
            ValueRef::Null => return Err(ValueError::parameter("field name must not be null")),
            ValueRef::Text(key) => key.to_owned(),
            ValueRef::Int(n) => n.to_string(),
            other => return Err(mistyped("text", Some(other))),
        };
        let mut piece = Vec::new();
        values::write_json_string(&key, &mut piece);
        piece.extend_from_slice(b" : ");
        json_piece(args[1], text(args, 2)?, &mut piece)?;
        self.0.push(piece)
    }
    fn remove(&mut self, _: &[ValueRef<'_>]) -> Result<()> {
        self.0.pop();
        Ok(())
    }
    fn value(&self) -> Result<Value> {
        match self.0.joined("{ ", ", ", " }") {
            Value::Text(object) if BINARY => values::json::normalise(&object).map(Value::Text),
            other => Ok(other),
        }
    }
}

pub(super) fn register(db: &Connection) -> rusqlite::Result<()> {
    window::<NumericSum>(db, "pg_sum_numeric", 1)?;
    window::<NumericAverage>(db, "pg_avg_numeric", 1)?;
    window::<FloatSum>(db, "pg_sum_float", 1)?;
    window::<FloatAverage>(db, "pg_avg_float", 1)?;
    window::<FloatVarSamp>(db, "pg_var_samp_float", 1)?;
    window::<FloatVarPop>(db, "pg_var_pop_float", 1)?;
    window::<FloatStddevSamp>(db, "pg_stddev_samp_float", 1)?;
    window::<FloatStddevPop>(db, "pg_stddev_pop_float", 1)?;
    window::<Spread<true, false>>(db, "pg_var_samp_numeric", 1)?;
    window::<Spread<false, false>>(db, "pg_var_pop_numeric", 1)?;
    window::<Spread<true, true>>(db, "pg_stddev_samp_numeric", 1)?;
    window::<Spread<false, true>>(db, "pg_stddev_pop_numeric", 1)?;
    window::<IntervalSum>(db, "pg_sum_interval", 1)?;
    window::<IntervalAverage>(db, "pg_avg_interval", 1)?;
    window::<Verdict<true>>(db, "pg_bool_and", 1)?;
    window::<Verdict<false>>(db, "pg_bool_or", 1)?;
    window::<Bits<'&'>>(db, "pg_bit_and", 1)?;
    window::<Bits<'|'>>(db, "pg_bit_or", 1)?;
    window::<Bits<'#'>>(db, "pg_bit_xor", 1)?;
    window::<Elements>(db, "pg_array_agg", 1)?;
    window::<Slices>(db, "pg_array_agg_array", 1)?;
    window::<Documents<false>>(db, "pg_json_agg", 2)?;
    window::<Documents<true>>(db, "pg_jsonb_agg", 2)?;
    window::<Members<false>>(db, "pg_json_object_agg", 3)?;
    window::<Members<true>>(db, "pg_jsonb_object_agg", 3)
}
