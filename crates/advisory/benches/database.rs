//! How large the database is, how long it takes to build, to open and to match, and what a day's change costs to fetch.
//!
//! ```text
//! GABION_BENCH_ADVISORIES=$PWD/../shared/data/advisories cargo bench -p gabion-advisory --bench database [-- feeds | synthetic]
//! ```
//!
//! - `feeds`: the shared feeds, each a source; a day's change of all of them in one.
//! - `synthetic`: 4 million statements of a made-up feed.
//!
//! Matched are images of 3,000 packages, a third of which has advisories: one that is kept up to date, so that
//! each package has the newest version that an advisory names, and one with the oldest. Everything is in a temporary directory, and in the page cache. The best of a few runs counts, of
//! matching the median.

#![allow(clippy::print_stdout, reason = "it prints its result")]

use gabion_advisory::{
    Database, Ecosystem, Order,
    database::{Compiler, Statement},
    evaluate::evaluate,
    feed::{self, FeedLimits, Kind, Rejected, Sink},
    inventory::{Collector, Inventory},
    record::{
        Advisory, Affected, Assessment, Edition, Exploited, Fix, Lifecycle, Likelihood, Range, Standing,
        Until,
    },
    segment::Segment,
    transfer::{Directory, Expected, Route, fetch_manifest, publish, sign, update},
};
use gabion_model::{
    Aspect, Coverage, OsRelease, Package, PackageKind, ScanReport, SourcePackage, scan::Target,
};
use std::{
    cmp::Ordering::{Greater, Less},
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|c| c == name);
    let feeds = std::env::var("GABION_BENCH_ADVISORIES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/advisories").to_owned()
    });
    if wanted("feeds") {
        match files(Path::new(&feeds)) {
            Ok(files) => shared(&files),
            Err(error) => println!("feeds: not run: {feeds}: {error}"),
        }
    }
    if wanted("synthetic") {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let advisories = synthetic(4_000_000);
        let path = directory.path().join("first");
        let ((), build) = timed(|| write(&advisories, None, &path));
        println!("synthetic: 4,000,000 statements, built in {build:.1?}");
        matched(&[path], &advisories);
        change(directory.path(), advisories);
    }
}

/// Which of 10,000 images the advisories of a day affect.
fn fleet(directory: &Path, advisories: &[Advisory]) {
    let affected: Vec<&Affected> = advisories.iter().flat_map(|advisory| &advisory.affected).collect();
    let mut random = Random(5);
    let template = image(advisories, true);
    let mut collector = Collector::default();
    let ((), took) = timed(|| {
        for number in 0..10_000 {
            // 300 packages, most of them those of the company's base images.
            let among = |n| if n < 250 { 1000 } else { template.packages.len() };
            let packages = (0..300).map(|n| template.packages[random.below(among(n))].clone()).collect();
            let name = format!("registry.example/team/app-{number}:1");
            collector.add(&name, &ScanReport { packages, ..template.clone() });
        }
    });
    let path = directory.join("fleet");
    let ((), write) = timed(|| collector.finish(&path).expect("writes"));
    let size = fs::metadata(&path).map_or(0, |m| m.len());
    println!(
        "fleet: 10,000 SBOMs of 300 packages, indexed in {took:.1?} and written in {write:.1?}, {} MB",
        mega(size)
    );
    // A day: 0.3 % of all statements are new, each about a package that somebody may have.
    let day: Vec<Statement> = (0..affected.len() * 3 / 1000)
        .map(|n| Statement {
            advisory: format!("NEW-{n}"),
            standing: Standing::Active,
            affected: Affected {
                ranges: vec![Range { introduced: None, until: Until::Open }],
                ..affected[random.below(affected.len())].clone()
            },
        })
        .collect();
    let (affects, took) = timed(|| {
        let inventory = Inventory::open(&path).expect("opens");
        day.iter().flat_map(|statement| inventory.affected(statement).expect("reads")).collect::<Vec<_>>()
    });
    let images: BTreeSet<&String> = affects.iter().flat_map(|one| &one.images).collect();
    println!(
        "  affected         {took:>10.1?}   open and ask about {} new statements; {} packages in {} images",
        day.len(),
        affects.len(),
        images.len()
    );
}

/// The feeds of a directory, with what they are.
fn files(directory: &Path) -> std::io::Result<Vec<(Kind, PathBuf)>> {
    let mut files: Vec<_> =
        fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    let kind = |path: &PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("kev.jsonl.zst") => Kind::Kev,
        Some("vulnrichment.jsonl.zst") => Kind::Vulnrichment,
        _ => Kind::Osv,
    };
    Ok(files.into_iter().map(|path| (kind(&path), path)).collect())
}

