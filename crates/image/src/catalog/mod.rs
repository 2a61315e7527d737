//! Catalogers: each knows one kind of record and tells the packages in it.
//!
//! A cataloger is asked for every regular file whether it wants it ([`Cataloger::want`]: cheap, by path and
//! metadata), and reads the files it wants ([`Cataloger::read`]). It sees one file at a time and nothing
//! else; what must be joined across files (a dpkg record and its file list) is told as separate facts, and
//! joined by [`crate::assemble`].
//!
//! To add one: write the module, add it to [`ALL`], and raise [`Cataloger::revision`] whenever what it tells
//! for the same bytes changes, because results are cached. CONTRIBUTING.md has the checklist.

pub mod accounts;
pub mod apk;
pub mod binary;
pub mod bitnami;
pub mod conda;
pub mod dotnet;
pub mod dpkg;
mod elf;
pub mod eol;
pub mod go;
pub mod java;
mod json;
pub mod lock;
pub mod npm;
pub mod os_release;
pub mod pacman;
mod paragraphs;
pub mod php;
pub mod python;
pub mod rpm;
pub mod ruby;
pub mod rust;

use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// A regular file, before its content is read.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Normalised path (see [`gabion_model::path`]).
    pub path: &'a [u8],
    /// Bytes.
    pub size: u64,
    /// Permission bits (`0o7777`).
    pub mode: u16,
    /// What kind of tree it lies in.
    pub scope: Scope,
}

/// What kind of tree is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Scope {
    /// An image, a container or a root file system: what is installed counts.
    Image,
    /// A source tree: what its lock files will install counts.
    SourceTree,
}

/// Whether a cataloger wants a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// No.
    No,
    /// Yes.
    Content,
    /// Only if it starts as an ELF file does.
    Elf,
    /// Only if it starts as a ZIP archive does.
    Zip,
}

/// Knows one kind of record.
pub trait Cataloger: Sync {
    /// Short stable name, as in `found_by`: `dpkg`, `java`, `go-binary`.
    fn name(&self) -> &'static str;
    /// What is incomplete when it fails.
    fn aspect(&self) -> Aspect;
    /// Raised whenever what it tells for the same bytes changes.
    fn revision(&self) -> u32 {
        1
    }
    /// Whether it wants a file. Called for every regular file, so look at the path's end first.
    fn want(&self, file: &Candidate<'_>) -> Want;
    /// Tells what is in a file it wants. After an error the facts told so far stand.
    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError>;
}

impl Candidate<'_> {
    /// The last path component.
    pub fn name(&self) -> &[u8] {
        gabion_model::path::name(self.path)
    }

    /// Whether the path is `suffix` or ends with `/suffix`.
    pub fn ends_with(&self, suffix: &str) -> bool {
        self.path.strip_suffix(suffix.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"/"))
    }

    /// Whether the file has an execute bit, or is named like a shared object.
    pub fn is_program(&self) -> bool {
        let name = self.name();
        self.mode & 0o111 != 0
            || name.ends_with(b".so")
            || name.windows(4).any(|w| w == b".so.")
            || name.ends_with(b".node")
    }
}

/// Every cataloger.
pub static ALL: &[&dyn Cataloger] = &[
    &os_release::OsReleaseCataloger,
    &dpkg::DpkgStatus,
    &dpkg::DpkgList,
    &dpkg::DpkgCopyright,
    &apk::Apk,
    &rpm::Rpm,
    &pacman::PacmanDesc,
    &pacman::PacmanFiles,
    &accounts::Accounts,
    &npm::NpmPackage,
    &python::PythonMetadata,
    &python::PythonRecord,
    &java::Java,
    &go::GoBinary,
    &rust::RustBinary,
    &ruby::Gemspec,
    &php::ComposerInstalled,
    &dotnet::DotnetDeps,
    &conda::CondaMeta,
    &bitnami::Bitnami,
    &binary::BinarySignature,
    &lock::Locks,
];
