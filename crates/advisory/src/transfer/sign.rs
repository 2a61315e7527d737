//! Signatures in the format of minisign: Ed25519 over a hash (`BLAKE2b`), and over the trusted comment.
//!
//! What `minisign -S` signs is verified here, and what is signed here `minisign -V` verifies. Only the prehashed kind is
//! taken. There is no password prompt in here: a secret key has a password that is passed in, or none.

use ct_codecs::{Base64, Decoder as _};
use minisign::{KeyPair, PError, SecretKey, SecretKeyBox};
use minisign_verify::Signature;
use std::str::FromStr;

/// Why something could not be signed, or a signature is not believed.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The public key.
    #[error("the public key cannot be read: it is neither a minisign.pub nor the line of base64 in it")]
    PublicKey(#[source] minisign_verify::Error),
    /// The signature as a text.
    #[error("the signature is not one of minisign")]
    Unreadable(#[source] minisign_verify::Error),
    /// The signature, or the key.
    #[error("the signature is wrong")]
    Wrong(#[source] minisign_verify::Error),
    /// The secret key.
    #[error("the secret key cannot be used (wrong password, or none where one is needed?)")]
    SecretKey(#[source] minisign::PError),
    /// Signing.
    #[error("signing failed")]
    Signing(#[source] minisign::PError),
    /// A comment has to be one line.
    #[error("the comment of a signature has more than one line")]
    Comment,
}

/// Who is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign_verify::PublicKey,
    id: String,
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    /// The content of `minisign.pub`, or its second line alone.
    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let line = text.trim().lines().next_back().unwrap_or_default().trim();
        let key = minisign_verify::PublicKey::from_base64(line).map_err(SignatureError::PublicKey)?;
        // Algorithm, number, key; the tool shows the number as one in little-endian.
        let bytes = Base64::decode_to_vec(line, None).unwrap_or_default();
        let number = bytes.get(2..10).and_then(|bytes| bytes.try_into().ok());
        let id = format!("{:016X}", u64::from_le_bytes(number.unwrap_or_default()));
        Ok(Self { key, id })
    }
}

impl PublicKey {
    /// The number of the key as `minisign` shows it: sixteen hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Checks a signature (the content of a `.minisig`), and gives its trusted comment.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<String, SignatureError> {
        let signature = Signature::decode(signature).map_err(SignatureError::Unreadable)?;
        self.key.verify(bytes, &signature, false).map_err(SignatureError::Wrong)?;
        Ok(signature.trusted_comment().to_owned())
    }
}

/// Signs with a secret key (the content of the file that `minisign -G` made). Gives the content of a `.minisig`.
pub fn sign(
    bytes: &[u8],
    secret_key: &str,
    password: Option<&str>,
    comment: &str,
) -> Result<String, SignatureError> {
    if comment.contains(['\n', '\r']) {
        return Err(SignatureError::Comment);
    }
    let key = match password {
        None => without_password(secret_key),
        Some(password) => SecretKeyBox::from_string(secret_key)
            .and_then(|key| key.into_secret_key(Some(password.to_owned()))),
    };
    let key = key.map_err(SignatureError::SecretKey)?;
    // With its public key at hand, a signature by a damaged secret key is noticed.
    let signature = minisign::PublicKey::from_secret_key(&key).and_then(|public| {
        let untrusted = "signature of Gabion";
        minisign::sign(Some(&public), &key, bytes, Some(comment), Some(untrusted))
    });
    Ok(signature.map_err(SignatureError::Signing)?.into_string())
}

/// A secret key that has no password. The tool, up to version 0.11 at least, leaves the checksum of such a key empty, which
/// the library does not expect.
fn without_password(text: &str) -> Result<SecretKey, PError> {
    SecretKeyBox::from_string(text)?.into_unencrypted_secret_key().or_else(|error| {
        let line = text.lines().nth(1).unwrap_or_default();
        let bytes = Base64::decode_to_vec(line.trim(), None).unwrap_or_default();
        // Algorithms (of key, password, checksum), salt and limits of the password; number, key and checksum.
        let fields = bytes.split_at_checked(2 + 2 + 2 + 32 + 8 + 8);
        let fields = fields.and_then(|(head, key)| Some((head.get(2..4)?, key.get(8 + 64..)?)));
        match fields {
            Some(([0, 0], checksum)) if checksum == [0; 32] => SecretKey::from_bytes(&bytes),
            _ => Err(error),
        }
    })
}

/// A new key: the content of the file with the secret key, and of the one with the public key.
pub fn generate(password: Option<&str>) -> Result<(String, String), SignatureError> {
    let pair = match password {
        None => KeyPair::generate_unencrypted_keypair(),
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
    };
    let texts =
        pair.and_then(|pair| Ok((pair.sk.to_box(None)?.into_string(), pair.pk.to_box()?.into_string())));
    texts.map_err(SignatureError::Signing)
}
