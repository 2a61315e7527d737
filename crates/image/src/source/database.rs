//! Where a database is published, and how it is fetched from there ([`gabion_advisory::transfer`] tells what is published).
//!
//! ```text
//!  /PATH, dir:PATH             a directory of this machine
//!  https://HOST/PATH           a directory of a web server: PATH/manifest.json, PATH/blobs/sha256/HEX
//!  oci://HOST/NAME[:TAG]       an artifact of a registry, whose layers are the same files (`artifact`)
//! ```
//!
//! Login, waiting, proxies and authorities are those of the registry client. Nothing that comes from here is believed:
//! all is checked against a signature by who asks. So plain HTTP is fine where it is asked for, but no password goes over it.
//! Mirrors are not asked: whoever has one names it as the place.

mod artifact;
mod push;
mod remote;

pub use push::push;

use super::{Progress, Reference, SourceError, printable, registry::RegistryOptions};
use gabion_advisory::transfer::{Chunks, Directory};
use remote::Remote;
use reqwest::Url;
use std::{fmt, path::PathBuf, str::FromStr};

/// Where a database is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// In a directory of this machine.
    Directory(PathBuf),
    /// In a directory of a web server.
    Web(Url),
    /// In a registry.
    Registry(Reference),
}

impl FromStr for DatabasePlace {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let fail = |reason| SourceError::Place { text: printable(text), reason };
        if let Some(name) = text.strip_prefix("oci://") {
            let reference: Reference = name.parse()?;
            // No shorthand: `oci://team/db` could be meant as a host.
            return if name.starts_with(&format!("{}/", reference.host)) {
                Ok(Self::Registry(reference))
            } else {
                Err(fail("want oci://HOST/NAME[:TAG]"))
            };
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            let url = Url::parse(text).map_err(|_| fail("it is no valid address"))?;
            if !url.username().is_empty() || url.password().is_some() {
                return Err(fail("keep the login out of the address: `docker login HOST` remembers it"));
            }
            if url.query().is_some() || url.fragment().is_some() {
                return Err(fail("names of files are appended to it, so it can have neither ? nor #"));
            }
            return Ok(Self::Web(url));
        }
        match text.strip_prefix("dir:") {
            Some("") => Err(fail("the path is empty")),
            Some(path) => Ok(Self::Directory(path.into())),
            None if text.starts_with(['/', '.']) => Ok(Self::Directory(text.into())),
            None => Err(fail("want /PATH, dir:PATH, https://HOST/PATH or oci://HOST/NAME[:TAG]")),
        }
    }
}

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "dir:{}", path.display()),
            Self::Web(url) => url.fmt(f),
            Self::Registry(reference) => write!(f, "oci://{reference}"),
        }
    }
}

impl DatabasePlace {
    /// Makes ready to fetch from there; nothing is asked yet. If the place wants a login, it gets that of `options.keychain`,
    /// the given one first. What this gives waits for the network, so it is not for async code.
    pub fn open<'a>(
        &'a self,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Box<dyn Chunks + 'a>, SourceError> {
        Ok(match self {
            Self::Directory(path) => Box::new(Directory(path.clone())),
            Self::Web(url) => Box::new(Remote::web(url, options, progress)?),
            Self::Registry(reference) => Box::new(Remote::registry(reference, options, progress)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn places_are_told_apart_by_how_they_begin() {
        for (text, same) in [
            ("/srv/db", "dir:/srv/db"),
            ("./db", "dir:./db"),
            ("dir:db", "dir:db"),
            ("https://db.example/gabion/", "https://db.example/gabion/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
            ("oci://reg.example:5000/team/db", "oci://reg.example:5000/team/db:latest"),
            ("oci://reg.example/db:v1", "oci://reg.example/db:v1"),
        ] {
            assert_eq!(text.parse::<DatabasePlace>().expect(text).to_string(), same);
        }
        for (text, reason) in [
            ("", "want /PATH"),
            ("db", "want /PATH"),
            ("ftp://db.example/", "want /PATH"),
            ("dir:", "empty"),
            ("oci://team/db", "want oci://HOST"),
            ("oci://reg.example/DB", "lower-case"),
            ("https://ann:pw@db.example/", "login"),
            ("https://db.example/?x", "neither ? nor #"),
            ("https://", "no valid address"),
        ] {
            let error = text.parse::<DatabasePlace>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics_and_what_parses_parses_again(
            text in "(oci://|https?://|dir:|/)?[a-zA-Z0-9._:/@?#%\\[\\]-]{0,40}",
        ) {
            if let Ok(place) = text.parse::<DatabasePlace>() {
                prop_assert_eq!(place.to_string().parse::<DatabasePlace>().expect("again"), place);
            }
        }
    }
}
