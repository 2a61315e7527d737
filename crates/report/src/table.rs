//! The report for a person at a terminal: the verdict first, then what matters most, then what was not seen.
//!
//! ```text
//!   verdict     counts by severity, coverage, gates             can be read alone
//!   header      target, image, operating system, database
//!   upgrades    vulnerabilities by package and fixed version    (vulnerabilities)
//!   findings    secrets, misconfigurations, ...; worst first    (findings)
//!   excepted    with `all`, what does not count, and why        (excepted)
//!   exceptions  those that expire, have expired, do nothing     (excepted)
//!   packages    counts by ecosystem, with `all` every one       (packages)
//!   coverage    every aspect, with reasons                      (coverage)
//!   hints       how to see the rest
//! ```
//!
//! "No problems" is said only when coverage is full. Everything else that has no findings has none *in what
//! was looked at*, and says what was not.

mod coverage;
mod excepted;
mod findings;
mod packages;
mod page;
mod verdict;
mod vulnerabilities;

use crate::{Options, text};
use gabion_model::{DataSource, ScanReport, Verification, os::EndOfLife};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use page::{Page, style};
use std::io;

/// Writes the report.
pub(crate) fn render(report: &ScanReport, options: &Options<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, options);
    verdict::write(&mut page, report, options)?;
    header(&mut page, report)?;
    let mut cut = vulnerabilities::write(&mut page, report, options.all)?;
    cut |= findings::write(&mut page, report, options.all)?;
    cut |= excepted::write(&mut page, report, options.all)?;
    cut |= excepted::standings(&mut page, report, options.all)?;
    cut |= packages::write(&mut page, report, options.all)?;
    cut |= coverage::write(&mut page, report, options.all)?;
    hints(&mut page, cut)
}

fn header(page: &mut Page<'_>, report: &ScanReport) -> io::Result<()> {
    let target = &report.target;
    page.blank()?;
    page.field("target", &format!("{} ({})", target.reference, target.source))?;
    if let Some(image) = &target.image {
        page.field("image", &image.config.to_string())?;
        if let Some(manifest) = image.manifest {
            page.field("manifest", &manifest.to_string())?;
        }
        let other_tags: Vec<&str> =
            image.tags.iter().map(String::as_str).filter(|tag| *tag != target.reference).collect();
        if !other_tags.is_empty() {
            page.field("tags", &other_tags.join(", "))?;
        }
    }
    let mut size = Vec::new();
    size.extend(target.image.as_ref().map(|image| image.platform.clone()));
    if !report.layers.is_empty() {
        let stored = report.layers.iter().fold(0u64, |sum, layer| sum.saturating_add(layer.size));
        let layers = text::count(report.layers.len() as u64, "layer");
        // An unpacked snapshot has no blobs whose size could be told.
        size.push(match stored {
            0 => layers,
            stored => format!("{} in {layers}", text::bytes(stored)),
        });
    }
    let files = text::count(report.files.entries, "file");
    size.push(format!("{files} with {}", text::bytes(report.files.bytes)));
    page.field("size", &size.join(", "))?;
    if let Some(image) = &target.image {
        match image.verification {
            Verification::Verified => page.field("content", "verified against its digests")?,
            Verification::VerifiedEarlier => {
                page.field("content", "verified against its digests by an earlier scan, unchanged since")?;
            }
            Verification::UnverifiedSnapshot => page.styled_field(
                "content",
                style::WARNING,
                "not verified: read from the runtime's unpacked copy, which has no digests",
            )?,
        }
    }
    if let Some(os) = &report.os {
        // A distroless image calls itself so, whatever it is made of.
        let distro = os.distro();
        let named = os.name.to_lowercase().contains(&os.id.to_lowercase());
        let name = if named { os.name.clone() } else { format!("{} ({distro})", os.name) };
        page.field("os", &name)?;
        if let Some(end) = &os.end_of_life {
            let style = if end.passed { style::WARNING } else { style::PLAIN };
            let today = report.created.to_zoned(TimeZone::UTC).date();
            page.styled_field("", style, &support(end, today))?;
        }
    }
    if !report.database.is_empty() {
        page.field("database", &database(&report.database, report.created))?;
    }
    let confinement = [("landlock", &report.isolation.landlock), ("seccomp", &report.isolation.seccomp)];
    for (name, state) in confinement {
        if !state.is_empty() && !state.starts_with("enforced") {
            page.styled_field("sandbox", style::WARNING, &format!("{name} {state}"))?;
        }
    }
    Ok(())
}

/// `security support ended on 2026-07-11; LTS until 2028-06-30; ELTS (commercial) until 2033-06-30`.
fn support(end: &EndOfLife, today: Date) -> String {
    let mut parts = vec![("security support".to_owned(), end.date)];
    parts.extend(end.extensions.iter().map(|extension| {
        let cost = if extension.free { "" } else { " (commercial)" };
        (format!("{}{cost}", extension.name), extension.until)
    }));
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(name, until)| {
            let ended = if until < today { "ended on" } else { "until" };
            format!("{name} {ended} {until}")
        })
        .collect();
    let lead = if end.passed { "END OF LIFE: " } else { "" };
    format!("{lead}{}", parts.join("; "))
}

/// `cisa-kev 2 days old, debian 4 hours old, govulndb of unknown age`.
fn database(sources: &[DataSource], now: Timestamp) -> String {
    let sources = sources.iter().map(|source| {
        let Some(as_of) = source.as_of else { return format!("{} of unknown age", source.name) };
        let hours = now.duration_since(as_of).as_hours();
        let age = match u64::try_from(hours) {
            Err(_) => return format!("{} of the future ({as_of})", source.name),
            Ok(hours @ 0..48) => text::count(hours, "hour"),
            Ok(hours) => text::count(hours / 24, "day"),
        };
        format!("{} {age} old", source.name)
    });
    sources.collect::<Vec<_>>().join(", ")
}

fn hints(page: &mut Page<'_>, cut: bool) -> io::Result<()> {
    page.blank()?;
    if cut {
        page.hint("gabion scan --all", "every finding, package and reason")?;
    }
    page.hint("gabion scan --format FORMAT", "json, cyclonedx, spdx, sarif, junit, markdown")
}
