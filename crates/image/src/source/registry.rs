//! Images from a registry that speaks the
//! [distribution specification](https://github.com/opencontainers/distribution-spec).
//!
//! ```text
//!   reference ──► manifest or index ──(platform)──► manifest ──► configuration ──► layers, a few at once
//!                 each asked of the mirrors first, then of the registry; each verified; none fetched twice
//!             then what is attached to the image: [`attached`]
//! ```

mod attached;

use super::{
    BlobStore, Fetched, Platform, Progress, Reference, Retry, SourceError,
    auth::Keychain,
    blobs::{Partial, digest_of},
    endpoint::{Endpoint, Place},
    retry::Backoff,
};
use crate::{
    caps::Limits,
    manifest::{Config, Descriptor, Document, Index, MAX_DOCUMENT, Manifest},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use gabion_model::Digest;
use http::{StatusCode, header};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

/// How registries are spoken to.
#[derive(Clone, Debug)]
pub struct RegistryOptions {
    /// Which image of an index; `None` is this machine's, and then any that is the only one.
    pub platform: Option<Platform>,
    /// For a host (`docker.io`) the mirrors to ask before it, as `HOST[:PORT][/PREFIX]`.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Hosts whose certificate is not checked, and that may speak plain HTTP.
    pub insecure: Vec<String>,
    /// PEM files of certificate authorities to trust beside the system's.
    pub authorities: Vec<PathBuf>,
    /// Where credentials are.
    pub keychain: Keychain,
    /// Limit on reaching a host.
    pub connect_timeout: Duration,
    /// Limit on silence in the midst of a transfer.
    pub read_timeout: Duration,
    /// What to do when a host refuses for now.
    pub retry: Retry,
    /// How many layers at once.
    pub parallel: usize,
    /// Bytes that one layer may have as it is transferred.
    pub max_layer: u64,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            platform: None,
            mirrors: BTreeMap::new(),
            insecure: Vec::new(),
            authorities: Vec::new(),
            keychain: Keychain::default(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            retry: Retry::default(),
            parallel: 3,
            max_layer: Limits::DEFAULT.layer,
        }
    }
}

/// What a manifest may be.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// Indexes within indexes.
const MAX_NESTING: usize = 4;

/// A transfer that brings this many bytes before it breaks off again is getting somewhere.
const HEADWAY: u64 = 1 << 20;

/// Brings an image into `blobs`: manifest, configuration and layers, each only if it is not there.
pub async fn fetch(
    reference: &str,
    options: &RegistryOptions,
    blobs: &BlobStore,
    progress: &dyn Progress,
) -> Result<Fetched, SourceError> {
    let reference: Reference = reference.parse()?;
    let session = Session {
        endpoints: endpoints(&reference, options, progress)?,
        name: reference.to_string(),
        options,
        blobs,
        progress,
    };
    let Resolved { digest, manifest, index } = session.resolve(&reference).await?;
    let platform = session.configuration(&manifest).await?;
    session.layers(&manifest).await?;
    let named = index.as_ref().map(|(_, index)| index);
    let attached = session.attached(digest, named, reference.digest.is_some()).await?;
    let tags = reference.tagged().into_iter().collect();
    Ok(Fetched { manifest: digest, index: index.map(|(of, _)| of), attached, tags, platform })
}

/// The mirrors in order, then the registry itself.
fn endpoints<'a>(
    reference: &Reference,
    options: &'a RegistryOptions,
    progress: &'a dyn Progress,
) -> Result<Vec<Endpoint<'a>>, SourceError> {
    let name = reference.to_string();
    let mut endpoints = Vec::new();
    for mirror in options.mirrors.get(&reference.host).into_iter().flatten() {
        let (host, prefix) = mirror.split_once('/').unwrap_or((mirror, ""));
        let repository = match prefix.trim_matches('/') {
            "" => reference.repository.clone(),
            prefix => format!("{prefix}/{}", reference.repository),
        };
        let place = Place {
            host,
            authority: host,
            repository: &repository,
            mirror_of: Some(&reference.host),
            reference: &name,
        };
        endpoints.push(Endpoint::new(place, options, progress)?);
    }
    let place = Place {
        host: &reference.host,
        authority: reference.api_host(),
        repository: &reference.repository,
        mirror_of: None,
        reference: &name,
    };
    endpoints.push(Endpoint::new(place, options, progress)?);
    Ok(endpoints)
}

/// The image that was asked for.
struct Resolved {
    digest: Digest,
    manifest: Manifest,
    /// The index that it was chosen from.
    index: Option<(Digest, Index)>,
}

/// One fetch.
struct Session<'a> {
    endpoints: Vec<Endpoint<'a>>,
    name: String,
    options: &'a RegistryOptions,
    blobs: &'a BlobStore,
    progress: &'a dyn Progress,
}

