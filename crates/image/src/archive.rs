//! Where the documents and layers of a local image lie: an OCI layout, or a tar file made by `docker save`,
//! `skopeo copy` or `podman save`, read in place.

mod said;

pub use said::Said;

use crate::{
    layer::Blob,
    manifest::{self, Config, Descriptor, Document, Index, ManifestError},
    source::Platform,
    tarball::{EntryType, Skip, Tar, TarError},
};
use gabion_model::{Digest, path};
use said::Way;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, Read},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Why a local image cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The archive itself is damaged.
    #[error("{path}: {source}")]
    Tar {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: TarError,
    },
    /// Something that must be there is not.
    #[error("{path}: there is no {what} in it")]
    Missing {
        /// In what.
        path: String,
        /// What.
        what: String,
        /// What of its kind is there.
        known: Vec<String>,
    },
    /// A manifest or configuration is not usable.
    #[error("{path}: {source}")]
    Manifest {
        /// Where it lies.
        path: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// A document is not what its digest promises.
    #[error("{path}: its digest is {actual}, but {promised} was promised")]
    Digest {
        /// Where it lies.
        path: String,
        /// What it is.
        actual: Digest,
        /// What it should be.
        promised: Digest,
    },
    /// Several images, and none was chosen.
    #[error("{path} holds {}: name one of them", list(.choices))]
    Ambiguous {
        /// In what.
        path: String,
        /// What is there.
        choices: Vec<String>,
    },
    /// No image for the platform.
    #[error("{path} has no image for {wanted}; it has {}", platforms(.choices))]
    Platform {
        /// In what.
        path: String,
        /// What was asked for.
        wanted: String,
        /// What is there.
        choices: Vec<String>,
    },
}

fn list(choices: &[String]) -> String {
    if choices.is_empty() { "nothing".to_owned() } else { choices.join(", ") }
}

fn platforms(choices: &[String]) -> String {
    if choices.is_empty() { "none that says what it is for".to_owned() } else { choices.join(", ") }
}

/// A local image, resolved to its parts.
#[derive(Debug)]
pub struct LocalImage {
    /// Its configuration.
    pub config: Config,
    /// Digest of the configuration.
    pub config_digest: Digest,
    /// Digest of the manifest; a docker archive has none.
    pub manifest: Option<Digest>,
    /// Digest of the index that it was chosen from, if it was.
    pub index: Option<Digest>,
    /// What is said about its base.
    pub said: Said,
    /// Names the source knows it by.
    pub tags: Vec<String>,
    /// Its layers, lowest first; none where a layer cannot be read, with the reason.
    pub layers: Vec<Result<Blob, String>>,
}

/// Which of several images.
#[derive(Clone, Debug)]
pub struct Choice<'a> {
    /// A tag or name.
    pub name: Option<&'a str>,
    /// A manifest by digest.
    pub manifest: Option<Digest>,
    /// The index that it was chosen from.
    pub index: Option<Digest>,
    /// What is attached to it, as whoever fetched it found.
    pub attached: &'a [Digest],
    /// The platform.
    pub platform: &'a Platform,
}

/// A place that holds blobs.
enum Store {
    /// `blobs/sha256/HEX` in a directory.
    Directory(PathBuf),
    /// Members of a tar file.
    Tar(TarIndex),
}

/// Opens an OCI layout: a directory with `index.json`, or with only `blobs` if the manifest is named by digest.
pub fn open_layout(directory: &Path, choice: &Choice<'_>) -> Result<LocalImage, ArchiveError> {
    open_oci(&Store::Directory(directory.to_owned()), choice)
}

/// Opens a tar file that holds an OCI layout.
pub fn open_oci_archive(file: File, shown: &str, choice: &Choice<'_>) -> Result<LocalImage, ArchiveError> {
    open_oci(&Store::Tar(TarIndex::read(file, shown)?), choice)
}

