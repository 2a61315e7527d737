//! What a workload may do: plain data, as people write it.
//!
//! ```yaml
//! name: web
//! mode: enforce
//! exec:
//!   default: deny
//!   allow: [/usr/sbin/nginx, /usr/lib/nginx/**]
//!   image_only: true
//! connect:
//!   default: deny
//!   allow: [{net: 10.0.0.0/8, port: 5432, transport: tcp}]
//! fail: {mode: closed, deadline_ms: 1000}
//! ```
//!
//! Of several rules that fit a path the longest decides, and of several that fit an address the longest prefix; a denial comes
//! before an allowance that is as long. Content comes after paths, but for content that is denied.

use gabion_model::{Digest, event::Transport};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};
use thiserror::Error;

/// Longer paths cannot be rules: that is what the kernel compares.
const MAX_PATH: usize = 240;

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// By what it is called in records.
    pub name: String,
    /// What becomes of denials.
    pub mode: Mode,
    /// Which programs may be executed.
    pub exec: ExecRules,
    /// Which files may be opened.
    pub open: OpenRules,
    /// With whom connections may be made, or packets exchanged.
    pub connect: ConnectRules,
    /// What happens when nobody can decide in time.
    pub fail: Fail,
}

/// What becomes of what a policy denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is let through and recorded.
    #[default]
    Observe,
    /// It is let through and recorded, and somebody is told.
    Alert,
    /// It is denied.
    Enforce,
}

/// What becomes of whatever no rule fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// It is allowed.
    #[default]
    Allow,
    /// It is denied.
    Deny,
}

/// Which programs may be executed. A script is one, and its interpreter is another; the dynamic loader of a program that
/// is allowed is, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecRules {
    /// What no rule fits.
    pub default: Choice,
    /// Allowed, by the path that the container knows.
    pub allow: Vec<Pattern>,
    /// Denied, by path.
    pub deny: Vec<Pattern>,
    /// Allowed, by content.
    pub allow_digests: Vec<Digest>,
    /// Denied, by content.
    pub deny_digests: Vec<Digest>,
    /// Only files of the image: nothing that was written since the container started, and nothing in memory.
    pub image_only: bool,
}

/// Which files may be opened; whatever no rule fits may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenRules {
    /// Exceptions to what is denied.
    pub allow: Vec<Pattern>,
    /// Denied.
    pub deny: Vec<Pattern>,
}

/// With whom connections may be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectRules {
    /// What no rule fits.
    pub default: Choice,
    /// Allowed.
    pub allow: Vec<Peer>,
    /// Denied.
    pub deny: Vec<Peer>,
}

/// Peers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Their addresses.
    pub net: Net,
    /// Their port; 0 is any.
    #[serde(default)]
    pub port: u16,
    /// The last port of a range that begins with `port`; 0 if it is only that one.
    #[serde(default)]
    pub port_to: u16,
    /// TCP or UDP; `None` is any.
    #[serde(default, with = "transport")]
    pub transport: Option<Transport>,
}

/// What happens to what cannot be decided in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fail {
    /// It is allowed (open) or denied (closed).
    pub mode: FailMode,
    /// In how many milliseconds.
    pub deadline_ms: u32,
}

impl Default for Fail {
    fn default() -> Self {
        Self { mode: FailMode::Open, deadline_ms: 2000 }
    }
}

/// What becomes of what cannot be decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailMode {
    /// It is allowed.
    #[default]
    Open,
    /// It is denied.
    Closed,
}

/// A path, or with `/**` at its end all that is beneath it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

impl Pattern {
    /// The path, or the directory with a slash at its end; and whether all beneath it is meant.
    pub(super) fn parts(&self) -> (&[u8], bool) {
        match self.0.strip_suffix("**") {
            Some(directory) => (directory.as_bytes(), true),
            None => (self.0.as_bytes(), false),
        }
    }
}

impl FromStr for Pattern {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wrong = |why| PolicyError::Path(text.chars().take(80).collect(), why);
        let path = text.strip_suffix("/**").unwrap_or(text);
        let path = path.strip_prefix('/').or((path.is_empty() && text == "/**").then_some(""));
        let path = path.ok_or_else(|| wrong("it must begin with /"))?;
        if text.len() > MAX_PATH {
            return Err(wrong("it is longer than 240 bytes"));
        }
        // Without the end that may stand for anything.
        if path.contains(['*', '?', '[', '\0']) {
            return Err(wrong("only /** at the end stands for anything"));
        }
        if path.split('/').any(|part| matches!(part, "." | "..") || part.is_empty() && !path.is_empty()) {
            return Err(wrong("it has an empty part, . or .."));
        }
        if path.is_empty() && text != "/**" {
            return Err(wrong("the root is no file"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Addresses with a common prefix: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net {
    address: IpAddr,
    bits: u8,
}

impl Net {
    /// As the kernel compares them: IPv4 is `::ffff:a.b.c.d`; the bits are those of the whole.
    pub(super) fn mapped(self) -> (u128, u8) {
        match self.address {
            IpAddr::V4(address) => (address.to_ipv6_mapped().to_bits(), self.bits + 96),
            IpAddr::V6(address) => (address.to_bits(), self.bits),
        }
    }
}

impl FromStr for Net {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wrong = |why| PolicyError::Net(text.chars().take(80).collect(), why);
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong("it is no address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse::<u8>).ok().filter(|&bits| bits <= most);
        let net = Self { address, bits: bits.ok_or_else(|| wrong("the length of its prefix is no number"))? };
        let (whole, bits) = net.mapped();
        if bits < 128 && whole << bits != 0 {
            return Err(wrong("it has bits behind its prefix"));
        }
        Ok(net)
    }
}

impl TryFrom<String> for Net {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, PolicyError> {
        text.parse()
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.to_string()
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.net)?;
        match (self.port, self.port_to) {
            (0, _) => {}
            (port, 0) => write!(f, " port {port}")?,
            (from, to) => write!(f, " ports {from}-{to}")?,
        }
        match self.transport {
            Some(Transport::Tcp) => f.write_str(" tcp"),
            Some(Transport::Udp) => f.write_str(" udp"),
            _ => Ok(()),
        }
    }
}

/// Why a policy cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A path.
    #[error("{0:?} cannot be the path of a rule: {1}")]
    Path(String, &'static str),
    /// Addresses.
    #[error("{0:?} cannot be the addresses of a rule: {1}")]
    Net(String, &'static str),
    /// Ports.
    #[error("the ports {0} to {1} are no range")]
    Ports(u16, u16),
    /// Too many.
    #[error("{0} rules are about the same address; at most {1} can be")]
    Overlap(usize, usize),
    /// Too many.
    #[error("the policy has {0} rules; at most {1} can be")]
    Rules(usize, usize),
}

/// A transport, as a word.
mod transport {
    use super::Transport;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    pub(super) fn serialize<S: Serializer>(of: &Option<Transport>, serializer: S) -> Result<S::Ok, S::Error> {
        let word = match of {
            Some(Transport::Tcp) => "tcp",
            Some(Transport::Udp) => "udp",
            _ => "any",
        };
        word.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Transport>, D::Error> {
        match &*String::deserialize(deserializer)? {
            "tcp" => Ok(Some(Transport::Tcp)),
            "udp" => Ok(Some(Transport::Udp)),
            "any" => Ok(None),
            other => Err(D::Error::custom(format!("{other:?} is not tcp, udp or any"))),
        }
    }
}
