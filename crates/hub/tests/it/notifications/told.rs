//! What is told, how it looks, what a rule would have told, and who may see and say what.

use super::*;
use crate::hub::with;

/// All texts of a document with the name of what holds them.
fn texts(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, name, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| texts(value, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn names_that_somebody_chose_to_harm_stay_text() {
    for kind in ["slack", "teams"] {
        let directory = tempfile::tempdir().expect("a directory");
        runtime().block_on(async {
            let server = Server::tcp(|_| Answer::ok("ok"));
            let hub = Hub::start(directory.path()).await;
            let secret = format!("http://{}/services/x", server.host);
            tells(&hub, json!({"kind": kind}), Some(&secret), &json!({})).await;
            let state = state(directory.path()).await;
            let hostile = format!(
                "<!channel> <script>alert(1)</script> [x](http://evil.example)\n{}",
                "y".repeat(10_000)
            );
            incident(&state, &hostile).await;
            let told = becomes(&hub, "sent", 0).await;
            assert!(
                told["title"]
                    .as_str()
                    .is_some_and(|title| title.chars().count() <= 240 && !title.contains('\n')),
                "{told}"
            );
            let asked = &server.asked()[0];
            assert!(asked.body.len() < 8 << 10, "{}", asked.body.len());
            let body = body(asked);
            let mut found = Vec::new();
            texts(&body, "", &mut found);
            let addresses: Vec<&str> =
                found.iter().filter(|(name, _)| name == "url").map(|(_, text)| text.as_str()).collect();
            let ours = |address: &&str| address.starts_with(&hub.url());
            assert!(!addresses.is_empty() && addresses.iter().all(ours), "{addresses:?}");
            let hostile: Vec<&String> =
                found.iter().filter(|(_, text)| text.contains("alert(1)")).map(|(name, _)| name).collect();
            assert!(!hostile.is_empty() && hostile.iter().all(|name| *name == "text"), "{hostile:?}");
            if kind == "slack" {
                assert!(
                    body["text"]
                        .as_str()
                        .is_some_and(|text| text.contains("&lt;!channel&gt;") && !text.contains('<')),
                    "{body}"
                );
                let kinds: Vec<&str> = body["blocks"]
                    .as_array()
                    .expect("blocks")
                    .iter()
                    .filter_map(|block| block["type"].as_str())
                    .collect();
                assert_eq!(kinds, ["header", "rich_text", "context"]);
                let element = &body["blocks"][1]["elements"][0]["elements"][0]["elements"];
                assert_eq!((&element[0]["type"], &element[1]["type"]), (&json!("text"), &json!("link")));
                for plain in [&body["blocks"][0]["text"], &body["blocks"][2]["elements"][0]] {
                    assert_eq!(plain["type"], "plain_text");
                }
            } else {
                let card = &body["attachments"][0]["content"];
                assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
                for element in card["body"].as_array().expect("a body") {
                    assert_eq!(
                        (&element["type"], &element["inlines"][0]["type"]),
                        (&json!("RichTextBlock"), &json!("TextRun"))
                    );
                }
            }
            hub.stop().await;
        });
    }
}

#[test]
fn what_is_refused_for_good_and_what_has_no_sink_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let is_well = Arc::new(AtomicU32::new(0));
        let well = Arc::clone(&is_well);
        let server = Server::tcp(move |_| match well.load(Ordering::Relaxed) {
            0 => Answer::status(400).body("no such channel"),
            _ => Answer::ok(""),
        });
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({})).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 1).await;
        for tries in 1..6 {
            becomes(&hub, "waiting", tries).await;
            hub.pass(6 * MINUTE);
        }
        let told = becomes(&hub, "failed", 6).await;
        assert!(told["error"].as_str().is_some_and(|why| why.contains("no such channel")), "{told}");
        assert_eq!(hub.get("/api/v1/notification-rules/all").await["failed"], 1);
        let sink = hub.get("/api/v1/sinks/chat").await;
        assert_eq!(sink["refused"], 1, "{sink}");
        assert!(hub.notes().contains("for good: it answers 400"), "{}", hub.notes());
        // Somebody has mended it, but the sink is gone; then it is there again.
        is_well.store(1, Ordering::Relaxed);
        let gone = said(&hub, &hub.token, Method::DELETE, "/api/v1/sinks/chat", &json!({})).await.0;
        assert_eq!(gone, StatusCode::NO_CONTENT);
        let retry = format!("/api/v1/notifications/{}/retry", told["id"].as_str().expect("an id"));
        let (status, again) = said(&hub, &hub.token, Method::POST, &retry, &json!({})).await;
        assert_eq!((status, &again["state"]), (StatusCode::OK, &json!("waiting")), "{again}");
        until("that it waits", async || {
            (message(&hub).await["error"] == "there is no sink chat").then_some(())
        })
        .await;
        let sink = json!({"name": "chat", "target": webhook(&server), "records": [], "least": "unknown"});
        assert_eq!(said(&hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        hub.pass(2 * MINUTE);
        becomes(&hub, "sent", 0).await;
        hub.stop().await;
    });
}

