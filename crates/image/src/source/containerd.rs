//! Images that containerd has, without pulling or saving them.
//!
//! Where the image is unpacked by the overlay snapshotter, its layers are directories of this machine and
//! nothing is copied (see `view`). Otherwise the blobs are read from the content store.

pub use super::task::{ContainerOptions, RunningContainer, container};

use super::{
    BlobStore, Fetched, Platform, Progress, Reference, SourceError, error::innermost, printable,
    snapshot::Stack,
};
use crate::manifest::{Config, Document, MAX_DOCUMENT, Manifest};
use gabion_api::containerd::{
    containers::{Container, ListContainersRequest, containers_client::ContainersClient},
    content::{ReadContentRequest, content_client::ContentClient},
    images::{GetImageRequest, Image, ListImagesRequest, images_client::ImagesClient},
    namespaces::{ListNamespacesRequest, namespaces_client::NamespacesClient},
    snapshots::{MountsRequest, snapshots_client::SnapshotsClient},
    task::Status as TaskStatus,
    tasks::{GetRequest, tasks_client::TasksClient},
};
use gabion_model::Digest;
use hyper_util::rt::TokioIo;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::UnixStream;
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

/// Where containerd is, and what of it is wanted.
#[derive(Clone, Debug)]
pub struct ContainerdOptions {
    /// Its socket.
    pub socket: PathBuf,
    /// Namespaces to look in, in order; empty: `k8s.io`, `default`, `moby`, then all others.
    pub namespaces: Vec<String>,
    /// The snapshotter whose directories to use.
    pub snapshotter: String,
    /// Whether to use the directories of unpacked layers at all, rather than the blobs.
    pub snapshots: bool,
    /// Which image of an index; `None` is this machine's, or else any that was pulled.
    pub platform: Option<Platform>,
    /// The time, for the lease.
    pub now: jiff::Timestamp,
    /// Limit on one answer of the daemon.
    pub timeout: Duration,
}

impl ContainerdOptions {
    /// The defaults, at this time.
    pub fn at(now: jiff::Timestamp) -> Self {
        Self {
            socket: PathBuf::from("/run/containerd/containerd.sock"),
            namespaces: Vec::new(),
            snapshotter: "overlayfs".to_owned(),
            snapshots: true,
            platform: None,
            now,
            timeout: Duration::from_secs(30),
        }
    }
}

/// An image, in whichever form was at hand.
#[derive(Clone, Debug)]
pub enum ContainerdImage {
    /// All of it is in the [`BlobStore`].
    Blobs(Fetched),
    /// Its layers are directories.
    Snapshots {
        /// The manifest as written.
        manifest_bytes: Vec<u8>,
        /// Its digest.
        manifest: Digest,
        /// The configuration as written.
        config_bytes: Vec<u8>,
        /// The names it goes by.
        tags: Vec<String>,
        /// Its layers, lowest first.
        layers: Vec<SnapshotLayer>,
    },
}

/// One unpacked layer. Its whiteouts are overlay's: character devices 0/0 and `trusted.overlay.opaque`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotLayer {
    /// Digest of the uncompressed layer, as the configuration says; the directory is not checked against it.
    pub diff_id: Digest,
    /// Where its files are.
    pub dir: PathBuf,
}

/// Finds an image by name (`alpine`, complete or not), by digest or by ID (`sha256:...`).
pub async fn fetch(
    reference: &str,
    options: &ContainerdOptions,
    blobs: &BlobStore,
    progress: &dyn Progress,
) -> Result<ContainerdImage, SourceError> {
    let daemon = Daemon::connect(options).await?;
    let (space, image) = daemon.find(reference).await?;
    let name = image.name.clone();
    let resolved = space.resolve(&image).await?;
    let config_bytes = space.document(&name, &resolved.manifest.config.digest).await?;
    let config = Config::parse(&config_bytes)
        .map_err(|source| SourceError::Manifest { reference: name.clone(), source })?;
    let tags = space.tags(&image).await?;
    if options.snapshots
        && let Some(layers) = space.snapshots(&config.diff_ids, progress).await?
    {
        return Ok(ContainerdImage::Snapshots {
            manifest_bytes: resolved.bytes,
            manifest: resolved.digest,
            config_bytes,
            tags,
            layers,
        });
    }
    blobs.put(&resolved.digest, resolved.bytes.as_slice())?;
    blobs.put(&resolved.manifest.config.digest, config_bytes.as_slice())?;
    space.copy_layers(&name, &resolved.manifest, blobs, progress).await?;
    let fetched = Fetched {
        manifest: resolved.digest,
        index: None,
        attached: Vec::new(),
        tags,
        platform: config.platform,
    };
    Ok(ContainerdImage::Blobs(fetched))
}

