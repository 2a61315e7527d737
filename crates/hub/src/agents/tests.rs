//! Agents that call, over real TLS, and an inbox in memory.

use super::*;
use gabion_api::agent::{
    Alert, Alerts, Answer, Event, Events, FromAgent, Hello, Incident, Inventory, JoinAnswer, JoinRequest,
    Kept, RenewRequest, Report, Status, ToAgent, agents_client::AgentsClient, from_agent::Message, to_agent,
};
use gabion_identity::{JoinToken, NodeKey, SpiffeId, peer_id, tls};
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use std::{
    collections::{BTreeMap, HashSet},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, atomic::Ordering},
};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, oneshot},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming, transport::Channel};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[expect(clippy::disallowed_methods, reason = "rustls asks for the time, so certificates must hold now")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[derive(Default)]
struct Held {
    tokens: HashSet<[u8; 32]>,
    joined: Vec<String>,
    shut_out: HashSet<String>,
    full: bool,
    hellos: Vec<String>,
    left: Vec<String>,
    statuses: usize,
    containers: Vec<String>,
    alerts: BTreeMap<u64, Vec<u8>>,
    incidents: Vec<u64>,
    events: BTreeMap<u64, String>,
    reports: Vec<(String, Result<Vec<u8>, String>)>,
}

#[derive(Default)]
struct Memory {
    kept: Mutex<Held>,
    changed: Notify,
}

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Held> {
        self.kept.lock().expect("no test panicked with it")
    }

    fn keep<T>(&self, keep: impl FnOnce(&mut Held) -> T) -> Result<T, Unavailable> {
        let mut kept = self.kept();
        if kept.full {
            return Err(Unavailable("the disk is full".to_owned()));
        }
        let done = keep(&mut kept);
        drop(kept);
        self.changed.notify_one();
        Ok(done)
    }

    async fn until(&self, what: &str, mut holds: impl FnMut(&Held) -> bool) {
        let waited = async {
            while !holds(&self.kept()) {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap_or_else(|_| panic!("{what}"));
    }
}

impl Inbox for Memory {
    async fn join(&self, hash: [u8; 32], name: &str, _now: Timestamp) -> Result<String, JoinRefused> {
        let mut kept = self.kept();
        if !kept.tokens.remove(&hash) {
            return Err(JoinRefused::Token);
        }
        kept.joined.push(name.to_owned());
        Ok(format!("n{}", kept.joined.len()))
    }

    async fn is_allowed(&self, node: &str) -> Result<bool, Unavailable> {
        Ok(!self.kept().shut_out.contains(node))
    }

    async fn hello(&self, _node: &str, hello: Hello) -> Result<(), Unavailable> {
        self.keep(|kept| kept.hellos.push(hello.name))
    }

    async fn left(&self, node: &str) {
        self.kept().left.push(node.to_owned());
        self.changed.notify_one();
    }

    async fn status(&self, _node: &str, _status: Status) -> Result<(), Unavailable> {
        self.keep(|kept| kept.statuses += 1)
    }

    async fn inventory(&self, _node: &str, inventory: Inventory) -> Result<(), Unavailable> {
        self.keep(|kept| kept.containers = inventory.containers.into_iter().map(|one| one.id).collect())
    }

    async fn loaded(&self, _node: &str, _loaded: gabion_api::agent::Loaded) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn alerts(&self, _node: &str, alerts: Vec<Alert>) -> Result<u64, Unavailable> {
        self.keep(|kept| {
            kept.alerts.extend(alerts.into_iter().map(|alert| (alert.id, alert.json)));
            kept.alerts.keys().last().copied().unwrap_or(0)
        })
    }

    async fn incident(&self, _node: &str, incident: Incident) -> Result<(), Unavailable> {
        self.keep(|kept| kept.incidents.push(incident.id))
    }

    async fn events(&self, _node: &str, events: Vec<Event>) -> Result<u64, Unavailable> {
        self.keep(|kept| {
            kept.events.extend(events.into_iter().map(|event| (event.number, event.kind)));
            kept.events.keys().last().copied().unwrap_or(0)
        })
    }

    async fn report(
        &self,
        _node: &str,
        image: &str,
        report: Result<Vec<u8>, String>,
    ) -> Result<(), Unavailable> {
        self.keep(|kept| kept.reports.push((image.to_owned(), report)))
    }
}

struct Hub {
    authority: Arc<Authority>,
    address: SocketAddr,
    memory: Arc<Memory>,
    desk: Desk,
    refusals: Arc<Refusals>,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    _tls: watch::Sender<Arc<rustls::ServerConfig>>,
}

impl Hub {
    async fn start() -> Self {
        let domain: TrustDomain = "example.org".parse().expect("a domain");
        Self::of(Arc::new(Authority::create(&domain, now() - DAY * 9).expect("an authority")), Arc::default())
            .await
    }

    async fn of(authority: Arc<Authority>, memory: Arc<Memory>) -> Self {
        let key = NodeKey::generate().expect("a key");
        let chain = authority.hub(&key, &[], now(), DAY).expect("signs").chain;
        let authorities = vec![authority.certificate().clone()];
        let config = tls::server(chain, &key, &authorities).expect("a configuration");
        let (tls, configs) = watch::channel(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let (desk, refusals) = (Desk::default(), Arc::new(Refusals::default()));
        let (stop, stopped) = oneshot::channel();
        let settings =
            Settings { authority: Arc::clone(&authority), authorities, lifetime: DAY, clock: Arc::new(now) };
        let (inbox, at, refused) = (Arc::clone(&memory), desk.clone(), Arc::clone(&refusals));
        let served = tokio::spawn(async move {
            let stop = async { drop(stopped.await) };
            serve(listener, configs, settings, inbox, at, refused, stop).await.expect("serves");
        });
        Self { authority, address, memory, desk, refusals, stop, served, _tls: tls }
    }

    fn token(&self) -> JoinToken {
        let token = JoinToken::generate(self.authority.fingerprint());
        self.memory.kept().tokens.insert(token.hash());
        token
    }

    /// As a node would, with a new key.
    async fn join(&self, token: &JoinToken) -> Result<Node, tonic::Status> {
        let mut client = connect(self.address, tls::pinned(token.fingerprint()).expect("a configuration"))
            .await
            .map_err(|error| tonic::Status::unknown(format!("{error:?}")))?;
        let key = NodeKey::generate().expect("a key");
        let request = key.request().expect("a request");
        let asked = JoinRequest { secret: token.secret().to_vec(), request, name: "a node".to_owned() };
        let answer = client.join(asked).await?.into_inner();
        Ok(Node { key, answer })
    }

    /// A node of this hub, by a certificate of any authority and time.
    fn forged(authority: &Authority, id: &str, at: Timestamp) -> Node {
        let key = NodeKey::generate().expect("a key");
        let request =
            gabion_identity::NodeRequest::read(&key.request().expect("a request")).expect("genuine");
        let chain = authority.node(&request, id, at, DAY).expect("signs").chain;
        let chain = chain.iter().map(|one| one.to_vec()).collect();
        Node { key, answer: JoinAnswer { node: id.to_owned(), chain, authorities: Vec::new() } }
    }

    async fn stop(self) {
        self.stop.send(()).expect("runs");
        tokio::time::timeout(Duration::from_secs(20), self.served).await.expect("ends").expect("well");
    }
}

struct Node {
    key: NodeKey,
    answer: JoinAnswer,
}

impl Node {
    async fn client(&self, hub: &Hub) -> Result<AgentsClient<Channel>, tonic::transport::Error> {
        let chain = self.answer.chain.iter().map(|der| der.clone().into()).collect();
        let authorities = [hub.authority.certificate().clone()];
        let config =
            tls::client(chain, &self.key, &authorities, hub.authority.domain()).expect("a configuration");
        connect(hub.address, config).await
    }

    async fn session(&self, hub: &Hub) -> Session {
        let mut client = self.client(hub).await.expect("connects");
        let (out, outgoing) = mpsc::channel(16);
        let hello = Hello { name: "a node".to_owned(), ..Hello::default() };
        out.send(said(Message::Hello(hello))).await.expect("says");
        let incoming = client.session(ReceiverStream::new(outgoing)).await.expect("begins").into_inner();
        Session { out, incoming }
    }
}

struct Session {
    out: mpsc::Sender<FromAgent>,
    incoming: Streaming<ToAgent>,
}

impl Session {
    async fn say(&self, message: Message) {
        self.out.send(said(message)).await.expect("says");
    }

    async fn alerts(&self, ids: std::ops::RangeInclusive<u64>) {
        let alerts = ids.map(|id| Alert { id, json: b"{}".to_vec() }).collect();
        self.say(Message::Alerts(Alerts { alerts })).await;
    }

    /// Up to which alert and which event all is kept.
    async fn kept(&mut self) -> (u64, u64) {
        match self.hear().await.expect("an acknowledgement") {
            to_agent::Message::Kept(Kept { alerts, events, .. }) => (alerts, events),
            other => panic!("{other:?}"),
        }
    }

    async fn hear(&mut self) -> Result<to_agent::Message, tonic::Status> {
        let heard =
            tokio::time::timeout(Duration::from_secs(20), self.incoming.message()).await.expect("in time")?;
        Ok(heard.expect("a message").message.expect("one that is known"))
    }
}

const fn said(message: Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

async fn connect(
    address: SocketAddr,
    config: rustls::ClientConfig,
) -> Result<AgentsClient<Channel>, tonic::transport::Error> {
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
        .await?;
    Ok(AgentsClient::new(channel))
}

#[tokio::test]
async fn a_node_joins_once_by_a_token_and_renews_by_its_certificate() {
    let hub = Hub::start().await;
    let token = hub.token();
    let node = hub.join(&token).await.expect("joins");
    assert_eq!(hub.memory.kept().joined, ["a node"]);
    let id = peer_id(&node.answer.chain[0]).expect("a name");
    assert_eq!(id, SpiffeId::node(hub.authority.domain(), "n1").expect("an id"));
    assert_eq!(node.answer.authorities, [hub.authority.certificate().to_vec()]);

    let replayed = hub.join(&token).await.map(drop).expect_err("a token is good once");
    assert_eq!(replayed.code(), Code::PermissionDenied);
    let guessed = JoinToken::generate(hub.authority.fingerprint());
    assert_eq!(hub.join(&guessed).await.map(drop).expect_err("unknown").code(), Code::PermissionDenied);

    let mut client = node.client(&hub).await.expect("connects");
    let key = NodeKey::generate().expect("a key");
    let request = key.request().expect("a request");
    let renewed = client.renew(RenewRequest { request: request.clone() }).await.expect("renews").into_inner();
    assert_eq!(peer_id(&renewed.chain[0]).expect("a name"), id, "the name stays, whatever the key is");
    hub.memory.kept().shut_out.insert("n1".to_owned());
    let refused = client.renew(RenewRequest { request }).await.expect_err("was shut out");
    assert_eq!(refused.code(), Code::PermissionDenied);
    hub.stop().await;
}

#[tokio::test]
async fn a_bad_request_does_not_use_a_token_up() {
    let hub = Hub::start().await;
    let token = hub.token();
    let mut client = connect(hub.address, tls::pinned(token.fingerprint()).expect("a configuration"))
        .await
        .expect("connects");
    let request = NodeKey::generate().expect("a key").request().expect("a request");
    let good = JoinRequest { secret: token.secret().to_vec(), request, name: "a".to_owned() };
    for bad in [
        JoinRequest { request: b"nonsense".to_vec(), ..good.clone() },
        JoinRequest { secret: vec![0; 31], ..good.clone() },
        JoinRequest { name: String::new(), ..good.clone() },
        JoinRequest { name: "a\nb".to_owned(), ..good.clone() },
    ] {
        client.join(bad).await.expect_err("is refused");
    }
    client.join(good).await.expect("the token is good still");
}

#[tokio::test]
async fn whoever_has_no_certificate_can_join_only() {
    let hub = Hub::start().await;
    let mut client = connect(hub.address, tls::pinned(hub.authority.fingerprint()).expect("a configuration"))
        .await
        .expect("connects");
    let request = NodeKey::generate().expect("a key").request().expect("a request");
    let renewed = client.renew(RenewRequest { request }).await.expect_err("nobody's certificate");
    assert_eq!(renewed.code(), Code::Unauthenticated);
    let (_out, outgoing) = mpsc::channel(1);
    let session =
        client.session(ReceiverStream::new(outgoing)).await.map(drop).expect_err("nobody's session");
    assert_eq!(session.code(), Code::Unauthenticated);
    assert!(hub.desk.connected().is_empty());
}

#[tokio::test]
async fn certificates_that_do_not_hold_here_do_not_get_through() {
    let hub = Hub::start().await;
    let other = Authority::create(hub.authority.domain(), now()).expect("an authority");
    let elsewhere: TrustDomain = "other.org".parse().expect("a domain");
    let elsewhere = Authority::create(&elsewhere, now()).expect("an authority");
    for forged in [
        Hub::forged(&other, "n1", now()),
        Hub::forged(&elsewhere, "n1", now()),
        Hub::forged(&hub.authority, "n1", now() - DAY * 2),
    ] {
        // In TLS 1.3 the client hears of it after its handshake.
        if let Ok(mut client) = forged.client(&hub).await {
            let request = NodeKey::generate().expect("a key").request().expect("a request");
            client.renew(RenewRequest { request }).await.expect_err("must not get through");
        }
    }
    let refused =
        || hub.refusals.handshakes.load(Ordering::Relaxed) + hub.refusals.strangers.load(Ordering::Relaxed);
    assert_eq!(refused(), 3);
    // A hub's certificate is let in, as hubs ask each other here, but is no node's.
    let key = NodeKey::generate().expect("a key");
    let chain = hub.authority.hub(&key, &[], now(), DAY).expect("signs").chain;
    let chain = chain.iter().map(|one| one.to_vec()).collect();
    let node = Node { key, answer: JoinAnswer { node: String::new(), chain, authorities: Vec::new() } };
    let mut client = node.client(&hub).await.expect("is let in");
    let request = NodeKey::generate().expect("a key").request().expect("a request");
    let renewed = client.renew(RenewRequest { request }).await.expect_err("must not get through");
    assert_eq!(renewed.code(), Code::Unauthenticated);
    assert_eq!(refused(), 3);
}

#[tokio::test]
async fn what_a_session_says_is_kept_and_acknowledged() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    hub.memory.until("hello", |kept| kept.hellos == ["a node"]).await;
    assert_eq!(hub.desk.connected(), ["n1"]);
    session.alerts(1..=3).await;
    assert_eq!(session.kept().await, (3, 0));
    let events =
        (1..=2).map(|number| Event { number, kind: "execve".to_owned(), ..Event::default() }).collect();
    session.say(Message::Events(Events { events })).await;
    assert_eq!(session.kept().await, (0, 2));
    session.say(Message::Status(Status::default())).await;
    let container = gabion_api::agent::Container { id: "c1".to_owned(), ..Default::default() };
    session.say(Message::Inventory(Inventory { time: 1, containers: vec![container] })).await;
    session.say(Message::Incident(Incident { id: 7, ..Incident::default() })).await;
    let kept = to_agent::Message::Kept(Kept { incidents: 1, ..Kept::default() });
    assert_eq!(session.hear().await.expect("kept"), kept);
    hub.memory
        .until("all of it", |kept| kept.statuses == 1 && kept.containers == ["c1"] && kept.incidents == [7])
        .await;
    drop(session);
    hub.memory.until("the end", |kept| kept.left == ["n1"]).await;
    assert!(hub.desk.connected().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn what_a_newer_agent_says_besides_is_passed_over() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    // A kind of message that is not known is none to whoever decodes it.
    session.out.send(FromAgent { message: None }).await.expect("says");
    session.alerts(1..=1).await;
    assert_eq!(session.kept().await, (1, 0));
    drop(session);
    hub.stop().await;
}

#[tokio::test]
async fn what_could_not_be_kept_is_not_acknowledged_and_comes_again() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    session.alerts(1..=2).await;
    session.hear().await.expect("kept");
    hub.memory.kept().full = true;
    session.alerts(3..=4).await;
    assert_eq!(session.hear().await.expect_err("nothing is kept").code(), Code::Unavailable);
    hub.memory.kept().full = false;
    let mut again = node.session(&hub).await;
    again.alerts(3..=4).await;
    assert_eq!(again.kept().await, (4, 0));
    assert_eq!(hub.memory.kept().alerts.len(), 4);
}

#[tokio::test]
async fn a_hub_that_comes_back_goes_on() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    session.alerts(1..=2).await;
    session.hear().await.expect("kept");
    let (authority, memory) = (Arc::clone(&hub.authority), Arc::clone(&hub.memory));
    hub.stop().await;
    session.hear().await.expect_err("it has ended");
    let hub = Hub::of(authority, memory).await;
    let mut session = node.session(&hub).await;
    // The acknowledgement might have been lost.
    session.alerts(2..=3).await;
    assert_eq!(session.kept().await, (3, 0));
}

#[tokio::test]
async fn a_session_begins_with_hello_and_ends_when_the_node_is_shut_out_or_comes_anew() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut client = node.client(&hub).await.expect("connects");
    let (out, outgoing) = mpsc::channel(1);
    out.send(said(Message::Status(Status::default()))).await.expect("says");
    let incoming = client.session(ReceiverStream::new(outgoing)).await.expect("begins").into_inner();
    let mut rude = Session { out, incoming };
    assert_eq!(rude.hear().await.expect_err("no hello").code(), Code::InvalidArgument);

    let mut first = node.session(&hub).await;
    first.alerts(1..=1).await;
    first.hear().await.expect("kept");
    let mut second = node.session(&hub).await;
    assert_eq!(first.hear().await.expect_err("another has begun").code(), Code::Aborted);
    second.alerts(2..=2).await;
    second.hear().await.expect("kept");
    assert_eq!(hub.desk.connected(), ["n1"]);
    hub.desk.disconnect("n1");
    assert_eq!(second.hear().await.expect_err("shut out").code(), Code::Aborted);
    hub.memory.kept().shut_out.insert("n1".to_owned());
    let (_out, outgoing) = mpsc::channel(1);
    let refused = client.session(ReceiverStream::new(outgoing)).await.map(drop).expect_err("shut out");
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_agent_is_asked_and_scans() {
    let hub = Hub::start().await;
    let patience = Duration::from_secs(20);
    assert_eq!(hub.desk.ask("n1", Vec::new(), patience).await, Err(AskError::NotConnected));
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    hub.memory.until("hello", |kept| kept.hellos.len() == 1).await;

    let desk = hub.desk.clone();
    let asked = tokio::spawn(async move { desk.ask("n1", b"{\"ask\":\"status\"}".to_vec(), patience).await });
    let to_agent::Message::Ask(ask) = session.hear().await.expect("asked") else { panic!("something else") };
    assert_eq!(ask.json, b"{\"ask\":\"status\"}");
    session.say(Message::Answer(Answer { id: ask.id + 1, json: b"{}".to_vec() })).await;
    session.say(Message::Answer(Answer { id: ask.id, json: b"{\"done\":1}".to_vec() })).await;
    assert_eq!(asked.await.expect("well"), Ok(b"{\"done\":1}".to_vec()));
    let late = hub.desk.ask("n1", b"{}".to_vec(), Duration::from_millis(1)).await;
    assert_eq!(late, Err(AskError::TimedOut));
    session.hear().await.expect("asked");

    let whole = zstd::bulk::compress(&vec![b' '; 1 << 20], 1).expect("compresses");
    let report = |image: &str, part: &[u8], last| {
        Message::Report(Report { image: image.to_owned(), part: part.to_vec(), last, ..Report::default() })
    };
    session.say(report("sha256:unasked", &whole, true)).await;
    for image in ["sha256:1", "sha256:2", "sha256:3"] {
        hub.desk.scan("n1", image, "container:c1").expect("is connected");
        let to_agent::Message::Scan(scan) = session.hear().await.expect("asked") else {
            panic!("something else")
        };
        assert_eq!((scan.image.as_str(), scan.target.as_str()), (image, "container:c1"));
    }
    let (one, two) = whole.split_at(10);
    session.say(report("sha256:1", one, false)).await;
    session.say(report("sha256:1", two, true)).await;
    session.say(report("sha256:2", b"nonsense", true)).await;
    let failed = Report { image: "sha256:3".to_owned(), failed: "gone".to_owned(), ..Report::default() };
    session.say(Message::Report(failed)).await;
    hub.memory.until("reports", |kept| kept.reports.len() == 3).await;
    let kept = hub.memory.kept();
    assert_eq!(kept.reports[0], ("sha256:1".to_owned(), Ok(vec![b' '; 1 << 20])));
    assert!(kept.reports[1].1.is_err());
    assert_eq!(kept.reports[2], ("sha256:3".to_owned(), Err("gone".to_owned())));
    drop(kept);
    assert_eq!(hub.desk.scan("n2", "sha256:1", "dir:/"), Err(AskError::NotConnected));
}

#[tokio::test]
async fn a_message_that_is_too_long_ends_the_session_only() {
    let hub = Hub::start().await;
    let node = hub.join(&hub.token()).await.expect("joins");
    let mut session = node.session(&hub).await;
    session
        .say(Message::Incident(Incident { id: 1, json: vec![0; MAX_MESSAGE + 1], ..Incident::default() }))
        .await;
    assert_eq!(session.hear().await.expect_err("too long").code(), Code::OutOfRange);
    assert!(hub.memory.kept().incidents.is_empty());
    let mut again = node.session(&hub).await;
    again.alerts(1..=1).await;
    again.hear().await.expect("kept");
}
