//! How fast text is searched for credentials, against the obvious ways to do it, on the same text in the same run.
//!
//! ```text
//! GABION_BENCH_ROOT=/usr/lib/python3:/etc cargo bench -p gabion-image --bench secrets [-- --list]
//! ```
//!
//! The text is read into memory first. Each way runs once to warm up and then as often as stated; the best run counts, in
//! time on the processor, since the machine may have other work. `--list` prints every match.
//!
//! - `scan`: [`TextScan`], what the product does.
//! - `aho-corasick`: only the search for the keywords, by an automaton that folds case (a DFA, and an NFA).
//! - `regex set`: the naive way: all patterns at once over the whole text. Only tells *which* rules match somewhere in a file. On a sample.

#![allow(clippy::print_stdout, reason = "it prints its result")]

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use gabion_image::secret::{TextScan, rules};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Larger files are no text that anybody wrote.
const LARGEST: u64 = 16 << 20;
/// Bytes for the regex set.
const SAMPLE: usize = 16 << 20;

struct Text {
    path: PathBuf,
    bytes: Vec<u8>,
}

fn main() {
    let roots = std::env::var("GABION_BENCH_ROOT")
        .unwrap_or_else(|_| "/etc:/usr/share/doc:/usr/lib/python3".to_owned());
    let list = std::env::args().any(|argument| argument == "--list");
    let texts = read(roots.split(':').map(PathBuf::from).collect());
    let size: usize = texts.iter().map(|text| text.bytes.len()).sum();
    println!("{} text files, {:.1} MB, {} rules", texts.len(), mega(size), rules().len());

    let before = resident();
    let (mut hits, mut found) = (BTreeMap::new(), 0);
    for text in &texts {
        for one in scan(text) {
            if list {
                println!("{}\t{}:{}\t{}", one.rule, text.path.display(), one.line, one.excerpt);
            }
            *hits.entry(one.rule).or_insert(0) += 1;
            found += 1;
        }
    }
    println!("{found} matches; what was compiled for it takes {:.1} MiB", (resident() - before) / 1024.0);
    // One line with each keyword makes every rule compile its pattern.
    let everything =
        rules().iter().flat_map(|rule| rule.keywords).fold(String::new(), |text, word| text + word + "=a\n");
    scan(&Text { path: "x".into(), bytes: everything.into_bytes() });
    println!("with every rule compiled {:.1} MiB", (resident() - before) / 1024.0);
    for (rule, count) in &hits {
        println!("  {count:6}  {rule}");
    }

    report("scan", size, 5, || texts.iter().map(|text| scan(text).len()).sum());
    let keywords: Vec<&str> = rules().iter().flat_map(|rule| rule.keywords).copied().collect();
    for kind in [AhoCorasickKind::DFA, AhoCorasickKind::ContiguousNFA] {
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(kind))
            .build(&keywords)
            .expect("keywords are few");
        let name = format!("aho-corasick {kind:?} ({} KiB)", automaton.memory_usage() >> 10);
        report(&name, size, 3, || texts.iter().map(|text| automaton.find_iter(&text.bytes).count()).sum());
    }
    let set = regex::bytes::RegexSetBuilder::new(rules().iter().map(|rule| rule.pattern))
        .unicode(false)
        .size_limit(1 << 30)
        .dfa_size_limit(256 << 20)
        .build()
        .expect("every pattern compiles");
    let (mut sample, step) = (0, (size / SAMPLE).max(1));
    let few: Vec<&Text> = texts.iter().step_by(step).inspect(|text| sample += text.bytes.len()).collect();
    report("regex set (sample)", sample, 1, || {
        few.iter().map(|text| set.matches(&text.bytes).iter().count()).sum()
    });
}

fn scan(text: &Text) -> Vec<gabion_image::facts::SecretMatch> {
    let mut scan = TextScan::new(text.path.as_os_str().as_encoded_bytes());
    for chunk in text.bytes.chunks(64 << 10) {
        scan.feed(chunk);
    }
    scan.finish().matches
}

fn report(name: &str, size: usize, runs: usize, mut run: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    let mut count = 0;
    for _ in 0..=runs {
        let start = cpu_seconds();
        count = std::hint::black_box(run());
        best = best.min(cpu_seconds() - start);
    }
    println!("{name:32} {:8.0} MB/s  ({count} hits)", mega(size) / best);
}

#[expect(clippy::cast_precision_loss, reason = "it is printed")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Text files below the roots, links not followed.
fn read(mut open: Vec<PathBuf>) -> Vec<Text> {
    let mut texts = Vec::new();
    while let Some(path) = open.pop() {
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if kind.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if kind.is_file()
            && kind.len() <= LARGEST
            && let Ok(bytes) = fs::read(&path)
            && !bytes[..bytes.len().min(8 << 10)].contains(&0)
        {
            texts.push(Text { path, bytes });
        }
    }
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts
}

/// Time this thread spent on a processor.
fn cpu_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    nanoseconds / 1e9
}

/// Resident memory in KiB.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse().unwrap_or_default()
}
