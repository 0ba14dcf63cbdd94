//! Which types PostgreSQL converts into which, and how freely.

use super::{Family, Type};

/// How freely PostgreSQL applies a cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CastContext {
    /// By itself, anywhere.
    Implicit,
    /// When storing into a column.
    Assignment,
    /// Only when written out.
    Explicit,
}

impl Type {
    /// How freely PostgreSQL casts from one type to another, or `None` when it does not at all. Modifiers do not matter.
    pub fn cast_context(from: &Self, to: &Self) -> Option<CastContext> {
        use CastContext::{Assignment, Explicit, Implicit};
        let (from, to) = (from.unmodified(), to.unmodified());
        if from == to || from == Self::Unknown {
            return Some(Implicit);
        }
        if let (Some(a), Some(b)) = (from.element(), to.element()) {
            return Self::cast_context(a, b);
        }
        let number = |t: &Self| match t {
            Self::Int2 => Some(0),
            Self::Int4 => Some(1),
            Self::Int8 => Some(2),
            Self::Numeric(_) => Some(3),
            Self::Float4 => Some(4),
            Self::Float8 => Some(5),
            _ => None,
        };
        if let (Some(a), Some(b)) = (number(&from), number(&to)) {
            return Some(if a < b { Implicit } else { Assignment });
        }
        if from.family() == Family::String && to.family() == Family::String {
            return Some(
                if to == Self::Name && from != Self::Text && from != Self::Bpchar(None) && from != Self::Varchar(None) {
                    Assignment
                } else {
                    Implicit
                },
            );
        }
        let context = match (&from, &to) {
            (Self::Bool, Self::Int4) | (Self::Int4, Self::Bool) => Explicit,
            (Self::Date, Self::Timestamp(_) | Self::TimestampTz(_))
            | (Self::Time(_), Self::Interval | Self::TimeTz)
            | (Self::Timestamp(_), Self::TimestampTz(_))
            | (Self::Cidr, Self::Inet) => Implicit,
            (Self::Timestamp(_) | Self::TimestampTz(_), Self::Date | Self::Time(_))
            | (Self::TimestampTz(_), Self::TimeTz | Self::Timestamp(_))
            | (Self::TimeTz | Self::Interval, Self::Time(_))
            | (Self::Json, Self::Jsonb)
            | (Self::Jsonb, Self::Json)
            | (Self::Inet, Self::Cidr) => Assignment,
            (Self::Jsonb, t) if t.family() == Family::Numeric || *t == Self::Bool => Explicit,
            // Every type converts to text through its output, and from text through its input.
            (Self::Void | Self::Record, _) | (_, Self::Void | Self::Record) => return None,
            (_, t) if t.family() == Family::String => Assignment,
            (f, _) if f.family() == Family::String => Explicit,
            _ => return None,
        };
        Some(context)
    }

    /// True when PostgreSQL converts by itself anywhere.
    pub fn casts_implicitly(from: &Self, to: &Self) -> bool {
        Self::cast_context(from, to) == Some(CastContext::Implicit)
    }

    /// True when PostgreSQL converts by itself when storing into a column.
    pub fn casts_on_assignment(from: &Self, to: &Self) -> bool {
        Self::cast_context(from, to).is_some_and(|c| c <= CastContext::Assignment)
    }

    /// The type two branches of a `CASE`, `COALESCE`, `UNION` or an array constructor meet in; `None` when they cannot.
    pub fn common(a: &Self, b: &Self) -> Option<Self> {
        if a == b {
            return Some(a.clone());
        }
        let (ua, ub) = (a.unmodified(), b.unmodified());
        match (&ua, &ub) {
            (Self::Unknown, _) => Some(b.clone()),
            (_, Self::Unknown) => Some(a.clone()),
            _ if ua == ub => Some(ua),
            _ if ua.category() != ub.category() => None,
            _ if Self::casts_implicitly(&ua, &ub) && !Self::casts_implicitly(&ub, &ua) => Some(ub),
            _ if Self::casts_implicitly(&ub, &ua) && !Self::casts_implicitly(&ua, &ub) => Some(ua),
            // Strings convert both ways: text is the preferred one.
            _ if ua.family() == Family::String && (ua == Self::Text || ub == Self::Text) => Some(Self::Text),
            _ if Self::casts_implicitly(&ub, &ua) => Some(ua),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_happen_as_freely_as_in_pg_cast() {
        use CastContext::{Assignment, Explicit, Implicit};
        let cases = [
            ("int4", "int8", Some(Implicit)),
            ("int8", "int4", Some(Assignment)),
            ("int4", "numeric", Some(Implicit)),
            ("numeric", "float8", Some(Implicit)),
            ("float8", "numeric", Some(Assignment)),
            ("int4", "text", Some(Assignment)),
            ("text", "int4", Some(Explicit)),
            ("date", "timestamptz", Some(Implicit)),
            ("timestamptz", "date", Some(Assignment)),
            ("bool", "int4", Some(Explicit)),
            ("int8", "bool", None),
            ("uuid", "int4", None),
            ("varchar", "text", Some(Implicit)),
            ("json", "jsonb", Some(Assignment)),
            ("_int4", "_int8", Some(Implicit)),
        ];
        for (from, to, want) in cases {
            let (f, t) = (Type::named(from).unwrap(), Type::named(to).unwrap());
            assert_eq!(Type::cast_context(&f, &t), want, "{from} -> {to}");
        }
    }

    #[test]
    fn branches_meet_in_the_type_postgresql_chooses() {
        let cases = [
            ("int4", "numeric", Some("numeric")),
            ("varchar", "text", Some("text")),
            ("date", "timestamptz", Some("timestamptz")),
            ("int4", "text", None),
        ];
        for (a, b, want) in cases {
            let (a, b) = (Type::named(a).unwrap(), Type::named(b).unwrap());
            assert_eq!(Type::common(&a, &b), want.and_then(Type::named));
            assert_eq!(Type::common(&b, &a), want.and_then(Type::named));
        }
    }
}
