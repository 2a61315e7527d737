//! Live views: what has changed, told to whoever listens. Only that it has: what it is now is asked for, by whoever may.
//!
//! What this hub has changed is told to other hubs as well; what they have changed is told here only.

use gabion_api::rest::Topic;
use tokio::sync::broadcast;

/// Topics that wait for one listener; it is told of all of them if it misses some.
const WAITING: usize = 64;

/// Whom to tell.
#[derive(Debug)]
pub(crate) struct Live {
    all: broadcast::Sender<Topic>,
    own: broadcast::Sender<Topic>,
}

impl Default for Live {
    fn default() -> Self {
        Self { all: broadcast::channel(WAITING).0, own: broadcast::channel(WAITING).0 }
    }
}

impl Live {
    /// Something of this has changed.
    pub(crate) fn tell(&self, topic: Topic) {
        self.tell_here(topic);
        // There may be no other hub.
        let _ = self.own.send(topic);
    }

    /// Another hub has changed something of this.
    pub(crate) fn tell_here(&self, topic: Topic) {
        // Nobody may listen.
        let _ = self.all.send(topic);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Topic> {
        self.all.subscribe()
    }

    /// What this hub itself changes.
    pub(crate) fn own(&self) -> broadcast::Receiver<Topic> {
        self.own.subscribe()
    }
}
