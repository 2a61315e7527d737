//! `gabion scan`.

pub(crate) mod hub;

use crate::{
    cli::{Common, ScanArgs},
    clock, db, output,
    progress::Progress,
    saved, storage,
    target::{self, Temporary},
    verdict::{self, Verdict},
};
use anyhow::{anyhow, bail};
use gabion_image::{
    cache::Cache,
    caps::Limits,
    scan::{self, ScanError, Scanned},
    source::Platform,
    worker::{Job, LayerKey, SbomContent, Work},
};
use gabion_model::ScanReport;
use gabion_report::{Format, Options};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

pub(crate) fn run(args: &ScanArgs) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    output::check(&args.outputs)?;
    let verdict = Verdict::read(&args.verdict)?;
    let hub = hub::wanted(&args.hub, "scanner")?;
    let cache = usable_cache(&args.common)?;
    let mut scanned = one(&args.target, &args.common, cache.as_ref(), !args.no_secrets, false)?;
    let answered = if let Some(hub) = &hub {
        Some(hub::ask(hub, &mut scanned.report, args.common.quiet)?)
    } else {
        let db = args.db.as_deref().or(verdict.db.as_deref());
        match_vulnerabilities(&mut scanned.report, db)?;
        None
    };
    let now = scanned.report.created;
    verdict.suppress(&mut scanned.report, now, args.common.quiet);
    let (of_hub, exceptions) =
        answered.map_or_else(Default::default, |answered| (answered.gates, answered.exceptions));
    scanned.report.exceptions.extend(exceptions);
    // The table has them.
    if !args.common.quiet && args.format != Format::Table {
        verdict::tell_exceptions(&scanned.report);
    }
    let mut gates = verdict.results(&scanned.report, now);
    gates.extend(of_hub);
    let all = &scanned.report;
    let left = verdict.filtered(all);
    let report = left.as_ref().unwrap_or(all);
    // Kept while it is told: it is as much work.
    std::thread::scope(|scope| -> anyhow::Result<()> {
        if let Some(cache) = &cache {
            scope.spawn(|| saved::keep(cache, all));
        }
        if let Some(path) = &args.vex_output {
            verdict::write_vex(all, &args.vex_author, now, path)?;
        }
        let color = output::color(args.common.color);
        let options = Options { color, all: args.all, width: output::width(), gates: &gates };
        for file in &args.outputs {
            output::write(report, file.format, &Options { color: false, all: true, ..options }, &file.path)?;
        }
        output::print(report, args.format, &options)
    })?;
    let failed: Vec<_> = gates.iter().filter(|gate| !gate.passed).collect();
    for gate in &failed {
        output::note(&format!("gate failed: {}: {}", gate.gate, gate.detail));
    }
    if args.common.stats {
        let own = scan::own_peak_kib();
        let mib = |kib: u64| format!("{}.{} MB", kib / 1024, kib % 1024 * 10 / 1024);
        output::note(&format!(
            "{:.3} s, peak memory {} (this process {}, analysis process {})",
            start.elapsed().as_secs_f64(),
            mib(own + scanned.worker_peak_kib),
            mib(own),
            mib(scanned.worker_peak_kib),
        ));
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Matches the packages of a report against the database.
pub(crate) fn match_vulnerabilities(report: &mut ScanReport, db: Option<&Path>) -> anyhow::Result<()> {
    if let Some(database) = db::for_scan(db)? {
        gabion_advisory::evaluate::evaluate(report, &database, report.created)?;
    }
    Ok(())
}

/// Scans one target; with the index of all files if that is wanted.
pub(crate) fn one(
    argument: &str,
    common: &Common,
    cache: Option<&Cache>,
    secrets: bool,
    index: bool,
) -> anyhow::Result<Scanned> {
    prepare(argument, common, cache, secrets, index)?.scan(None)
}

/// A target that is on this machine, to be scanned.
pub(crate) struct Prepared<'a> {
    argument: &'a str,
    common: &'a Common,
    cache: Option<&'a Cache>,
    job: Job,
    /// Removed when the scan is over.
    _temporary: Option<Temporary>,
}

