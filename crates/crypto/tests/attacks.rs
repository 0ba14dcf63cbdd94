//! Tokens of every algorithm, made by another implementation, and what attackers do to tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use crypto::{ClaimPath, KeySet, TokenError, Verifier, hmac_sha256, sign_hs256};
use kernel::Micros;
use serde_json::{Value, json};

const NOW: Micros = Micros::from_secs(1_800_000_000);
const SECRET: &str = "reallyreallyreallyreallyverysafe";

fn verifier(keys: &str) -> Verifier {
    Verifier::new(KeySet::parse(keys, false).expect(keys), None, ClaimPath::default())
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("data/tokens.json")).expect("the vectors are JSON")
}

fn jwk(kid: &str) -> Value {
    let vectors = vectors();
    let keys = vectors["jwks"]["keys"].as_array().expect("the vectors have keys");
    keys.iter().find(|k| k["kid"] == kid).expect("the vectors have this key").clone()
}

/// A token with this header and payload, signed with the shared secret.
fn forge(header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", B64.encode(header), B64.encode(payload));
    let mac = B64.encode(hmac_sha256(SECRET.as_bytes(), signed.as_bytes()));
    format!("{signed}.{mac}")
}

#[test]
fn tokens_of_every_algorithm_verify_against_the_set_and_break_with_one_bit() {
    let vectors = vectors();
    let verifier = verifier(&vectors["jwks"].to_string());
    let tokens = vectors["tokens"].as_object().unwrap();
    assert_eq!(tokens.len(), 12);
    for (alg, token) in tokens {
        let token = token.as_str().unwrap();
        let claims = verifier.verify(token, NOW).unwrap_or_else(|e| panic!("{alg}: {e}"));
        assert_eq!((claims.role.as_deref(), claims.sub.as_deref()), (Some("author"), Some("42")), "{alg}");

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = B64.decode(signature).unwrap();
        bytes[7] ^= 1;
        let broken = format!("{signed}.{}", B64.encode(&bytes));
        assert_eq!(verifier.verify(&broken, NOW), Err(TokenError::Signature), "{alg}");
    }
}

#[test]
fn no_single_character_of_a_token_can_be_changed() {
    let vectors = vectors();
    let verifier = verifier(&vectors["jwks"].to_string());
    for (alg, token) in vectors["tokens"].as_object().unwrap() {
        let token = token.as_str().unwrap();
        for at in 0..token.len() {
            for other in ["A", "_", "."] {
                if &token[at..=at] != other {
                    let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                    assert!(verifier.verify(&changed, NOW).is_err(), "{alg}: {changed}");
                }
            }
        }
    }
}

#[test]
fn an_algorithm_never_meets_a_key_of_another_kind() {
    let vectors = vectors();
    let tokens = vectors["tokens"].as_object().unwrap();
    for (kid, fitting) in [("hmac", "HS"), ("rsa", "RS PS"), ("p256", "ES256"), ("p384", "ES384"), ("ed", "EdDSA")] {
        let verifier = verifier(&jwk(kid).to_string());
        for (alg, token) in tokens {
            let fits = fitting.split(' ').any(|f| alg.starts_with(f));
            let expected = if fits { None } else { Some(TokenError::NoKey) };
            assert_eq!(verifier.verify(token.as_str().unwrap(), NOW).err(), expected, "{kid} {alg}");
        }
    }
}

#[test]
fn a_public_key_is_never_an_hmac_secret() {
    let rsa = jwk("rsa");
    let verifier = verifier(&rsa.to_string());
    for secret in [rsa.to_string(), rsa["n"].as_str().unwrap().to_owned()] {
        let token = sign_hs256(json!({"role": "service_role"}).as_object().unwrap(), secret.as_bytes());
        assert_eq!(verifier.verify(&token, NOW), Err(TokenError::NoKey));
    }
}

#[test]
fn a_key_with_an_algorithm_of_its_own_takes_no_other() {
    let mut rsa = jwk("rsa");
    rsa["alg"] = "RS256".into();
    let verifier = verifier(&rsa.to_string());
    for (alg, token) in vectors()["tokens"].as_object().unwrap() {
        let expected = if alg == "RS256" { None } else { Some(TokenError::NoKey) };
        assert_eq!(verifier.verify(token.as_str().unwrap(), NOW).err(), expected, "{alg}");
    }
}

#[test]
fn a_short_rsa_key_is_refused_at_the_door() {
    assert!(KeySet::parse(&vectors()["short_rsa"]["jwk"].to_string(), false).is_err());
}

