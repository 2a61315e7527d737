//! What becomes of what agents send: the seam between this module, which knows wires, and the store, which knows disks.

use gabion_api::agent::{Alert, Event, Hello, Incident, Inventory, Loaded, Status};
use jiff::Timestamp;

/// Why a node may not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    /// There is no such token, it was used as often as it may be, or it is too old. Which of these, only the log says.
    #[error("the join token is not valid: it is unknown, used up or too old")]
    Token,
    /// It cannot be decided now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Something cannot be kept now; the agent sends it again later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hub cannot keep it now: {0}")]
pub struct Unavailable(pub String);

/// Does something with an inbox, and gives it up when nothing can be kept any more: an answer may never come, and others wait for their turn.
pub(super) async fn unless_away<I: Inbox, T, E: From<Unavailable>>(
    inbox: &I,
    work: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E> {
    tokio::select! {
        biased;
        done = work => done,
        () = inbox.until_away() => Err(Unavailable("the database is away".to_owned()).into()),
    }
}

/// Takes what agents send. What it has answered with `Ok` is on disk. The same may come twice, as an answer may be lost.
pub trait Inbox: Send + Sync + 'static {
    /// Waits until nothing can be kept: whoever waits for an answer then need not any more.
    fn until_away(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Whether there is room for what need not be kept.
    fn has_room(&self) -> bool {
        true
    }

    /// A node shows the secret of a token and wants to join. Checks that the token is good, counts its use, and makes the id of the node:
    /// a segment of a SPIFFE ID.
    fn join(
        &self,
        secret_hash: [u8; 32],
        name: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<String, JoinRefused>> + Send;

    /// Whether the node is known, and was not shut out. It is asked again now and then while a session lasts.
    fn is_allowed(&self, node: &str) -> impl Future<Output = Result<bool, Unavailable>> + Send;

    /// A session has begun.
    fn hello(&self, node: &str, hello: Hello) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// A session has ended, and no other of that node has begun.
    fn left(&self, node: &str) -> impl Future<Output = ()> + Send;

    /// How the agent does.
    fn status(&self, node: &str, status: Status) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// All containers that run there now.
    fn inventory(
        &self,
        node: &str,
        inventory: Inventory,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// What a container has executed or mapped.
    fn loaded(&self, node: &str, loaded: Loaded) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Alerts, by growing numbers. Tells up to which number all are kept.
    fn alerts(&self, node: &str, alerts: Vec<Alert>)
    -> impl Future<Output = Result<u64, Unavailable>> + Send;

    /// An incident as it is now.
    fn incident(
        &self,
        node: &str,
        incident: Incident,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Events, by growing numbers. Tells up to which number all are kept.
    fn events(&self, node: &str, events: Vec<Event>)
    -> impl Future<Output = Result<u64, Unavailable>> + Send;

    /// The report (JSON) of an image that was asked for by [`super::Desk::scan`], or why there is none.
    fn report(
        &self,
        node: &str,
        image: &str,
        report: Result<Vec<u8>, String>,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;
}
