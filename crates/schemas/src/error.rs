//! The room's failures.

use kernel::{Code, Retry};

/// An event's data is not what its schema asks for.
pub const DATA_REFUSED: Code =
    Code { name: "schemas.data_refused", status: 422, title: "The data does not fit its schema", retry: Retry::Never };
/// This is no schema that can be used here.
pub const SCHEMA_INVALID: Code =
    Code { name: "schemas.schema_invalid", status: 400, title: "This is not a usable schema", retry: Retry::Never };
/// A new version does not keep what the type's compatibility asks for.
pub const INCOMPATIBLE: Code = Code {
    name: "schemas.incompatible",
    status: 409,
    title: "The schema is not compatible with those before it",
    retry: Retry::Never,
};
/// The version is there already and says something else, or is not the next one.
pub const VERSION_TAKEN: Code = Code {
    name: "schemas.version_taken",
    status: 409,
    title: "This version cannot be registered",
    retry: Retry::Never,
};

/// All of them.
pub const CODES: &[&Code] = &[&DATA_REFUSED, &SCHEMA_INVALID, &INCOMPATIBLE, &VERSION_TAKEN];
