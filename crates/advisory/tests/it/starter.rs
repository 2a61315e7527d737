//! The records that Gabion brings along, in `starter/`: each can be read, and says what the public feeds say.
//!
//! ```text
//!  starter: CVE-2021-44228, Debian 11, apache-log4j2  ─┐   same package, a common id
//!                                                      ├─► judged the same at every bound of either?
//!  DSA-5020-1: CVE-2021-44228, Debian 11, ...         ─┘
//! ```
//!
//! The public feeds are the test data beside the project (`GABION_TEST_DATA`). They know only part of what the starter
//! records are about; how much is counted, so that the comparison cannot become one of nothing.

use crate::{Told, data};
use gabion_advisory::{
    Ecosystem,
    feed::{FeedLimits, Kind, import},
    judge::{Verdict, judge},
    record::{Advisory, Affected, Range, Standing, Until},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Feeds of the test data that speak of the same packages.
const FEEDS: &[&str] = &["almalinux", "alpine", "crates", "debian", "go", "mixed", "pypi"];

/// Where the starter records are right, and a feed says something else: id, what the feed calls it, package, why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    ("CVE-2023-38545", "ALSA-2023:6745", "curl", "told again for 9.3; the packages of 9.2 were fixed before"),
    (
        "CVE-2023-44487",
        "ALSA-2023:6746",
        "nghttp2",
        "told again for 9.3; the packages of 9.2 were fixed before",
    ),
    (
        "CVE-2025-6965",
        "ALSA-2025:20936",
        "sqlite",
        "told again for 9.7; the packages of 9.6 were fixed before",
    ),
    ("CVE-2022-41723", "GO-2023-1571", "stdlib", "an older copy, that leaves out the candidates of 1.20.0"),
    (
        "CVE-2025-1974",
        "GO-2025-3567",
        "k8s.io/ingress-nginx",
        "the Go feed knows no tags of it; the project names them",
    ),
];

fn read(path: &Path) -> Told {
    let mut told = Told::default();
    import(Kind::Osv, path, &FeedLimits::DEFAULT, &mut told).expect("a feed that can be read");
    told
}

/// One of the files in `starter/`, in which nothing is wrong.
fn starter(name: &str) -> Vec<Advisory> {
    let told = read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("starter").join(name));
    assert_eq!(told.rejected, [], "{name}");
    told.advisories
}

/// CVEs that CISA scores otherwise than NVD, whose score the starter records have.
const SCORES: [&str; 2] = ["CVE-2023-38545", "CVE-2023-6378"];

fn bounds(range: &Range) -> impl Iterator<Item = &String> {
    let end = match &range.until {
        Until::Open => None,
        Until::Fixed(version) | Until::LastAffected(version) => Some(version),
    };
    range.introduced.iter().chain(end)
}

fn ids(advisory: &Advisory) -> BTreeSet<&str> {
    let all = [&advisory.id].into_iter().chain(&advisory.aliases).chain(&advisory.upstream);
    all.map(String::as_str).collect()
}

fn is_affected<'a>(rows: impl IntoIterator<Item = &'a Affected>, version: &str) -> bool {
    rows.into_iter().any(|row| matches!(judge(row, version), Verdict::Affected(_)))
}

/// What Gabion has to know of out of the box, with the rows that there are at least.
const KNOWN: &[(Ecosystem, usize)] = &[
    (Ecosystem::Debian, 30),
    (Ecosystem::Ubuntu, 20),
    (Ecosystem::Alpine, 20),
    (Ecosystem::AlmaLinux, 25),
    (Ecosystem::RedHat, 10),
    (Ecosystem::Rocky, 5),
    (Ecosystem::Npm, 25),
    (Ecosystem::PyPi, 20),
    (Ecosystem::Go, 20),
    (Ecosystem::Maven, 20),
    (Ecosystem::CratesIo, 5),
    (Ecosystem::RubyGems, 5),
    (Ecosystem::Packagist, 5),
    (Ecosystem::NuGet, 5),
];

/// The comparisons that there are at least.
const COMPARED: &[(Ecosystem, usize)] = &[
    (Ecosystem::Debian, 20),
    (Ecosystem::Alpine, 12),
    (Ecosystem::AlmaLinux, 25),
    (Ecosystem::PyPi, 20),
    (Ecosystem::Go, 25),
    (Ecosystem::Maven, 8),
    (Ecosystem::CratesIo, 8),
];

#[test]
fn well_known_vulnerabilities_are_told_of_each_ecosystem() {
    let known = starter("known.jsonl");
    assert!(known.len() >= 100, "{}", known.len());
    let mut rows = BTreeMap::<Ecosystem, usize>::new();
    for advisory in &known {
        assert!(!advisory.summary.is_empty(), "{}", advisory.id);
        assert!(!advisory.references.is_empty() || advisory.id.starts_with("PYSEC-"), "{}", advisory.id);
        assert_eq!(advisory.standing, Standing::Active, "{}", advisory.id);
        for row in &advisory.affected {
            *rows.entry(row.ecosystem).or_default() += 1;
        }
    }
    for (ecosystem, least) in KNOWN {
        let found = rows.get(ecosystem).copied().unwrap_or_default();
        assert!(found >= *least, "{found} rows of {}", ecosystem.name());
    }
}

