//! One layer of an image: verified, inflated, indexed and analysed in one streaming pass.
//!
//! Two threads share the work, so that inflating and looking overlap:
//!
//! ```text
//!  blob ─► SHA-256 (digest) ─► inflate ══ buffers ══► SHA-256 (diffID) ─► tar ─► FilePass ─► LayerFacts
//!          └────────── inflating thread ─┘ bounded └──────────── reading thread ────────┘
//! ```
//!
//! A layer whose digest or diffID is wrong is an error: what it holds is not what the image promises.

use crate::{
    caps::{self, Capped, Limits},
    catalog::Candidate,
    facts::Fact,
    file_pass::{Analyser, FilePass, Outcome, Text},
    manifest::Compression,
    tarball::{Entry, EntryType, Skip, Tar, TarError},
};
use gabion_model::{Aspect, Digest, FileIndex, FileKind, NewFile, Reason, path};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
};

/// A stored layer: part of an open file.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The file: a blob of its own, or the archive it lies in.
    pub file: Arc<File>,
    /// For messages.
    pub name: String,
    /// Where it starts.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
    /// What it must hash to; a docker archive does not say.
    pub digest: Option<Digest>,
    /// What its content must hash to.
    pub diff_id: Digest,
}

/// Everything one layer told. Cached by diffID.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct LayerFacts {
    /// All its entries, whiteouts included.
    pub index: FileIndex,
    /// Facts by entry of the index.
    pub facts: BTreeMap<u32, Vec<Fact>>,
    /// Numbers.
    pub stats: Stats,
    /// What could not be looked at, beyond the gaps among the facts: text by aspect.
    pub gaps: Vec<(String, Reason)>,
    /// Directories left out by design.
    pub skipped: Vec<Reason>,
}

/// Numbers of one layer.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Bytes of the stored blob.
    pub size: u64,
    /// Bytes of the files in it.
    pub content_size: u64,
    /// Entries.
    pub entries: u64,
    /// Files searched for secrets, and their bytes.
    pub text: (u64, u64),
    /// Binary files, which are not.
    pub binary: u64,
}

/// Why a layer cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// Not what its digest promises.
    #[error("layer {name}: {what} is {actual}, but {promised} was promised")]
    Digest {
        /// Which layer.
        name: String,
        /// Digest or diffID.
        what: &'static str,
        /// What it is.
        actual: Digest,
        /// What it should be.
        promised: Digest,
    },
    /// It cannot be read or inflated.
    #[error("layer {name}: {source}")]
    Read {
        /// Which layer.
        name: String,
        /// Why.
        #[source]
        source: TarError,
    },
    /// More entries than the limit allows.
    #[error("layer {name}: more than {limit} entries, the limit for one image")]
    Entries {
        /// Which layer.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// More text in names and links than the limit allows.
    #[error("layer {name}: more than {limit} bytes of names and link targets, the limit for one image")]
    Names {
        /// Which layer.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// More facts than the limit allows.
    #[error(
        "layer {name}: more than {limit} packages, files of packages and secrets, the limit for one image"
    )]
    Facts {
        /// Which layer.
        name: String,
        /// The limit.
        limit: u64,
    },
}

/// Counts what is done, for whoever shows progress.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes of stored content read.
    pub read: AtomicU64,
    /// Entries met, of all layers, and directories they imply.
    pub entries: AtomicU64,
    /// Bytes of names and link targets kept, of all layers.
    pub names: AtomicU64,
    /// Facts kept, of all layers.
    pub facts: AtomicU64,
}

impl Counters {
    /// Counts what a file told; false if that is more than the limit.
    pub fn admit(&self, facts: &[Fact], limits: &Limits) -> bool {
        let more = facts.iter().map(Fact::count).sum::<u64>();
        self.facts.fetch_add(more, Ordering::Relaxed) + more <= limits.facts
    }

    /// Counts a layer that an earlier scan read. One that is too much is not counted.
    pub fn admit_layer(&self, name: &str, layer: &LayerFacts, limits: &Limits) -> Result<(), LayerError> {
        let name = || name.to_owned();
        let (entries, names) = (layer.index.len() as u64, layer.index.names_len() as u64);
        let facts = layer.facts.values().flatten().map(Fact::count).sum();
        let is_within =
            |counter: &AtomicU64, more: u64, limit| counter.load(Ordering::Relaxed) + more <= limit;
        let Limits { entries: limit, names: names_limit, facts: facts_limit, .. } = *limits;
        if !is_within(&self.entries, entries, limit) {
            return Err(LayerError::Entries { name: name(), limit });
        }
        if !is_within(&self.names, names, names_limit) {
            return Err(LayerError::Names { name: name(), limit: names_limit });
        }
        if !is_within(&self.facts, facts, facts_limit) {
            return Err(LayerError::Facts { name: name(), limit: facts_limit });
        }
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.names.fetch_add(names, Ordering::Relaxed);
        self.facts.fetch_add(facts, Ordering::Relaxed);
        Ok(())
    }
}

