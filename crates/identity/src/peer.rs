//! What a certificate says of its holder.

use crate::{SpiffeError, SpiffeId};
use jiff::Timestamp;
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, ParsedExtension},
    prelude::FromDer,
};

/// A certificate is not longer, in bytes.
const MAX_CERTIFICATE: usize = 16 << 10;

/// Why a certificate names nobody.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It cannot be read.
    #[error("this is no certificate of X.509")]
    Malformed,
    /// None, or several: then it is not clear who this is (SPIFFE X509-SVID, section 2).
    #[error("a certificate names its holder by one URI, this one has {0}")]
    Uris(usize),
    /// The URI is no SPIFFE ID.
    #[error(transparent)]
    Spiffe(#[from] SpiffeError),
    /// It may sign others, and so is no holder's own.
    #[error("this is the certificate of an authority")]
    Authority,
    /// It is one that may not sign others.
    #[error("this is no certificate of an authority")]
    NoAuthority,
}

/// From when until when a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub from: Timestamp,
    /// The last second.
    pub until: Timestamp,
}

impl Validity {
    /// Half of its time is over, or all: a new one is due. A clock that went back makes it due, too.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let half = self.from + self.until.duration_since(self.from) / 2;
        now >= half || now < self.from
    }
}

/// Who the holder of a certificate (DER) is: its only URI, which must be a SPIFFE ID with a path. Whether the certificate is genuine is asked elsewhere.
pub fn peer_id(certificate: &[u8]) -> Result<SpiffeId, PeerError> {
    let certificate = parse(certificate)?;
    if certificate.is_ca() {
        return Err(PeerError::Authority);
    }
    let id = id(&certificate)?;
    if id.path().is_empty() { Err(SpiffeError::Path.into()) } else { Ok(id) }
}

/// Which domain an authority (DER) speaks for.
pub(crate) fn authority_id(certificate: &[u8]) -> Result<SpiffeId, PeerError> {
    let certificate = parse(certificate)?;
    if !certificate.is_ca() {
        return Err(PeerError::NoAuthority);
    }
    let id = id(&certificate)?;
    if id.path().is_empty() { Ok(id) } else { Err(SpiffeError::Path.into()) }
}

/// When a certificate (DER) holds.
pub fn validity(certificate: &[u8]) -> Result<Validity, PeerError> {
    let certificate = parse(certificate)?;
    let at = |seconds| Timestamp::from_second(seconds).map_err(|_| PeerError::Malformed);
    let validity = certificate.validity();
    Ok(Validity { from: at(validity.not_before.timestamp())?, until: at(validity.not_after.timestamp())? })
}

/// The public key of a certificate (DER), as it is encoded.
pub(crate) fn public_key(certificate: &[u8]) -> Result<Vec<u8>, PeerError> {
    Ok(parse(certificate)?.public_key().raw.to_vec())
}

fn parse(certificate: &[u8]) -> Result<X509Certificate<'_>, PeerError> {
    if certificate.len() > MAX_CERTIFICATE {
        return Err(PeerError::Malformed);
    }
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(PeerError::Malformed),
    }
}

fn id(certificate: &X509Certificate<'_>) -> Result<SpiffeId, PeerError> {
    let mut uris = Vec::new();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                uris.extend(names.general_names.iter().filter_map(|name| match name {
                    GeneralName::URI(uri) => Some(*uri),
                    _ => None,
                }));
            }
            ParsedExtension::ParseError { .. } => return Err(PeerError::Malformed),
            _ => {}
        }
    }
    match uris.as_slice() {
        [only] => Ok(only.parse()?),
        others => Err(PeerError::Uris(others.len())),
    }
}
