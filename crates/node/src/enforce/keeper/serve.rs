//! The socket of the keeper: who may ask, and what is answered.

use super::Keeper;
use crate::enforce::wire::{self, PORTION, Reply, Request, build};
use rustix::{
    event::{PollFd, PollFlags},
    net::sockopt::socket_peercred,
};
use std::{
    fs, io,
    io::{Read as _, Write as _},
    os::unix::{
        fs::PermissionsExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// Agents come one at a time; a few more may ask how things are.
const MAX_CLIENTS: usize = 16;

pub(super) struct Server {
    path: PathBuf,
    listener: UnixListener,
    clients: Vec<Client>,
}

struct Client {
    stream: UnixStream,
    /// What has come of the next question, and what has not gone of the last answer.
    read: Vec<u8>,
    written: Vec<u8>,
}

impl Server {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // Nobody but root gets into the directory meanwhile.
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self { path: path.to_owned(), listener, clients: Vec::new() })
    }

    pub(super) fn close(self) {
        // Whoever finds it knows from the lock that nobody listens.
        let _ = fs::remove_file(&self.path);
    }

    pub(super) fn poll<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        fds.push(PollFd::new(&self.listener, PollFlags::IN));
        fds.extend(self.clients.iter().map(|client| {
            let out = if client.written.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            PollFd::new(&client.stream, PollFlags::IN | out)
        }));
    }

    /// Answers what was asked.
    pub(super) fn serve(&mut self, mut answer: impl FnMut(Request) -> Reply) {
        while let Ok((stream, _)) = self.listener.accept() {
            let root = socket_peercred(&stream).is_ok_and(|peer| peer.uid.is_root());
            if root && self.clients.len() < MAX_CLIENTS && stream.set_nonblocking(true).is_ok() {
                self.clients.push(Client { stream, read: Vec::new(), written: Vec::new() });
            }
        }
        self.clients.retain_mut(|client| client.attend(&mut answer).is_ok());
    }
}

impl Client {
    /// Reads and writes what can be; an error ends it.
    fn attend(&mut self, answer: &mut impl FnMut(Request) -> Reply) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(size) => self.read.extend_from_slice(&buffer[..size]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            if self.read.len() > wire::MAX_FRAME + 4 {
                break;
            }
        }
        // Whoever does not take answers gets no more.
        while self.written.is_empty()
            && let Some((request, length)) = wire::unframe(&self.read)?
        {
            self.read.drain(..length);
            self.written = wire::frame(&answer(request))?;
            self.write()?;
        }
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.written.is_empty() {
            match self.stream.write(&self.written) {
                Ok(size) => drop(self.written.drain(..size)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Keeper {
    pub(super) fn request(&mut self, request: Request) -> Reply {
        // What was decided by the policies there are is recorded by their names.
        self.decided();
        if !matches!(request, Request::Hello | Request::Take { .. } | Request::Stats) {
            self.renewed();
        }
        let kernel = self.kernel.as_mut();
        let done = match request {
            Request::Hello => {
                return Reply::Hello { build: build(), pid: std::process::id(), ladder: self.ladder() };
            }
            Request::Set { group, container, policy } => {
                self.state.set(group, container, Some(policy), kernel).map(|()| {
                    if let Some(policy) = self.state.own(group) {
                        self.mark_group(group, &policy);
                    }
                })
            }
            Request::Exempt { group } => self.state.set(group, String::new(), None, kernel),
            Request::Remove { group } => self.state.remove(group, kernel),
            Request::Default { policy } => self.state.set_fallback(policy, kernel),
            Request::Take { above } => {
                self.spool.taken(above);
                return Reply::Decisions(self.spool.waiting().take(PORTION).cloned().collect());
            }
            Request::Stats => return Reply::Stats(self.stats()),
            Request::Stop => {
                self.stop = true;
                Ok(())
            }
        };
        match done {
            Ok(()) => Reply::Done,
            Err(error) => Reply::Refused(error.to_string()),
        }
    }
}
