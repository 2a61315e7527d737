//! The nouns of Gabion, without I/O.
//!
//! Every other crate speaks in these types: what an image holds ([`Package`], [`FileIndex`]), what is wrong
//! with it ([`Finding`]), and, just as important, what could not be looked at ([`Coverage`]). Nothing here
//! opens a file, reads a clock or prints; that keeps the verdict the same wherever it is computed.
//!
//! ```text
//!   image ──► ScanReport ──► report (table, JSON, CycloneDX, SPDX, SARIF, JUnit)
//!               ├─ target, os, config, layers     what was looked at
//!               ├─ packages, findings             what was found, each with its layer and history line
//!               └─ coverage                       what was not, and why
//!
//!   node ───► Event  ───► rules, baselines, incidents
//!               ├─ task, container                who did it
//!               └─ kind, fd, args                 what was done, with its names resolved
//! ```

#![forbid(unsafe_code)]

pub mod coverage;
pub mod digest;
pub mod event;
pub mod exception;
pub mod file;
pub mod finding;
pub mod os;
pub mod package;
pub mod path;
pub mod scan;
pub mod symbols;
pub mod vulnerability;
pub mod workload;

pub use coverage::{Aspect, Coverage, Reason, Status};
pub use digest::Digest;
pub use event::{Event, EventKind};
pub use exception::{AppliedException, Standing};
pub use file::{FileEntry, FileIndex, FileKind, FileTree, NewFile};
pub use finding::{Evidence, Finding, FindingKind, Severity};
pub use os::OsRelease;
pub use package::{Location, Package, PackageKind, PackageRef, SourcePackage};
pub use scan::{
    BaseHint, ImageConfig, ImageIdentity, Isolation, Layer, ScanReport, Target, Tool, Verification,
};
pub use vulnerability::{DataSource, FixState, Match, Suppression, SuppressionKind, Vulnerability};
pub use workload::{Container, ContainerKey};
