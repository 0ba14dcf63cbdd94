//! Why a token or a key is refused, in the words that PostgREST's clients know.

use std::borrow::Cow;
use std::fmt;

use kernel::{Code, Error, Retry};

/// A token that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Nothing stands where a token should.
    Empty,
    /// A compact token has three parts; this one has another number.
    Parts(usize),
    /// Longer than [`crate::TOKEN_BYTES_MAX`].
    TooLong,
    /// Not base64url, or the header is not a JSON object with an `alg`.
    Malformed,
    /// The `alg` is unknown, or `none`.
    Algorithm,
    /// The header names an extension that must be understood (`crit`), and none is.
    Critical,
    /// No key has this `kid`, or none fits the algorithm.
    NoKey,
    /// There are keys that fit, and the signature is of none of them.
    Signature,
    /// The payload is not one JSON object without duplicates.
    Claims,
    /// `exp` has passed.
    Expired,
    /// `nbf` has not come.
    NotYetValid,
    /// `iat` has not come.
    IssuedAtFuture,
    /// `aud` names others only.
    Audience,
    /// The claim of this name is not a number.
    NotANumber(&'static str),
    /// `aud` is neither a string nor an array of strings.
    AudienceForm,
}

impl TokenError {
    /// PostgREST's code: `PGRST301` for a token that cannot be trusted, `PGRST303` for claims that do not hold.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty
            | Self::Parts(_)
            | Self::TooLong
            | Self::Malformed
            | Self::Algorithm
            | Self::Critical
            | Self::NoKey
            | Self::Signature => "PGRST301",
            Self::Claims
            | Self::Expired
            | Self::NotYetValid
            | Self::IssuedAtFuture
            | Self::Audience
            | Self::NotANumber(_)
            | Self::AudienceForm => "PGRST303",
        }
    }

    /// The `message` of the answer; also the `error_description` of `WWW-Authenticate`.
    pub fn message(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Empty => "Empty JWT is sent in Authorization header",
            Self::Parts(n) => return Cow::Owned(format!("Expected 3 parts in JWT; got {n}")),
            Self::TooLong | Self::Malformed | Self::Critical => "JWT couldn't be decoded",
            Self::Algorithm => "Wrong or unsupported encoding algorithm",
            Self::NoKey | Self::Signature => "No suitable key or wrong key type",
            Self::Claims => "Parsing claims failed",
            Self::Expired => "JWT expired",
            Self::NotYetValid => "JWT not yet valid",
            Self::IssuedAtFuture => "JWT issued at future",
            Self::Audience => "JWT not in audience",
            Self::NotANumber(claim) => return Cow::Owned(format!("The JWT '{claim}' claim must be a number")),
            Self::AudienceForm => "The JWT 'aud' claim must be a string or an array of strings",
        })
    }

    /// The value of `WWW-Authenticate` (RFC 6750 section 3). The messages hold no quotes or backslashes.
    pub fn challenge(self) -> String {
        format!("Bearer error=\"invalid_token\", error_description=\"{}\"", self.message())
    }

    /// The `details` of the answer.
    pub const fn details(self) -> Option<&'static str> {
        match self {
            Self::NoKey => Some("No suitable key was found to decode the JWT"),
            Self::Signature => Some("None of the keys was able to decode the JWT"),
            Self::Algorithm => Some("The algorithm is not one of those supported"),
            Self::TooLong => Some("The token is longer than 8192 bytes"),
            Self::Critical => Some("The header requires an extension that is not supported"),
            _ => None,
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}
impl std::error::Error for TokenError {}

/// The token cannot be trusted.
const TOKEN_INVALID: Code =
    Code { name: "crypto.token_invalid", status: 401, title: "The token cannot be verified", retry: Retry::Never };
/// The token is genuine and its claims do not hold.
const TOKEN_CLAIMS: Code =
    Code { name: "crypto.token_claims", status: 401, title: "The token's claims do not hold", retry: Retry::Never };

/// This room's failures.
pub const CODES: &[&Code] = &[&TOKEN_INVALID, &TOKEN_CLAIMS];

impl From<TokenError> for Error {
    fn from(e: TokenError) -> Self {
        Self::new(if e.code() == "PGRST301" { &TOKEN_INVALID } else { &TOKEN_CLAIMS }, e.message())
    }
}

/// Keys that cannot be used, found when the house starts; the text says what to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(pub(crate) Cow<'static, str>);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_the_words_clients_know() {
        for (error, code, message) in [
            (TokenError::Parts(2), "PGRST301", "Expected 3 parts in JWT; got 2"),
            (TokenError::Signature, "PGRST301", "No suitable key or wrong key type"),
            (TokenError::Expired, "PGRST303", "JWT expired"),
            (TokenError::NotANumber("nbf"), "PGRST303", "The JWT 'nbf' claim must be a number"),
        ] {
            assert_eq!((error.code(), &*error.message()), (code, message));
            assert_eq!(Error::from(error).code.status, 401);
            let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
            assert_eq!(error.challenge(), challenge);
        }
    }
}