/// Opens a tar file made by `docker save`.
pub fn open_docker_archive(file: File, shown: &str, choice: &Choice<'_>) -> Result<LocalImage, ArchiveError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Image {
        config: String,
        repo_tags: Option<Vec<String>>,
        layers: Vec<String>,
    }
    let index = TarIndex::read(file, shown)?;
    // A compressed archive cannot be told apart before it is inflated.
    if index.member("manifest.json").is_err() && index.member("index.json").is_ok() {
        return open_oci(&Store::Tar(index), choice);
    }
    let at = |source| ArchiveError::Manifest { path: format!("{shown}!/manifest.json"), source };
    let images: Vec<Image> = serde_json::from_slice(&index.document("manifest.json")?)
        .map_err(|source| at(ManifestError::Json { what: "manifest", source }))?;
    let tagged = |image: &Image, name: &str| {
        let tags = image.repo_tags.iter().flatten();
        tags.into_iter().any(|tag| tag == name || tag.rsplit('/').next() == Some(name))
    };
    let known: Vec<String> = images.iter().flat_map(|i| i.repo_tags.iter().flatten()).cloned().collect();
    let mut matching: Vec<Image> =
        images.into_iter().filter(|image| choice.name.is_none_or(|name| tagged(image, name))).collect();
    let image = match matching.len() {
        0 => return Err(missing(shown.to_owned(), choice, known)),
        1 => matching.remove(0),
        _ => {
            let choices =
                matching.into_iter().flat_map(|i| i.repo_tags.unwrap_or_else(|| vec![i.config])).collect();
            return Err(ArchiveError::Ambiguous { path: shown.to_owned(), choices });
        }
    };
    let config_path = format!("{shown}!/{}", image.config);
    let bytes = index.document(&image.config)?;
    let config_digest = digest(&bytes);
    // The file is named by its digest: `HEX.json`, or `blobs/sha256/HEX`.
    let stem = image.config.rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
    if let Ok(promised) = format!("sha256:{stem}").parse::<Digest>()
        && promised != config_digest
    {
        return Err(ArchiveError::Digest { path: config_path, actual: config_digest, promised });
    }
    let config = Config::parse(&bytes)
        .map_err(|source| ArchiveError::Manifest { path: config_path.clone(), source })?;
    check_layers(&config_path, &config, image.layers.len())?;
    let layers = image
        .layers
        .iter()
        .zip(&config.diff_ids)
        .map(|(name, &diff_id)| {
            let (offset, len) = index.member(name)?;
            let name = format!("{shown}!/{name}");
            Ok(Ok(Blob { file: Arc::clone(&index.file), name, offset, len, digest: None, diff_id }))
        })
        .collect::<Result<_, ArchiveError>>()?;
    Ok(LocalImage {
        config,
        config_digest,
        manifest: None,
        index: None,
        said: Said::default(),
        tags: image.repo_tags.unwrap_or_default(),
        layers,
    })
}

/// More layers than any runtime mounts (overlayfs takes 500), and few enough to count in 16 bits.
const MAX_LAYERS: usize = 4096;

fn check_layers(path: &str, config: &Config, layers: usize) -> Result<(), ArchiveError> {
    let text = if config.diff_ids.len() != layers {
        format!("the manifest lists {layers} layers, the configuration {}", config.diff_ids.len())
    } else if layers > MAX_LAYERS {
        format!("{layers} layers, more than the limit of {MAX_LAYERS}")
    } else {
        return Ok(());
    };
    Err(ArchiveError::Manifest { path: path.to_owned(), source: ManifestError::Inconsistent(text) })
}

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";

