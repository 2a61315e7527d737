//! `gabion status`: how the agent of this node does.

use crate::{
    clock,
    control::{self, AgentSocket, Request, Status},
    db::cli::TextFormat,
    output,
};
use clap::Args;
use gabion_report::text::count;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    format: TextFormat,
    #[command(flatten)]
    agent: AgentSocket,
}

pub(crate) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let status: Status = control::ask(&args.agent.socket, &Request::Status)?;
    match args.format {
        TextFormat::Json => output::line(&serde_json::to_string_pretty(&status)?)?,
        TextFormat::Table => output::line(table(&status).trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(status: &Status) -> String {
    let [learning, proposed, locked] = status.baselines;
    let mut lines = vec![
        format!(
            "agent       {}, process {}, since {} UTC",
            status.version,
            status.pid,
            clock::utc(status.since)
        ),
        format!("rules       {}, read {} UTC", status.rules, clock::utc(status.rules_since)),
        format!("watches     {}", count(status.containers as u64, "container")),
        format!(
            "told        {}, {}",
            count(status.alerts, "alert"),
            count(status.incidents as u64, "open incident")
        ),
        format!("baselines   {learning} learning, {proposed} proposed, {locked} locked"),
        format!("saw         {}, {} left out on purpose", count(status.events, "event"), status.left_out),
        format!("memory      {} MB", status.memory >> 20),
    ];
    if !status.configuration.is_empty() {
        lines.push(format!("rolled out  {} of the hub", output::printable(&status.configuration)));
    }
    if !status.configuration_refused.is_empty() {
        lines.push(format!(
            "refused     what the hub rolled out: {}",
            output::printable(&status.configuration_refused)
        ));
    }
    match (status.responses_on, status.responses) {
        (true, 0) => {}
        (true, lasting) => lines.push(format!("responses   {lasting} in force (gabion respond list)")),
        (false, lasting) => {
            lines.push(format!("responses   switched off (gabion respond on), {lasting} in force"));
        }
    }
    if status.followers > 0 {
        lines.push(format!("followed by {}", status.followers));
    }
    if status.gaps.is_empty() && status.unused.is_empty() {
        lines.push("gaps        none: nothing was lost".to_owned());
    }
    for (number, what) in &status.gaps {
        lines.push(format!("gap         {number} {}", output::printable(what)));
    }
    for [feature, reason, without] in &status.unused {
        lines.push(format!("not used    {feature}: {}: {without}", output::printable(reason)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_and_none_is_told_too() {
        let mut status = Status {
            version: "1.2.3".to_owned(),
            pid: 7,
            since: 1_700_000_000_000_000_000,
            rules: 46,
            rules_since: 1_700_000_000_000_000_000,
            containers: 1,
            alerts: 2,
            incidents: 1,
            baselines: [1, 0, 3],
            followers: 0,
            events: 1000,
            left_out: 10,
            responses: 0,
            responses_on: true,
            gaps: Vec::new(),
            unused: Vec::new(),
            memory: 33 << 20,
            configuration: String::new(),
            configuration_refused: String::new(),
        };
        insta::assert_snapshot!(table(&status), @r"
        agent       1.2.3, process 7, since 2023-11-14 22:13:20.000 UTC
        rules       46, read 2023-11-14 22:13:20.000 UTC
        watches     1 container
        told        2 alerts, 1 open incident
        baselines   1 learning, 0 proposed, 3 locked
        saw         1,000 events, 10 left out on purpose
        memory      33 MB
        gaps        none: nothing was lost
        ");
        status.gaps.push((12, "events lost: no buffer was free".to_owned()));
        let told = table(&status);
        assert!(told.ends_with("gap         12 events lost: no buffer was free"), "{told}");
        assert!(!told.contains("none"), "{told}");
    }
}