/// Brings a target here.
pub(crate) fn prepare<'a>(
    argument: &'a str,
    common: &'a Common,
    cache: Option<&'a Cache>,
    secrets: bool,
    index: bool,
) -> anyhow::Result<Prepared<'a>> {
    let temporary = cache.map_or_else(std::env::temp_dir, |c| c.root().join("tmp"));
    let now = clock::now()?;
    let platform = common.platform.as_deref().map(target::parse_platform).transpose()?;
    let local = target::bring(argument, common, cache, now)?;
    let job = Job {
        work: local.work,
        source: local.source,
        reference: local.reference,
        platform: platform.as_ref().map(Platform::to_string),
        secrets,
        index,
        verify: common.verify,
        keys: false,
        given: None,
        now,
        limits: Limits {
            layer: common.max_layer_size.saturating_mul(1 << 30),
            entries: common.max_entries,
            facts: common.max_entries,
            ..Limits::DEFAULT
        },
        // More threads than this only cost memory and descriptors.
        jobs: common
            .jobs
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
            .min(256),
        cache: cache.map(|c| c.root().to_owned()),
        temporary,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(Prepared { argument, common, cache, job, _temporary: local.temporary })
}

impl Prepared<'_> {
    /// Which layers it has; nothing of them is read.
    pub(crate) fn layers(&self) -> anyhow::Result<Vec<LayerKey>> {
        scan::layers(&self.job, worker()).map_err(told)
    }

    /// Scans it; with what others know of its layers, as in a cache.
    pub(crate) fn scan(mut self, given: Option<PathBuf>) -> anyhow::Result<Scanned> {
        self.job.given = given;
        let progress = Progress::new(self.common.quiet, "scanning");
        let result = scan::run(&self.job, worker(), &mut |done, total| progress.set(done, total));
        drop(progress);
        let mut scanned = result.map_err(told)?;
        if self.is_there_still()? {
            scanned.keep();
        }
        if let Some(error) = scanned.cache_error.as_ref().filter(|_| !self.common.quiet) {
            output::note(&format!("note: results could not be kept in the cache: {error}"));
        }
        Ok(scanned)
    }

    /// Of directories that a runtime removes while they are read nobody knows how much was there. It never gives another the same name. False
    /// if there are none.
    fn is_there_still(&self) -> anyhow::Result<bool> {
        let Work::Snapshots { layers, .. } = &self.job.work else { return Ok(false) };
        let again = target::bring(self.argument, self.common, self.cache, self.job.now)?;
        match again.work {
            Work::Snapshots { layers: now, .. } if now == *layers => Ok(true),
            _ => bail!("the image was removed, or unpacked anew, while it was read"),
        }
    }
}

fn told(error: ScanError) -> anyhow::Error {
    match error {
        ScanError::Refused { message, hint: Some(hint) } => anyhow!("{message}\nhint: {hint}"),
        // As text: its sources are in it already, and would be told twice.
        other => anyhow!("{other}"),
    }
}

/// This very program, as the analysis process.
fn worker() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg(crate::WORKER);
    command
}

/// The cache. One that the user named must be usable; without the usual one (no home directory, or one that is not
/// writable, as for a service or in CI) the scan goes on, only slower.
pub(crate) fn usable_cache(common: &Common) -> anyhow::Result<Option<Cache>> {
    if common.no_cache {
        return Ok(None);
    }
    let created = storage::directory(common.cache_dir.as_ref()).and_then(|directory| {
        let cache = Cache::new(directory);
        cache.create().map_err(|e| {
            anyhow!(
                "cannot create the cache in {}: {e}\nhint: name another with --cache-dir, or use --no-cache",
                cache.root().display()
            )
        })?;
        Ok(cache)
    });
    match created {
        Ok(cache) => Ok(Some(cache)),
        Err(error) if common.cache_dir.is_some() => Err(error),
        Err(error) => {
            if !common.quiet {
                output::note(&format!("note: nothing is kept for the next scan: {error}"));
            }
            Ok(None)
        }
    }
}

/// Reads an SBOM; runs in the worker.
pub(crate) fn sbom_reader(bytes: &[u8]) -> Result<SbomContent, String> {
    let content = gabion_report::read_sbom(bytes).map_err(|e| e.to_string())?;
    let gabion_report::SbomContent { packages, os, gaps, skipped, .. } = content;
    Ok(SbomContent { packages, os, gaps, skipped })
}
