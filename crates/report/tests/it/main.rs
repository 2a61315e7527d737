//! The public surface of the crate: what each format looks like, that it is valid by its official schema, that
//! no string can break it, and that an SBOM of ours is read back as what it was.

mod hostile;
mod roundtrip;
mod sample;
mod schemas;
mod snapshots;

use gabion_model::ScanReport;
use gabion_report::{Format, Options, render};

/// Renders into a string.
fn text(report: &ScanReport, format: Format, options: &Options<'_>) -> String {
    let mut out = Vec::new();
    render(report, format, options, &mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("every format is UTF-8")
}

/// Renders with the default options.
fn plain(report: &ScanReport, format: Format) -> String {
    text(report, format, &Options::default())
}
