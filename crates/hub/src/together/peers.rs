//! Calls to other hubs: JSON over HTTP/2 and the TLS of agents, with a certificate of the hub on both sides.

use crate::Identity;
use axum::body::{Body, to_bytes};
use gabion_store::state::StoredHub;
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::ServerName;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

/// Which hub is asked. Where two are behind one name, another may answer, or the one that asks.
pub(super) const WANTED: &str = "gabion-hub";
/// A hub that cannot be connected to within this is away.
const CONNECT: Duration = Duration::from_secs(3);
/// How often a silent hub is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// No answer is longer, in bytes.
const MAX_ANSWER: usize = 32 << 20;
/// Why it was refused is not longer.
const MAX_WHY: usize = 4 << 10;
/// A connection is made anew after this, with a new certificate.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// The ways to them.
#[derive(Debug)]
pub(crate) struct Peers {
    identity: Identity,
    /// By address, for what is short. Questions to nodes may take their time: each has a connection of its own.
    channels: Mutex<HashMap<String, (Channel, Timestamp)>>,
}

/// Why another hub gives no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Silent(pub(crate) String);

impl Peers {
    pub(super) fn new(identity: Identity) -> Self {
        Self { identity, channels: Mutex::default() }
    }

    /// Asks over a connection that is kept.
    pub(super) async fn ask<A: DeserializeOwned>(
        &self,
        hub: &StoredHub,
        path: &str,
        question: &impl Serialize,
        patience: Duration,
        now: Timestamp,
    ) -> Result<A, Silent> {
        let channel = self.kept(&hub.hub.address, now)?;
        let answer = asked(channel, &hub.hub.id, path, question, patience).await;
        if answer.is_err() {
            // By the next time its name may lead to another.
            self.channels.lock().unwrap_or_else(PoisonError::into_inner).remove(&hub.hub.address);
        }
        answer
    }

    /// Asks over a connection of its own.
    pub(super) async fn ask_alone<A: DeserializeOwned>(
        &self,
        hub: &StoredHub,
        path: &str,
        question: &impl Serialize,
        patience: Duration,
        now: Timestamp,
    ) -> Result<A, Silent> {
        asked(self.connect(&hub.hub.address, now)?, &hub.hub.id, path, question, patience).await
    }

    fn kept(&self, address: &str, now: Timestamp) -> Result<Channel, Silent> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let known = channels.get(address).filter(|(_, made)| now.duration_since(*made) < LIFETIME);
        if let Some((channel, _)) = known {
            return Ok(channel.clone());
        }
        let channel = self.connect(address, now)?;
        channels.insert(address.to_owned(), (channel.clone(), now));
        Ok(channel)
    }

    fn connect(&self, address: &str, now: Timestamp) -> Result<Channel, Silent> {
        let config = self.identity.for_hubs(now).map_err(|error| Silent(format!("{error:#}")))?;
        let (connector, address) = (TlsConnector::from(Arc::new(config)), Arc::<str>::from(address));
        Ok(Endpoint::from_static("http://hub")
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(CONNECT)
            .connect_with_connector_lazy(tower::service_fn(move |_| {
                let (connector, address) = (connector.clone(), Arc::clone(&address));
                async move {
                    let stream = TcpStream::connect(&*address).await?;
                    stream.set_nodelay(true)?;
                    // Nobody looks at it: a hub is known by its SPIFFE ID.
                    let name = ServerName::try_from("hub").map_err(std::io::Error::other)?;
                    connector.connect(name, stream).await.map(TokioIo::new)
                }
            })))
    }
}

async fn asked<A: DeserializeOwned>(
    mut channel: Channel,
    hub: &str,
    path: &str,
    question: &impl Serialize,
    patience: Duration,
) -> Result<A, Silent> {
    let said = |error: &dyn std::error::Error| Silent(innermost(error));
    let body = serde_json::to_vec(question).map_err(|error| said(&error))?;
    let request = Request::post(format!("http://hub{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(WANTED, hub)
        .body(tonic::body::Body::new(Body::from(body)))
        .map_err(|error| said(&error))?;
    let answer = async {
        let response = channel.ready().await.map_err(|error| said(&error))?.call(request).await;
        let (parts, body) = response.map_err(|error| said(&error))?.into_parts();
        let most = if parts.status == StatusCode::OK { MAX_ANSWER } else { MAX_WHY };
        let bytes = to_bytes(Body::new(body), most).await.map_err(|error| said(&error))?;
        if parts.status != StatusCode::OK {
            let why = String::from_utf8_lossy(&bytes).into_owned();
            return Err(Silent(if why.is_empty() { format!("it answers {}", parts.status) } else { why }));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Silent(format!("its answer is not understood: {error}")))
    };
    match timeout(patience, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Silent(format!("it has said nothing for {patience:?}"))),
    }
}

/// What has gone wrong in the end.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
