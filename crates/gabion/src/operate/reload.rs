//! `gabion reload`: the agent reads its rules again.

use crate::{
    control::{self, AgentSocket, Request},
    output,
};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    agent: AgentSocket,
}

pub(crate) fn run(args: &ReloadArgs) -> anyhow::Result<ExitCode> {
    let rules: u64 = control::ask(&args.agent.socket, &Request::Reload)?;
    output::line(&format!("{rules} rules, read again"))?;
    Ok(ExitCode::SUCCESS)
}
