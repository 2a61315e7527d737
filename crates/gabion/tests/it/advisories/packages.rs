//! Packages at the versions that the feeds name and just beside them, as SBOMs that both programs read.

use super::records::Feeds;
use gabion_model::{OsRelease, Package, PackageKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Packages of one ecosystem and release, at most.
const MOST: usize = 1_000;

/// What one SBOM is about.
pub(super) struct World {
    os: Option<OsRelease>,
    /// As the feed names it: `v3.11`.
    pub(super) release: String,
    pub(super) packages: Vec<Package>,
}

/// A package, its version, and the module stream that it is of.
type Edge = (String, String, Option<String>);

/// The languages together, and each release of a distribution.
pub(super) fn worlds(feeds: &Feeds) -> Vec<World> {
    let mut edges: BTreeMap<(PackageKind, String), BTreeSet<Edge>> = BTreeMap::new();
    for record in feeds.all() {
        for row in &record.rows {
            let Some(kind) = kind(&row.ecosystem) else { continue };
            let stream = row.fixes().any(is_modular).then(|| streams(&record.summary).next());
            for version in row.bounds() {
                let edge = (row.package.clone(), version.to_owned(), stream.flatten().map(str::to_owned));
                edges.entry((kind, row.release.clone())).or_default().insert(edge);
            }
        }
    }
    let mut languages = World { os: None, release: String::new(), packages: Vec::new() };
    let mut worlds = Vec::new();
    for ((kind, release), edges) in edges {
        let Some(os) = kind.is_os().then(|| os(kind, &release)) else {
            languages.packages.extend(packages(kind, &edges, None));
            continue;
        };
        // Before Debian 5, releases have two numbers, and both programs take the first.
        if let Some(os) = os.filter(|_| kind != PackageKind::Deb || !release.contains('.')) {
            worlds.push(World { packages: packages(kind, &edges, Some(&os)), os: Some(os), release });
        }
    }
    // The largest first, so that nobody waits for it in the end.
    worlds.insert(0, languages);
    worlds
}

fn kind(ecosystem: &str) -> Option<PackageKind> {
    Some(match ecosystem {
        "npm" => PackageKind::Npm,
        "PyPI" => PackageKind::Pypi,
        "Maven" => PackageKind::Maven,
        "Go" => PackageKind::Golang,
        "crates.io" => PackageKind::Cargo,
        "RubyGems" => PackageKind::Gem,
        "Packagist" => PackageKind::Composer,
        "NuGet" => PackageKind::Nuget,
        "Bitnami" => PackageKind::Bitnami,
        "Debian" => PackageKind::Deb,
        "Alpine" => PackageKind::Apk,
        "AlmaLinux" => PackageKind::Rpm,
        _ => return None,
    })
}

/// As Trivy names it, which writes `alma` for AlmaLinux.
fn os(kind: PackageKind, release: &str) -> Option<OsRelease> {
    let (id, version) = match kind {
        PackageKind::Deb => ("debian", release.to_owned()),
        PackageKind::Apk => ("alpine", format!("{}.0", release.strip_prefix('v')?)),
        PackageKind::Rpm => ("alma", format!("{release}.1")),
        _ => return None,
    };
    Some(OsRelease {
        id: id.to_owned(),
        name: format!("{id} {version}"),
        version: Some(version),
        codename: None,
        like: Vec::new(),
        end_of_life: None,
        path: String::new(),
    })
}

/// Whether an RPM was built for a module.
pub(super) fn is_modular(version: &str) -> bool {
    version.contains(".module")
}

/// The streams that a title names: `Moderate: virt:rhel and virt-devel:rhel security update`.
pub(super) fn streams(title: &str) -> impl Iterator<Item = &str> {
    let words = title.split(' ').map(|word| word.trim_matches([',', '.', '(', ')']));
    words.filter(|word| {
        word.split_once(':').is_some_and(|(module, stream)| !module.is_empty() && !stream.is_empty())
    })
}

/// Each edge that is taken, and two versions beside it.
fn packages(kind: PackageKind, edges: &BTreeSet<Edge>, os: Option<&OsRelease>) -> Vec<Package> {
    let step = (3 * edges.len()).div_ceil(MOST).max(1);
    let mut packages = BTreeMap::new();
    for (number, (name, version, stream)) in edges.iter().step_by(step).enumerate() {
        let beside = beside(kind, version);
        let taken = beside.iter().cycle().skip(number).take(beside.len().min(2));
        for version in std::iter::once(version).chain(taken) {
            let prefix = if kind == PackageKind::Golang && name.contains('.') { "v" } else { "" };
            let mut package = Package::new(kind, name, format!("{prefix}{version}"), "test");
            if let Some(stream) = stream {
                package.qualifiers.push(("modularitylabel".to_owned(), format!("{stream}:1:1")));
            }
            // One stream for each, so that package and version name it.
            packages.entry(package.reference()).or_insert(package);
        }
    }
    // Some names differ in case alone, which not every package URL tells.
    let mut urls = BTreeSet::new();
    packages.into_values().filter(|package| urls.insert(package.purl(os))).collect()
}

/// Versions just below and above one.
fn beside(kind: PackageKind, version: &str) -> Vec<String> {
    let end = version.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(version.len());
    let (core, rest) = version.split_at(end);
    let (head, last) = core.rsplit_once('.').map_or(("", core), |(head, last)| (head, last));
    let with = |last: u64| if head.is_empty() { last.to_string() } else { format!("{head}.{last}") };
    let last: Option<u64> = last.parse().ok();
    let next = last.map(|last| with(last + 1));
    let before = last.and_then(|last| last.checked_sub(1)).map(with);
    let release = |text: &str| rest.is_empty().then(|| format!("{version}{text}"));
    let any = |text: &str| Some(format!("{version}{text}"));
    let released = |text: &str| any(text).filter(|_| !rest.contains("dev"));
    let all = match kind {
        PackageKind::Deb => vec![any("~"), any("+b1"), any("~rc1"), any(".1")],
        PackageKind::Apk => {
            let (base, revision) = version.rsplit_once("-r").unwrap_or((version, "0"));
            let revision: u64 = revision.parse().unwrap_or(0);
            let beside = |text: &str| Some(format!("{base}{text}"));
            vec![
                beside(&format!("-r{}", revision + 1)),
                revision.checked_sub(1).and_then(|before| beside(&format!("-r{before}"))),
                (base == core).then(|| format!("{base}_rc1-r0")),
                (base == core).then(|| format!("{base}.1-r0")),
            ]
        }
        PackageKind::Rpm => vec![any("~1"), any(".1"), any("^1"), any("a")],
        PackageKind::Pypi => {
            vec![
                released(".post1"),
                release(".dev1"),
                next,
                release("rc1"),
                before,
                release(".0"),
                any("+local"),
            ]
        }
        PackageKind::Maven => {
            vec![any("-SNAPSHOT"), next, any(".1"), any("-M1"), before, any("-1"), release(".Final")]
        }
        PackageKind::Gem => vec![any(".rc1"), next, before, any(".1")],
        PackageKind::Bitnami => vec![next, any("-0"), before, release("-1"), release("-rc.1")],
        PackageKind::Golang => {
            vec![
                next,
                release("-0.20200101000000-0123456789ab"),
                before,
                release("-rc.1"),
                release("+incompatible"),
            ]
        }
        _ => vec![next, release("-rc.1"), before, release("-alpha"), release("+build")],
    };
    all.into_iter().flatten().collect()
}

impl World {
    /// `languages`, `debian-11`.
    pub(super) fn name(&self) -> String {
        self.os.as_ref().map_or_else(|| "languages".to_owned(), OsRelease::distro)
    }

    /// The packages by their URLs, which name them in all that follows.
    pub(super) fn urls(&self) -> impl Iterator<Item = (String, &Package)> {
        self.packages.iter().map(|package| (package.purl(self.os.as_ref()), package))
    }

    /// As `CycloneDX`.
    pub(super) fn sbom(&self) -> Value {
        let components = self.urls().map(|(url, package)| component(&url, package));
        let os = self.os.iter().map(
            |os| json!({ "type": "operating-system", "bom-ref": "os", "name": os.id, "version": os.version }),
        );
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": { "component": { "type": "container", "bom-ref": "root", "name": self.name() } },
            "components": os.chain(components).collect::<Vec<_>>(),
        })
    }
}

fn component(url: &str, package: &Package) -> Value {
    let separator = match package.kind {
        PackageKind::Maven => Some(':'),
        PackageKind::Npm | PackageKind::Composer => Some('/'),
        _ => None,
    };
    let (group, name) = separator
        .and_then(|separator| package.name.rsplit_once(separator))
        .unwrap_or(("", package.name.as_str()));
    // Where Trivy looks for it.
    let properties = package
        .qualifiers
        .iter()
        .map(|(_, label)| json!({ "name": "aquasecurity:trivy:Modularitylabel", "value": label }));
    json!({
        "type": "library", "bom-ref": url, "purl": url, "group": group, "name": name, "version": package.version,
        "properties": properties.collect::<Vec<_>>(),
    })
}
