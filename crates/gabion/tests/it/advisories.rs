//! Gabion and Trivy on the same advisories: those of the shared feeds, asked about packages at the edges of their ranges.
//!
//! ```text
//!  feeds ─┬─► packages at bounds, just beside them ─► SBOMs: one of the languages, one for each release
//!         ├─► gabion db build ────► gabion scan sbom:… ─┐
//!         └─► xtask/trivy-db ─────► trivy sbom …        ├─► sets of (package, record) ─► differences, each with a reason
//!                                                       ┘         compare/trivy-advisories.txt
//! ```
//!
//! Trivy's database has a key for each record here, so that two records about one vulnerability cannot hide each other. What it has
//! no place for is not asked: Kubernetes' components (Gabion has no packages of that kind), Red Hat (Trivy's rows are by
//! repository, which OSV does not tell), conda (neither has advisories), releases of Debian before 5.

mod packages;
mod reasons;
mod records;

use crate::support::{cache, can_run, directory, run};
use gabion_model::ScanReport;
use packages::World;
use records::Feeds;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
};

/// The feeds of the shared data that both understand.
const FEEDS: [&str; 8] = ["almalinux", "alpine", "bitnami", "crates", "debian", "go", "mixed", "pypi"];

/// The package by its URL, and the record that matches it.
type Pairs = BTreeSet<(String, String)>;

