//! `gabion cache`: what earlier scans kept.

use crate::{
    cli::{CacheArgs, CacheCommand},
    clock, output,
};
use anyhow::Context;
use gabion_image::cache::Cache;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Where the cache is: the option, else below the user's cache directory.
pub(crate) fn directory(option: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(directory) = option {
        return Ok(std::path::absolute(directory)?);
    }
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("gabion"))
        .context("there is no home directory for the cache; name one with --cache-dir, or use --no-cache")
}

pub(crate) fn run(args: &CacheArgs) -> anyhow::Result<ExitCode> {
    let root = directory(args.cache_dir.as_ref())?;
    let cache = Cache::new(&root);
    let fail = || format!("cannot read the cache in {}", root.display());
    match &args.command {
        None | Some(CacheCommand::Show) => {
            output::line(&format!("{}", root.display()))?;
            let mut all = 0;
            for (name, count, bytes) in cache.usage().with_context(fail)? {
                output::line(&format!("  {name:<8} {count:>8} entries {:>10}", size(bytes)))?;
                all += bytes;
            }
            output::line(&format!("  {:<8} {:>8}         {:>10}", "total", "", size(all)))?;
        }
        Some(CacheCommand::Prune { older_than, all }) => {
            let days = if *all { 0 } else { *older_than };
            let now = clock::now()?.into();
            let (count, bytes) = cache.prune(now, Duration::from_secs(days * 86_400)).with_context(fail)?;
            output::line(&format!("removed {count} entries, {}", size(bytes)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
