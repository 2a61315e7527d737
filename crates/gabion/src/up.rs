//! `gabion up` and `gabion down`: hub, agent and console of this machine as one process tree.
//!
//! ```text
//!   gabion up ─┬─ gabion hub      no privileges; console on 127.0.0.1:8420        STATE/hub
//!              └─ gabion agent    root; watches, scans what it sees               STATE/agent
//!                  └─ gabion __link   speaks to the hub
//! ```
//!
//! Whoever ends is started again; when `up` ends, all do.

use crate::{
    agent,
    control::{self, Request, Status},
    demo,
    hub::{self, Told},
    output,
};
use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getuid, kill_process, setsid, test_kill_process};
use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

/// Where all of it is kept, for root.
const STATE: &str = "/var/lib/gabion";
/// How long the hub may take to start.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take to end.
const ENDING: Duration = Duration::from_secs(10);
/// How often is looked who has ended.
const LOOK: Duration = Duration::from_millis(100);
/// Whoever lived for less is started again only after a while.
const BRIEF: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where state is kept [default: /var/lib/gabion for root, else ~/.local/state/gabion]
    #[arg(long, value_name = "DIR", env = "GABION_UP_STATE")]
    state: Option<PathBuf>,

    /// Where the console is
    #[arg(long, value_name = "ADDRESS", default_value = hub::CONSOLE)]
    listen: SocketAddr,

    /// Where agents are heard
    #[arg(long, value_name = "ADDRESS", default_value = hub::AGENTS)]
    agents: SocketAddr,

    /// Start some containers of vulnerable images, too, and attack them: every page has something to show
    #[arg(long)]
    demo: bool,

    /// Go on in the background when everything runs; `gabion down` ends it
    #[arg(short, long)]
    detach: bool,

    /// No agent on this machine
    #[arg(long)]
    no_agent: bool,

    /// Arguments for the agent, after `--`
    #[arg(last = true)]
    arguments: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Where state is kept, as for `up`
    #[arg(long, value_name = "DIR", env = "GABION_UP_STATE")]
    state: Option<PathBuf>,

    /// Remove the containers, images and networks of the demo, too
    #[arg(long)]
    demo: bool,

    /// Remove all that was kept, too
    #[arg(long)]
    purge: bool,
}

/// The files of one installation.
struct Place {
    state: PathBuf,
}

impl Place {
    fn of(given: Option<&Path>) -> anyhow::Result<Self> {
        if let Some(state) = given {
            return Ok(Self { state: std::path::absolute(state)? });
        }
        if getuid().is_root() {
            return Ok(Self { state: STATE.into() });
        }
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".local/state"));
        let state = absolute("XDG_STATE_HOME")
            .or_else(home)
            .context("there is no home directory; name one with --state")?;
        Ok(Self { state: state.join("gabion") })
    }

    fn hub(&self) -> PathBuf {
        self.state.join("hub")
    }
    fn agent(&self) -> PathBuf {
        self.state.join("agent")
    }
    fn demo(&self) -> PathBuf {
        self.state.join("demo")
    }
    fn told(&self) -> PathBuf {
        self.state.join("up.json")
    }
    fn pid(&self) -> PathBuf {
        self.state.join("up.pid")
    }
    fn log(&self) -> PathBuf {
        self.state.join("up.log")
    }
    fn socket(&self) -> PathBuf {
        self.state.join("agent.sock")
    }

    /// The process that is up, if one is.
    fn running(&self) -> Option<Pid> {
        let pid = fs::read_to_string(self.pid()).ok()?.trim().parse().ok().and_then(Pid::from_raw)?;
        let is_ours =
            fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?.split(|&b| b == 0).nth(1)
                == Some(b"up");
        (is_ours && test_kill_process(pid).is_ok()).then_some(pid)
    }

    fn read_told(&self) -> anyhow::Result<Told> {
        Ok(serde_json::from_slice(&fs::read(self.told())?)?)
    }
}

