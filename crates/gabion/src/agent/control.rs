//! The socket of the agent: who may ask, what is asked, and the way back.
//!
//! ```text
//!   client ──► thread of the connection ──Asked──► the agent's loop
//!                      ▲                               │
//!                      └──────── bounded queue ◄───────┘
//! ```
//! The loop never waits for a client: a queue that is full loses lines, which are counted and told.

use crate::control::{Line, MAX_QUESTION, Request};
use anyhow::Context;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::sockopt::socket_peercred,
    process::geteuid,
};
use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

/// Clients at once.
const MAX_CLIENTS: usize = 64;
/// Lines that wait for one client.
const QUEUE: usize = 4096;
/// A client says what it wants within this, and takes a line within it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a quiet connection is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// A question, and the way back to whoever asked.
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) back: Back,
}

/// The way back.
pub(super) struct Back {
    queue: SyncSender<Line>,
    lost: u64,
    /// Whoever asked holds the other one.
    heard: Weak<()>,
    /// Who asked.
    pub(super) uid: u32,
}

impl Back {
    /// Whether somebody is there still.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.strong_count() > 0
    }

    /// Sends a line. False if nobody is there any more.
    pub(super) fn send(&mut self, line: Line) -> bool {
        if self.lost > 0 {
            match self.queue.try_send(Line::Lost(self.lost)) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Full(_)) => {}
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        match self.queue.try_send(line) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// The socket; it is removed when this is dropped.
pub(super) struct Desk {
    path: PathBuf,
    asked: Receiver<Asked>,
}

impl Desk {
    /// Listens. A socket that nobody listens on any more is replaced.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let told = || format!("cannot listen on {}", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(told)?;
        }
        if UnixStream::connect(path).is_ok() {
            anyhow::bail!(
                "another agent listens on {}\nhint: gabion status, or --socket for a second one",
                path.display()
            );
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(told),
            _ => {}
        }
        let listener = UnixListener::bind(path).with_context(told)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(told)?;
        let (sender, asked) = sync_channel(MAX_CLIENTS);
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || accept(&listener, &sender))
            .context("cannot start a thread")?;
        Ok(Self { path: path.to_owned(), asked })
    }

    /// What was asked since the last time.
    pub(super) fn asked(&self) -> impl Iterator<Item = Asked> {
        self.asked.try_iter()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = fs::remove_file(&self.path);
    }
}

fn accept(listener: &UnixListener, asked: &SyncSender<Asked>) {
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else {
            // Out of descriptors: others close theirs.
            thread::sleep(LOOK);
            continue;
        };
        if clients.load(Ordering::Relaxed) >= MAX_CLIENTS {
            refuse(&mut stream, "too many ask the agent at once");
            continue;
        }
        clients.fetch_add(1, Ordering::Relaxed);
        let (asked, clients_now) = (asked.clone(), Arc::clone(&clients));
        let spawned = thread::Builder::new().name("client".to_owned()).spawn(move || {
            // Whoever goes away in between need not be told.
            let _ = serve(&mut stream, &asked);
            clients_now.fetch_sub(1, Ordering::Relaxed);
        });
        if spawned.is_err() {
            clients.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn refuse(stream: &mut UnixStream, why: &str) {
    // Whoever is refused may be gone.
    let _ = stream.set_write_timeout(Some(LOOK));
    let _ = stream.write_all(Line::Error(why.to_owned()).sent().as_bytes());
}

fn serve(stream: &mut UnixStream, asked: &SyncSender<Asked>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let peer = socket_peercred(&*stream)?.uid;
    if !peer.is_root() && peer != geteuid() {
        refuse(stream, "the agent answers root only");
        return Ok(());
    }
    let mut question = String::new();
    BufReader::new(&*stream).take(MAX_QUESTION).read_line(&mut question)?;
    let request = match serde_json::from_str(&question) {
        Ok(request) => request,
        Err(error) => {
            refuse(stream, &format!("the question is not understood: {error}"));
            return Ok(());
        }
    };
    let (queue, answer) = sync_channel(QUEUE);
    let here = Arc::new(());
    let back = Back { queue, lost: 0, heard: Arc::downgrade(&here), uid: peer.as_raw() };
    if asked.send(Asked { request, back }).is_err() {
        refuse(stream, "the agent is ending");
        return Ok(());
    }
    loop {
        match answer.recv_timeout(LOOK) {
            Ok(line) => stream.write_all(line.sent().as_bytes())?,
            Err(RecvTimeoutError::Timeout) if gone(stream)? => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Whether the client has closed its end.
fn gone(stream: &UnixStream) -> std::io::Result<bool> {
    let mut looked = [PollFd::new(stream, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut looked, Some(&at_once))?;
    Ok(looked[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{alert::AlertFormat, control};
    use serde_json::json;

    #[test]
    fn answers_come_back_and_what_is_not_read_is_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        let desk = Desk::open(&path).expect("listens");
        assert!(Desk::open(&path).is_err(), "another agent must not take the socket over");
        let loop_of_the_agent = thread::spawn(move || {
            let asked = desk.asked.recv().expect("asked");
            let Asked { request: Request::Alerts { .. }, mut back } = asked else {
                panic!("{:?}", asked.request)
            };
            // Nobody can read so fast that none is lost: the queue is shorter.
            let sent = 200_000_u64;
            for number in 0..sent {
                assert!(back.send(Line::Item(number.to_string())));
            }
            while back.lost > 0 {
                thread::yield_now();
                assert!(back.send(Line::Item("end".to_owned())));
            }
            back.send(Line::Done(json!(sent)));
        });
        let (mut items, mut lost) = (0_u64, 0_u64);
        control::follow(&path, &Request::Alerts { format: AlertFormat::Text }, |line| {
            match line {
                Line::Item(text) if text == "end" => {}
                Line::Item(_) => items += 1,
                Line::Lost(count) => lost += count,
                other => panic!("{other:?}"),
            }
            Ok(())
        })
        .expect("hears");
        loop_of_the_agent.join().expect("ends");
        assert!(items >= QUEUE as u64, "{items}");
        assert!(lost > 0 && items + lost >= 200_000, "{items} {lost}");
        assert!(!path.exists(), "the socket is gone with the agent");
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        let _desk = Desk::open(&path).expect("listens");
        for (question, reason) in
            [("{\"ask\":\"nothing\"}\n", "unknown variant"), ("\u{0}\n", "expected value")]
        {
            let mut stream = UnixStream::connect(&path).expect("connects");
            stream.write_all(question.as_bytes()).expect("asks");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("hears");
            assert!(answer.starts_with("{\"error\":") && answer.contains(reason), "{answer}");
        }
    }
}
