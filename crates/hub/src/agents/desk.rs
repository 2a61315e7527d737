//! The way to agents that are connected, for the rest of the hub.

use super::Shelf;
use gabion_api::agent::{Ask, Scan, ToAgent, to_agent::Message};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

/// Messages that wait for one agent.
pub(super) const QUEUE: usize = 64;
/// Questions to one agent without an answer yet.
const MAX_ASKED: usize = 64;
/// Images that one agent is to scan.
const MAX_SCANS: usize = 4096;

/// Why an agent does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It is not connected, or has just gone.
    #[error("the agent is not connected")]
    NotConnected,
    /// Too much was asked of it already.
    #[error("the agent is busy: too much was asked of it at once")]
    Busy,
    /// It did not answer in time.
    #[error("the agent did not answer in time")]
    TimedOut,
    /// It is connected to another hub, which does not answer.
    #[error("the hub that the agent is connected to does not answer")]
    HubAway,
    /// Which hub it is connected to could not be read.
    #[error("it cannot be read which hub the agent is connected to")]
    NotKnown,
}

/// The agents that are connected. Clones are the same desk.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    sessions: Arc<Mutex<Sessions>>,
    shelf: Option<Shelf>,
}

#[derive(Debug, Default)]
struct Sessions {
    /// By the id of the node: the newest of each.
    of: HashMap<String, Session>,
    last: u64,
    /// Images that nodes were asked to scan; an answer may come in a later session.
    scans: HashMap<String, HashSet<String>>,
    closed: bool,
}

#[derive(Debug)]
struct Session {
    number: u64,
    out: mpsc::Sender<Result<ToAgent, Status>>,
    asked: HashMap<u64, oneshot::Sender<Vec<u8>>>,
    /// Dropped to end it.
    _stop: watch::Sender<()>,
}

/// A session's place at the desk, which is given back when it is dropped.
pub(super) struct Place {
    desk: Desk,
    node: String,
    number: u64,
}

impl Desk {
    /// One whose agents are told what others have read of layers.
    pub fn sharing(shelf: Shelf) -> Self {
        Self { shelf: Some(shelf), ..Self::default() }
    }

    /// What they have read of layers, if it is shared.
    pub fn shelf(&self) -> Option<&Shelf> {
        self.shelf.as_ref()
    }

    /// The ids of the nodes whose agents are connected, in order.
    pub fn connected(&self) -> Vec<String> {
        let mut nodes: Vec<_> = self.sessions().of.keys().cloned().collect();
        nodes.sort_unstable();
        nodes
    }

    /// Whether this one is.
    pub fn is_connected(&self, node: &str) -> bool {
        self.sessions().of.contains_key(node)
    }

    /// Asks an agent what its socket takes, a JSON object; the answer is one, too: `{"done":...}` or `{"error":"..."}`.
    pub async fn ask(&self, node: &str, question: Vec<u8>, patience: Duration) -> Result<Vec<u8>, AskError> {
        let (back, answer) = oneshot::channel();
        let id = {
            let mut sessions = self.sessions();
            sessions.last += 1;
            let id = sessions.last;
            let session = sessions.of.get_mut(node).ok_or(AskError::NotConnected)?;
            session.asked.retain(|_, back| !back.is_closed());
            if session.asked.len() >= MAX_ASKED {
                return Err(AskError::Busy);
            }
            session.send(Message::Ask(Ask { id, json: question }))?;
            session.asked.insert(id, back);
            id
        };
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::NotConnected),
            Err(_) => {
                if let Some(session) = self.sessions().of.get_mut(node) {
                    session.asked.remove(&id);
                }
                Err(AskError::TimedOut)
            }
        }
    }

    /// Asks an agent to scan what its node has; the report comes to [`super::Inbox::report`] under the name `image`.
    pub fn scan(&self, node: &str, image: &str, target: &str) -> Result<(), AskError> {
        let mut sessions = self.sessions();
        let Sessions { of, scans, .. } = &mut *sessions;
        let session = of.get(node).ok_or(AskError::NotConnected)?;
        let scans = scans.entry(node.to_owned()).or_default();
        if scans.len() >= MAX_SCANS {
            return Err(AskError::Busy);
        }
        let (image, target, shares) = (image.to_owned(), target.to_owned(), self.shelf.is_some());
        session.send(Message::Scan(Scan { image: image.clone(), target, shares }))?;
        scans.insert(image);
        Ok(())
    }

    /// Ends the session of a node, as it was shut out. What it told of layers is believed no more.
    pub fn disconnect(&self, node: &str) {
        if let Some(shelf) = &self.shelf {
            shelf.forget(node);
        }
        let mut sessions = self.sessions();
        sessions.of.remove(node);
        sessions.scans.remove(node);
    }

    /// Ends all sessions, and lets none begin.
    pub fn close_all(&self) {
        let mut sessions = self.sessions();
        sessions.closed = true;
        sessions.of.clear();
    }

    /// A session begins. One of the same node that is there still ends: the agent has lost it.
    pub(super) fn enter(
        &self,
        node: &str,
        out: mpsc::Sender<Result<ToAgent, Status>>,
    ) -> Option<(Place, watch::Receiver<()>)> {
        let (stop, stopped) = watch::channel(());
        let mut sessions = self.sessions();
        if sessions.closed {
            return None;
        }
        sessions.last += 1;
        let number = sessions.last;
        sessions.of.insert(node.to_owned(), Session { number, out, asked: HashMap::new(), _stop: stop });
        Some((Place { desk: self.clone(), node: node.to_owned(), number }, stopped))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn send(&self, message: Message) -> Result<(), AskError> {
        self.out.try_send(Ok(ToAgent { message: Some(message) })).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AskError::Busy,
            mpsc::error::TrySendError::Closed(_) => AskError::NotConnected,
        })
    }
}

impl Place {
    /// An agent has answered. Nobody may wait for it any more.
    pub(super) fn answered(&self, id: u64, answer: Vec<u8>) {
        let mut sessions = self.desk.sessions();
        let session = sessions.of.get_mut(&self.node).filter(|session| session.number == self.number);
        if let Some(back) = session.and_then(|session| session.asked.remove(&id)) {
            // Whoever asked may have given up.
            let _ = back.send(answer);
        }
    }

    /// What agents have read of layers, if it is shared, and as which session this one may add to it.
    pub(super) fn shelf(&self) -> Option<(&Shelf, u64)> {
        Some((self.desk.shelf.as_ref()?, self.number))
    }

    /// Whether the node was asked to scan this.
    pub(super) fn is_wanted(&self, image: &str) -> bool {
        self.desk.sessions().scans.get(&self.node).is_some_and(|scans| scans.contains(image))
    }

    /// What it was asked to scan is there, or cannot be.
    pub(super) fn scanned(&self, image: &str) {
        if let Some(scans) = self.desk.sessions().scans.get_mut(&self.node) {
            scans.remove(image);
        }
    }

    /// Gives the place back. Whether it was the node's still: no other session has taken it.
    pub(super) fn leave(&self) -> bool {
        let mut sessions = self.desk.sessions();
        let own = sessions.of.get(&self.node).is_some_and(|session| session.number == self.number);
        if own {
            sessions.of.remove(&self.node);
        }
        own || !sessions.of.contains_key(&self.node)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((shelf, number)) = self.shelf() {
            shelf.left(number);
        }
        self.leave();
    }
}
