//! The console's files, headers, health, and a hub that comes back.

use crate::hub::{ALONE, Hub, runtime, until, with};
use gabion_store::state::{NewAlert, State};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[test]
fn every_answer_says_what_a_page_may_do() {
    with(async |hub| {
        for path in
            ["/", "/findings/x", "/api/v1/openapi.json", "/api/v1/findings", "/healthz", "/assets/none.js"]
        {
            let response = hub.bare(Method::GET, path).send().await.expect("answers");
            let headers = response.headers();
            let policy = headers["content-security-policy"].to_str().expect("text");
            assert!(
                policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
                "{path}"
            );
            assert!(!policy.contains("unsafe"), "{path}");
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        }
        let page = hub.bare(Method::GET, "/some/page").send().await.expect("answers");
        assert_eq!(page.status(), StatusCode::OK);
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(
            hub.bare(Method::GET, "/assets/none.js").send().await.expect("answers").status(),
            StatusCode::NOT_FOUND
        );
    });
}

#[test]
fn it_tells_how_it_does() {
    with(async |hub| {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(
                hub.bare(Method::GET, path).send().await.expect("answers").text().await.expect("text"),
                "ok\n"
            );
        }
        let metrics =
            hub.bare(Method::GET, "/metrics").send().await.expect("answers").text().await.expect("text");
        assert!(metrics.contains("gabion_findings_open{severity=\"critical\"} 0\n"), "{metrics}");
        let overview = hub.get("/api/v1/overview").await;
        assert_eq!(overview["nodes"], json!([0, 0]));
        assert!(
            overview["blind"].as_array().is_some_and(|blind| blind
                .iter()
                .any(|one| one["what"] == "nodes with an agent" && one["count"] == 0)),
            "{overview}"
        );
        assert_eq!(overview["starter_database"], true);
    });
}

#[test]
fn a_hub_that_comes_back_knows_who_it_is_and_who_may_come_in() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let token = hub.token.clone();
        let made = hub
            .post("/api/v1/users", json!({"name": "ann", "password": "a long password", "role": "admin"}))
            .await;
        assert_eq!(made.status(), StatusCode::OK);
        let authority =
            std::fs::read(directory.path().join("identity/authority.pem")).expect("a certificate");
        let alone = ALONE.lock().await;
        hub.stop().await;
        let hub = Hub::start(directory.path()).await;
        drop(alone);
        assert_eq!(hub.token, token);
        assert_eq!(hub.get("/api/v1/users").await["total"], 1);
        assert_eq!(
            std::fs::read(directory.path().join("identity/authority.pem")).expect("a certificate"),
            authority
        );
        hub.stop().await;
    });
}

#[test]
fn what_is_kept_for_how_long_can_be_said() {
    const DAY: i64 = 86_400_000;
    const NOW: i64 = 1_764_000_000_000;
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let state = State::in_directory(directory.path()).await.expect("opens");
        state.add_join_token("t", "test", 1, i64::MAX, NOW).await.expect("a token");
        state.join("t", "n", "db-1", NOW).await.expect("joins");
        let alert = |number: u64, days: i64| NewAlert {
            number,
            time: NOW - days * DAY,
            rule: format!("{days} days ago"),
            priority: "Critical".to_owned(),
            ..NewAlert::default()
        };
        state.keep_alerts("n", &[alert(1, 40), alert(2, 20)], NOW).await.expect("kept");
        let change = async |token: &str, wanted: &Value| {
            let answer =
                hub.by(token, Method::PUT, "/api/v1/retention").json(wanted).send().await.expect("answers");
            (answer.status(), answer.json::<Value>().await.expect("JSON"))
        };
        let told = hub.get("/api/v1/retention").await;
        assert_eq!(told["kept"], told["usual"]);
        assert!(told["free"].as_u64().is_some_and(|free| free > 0), "{told}");
        let mut wanted = told["kept"].clone();
        wanted["alert_days"] = json!(30);
        let operator = hub.token("operator", &[]).await;
        assert_eq!(change(&operator, &wanted).await.0, StatusCode::FORBIDDEN);
        let mut wrong = wanted.clone();
        for (key, value) in [("event_days", 0), ("flow_days", 1_000_000), ("event_bytes", 1)] {
            wrong[key] = json!(value);
            let (status, problem) = change(&hub.token, &wrong).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{key}");
            assert!(problem.to_string().contains(key), "{problem}");
            wrong[key] = wanted[key].clone();
        }
        assert_eq!(hub.get("/api/v1/retention").await["kept"], told["kept"], "nothing was changed");
        let (status, told) = change(&hub.token, &wanted).await;
        assert_eq!((status, &told["kept"]), (StatusCode::OK, &wanted));
        let audit = hub.get("/api/v1/audit").await;
        let mut entries = audit["items"].as_array().expect("a list").iter();
        let entry = entries.find(|entry| entry["action"] == "retention.change").expect("is there");
        assert_eq!(entry["detail"], "alerts: 90 to 30 days");

        // It holds for whoever starts, who looks at once.
        let alone = ALONE.lock().await;
        hub.stop().await;
        let hub = Hub::start(directory.path()).await;
        drop(alone);
        until("that the old one goes", async || {
            let alerts = hub.get("/api/v1/alerts").await;
            (alerts["total"] == 1).then(|| assert_eq!(alerts["items"][0]["rule"], "20 days ago"))
        })
        .await;
        hub.stop().await;
    });
}
