//! `gabion policy`: policies tried on saved scans.

use crate::{clock, db::cli::TextFormat, output, saved, verdict};
use clap::{Args, Subcommand};
use gabion_policy::{DEFAULT_POLICY, Decision, Owners, Policy, decide};
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Say what a policy decides of saved scans; exit with 1 if it stops any of them
    Test {
        /// The policy, or `default`
        policy: PathBuf,
        /// Reports that `scan --format json` wrote
        #[arg(required = true)]
        scans: Vec<PathBuf>,
        /// Whose images are, for rules that are for some owners only (see docs/exceptions.md)
        #[arg(long, value_name = "FILE", env = "GABION_OWNERS")]
        owners: Option<PathBuf>,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Say whether policies can be read
    Check {
        /// The policies
        #[arg(required = true)]
        policies: Vec<PathBuf>,
    },
    /// Print the default policy, to start your own from
    Show,
}

#[derive(Serialize)]
struct Tested {
    scan: String,
    #[serde(flatten)]
    decision: Decision,
}

pub(crate) fn run(args: &PolicyArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        PolicyCommand::Show => output::line(DEFAULT_POLICY.trim_end())?,
        PolicyCommand::Check { policies } => {
            for path in policies {
                let policy = verdict::read_policy(path)?;
                let rules = gabion_report::text::count(policy.rules.len() as u64, "rule");
                output::line(&format!("{}: {rules}", path.display()))?;
            }
        }
        PolicyCommand::Test { policy, scans, owners, format } => {
            let owners = owners.as_deref().map(verdict::read_owners).transpose()?;
            return test(&verdict::read_policy(policy)?, owners.as_ref(), scans, *format);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(
    policy: &Policy,
    owners: Option<&Owners>,
    scans: &[PathBuf],
    format: TextFormat,
) -> anyhow::Result<ExitCode> {
    let now = clock::now()?;
    let mut tested = Vec::new();
    for path in scans {
        let report = saved::read(path)?;
        let decision = decide(&report, policy, owners, now);
        tested.push(Tested { scan: path.display().to_string(), decision });
    }
    match format {
        TextFormat::Json => output::line(&serde_json::to_string_pretty(&tested)?)?,
        TextFormat::Table => {
            for Tested { scan, decision } in &tested {
                output::line(&format!(
                    "{}\n{}",
                    output::printable(scan),
                    verdict::told(decision).join("\n")
                ))?;
            }
        }
    }
    Ok(if tested.iter().all(|one| one.decision.passed) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
