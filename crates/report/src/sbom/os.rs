//! Which distribution an SBOM is about: an entry for the operating system tells, or else the packages do.

use super::{SbomContent, purl::Distribution};
use gabion_model::{OsRelease, Reason};

/// What was told so far.
#[derive(Default)]
pub(super) struct Os {
    named: Option<OsRelease>,
    /// What the packages say, the first package that says so, and how many do.
    distributions: Vec<(Distribution, String, u64)>,
}

/// Distributions that are told apart; an image has one.
const MAX_DISTRIBUTIONS: usize = 16;

impl Os {
    /// An entry of the document names the operating system; the first is believed. `none` is what Trivy writes
    /// where it found none.
    pub(super) fn named(&mut self, os: OsRelease) {
        if !matches!(os.id.as_str(), "" | "none") {
            self.named.get_or_insert(os);
        }
    }

    /// A package says which distribution it is for.
    pub(super) fn distribution(&mut self, distribution: Option<Distribution>, package: &str) {
        let Some(distribution) = distribution else { return };
        let full = self.distributions.len() >= MAX_DISTRIBUTIONS;
        match self.distributions.iter_mut().find(|(known, ..)| *known == distribution) {
            Some((.., n)) => *n += 1,
            None if !full => self.distributions.push((distribution, package.to_owned(), 1)),
            None => {}
        }
    }

    /// Decides, and tells what does not fit the decision.
    pub(super) fn settle(self, content: &mut SbomContent) {
        let majority =
            self.distributions.iter().rev().max_by_key(|(.., n)| *n).map(|(distribution, ..)| OsRelease {
                id: distribution.id.clone(),
                version: distribution.version.clone(),
                codename: None,
                name: match &distribution.version {
                    Some(version) => format!("{} {version}", distribution.id),
                    None => distribution.id.clone(),
                },
                like: Vec::new(),
                end_of_life: None,
                path: String::new(),
            });
        let os = self.named.or(majority);
        for (distribution, package, n) in self.distributions {
            let differs = os.as_ref().is_some_and(|os| {
                os.id != distribution.id
                    || (distribution.version.is_some() && os.version != distribution.version)
            });
            if differs {
                let text = format!(
                    "packages of {} {} in a document about another release",
                    distribution.id,
                    distribution.version.as_deref().unwrap_or_default()
                );
                content.gaps.push(Reason { count: n, ..Reason::at(package, text) });
            }
        }
        let has_os_packages = content.packages.iter().any(|package| package.kind.is_os());
        if has_os_packages && os.as_ref().is_none_or(|os| os.version.is_none() && os.path.is_empty()) {
            content.gaps.push(Reason::new("the release of the distribution is not named"));
        }
        content.os = os;
    }
}