#[test]
fn a_rule_is_tried_before_it_is_live() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        let sink = json!({"name": "chat", "target": webhook(&server), "records": [], "least": "unknown"});
        assert_eq!(said(&hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 25).await;
        incident(&state, "Reverse shell").await;
        hub.pass(60 * MINUTE);
        let preview = async |more: Value| {
            let asked = json!({"rule": rule(&more), "days": 7});
            let (status, told) =
                said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules/preview", &asked).await;
            assert_eq!(status, StatusCode::OK, "{told}");
            told
        };
        let told = preview(json!({"wait": 10, "kinds": [], "group_by": ["kind"]})).await;
        assert_eq!(
            (&told["total"], &told["happenings"], &told["gathered"]),
            (&json!(2), &json!(26), &json!(0)),
            "{told}"
        );
        let titles: BTreeSet<&str> = told["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|one| one["title"].as_str())
            .collect();
        assert_eq!(
            titles,
            BTreeSet::from([
                "25 new findings of shop, the worst is critical",
                "Reverse shell in <b>db</b>, 0 alerts"
            ])
        );
        let unknown = told["unknown"].to_string();
        assert!(unknown.contains("agents were lost") && unknown.contains("sinks were away"), "{unknown}");
        assert_eq!(preview(json!({"kinds": ["new-finding"]})).await["total"], 1, "as they came at once");
        assert_eq!(preview(json!({"owners": ["pay"]})).await["total"], 0);
        assert_eq!(preview(json!({"wait": 120, "kinds": ["new-finding"]})).await["gathered"], 25);
        assert_eq!((server.asked().len(), &hub.get("/api/v1/notifications").await["total"]), (0, &json!(0)));
        // A rule that is made now tells nothing of what was there before; its test says that it is one.
        assert_eq!(
            said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules", &rule(&json!({}))).await.0,
            StatusCode::OK
        );
        let (status, tried) =
            said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules/all/test", &json!({})).await;
        assert_eq!((status, &tried["taken"]), (StatusCode::OK, &json!(true)), "{tried}");
        let record = body(&server.asked()[0])["records"][0].clone();
        assert_eq!(record["title"], "Test of the notification rule all");
        assert_eq!(record["link"], format!("{}/settings/notifications", hub.url()));
        image_runs(&state, "registry.example/shop/api:1", 2, "shop", 1).await;
        assert_eq!(becomes(&hub, "sent", 0).await["items"].as_array().map(Vec::len), Some(1));
        hub.stop().await;
    });
}

