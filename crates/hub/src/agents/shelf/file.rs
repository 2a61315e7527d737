//! How facts of layers are kept: in the cache of the hub's own scans, beside what these have read.
//!
//! ```text
//!   CACHE/layers/KEY          read by the hub itself, as its scans keep it
//!   CACHE/layers/given/KEY    who gave it: a length and a name, none for the hub itself; the stamp, zeros without; SHA-256 of what follows; zstd
//! ```
//!
//! Files appear whole, by rename, and go by the same budget and age as all of the cache.

use gabion_image::{
    cache::{Cache, Kind},
    shared::{self, MAX_FACTS},
};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashSet,
    fs::{self, DirBuilder, File},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// A part that is handed on, in bytes.
const PART: u64 = 1 << 20;

/// The directory.
pub(super) struct Files {
    cache: Cache,
    directory: PathBuf,
    /// Names of temporary files differ by it.
    written: AtomicU64,
}

/// Whether something is known of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// And what the stored layer inflates to, if that was asked for.
    Here(Option<Digest>),
    /// Of the same content, but stored in another way: whether that inflates to it nobody has said.
    Other,
    Nothing,
}

/// What a node gives.
pub(super) struct Given<'a> {
    /// Empty for the hub itself.
    pub(super) node: &'a str,
    pub(super) stamp: Option<Digest>,
    pub(super) digest: Digest,
    pub(super) packed: &'a [u8],
}

pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    pub(super) is_last: bool,
    pub(super) digest: Digest,
}

/// A file that is written, and not there yet.
pub(super) struct Written {
    temporary: PathBuf,
    target: PathBuf,
}

impl Written {
    pub(super) fn finish(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.target)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // It is gone if all went well.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// What stands in front of the facts.
struct Head {
    node: String,
    stamp: Option<Digest>,
    digest: Digest,
    length: u64,
}

impl Head {
    fn read(file: &mut File) -> io::Result<Self> {
        let mut length = [0];
        file.read_exact(&mut length)?;
        let mut node = vec![0; usize::from(length[0])];
        file.read_exact(&mut node)?;
        let (mut stamp, mut digest) = ([0; 32], [0; 32]);
        file.read_exact(&mut stamp)?;
        file.read_exact(&mut digest)?;
        let length = 1 + node.len() as u64 + 64;
        let node = String::from_utf8(node).map_err(io::Error::other)?;
        let stamp = Some(stamp).filter(|stamp| *stamp != [0; 32]).map(Digest::sha256);
        Ok(Self { node, stamp, digest: Digest::sha256(digest), length })
    }
}

impl Files {
    pub(super) fn new(cache: PathBuf) -> Self {
        let directory = cache.join("layers/given");
        Self { cache: Cache::new(cache), directory, written: AtomicU64::new(0) }
    }

    /// Who has given anything.
    pub(super) fn givers(&self) -> HashSet<String> {
        let heads = self.all().into_iter().filter_map(|path| Head::read(&mut File::open(path).ok()?).ok());
        heads.map(|head| head.node).filter(|node| !node.is_empty()).collect()
    }

    /// Removes what a node has given.
    pub(super) fn remove(&self, node: &str) -> io::Result<()> {
        for path in self.all() {
            let read = File::open(&path).and_then(|mut file| Head::read(&mut file));
            if read.is_ok_and(|head| head.node == node) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    fn path(&self, key: Digest) -> PathBuf {
        self.directory.join(key.hex())
    }

    /// Whether the hub has read it itself, and can say what was asked.
    fn is_own(&self, key: Digest, stamp: Option<Digest>) -> bool {
        self.cache.open(Kind::Layer, key).is_some_and(|facts| {
            facts.get_ref().metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_FACTS)
        }) && stamp.is_none_or(|stamp| self.cache.has(Kind::Stamp, stamp))
    }

    /// What was given, by somebody who is believed.
    fn given(&self, key: Digest, believes: &dyn Fn(&str) -> bool) -> Option<(File, Head)> {
        let mut file = File::open(self.path(key)).ok()?;
        let head = Head::read(&mut file).ok()?;
        believes(&head.node).then_some((file, head))
    }

    pub(super) fn find(&self, key: Digest, stamp: Option<Digest>, believes: &dyn Fn(&str) -> bool) -> Found {
        if self.is_own(key, stamp) {
            return Found::Here(stamp);
        }
        match self.given(key, believes) {
            Some((_, head)) if stamp.is_none() || head.stamp == stamp => Found::Here(stamp),
            Some(_) => Found::Other,
            None => Found::Nothing,
        }
    }

    /// A part of it from an offset on; none if there is none any more.
    pub(super) fn part(
        &self,
        key: Digest,
        stamp: Option<Digest>,
        offset: u64,
        believes: &dyn Fn(&str) -> bool,
    ) -> io::Result<Option<Part>> {
        if offset == 0 && self.is_own(key, stamp) {
            self.pack_own(key, stamp, believes)?;
        }
        let Some((mut file, head)) = self.given(key, believes) else { return Ok(None) };
        let length = file.metadata()?.len().saturating_sub(head.length);
        if offset >= length {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(head.length + offset))?;
        let mut bytes = Vec::new();
        file.take(PART).read_to_end(&mut bytes)?;
        let is_last = offset + bytes.len() as u64 == length;
        Ok(Some(Part { bytes, is_last, digest: head.digest }))
    }

    /// What the hub has read itself comes before what others have given.
    fn pack_own(
        &self,
        key: Digest,
        stamp: Option<Digest>,
        believes: &dyn Fn(&str) -> bool,
    ) -> io::Result<()> {
        let is_packed = self
            .given(key, believes)
            .is_some_and(|(_, head)| head.node.is_empty() && (stamp.is_none() || head.stamp == stamp));
        if is_packed {
            return Ok(());
        }
        let Some(facts) = self.cache.open(Kind::Layer, key) else { return Ok(()) };
        let Some(packed) = shared::pack(facts)? else { return Err(io::Error::other("it is too long")) };
        let digest = Digest::sha256(Sha256::digest(&packed).into());
        self.write(key, &Given { node: "", stamp, digest, packed: &packed })?.finish()
    }

    /// Writes what somebody gives, so that it only has to be put in its place.
    pub(super) fn write(&self, key: Digest, given: &Given<'_>) -> io::Result<Written> {
        let Given { node, stamp, digest, packed } = given;
        let length = u8::try_from(node.len()).map_err(io::Error::other)?;
        let temporary = self.cache.root().join("tmp");
        for directory in [&self.directory, &temporary] {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.given.{}.{number}", key.hex(), std::process::id());
        let written = Written { temporary: temporary.join(name), target: self.path(key) };
        let mut file = File::create(&written.temporary)?;
        let stamp = stamp.map_or([0; 32], |stamp| *stamp.as_bytes());
        file.write_all(&[&[length], node.as_bytes(), &stamp, digest.as_bytes()].concat())?;
        file.write_all(packed)?;
        Ok(written)
    }
}
