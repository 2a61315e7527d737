//! `gabion db build` and `remove`: feeds to a database, and sources out of it.

use super::{
    cli::{BuildArgs, DbRemote, Feed},
    registry_options,
};
use crate::{clock, output, progress::Progress, target::Temporary};
use anyhow::{Context, anyhow, bail};
use gabion_advisory::{
    database::Compiler,
    feed::{FeedLimits, Rejected},
    store::{Change, Store},
};
use gabion_image::source::{Quiet, database::DatabasePlace};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many complaints about a feed are shown.
const SHOWN: u64 = 10;

pub(super) fn run(args: &BuildArgs, directory: &Path, quiet: bool) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    for feed in args.from.iter().filter(|feed| !is_url(&feed.place)) {
        super::must_exist(Path::new(&feed.place))?;
    }
    let change = Change::begin(directory)?;
    let mut sources: BTreeMap<&str, Vec<&Feed>> = BTreeMap::new();
    for feed in &args.from {
        sources.entry(&feed.name).or_default().push(feed);
    }
    if args.add {
        for name in sources.keys() {
            change.own(name).map_err(|error| anyhow!("{error}\nhint: name it otherwise: NAME:KIND=PATH"))?;
        }
    }
    let progress = Progress::new(quiet, "building");
    let mut refused = 0;
    let mut told = Vec::new();
    for (name, feeds) in &sources {
        let mut shown = 0;
        let mut tell = |rejected: &Rejected| {
            shown += 1;
            if shown <= SHOWN && !quiet {
                let what = if rejected.kept { "kept, but" } else { "refused" };
                progress.note(&format!("{name}: {}: {what}: {}", rejected.place, rejected.why));
            }
        };
        let before = change.before(name);
        let mut compiler = Compiler::new(before.as_ref(), now, &mut tell);
        for feed in feeds {
            let fetched = fetched(feed, directory, &args.remote)?;
            let path = fetched.as_ref().map_or_else(|| PathBuf::from(&feed.place), |f| f.path().to_owned());
            compiler
                .import(feed.kind, &path, &FeedLimits::DEFAULT)
                .with_context(|| format!("source {name}"))?;
        }
        let done = compiler.finish(name, None, &change.place(name))?;
        refused += done.rejected;
        if done.rejected > SHOWN && !quiet {
            progress.note(&format!("{name}: and {} more records that are not right", done.rejected - SHOWN));
        }
        if done.says_nothing && !quiet {
            output::note(&format!(
                "note: {name}: none of its records says anything of a package or a CVE; is the kind right?"
            ));
        }
        told.push(format!("  {name:<24} {:>10} records", done.about.records));
    }
    drop(progress);
    if args.strict && refused > 0 {
        bail!("{refused} records are not right, and --strict was asked for; the database is as it was");
    }
    let names: Vec<&str> = sources.keys().copied().collect();
    let here =
        change.current().into_iter().flat_map(|current| &current.segments).map(|named| named.name.clone());
    let others: Vec<String> = here.filter(|name| !sources.contains_key(name.as_str())).collect();
    let store = if args.add { change.add(&names, now)? } else { change.install(&names, now, now)? };
    for line in told {
        output::line(&line)?;
    }
    if !others.is_empty() && args.add {
        output::line(&format!("  kept as they were: {}", others.join(", ")))?;
    } else if !others.is_empty() && !quiet {
        let others = others.join(", ");
        output::note(&format!("note: not in the database any more: {others} (--add keeps what is there)"));
    }
    tell_size(directory, &store)
}

/// Takes sources out of the database.
pub(super) fn remove(sources: &[String], directory: &Path) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    // Nothing is made where there is nothing to remove from.
    super::store(directory)?;
    let names: BTreeSet<&str> = sources.iter().map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let store = Change::begin(directory)?.remove(&names, now)?;
    output::line(&format!("  removed: {}", names.join(", ")))?;
    tell_size(directory, &store)
}

fn tell_size(directory: &Path, store: &Store) -> anyhow::Result<ExitCode> {
    let size: u64 = store.segments().map(|(_, segment)| segment.size()).sum();
    output::line(&format!("{}: {}", directory.display(), indicatif::HumanBytes(size)))?;
    Ok(ExitCode::SUCCESS)
}

fn is_url(place: &str) -> bool {
    place.starts_with("https://") || place.starts_with("http://")
}

/// Fetches a feed from a web server, beside the database.
fn fetched(feed: &Feed, directory: &Path, remote: &DbRemote) -> anyhow::Result<Option<Temporary>> {
    const STEP: u64 = 8 << 20;
    if !is_url(&feed.place) {
        return Ok(None);
    }
    let (base, file) = feed.place.rsplit_once('/').context("the address names no file")?;
    if file.is_empty() || base.ends_with('/') {
        bail!("{}: the address names no file", feed.place);
    }
    // With its ending, by which feeds tell how they are packed; where the next change removes what this one leaves if it is killed.
    let path = directory.join(format!("segments/fetched.{}.{file}", std::process::id()));
    let temporary = Temporary::new(path.clone());
    let place: DatabasePlace = base.parse()?;
    let options = registry_options(remote);
    let mut chunks = place.open(&options, &Quiet)?;
    let mut out = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut at = 0;
    loop {
        let bytes =
            chunks.fetch(file, at..at + STEP).with_context(|| format!("cannot fetch {}", feed.place))?;
        out.write_all(&bytes).with_context(|| format!("cannot write {}", path.display()))?;
        at += bytes.len() as u64;
        if (bytes.len() as u64) < STEP {
            return Ok(Some(temporary));
        }
        if at > FeedLimits::DEFAULT.total {
            bail!("{} is larger than any feed", feed.place);
        }
    }
}
