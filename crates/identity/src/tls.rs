//! TLS by SPIFFE IDs: 1.3 only, HTTP/2 only, no resumption, so that each connection shows its certificates anew.
//!
//! | configuration | shows | believes |
//! |---|---|---|
//! | [`server`] | a hub's chain | whoever an authority has signed; or nobody, who may join only |
//! | [`client`] | a node's chain | a hub of the trust domain, wherever it listens |
//! | [`pinned`] | nothing | a hub right below the one authority that the join token names |
//!
//! The signatures of all are checked by rustls; who a client is, the server asks [`crate::peer_id`].

mod hub;

use crate::{NodeKey, PeerError, TrustDomain};
use hub::{Believed, HubVerifier};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    version::TLS13,
};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

/// The protocol that is spoken over it.
const HTTP2: &[u8] = b"h2";

/// A configuration that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Of an authority, or of the holder.
    #[error("a certificate cannot be used for TLS")]
    Certificate(#[source] rustls::Error),
    /// Who is to be believed is not clear.
    #[error("the authorities cannot be used for TLS")]
    Authorities(#[source] VerifierBuilderError),
    /// An authority speaks for no trust domain.
    #[error("the authorities cannot be used for TLS")]
    Authority(#[from] PeerError),
}

/// For a hub. A client need show no certificate, but one that it shows must be of these authorities.
pub fn server(
    chain: Vec<CertificateDer<'static>>,
    key: &NodeKey,
    authorities: &[CertificateDer<'static>],
) -> Result<ServerConfig, TlsError> {
    let clients = WebPkiClientVerifier::builder_with_provider(roots(authorities)?.into(), provider())
        .allow_unauthenticated()
        .build()
        .map_err(TlsError::Authorities)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Certificate)?
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key.to_der())
        .map_err(TlsError::Certificate)?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// For a node that has a certificate.
pub fn client(
    chain: Vec<CertificateDer<'static>>,
    key: &NodeKey,
    authorities: &[CertificateDer<'static>],
    domain: &TrustDomain,
) -> Result<ClientConfig, TlsError> {
    let believed = Believed::Authorities { roots: roots(authorities)?, domain: domain.clone() };
    let config = connecting(believed)?;
    let config = config.with_client_auth_cert(chain, key.to_der()).map_err(TlsError::Certificate)?;
    Ok(finished(config))
}

/// For a node that has a join token only: with the fingerprint in it.
pub fn pinned(fingerprint: [u8; 32]) -> Result<ClientConfig, TlsError> {
    Ok(finished(connecting(Believed::Fingerprint(fingerprint))?.with_no_client_auth()))
}

fn connecting(
    believed: Believed,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, TlsError> {
    let verifier = HubVerifier::new(believed, provider().signature_verification_algorithms);
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Certificate)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![HTTP2.to_vec()];
    config.resumption = Resumption::disabled();
    // The name of the host is none of a hub's names.
    config.enable_sni = false;
    config
}

fn provider() -> Arc<CryptoProvider> {
    aws_lc_rs::default_provider().into()
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        crate::peer::authority_id(authority)?;
        roots.add(authority.clone()).map_err(TlsError::Certificate)?;
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
