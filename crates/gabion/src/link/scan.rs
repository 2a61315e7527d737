//! Scans for the hub: this very program, with the lowest priority, its report compressed as it comes. One image at a time, and beside it the
//! node itself, which can take minutes: what runs in containers does not wait for it. Where the hub knows of layers that others have read, it is
//! asked for them first (`share`); an image whose layers are being read elsewhere goes to the end of the queue for a while.

use super::{
    SCAN,
    inventory::Content,
    queue::{Lane, Queue, Wanted},
    share::{Question, Sharer, Ways, may_go, say_go, say_layers},
};
use crate::{LINK, cli, clock, output, scan};
use anyhow::{Context, anyhow, bail};
use clap::Parser;
use gabion_api::agent::Facts;
use gabion_image::{
    cache::Cache,
    worker::{LayerKey, Origins},
};
use gabion_model::{FileEntry, FileIndex, FileKind, ScanReport, path};
use gabion_report::Options;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::mpsc};

/// A scan takes no longer.
const LONGEST: Duration = Duration::from_mins(30);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// A report is not longer, in bytes, and compressed.
const MAX_REPORT: [u64; 2] = [512 << 20, 64 << 20];
/// What a scan says on standard error is read up to this.
const MAX_WORDS: usize = 8 << 10;
/// How long results of earlier scans are kept, and how often is looked.
const KEEP: [Duration; 2] = [Duration::from_hours(30 * 24), Duration::from_hours(24)];
/// Files of packages that are told in one report.
const MAX_LOADABLE: usize = 50_000;
/// The layers of an image are told in a line that is not longer, in bytes.
const MAX_LAYERS: u64 = 1 << 20;

/// A report, compressed with zstd; or why there is none.
pub(super) struct Finished {
    pub(super) image: String,
    pub(super) report: Result<Vec<u8>, String>,
    /// Where what is known of its layers is from.
    pub(super) origins: Origins,
}

/// Whoever scans.
pub(super) struct Scanner {
    queue: Arc<Queue>,
    /// Scans that are over.
    pub(super) finished: mpsc::Receiver<Finished>,
    /// What the hub is to be asked before a scan.
    pub(super) questions: mpsc::Receiver<Question>,
    /// What was read for all others, in parts.
    pub(super) gifts: mpsc::Receiver<Facts>,
}

impl Scanner {
    /// Starts it, with a cache of its own.
    pub(super) fn start(cache: &Path) -> io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let (done, finished) = mpsc::channel(1);
        let ((ask, questions), (give, gifts)) = (mpsc::channel(1), mpsc::channel(1));
        let place = cache.with_file_name("given");
        let sharer = Sharer { handle: Handle::current(), questions: ask, gifts: give, given: place };
        for (lane, sharer) in [(Lane::Images, Some(sharer)), (Lane::Node, None)] {
            let (queue, done, cache) = (Arc::clone(&queue), done.clone(), cache.to_owned());
            thread::Builder::new()
                .name("scans".to_owned())
                .spawn(move || work_on(lane, &queue, &done, &cache, sharer.as_ref()))?;
        }
        Ok(Self { queue, finished, questions, gifts })
    }

    /// Wants a scan, unless it is wanted already. False if too many wait.
    pub(super) fn want(&self, image: &str, content: Content, shares: bool) -> bool {
        self.queue.want(image, content, shares)
    }
}

fn work_on(lane: Lane, queue: &Queue, done: &mpsc::Sender<Finished>, cache: &Path, sharer: Option<&Sharer>) {
    // On Linux this is the thread's own priority, and that of whom it starts.
    let _ = rustix::process::setpriority_process(None, 19);
    let mut pruned = None;
    loop {
        let wanted = queue.next(lane);
        if lane == Lane::Images && pruned.is_none_or(|at: Instant| at.elapsed() > KEEP[1]) {
            pruned = Some(Instant::now());
            prune(cache);
        }
        let sharer = sharer.filter(|sharer| wanted.shares && sharer.clear().is_ok());
        let mut ours = Vec::new();
        let scanned = one(&wanted, cache, sharer, &mut ours);
        if let Some(sharer) = sharer {
            // Whoever was told to read something gives it, or gives it up.
            sharer.give(&ours, &Cache::new(cache));
            // What is left of it is removed before the next scan.
            let _ = sharer.clear();
        }
        let image = wanted.image.clone();
        let (report, origins) = match scanned {
            Ok(Scanned::Later) => {
                queue.later(wanted);
                continue;
            }
            Ok(Scanned::Report(report, origins)) => (Ok(report), origins),
            Err(error) => (Err(format!("{error:#}")), Origins::default()),
        };
        queue.done(&image);
        if done.blocking_send(Finished { image, report, origins }).is_err() {
            return;
        }
    }
}

