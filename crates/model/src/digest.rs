//! Content digests as the OCI image specification writes them: `sha256:<64 lower-case hex digits>`.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A SHA-256 content digest. Other registered algorithms are refused by name rather than half-supported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a string is not a digest Gabion can verify.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseDigestError {
    /// No `algorithm:` prefix.
    #[error("digest {0:?} has no algorithm prefix")]
    NoAlgorithm(String),
    /// An algorithm other than sha256.
    #[error("digest algorithm {0:?} is not supported (only sha256 is)")]
    Algorithm(String),
    /// Not 64 lower-case hexadecimal digits.
    #[error("digest {0:?} is not 64 lower-case hexadecimal digits")]
    Hex(String),
}

impl Digest {
    /// Wraps the 32 bytes of a finished SHA-256.
    pub const fn sha256(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits, without the algorithm.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(64), |mut s, b| {
            s.push(char::from_digit(u32::from(b >> 4), 16).unwrap_or('0'));
            s.push(char::from_digit(u32::from(b & 15), 16).unwrap_or('0'));
            s
        })
    }

    /// The first 12 hexadecimal digits, as people name images and layers.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) =
            s.split_once(':').ok_or_else(|| ParseDigestError::NoAlgorithm(s.chars().take(80).collect()))?;
        if algorithm != "sha256" {
            return Err(ParseDigestError::Algorithm(algorithm.chars().take(80).collect()));
        }
        let bad = || ParseDigestError::Hex(hex.chars().take(80).collect());
        let digit = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(bad()),
        };
        let mut bytes = [0u8; 32];
        let raw = hex.as_bytes();
        if raw.len() != 64 {
            return Err(bad());
        }
        for (byte, pair) in bytes.iter_mut().zip(raw.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_refuses_what_it_cannot_verify() {
        let text = format!("sha256:{}", "0f".repeat(32));
        let digest: Digest = text.parse().expect("valid");
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.short(), "0f0f0f0f0f0f");
        assert!(matches!("abc".parse::<Digest>(), Err(ParseDigestError::NoAlgorithm(_))));
        assert!(matches!("sha512:00".parse::<Digest>(), Err(ParseDigestError::Algorithm(_))));
        assert!(matches!(text.to_uppercase().parse::<Digest>(), Err(ParseDigestError::Algorithm(_))));
        assert!(matches!("sha256:é".parse::<Digest>(), Err(ParseDigestError::Hex(_))));
    }
}
