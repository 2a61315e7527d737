//! `gabion baseline`: what workloads always do, and what they did that is new.

use crate::{
    clock,
    control::{self, AgentSocket, Line, Request},
    db::cli::TextFormat,
    output,
};
use clap::{Args, Subcommand};
use gabion_detect::baseline::{Baseline, Item, Seen, State};
use gabion_report::text::count;
use serde_json::Value;
use std::{collections::BTreeMap, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    command: BaselineCommand,
    #[command(flatten)]
    agent: AgentSocket,
}

#[derive(Debug, Subcommand)]
enum BaselineCommand {
    /// List all: whose they are, how far they are, and how much waits to be read
    List {
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Show what belongs to one, and what waits
    Show {
        /// A part of the workload's or the image's name
        name: String,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Show what came since it was proposed or locked
    Diff {
        /// A part of the workload's or the image's name
        name: String,
    },
    /// Print what belongs to each as a line of JSON, as the hub rolls it out to other nodes
    Export {
        /// A part of the workload's or the image's name; without it, all that are locked
        name: Option<String>,
    },
    /// Make what waits a part of it, and lock it: from then on what is new is told
    Approve {
        /// A part of the workload's or the image's name
        name: String,
        /// Only items that have this in them; the others go on waiting
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
    },
    /// Forget it; the workload is learnt again
    Forget {
        /// A part of the workload's or the image's name
        name: String,
    },
}

pub(crate) fn run(args: &BaselineArgs) -> anyhow::Result<ExitCode> {
    let socket = &args.agent.socket;
    match &args.command {
        BaselineCommand::List { format } => {
            let all: Vec<Value> = control::ask(socket, &Request::Baselines)?;
            match format {
                TextFormat::Json => output::line(&serde_json::to_string_pretty(&all)?)?,
                TextFormat::Table => output::line(&list(&all))?,
            }
        }
        BaselineCommand::Show { name, format } => {
            for baseline in named(args, name)? {
                match format {
                    TextFormat::Json => output::line(&serde_json::to_string_pretty(&baseline)?)?,
                    TextFormat::Table => output::line(&show(&baseline))?,
                }
            }
        }
        BaselineCommand::Diff { name } => {
            for baseline in named(args, name)? {
                output::line(&diff(&baseline))?;
            }
        }
        BaselineCommand::Export { name } => {
            let is_wanted = |one: &Baseline| name.is_some() || one.state == State::Locked;
            let all = named(args, name.as_deref().unwrap_or_default())?;
            let wanted: Vec<_> = all.iter().filter(|one| is_wanted(one) && !one.items.is_empty()).collect();
            if wanted.is_empty() {
                anyhow::bail!("no baseline is locked\nhint: gabion baseline list, gabion baseline approve");
            }
            for one in wanted {
                output::line(&one.export()?)?;
            }
        }
        BaselineCommand::Approve { name, only } => {
            let request = Request::Approve { of: name.clone(), only: only.clone() };
            let (name, taken): (String, u64) = control::ask(socket, &request)?;
            output::line(&format!("{}: locked, {} added", output::printable(&name), count(taken, "item")))?;
        }
        BaselineCommand::Forget { name } => {
            let name: String = control::ask(socket, &Request::Forget { of: name.clone() })?;
            output::line(&format!("{}: forgotten, it is learnt again", output::printable(&name)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn named(args: &BaselineArgs, of: &str) -> anyhow::Result<Vec<Baseline>> {
    let mut found = Vec::new();
    control::follow(&args.agent.socket, &Request::Baseline { of: of.to_owned() }, |line| {
        match line {
            Line::Item(text) => found.push(serde_json::from_str(&text)?),
            Line::Lost(count) => {
                output::note(&format!("{count} baselines are not shown: there are too many"));
            }
            Line::Done(_) | Line::Error(_) => {}
        }
        Ok(())
    })?;
    if found.is_empty() {
        anyhow::bail!("no baseline has {of:?} in its name\nhint: gabion baseline list");
    }
    Ok(found)
}

fn list(all: &[Value]) -> String {
    if all.is_empty() {
        return "no baselines yet: no container has done anything since the agent started".to_owned();
    }
    let mut lines = vec![format!(
        "{:<9} {:>6} {:>7}  {:<23}  WORKLOAD, IMAGE",
        "STATE", "ITEMS", "WAITING", "CHANGED (UTC)"
    )];
    for one in all {
        let text = |name: &str| output::printable(one[name].as_str().unwrap_or_default()).into_owned();
        lines.push(format!(
            "{:<9} {:>6} {:>7}  {:<23}  {}, {}",
            text("state"),
            one["items"],
            one["pending"],
            clock::utc(one["changed"].as_u64().unwrap_or(0)),
            text("workload"),
            text("image"),
        ));
    }
    lines.join("\n")
}

fn show(baseline: &Baseline) -> String {
    let mut lines = vec![head(baseline)];
    lines.extend(items(&baseline.items, "  "));
    if !baseline.pending.is_empty() {
        lines.push("new since then, waiting to be read:".to_owned());
        lines.extend(items(&baseline.pending, "+ "));
    }
    lines.join("\n")
}

fn diff(baseline: &Baseline) -> String {
    let mut lines = vec![head(baseline)];
    if baseline.pending.is_empty() {
        lines.push(match baseline.state {
            State::Learning => "it is still learnt: nothing departs from it yet".to_owned(),
            State::Proposed | State::Locked => "nothing new".to_owned(),
        });
    }
    lines.extend(items(&baseline.pending, "+ "));
    lines.join("\n")
}

fn head(baseline: &Baseline) -> String {
    let by = baseline.rolled_out.as_ref().map_or_else(String::new, |by| {
        format!(", rolled out by {} of the hub", output::printable(&by.version))
    });
    let left = match baseline.left_out {
        0 => String::new(),
        left => format!(", {left} times something new had no room"),
    };
    format!(
        "{}, {}: {}, {} since {} UTC{by}{left}",
        output::printable(&baseline.subject.workload),
        output::printable(&baseline.subject.image),
        baseline.state.as_str(),
        count(baseline.items.len() as u64, "item"),
        clock::utc(baseline.since)
    )
}

fn items(items: &BTreeMap<Item, Seen>, mark: &str) -> impl Iterator<Item = String> {
    items.iter().map(move |(item, seen)| {
        format!("{mark}{} ({})", output::printable(&item.to_string()), count(seen.count, "time"))
    })
}
