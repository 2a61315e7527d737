//! The public surface of the crate, on what it ships and what others publish.

mod shared;
mod starter;

use gabion_advisory::{
    feed::{Rejected, Sink},
    record::{Advisory, Assessment, Edition, Exploited, Lifecycle, Likelihood},
};
use std::path::PathBuf;

/// Advisories, and what is wrong with the feed.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) advisories: Vec<Advisory>,
    pub(crate) rejected: Vec<Rejected>,
    /// What CISA says of CVEs.
    pub(crate) assessments: Vec<Assessment>,
    /// Records about CVEs.
    pub(crate) others: usize,
}

impl Sink for Told {
    fn advisory(&mut self, advisory: Advisory) {
        self.advisories.push(advisory);
    }
    fn exploited(&mut self, _: Exploited) {
        self.others += 1;
    }
    fn likelihood(&mut self, _: Likelihood) {}
    fn assessment(&mut self, assessment: Assessment) {
        self.assessments.push(assessment);
        self.others += 1;
    }
    fn lifecycle(&mut self, _: Lifecycle) {}
    fn edition(&mut self, _: Edition) {}
    fn rejected(&mut self, rejected: Rejected) {
        self.rejected.push(rejected);
    }
}

/// Where the test data is, if it is there.
pub(crate) fn data() -> Option<PathBuf> {
    let given = std::env::var_os("GABION_TEST_DATA").map(PathBuf::from);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = given.unwrap_or_else(|| root.join("../shared/data")).join("advisories");
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{} is not there, and CI must not pass without it",
        path.display()
    );
    None
}
