//! Real images with known vulnerabilities: Debian 12 as it was released, without what its security suite mended since.
//!
//! | what | against |
//! |---|---|
//! | findings of a large image | dpkg's own order of versions, asked pair by pair (`scripts/debian12-expected.py`) |
//! | the same | Trivy with the same advisories (`scripts/trivy-match.sh`) |
//! | the plan of 56 images on 6 bases | the same images after two bases were rebuilt (`scripts/forest.py`) |
//!
//! The images are made once, in the user's cache, where the scripts would put them by hand: 2 minutes for the image, 3 for the
//! forest, 1 to 4 for what is rebuilt.

use crate::support::{cache, can_run, directory, run};
use gabion_model::ScanReport;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
};

/// What the scripts need.
const TOOLS: [&str; 6] = ["mmdebstrap", "python3", "dpkg", "mount", "chroot", "tar"];

/// The bases that are rebuilt: one that is FROM nothing, and one that is on another. Others take minutes longer.
const REBUILT: [&str; 2] = ["base-2", "base-5"];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn records() -> PathBuf {
    file("crates/advisory/starter/debian-12.jsonl")
}

/// One image is built at a time: each takes all that the machine has.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The large image: `oci`, and what dpkg says of it. The script builds only what is not there.
fn image() -> PathBuf {
    static DONE: OnceLock<PathBuf> = OnceLock::new();
    DONE.get_or_init(|| {
        let _turn = turn();
        let place = cache().join("debian12-image");
        run(Command::new(file("scripts/debian12-image.sh")).arg(&place).arg(records()));
        place
    })
    .clone()
}

/// The forest before and after.
fn forests() -> (PathBuf, PathBuf) {
    let _turn = turn();
    let (before, after) = (cache().join("forest"), cache().join(format!("forest-{}", REBUILT.join("-"))));
    run(Command::new(file("scripts/forest.py")).arg("build").arg(&before));
    run(Command::new(file("scripts/forest.py")).arg("rebuild").arg(&before).arg(&after).args(REBUILT));
    (before, after)
}

/// The program in a directory of its own, with a database of the records alone.
struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { home: directory() };
        run(bench
            .gabion()
            .args(["db", "build", "--strict", "--from"])
            .arg(format!("osv={}", records().display())));
        bench
    }

    fn gabion(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        command.current_dir(&self.home);
        command.env("GABION_DB", self.home.path().join("db"));
        command.env("GABION_CACHE_DIR", self.home.path().join("cache"));
        command
    }

    fn scan(&self, layout: &Path, tag: &str) -> String {
        let target = format!("oci:{}:{tag}", layout.display());
        run(self.gabion().args(["scan", &target, "--no-secrets", "--quiet", "--format", "json"]))
    }
}

/// What matches, by the package that the advisories name: CVE, source package, its version, fixed version.
type Pairs = BTreeSet<[String; 4]>;

fn pairs(report: &ScanReport) -> (Pairs, Pairs) {
    let (mut sources, mut binaries) = (Pairs::new(), Pairs::new());
    for finding in &report.findings {
        let Some(v) = &finding.vulnerability else { continue };
        let fixed = || v.fixed_version.clone().unwrap_or_default();
        for one in &v.matches {
            sources.insert([finding.rule.clone(), one.package.clone(), one.version.clone(), fixed()]);
        }
        for package in &v.packages {
            binaries.insert([finding.rule.clone(), package.name.clone(), package.version.clone(), fixed()]);
        }
    }
    (sources, binaries)
}

/// What only one of two has, as text.
#[track_caller]
fn same(what: &str, ours: &Pairs, theirs: &Pairs) {
    let only = |a: &Pairs, b: &Pairs| a.difference(b).map(|pair| pair.join(" ")).take(20).collect::<Vec<_>>();
    assert!(
        ours == theirs,
        "{what}: Gabion has {}, dpkg {}; only Gabion: {:#?}; only dpkg: {:#?}",
        ours.len(),
        theirs.len(),
        only(ours, theirs),
        only(theirs, ours)
    );
}

