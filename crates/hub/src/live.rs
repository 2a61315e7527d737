//! Live views: what has changed, told to whoever listens. Only that it has: what it is now is asked for, by whoever may.

use gabion_api::rest::Topic;
use tokio::sync::broadcast;

/// Topics that wait for one listener; it is told of all of them if it misses some.
const WAITING: usize = 64;

/// Whom to tell.
#[derive(Debug)]
pub(crate) struct Live(broadcast::Sender<Topic>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Live {
    /// Something of this has changed.
    pub(crate) fn tell(&self, topic: Topic) {
        // Nobody may listen.
        let _ = self.0.send(topic);
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Topic> {
        self.0.subscribe()
    }
}
