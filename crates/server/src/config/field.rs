//! A setting as the table of keys sees it: something that takes a value and shows one.

use kernel::Secret;

/// A value on its way into a setting or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not set.
    None,
    /// Text.
    Text(String),
    /// A whole number, never negative.
    Whole(u64),
    /// Yes or no.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
}

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Whole,
    /// `true` or `false`.
    Flag,
    /// A list of texts; in a variable separated by commas.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One setting.
pub trait Field {
    /// What it takes.
    fn kind(&self) -> Kind;
    /// Takes a value of its kind; says what it would have taken otherwise.
    fn set(&mut self, value: Value) -> Result<(), String>;
    /// Shows its value.
    fn get(&self) -> Value;
}

impl Value {
    /// Reads the text of a variable or a flag as a value of this kind.
    pub fn read(kind: Kind, text: &str) -> Result<Self, String> {
        match kind {
            Kind::Text | Kind::Choice(_) => Ok(Self::Text(text.to_owned())),
            Kind::Whole => text.trim().parse().map(Self::Whole).map_err(|_| kind.wanted()),
            Kind::Flag => match text.trim() {
                "true" | "1" | "yes" | "on" => Ok(Self::Flag(true)),
                "false" | "0" | "no" | "off" => Ok(Self::Flag(false)),
                _ => Err(kind.wanted()),
            },
            Kind::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(Self::List(items.map(str::to_owned).collect()))
            }
        }
    }

    /// The value as a TOML file has it; nothing when it is not set.
    pub fn to_toml(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    /// The value in JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::None => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Whole(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::List(items) => items.clone().into(),
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Kind {
    /// What it takes, in words.
    pub fn wanted(self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Whole => "a whole number".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::List => "a list of texts".to_owned(),
            Self::Choice(words) => words.join(" | "),
        }
    }
}

impl Field for String {
    fn kind(&self) -> Kind {
        Kind::Text
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        let Value::Text(text) = value else { return Err(self.kind().wanted()) };
        *self = text;
        Ok(())
    }
    fn get(&self) -> Value {
        Value::Text(self.clone())
    }
}

impl Field for Secret<String> {
    fn kind(&self) -> Kind {
        Kind::Text
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        let Value::Text(text) = value else { return Err(self.kind().wanted()) };
        *self = Self::new(text);
        Ok(())
    }
    fn get(&self) -> Value {
        Value::Text(self.to_string())
    }
}

impl Field for u64 {
    fn kind(&self) -> Kind {
        Kind::Whole
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        let Value::Whole(number) = value else { return Err(self.kind().wanted()) };
        *self = number;
        Ok(())
    }
    fn get(&self) -> Value {
        Value::Whole(*self)
    }
}

impl Field for bool {
    fn kind(&self) -> Kind {
        Kind::Flag
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        let Value::Flag(flag) = value else { return Err(self.kind().wanted()) };
        *self = flag;
        Ok(())
    }
    fn get(&self) -> Value {
        Value::Flag(*self)
    }
}

impl Field for Vec<String> {
    fn kind(&self) -> Kind {
        Kind::List
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        *self = match value {
            Value::List(items) => items,
            // One text where a list is wanted is what people write first.
            Value::Text(one) => vec![one],
            _ => return Err(self.kind().wanted()),
        };
        Ok(())
    }
    fn get(&self) -> Value {
        Value::List(self.clone())
    }
}

impl<F: Field + Default> Field for Option<F> {
    fn kind(&self) -> Kind {
        F::default().kind()
    }
    fn set(&mut self, value: Value) -> Result<(), String> {
        // An empty text unsets, so that a variable can undo what a file says.
        if value == Value::Text(String::new()) {
            *self = None;
            return Ok(());
        }
        let mut inner = F::default();
        inner.set(value)?;
        *self = Some(inner);
        Ok(())
    }
    fn get(&self) -> Value {
        self.as_ref().map_or(Value::None, Field::get)
    }
}

/// An enum whose variants are words of the configuration.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $crate::config::field::Field for $name {
            fn kind(&self) -> $crate::config::field::Kind {
                $crate::config::field::Kind::Choice(&[$($word),*])
            }
            fn set(&mut self, value: $crate::config::field::Value) -> Result<(), String> {
                let $crate::config::field::Value::Text(text) = value else { return Err(self.kind().wanted()) };
                *self = match text.as_str() {
                    $($word => Self::$variant,)*
                    _ => return Err(self.kind().wanted()),
                };
                Ok(())
            }
            fn get(&self) -> $crate::config::field::Value {
                $crate::config::field::Value::Text(match self { $(Self::$variant => $word,)* }.to_owned())
            }
        }
    };
}
pub(super) use choice;
