//! Where a registry is and how it is spoken to, from what was set; and what goes wrong, in words.

use gabion_image::source::{
    Platform, Reference, Retry, SourceError,
    auth::{Credentials, Keychain, Secret},
    registry::RegistryOptions,
};
use gabion_store::state::RegistryAccess;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Attempts at one request of a look, and how long they may wait together: whoever limits us for longer is asked at the next look.
const ATTEMPTS: u32 = 3;
const WAIT: Duration = Duration::from_secs(20);

/// Where a registry answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// As references name it: `docker.io`, `registry.example:5000`.
    pub(crate) host: String,
    /// Over plain HTTP.
    pub(crate) is_plain: bool,
}

impl Place {
    /// `https://HOST[:PORT]`, or `http://`.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (is_plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err("url: https://HOST or http://HOST is expected".to_owned()),
        };
        let host = rest.trim_end_matches('/');
        if host.contains(['/', '@', '?', '#']) {
            return Err(
                "url: nothing but a host and a port is expected; repositories and credentials have fields of their own"
                    .to_owned(),
            );
        }
        let reference: Reference = format!("{host}/x").parse().map_err(|error| format!("url: {error}"))?;
        let is_docker = reference.host == "docker.io";
        if is_docker && !matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io") {
            return Err(format!(
                "url: a host without a dot needs a port: {host}:{}",
                if is_plain { 80 } else { 443 }
            ));
        }
        Ok(Self { host: reference.host, is_plain })
    }
}

/// How a registry is spoken to. Its authority is written into `directory`, where a scan finds it, too.
pub(super) fn options(access: &RegistryAccess, directory: &Path) -> anyhow::Result<RegistryOptions> {
    let place = Place::parse(&access.registry.url).map_err(anyhow::Error::msg)?;
    let given = match (&access.registry.user, &access.secret) {
        (Some(user), Some(secret)) => {
            Some(Credentials::Basic { user: user.clone(), password: Secret::new(secret.clone()) })
        }
        (None, Some(token)) => Some(Credentials::Token(Secret::new(token.clone()))),
        (_, None) => None,
    };
    Ok(RegistryOptions {
        platform: access.registry.platform.as_deref().map(str::parse::<Platform>).transpose()?,
        insecure: if place.is_plain { vec![place.host] } else { Vec::new() },
        authorities: authority(access, directory)?.into_iter().collect(),
        keychain: Keychain { given, files: Vec::new() },
        retry: Retry { attempts: ATTEMPTS, longest: WAIT, ..Retry::default() },
        ..RegistryOptions::default()
    })
}

/// The file of the authority of a registry.
pub(super) fn authority(access: &RegistryAccess, directory: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Some(pem) = &access.registry.authority else { return Ok(None) };
    fs::create_dir_all(directory)?;
    // Names have nothing in them that leads elsewhere; a registry that is only tried has none.
    let name =
        if access.registry.name.is_empty() { crate::random_id("try") } else { access.registry.name.clone() };
    let path = directory.join(format!("{name}.pem"));
    if fs::read_to_string(&path).ok().as_ref() != Some(pem) {
        let new = directory.join(format!("{name}.pem.new"));
        fs::write(&new, pem)?;
        fs::rename(&new, &path)?;
    }
    Ok(Some(path))
}

/// What went wrong, in words for whoever set the registry up.
pub(super) fn words(error: &SourceError, has_secret: bool) -> String {
    match error {
        SourceError::Unauthorized { host, .. } if has_secret => {
            format!("the credential was refused by {host}: it is wrong, or has expired")
        }
        SourceError::Unauthorized { host, .. } => format!("{host} wants a credential, and there is none"),
        SourceError::Forbidden { reference, .. } => {
            format!("the credential is good, but not for {reference}")
        }
        // What the user of a command would be told to do is no help here.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_nothing_else() {
        let host = |url: &str| Place::parse(url).map(|place| (place.host, place.is_plain));
        assert_eq!(host("https://registry.example:5000/"), Ok(("registry.example:5000".to_owned(), false)));
        assert_eq!(host("http://127.0.0.1:80"), Ok(("127.0.0.1:80".to_owned(), true)));
        assert_eq!(host("https://registry-1.docker.io"), Ok(("docker.io".to_owned(), false)));
        assert_eq!(host("http://registry:5000"), Ok(("registry:5000".to_owned(), true)));
        for (url, why) in [
            ("registry.example", "https://HOST"),
            ("https://registry.example/shop", "nothing but a host"),
            ("https://ann:secret@registry.example", "nothing but a host"),
            ("https://registry", "registry:443"),
            ("https://", "url:"),
            ("https://-x.example", "url:"),
        ] {
            let error = Place::parse(url).expect_err(url);
            assert!(error.contains(why) && !error.contains("secret"), "{url}: {error}");
        }
    }
}
