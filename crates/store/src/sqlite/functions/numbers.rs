//! Arithmetic and mathematics on integers, floats and numerics.

use values::{Result, Value, ValueError, ValueRef, numeric};

use super::{Scalar, float, int, int4, numeric as decimal, strict, text, volatile};
use crate::sqlite::session;

type Args<'a, 'b> = &'a [ValueRef<'b>];

/// The three integer types, with the bounds SQLite does not keep.
#[derive(Clone, Copy)]
struct Width(&'static str, i64, i64);
const INT2: Width = Width("smallint", i16::MIN as i64, i16::MAX as i64);
const INT4: Width = Width("integer", i32::MIN as i64, i32::MAX as i64);
const INT8: Width = Width("bigint", i64::MIN, i64::MAX);

fn fit(width: Width, n: Option<i64>) -> Result<Value> {
    match n {
        Some(n) if (width.1..=width.2).contains(&n) => Ok(Value::Int(n)),
        _ => Err(ValueError::out_of_range(width.0)),
    }
}

fn divisor(args: Args<'_, '_>) -> Result<i64> {
    match int(args, 1)? {
        0 => Err(ValueError::division_by_zero()),
        n => Ok(n),
    }
}

macro_rules! integers {
    ($($width:ident $add:literal $sub:literal $mul:literal $div:literal $mod:literal $neg:literal $abs:literal;)*) => {
        &[$(
            strict($add, 2, |a| fit($width, int(a, 0)?.checked_add(int(a, 1)?))),
            strict($sub, 2, |a| fit($width, int(a, 0)?.checked_sub(int(a, 1)?))),
            strict($mul, 2, |a| fit($width, int(a, 0)?.checked_mul(int(a, 1)?))),
            strict($div, 2, |a| fit($width, int(a, 0)?.checked_div(divisor(a)?))),
            // The remainder of the least number by -1 is 0, which the machine does not say.
            strict($mod, 2, |a| Ok(Value::Int(int(a, 0)?.checked_rem(divisor(a)?).unwrap_or(0)))),
            strict($neg, 1, |a| fit($width, int(a, 0)?.checked_neg())),
            strict($abs, 1, |a| fit($width, int(a, 0)?.checked_abs())),
        )*]
    };
}

const INTEGERS: &[Scalar] = integers! {
    INT2 "pg_int2_add" "pg_int2_sub" "pg_int2_mul" "pg_int2_div" "pg_int2_mod" "pg_int2_neg" "pg_int2_abs";
    INT4 "pg_int4_add" "pg_int4_sub" "pg_int4_mul" "pg_int4_div" "pg_int4_mod" "pg_int4_neg" "pg_int4_abs";
    INT8 "pg_int8_add" "pg_int8_sub" "pg_int8_mul" "pg_int8_div" "pg_int8_mod" "pg_int8_neg" "pg_int8_abs";
};

/// A float result: out of range when a finite computation left the range of floats.
fn real(result: f64, finite: bool) -> Result<Value> {
    if result.is_infinite() && finite {
        return Err(ValueError::new("22003", "value out of range: overflow"));
    }
    Ok(Value::float(result))
}

fn real2(args: Args<'_, '_>, f: fn(f64, f64) -> f64) -> Result<Value> {
    let (a, b) = (float(args, 0)?, float(args, 1)?);
    real(f(a, b), a.is_finite() && b.is_finite())
}

#[expect(clippy::cast_possible_truncation, reason = "real is single precision; the range is checked")]
fn single2(args: Args<'_, '_>, f: fn(f32, f32) -> f32) -> Result<Value> {
    let (a, b) = (float(args, 0)? as f32, float(args, 1)? as f32);
    real(f64::from(f(a, b)), a.is_finite() && b.is_finite())
}

fn nonzero(args: Args<'_, '_>) -> Result<()> {
    if float(args, 1)? == 0.0 && !float(args, 0)?.is_nan() { Err(ValueError::division_by_zero()) } else { Ok(()) }
}

fn real1(args: Args<'_, '_>, f: fn(f64) -> f64) -> Result<Value> {
    let a = float(args, 0)?;
    real(f(a), a.is_finite())
}

/// A function of mathematics that some inputs lie outside of.
fn within(args: Args<'_, '_>, domain: fn(f64) -> bool, f: fn(f64) -> f64) -> Result<Value> {
    let a = float(args, 0)?;
    if !a.is_nan() && !domain(a) {
        return Err(ValueError::new("22003", "input is out of range"));
    }
    real(f(a), a.is_finite())
}

fn logarithm(args: Args<'_, '_>, f: fn(f64) -> f64) -> Result<Value> {
    let a = float(args, 0)?;
    if a == 0.0 {
        return Err(ValueError::new("2201E", "cannot take logarithm of zero"));
    }
    if a < 0.0 {
        return Err(ValueError::new("2201E", "cannot take logarithm of a negative number"));
    }
    Ok(Value::float(f(a)))
}

fn power(args: Args<'_, '_>) -> Result<Value> {
    let (a, b) = (float(args, 0)?, float(args, 1)?);
    if a == 0.0 && b < 0.0 {
        return Err(ValueError::new("2201F", "zero raised to a negative power is undefined"));
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b.fract() != 0.0 {
        return Err(ValueError::new(
            "2201F",
            "a negative number raised to a non-integer power yields a complex result",
        ));
    }
    real(a.powf(b), a.is_finite() && b.is_finite())
}

fn root(args: Args<'_, '_>) -> Result<Value> {
    let a = float(args, 0)?;
    if a < 0.0 {
        return Err(ValueError::new("2201F", "cannot take square root of a negative number"));
    }
    Ok(Value::float(a.sqrt()))
}

const FLOATS: &[Scalar] = &[
    strict("pg_float8_add", 2, |a| real2(a, |x, y| x + y)),
    strict("pg_float8_sub", 2, |a| real2(a, |x, y| x - y)),
    strict("pg_float8_mul", 2, |a| real2(a, |x, y| x * y)),
    strict("pg_float8_div", 2, |a| nonzero(a).and_then(|()| real2(a, |x, y| x / y))),
    strict("pg_float4_add", 2, |a| single2(a, |x, y| x + y)),
    strict("pg_float4_sub", 2, |a| single2(a, |x, y| x - y)),
    strict("pg_float4_mul", 2, |a| single2(a, |x, y| x * y)),
    strict("pg_float4_div", 2, |a| nonzero(a).and_then(|()| single2(a, |x, y| x / y))),
    strict("pg_float_neg", 1, |a| real1(a, |x| -x)),
    strict("pg_float_abs", 1, |a| real1(a, f64::abs)),
    strict("pg_float_ceil", 1, |a| real1(a, f64::ceil)),
    strict("pg_float_floor", 1, |a| real1(a, f64::floor)),
    strict("pg_float_round", 1, |a| real1(a, f64::round_ties_even)),
    strict("pg_float_trunc", 1, |a| real1(a, f64::trunc)),
    strict("pg_float_sign", 1, |a| real1(a, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() })),
    strict("pg_float_sqrt", 1, root),
    strict("pg_float_cbrt", 1, |a| real1(a, f64::cbrt)),
    strict("pg_float_power", 2, power),
    strict("pg_float_exp", 1, |a| real1(a, f64::exp)),
    strict("pg_float_ln", 1, |a| logarithm(a, f64::ln)),
    strict("pg_float_log10", 1, |a| logarithm(a, f64::log10)),
    strict("pg_float_sin", 1, |a| within(a, f64::is_finite, f64::sin)),
    strict("pg_float_cos", 1, |a| within(a, f64::is_finite, f64::cos)),
    strict("pg_float_tan", 1, |a| within(a, f64::is_finite, f64::tan)),
    strict("pg_float_cot", 1, |a| within(a, f64::is_finite, |x| 1.0 / x.tan())),
    strict("pg_float_asin", 1, |a| within(a, |x| (-1.0..=1.0).contains(&x), f64::asin)),
    strict("pg_float_acos", 1, |a| within(a, |x| (-1.0..=1.0).contains(&x), f64::acos)),
    strict("pg_float_atan", 1, |a| real1(a, f64::atan)),
    strict("pg_float_atan2", 2, |a| real2(a, f64::atan2)),
    strict("pg_float_sinh", 1, |a| Ok(Value::float(float(a, 0)?.sinh()))),
    strict("pg_float_cosh", 1, |a| Ok(Value::float(float(a, 0)?.cosh()))),
    strict("pg_float_tanh", 1, |a| real1(a, f64::tanh)),
    strict("pg_float_degrees", 1, |a| real1(a, f64::to_degrees)),
    strict("pg_float_radians", 1, |a| real1(a, f64::to_radians)),
    strict("pg_pi", 0, |_| Ok(Value::Real(std::f64::consts::PI))),
    volatile("pg_random", 0, |_| Ok(Value::Real(random()))),
    volatile("pg_setseed", 1, |_| Ok(Value::Null)),
];

/// Uniform in [0, 1), with all the bits a float has.
#[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
fn random() -> f64 {
    (session::random_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn decimal2(args: Args<'_, '_>, f: fn(&str, &str) -> Result<String>) -> Result<Value> {
    f(&decimal(args, 0)?, &decimal(args, 1)?).map(Value::Text)
}

fn decimal1(args: Args<'_, '_>, f: fn(&str) -> Result<String>) -> Result<Value> {
    f(&decimal(args, 0)?).map(Value::Text)
}

fn log_of(args: Args<'_, '_>) -> Result<Value> {
    numeric::log(&decimal(args, 0)?, &decimal(args, 1)?).map(Value::Text)
}

/// The bucket of `[low, high)` cut in `count` that a value falls into; 0 below and count + 1 above, mirrored for a falling range.
fn width_bucket(args: Args<'_, '_>) -> Result<Value> {
    let (x, low, high) = (float(args, 0)?, float(args, 1)?, float(args, 2)?);
    let count = int4(args, 3)?;
    let refuse = |message: &str| Err(ValueError::new("2201G", message));
    if count <= 0 {
        return refuse("count must be greater than zero");
    }
    if x.is_nan() || low.is_nan() || high.is_nan() {
        return refuse("operand, lower bound, and upper bound cannot be NaN");
    }
    if !low.is_finite() || !high.is_finite() {
        return refuse("lower and upper bounds must be finite");
    }
    if low.total_cmp(&high).is_eq() {
        return refuse("lower bound cannot equal upper bound");
    }
    let (x, low, high) = if low < high { (x, low, high) } else { (-x, -low, -high) };
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and count, an i32")]
    let bucket = if x < low {
        0
    } else if x >= high {
        i64::from(count) + 1
    } else {
        ((x - low) / (high - low) * f64::from(count)).floor() as i64 + 1
    };
    fit(INT4, Some(bucket))
}

fn gcd(a: i64, b: i64) -> Option<i64> {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a).ok()
}

fn lcm(a: i64, b: i64) -> Option<i64> {
    if a == 0 || b == 0 {
        return Some(0);
    }
    (a / gcd(a, b)?).checked_mul(b)?.checked_abs()
}

fn factorial(args: Args<'_, '_>) -> Result<Value> {
    let n = int(args, 0)?;
    if n < 0 {
        return Err(ValueError::new("22003", "factorial of a negative number is undefined"));
    }
    // PostgreSQL's own bound lies where numeric ends; this is where a caller's patience does.
    if n > 5000 {
        return Err(ValueError::new("22003", "value overflows numeric format"));
    }
    let mut product = "1".to_owned();
    for factor in 2..=n {
        product = numeric::mul(&product, &numeric::from_i64(factor))?;
    }
    Ok(Value::Text(product))
}

fn min_scale(args: Args<'_, '_>) -> Result<Value> {
    Ok(numeric::scale(&numeric::trim_scale(text(args, 0)?))
        .map_or(Value::Null, |scale| Value::Int(i64::try_from(scale).unwrap_or(i64::MAX))))
}

const NUMERICS: &[Scalar] = &[
    strict("pg_numeric_add", 2, |a| decimal2(a, numeric::add)),
    strict("pg_numeric_sub", 2, |a| decimal2(a, numeric::sub)),
    strict("pg_numeric_mul", 2, |a| decimal2(a, numeric::mul)),
    strict("pg_numeric_div", 2, |a| decimal2(a, numeric::div)),
    strict("pg_numeric_mod", 2, |a| decimal2(a, numeric::modulo)),
    strict("pg_numeric_div_trunc", 2, |a| decimal2(a, numeric::div_trunc)),
    strict("pg_numeric_power", 2, |a| decimal2(a, numeric::power)),
    strict("pg_numeric_log", 2, log_of),
    strict("pg_numeric_neg", 1, |a| decimal1(a, numeric::neg)),
    strict("pg_numeric_abs", 1, |a| decimal1(a, numeric::abs)),
    strict("pg_numeric_sign", 1, |a| decimal1(a, numeric::sign)),
    strict("pg_numeric_ceil", 1, |a| decimal1(a, numeric::ceil)),
    strict("pg_numeric_floor", 1, |a| decimal1(a, numeric::floor)),
    strict("pg_numeric_round", 1, |a| decimal1(a, |n| numeric::round(n, 0))),
    strict("pg_numeric_round", 2, |a| numeric::round(&decimal(a, 0)?, int4(a, 1)?).map(Value::Text)),
    strict("pg_numeric_trunc", 1, |a| decimal1(a, |n| numeric::trunc(n, 0))),
    strict("pg_numeric_trunc", 2, |a| numeric::trunc(&decimal(a, 0)?, int4(a, 1)?).map(Value::Text)),
    strict("pg_numeric_sqrt", 1, |a| decimal1(a, numeric::sqrt)),
    strict("pg_numeric_exp", 1, |a| decimal1(a, numeric::exp)),
    strict("pg_numeric_ln", 1, |a| decimal1(a, numeric::ln)),
    strict("pg_numeric_log10", 1, |a| decimal1(a, numeric::log10)),
    strict("pg_numeric_scale", 1, |a| {
        Ok(numeric::scale(text(a, 0)?).map_or(Value::Null, |s| Value::Int(i64::try_from(s).unwrap_or(i64::MAX))))
    }),
    strict("pg_numeric_min_scale", 1, min_scale),
    strict("pg_numeric_trim_scale", 1, |a| Ok(Value::Text(numeric::trim_scale(text(a, 0)?)))),
    strict("pg_width_bucket", 4, width_bucket),
    strict("pg_factorial", 1, factorial),
    strict("pg_int4_gcd", 2, |a| fit(INT4, gcd(int(a, 0)?, int(a, 1)?))),
    strict("pg_int8_gcd", 2, |a| fit(INT8, gcd(int(a, 0)?, int(a, 1)?))),
    strict("pg_int4_lcm", 2, |a| fit(INT4, lcm(int(a, 0)?, int(a, 1)?))),
    strict("pg_int8_lcm", 2, |a| fit(INT8, lcm(int(a, 0)?, int(a, 1)?))),
    strict("pg_int_xor", 2, |a| Ok(Value::Int(int(a, 0)? ^ int(a, 1)?))),
    strict("pg_int4_shl", 2, |a| Ok(Value::Int(i64::from(int4(a, 0)?.wrapping_shl(shift(a)?))))),
    strict("pg_int4_shr", 2, |a| Ok(Value::Int(i64::from(int4(a, 0)?.wrapping_shr(shift(a)?))))),
    strict("pg_int8_shl", 2, |a| Ok(Value::Int(int(a, 0)?.wrapping_shl(shift(a)?)))),
    strict("pg_int8_shr", 2, |a| Ok(Value::Int(int(a, 0)?.wrapping_shr(shift(a)?)))),
    strict("pg_to_hex4", 1, |a| Ok(Value::Text(format!("{:x}", int4(a, 0)?)))),
    strict("pg_to_hex8", 1, |a| Ok(Value::Text(format!("{:x}", int(a, 0)?)))),
];

/// A shift's count; the machine takes what fits its width, as PostgreSQL's does.
fn shift(args: Args<'_, '_>) -> Result<u32> {
    Ok(int4(args, 1)?.cast_unsigned())
}

/// All of them; what is built from parts is joined when the table is made.
pub(super) const FUNCTIONS: &[Scalar] =
    &super::join::<{ INTEGERS.len() + FLOATS.len() + NUMERICS.len() }>(&[INTEGERS, FLOATS, NUMERICS]);
