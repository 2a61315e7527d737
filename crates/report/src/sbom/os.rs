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

/// The `ID` of os-release, where Trivy has a name of its own.
fn id(name: String) -> String {
    let id = match name.as_str() {
        "alma" => "almalinux",
        "amazon" => "amzn",
        "cbl-mariner" => "mariner",
        "opensuse.leap" => "opensuse-leap",
        "opensuse.tumbleweed" => "opensuse-tumbleweed",
        "oracle" => "ol",
        "redhat" => "rhel",
        "suse linux enterprise server" => "sles",
        _ => return name,
    };
    id.to_owned()
}

/// Distributions that are told apart; an image has one.
const MAX_DISTRIBUTIONS: usize = 16;

impl Os {
    /// An entry of the document names the operating system; the first is believed. `none` is what Trivy writes
    /// where it found none.
    pub(super) fn named(&mut self, mut os: OsRelease) {
        if !matches!(os.id.as_str(), "" | "none") {
            os.id = id(os.id);
            // `2 (Karoo)` is what Trivy has of Amazon Linux.
            let first = |version: String| version.split(' ').next().unwrap_or_default().to_owned();
            os.version = os.version.map(first);
            self.named.get_or_insert(os);
        }
    }

    /// A package says which distribution it is for.
    pub(super) fn distribution(&mut self, distribution: Option<Distribution>, package: &str) {
        let Some(mut distribution) = distribution else { return };
        distribution.id = id(distribution.id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_trivy_are_those_of_os_release() {
        let mut os = Os::default();
        let distribution = Distribution { id: "alma".into(), version: Some("9.4".into()) };
        os.distribution(Some(distribution), "bash");
        let mut content = SbomContent::default();
        os.settle(&mut content);
        let mut told = content.os.expect("told");
        assert_eq!(told.id, "almalinux");

        (told.id, told.version) = ("amazon".into(), Some("2 (Karoo)".into()));
        let mut os = Os::default();
        os.named(told);
        let mut content = SbomContent::default();
        os.settle(&mut content);
        let told = content.os.expect("told");
        assert_eq!((told.id.as_str(), told.version.as_deref()), ("amzn", Some("2")));
        for (trivy, expected) in [("redhat", "rhel"), ("oracle", "ol"), ("debian", "debian")] {
            assert_eq!(id(trivy.into()), expected);
        }
    }
}
