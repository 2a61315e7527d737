//! Nodes of the bench: agents by the real protocol.

use crate::{
    Size,
    hub::Hub,
    told::{self, image},
};
use gabion_api::agent::{
    Alerts, Container, FromAgent, Hello, Inventory, JoinRequest, Report, Status, ToAgent,
    agents_client::AgentsClient, from_agent::Message, to_agent,
};
use gabion_identity::{JoinToken, NodeKey, tls};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

pub(crate) struct Agent {
    pub(crate) out: mpsc::Sender<FromAgent>,
    incoming: Option<Streaming<ToAgent>>,
}

pub(crate) const fn said(message: Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

impl Agent {
    pub(crate) async fn join(hub: &Hub, token: &JoinToken, number: usize) -> Self {
        let key = NodeKey::generate().expect("a key");
        let mut joining =
            connect(hub.agents, tls::pinned(token.fingerprint()).expect("a configuration")).await;
        let request = JoinRequest {
            secret: token.secret().to_vec(),
            request: key.request().expect("a request"),
            name: format!("node-{number}"),
        };
        let joined = joining.join(request).await.expect("joins").into_inner();
        let der = |all: Vec<Vec<u8>>| all.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
        let domain = "gabion.local".parse().expect("a domain");
        let config =
            tls::client(der(joined.chain), &key, &der(joined.authorities), &domain).expect("a configuration");
        let mut client = connect(hub.agents, config).await;
        let (out, messages) = mpsc::channel(4);
        let hello = Hello {
            version: "bench".to_owned(),
            name: format!("node-{number}"),
            kernel: "6.1".to_owned(),
            os: "Debian".to_owned(),
            arch: "x86_64".to_owned(),
            ..Hello::default()
        };
        out.send(said(Message::Hello(hello))).await.expect("is there");
        let incoming = client.session(ReceiverStream::new(messages)).await.expect("a session").into_inner();
        let alive = out.clone();
        tokio::spawn(async move {
            let status = Status { json: told::status(), ..Status::default() };
            while alive.send(said(Message::Status(status.clone()))).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        });
        Self { out, incoming: Some(incoming) }
    }

    /// So many pods; each node has up to `share`.
    pub(crate) async fn inventory(&self, node: usize, pods: usize, share: usize, size: Size) {
        let container = |pod: usize| {
            let workload = (node * share + pod) % size.workloads;
            let image = workload % size.images;
            let team = workload % 12;
            Container {
                id: told::container(node, pod),
                name: format!("web-{workload}-{pod}"),
                runtime: "containerd".to_owned(),
                image_name: format!("registry.example/team{}/app{image}:1", image % 12),
                image_id: self::image(image),
                pod: format!("web-{workload}-{pod}"),
                namespace: format!("team{team}"),
                workload: format!("team{team}/app{workload}"),
                privileged: Some(pod.is_multiple_of(50)),
                addresses: vec![told::address(node, pod)],
                target: format!("containerd:{}", self::image(image)),
                ..Container::default()
            }
        };
        let containers = (0..pods).map(container).collect();
        self.out.send(said(Message::Inventory(Inventory { time: 1, containers }))).await.expect("is heard");
    }

    pub(crate) async fn alerts(&self, node: usize, many: usize) {
        let alerts = (0..many).map(|at| told::alert(node, at)).collect();
        self.out.send(said(Message::Alerts(Alerts { alerts }))).await.expect("is heard");
        self.out.send(said(Message::Incident(told::incident(node)))).await.expect("is heard");
    }

    /// Answers every scan that the hub asks for.
    pub(crate) fn answer_scans(&mut self) -> tokio::task::JoinHandle<()> {
        let (out, mut incoming) = (self.out.clone(), self.incoming.take().expect("is there"));
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                if let Some(to_agent::Message::Scan(scan)) = message.message {
                    let part = if scan.target == "dir:/" { None } else { Some(told::report(&scan.image)) };
                    let failed = if part.is_none() { "not in this bench".to_owned() } else { String::new() };
                    let report = Report {
                        image: scan.image,
                        part: part.unwrap_or_default(),
                        last: true,
                        failed,
                        ..Report::default()
                    };
                    if out.send(said(Message::Report(report))).await.is_err() {
                        return;
                    }
                }
            }
        })
    }
}

async fn connect(address: SocketAddr, config: rustls::ClientConfig) -> AgentsClient<Channel> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let channel = Endpoint::from_static("http://hub")
        .connect_with_connector(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                connector
                    .connect(ServerName::try_from("hub").expect("a name"), stream)
                    .await
                    .map(TokioIo::new)
            }
        }))
        .await;
    AgentsClient::new(channel.expect("the hub is there"))
}
