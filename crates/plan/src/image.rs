//! The images a plan is made for: each once, with its names, whoever answers for it, and what is said of its base.

use crate::{BaseHint, Claim, Rules, Subject};
use gabion_model::{Digest, ScanReport};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// One image, directory or SBOM.
pub(crate) struct Image<'a> {
    pub(crate) report: &'a ScanReport,
    /// The name it is shown by.
    pub(crate) name: String,
    /// The other names of the same content, sorted.
    pub(crate) aliases: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) external: bool,
    /// What its labels, and what the caller knows, say about its base.
    pub(crate) hints: Vec<BaseHint>,
}

impl Image<'_> {
    /// Whether it is known by this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether this is its manifest or configuration.
    pub(crate) fn is(&self, digest: Digest) -> bool {
        let identity = self.report.target.image.as_ref();
        identity.is_some_and(|image| image.manifest == Some(digest) || image.config == digest)
    }
}

/// The images of the subjects, sorted by name. The same image under several names is one; of several scans of it, the
/// newest counts.
pub(crate) fn images<'a>(subjects: &[Subject<'a>], rules: &Rules<'_>) -> Vec<Image<'a>> {
    let mut same: BTreeMap<Identity<'a>, Vec<&Subject<'a>>> = BTreeMap::new();
    for subject in subjects {
        same.entry(Identity::of(subject.report)).or_default().push(subject);
    }
    let mut images: Vec<Image<'a>> = same.into_values().map(|scans| image(scans, rules)).collect();
    images.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| key(a.report).cmp(&key(b.report))));
    images
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Identity<'a> {
    Config(Digest),
    Place(&'a str, &'a str),
}

impl<'a> Identity<'a> {
    fn of(report: &'a ScanReport) -> Self {
        match &report.target.image {
            Some(image) => Self::Config(image.config),
            None => Self::Place(&report.target.source, &report.target.reference),
        }
    }
}

fn image<'a>(mut scans: Vec<&Subject<'a>>, rules: &Rules<'_>) -> Image<'a> {
    scans.sort_by_cached_key(|subject| (Reverse(subject.report.created), key(subject.report)));
    let report = scans[0].report;
    let mut names: BTreeSet<String> = BTreeSet::new();
    for scan in &scans {
        names.extend(scan.report.target.image.iter().flat_map(|image| image.tags.iter().cloned()));
        names.insert(display_name(scan.report).to_owned());
    }
    let name = scans.iter().map(|scan| display_name(scan.report)).min().unwrap_or_default().to_owned();
    names.remove(&name);
    let aliases: Vec<String> = names.into_iter().collect();

    let empty = BTreeMap::new();
    let labels = report.config.as_ref().map_or(&empty, |config| &config.labels);
    let claims: Vec<Claim<'_>> =
        std::iter::once(&name).chain(&aliases).map(|name| Claim { name, labels }).collect();
    let owner = claims.iter().find_map(|claim| (rules.owner)(claim));
    let external = claims.iter().any(|claim| (rules.external)(claim));

    let mut hints: Vec<BaseHint> = scans.iter().flat_map(|scan| scan.hints.iter().cloned()).collect();
    let label = |name: &str| labels.get(name).filter(|value| !value.is_empty()).cloned();
    let said = (label(BASE_NAME), label(BASE_DIGEST).and_then(|digest| digest.parse().ok()));
    if said != (None, None) {
        hints.push(BaseHint { source: "label".to_owned(), name: said.0, digest: said.1 });
    }
    hints.sort();
    hints.dedup();
    Image { report, name, aliases, owner, external, hints }
}

/// The reference as it was given; the name inside an archive, as its path names nothing.
fn display_name(report: &ScanReport) -> &str {
    let target = &report.target;
    let archive = target.source.ends_with("-archive") || target.source.starts_with("oci");
    let inside = target.image.as_ref().and_then(|image| image.tags.first());
    inside.filter(|_| archive).unwrap_or(&target.reference)
}

/// Decides between scans that say the same about themselves, so that the order of the input never shows.
fn key(report: &ScanReport) -> impl Ord + use<'_> {
    let findings: Vec<&str> = report.findings.iter().map(|finding| finding.id.as_str()).collect();
    (&report.target.source, &report.target.reference, report.packages.len(), findings)
}
