//! A PostgreSQL on the way to which everything gets lost: no connection is closed, nothing comes back.

use crate::{
    agent::{Node, alert},
    hub::{Hub, present, runtime, until},
    server_of_state::database,
    together::copy_identity,
};
use reqwest::{Method, StatusCode};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// A way to a server that may lose everything. What was connected then is never heard of again, as behind a gateway that was exchanged.
struct Way {
    url: String,
    lost: watch::Sender<bool>,
}

impl Way {
    /// To a database on a Unix socket.
    async fn to(url: &str) -> Self {
        let (rest, directory) = url.split_once("?host=").expect("a directory");
        let name = rest.rsplit('/').next().expect("a name");
        let socket = PathBuf::from(directory).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let lost = watch::Sender::new(false);
        let watched = lost.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, socket.clone(), watched.subscribe()));
            }
        });
        Self { url: format!("postgres://postgres@{address}/{name}?sslmode=disable"), lost }
    }
}

async fn carry(mut client: TcpStream, socket: PathBuf, mut lost: watch::Receiver<bool>) {
    if !*lost.borrow_and_update() {
        let mut server = UnixStream::connect(socket).await.expect("the server is there");
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut server) => return,
            _ = lost.wait_for(|lost| *lost) => {}
        }
        // Both ends stay open.
        std::future::pending::<()>().await;
    }
    std::future::pending::<()>().await;
}

#[test]
fn a_database_that_falls_silent_holds_nothing_up_and_all_goes_on_when_it_speaks_again() {
    /// More than are written for at a time.
    const NODES: u64 = 6;
    let Some(url) = database() else { return };
    runtime().block_on(async {
        let (one, two) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let b = Hub::start_on(two.path(), &url).await;
        copy_identity(two.path(), one.path());
        let way = Way::to(&url).await;
        let a = Hub::start_on(one.path(), &way.url).await;
        let ask =
            async |path: &str| a.by(&a.token, Method::GET, path).send().await.expect("answers").status();
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let node = Node::join(&a, &format!("node {number}")).await;
            let session = node.session(a.agents()).await.expect("a session");
            nodes.push((node, session));
        }
        until("that A hears B", async || {
            (a.get("/api/v1/hubs").await["items"].as_array()?.len() == 2).then_some(())
        })
        .await;

        way.lost.send_replace(true);
        for (_, session) in &nodes {
            assert!(session.say(alert(1, present())).await);
        }
        for path in ["/readyz", "/api/v1/findings", "/api/v1/session", "/metrics"] {
            until(path, async || (ask(path).await == StatusCode::SERVICE_UNAVAILABLE).then_some(())).await;
        }
        for (_, session) in &mut nodes {
            let kept = tokio::time::timeout(Duration::from_mins(1), session.kept()).await;
            assert!(kept.expect("nobody waits for ever").is_err(), "nothing is acknowledged");
        }
        assert!(a.notes().contains("the database is away"), "{}", a.notes());

        way.lost.send_replace(false);
        until("that it is back", async || (ask("/api/v1/findings").await == StatusCode::OK).then_some(()))
            .await;
        for (node, _) in &nodes {
            let mut session = until("a session", async || node.session(a.agents()).await).await;
            assert!(session.say(alert(1, present())).await);
            assert_eq!(session.kept().await.expect("kept").alerts, 1);
        }
        let alerts = b.get("/api/v1/alerts").await;
        let counts = alerts["items"].as_array().expect("a list").iter();
        assert_eq!(counts.filter_map(|alert| alert["count"].as_u64()).sum::<u64>(), NODES, "{alerts}");

        let mut before = i64::MAX;
        until("that A says again that it is there", async || {
            let told = b.get("/api/v1/hubs").await;
            let other = told["items"].as_array()?.iter().find(|hub| hub["here"] == false)?.clone();
            let seen = other["seen"].as_i64()?;
            let is_again = seen > before;
            before = seen;
            is_again.then_some(())
        })
        .await;

        // A listens again, too: it tells what B takes. After it came back it has believed twice that all had changed.
        let node = Node::join(&b, "of B").await;
        let mut at_b = node.session(b.agents()).await.expect("a session");
        let mut live = a.by(&a.token, Method::GET, "/api/v1/live").send().await.expect("answers");
        let (mut told, mut number) = (String::new(), 0);
        until("that A tells of alerts that B takes", async || {
            number += 1;
            assert!(at_b.say(alert(number, present())).await);
            assert_eq!(at_b.kept().await.expect("kept").alerts, number);
            if let Ok(part) = tokio::time::timeout(Duration::from_secs(1), live.chunk()).await {
                told.push_str(&String::from_utf8_lossy(&part.expect("is told").expect("goes on")));
            }
            (told.matches("event: alerts").count() > 4).then_some(())
        })
        .await;
        a.stop().await;
        b.stop().await;
    });
}
