//! The sandboxed child: told what to read on standard input, answers on standard output.
//!
//! ```text
//!  gabion scan ──spawns──► gabion __worker
//!     Job (JSON)  ──stdin──►  open inputs ─► close sandbox ─► read, assemble
//!     cache ◄──────┐                                            │
//!     progress ◄───┴──────────── frames ◄──────────stdout───────┘
//!     report ◄─────┘
//! ```
//!
//! The child gets an empty environment, no network, no credentials. What it sends back is data of known
//! shape; the parent writes it to the cache under a name that is a digest, or parses it as a report.

use crate::{
    archive::{self, ArchiveError, Choice, LocalImage, Stamp},
    assemble::{self, Assembled},
    cache::{self, Cache, Kind},
    caps::{self, Limits},
    catalog::{Cataloger, Scope, eol},
    file_pass::{Analyser, FilePass},
    layer::{self, Blob, Counters, LayerError, LayerFacts},
    manifest::{Config, ManifestError},
    sandbox, secret,
    source::Platform,
    tree::{Layout, Root, TreeError},
};
use gabion_model::{
    Aspect, Coverage, Digest, FileIndex, ImageIdentity, Isolation, Package, Reason, ScanReport, Status,
    Target, Tool, Verification, scan::SCHEMA_VERSION,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::{Mutex, atomic::Ordering, mpsc},
    time::Duration,
};

/// What to scan, as files on this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// A tar file made by `docker save`.
    DockerArchive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// A tar file that holds an OCI layout.
    OciArchive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// A directory that is an OCI layout.
    Layout {
        /// The directory.
        directory: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// Blobs that were fetched: a directory with `blobs/sha256/HEX`.
    Blobs {
        /// The directory.
        directory: PathBuf,
        /// The manifest.
        manifest: Digest,
        /// Names of the image.
        tags: Vec<String>,
    },
    /// An unpacked image of a container runtime.
    Snapshots {
        /// The configuration document.
        config: Vec<u8>,
        /// Digest of the manifest.
        manifest: Digest,
        /// Directory of each layer, lowest first.
        layers: Vec<PathBuf>,
        /// Names of the image.
        tags: Vec<String>,
    },
    /// A directory.
    Root {
        /// The directory.
        directory: PathBuf,
        /// What it is, if the user said so.
        scope: Option<Scope>,
    },
    /// An SBOM document.
    Sbom {
        /// The file.
        file: PathBuf,
    },
}

/// A job for the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What to scan.
    pub work: Work,
    /// Kind and name of the source, for the report.
    pub source: String,
    /// The reference as the user gave it.
    pub reference: String,
    /// The platform to choose from an image for several.
    pub platform: String,
    /// Whether to look for secrets.
    pub secrets: bool,
    /// Read and verify all blobs again, whatever is cached.
    pub verify: bool,
    /// The time of the scan.
    pub now: jiff::Timestamp,
    /// The limits.
    pub limits: Limits,
    /// Threads to read with.
    pub jobs: usize,
    /// Also send the index of all files.
    pub index: bool,
    /// The cache; none to work without.
    pub cache: Option<PathBuf>,
    /// Where temporary files go.
    pub temporary: PathBuf,
    /// Version of the program.
    pub version: String,
}

/// What an SBOM holds, once read.
#[derive(Debug, Default)]
pub struct SbomContent {
    /// Packages.
    pub packages: Vec<Package>,
    /// The distribution it names.
    pub os: Option<gabion_model::OsRelease>,
    /// What in it could not be used.
    pub gaps: Vec<Reason>,
    /// What in it is left out by design.
    pub skipped: Vec<Reason>,
}

/// Reads an SBOM. Passed in, as the formats live in another crate.
pub type SbomReader = fn(&[u8]) -> Result<SbomContent, String>;

/// Messages from worker to parent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// Bytes read so far, and in all (0 if unknown).
    Progress(u64, u64),
    /// An entry for the cache follows, in chunks.
    Store(Kind, Digest),
    /// The report follows, in chunks.
    Report,
    /// The index of all files follows, in chunks; only if it was asked for.
    Index,
    /// A chunk.
    Chunk(Vec<u8>),
    /// The end of what was begun.
    End,
    /// Nothing can be told, and why; the second is a hint.
    Failed(String, Option<String>),
    /// Peak memory of the worker in KiB; the last message.
    Done(u64),
}