fn shared(files: &[(Kind, PathBuf)]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let build = || {
        let mut paths = Vec::new();
        for (number, (kind, feed)) in files.iter().enumerate() {
            let path = directory.path().join(number.to_string());
            let mut tell = |_: &Rejected| {};
            let mut compiler = Compiler::new(None, jiff::Timestamp::MAX, &mut tell);
            compiler.import(*kind, feed, &FeedLimits::DEFAULT).expect("imports");
            compiler.finish(&number.to_string(), None, &path).expect("writes");
            paths.push(path);
        }
        paths
    };
    let (paths, first) = timed(build);
    let took = first.min(best(2, build));
    let size: u64 = paths.iter().map(|path| fs::metadata(path).map_or(0, |m| m.len())).sum();
    println!("feeds: {} sources, {} MB, built in {took:.1?}", paths.len(), mega(size));
    let mut all = Collected::default();
    for (kind, feed) in files {
        feed::import(*kind, feed, &FeedLimits::DEFAULT, &mut all).expect("imports");
    }
    matched(&paths, &all.0);
    let ((), took) = timed(|| write(&all.0, None, &directory.path().join("first")));
    println!("  all advisories as one source, built in {took:.1?}");
    fleet(directory.path(), &all.0);
    change(directory.path(), all.0);
}

/// Opens a database and matches images.
fn matched(paths: &[PathBuf], advisories: &[Advisory]) {
    let open = best(20, || Database::open(paths).expect("opens"));
    println!("  open             {open:>10.1?}");
    for (what, newest) in [("up to date", true), ("never updated", false)] {
        let report = image(advisories, newest);
        let now = report.created;
        let before = resident();
        let database = Database::open(paths).expect("opens");
        let mut scanned = report.clone();
        let ((), first) = timed(|| evaluate(&mut scanned, &database, now).expect("evaluates"));
        let grown = resident() - before;
        let mut runs: Vec<Duration> = (0..51)
            .map(|_| {
                let open_and_match = || {
                    let database = Database::open(paths).expect("opens");
                    evaluate(&mut scanned, &database, now).expect("evaluates");
                };
                timed(open_and_match).1
            })
            .collect();
        runs.sort_unstable();
        let (best, median) = (runs[0], runs[runs.len() / 2]);
        println!(
            "  match            {median:>10.1?}   and open, the median of 51, {best:.1?} at best, {first:.1?} the first time; {what}: {} packages, {} vulnerabilities, {grown:.1} MiB more memory",
            report.packages.len(),
            scanned.findings.len(),
        );
    }
}

/// An image of 3,000 packages, of which a third has advisories: each in the newest version that an advisory names, or in
/// the oldest.
fn image(advisories: &[Advisory], newest: bool) -> ScanReport {
    let mut known: BTreeMap<(PackageKind, &str), (Order, &str)> = BTreeMap::new();
    for affected in advisories.iter().flat_map(|advisory| &advisory.affected) {
        let kind = match affected.ecosystem {
            Ecosystem::Debian if affected.release == "11" => PackageKind::Deb,
            Ecosystem::Npm => PackageKind::Npm,
            Ecosystem::PyPi => PackageKind::Pypi,
            Ecosystem::Go => PackageKind::Golang,
            Ecosystem::Maven => PackageKind::Maven,
            Ecosystem::CratesIo => PackageKind::Cargo,
            _ => continue,
        };
        let Some(order) = affected.ecosystem.order() else { continue };
        for range in &affected.ranges {
            let Until::Fixed(fixed) = &range.until else { continue };
            let (_, best) = known.entry((kind, &affected.package)).or_insert((order, fixed));
            if order.compare(fixed, best).is_ok_and(|o| o == if newest { Greater } else { Less }) {
                *best = fixed;
            }
        }
    }
    let known: Vec<_> = known.into_iter().collect();
    let mut random = Random(11);
    let mut packages: Vec<Package> = (0..3000)
        .map(|number| {
            let ((kind, name), (_, version)) = known[random.below(known.len())];
            let name = if number % 3 == 0 { name.to_owned() } else { format!("{name}-{number}") };
            let mut package = Package::new(kind, &name, version, "bench");
            if kind == PackageKind::Deb {
                package.source = Some(SourcePackage { name, version: version.into() });
            }
            package
        })
        .collect();
    packages.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let mut coverage = Coverage::default();
    coverage.full(Aspect::PACKAGES_OS);
    let target = Target { source: "dir".into(), reference: "/".into(), image: None };
    ScanReport {
        os: Some(OsRelease {
            id: "debian".into(),
            version: Some("11".into()),
            codename: None,
            name: "Debian 11".into(),
            like: Vec::new(),
            end_of_life: None,
            path: "etc/os-release".into(),
        }),
        packages,
        coverage,
        ..ScanReport::new(target, "2026-11-22T00:00:00Z".parse().expect("a time"))
    }
}