#[test]
fn the_findings_of_a_release_are_those_of_dpkg() {
    if !can_run("the_findings_of_a_release_are_those_of_dpkg", &TOOLS) {
        return;
    }
    let made = image();
    let expected = fs::read(made.join("expected.json")).expect("written");
    let mut expected: BTreeMap<String, BTreeMap<String, Pairs>> =
        serde_json::from_slice(&expected).expect("as the script writes it");
    let mut expected = expected.remove("debian12").expect("the image");

    let report: ScanReport =
        serde_json::from_str(&Bench::new().scan(&made.join("oci"), "debian12")).expect("a report");
    let found = report.findings.iter().filter(|finding| finding.vulnerability.is_some()).count();
    assert!(found >= 100, "only {found} vulnerabilities in Debian 12 as it was released");
    let (sources, binaries) = pairs(&report);
    same("CVE and source package", &sources, &expected.remove("sources").expect("told"));
    same("CVE and package", &binaries, &expected.remove("binaries").expect("told"));
}

/// A line of the list of differences.
fn listed() -> Vec<(String, [String; 3])> {
    let text =
        fs::read_to_string(file("crates/gabion/tests/it/compare/trivy-debian12.txt")).expect("is there");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let &[by, cve, package, fixed, why] = &cells[..] else { unreachable!("five cells: {line}") };
            assert!(["gabion", "trivy"].contains(&by), "who? {line}");
            assert!(why.len() > 20, "a reason is a sentence: {line}");
            (by.to_owned(), [cve, package, fixed].map(str::to_owned))
        })
        .collect()
}

#[test]
fn trivy_finds_the_same_with_the_same_advisories() {
    let yardsticks =
        env::var_os("GABION_YARDSTICKS").map_or_else(|| cache().join("yardsticks"), PathBuf::from);
    let trivy = yardsticks.join("venv/bin/trivy");
    let tools = [&TOOLS[..], &["go", trivy.to_str().expect("text")]].concat();
    if !can_run("trivy_finds_the_same_with_the_same_advisories", &tools) {
        return;
    }
    let layout = image().join("oci");
    let out = directory();
    run(Command::new(file("scripts/trivy-match.sh"))
        .arg(&yardsticks)
        .arg(format!("{}@debian12", layout.display()))
        .arg(out.path())
        .arg(records()));
    let theirs = fs::read(out.path().join("report.json")).expect("written");
    let theirs: Value = serde_json::from_slice(&theirs).expect("JSON");
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let theirs: BTreeSet<[String; 3]> = list(&theirs, "Results")
        .iter()
        .flat_map(|result| list(result, "Vulnerabilities"))
        .map(|one| ["VulnerabilityID", "PkgName", "FixedVersion"].map(|key| text(&one, key)))
        .collect();
    assert!(theirs.len() >= 100, "Trivy finds {}", theirs.len());

    let report: ScanReport = serde_json::from_str(&Bench::new().scan(&layout, "debian12")).expect("a report");
    let ours: BTreeSet<[String; 3]> =
        pairs(&report).1.into_iter().map(|[cve, package, _, fixed]| [cve, package, fixed]).collect();
    let by = |who: &'static str, only: BTreeSet<[String; 3]>| {
        only.into_iter().map(move |one| (who.to_owned(), one))
    };
    let differing: BTreeSet<_> = by("gabion", &ours - &theirs).chain(by("trivy", &theirs - &ours)).collect();
    let listed: BTreeSet<_> = listed().into_iter().collect();
    let unlisted: Vec<_> = differing.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&differing).collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "Gabion {}, Trivy {}. Not as tests/it/compare/trivy-debian12.txt has it: {unlisted:#?}; no longer differs: {stale:#?}",
        ours.len(),
        theirs.len()
    );
}

/// Image, CVE and package.
type Places = BTreeSet<(String, String, String)>;

