//! SPIFFE IDs, as the standard SPIFFE-ID defines them: `spiffe://DOMAIN/PATH`.
//!
//! Strict on purpose: one spelling for each name, so that comparing bytes is comparing names. Percent-encoding, ports, users, queries,
//! fragments, empty or dotted segments and a slash at the end are all refused (sections 2.1 to 2.4).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A trust domain is not longer, in bytes (2.1).
const MAX_DOMAIN: usize = 255;
/// An ID is not longer, in bytes (2.3).
const MAX_ID: usize = 2048;
const SCHEME: &str = "spiffe://";
const HUB: &str = "/hub";
const NODE: &str = "/node/";

/// Why a text is no SPIFFE ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// It is something else.
    #[error("a SPIFFE ID begins with spiffe://")]
    Scheme,
    /// Longer than 2048 bytes.
    #[error("a SPIFFE ID is not longer than {MAX_ID} bytes")]
    TooLong,
    /// The domain is empty, too long, or has other characters.
    #[error("a trust domain has 1 to {MAX_DOMAIN} of a-z, 0-9, '.', '-' and '_'")]
    Domain,
    /// A segment of the path is empty, dotted, or has other characters.
    #[error(
        "the path of a SPIFFE ID has segments of a-z, A-Z, 0-9, '.', '-' and '_', none of them empty, '.' or '..'"
    )]
    Path,
}

/// What one authority, and whoever it believes, speaks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TrustDomain(String);

/// The name of a workload, a node or a hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpiffeId {
    domain: TrustDomain,
    /// Empty, or begins with a slash.
    path: String,
}

impl TrustDomain {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SpiffeId {
    /// Of a hub.
    pub fn hub(domain: &TrustDomain) -> Self {
        Self { domain: domain.clone(), path: HUB.to_owned() }
    }

    /// Of a node.
    pub fn node(domain: &TrustDomain, id: &str) -> Result<Self, SpiffeError> {
        if !is_segment(id) || id.len() > MAX_DOMAIN {
            return Err(SpiffeError::Path);
        }
        Ok(Self { domain: domain.clone(), path: format!("{NODE}{id}") })
    }

    /// Of an authority: the domain itself.
    pub const fn authority(domain: TrustDomain) -> Self {
        Self { domain, path: String::new() }
    }

    /// Whose it is.
    pub const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// What follows the domain: empty, or `/node/7f3a`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether a hub is called so.
    pub fn is_hub(&self) -> bool {
        self.path == HUB
    }

    /// The id of the node that is called so; none if it is no node.
    pub fn node_id(&self) -> Option<&str> {
        self.path.strip_prefix(NODE).filter(|id| !id.contains('/'))
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        if text.is_empty() || text.len() > MAX_DOMAIN || !text.bytes().all(allowed) {
            return Err(SpiffeError::Domain);
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        if text.len() > MAX_ID {
            return Err(SpiffeError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(SpiffeError::Scheme)?;
        let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let domain = domain.parse()?;
        if !path.is_empty() && !path[1..].split('/').all(is_segment) {
            return Err(SpiffeError::Path);
        }
        Ok(Self { domain, path: path.to_owned() })
    }
}

fn is_segment(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !matches!(text, "" | "." | "..") && text.bytes().all(allowed)
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}{}", self.domain, self.path)
    }
}

impl Serialize for SpiffeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpiffeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_the_standard_are_read() {
        for text in
            ["spiffe://example.org", "spiffe://example.org/ns/default/sa/web", "spiffe://a_b-c.1/A.b/..."]
        {
            assert_eq!(text.parse::<SpiffeId>().expect("a name").to_string(), text);
        }
        let longest = format!("spiffe://a/{}", "b".repeat(MAX_ID - 11));
        assert!(longest.parse::<SpiffeId>().is_ok());
        assert_eq!(format!("{longest}b").parse::<SpiffeId>(), Err(SpiffeError::TooLong));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "spiffe:",
            "spiffe:/a",
            "SPIFFE://a/b",
            "https://a/b",
            "spiffe://",
            "spiffe:///a",
            "spiffe://A/b",
            "spiffe://a:1/b",
            "spiffe://u@a/b",
            "spiffe://a/",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/.",
            "spiffe://a/../b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/%62",
            "spiffe://a/b c",
            "spiffe://ä/b",
            "spiffe://a/b\0",
            " spiffe://a/b",
            "spiffe://a%2e/b",
            "spiffe://a?b",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text:?}");
        }
        assert!(format!("spiffe://{}", "a".repeat(256)).parse::<SpiffeId>().is_err());
    }

    #[test]
    fn a_node_is_what_is_right_below_node() {
        let domain: TrustDomain = "example.org".parse().expect("a domain");
        assert_eq!(SpiffeId::node(&domain, "n1").expect("an id").node_id(), Some("n1"));
        for id in ["", "..", "a/b", "a b", "hub\n"] {
            assert!(SpiffeId::node(&domain, id).is_err(), "{id:?}");
        }
        for text in
            ["spiffe://example.org/node/a/b", "spiffe://example.org/node", "spiffe://example.org/nodes/a"]
        {
            assert_eq!(text.parse::<SpiffeId>().expect("a name").node_id(), None);
        }
        assert!(SpiffeId::hub(&domain).is_hub());
        assert!(!"spiffe://example.org/hub/x".parse::<SpiffeId>().expect("a name").is_hub());
    }

    proptest! {
        #[test]
        fn whatever_is_read_prints_as_it_was(text in "(spiffe://)?[a-zA-Z0-9._/:%@?#-]{0,40}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }

        #[test]
        fn no_text_is_a_panic(text in any::<String>()) {
            let _ = text.parse::<SpiffeId>();
            let _ = format!("spiffe://{text}").parse::<SpiffeId>();
        }
    }
}
