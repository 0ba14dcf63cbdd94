//! Coercion, and which built-in a name means for the types at hand.
//!
//! PostgreSQL's rules (manual, chapter "Type Conversion"): exact match first; then, with untyped literals, the type of the other
//! operand; then the candidate that needs the fewest implicit casts, preferred types first.

use values::{CastContext, Family, Type};

use super::{Translator, Typed, text_sql, unsupported, value_sql};
use crate::builtins::{BUILTINS, Builtin, Call};
use crate::error::{Result, SqlError};

impl Translator<'_> {
    /// A string literal that nothing typed is text; everything else stays.
    pub(super) fn settle(&mut self, value: Typed) -> Result<Typed> {
        if value.ty == Type::Unknown { self.cast(value, &Type::Text, CastContext::Implicit) } else { Ok(value) }
    }

    /// Coerces as in an assignment to a column.
    pub(super) fn assign(&mut self, value: Typed, target: &Type) -> Result<Typed> {
        self.cast(value, target, CastContext::Assignment)
    }

    /// Coerces where PostgreSQL would do it by itself.
    pub(super) fn implicit(&mut self, value: Typed, target: &Type) -> Result<Typed> {
        self.cast(value, target, CastContext::Implicit)
    }

    /// Casts a value, as far as the context allows it.
    pub(super) fn cast(&mut self, value: Typed, target: &Type, context: CastContext) -> Result<Typed> {
        if value.ty == *target {
            return Ok(value);
        }
        if value.ty == Type::Unknown {
            let Some(literal) = &value.literal else {
                return Ok(Typed::new(value.sql, target.clone())); // null is of every type
            };
            // An explicit cast cuts a string to its length; anything else refuses one that is too long.
            if context == CastContext::Explicit && matches!(target, Type::Varchar(Some(_)) | Type::Bpchar(Some(_))) {
                let whole = Typed::new(value.sql, Type::Text);
                return Ok(Typed::new(cast_sql(&whole, target, true)?, target.clone()));
            }
            return self.literal(literal, target);
        }
        let Some(needed) = Type::cast_context(&value.ty, target) else {
            return Err(SqlError::new(
                "42846",
                format!("cannot cast type {} to {}", value.ty.base_name(), target.base_name()),
            )
            .into());
        };
        if needed > context {
            let message = match context {
                CastContext::Assignment => {
                    format!(
                        "column is of type {} but expression is of type {}",
                        target.base_name(),
                        value.ty.base_name()
                    )
                }
                CastContext::Implicit | CastContext::Explicit => {
                    format!("cannot convert type {} to {} implicitly", value.ty.base_name(), target.base_name())
                }
            };
            return Err(SqlError::new("42804", message)
                .hint("You will need to rewrite or cast the expression.")
                .into());
        }
        let sql = cast_sql(&value, target, context == CastContext::Explicit)?;
        Ok(Typed::new(sql, target.clone()))
    }

    /// A string literal, read as `target` now. What depends on the moment (`'now'`, `'today'`) is read when the statement runs.
    fn literal(&mut self, literal: &str, target: &Type) -> Result<Typed> {
        if matches!(target, Type::Unknown) {
            let mut out = Typed::new(text_sql(literal), Type::Unknown);
            out.literal = Some(literal.to_owned());
            return Ok(out);
        }
        let moment = matches!(target.family(), Family::DateTime)
            && matches!(literal.trim().to_ascii_lowercase().as_str(), "now" | "today" | "tomorrow" | "yesterday");
        if moment {
            let text = Typed::new(text_sql(literal), Type::Text);
            return Ok(Typed::new(cast_sql(&text, target, true)?, target.clone()));
        }
        if matches!(target, Type::Void | Type::Record) {
            return Err(unsupported(format!("a literal of type {}", target.base_name())));
        }
        let value = values::input_in(target, literal, &self.session)?;
        Ok(Typed::new(value_sql(&value), target.clone()))
    }

    /// A string literal as typed by its context, or a value whose type must be the same family.
    pub(super) fn builtin(&mut self, name: &str, args: Vec<Typed>) -> Result<Typed> {
        let chosen = choose(name, &args)?;
        self.call(&chosen, args)
    }

    /// Whether there is any built-in of this name.
    pub(super) fn is_builtin(name: &str) -> bool {
        BUILTINS.iter().any(|builtin| builtin.name == name)
    }

    /// Coerces the arguments and writes the call.
    pub(super) fn call(&mut self, chosen: &Chosen, args: Vec<Typed>) -> Result<Typed> {
        let mut texts = Vec::with_capacity(args.len() + 1);
        let mut types = Vec::with_capacity(args.len());
        for (arg, ty) in args.into_iter().zip(&chosen.args) {
            let arg = match ty {
                Some(ty) => self.implicit(arg, ty)?,
                None => self.settle(arg)?,
            };
            types.push(arg.ty.pg_name());
            texts.push(arg.sql);
        }
        let sql = match chosen.builtin.call {
            Call::Function(name) => format!("{name}({})", texts.join(", ")),
            Call::Typed(name) => {
                // A function of any number of arguments is told the types of all.
                let named = if chosen.builtin.args.last() == Some(&"...") { types.len() } else { 1 };
                let types = types.into_iter().take(named).collect::<Vec<_>>().join(",");
                let mut out = format!("{name}({}", texts.join(", "));
                if !texts.is_empty() {
                    out.push_str(", ");
                }
                out.push_str(&text_sql(if types.is_empty() { "text" } else { &types }));
                out.push(')');
                out
            }
            Call::Infix(op) => format!("({} {op} {})", texts[0], texts[1]),
            Call::Template(template) => fill(template, &texts),
        };
        Ok(Typed::new(sql, chosen.returns.clone()))
    }
}

