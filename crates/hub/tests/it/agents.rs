//! Agents of a test: they join, and say over real TLS what an agent says.

use crate::hub::Hub;
use gabion_api::agent::{
    Event, Events, FromAgent, Hello, Incident, JoinRequest, Status, ToAgent, agents_client::AgentsClient,
    from_agent::Message, to_agent,
};
use gabion_identity::{JoinToken, NodeKey, tls};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

/// Whoever waits longer has found a fault.
const PATIENCE: Duration = Duration::from_mins(1);

/// A node of the hub, and its session.
pub(crate) struct Agent {
    /// Its id.
    pub(crate) id: String,
    out: mpsc::Sender<FromAgent>,
    incoming: Streaming<ToAgent>,
    kept: u64,
}

impl Agent {
    /// Joins, and begins a session; its clock shows this, in nanoseconds, 0 if it is of a version that does not tell.
    pub(crate) async fn join(hub: &Hub, name: &str, time: u64) -> Self {
        let made: Value = hub
            .post("/api/v1/join-tokens", json!({"minutes": 10, "uses": 1}))
            .await
            .json()
            .await
            .expect("JSON");
        let token: JoinToken = made["token"].as_str().expect("a token").parse().expect("a token");
        let command = made["command"].as_str().expect("a command");
        let at = command.split("--hub ").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
        let at: SocketAddr = at.parse().expect("an address");
        let key = NodeKey::generate().expect("a key");
        let mut joining = connect(at, tls::pinned(token.fingerprint()).expect("a configuration")).await;
        let request = JoinRequest {
            secret: token.secret().to_vec(),
            request: key.request().expect("a request"),
            name: name.to_owned(),
        };
        let joined = joining.join(request).await.expect("joins").into_inner();
        let der = |all: Vec<Vec<u8>>| all.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
        let domain = "gabion.local".parse().expect("a domain");
        let config =
            tls::client(der(joined.chain), &key, &der(joined.authorities), &domain).expect("a configuration");
        let mut client = connect(at, config).await;
        let (out, messages) = mpsc::channel(4);
        let hello = Hello { version: "test".to_owned(), name: name.to_owned(), time, ..Hello::default() };
        out.send(said(Message::Hello(hello))).await.expect("is there");
        let incoming = client.session(ReceiverStream::new(messages)).await.expect("a session").into_inner();
        Self { id: joined.node, out, incoming, kept: 0 }
    }

    /// Tells events, and waits until they are kept.
    pub(crate) async fn events(&mut self, events: Vec<Event>) {
        let last = events.last().expect("there are events").number;
        self.out.send(said(Message::Events(Events { events }))).await.expect("is heard");
        let kept = async {
            loop {
                let heard = self.incoming.message().await.expect("goes on").expect("a message");
                if matches!(heard.message, Some(to_agent::Message::Kept(kept)) if kept.events >= last) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("is kept");
    }

    pub(crate) async fn status(&self, time: u64) {
        let status = Status { json: b"{}".to_vec(), time, ..Status::default() };
        self.out.send(said(Message::Status(status))).await.expect("is heard");
    }

    /// Tells an incident, and waits until it is kept.
    pub(crate) async fn incident(&mut self, story: &Value, picture: &str) {
        let told = Incident {
            id: story["id"].as_u64().expect("a number"),
            json: story.to_string().into_bytes(),
            picture: picture.as_bytes().to_vec(),
        };
        self.out.send(said(Message::Incident(told))).await.expect("is heard");
        let before = self.kept;
        let kept = async {
            while self.kept == before {
                let heard = self.incoming.message().await.expect("goes on").expect("a message");
                if let Some(to_agent::Message::Kept(kept)) = heard.message {
                    self.kept = self.kept.max(kept.incidents);
                }
            }
        };
        tokio::time::timeout(PATIENCE, kept).await.expect("is kept");
    }
}

const fn said(message: Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

async fn connect(address: SocketAddr, config: rustls::ClientConfig) -> AgentsClient<Channel> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let channel = tonic::transport::Endpoint::from_static("http://hub")
        .connect_with_connector(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("hub").expect("a name");
                connector.connect(name, stream).await.map(TokioIo::new)
            }
        }))
        .await
        .expect("connects");
    AgentsClient::new(channel)
}
