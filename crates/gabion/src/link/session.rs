//! Sessions with the hub, one after the other.

mod backoff;
mod turn;

use super::{
    Address, Options,
    connect::{self, Member, call},
    events::{self, locked},
    incidents::Incidents,
    lines::Lines,
    outbox::{self, Outbox},
    progress::Progress,
    scan::{Finished, Scanner},
    spool::Spool,
};
use crate::{clock, control::Running, output};
use anyhow::{Context, bail};
use backoff::Backoff;
use gabion_api::agent::{Alert, Event, Facts};
use rustix::system::uname;
use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tonic::{Code, Status};

/// What lives from one session to the next.
struct Desk {
    directory: PathBuf,
    state: PathBuf,
    progress: Progress,
    /// Something of it is not on disk yet.
    is_changed: bool,
    spool: Arc<Mutex<Spool>>,
    alerts: Outbox<Alert>,
    events: Outbox<Event>,
    incidents: Incidents,
    scanner: Scanner,
    /// A report that is on its way, and how much of it was sent.
    report: Option<(Finished, usize)>,
    /// A part of what was read for all others, on its way.
    gift: Option<Facts>,
    running: Vec<Running>,
    /// When a certificate was asked for last.
    renewal: Option<tokio::time::Instant>,
    /// Why the progress could not be written, the last time.
    trouble: String,
    quiet: bool,
}

/// A session that lasted so long was well.
const WELL: Duration = Duration::from_secs(30);

/// Why a session has ended well.
enum Ended {
    /// The certificate is new: it goes on at once with that.
    Renewed,
}

/// Speaks to the hub until this process ends.
pub(super) async fn run(options: &Options) -> anyhow::Result<()> {
    let parsed = options.hubs.iter().map(|hub| hub.parse::<Address>().map_err(anyhow::Error::msg));
    let hubs: Vec<Address> = parsed.collect::<anyhow::Result<_>>()?;
    let name = options.name.clone().unwrap_or_else(|| uname().nodename().to_string_lossy().into_owned());
    let mut desk = Desk::open(options)?;
    events::follow(options.socket.clone(), Arc::clone(&desk.spool)).context("cannot start a thread")?;
    let (mut backoff, mut told, mut shut_out) = (Backoff::default(), String::new(), false);
    // A fleet that loses one hub goes to the others at once; it waits only when none of them answers.
    // Where it begins is chance, so that not all of it is at the same.
    let (mut tried, mut at) = (0, backoff::any(hubs.len()));
    loop {
        let Some(hub) = hubs.get(at) else { bail!("there is no hub") };
        let started = Instant::now();
        let attempt = async {
            let member = connect::member(options, hub, &name, clock::now()?, shut_out).await?;
            let client = call(hub, member.identity.tls()?).await?;
            session(options, hub, &name, member, client, &mut desk, &mut told).await
        };
        let error = match attempt.await {
            Ok(Ended::Renewed) => continue,
            Err(error) => error,
        };
        let status = error.downcast_ref::<Status>();
        shut_out = status.is_some_and(|status| status.code() == Code::PermissionDenied);
        let why = status.map_or_else(|| format!("{error:#}"), |status| status.message().to_owned());
        if why != told {
            options.note(&format!("the hub at {hub}: {why}; all waits here until it answers"));
            told = why;
        }
        desk.again();
        // A session that lasted a while says that its hub was well until now: then all are tried again.
        tried = if started.elapsed() > WELL { 1 } else { tried + 1 };
        at = (at + 1) % hubs.len();
        if tried % hubs.len() == 0 || hubs.len() == 1 {
            tokio::time::sleep(backoff.next(started.elapsed())).await;
        }
    }
}

async fn session(
    options: &Options,
    hub: &Address,
    name: &str,
    member: Member,
    client: connect::Client,
    desk: &mut Desk,
    told: &mut String,
) -> anyhow::Result<Ended> {
    desk.belong(member.identity.id());
    let session = turn::Session::begin(options, name, member, client).await?;
    options.note(&format!("the hub at {hub} knows this node as {}", session.node()));
    told.clear();
    session.run(desk).await
}

impl Desk {
    fn open(options: &Options) -> anyhow::Result<Self> {
        let directory = options.directory();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let progress = Progress::read(&directory);
        let begin = clock::now()?.as_microsecond().try_into().unwrap_or(1);
        let spool = Arc::new(Mutex::new(Spool::open(&directory.join("spool"), progress.events, begin)?));
        let (alerts, events) =
            (alerts(options.state.clone(), progress.alerts), waiting(&spool, progress.events));
        Ok(Self {
            scanner: Scanner::start(&directory.join("cache")).context("cannot start a thread")?,
            incidents: Incidents::new(options.state.join("incidents")),
            state: options.state.clone(),
            directory,
            progress,
            is_changed: false,
            spool,
            alerts,
            events,
            report: None,
            gift: None,
            running: Vec::new(),
            renewal: None,
            trouble: String::new(),
            quiet: options.quiet,
        })
    }

    /// From here on this is the node with this id. A hub that knows nothing of it yet is told all that is still there.
    fn belong(&mut self, node: &str) {
        if self.progress.node != node {
            self.progress.of(node);
            self.is_changed = true;
            self.alerts = alerts(self.state.clone(), self.progress.alerts);
            self.incidents = Incidents::new(self.state.join("incidents"));
        }
    }

    /// A session has ended: what was under way may not have come.
    fn again(&mut self) {
        self.alerts.again();
        self.events.again();
        self.incidents.again();
        if let Some((_, sent)) = &mut self.report {
            *sent = 0;
        }
    }

    /// Counts what was lost here, and writes what has changed. A disk that is full is no reason to send nothing: what is not written is
    /// tried again, and what was not written by the next start is sent twice.
    fn keep(&mut self) {
        let thrown_away = std::mem::take(&mut locked(&self.spool).thrown_away);
        let missing = self.alerts.missing();
        self.progress.thrown_away += thrown_away;
        self.progress.alerts_lost += missing;
        if self.is_changed || thrown_away + missing > 0 {
            let written = self.progress.keep(&self.directory);
            self.is_changed = written.is_err();
            let trouble = written.err().map(|error| format!("{error:#}")).unwrap_or_default();
            if trouble != self.trouble && !trouble.is_empty() && !self.quiet {
                output::note(&output::printable(&trouble));
            }
            self.trouble = trouble;
        }
    }
}

fn alerts(state: PathBuf, kept: u64) -> Outbox<Alert> {
    Outbox::new(Lines::new(Box::new(move || crate::journal::files(&state).into())), outbox::alert, kept)
}

fn waiting(spool: &Arc<Mutex<Spool>>, kept: u64) -> Outbox<Event> {
    let spool = Arc::clone(spool);
    Outbox::new(Lines::new(Box::new(move || locked(&spool).files())), outbox::event, kept)
}
