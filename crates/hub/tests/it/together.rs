//! Several hubs on one PostgreSQL, and a PostgreSQL that goes away. The servers are Debian's.

use crate::{
    agent::{Node, alert, events},
    hub::{Hub, present, runtime, until},
    server_of_state::{Postgres, database, present as is_there},
};
use gabion_api::agent::{Inventory, from_agent::Message};
use gabion_store::state::{NewHub, State};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, process::Stdio, time::Duration};

/// What `docs/hub.md` says: all of `identity`, and nothing else.
pub(crate) fn copy_identity(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.join("identity")).expect("writes");
    for file in std::fs::read_dir(from.join("identity")).expect("reads").flatten() {
        std::fs::copy(file.path(), to.join("identity").join(file.file_name())).expect("copies");
    }
}

/// The hubs that one of them knows, as states by whether each leads.
async fn hubs(hub: &Hub) -> Vec<(String, bool)> {
    let told = hub.get("/api/v1/hubs").await;
    let all = told["items"].as_array().expect("a list").iter();
    all.map(|hub| (hub["state"].as_str().expect("a state").to_owned(), hub["leads"].is_i64())).collect()
}

#[test]
fn two_hubs_answer_as_one_and_say_what_is_missing_when_one_is_gone() {
    let Some(url) = database() else { return };
    runtime().block_on(async {
        let (one, two) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let a = Hub::start_on(one.path(), &url).await;
        until("that it leads", async || (hubs(&a).await == [("heard".to_owned(), true)]).then_some(())).await;
        copy_identity(one.path(), two.path());
        let b = Hub::start_on(two.path(), &url).await;
        until("both", async || {
            let both = [("heard".to_owned(), true), ("heard".to_owned(), false)];
            (hubs(&a).await == both && hubs(&b).await == both).then_some(())
        })
        .await;

        // A node at each. Of what B takes A has nothing but what B tells.
        let start = present() - 3_600_000;
        let (first, second) = (Node::join(&a, "one").await, Node::join(&b, "two").await);
        let mut at_a = first.session(a.agents()).await.expect("a session");
        let mut at_b = second.session(b.agents()).await.expect("a session");
        let mut live = a.by(&a.token, Method::GET, "/api/v1/live").send().await.expect("answers");
        assert!(at_a.say(events(1..=30, start)).await && at_b.say(events(1..=20, start + 500)).await);
        assert_eq!(
            (at_a.kept().await.expect("kept").events, at_b.kept().await.expect("kept").events),
            (30, 20)
        );
        assert!(at_b.say(alert(1, start)).await);
        assert_eq!(at_b.kept().await.expect("kept").alerts, 1);
        let mut told = String::new();
        until("that A tells of the alert that B took", async || {
            let part = live.chunk().await.expect("is told").expect("goes on");
            told.push_str(&String::from_utf8_lossy(&part));
            told.contains("event: alerts").then_some(())
        })
        .await;
        for hub in [&a, &b] {
            let page = until("all events", async || {
                let page = hub.get("/api/v1/events?kind=execve&limit=1000").await;
                (page["items"].as_array()?.len() == 50).then_some(page)
            })
            .await;
            assert_eq!((&page["total"], &page["unsearched"]), (&json!(50), &Value::Null));
            let ids = |page: &Value| -> Vec<String> {
                let items = page["items"].as_array().expect("a list").iter();
                items.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
            };
            let (whole, mut paged, mut cursor) = (ids(&page), Vec::new(), String::new());
            loop {
                let page = hub.get(&format!("/api/v1/events?kind=execve&limit=7{cursor}")).await;
                paged.extend(ids(&page));
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(paged, whole, "page by page it is the same");
            assert_eq!(whole.iter().collect::<BTreeSet<_>>().len(), 50);
            let bars = hub.get("/api/v1/events/histogram?kind=execve&buckets=5").await;
            let counts =
                bars["buckets"].as_array().expect("bars").iter().filter_map(|bar| bar["count"].as_u64());
            assert_eq!(counts.sum::<u64>(), 50, "{bars}");
        }

        // What A asks the node of B is asked by B.
        let answering = tokio::spawn(at_b.answer(json!({"done": {"id": 7, "outcome": "done"}})));
        let response = a
            .post("/api/v1/responses", json!({"action": "freeze", "reason": "a test", "target": {"node": second.id, "container": "web"}}))
            .await;
        let response: Value = response.json().await.expect("JSON");
        assert_eq!(response["outcome"]["state"], "done", "{response}");

        // A node is no hub.
        for path in ["/peer/search", "/peer/ask", "/peer/disconnect"] {
            assert_eq!(first.asks_as_a_hub(a.agents(), path).await, StatusCode::FORBIDDEN, "{path}");
        }
        // Who leads cannot be put away while it is there.
        let id = a.get("/api/v1/hubs").await["items"][0]["id"].as_str().expect("an id").to_owned();
        let refused =
            b.by(&b.token, Method::DELETE, &format!("/api/v1/hubs/{id}")).send().await.expect("answers");
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);

        // A is gone without a word: B leads, and says that it cannot tell all.
        a.kill();
        until("that B leads", async || hubs(&b).await.iter().any(|(_, leads)| *leads).then_some(())).await;
        until("that B leads itself", async || {
            let told = b.get("/api/v1/hubs").await;
            told["items"]
                .as_array()?
                .iter()
                .any(|hub| hub["here"] == true && hub["leads"].is_i64())
                .then_some(())
        })
        .await;
        assert!(b.notes().contains("this hub leads"), "{}", b.notes());
        let page = b.get("/api/v1/events?kind=execve&limit=1000").await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(20));
        assert_eq!(page["unsearched"].as_array().map(Vec::len), Some(1), "{}", page["unsearched"]);
        let bars = b.get("/api/v1/events/histogram?kind=execve").await;
        assert_eq!(bars["unsearched"].as_array().map(Vec::len), Some(1), "{}", bars["unsearched"]);
        until("that A may be put away", async || {
            let removed =
                b.by(&b.token, Method::DELETE, &format!("/api/v1/hubs/{id}")).send().await.expect("answers");
            (removed.status() == StatusCode::NO_CONTENT).then_some(())
        })
        .await;
        assert_eq!(b.get("/api/v1/events?kind=execve").await["unsearched"], Value::Null);
        answering.abort();
        b.stop().await;
    });
}

