//! Why the two do not agree: `compare/trivy-advisories.txt`, classes that a function decides and cases one by one.

use super::{
    Pairs,
    packages::{is_modular, streams},
    records::{Feeds, Record, Row},
};
use gabion_advisory::Order;
use gabion_model::{Package, PackageKind};
use std::{cmp::Ordering, collections::BTreeSet, fmt, fs};

/// A package that only one of them says is affected by a record.
pub(super) struct Difference<'a> {
    /// `gabion` or `trivy`: who alone says so.
    pub(super) by: &'static str,
    pub(super) package: &'a Package,
    /// Of the distribution, as its feed names it.
    pub(super) release: &'a str,
    pub(super) url: String,
    pub(super) id: String,
    pub(super) records: Vec<&'a Record>,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case | {} | {} | {} |", self.by, self.url, self.id)
    }
}

impl Difference<'_> {
    /// What the record says of the package.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        let rows = self.records.iter().flat_map(|record| &record.rows);
        rows.filter(|row| row.package == self.package.name && row.release == self.release)
    }

    fn bounds(&self) -> impl Iterator<Item = &str> {
        self.rows().flat_map(Row::bounds)
    }

    fn is(&self, kind: PackageKind) -> bool {
        self.package.kind == kind
    }
}

/// What a reason may look at beside the difference.
pub(super) struct Known<'a> {
    pub(super) feeds: &'a Feeds,
    /// What both tell.
    pub(super) both: Pairs,
}

type Decides = fn(&Known<'_>, &Difference<'_>) -> bool;

/// The classes by their names.
const CLASSES: &[(&str, Decides)] = &[
    ("apk-pre-release", |_, one| {
        let release = one.package.version.split_once("_rc").map(|(release, _)| release);
        one.is(PackageKind::Apk) && one.bounds().any(|bound| Some(bound) == release)
    }),
    ("apk-no-version", |_, one| {
        let mut all = one.bounds().chain([one.package.version.as_str()]);
        one.is(PackageKind::Apk) && all.any(|version| !is_apk(version))
    }),
    ("module-untold", |_, one| {
        let told = one.records.iter().any(|record| streams(&record.summary).next().is_some());
        one.is(PackageKind::Rpm) && !told && one.bounds().any(is_modular)
    }),
    ("rpm-stream", fixed_in_its_stream),
    ("bitnami-pre-release", |_, one| {
        let pre = one.package.version.split_once('-').is_some_and(|(_, pre)| pre.starts_with("rc"));
        one.is(PackageKind::Bitnami) && pre
    }),
    ("bitnami-zero", |_, one| {
        let zero = |version: &str| version.split('.').any(|part| part.len() > 1 && part.starts_with('0'));
        one.is(PackageKind::Bitnami) && one.bounds().chain([one.package.version.as_str()]).any(zero)
    }),
    ("bitnami-revision-0", |_, one| {
        let release = one.package.version.strip_suffix("-0");
        one.is(PackageKind::Bitnami) && one.bounds().any(|bound| Some(bound) == release)
    }),
    ("fixed-elsewhere", |_, one| {
        !one.package.kind.is_os() && one.rows().flat_map(Row::fixes).any(|fix| fix == one.package.version)
    }),
    ("rejected", |_, one| {
        one.records.iter().all(|record| {
            ["Rejected reason:", "** REJECT"].iter().any(|words| record.summary.starts_with(words))
        })
    }),
    ("out-of-order", |_, one| {
        let order = if one.is(PackageKind::Bitnami) { Order::Bitnami } else { Order::Pep440 };
        let falls = |a: &str, b: &str| order.compare(a, b).is_ok_and(Ordering::is_gt);
        let ranges = one.rows().flat_map(|row| &row.ranges);
        ranges.into_iter().any(|events| events.windows(2).any(|two| falls(&two[0].1, &two[1].1)))
    }),
    ("pep440-bound", |_, one| {
        one.is(PackageKind::Pypi) && one.bounds().any(|bound| bound.contains(['+', '-']))
    }),
    ("pep440-local", |_, one| {
        let public = one.package.version.split_once('+').map(|(public, _)| public);
        one.is(PackageKind::Pypi) && one.bounds().any(|bound| Some(bound) == public)
    }),
];