/// Whether containerd has an image of that name.
pub async fn holds(reference: &str, options: &ContainerdOptions) -> bool {
    match Daemon::connect(options).await {
        Ok(daemon) => daemon.find(reference).await.is_ok(),
        Err(_) => false,
    }
}

/// A connection.
pub(super) struct Daemon<'a> {
    options: &'a ContainerdOptions,
    channel: Channel,
}

/// One namespace of the daemon.
pub(super) struct Space<'a> {
    daemon: &'a Daemon<'a>,
    pub(super) name: String,
}

/// A manifest that was chosen.
struct Resolved {
    digest: Digest,
    bytes: Vec<u8>,
    manifest: Manifest,
}

/// A message of containerd larger than this is refused.
const MAX_MESSAGE: usize = 64 << 20;

/// A client of one service, with the limit above. A macro, as the generated clients have no trait in common.
macro_rules! client {
    ($kind:ident, $channel:expr) => {
        $kind::new($channel.clone()).max_decoding_message_size(MAX_MESSAGE)
    };
}

// After the macro, which it uses.
mod view;

impl<'a> Daemon<'a> {
    pub(super) async fn connect(options: &'a ContainerdOptions) -> Result<Self, SourceError> {
        let socket = options.socket.clone();
        let channel = Endpoint::from_static("http://containerd")
            .timeout(options.timeout)
            .connect_timeout(options.timeout)
            .connect_with_connector(tower::service_fn(move |_: http::Uri| {
                let socket = socket.clone();
                async move { UnixStream::connect(socket).await.map(TokioIo::new) }
            }))
            .await
            .map_err(|error| SourceError::NoDaemon {
                daemon: "containerd",
                sockets: vec![format!("{} ({})", options.socket.display(), innermost(&error))],
            })?;
        Ok(Self { options, channel })
    }

    /// The namespaces to look in.
    pub(super) async fn spaces(&self) -> Result<Vec<Space<'_>>, SourceError> {
        let mut names = self.options.namespaces.clone();
        if names.is_empty() {
            let answer = client!(NamespacesClient, self.channel)
                .list(ListNamespacesRequest::default())
                .await
                .map_err(|status| self.failed(&status))?;
            names = answer.into_inner().namespaces.into_iter().map(|n| n.name).collect();
            let rank = |name: &str| ["k8s.io", "default", "moby"].iter().position(|known| *known == name);
            names.sort_by_key(|name| (rank(name).unwrap_or(usize::MAX), name.clone()));
        }
        Ok(names.into_iter().map(|name| Space { daemon: self, name }).collect())
    }

    async fn find(&self, reference: &str) -> Result<(Space<'_>, Image), SourceError> {
        let spaces = self.spaces().await?;
        let looked = spaces.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
        for space in spaces {
            if let Some(image) = space.find(reference).await? {
                return Ok((space, image));
            }
        }
        Err(SourceError::NotFound {
            host: format!("containerd at {} (namespaces {looked})", self.options.socket.display()),
            reference: printable(reference),
        })
    }

    fn failed(&self, status: &Status) -> SourceError {
        SourceError::Daemon {
            daemon: "containerd",
            socket: self.options.socket.display().to_string(),
            reason: printable(status.message()),
        }
    }
}

