//! A node of a test: an agent by the real protocol, which may call any of several hubs.

use crate::hub::Hub;
use gabion_api::agent::{
    Alert, Alerts, Answer, Container, Event, Events, FromAgent, Hello, Inventory, JoinRequest, Kept, ToAgent,
    agents_client::AgentsClient, from_agent::Message, to_agent,
};
use gabion_identity::{JoinToken, NodeKey, tls};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use std::{collections::HashMap, net::SocketAddr, sync::Arc};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt};

/// A node that has joined.
pub(crate) struct Node {
    pub(crate) id: String,
    name: String,
    key: NodeKey,
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
}

/// A session of a node with a hub.
pub(crate) struct Session {
    out: mpsc::Sender<FromAgent>,
    incoming: Streaming<ToAgent>,
}

async fn connect(
    address: SocketAddr,
    config: rustls::ClientConfig,
) -> Result<Channel, tonic::transport::Error> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let connector = tower::service_fn(move |_| {
        let connector = connector.clone();
        async move {
            let stream = TcpStream::connect(address).await?;
            connector.connect(ServerName::try_from("hub").expect("a name"), stream).await.map(TokioIo::new)
        }
    });
    Endpoint::from_static("http://hub").connect_with_connector(connector).await
}

impl Node {
    pub(crate) async fn join(hub: &Hub, name: &str) -> Self {
        let made: Value = hub
            .post("/api/v1/join-tokens", json!({"minutes": 5, "uses": 1}))
            .await
            .json()
            .await
            .expect("JSON");
        let token: JoinToken = made["token"].as_str().expect("a token").parse().expect("a token");
        let key = NodeKey::generate().expect("a key");
        let config = tls::pinned(token.fingerprint()).expect("a configuration");
        let mut client = AgentsClient::new(connect(hub.agents(), config).await.expect("is there"));
        let request = key.request().expect("a request");
        let asked = JoinRequest { secret: token.secret().to_vec(), request, name: name.to_owned() };
        let joined = client.join(asked).await.expect("joins").into_inner();
        let der = |all: Vec<Vec<u8>>| all.into_iter().map(CertificateDer::from).collect();
        Self {
            id: joined.node,
            name: name.to_owned(),
            key,
            chain: der(joined.chain),
            authorities: der(joined.authorities),
        }
    }

    /// How it shows itself.
    fn config(&self) -> rustls::ClientConfig {
        let domain = "gabion.local".parse().expect("a domain");
        tls::client(self.chain.clone(), &self.key, &self.authorities, &domain).expect("a configuration")
    }

    /// What it is answered where only hubs may ask.
    pub(crate) async fn asks_as_a_hub(&self, hub: SocketAddr, path: &str) -> http::StatusCode {
        let mut channel = connect(hub, self.config()).await.expect("is there");
        let request = http::Request::post(format!("http://hub{path}"))
            .header("content-type", "application/json")
            .body(tonic::body::Body::empty());
        let channel = channel.ready().await.expect("is ready");
        channel.call(request.expect("a request")).await.expect("answers").status()
    }

    pub(crate) async fn connect(&self, hub: SocketAddr) -> Option<Channel> {
        connect(hub, self.config()).await.ok()
    }

    pub(crate) async fn session(&self, hub: SocketAddr) -> Option<Session> {
        self.session_by(self.connect(hub).await?, 0).await
    }

    /// A session of a node whose clock shows this, in nanoseconds.
    pub(crate) async fn session_by(&self, channel: Channel, time: u64) -> Option<Session> {
        let mut client = AgentsClient::new(channel);
        let (out, messages) = mpsc::channel(4);
        let hello = Hello { version: "test".to_owned(), name: self.name.clone(), time, ..Hello::default() };
        out.send(FromAgent { message: Some(Message::Hello(hello)) }).await.ok()?;
        let incoming = client.session(ReceiverStream::new(messages)).await.ok()?.into_inner();
        Some(Session { out, incoming })
    }
}

impl Session {
    /// False if the session is over.
    pub(crate) async fn say(&self, message: Message) -> bool {
        self.out.send(FromAgent { message: Some(message) }).await.is_ok()
    }

    /// What the hub says next, but that.
    pub(crate) async fn heard(&mut self) -> Result<to_agent::Message, Status> {
        loop {
            match self.incoming.message().await? {
                Some(ToAgent { message: Some(message) }) => return Ok(message),
                Some(ToAgent { message: None }) => {}
                None => return Err(Status::aborted("it is over")),
            }
        }
    }

    /// Up to which alerts and events all is kept, when the hub says so next.
    pub(crate) async fn kept(&mut self) -> Result<Kept, Status> {
        loop {
            if let to_agent::Message::Kept(kept) = self.heard().await? {
                return Ok(kept);
            }
        }
    }

    pub(crate) async fn inventory(&self, address: &str) -> bool {
        let container = Container {
            id: "c0ffee".repeat(10),
            name: "web-0".to_owned(),
            workload: format!("shop/{address}"),
            namespace: "shop".to_owned(),
            runtime: "containerd".to_owned(),
            addresses: vec![address.to_owned()],
            ..Container::default()
        };
        self.say(Message::Inventory(Inventory { time: 1, containers: vec![container] })).await
    }

    /// Answers questions in this way until the session is over.
    pub(crate) async fn answer(mut self, answer: Value) {
        while let Ok(message) = self.heard().await {
            if let to_agent::Message::Ask(ask) = message {
                let said = Answer { id: ask.id, json: answer.to_string().into_bytes() };
                self.say(Message::Answer(said)).await;
            }
        }
    }
}

/// Events with these numbers, a second after each other.
pub(crate) fn events(numbers: std::ops::RangeInclusive<u64>, start: i64) -> Message {
    let event = |number| Event {
        number,
        time: (start.cast_unsigned() + number * 1000) * 1_000_000,
        kind: "execve".to_owned(),
        program: "/bin/sh".to_owned(),
        message: format!("event {number}"),
        fields: HashMap::from([("proc.name".to_owned(), "sh".to_owned())]),
        ..Event::default()
    };
    Message::Events(Events { events: numbers.map(event).collect() })
}

/// A line of a journal: each by a rule of its own, so that it is one alert.
pub(crate) fn alert(number: u64, time: i64) -> Message {
    let json = json!({
        "id": number, "time": time * 1_000_000, "rule": format!("rule {number}"), "priority": "Critical", "incident": null,
        "container": null, "message": format!("alert {number}"), "falco": {"tags": [], "output_fields": {"proc.exepath": "/bin/sh"}},
    });
    Message::Alerts(Alerts { alerts: vec![Alert { id: number, json: json.to_string().into_bytes() }] })
}

/// A container of that node connects to an address.
pub(crate) fn connection(number: u64, to: &str, time: i64) -> Message {
    let fields = [("fd.sip", to), ("fd.sport", "8080"), ("fd.l4proto", "tcp")];
    let event = Event {
        number,
        time: time.cast_unsigned() * 1_000_000,
        kind: "connect".to_owned(),
        container: "c0ffee".repeat(10),
        program: "/bin/sh".to_owned(),
        message: format!("connects to {to}"),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
    };
    Message::Events(Events { events: vec![event] })
}
