//! `gabion respond`: an operator's hands on what runs here, with guard rails and a way back.

use crate::{
    agent, clock,
    control::{self, AgentSocket, Request},
    db::cli::TextFormat,
    output,
    response::{Action, Denied, Outcome, Response},
};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use gabion_model::Digest;
use gabion_node::enforce::{Net, Pattern, Peer};
use jiff::SignedDuration;
use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct RespondArgs {
    #[command(subcommand)]
    command: Option<RespondCommand>,
    /// Undo a response that lasts, by its number
    #[arg(long, value_name = "ID")]
    undo: Option<u64>,
    #[command(flatten)]
    agent: AgentSocket,
}

#[derive(Debug, Args)]
struct How {
    /// Why; it is kept in the record
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Only say what would be done; it is recorded, too
    #[arg(short = 'n', long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct OfContainer {
    /// The container, by name or id
    container: String,
    #[command(flatten)]
    how: How,
    /// Collect evidence first
    #[arg(short, long)]
    evidence: bool,
}

#[derive(Debug, Subcommand)]
enum RespondCommand {
    /// End a process
    Kill {
        /// Its number on this node
        pid: u32,
        /// End all that it has started, too
        #[arg(short, long)]
        tree: bool,
        #[command(flatten)]
        how: How,
    },
    /// End all processes of a container
    KillContainer {
        #[command(flatten)]
        of: OfContainer,
    },
    /// Hold a container still, until its time is over or it is undone
    Freeze {
        #[command(flatten)]
        of: OfContainer,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = clock::span)]
        lasting: SignedDuration,
    },
    /// Cut a container off the network but for name servers, until its time is over or it is undone
    Isolate {
        #[command(flatten)]
        of: OfContainer,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = clock::span)]
        lasting: SignedDuration,
        /// Addresses that stay reachable; may be repeated
        #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
        peer: Vec<IpAddr>,
    },
    /// Deny a container a program or a destination, until its time is over or it is undone
    #[command(group = clap::ArgGroup::new("denied").required(true))]
    Deny {
        #[command(flatten)]
        of: OfContainer,
        /// A program, by its path; `/**` at the end is all beneath it
        #[arg(long, value_name = "PATH", group = "denied")]
        program: Option<Pattern>,
        /// A program, by its content
        #[arg(long, value_name = "sha256:HEX", group = "denied")]
        digest: Option<Digest>,
        /// Addresses
        #[arg(long, value_name = "ADDRESS[/BITS]", group = "denied")]
        to: Option<Net>,
        /// Only this port
        #[arg(long, requires = "to", default_value = "0", hide_default_value = true)]
        port: u16,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = clock::span)]
        lasting: SignedDuration,
    },
    /// Collect evidence: processes, their maps and programs, what was written to the upper layer
    Evidence {
        /// The container, by name or id
        container: String,
        #[command(flatten)]
        how: How,
    },
    /// List responses that last; with --all every one there was, if the signatures of the record hold
    List {
        /// Also those that have ended
        #[arg(short, long)]
        all: bool,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
        /// Where the agent keeps the record
        #[arg(long, value_name = "DIR", default_value = agent::STATE, env = "GABION_STATE")]
        state: PathBuf,
    },
    /// Undo a response that lasts
    Undo {
        /// Its number
        id: u64,
    },
    /// Switch all responses off, also those that rules cause; what lasts goes on
    Off,
    /// Switch responses on again
    On,
}