#[test]
fn a_hub_of_another_identity_is_refused_and_told_what_to_do() {
    let Some(url) = database() else { return };
    runtime().block_on(async {
        let directory = || tempfile::tempdir().expect("a directory");
        let (one, empty, other, half) = (directory(), directory(), directory(), directory());
        let a = Hub::start_on(one.path(), &url).await;
        let why = Hub::refused(empty.path(), &url).await;
        assert!(why.contains("is empty") && why.contains("hint: copy"), "{why}");
        assert!(!empty.path().join("identity/authority.key").exists(), "none was made");
        // One that has run by itself before has an authority of its own.
        Hub::start(other.path()).await.stop().await;
        let why = Hub::refused(other.path(), &url).await;
        assert!(why.contains("another authority") && why.contains("hint: copy"), "{why}");
        // The authority alone is not enough: secrets could not be opened.
        copy_identity(one.path(), half.path());
        std::fs::remove_file(half.path().join("identity/secrets.key")).expect("removes");
        let why = Hub::refused(half.path(), &url).await;
        assert!(why.contains("another key of secrets"), "{why}");
        a.stop().await;
        // It knows itself.
        Hub::start_on(one.path(), &url).await.stop().await;
    });
}

#[test]
fn events_of_a_hub_for_which_another_answers_are_missing_and_told_so() {
    let Some(url) = database() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_on(directory.path(), &url).await;
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        assert!(session.say(events(1..=3, present() - 60_000)).await);
        assert_eq!(session.kept().await.expect("kept").events, 3);
        // The name of the other leads to this one.
        let state = State::open(&url).await.expect("opens");
        let other = NewHub {
            id: "h-other".to_owned(),
            name: "other".to_owned(),
            address: hub.agents().to_string(),
            version: "1".to_owned(),
        };
        let page = until("its own events, and that others are missing", async || {
            state.hub_seen(&other, present()).await.expect("kept");
            let page = hub.get("/api/v1/events?kind=execve").await;
            (page["total"].as_u64()? > 0 && page["unsearched"].is_array()).then_some(page)
        })
        .await;
        assert_eq!((page["items"].as_array().map(Vec::len), &page["total"]), (Some(3), &json!(3)));
        let missing = page["unsearched"].to_string();
        assert!(missing.contains("the events of the hub other") && missing.contains("--name"), "{missing}");
        let bars = hub.get("/api/v1/events/histogram?kind=execve&buckets=5").await;
        let counts = bars["buckets"].as_array().expect("bars").iter().filter_map(|bar| bar["count"].as_u64());
        assert_eq!(
            (counts.sum::<u64>(), bars["unsearched"].as_array().map(Vec::len)),
            (3, Some(1)),
            "{bars}"
        );
        hub.stop().await;
    });
}

