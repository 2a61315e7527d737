//! What lists refuse, and how they are exported.

use crate::hub::with;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[test]
fn a_wrong_question_is_told_what_is_wrong() {
    with(async |hub| {
        for (path, part) in [
            ("/api/v1/findings?severity=hgh", "hgh"),
            ("/api/v1/findings?sevrity=high", "sevrity"),
            ("/api/v1/findings?sort=id", "priority, severity"),
            ("/api/v1/findings?cursor=x", "cursor"),
            ("/api/v1/findings?limit=many", "limit"),
            ("/api/v1/findings?format=xml", "csv"),
            ("/api/v1/events?q=kind:(", ""),
            ("/api/v1/search?q=", "q:"),
        ] {
            let response = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
            let problem: Value = response.json().await.expect("a problem");
            let text = problem["error"].as_str().expect("a sentence");
            assert!(text.contains(part), "{path}: {text}");
        }
        let wrong = hub.post("/api/v1/tokens", json!({"name": "x", "rule": "viewer"})).await;
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = wrong.json().await.expect("a problem, also where no handler has seen it");
        assert!(problem["error"].as_str().is_some_and(|text| text.contains("rule")), "{problem}");
        for path in [
            "/api/v1/findings/x",
            "/api/v1/images/x",
            "/api/v1/workloads/x",
            "/api/v1/nodes/x",
            "/api/v1/incidents/x",
            "/api/v1/nothing",
        ] {
            let response = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
            assert!(response.json::<Value>().await.expect("a problem")["error"].is_string(), "{path}");
        }
        let large =
            hub.post("/api/v1/findings/plan", json!({"findings": [], "note": "x".repeat(2 << 20)})).await;
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let wrong = hub.post("/api/v1/findings/plan", json!({"findings": [], "extra": 1})).await;
        assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    });
}

#[test]
fn a_list_is_exported_as_csv() {
    with(async |hub| {
        let response =
            hub.by(&hub.token, Method::GET, "/api/v1/tokens?format=csv").send().await.expect("answers");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/csv; charset=utf-8");
        let text = response.text().await.expect("text");
        assert!(
            text.lines().next().is_some_and(|line| line.contains("name") && line.contains("role")),
            "{text}"
        );
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains(&hub.token));
    });
}
