//! Where each finding comes from, and what could put it right there.
//!
//! A finding of an image is open in one *place* for each node that brought a part of it. `libssl3` from the base and
//! `libssl-dev` from the application make two places of one CVE: each node has its change, and the finding is cleared
//! when both are made.
//!
//! | what | the node that brought it | put right |
//! |---|---|---|
//! | vulnerability in an OS package, or of npm, PyPI, RubyGems, Composer, Conda | the layer where package and version first appear | there, or by an upgrade in a node built on it |
//! | vulnerability in what is compiled or packed: Go, Rust, Java, .NET, programs | the same | there |
//! | secret | the layer it lies in; it can be extracted from there for ever | there |
//! | misconfiguration in a file | the layer of the file | there, or in a node built on it |
//! | misconfiguration in a history line | the layer that line made | there |
//! | anything in the configuration, or of an unknown layer | the image's own node | there |

use crate::{Options, image::Image, lineage::Lineage};
use gabion_model::{Finding, FindingKind, FixState, PackageKind, PackageRef, Severity, Vulnerability};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Why a finding stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StayReason {
    /// It could be cleared by more changes than the plan may have.
    OverBudget,
    /// It came with something that is not ours, and nothing of ours built on it can put it right.
    NotOurs,
    /// There is no fixed version yet, or none that is known.
    NoFix,
    /// Its vendor looks into it.
    UnderInvestigation,
    /// Its vendor will not fix it.
    WillNotFix,
    /// Its release gets no fixes any more; a base of a later release might.
    EndOfLife,
    /// It is what a workload did, not what an image holds.
    Runtime,
}

impl StayReason {
    /// The sentence for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OverBudget => "more changes would clear it",
            Self::NotOurs => "not ours to change",
            Self::NoFix => "no fixed version is known",
            Self::UnderInvestigation => "under investigation by its vendor",
            Self::WillNotFix => "will not be fixed by its vendor",
            Self::EndOfLife => "the release gets no fixes any more: move to a later one",
            Self::Runtime => "seen at run time: no new image clears it",
        }
    }
}

/// A finding of an image in one node.
pub(crate) struct Place<'a> {
    pub(crate) image: usize,
    pub(crate) finding: &'a Finding,
    pub(crate) node: usize,
    /// The lowest layer of the node that has a part in it: index into the image's layers.
    pub(crate) layer: Option<usize>,
    /// The packages in it, for a vulnerability; sorted.
    pub(crate) packages: Vec<&'a PackageRef>,
    /// Whether a node built on its own can put it right.
    pub(crate) patchable: bool,
    /// Why no change clears it, if none does.
    pub(crate) hopeless: Option<StayReason>,
}

impl Place<'_> {
    /// How much it matters: the priority of a vulnerability, or what its severity alone is worth.
    pub(crate) fn weight(&self) -> u64 {
        let priority = self.finding.vulnerability.as_ref().map_or(0, |v| v.priority.score);
        if priority > 0 {
            return priority.into();
        }
        match self.finding.severity {
            Severity::Critical => 80,
            Severity::High => 60,
            Severity::Medium => 40,
            Severity::Low => 20,
            Severity::Unknown => 10,
            Severity::Info => 5,
        }
    }
}

/// What an image has beyond the places to plan for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aside {
    /// Findings that do not count.
    pub(crate) suppressed: usize,
    /// Findings that were not asked for.
    pub(crate) left_out: usize,
}

/// The places of all findings of an image.
pub(crate) fn places<'a>(
    at: usize,
    image: &Image<'a>,
    lineage: &Lineage,
    options: &Options,
    out: &mut Vec<Place<'a>>,
) -> Aside {
    let mut aside = Aside::default();
    let layers = Layers::of(image);
    for finding in &image.report.findings {
        if finding.suppressed.is_some() {
            aside.suppressed += 1;
        } else if !options.want(finding) {
            aside.left_out += 1;
        } else {
            let place = |(node, mut part): (usize, Part<'a>)| {
                part.packages.sort();
                part.packages.dedup();
                let Part { layer, packages, patchable } = part;
                Place { image: at, finding, node, layer, packages, patchable, hopeless: hopeless(finding) }
            };
            out.extend(parts(at, finding, &layers, lineage).into_iter().map(place));
        }
    }
    aside
}

/// The part of a finding in one node.
struct Part<'a> {
    layer: Option<usize>,
    packages: Vec<&'a PackageRef>,
    patchable: bool,
}