#[test]
fn debian_12_is_told_from_its_changelogs() {
    let records = starter("debian-12.jsonl");
    assert!(records.len() >= 3_000, "{}", records.len());
    let mut packages = BTreeSet::new();
    for advisory in &records {
        let [cve] = &advisory.upstream[..] else { panic!("{}: {:?}", advisory.id, advisory.upstream) };
        assert_eq!(advisory.id, format!("DEBIAN-{cve}"));
        for row in &advisory.affected {
            assert_eq!((row.ecosystem, row.release.as_str()), (Ecosystem::Debian, "12"), "{}", advisory.id);
            packages.insert(&row.package);
        }
    }
    assert!(packages.len() >= 100, "{}", packages.len());
}

/// Every bound is a version of its ecosystem, each range holds something, and no id comes twice.
#[test]
fn every_range_can_be_compared() {
    let all = [starter("known.jsonl"), starter("debian-12.jsonl")].concat();
    let mut seen = BTreeSet::new();
    for advisory in &all {
        assert!(seen.insert(&advisory.id), "{} comes twice", advisory.id);
        assert!(!advisory.affected.is_empty(), "{}", advisory.id);
        for row in &advisory.affected {
            let order = row.ecosystem.order().expect("an ecosystem with an order");
            assert!(!row.ranges.is_empty() || !row.versions.is_empty(), "{}: {}", advisory.id, row.package);
            for version in row.ranges.iter().flat_map(bounds).chain(&row.versions) {
                order.check(version).unwrap();
            }
            for range in &row.ranges {
                if let (Some(first), Until::Fixed(end)) = (&range.introduced, &range.until) {
                    assert!(order.compare(first, end).unwrap().is_lt(), "{}: {range}", advisory.id);
                }
                if let Until::Fixed(version) = &range.until {
                    assert!(!is_affected([row], version), "{}: {} {version}", advisory.id, row.package);
                }
            }
        }
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "who runs the tests must see that this one did not run")]
fn what_is_told_agrees_with_the_public_feeds() {
    let Some(data) = data() else {
        eprintln!("not run: the shared data is not there; set GABION_TEST_DATA");
        return;
    };
    let known = [starter("known.jsonl"), starter("debian-12.jsonl")].concat();
    let wanted: BTreeSet<&str> = known.iter().flat_map(ids).collect();
    let mut public = Vec::new();
    for name in FEEDS {
        let told = read(&data.join(format!("{name}.jsonl.zst")));
        let alike = |advisory: &Advisory| ids(advisory).iter().any(|id| wanted.contains(id));
        public.extend(
            told.advisories.into_iter().filter(|one| one.standing != Standing::Withdrawn && alike(one)),
        );
    }

    let (mut compared, mut differences) = (BTreeMap::<Ecosystem, usize>::new(), Vec::new());
    for advisory in &known {
        for row in &advisory.affected {
            for other in public.iter().filter(|other| !ids(other).is_disjoint(&ids(advisory))) {
                let same = |of: &&Affected| {
                    (of.ecosystem, &of.release, &of.package) == (row.ecosystem, &row.release, &row.package)
                };
                let rows: Vec<&Affected> = other.affected.iter().filter(same).collect();
                if rows.is_empty() {
                    continue;
                }
                *compared.entry(row.ecosystem).or_default() += 1;
                let all = rows.iter().copied().chain([row]);
                let versions = all.flat_map(|of| of.ranges.iter().flat_map(bounds).chain(&of.versions));
                let differ = |v: &&String| is_affected([row], v) != is_affected(rows.iter().copied(), v);
                if let Some(version) = versions.into_iter().find(differ) {
                    let ours = is_affected([row], version);
                    differences.push((advisory, other, row, version, ours));
                }
            }
        }
    }

    let mut unused: BTreeSet<_> =
        DIFFERENCES.iter().map(|(id, of, package, _)| (*id, *of, *package)).collect();
    differences.retain(|(advisory, other, row, ..)| {
        let listed = (advisory.id.as_str(), other.id.as_str(), row.package.as_str());
        !unused.remove(&listed)
    });
    let told: Vec<String> = differences
        .iter()
        .map(|(advisory, other, row, version, ours)| {
            let verdict =
                if *ours { "is affected here, and not there" } else { "is affected there, and not here" };
            let of = format!("{} {} {}", row.ecosystem.name(), row.release, row.package);
            format!("{} and {}: {of} {version} {verdict}", advisory.id, other.id)
        })
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(unused, BTreeSet::new(), "differences that are none");
    for (ecosystem, least) in COMPARED {
        let found = compared.get(ecosystem).copied().unwrap_or_default();
        assert!(found >= *least, "{found} rows of {} were compared", ecosystem.name());
    }
}

#[test]
#[expect(clippy::print_stderr, reason = "who runs the tests must see that this one did not run")]
fn scores_are_those_of_cisa_where_it_has_any() {
    let Some(data) = data() else {
        eprintln!("not run: the shared data is not there; set GABION_TEST_DATA");
        return;
    };
    let mut told = Told::default();
    let path = data.join("vulnrichment.jsonl.zst");
    import(Kind::Vulnrichment, &path, &FeedLimits::DEFAULT, &mut told).expect("a feed that can be read");
    let scores: BTreeMap<&str, &String> =
        told.assessments.iter().filter_map(|one| Some((one.cve.as_str(), one.cvss.as_ref()?))).collect();
    let (mut compared, mut differ) = (0, Vec::new());
    for advisory in starter("known.jsonl").iter().filter(|advisory| !advisory.cvss.is_empty()) {
        for (cve, score) in ids(advisory).into_iter().filter_map(|id| scores.get_key_value(id)) {
            compared += 1;
            if !advisory.cvss.contains(score) {
                differ.push((*cve).to_owned());
            }
        }
    }
    assert_eq!(differ, SCORES, "of {compared}");
    assert!(compared >= 15, "{compared}");
}
