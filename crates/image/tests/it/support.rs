//! What the tests share: what they need of this machine, and listening.

pub(crate) use crate::machine::*;

use gabion_image::source::Progress;
use std::{
    future::Future,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Runs async code to its end.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Counts what it hears.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) total: AtomicU64,
    pub(crate) advanced: AtomicU64,
    pub(crate) messages: Mutex<Vec<String>>,
}

impl Heard {
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.total.load(Ordering::Relaxed), self.advanced.load(Ordering::Relaxed))
    }
}

impl Progress for Heard {
    fn total(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    fn advance(&self, bytes: u64) {
        self.advanced.fetch_add(bytes, Ordering::Relaxed);
    }

    fn message(&self, text: &str) {
        self.messages.lock().expect("not poisoned").push(text.to_owned());
    }
}
