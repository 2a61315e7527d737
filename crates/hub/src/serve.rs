//! Starting a hub and keeping it up: the console and API on one port, agents on another, jobs beside them.

use crate::{
    Clock, DAY, Hub, Identity, Inner, Settings, access, again, agents, api, hex,
    identity::{server, write_secret},
    jobs,
    lead::{self, Lead, while_leading},
    live::Live,
    matcher::Matcher,
    names::Names,
    notify, oidc,
    registries::{self, Registries},
    seal::Seal,
    sent,
    sinks::{self, Sinks},
    together::{self, Together},
    tree::Trees,
};
use anyhow::{Context, bail};
use axum::{Router, extract::ConnectInfo};
use gabion_api::rest::{Millis, Role, Token};
use gabion_identity::JoinToken;
use gabion_policy::Owners;
use gabion_store::{
    events::{EventStore, Settings as EventSettings},
    state::{NewHub, State},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use std::{fs, net::SocketAddr, path::Path, pin::Pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Why a hub could not start, or ended.
pub type ServeError = anyhow::Error;

/// Connections of browsers and programs at a time.
const CONNECTIONS: usize = 1024;
/// Searches over events at a time.
const SEARCHES: usize = 4;
/// Exports at a time.
const EXPORTS: usize = 2;
/// Policies that are tried at a time: each takes a processor.
const TRIALS: usize = 1;
/// Rules that are tried on recordings at a time: each holds a recording, and takes a processor.
const JUDGING: usize = 1;
/// Nodes that are written for at a time.
const TAKING: usize = 4;
/// How long a browser may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long certificates of nodes hold: a node may be off for as long as half of that. Who may not speak any more is shut out by the state, not by time.
const NODE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How often the hub's own certificate is made anew.
const RENEWAL: Duration = Duration::from_hours(24);
/// The file of the token that the first admin comes in by.
const ADMIN_TOKEN: &str = "admin-token";

impl Settings {
    /// Whether browsers are spoken to by TLS: always, but on loopback where nothing else was asked for.
    pub(crate) fn encrypted(&self) -> bool {
        self.certificate.is_some() || !self.listen.ip().is_loopback()
    }
}

/// A hub that runs.
pub struct Running {
    hub: Hub,
    /// Where the console is.
    pub console: SocketAddr,
    /// Where agents are heard.
    pub agents: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Running {
    /// Opens the state and starts to listen.
    pub async fn start(mut settings: Settings) -> anyhow::Result<Self> {
        let directory = settings.directory.clone();
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let now = timestamp(&settings.clock)?;
        let mut mark = String::new();
        let owners = match &settings.owners {
            Some(path) => {
                let text =
                    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                mark = hex(&Sha256::digest(text.as_bytes()));
                Some(Arc::new(Owners::parse(&path.display().to_string(), &text)?))
            }
            None => None,
        };
        let state = match &settings.database {
            Some(url) => State::open(url).await?,
            None => State::in_directory(&directory).await?,
        };
        let id = together::own_id(&directory)?;
        let state = state.of_hub(&id).with_owners(owners.clone());
        let console = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let listener = TcpListener::bind(settings.agents)
            .await
            .with_context(|| format!("cannot listen on {}", settings.agents))?;
        settings.listen = console.local_addr()?;
        settings.agents = listener.local_addr()?;
        let mut names = settings.names.clone();
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned()]);
        names.extend([settings.listen.ip().to_string(), settings.agents.ip().to_string()]);
        names.sort_unstable();
        names.dedup();
        let shared = directory.join("identity");
        together::refuse_new_identity(&state, &shared).await?;
        let address = together::own_address(&settings.names, settings.agents);
        let identity = Identity::open(&shared, names, now)?;
        let seal = Seal::open(&shared)?;
        together::share_identity(&state, &shared, &identity, &seal).await?;
        let own = NewHub {
            id,
            name: settings.names.first().cloned().unwrap_or_else(host_name),
            address,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let events = directory.join("events");
        let events = tokio::task::spawn_blocking(move || EventStore::open(&events, EventSettings::default()))
            .await??;
        let (layers, notes) = (registries::cache(&directory), Arc::clone(&settings.notes));
        let shelf = tokio::task::spawn_blocking(move || agents::Shelf::open(layers, notes)).await?;
        for problem in events.stats().problems {
            (settings.notes)(&problem);
        }
        if state.owners_are(&mark).await? {
            (settings.notes)("the file of owners is another: whose each image is is found out again");
        }
        let matcher = Matcher::open(settings.advisories.clone(), owners)?;
        let lead = Lead::new(state.kind());
        let hub = Hub(Arc::new(Inner {
            lead,
            together: Together::new(own, &identity),
            state,
            events: Arc::new(events),
            matcher,
            identity,
            desk: agents::Desk::sharing(shelf),
            live: Live::default(),
            names: Names::default(),
            notifier: notify::Notifier::default(),
            access: access::Access::new()?,
            configurations: crate::configure::Configurations::default(),
            executed: crate::inbox::Executed::default(),
            oidc: oidc::Oidc::default(),
            trees: Trees::default(),
            sinks: Sinks::default(),
            skews: crate::skew::Skews::default(),
            registries: Registries::default(),
            seal,
            searches: Semaphore::new(SEARCHES),
            exporting: Arc::new(Semaphore::new(EXPORTS)),
            trying: Arc::new(Semaphore::new(TRIALS)),
            judging: Arc::new(Semaphore::new(JUDGING)),
            taking: Semaphore::new(TAKING),
            sending: Semaphore::new(sent::AT_ONCE),
            settings,
        }));
        if hub.lead.is_alone() {
            hub.state.unanswered_responses(hub.now()).await?;
        }
        hub.meet().await?;
        hub.read_configurations().await?;
        let (stop, stopped) = watch::channel(false);
        let mut running = Self {
            console: hub.settings.listen,
            agents: hub.settings.agents,
            stop,
            tasks: JoinSet::new(),
            hub,
        };
        running.first_token().await?;
        running.listen_to_agents(listener, stopped.clone())?;
        running.listen_to_browsers(console, stopped)?;
        let hub = &running.hub;
        let parts: [Pin<Box<dyn Future<Output = ()> + Send>>; 7] = [
            Box::pin(lead::run(hub.clone())),
            Box::pin(together::run(hub.clone())),
            Box::pin(jobs::run(hub.clone())),
            Box::pin(again::run(hub.clone())),
            Box::pin(sinks::run(hub.clone())),
            Box::pin(while_leading(hub.clone(), notify::run)),
            Box::pin(while_leading(hub.clone(), registries::run)),
        ];
        for part in parts {
            running.tasks.spawn(async move {
                part.await;
                Ok(())
            });
        }
        Ok(running)
    }

    /// Where to point a browser to.
    pub fn url(&self) -> String {
        let scheme = if self.hub.settings.encrypted() { "https" } else { "http" };
        format!("{scheme}://{}", self.console)
    }

    /// A file with the token by which the first admin comes in. It is made if it is not there, or good no more.
    async fn first_token(&self) -> anyhow::Result<()> {
        let path = self.token_file();
        let now = self.hub.now();
        if let Ok(token) = fs::read_to_string(&path)
            && self.hub.state.token(&access::hash(token.trim()), now).await?.is_some()
        {
            return Ok(());
        }
        let secret = format!("{}{}", access::TOKEN, access::secret());
        let token = Token {
            id: crate::random_id("t"),
            name: "of the machine".to_owned(),
            role: Role::Admin,
            owners: Vec::new(),
            namespaces: Vec::new(),
            by: "the hub".to_owned(),
            created: now,
            expires: now + 365 * DAY,
            used: None,
            secret: None,
        };
        self.hub.state.add_token(&token, &access::hash(&secret)).await?;
        write_secret(&path, &secret)
    }

    /// Where the token of the machine is: whoever may read that file may do anything.
    pub fn token_file(&self) -> std::path::PathBuf {
        self.hub.settings.directory.join(ADMIN_TOKEN)
    }

    /// A token by which one node may join, for whoever runs on this machine.
    pub async fn join_token(&self, uses: u32, lifetime: Duration) -> anyhow::Result<String> {
        self.hub.new_join_token("the machine", uses, lifetime.as_millis() as Millis).await
    }

    fn listen_to_agents(
        &mut self,
        listener: TcpListener,
        mut stopped: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let hub = self.hub.clone();
        let clock = Clock::clone(&hub.settings.clock);
        let (tls, config) = watch::channel(hub.identity.for_agents(timestamp(&clock)?)?);
        let settings = agents::Settings {
            authority: Arc::clone(&hub.identity.authority),
            authorities: hub.identity.authorities(),
            lifetime: NODE_LIFETIME,
            clock: Arc::new(move || timestamp(&clock).unwrap_or(Timestamp::UNIX_EPOCH)),
        };
        let (desk, refusals) = (hub.desk.clone(), Arc::default());
        let stop = async move {
            // The sender goes when the hub does.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let renewing = hub.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                match timestamp(&renewing.settings.clock).and_then(|now| renewing.identity.for_agents(now)) {
                    Ok(config) => drop(tls.send(config)),
                    Err(error) => {
                        renewing.note(&format!("the hub's certificate could not be renewed: {error:#}"));
                    }
                }
            }
        });
        self.tasks.spawn(async move {
            let hubs = together::router(hub.clone());
            agents::serve_hubs_too(listener, config, settings, Arc::new(hub), desk, refusals, hubs, stop)
                .await
                .context("agents cannot be heard any more")
        });
        Ok(())
    }

    fn listen_to_browsers(
        &mut self,
        listener: TcpListener,
        mut stopped: watch::Receiver<bool>,
    ) -> anyhow::Result<()> {
        let hub = self.hub.clone();
        let tls = acceptor(&hub)?;
        let router = api::router(hub.clone());
        self.tasks.spawn(async move {
            let places = Arc::new(Semaphore::new(CONNECTIONS));
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = stopped.wait_for(|stop| *stop) => return Ok(()),
                };
                let (stream, peer) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors, most likely; some will be given back.
                        hub.note(&format!("a connection could not be taken: {error}"));
                        tokio::time::sleep(Duration::from_millis(200)).await;
                        continue;
                    }
                };
                let (router, tls) = (router.clone(), tls.clone());
                tokio::spawn(async move {
                    let _place = place;
                    connection(stream, peer, router, tls).await;
                });
            }
        });
        Ok(())
    }

    /// Waits until one of its parts ends by itself, which none should.
    pub async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => error.into(),
            Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part of the hub has ended"),
        }
    }

    /// Ends it: what was acknowledged is on disk.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let over = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_millis(500), over).await;
        self.tasks.shutdown().await;
        // Others need not wait for it. Where the database is away they find out by themselves.
        let told = self.hub.state.hub_ended(&self.hub.together.id);
        let _ = tokio::time::timeout(Duration::from_secs(2), told).await;
    }
}

