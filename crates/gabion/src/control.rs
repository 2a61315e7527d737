//! What an agent is asked over its socket, and how it answers: a line of JSON there, lines of JSON back.
//!
//! ```text
//!   {"ask":"status"}                          ► {"done":{...}}
//!   {"ask":"events","filter":"evt.type=..."}  ► {"item":"..."} {"item":"..."} {"lost":12} ...   until one of both goes
//!   {"ask":"reload"}                          ► {"error":"rules.yaml:3:7: ..."}
//! ```
//! The socket is the agent's own: it answers root and its own user, nobody else.

use crate::{alert::AlertFormat, response::Action};
use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// Where the agent listens, unless it is told otherwise.
pub(crate) const SOCKET: &str = "/run/gabion/agent.sock";
/// No question is longer.
pub(crate) const MAX_QUESTION: u64 = 8 << 20;
/// No line of an answer is longer.
const MAX_ANSWER: u64 = 64 << 20;

/// Where to reach the agent.
#[derive(Debug, clap::Args)]
pub(crate) struct AgentSocket {
    /// Socket of the agent
    #[arg(long, global = true, value_name = "SOCKET", default_value = SOCKET, env = "GABION_SOCKET")]
    pub(crate) socket: PathBuf,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// How it goes.
    Status,
    /// All containers that run.
    Inventory,
    /// Events as they come.
    Events {
        /// Only those for which this holds, written as the condition of a rule.
        filter: Option<String>,
        /// What to say of each, written as the output of a rule.
        print: String,
        /// How.
        format: AlertFormat,
    },
    /// Alerts as they come.
    Alerts {
        /// How.
        format: AlertFormat,
    },
    /// Read the rules again.
    Reload,
    /// All baselines, without what belongs to them.
    Baselines,
    /// Those baselines whose name has this in it.
    Baseline {
        /// A part of the image's or the workload's name.
        of: String,
    },
    /// Make what waits a part of the one baseline whose name has this in it, and lock it.
    Approve {
        /// A part of its name.
        of: String,
        /// Only items that have this in them.
        only: Option<String>,
    },
    /// Do something about a process or a container.
    Respond {
        /// What.
        action: Action,
        /// Why.
        reason: String,
        /// Only tell what would be done.
        dry_run: bool,
        /// Collect evidence first.
        evidence: bool,
        /// For how long, in nanoseconds, if it lasts.
        lasting: u64,
    },
    /// Undo a response that lasts.
    Undo {
        /// Its number.
        id: u64,
    },
    /// Responses that last, and whether the kill switch is on.
    Responses,
    /// Allow responses, or not.
    Turn {
        /// Allow them.
        on: bool,
    },
    /// Forget the one baseline whose name has this in it; it is learnt again.
    Forget {
        /// A part of its name.
        of: String,
    },
    /// Judge by what the hub has rolled out, instead of what it had rolled out before.
    Configure {
        /// All of it.
        configuration: Configuration,
        /// Only tell whether it can be used.
        dry_run: bool,
    },
}

/// What a hub rolls out to nodes. What is empty is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Configuration {
    /// What the hub calls it, by which it is told from others.
    pub(crate) name: String,
    /// Rules, beside those that the agent has.
    pub(crate) rules: String,
    /// What containers may do, as in `gabion agent --policy`.
    pub(crate) policy: String,
    /// What alerts cause, as in `gabion agent --respond`.
    pub(crate) responses: String,
    /// What workloads do, as `gabion baseline export` prints it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) baselines: String,
}

impl Configuration {
    /// Whether nothing is rolled out.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.policy.is_empty()
            && self.responses.is_empty()
            && self.baselines.is_empty()
    }
}

/// How the agent does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Its version.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// When it started to watch, in nanoseconds since 1970.
    pub(crate) since: u64,
    /// How many rules it judges by, and when these were read.
    pub(crate) rules: usize,
    /// See there.
    pub(crate) rules_since: u64,
    /// Containers that run.
    pub(crate) containers: usize,
    /// Alerts since it started.
    pub(crate) alerts: u64,
    /// Incidents that are open.
    pub(crate) incidents: usize,
    /// Baselines that are learnt, proposed, locked.
    pub(crate) baselines: [usize; 3],
    /// Who follows events or alerts.
    pub(crate) followers: usize,
    /// Events that were told.
    pub(crate) events: u64,
    /// Events that nobody wants.
    pub(crate) left_out: u64,
    /// Responses that last.
    pub(crate) responses: usize,
    /// Whether any response is allowed.
    pub(crate) responses_on: bool,
    /// What was lost or could not be looked at: how often, and what.
    pub(crate) gaps: Vec<(u64, String)>,
    /// Parts of the sensor that are not used, why, and what is not seen without them.
    pub(crate) unused: Vec<[String; 3]>,
    /// Memory of the agent, in bytes.
    pub(crate) memory: u64,
    /// What the hub has rolled out and is in force: what the hub calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) configuration: String,
    /// Why what the hub has rolled out is not in force.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) configuration_refused: String,
}