/// A day's change: 0.3 % of the statements, half of them replaced and half of them added, spread at random.
fn change(directory: &Path, mut advisories: Vec<Advisory>) {
    let (first, second) = (directory.join("first"), directory.join("second"));
    let old = Segment::open(&first).expect("opens");
    let mut random = Random(7);
    let statements: usize = advisories.iter().map(|advisory| advisory.affected.len()).sum();
    let mut changed = 0;
    while changed < statements * 3 / 1000 {
        let at = random.below(advisories.len());
        let advisory = &mut advisories[at];
        let Some(one) = advisory.affected.first_mut() else { continue };
        let version = format!("{}.{}-{:x}", random.below(99), random.below(99), random.below(1 << 30));
        let ranges = vec![Range { introduced: None, until: Until::Fixed(version) }];
        if changed % 2 == 0 {
            one.ranges = ranges;
        } else {
            let package = format!("{}-{:x}", one.package, random.below(1 << 16));
            let another = Affected { package, ranges, ..one.clone() };
            advisory.affected.push(another);
        }
        changed += 1;
    }
    let ((), rebuild) = timed(|| write(&advisories, Some(&old), &second));
    println!(
        "  rebuild          {rebuild:>10.1?}   with the dictionary of the first; {changed} statements changed"
    );
    drop(advisories);
    transfer(directory, &old, &Segment::open(&second).expect("opens"));
}

/// Publishes one version after the other, and updates a client that has the first.
fn transfer(directory: &Path, old: &Segment, new: &Segment) {
    let server = directory.join("server");
    let (secret, public) = sign::generate(None).expect("a key");
    let now = "2026-11-22T06:00:00Z".parse().expect("a time");
    let publish = |segment| {
        let sign = |bytes: &[u8]| Ok(sign::sign(bytes, &secret, None, "of a benchmark")?);
        publish(&server, &[("bench", segment)], now, 7, sign).expect("published")
    };
    publish(old);
    let (_, published) = timed(|| publish(new));
    let mut chunks = Directory(server.clone());
    let expected = Expected { now, last: None, allow_older: false };
    let manifest = fetch_manifest(&mut chunks, &public.parse().expect("a key"), expected).expect("signed");
    let target = directory.join("client");
    let (updated, took) =
        timed(|| update(Some(old), &manifest, "bench", &mut chunks, &target).expect("updated"));
    assert_eq!(updated.route, Route::Delta);
    let overhead =
        manifest.to_bytes().len() + fs::read(server.join("manifest.json.minisig")).map_or(0, |s| s.len());
    println!("  publish          {published:>10.1?}   a version and the delta from the one before");
    println!(
        "  update           {took:>10.1?}   {} kB fetched of {} MB, and {overhead} bytes of manifest and signature; {} of {} blocks are new",
        updated.bytes_fetched / 1000,
        mega(new.size()),
        updated.blocks - updated.blocks_reused,
        updated.blocks,
    );
}

fn write(advisories: &[Advisory], previous: Option<&Segment>, path: &Path) {
    let mut tell = |_: &Rejected| {};
    let mut compiler = Compiler::new(previous, jiff::Timestamp::MAX, &mut tell);
    for advisory in advisories {
        compiler.advisory(advisory.clone());
    }
    compiler.finish("bench", None, path).expect("writes");
}

/// Names, ids and versions that are as hard to compress as real ones; ten statements an advisory.
fn synthetic(count: usize) -> Vec<Advisory> {
    let mut random = Random(3);
    let ecosystems = [
        (Ecosystem::Debian, "11"),
        (Ecosystem::Ubuntu, "24.04:LTS"),
        (Ecosystem::Npm, ""),
        (Ecosystem::PyPi, ""),
        (Ecosystem::Maven, ""),
        (Ecosystem::AlmaLinux, "9"),
    ];
    let mut affected = || {
        let (ecosystem, release) = ecosystems[random.below(6)];
        let package = random.below(200_000);
        let (a, b, c) = (random.below(12), random.below(40), random.below(100));
        Affected {
            ecosystem,
            release: release.into(),
            package: format!("{:x}-package-{package}", package * 7919 % 65_521),
            ranges: vec![Range { introduced: None, until: Until::Fixed(format!("{a}.{b}.{c}-1")) }],
            fix: Fix::Released,
            ..Affected::default()
        }
    };
    let advisory = |number: usize| Advisory {
        id: format!("CVE-{}-{:05}", 1999 + number % 28, number / 28),
        affected: (0..10).map(|_| affected()).collect(),
        ..Advisory::default()
    };
    (0..count / 10).map(advisory).collect()
}

/// Keeps what feeds say of packages.
#[derive(Default)]
struct Collected(Vec<Advisory>);

impl Sink for Collected {
    fn advisory(&mut self, advisory: Advisory) {
        self.0.push(advisory);
    }
    fn exploited(&mut self, _: Exploited) {}
    fn likelihood(&mut self, _: Likelihood) {}
    fn assessment(&mut self, _: Assessment) {}
    fn lifecycle(&mut self, _: Lifecycle) {}
    fn edition(&mut self, _: Edition) {}
    fn rejected(&mut self, _: Rejected) {}
}

/// The same numbers each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn best<T>(runs: usize, mut work: impl FnMut() -> T) -> Duration {
    (0..runs).map(|_| timed(&mut work).1).min().unwrap_or_default()
}

/// Memory of this process, in MiB.
#[expect(clippy::cast_precision_loss, reason = "megabytes are no exact number")]
fn resident() -> f64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    (pages * 4096) as f64 / f64::from(1 << 20)
}

fn mega(bytes: u64) -> String {
    format!("{}.{:02}", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}
