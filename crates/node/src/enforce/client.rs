//! The agent's end: finds or starts the keeper, tells it policies, and takes what was decided.

use super::{
    Decision, EnforceStats, Options, Policy, Step,
    error::EnforceError,
    wire::{self, PORTION, Reply, Request},
};
use crate::sensor::Objects;
use libbpf_rs::{Link, MapHandle};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::OwnedFd,
    net::sockopt::socket_peercred,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    fs::{self, File},
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A keeper that does not answer for so long is replaced.
const PATIENCE: Duration = Duration::from_secs(5);
/// A keeper must be ready in that time.
const START: Duration = Duration::from_secs(20);
/// How often is looked whether it is.
const LOOK: Duration = Duration::from_millis(5);

/// Enforcement, from the agent's side. Dropping it changes nothing: the keeper goes on.
#[derive(Debug)]
pub struct Enforcer {
    options: Options,
    keeper: Connection,
    /// The keeper, if this process has started it.
    child: Option<Child>,
    /// What was told.
    taken: u64,
    restarts: u64,
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    pid: u32,
    build: String,
    ladder: Vec<Step>,
}

impl Enforcer {
    /// Finds the keeper, or starts it. One of another version is replaced.
    pub fn start(options: Options) -> Result<Self, EnforceError> {
        let mut child = None;
        let keeper = match Connection::open(&options) {
            Ok(keeper) if keeper.build == wire::build() => keeper,
            Ok(other) => {
                kill(other.pid)?;
                launch(&options, &mut child)?
            }
            Err(_) => launch(&options, &mut child)?,
        };
        Ok(Self { options, keeper, child, taken: 0, restarts: 0 })
    }

    /// Finds the keeper that runs already.
    pub fn find(options: Options) -> Result<Self, EnforceError> {
        let keeper = Connection::open(&options)?;
        if keeper.build != wire::build() {
            return Self::start(options);
        }
        Ok(Self { options, keeper, child: None, taken: 0, restarts: 0 })
    }

    /// A container's control group has this policy from now on, as have the groups within it.
    pub fn set(&mut self, group: u64, container: &str, policy: &Policy) -> Result<(), EnforceError> {
        let (container, policy) = (container.to_owned(), policy.clone());
        self.done(&Request::Set { group, container, policy })
    }

    /// A control group is no container's, whatever it looks like.
    pub fn exempt(&mut self, group: u64) -> Result<(), EnforceError> {
        self.done(&Request::Exempt { group })
    }

    /// A control group is no more.
    pub fn remove(&mut self, group: u64) -> Result<(), EnforceError> {
        self.done(&Request::Remove { group })
    }

    /// Containers without a policy of their own have this one from now on.
    pub fn set_default(&mut self, policy: &Policy) -> Result<(), EnforceError> {
        self.done(&Request::Default { policy: policy.clone() })
    }

    /// Tells what was decided since the last time; how many decisions that were. What was told is kept until the next call.
    pub fn poll(&mut self, tell: &mut dyn FnMut(&Decision)) -> Result<usize, EnforceError> {
        let mut count = 0;
        loop {
            let Reply::Decisions(decisions) = self.ask(&Request::Take { above: self.taken })? else {
                return Err(unexpected());
            };
            for decision in &decisions {
                tell(decision);
                self.taken = self.taken.max(decision.number);
            }
            count += decisions.len();
            if decisions.len() < PORTION {
                return Ok(count);
            }
        }
    }

    /// What was decided so far, and what became of the records.
    pub fn stats(&mut self) -> Result<EnforceStats, EnforceError> {
        match self.ask(&Request::Stats)? {
            Reply::Stats(stats) => Ok(stats),
            _ => Err(unexpected()),
        }
    }

    /// What decides about programs, files and connections here, and why nothing better.
    pub fn ladder(&self) -> &[Step] {
        &self.keeper.ladder
    }

    /// How often the keeper had to be started again.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What there is of it in the kernel: all that is pinned.
    pub fn objects(&self) -> Objects {
        let mut objects = Objects::default();
        let pinned = |kind| {
            let versions = fs::read_dir(&self.options.pins).into_iter().flatten().flatten();
            let entries = versions.flat_map(move |version| fs::read_dir(version.path().join(kind)));
            entries.flatten().flatten().map(|entry| entry.path())
        };
        // What cannot be opened was taken away meanwhile.
        pinned("maps")
            .filter_map(|pin| MapHandle::from_pinned_path(pin).ok())
            .for_each(|map| objects.map(&map));
        pinned("links").filter_map(|pin| Link::open(pin).ok()).for_each(|link| objects.link(&link));
        objects
    }

