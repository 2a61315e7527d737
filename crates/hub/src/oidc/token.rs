//! The ID token: whether a provider has really said that, to us, now. Pure; keys and time are given.
//!
//! ```text
//!   header.payload.signature     header: alg, kid ─► a key of the provider that is for this alg
//!                                payload: iss, aud, azp, exp, iat, nbf, nonce, sub ─► each as OpenID Connect Core 3.1.3.7 wants it
//! ```
//!
//! What a key is for follows from its type alone, and only algorithms with a public key are known. So `none` is no algorithm, and a
//! public key never becomes the secret of an HMAC. Verified by aws-lc-rs, as TLS is: a crate for tokens would add a second reading of
//! keys, and a clock of its own.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use gabion_api::rest::Millis;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What a token says.
pub(crate) type Claims = Map<String, Value>;

/// A token is not longer, in bytes.
const LONGEST: usize = 128 << 10;
/// Clocks may differ by so much, in seconds.
const SKEW: i64 = 60;
/// A token that was made longer ago is none of the log-in that has just been, in seconds.
const OLDEST: i64 = 3600;
/// Keys of a provider that are looked at.
const MOST_KEYS: usize = 64;

/// What a token must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) now: Millis,
}

/// Why a token is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFault {
    /// It is no token.
    #[error("the ID token is not well-formed: {0}")]
    Form(&'static str),
    /// It is signed in a way that proves nothing, or not at all.
    #[error("the ID token is signed by {0:?}, which is not accepted")]
    Algorithm(String),
    /// No key of the provider has signed it. The provider may have new ones.
    #[error("no key of the provider has signed the ID token")]
    Unsigned,
    /// It says something else than it should.
    #[error("the ID token's `{0}` is {1}")]
    Claim(&'static str, &'static str),
}

/// How something is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Ed25519,
}

/// All that are known, by the names of RFC 7518, 8037 and 9864.
const ALGORITHMS: [(&str, Algorithm); 10] = [
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("EdDSA", Algorithm::Ed25519),
    ("Ed25519", Algorithm::Ed25519),
];

/// Whether tokens that are signed like this can be verified.
pub(crate) fn is_known(algorithm: &str) -> bool {
    ALGORITHMS.iter().any(|(name, _)| *name == algorithm)
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if its set says so.
    only: Option<String>,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// The keys of a provider by which tokens can be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys(Vec<Key>);

impl Keys {
    /// Reads a JWK set; keys for something else are left out.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(text)?;
        Ok(Self(set.keys.iter().take(MOST_KEYS).filter_map(Key::read).collect()))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Key {
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| decoded(text(name)?);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let point = |size: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            // SEC 1, 2.3.3: uncompressed.
            (x.len() == size && y.len() == size).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", _) => Material::Rsa { n: bytes("n")?, e: bytes("e")? },
            ("EC", Some("P-256")) => Material::P256(point(32)?),
            ("EC", Some("P-384")) => Material::P384(point(48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        Some(Self { id: text("kid").map(str::to_owned), only: text("alg").map(str::to_owned), material })
    }

    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let rsa = |parameters: &RsaParameters, n: &[u8], e: &[u8]| {
            // A leading zero is not allowed there, but common.
            let n = &n[n.iter().take_while(|byte| **byte == 0).count()..];
            RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        };
        let curve = |by: &'static dyn VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(by, key).verify(message, signature).is_ok()
        };
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => rsa(&RSA_PKCS1_2048_8192_SHA256, n, e),
            (Material::Rsa { n, e }, Algorithm::Rs384) => rsa(&RSA_PKCS1_2048_8192_SHA384, n, e),
            (Material::Rsa { n, e }, Algorithm::Rs512) => rsa(&RSA_PKCS1_2048_8192_SHA512, n, e),
            (Material::Rsa { n, e }, Algorithm::Ps256) => rsa(&RSA_PSS_2048_8192_SHA256, n, e),
            (Material::Rsa { n, e }, Algorithm::Ps384) => rsa(&RSA_PSS_2048_8192_SHA384, n, e),
            (Material::Rsa { n, e }, Algorithm::Ps512) => rsa(&RSA_PSS_2048_8192_SHA512, n, e),
            (Material::P256(key), Algorithm::Es256) => curve(&ECDSA_P256_SHA256_FIXED, key),
            (Material::P384(key), Algorithm::Es384) => curve(&ECDSA_P384_SHA384_FIXED, key),
            (Material::Ed25519(key), Algorithm::Ed25519) => curve(&ED25519, key),
            _ => false,
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()
}

/// What a token says, if it is to be believed.
pub(crate) fn check(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<Claims, TokenFault> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: Option<String>,
        crit: Option<Value>,
    }
    if token.len() > LONGEST {
        return Err(TokenFault::Form("it is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Form("it has no signature"))?;
    let (header, payload) = message.split_once('.').ok_or(TokenFault::Form("it has no payload"))?;
    let bytes = |text| decoded(text).ok_or(TokenFault::Form("a part is not base64url"));
    let header: Header = serde_json::from_slice(&bytes(header)?)
        .map_err(|_| TokenFault::Form("its header is not understood"))?;
    if header.crit.is_some() {
        return Err(TokenFault::Form("its header wants something that is not known"));
    }
    let algorithm = ALGORITHMS.iter().find(|(name, _)| *name == header.alg);
    let Some((name, algorithm)) = algorithm else {
        return Err(TokenFault::Algorithm(header.alg.chars().take(20).collect()));
    };
    let signature = bytes(signature)?;
    let signed = keys.0.iter().any(|key| {
        // Who names a key means that one.
        (header.kid.is_none() || key.id == header.kid)
            && key.only.as_deref().is_none_or(|only| only == *name)
            && key.verifies(*algorithm, message.as_bytes(), &signature)
    });
    if !signed {
        return Err(TokenFault::Unsigned);
    }
    let claims: Claims = serde_json::from_slice(&bytes(payload)?)
        .map_err(|_| TokenFault::Form("its payload is not an object"))?;
    meant_for_us(&claims, expected)?;
    Ok(claims)
}

fn meant_for_us(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenFault> {
    let must = |holds: bool, claim, otherwise| {
        if holds { Ok(()) } else { Err(TokenFault::Claim(claim, otherwise)) }
    };
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    must(text("iss") == Some(expected.issuer), "iss", "another issuer")?;
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    must(audiences.contains(&expected.client), "aud", "another client")?;
    match claims.get("azp") {
        Some(party) => must(party.as_str() == Some(expected.client), "azp", "another client")?,
        None => must(audiences.len() == 1, "azp", "missing, with more than one audience")?,
    }
    let now = expected.now / 1000;
    // A time may have a fraction; what is no number is no time.
    let time = |claim: &str| claims.get(claim).and_then(Value::as_f64).map(|time| time as i64);
    must(time("exp").is_some_and(|end| end > now - SKEW), "exp", "over, or missing")?;
    let made = |at: i64| (now - OLDEST..=now + SKEW).contains(&at);
    must(time("iat").is_some_and(made), "iat", "not about now, or missing: are both clocks right?")?;
    if claims.contains_key("nbf") {
        must(time("nbf").is_some_and(|start| start <= now + SKEW), "nbf", "in the future")?;
    }
    must(text("nonce") == Some(expected.nonce), "nonce", "that of another log-in, or missing")?;
    let is_id = |subject: &str| (1..=255).contains(&subject.len()) && !subject.contains(char::is_control);
    must(text("sub").is_some_and(is_id), "sub", "no id, or missing")
}

#[cfg(test)]
mod tests;