/// What has come of a scan.
enum Scanned {
    /// A report, compressed.
    Report(Vec<u8>, Origins),
    /// Its layers are being read elsewhere.
    Later,
}

/// What cannot be removed is tried again tomorrow.
fn prune(cache: &Path) {
    if let Ok(now) = clock::now() {
        let _ = Cache::new(cache).prune(now.into(), KEEP[0]);
    }
}

/// Scans. Layers that are to be given to others then are put into `ours`.
fn one(
    wanted: &Wanted,
    cache: &Path,
    sharer: Option<&Sharer>,
    ours: &mut Vec<LayerKey>,
) -> anyhow::Result<Scanned> {
    let target = match &wanted.content {
        Content::Named(target) => target.clone(),
        Content::Root(group) => {
            format!("dir:/proc/{}/root", process(group).context("it does not run here any more")?)
        }
    };
    let mut child = Command::new("/proc/self/exe")
        .args([LINK, SCAN])
        .arg(cache)
        .arg(target)
        .args(sharer.map(|sharer| &sharer.given))
        .stdin(if sharer.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the scan cannot be started")?;
    let input = child.stdin.take();
    let report = child.stdout.take().context("the scan has no output")?;
    let words = child.stderr.take().context("the scan has no output")?;
    thread::scope(|scope| {
        let report = scope.spawn(move || {
            let mut report = BufReader::new(report);
            if let (Some(sharer), Some(input)) = (sharer, input) {
                let layers = layers(&mut report)?;
                match sharer.ask(&wanted.image, &layers, wanted.is_at_once()) {
                    Ways::Later => return Ok(None),
                    Ways::Now(given) => *ours = given,
                }
                say_go(input)?;
            }
            compressed(report).map(Some)
        });
        let words = scope.spawn(move || last_words(words));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > LONGEST {
                child.kill()?;
                child.wait()?;
                bail!("the scan took longer than {} minutes", LONGEST.as_secs() / 60);
            }
            thread::sleep(LOOK);
        };
        let report = report.join().map_err(|_| anyhow!("the report could not be read"))?;
        let words = words.join().unwrap_or_default();
        if !status.success() {
            let words = words.trim().strip_prefix("error: ").unwrap_or(words.trim());
            bail!("{}", if words.is_empty() { status.to_string() } else { words.to_owned() });
        }
        let origins = words.lines().last().and_then(|line| serde_json::from_str(line).ok());
        Ok(report?.map_or(Scanned::Later, |report| Scanned::Report(report, origins.unwrap_or_default())))
    })
}

/// The layers of the image, as the scan says them first. None if it says nothing: then it says why elsewhere.
fn layers(scan: &mut impl BufRead) -> io::Result<Vec<LayerKey>> {
    let mut line = String::new();
    scan.take(MAX_LAYERS).read_line(&mut line)?;
    Ok(serde_json::from_str(&line).unwrap_or_default())
}

fn compressed(report: impl Read) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    let mut report = report.take(MAX_REPORT[0] + 1);
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let read = report.read(&mut buffer)?;
        if read == 0 {
            return encoder.finish();
        }
        length += read as u64;
        encoder.write_all(&buffer[..read])?;
        if length > MAX_REPORT[0] || encoder.get_ref().len() as u64 > MAX_REPORT[1] {
            return Err(io::Error::other("the report is too long"));
        }
    }
}