/// Why a scan cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The image cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A directory cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A configuration cannot be used.
    #[error("image configuration: {0}")]
    Config(#[from] ManifestError),
    /// A file cannot be opened.
    #[error("{path}: {source}")]
    Open {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no room to inflate an archive into.
    #[error("{path} cannot be inflated to a temporary file in {directory}: {source}")]
    Temporary {
        /// Which.
        path: String,
        /// Where to.
        directory: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An SBOM cannot be used.
    #[error("{path}: {text}")]
    Sbom {
        /// Which.
        path: String,
        /// Why.
        text: String,
    },
    /// The parent cannot be reached.
    #[error("the worker lost its parent: {0}")]
    Parent(#[from] io::Error),
}

impl WorkError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Layer(LayerError::Entries { .. }) | Self::Tree(TreeError::Entries { .. }) => {
                Some("raise it with --max-entries".into())
            }
            Self::Layer(LayerError::Read { source, .. }) => over_size(&source.to_string()),
            Self::Open { source, .. } => over_size(&source.to_string()),
            Self::Temporary { .. } => Some(
                "free some space, or put temporary files elsewhere with --cache-dir (with --no-cache: TMPDIR)".into(),
            ),
            Self::Archive(ArchiveError::Ambiguous { .. }) => {
                Some("append the name to the argument, as in oci:DIR:TAG or docker-archive:FILE:NAME".into())
            }
            Self::Archive(ArchiveError::Platform { .. }) => Some("choose one with --platform".into()),
            _ => None,
        }
    }
}

fn over_size(error: &str) -> Option<String> {
    error
        .contains("more than the limit")
        .then(|| "raise it with --max-layer-size if you trust the image".into())
}

/// The child's `main`: does one job. False if it failed; the parent was told why.
pub fn run(catalogers: &[&dyn Cataloger], sbom: SbomReader) -> bool {
    // Opened now, read at the end: the kernel fills it in when it is read.
    let status = File::open("/proc/self/status");
    let Ok(stdout) = rustix::io::dup(rustix::stdio::stdout()) else {
        return false;
    };
    let out = Out(Mutex::new(stdout.into()));
    let result = serde_json::from_reader(io::stdin().lock())
        .map_err(|e| WorkError::Parent(e.into()))
        .and_then(|job: Job| {
            Worker {
                job,
                catalogers,
                sbom,
                out: &out,
            }
            .run()
        });
    let sent = match &result {
        Ok(()) => out.send(&Message::Done(status.map_or(0, peak_kib))),
        Err(error) => out.send(&Message::Failed(chain(error), error.hint())),
    };
    result.is_ok() && sent.is_ok()
}

fn chain(error: &WorkError) -> String {
    // The messages include their sources already.
    error.to_string()
}

/// Peak resident memory in KiB, from an open `/proc/PID/status`; 0 if it does not say.
pub fn peak_kib(mut status: File) -> u64 {
    let mut text = String::new();
    // Whatever was read is searched.
    let _ = status.read_to_string(&mut text);
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// The parent's ear.
struct Out(Mutex<File>);

impl Out {
    fn send(&self, message: &Message) -> io::Result<()> {
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        send(&mut *out, message)?;
        out.flush()
    }

    /// Sends a value in chunks, so that nothing large is ever held as a whole.
    fn stream(&self, head: &Message, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        send(&mut *out, head)?;
        let mut chunks = io::BufWriter::with_capacity(64 << 10, Chunks(&mut *out));
        write(&mut chunks)?;
        chunks.flush()?;
        drop(chunks);
        send(&mut *out, &Message::End)?;
        out.flush()
    }
}

struct Chunks<'a, W: Write>(&'a mut W);

impl<W: Write> Write for Chunks<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = buffer.len().min(MAX_MESSAGE / 2);
        send(self.0, &Message::Chunk(buffer[..n].to_vec()))?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// No message is larger.
const MAX_MESSAGE: usize = 1 << 20;

fn send(to: &mut impl Write, message: &Message) -> io::Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(io::Error::other)?;
    to.write_all(&(bytes.len() as u32).to_le_bytes())?;
    to.write_all(&bytes)
}