/// A container that runs. What is empty is not known, or not there: see `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Running {
    /// The whole id.
    pub(crate) id: String,
    /// See there.
    pub(crate) name: String,
    /// As Falco has it in `container.type`.
    pub(crate) runtime: String,
    /// Name and tag of its image.
    pub(crate) image: String,
    /// The digest of the image's manifest.
    pub(crate) image_digest: String,
    /// The digest of the image's configuration.
    pub(crate) image_id: String,
    /// See there.
    pub(crate) labels: BTreeMap<String, String>,
    /// Its pod, and what Kubernetes says of that.
    pub(crate) pod: String,
    /// See there.
    pub(crate) namespace: String,
    /// See there.
    pub(crate) pod_labels: BTreeMap<String, String>,
    /// As baselines name it.
    pub(crate) workload: String,
    /// See there.
    pub(crate) privileged: Option<bool>,
    /// See there.
    pub(crate) addresses: Vec<String>,
    /// When it was created, in nanoseconds since 1970.
    pub(crate) created: u64,
    /// Ports that its workload was seen to listen on: `tcp/8080`.
    pub(crate) listens: Vec<String>,
    /// What of it is not known.
    pub(crate) unknown: Vec<String>,
    /// Its control group, below where these are mounted.
    pub(crate) group: String,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Line {
    /// All of it; nothing follows.
    Done(Value),
    /// It cannot be done; nothing follows.
    Error(String),
    /// A piece of it; more follows.
    Item(String),
    /// So many pieces were lost here, as they were not read in time.
    Lost(u64),
}

impl Line {
    /// As it is sent, with the end of the line.
    pub(crate) fn sent(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Asks for one answer.
pub(crate) fn ask<T: DeserializeOwned>(socket: &Path, request: &Request) -> anyhow::Result<T> {
    let mut answer = None;
    let done = follow(socket, request, |line| {
        answer = Some(line);
        Ok(())
    })?;
    match done {
        Some(value) => serde_json::from_value(value).context("the agent's answer is not understood"),
        None => bail!("the agent on {} ended before it answered", socket.display()),
    }
}

/// Asks, and takes pieces as they come, until the agent or whoever takes them has had enough.
pub(crate) fn follow(
    socket: &Path,
    request: &Request,
    mut take: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Option<Value>> {
    let mut stream = connect(socket)?;
    let mut question = serde_json::to_string(request)?;
    question.push('\n');
    stream.write_all(question.as_bytes()).context("cannot ask the agent")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_ANSWER).read_line(&mut line).context("cannot hear the agent")?;
        if read == 0 {
            return Ok(None);
        }
        match serde_json::from_str(&line).context("the agent's answer is not understood")? {
            Line::Done(value) => return Ok(Some(value)),
            Line::Error(reason) => return Err(anyhow!(reason)),
            piece => take(piece)?,
        }
    }
}

fn connect(socket: &Path) -> anyhow::Result<UnixStream> {
    UnixStream::connect(socket).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            anyhow!("no agent listens on {}\nhint: sudo gabion agent", socket.display())
        }
        ErrorKind::PermissionDenied => {
            anyhow!("the agent on {} answers root only\nhint: sudo", socket.display())
        }
        _ => anyhow!(error).context(format!("cannot reach the agent on {}", socket.display())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_are_the_lines_that_are_documented() {
        let events = Request::Events {
            filter: Some("evt.type = execve".to_owned()),
            print: "%proc.name".to_owned(),
            format: AlertFormat::Text,
        };
        insta::assert_snapshot!(
            serde_json::to_string(&events).expect("serialises"),
            @r#"{"ask":"events","filter":"evt.type = execve","print":"%proc.name","format":"text"}"#
        );
        assert_eq!(serde_json::from_str::<Request>(r#"{"ask":"status"}"#).expect("parses"), Request::Status);
        assert!(serde_json::from_str::<Request>(r#"{"ask":"approve","of":"a","every":1}"#).is_err());
        assert_eq!(Line::Lost(3).sent(), "{\"lost\":3}\n");
    }
}
