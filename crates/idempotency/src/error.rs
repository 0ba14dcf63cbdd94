//! The room's failures.

use kernel::{Code, Retry};

/// The header is there and is not a key.
pub const KEY_INVALID: Code =
    Code { name: "idempotency.key_invalid", status: 400, title: "The Idempotency-Key is not one", retry: Retry::Never };
/// The key was used for another request.
pub const KEY_REUSED: Code = Code {
    name: "idempotency.key_reused",
    status: 422,
    title: "The Idempotency-Key was used for another request",
    retry: Retry::Never,
};
/// The first request under this key has not been answered yet.
pub const IN_FLIGHT: Code = Code {
    name: "idempotency.in_flight",
    status: 409,
    title: "A request with this Idempotency-Key is being answered",
    retry: Retry::Safe,
};

/// All of them.
pub const CODES: &[&Code] = &[&KEY_INVALID, &KEY_REUSED, &IN_FLIGHT];
