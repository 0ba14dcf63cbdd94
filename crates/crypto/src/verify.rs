//! A compact token (RFC 7515): three parts, a header that chooses a key, a signature, an object of claims.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Micros;
use serde_json::Value;

use crate::algorithm::Algorithm;
use crate::claims::{self, Claims};
use crate::digest::hmac_sha256;
use crate::error::TokenError;
use crate::json;
use crate::key::KeySet;
use crate::path::ClaimPath;

/// The longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8192;
/// How far the issuer's clock may be from ours, in seconds.
pub const SKEW_SECS: i64 = 30;

/// Keys, audience and the path of the role claim: all that it takes to judge a token.
#[derive(Debug)]
pub struct Verifier {
    keys: KeySet,
    audience: Option<String>,
    role: ClaimPath,
}

impl Verifier {
    /// Judges by these keys. Without an audience, any will do.
    pub const fn new(keys: KeySet, audience: Option<String>, role: ClaimPath) -> Self {
        Self { keys, audience, role }
    }

    /// What the token says, if it is genuine and holds at `now`.
    pub fn verify(&self, token: &str, now: Micros) -> Result<Claims, TokenError> {
        let payload = self.payload(token)?;
        let text = std::str::from_utf8(&payload).map_err(|_| TokenError::Claims)?;
        let claims = json::object(&payload).ok_or(TokenError::Claims)?;
        claims::check(text, &claims, now, self.audience.as_deref(), &self.role)
    }

    /// The payload of a token whose signature is good.
    fn payload(&self, token: &str) -> Result<Vec<u8>, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        let parts: Vec<&str> = token.split('.').collect();
        let &[header, payload, signature] = &*parts else { return Err(TokenError::Parts(parts.len())) };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
        let fields = json::object(&decode(header)?).ok_or(TokenError::Malformed)?;

        let alg = fields.get("alg").and_then(Value::as_str).ok_or(TokenError::Malformed)?;
        let alg = Algorithm::parse(alg).ok_or(TokenError::Algorithm)?;
        if fields.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        let kid = match fields.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.as_str()),
            Some(_) => return Err(TokenError::Malformed),
        };
        let (payload_bytes, signature) = (decode(payload)?, decode(signature)?);
        let signed = &token.as_bytes()[..=header.len() + payload.len()];
        match self.keys.verify(alg, kid, signed, &signature) {
            None => Err(TokenError::NoKey),
            Some(false) => Err(TokenError::Signature),
            Some(true) => Ok(payload_bytes),
        }
    }
}

/// A token over these claims under an HMAC secret: how the house issues its anon and service keys.
pub fn sign_hs256(claims: &serde_json::Map<String, Value>, secret: &[u8]) -> String {
    let payload = Value::Object(claims.clone()).to_string();
    let mut token = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let mac = hmac_sha256(secret, token.as_bytes());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(mac, &mut token);
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC7515_PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const BEFORE_2011: Micros = Micros::from_secs(1_300_819_000);

    fn verifier(keys: &str) -> Verifier {
        Verifier::new(KeySet::parse(keys, false).expect(keys), None, ClaimPath::default())
    }

    #[test]
    fn the_examples_of_rfc_7515_verify() {
        for (name, jwk, header, signature) in [
            (
                "A.1",
                r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#,
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
                "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            ),
            (
                "A.2",
                r#"{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}"#,
                "eyJhbGciOiJSUzI1NiJ9",
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            (
                "A.3",
                r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
                "eyJhbGciOiJFUzI1NiJ9",
                "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
            ),
        ] {
            let verifier = verifier(jwk);
            let token = format!("{header}.{RFC7515_PAYLOAD}.{signature}");
            let claims = verifier.verify(&token, BEFORE_2011).expect(name);
            assert_eq!((claims.exp, claims.role, claims.sub), (Some(1_300_819_380), None, None), "{name}");
            assert_eq!(verifier.verify(&token, Micros::from_secs(1_400_000_000)), Err(TokenError::Expired), "{name}");
        }
    }

    #[test]
    fn the_example_of_rfc_8037_has_a_good_signature_over_what_are_no_claims() {
        let verifier = verifier(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
        let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(verifier.payload(token).unwrap(), b"Example of Ed25519 signing");
        assert_eq!(verifier.verify(token, Micros(0)), Err(TokenError::Claims));
    }

    #[test]
    fn a_token_of_the_house_verifies_and_carries_its_claims_as_they_stood() {
        let secret = b"reallyreallyreallyreallyverysafe";
        let claims = serde_json::json!({"role": "anon", "sub": "7", "exp": 2_000_000_000});
        let token = sign_hs256(claims.as_object().unwrap(), secret);
        let read = verifier("reallyreallyreallyreallyverysafe").verify(&token, Micros(0)).unwrap();
        assert_eq!((read.role.as_deref(), read.sub.as_deref()), (Some("anon"), Some("7")));
        assert_eq!(serde_json::from_str::<Value>(&read.raw_json).unwrap(), claims);
    }
}