fn open_oci(store: &Store, choice: &Choice<'_>) -> Result<LocalImage, ArchiveError> {
    let mut way = Way::default();
    let (chosen, tags) = if let Some(digest) = choice.manifest {
        let mut chosen = nowhere(digest);
        if let Some(of) = choice.index {
            let index = store.index(of)?;
            chosen = index.manifests.iter().find(|entry| entry.digest == digest).cloned().unwrap_or(chosen);
            way.indexes.push((Some(of), index));
        }
        (chosen, Vec::new())
    } else {
        let index = layout_index(store)?;
        let chosen = choose_in_index(store, &index, choice)?;
        way.indexes.push((None, index));
        chosen
    };
    let (manifest_digest, manifest) = manifest_of(store, chosen, choice, &mut way)?;
    let bytes = store.verified(manifest.config.digest)?;
    let path = store.shown(manifest.config.digest);
    if !manifest.config.media_type.is_empty() && !manifest.config.media_type.contains("image") {
        let source = ManifestError::MediaType(manifest.config.media_type.chars().take(100).collect());
        return Err(ArchiveError::Manifest { path, source });
    }
    let config =
        Config::parse(&bytes).map_err(|source| ArchiveError::Manifest { path: path.clone(), source })?;
    check_layers(&path, &config, manifest.layers.len())?;
    let layers = manifest
        .layers
        .iter()
        .zip(&config.diff_ids)
        .map(|(layer, &diff_id)| store.layer(layer, diff_id))
        .collect::<Result<_, _>>()?;
    Ok(LocalImage {
        config,
        config_digest: manifest.config.digest,
        manifest: Some(manifest_digest),
        index: way.index(),
        said: store.said(&way, choice.attached, manifest_digest, &manifest),
        tags,
        layers,
    })
}

const fn nowhere(digest: Digest) -> Descriptor {
    Descriptor {
        media_type: String::new(),
        digest,
        size: 0,
        platform: None,
        artifact_type: String::new(),
        annotations: std::collections::BTreeMap::new(),
    }
}

/// What `index.json` lists.
fn layout_index(store: &Store) -> Result<Index, ArchiveError> {
    let path = store.name("index.json");
    match Document::parse(&store.document("index.json")?) {
        Ok(Document::Index(index)) => Ok(index),
        Ok(Document::Manifest(_)) => {
            Err(ArchiveError::Missing { path, what: "index of images".into(), known: vec![] })
        }
        Err(source) => Err(ArchiveError::Manifest { path, source }),
    }
}

/// The entry of `index.json` that is meant, and its names.
fn choose_in_index(
    store: &Store,
    index: &Index,
    choice: &Choice<'_>,
) -> Result<(Descriptor, Vec<String>), ArchiveError> {
    let path = store.name("index.json");
    let entries = &index.manifests;
    let names = |entry: &Descriptor| -> Vec<String> {
        [REF_NAME, CONTAINERD_NAME].iter().filter_map(|key| entry.annotations.get(*key)).cloned().collect()
    };
    let mut matching: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| choice.name.is_none_or(|name| names(entry).iter().any(|n| n == name)))
        .collect();
    let fits = |e: &&Descriptor| e.platform.as_deref().is_some_and(|p| choice.platform.accepts(p));
    if matching.len() > 1 && matching.iter().any(fits) {
        matching.retain(fits);
    }
    match matching[..] {
        [one] => Ok((one.clone(), names(one))),
        [] => {
            let known: Vec<String> = entries.iter().flat_map(names).collect();
            Err(missing(path, choice, known))
        }
        _ => {
            let choices =
                matching.into_iter().map(|e| names(e).pop().unwrap_or_else(|| e.digest.to_string()));
            Err(ArchiveError::Ambiguous { path, choices: choices.collect() })
        }
    }
}

fn missing(path: String, choice: &Choice<'_>, known: Vec<String>) -> ArchiveError {
    let what = choice.name.map_or_else(|| "image".to_owned(), |name| format!("image named {name}"));
    ArchiveError::Missing { path, what, known }
}

/// Follows indexes down to the manifest of the platform.
fn manifest_of(
    store: &Store,
    descriptor: Descriptor,
    choice: &Choice<'_>,
    way: &mut Way,
) -> Result<(Digest, manifest::Manifest), ArchiveError> {
    let mut digest = descriptor.digest;
    way.chosen.push(descriptor);
    // An index within an index is allowed; a chain of them is a loop or a joke.
    for _ in 0..=4 {
        let path = store.shown(digest);
        let bytes = store.verified(digest)?;
        let document = Document::parse(&bytes)
            .map_err(|source| ArchiveError::Manifest { path: path.clone(), source })?;
        let index = match document {
            Document::Manifest(manifest) => return Ok((digest, manifest)),
            Document::Index(index) => index,
        };
        let entry = choice.platform.choose(&index.manifests).map_err(|choices| ArchiveError::Platform {
            path,
            wanted: choice.platform.to_string(),
            choices,
        })?;
        way.chosen.push(entry.clone());
        let below = entry.digest;
        way.indexes.push((Some(digest), index));
        digest = below;
    }
    let source = ManifestError::Inconsistent("indexes are nested too deeply".into());
    Err(ArchiveError::Manifest { path: store.shown(digest), source })
}

