//! Checks of the CIS Docker Benchmark, section 4 and its neighbours. Not written yet.

use crate::{facts::Account, manifest::Config};
use gabion_model::{FileIndex, Finding, Package};

/// What the checks look at.
#[derive(Debug)]
pub struct Input<'a> {
    /// The configuration, absent for a directory: then only the checks of the file system apply.
    pub config: Option<&'a Config>,
    /// Names the image was given (`nginx:latest`); empty if unknown.
    pub tags: &'a [String],
    /// The final file system; `FileEntry::layer` is the layer of each file.
    pub tree: &'a FileIndex,
    /// Accounts, each with the path of the file that holds them.
    pub accounts: &'a [(String, Vec<Account>)],
    /// Packages found.
    pub packages: &'a [Package],
    /// The time of the scan.
    pub now: jiff::Timestamp,
}

/// All departures from the benchmark.
pub fn check(_input: &Input<'_>) -> Vec<Finding> {
    Vec::new()
}
