//! The certificate authority of a hub.
//!
//! One key signs all: hubs and nodes, directly (path length 0). What a node asks for in its request is not looked at but its public key; what is
//! in a certificate is decided here.
//!
//! ```text
//!   authority   CN "gabion DOMAIN"   URI spiffe://DOMAIN           signs certificates only        ten years
//!   hub         DNS, IP              URI spiffe://DOMAIN/hub       server, client                 as asked
//!   node        -                    URI spiffe://DOMAIN/node/ID   client and server              as asked
//! ```

use crate::{
    KeyError, NodeKey, PeerError, Secret, SpiffeError, SpiffeId, TrustDomain, fingerprint, key, peer,
};
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, pem::PemObject};
use std::{net::IpAddr, time::SystemTime};

/// How long an authority holds.
const AUTHORITY: SignedDuration = SignedDuration::from_hours(24 * 3653);
/// Certificates hold from this much before they were made, as clocks differ.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// A request is not longer, in bytes: with a key of P-256 it has about 200.
const MAX_REQUEST: usize = 8 << 10;
/// A host name is not longer.
const MAX_NAME: usize = 253;
/// An uncompressed point of P-256: its first byte, and two coordinates.
const POINT: (u8, usize) = (4, 65);

/// What an authority cannot do.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its key cannot be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Its certificate is none, or not its own.
    #[error("the certificate of the authority cannot be used")]
    Certificate(#[from] PeerError),
    /// Certificate and key are of two authorities.
    #[error("the key is not that of the certificate of the authority")]
    OtherKey,
    /// There is no certificate in the PEM.
    #[error("there is no certificate in this PEM")]
    Pem,
    /// The id of a node is no segment of a SPIFFE ID.
    #[error("a node cannot be called so")]
    Name(#[from] SpiffeError),
    /// A name of the hub is neither a host name nor an address.
    #[error("{0:?} is no host name")]
    Host(String),
    /// A request of a node is none, or was not signed by the key that it holds.
    #[error("this is no request for a certificate, or it was not signed by its key")]
    Request(#[source] rcgen::Error),
    /// A request is longer than any that a node makes, or of a key of another kind.
    #[error("a request for a certificate holds a key of P-256, and little else")]
    OddRequest,
    /// The authority itself does not hold at this time.
    #[error("the certificate of the authority does not hold at this time")]
    Expired,
    /// Signing failed.
    #[error("cannot sign a certificate")]
    Sign(#[source] rcgen::Error),
}

/// An authority: certificate and key.
#[derive(Debug)]
pub struct Authority {
    domain: TrustDomain,
    certificate: CertificateDer<'static>,
    pem: String,
    key: Secret,
    issuer: Issuer<'static, KeyPair>,
    validity: peer::Validity,
}

/// A request of a node that is genuine: whoever made it has the key.
#[derive(Debug)]
pub struct NodeRequest(rcgen::PublicKey);

/// A certificate, and those above it.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The holder's first, the authority's last.
    pub chain: Vec<CertificateDer<'static>>,
    /// When it ends.
    pub until: Timestamp,
}

impl NodeRequest {
    /// Reads one (PKCS #10, DER), and checks its signature.
    pub fn read(der: &[u8]) -> Result<Self, AuthorityError> {
        if der.len() > MAX_REQUEST {
            return Err(AuthorityError::OddRequest);
        }
        let request = CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(der))
            .map_err(AuthorityError::Request)?;
        let key = request.public_key;
        let is_point = (key.der_bytes().first(), key.der_bytes().len()) == (Some(&POINT.0), POINT.1);
        if *key.algorithm() != PKCS_ECDSA_P256_SHA256 || !is_point {
            return Err(AuthorityError::OddRequest);
        }
        Ok(Self(key))
    }
}

impl Authority {
    /// A new one.
    pub fn create(domain: &TrustDomain, now: Timestamp) -> Result<Self, AuthorityError> {
        let key = NodeKey::generate()?;
        let mut params = params(&SpiffeId::authority(domain.clone()), now - SKEW, now + AUTHORITY)?;
        params.distinguished_name.push(DnType::CommonName, format!("gabion {domain}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key.0).map_err(AuthorityError::Sign)?.pem();
        Self::from_pem(&pem, &key.to_pem())
    }

    /// As it was kept: its certificate and its key.
    pub fn from_pem(certificate: &str, key: &Secret) -> Result<Self, AuthorityError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| AuthorityError::Pem)?;
        let id = peer::authority_id(&der)?;
        let pair = NodeKey::from_pem(key)?.0;
        if peer::public_key(&der)? != pair.subject_public_key_info() {
            return Err(AuthorityError::OtherKey);
        }
        Ok(Self {
            domain: id.domain().clone(),
            validity: peer::validity(&der)?,
            issuer: Issuer::from_ca_cert_der(&der, pair).map_err(AuthorityError::Request)?,
            certificate: der,
            pem: certificate.to_owned(),
            key: key.clone(),
        })
    }

    /// Its certificate and its key, to be kept.
    pub fn to_pem(&self) -> (&str, &Secret) {
        (&self.pem, &self.key)
    }

    /// What it speaks for.
    pub const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The fingerprint of its certificate.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// A certificate for a hub, which is reached by these host names and addresses. Agents look at the SPIFFE ID; the names are for others.
    pub fn hub(
        &self,
        key: &NodeKey,
        names: &[String],
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<Issued, AuthorityError> {
        let mut params = self.leaf(&SpiffeId::hub(&self.domain), now, lifetime)?;
        // Hubs ask each other, too.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host(name)?),
            });
        }
        self.sign(&params, &key.0)
    }

    /// A certificate for a node.
    pub fn node(
        &self,
        request: &NodeRequest,
        id: &str,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<Issued, AuthorityError> {
        let mut params = self.leaf(&SpiffeId::node(&self.domain, id)?, now, lifetime)?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params, &request.0)
    }

    /// What hubs and nodes have in common. Nothing outlives the authority.
    fn leaf(
        &self,
        id: &SpiffeId,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<CertificateParams, AuthorityError> {
        if now < self.validity.from || now > self.validity.until {
            return Err(AuthorityError::Expired);
        }
        let until = now.checked_add(lifetime).unwrap_or(Timestamp::MAX).min(self.validity.until);
        let mut params = params(id, (now - SKEW).max(self.validity.from), until)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }

    fn sign(&self, params: &CertificateParams, key: &impl PublicKeyData) -> Result<Issued, AuthorityError> {
        let certificate = params.signed_by(key, &self.issuer).map_err(AuthorityError::Sign)?;
        let until = peer::validity(certificate.der())?.until;
        Ok(Issued { chain: vec![certificate.into(), self.certificate.clone()], until })
    }
}

fn params(id: &SpiffeId, from: Timestamp, until: Timestamp) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.not_before = SystemTime::from(from).into();
    params.not_after = SystemTime::from(until).into();
    params.distinguished_name = DistinguishedName::new();
    params.key_identifier_method = KeyIdMethod::Sha256;
    // Positive, and not short (RFC 5280, 4.1.2.2).
    let mut serial = key::random::<16>();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let uri = id.to_string().try_into().map_err(AuthorityError::Sign)?;
    params.subject_alt_names = vec![SanType::URI(uri)];
    Ok(params)
}

/// A host name, as certificates have it.
fn host(name: &str) -> Result<rcgen::string::Ia5String, AuthorityError> {
    let odd = || AuthorityError::Host(name.to_owned());
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if name.len() > MAX_NAME || !name.split('.').all(label) {
        return Err(odd());
    }
    name.try_into().map_err(|_| odd())
}

#[cfg(test)]
mod tests;
