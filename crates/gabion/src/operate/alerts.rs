//! `gabion alerts`: what rules and baselines have told, from the agent's journal, or as it comes.

use crate::{
    agent,
    alert::AlertFormat,
    clock,
    control::{self, AgentSocket, Request},
    journal::{self, Kept},
    output,
};
use clap::Args;
use jiff::SignedDuration;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct AlertsArgs {
    /// Follow them as they come, instead of listing those that came
    #[arg(short = 'F', long)]
    follow: bool,
    /// List no more than the last so many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, conflicts_with = "follow")]
    last: usize,
    /// Only those of a rule whose name has this in it
    #[arg(long, value_name = "TEXT", conflicts_with = "follow")]
    rule: Option<String>,
    /// Only those of a container whose name has this in it
    #[arg(long, value_name = "TEXT", conflicts_with = "follow")]
    container: Option<String>,
    /// Only those of this incident
    #[arg(long, value_name = "ID", conflicts_with = "follow")]
    incident: Option<u64>,
    /// Only those that are not older, such as 1h
    #[arg(long, value_name = "TIME", value_parser = clock::span, conflicts_with = "follow")]
    since: Option<SignedDuration>,
    /// Format: json is Falco's, ocsf only with --follow
    #[arg(short, long, value_enum, default_value = "text")]
    format: AlertFormat,
    /// Where the agent keeps alerts
    #[arg(long, value_name = "DIR", default_value = agent::STATE, env = "GABION_STATE")]
    state: PathBuf,
    #[command(flatten)]
    agent: AgentSocket,
}

pub(crate) fn run(args: &AlertsArgs) -> anyhow::Result<ExitCode> {
    if args.follow {
        control::follow(&args.agent.socket, &Request::Alerts { format: args.format }, super::print)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.format == AlertFormat::Ocsf {
        anyhow::bail!("kept alerts are not OCSF\nhint: gabion agent --output ocsf=FILE, or --follow");
    }
    let now = u64::try_from(clock::now()?.as_nanosecond()).unwrap_or(0);
    let oldest =
        args.since.map_or(0, |span| now.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)));
    let has =
        |part: &Option<String>, text: &str| part.as_ref().is_none_or(|part| text.contains(part.as_str()));
    let found = journal::read(&args.state, args.last, |kept| {
        kept.time >= oldest
            && has(&args.rule, &kept.rule)
            && (args.container.is_none()
                || has(&args.container, kept.container.as_deref().unwrap_or_default()))
            && args.incident.is_none_or(|id| kept.incident == Some(id))
    })?;
    if args.format == AlertFormat::Json {
        for kept in &found.alerts {
            output::line(&kept.falco.to_string())?;
        }
    } else {
        output::line(&table(&found.alerts))?;
    }
    if found.damaged > 0 {
        output::note(&format!("{} lines of the journal are damaged and not listed", found.damaged));
    }
    Ok(ExitCode::SUCCESS)
}

/// Columns before the message.
const FRONT: usize = 57;
/// A message is not cut shorter than this: the container and the program are mostly within it.
const LEAST: usize = 160;

/// A text that fits; json tells all of it.
fn shortened(text: &str, room: usize) -> String {
    match text.char_indices().nth(room) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn table(alerts: &[Kept]) -> String {
    if alerts.is_empty() {
        return "no such alerts".to_owned();
    }
    let room = output::width().saturating_sub(FRONT).max(LEAST);
    let mut lines =
        vec![format!("{:>5}  {:<23}  {:<13}  {:>8}  WHAT", "ID", "TIME (UTC)", "PRIORITY", "INCIDENT")];
    for kept in alerts {
        let incident = kept.incident.map_or_else(|| "-".to_owned(), |id| id.to_string());
        lines.push(format!(
            "{:>5}  {}  {:<13}  {incident:>8}  {}",
            kept.id,
            clock::utc(kept.time),
            kept.priority,
            shortened(&output::printable(&kept.message), room)
        ));
    }
    lines.join("\n")
}
