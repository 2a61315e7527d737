//! What makes a node a member: its key, its certificate, and whom it believes.

use crate::{KeyError, NodeKey, PeerError, Secret, TrustDomain, Validity, peer, peer_id, tls, validity};
use ct_codecs::{Base64, Decoder, Encoder};
use rustls_pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

/// Why somebody is no member.
#[derive(Debug, thiserror::Error)]
pub enum NodeIdentityError {
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate cannot be read.
    #[error("a certificate of this node cannot be used")]
    Certificate(#[from] PeerError),
    /// It has no certificate, or believes nobody.
    #[error("there is no certificate of this node, or of an authority")]
    Missing,
    /// The certificate is not of a node.
    #[error("the certificate is not of a node")]
    NoNode,
    /// The certificate is of another key.
    #[error("the certificate is not of the key of this node")]
    OtherKey,
    /// What was kept is no base64.
    #[error("a certificate that was kept is damaged")]
    Damaged,
}

/// A node as it shows itself to its hub.
#[derive(Debug)]
pub struct NodeIdentity {
    key: NodeKey,
    id: String,
    domain: TrustDomain,
    validity: Validity,
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
}

/// The same, to be written to a file that nobody else may read.
#[derive(Serialize, Deserialize)]
pub struct KeptIdentity {
    /// PEM of PKCS #8.
    key: String,
    /// Base64 of DER, the node's first.
    chain: Vec<String>,
    /// Base64 of DER.
    authorities: Vec<String>,
}

impl NodeIdentity {
    /// Of what a hub has answered, certificates in DER. Whether they are genuine shows when they are used.
    pub fn new(
        key: NodeKey,
        chain: Vec<Vec<u8>>,
        authorities: Vec<Vec<u8>>,
    ) -> Result<Self, NodeIdentityError> {
        let leaf = chain.first().filter(|_| !authorities.is_empty()).ok_or(NodeIdentityError::Missing)?;
        let name = peer_id(leaf)?;
        let id = name.node_id().ok_or(NodeIdentityError::NoNode)?.to_owned();
        if peer::public_key(leaf)? != key.public() {
            return Err(NodeIdentityError::OtherKey);
        }
        for authority in &authorities {
            peer::authority_id(authority)?;
        }
        let validity = validity(leaf)?;
        let certificates = |der: Vec<Vec<u8>>| der.into_iter().map(CertificateDer::from).collect();
        let (chain, authorities) = (certificates(chain), certificates(authorities));
        Ok(Self { key, id, domain: name.domain().clone(), validity, chain, authorities })
    }

    /// As it was kept.
    pub fn read(kept: KeptIdentity) -> Result<Self, NodeIdentityError> {
        let key = NodeKey::from_pem(&Secret::new(kept.key))?;
        let decoded = |texts: &[String]| {
            let one =
                |text: &String| Base64::decode_to_vec(text, None).map_err(|_| NodeIdentityError::Damaged);
            texts.iter().map(one).collect::<Result<Vec<_>, _>>()
        };
        Self::new(key, decoded(&kept.chain)?, decoded(&kept.authorities)?)
    }

    /// To be kept.
    pub fn keep(&self) -> KeptIdentity {
        let encoded = |der: &[CertificateDer<'_>]| {
            // What is longer than memory is not there.
            der.iter().map(|one| Base64::encode_to_string(one).unwrap_or_default()).collect()
        };
        let key = self.key.to_pem().expose().to_owned();
        KeptIdentity { key, chain: encoded(&self.chain), authorities: encoded(&self.authorities) }
    }

    /// The id of the node.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When its certificate holds.
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// Whether it believes the authority with this fingerprint.
    pub fn believes(&self, fingerprint: [u8; 32]) -> bool {
        self.authorities.iter().any(|authority| crate::fingerprint(authority) == fingerprint)
    }

    /// How it calls its hub.
    pub fn tls(&self) -> Result<rustls::ClientConfig, tls::TlsError> {
        tls::client(self.chain.clone(), &self.key, &self.authorities, &self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authority, NodeRequest};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_member_is_the_same_when_it_is_read_again_and_needs_its_own_key() {
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
        let authority =
            Authority::create(&"example.org".parse().expect("a domain"), now).expect("an authority");
        let key = NodeKey::generate().expect("a key");
        let request = NodeRequest::read(&key.request().expect("a request")).expect("genuine");
        let issued = authority.node(&request, "n1", now, SignedDuration::from_hours(1)).expect("signs");
        let chain: Vec<_> = issued.chain.iter().map(|one| one.to_vec()).collect();
        let trusted = vec![authority.certificate().to_vec()];
        let node = NodeIdentity::new(key, chain.clone(), trusted.clone()).expect("a member");
        let again = NodeIdentity::read(node.keep()).expect("a member");
        assert_eq!((again.id(), again.validity()), ("n1", node.validity()));
        assert!(again.believes(authority.fingerprint()) && !again.believes([0; 32]));
        again.tls().expect("a configuration");
        assert!(!format!("{again:?}").contains("PRIVATE"));

        let other = || NodeKey::generate().expect("a key");
        assert!(matches!(
            NodeIdentity::new(other(), chain.clone(), trusted.clone()),
            Err(NodeIdentityError::OtherKey)
        ));
        for (chain, trusted) in [(Vec::new(), trusted.clone()), (chain.clone(), Vec::new())] {
            assert!(matches!(NodeIdentity::new(other(), chain, trusted), Err(NodeIdentityError::Missing)));
        }
        let hub = other();
        let issued = authority.hub(&hub, &[], now, SignedDuration::from_hours(1)).expect("signs");
        let chain = issued.chain.iter().map(|one| one.to_vec()).collect();
        assert!(matches!(NodeIdentity::new(hub, chain, trusted), Err(NodeIdentityError::NoNode)));
    }
}