/// Scans all images of a layout into a directory of reports.
fn scan_all(bench: &Bench, layout: &Path, reports: &str) -> Places {
    let index = fs::read(layout.join("index.json")).expect("a layout");
    let index: Value = serde_json::from_slice(&index).expect("JSON");
    let reports = bench.home.path().join(reports);
    fs::create_dir(&reports).expect("creates");
    let mut places = Places::new();
    for image in index["manifests"].as_array().expect("images") {
        let tag = image["annotations"]["org.opencontainers.image.ref.name"].as_str().expect("a name");
        let text = bench.scan(layout, tag);
        let report: ScanReport = serde_json::from_str(&text).expect("a report");
        for [cve, package, ..] in pairs(&report).1 {
            places.insert((tag.to_owned(), cve, package));
        }
        fs::write(reports.join(format!("{tag}.json")), text).expect("writes");
    }
    places
}

/// What a plan says that some of its changes clear.
fn promised(plan: &Value, bases: &[&str]) -> Places {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let words = |value: &Value, key: &str| -> Vec<String> {
        list(value, key).iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let number = |value: &Value| usize::try_from(value.as_u64().expect("a position")).expect("small");
    let mut promised = Places::new();
    for base in bases {
        let changes = list(plan, "changes");
        let change = changes.iter().find(|change| plan["nodes"][number(&change["node"])]["name"] == *base);
        let change = change.unwrap_or_else(|| unreachable!("the plan does not change {base}"));
        assert_eq!(change["action"], "fix", "{base}");
        let images: Vec<String> = list(change, "images")
            .iter()
            .map(|image| plan["images"][number(image)]["name"].as_str().expect("a name").to_owned())
            .collect();
        assert!(images.len() > 10 && images.iter().any(|image| image == base), "{base}: {images:?}");
        for update in list(change, "lines").iter().flat_map(|line| list(line, "updates")) {
            for image in &images {
                for cve in words(&update, "vulnerabilities") {
                    for package in words(&update, "packages") {
                        promised.insert((image.clone(), cve.clone(), package));
                    }
                }
            }
        }
    }
    promised
}

#[test]
fn what_a_plan_promises_comes_true() {
    if !can_run("what_a_plan_promises_comes_true", &TOOLS) {
        return;
    }
    let (before, after) = forests();
    let bench = Bench::new();
    let before = scan_all(&bench, &before.join("oci"), "before");
    let images: BTreeSet<&String> = before.iter().map(|(image, ..)| image).collect();
    assert_eq!(images.len(), 56);
    let plan = run(bench.gabion().args(["plan", "before", "--quiet", "--format", "json"]));
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["totals"]["images"], 56);
    let promised = promised(&plan, &REBUILT);
    assert!(promised.len() >= 100 && promised.is_subset(&before), "{}", promised.len());
    // The plan of fewer changes is made of the same promises.
    let table = run(bench.gabion().args(["plan", "before", "--quiet", "--max-changes", "3"]));
    assert!(table.starts_with("3 changes clear "), "{table}");

    let after = scan_all(&bench, &after.join("oci"), "after");
    let told = |places: Places| (places.len(), places.into_iter().take(20).collect::<Vec<_>>());
    assert_eq!(told(&promised & &after).1, [], "is still there, though the plan said that it would go");
    assert_eq!(told(&after - &before).1, [], "came with what was rebuilt");
    let gone = &before - &after;
    assert_eq!(told(&gone - &promised).1, [], "went, though the plan did not say so");

    // Planned again, the rebuilt bases have nothing left to be done.
    let again = run(bench.gabion().args(["plan", "after", "--quiet", "--format", "json"]));
    let again: Value = serde_json::from_str(&again).expect("JSON");
    let left = |plan: &Value| plan["totals"]["findings"].as_u64().expect("a number");
    assert!(left(&again) < left(&plan));
    for change in again["changes"].as_array().expect("changes") {
        let node = usize::try_from(change["node"].as_u64().expect("a position")).expect("small");
        let name = again["nodes"][node]["name"].as_str().unwrap_or_default();
        assert!(!REBUILT.contains(&name), "{change}");
    }
}
