//! Who gets in, and how far.

use crate::hub::with;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

#[test]
fn nobody_is_told_anything() {
    with(async |hub| {
        let document = hub.document().await;
        let mut asked = 0;
        for (path, methods) in document["paths"].as_object().expect("paths") {
            for (method, what) in methods.as_object().expect("methods") {
                let is_open = what["security"].as_array().is_some_and(|all| {
                    all.iter().all(|one| one.as_object().is_some_and(serde_json::Map::is_empty))
                });
                if is_open {
                    continue;
                }
                let path = path
                    .replace("{id}", "x")
                    .replace("{name}", "x")
                    .replace("{rule}", "x")
                    .replace("{kind}", "x");
                for forged in ["", "gat_forged", "x"] {
                    let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
                    let mut request = hub.bare(method, &path).json(&json!({}));
                    if !forged.is_empty() {
                        request = request
                            .bearer_auth(forged)
                            .header(header::COOKIE, format!("gabion_session={forged}"));
                    }
                    let response = request.send().await.expect("answers");
                    assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {forged}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 100, "{asked}");
    });
}

#[test]
fn a_session_needs_the_header_of_the_console_for_changes() {
    with(async |hub| {
        let made =
            hub.post("/api/v1/users", json!({"name": "ann", "password": PASSWORD, "role": "triager"})).await;
        assert_eq!(made.status(), StatusCode::OK);
        let wrong = hub
            .bare(Method::POST, "/api/v1/session")
            .json(&json!({"name": "ann", "secret": "wrong password"}))
            .send()
            .await
            .expect("answers");
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
        let login = hub
            .bare(Method::POST, "/api/v1/session")
            .json(&json!({"name": "ann", "secret": PASSWORD}))
            .send()
            .await
            .expect("answers");
        assert_eq!(login.status(), StatusCode::OK);
        let cookie = login.headers()[header::SET_COOKIE].to_str().expect("text").to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().expect("a cookie").to_owned();
        let me: Value = login.json().await.expect("JSON");
        let csrf = me["csrf"].as_str().expect("a token").to_owned();
        let ask = |method: Method, path: &str, csrf: Option<&str>| {
            let request =
                hub.bare(method, path).header(header::COOKIE, &cookie).json(&json!({"findings": []}));
            match csrf {
                Some(csrf) => request.header("x-csrf-token", csrf),
                None => request,
            }
        };
        let status = async |method: Method, path: &str, csrf: Option<&str>| {
            ask(method, path, csrf).send().await.expect("answers").status()
        };
        assert_eq!(status(Method::GET, "/api/v1/findings", None).await, StatusCode::OK);
        assert_eq!(status(Method::POST, "/api/v1/findings/plan", None).await, StatusCode::FORBIDDEN);
        assert_eq!(status(Method::POST, "/api/v1/findings/plan", Some("wrong")).await, StatusCode::FORBIDDEN);
        assert_eq!(status(Method::POST, "/api/v1/findings/plan", Some(&csrf)).await, StatusCode::NO_CONTENT);
        // A triager may not act on nodes, nor say who may do what.
        assert_eq!(status(Method::GET, "/api/v1/users", None).await, StatusCode::FORBIDDEN);
        assert_eq!(status(Method::POST, "/api/v1/images/x/scan", Some(&csrf)).await, StatusCode::FORBIDDEN);
        hub.pass(3 * 3600 * 1000);
        assert_eq!(
            status(Method::GET, "/api/v1/findings", None).await,
            StatusCode::UNAUTHORIZED,
            "it was idle"
        );
        let audit = hub.get("/api/v1/audit?limit=50").await;
        let actions: Vec<&str> = audit["items"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|entry| entry["action"].as_str())
            .collect();
        for action in ["user.create", "session.denied", "session.begin", "finding.plan"] {
            assert!(actions.contains(&action), "{actions:?}");
        }
        assert!(!audit.to_string().contains(PASSWORD));
    });
}

#[test]
fn a_token_in_the_browser_is_a_session_too() {
    with(async |hub| {
        let login = hub
            .bare(Method::POST, "/api/v1/session")
            .json(&json!({"secret": hub.token}))
            .send()
            .await
            .expect("answers");
        assert_eq!(login.status(), StatusCode::OK);
        let cookie = login.headers()[header::SET_COOKIE]
            .to_str()
            .expect("text")
            .split(';')
            .next()
            .expect("a cookie")
            .to_owned();
        let me: Value = login.json().await.expect("JSON");
        assert_eq!(me["role"], "admin");
        let change = |csrf: &str| {
            hub.bare(Method::POST, "/api/v1/join-tokens")
                .header(header::COOKIE, &cookie)
                .header("x-csrf-token", csrf)
                .json(&json!({"minutes": 5, "uses": 1}))
        };
        assert_eq!(change("x").send().await.expect("answers").status(), StatusCode::FORBIDDEN);
        let made: Value = change(me["csrf"].as_str().expect("a token"))
            .send()
            .await
            .expect("answers")
            .json()
            .await
            .expect("JSON");
        assert!(
            made["command"].as_str().is_some_and(|command| command.contains("--join gabion1.")),
            "{made}"
        );
    });
}

#[test]
fn whoever_guesses_is_slowed_down() {
    with(async |hub| {
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let response = hub
                .bare(Method::POST, "/api/v1/session")
                .json(&json!({"secret": "gat_guess"}))
                .send()
                .await
                .expect("answers");
            statuses.push(response.status());
        }
        assert_eq!(statuses[9], StatusCode::UNAUTHORIZED);
        assert_eq!(statuses[10..], [StatusCode::TOO_MANY_REQUESTS; 2]);
        hub.pass(60_000);
        let response = hub
            .bare(Method::POST, "/api/v1/session")
            .json(&json!({"secret": hub.token}))
            .send()
            .await
            .expect("answers");
        assert_eq!(response.status(), StatusCode::OK);
    });
}

#[test]
fn whoever_asks_without_end_waits_and_nobody_else_does() {
    with(async |hub| {
        let (loud, quiet) = (hub.token("viewer", &[]).await, hub.token("operator", &[]).await);
        let ask =
            async |token: &str| hub.by(token, Method::GET, "/api/v1/session").send().await.expect("answers");
        let mut answered = 0;
        let refused = loop {
            let answer = ask(&loud).await;
            if answer.status() != StatusCode::OK {
                break answer;
            }
            answered += 1;
            assert!(answered < 5_000, "there is no end");
        };
        assert_eq!((answered, refused.status()), (1_200, StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(refused.headers()[header::RETRY_AFTER], "60");
        assert_eq!(ask(&quiet).await.status(), StatusCode::OK);
        hub.pass(60_000);
        assert_eq!(ask(&loud).await.status(), StatusCode::OK);
    });
}

#[test]
fn a_token_can_do_what_its_role_may_until_it_expires() {
    with(async |hub| {
        let viewer = hub.token("viewer", &[]).await;
        let status = async |token: &str, method: Method, path: &str| {
            hub.by(token, method, path).json(&json!({"findings": []})).send().await.expect("answers").status()
        };
        assert_eq!(status(&viewer, Method::GET, "/api/v1/images").await, StatusCode::OK);
        assert_eq!(status(&viewer, Method::POST, "/api/v1/findings/plan").await, StatusCode::FORBIDDEN);
        // Who sees a part sees no node and no event, as these belong to all.
        let scoped = hub.token("admin", &["shop"]).await;
        for path in ["/api/v1/nodes", "/api/v1/events", "/api/v1/users", "/api/v1/audit", "/api/v1/responses"]
        {
            assert_eq!(status(&scoped, Method::GET, path).await, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(status(&scoped, Method::GET, "/api/v1/findings").await, StatusCode::OK);
        hub.pass(25 * 3600 * 1000);
        assert_eq!(status(&viewer, Method::GET, "/api/v1/images").await, StatusCode::UNAUTHORIZED);
    });
}
