//! Each test is a token that is wrong in one way. The keys are made here, so that the forger has what a forger could have, and more.

use super::*;
use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaKeyPair,
    },
};
use ct_codecs::Encoder;
use proptest::prelude::*;
use serde_json::json;
use std::sync::OnceLock;

const NOW: i64 = 1_700_000_000;
const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", client: "gabion", nonce: "once", now: NOW * 1000 };

fn coded(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).expect("base64")
}

fn rsa() -> &'static RsaKeyPair {
    static KEY: OnceLock<RsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

/// Modulus and exponent: `SEQUENCE { INTEGER n, INTEGER e }` of 2048 bits has them at fixed places.
fn parts(key: &RsaKeyPair) -> (&[u8], &[u8]) {
    let der = key.public_key().as_ref();
    assert_eq!((&der[..9], &der[265..267]), (&[0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0][..], &[2, 3][..]));
    (&der[9..265], &der[267..])
}

fn jwk(id: &str) -> Value {
    let (n, e) = parts(rsa());
    json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "n": coded(n), "e": coded(e)})
}

fn keys(of: &[Value]) -> Keys {
    Keys::parse(json!({"keys": of}).to_string().as_bytes()).expect("keys")
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "sub": "u1", "aud": "gabion", "exp": NOW + 300, "iat": NOW, "nonce": "once"})
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", coded(header.to_string()), coded(claims.to_string()))
}

fn by_rsa(header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let mut signature = vec![0; rsa().public_modulus_len()];
    rsa().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("signs");
    format!("{message}.{}", coded(signature))
}