/// Whether this is a version by the grammar of apk: `1.2b_rc3_p4-r5`.
fn is_apk(version: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (base, revision) = version.rsplit_once("-r").unwrap_or((version, "0"));
    let mut parts = base.split('_');
    let numbers = parts.next().unwrap_or_default();
    let numbers = numbers.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(numbers);
    let suffixes = ["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
    digits(revision)
        && numbers.split('.').all(|number| !number.is_empty() && digits(number))
        && parts.all(|part| suffixes.iter().any(|name| part.strip_prefix(name).is_some_and(digits)))
}

/// The minor release that an RPM was built for: `9.4` of `1-2.el9_4`, `8.6` of `1-2.module_el8.6.0+3+a`, `9` of `1-2.el9`.
fn minor_release(version: &str) -> Option<String> {
    let (_, release) = version.rsplit_once('-')?;
    if let Some((_, tag)) = release.split_once("module_el") {
        return Some(tag.split('.').take(2).collect::<Vec<_>>().join("."));
    }
    let (_, tag) = release.split_once(".el")?;
    let end = tag.find(|c: char| c != '_' && !c.is_ascii_digit()).unwrap_or(tag.len());
    Some(tag[..end].replace('_', "."))
}

/// Whether each vulnerability of the record has a fix for the minor release that the package was built for, which the package has,
/// or which both tell.
fn fixed_in_its_stream(known: &Known<'_>, one: &Difference<'_>) -> bool {
    let version = one.package.version.as_str();
    let stream = minor_release(version);
    let decides = |record: &&Record| {
        let rows = record.rows.iter().filter(|row| {
            row.ecosystem == "AlmaLinux" && row.release == one.release && row.package == one.package.name
        });
        let mut own = rows.flat_map(Row::fixes).filter(|fix| minor_release(fix) == stream).peekable();
        own.peek().is_some()
            && (own.any(|fix| Order::Rpm.compare(version, fix).is_ok_and(Ordering::is_ge))
                || known.both.contains(&(one.url.clone(), record.id.clone())))
    };
    if !one.is(PackageKind::Rpm) {
        return false;
    }
    let of_release = |record: &&&Record| record.rows.iter().any(|row| row.release == one.release);
    let asked: BTreeSet<&str> =
        one.records.iter().filter(of_release).flat_map(|record| record.vulnerabilities()).collect();
    let settled: BTreeSet<&str> =
        known.feeds.all().filter(decides).flat_map(Record::vulnerabilities).collect();
    !asked.is_empty() && asked.is_subset(&settled)
}

/// The file.
pub(super) struct List {
    lines: Vec<Line>,
}

enum Line {
    Class { by: String, name: String, decides: Decides },
    Case { by: String, url: String, id: String },
}

impl List {
    pub(super) fn read() -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/compare/trivy-advisories.txt");
        let text = fs::read_to_string(file).expect("is there");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { lines: lines.map(Line::read).collect() }
    }

    /// The differences that no line explains, and the lines that explain none.
    pub(super) fn hold<'a, 'b>(
        &self,
        known: &Known<'_>,
        differences: &'a [Difference<'b>],
    ) -> (Vec<&'a Difference<'b>>, Vec<String>) {
        let mut used = BTreeSet::new();
        let mut unlisted = Vec::new();
        for difference in differences {
            let line = self.lines.iter().position(|line| line.explains(known, difference));
            match line {
                Some(line) => _ = used.insert(line),
                None => unlisted.push(difference),
            }
        }
        let stale = self.lines.iter().enumerate().filter(|(number, _)| !used.contains(number));
        (unlisted, stale.map(|(_, line)| line.to_string()).collect())
    }
}

impl Line {
    fn read(line: &str) -> Self {
        let cells: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let why = cells.last().expect("split gives one");
        assert!(why.len() > 20, "a reason is a sentence: {line}");
        assert!(matches!(cells.get(1), Some(&("gabion" | "trivy"))), "who? {line}");
        match cells[..] {
            ["class", by, name, _] => {
                let known = CLASSES.iter().find(|(class, _)| *class == name);
                let (_, decides) = known.unwrap_or_else(|| unreachable!("no such class: {line}"));
                Self::Class { by: by.to_owned(), name: name.to_owned(), decides: *decides }
            }
            ["case", by, url, id, _] => {
                Self::Case { by: by.to_owned(), url: url.to_owned(), id: id.to_owned() }
            }
            _ => unreachable!("class | who | name | why, or case | who | package | record | why: {line}"),
        }
    }

    fn explains(&self, known: &Known<'_>, difference: &Difference<'_>) -> bool {
        match self {
            Self::Class { by, decides, .. } => by == difference.by && decides(known, difference),
            Self::Case { by, url, id } => {
                by == difference.by && *url == difference.url && *id == difference.id
            }
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class { by, name, .. } => write!(f, "class | {by} | {name}"),
            Self::Case { by, url, id } => write!(f, "case | {by} | {url} | {id}"),
        }
    }
}
