//! How large a segment is, how long it takes to build, to open and to ask, and what a day's change costs to fetch.
//!
//! ```text
//! GABION_BENCH_ADVISORIES=../shared/data/advisories cargo bench -p gabion-advisory --bench segment [-- feeds | synthetic]
//! ```
//!
//! - `feeds`: one row for each affected package of the shared feeds, with the JSON of that entry *as a stand-in* for the
//!   encoding of the database, and one for each CVE of vulnrichment and KEV. The real encoding will be smaller.
//! - `synthetic`: 4 million rows of a made-up feed.
//!
//! Everything is kept in a temporary directory, and in the page cache. The best of a few runs counts.

#![allow(clippy::print_stdout, reason = "it prints its result")]

use gabion_advisory::{
    segment::{Builder, Segment},
    transfer::{Directory, Expected, Route, fetch_manifest, publish, sign, update},
};
use serde_json::{Value, value::RawValue};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

type Rows = Vec<(u8, Vec<u8>, Vec<u8>)>;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|c| c == name);
    let feeds = std::env::var("GABION_BENCH_ADVISORIES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/advisories").to_owned()
    });
    if wanted("feeds") {
        match feed_rows(Path::new(&feeds)) {
            Ok(rows) => measure("feeds", rows),
            Err(error) => println!("feeds: not run: {feeds}: {error}"),
        }
    }
    if wanted("synthetic") {
        measure("synthetic", synthetic(4_000_000));
    }
}

fn measure(name: &str, rows: Rows) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    let text: usize = rows.iter().map(|(_, key, value)| key.len() + value.len()).sum();
    println!("{name}: {} rows, {} MB of keys and values", rows.len(), mega(text as u64));

    let ((), build) = timed(|| write(&rows, None, &first));
    let old = Segment::open(&first).expect("opens");
    println!("  build            {build:>10.1?}   {} MB on disk", mega(old.size()));

    // A day's change: 0.3 % of the rows, half of them replaced and half of them added, spread at random.
    let mut keys: Vec<_> = rows.iter().map(|(table, key, _)| (*table, key.clone())).collect();
    keys.sort();
    keys.dedup();
    let mut random = Random(7);
    let mut changed = rows;
    for n in 0..changed.len() * 3 / 1000 {
        let at = random.below(changed.len());
        let (table, mut key, mut value) = changed[at].clone();
        value.extend(
            format!(" fixed {}.{}-{:x}", random.below(99), random.below(99), random.below(1 << 30)).bytes(),
        );
        if n % 2 == 0 {
            changed[at].2 = value;
        } else {
            key.extend(format!("-{:x}", random.below(1 << 16)).bytes());
            changed.push((table, key, value));
        }
    }
    let ((), rebuild) = timed(|| write(&changed, Some(&old), &second));
    drop(changed);
    println!("  rebuild          {rebuild:>10.1?}   with the dictionary of the first");
    transfer(directory.path(), &old, &Segment::open(&second).expect("opens"));
    drop(old);

    let open = best(20, || Segment::open(&first).expect("opens"));
    println!("  open             {open:>10.1?}");

    // 3,000 names, as an image has packages: two thirds are known nowhere, all are.
    let questions = |known: &dyn Fn(usize) -> bool, sorted: bool| {
        let mut random = Random(11);
        let mut questions: Vec<_> = (0..3000)
            .map(|n| {
                let (table, mut key) = keys[random.below(keys.len())].clone();
                if !known(n) {
                    key.extend(b"-dev");
                }
                (table, key)
            })
            .collect();
        if sorted {
            questions.sort();
        }
        questions
    };
    for (what, questions) in [
        ("a third known, sorted", questions(&|n| n % 3 == 0, true)),
        ("a third known", questions(&|n| n % 3 == 0, false)),
        ("all known", questions(&|_| true, false)),
    ] {
        let before = resident();
        let segment = Segment::open(&first).expect("opens");
        let found = ask(&segment, &questions);
        let grown = resident() - before;
        let warm = best(5, || ask(&segment, &questions));
        drop(segment);
        let cold = best(5, || ask(&Segment::open(&first).expect("opens"), &questions));
        println!(
            "  3,000 questions  {cold:>10.1?}   the second time {warm:.1?}, {found} rows, {grown:.1} MiB more memory: {what}"
        );
    }
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
        "  update           {took:>10.1?}   {} kB fetched, and {overhead} bytes of manifest and signature; {} of {} blocks are new",
        updated.bytes_fetched / 1000,
        updated.blocks - updated.blocks_reused,
        updated.blocks,
    );
}

fn ask(segment: &Segment, questions: &[(u8, Vec<u8>)]) -> usize {
    let mut found = 0;
    for (table, key) in questions {
        let mut rows = segment.get(*table, key).expect("whole");
        while rows.next_row().expect("whole").is_some() {
            found += 1;
        }
    }
    found
}

fn write(rows: &Rows, previous: Option<&Segment>, path: &Path) {
    let mut builder = Builder::new(previous);
    for (table, key, value) in rows {
        builder.push(*table, key, value).expect("small rows");
    }
    builder.finish(path).expect("written");
}

/// One row for each affected package, one for each CVE.
fn feed_rows(directory: &Path) -> Result<Rows, Box<dyn std::error::Error>> {
    let mut rows = Rows::new();
    let mut files: Vec<_> = fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let text = zstd::bulk::decompress(&fs::read(file.path())?, 1 << 28)?;
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let record: Record<'_> = serde_json::from_slice(line)?;
            let Some(affected) = &record.affected else {
                rows.push((2, record.id.into_bytes(), line.to_vec()));
                continue;
            };
            for one in affected {
                let parsed: Value = serde_json::from_str(one.get())?;
                let package = &parsed["package"];
                let text = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
                let key = format!("{}/{}", text("ecosystem"), text("name"));
                let value = format!("{} {one}", record.id);
                rows.push((1, key.into_bytes(), value.into_bytes()));
            }
        }
    }
    Ok(rows)
}

#[derive(serde::Deserialize)]
struct Record<'a> {
    id: String,
    #[serde(borrow)]
    affected: Option<Vec<&'a RawValue>>,
}

/// Names, ids and versions that are as hard to compress as real ones.
fn synthetic(count: usize) -> Rows {
    let mut random = Random(3);
    (0..count)
        .map(|_| {
            let ecosystem =
                ["Debian:12", "Ubuntu:24.04", "npm", "PyPI", "Maven", "AlmaLinux:9"][random.below(6)];
            let package = random.below(200_000);
            let key = format!("{ecosystem}/{:x}-package-{package}", package * 7919 % 65_521);
            let (year, id) = (1999 + random.below(28), random.below(60_000));
            let (a, b, c) = (random.below(12), random.below(40), random.below(100));
            let value = format!("CVE-{year}-{id} introduced 0 fixed {a}.{b}.{c}-1");
            (1, key.into_bytes(), value.into_bytes())
        })
        .collect()
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
