//! The packages: how many of each ecosystem, or every one.

use super::page::{Page, pad, style};
use crate::{subject, text};
use gabion_model::{Package, PackageKind, ScanReport};
use std::{cmp::Reverse, io};

/// The widest that the columns of name and version become; a longer one pushes the rest of its line.
const NAME: usize = 44;
const VERSION: usize = 28;

/// Writes the section; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let packages = &report.packages;
    page.heading("PACKAGES", &text::thousands(packages.len() as u64))?;
    if packages.is_empty() {
        return Ok(false);
    }
    let owned = packages.iter().filter(|p| p.owned_by.is_some()).count() as u64;
    let mut kinds: Vec<(usize, PackageKind)> = PackageKind::ALL
        .into_iter()
        .map(|kind| (packages.iter().filter(|p| p.kind == kind).count(), kind))
        .filter(|(n, _)| *n > 0)
        .collect();
    kinds.sort_by_key(|&(n, kind)| (Reverse(n), kind));
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(n, kind)| format!("{} {}", text::thousands(n as u64), kind.as_str()))
        .collect();
    let mut summary = kinds.join(", ");
    if owned > 0 {
        let verb = if owned == 1 { "belongs" } else { "belong" };
        let owned = text::thousands(owned);
        summary = format!("{summary}; {owned} {verb} to packages of the distribution");
    }
    page.block(&[(style::PLAIN, "  ")], style::PLAIN, &summary)?;
    if !all {
        return Ok(true);
    }
    let widest = |field: fn(&Package) -> &str, most: usize| {
        let widths = packages.iter().map(|p| text::width(&text::safe(field(p))));
        widths.max().unwrap_or(0).min(most) + 2
    };
    let name = widest(|p| &p.name, NAME);
    let version = widest(|p| &p.version, VERSION);
    page.blank()?;
    for package in packages {
        let place = place(report, package);
        page.line(&[
            (style::PLAIN, "  "),
            (style::DIM, &pad(package.kind.as_str(), 10)),
            (style::PLAIN, &pad(&package.name, name)),
            (style::PLAIN, &pad(&package.version, version)),
            (style::DIM, &place),
        ])?;
    }
    Ok(false)
}

/// `layer 4f0d5a6b7c8d, in app/x.jar, owned by deb python3`.
fn place(report: &ScanReport, package: &Package) -> String {
    let mut parts = Vec::new();
    if let Some(layer) = subject::layer(report, package.layer) {
        parts.push(format!("layer {}", layer.diff_id.short()));
    }
    match (&package.owned_by, package.locations.first()) {
        (Some(owner), _) => parts.push(format!("owned by {} {}", owner.kind.as_str(), owner.name)),
        // Packages of the distribution are all in its database.
        (None, Some(location)) if !package.kind.is_os() => parts.push(format!("in {}", location.path)),
        _ => {}
    }
    parts.join(", ")
}
