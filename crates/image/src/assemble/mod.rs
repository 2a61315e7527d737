//! From the facts of single files to the report of an image.
//!
//! Layers are laid on top of each other; facts of files that are no longer visible are dropped, except
//! secrets, which anybody who has the image can still extract. Then the questions that need the whole:
//! which package owns a file, in which layer a package first appeared, which record goes with which list.
//!
//! ```text
//!   layer 0   status: libc 2.36, zlib 1.2     → zlib first seen here: made by layer 0
//!   layer 1   status: libc 2.36, zlib 1.2, curl 7.88        (the whole file again: dpkg rewrites it)
//!   visible   status of layer 1               → libc, zlib belong to layer 0, curl to layer 1
//! ```

mod coverage;
mod packages;
mod secrets;

use crate::{
    catalog::{Cataloger, Scope, eol, os_release},
    cis,
    facts::{Account, Fact},
    layer::{LayerFacts, Stats},
    manifest::Config,
    secret,
};
use gabion_model::{
    Aspect, Coverage, Digest, FileIndex, FileKind, Finding, Layer, OsRelease, Package, Reason, Status,
    path::display, scan::FileTotals, symbols::Programs,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is put together.
#[derive(Debug)]
pub struct Input<'a> {
    /// The configuration; none for a directory.
    pub config: Option<&'a Config>,
    /// Digest of each stored layer, where there is one.
    pub digests: &'a [Option<Digest>],
    /// Names of the image.
    pub tags: &'a [String],
    /// The kind of tree.
    pub scope: Scope,
    /// Whether secrets were looked for.
    pub secrets: bool,
    /// The time of the scan.
    pub now: jiff::Timestamp,
}

/// The parts of a report that come from the content.
#[derive(Debug)]
pub struct Assembled {
    /// The final file system, with the owner of each file.
    pub tree: FileIndex,
    /// Distribution.
    pub os: Option<OsRelease>,
    /// Layers.
    pub layers: Vec<Layer>,
    /// Packages, sorted.
    pub packages: Vec<Package>,
    /// The functions of programs.
    pub programs: Programs,
    /// Findings, worst first.
    pub findings: Vec<Finding>,
    /// Size of the final file system.
    pub files: FileTotals,
    /// What was looked at.
    pub coverage: Coverage,
}

/// A file of the final tree that told something.
struct Visible<'a> {
    id: u32,
    layer: usize,
    path: &'a [u8],
    facts: &'a [Fact],
}

/// What one layer told, by path. Its index went into the tree: of millions of entries there is one copy.
struct Told {
    stats: Stats,
    gaps: Vec<(String, Reason)>,
    skipped: Vec<Reason>,
    /// A record of another layer that is here too has an entry, even if it told nothing.
    facts: BTreeMap<Vec<u8>, Vec<Fact>>,
}

/// Puts what each layer told together, the lowest first; a directory is one layer.
pub fn assemble(layers: Vec<LayerFacts>, input: &Input<'_>, catalogers: &[&dyn Cataloger]) -> Assembled {
    let (told, mut tree) = stack(layers);
    let visible = visible(&told, &tree);
    let os = choose_os(&visible, input.now);
    let mut coverage = coverage::coverage(input, &told, catalogers, &visible, &tree, os.as_ref());
    let packages = packages::packages(input, &told, &visible, &mut tree);

    let mut accounts: Vec<(String, Vec<Account>)> = Vec::new();
    let mut programs = Programs::new();
    for file in &visible {
        for fact in file.facts {
            match fact {
                Fact::Accounts(list) => accounts.push((display(file.path).into_owned(), list.clone())),
                Fact::Functions(set) => _ = programs.insert(display(file.path).into_owned(), set.clone()),
                _ => {}
            }
        }
    }
    let mut findings = Vec::new();
    if input.secrets {
        findings.extend(secrets::in_files(&told, &tree, &packages));
        findings.extend(input.config.map(secrets::in_config).unwrap_or_default());
    } else {
        coverage.set(Aspect::SECRETS, Status::NotEvaluated { reason: "switched off".into() });
    }
    if input.scope == Scope::Image {
        findings.extend(cis::check(&cis::Input {
            config: input.config,
            tags: input.tags,
            tree: &tree,
            accounts: &accounts,
            packages: &packages,
            now: input.now,
        }));
    }
    if input.config.is_none() {
        for evidence in findings.iter_mut().flat_map(|f| &mut f.evidence) {
            evidence.layer = None;
        }
    }
    findings.sort_by(|a, b| {
        (b.severity, a.kind, &a.rule, &a.evidence, &a.id).cmp(&(
            a.severity,
            b.kind,
            &b.rule,
            &b.evidence,
            &b.id,
        ))
    });
    let layers = input.config.map(|config| layers_of(input, &told, config)).unwrap_or_default();
    Assembled { os, layers, packages, programs, findings, files: totals(&tree), coverage, tree }
}

