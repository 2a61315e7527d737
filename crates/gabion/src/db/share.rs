//! `gabion db update`, `sign`, `push` and `keygen`: how a database comes from one machine to others.

use super::{
    cli::{DbRemote, SignArgs, UpdateArgs},
    registry_options,
};
use crate::{clock, output, progress::Progress};
use anyhow::{Context, bail};
use gabion_advisory::{
    store::{Change, Event, Origin, Upstream},
    transfer::{Route, sign as minisign},
};
use gabion_image::source::{
    Quiet,
    database::{DatabasePlace, push as push_artifact},
};
use indicatif::HumanBytes;
use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The key that updates must be signed by, beside the database.
fn pinned(directory: &Path) -> PathBuf {
    directory.join("publisher.pub")
}

pub(super) fn update(args: &UpdateArgs, directory: &Path, quiet: bool) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let change = Change::begin(directory)?;
    let earlier = match change.current().map(|current| &current.origin) {
        Some(Origin::Published { from, .. }) => Some(from.clone()),
        Some(Origin::Built) | None => None,
    };
    let from = args.from.clone().or(earlier).context(
        "it is not known where to update from\nhint: gabion db update PLACE --key KEY, with a directory, https:// or oci:// as the place",
    )?;
    let from =
        if Path::new(&from).is_dir() && !from.starts_with(['/', '.']) { format!("./{from}") } else { from };
    let place: DatabasePlace = from.parse()?;
    // A directory is remembered wherever the next update is started.
    let place = match place {
        DatabasePlace::Directory(path) => DatabasePlace::Directory(std::path::absolute(path)?),
        other => other,
    };
    let key = key(args, directory)?;
    let options = registry_options(&args.remote);
    let mut chunks = place.open(&options, &Quiet)?;
    let progress = Progress::new(quiet, "updating");
    let name = place.to_string();
    let upstream = Upstream { chunks: &mut *chunks, name: &name, key: &key.0, allow_older: args.allow_older };
    let updated = change.update(upstream, now, &mut |event| match event {
        Event::Expected(bytes) => progress.grow(bytes),
        Event::Arrived(bytes) => progress.advance(bytes),
        Event::Done(..) => {}
    });
    let (_, report) = updated.with_context(|| format!("cannot update from {name}"))?;
    drop(progress);
    fs::write(pinned(directory), format!("{}\n", key.1)).context("cannot remember the key")?;
    for (name, updated) in report.segments.iter().filter(|(_, updated)| updated.route != Route::Current) {
        let how = if updated.route == Route::Delta { "what changed" } else { "all of it" };
        output::line(&format!("  {name:<24} {:>10}  {how}", HumanBytes(updated.bytes_fetched).to_string()))?;
    }
    let age = now.duration_since(report.created).as_hours() / 24;
    let age = if age > 7 { format!("; its publisher put it together {age} days ago") } else { String::new() };
    if report.unchanged() {
        let newest = if args.allow_older { "" } else { ", the newest" };
        output::line(&format!("{} is at version {}{newest}{age}", directory.display(), report.sequence))?;
    } else {
        let fetched = HumanBytes(report.bytes_fetched());
        output::line(&format!(
            "{} is at version {} now, {fetched} fetched{age}",
            directory.display(),
            report.sequence
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who is believed: the key that is remembered, or that the user gives; and the line of it.
fn key(args: &UpdateArgs, directory: &Path) -> anyhow::Result<(minisign::PublicKey, String)> {
    let known = fs::read_to_string(pinned(directory)).ok();
    let given = args.key.as_ref().map(|key| {
        if Path::new(key).is_file() {
            fs::read_to_string(key).with_context(|| format!("cannot read {key}"))
        } else {
            Ok(key.clone())
        }
    });
    let text = match (known, given.transpose()?) {
        (None, None) => bail!(
            "it is not known whose signature to accept\nhint: give the publisher's public key with --key; it is remembered"
        ),
        (Some(known), None) => known,
        (None, Some(given)) => given,
        (Some(known), Some(given)) => {
            if known.parse::<minisign::PublicKey>()? != given.parse()? && !args.new_key {
                bail!(
                    "the database was signed by another key until now\nhint: if the publisher has a new key, say --new-key"
                );
            }
            given
        }
    };
    let line = text.trim().lines().next_back().unwrap_or_default().trim().to_owned();
    Ok((line.parse()?, line))
}

pub(super) fn sign(args: &SignArgs, directory: &Path) -> anyhow::Result<ExitCode> {
    let secret =
        fs::read_to_string(&args.key).with_context(|| format!("cannot read {}", args.key.display()))?;
    let password = std::env::var("GABION_DB_PASSWORD").ok();
    let store = super::store(directory)?;
    let comment = format!("gabion database of {}", store.current().created);
    let manifest = store.publish(&args.output, args.keep, |bytes| {
        Ok(minisign::sign(bytes, &secret, password.as_deref(), &comment)?)
    })?;
    output::line(&format!("version {} is in {}", manifest.sequence, args.output.display()))?;
    for offer in &manifest.segments {
        let deltas = offer.older.iter().filter(|older| older.delta.is_some()).count();
        output::line(&format!(
            "  {:<24} {:>10}, from {deltas} earlier versions by what changed",
            offer.name,
            HumanBytes(offer.file.size).to_string()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn push(
    directory: &Path,
    place: &str,
    remote: &DbRemote,
    quiet: bool,
) -> anyhow::Result<ExitCode> {
    let DatabasePlace::Registry(reference) = place.parse()? else {
        bail!(
            "{place}: only a registry is pushed to: oci://HOST/NAME[:TAG]; copy the directory anywhere else"
        );
    };
    let progress = Progress::new(quiet, "pushing");
    let digest = push_artifact(directory, &reference, &registry_options(remote), &progress)?;
    drop(progress);
    output::line(&format!("oci://{reference} is {digest}"))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn keygen(file: &Path) -> anyhow::Result<ExitCode> {
    let password = std::env::var("GABION_DB_PASSWORD").ok().filter(|password| !password.is_empty());
    let public = PathBuf::from(format!("{}.pub", file.display()));
    let (secret, shared) = minisign::generate(password.as_deref())?;
    let write = |path: &Path, text: &str, mode: u32| -> anyhow::Result<()> {
        // An existing key is never overwritten: nobody could update from what it signed.
        let mut out = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(out.write_all(text.as_bytes())?)
    };
    write(file, &secret, 0o600)?;
    write(&public, &shared, 0o644)?;
    let protected = if password.is_some() { "protected by GABION_DB_PASSWORD" } else { "without a password" };
    output::line(&format!("{}: the secret key, {protected}", file.display()))?;
    output::line(&format!(
        "{}: for those who update from you: {}",
        public.display(),
        shared.lines().last().unwrap_or_default()
    ))?;
    Ok(ExitCode::SUCCESS)
}