#[test]
fn who_sees_some_owners_has_rules_about_these_only() {
    with(async |hub| {
        let sink = json!({"name": "chat", "target": {"kind": "file", "max_mib": 1, "keep": 1}, "records": [], "least": "unknown"});
        assert_eq!(said(hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        let (viewer, shop) = (hub.token("viewer", &[]).await, hub.token("admin", &["shop"]).await);
        let (rules, preview) = ("/api/v1/notification-rules", "/api/v1/notification-rules/preview");
        let about = |name: &str, owners: &[&str]| rule(&json!({"name": name, "owners": owners}));
        let post = async |token: &str, body: Value| said(hub, token, Method::POST, rules, &body).await.0;
        assert_eq!(post(&viewer, about("v", &["shop"])).await, StatusCode::FORBIDDEN);
        for owners in [&[][..], &["pay"][..], &["shop", "pay"][..]] {
            assert_eq!(post(&shop, about("s", owners)).await, StatusCode::FORBIDDEN, "{owners:?}");
            let asked = json!({"rule": about("s", owners), "days": 7});
            assert_eq!(
                said(hub, &shop, Method::POST, preview, &asked).await.0,
                StatusCode::FORBIDDEN,
                "{owners:?}"
            );
        }
        assert_eq!(post(&shop, about("shop", &["shop"])).await, StatusCode::OK);
        assert_eq!(post(&hub.token, about("everything", &[])).await, StatusCode::OK);
        assert_eq!(post(&hub.token, about("pay", &["pay"])).await, StatusCode::OK);
        let names = async |token: &str| {
            let page = said(hub, token, Method::GET, rules, &json!({})).await.1;
            let items = page["items"].as_array().expect("a list").clone();
            items.iter().filter_map(|one| one["rule"]["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&hub.token).await, names(&shop).await),
            (vec!["everything".to_owned(), "pay".to_owned(), "shop".to_owned()], vec!["shop".to_owned()])
        );
        assert_eq!(names(&viewer).await.len(), 3, "who sees all sees all rules");
        for (method, path) in [
            (Method::GET, "/api/v1/notification-rules/pay"),
            (Method::DELETE, "/api/v1/notification-rules/pay"),
            (Method::POST, "/api/v1/notification-rules/everything/test"),
        ] {
            assert_eq!(
                said(hub, &shop, method.clone(), path, &json!({})).await.0,
                StatusCode::NOT_FOUND,
                "{method} {path}"
            );
        }
        // Nobody widens their own rule, and nobody changes what they only see.
        let path = "/api/v1/notification-rules/shop";
        assert_eq!(said(hub, &shop, Method::PUT, path, &about("shop", &[])).await.0, StatusCode::FORBIDDEN);
        assert_eq!(
            said(hub, &viewer, Method::PUT, path, &about("shop", &["shop"])).await.0,
            StatusCode::FORBIDDEN
        );
        let mut paused = about("shop", &["shop"]);
        paused["paused"] = json!(true);
        assert_eq!(said(hub, &shop, Method::PUT, path, &paused).await.1["rule"]["paused"], true);
        for (more, why) in [
            (json!({"name": "A b"}), "name:"),
            (json!({"name": "preview"}), "name:"),
            (json!({"sink": "none"}), "sink: there is no sink"),
            (json!({"again": 1}), "again:"),
            (json!({"quiet": {"from": "1", "to": "2", "zone": "UTC"}}), "quiet:"),
            (json!({"quiet": {"from": "22:00", "to": "07:00", "zone": "Mars/Base"}}), "quiet:"),
        ] {
            let (status, told) = said(hub, &hub.token, Method::POST, rules, &rule(&more)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{more}: {told}");
            assert!(told["error"].as_str().is_some_and(|error| error.starts_with(why)), "{more}: {told}");
        }
        assert_eq!(
            said(hub, &shop, Method::GET, "/api/v1/notification-sinks", &json!({})).await.1["items"][0]["name"],
            "chat"
        );
        assert_eq!(
            said(hub, &viewer, Method::GET, "/api/v1/notification-sinks", &json!({})).await.0,
            StatusCode::FORBIDDEN
        );
        assert_eq!(said(hub, &shop, Method::DELETE, path, &json!({})).await.0, StatusCode::NO_CONTENT);
        let audit = hub.get("/api/v1/audit?q=notification-rule&limit=100").await.to_string();
        for action in ["create", "change", "remove"] {
            assert!(audit.contains(&format!("notification-rule.{action}")), "{action}: {audit}");
        }
    });
}

#[test]
fn an_agent_that_is_not_heard_is_told_once_and_when_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({"kinds": ["agent-lost"]})).await;
        let state = state(directory.path()).await;
        hub.pass(6 * MINUTE);
        let told = becomes(&hub, "sent", 0).await;
        assert_eq!(told["title"], "The agent of db-1 is not heard: what happens there is not seen");
        state.node_status("n", "{}", 0, T0 + 6 * MINUTE).await.expect("kept");
        until("that it is back", async || {
            let page = hub.get("/api/v1/notifications?state=sent").await;
            (page["total"] == 2).then_some(())
        })
        .await;
        let over: Vec<Value> = server
            .asked()
            .iter()
            .map(|asked| body(asked)["records"][0]["items"][0]["over"].clone())
            .collect();
        assert_eq!(over, [json!(false), json!(true)]);
        hub.stop().await;
    });
}