/// What this machine is called.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, tls: Option<TlsAcceptor>) {
    let _ = stream.set_nodelay(true);
    let service = router.map_request(move |mut request: axum::http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.map(axum::body::Body::new)
    });
    let service = TowerToHyperService::new(service);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(64 << 10);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(64).max_header_list_size(32 << 10);
    // What goes wrong with one connection is the matter of whoever made it.
    let _ = match tls {
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => builder.serve_connection(TokioIo::new(stream), service).await,
            Ok(Err(_)) | Err(_) => return,
        },
        None => builder.serve_connection(TokioIo::new(stream), service).await,
    };
}

/// TLS for browsers, if there is to be any.
fn acceptor(hub: &Hub) -> anyhow::Result<Option<TlsAcceptor>> {
    let config = match &hub.settings.certificate {
        Some((certificate, key)) => server(chain(certificate)?, private_key(key)?)
            .with_context(|| format!("{} and {} cannot be used", certificate.display(), key.display()))?,
        None if hub.settings.encrypted() => hub.identity.for_browsers(timestamp(&hub.settings.clock)?)?,
        None => return Ok(None),
    };
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn chain(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let chain = read().with_context(|| format!("cannot read {}", path.display()))?;
    if chain.is_empty() {
        bail!("{} holds no certificate", path.display());
    }
    Ok(chain)
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_file(path).with_context(|| format!("cannot read {}", path.display()))
}

fn timestamp(clock: &Clock) -> anyhow::Result<Timestamp> {
    Ok(Timestamp::from_millisecond(clock())?)
}

impl Hub {
    /// A token by which nodes may join.
    pub(crate) async fn new_join_token(
        &self,
        by: &str,
        uses: u32,
        lifetime: Millis,
    ) -> anyhow::Result<String> {
        let token = JoinToken::generate(self.identity.authority.fingerprint());
        let now = self.now();
        self.state.add_join_token(&hex(&token.hash()), by, uses, now + lifetime, now).await?;
        Ok(token.print().expose().to_owned())
    }
}