fn parts<'a>(
    image: usize,
    finding: &'a Finding,
    layers: &Layers<'a>,
    lineage: &Lineage,
) -> BTreeMap<usize, Part<'a>> {
    let mut parts: BTreeMap<usize, Part<'a>> = BTreeMap::new();
    let mut add = |layer: Option<u32>, package: Option<&'a PackageRef>, patchable: bool| {
        let layer = layer.map(|layer| layer as usize).filter(|&layer| layer < layers.count);
        let part = Part { layer, packages: Vec::new(), patchable: true };
        let part = parts.entry(lineage.node_of_layer(image, layer)).or_insert(part);
        part.layer = part.layer.into_iter().chain(layer).min();
        part.packages.extend(package);
        part.patchable &= patchable;
    };
    match &finding.vulnerability {
        Some(vulnerability) if !vulnerability.packages.is_empty() => {
            for package in &vulnerability.packages {
                let told = finding.evidence.iter().filter(|e| e.package.as_ref() == Some(package));
                let told = || told.clone().find_map(|evidence| evidence.layer);
                match layers.of_package.get(&key(package)).map(Vec::as_slice) {
                    None | Some([]) => add(told(), Some(package), upgradable(package.kind)),
                    Some(places) => {
                        for &layer in places {
                            add(layer.or_else(told), Some(package), upgradable(package.kind));
                        }
                    }
                }
            }
        }
        _ => {
            for evidence in &finding.evidence {
                let in_file =
                    !["history:", "config:", "label:", "env:"].iter().any(|p| evidence.place.starts_with(p));
                add(evidence.layer, None, finding.kind == FindingKind::Misconfiguration && in_file);
            }
        }
    }
    if parts.is_empty() {
        // Evidence is never empty by contract; a report of somebody else may break it, and is not to lose a finding.
        let part = Part { layer: None, packages: Vec::new(), patchable: false };
        parts.insert(lineage.node_of[image], part);
    }
    parts
}

/// Where the packages of a report first appear, for those that findings speak of.
struct Layers<'a> {
    of_package: HashMap<(PackageKind, &'a str, &'a str), Vec<Option<u32>>>,
    count: usize,
}

impl<'a> Layers<'a> {
    fn of(image: &Image<'a>) -> Self {
        let report = image.report;
        let vulnerabilities = report.findings.iter().filter_map(|finding| finding.vulnerability.as_deref());
        let mut of_package: HashMap<_, Vec<Option<u32>>> =
            vulnerabilities.flat_map(|v| &v.packages).map(|package| (key(package), Vec::new())).collect();
        if !of_package.is_empty() {
            for package in &report.packages {
                if let Some(layers) = of_package.get_mut(&(package.kind, &*package.name, &*package.version)) {
                    layers.push(package.layer);
                }
            }
        }
        Self { of_package, count: report.layers.len() }
    }
}

fn key(package: &PackageRef) -> (PackageKind, &str, &str) {
    (package.kind, &package.name, &package.version)
}

/// Whether a package manager can replace it in a later layer, so that the old one is gone for whoever runs the image.
const fn upgradable(kind: PackageKind) -> bool {
    kind.is_os()
        || matches!(
            kind,
            PackageKind::Npm
                | PackageKind::Pypi
                | PackageKind::Gem
                | PackageKind::Composer
                | PackageKind::Conda
        )
}

/// Why nothing can be done about a finding.
fn hopeless(finding: &Finding) -> Option<StayReason> {
    match (finding.kind, &finding.vulnerability) {
        (FindingKind::Behaviour, _) => Some(StayReason::Runtime),
        (FindingKind::Secret | FindingKind::Misconfiguration, _) => None,
        (FindingKind::Vulnerability, None) => Some(StayReason::NoFix),
        (FindingKind::Vulnerability, Some(vulnerability)) => unfixed(vulnerability),
    }
}

fn unfixed(vulnerability: &Vulnerability) -> Option<StayReason> {
    match vulnerability.fix {
        FixState::Fixed if vulnerability.fixed_version.is_some() => None,
        FixState::Fixed | FixState::NotFixed => Some(StayReason::NoFix),
        FixState::UnderInvestigation => Some(StayReason::UnderInvestigation),
        FixState::WillNotFix => Some(StayReason::WillNotFix),
        FixState::EndOfLife => Some(StayReason::EndOfLife),
    }
}
