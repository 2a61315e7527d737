//! Bad input. Each kind ends in a clear error that names the file and the reason (exit code 2), or in a report
//! whose coverage tells what is missing; in bounded memory ([`run::MEMORY`]), and never in a panic.

mod archives;
mod build;
mod entries;
mod host;
mod records;
mod registry;
mod run;
mod streams;

pub(crate) use build::{Image, Layer, Tar, blob, index_of, sha256};
pub(crate) use run::{Desk, Ran};
