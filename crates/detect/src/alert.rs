//! What a rule found: what it says, and the facts of the event, so that nobody has to ask again.

use crate::{
    baseline::{Deviation, Grade},
    engine::{Compiled, OutputPart, operand::Scratch, print},
    field::Context,
    rules::Priority,
    state::{Entry, State},
};
use gabion_model::{
    event::{Endpoint, EventKind, FdKind, InImage, Task, Verdict},
    workload::{Container, ContainerKey},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many ancestors an alert tells.
const ANCESTORS: usize = 8;
/// The name under which departures from baselines are told.
pub const DEPARTURE: &str = "Departure from the baseline";
/// The name under which decisions of enforcement are told.
pub const RULING: &str = "Policy violation";

/// A rule has matched an event.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The name of the rule.
    pub rule: String,
    /// What it finds, for people.
    pub description: String,
    /// How bad that is.
    pub priority: Priority,
    /// The kind of events that it is about: `syscall`.
    pub source: String,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// The number of the event.
    pub number: u64,
    /// The name of the node.
    pub hostname: String,
    /// What the rule says. Not necessarily UTF-8, as the values of fields are not.
    pub message: Vec<u8>,
    /// The fields of the output, by name; `null` is `<NA>`.
    pub fields: BTreeMap<String, Value>,
    /// What happened.
    pub kind: EventKind,
    /// What the kernel answered.
    pub result: i64,
    /// What was decided about it.
    pub verdict: Verdict,
    /// Who did it.
    pub task: Task,
    /// That process, and its ancestors from the parent on; empty if it is not known.
    pub processes: Vec<ProcessFacts>,
    /// On what.
    pub object: Object,
    /// Where; `None` on the host.
    pub container: Option<ContainerFacts>,
}

/// A process, as an alert tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// Its number on the node, and its start.
    pub task: Task,
    /// Its number in its container.
    pub vpid: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// Its program.
    pub path: Vec<u8>,
    /// What it was called with.
    pub arguments: Vec<Vec<u8>>,
    /// Its working directory.
    pub cwd: Vec<u8>,
    /// Its user.
    pub uid: u32,
    /// The name of that user, if it is known.
    pub user: Option<Vec<u8>>,
    /// When it started, in nanoseconds since 1970, if it is known.
    pub started: Option<u64>,
    /// Whether its program is of the image.
    pub in_image: InImage,
    /// The program was written since the container started.
    pub upper_layer: bool,
    /// The program lies in memory only.
    pub memfd: bool,
}

/// What an event was about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Object {
    /// Nothing that is told.
    #[default]
    None,
    /// A file or a directory.
    File(Vec<u8>),
    /// A connection.
    Connection {
        /// This end.
        local: Option<Endpoint>,
        /// The other end.
        remote: Option<Endpoint>,
    },
}

/// A container, as an alert tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerFacts {
    /// It is known.
    Known(Box<Container>),
    /// It is one, but nothing is known of it.
    Unknown(ContainerKey),
}

impl Alert {
    pub(crate) fn new(rule: &Compiled, cx: Context<'_>, scratch: &mut Scratch) -> Self {
        let event = cx.event;
        let mut fields = BTreeMap::new();
        fields.insert("evt.time".to_owned(), event.time.into());
        for operand in &rule.fields {
            let Some(field) = operand.field() else { continue };
            let value = operand.value(cx, scratch);
            fields.insert(field.name().to_owned(), field.json(value, cx));
        }
        let processes = cx.process.map(|process| {
            std::iter::once(process)
                .chain(cx.state.processes().ancestors(process).take(ANCESTORS))
                .map(|process| facts(process, cx.state))
                .collect()
        });
        let object = match event.fd.map(|fd| fd.kind) {
            Some(FdKind::File { path, .. } | FdKind::Directory(path)) => Object::File(path.to_vec()),
            Some(FdKind::Inet { local, remote, .. }) => Object::Connection { local, remote },
            _ => Object::None,
        };
        let container = container(event.container, cx.state);
        Self {
            rule: rule.name.clone(),
            description: rule.description.clone(),
            priority: rule.priority,
            source: rule.source.clone(),
            tags: rule.tags.clone(),
            time: event.time,
            number: event.number,
            hostname: cx.state.hostname().to_owned(),
            message: message(rule, cx, scratch),
            fields,
            kind: event.kind,
            result: event.result,
            verdict: event.verdict,
            task: event.task,
            processes: processes.unwrap_or_default(),
            object,
            container,
        }
    }
}

/// The event in which something departed from a baseline.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// What happened.
    pub kind: EventKind,
    /// Who did it.
    pub task: Task,
    /// Where.
    pub container: ContainerKey,
}

/// What enforcement has decided about something that a process wanted.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// Who wanted it, and where.
    pub occasion: Occasion,
    /// What was decided.
    pub verdict: Verdict,
    /// What was wanted, in words: `execute /bin/nc`.
    pub wanted: String,
    /// What it was wanted of.
    pub object: Object,
    /// The policy, and which rule of it.
    pub policy: String,
    /// See there.
    pub rule: String,
    /// The word for what has decided.
    pub by: &'static str,
}