impl Store {
    fn name(&self, member: &str) -> String {
        match self {
            Self::Directory(directory) => directory.join(member).display().to_string(),
            Self::Tar(index) => format!("{}!/{member}", index.shown),
        }
    }

    fn shown(&self, digest: Digest) -> String {
        self.name(&member(digest))
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        match self {
            Self::Directory(directory) => {
                let path = directory.join(name);
                let fail = |source| ArchiveError::Io { path: path.display().to_string(), source };
                let (file, _) = open_regular(&path).map_err(fail)?;
                let mut bytes = Vec::new();
                file.take(manifest::MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(fail)?;
                check_size(bytes.len() as u64).map_err(fail)?;
                Ok(bytes)
            }
            Self::Tar(index) => index.document(name),
        }
    }

    /// An index by its digest.
    fn index(&self, digest: Digest) -> Result<Index, ArchiveError> {
        let at = |source| ArchiveError::Manifest { path: self.shown(digest), source };
        match Document::parse(&self.verified(digest)?).map_err(at)? {
            Document::Index(index) => Ok(index),
            Document::Manifest(_) => Err(at(ManifestError::Inconsistent("it is no index".into()))),
        }
    }

    fn verified(&self, promised: Digest) -> Result<Vec<u8>, ArchiveError> {
        let bytes = self.document(&member(promised))?;
        let actual = digest(&bytes);
        if actual == promised {
            return Ok(bytes);
        }
        Err(ArchiveError::Digest { path: self.shown(promised), actual, promised })
    }

    /// The blob of a layer; the inner error is a layer that cannot be read though all else can.
    fn layer(&self, layer: &Descriptor, diff_id: Digest) -> Result<Result<Blob, String>, ArchiveError> {
        let kind = &layer.media_type;
        let last = kind.rsplit('.').next().unwrap_or_default();
        let readable = matches!(last, "" | "tar" | "tar+gzip" | "tar+zstd" | "gzip" | "zstd");
        if !readable {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(100).collect();
            return Ok(Err(format!("unsupported layer media type {kind:?}")));
        }
        let name = self.shown(layer.digest);
        let (file, offset, len) = match self {
            Self::Directory(directory) => {
                let path = directory.join(member(layer.digest));
                match open_regular(&path) {
                    Ok((file, len)) => (Arc::new(file), 0, len),
                    Err(error) if kind.contains("foreign") || kind.contains("nondistributable") => {
                        return Ok(Err(format!("a layer that may not be distributed is not there: {error}")));
                    }
                    Err(source) => return Err(ArchiveError::Io { path: name, source }),
                }
            }
            Self::Tar(index) => {
                let (offset, len) = index.member(&member(layer.digest))?;
                (Arc::clone(&index.file), offset, len)
            }
        };
        Ok(Ok(Blob { file, name, offset, len, digest: Some(layer.digest), diff_id }))
    }
}

/// Opens a file of a layout and tells its size; a FIFO there would block for ever, a device might do worse.
fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok((file, meta.len()))
}

fn member(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::sha256(Sha256::digest(bytes).into())
}

fn check_size(len: u64) -> io::Result<()> {
    if len <= manifest::MAX_DOCUMENT {
        return Ok(());
    }
    Err(io::Error::other(format!("a document of more than {} bytes", manifest::MAX_DOCUMENT)))
}

/// The members of a tar file, found without reading their content.
struct TarIndex {
    file: Arc<File>,
    shown: String,
    members: HashMap<Vec<u8>, Member>,
}

enum Member {
    Content { offset: u64, len: u64 },
    Link(Vec<u8>),
}

