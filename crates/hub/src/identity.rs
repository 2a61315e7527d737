//! The hub's own authority and certificate, kept in its directory.

use anyhow::{Context, bail};
use gabion_identity::{Authority, NodeKey, Secret, TrustDomain};
use jiff::{SignedDuration, Timestamp};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::CertificateDer;
use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
};

/// How long a certificate of the hub holds; it is made anew each time the hub starts, and once a day.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Who the hub is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who signs.
    pub(crate) authority: Arc<Authority>,
    names: Vec<String>,
}

impl Identity {
    /// As it was kept, or new. `names` are the names and addresses by which others find the hub.
    pub fn open(directory: &Path, names: Vec<String>, now: Timestamp) -> anyhow::Result<Self> {
        let (certificate, key) = (directory.join("authority.pem"), directory.join("authority.key"));
        let authority = match (certificate.exists(), key.exists()) {
            (true, true) => {
                let read = |path: &Path| {
                    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
                };
                Authority::from_pem(&read(&certificate)?, &Secret::new(read(&key)?))
                    .with_context(|| format!("{} cannot be used", certificate.display()))?
            }
            (false, false) => {
                let domain: TrustDomain = "gabion.local".parse()?;
                let authority = Authority::create(&domain, now)?;
                let (pem, secret) = authority.to_pem();
                write_secret(&key, secret.expose())?;
                write_secret(&certificate, pem)?;
                authority
            }
            _ => bail!(
                "of {} and {} one is there and the other is not: bring it back from a backup, or remove both and let all nodes join again",
                certificate.display(),
                key.display()
            ),
        };
        Ok(Self { authority: Arc::new(authority), names })
    }

    /// Whom nodes are to believe.
    pub(crate) fn authorities(&self) -> Vec<CertificateDer<'static>> {
        vec![self.authority.certificate().clone()]
    }

    /// How the hub shows itself to agents.
    pub(crate) fn for_agents(&self, now: Timestamp) -> anyhow::Result<Arc<ServerConfig>> {
        let key = NodeKey::generate()?;
        let issued = self.authority.hub(&key, &self.names, now, LIFETIME)?;
        Ok(Arc::new(gabion_identity::tls::server(issued.chain, &key, &self.authorities())?))
    }

    /// How the hub shows itself to other hubs, and whom it believes to be one.
    pub(crate) fn for_hubs(&self, now: Timestamp) -> anyhow::Result<ClientConfig> {
        let key = NodeKey::generate()?;
        let issued = self.authority.hub(&key, &self.names, now, LIFETIME)?;
        let domain = self.authority.domain();
        Ok(gabion_identity::tls::client(issued.chain, &key, &self.authorities(), domain)?)
    }

    /// How the hub shows itself to browsers, by its own authority.
    pub(crate) fn for_browsers(&self, now: Timestamp) -> anyhow::Result<ServerConfig> {
        let key = NodeKey::generate()?;
        let issued = self.authority.hub(&key, &self.names, now, LIFETIME)?;
        server(issued.chain, key.to_der())
    }
}

/// TLS for browsers.
pub(crate) fn server(
    chain: Vec<CertificateDer<'static>>,
    key: rustls_pki_types::PrivateKeyDer<'static>,
) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Writes a file that only its owner reads; wholly or not at all.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut file =
            fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