/// Puts the arguments into a template.
fn fill(template: &str, args: &[String]) -> String {
    let mut out = String::with_capacity(template.len() + args.iter().map(String::len).sum::<usize>());
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let end = after.find('}').expect("templates of the table close their braces; a test reads them all");
        let index: usize =
            after[..end].parse().expect("templates of the table number their arguments; a test reads them all");
        out.push_str(args.get(index).map_or("NULL", String::as_str));
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    out
}

/// The text of a cast between two types that PostgreSQL allows.
#[expect(clippy::unnested_or_patterns, reason = "a table reads best with a line for each pair")]
pub(super) fn cast_sql(value: &Typed, target: &Type, explicit: bool) -> Result<String> {
    let (from, to) = (&value.ty, target);
    let sql = &value.sql;
    // Stored forms that are the same need no work.
    let same = match (from, to) {
        (Type::Int2, Type::Int4 | Type::Int8)
        | (Type::Int4, Type::Int8)
        | (Type::Text | Type::Varchar(_) | Type::Name, Type::Text | Type::Varchar(None))
        | (Type::Bpchar(_), Type::Bpchar(None))
        | (Type::Float4, Type::Float8)
        | (Type::Uuid | Type::Json | Type::Jsonb | Type::Enum(_) | Type::Interval, Type::Text | Type::Varchar(None))
        | (Type::Jsonb, Type::Json) => true,
        (from, to) => to.unmodified() == *to && from.unmodified() == *to,
    };
    if same {
        return Ok(sql.clone());
    }
    if from.is_integer() && matches!(to, Type::Text | Type::Varchar(None) | Type::Numeric(None)) {
        return Ok(format!("cast({sql} as text)"));
    }
    if from.is_integer() && to.is_float() {
        return Ok(format!("cast({sql} as real)"));
    }
    if let Type::Enum(labels) = to {
        let mut out = format!("pg_cast_enum({sql}, {}", text_sql(&to.base_name()));
        for label in &labels.labels {
            out.push_str(", ");
            out.push_str(&text_sql(label));
        }
        out.push(')');
        return Ok(out);
    }
    let plain = |ty: &Type| !matches!(ty, Type::Other(_) | Type::Void | Type::Record);
    if !plain(from) || !plain(to) {
        return Err(unsupported(format!("a cast from {} to {}", from.base_name(), to.base_name())));
    }
    let from_name = if matches!(from, Type::Enum(_)) { "text".to_owned() } else { from.sql_name() };
    Ok(format!("pg_cast({sql}, {}, {}, {})", text_sql(&from_name), text_sql(&to.sql_name()), u8::from(explicit)))
}

/// A built-in chosen for given arguments.
pub(super) struct Chosen {
    pub(super) builtin: &'static Builtin,
    /// What each argument must become; none leaves it as it is.
    args: Vec<Option<Type>>,
    pub(super) returns: Type,
}

/// What a name in the table stands for, once the pseudo types are bound.
#[derive(Default)]
struct Bound {
    element: Option<Type>,
    range: Option<Type>,
    enumeration: Option<Type>,
}

/// Finds the built-in that PostgreSQL would choose.
pub(super) fn choose(name: &str, args: &[Typed]) -> Result<Chosen> {
    let mut best: Option<(u32, Chosen)> = None;
    let mut known = false;
    for builtin in BUILTINS.iter().filter(|builtin| builtin.name == name) {
        known = true;
        let Some(declared) = expand(builtin.args, args.len()) else { continue };
        let Some((score, chosen)) = fit(builtin, &declared, args) else { continue };
        if best.as_ref().is_none_or(|(least, _)| score < *least) {
            best = Some((score, chosen));
        }
    }
    if let Some((_, chosen)) = best {
        return Ok(chosen);
    }
    let symbolic = !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let types: Vec<String> = args.iter().map(|arg| arg.ty.base_name()).collect();
    if symbolic {
        let message = match types.as_slice() {
            [left, right] => format!("operator does not exist: {left} {name} {right}"),
            _ => format!("operator does not exist: {name} {}", types.join(" ")),
        };
        return Err(SqlError::new("42883", message)
            .hint("No operator matches the given name and argument types. You might need to add explicit type casts.")
            .into());
    }
    if known {
        return Err(SqlError::new("42883", format!("function {name}({}) does not exist", types.join(", ")))
            .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
            .into());
    }
    Err(SqlError::new("42883", format!("function {name}({}) does not exist", types.join(", "))).into())
}

