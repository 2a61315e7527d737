//! `gabion db`: the database of vulnerabilities.

pub(crate) mod cli;

mod affected;
mod build;
mod differ;
mod search;
mod share;
mod status;

use crate::output;
use anyhow::{Context, anyhow, bail};
use cli::{DbArgs, DbCommand, DbRemote};
use gabion_advisory::{
    Database,
    database::Source,
    store::{Store, StoreError},
};
use gabion_image::source::registry::RegistryOptions;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

pub(crate) fn run(args: &DbArgs) -> anyhow::Result<ExitCode> {
    let directory = || directory(args.db.as_deref());
    match &args.command {
        DbCommand::Build(build) => {
            build::run(build, &build.output.clone().map_or_else(directory, Ok)?, args.quiet)
        }
        DbCommand::Remove { sources } => build::remove(sources, &directory()?),
        DbCommand::Update(update) => share::update(update, &directory()?, args.quiet),
        DbCommand::Status { format } => status::run(&directory()?, *format),
        DbCommand::Search { query, format } => search::run(&open(&directory()?)?, query, *format),
        DbCommand::Diff { old, new, format } => {
            let new = new.clone().map_or_else(directory, Ok)?;
            differ::run(&open(old)?, &open(&new)?, *format)
        }
        DbCommand::Verify => status::verify(&directory()?, args.quiet),
        DbCommand::Sign(sign) => share::sign(sign, &directory()?),
        DbCommand::Push { directory, place, remote } => share::push(directory, place, remote, args.quiet),
        DbCommand::Keygen { file } => share::keygen(file),
        DbCommand::Affected(affected) => affected::run(affected, &directory()?, args.quiet),
    }
}

/// Where the database is: the option, else below the user's data directory.
pub(crate) fn directory(option: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(directory) = option.filter(|path| !path.as_os_str().is_empty()) {
        return Ok(std::path::absolute(directory)?);
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("gabion/db"))
        .context("there is no home directory for the database; name one with --db")
}

/// Opens a database that must be there.
pub(crate) fn open(directory: &Path) -> anyhow::Result<Database> {
    from_store(store(directory)?)
}

fn store(directory: &Path) -> anyhow::Result<Store> {
    Store::open(directory).map_err(|error| {
        let hint = match &error {
            StoreError::Absent(_) => {
                "scans use the starter records until there is one. Make one: gabion db build --from osv=FILE, or gabion db update PLACE --key KEY"
            }
            _ => "fetch or build it again: gabion db update, gabion db build",
        };
        let error = anyhow::Error::new(error);
        anyhow!("the database cannot be used: {error:#}\nhint: {hint}")
    })
}

pub(crate) fn from_store(store: Store) -> anyhow::Result<Database> {
    let sources = store.into_segments().into_iter().map(Source::new).collect::<Result<_, _>>()?;
    Ok(Database::new(sources))
}

/// Opens the database that a scan uses; none if the user wants none. Where there is none yet, the starter serves.
pub(crate) fn for_scan(option: Option<&Path>) -> anyhow::Result<Option<Database>> {
    let option = option.filter(|path| !path.as_os_str().is_empty());
    if option == Some(Path::new("none")) {
        return Ok(None);
    }
    let directory = directory(option);
    if let Ok(directory) = &directory
        && (option.is_some() || !matches!(Store::open(directory), Err(StoreError::Absent(_))))
    {
        return open(directory).map(Some);
    }
    Ok(Some(gabion_advisory::starter::database()?))
}

/// When the database that scans use was built; none if the starter serves.
pub(crate) fn built() -> anyhow::Result<Option<jiff::Timestamp>> {
    let named = std::env::var_os("GABION_DB").map(PathBuf::from);
    let directory = directory(named.as_deref())?;
    match Store::open(&directory) {
        Err(StoreError::Absent(_)) => Ok(None),
        _ => Ok(Some(store(&directory)?.current().created)),
    }
}

/// How to fetch and push.
fn registry_options(remote: &DbRemote) -> RegistryOptions {
    RegistryOptions {
        insecure: remote.registry_insecure.clone(),
        authorities: remote.registry_ca.clone(),
        keychain: gabion_image::source::auth::Keychain::from_env(&|name| std::env::var_os(name)),
        ..RegistryOptions::default()
    }
}

/// What a text of the user must be.
fn must_exist(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        bail!("{} does not exist", path.display());
    }
    Ok(())
}

/// Prints JSON for programs.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    output::line(&serde_json::to_string_pretty(value)?)?;
    Ok(ExitCode::SUCCESS)
}