/// The shared data; none if it is not there.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
fn data(test: &str) -> Option<PathBuf> {
    let given = env::var_os("GABION_TEST_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let path = given.unwrap_or_else(beside).join("advisories");
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("not run: {test} needs the shared data; set GABION_TEST_DATA");
    assert!(env::var("CI").as_deref() != Ok("true"), "CI must have {}", path.display());
    None
}

/// Both databases, in one directory.
struct Bench {
    home: tempfile::TempDir,
    trivy: PathBuf,
}

impl Bench {
    fn new(data: &Path, trivy: PathBuf) -> Self {
        let bench = Self { home: directory(), trivy };
        let mut build = bench.gabion();
        build.args(["db", "build", "--quiet"]);
        let mut convert = Command::new("go");
        convert.args(["run", ".", "-records"]).arg(bench.at("trivy"));
        convert.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/trivy-db"));
        for feed in FEEDS {
            let packed = data.join(format!("{feed}.jsonl.zst"));
            build.arg("--from").arg(format!("osv={}", packed.display()));
            let plain = bench.at(&format!("{feed}.jsonl"));
            fs::write(&plain, records::unpack(data, feed)).expect("writes");
            convert.arg(plain);
        }
        thread::scope(|scope| {
            scope.spawn(|| run(&mut convert));
            run(&mut build);
        });
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn gabion(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        command.env("GABION_DB", self.at("db")).env("GABION_CACHE_DIR", self.at("cache"));
        command
    }

    /// What Gabion finds. The name of each vulnerability must be one of the record's own.
    fn ours(&self, feeds: &Feeds, world: &World, sbom: &Path) -> Pairs {
        let target = format!("sbom:{}", sbom.display());
        let report = run(self.gabion().args(["scan", &target, "--quiet", "--no-cache", "--format", "json"]));
        let report: ScanReport = serde_json::from_str(&report).expect("a report");
        let urls: BTreeMap<_, _> = world.urls().map(|(url, package)| (package.reference(), url)).collect();
        let mut pairs = Pairs::new();
        for finding in &report.findings {
            let Some(vulnerability) = &finding.vulnerability else { continue };
            for one in &vulnerability.matches {
                let named = feeds.records(&one.advisory).any(|record| record.is_called(&finding.rule));
                assert!(named, "{} is told as {}", one.advisory, finding.rule);
                let urls = vulnerability.packages.iter().map(|package| urls[package].clone());
                pairs.extend(urls.map(|url| (url, one.advisory.clone())));
            }
        }
        pairs
    }

    /// What Trivy finds.
    fn theirs(&self, sbom: &Path) -> Pairs {
        let out = sbom.with_extension("trivy");
        run(Command::new(&self.trivy)
            .env("TMPDIR", self.home.path())
            .args(["--quiet", "--cache-dir"])
            .arg(self.at("trivy"))
            .args(["sbom", "--cache-backend", "memory", "--skip-db-update", "--skip-java-db-update"])
            .args(["--offline-scan", "--scanners", "vuln", "--format", "json", "--output"])
            .arg(&out)
            .arg(sbom));
        let report: Value = serde_json::from_slice(&fs::read(out).expect("written")).expect("JSON");
        let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        list(&report, "Results")
            .iter()
            .flat_map(|result| list(result, "Vulnerabilities"))
            .map(|one| {
                let id = text(&one["VulnerabilityID"]);
                let record = id.split_once('#').map_or(id.as_str(), |(record, _)| record);
                (text(&one["PkgIdentifier"]["BOMRef"]), record.to_owned())
            })
            .collect()
    }

    /// Both, for every world.
    fn scan(&self, feeds: &Feeds, worlds: &[World]) -> (Pairs, Pairs) {
        let next = Mutex::new(worlds.iter());
        let both = Mutex::new((Pairs::new(), Pairs::new()));
        let work = || {
            loop {
                let world = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(world) = world else { return };
                let sbom = self.at(&format!("{}.json", world.name()));
                fs::write(&sbom, world.sbom().to_string()).expect("writes");
                let (ours, theirs) = (self.ours(feeds, world, &sbom), self.theirs(&sbom));
                assert!(!ours.is_empty() && !theirs.is_empty(), "{}: nothing is found", world.name());
                let mut both = both.lock().unwrap_or_else(PoisonError::into_inner);
                both.0.extend(ours);
                both.1.extend(theirs);
            }
        };
        let threads = thread::available_parallelism().map_or(1, Into::into).min(4);
        thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
        both.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

#[test]
fn trivy_agrees_about_every_ecosystem_or_the_reason_is_listed() {
    const TEST: &str = "trivy_agrees_about_every_ecosystem_or_the_reason_is_listed";
    let yardsticks =
        env::var_os("GABION_YARDSTICKS").map_or_else(|| cache().join("yardsticks"), PathBuf::from);
    let trivy = yardsticks.join("venv/bin/trivy");
    if !can_run(TEST, &["go", trivy.to_str().expect("text")]) {
        return;
    }
    let Some(data) = data(TEST) else { return };
    let feeds = Feeds::read(&data, &FEEDS);
    let worlds = packages::worlds(&feeds);
    let asked: usize = worlds.iter().map(|world| world.packages.len()).sum();
    assert!(asked > 5_000, "only {asked} packages");
    let (ours, theirs) = Bench::new(&data, trivy).scan(&feeds, &worlds);
    assert!(ours.len() > asked / 2, "{} matches of {asked} packages", ours.len());

    let packages: BTreeMap<String, _> = worlds
        .iter()
        .flat_map(|world| world.urls().map(|(url, package)| (url, (package, world.release.as_str()))))
        .collect();
    let by = |who, only: Pairs| only.into_iter().map(move |pair| (who, pair));
    let differences: Vec<_> = by("gabion", &ours - &theirs)
        .chain(by("trivy", &theirs - &ours))
        .map(|(by, (url, id))| reasons::Difference {
            by,
            package: packages[&url].0,
            release: packages[&url].1,
            records: feeds.records(&id).collect(),
            id,
            url,
        })
        .collect();
    let list = reasons::List::read();
    let known = reasons::Known { feeds: &feeds, both: &ours & &theirs };
    let (unlisted, stale) = list.hold(&known, &differences);
    let lines = |few: usize| {
        let lines: Vec<String> = unlisted.iter().take(few).map(ToString::to_string).collect();
        lines.join("\n")
    };
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trivy-advisories.txt");
    fs::write(&all, lines(usize::MAX)).expect("writes");
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "{asked} packages: Gabion {}, Trivy {}. {} differences are not in tests/it/compare/trivy-advisories.txt; they are in {}:\n{}\n\
         listed, and no longer so:\n{}",
        ours.len(),
        theirs.len(),
        unlisted.len(),
        all.display(),
        lines(30),
        stale.join("\n")
    );
}
