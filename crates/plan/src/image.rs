//! The images a plan is made for: each once, with its names, whoever answers for it, and what is said of its base.

use crate::{Claim, Rules};
use gabion_model::{BaseHint, Digest, ScanReport};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// One image, directory or SBOM.
pub(crate) struct Image<'a> {
    pub(crate) report: &'a ScanReport,
    /// The name it is shown by.
    pub(crate) name: String,
    /// The other names of the same content, sorted.
    pub(crate) aliases: Vec<String>,
    pub(crate) owner: Option<String>,
    pub(crate) external: bool,
    /// What labels, annotations and provenance say about its base.
    pub(crate) hints: Vec<BaseHint>,
}

impl Image<'_> {
    /// Whether it is known by this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }

    /// Whether this is its manifest or configuration, or the index that it was chosen from.
    pub(crate) fn is(&self, digest: Digest) -> bool {
        let identity = self.report.target.image.as_ref();
        identity
            .is_some_and(|image| [image.manifest, image.index, Some(image.config)].contains(&Some(digest)))
    }
}

/// The images of the reports, sorted by name. The same image under several names is one; of several scans of it, the
/// newest counts.
pub(crate) fn images<'a>(reports: &[&'a ScanReport], rules: &Rules<'_>) -> Vec<Image<'a>> {
    let mut same: BTreeMap<Identity<'a>, Vec<&'a ScanReport>> = BTreeMap::new();
    for &report in reports {
        same.entry(Identity::of(report)).or_default().push(report);
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

fn image<'a>(mut scans: Vec<&'a ScanReport>, rules: &Rules<'_>) -> Image<'a> {
    scans.sort_by_cached_key(|report| (Reverse(report.created), key(report)));
    let report = scans[0];
    let mut names: BTreeSet<String> = BTreeSet::new();
    for scan in &scans {
        names.extend(scan.target.image.iter().flat_map(|image| image.tags.iter().cloned()));
        names.insert(display_name(scan).to_owned());
    }
    let name = scans.iter().map(|scan| display_name(scan)).min().unwrap_or_default().to_owned();
    names.remove(&name);
    let aliases: Vec<String> = names.into_iter().collect();

    let empty = BTreeMap::new();
    let labels = report.config.as_ref().map_or(&empty, |config| &config.labels);
    let claims: Vec<Claim<'_>> =
        std::iter::once(&name).chain(&aliases).map(|name| Claim { name, labels }).collect();
    let owner = claims.iter().find_map(|claim| (rules.owner)(claim));
    let external = claims.iter().any(|claim| (rules.external)(claim));

    let identities = scans.iter().filter_map(|scan| scan.target.image.as_ref());
    let mut hints: Vec<BaseHint> = identities.flat_map(|image| image.bases.iter().cloned()).collect();
    hints.extend(BaseHint::of("label", labels));
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
