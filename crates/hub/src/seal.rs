//! Secrets that the hub needs again, of registries, sinks and the provider of identities: sealed before they go into the database, with a key beside the
//! hub's identity. So a dump of the database alone lets nobody in anywhere.
//!
//! ```text
//!   sealed:1:BASE64( nonce, 12 bytes │ AES-256-GCM │ tag )        bound to what it is for: `registry main https://...`
//! ```

use crate::{
    Hub,
    error::{Answer, ApiError},
    hex,
    identity::write_secret,
    random,
};
use anyhow::{Context, anyhow, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use sha2::{Digest, Sha256};
use std::{fs, path::Path};

/// What is sealed begins with this, so that another form can follow.
const FORM: &str = "sealed:1:";
/// Bytes of the key.
const KEY: usize = 32;

impl Hub {
    /// A secret that was sent, as it is kept; one that is empty takes away.
    pub(crate) fn sealed(&self, secret: Option<String>, of: &str) -> Answer<Option<String>> {
        let seal = |secret: String| if secret.is_empty() { Ok(secret) } else { self.seal.seal(&secret, of) };
        secret.map(seal).transpose().map_err(|error| ApiError::Broken(format!("{error:#}")))
    }
}

/// Seals and opens.
#[derive(Debug)]
pub(crate) struct Seal(RandomizedNonceKey, String);

impl Seal {
    /// With the key of a directory, which is made if there is none.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        let path = directory.join("secrets.key");
        if !path.exists() {
            let key = Base64UrlSafeNoPadding::encode_to_string(random::<KEY>())?;
            write_secret(&path, &key)?;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let key =
            Base64UrlSafeNoPadding::decode_to_vec(text.trim(), None).ok().filter(|key| key.len() == KEY);
        let key = key.with_context(|| format!("{} holds no key", path.display()))?;
        // It tells keys apart, and nothing of them: they are random.
        let mark = hex(&Sha256::digest([b"which key of secrets: ".as_slice(), &key].concat()));
        let key = RandomizedNonceKey::new(&AES_256_GCM, &key).ok();
        Ok(Self(key.with_context(|| format!("{} holds no key", path.display()))?, mark))
    }

    /// Which key it is.
    pub(crate) fn mark(&self) -> &str {
        &self.1
    }

    /// A secret as it may be kept, for one use only.
    pub(crate) fn seal(&self, secret: &str, of: &str) -> anyhow::Result<String> {
        let mut sealed = secret.as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(of.as_bytes()), &mut sealed)
            .map_err(|_| anyhow!("a secret cannot be sealed"))?;
        let mut all = nonce.as_ref().to_vec();
        all.append(&mut sealed);
        Ok(format!("{FORM}{}", Base64UrlSafeNoPadding::encode_to_string(all)?))
    }

    /// The secret again.
    pub(crate) fn unseal(&self, sealed: &str, of: &str) -> anyhow::Result<String> {
        let broken =
            || anyhow!("a secret that is kept cannot be opened with the key of this hub: give it anew");
        let Some(text) = sealed.strip_prefix(FORM) else { bail!(broken()) };
        let mut all = Base64UrlSafeNoPadding::decode_to_vec(text, None).map_err(|_| broken())?;
        if all.len() < NONCE_LEN {
            bail!(broken());
        }
        let mut sealed = all.split_off(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(&all).map_err(|_| broken())?;
        let opened =
            self.0.open_in_place(nonce, Aad::from(of.as_bytes()), &mut sealed).map_err(|_| broken())?;
        String::from_utf8(opened.to_vec()).map_err(|_| broken())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_what_it_is_for_and_nowhere_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let seal = Seal::open(directory.path()).expect("a key");
        let sealed = seal.seal("s3cret", "registry main").expect("seals");
        assert!(!sealed.contains("s3cret"));
        assert_ne!(sealed, seal.seal("s3cret", "registry main").expect("seals"), "a nonce is used once");
        let again = Seal::open(directory.path()).expect("the same key");
        assert_eq!(again.unseal(&sealed, "registry main").expect("opens"), "s3cret");
        let other = tempfile::tempdir().expect("a directory");
        let other = Seal::open(other.path()).expect("another key");
        for (seal, sealed, of) in [
            (&seal, sealed.as_str(), "registry other"),
            (&other, &sealed, "registry main"),
            (&seal, "s3cret", "registry main"),
            (&seal, "sealed:1:", "registry main"),
            (&seal, "sealed:1:????", "registry main"),
            (&seal, &sealed[..sealed.len() - 4], "registry main"),
        ] {
            let error = seal.unseal(sealed, of).expect_err("stays closed").to_string();
            assert!(error.contains("give it anew") && !error.contains("s3cret"), "{error}");
        }
        fs::write(directory.path().join("secrets.key"), "short").expect("writes");
        assert!(Seal::open(directory.path()).is_err());
    }
}
