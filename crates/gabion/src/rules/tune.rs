//! `gabion rules tune`: from an alert that is none to the exception of its rule.

use crate::{agent, clock, journal, output};
use anyhow::Context;
use clap::Args;
use gabion_detect::{
    alert::{DEPARTURE, RULING},
    engine::Fields,
    rules::{RuleFile, load},
    tune::Proposal,
};
use gabion_report::text::count;
use std::{fs, path::PathBuf, process::ExitCode};

/// How many alerts that would be silenced are listed.
const LISTED: usize = 10;

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// The number of the alert (gabion alerts)
    alert: u64,
    /// Make the exception of these fields, instead of those that stay the same over replicas; may be repeated
    #[arg(long, value_name = "FIELD", value_delimiter = ',')]
    field: Vec<String>,
    /// Write the exception to a file, for `gabion agent --rules`; it is added if the file is there
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the agent keeps alerts
    #[arg(long, value_name = "DIR", default_value = agent::STATE, env = "GABION_STATE")]
    state: PathBuf,
}

pub(super) fn run(args: &TuneArgs) -> anyhow::Result<ExitCode> {
    let all = journal::read(&args.state, usize::MAX, |_| true)?;
    let alert = all.alerts.iter().find(|kept| kept.id == args.alert);
    let alert = alert.with_context(|| format!("there is no alert {}\nhint: gabion alerts", args.alert))?;
    if alert.rule == DEPARTURE {
        anyhow::bail!(
            "alert {} departs from a baseline, not from a rule\nhint: gabion baseline diff",
            alert.id
        );
    }
    if alert.rule == RULING {
        anyhow::bail!(
            "alert {} is of a policy, not of a rule\nhint: change the policy (docs/enforcement.md)",
            alert.id
        );
    }
    let proposal = Proposal::new(&alert.rule, &alert.facts, &args.field)?;
    let yaml = proposal.yaml(&format!("alert_{}", alert.id));
    check(&alert.rule, &yaml)?;
    let of_rule: Vec<_> = all.alerts.iter().filter(|kept| kept.rule == alert.rule).collect();
    let silenced: Vec<_> = of_rule.iter().filter(|kept| proposal.silences(&kept.rule, &kept.facts)).collect();
    output::line(yaml.trim_end())?;
    output::note(&format!(
        "\nIt would have silenced {} of {} of this rule that are kept:",
        silenced.len(),
        count(of_rule.len() as u64, "alert"),
    ));
    for kept in silenced.iter().rev().take(LISTED) {
        let (time, message) = (clock::utc(kept.time), output::printable(&kept.message));
        output::note(&format!("{:>5}  {time}  {message}", kept.id));
    }
    if silenced.len() > LISTED {
        output::note(&format!("       and {} more", silenced.len() - LISTED));
    }
    if let Some(path) = &args.output {
        let mut text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&yaml);
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        output::note(&format!("written to {}; gabion reload makes the agent use it", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether the exception can be loaded beside a rule of that name.
fn check(rule: &str, yaml: &str) -> anyhow::Result<()> {
    let stand_in = serde_json::json!([{
        "rule": rule, "desc": "d", "condition": "evt.type = execve", "output": "o", "priority": "DEBUG",
    }]);
    let file = |text: String| RuleFile { name: "the exception".to_owned(), content: Ok(text.into_bytes()) };
    let loaded = load(&[file(stand_in.to_string()), file(yaml.to_owned())], &Fields);
    match loaded.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        Some(error) => anyhow::bail!("no exception can be made of this alert: {}", error.message),
        None => Ok(()),
    }
}