/// Sizes and counts of one layer are not larger together: those of all layers of an image can be added up.
const MOST: u64 = 1 << 51;

impl LayerFacts {
    /// Reads what was kept here, or elsewhere by whoever it was: none if it is not what a layer could have told.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let layer: Self = postcard::from_bytes(bytes).ok()?;
        let Stats { size, content_size, entries, text: (texts, bytes), binary } = layer.stats;
        let reasons = layer.gaps.iter().map(|(_, reason)| reason).chain(&layer.skipped);
        let sizes = layer.index.ids().map(|id| layer.index.entry(id).size);
        let numbers = [size, content_size, entries, texts, bytes, binary].into_iter();
        let all = numbers.chain(reasons.map(|reason| reason.count)).chain(sizes);
        let sum = all.fold(0u64, u64::saturating_add);
        let are_there = layer.facts.keys().all(|&id| id as usize <= layer.index.len());
        (sum <= MOST && are_there).then_some(layer)
    }

    /// Adds what one file told.
    pub fn add(&mut self, id: u32, outcome: Outcome) {
        match outcome.text {
            Text::Scanned(bytes) => self.stats.text = (self.stats.text.0 + 1, self.stats.text.1 + bytes),
            Text::Binary => self.stats.binary += 1,
            Text::Wide | Text::NotScanned => {}
        }
        if let Some(digest) = outcome.digest {
            self.index.set_digest(id, digest);
        }
        if !outcome.facts.is_empty() {
            self.facts.insert(id, outcome.facts);
        }
    }

    /// Notes something that could not be looked at.
    pub fn gap(&mut self, aspect: &Aspect, reason: Reason) {
        // The same kind of damage a million times is one reason with a count.
        match self.gaps.iter_mut().find(|(a, r)| a == aspect.as_str() && r.text == reason.text) {
            Some((_, known)) => known.count += 1,
            None => self.gaps.push((aspect.as_str().to_owned(), reason)),
        }
    }
}

/// Digest of the stored bytes.
pub fn stored_digest(blob: &Blob) -> io::Result<Digest> {
    let counters = Counters::default();
    let mut stored = Stored { blob, at: 0, hash: Some(Sha256::new()), counters: &counters };
    let mut buffer = vec![0; BUFFER];
    while stored.read(&mut buffer)? > 0 {}
    Ok(Digest::sha256(stored.hash.unwrap_or_default().finalize().into()))
}

/// Reads a layer.
pub fn read(
    blob: &Blob,
    analyser: &Analyser<'_>,
    pass: &mut FilePass,
    counters: &Counters,
) -> Result<LayerFacts, LayerError> {
    let (filled, buffers) = sync_channel::<io::Result<Vec<u8>>>(BUFFERS);
    let (spent, empty) = channel::<Vec<u8>>();
    for _ in 0..BUFFERS {
        // The receiver lives until the end of this function.
        let _ = spent.send(Vec::new());
    }
    std::thread::scope(|scope| {
        let inflating = scope.spawn(move || inflate(blob, analyser.limits, &filled, &empty, counters));
        let stream = Stream { buffers, spent, current: Vec::new(), at: 0, hash: Sha256::new(), done: false };
        let result = walk(blob, analyser, pass, counters, stream);
        // A panic there is a bug of ours: it must not pass for an empty layer.
        let digest = inflating.join().map_err(|_| LayerError::Read {
            name: blob.name.clone(),
            source: TarError::Io(io::Error::other("the inflating thread panicked")),
        });
        let (mut layer, diff_id) = result?;
        let digest = digest?;
        let check = |what, actual, promised| {
            if actual == promised {
                Ok(())
            } else {
                Err(LayerError::Digest { name: blob.name.clone(), what, actual, promised })
            }
        };
        if let (Some(actual), Some(promised)) = (digest, blob.digest) {
            check("its digest", actual, promised)?;
        }
        check("its diffID", diff_id, blob.diff_id)?;
        layer.stats.size = blob.len;
        Ok(layer)
    })
}

/// Buffers between the two threads, and the size of each.
const BUFFERS: usize = 4;
const BUFFER: usize = 128 << 10;

