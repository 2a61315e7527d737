//! Alerts as others read them. Each is a pure function of the alert; the same alert gives the same bytes.

mod attack;
mod falco;
mod ocsf;

pub use falco::{falco_json, text};
pub use ocsf::ocsf;

/// Bytes as text: what is no UTF-8 becomes U+FFFD, as in Falco.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