/// The declared types for this many arguments, with a trailing `...` repeated.
fn expand(declared: &'static [&'static str], count: usize) -> Option<Vec<&'static str>> {
    match declared.split_last() {
        Some((&"...", fixed)) => {
            let (last, before) = fixed.split_last()?;
            if count < before.len() {
                return None;
            }
            let mut out = before.to_vec();
            out.resize(count, last);
            Some(out)
        }
        _ => (declared.len() == count).then(|| declared.to_vec()),
    }
}

fn fit(builtin: &'static Builtin, declared: &[&'static str], args: &[Typed]) -> Option<(u32, Chosen)> {
    let mut bound = Bound::default();
    let mut score = 0;
    let mut wanted = Vec::with_capacity(args.len());
    // Typed arguments bind the pseudo types first, so that `array[1] || '2'` reads its literal as an integer.
    for (name, arg) in declared.iter().zip(args) {
        if arg.ty != Type::Unknown {
            bind(name, &arg.ty, &mut bound)?;
        }
    }
    for (name, arg) in declared.iter().zip(args) {
        let (cost, ty) = accept(name, &arg.ty, &bound)?;
        score += cost;
        wanted.push(ty);
    }
    let returns = match builtin.returns {
        "anyelement" | "anycompatible" | "anynonarray" => bound.element.clone().unwrap_or(Type::Text),
        "anyarray" | "anycompatiblearray" => bound.element.clone()?.array_of(),
        "anyrange" => bound.range.clone()?,
        "anyenum" => bound.enumeration.clone()?,
        name => Type::named(name)?,
    };
    Some((score, Chosen { builtin, args: wanted, returns }))
}

fn bind(name: &str, ty: &Type, bound: &mut Bound) -> Option<()> {
    let merge = |slot: &mut Option<Type>, ty: Type| -> Option<()> {
        *slot = Some(match slot.take() {
            None => ty,
            Some(before) => Type::common(&before, &ty)?,
        });
        Some(())
    };
    match name {
        "anyelement" | "anycompatible" => {
            if let Some(Type::Range(kind)) = &bound.range {
                return Type::casts_implicitly(ty, &kind.element()).then_some(());
            }
            merge(&mut bound.element, ty.clone())
        }
        "anynonarray" => {
            if matches!(ty, Type::Array(_)) {
                return None;
            }
            merge(&mut bound.element, ty.clone())
        }
        "anyarray" | "anycompatiblearray" => merge(&mut bound.element, ty.element()?.clone()),
        "anyrange" => {
            let Type::Range(kind) = ty else { return None };
            bound.element = Some(kind.element());
            merge(&mut bound.range, ty.clone())
        }
        "anyenum" => matches!(ty, Type::Enum(_)).then(|| bound.enumeration = Some(ty.clone())),
        _ => Some(()),
    }
}

/// What it costs to pass an argument of type `ty` where `name` is declared, and what it must become.
fn accept(name: &str, ty: &Type, bound: &Bound) -> Option<(u32, Option<Type>)> {
    let target = match name {
        "any" => return Some((3, None)),
        "anyelement" | "anycompatible" | "anynonarray" => bound.element.clone(),
        "anyarray" | "anycompatiblearray" => bound.element.clone().map(Type::array_of),
        "anyrange" => bound.range.clone(),
        "anyenum" => bound.enumeration.clone(),
        name => Some(Type::named(name)?),
    };
    let Some(target) = target else {
        // Nothing but untyped literals: text, as PostgreSQL has it for anyelement.
        return matches!(name, "anyelement" | "anycompatible" | "anynonarray").then_some((40, Some(Type::Text)));
    };
    let pseudo = name.starts_with("any");
    if *ty == Type::Unknown {
        // An untyped literal prefers text, then whatever else fits.
        let cost = if pseudo || target == Type::Text { 4 } else { 6 };
        return Some((cost, Some(target)));
    }
    if ty.unmodified() == target.unmodified() {
        return Some((if pseudo { 2 } else { 0 }, Some(ty.clone())));
    }
    if Type::casts_implicitly(ty, &target) {
        let preferred =
            matches!(target, Type::Text | Type::Float8 | Type::TimestampTz(_) | Type::Bool | Type::Interval);
        // Among numbers the nearest wider type is the cheapest, so that int4 + int8 is int8 and not float8.
        let distance = match (rank(ty), rank(&target)) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => 0,
        };
        return Some((if preferred { 10 } else { 12 } + distance * 4, Some(target)));
    }
    None
}

fn rank(ty: &Type) -> Option<u32> {
    Some(match ty {
        Type::Int2 => 0,
        Type::Int4 => 1,
        Type::Int8 => 2,
        Type::Numeric(_) => 3,
        Type::Float4 => 4,
        Type::Float8 => 5,
        _ => return None,
    })
}