pub(crate) fn run(args: &RespondArgs) -> anyhow::Result<ExitCode> {
    let socket = &args.agent.socket;
    let wanted = |action: Action, how: &How, evidence: bool, lasting: SignedDuration| Request::Respond {
        action,
        reason: how.reason.clone(),
        dry_run: how.dry_run,
        evidence,
        lasting: u64::try_from(lasting.as_nanos()).unwrap_or(u64::MAX),
    };
    let of = |action: Action, of: &OfContainer, lasting| wanted(action, &of.how, of.evidence, lasting);
    let request = match &args.command {
        Some(RespondCommand::Kill { pid, tree, how }) => {
            let (pid, start) = (*pid, 0);
            let action = if *tree { Action::KillTree { pid, start } } else { Action::Kill { pid, start } };
            wanted(action, how, false, SignedDuration::ZERO)
        }
        Some(RespondCommand::KillContainer { of: on }) => {
            of(Action::KillContainer { container: on.container.clone() }, on, SignedDuration::ZERO)
        }
        Some(RespondCommand::Freeze { of: on, lasting }) => {
            of(Action::Freeze { container: on.container.clone() }, on, *lasting)
        }
        Some(RespondCommand::Isolate { of: on, lasting, peer }) => {
            of(Action::Isolate { container: on.container.clone(), peers: peer.clone() }, on, *lasting)
        }
        Some(RespondCommand::Deny { of: on, program, digest, to, port, lasting }) => {
            let peer = |net| Peer { net, port: *port, port_to: 0, transport: None };
            let what = program
                .clone()
                .map(Denied::Program)
                .or_else(|| digest.map(Denied::Digest))
                .or_else(|| to.map(|net| Denied::Peer(peer(net))))
                .context("nothing to deny\nhint: --program, --digest or --to")?;
            of(Action::Deny { container: on.container.clone(), what }, on, *lasting)
        }
        Some(RespondCommand::Evidence { container, how }) => {
            wanted(Action::Evidence { container: container.clone() }, how, true, SignedDuration::ZERO)
        }
        Some(RespondCommand::Undo { id }) => Request::Undo { id: *id },
        Some(RespondCommand::List { all, format, state }) => {
            let responses = if *all {
                let mut all = agent::verified(state)?;
                let ended: BTreeSet<u64> =
                    all.iter().filter(|one| one.outcome != Outcome::Begun).map(|one| one.id).collect();
                all.retain(|one| one.outcome != Outcome::Begun || !ended.contains(&one.id));
                all
            } else {
                let (on, active): (bool, Vec<Response>) = control::ask(socket, &Request::Responses)?;
                if !on {
                    output::note("responses are switched off (gabion respond on)");
                }
                active
            };
            match format {
                TextFormat::Json => output::line(&serde_json::to_string_pretty(&responses)?)?,
                TextFormat::Table => output::line(&table(&responses))?,
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some(RespondCommand::Off) => return turn(args, false),
        Some(RespondCommand::On) => return turn(args, true),
        None => match args.undo {
            Some(id) => Request::Undo { id },
            None => anyhow::bail!("nothing to do\nhint: gabion respond --help"),
        },
    };
    let response: Response = control::ask(socket, &request)?;
    let Response { id, action, outcome, .. } = &response;
    let told = format!("response {id}: {action} {}: {outcome}", action.target());
    output::line(&output::printable(&told))?;
    if let (Some(until), Outcome::Done(_)) = (response.until, outcome) {
        output::note(&format!("until {} UTC; gabion respond --undo {id} ends it before", clock::utc(until)));
    }
    if let Some(evidence) = &response.evidence {
        output::note(&format!("evidence is in {}", output::printable(evidence)));
    }
    Ok(match outcome {
        Outcome::Begun | Outcome::Failed(_) | Outcome::HeldBack(_) => ExitCode::from(2),
        Outcome::Done(_) | Outcome::WouldHave(_) | Outcome::Undone(_) => ExitCode::SUCCESS,
    })
}

fn turn(args: &RespondArgs, on: bool) -> anyhow::Result<ExitCode> {
    let _: bool = control::ask(&args.agent.socket, &Request::Turn { on })?;
    output::line(if on {
        "responses are on"
    } else {
        "responses are off: nothing is done, whoever wants it"
    })?;
    Ok(ExitCode::SUCCESS)
}

fn table(responses: &[Response]) -> String {
    if responses.is_empty() {
        return "no responses".to_owned();
    }
    let mut lines = vec![format!(
        "{:>4}  {:<23}  {:<14}  {:<23}  WHOM, BY WHOM, WHAT CAME OF IT",
        "ID", "TIME (UTC)", "ACTION", "UNTIL (UTC)"
    )];
    for one in responses {
        let until = one.until.map_or_else(|| "-".to_owned(), clock::utc);
        let name = if one.target.name.is_empty() { one.action.target() } else { one.target.name.clone() };
        let rest = format!("{name}, {}, {}", one.by, one.outcome);
        lines.push(format!(
            "{:>4}  {}  {:<14}  {until:<23}  {}",
            one.id,
            clock::utc(one.time),
            one.action.to_string(),
            output::printable(&rest)
        ));
    }
    lines.join("\n")
}
