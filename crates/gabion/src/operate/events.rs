//! `gabion events`: what containers do, as it happens.

use crate::{
    alert::AlertFormat,
    control::{self, AgentSocket, Request},
    replay,
};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only events for which this is true, written as the condition of a rule: `evt.type = execve and container.name = web`
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
    /// Follow them as they come, which is all this command does
    #[arg(short = 'F', long)]
    follow: bool,
    /// What to print of an event, written as the output of a rule
    #[arg(short, long, value_name = "OUTPUT", default_value = replay::LINE)]
    print: String,
    /// Format: text is what --print says, json has the fields of it
    #[arg(short, long, value_enum, default_value = "text")]
    format: AlertFormat,
    #[command(flatten)]
    agent: AgentSocket,
}

pub(crate) fn run(args: &EventsArgs) -> anyhow::Result<ExitCode> {
    let request =
        Request::Events { filter: args.filter.clone(), print: args.print.clone(), format: args.format };
    control::follow(&args.agent.socket, &request, super::print)?;
    Ok(ExitCode::SUCCESS)
}