#[test]
fn a_database_that_goes_away_is_told_and_all_goes_on_when_it_is_back() {
    let Some(server) = is_there(Postgres::start(&[])) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let url = server.database();
        let name = url.split(['/', '?']).nth(3).expect("a name").to_owned();
        let hub = Hub::start_on(directory.path(), &url).await;
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        assert!(session.say(alert(1, present())).await);
        assert_eq!(session.kept().await.expect("kept").alerts, 1);
        let ask = async |path: &str| hub.by(&hub.token, Method::GET, path).send().await.expect("answers");

        // Which hub has a node may be what cannot be read: that is not taken for an answer.
        let rename = |from: &str, to: &str| {
            let statement = format!("ALTER TABLE node RENAME COLUMN {from} TO {to}");
            let done = server
                .client("psql")
                .args(["-q", "-d", &name, "-c", &statement])
                .stdout(Stdio::null())
                .status();
            assert!(done.expect("runs").success());
        };
        let baseline = format!("/api/v1/baselines/{}%7Cweb", node.id);
        assert_eq!(ask("/api/v1/baselines/nobody%7Cweb").await.status(), StatusCode::BAD_GATEWAY);
        rename("hub", "another");
        assert_eq!(ask(&baseline).await.status(), StatusCode::SERVICE_UNAVAILABLE);
        rename("another", "hub");

        server.stop();
        until("that it is known", async || {
            (ask("/readyz").await.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
        for path in ["/api/v1/findings", "/api/v1/overview", "/api/v1/nodes", "/metrics"] {
            let answer = ask(path).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(answer.headers()[header::RETRY_AFTER], "5", "{path}");
            let problem: Value = answer.json().await.expect("a problem");
            assert!(problem["error"].is_string() && problem["hint"].is_string(), "{problem}");
        }
        assert_eq!(ask("/healthz").await.status(), StatusCode::OK, "the hub itself lives");
        // What comes meanwhile is acknowledged by nobody.
        session.say(alert(2, present())).await;
        let kept = tokio::time::timeout(Duration::from_secs(5), session.kept()).await;
        assert!(!matches!(kept, Ok(Ok(_))), "{kept:?}");
        until("that the operator is told", async || {
            hub.notes().contains("the database is away").then_some(())
        })
        .await;

        server.go_on();
        until("that it is back", async || {
            (ask("/api/v1/findings").await.status() == StatusCode::OK).then_some(())
        })
        .await;
        let mut session = until("a session", async || node.session(hub.agents()).await).await;
        assert!(session.say(alert(2, present())).await);
        assert_eq!(session.kept().await.expect("kept").alerts, 2);
        let alerts = hub.get("/api/v1/alerts").await;
        assert_eq!(alerts["total"], 2, "the first was kept, too");
        until("that it leads again", async || hubs(&hub).await.iter().any(|(_, leads)| *leads).then_some(()))
            .await;
        assert!(hub.notes().contains("the database is back"), "{}", hub.notes());
        hub.stop().await;
    });
}

#[test]
fn who_connects_to_a_node_of_another_hub_is_told_by_name() {
    let Some(url) = database() else { return };
    runtime().block_on(async {
        let (one, two) =
            (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
        let a = Hub::start_on(one.path(), &url).await;
        copy_identity(one.path(), two.path());
        let b = Hub::start_on(two.path(), &url).await;
        let (first, second) = (Node::join(&a, "one").await, Node::join(&b, "two").await);
        let at_a = first.session(a.agents()).await.expect("a session");
        let at_b = second.session(b.agents()).await.expect("a session");
        assert!(at_b.inventory("10.1.0.7").await && at_a.inventory("10.1.0.8").await);
        let mut number = 0;
        until("the name of the other end", async || {
            number += 1;
            assert!(at_a.say(crate::agent::connection(number, "10.1.0.7", present())).await);
            let map = a.get("/api/v1/service-map").await;
            let flows = map["flows"].as_array()?;
            flows
                .iter()
                .any(|flow| flow["from"] == "shop/10.1.0.8" && flow["to"] == "shop/10.1.0.7")
                .then_some(())
        })
        .await;
        // Nothing runs there any more: whoever has the address next is another.
        assert!(at_b.say(Message::Inventory(Inventory { time: 2, containers: Vec::new() })).await);
        let later = present() + 60_000;
        until("that the name is forgotten", async || {
            number += 1;
            assert!(at_a.say(crate::agent::connection(number, "10.1.0.7", later)).await);
            let map = a.get("/api/v1/service-map").await;
            let flows = map["flows"].as_array()?;
            flows
                .iter()
                .any(|flow| flow["to"] == "10.1.0.7" && flow["last"].as_i64() >= Some(later))
                .then_some(())
        })
        .await;
        a.stop().await;
        b.stop().await;
    });
}
