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

use crate::{
    catalog::{Cataloger, Scope, eol, lock, os_release},
    cis,
    facts::{Account, Fact, SecretMatch},
    layer::LayerFacts,
    manifest::Config,
    secret::{self, TextScan},
};
use gabion_model::{
    Aspect, Coverage, Digest, Evidence, FileEntry, FileIndex, FileKind, Finding, FindingKind, Layer,
    Location, OsRelease, Package, PackageKind, PackageRef, Reason, Severity, Status,
    path::{self, display},
    scan::FileTotals,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What is put together.
#[derive(Debug)]
pub struct Input<'a> {
    /// What each layer told, lowest first; a directory is one.
    pub layers: &'a [LayerFacts],
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
    path: Vec<u8>,
    facts: &'a [Fact],
}

/// A package before it has a place in the report.
struct Draft {
    package: Package,
    files: Vec<String>,
}

/// Puts everything together.
pub fn assemble(input: &Input<'_>, catalogers: &[&dyn Cataloger]) -> Assembled {
    let mut tree = FileIndex::default();
    for (number, layer) in input.layers.iter().enumerate() {
        tree.apply(&layer.index, number as u16);
    }
    let visible = visible(input, &tree);
    let os = choose_os(&visible, input.now);
    let mut coverage = coverage(input, catalogers, &visible, &tree);
    let packages = packages(input, &visible, &mut tree);

    let mut accounts: Vec<(String, Vec<Account>)> = Vec::new();
    for file in &visible {
        for fact in file.facts {
            if let Fact::Accounts(list) = fact {
                accounts.push((display(&file.path).into_owned(), list.clone()));
            }
        }
    }
    let mut findings = Vec::new();
    if input.secrets {
        findings.extend(secrets_in_files(input, &tree, &packages));
        findings.extend(input.config.map(secrets_in_config).unwrap_or_default());
    } else {
        coverage.set(
            Aspect::SECRETS,
            Status::NotEvaluated {
                reason: "switched off".into(),
            },
        );
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
    let layers = input
        .config
        .map(|config| layers(input, config))
        .unwrap_or_default();
    Assembled {
        os,
        layers,
        packages,
        findings,
        files: totals(&tree),
        coverage,
        tree,
    }
}

fn visible<'a>(input: &Input<'a>, tree: &FileIndex) -> Vec<Visible<'a>> {
    let mut all = Vec::new();
    for (number, layer) in input.layers.iter().enumerate() {
        for (&id, facts) in &layer.facts {
            let path = layer.index.path(id);
            let Some(id) = tree.find(&path) else { continue };
            let entry = tree.entry(id);
            if usize::from(entry.layer) == number && entry.kind == FileKind::File {
                all.push(Visible {
                    id,
                    layer: number,
                    path,
                    facts,
                });
            }
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

fn choose_os(visible: &[Visible<'_>], now: jiff::Timestamp) -> Option<OsRelease> {
    let facts = visible.iter().flat_map(|file| file.facts);
    let all = facts.filter_map(|fact| if let Fact::Os(os) = fact { Some(os) } else { None });
    let mut os = all
        .min_by_key(|os| (os_release::rank(&os.path), os.path.clone()))?
        .clone();
    eol::judge(&mut os, now);
    Some(os)
}

fn layers(input: &Input<'_>, config: &Config) -> Vec<Layer> {
    let history = config.layer_history();
    config
        .diff_ids
        .iter()
        .enumerate()
        .map(|(i, &diff_id)| {
            let line = history
                .get(i)
                .copied()
                .flatten()
                .and_then(|at| config.history.get(at));
            let stats = input.layers.get(i).map(|l| l.stats).unwrap_or_default();
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

// === packages ===

fn packages(input: &Input<'_>, visible: &[Visible<'_>], tree: &mut FileIndex) -> Vec<Package> {
    let beside = Beside::new(visible);
    let mut first_seen = FirstSeen {
        input,
        sets: HashMap::new(),
    };
    let mut drafts: Vec<Draft> = Vec::new();
    for file in visible {
        for fact in file.facts {
            let Fact::Package { package, files } = fact else {
                continue;
            };
            let mut package = package.clone();
            if package.locations.is_empty() {
                package.locations.push(Location {
                    path: display(&file.path).into_owned(),
                    layer: None,
                });
            }
            if input.config.is_some() {
                let layer = first_seen.layer(file, &package) as u32;
                package.layer = Some(layer);
                package
                    .locations
                    .iter_mut()
                    .for_each(|l| l.layer = Some(file.layer as u32));
            }
            let mut files = files.clone();
            beside.join(file, tree, &mut package, &mut files);
            drafts.push(Draft { package, files });
        }
    }
    // Owners first: a language package is told apart by who owns it.
    let mut owners: HashMap<u32, usize> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate().filter(|(_, d)| d.package.kind.is_os()) {
        for id in owned(tree, &draft.files) {
            owners.entry(id).or_insert(at);
        }
    }
    let owner_of = |location: &Location| {
        let on_disk = location.path.split("!/").next().unwrap_or_default();
        let at = owners.get(&tree.locate(on_disk.as_bytes())?)?;
        Some(drafts[*at].package.reference())
    };
    let owned_by: Vec<Option<PackageRef>> = drafts
        .iter()
        .map(|d| {
            if d.package.kind.is_os() {
                None
            } else {
                d.package.locations.first().and_then(owner_of)
            }
        })
        .collect();
    let mut merged: BTreeMap<_, Draft> = BTreeMap::new();
    for (mut draft, owner) in drafts.into_iter().zip(owned_by) {
        draft.package.owned_by = owner;
        let p = &draft.package;
        let key = (
            p.kind,
            p.name.clone(),
            p.version.clone(),
            p.arch.clone(),
            p.qualifiers.clone(),
            p.owned_by.clone(),
        );
        match merged.get_mut(&key) {
            Some(known) => merge(known, draft),
            None => {
                merged.insert(key, draft);
            }
        }
    }
    let drafts: Vec<Draft> = merged.into_values().collect();
    for os in [true, false] {
        for (at, draft) in drafts
            .iter()
            .enumerate()
            .filter(|(_, d)| d.package.kind.is_os() == os)
        {
            for id in owned(tree, &draft.files).collect::<Vec<_>>() {
                if tree.entry(id).package == FileEntry::NO_PACKAGE {
                    tree.set_package(id, at as u32);
                }
            }
        }
    }
    drafts.into_iter().map(|d| d.package).collect()
}

fn owned<'a>(tree: &'a FileIndex, files: &'a [String]) -> impl Iterator<Item = u32> + 'a {
    files
        .iter()
        .filter_map(|path| tree.locate(path.as_bytes()))
        .filter(|&id| !tree.entry(id).is_dir())
}

/// The same package found twice is one package with two locations.
fn merge(known: &mut Draft, other: Draft) {
    let (mine, theirs) = (&mut known.package, other.package);
    mine.locations.extend(theirs.locations);
    mine.locations.sort();
    mine.locations.dedup();
    mine.layer = mine.layer.min(theirs.layer);
    mine.licenses.extend(theirs.licenses);
    mine.licenses.sort();
    mine.licenses.dedup();
    mine.facts.extend(theirs.facts);
    mine.facts.sort();
    mine.facts.dedup();
    for name in theirs.found_by.split(", ") {
        if !mine.found_by.split(", ").any(|n| n == name) {
            mine.found_by = format!("{}, {name}", mine.found_by);
        }
    }
    known.files.extend(other.files);
}

/// Facts of files that belong to a record elsewhere, by path.
struct Beside<'a> {
    owns: HashMap<&'a [u8], &'a [String]>,
    licenses: HashMap<u32, &'a [String]>,
}

impl<'a> Beside<'a> {
    fn new(visible: &'a [Visible<'a>]) -> Self {
        let mut beside = Self {
            owns: HashMap::new(),
            licenses: HashMap::new(),
        };
        for file in visible {
            for fact in file.facts {
                match fact {
                    Fact::Owns(paths) => _ = beside.owns.insert(&file.path, paths),
                    Fact::Licenses(names) => _ = beside.licenses.insert(file.id, names),
                    _ => {}
                }
            }
        }
        beside
    }

    fn join(&self, file: &Visible<'_>, tree: &FileIndex, package: &mut Package, files: &mut Vec<String>) {
        let in_directory = |name: &str| {
            let mut path = path::parent(&file.path).to_vec();
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
            path
        };
        let name = &package.name;
        let lists: Vec<Vec<u8>> = match package.kind {
            PackageKind::Deb => vec![
                in_directory(&format!(
                    "info/{name}:{}.list",
                    package.arch.as_deref().unwrap_or_default()
                )),
                in_directory(&format!("info/{name}.list")),
                [&file.path[..], b".md5sums"].concat(),
                in_directory(&format!("{name}.md5sums")),
            ],
            PackageKind::Alpm => vec![in_directory("files")],
            PackageKind::Pypi => vec![in_directory("RECORD"), in_directory("installed-files.txt")],
            _ => return,
        };
        if let Some(paths) = lists.iter().find_map(|list| self.owns.get(&list[..])) {
            files.extend_from_slice(paths);
        }
        if package.kind == PackageKind::Deb && package.licenses.is_empty() {
            let copyright = tree.resolve(format!("usr/share/doc/{name}/copyright").as_bytes());
            if let Some(names) = copyright.and_then(|id| self.licenses.get(&id)) {
                package.licenses = names.to_vec();
            }
        }
    }
}

type Key = (String, String, Option<String>);

/// Finds the layer in which a package of a record first appeared.
struct FirstSeen<'a> {
    input: &'a Input<'a>,
    sets: HashMap<(usize, Vec<u8>), Option<HashSet<Key>>>,
}

impl FirstSeen<'_> {
    /// Goes down from the visible record: as long as the layers below that have the record know the same
    /// package at the same version, it was there before.
    fn layer(&mut self, file: &Visible<'_>, package: &Package) -> usize {
        let key = (
            package.name.clone(),
            package.version.clone(),
            package.arch.clone(),
        );
        let mut first = file.layer;
        for below in (0..file.layer).rev() {
            let index = &self.input.layers[below].index;
            match index.find(&file.path) {
                Some(id) if index.entry(id).kind == FileKind::File => match self.set(below, &file.path, id) {
                    Some(set) if set.contains(&key) => first = below,
                    _ => break,
                },
                Some(_) => break,
                None => {}
            }
        }
        first
    }

    fn set(&mut self, layer: usize, path: &[u8], id: u32) -> Option<&HashSet<Key>> {
        let facts = self.input.layers[layer].facts.get(&id);
        self.sets
            .entry((layer, path.to_vec()))
            .or_insert_with(|| {
                let packages = facts?.iter().filter_map(|fact| match fact {
                    Fact::Package { package, .. } => Some((
                        package.name.clone(),
                        package.version.clone(),
                        package.arch.clone(),
                    )),
                    _ => None,
                });
                Some(packages.collect())
            })
            .as_ref()
    }
}

// === secrets ===

fn secrets_in_files(input: &Input<'_>, tree: &FileIndex, packages: &[Package]) -> Vec<Finding> {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    // From the top, so that a secret still visible is told as such, and the same one below only once.
    for (number, layer) in input.layers.iter().enumerate().rev() {
        for (&id, facts) in &layer.facts {
            let secrets = facts
                .iter()
                .filter_map(|f| if let Fact::Secret(s) = f { Some(s) } else { None });
            for secret in secrets {
                let path = layer.index.path(id);
                let visible = tree
                    .find(&path)
                    .filter(|&id| usize::from(tree.entry(id).layer) == number);
                // What a distribution publishes is no secret, unless a later layer changed the file.
                let package = visible
                    .and_then(|id| packages.get(tree.entry(id).package as usize))
                    .filter(|p| p.kind.is_os() && p.layer.is_none_or(|l| l as usize == number));
                let evidence = Evidence {
                    place: display(&path).into_owned(),
                    line: (secret.line > 0).then_some(secret.line),
                    layer: Some(number as u32),
                    detail: secret.excerpt.clone(),
                    package: package.map(Package::reference),
                    removed: visible.is_none(),
                };
                let finding = secret_finding(secret, evidence);
                match findings.get_mut(&finding.id) {
                    Some(known) if known.evidence[0].layer == finding.evidence[0].layer => {
                        known.evidence.extend(finding.evidence);
                        known.evidence.sort();
                    }
                    Some(_) => {}
                    None => _ = findings.insert(finding.id.clone(), finding),
                }
            }
        }
    }
    findings.into_values().collect()
}

fn secrets_in_config(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut tell = |place: String, layer: Option<usize>, secrets: Vec<SecretMatch>| {
        for secret in secrets {
            let evidence = Evidence {
                place: place.clone(),
                layer: layer.map(|l| l as u32),
                detail: secret.excerpt.clone(),
                ..Evidence::default()
            };
            findings.push(secret_finding(&secret, evidence));
        }
    };
    for (name, value) in &config.env {
        tell(format!("env:{name}"), None, secret::scan_value(name, value));
    }
    for (name, value) in &config.labels {
        tell(format!("label:{name}"), None, secret::scan_value(name, value));
    }
    let layer_of: HashMap<usize, usize> = config
        .layer_history()
        .into_iter()
        .enumerate()
        .filter_map(|(layer, line)| Some((line?, layer)))
        .collect();
    for (number, line) in config.history.iter().enumerate() {
        let mut scan = TextScan::new(b"history");
        scan.feed(line.created_by.as_bytes());
        tell(
            format!("history:{number}"),
            layer_of.get(&number).copied(),
            scan.finish().matches,
        );
    }
    findings.sort_by(|a, b| a.id.cmp(&b.id));
    findings.dedup_by(|a, b| a.id == b.id);
    findings
}

fn secret_finding(secret: &SecretMatch, evidence: Evidence) -> Finding {
    let about = secret::describe(&secret.rule);
    let severity = if evidence.package.is_some() {
        Severity::Info
    } else {
        about.severity
    };
    Finding {
        id: Finding::stable_id(
            |bytes| Digest::sha256(Sha256::digest(bytes).into()),
            FindingKind::Secret,
            &secret.rule,
            &[&evidence.place, &secret.fingerprint],
        ),
        kind: FindingKind::Secret,
        rule: secret.rule.clone(),
        title: about.title.to_owned(),
        severity,
        evidence: vec![evidence],
        fix: about.fix.to_owned(),
    }
}

// === coverage ===

fn coverage(
    input: &Input<'_>,
    catalogers: &[&dyn Cataloger],
    visible: &[Visible<'_>],
    tree: &FileIndex,
) -> Coverage {
    let mut coverage = Coverage::default();
    coverage.full(Aspect::FILES);
    coverage.full(Aspect::SECRETS);
    match input.scope {
        Scope::Image => {
            let aspects = catalogers.iter().map(|cataloger| cataloger.aspect());
            aspects
                .filter(|aspect| *aspect != lock::ASPECT)
                .for_each(|aspect| coverage.full(aspect));
        }
        Scope::SourceTree => {
            for name in lock::ECOSYSTEMS {
                coverage.full(Aspect::named(name));
            }
            for aspect in [
                Aspect::OS,
                Aspect::PACKAGES_OS,
                Aspect::CONFIG,
                Aspect::PACKAGES_BINARY,
            ] {
                coverage.set(
                    aspect,
                    Status::NotEvaluated {
                        reason: "the target is a source tree".into(),
                    },
                );
            }
        }
    }
    for layer in input.layers {
        layer.report(&mut coverage);
        let binary = layer.stats.binary;
        if binary > 0 {
            coverage.skip(
                Aspect::SECRETS,
                Reason {
                    text: "binary files are not searched for secrets".into(),
                    path: None,
                    count: binary,
                },
            );
        }
    }
    for file in visible {
        for fact in file.facts {
            let at = |reason: &String| Reason::at(display(&file.path), reason.clone());
            match fact {
                Fact::Gap { aspect, reason } => coverage.gap(aspect.clone(), at(reason)),
                Fact::Skipped { aspect, reason } => coverage.skip(aspect.clone(), at(reason)),
                _ => {}
            }
        }
    }
    if input.scope == Scope::Image {
        for (place, manager) in UNKNOWN_MANAGERS {
            if tree
                .resolve(place.as_bytes())
                .is_some_and(|id| tree.children(id).next().is_some())
            {
                let reason = format!("packages of {manager} are not read");
                coverage.gap(Aspect::PACKAGES_OS, Reason::at(*place, reason));
            }
        }
    }
    coverage.set(
        Aspect::VULNERABILITIES,
        Status::NotEvaluated {
            reason: "no database".into(),
        },
    );
    coverage
}

/// Package managers whose records no cataloger reads.
const UNKNOWN_MANAGERS: &[(&str, &str)] = &[
    ("var/db/pkg", "Portage"),
    ("nix/store", "Nix"),
    ("gnu/store", "Guix"),
    ("var/db/xbps", "XBPS"),
    ("var/lib/pkgtools/packages", "Slackware"),
    ("usr/lib/opkg/info", "opkg"),
    ("var/lib/opkg/info", "opkg"),
    ("var/lib/snapd/snaps", "snap"),
    ("var/lib/flatpak/app", "Flatpak"),
    ("home/linuxbrew/.linuxbrew/Cellar", "Homebrew"),
];