impl Alert {
    /// What a departure from a baseline says. It is a warning if it is grave, and a notice else.
    pub fn departure(deviation: &Deviation, occasion: Occasion, state: &State) -> Self {
        let description = "A container does what no container of its image and workload did before.";
        let mut alert = Self::of(DEPARTURE, "baseline", description, deviation.time, occasion, state);
        let reasons: Vec<&str> = deviation.reasons.iter().map(|reason| reason.why.as_str()).collect();
        alert.priority = if deviation.grade == Grade::Grave { Priority::Warning } else { Priority::Notice };
        alert.tags = vec!["baseline".to_owned(), "container".to_owned()];
        let name = alert.container_name();
        alert.message = format!(
            "{DEPARTURE}: {} {} | score={} why={} workload={} image={}",
            name.as_deref().unwrap_or("host"),
            deviation.item,
            deviation.score,
            reasons.join("; "),
            deviation.subject.workload,
            deviation.subject.image,
        )
        .into_bytes();
        alert.fields.extend([
            ("baseline.item".to_owned(), deviation.item.to_string().into()),
            ("baseline.score".to_owned(), deviation.score.into()),
            ("baseline.workload".to_owned(), deviation.subject.workload.clone().into()),
            ("baseline.image".to_owned(), deviation.subject.image.clone().into()),
        ]);
        alert
    }

    /// What a decision of enforcement says. What was only to be told is a notice.
    pub fn ruling(ruling: Ruling, state: &State) -> Self {
        let Ruling { time, occasion, verdict, wanted, object, policy, rule, by } = ruling;
        let description = "A container wanted what its policy does not allow.";
        let mut alert = Self::of(RULING, "enforcement", description, time, occasion, state);
        let (verb, priority) = match verdict {
            Verdict::Denied(_) => ("denied", Priority::Warning),
            Verdict::WouldDeny(_) => ("would deny", Priority::Notice),
            Verdict::Allowed => ("let through, undecided", Priority::Warning),
            Verdict::None => ("nobody decided", Priority::Warning),
        };
        alert.priority = priority;
        alert.tags = vec!["container".to_owned(), "enforcement".to_owned()];
        alert.verdict = verdict;
        alert.object = object;
        let name = alert.container_name();
        let command = alert.processes.first().map(|process| process.arguments.join(&b' '));
        alert.message = format!(
            "{RULING}: {verb}: {wanted} | container={} policy={policy} rule={rule} by={by} process={} command={}",
            name.as_deref().unwrap_or("unknown"),
            occasion.task.pid,
            command.map_or_else(|| "<NA>".into(), |command| String::from_utf8_lossy(&command).into_owned()),
        )
        .into_bytes();
        alert.fields.extend([
            ("enforcement.verdict".to_owned(), verb.into()),
            ("enforcement.wanted".to_owned(), wanted.into()),
            ("enforcement.policy".to_owned(), policy.into()),
            ("enforcement.rule".to_owned(), rule.into()),
            ("enforcement.by".to_owned(), by.into()),
        ]);
        alert
    }

    /// An alert of no rule, with what is known of its process and container.
    fn of(name: &str, source: &str, description: &str, time: u64, occasion: Occasion, state: &State) -> Self {
        let entry = state.processes().find(occasion.task).map(|slot| &state.processes()[slot]);
        let processes = entry.map(|entry| {
            let ancestors = state.processes().ancestors(entry).take(ANCESTORS);
            std::iter::once(entry).chain(ancestors).map(|entry| facts(entry, state)).collect()
        });
        let mut alert = Self {
            rule: name.to_owned(),
            description: description.to_owned(),
            priority: Priority::Notice,
            source: source.to_owned(),
            tags: Vec::new(),
            time,
            number: 0,
            hostname: state.hostname().to_owned(),
            message: Vec::new(),
            fields: BTreeMap::from([("evt.time".to_owned(), time.into())]),
            kind: occasion.kind,
            result: 0,
            verdict: Verdict::None,
            task: occasion.task,
            processes: processes.unwrap_or_default(),
            object: Object::None,
            container: container(occasion.container, state),
        };
        alert.fields.insert("container.name".to_owned(), alert.container_name().into());
        alert
    }

    /// The name of its container; its id where the name is not known, and nothing on the host.
    pub fn container_name(&self) -> Option<String> {
        match self.container.as_ref()? {
            ContainerFacts::Known(container) if container.name.is_empty() => Some(container.id.clone()),
            ContainerFacts::Known(container) => Some(container.name.clone()),
            ContainerFacts::Unknown(_) => Some("unknown".to_owned()),
        }
    }
}

/// Fills the values of fields in.
fn message(rule: &Compiled, cx: Context<'_>, scratch: &mut Scratch) -> Vec<u8> {
    let mut out = Vec::new();
    for part in &rule.output {
        match part {
            OutputPart::Text(text) => out.extend_from_slice(text.as_bytes()),
            OutputPart::Value { operand, width } => {
                let start = out.len();
                print(operand, cx, scratch, &mut out);
                if let Some(width) = width {
                    out.resize(start + width, b' ');
                }
            }
        }
    }
    out
}

fn container(key: ContainerKey, state: &State) -> Option<ContainerFacts> {
    (key != ContainerKey::HOST).then(|| {
        let known = state.container(key).cloned().map(Box::new);
        known.map_or(ContainerFacts::Unknown(key), ContainerFacts::Known)
    })
}

fn facts(entry: &Entry, state: &State) -> ProcessFacts {
    let process = &entry.process;
    let uid = process.credentials.uid;
    let user = state.accounts(entry.container).and_then(|accounts| accounts.user(uid));
    ProcessFacts {
        task: entry.task,
        vpid: entry.vpid,
        name: process.comm.clone(),
        path: process.exe.path.clone(),
        arguments: process.args.clone(),
        cwd: process.cwd.clone(),
        uid,
        user: user.map(|user| user.name.clone()),
        started: state.started(entry),
        in_image: process.exe.in_image,
        upper_layer: process.exe.upper_layer,
        memfd: process.exe.memfd,
    }
}
