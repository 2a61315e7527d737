//! Image references as people write them: `[HOST/]REPOSITORY[:TAG][@DIGEST]`.
//!
//! The grammar is that of the [distribution project](https://github.com/distribution/reference), with
//! Docker's shorthand: `alpine` is `docker.io/library/alpine:latest`. The first component is a host if it
//! has a dot, a colon or an upper-case letter, or is `localhost`.

use super::SourceError;
use gabion_model::Digest;
use std::{fmt, str::FromStr};

/// A complete reference. With both tag and digest the digest decides what is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io`, `registry.example:5000`.
    pub host: String,
    /// `library/alpine`.
    pub repository: String,
    /// `latest` where neither tag nor digest was given.
    pub tag: Option<String>,
    /// Which content exactly.
    pub digest: Option<Digest>,
}

const DOCKER: &str = "docker.io";

impl Reference {
    /// Where the registry of [`host`](Self::host) answers.
    pub fn api_host(&self) -> &str {
        match self.host.as_str() {
            DOCKER => "registry-1.docker.io",
            host => host,
        }
    }

    /// What the path of a manifest ends in.
    pub fn locator(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }

    /// The name without digest, if it has a tag: `docker.io/library/alpine:3.20`.
    pub fn tagged(&self) -> Option<String> {
        let tag = self.tag.as_ref()?;
        Some(format!("{}/{}:{tag}", self.host, self.repository))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for Reference {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let fail = |reason: &str| SourceError::Reference {
            reference: super::printable(text),
            reason: reason.to_owned(),
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                let digest = digest.parse::<Digest>().map_err(|e| fail(&e.to_string()))?;
                (name, Some(digest))
            }
            None => (text, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((first, rest)) if is_host(first) => (first, rest),
            _ => (DOCKER, name),
        };
        let host = match host {
            "index.docker.io" | "registry-1.docker.io" => DOCKER,
            host => host,
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        if !valid_host(host) {
            return Err(fail("the host is not a name or address with an optional port"));
        }
        if path.is_empty() {
            return Err(fail("the name is empty"));
        }
        if path.len() > 255 {
            return Err(fail("the name is longer than 255 characters"));
        }
        if !path.split('/').all(valid_component) {
            return Err(fail(
                "the name may hold lower-case letters and digits, separated by one of . _ __ - or /",
            ));
        }
        if !tag.is_none_or(valid_tag) {
            return Err(fail("the tag may hold up to 128 letters, digits, and . _ -"));
        }
        let repository =
            if host == DOCKER && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let tag = match (tag, digest) {
            (None, None) => Some("latest".to_owned()),
            (tag, _) => tag.map(str::to_owned),
        };
        Ok(Self { host: host.to_owned(), repository, tag, digest })
    }
}

fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(|c: char| c == '.' || c == ':' || c.is_ascii_uppercase())
}

fn valid_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
            return port.is_empty() || port.strip_prefix(':').is_some_and(valid_port);
        }
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(label) && port.is_none_or(valid_port)
}

fn valid_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// `[a-z0-9]+` parts, between them `.`, `_`, `__`, or any number of `-`.
fn valid_component(component: &str) -> bool {
    let part = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(|b| part(*b));
    ends(bytes.first())
        && ends(bytes.last())
        && component.split(|c: char| c.is_ascii() && part(c as u8)).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

/// Whether it is the name of a repository.
pub(super) fn is_repository(name: &str) -> bool {
    name.len() <= 255 && name.split('/').all(valid_component)
}

/// Whether it is a tag.
pub(super) fn is_tag(tag: &str) -> bool {
    valid_tag(tag)
}

fn valid_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn full(text: &str) -> String {
        text.parse::<Reference>().expect(text).to_string()
    }

    #[test]
    fn shorthand_is_completed_as_docker_does() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (short, long) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.20", "docker.io/library/alpine:3.20"),
            ("team/app", "docker.io/team/app:latest"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/a/b/c:v1", "localhost:5000/a/b/c:v1"),
            ("quay.example/a__b/c-.d", ""),
            ("quay.example/a__b/c--d.e_f:X_y-1.0", "quay.example/a__b/c--d.e_f:X_y-1.0"),
            ("[::1]:5000/app", "[::1]:5000/app:latest"),
            ("127.0.0.1:80/app", "127.0.0.1:80/app:latest"),
        ] {
            match long {
                "" => assert!(short.parse::<Reference>().is_err(), "{short}"),
                _ => assert_eq!(full(short), long),
            }
        }
        assert_eq!(full(&format!("app@{digest}")), format!("docker.io/library/app@{digest}"));
        let both: Reference = format!("app:v1@{digest}").parse().expect("both");
        assert_eq!(both.locator(), digest, "the digest decides");
        assert_eq!(both.tagged().as_deref(), Some("docker.io/library/app:v1"));
        assert_eq!(both.api_host(), "registry-1.docker.io");
    }

    #[test]
    fn what_is_no_reference_is_refused_with_its_rule() {
        for (text, reason) in [
            ("", "empty"),
            ("App", "lower-case"),
            ("a//b", "lower-case"),
            ("a:", "tag"),
            ("a:b c", "tag"),
            ("host:99999/app", "host"),
            ("-x.example/app", "host"),
            ("app@sha512:00", "sha512"),
            ("app@", "algorithm"),
            ("../app", "host"),
        ] {
            let error = text.parse::<Reference>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_what_parses_parses_again(text in "\\PC{0,60}|[a-z0-9._:/@-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string().parse::<Reference>().expect("again"), reference);
            }
        }
    }
}