#[test]
fn a_kid_must_name_a_key_and_without_one_each_is_tried() {
    let other = B64.encode([9; 32]);
    let own = B64.encode(SECRET);
    let set =
        json!({"keys": [{"kty": "oct", "k": other, "kid": "a"}, {"kty": "oct", "k": own, "kid": "b"}]}).to_string();
    let (set, plain) = (verifier(&set), verifier(SECRET));
    for (header, with_set, with_secret) in [
        (r#"{"alg":"HS256","kid":"b"}"#, None, Some(TokenError::NoKey)),
        (r#"{"alg":"HS256","kid":"a"}"#, Some(TokenError::Signature), Some(TokenError::NoKey)),
        (r#"{"alg":"HS256","kid":"c"}"#, Some(TokenError::NoKey), Some(TokenError::NoKey)),
        (r#"{"alg":"HS256"}"#, None, None),
        (r#"{"alg":"HS256","kid":1}"#, Some(TokenError::Malformed), Some(TokenError::Malformed)),
    ] {
        let token = forge(header, "{}");
        assert_eq!(set.verify(&token, NOW).err(), with_set, "{header}");
        assert_eq!(plain.verify(&token, NOW).err(), with_secret, "{header}");
    }
}

#[test]
fn forged_and_malformed_tokens_are_refused() {
    use TokenError::{Algorithm, Claims, Critical, Empty, Malformed, Parts, Signature, TooLong};
    let verifier = verifier(SECRET);
    let good = forge(r#"{"alg":"HS256"}"#, r#"{"role":"a"}"#);
    assert!(verifier.verify(&good, NOW).is_ok());
    let (signed, mac) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(3_000), "]".repeat(3_000));
    let none = B64.encode(r#"{"alg":"none"}"#);
    // The last digit of an unpadded group carries bits that must be zero: another digit there is another text of the same bytes.
    let twin = format!("{signed}.{}{}", &mac[..mac.len() - 1], char::from(mac.as_bytes()[mac.len() - 1] + 1));
    for (token, expected) in [
        (String::new(), Empty),
        ("x".to_owned(), Parts(1)),
        (format!("{head}.{payload}"), Parts(2)),
        (format!("{good}.x"), Parts(4)),
        (format!("{head}.{payload}.k.v.t"), Parts(5)),
        ("..".to_owned(), Malformed),
        (format!("{none}.{payload}."), Algorithm),
        (format!("{none}.{payload}.{mac}"), Algorithm),
        (forge(r#"{"alg":"None"}"#, "{}"), Algorithm),
        (forge(r#"{"alg":"hs256"}"#, "{}"), Algorithm),
        (forge(r#"{"alg":"HS1"}"#, "{}"), Algorithm),
        (forge(r#"{"alg":["HS256"]}"#, "{}"), Malformed),
        (forge(r#"{"alg":"HS256","alg":"none"}"#, "{}"), Malformed),
        (forge("{}", "{}"), Malformed),
        (forge("[]", "{}"), Malformed),
        (forge(r#"{"alg":"HS256","crit":["exp"]}"#, "{}"), Critical),
        (forge(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, "{}"), Critical),
        (forge(r#"{"alg":"HS256"}"#, "[]"), Claims),
        (forge(r#"{"alg":"HS256"}"#, "\"x\""), Claims),
        (forge(r#"{"alg":"HS256"}"#, r#"{"role":"a","role":"b"}"#), Claims),
        (forge(r#"{"alg":"HS256"}"#, &deep), Claims),
        (forge(r#"{"alg":"HS256"}"#, &"x".repeat(8_192)), TooLong),
        (format!("{head}.{}.{mac}", B64.encode(r#"{"role":"b"}"#)), Signature),
        (format!("{signed}."), Signature),
        (format!("{signed}.{}", &mac[..mac.len() - 3]), Signature),
        (format!("{signed}.{mac}="), Malformed),
        (format!("{signed}.{mac} "), Malformed),
        (format!("{signed}.+/{}", &mac[2..]), Malformed),
        (twin, Malformed),
        (format!("{head}=.{payload}.{mac}"), Malformed),
        (format!("{head}.{payload}\n.{mac}"), Malformed),
        ("é.é.é".to_owned(), Malformed),
    ] {
        assert_eq!(verifier.verify(&token, NOW), Err(expected), "{}", &token.chars().take(120).collect::<String>());
    }
}