/// All is read, so that the child never waits; the end of it is kept.
fn last_words(mut words: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read) = words.read(&mut buffer) {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_WORDS));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// A process in a control group, or in one within it.
fn process(group: &str) -> Option<u32> {
    super::loaded::processes(group).first().copied()
}

/// The scan itself, in a process of its own: `gabion __link scan CACHE TARGET [GIVEN]`. With the last it says first which layers there are, and
/// waits until it may go on.
pub(super) fn child() -> ExitCode {
    let mut arguments = std::env::args().skip(3);
    let (cache, target) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let given = arguments.next().map(PathBuf::from);
    let mut command =
        vec!["gabion", "scan", "--format", "json", "--db", "none", "--quiet", "--cache-dir", &cache];
    // The hub gets it by the agent's own way, whatever the environment says of scans.
    command.extend(["--hub", ""]);
    if target.starts_with("dir:") {
        command.extend(["--dir-kind", "rootfs"]);
    }
    command.extend(["--", &target]);
    let done = match cli::Cli::try_parse_from(command) {
        Ok(cli::Cli { command: cli::Command::Scan(args) }) => whole(&args, target != "dir:/", given),
        Ok(_) => Err(anyhow!("this is no scan")),
        Err(error) => return output::usage(&error),
    };
    done.unwrap_or_else(|error| output::failure(&error))
}

/// Prints the report. With `loadable` it says of each package which of its files can be executed or mapped: by these it is known what is
/// really used. A node itself has too many.
fn whole(args: &cli::ScanArgs, loadable: bool, given: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let cache = scan::usable_cache(&args.common)?;
    let prepared = scan::prepare(&args.target, &args.common, cache.as_ref(), true, loadable)?;
    if given.is_some() {
        say_layers(&prepared.layers()?)?;
        if !may_go()? {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let mut scanned = prepared.scan(given)?;
    if let Some(index) = &scanned.index {
        tell_loadable(&mut scanned.report, index);
    }
    let options = Options { color: false, all: true, width: 0, gates: &[] };
    output::print(&scanned.report, args.format, &options)?;
    output::note(&serde_json::to_string(&scanned.origins)?);
    Ok(ExitCode::SUCCESS)
}

/// Adds to packages which of their files can be executed or mapped.
fn tell_loadable(report: &mut ScanReport, index: &FileIndex) {
    let mut told = 0;
    for id in index.ids() {
        let entry = index.entry(id);
        if entry.kind != FileKind::File || entry.package == FileEntry::NO_PACKAGE {
            continue;
        }
        let path = index.path(id);
        let name = path::name(&path);
        let is_library = name.ends_with(b".so") || name.windows(4).any(|four| four == b".so.");
        let is_archive = [&b".jar"[..], b".war", b".ear", b".node"].iter().any(|end| name.ends_with(end));
        if !(entry.mode & 0o111 != 0 || is_library || is_archive) || told >= MAX_LOADABLE {
            continue;
        }
        if let Some(package) = report.packages.get_mut(entry.package as usize) {
            package.facts.push(("loadable".to_owned(), path::display(&path).into_owned()));
            told += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_compressed_and_words_are_kept() {
        let text = "{}".repeat(1000);
        let report = compressed(text.as_bytes()).expect("compresses");
        assert!(report.len() < 100);
        assert_eq!(last_words(&b"error: no such image\n"[..]), "error: no such image\n");
        let long = "x".repeat(2 * MAX_WORDS) + "end";
        let kept = last_words(long.as_bytes());
        assert!(kept.len() == MAX_WORDS && kept.ends_with("end"));
    }

    #[test]
    fn this_process_is_in_its_group() {
        let own = std::fs::read_to_string("/proc/self/cgroup").expect("reads");
        let Some(group) = own.lines().find_map(|line| line.strip_prefix("0::")) else { return };
        if gabion_node::sensor::unified()
            .is_some_and(|mount| mount.join(&group[1..]).join("cgroup.procs").exists())
        {
            assert!(process(group).is_some(), "{group}");
        }
        assert_eq!(process("/no/such/group"), None);
    }
}
