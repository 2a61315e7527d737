//! `gabion db affected`: which of many images advisories affect.

use super::{
    cli::{AffectedArgs, TextFormat},
    differ,
};
use crate::{output, progress::Progress};
use anyhow::{Context, bail};
use gabion_advisory::{
    Database,
    database::Statement,
    inventory::{Affects, Collector, Inventory},
};
use gabion_model::ScanReport;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Bytes of one report.
const MAX_REPORT: u64 = 1 << 30;

pub(super) fn run(args: &AffectedArgs, directory: &Path, quiet: bool) -> anyhow::Result<ExitCode> {
    if !args.add.is_empty() {
        add(args, quiet)?;
        if args.ids.is_empty() && args.since.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
    let inventory = Inventory::open(&args.index)?;
    let database = super::open(directory)?;
    let ids = match (&args.since, args.ids.is_empty()) {
        (Some(since), _) => {
            let difference = differ::between(&super::open(since)?, &database)?;
            Some(difference.added.into_iter().chain(difference.changed).collect())
        }
        (None, false) => Some(named(&database, &args.ids)?),
        (None, true) => None,
    };
    let mut affects = Vec::new();
    for statement in statements(&database, ids.as_ref())? {
        affects.extend(inventory.affected(&statement)?);
    }
    if args.format == TextFormat::Json {
        return super::print_json(&affects);
    }
    print(&affects, inventory.images(), inventory.partial())?;
    Ok(ExitCode::SUCCESS)
}

/// The advisories that are called so, or that are about what is called so.
fn named(database: &Database, names: &[String]) -> anyhow::Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let mut unknown = Vec::new();
    for name in names {
        let upper = name.to_ascii_uppercase();
        let name = if upper.starts_with("CVE-") { &upper } else { name };
        let before = ids.len();
        for source in database.sources() {
            ids.extend(source.named(name)?);
            ids.extend(source.advisory(name)?.map(|advisory| advisory.id));
        }
        if ids.len() == before {
            unknown.push(name.as_str().to_owned());
        }
    }
    if ids.is_empty() {
        bail!("the database says nothing of {}", unknown.join(", "));
    }
    for name in unknown {
        output::note(&format!("note: the database says nothing of {name}"));
    }
    Ok(ids)
}

/// Of these advisories, or of all.
fn statements(database: &Database, ids: Option<&BTreeSet<String>>) -> anyhow::Result<Vec<Statement>> {
    let mut wanted = Vec::new();
    if ids.is_some_and(BTreeSet::is_empty) {
        return Ok(wanted);
    }
    for source in database.sources() {
        source.every_statement(&mut |statement| {
            if ids.is_none_or(|ids| ids.contains(&statement.advisory)) {
                wanted.push(statement);
            }
        })?;
    }
    Ok(wanted)
}

fn print(affects: &[Affects], all: u64, partial: u64) -> anyhow::Result<()> {
    let images: BTreeSet<&String> = affects.iter().flat_map(|one| &one.images).collect();
    for one in affects {
        output::line(&format!("{}  {} {} ({})", one.advisory, one.package, one.version, one.ecosystem))?;
        for image in &one.images {
            output::line(&format!("  {image}"))?;
        }
    }
    output::line(&format!("{} of {all} images are affected", images.len()))?;
    if partial > 0 {
        output::line(&format!(
            "{partial} of {all} images were not looked at in full when they were scanned: what was not found in them is not known"
        ))?;
    }
    Ok(())
}

/// Puts reports into the index.
fn add(args: &AffectedArgs, quiet: bool) -> anyhow::Result<()> {
    let mut collector = if args.index.exists() {
        Collector::of(&Inventory::open(&args.index)?)?
    } else {
        Collector::default()
    };
    let files = files(&args.add)?;
    if files.is_empty() {
        bail!("there is no report (*.json) to add");
    }
    let progress = Progress::new(quiet, "indexing");
    let mut refused = BTreeMap::new();
    for file in &files {
        match read(file) {
            Ok(report) => collector.add(&name(&report, file), &report),
            Err(error) => {
                refused.insert(file, format!("{error:#}"));
            }
        }
    }
    drop(progress);
    for (file, why) in refused.iter().take(10) {
        output::note(&format!("{}: {why}", file.display()));
    }
    if !refused.is_empty() {
        bail!("{} of {} files cannot be read; the index is as it was", refused.len(), files.len());
    }
    let count = collector.len();
    collector.finish(&args.index).with_context(|| format!("cannot write {}", args.index.display()))?;
    output::line(&format!("{} holds {count} images now", args.index.display()))?;
    Ok(())
}

/// Files as they are, and those of directories that end in `.json`.
fn files(places: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for place in places {
        if !place.is_dir() {
            files.push(place.clone());
            continue;
        }
        let entries = fs::read_dir(place).with_context(|| format!("cannot list {}", place.display()))?;
        let mut inside: Vec<PathBuf> = entries
            .map(|entry| Ok(entry?.path()))
            .filter(|path: &std::io::Result<PathBuf>| {
                path.as_ref().map_or(true, |path| path.extension().is_some_and(|e| e == "json"))
            })
            .collect::<std::io::Result<_>>()?;
        inside.sort();
        files.append(&mut inside);
    }
    Ok(files)
}

/// A report of `gabion scan --format json`, or the packages of an SBOM.
fn read(file: &Path) -> anyhow::Result<ScanReport> {
    let size = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?.len();
    if size > MAX_REPORT {
        bail!("it is larger than {MAX_REPORT} bytes");
    }
    crate::saved::parse(&fs::read(file)?, file)
}

fn name(report: &ScanReport, file: &Path) -> String {
    let reference = &report.target.reference;
    let of_image = report.target.image.as_ref().and_then(|image| image.tags.first());
    of_image
        .cloned()
        .unwrap_or_else(|| if reference.is_empty() { file.display().to_string() } else { reference.clone() })
}
