//! Lock files of a source tree: the exact versions that a build will install.
//!
//! ```text
//! file name ──► Format (found_by, ecosystem, parser) ──► Listing ──► facts
//! ```
//!
//! In an image the installed packages are read instead, so lock files count only in a source tree; there, in
//! turn, directories that hold somebody else's tree (`node_modules`, `vendor`, ...) are passed over.
//!
//! All formats agree on three things. What lies in the same tree (workspace members, links, path dependencies)
//! is no dependency. A package that only development needs is told with the fact `scope` = `dev`. And a
//! dependency without an exact version is never guessed: it is a gap in the coverage of its ecosystem.

mod cargo;
mod composer;
mod gemfile;
mod go_mod;
mod gradle;
mod npm;
mod nuget;
mod pipfile;
mod pnpm;
mod pom;
mod python;
mod requirements;
mod yarn;

use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, path};
use serde::de::DeserializeOwned;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
    hash::Hash,
};

/// Reads lock files.
#[derive(Debug)]
pub struct Locks;

/// One format.
struct Format {
    /// Its name in [`Package::found_by`].
    name: &'static str,
    /// Ecosystem of what it lists.
    kind: PackageKind,
    /// Whether a file name is one of this format.
    matches: fn(&[u8]) -> bool,
    /// Reads it.
    parse: fn(&str, &mut Listing) -> Result<(), ReadError>,
}

/// Every format.
static FORMATS: &[Format] = &[
    npm::FORMAT,
    yarn::FORMAT,
    pnpm::FORMAT,
    python::POETRY,
    python::UV,
    python::PDM,
    python::PYLOCK,
    requirements::FORMAT,
    pipfile::FORMAT,
    cargo::FORMAT,
    go_mod::FORMAT,
    pom::FORMAT,
    gradle::FORMAT,
    gemfile::FORMAT,
    composer::FORMAT,
    nuget::FORMAT,
];

impl Format {
    fn of(file_name: &[u8]) -> Option<&'static Self> {
        FORMATS.iter().find(|format| (format.matches)(file_name))
    }

    /// The aspect that the catalogers of installed packages of this ecosystem use too.
    const fn aspect(&self) -> Aspect {
        Aspect::named(match self.kind {
            PackageKind::Npm => "packages.npm",
            PackageKind::Pypi => "packages.pypi",
            PackageKind::Maven => "packages.maven",
            PackageKind::Golang => "packages.golang",
            PackageKind::Cargo => "packages.cargo",
            PackageKind::Gem => "packages.gem",
            PackageKind::Composer => "packages.composer",
            PackageKind::Nuget => "packages.nuget",
            _ => "packages.lock",
        })
    }
}

/// Stands for all formats where a cataloger has one aspect; gaps name the aspect of their ecosystem.
pub const ASPECT: Aspect = Aspect::named("packages.lock");

/// The aspects that lock files tell about.
pub const ECOSYSTEMS: &[&str] = &[
    "packages.cargo",
    "packages.composer",
    "packages.gem",
    "packages.golang",
    "packages.maven",
    "packages.npm",
    "packages.nuget",
    "packages.pypi",
];

impl Cataloger for Locks {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn aspect(&self) -> Aspect {
        ASPECT
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let wanted = file.scope == Scope::SourceTree
            && Format::of(file.name()).is_some()
            && !path::parent(file.path).split(|&b| b == b'/').any(is_foreign);
        if wanted { Want::Content } else { Want::No }
    }

    /// Never fails: what cannot be read is a gap of the format's own ecosystem.
    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let Some(format) = Format::of(file.name()) else {
            return Ok(());
        };
        let mut listing = Listing::default();
        let result = content
            .bytes(Limits::DEFAULT.document)
            .and_then(|bytes| (format.parse)(&decode(&bytes)?, &mut listing));
        listing.tell(format, out);
        if let Err(error) = result {
            out.gap(format.aspect(), error.to_string());
        }
        Ok(())
    }
}

/// A directory whose content belongs to somebody else.
fn is_foreign(directory: &[u8]) -> bool {
    matches!(directory, b"node_modules" | b".git" | b"vendor" | b".venv" | b"venv")
}

/// What one lock file lists.
#[derive(Debug, Default)]
struct Listing {
    dependencies: BTreeMap<(String, String), Details>,
    gaps: BTreeSet<&'static str>,
    skipped: BTreeSet<&'static str>,
}

#[derive(Debug)]
struct Details {
    dev: bool,
    licenses: Vec<String>,
}