/// Receives a message; none at the end of the stream.
pub fn receive(from: &mut impl Read) -> io::Result<Option<Message>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::other("the worker sent a message that is too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}

struct Worker<'a> {
    job: Job,
    catalogers: &'a [&'a dyn Cataloger],
    sbom: SbomReader,
    out: &'a Out,
}

/// Inputs, opened before the sandbox closes.
enum Opened {
    Image(Box<LocalImage>),
    Layout(PathBuf, Option<String>, Option<Digest>, Vec<String>),
    Archive {
        file: File,
        shown: String,
        name: Option<String>,
        docker: bool,
    },
    Snapshots {
        config: Vec<u8>,
        manifest: Digest,
        roots: Vec<Root>,
        tags: Vec<String>,
    },
    Root(Root, Scope),
    Sbom(File, String),
}

impl Worker<'_> {
    fn run(&self) -> Result<(), WorkError> {
        let job = &self.job;
        let (opened, mut readable) = self.open()?;
        let mut spills: Vec<Option<File>> = (0..job.jobs.max(1))
            .map(|_| cache::unnamed(&job.temporary).ok())
            .collect();
        let archive_spill = cache::unnamed(&job.temporary);
        readable.extend(job.cache.iter().map(|root| root.join("layers")));
        readable.extend(job.cache.iter().map(|root| root.join("images")));
        readable.extend(job.cache.iter().map(|root| root.join("stamps")));
        readable.extend(job.cache.iter().map(|root| root.join("indexes")));
        let isolation = sandbox::enter(&readable);
        // Everything from here on may meet hostile bytes.
        let opened = self.resolve(opened, archive_spill)?;
        let mut passes: Vec<FilePass> = spills.drain(..).map(FilePass::new).collect();
        let report = match opened {
            Opened::Image(image) => self.image(&image, &mut passes, isolation)?,
            Opened::Snapshots {
                config,
                manifest,
                roots,
                tags,
            } => {
                let config_digest = Digest::sha256(Sha256::digest(&config).into());
                let config = Config::parse(&config)?;
                let facts = roots
                    .iter()
                    .map(|root| self.tree(root, Layout::Overlay, Scope::Image, &mut passes))
                    .collect::<Result<Vec<_>, _>>()?;
                let identity = identity(
                    &config,
                    config_digest,
                    Some(manifest),
                    &tags,
                    Verification::UnverifiedSnapshot,
                );
                let digests = vec![None; facts.len()];
                let assembled = self.assemble(&facts, Some(&config), &digests, &tags, Scope::Image);
                let (mut report, tree) = self.report(assembled, Some(identity), Some(&config), isolation);
                self.send_index(&tree)?;
                let reason =
                    "layers: unverified (snapshot): read as the runtime unpacked them, without digests";
                report.coverage.skip(Aspect::FILES, Reason::new(reason));
                Some(report)
            }
            Opened::Root(root, scope) => {
                let facts = [self.tree(&root, Layout::Plain, scope, &mut passes)?];
                let assembled = self.assemble(&facts, None, &[], &[], scope);
                let (report, tree) = self.report(assembled, None, None, isolation);
                self.send_index(&tree)?;
                Some(report)
            }
            Opened::Sbom(file, shown) => Some(self.read_sbom(file, shown, isolation)?),
            // `resolve` leaves none of these.
            Opened::Layout(..) | Opened::Archive { .. } => None,
        };
        if let Some(report) = report {
            self.send_report(&report)?;
        }
        Ok(())
    }

    /// Opens what the job names, by paths the user gave. Returns what must stay readable.
    fn open(&self) -> Result<(Opened, Vec<PathBuf>), WorkError> {
        let open = |path: &Path| {
            File::open(path).map_err(|source| WorkError::Open {
                path: path.display().to_string(),
                source,
            })
        };
        Ok(match &self.job.work {
            Work::DockerArchive { file, name } | Work::OciArchive { file, name } => {
                let docker = matches!(self.job.work, Work::DockerArchive { .. });
                let shown = file.display().to_string();
                (
                    Opened::Archive {
                        file: open(file)?,
                        shown,
                        name: name.clone(),
                        docker,
                    },
                    vec![],
                )
            }
            Work::Layout { directory, name } => (
                Opened::Layout(directory.clone(), name.clone(), None, vec![]),
                vec![directory.clone()],
            ),
            Work::Blobs {
                directory,
                manifest,
                tags,
            } => (
                Opened::Layout(directory.clone(), None, Some(*manifest), tags.clone()),
                vec![directory.join("blobs")],
            ),
            Work::Snapshots {
                config,
                manifest,
                layers,
                tags,
            } => {
                let roots = layers
                    .iter()
                    .map(|layer| Root::open(layer))
                    .collect::<Result<_, _>>()?;
                (
                    Opened::Snapshots {
                        config: config.clone(),
                        manifest: *manifest,
                        roots,
                        tags: tags.clone(),
                    },
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
    fn resolve(&self, opened: Opened, spill: io::Result<File>) -> Result<Opened, WorkError> {
        let platform = &self
            .job
            .platform
            .parse::<Platform>()
            .unwrap_or_else(|_| Platform::host());
        Ok(match opened {
            Opened::Layout(directory, name, manifest, tags) => {
                let choice = Choice {
                    name: name.as_deref(),
                    manifest,
                    platform,
                };
                let mut image = archive::open_layout(&directory, &choice)?;
                image.tags.extend(tags);
                Opened::Image(Box::new(image))
            }
            Opened::Archive {
                file,
                shown,
                name,
                docker,
            } => {
                let file = self.plain(file, &shown, spill)?;
                let choice = Choice {
                    name: name.as_deref(),
                    manifest: None,
                    platform,
                };
                let open = if docker {
                    archive::open_docker_archive
                } else {
                    archive::open_oci_archive
                };
                Opened::Image(Box::new(open(file, &shown, &choice)?))
            }
            other => other,
        })
    }

    /// An archive that was compressed as a whole is inflated to a temporary file first.
    fn plain(&self, mut file: File, shown: &str, spill: io::Result<File>) -> Result<File, WorkError> {
        let fail = |source| WorkError::Open {
            path: shown.to_owned(),
            source,
        };
        let mut head = [0; 4];
        let n = file.read(&mut head).map_err(fail)?;
        file.rewind().map_err(fail)?;
        let limit = self.job.limits.layer;
        let mut inflated: Box<dyn Read> = match layer::sniff(&head[..n]) {
            crate::manifest::Compression::None => return Ok(file),
            crate::manifest::Compression::Gzip => {
                Box::new(caps::gunzip(BufReader::new(file), "the archive", limit))
            }
            crate::manifest::Compression::Zstd => {
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

    fn analyser(&self, scope: Scope) -> Analyser<'_> {
        Analyser {
            catalogers: self.catalogers,
            secrets: self.job.secrets,
            scope,
            limits: self.job.limits,
        }
    }

    fn cache(&self) -> Option<Cache> {
        self.job.cache.as_ref().map(Cache::new)
    }

    // === images ===

    /// None if the report was found in the cache and sent on as it is.
    fn image(
        &self,
        image: &LocalImage,
        passes: &mut [FilePass],
        isolation: Isolation,
    ) -> Result<Option<ScanReport>, WorkError> {
        let key = self.image_key(image);
        let cache = self.cache().filter(|_| !self.job.verify);
        if let Some(cache) = &cache
            && image.layers.iter().flatten().all(|blob| stamped(cache, blob))
            && let Some(report) = self.cached_report(cache, key, &isolation)
            && self.send_cached_index(cache, key)?
        {
            return Ok(Some(report));
        }
        let counters = Counters::default();
        let (facts, verification) = self.layers(image, passes, &counters)?;
        let digests: Vec<_> = image
            .layers
            .iter()
            .map(|l| l.as_ref().ok().and_then(|b| b.digest))
            .collect();
        let identity = identity(
            &image.config,
            image.config_digest,
            image.manifest,
            &image.tags,
            verification,
        );
        let assembled = self.assemble(&facts, Some(&image.config), &digests, &image.tags, Scope::Image);
        let (mut report, tree) = self.report(assembled, Some(identity), Some(&image.config), isolation);
        for (at, layer) in image.layers.iter().enumerate() {
            if let Err(why) = layer {
                for aspect in report.coverage.iter().map(|(a, _)| a.clone()).collect::<Vec<_>>() {
                    report
                        .coverage
                        .gap(aspect, Reason::new(format!("layer {at}: {why}")));
                }
            }
        }
        self.send_index(&tree)?;
        if self.job.cache.is_some() {
            self.out.stream(&Message::Store(Kind::Index, key), |out| {
                postcard::to_io(&tree, out).map(drop).map_err(io::Error::other)
            })?;
            self.out.stream(&Message::Store(Kind::Image, key), |out| {
                serde_json::to_writer(out, &report).map_err(io::Error::other)
            })?;
        }
        Ok(Some(report))
    }

    /// All that a report depends on, but the content that the digests stand for. The clock counts by day:
    /// ages and ends of life are told in days.
    fn image_key(&self, image: &LocalImage) -> Digest {
        let day = self.job.now.as_second() / 86_400;
        let missing: Vec<_> = image.layers.iter().map(Result::is_err).collect();
        let text = format!(
            "{} {:?} {:?} {missing:?} {} {} {} {day} {}",
            image.config_digest,
            image.manifest,
            image.tags,
            self.job.source,
            self.job.reference,
            self.job.secrets,
            self.revision(),
        );
        Digest::sha256(Sha256::digest(text).into())
    }

    /// What the facts of a layer depend on, besides its content.
    fn revision(&self) -> String {
        let mut text = format!("{} {} {:?}", self.job.version, secret::REVISION, self.job.limits);
        for cataloger in self.catalogers {
            text.extend([" ", cataloger.name(), "=", &cataloger.revision().to_string()]);
        }
        Digest::sha256(Sha256::digest(text).into()).hex()
    }

    fn cached_report(&self, cache: &Cache, key: Digest, isolation: &Isolation) -> Option<ScanReport> {
        let mut report: ScanReport = serde_json::from_reader(cache.open(Kind::Image, key)?).ok()?;
        report.created = self.job.now;
        report.isolation = isolation.clone();
        if let Some(image) = &mut report.target.image {
            image.verification = Verification::VerifiedEarlier;
        }
        Some(report)
    }

    /// True if no index was asked for, or it was in the cache and is sent.
    fn send_cached_index(&self, cache: &Cache, key: Digest) -> Result<bool, WorkError> {
        if !self.job.index {
            return Ok(true);
        }
        let Some(mut index) = cache.open(Kind::Index, key) else {
            return Ok(false);
        };
        self.out
            .stream(&Message::Index, |out| io::copy(&mut index, out).map(drop))?;
        Ok(true)
    }

    fn send_index(&self, tree: &FileIndex) -> Result<(), WorkError> {
        if self.job.index {
            self.out.stream(&Message::Index, |out| {
                postcard::to_io(tree, out).map(drop).map_err(io::Error::other)
            })?;
        }
        Ok(())
    }

    /// Facts of all layers, from the cache or read now, several at once.
    fn layers(
        &self,
        image: &LocalImage,
        passes: &mut [FilePass],
        counters: &Counters,
    ) -> Result<(Vec<LayerFacts>, Verification), WorkError> {
        let revision = self.revision();
        let analyser = self.analyser(Scope::Image);
        let cache = self.cache().filter(|_| !self.job.verify);
        let mut facts: Vec<Option<LayerFacts>> = Vec::new();
        for layer in &image.layers {
            facts.push(match layer {
                Ok(blob) => cache
                    .as_ref()
                    .and_then(|cache| self.cached_layer(cache, blob, &revision)),
                Err(_) => Some(LayerFacts::default()),
            });
        }
        let verification = if facts.iter().all(Option::is_some) {
            Verification::VerifiedEarlier
        } else {
            Verification::Verified
        };
        // The largest first, so that no thread is left with it at the end.
        let mut todo: Vec<(usize, &Blob)> = image
            .layers
            .iter()
            .enumerate()
            .filter_map(|(i, l)| Some((i, l.as_ref().ok()?)))
            .collect();
        todo.retain(|(i, _)| facts[*i].is_none());
        todo.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.len));
        let total = todo.iter().map(|(_, blob)| blob.len).sum();
        let todo = Mutex::new(todo.into_iter());
        let (running, finished) = mpsc::channel::<()>();
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = passes
                .iter_mut()
                .map(|pass| {
                    let (todo, analyser, running) = (&todo, &analyser, running.clone());
                    scope.spawn(move || {
                        let _running = running;
                        let mut done = Vec::new();
                        loop {
                            let next = todo
                                .lock()
                                .unwrap_or_else(std::sync::PoisonError::into_inner)
                                .next();
                            let Some((at, blob)) = next else { return done };
                            let result = layer::read(blob, analyser, pass, counters);
                            let failed = result.is_err();
                            done.push((at, blob, result));
                            if failed {
                                return done;
                            }
                        }
                    })
                })
                .collect();
            drop(running);
            self.report_progress(counters, total, &finished);
            workers
                .into_iter()
                .map(std::thread::ScopedJoinHandle::join)
                .collect::<Vec<_>>()
        });
        for worker in results {
            let done = worker.map_err(|_| io::Error::other("a reading thread panicked"))?;
            for (at, blob, result) in done {
                let layer = result?;
                self.store_layer(blob, &layer, &revision)?;
                facts[at] = Some(layer);
            }
        }
        Ok((
            facts.into_iter().map(Option::unwrap_or_default).collect(),
            verification,
        ))
    }

    /// Sends how far it is, ten times a second, until all senders of `finished` are gone.
    fn report_progress(&self, counters: &Counters, total: u64, finished: &mpsc::Receiver<()>) {
        while finished.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
            // A parent that is gone is met again when the report is sent.
            let _ = self
                .out
                .send(&Message::Progress(counters.read.load(Ordering::Relaxed), total));
        }
    }

    fn layer_key(&self, diff_id: Digest, revision: &str) -> Digest {
        Digest::sha256(Sha256::digest(format!("{diff_id} {revision} {}", self.job.secrets)).into())
    }

    /// Cached facts count only for bytes that were verified: the very file, unchanged, or one that hashes right.
    fn cached_layer(&self, cache: &Cache, blob: &Blob, revision: &str) -> Option<LayerFacts> {
        let key = self.layer_key(blob.diff_id, revision);
        if !cache.has(Kind::Layer, key) {
            return None;
        }
        if !stamped(cache, blob) {
            // The same content elsewhere: its stored digest is enough if that was seen to inflate to the diffID.
            let promised = blob.digest.unwrap_or(blob.diff_id);
            let known = blob
                .digest
                .is_none_or(|d| cache.has(Kind::Stamp, inflates_to(d, blob.diff_id)));
            if !known || layer::stored_digest(blob).ok()? != promised {
                return None;
            }
            let stamp = Stamp::of(blob).ok()?.key(blob.digest, blob.diff_id);
            self.out
                .stream(&Message::Store(Kind::Stamp, stamp), |_| Ok(()))
                .ok()?;
        }
        let mut bytes = Vec::new();
        cache.open(Kind::Layer, key)?.read_to_end(&mut bytes).ok()?;
        postcard::from_bytes(&bytes).ok()
    }

    fn store_layer(&self, blob: &Blob, layer: &LayerFacts, revision: &str) -> Result<(), WorkError> {
        if self.job.cache.is_none() {
            return Ok(());
        }
        let key = self.layer_key(blob.diff_id, revision);
        self.out.stream(&Message::Store(Kind::Layer, key), |out| {
            postcard::to_io(layer, out).map(drop).map_err(io::Error::other)
        })?;
        let mut stamps = vec![];
        stamps.extend(Stamp::of(blob).ok().map(|s| s.key(blob.digest, blob.diff_id)));
        stamps.extend(blob.digest.map(|d| inflates_to(d, blob.diff_id)));
        for stamp in stamps {
            self.out.stream(&Message::Store(Kind::Stamp, stamp), |_| Ok(()))?;
        }
        Ok(())
    }

    // === directories and SBOMs ===

    fn tree(
        &self,
        root: &Root,
        layout: Layout,
        scope: Scope,
        passes: &mut [FilePass],
    ) -> Result<LayerFacts, WorkError> {
        let counters = Counters::default();
        let (done, finished) = mpsc::channel::<()>();
        let analyser = self.analyser(scope);
        let result = std::thread::scope(|threads| {
            let (counters, analyser) = (&counters, &analyser);
            let reading = threads.spawn(move || {
                let _done = done;
                root.read(layout, analyser, passes, counters)
            });
            self.report_progress(counters, 0, &finished);
            reading.join()
        });
        result
            .map_err(|_| io::Error::other("a reading thread panicked"))?
            .map_err(WorkError::from)
    }

    fn read_sbom(&self, file: File, shown: String, isolation: Isolation) -> Result<ScanReport, WorkError> {
        let limit = self.job.limits.document;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| WorkError::Open {
                path: shown.clone(),
                source,
            })?;
        if bytes.len() as u64 > limit {
            return Err(WorkError::Sbom {
                path: shown,
                text: format!("larger than the limit of {limit} bytes"),
            });
        }
        let content = (self.sbom)(&bytes).map_err(|text| WorkError::Sbom { path: shown, text })?;
        let mut coverage = Coverage::default();
        let packages = Aspect::named("packages");
        coverage.full(packages.clone());
        content
            .gaps
            .into_iter()
            .for_each(|gap| coverage.gap(packages.clone(), gap));
        content
            .skipped
            .into_iter()
            .for_each(|reason| coverage.skip(packages.clone(), reason));
        let mut os = content.os;
        if let Some(os) = &mut os {
            os.end_of_life = eol::end_of_life(&os.id, os.version.as_deref());
            eol::judge(os, self.job.now);
        }
        for aspect in [Aspect::FILES, Aspect::SECRETS, Aspect::CONFIG] {
            coverage.set(
                aspect,
                Status::NotEvaluated {
                    reason: "an SBOM does not hold it".into(),
                },
            );
        }
        coverage.set(
            Aspect::VULNERABILITIES,
            Status::NotEvaluated {
                reason: "no database".into(),
            },
        );
        let assembled = Assembled {
            tree: FileIndex::default(),
            os,
            layers: Vec::new(),
            packages: content.packages,
            findings: Vec::new(),
            files: gabion_model::scan::FileTotals::default(),
            coverage,
        };
        Ok(self.report(assembled, None, None, isolation).0)
    }

    // === reports ===

    fn assemble(
        &self,
        layers: &[LayerFacts],
        config: Option<&Config>,
        digests: &[Option<Digest>],
        tags: &[String],
        scope: Scope,
    ) -> Assembled {
        let input = assemble::Input {
            layers,
            config,
            digests,
            tags,
            scope,
            secrets: self.job.secrets,
            now: self.job.now,
        };
        assemble::assemble(&input, self.catalogers)
    }

    fn report(
        &self,
        assembled: Assembled,
        image: Option<ImageIdentity>,
        config: Option<&Config>,
        isolation: Isolation,
    ) -> (ScanReport, FileIndex) {
        let mut summary = config.map(|c| c.summary.clone());
        for value in summary.iter_mut().flat_map(|s| s.labels.values_mut()) {
            *value = secret::redact(value);
        }
        let report = ScanReport {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool {
                name: "gabion".to_owned(),
                version: self.job.version.clone(),
            },
            created: self.job.now,
            target: Target {
                source: self.job.source.clone(),
                reference: self.job.reference.clone(),
                image,
            },
            os: assembled.os,
            config: summary,
            layers: assembled.layers,
            packages: assembled.packages,
            findings: assembled.findings,
            files: assembled.files,
            coverage: assembled.coverage,
            isolation,
        };
        (report, assembled.tree)
    }

    fn send_report(&self, report: &ScanReport) -> Result<(), WorkError> {
        self.out.stream(&Message::Report, |out| {
            serde_json::to_writer(out, report).map_err(io::Error::other)
        })?;
        Ok(())
    }
}

fn identity(
    config: &Config,
    config_digest: Digest,
    manifest: Option<Digest>,
    tags: &[String],
    verification: Verification,
) -> ImageIdentity {
    ImageIdentity {
        config: config_digest,
        manifest,
        tags: tags.to_vec(),
        platform: config.platform.clone(),
        verification,
    }
}

fn stamped(cache: &Cache, blob: &Blob) -> bool {
    Stamp::of(blob).is_ok_and(|stamp| cache.has(Kind::Stamp, stamp.key(blob.digest, blob.diff_id)))
}

/// Name of the fact that a stored layer inflates to a diffID.
fn inflates_to(digest: Digest, diff_id: Digest) -> Digest {
    Digest::sha256(Sha256::digest(format!("{digest} inflates to {diff_id}")).into())
}
