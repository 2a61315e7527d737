//! Keys: ECDSA over P-256, made here and never sent.

use crate::Secret;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;

/// A key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The library refuses.
    #[error("cannot make a key")]
    Make(#[source] rcgen::Error),
    /// A file holds something else.
    #[error("this is no P-256 key in PEM")]
    Read(#[source] rcgen::Error),
}

/// The private key of a node, or of a hub.
pub struct NodeKey(pub(crate) KeyPair);

impl NodeKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self).map_err(KeyError::Make)
    }

    /// From PEM of PKCS #8.
    pub fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        KeyPair::from_pkcs8_pem_and_sign_algo(pem.expose(), &PKCS_ECDSA_P256_SHA256)
            .map(Self)
            .map_err(KeyError::Read)
    }

    /// As PEM of PKCS #8.
    pub fn to_pem(&self) -> Secret {
        Secret::new(self.0.serialize_pem())
    }

    /// A request for a certificate of it (PKCS #10, DER). It asks for nothing: the authority decides what is in a certificate.
    pub fn request(&self) -> Result<Vec<u8>, KeyError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        Ok(params.serialize_request(&self.0).map_err(KeyError::Make)?.der().to_vec())
    }

    /// The public key, as certificates have it.
    pub(crate) fn public(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// For TLS; whoever has it has the key.
    pub fn to_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.0.serialize_der()))
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey([redacted])")
    }
}

/// Random bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Linux answers always, once it has started.
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    bytes
}
