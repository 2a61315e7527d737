//! An attack that goes over two nodes, as their agents tell it, is one incident for whoever looks, and two if somebody says so.

use crate::{agents::Agent, hub::with_present};
use reqwest::{Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

pub(crate) const SECOND: u64 = 1_000_000_000;
/// What the hub's clock shows, in nanoseconds.
pub(crate) const NOW: u64 = 1_764_000_000 * SECOND;
/// The clock of the second node is two minutes behind.
const BEHIND: u64 = 120 * SECOND;

/// A story as an agent writes it.
pub(crate) fn story(title: &str, container: &str, at: u64, connections: Option<Value>) -> Value {
    let mut story = json!({
        "id": 1, "title": title, "priority": "Critical", "began": at, "updated": at + 5 * SECOND,
        "origin": [format!("It came in to {container}.")], "extent": [format!("2 processes in {container}.")],
        "tactics": ["execution"], "techniques": ["T1059"],
        "steps": [
            {"time": at, "container": container, "text": format!("sh started in {container}"), "rule": "A shell"},
            {"time": at + 5 * SECOND, "container": "the node", "text": format!("the end of {container}")},
        ],
        "processes": [{"depth": 0, "pid": 7, "command": "sh", "container": container, "rules": ["A shell"], "server": false}],
        "cut": false, "more_alerts": 0,
    });
    if let Some(connections) = connections {
        story["connections"] = connections;
    }
    story
}

pub(crate) fn connection(way: &str, time: u64, container: &str, program: &str) -> Value {
    json!([{"time": time, "way": way, "client": "10.0.1.5:50200", "server": "10.0.2.7:80", "container": container, "program": program, "pid": 7}])
}

fn picture(text: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 300 90\"><text y=\"20\">{text}</text></svg>"
    )
}

