//! Where a hub is: `hub.example.org:8421`, `10.0.0.7:8421`, `[2001:db8::7]:8421`.

use std::{fmt, net::Ipv6Addr, str::FromStr};

/// A host and a port. The host is looked up each time, as a hub may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// As the system looks it up.
    pub(super) fn lookup(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected HOST:PORT, for example hub.example.org:8421".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(expected)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(expected)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host.parse::<Ipv6Addr>().map_err(|_| expected())?.to_string(),
            None => host.to_owned(),
        };
        let is_name = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if host.is_empty() || !(is_name || host.parse::<Ipv6Addr>().is_ok()) {
            return Err(expected());
        }
        if text.contains("]:") == is_name {
            return Err(expected());
        }
        Ok(Self { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_ports() {
        for text in ["hub:8421", "10.0.0.7:1", "hub.example.org:65535", "[2001:db8::7]:8421"] {
            assert_eq!(text.parse::<Address>().expect("an address").to_string(), text);
        }
        for text in [
            "",
            "hub",
            "hub:",
            ":1",
            "hub:0",
            "hub:65536",
            "https://hub:1",
            "::1:8421",
            "[hub]:1",
            "a b:1",
            "u@hub:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
