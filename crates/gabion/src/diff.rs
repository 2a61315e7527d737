//! `gabion diff`: what changed between two images. Not written yet.

use crate::cli::DiffArgs;
use std::process::ExitCode;

pub(crate) fn run(_args: &DiffArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not written yet")
}