impl Space<'_> {
    fn request<T>(&self, message: T) -> Result<Request<T>, SourceError> {
        let mut request = Request::new(message);
        let name = self.name.parse().map_err(|_| SourceError::Daemon {
            daemon: "containerd",
            socket: self.daemon.options.socket.display().to_string(),
            reason: format!("{:?} is not a namespace", self.name),
        })?;
        request.metadata_mut().insert("containerd-namespace", name);
        Ok(request)
    }

    async fn find(&self, reference: &str) -> Result<Option<Image>, SourceError> {
        let complete = reference.parse::<Reference>().ok().map(|r| r.to_string());
        for name in [Some(reference.to_owned()), complete].into_iter().flatten() {
            let request = self.request(GetImageRequest { name })?;
            match client!(ImagesClient, self.daemon.channel).get(request).await {
                Ok(answer) => return Ok(answer.into_inner().image),
                Err(status) if status.code() == Code::NotFound => {}
                Err(status) => return Err(self.daemon.failed(&status)),
            }
        }
        let named = || reference.parse::<Reference>().ok()?.digest;
        let Some(digest) = reference.parse().ok().or_else(named) else {
            return Ok(None);
        };
        let images = self.images(Vec::new()).await?;
        if let Some(image) = images.iter().find(|image| target(image) == Some(digest)) {
            return Ok(Some(image.clone()));
        }
        // The ID of an image is the digest of its configuration.
        for image in images {
            if self
                .resolve(&image)
                .await
                .is_ok_and(|resolved| resolved.digest == digest || resolved.manifest.config.digest == digest)
            {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    async fn images(&self, filters: Vec<String>) -> Result<Vec<Image>, SourceError> {
        let request = self.request(ListImagesRequest { filters })?;
        let answer = client!(ImagesClient, self.daemon.channel)
            .list(request)
            .await
            .map_err(|status| self.daemon.failed(&status))?;
        Ok(answer.into_inner().images)
    }

    /// All names of an image, without those that repeat its digest.
    async fn tags(&self, image: &Image) -> Result<Vec<String>, SourceError> {
        let digest = image.target.as_ref().map_or("", |target| &target.digest);
        let same = self.images(vec![format!("target.digest==\"{digest}\"")]).await?;
        let mut names: Vec<String> = same
            .into_iter()
            .map(|image| image.name)
            .filter(|name| !name.starts_with("sha256:") && !name.contains('@'))
            .collect();
        names.sort();
        Ok(names)
    }

    /// From the image's target, which may be an index, to one manifest.
    async fn resolve(&self, image: &Image) -> Result<Resolved, SourceError> {
        let unusable = |source| SourceError::Manifest { reference: image.name.clone(), source };
        let Some(mut digest) = target(image) else {
            return Err(SourceError::NotFound {
                host: "containerd".to_owned(),
                reference: image.name.clone(),
            });
        };
        let mut bytes = self.document(&image.name, &digest).await?;
        // Indexes may hold indexes, but nobody nests them deeper than this.
        for _ in 0..4 {
            let index = match Document::parse(&bytes).map_err(unusable)? {
                Document::Manifest(manifest) => {
                    return Ok(Resolved { digest, bytes, manifest });
                }
                Document::Index(index) => index,
            };
            let wanted = self.daemon.options.platform.clone();
            let chosen = wanted.clone().unwrap_or_else(Platform::host).choose(&index.manifests);
            // Of an index only what was pulled is here: without a wish, take that.
            let others = index.manifests.iter().filter(|_| wanted.is_none());
            let available = chosen.as_ref().err().cloned();
            let mut failure = available.map(|available| SourceError::Platform {
                reference: image.name.clone(),
                wanted: wanted.clone().unwrap_or_else(Platform::host).to_string(),
                available,
            });
            let mut found = None;
            for entry in chosen.ok().into_iter().chain(others) {
                match self.document(&image.name, &entry.digest).await {
                    Ok(document) => {
                        found = Some((entry.digest, document));
                        break;
                    }
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            match (found, failure) {
                (Some(entry), _) => (digest, bytes) = entry,
                (None, Some(error)) => return Err(error),
                (None, None) => break,
            }
        }
        Err(SourceError::TooLarge { what: format!("the nesting of indexes in {}", image.name), limit: 4 })
    }

    /// A verified document of the content store.
    async fn document(&self, image: &str, digest: &Digest) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        self.content(image, digest, &mut |data| {
            if (bytes.len() + data.len()) as u64 > MAX_DOCUMENT {
                return Err(SourceError::TooLarge { what: digest.to_string(), limit: MAX_DOCUMENT });
            }
            bytes.extend_from_slice(data);
            Ok(())
        })
        .await?;
        let found = super::blobs::digest_of(&bytes);
        if found != *digest {
            return Err(SourceError::Digest { host: "containerd".to_owned(), expected: *digest, found });
        }
        Ok(bytes)
    }

    async fn content(
        &self,
        image: &str,
        digest: &Digest,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), SourceError>,
    ) -> Result<(), SourceError> {
        let failed = |status: Status| match status.code() {
            Code::NotFound => SourceError::MissingContent {
                place: format!("containerd (namespace {})", self.name),
                reference: image.to_owned(),
                digest: *digest,
            },
            _ => self.daemon.failed(&status),
        };
        let request =
            self.request(ReadContentRequest { digest: digest.to_string(), ..ReadContentRequest::default() })?;
        let mut stream =
            client!(ContentClient, self.daemon.channel).read(request).await.map_err(failed)?.into_inner();
        while let Some(chunk) = stream.message().await.map_err(failed)? {
            sink(&chunk.data)?;
        }
        Ok(())
    }

    async fn copy_layers(
        &self,
        image: &str,
        manifest: &Manifest,
        blobs: &BlobStore,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let mut seen = BTreeSet::new();
        let missing: Vec<_> = manifest
            .layers
            .iter()
            .filter(|layer| seen.insert(layer.digest) && blobs.get(&layer.digest).is_none())
            .collect();
        progress.total(missing.iter().fold(0, |sum: u64, layer| sum.saturating_add(layer.size)));
        for layer in missing {
            let mut partial = blobs.begin(&layer.digest)?;
            partial.restart()?;
            self.content(image, &layer.digest, &mut |data| {
                if partial.len() + data.len() as u64 > layer.size {
                    return Err(SourceError::Length {
                        host: "containerd".to_owned(),
                        digest: layer.digest,
                        expected: layer.size,
                    });
                }
                partial.write(data)?;
                progress.advance(data.len() as u64);
                Ok(())
            })
            .await?;
            partial.finish("containerd")?;
        }
        Ok(())
    }

    pub(super) async fn containers(&self) -> Result<Vec<Container>, SourceError> {
        let answer = client!(ContainersClient, self.daemon.channel)
            .list(self.request(ListContainersRequest::default())?)
            .await
            .map_err(|status| self.daemon.failed(&status))?;
        Ok(answer.into_inner().containers)
    }

    /// The process ID of a container's first process, if it runs.
    pub(super) async fn pid(&self, id: &str) -> Result<Option<u32>, SourceError> {
        let request = self.request(GetRequest { container_id: id.to_owned() })?;
        match client!(TasksClient, self.daemon.channel).get(request).await {
            Ok(answer) => Ok(answer
                .into_inner()
                .process
                .filter(|p| matches!(p.status(), TaskStatus::Running | TaskStatus::Paused) && p.pid != 0)
                .map(|p| p.pid)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(self.daemon.failed(&status)),
        }
    }

    /// The directories under a container, if its snapshotter keeps any.
    pub(super) async fn stack(&self, container: &Container) -> Option<Stack> {
        let request = self.request(MountsRequest {
            snapshotter: container.snapshotter.clone(),
            key: container.snapshot_key.clone(),
        });
        let answer = client!(SnapshotsClient, self.daemon.channel).mounts(request.ok()?).await.ok()?;
        Stack::of(&answer.into_inner().mounts)
    }
}

fn target(image: &Image) -> Option<Digest> {
    image.target.as_ref()?.digest.parse().ok()
}

/// Whether a socket is there, without speaking to it.
pub(super) fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}