/// Members of an image archive: layers times three, and a few documents.
const MAX_MEMBERS: usize = 100_000;

impl TarIndex {
    fn read(file: File, shown: &str) -> Result<Self, ArchiveError> {
        let fail = |source| ArchiveError::Tar { path: shown.to_owned(), source };
        let file = Arc::new(file);
        let mut members = HashMap::new();
        let mut tar = Tar::new(Seeking { file: &file, at: 0, buffer: Vec::new(), used: 0 });
        while let Some(entry) = tar.next_entry().map_err(fail)? {
            let Ok(path) = entry.path else { continue };
            let member = match entry.kind {
                EntryType::File => Member::Content { offset: tar.position(), len: entry.size },
                EntryType::Hardlink => Member::Link([b"/", &entry.link[..]].concat()),
                EntryType::Symlink => Member::Link(entry.link),
                _ => continue,
            };
            if members.len() >= MAX_MEMBERS {
                let text = format!("more than {MAX_MEMBERS} members, too many for an image archive");
                return Err(fail(TarError::Header { at: tar.position(), text }));
            }
            members.insert(path, member);
        }
        let end = file.metadata().map_err(|e| fail(e.into()))?.len();
        if tar.position() > end {
            return Err(fail(TarError::Truncated(end)));
        }
        Ok(Self { file, shown: shown.to_owned(), members })
    }

    /// Offset and length of a member; old `docker save` links equal layers to one another.
    fn member(&self, name: &str) -> Result<(u64, u64), ArchiveError> {
        let missing = || ArchiveError::Missing {
            path: self.shown.clone(),
            what: name.chars().take(200).collect(),
            known: vec![],
        };
        let mut path = path::normalise(name.as_bytes()).map_err(|_| missing())?.into_owned();
        for _ in 0..8 {
            match self.members.get(&path) {
                Some(Member::Content { offset, len }) => return Ok((*offset, *len)),
                Some(Member::Link(target)) => {
                    let joined = match target.first() {
                        Some(b'/') => target.clone(),
                        _ => [path::parent(&path), b"/", target].concat(),
                    };
                    path = path::normalise(&joined).map_err(|_| missing())?.into_owned();
                }
                None => break,
            }
        }
        Err(missing())
    }

    fn document(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let (offset, len) = self.member(name)?;
        let fail = |source| ArchiveError::Io { path: format!("{}!/{name}", self.shown), source };
        check_size(len).map_err(fail)?;
        let mut bytes = vec![0; len as usize];
        self.file.read_exact_at(&mut bytes, offset).map_err(fail)?;
        Ok(bytes)
    }
}

/// A file read with `pread`, for which skipping costs nothing.
struct Seeking<'a> {
    file: &'a File,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl BufRead for Seeking<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() {
            self.buffer.resize(4096, 0);
            let n = self.file.read_at(&mut self.buffer, self.at)?;
            self.buffer.truncate(n);
            self.used = 0;
        }
        Ok(&self.buffer[self.used..])
    }

    fn consume(&mut self, n: usize) {
        self.used += n;
        self.at += n as u64;
    }
}

impl Read for Seeking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl Skip for Seeking<'_> {
    fn skip_bytes(&mut self, n: u64) -> io::Result<u64> {
        let buffered = (self.buffer.len() - self.used) as u64;
        if n <= buffered {
            self.consume(n as usize);
        } else {
            self.buffer.clear();
            self.used = 0;
            self.at = self.at.saturating_add(n);
        }
        // A file that ends before is told by the next header, or by the check of the whole index.
        Ok(n)
    }
}

/// What tells that a stored blob is still the one that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
    offset: u64,
    len: u64,
}

impl Stamp {
    /// Of a blob.
    pub fn of(blob: &Blob) -> io::Result<Self> {
        let meta = blob.file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            offset: blob.offset,
            len: blob.len,
        })
    }

    /// A name for the cache, for this stamp and what was verified of it.
    pub fn key(&self, digest: Option<Digest>, diff_id: Digest) -> Digest {
        self::digest(format!("{self:?} {digest:?} {diff_id}").as_bytes())
    }
}
