//! Who is who between a hub and its agents: names, certificates, join tokens, and TLS that believes them.
//!
//! ```text
//!   Authority ──issues──► hub:  chain [leaf spiffe://DOMAIN/hub, authority], key
//!       │  fingerprint                    ▲
//!       ▼                                 │ TLS 1.3, the agent pins the fingerprint of the token
//!   JoinToken ──by hand──► node: NodeKey ─┴► request (PKCS #10) + secret
//!                                ◄── signed: leaf spiffe://DOMAIN/node/ID, from now on both ends show certificates
//! ```
//!
//! A name is a [`SpiffeId`], and the only one that counts in a certificate: neither host names nor subjects are looked at, so a
//! hub may move and a node may be renamed. Nothing here does I/O or asks for the time; keys and serial numbers are random.

#![forbid(unsafe_code)]

mod authority;
mod key;
mod node;
mod peer;
mod secret;
mod spiffe;
pub mod tls;
mod token;

pub use authority::{Authority, AuthorityError, Issued, NodeRequest};
pub use key::{KeyError, NodeKey};
pub use node::{KeptIdentity, NodeIdentity, NodeIdentityError};
pub use peer::{PeerError, Validity, peer_id, validity};
pub use secret::Secret;
pub use spiffe::{SpiffeError, SpiffeId, TrustDomain};
pub use token::{JoinToken, TokenError};

use sha2::{Digest, Sha256};

/// SHA-256 of a certificate as it is sent (DER): what people compare, and tokens pin.
pub fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}
