//! What a job names, opened before the sandbox closes and understood after.

use super::{Work, WorkError, Worker};
use crate::{
    archive::{self, ArchiveError, Choice, LocalImage},
    caps,
    catalog::Scope,
    layer,
    manifest::{Compression, Config},
    source::Platform,
    tree::Root,
};
use gabion_model::Digest;
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
};

/// Inputs, opened before the sandbox closes.
pub(super) enum Opened {
    Image(Box<LocalImage>),
    Layout { directory: PathBuf, name: Option<String>, fetched: Option<Named>, tags: Vec<String> },
    Archive { file: File, shown: String, name: Option<String>, docker: bool },
    Snapshots(Unpacked),
    Root(Root, Scope),
    Sbom(File, String),
}

/// An image whose layers are directories.
pub(super) struct Unpacked {
    pub(super) config: Vec<u8>,
    pub(super) manifest: Digest,
    /// Lowest first.
    pub(super) roots: Vec<Root>,
    pub(super) tags: Vec<String>,
}

/// An image that was fetched: its manifest, the index it was chosen from, and what is attached to it without that.
pub(super) struct Named {
    manifest: Digest,
    index: Option<Digest>,
    attached: Vec<Digest>,
}

impl Worker<'_> {
    /// Opens what the job names, by paths the user gave. Returns what must stay readable.
    pub(super) fn open(&self) -> Result<(Opened, Vec<PathBuf>), WorkError> {
        let open = |path: &Path| {
            File::open(path).map_err(|source| WorkError::Open { path: path.display().to_string(), source })
        };
        Ok(match &self.job.work {
            Work::DockerArchive { file, name } | Work::OciArchive { file, name } => {
                let docker = matches!(self.job.work, Work::DockerArchive { .. });
                let shown = file.display().to_string();
                (Opened::Archive { file: open(file)?, shown, name: name.clone(), docker }, vec![])
            }
            Work::Layout { directory, name } => (
                Opened::Layout {
                    directory: directory.clone(),
                    name: name.clone(),
                    fetched: None,
                    tags: vec![],
                },
                vec![directory.clone()],
            ),
            Work::Blobs { directory, manifest, index, attached, tags } => (
                Opened::Layout {
                    directory: directory.clone(),
                    name: None,
                    fetched: Some(Named { manifest: *manifest, index: *index, attached: attached.clone() }),
                    tags: tags.clone(),
                },
                vec![directory.join("blobs")],
            ),
            Work::Snapshots { config, manifest, layers, tags } => {
                let roots = layers.iter().map(|layer| Root::open(layer)).collect::<Result<_, _>>()?;
                (
                    Opened::Snapshots(Unpacked {
                        config: config.clone(),
                        manifest: *manifest,
                        roots,
                        tags: tags.clone(),
                    }),
                    layers.clone(),
                )
            }
            Work::Root { directory, scope } => {
                let root = Root::open(directory)?;
                let scope = scope.unwrap_or_else(|| root.scope());
                (Opened::Root(root, scope), vec![directory.clone()])
            }
            Work::Sbom { file } => (Opened::Sbom(open(file)?, file.display().to_string()), vec![]),
        })
    }

    /// Reads indexes, manifests and configurations.
    pub(super) fn resolve(&self, opened: Opened, spill: io::Result<File>) -> Result<Opened, WorkError> {
        let wanted = self.job.platform.as_ref().and_then(|text| text.parse::<Platform>().ok());
        let platform = &wanted.clone().unwrap_or_else(Platform::host);
        let opened = match opened {
            Opened::Layout { directory, name, fetched, tags } => {
                let choice = Choice {
                    name: name.as_deref(),
                    manifest: fetched.as_ref().map(|named| named.manifest),
                    index: fetched.as_ref().and_then(|named| named.index),
                    attached: fetched.as_ref().map_or(&[], |named| &named.attached),
                    platform,
                };
                let mut image = archive::open_layout(&directory, &choice)?;
                image.tags.extend(tags);
                Opened::Image(Box::new(image))
            }
            Opened::Archive { file, shown, name, docker } => {
                let file = self.plain(file, &shown, spill)?;
                let choice =
                    Choice { name: name.as_deref(), manifest: None, index: None, attached: &[], platform };
                let open = if docker { archive::open_docker_archive } else { archive::open_oci_archive };
                Opened::Image(Box::new(open(file, &shown, &choice)?))
            }
            other => other,
        };
        // One that was named must be what is there, also where there was nothing to choose from.
        let there = match &opened {
            Opened::Image(image) => Some(image.config.platform.clone()),
            Opened::Snapshots(Unpacked { config, .. }) => Some(Config::parse(config)?.platform),
            _ => None,
        };
        match (wanted, there) {
            (Some(wanted), Some(there)) if !wanted.accepts(&there) => Err(ArchiveError::Platform {
                path: self.job.reference.clone(),
                wanted: wanted.to_string(),
                choices: (there != "/").then_some(there).into_iter().collect(),
            }
            .into()),
            _ => Ok(opened),
        }
    }

    /// An archive that was compressed as a whole is inflated to a temporary file first.
    fn plain(&self, mut file: File, shown: &str, spill: io::Result<File>) -> Result<File, WorkError> {
        let fail = |source| WorkError::Open { path: shown.to_owned(), source };
        let mut head = [0; 4];
        let n = file.read(&mut head).map_err(fail)?;
        file.rewind().map_err(fail)?;
        let limit = self.job.limits.layer;
        let mut inflated: Box<dyn Read> = match layer::sniff(&head[..n]) {
            Compression::None => return Ok(file),
            Compression::Gzip => Box::new(caps::gunzip(BufReader::new(file), "the archive", limit)),
            Compression::Zstd => {
                Box::new(caps::unzstd(BufReader::new(file), "the archive", limit).map_err(fail)?)
            }
        };
        let full = |source| WorkError::Temporary {
            path: shown.to_owned(),
            directory: self.job.temporary.display().to_string(),
            source,
        };
        let mut spill = spill.map_err(full)?;
        let mut buffer = vec![0; 128 << 10];
        loop {
            match inflated.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => spill.write_all(&buffer[..n]).map_err(full)?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(fail(e)),
            }
        }
        spill.rewind().map_err(full)?;
        Ok(spill)
    }
}
