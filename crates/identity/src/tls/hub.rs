//! Whether a server is a hub.
//!
//! Nodes have certificates of the same authority, also for servers; so a signature is not enough, and the SPIFFE ID decides. Were it not so, any
//! node could take the join token of the next one.

use crate::{TrustDomain, fingerprint, peer, peer_id};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;

/// Why a server is no hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoHub {
    #[error("the server is not the hub that the join token is of")]
    OtherAuthority,
    #[error("the server is no hub of the trust domain")]
    OtherName,
}

/// Who says that a server is a hub.
#[derive(Debug)]
pub(super) enum Believed {
    /// These, of hubs in this domain.
    Authorities { roots: RootCertStore, domain: TrustDomain },
    /// The one whose certificate has this fingerprint; the server sends it along.
    Fingerprint([u8; 32]),
}

#[derive(Debug)]
pub(super) struct HubVerifier {
    believed: Believed,
    algorithms: WebPkiSupportedAlgorithms,
}

impl HubVerifier {
    pub(super) const fn new(believed: Believed, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { believed, algorithms }
    }
}

impl ServerCertVerifier for HubVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let signed = |roots: &RootCertStore, between: &[CertificateDer<'_>]| {
            verify_server_cert_signed_by_trust_anchor(&leaf, roots, between, now, self.algorithms.all)
        };
        let domain = match &self.believed {
            Believed::Authorities { roots, domain } => {
                signed(roots, intermediates)?;
                domain.clone()
            }
            Believed::Fingerprint(pin) => {
                let authority = intermediates
                    .iter()
                    .find(|certificate| fingerprint(certificate) == *pin)
                    .ok_or_else(|| refused(NoHub::OtherAuthority))?;
                let id = peer::authority_id(authority).map_err(|_| CertificateError::BadEncoding)?;
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone().into_owned())?;
                // Right below it, whatever else was sent.
                signed(&roots, &[])?;
                id.domain().clone()
            }
        };
        let id = peer_id(end_entity).map_err(|_| refused(NoHub::OtherName))?;
        if !id.is_hub() || *id.domain() != domain {
            return Err(refused(NoHub::OtherName));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn refused(why: NoHub) -> Error {
    CertificateError::Other(OtherError(Arc::new(why))).into()
}