/// Lays the layers on top of each other.
fn stack(layers: Vec<LayerFacts>) -> (Vec<Told>, FileIndex) {
    let of_packages = |facts: &[Fact]| facts.iter().any(|fact| matches!(fact, Fact::Package { .. }));
    let mut records = BTreeSet::new();
    for layer in &layers {
        let paths = layer.facts.iter().filter(|(_, facts)| of_packages(facts));
        records.extend(paths.map(|(&id, _)| layer.index.path(id)));
    }
    let mut tree = FileIndex::default();
    let mut all = Vec::new();
    for (number, layer) in layers.into_iter().enumerate() {
        let mut facts: BTreeMap<_, _> =
            layer.facts.into_iter().map(|(id, facts)| (layer.index.path(id), facts)).collect();
        for path in records.iter().filter(|path| layer.index.find(path).is_some()) {
            facts.entry(path.clone()).or_default();
        }
        all.push(Told { stats: layer.stats, gaps: layer.gaps, skipped: layer.skipped, facts });
        if number == 0 {
            tree = layer.index.into_tree();
        } else {
            tree.apply(&layer.index, number as u16);
        }
    }
    (all, tree)
}

fn visible<'a>(told: &'a [Told], tree: &FileIndex) -> Vec<Visible<'a>> {
    let mut all = Vec::new();
    for (number, layer) in told.iter().enumerate() {
        for (path, facts) in layer.facts.iter().filter(|(_, facts)| !facts.is_empty()) {
            let Some(id) = tree.find(path) else { continue };
            let entry = tree.entry(id);
            if usize::from(entry.layer) == number && entry.kind == FileKind::File {
                all.push(Visible { id, layer: number, path, facts });
            }
        }
    }
    all.sort_by(|a, b| a.path.cmp(b.path));
    all
}

fn choose_os(visible: &[Visible<'_>], now: jiff::Timestamp) -> Option<OsRelease> {
    let facts = visible.iter().flat_map(|file| file.facts);
    let all = facts.filter_map(|fact| if let Fact::Os(os) = fact { Some(os) } else { None });
    let mut os = all.min_by_key(|os| (os_release::rank(&os.path), os.path.clone()))?.clone();
    eol::judge(&mut os, now);
    Some(os)
}

fn layers_of(input: &Input<'_>, told: &[Told], config: &Config) -> Vec<Layer> {
    let history = config.layer_history();
    config
        .diff_ids
        .iter()
        .enumerate()
        .map(|(i, &diff_id)| {
            let line = history.get(i).copied().flatten().and_then(|at| config.history.get(at));
            let stats = told.get(i).map(|l| l.stats).unwrap_or_default();
            Layer {
                diff_id,
                digest: input.digests.get(i).copied().flatten(),
                size: stats.size,
                content_size: stats.content_size,
                entries: stats.entries,
                created_by: line.map(|l| secret::redact(&l.created_by)),
                created: line.and_then(|l| l.created.as_deref()?.parse().ok()),
            }
        })
        .collect()
}

fn totals(tree: &FileIndex) -> FileTotals {
    let mut totals = FileTotals::default();
    for id in tree.ids() {
        totals.entries += 1;
        if tree.entry(id).kind == FileKind::File {
            totals.bytes += tree.entry(id).size;
        }
    }
    totals
}