/// A dependency without a version that an advisory could be compared with.
const NO_VERSION: &str = "a dependency has no exact version here, or comes from a repository or an address";

impl Listing {
    /// A dependency; `dev` if only development needs it. Listed twice, it is needed for both.
    fn add(&mut self, name: impl Into<String>, version: impl Into<String>, dev: bool) {
        self.add_licensed(name, version, dev, Vec::new());
    }

    fn add_licensed(
        &mut self,
        name: impl Into<String>,
        version: impl Into<String>,
        dev: bool,
        licenses: Vec<String>,
    ) {
        let (name, version) = (name.into(), version.into());
        if name.is_empty() || version.is_empty() {
            self.gaps.insert(NO_VERSION);
            return;
        }
        self.dependencies
            .entry((name, version))
            .and_modify(|details| details.dev &= dev)
            .or_insert(Details { dev, licenses });
    }

    /// Something that is not known of a dependency.
    fn gap(&mut self, reason: &'static str) {
        self.gaps.insert(reason);
    }

    /// Something left out by design.
    fn skip(&mut self, reason: &'static str) {
        self.skipped.insert(reason);
    }

    fn tell(self, format: &Format, out: &mut Facts) {
        for ((name, version), details) in self.dependencies {
            let mut package = Package::new(format.kind, name, version, format.name);
            package.licenses = details.licenses;
            if details.dev {
                package.facts.push(("scope".into(), "dev".into()));
            }
            out.package(package, Vec::new());
        }
        for reason in self.gaps {
            out.gap(format.aspect(), reason);
        }
        for reason in self.skipped {
            out.push(Fact::Skipped { aspect: format.aspect(), reason: reason.into() });
        }
    }
}

/// Text in UTF-8, or in UTF-16 with a byte order mark (`pip freeze > requirements.txt` in `PowerShell`).
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, ReadError> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let text: Result<String, _> = char::decode_utf16(pairs.iter().copied().map(unit)).collect();
        match text {
            Ok(text) if rest.is_empty() => Ok(Cow::Owned(text)),
            _ => Err(ReadError::malformed("not valid UTF-16")),
        }
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            std::str::from_utf8(rest).map(Cow::Borrowed).map_err(|_| ReadError::malformed("not valid UTF-8"))
        }
    }
}

/// Parses JSON. Nesting is limited by the parser (128).
fn json<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    serde_json::from_str(text).map_err(|error| unexpected("JSON", error.line()))
}

/// Parses TOML. Nesting is limited by the parser (80).
fn toml<T: DeserializeOwned>(text: &str) -> Result<T, ReadError> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.as_bytes().get(..span.start));
        let line = before.map_or(0, |text| memchr::memchr_iter(b'\n', text).count() + 1);
        unexpected("TOML", line)
    })
}

/// Parses the documents of a YAML stream. Nesting, aliases and the number of nodes are limited.
fn yaml<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, ReadError> {
    let options = serde_saphyr::options! {
        // The defaults, but for the size of the lock files of large monorepositories.
        budget: serde_saphyr::budget! {
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_aliases: 100,
            max_anchors: 100,
            max_documents: 16,
            max_recorded_anchor_events: 10_000,
        },
        // No lock file repeats itself by aliases; a bomb of 700 bytes does, and takes 400 MB by the defaults.
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |at| at.line());
        unexpected("YAML", usize::try_from(line).unwrap_or_default())
    })
}

/// The parsers' own messages quote the file, which a reason must not.
fn unexpected(format: &str, line: usize) -> ReadError {
    match line {
        0 => ReadError::malformed(format!("not the {format} of a lock file")),
        line => ReadError::malformed(format!("not the {format} of a lock file, at line {line}")),
    }
}

/// Everything that can be reached from `start`, itself included.
fn reachable<T: Copy + Eq + Hash, N: IntoIterator<Item = T>>(
    start: impl IntoIterator<Item = T>,
    next: impl Fn(T) -> N,
) -> HashSet<T> {
    let mut waiting: Vec<T> = start.into_iter().collect();
    let mut seen = HashSet::new();
    while let Some(node) = waiting.pop() {
        if seen.insert(node) {
            waiting.extend(next(node).into_iter().filter(|node| !seen.contains(node)));
        }
    }
    seen
}

/// Splits `name@rest` and `@scope/name@rest`.
fn split_at_sign(text: &str) -> Option<(&str, &str)> {
    let at = text.char_indices().skip(1).find(|&(_, c)| c == '@')?.0;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests;
