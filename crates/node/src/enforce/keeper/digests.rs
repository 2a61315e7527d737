//! The content of programs: hashed once, by threads of their own, as a file may be long, and whoever has it slow.

use crate::enforce::kernel::wire::Stamp;
use gabion_model::Digest;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

/// No more threads than this; whoever comes then is decided by the fail mode.
const MAX_THREADS: usize = 16;
/// No more digests than this are remembered.
const MAX_KNOWN: usize = 16384;

/// A file with the content that it has now.
pub(super) type Key = (u64, u64, Stamp);

/// A digest that was asked for, or nothing if the file could not be read.
pub(super) type Hashed = (u64, Option<Digest>);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Digests {
    known: HashMap<Key, Digest>,
    running: HashMap<u64, (Key, Arc<AtomicBool>)>,
    threads: usize,
    sender: Sender<Hashed>,
    receiver: Receiver<Hashed>,
    wake: Arc<OwnedFd>,
}

impl Digests {
    pub(super) fn new() -> std::io::Result<Self> {
        let (sender, receiver) = channel();
        let wake = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?);
        Ok(Self { known: HashMap::new(), running: HashMap::new(), threads: 0, sender, receiver, wake })
    }

    pub(super) fn known(&self, key: &Key) -> Option<Digest> {
        self.known.get(key).copied()
    }

    /// Begins to hash; whether there was a thread for it.
    pub(super) fn start(
        &mut self,
        id: u64,
        key: Key,
        open: impl FnOnce() -> Option<File> + Send + 'static,
    ) -> bool {
        if self.threads >= MAX_THREADS {
            return false;
        }
        let given_up = Arc::new(AtomicBool::new(false));
        let (sender, wake, stop) = (self.sender.clone(), Arc::clone(&self.wake), Arc::clone(&given_up));
        let started = std::thread::Builder::new().name("digest".into()).spawn(move || {
            let digest = open().and_then(|file| hash(file, &stop));
            // The keeper may have ended.
            let _ = sender.send((id, digest));
            let _ = rustix::io::write(&*wake, &1_u64.to_ne_bytes());
        });
        if started.is_err() {
            return false;
        }
        self.threads += 1;
        self.running.insert(id, (key, given_up));
        true
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&self, id: u64) {
        if let Some((_, given_up)) = self.running.get(&id) {
            given_up.store(true, Ordering::Relaxed);
        }
    }

    /// Readable when something was hashed.
    pub(super) fn waits(&self) -> &OwnedFd {
        &self.wake
    }

    /// What was hashed.
    pub(super) fn hashed(&mut self) -> Vec<Hashed> {
        let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        let hashed: Vec<Hashed> = self.receiver.try_iter().collect();
        for (id, digest) in &hashed {
            self.threads -= 1;
            if let (Some((key, _)), Some(digest)) = (self.running.remove(id), digest) {
                if self.known.len() >= MAX_KNOWN {
                    self.known.clear();
                }
                self.known.insert(key, *digest);
            }
        }
        hashed
    }
}

fn hash(mut file: File, stop: &AtomicBool) -> Option<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let size = file.read(&mut buffer).ok()?;
        if size == 0 {
            return Some(Digest::sha256(hasher.finalize().into()));
        }
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        hasher.update(&buffer[..size]);
    }
}
