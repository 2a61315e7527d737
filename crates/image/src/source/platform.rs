//! Choosing one image of an index: `os/arch[/variant]`.

use super::SourceError;
use crate::manifest::Descriptor;
use std::{fmt, str::FromStr};

/// What machine an image is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, as Go names it.
    pub architecture: String,
    /// `v8`; absent: the best there is.
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on this machine's processor.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "x86" => "386",
            "aarch64" => "arm64",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
    }

    /// How well an image for `other` does for this: `None` not at all, a larger number better.
    ///
    /// The variants are those of Go's ports: every arm64 is v8, and of several arms a higher one is
    /// better. On amd64 the plain one is preferred, as it runs everywhere.
    fn suits(&self, other: &Self) -> Option<u32> {
        if self.os != other.os || self.architecture != other.architecture {
            return None;
        }
        let level = |variant: &Option<String>| match (self.architecture.as_str(), variant.as_deref()) {
            ("arm64", None) => 8,
            ("arm", None) => 7,
            (_, None) => 1,
            (_, Some(variant)) => {
                variant.strip_prefix('v').and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0)
            }
        };
        let there = level(&other.variant);
        if self.variant.is_some() {
            return (there == level(&self.variant)).then_some(u32::MAX);
        }
        match self.architecture.as_str() {
            "arm" => Some(there),
            _ => Some(u32::MAX.saturating_sub(there)),
        }
    }

    /// Whether an image of platform `other` is what is asked for.
    pub fn accepts(&self, other: &str) -> bool {
        other.parse().is_ok_and(|other| self.suits(&other).is_some())
    }

    /// The best entry of an index; else the platforms it has.
    pub fn choose<'a>(&self, index: &'a [Descriptor]) -> Result<&'a Descriptor, Vec<String>> {
        let images: Vec<&Descriptor> = index.iter().filter(|entry| is_image(entry)).collect();
        let best = images
            .iter()
            .filter_map(|entry| {
                let platform: Self = entry.platform.as_deref()?.parse().ok()?;
                Some((self.suits(&platform)?, *entry))
            })
            // `max_by_key` would take the last of equals; the first is what others take.
            .rev()
            .max_by_key(|(rank, _)| *rank);
        match (best, images.as_slice()) {
            (Some((_, entry)), _) => Ok(entry),
            // An index may leave the platform out; of a single image the configuration tells.
            (None, [only]) if only.platform.is_none() => Ok(only),
            _ => {
                let mut there: Vec<String> = images.iter().filter_map(|e| e.platform.clone()).collect();
                there.dedup();
                Err(there)
            }
        }
    }
}

/// Indexes list attestations, too, for the platform `unknown/unknown`.
fn is_image(entry: &Descriptor) -> bool {
    entry.platform.as_deref().is_none_or(|p| !p.starts_with("unknown/"))
        && !entry.annotations.contains_key("vnd.docker.reference.type")
}

impl FromStr for Platform {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(*variant)),
            _ => return Err(SourceError::BadPlatform(super::printable(text))),
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(SourceError::BadPlatform(super::printable(text)));
        }
        let architecture = match *architecture {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Self {
            os: (*os).to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Vec<Descriptor> {
        platforms
            .iter()
            .enumerate()
            .map(|(size, platform)| Descriptor {
                media_type: String::new(),
                digest: super::super::blobs::digest_of(platform.as_bytes()),
                size: size as u64,
                platform: (!platform.is_empty()).then(|| (*platform).to_owned()),
                artifact_type: String::new(),
                annotations: std::collections::BTreeMap::default(),
            })
            .collect()
    }

    fn choose(wanted: &str, there: &[&str]) -> Result<u64, Vec<String>> {
        let wanted: Platform = wanted.parse().expect(wanted);
        wanted.choose(&index(there)).map(|chosen| chosen.size)
    }

    #[test]
    fn the_best_variant_is_chosen() {
        let arms = ["linux/arm/v5", "linux/arm/v7", "linux/arm/v6", "linux/arm64/v8", "unknown/unknown"];
        assert_eq!(choose("linux/arm", &arms), Ok(1));
        assert_eq!(choose("linux/arm/v6", &arms), Ok(2));
        assert_eq!(choose("linux/arm64", &arms), Ok(3));
        assert_eq!(choose("linux/aarch64", &["linux/arm64"]), Ok(0));
        assert_eq!(choose("linux/arm64/v8", &["linux/arm64"]), Ok(0));
        assert_eq!(choose("linux/amd64", &["linux/amd64/v3", "linux/amd64", "linux/amd64"]), Ok(1));
        assert_eq!(choose("linux/amd64", &[""]), Ok(0), "a single image without platform");
        assert_eq!(
            choose("linux/s390x", &arms),
            Err(arms[..4].iter().map(|s| (*s).to_owned()).collect()),
            "the error lists what is there, without attestations"
        );
    }
}
