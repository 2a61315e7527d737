//! From a path to documents: directories, archives and compression taken away, every byte counted.
//!
//! Directories are walked in the order of names and links in them are not followed; what an archive or a directory
//! holds beside the feed (a README, a licence, `.git`) is passed over. Compression is recognised by the bytes, not by
//! the name.

mod archive;

use super::{
    FeedError,
    reading::{Metered, Reading},
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    rc::Rc,
};

/// How much is read at a time.
const BUFFER: usize = 128 << 10;
/// Endings of compressed files.
const PACKED: &[&str] = &[".gz", ".zst", ".bz2"];
/// Where a tar archive says that it is one.
const TAR: std::ops::Range<usize> = 257..262;

/// Reads what is at a path.
pub(super) fn each(reading: &mut Reading<'_>, path: &Path) -> Result<(), FeedError> {
    let kind = fs::metadata(path).map_err(|error| open(path, error))?;
    if kind.is_dir() {
        directory(reading, path, 0)
    } else if kind.is_file() {
        file(reading, path, true)
    } else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "is neither a file nor a directory");
        Err(open(path, error))
    }
}

/// Reads a document that is in memory.
pub(super) fn bytes(reading: &mut Reading<'_>, name: &str, bytes: &[u8]) -> Result<(), FeedError> {
    name.clone_into(&mut reading.place);
    if bytes.starts_with(archive::MAGIC) {
        return archive::members(reading, Path::new(name), bytes);
    }
    document(reading, Path::new(name), bytes, true)
}

fn open(path: &Path, source: io::Error) -> FeedError {
    FeedError::Open { path: path.to_owned(), source }
}

fn directory(reading: &mut Reading<'_>, path: &Path, depth: u32) -> Result<(), FeedError> {
    path.display().to_string().clone_into(&mut reading.place);
    if depth > reading.limits().depth {
        reading.reject("", "is in too many directories");
        return Ok(());
    }
    let mut entries: Vec<(PathBuf, fs::FileType)> = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| open(path, error))? {
        let entry = entry.map_err(|error| open(path, error))?;
        reading.entries(path, 1)?;
        let kind = entry.file_type().map_err(|error| open(&entry.path(), error))?;
        entries.push((entry.path(), kind));
    }
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (entry, kind) in entries {
        let name = entry.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
        if name.starts_with('.') || !(kind.is_dir() || is_archive(&name) || is_wanted(reading, &name)) {
            continue;
        }
        if kind.is_dir() {
            directory(reading, &entry, depth + 1)?;
        } else if kind.is_file() {
            file(reading, &entry, false)?;
        } else {
            reading.place = entry.display().to_string();
            reading.reject("", "is a link or a device, which is not followed");
        }
    }
    Ok(())
}

/// Whether a name is that of a zip archive.
fn is_archive(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "zip")
}

/// Whether a name is that of a document of this kind of feed.
fn is_wanted(reading: &Reading<'_>, name: &str) -> bool {
    let name = PACKED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    reading.kind.files().iter().any(|end| name.ends_with(end))
}

/// Reads a file; `alone` if it is all of the feed.
fn file(reading: &mut Reading<'_>, path: &Path, alone: bool) -> Result<(), FeedError> {
    reading.place = path.display().to_string();
    let opened = File::open(path).map_err(|error| open(path, error))?;
    let mut reader = BufReader::with_capacity(BUFFER, &opened);
    let start = reader.fill_buf().map_err(|error| open(path, error))?;
    if start.starts_with(archive::MAGIC) {
        drop(reader);
        return match archive::members(reading, path, &opened) {
            Err(FeedError::Document { place, why, .. }) if !alone => {
                reading.place = place;
                reading.reject("", why);
                Ok(())
            }
            result => result,
        };
    }
    document(reading, path, reader, alone)
}

/// Reads a document that is where `reading.place` says, and belongs to the feed at `path`.
fn document(
    reading: &mut Reading<'_>,
    path: &Path,
    mut packed: impl BufRead,
    alone: bool,
) -> Result<(), FeedError> {
    let total = reading.limits().total.saturating_add(1);
    let result = match packed.fill_buf() {
        Ok([0x1f, 0x8b, ..]) => parse(reading, gabion_caps::gunzip(packed, "the feed", total)),
        Ok([0x28, 0xb5, 0x2f, 0xfd, ..]) => match gabion_caps::unzstd(packed, "the feed", total) {
            Ok(reader) => parse(reading, reader),
            Err(error) => Err(error.into()),
        },
        Ok([b'B', b'Z', b'h', ..]) => parse(reading, gabion_caps::bunzip2(packed, "the feed", total)),
        Ok(_) => parse(reading, packed),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => Ok(()),
        Err(why) => reading.broken(path, alone, &why),
    }
}

fn parse(reading: &mut Reading<'_>, inflated: impl io::Read) -> Result<(), super::Broken> {
    let metered = Metered { inner: inflated, budget: Rc::clone(&reading.budget) };
    reading.budget.no_record();
    let mut reader = BufReader::with_capacity(BUFFER, metered);
    if reader.fill_buf()?.get(TAR) == Some(b"ustar") {
        return Err("it is a tar archive, which must be unpacked first".into());
    }
    reading.kind.importer()(reading, &mut reader)
}
