//! Where agents call: gRPC over our own TLS, and the way back to each of them.
//!
//! ```text
//!   agent ══ TLS 1.3 ══► accept: who is it? ──► service ── Join: a token, once ──► Inbox::join, signed by the authority
//!     ▲                  node id from its              └── Session ──► hello, status, inventory, alerts, ... ──► Inbox
//!     │                  certificate only                     │
//!     └── Kept, Scan, Ask ◄──────────── bounded queue ◄───────┴── Desk ◄── the rest of the hub
//! ```
//!
//! Nothing is acknowledged before [`Inbox`] has kept it; if it cannot, the session ends and the agent sends it again. A session is one
//! task that handles one message after the other, so a slow database slows agents down, and fills their disks instead of our memory.

mod accept;
mod desk;
mod inbox;
mod reports;
mod service;
mod session;
mod shelf;
#[cfg(test)]
mod tests;

pub use accept::Refusals;
pub(crate) use accept::is_hub;
pub use desk::{AskError, Desk};
pub use inbox::{Inbox, JoinRefused, Unavailable};
pub use shelf::{Shared, Shelf};

use gabion_api::agent::agents_server::AgentsServer;
use gabion_identity::{Authority, TrustDomain};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use service::Service;
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch};
use tonic::{service::Routes, transport::Server};

/// No message is longer, in bytes.
const MAX_MESSAGE: usize = 16 << 20;
/// How often a silent connection is asked whether it is there, and how long the answer may take.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls of one agent at once.
const CALLS: u32 = 4;
/// Headers of a call, in bytes.
const MAX_HEADERS: u32 = 16 << 10;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What the server needs to know.
#[derive(Clone)]
pub struct Settings {
    /// Who signs the certificates of nodes.
    pub authority: Arc<Authority>,
    /// Whom nodes are to believe: the authority above, and any that comes or goes.
    pub authorities: Vec<CertificateDer<'static>>,
    /// How long the certificate of a node holds; it is renewed at half of that.
    pub lifetime: SignedDuration,
    /// The time.
    pub clock: Clock,
}

impl Settings {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn domain(&self) -> &TrustDomain {
        self.authority.domain()
    }
}

/// Serves agents until `stop` is done. `tls` is [`gabion_identity::tls::server`], and may be replaced: new connections have the new one.
pub async fn serve<I: Inbox>(
    listener: TcpListener,
    tls: watch::Receiver<Arc<rustls::ServerConfig>>,
    settings: Settings,
    inbox: Arc<I>,
    desk: Desk,
    refusals: Arc<Refusals>,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), tonic::transport::Error> {
    serve_hubs_too(listener, tls, settings, inbox, desk, refusals, axum::Router::new(), stop).await
}

/// The same, and what other hubs ask is answered by `hubs`.
#[expect(clippy::too_many_arguments, reason = "one more than above")]
pub(crate) async fn serve_hubs_too<I: Inbox>(
    listener: TcpListener,
    tls: watch::Receiver<Arc<rustls::ServerConfig>>,
    settings: Settings,
    inbox: Arc<I>,
    desk: Desk,
    refusals: Arc<Refusals>,
    hubs: axum::Router,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), tonic::transport::Error> {
    let connections = accept::accept(listener, tls, settings.clone(), refusals);
    let service = AgentsServer::new(Service::new(settings, inbox, desk.clone()))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_header_list_size(MAX_HEADERS)
        .max_concurrent_streams(CALLS)
        .add_routes(Routes::from(Routes::new(service).into_axum_router().merge(hubs)))
        .serve_with_incoming_shutdown(connections, async {
            stop.await;
            desk.close_all();
        })
        .await;
    desk.close_all();
    served
}