/// The inflating thread. Returns the digest of the blob, if it was read to its end.
fn inflate(
    blob: &Blob,
    limits: Limits,
    filled: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
    counters: &Counters,
) -> Option<Digest> {
    let mut stored = Stored { blob, at: 0, hash: blob.digest.map(|_| Sha256::new()), counters };
    let result = (|| {
        let mut reader = io::BufReader::with_capacity(BUFFER, &mut stored);
        let compression = sniff(reader.fill_buf()?);
        match compression {
            Compression::None => pump(Capped::new(reader, "the layer", limits.layer), filled, empty),
            Compression::Gzip => pump(caps::gunzip(reader, "the layer", limits.layer), filled, empty),
            Compression::Zstd => pump(caps::unzstd(reader, "the layer", limits.layer)?, filled, empty),
        }
    })();
    if let Err(error) = result {
        // The reading thread may be gone already.
        let _ = filled.send(Err(error));
        return None;
    }
    // What follows the compressed stream belongs to the blob, and to its digest.
    io::copy(&mut stored, &mut io::sink()).ok()?;
    stored.hash.map(|hash| Digest::sha256(hash.finalize().into()))
}

fn pump(
    mut from: impl Read,
    filled: &SyncSender<io::Result<Vec<u8>>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    while let Ok(mut buffer) = empty.recv() {
        buffer.resize(BUFFER, 0);
        let mut n = 0;
        while n < BUFFER {
            match from.read(&mut buffer[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        buffer.truncate(n);
        let end = n < BUFFER;
        if filled.send(Ok(buffer)).is_err() || end {
            break;
        }
    }
    Ok(())
}

/// How a layer is compressed; its bytes know better than its media type.
pub fn sniff(head: &[u8]) -> Compression {
    match head {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// The stored bytes, hashed as they are read.
struct Stored<'a> {
    blob: &'a Blob,
    at: u64,
    hash: Option<Sha256>,
    counters: &'a Counters,
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (buffer.len() as u64).min(self.blob.len - self.at) as usize;
        let n = std::os::unix::fs::FileExt::read_at(
            &*self.blob.file,
            &mut buffer[..n],
            self.blob.offset + self.at,
        )?;
        if let Some(hash) = &mut self.hash {
            hash.update(&buffer[..n]);
        }
        self.at += n as u64;
        self.counters.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// The inflated bytes as the reading thread sees them, hashed as they arrive.
struct Stream {
    buffers: Receiver<io::Result<Vec<u8>>>,
    spent: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    hash: Sha256,
    done: bool,
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.current.len() && !self.done {
            match self.buffers.recv() {
                Ok(Ok(buffer)) => {
                    self.hash.update(&buffer);
                    let old = std::mem::replace(&mut self.current, buffer);
                    // The inflating thread may have finished.
                    let _ = self.spent.send(old);
                    self.at = 0;
                }
                Ok(Err(error)) => {
                    self.done = true;
                    return Err(error);
                }
                Err(_) => self.done = true,
            }
        }
        Ok(&self.current[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl Skip for Stream {}

/// The content of the current entry.
struct EntryContent<'a, R>(&'a mut Tar<R>);

impl<R: Skip> BufRead for EntryContent<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill().map_err(|error| match error {
            TarError::Io(error) => error,
            other => io::Error::new(io::ErrorKind::UnexpectedEof, other),
        })
    }

    fn consume(&mut self, n: usize) {
        self.0.consume(n);
    }
}

impl<R: Skip> Read for EntryContent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.fill_buf()?;
        let n = chunk.len().min(buffer.len());
        buffer[..n].copy_from_slice(&chunk[..n]);
        self.consume(n);
        Ok(n)
    }
}

/// The reading thread: entries become index and facts. Returns them with the diffID.
fn walk(
    blob: &Blob,
    analyser: &Analyser<'_>,
    pass: &mut FilePass,
    counters: &Counters,
    stream: Stream,
) -> Result<(LayerFacts, Digest), LayerError> {
    let fail = |source| LayerError::Read { name: blob.name.clone(), source };
    let mut layer = LayerFacts::default();
    let mut tar = Tar::new(stream);
    while let Some(entry) = tar.next_entry().map_err(fail)? {
        layer.stats.entries += 1;
        let before = (layer.index.len(), layer.index.names_len());
        let placed = index(&mut layer, &entry);
        // An entry may imply many directories; one that replaces another still takes its place.
        let entries = (layer.index.len() - before.0).max(1) as u64;
        let kept = entry.link.len() + entry.capabilities.map_or(0, |c| c.len());
        let names = (layer.index.names_len() - before.1 + kept) as u64;
        let Limits { entries: limit, names: names_limit, .. } = analyser.limits;
        let name = || blob.name.clone();
        if counters.entries.fetch_add(entries, Ordering::Relaxed) + entries > limit {
            return Err(LayerError::Entries { name: name(), limit });
        }
        if counters.names.fetch_add(names, Ordering::Relaxed) + names > names_limit {
            return Err(LayerError::Names { name: name(), limit: names_limit });
        }
        let Some((id, path)) = placed else {
            continue;
        };
        if entry.kind != EntryType::File {
            continue;
        }
        // The header may promise more than will come.
        layer.stats.content_size = layer.stats.content_size.saturating_add(entry.size);
        let file = Candidate { path: &path, size: entry.size, mode: entry.mode, scope: analyser.scope };
        let wanting = analyser.wanting(&file);
        if analyser.needs_content(&file, &wanting) {
            let outcome = pass
                .stream(analyser, &file, wanting, &mut EntryContent(&mut tar))
                .map_err(|e| fail(TarError::Io(e)))?;
            if !counters.admit(&outcome.facts, &analyser.limits) {
                let limit = analyser.limits.facts;
                return Err(LayerError::Facts { name: name(), limit });
            }
            layer.add(id, outcome);
        }
    }
    tar.drain().map_err(|e| fail(TarError::Io(e)))?;
    let hash = tar.into_inner().hash;
    Ok((layer, Digest::sha256(hash.finalize().into())))
}

/// Puts an entry in the index; none if it has no place there.
fn index(layer: &mut LayerFacts, entry: &Entry) -> Option<(u32, Vec<u8>)> {
    let shown = || path::display(&entry.raw_path).chars().take(200).collect::<String>();
    let path = match &entry.path {
        Ok(path) if path.is_empty() => return None, // the root itself
        Ok(path) => path.clone(),
        Err(error) => {
            layer.gap(&Aspect::FILES, Reason::at(shown(), error.to_string()));
            return None;
        }
    };
    let name = path::name(&path);
    let directory = path::parent(&path);
    if name == b".wh..wh..opq" {
        if !directory.is_empty() {
            let id = layer.index.find(directory).filter(|&id| layer.index.entry(id).is_dir());
            if let Some(id) = id {
                layer.index.set_opaque(id);
            } else {
                let implied =
                    NewFile { kind: FileKind::Directory, mode: 0o755, opaque: true, ..NewFile::default() };
                layer.index.insert(directory, implied);
            }
        }
        return None;
    }
    if let Some(hidden) = name.strip_prefix(b".wh.") {
        // `.wh..wh.*` are AUFS's own files, and mean nothing here.
        if !hidden.is_empty() && !hidden.starts_with(b".wh.") {
            let mut target = directory.to_vec();
            if !target.is_empty() {
                target.push(b'/');
            }
            target.extend_from_slice(hidden);
            // A whiteout beside a file of the same name in the same layer hides the lower layers' only.
            match layer.index.find(&target) {
                None => {
                    layer.index.insert(&target, NewFile { kind: FileKind::Whiteout, ..NewFile::default() });
                }
                Some(id) if layer.index.entry(id).is_dir() => layer.index.set_opaque(id),
                Some(_) => {}
            }
        }
        return None;
    }
    let link = match entry.kind {
        EntryType::Hardlink => match path::normalise(&entry.link) {
            Ok(target) => target.into_owned(),
            Err(error) => {
                layer.gap(&Aspect::FILES, Reason::at(shown(), format!("hard link: {error}")));
                return None;
            }
        },
        EntryType::Symlink if entry.link.len() > path::MAX => {
            let error = path::PathError::TooLong;
            layer.gap(&Aspect::FILES, Reason::at(shown(), format!("symbolic link: {error}")));
            return None;
        }
        EntryType::Symlink => entry.link.clone(),
        _ => Vec::new(),
    };
    if entry.kind == EntryType::Sparse {
        layer.gap(&Aspect::FILES, Reason::at(shown(), "content of a sparse file is not reconstructed"));
    }
    let id = layer.index.insert(
        &path,
        NewFile {
            kind: match entry.kind {
                EntryType::File | EntryType::Sparse => FileKind::File,
                EntryType::Directory => FileKind::Directory,
                EntryType::Symlink => FileKind::Symlink,
                EntryType::Hardlink => FileKind::Hardlink,
                EntryType::Special => FileKind::Special,
            },
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            size: if entry.kind == EntryType::File { entry.size } else { 0 },
            link: &link,
            capabilities: entry.capabilities.as_deref(),
            ..NewFile::default()
        },
    );
    // The last of several entries with one path counts.
    layer.facts.remove(&id);
    Some((id, path))
}

#[cfg(test)]
mod tests;
