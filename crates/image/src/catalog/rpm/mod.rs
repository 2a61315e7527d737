//! Packages of RPM: what `rpm -qa` would list, read straight from the database.
//!
//! ```text
//!  rpmdb.sqlite  sqlite ─┐
//!  Packages.db   ndb    ─┼─► one record for each package ─► header ─┐
//!  Packages      bdb    ─┘                                          ├─► record ─► Package, owned files
//!  container-manifest-2  ──────────── one line for each package ────┘
//! ```
//!
//! The database may have hundreds of megabytes, and every byte of it is hostile. It is read page by page at
//! the offsets it names, with one record in memory at a time; `pages.rs` says why that ends. A record that
//! cannot be read is a gap and the others are told; where the structure around the records is broken, what
//! was told before stands.
//!
//! Where the database lies inside another root (`rootfs/var/lib/rpm/…`), the files its packages own lie
//! there too.

mod bdb;
#[cfg(test)]
mod fixture;
mod header;
mod manifest;
mod ndb;
mod pages;
mod record;
mod sqlite;
#[cfg(test)]
mod tests;

use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, path};
use header::Header;
use record::Record;

/// Bytes of a database; those of a full workstation have a few hundred megabytes.
const MAX_DATABASE: u64 = 1 << 30;
/// Bytes of one record.
const MAX_RECORD: u64 = Limits::DEFAULT.document;
/// Bytes of memory for the packages of one database: enough for a hundred thousand.
const MAX_PACKAGES: usize = 64 << 20;
/// Records that cannot be read before the rest is given up.
const MAX_DAMAGED: u32 = 10_000;
/// Bytes of memory for the names of owned files, of all packages of one database.
const MAX_FILE_NAMES: usize = 256 << 20;

/// Where rpm keeps its database: its own default, the one that survives snapshots (Fedora, SUSE), `OSTree`'s.
const DIRECTORIES: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];
const WRITE_AHEAD_LOG: &[u8] = b"rpmdb.sqlite-wal";
const MANIFEST: &str = "var/lib/rpmmanifest/container-manifest-2";

/// Reads RPM databases and their stand-ins.
#[derive(Debug)]
pub struct Rpm;

impl Cataloger for Rpm {
    fn name(&self) -> &'static str {
        "rpm"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope == Scope::Image && root_of(file).is_some() { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let root = path::display(root_of(file).unwrap_or_default());
        match file.name() {
            WRITE_AHEAD_LOG => {
                if sqlite::log_holds_pages(content)? {
                    out.gap(
                        Aspect::PACKAGES_OS,
                        "write-ahead log of the RPM database is not empty and was not read; packages installed last may be missing",
                    );
                }
                Ok(())
            }
            b"container-manifest-2" => {
                let text = content.bytes(Limits::DEFAULT.document)?;
                let mut list = PackageList::new(out, &root);
                let result = manifest::records(&text).try_for_each(|record| match record {
                    Ok(record) => list.add(record, Vec::new()),
                    Err(error) => list.damaged(&error),
                });
                list.finish();
                result
            }
            _ => {
                let mut list = PackageList::new(out, &root);
                let result = read_database(content, &mut |record| match record {
                    Ok(record) => list.add_header(record),
                    Err(error) => list.damaged(&error),
                });
                list.finish();
                result
            }
        }
    }
}

/// Takes the records of a database one by one, those that cannot be read as errors. Its own error ends the
/// reading.
type Sink<'s> = dyn FnMut(Result<&[u8], ReadError>) -> Result<(), ReadError> + 's;

/// Hands the records of a database of any format to `sink`; the first bytes tell the format, as names are
/// no proof.
fn read_database(content: &Content<'_>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    if content.size() > MAX_DATABASE {
        return Err(ReadError::TooLarge { what: "RPM database", limit: MAX_DATABASE });
    }
    match content.range(0, 16)? {
        start if start.starts_with(sqlite::MAGIC) => sqlite::read(content, sink),
        start if start.starts_with(ndb::MAGIC) => ndb::read(content, sink),
        start if bdb::is_database(&start) => bdb::read(content, sink),
        start if start.is_empty() => Err(ReadError::malformed("RPM database is empty")),
        _ => Err(ReadError::malformed("RPM database is in none of the formats rpm has used")),
    }
}

