//! Reports that were saved: JSON of an earlier scan, or an SBOM.

use crate::clock;
use anyhow::{Context, bail};
use gabion_image::cache::Cache;
use gabion_model::{
    Aspect, Coverage, ScanReport, Status,
    scan::{SCHEMA_VERSION, Target},
};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The last scan, in the cache.
const LAST: &str = "last-scan.json";

/// Reads a report of `gabion scan --format json`, or what an SBOM says.
pub(crate) fn parse(bytes: &[u8], file: &Path) -> anyhow::Result<ScanReport> {
    if let Some(version) = version(bytes) {
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        if major(&version) != major(SCHEMA_VERSION) {
            bail!("it is a report in format {version}, this program reads {SCHEMA_VERSION}");
        }
        let mut report: ScanReport =
            serde_json::from_slice(bytes).context("it is no report of this format")?;
        report.check()?;
        return Ok(report);
    }
    let content = gabion_report::read_sbom(bytes)?;
    let packages = Aspect::named("packages");
    let mut coverage = Coverage::default();
    coverage.full(packages.clone());
    content.gaps.into_iter().for_each(|gap| coverage.gap(packages.clone(), gap));
    content.skipped.into_iter().for_each(|reason| coverage.skip(packages.clone(), reason));
    for aspect in [Aspect::FILES, Aspect::SECRETS, Aspect::CONFIG] {
        coverage.set(aspect, Status::NotEvaluated { reason: "an SBOM does not hold it".into() });
    }
    coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    let target = Target { source: "sbom".into(), reference: file.display().to_string(), image: None };
    Ok(ScanReport {
        os: content.os,
        packages: content.packages,
        coverage,
        ..ScanReport::new(target, clock::now()?)
    })
}

/// The version of a report of `gabion scan`; none if it is something else.
fn version(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Shape {
        schema_version: String,
        #[serde(rename = "tool")]
        _tool: serde::de::IgnoredAny,
        #[serde(rename = "findings")]
        _findings: serde::de::IgnoredAny,
    }
    serde_json::from_slice(bytes).ok().map(|Shape { schema_version, .. }| schema_version)
}

/// Whether a file is a report of `gabion scan`, and not something to scan.
pub(crate) fn is_scan(file: &Path) -> bool {
    file.is_file() && fs::read(file).is_ok_and(|bytes| version(&bytes).is_some())
}

/// Reads one from a file.
pub(crate) fn read(file: &Path) -> anyhow::Result<ScanReport> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&bytes, file).with_context(|| file.display().to_string())
}

/// Keeps a scan for `gabion explain`. It is a convenience: where it cannot be written, the scan is no worse.
pub(crate) fn keep(cache: &Cache, report: &ScanReport) {
    let attempt = || -> std::io::Result<()> {
        let temporary = cache.root().join(format!("tmp/{LAST}.{}", std::process::id()));
        let mut out = std::io::BufWriter::new(fs::File::create(&temporary)?);
        serde_json::to_writer(&mut out, report)?;
        std::io::Write::flush(&mut out)?;
        fs::rename(temporary, cache.root().join(LAST))
    };
    let _ = attempt();
}

/// The last scan.
pub(crate) fn last(cache: &Path) -> anyhow::Result<ScanReport> {
    let path: PathBuf = cache.join(LAST);
    if !path.exists() {
        bail!("there is no last scan\nhint: name an image or a saved scan: gabion explain ID IMAGE");
    }
    read(&path)
}
