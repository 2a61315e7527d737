//! Each feed on a slice in its real form, the containers, and what hostile or damaged ones do.

mod containers;
mod hostile;
mod json_feeds;
mod osv;
mod rpm_feeds;
mod side_feeds;

use super::{FeedError, FeedLimits, Kind, Rejected, Sink, import_bytes};
use crate::record::{
    Advisory, Affected, Assessment, Edition, Exploited, Lifecycle, Likelihood, Range, Until,
};

/// Everything that was told.
#[derive(Debug, Default)]
struct Told {
    advisories: Vec<Advisory>,
    exploited: Vec<Exploited>,
    likelihoods: Vec<Likelihood>,
    assessments: Vec<Assessment>,
    lifecycles: Vec<Lifecycle>,
    editions: Vec<Edition>,
    rejected: Vec<Rejected>,
}

impl Sink for Told {
    fn advisory(&mut self, advisory: Advisory) {
        self.advisories.push(advisory);
    }

    fn exploited(&mut self, exploited: Exploited) {
        self.exploited.push(exploited);
    }

    fn likelihood(&mut self, likelihood: Likelihood) {
        self.likelihoods.push(likelihood);
    }

    fn assessment(&mut self, assessment: Assessment) {
        self.assessments.push(assessment);
    }

    fn lifecycle(&mut self, lifecycle: Lifecycle) {
        self.lifecycles.push(lifecycle);
    }

    fn edition(&mut self, edition: Edition) {
        self.editions.push(edition);
    }

    fn rejected(&mut self, rejected: Rejected) {
        self.rejected.push(rejected);
    }
}

impl Told {
    /// What was told of a feed in memory.
    fn read(kind: Kind, name: &str, bytes: &[u8]) -> Result<Self, FeedError> {
        let mut told = Self::default();
        import_bytes(kind, name, bytes, &FeedLimits::DEFAULT, &mut told)?;
        Ok(told)
    }

    /// What was told of a feed that is right.
    fn of(kind: Kind, name: &str, text: &str) -> Self {
        let told = Self::read(kind, name, text.as_bytes()).unwrap();
        assert_eq!(told.rejected, [], "nothing is wrong with it");
        told
    }

    /// The only advisory.
    fn only(&self) -> &Advisory {
        let [advisory] = &self.advisories[..] else {
            panic!("{} advisories", self.advisories.len());
        };
        advisory
    }

    fn complaints(&self) -> Vec<String> {
        let shown = |r: &Rejected| format!("{} | {}{}", r.place, r.why, if r.kept { " (kept)" } else { "" });
        self.rejected.iter().map(shown).collect()
    }
}

/// `[1.0,2.0)`: ranges as people write them.
fn shown(row: &Affected) -> String {
    let show = |range: &Range| {
        let from = range.introduced.as_deref().unwrap_or("");
        match &range.until {
            Until::Open => format!("[{from},"),
            Until::Fixed(end) => format!("[{from},{end})"),
            Until::LastAffected(end) => format!("[{from},{end}]"),
        }
    };
    row.ranges.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn kinds_are_found_by_their_names() {
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse::<Kind>().unwrap(), *kind);
        assert!(!kind.about().is_empty());
    }
    let error = "nvd".parse::<Kind>().unwrap_err().to_string();
    assert!(
        error.starts_with("\"nvd\" is no kind of feed; there are osv, debian-tracker, secdb,"),
        "{error}"
    );
}
