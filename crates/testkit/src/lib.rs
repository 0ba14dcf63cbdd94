//! testkit: what the rooms share when they test; nothing of it ships.
//!
//! # What
//! A real PostgreSQL for tests ([`postgres`]), one to be stopped and started ([`cluster`]), folders that vanish ([`folder`]), signals instead of sleeps ([`signal`]), tables of
//! requests and answers (`cases`, with the feature of that name), the whole house on an app folder (`house`, likewise), JSON that keeps
//! every digit ([`json`]), and [`both!`], which makes a test once for each engine.

#[cfg(feature = "cases")]
pub mod cases;
pub mod cluster;
pub mod folder;
#[cfg(feature = "house")]
pub mod house;
pub mod json;
pub mod postgres;
pub mod signal;

/// An engine to test on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The server.
    Postgres,
}

impl Engine {
    /// Both, in the order tests name them.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// Its name in the names of tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Makes `name::sqlite` and `name::postgres` of one test that takes the engine.
///
/// ```
/// testkit::both! {
///     fn a_row_that_was_written_is_there(engine) {
///         assert!(!engine.name().is_empty());
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! both {
    ($($(#[$meta:meta])* fn $name:ident($engine:ident) $body:block)+) => {
        $(
            $(#[$meta])*
            fn $name($engine: $crate::Engine) $body

            // A module and a function may share a name.
            mod $name {
                #[test]
                fn sqlite() {
                    super::$name($crate::Engine::Sqlite);
                }

                #[test]
                fn postgres() {
                    super::$name($crate::Engine::Postgres);
                }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    crate::both! {
        fn a_test_is_told_its_engine(engine) {
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            assert!(thread.ends_with(&format!("a_test_is_told_its_engine::{}", engine.name())), "{thread}");
        }
    }
}
