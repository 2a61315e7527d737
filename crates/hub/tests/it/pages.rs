//! The console's files, headers, health, and a hub that comes back.

use crate::hub::{ALONE, Hub, with};
use reqwest::{Method, StatusCode, header};
use serde_json::json;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
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