#[test]
fn an_attack_over_two_nodes_is_one_incident_until_somebody_says_that_it_is_two() {
    with_present(async |hub| {
        hub.time.store((NOW / 1_000_000).cast_signed(), Ordering::Relaxed);
        let mut one = Agent::join(hub, "alpha", NOW).await;
        let mut two = Agent::join(hub, "beta", NOW - BEHIND).await;
        let begun = story(
            "Shell in web",
            "web",
            NOW - 60 * SECOND,
            Some(connection("out", NOW - 58 * SECOND, "web", "curl")),
        );
        let there = NOW - BEHIND - 58 * SECOND + SECOND / 100;
        let accepted =
            story("Miner in cache", "cache", there, Some(connection("in", there, "cache", "nginx")));
        // What comes later began earlier.
        two.incident(&accepted, &picture("beta's own")).await;
        assert_eq!(hub.get("/api/v1/incidents").await["items"][0]["title"], "Miner in cache");
        one.incident(&begun, &picture("alpha's own")).await;
        let listed = hub.get("/api/v1/incidents").await;
        assert_eq!(
            (&listed["total"], &listed["items"][0]["title"]),
            (&json!(1), &json!("Shell in web, over 2 nodes"))
        );
        assert_eq!(listed["items"][0]["nodes"], json!([one.id, two.id]));
        assert_eq!(listed["items"][0]["containers"], json!(["cache", "web"]), "the node is no container");
        assert_eq!(listed["items"][0]["on_host"], true);
        let whole = format!("{}-1", two.id);
        assert_eq!(listed["items"][0]["id"], json!(whole), "what was told first stays what it is called");

        let detail = hub.get(&format!("/api/v1/incidents/{whole}")).await;
        assert_eq!(detail["origin"], json!(["It came in to web on alpha."]));
        let parts: Vec<_> = detail["parts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|part| (&part["name"], &part["skew"], &part["origin"]))
            .collect();
        assert_eq!(
            parts,
            [(&json!("alpha"), &json!(0), &json!(true)), (&json!("beta"), &json!(120_000), &json!(false))]
        );
        let steps: Vec<String> = detail["steps"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|step| {
                format!(
                    "{} {} [{}]: {}",
                    step["time"].as_u64().expect("a time") - 1_763_999_940_000,
                    step["node"].as_str().expect("a name"),
                    step["container"].as_str().expect("a name"),
                    step["text"].as_str().expect("a text")
                )
            })
            .collect();
        assert_eq!(
            steps,
            [
                "0 alpha [web]: sh started in web",
                "2010 beta [cache]: sh started in cache",
                "2010 beta [cache]: nginx accepted a connection of curl in web on alpha, from 10.0.1.5:50200",
                "5000 alpha []: the end of web",
                "7010 beta []: the end of cache",
            ]
        );
        assert_eq!(detail["steps"][1]["on"], json!(two.id), "so that a response goes to the right node");
        let link = &detail["links"][0];
        assert_eq!(
            (&link["client"], &link["accepted_by"], &link["program"]),
            (&json!("10.0.1.5:50200"), &json!("10.0.2.7:80"), &json!("curl"))
        );

        // The id of a part leads to the whole.
        let part = format!("{}-1", one.id);
        assert_eq!(hub.get(&format!("/api/v1/incidents/{part}")).await["id"], json!(whole));
        let client =
            reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
        let moved = client
            .get(format!("{}/api/v1/incidents/{part}", hub.url()))
            .bearer_auth(&hub.token)
            .send()
            .await
            .expect("answers");
        assert_eq!(moved.status(), StatusCode::TEMPORARY_REDIRECT);
        let drawn = hub
            .by(&hub.token, Method::GET, &format!("/api/v1/incidents/{part}/graph"))
            .send()
            .await
            .expect("answers");
        assert!(drawn.headers()["content-security-policy"].to_str().expect("text").contains("img-src data:"));
        let drawn = drawn.text().await.expect("text");
        assert!(drawn.contains("Node alpha: it began here") && drawn.contains("Node beta<"), "{drawn}");
        assert_eq!(drawn.matches("data:image/svg+xml;base64,").count(), 2);

        // Somebody says that these are two, which holds when both are told again.
        let said = |apart: bool| json!({"cause": part, "effect": whole, "apart": apart, "reason": "a drill"});
        let viewer = hub.token("viewer", &[]).await;
        let refused = hub
            .by(&viewer, Method::POST, "/api/v1/incidents/apart")
            .json(&said(true))
            .send()
            .await
            .expect("answers");
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(hub.post("/api/v1/incidents/apart", said(true)).await.status(), StatusCode::NO_CONTENT);
        one.incident(&begun, "").await;
        two.incident(&accepted, "").await;
        assert_eq!(hub.get("/api/v1/incidents").await["total"], 2);
        let alone = hub.get(&format!("/api/v1/incidents/{part}")).await;
        assert_eq!(
            (&alone["title"], &alone["links"][0]["apart"]["reason"]),
            (&json!("Shell in web"), &json!("a drill"))
        );
        let audit = hub.get("/api/v1/audit").await;
        let actions: Vec<_> = audit["items"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["action"].as_str().expect("a word"))
            .collect();
        assert!(actions.contains(&"incident.part"), "{actions:?}");
        assert_eq!(hub.post("/api/v1/incidents/apart", said(false)).await.status(), StatusCode::NO_CONTENT);
        assert_eq!(hub.get("/api/v1/incidents").await["total"], 1);
    });
}

#[test]
fn an_agent_of_an_earlier_version_is_heard_and_told_as_one_that_cannot_be_joined() {
    with_present(async |hub| {
        hub.time.store((NOW / 1_000_000).cast_signed(), Ordering::Relaxed);
        let mut old = Agent::join(hub, "alpha", 0).await;
        let mut new = Agent::join(hub, "beta", NOW).await;
        old.status(0).await;
        old.incident(&story("Shell in web", "web", NOW, None), "").await;
        new.incident(
            &story("Miner in cache", "cache", NOW, Some(connection("in", NOW, "cache", "nginx"))),
            "",
        )
        .await;
        assert_eq!(hub.get("/api/v1/incidents").await["total"], 2);
        let detail = hub.get(&format!("/api/v1/incidents/{}-1", old.id)).await;
        assert_eq!(
            (&detail["parts"][0]["joinable"], &detail["parts"][0]["skew"]),
            (&json!(false), &Value::Null)
        );
        let detail = hub.get(&format!("/api/v1/incidents/{}-1", new.id)).await;
        assert_eq!((&detail["parts"][0]["joinable"], &detail["parts"][0]["skew"]), (&json!(true), &json!(0)));
    });
}

#[test]
fn a_part_that_tells_no_story_leaves_those_of_the_others() {
    with_present(async |hub| {
        hub.time.store((NOW / 1_000_000).cast_signed(), Ordering::Relaxed);
        let mut one = Agent::join(hub, "alpha", NOW).await;
        let mut two = Agent::join(hub, "beta", NOW).await;
        one.incident(
            &story("Shell in web", "web", NOW, Some(connection("out", NOW, "web", "curl"))),
            &picture("a"),
        )
        .await;
        // All that is asked for before it is kept. It began first, so that the other leads to what is drawn above it.
        let least = json!({
            "id": 1, "title": "least", "priority": "Notice", "began": NOW - SECOND, "updated": NOW, "tactics": [], "techniques": [],
            "steps": [{"container": "cache"}], "connections": connection("in", NOW, "cache", "nginx"),
        });
        two.incident(&least, "").await;
        let detail = hub.get(&format!("/api/v1/incidents/{}-1", one.id)).await;
        assert_eq!((detail["parts"].as_array().map(Vec::len), &detail["cut"]), (Some(2), &json!(true)));
        assert_eq!(detail["steps"][0]["text"], "sh started in web");
        let extent = detail["extent"].to_string();
        assert!(extent.contains("What beta tells of it is not shown"), "{extent}");
        let drawn = hub
            .by(&hub.token, Method::GET, &format!("/api/v1/incidents/{}-1/graph", one.id))
            .send()
            .await
            .expect("answers");
        assert!(drawn.text().await.expect("text").contains("This node has sent no picture."));
    });
}
