//! The public surface: what a plan says of made-up images, that its outputs are valid and safe, and that the order of
//! the input never shows.

mod hostile;
mod lineage;
mod outputs;
mod plans;
mod sample;
mod simulation;

use gabion_model::ScanReport;
use gabion_plan::{Options, Plan, Rules, plan};

fn scans(reports: &[ScanReport]) -> Vec<&ScanReport> {
    reports.iter().collect()
}

/// Plans by the rules of the fleet.
fn planned(reports: &[ScanReport]) -> Plan {
    planned_by(reports, &sample::rules(), &Options::default())
}

fn planned_by(reports: &[ScanReport], rules: &Rules<'_>, options: &Options) -> Plan {
    plan(&scans(reports), rules, options)
}