pub(crate) fn up(args: &UpArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(args.state.as_deref())?;
    if place.running().is_some() {
        output::note("Gabion is up already; gabion down ends it");
        welcome(&place.read_told()?, "")?;
        if args.demo {
            demo(&place)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&place.state)
        .with_context(|| format!("cannot make {}", place.state.display()))?;
    if args.detach { detach(args, &place) } else { stay(args, &place) }
}

/// Starts itself in the background, and waits until everything is there.
fn detach(args: &UpArgs, place: &Place) -> anyhow::Result<ExitCode> {
    let log = File::create(place.log()).with_context(|| format!("cannot write {}", place.log().display()))?;
    remove(&place.told())?;
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg("up").arg("--state").arg(&place.state).args([
        "--listen",
        &args.listen.to_string(),
        "--agents",
        &args.agents.to_string(),
    ]);
    if args.no_agent {
        command.arg("--no-agent");
    }
    if args.demo {
        command.arg("--demo");
    }
    command.arg("--").args(&args.arguments);
    let mut child = command
        .env("GABION_UP_DETACHED", "1")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start")?;
    let told = await_told(place, &mut || match child.try_wait()? {
        Some(status) => {
            let log = fs::read_to_string(place.log()).unwrap_or_default();
            bail!("it has ended ({status}):\n{}", log.trim_end())
        }
        None => Ok(()),
    })?;
    welcome(&told, next(args))?;
    output::note(&format!(
        "It goes on in the background: {} has its notes, gabion down ends it.",
        place.log().display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn stay(args: &UpArgs, place: &Place) -> anyhow::Result<ExitCode> {
    if std::env::var_os("GABION_UP_DETACHED").is_some() {
        setsid().context("cannot leave the terminal")?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot wait for signals")?;
    }
    fs::write(place.pid(), std::process::id().to_string())?;
    remove(&place.told())?;
    let program = std::env::current_exe().context("cannot find this program")?;
    let hub_on = |listen: SocketAddr, agents: SocketAddr| {
        let mut command = Command::new(&program);
        command.arg("hub").arg("--state").arg(place.hub()).arg("--tell").arg(place.told());
        command.args(["--listen", &listen.to_string(), "--agents", &agents.to_string()]);
        command
    };
    let mut parts = vec![Part::start("hub", hub_on(args.listen, args.agents))?];
    let told = await_told(place, &mut || match parts[0].child.try_wait()? {
        Some(status) => bail!("the hub has ended ({status})"),
        None => Ok(()),
    });
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            parts[0].end();
            return Err(error);
        }
    };
    // Whoever knows where it is finds it there again.
    parts[0].command = hub_on(told.listen, told.agents);
    if args.no_agent {
        output::note("no agent: what runs on this machine is not looked at");
    } else if getuid().is_root() {
        let mut command = Command::new(&program);
        command
            .arg("agent")
            .arg("--state")
            .arg(place.agent())
            .arg("--socket")
            .arg(place.socket())
            .arg("--hub")
            .arg(told.agents.to_string());
        command.args(&args.arguments).env("GABION_JOIN_TOKEN", &told.join).stdout(Stdio::null());
        parts.push(Part::start("agent", command)?);
    } else {
        output::note(
            "you are not root: without an agent, what runs on this machine cannot be seen\nhint: sudo gabion up",
        );
    }
    if std::env::var_os("GABION_UP_DETACHED").is_none() {
        welcome(&told, next(args))?;
        output::note("Ctrl-C ends it.");
    }
    let mut demonstration = args.demo.then(|| {
        let (directory, socket) = (place.demo(), (parts.len() > 1).then(|| place.socket()));
        std::thread::spawn(move || {
            // What nobody watches yet is no demonstration.
            if let Some(socket) = socket {
                watching(&socket)?;
            }
            demo::start(&directory)?;
            demo::attack(&directory)
        })
    });
    while !stop.load(Ordering::Relaxed) {
        for part in &mut parts {
            part.look()?;
        }
        if demonstration.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
            && let Some(Ok(Err(error))) = demonstration.take().map(std::thread::JoinHandle::join)
        {
            output::note(&format!("the demo could not be started: {error:#}"));
        }
        sleep(LOOK);
    }
    // The agent tells the hub what it has seen last, so it goes first.
    while let Some(mut part) = parts.pop() {
        part.end();
    }
    remove(&place.pid())?;
    remove(&place.told())?;
    Ok(ExitCode::SUCCESS)
}

/// Waits until the agent watches: then it answers.
fn watching(socket: &Path) -> anyhow::Result<()> {
    let start = Instant::now();
    while let Err(error) = control::ask::<Status>(socket, &Request::Status) {
        if start.elapsed() > PATIENCE {
            return Err(error);
        }
        sleep(LOOK);
    }
    Ok(())
}

/// A process of the tree.
struct Part {
    name: &'static str,
    command: Command,
    child: Child,
    since: Instant,
    /// When it is started again, if it has ended.
    again: Option<Instant>,
}

impl Part {
    fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start the {name}"))?;
        Ok(Self { name, command, child, since: Instant::now(), again: None })
    }

    /// Starts it again if it has ended.
    fn look(&mut self) -> anyhow::Result<()> {
        match self.again {
            Some(again) if again <= Instant::now() => {
                self.child =
                    self.command.spawn().with_context(|| format!("cannot start the {}", self.name))?;
                (self.since, self.again) = (Instant::now(), None);
            }
            Some(_) => {}
            None => {
                if let Some(status) = self.child.try_wait()? {
                    let wait = if self.since.elapsed() < BRIEF { BRIEF } else { Duration::ZERO };
                    output::note(&format!("the {} has ended ({status}); it is started again", self.name));
                    self.again = Some(Instant::now() + wait);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if self.again.is_some() {
            return;
        }
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else { return };
        let _ = kill_process(pid, Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < ENDING {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn await_told(place: &Place, check: &mut dyn FnMut() -> anyhow::Result<()>) -> anyhow::Result<Told> {
    let start = Instant::now();
    loop {
        if let Ok(told) = place.read_told() {
            return Ok(told);
        }
        check()?;
        if start.elapsed() > PATIENCE {
            bail!("the hub has not started within {} s", PATIENCE.as_secs());
        }
        sleep(LOOK);
    }
}

/// What to try next.
fn next(args: &UpArgs) -> &'static str {
    if args.demo {
        "  see the fix   gabion demo fix, when the page Incidents has shown the attack\n  add a node    on the page Nodes"
    } else {
        "  try it out    gabion up --demo\n  add a node    on the page Nodes"
    }
}

/// Where to go now. The token is in the part of the address that a browser sends to nobody.
fn welcome(told: &Told, next: &str) -> anyhow::Result<()> {
    let token = fs::read_to_string(&told.token_file)
        .with_context(|| format!("cannot read {}", told.token_file.display()))?;
    output::line(&format!(
        "\n  Gabion is up: {}\n\n  log in by     {}/login#{}",
        told.url,
        told.url,
        token.trim()
    ))?;
    output::line(&format!("{next}\n"))?;
    Ok(())
}

fn demo(place: &Place) -> anyhow::Result<()> {
    demo::start(&place.demo())?;
    demo::attack(&place.demo())
}

pub(crate) fn down(args: &DownArgs) -> anyhow::Result<ExitCode> {
    let place = Place::of(args.state.as_deref())?;
    match place.running() {
        Some(pid) => {
            kill_process(pid, Signal::TERM).context("cannot end it")?;
            let start = Instant::now();
            while place.running().is_some() {
                if start.elapsed() > ENDING * 3 {
                    bail!("it does not end: see {}", place.log().display());
                }
                sleep(LOOK);
            }
            output::note("Gabion is down");
        }
        None => output::note("Gabion is not up"),
    }
    if place.agent().join("keeper/socket").exists() {
        agent::stop_enforcing(&place.agent())?;
    }
    if args.demo {
        demo::stop(&place.demo())?;
    }
    if args.purge {
        for directory in [place.hub(), place.agent()] {
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", directory.display()));
                }
                _ => {}
            }
        }
        for file in [place.told(), place.pid(), place.log(), place.socket()] {
            remove(&file)?;
        }
        output::note(&format!("removed: what was kept in {}", place.state.display()));
    }
    Ok(ExitCode::SUCCESS)
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