impl Session<'_> {
    /// The manifest of the one image that is wanted.
    async fn resolve(&self, reference: &Reference) -> Result<Resolved, SourceError> {
        let mut digest = reference.digest;
        let mut locator = reference.locator();
        let mut from = None;
        for _ in 0..MAX_NESTING {
            let bytes = self.manifest(&locator, digest).await?;
            let found = digest_of(&bytes);
            match Document::parse(&bytes).map_err(|source| self.unusable(source))? {
                Document::Manifest(manifest) => {
                    return Ok(Resolved { digest: found, manifest, index: from });
                }
                Document::Index(index) => {
                    let wanted = self.options.platform.clone().unwrap_or_else(Platform::host);
                    let chosen =
                        wanted.choose(&index.manifests).map_err(|there| self.platform(&wanted, there))?;
                    digest = Some(chosen.digest);
                    locator = chosen.digest.to_string();
                    from = Some((found, index));
                }
            }
        }
        let what = format!("the nesting of indexes in {}", self.name);
        Err(SourceError::TooLarge { what, limit: MAX_NESTING as u64 })
    }

    /// The bytes of a manifest or index, stored under their digest.
    async fn manifest(&self, locator: &str, digest: Option<Digest>) -> Result<Vec<u8>, SourceError> {
        if let Some(digest) = digest
            && let Some(bytes) = self.blobs.read(&digest, MAX_DOCUMENT)?
        {
            return Ok(bytes);
        }
        let path = format!("manifests/{locator}");
        self.anywhere(async |endpoint: &Endpoint<'_>| {
            let document = endpoint.document(&path, MANIFESTS, MAX_DOCUMENT).await?;
            let found = digest_of(&document.bytes);
            if let Some(expected) = digest.or(document.promised)
                && expected != found
            {
                let host = endpoint.host.clone();
                return Err(SourceError::Digest { host, expected, found });
            }
            self.blobs.put(&found, document.bytes.as_slice())?;
            Ok(document.bytes)
        })
        .await
    }

    /// Stores the configuration and tells the platform it is for.
    async fn configuration(&self, manifest: &Manifest) -> Result<String, SourceError> {
        let kind = manifest.config.media_type.as_str();
        let known = [
            "",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.container.image.v1+json",
        ];
        if !known.contains(&kind) {
            return Err(SourceError::NotAnImage {
                reference: self.name.clone(),
                media_type: super::printable(kind),
            });
        }
        if manifest.config.size > MAX_DOCUMENT {
            let what = format!("the configuration of {}", self.name);
            return Err(SourceError::TooLarge { what, limit: MAX_DOCUMENT });
        }
        self.blob(&manifest.config, &super::Quiet).await?;
        let bytes = self.blobs.read(&manifest.config.digest, MAX_DOCUMENT)?.unwrap_or_default();
        let config = Config::parse(&bytes).map_err(|source| self.unusable(source))?;
        match &self.options.platform {
            Some(wanted) if !wanted.accepts(&config.platform) => {
                Err(self.platform(wanted, vec![config.platform]))
            }
            _ => Ok(config.platform),
        }
    }

    async fn layers(&self, manifest: &Manifest) -> Result<(), SourceError> {
        let mut seen = BTreeSet::new();
        let mut missing = Vec::new();
        for layer in &manifest.layers {
            if layer.size > self.options.max_layer {
                let what = format!("layer {} of {}", layer.digest, self.name);
                return Err(SourceError::TooLarge { what, limit: self.options.max_layer });
            }
            if seen.insert(layer.digest) && self.blobs.get(&layer.digest).is_none() {
                missing.push(layer);
            }
        }
        self.progress.total(missing.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size)));
        stream::iter(missing)
            .map(async |layer| match self.blob(layer, self.progress).await {
                Err(SourceError::NotFound { host, reference }) if is_foreign(&layer.media_type) => {
                    Err(SourceError::NotDistributable { host, reference, digest: layer.digest })
                }
                Err(SourceError::NotFound { host, reference }) => {
                    Err(SourceError::MissingContent { place: host, reference, digest: layer.digest })
                }
                other => other,
            })
            .buffer_unordered(self.options.parallel.max(1))
            .try_collect::<()>()
            .await
    }

    async fn blob(&self, blob: &Descriptor, progress: &dyn Progress) -> Result<(), SourceError> {
        if self.blobs.get(&blob.digest).is_some() {
            return Ok(());
        }
        let mut transfer = Transfer { blob, partial: self.blobs.begin(&blob.digest)?, told: 0, progress };
        // An endpoint goes on where the one before it stopped.
        let mut failure = None;
        for endpoint in &self.endpoints {
            match transfer.run(endpoint, &self.options.retry).await {
                Ok(()) => return Ok(()),
                Err(error) if local(&error) => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// What the first endpoint that can gives; else the error of the last one, the registry itself.
    async fn anywhere<T>(
        &self,
        ask: impl AsyncFn(&Endpoint<'_>) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let Some((origin, mirrors)) = self.endpoints.split_last() else {
            return Err(SourceError::NotFound { host: String::new(), reference: self.name.clone() });
        };
        for mirror in mirrors {
            match ask(mirror).await {
                Err(error) if !local(&error) => {
                    self.progress.message(&format!("passing over a mirror: {error}"));
                }
                other => return other,
            }
        }
        ask(origin).await
    }

    fn unusable(&self, source: crate::manifest::ManifestError) -> SourceError {
        SourceError::Manifest { reference: self.name.clone(), source }
    }

    fn platform(&self, wanted: &Platform, available: Vec<String>) -> SourceError {
        SourceError::Platform { reference: self.name.clone(), wanted: wanted.to_string(), available }
    }
}

/// A failure of this machine, which no other endpoint would mend.
fn local(error: &SourceError) -> bool {
    matches!(error, SourceError::Full { .. } | SourceError::File { .. } | SourceError::Authority { .. })
}

fn is_foreign(media_type: &str) -> bool {
    media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
}

/// One blob on its way.
struct Transfer<'a> {
    blob: &'a Descriptor,
    partial: Partial,
    /// Bytes that the progress has heard of.
    told: u64,
    progress: &'a dyn Progress,
}

impl Transfer<'_> {
    /// Gets what is missing of it from one endpoint.
    async fn run(&mut self, endpoint: &Endpoint<'_>, retry: &Retry) -> Result<(), SourceError> {
        let path = format!("blobs/{}", self.blob.digest);
        let mut backoff = Backoff::new(retry);
        // What another run left may be wrong; what this one got, the endpoint answers for.
        let mut inherited = !self.partial.is_empty();
        loop {
            if self.partial.len() > self.blob.size {
                self.partial.restart()?;
            }
            self.tell();
            let start = self.partial.len();
            if start == self.blob.size {
                match self.partial.finish(&endpoint.host) {
                    Err(SourceError::Digest { .. }) if inherited => {
                        inherited = false;
                        continue;
                    }
                    other => return other.map(drop),
                }
            }
            let mut response = endpoint.get(&path, None, start).await?;
            if !goes_on(&response, start) {
                self.partial.restart()?;
                inherited = false;
                if response.status() != StatusCode::OK {
                    // An answer that fits no question: ask for all of it.
                    let error = SourceError::Interrupted {
                        host: endpoint.host.clone(),
                        what: path.clone(),
                        reason: "it sent another range than asked for".to_owned(),
                    };
                    endpoint.pause(&mut backoff, error, None).await?;
                    continue;
                }
            }
            let error = loop {
                match response.chunk().await {
                    Ok(Some(bytes)) => {
                        if self.partial.len() + bytes.len() as u64 > self.blob.size {
                            self.partial.restart()?;
                            return Err(SourceError::Length {
                                host: endpoint.host.clone(),
                                digest: self.blob.digest,
                                expected: self.blob.size,
                            });
                        }
                        self.partial.write(&bytes)?;
                        self.tell();
                    }
                    Ok(None) if self.partial.len() == self.blob.size => break None,
                    Ok(None) => {
                        break Some(SourceError::Interrupted {
                            host: endpoint.host.clone(),
                            what: path.clone(),
                            reason: format!(
                                "it ended after {} of {} bytes",
                                self.partial.len(),
                                self.blob.size
                            ),
                        });
                    }
                    Err(error) => break Some(endpoint.broken(&path, &error)),
                }
            };
            if let Some(error) = error {
                if self.partial.len() >= start.saturating_add(HEADWAY) {
                    backoff.reset();
                }
                endpoint.pause(&mut backoff, error, None).await?;
            }
        }
    }

    /// Each byte once, however often it had to be sent.
    fn tell(&mut self) {
        if let Some(more) = self.partial.len().checked_sub(self.told) {
            self.progress.advance(more);
            self.told += more;
        }
    }
}

/// Whether the body continues at byte `start`.
pub(super) fn goes_on(response: &reqwest::Response, start: u64) -> bool {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return start == 0 && response.status() == StatusCode::OK;
    }
    response
        .headers()
        .get(header::CONTENT_RANGE)
        .and_then(|value| value.to_str().ok()?.strip_prefix("bytes ")?.split_once('-'))
        .is_some_and(|(first, _)| first.trim().parse() == Ok(start))
}