    /// Where they are pinned.
    pub fn pins(&self) -> &Path {
        &self.options.pins
    }

    /// The keeper's process number.
    pub fn keeper(&self) -> u32 {
        self.keeper.pid
    }

    /// Ends the keeper and detaches all there is: nothing is enforced any more.
    pub fn stop(mut self) -> Result<(), EnforceError> {
        let process = pidfd(self.keeper.pid);
        self.done(&Request::Stop)?;
        if let Ok(process) = process {
            await_end(&process)?;
        }
        if let Some(mut child) = self.child.take() {
            child.wait().map_err(EnforceError::Silent)?;
        }
        Ok(())
    }

    fn done(&mut self, request: &Request) -> Result<(), EnforceError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            _ => Err(unexpected()),
        }
    }

    /// Asks the keeper; one that is dead or silent is replaced, and asked once more.
    fn ask(&mut self, request: &Request) -> Result<Reply, EnforceError> {
        let reply = if let Ok(reply) = wire::ask(&mut self.keeper.stream, request) {
            reply
        } else {
            self.revive()?;
            wire::ask(&mut self.keeper.stream, request).map_err(EnforceError::Silent)?
        };
        match reply {
            Reply::Refused(why) => Err(EnforceError::Refused(why)),
            reply => Ok(reply),
        }
    }

    fn revive(&mut self) -> Result<(), EnforceError> {
        self.restarts += 1;
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            child.wait().map_err(EnforceError::Silent)?;
        } else {
            kill(self.keeper.pid)?;
        }
        self.keeper = launch(&self.options, &mut self.child)?;
        Ok(())
    }
}

impl Connection {
    /// The keeper that listens; one that does not answer as ours would has an empty build.
    fn open(options: &Options) -> Result<Self, EnforceError> {
        let mut stream = UnixStream::connect(options.state.join("socket")).map_err(EnforceError::Silent)?;
        let limit = Some(PATIENCE);
        stream
            .set_read_timeout(limit)
            .and_then(|()| stream.set_write_timeout(limit))
            .map_err(EnforceError::Silent)?;
        if let Ok(Reply::Hello { build, pid, ladder }) = wire::ask(&mut stream, &Request::Hello) {
            return Ok(Self { stream, pid, build, ladder });
        }
        let peer = socket_peercred(&stream).map_err(|error| silent(error.into()))?;
        let pid = peer.pid.as_raw_nonzero().get().cast_unsigned();
        Ok(Self { stream, pid, build: String::new(), ladder: Vec::new() })
    }
}

/// Starts a keeper, and waits until it answers.
fn launch(options: &Options, child: &mut Option<Child>) -> Result<Connection, EnforceError> {
    let failed = |error: io::Error| EnforceError::Start(error.to_string());
    fs::create_dir_all(&options.state).map_err(failed)?;
    let log: PathBuf = options.state.join("log");
    let file = File::create(&log).map_err(failed)?;
    let arguments = serde_json::to_string(options).map_err(|error| EnforceError::Start(error.to_string()))?;
    let spawned = Command::new(&options.keeper.program)
        .args(&options.keeper.args)
        .arg(arguments)
        .envs(options.keeper.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(failed)?;
    let spawned = child.insert(spawned);
    let begun = Instant::now();
    loop {
        match Connection::open(options) {
            Ok(keeper) if keeper.build == wire::build() => return Ok(keeper),
            _ if begun.elapsed() > START => {
                let _ = spawned.kill();
                return Err(EnforceError::Start("it was not ready in time".into()));
            }
            _ => {}
        }
        if let Some(status) = spawned.try_wait().map_err(failed)? {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let last: String = log.lines().last().unwrap_or_default().chars().take(500).collect();
            return Err(EnforceError::Start(format!("{status}: {last}")));
        }
        std::thread::sleep(LOOK);
    }
}

fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// Ends a keeper at once, and waits for its end, as two cannot have one directory.
fn kill(pid: u32) -> Result<(), EnforceError> {
    // It may be gone by itself.
    let Ok(process) = pidfd(pid) else { return Ok(()) };
    let _ = pidfd_send_signal(&process, Signal::KILL);
    await_end(&process)
}

fn await_end(process: &OwnedFd) -> Result<(), EnforceError> {
    let time = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&time)) {
        Ok(1..) => Ok(()),
        Ok(0) => Err(silent(io::ErrorKind::TimedOut.into())),
        Err(error) => Err(silent(error.into())),
    }
}

fn silent(error: io::Error) -> EnforceError {
    EnforceError::Silent(error)
}

fn unexpected() -> EnforceError {
    silent(io::Error::new(io::ErrorKind::InvalidData, "it answers something else"))
}
