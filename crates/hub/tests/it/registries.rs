//! Registries as the hub is told of them, and as they answer: badly, seldom, or with more than anybody wants.

use crate::{
    hub::{Hub, with},
    server::{Answer, Server},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

fn new(server: &Server, more: &Value) -> Value {
    let mut new =
        json!({"name": "main", "url": format!("http://{}", server.host), "repositories": ["team/app"]});
    for (key, value) in more.as_object().expect("an object") {
        new[key] = value.clone();
    }
    new
}

/// Waits until the registry is in this state.
async fn until(hub: &Hub, state: &str) -> Value {
    let wait = async {
        loop {
            let registry = hub.get("/api/v1/registries/main").await;
            if registry["state"] == state {
                return registry;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("in time")
}

async fn said(hub: &Hub, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = hub.by(&hub.token, method, path).json(&body).send().await.expect("answers");
    (answer.status(), answer.json().await.unwrap_or(Value::Null))
}

#[test]
fn what_cannot_be_a_registry_is_refused_and_says_why() {
    with(async |hub| {
        let server = Server::tcp(|_| Answer::status(404));
        for (more, why) in [
            (json!({"name": "../x"}), "name:"),
            (json!({"name": "check"}), "name:"),
            (json!({"url": "registry.example"}), "url:"),
            (json!({"url": "https://ann:pw@registry.example"}), "url: nothing but a host"),
            (json!({"repositories": []}), "repositories: none"),
            (json!({"repositories": ["["]}), "repositories:"),
            (json!({"newest": 0}), "newest:"),
            (json!({"newest": 5000}), "newest:"),
            (json!({"minutes": 1}), "minutes:"),
            (json!({"user": "ann"}), "secret:"),
            (json!({"user": "ann", "secret": "a\nb"}), "secret:"),
            (json!({"authority": "-----BEGIN PRIVATE KEY-----"}), "authority:"),
            (json!({"platform": "x"}), "platform:"),
        ] {
            let (status, problem) = said(hub, Method::POST, "/api/v1/registries", new(&server, &more)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{more}");
            assert!(
                problem["error"].as_str().is_some_and(|error| error.starts_with(why)),
                "{more}: {problem}"
            );
        }
        assert_eq!(hub.get("/api/v1/registries").await["total"], 0);
        assert!(server.paths().is_empty());
    });
}

#[test]
fn a_secret_goes_nowhere_else() {
    with(async |hub| {
        let server = Server::tcp(|_| Answer::ok(r#"{"tags": []}"#));
        let elsewhere = Server::tcp(|_| Answer::status(401).with("WWW-Authenticate", "Basic"));
        let with_secret = new(&server, &json!({"user": "ann", "secret": "s3cret"}));
        assert_eq!(said(hub, Method::POST, "/api/v1/registries", with_secret).await.0, StatusCode::OK);
        let moved = json!({"url": format!("http://{}", elsewhere.host)});
        let (status, problem) = said(hub, Method::PATCH, "/api/v1/registries/main", moved.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
        // To try it elsewhere sends nothing either.
        let tried = json!({"name": "main", "url": moved["url"], "repositories": ["team/app"]});
        let (status, told) = said(hub, Method::POST, "/api/v1/registries/check", tried).await;
        assert_eq!((status, &told["works"]), (StatusCode::OK, &json!(false)), "{told}");
        assert!(elsewhere.asked().iter().all(|asked| asked.header("authorization").is_none()));
        let everything = format!("{}{}", hub.get("/api/v1/registries").await, hub.get("/api/v1/audit").await);
        assert!(!everything.contains("s3cret"), "{everything}");
    });
}

#[test]
fn who_asks_to_be_left_alone_is_left_alone() {
    with(async |hub| {
        let server = Server::tcp(|asked| match asked.path.as_str() {
            "/v2/" => Answer::ok("{}"),
            path if path.ends_with("/tags/list?n=1000") => Answer::ok(r#"{"tags": ["1", "2"]}"#),
            _ => Answer::status(429).with("Retry-After", "7200"),
        });
        let registry = new(&server, &json!({"repositories": ["team/app", "team/web"], "minutes": 5}));
        assert_eq!(said(hub, Method::POST, "/api/v1/registries", registry).await.0, StatusCode::OK);
        let told = until(hub, "failing").await;
        let now = hub.time.load(Ordering::Relaxed);
        assert_eq!(told["next"], now + 7200 * 1000, "{told}");
        let error = told["error"].as_str().expect("is told");
        assert!(
            error.contains("limits requests") && error.contains("2 of 2 repositories were not looked at"),
            "{error}"
        );
        // One request, or one beside it, said enough.
        let heads = server.asked().iter().filter(|asked| asked.method == "HEAD").count();
        assert!((1..=2).contains(&heads), "{heads}");
    });
}

#[test]
fn a_registry_that_lists_nothing_says_what_to_do() {
    with(async |hub| {
        let server = Server::tcp(|asked| match asked.path.split('?').next() {
            Some("/v2/") => Answer::ok("{}"),
            Some("/v2/_catalog") => Answer::status(404),
            Some("/v2/team/app/tags/list") => Answer::ok(r#"{"tags": ["1", "2", "3"]}"#),
            // In the place of a digest.
            _ if asked.method == "HEAD" => {
                Answer::status(200).with("Docker-Content-Digest", &format!("sha256:{}", "0a".repeat(32)))
            }
            _ => Answer::status(404),
        });
        let registry = new(&server, &json!({"repositories": ["team/app", "shop/**"], "newest": 2}));
        assert_eq!(said(hub, Method::POST, "/api/v1/registries", registry).await.0, StatusCode::OK);
        let told = until(hub, "partial").await;
        assert!(
            told["error"].as_str().is_some_and(|error| error.contains("name them without wildcards")),
            "{told}"
        );
        assert_eq!(
            (
                &told["seen"]["tags"],
                &told["seen"]["matched"],
                &told["seen"]["left_out"],
                &told["seen"]["waiting"]
            ),
            (&json!(3), &json!(3), &json!(1), &json!(2)),
            "what is named is looked at all the same"
        );
        assert!(
            server.asked().iter().all(|asked| asked.method != "GET" || !asked.path.contains("/manifests/"))
        );
    });
}

#[test]
fn a_pause_ends_looking_and_polling_brings_it_back() {
    with(async |hub| {
        let is_well = Arc::new(AtomicBool::new(false));
        let well = Arc::clone(&is_well);
        let server = Server::tcp(move |asked| match asked.path.split('?').next() {
            _ if !well.load(Ordering::Relaxed) => {
                Answer::status(401).with("WWW-Authenticate", "Basic realm=x")
            }
            Some("/v2/team/app/tags/list") => Answer::ok(r#"{"tags": null}"#),
            _ => Answer::ok("{}"),
        });
        let registry = new(&server, &json!({"user": "ann", "secret": "old"}));
        assert_eq!(said(hub, Method::POST, "/api/v1/registries", registry).await.0, StatusCode::OK);
        let told = until(hub, "failing").await;
        assert!(
            told["error"].as_str().is_some_and(|error| error.contains("the credential was refused")),
            "{told}"
        );
        let path = "/api/v1/registries/main";
        let operator = hub.token("operator", &[]).await;
        let paused = hub
            .by(&operator, Method::PATCH, path)
            .json(&json!({"paused": true}))
            .send()
            .await
            .expect("answers");
        assert_eq!(paused.status(), StatusCode::NO_CONTENT);
        until(hub, "paused").await;
        let (status, _) = said(hub, Method::POST, &format!("{path}/poll"), json!({})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        is_well.store(true, Ordering::Relaxed);
        said(hub, Method::PATCH, path, json!({"paused": false})).await;
        until(hub, "well").await;
        is_well.store(false, Ordering::Relaxed);
        let polled = hub.by(&operator, Method::POST, &format!("{path}/poll")).send().await.expect("answers");
        assert_eq!(polled.status(), StatusCode::ACCEPTED);
        until(hub, "failing").await;
        // Who sees a part only sees no registry.
        let scoped = hub.token("viewer", &["shop"]).await;
        let answer = hub.by(&scoped, Method::GET, path).send().await.expect("answers");
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    });
}