fn signed(claims: &Value) -> String {
    by_rsa(&json!({"alg": "RS256", "kid": "a"}), claims)
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

fn checked(token: &str) -> Result<Claims, TokenFault> {
    check(token, &keys(&[jwk("a")]), &EXPECTED)
}

#[test]
fn a_good_token_is_believed() {
    assert_eq!(checked(&signed(&claims())).expect("good")["sub"], "u1");
    let many = json!(["other", "gabion"]);
    let mut by_us = with("aud", many);
    by_us["azp"] = json!("gabion");
    assert!(checked(&signed(&by_us)).is_ok());
    // A clock may be a minute off, and a time have a fraction.
    assert!(checked(&signed(&with("exp", json!(NOW - 59)))).is_ok());
    assert!(checked(&signed(&with("iat", json!(f64::from(1_700_000_000) + 59.5)))).is_ok());
}

#[test]
fn every_algorithm_with_a_public_key_is_verified() {
    let pss = {
        let message = message(&json!({"alg": "PS256", "kid": "a"}), &claims());
        let mut signature = vec![0; rsa().public_modulus_len()];
        rsa().sign(&RSA_PSS_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).expect("signs");
        format!("{message}.{}", coded(signature))
    };
    let mut any = jwk("a");
    any.as_object_mut().expect("an object").remove("alg");
    assert!(check(&pss, &keys(&[any]), &EXPECTED).is_ok());
    assert_eq!(checked(&pss), Err(TokenFault::Unsigned), "its key is for RS256 only");

    let curve = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = curve.public_key().as_ref();
    let key =
        json!({"kty": "EC", "crv": "P-256", "kid": "e", "x": coded(&point[1..33]), "y": coded(&point[33..])});
    let es = message(&json!({"alg": "ES256", "kid": "e"}), &claims());
    let signature = curve.sign(&SystemRandom::new(), es.as_bytes()).expect("signs");
    assert!(check(&format!("{es}.{}", coded(signature)), &keys(&[key]), &EXPECTED).is_ok());

    let edwards = Ed25519KeyPair::generate().expect("a key");
    let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": coded(edwards.public_key())});
    let ed = message(&json!({"alg": "EdDSA", "kid": "d"}), &claims());
    let signature = edwards.sign(ed.as_bytes());
    assert!(check(&format!("{ed}.{}", coded(signature)), &keys(&[key]), &EXPECTED).is_ok());
}

#[test]
fn no_signature_is_none() {
    for name in ["none", "None", "NONE", "nOnE", ""] {
        for signature in [String::new(), coded("x")] {
            let token = format!("{}.{signature}", message(&json!({"alg": name}), &claims()));
            assert!(matches!(checked(&token), Err(TokenFault::Algorithm(_))), "{name:?}");
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let (n, _) = parts(rsa());
    // Whatever form of the public key somebody might take for the secret.
    for secret in [rsa().public_key().as_ref(), n, jwk("a").to_string().as_bytes()] {
        for name in ["HS256", "RS256"] {
            let message = message(&json!({"alg": name, "kid": "a"}), &claims());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            let token = format!("{message}.{}", coded(tag));
            assert!(
                matches!(checked(&token), Err(TokenFault::Algorithm(_) | TokenFault::Unsigned)),
                "{name}"
            );
        }
    }
    // A set that offers a shared key offers none.
    let oct = json!({"kty": "oct", "kid": "a", "alg": "HS256", "k": coded("secret")});
    assert_eq!(keys(&[oct]).len(), 0);
}

#[test]
fn another_key_or_a_changed_token_is_unsigned() {
    let token = signed(&claims());
    let with_keys = |of: &[Value]| check(&token, &keys(of), &EXPECTED);
    assert_eq!(with_keys(&[]), Err(TokenFault::Unsigned));
    assert_eq!(with_keys(&[jwk("b")]), Err(TokenFault::Unsigned), "it names another key");
    let mut encrypts = jwk("a");
    encrypts["use"] = json!("enc");
    assert_eq!(with_keys(&[encrypts]), Err(TokenFault::Unsigned));
    let mut other = jwk("a");
    other["n"] = json!(coded([0xa5; 256]));
    assert_eq!(with_keys(&[other]), Err(TokenFault::Unsigned));
    // One that names no key is tried with all.
    let nameless = by_rsa(&json!({"alg": "RS256"}), &claims());
    assert!(check(&nameless, &keys(&[jwk("b"), jwk("c")]), &EXPECTED).is_ok());

    let (head, rest) = token.split_once('.').expect("parts");
    let (_, signature) = rest.split_once('.').expect("parts");
    let admin = coded(with("sub", json!("root")).to_string());
    assert_eq!(checked(&format!("{head}.{admin}.{signature}")), Err(TokenFault::Unsigned));
    assert_eq!(checked(&format!("{head}.{admin}.")), Err(TokenFault::Unsigned));
}

#[test]
fn a_token_for_somebody_else_or_of_another_time_is_refused() {
    let two = json!(["gabion", "other"]);
    for (claim, value) in [
        ("iss", json!("https://id.example/")),
        ("iss", json!(null)),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", json!({"gabion": true})),
        ("azp", json!("other")),
        ("azp", json!(null)),
        ("exp", json!(NOW - 60)),
        ("exp", json!("tomorrow")),
        ("exp", json!(null)),
        ("iat", json!(NOW + 61)),
        ("iat", json!(NOW - 3601)),
        ("iat", json!(null)),
        ("nbf", json!(NOW + 61)),
        ("nbf", json!("x")),
        ("nonce", json!("another")),
        ("nonce", json!(null)),
        ("sub", json!("")),
        ("sub", json!(7)),
        ("sub", json!("x".repeat(256))),
    ] {
        let got = checked(&signed(&with(claim, value.clone())));
        assert!(matches!(got, Err(TokenFault::Claim(of, _)) if of == claim), "{claim} {value}: {got:?}");
    }
    let got = checked(&signed(&with("aud", two)));
    assert!(matches!(got, Err(TokenFault::Claim("azp", _))), "{got:?}");
    for missing in ["iss", "aud", "exp", "iat", "nonce", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(missing);
        assert!(matches!(checked(&signed(&claims)), Err(TokenFault::Claim(..))), "{missing}");
    }
}

#[test]
fn what_is_wanted_and_not_known_is_refused() {
    let critical = by_rsa(&json!({"alg": "RS256", "kid": "a", "crit": ["exp"]}), &claims());
    assert!(matches!(checked(&critical), Err(TokenFault::Form(_))));
    assert!(matches!(checked(&"a".repeat(LONGEST + 1)), Err(TokenFault::Form(_))));
}

proptest! {
    /// No text makes it panic, and none is believed.
    #[test]
    fn no_other_text_is_a_token(text in "[A-Za-z0-9._-]{0,80}") {
        prop_assert!(checked(&text).is_err());
    }

    /// A token with any one byte changed is not believed.
    #[test]
    fn no_byte_may_change(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let token = signed(&claims());
        let at = at.index(token.len());
        let changed = format!("{}{to}{}", &token[..at], &token[at + 1..]);
        prop_assume!(changed != token);
        // The last character of a part has bits that mean nothing; strict base64 refuses them.
        prop_assert!(checked(&changed).is_err());
    }
}
