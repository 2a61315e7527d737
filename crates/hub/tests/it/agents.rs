//! An agent of a test that tells, one after the other, and waits until each is kept.

use crate::{
    agent::{Node, Session},
    hub::{Hub, until},
};
use gabion_api::agent::{Event, Events, Incident, Kept, Status, from_agent::Message};
use serde_json::Value;
use std::{sync::atomic::Ordering, time::Duration};

/// Whoever waits longer has found a fault.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node of the hub, and its session.
pub(crate) struct Agent {
    /// Its id.
    pub(crate) id: String,
    session: Session,
    incidents: u64,
}

impl Agent {
    /// Joins, and begins a session; its clock shows this, in nanoseconds, 0 if it is of a version that does not tell.
    pub(crate) async fn join(hub: &Hub, name: &str, time: u64) -> Self {
        // Certificates are of the time of everybody else.
        let shown = hub.time.load(Ordering::Relaxed);
        hub.at_present();
        let node = Node::join(hub, name).await;
        let channel = node.connect(hub.agents()).await.expect("connects");
        hub.time.store(shown, Ordering::Relaxed);
        let session = node.session_by(channel, time).await.expect("a session");
        // What it says first is compared with the hub's clock, which the next to join moves.
        until("a greeting", async || {
            let nodes = hub.get("/api/v1/nodes").await;
            let mut nodes = nodes["items"].as_array().into_iter().flatten();
            nodes.any(|one| one["id"] == node.id.as_str() && one["version"] == "test").then_some(())
        })
        .await;
        Self { id: node.id, session, incidents: 0 }
    }

    async fn until(&mut self, is_kept: impl Fn(&Kept) -> bool) -> Kept {
        let kept = async {
            loop {
                let kept = self.session.kept().await.expect("goes on");
                if is_kept(&kept) {
                    return kept;
                }
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("is kept")
    }

    /// Tells events, and waits until they are kept.
    pub(crate) async fn events(&mut self, events: Vec<Event>) {
        let last = events.last().expect("there are events").number;
        assert!(self.session.say(Message::Events(Events { events })).await);
        self.until(|kept| kept.events >= last).await;
    }

    pub(crate) async fn status(&self, time: u64) {
        let status = Status { json: b"{}".to_vec(), time, ..Status::default() };
        assert!(self.session.say(Message::Status(status)).await);
    }

    /// Tells an incident, and waits until it is kept.
    pub(crate) async fn incident(&mut self, story: &Value, picture: &str) {
        let told = Incident {
            id: story["id"].as_u64().expect("a number"),
            json: story.to_string().into_bytes(),
            picture: picture.as_bytes().to_vec(),
        };
        assert!(self.session.say(Message::Incident(told)).await);
        let before = self.incidents;
        self.incidents = self.until(|kept| kept.incidents > before).await.incidents;
    }
}