/// The root that a file is the package list of, empty for that of the image itself; none for any other file.
fn root_of<'a>(file: &Candidate<'a>) -> Option<&'a [u8]> {
    match file.name() {
        b"Packages" | b"Packages.db" | b"rpmdb.sqlite" | WRITE_AHEAD_LOG => {
            let directory = path::parent(file.path);
            DIRECTORIES.iter().find_map(|known| above(directory, known))
        }
        b"container-manifest-2" => above(file.path, MANIFEST),
        _ => None,
    }
}

/// What `path` has in front of `suffix`, up to and with a slash.
fn above<'a>(path: &'a [u8], suffix: &str) -> Option<&'a [u8]> {
    path.strip_suffix(suffix.as_bytes()).filter(|root| root.is_empty() || root.ends_with(b"/"))
}

/// Collects packages, within limits, and what could not be read.
struct PackageList<'a> {
    out: &'a mut Facts,
    /// Put in front of every owned file.
    root: &'a str,
    /// Bytes left for packages.
    package_room: usize,
    /// Bytes left for names of files.
    file_room: usize,
    damaged: u32,
    first_damage: String,
    /// Packages whose files did not fit.
    cut: u32,
}

impl<'a> PackageList<'a> {
    fn new(out: &'a mut Facts, root: &'a str) -> Self {
        Self {
            out,
            root,
            package_room: MAX_PACKAGES,
            file_room: MAX_FILE_NAMES,
            damaged: 0,
            first_damage: String::new(),
            cut: 0,
        }
    }

    fn add_header(&mut self, record: &[u8]) -> Result<(), ReadError> {
        let parsed = Header::parse(record).and_then(|header| Ok((Record::from_header(&header)?, header)));
        let (record, header) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => return self.damaged(&error),
        };
        let mut files = Vec::new();
        let mut fits = true;
        let listed = header.files(&mut |file| {
            let size = self.root.len() + file.len() + size_of::<String>();
            match self.file_room.checked_sub(size) {
                Some(room) => self.file_room = room,
                None => fits = false,
            }
            // A path that cannot exist owns nothing.
            if fits && let Ok(file) = path::normalise(file) {
                files.push(format!("{}{}", self.root, path::display(&file)));
            }
            fits
        });
        if !fits {
            self.cut += 1;
        }
        self.add(record, files)?;
        // The package is known even where the list of its files is damaged.
        listed.or_else(|error| self.damaged(&error))
    }

    fn add(&mut self, record: Record, files: Vec<String>) -> Result<(), ReadError> {
        if record.is_key() {
            return Ok(());
        }
        self.package_room = self
            .package_room
            .checked_sub(record.size())
            .ok_or(ReadError::TooLarge { what: "list of RPM packages", limit: MAX_PACKAGES as u64 })?;
        self.out.package(record.into_package(), files);
        Ok(())
    }

    fn damaged(&mut self, error: &ReadError) -> Result<(), ReadError> {
        if self.damaged == 0 {
            self.first_damage = error.to_string();
        }
        self.damaged += 1;
        if self.damaged == MAX_DAMAGED {
            return Err(ReadError::malformed("RPM database has too many records that cannot be read"));
        }
        Ok(())
    }

    /// Tells what is missing.
    fn finish(self) {
        if self.damaged > 0 {
            let reason = format!("{} RPM records cannot be read: {}", self.damaged, self.first_damage);
            self.out.gap(Aspect::PACKAGES_OS, reason);
        }
        if self.cut > 0 {
            let reason =
                format!("lists of owned files are too long and were cut for {} RPM packages", self.cut);
            self.out.gap(Aspect::PACKAGES_OS, reason);
        }
    }
}
