//! The weekly report: whose it is, and what it may do in a browser.

use crate::hub::with;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

#[test]
fn a_report_is_for_who_may_see_what_it_is_about() {
    with(async |hub| {
        let ask = async |token: &str, path: &str| {
            let response = hub.by(token, Method::GET, path).send().await.expect("answers");
            (response.status(), response.json::<Value>().await.expect("JSON"))
        };
        let (all, of_shop) = ("/api/v1/reports/weekly", "/api/v1/reports/weekly?owner=shop");
        let (status, week) = ask(&hub.token, all).await;
        assert_eq!((status, &week["nodes"], &week["owner"]), (StatusCode::OK, &json!([0, 0]), &Value::Null));
        assert_eq!(week["trend"].as_array().map(Vec::len), Some(8));
        assert_eq!(
            week["to"].as_i64().expect("a time") - week["from"].as_i64().expect("a time"),
            7 * 86_400_000
        );
        let shop = hub.token("viewer", &["shop"]).await;
        let (status, week) = ask(&shop, of_shop).await;
        assert_eq!((status, &week["owner"], &week["nodes"]), (StatusCode::OK, &json!("shop"), &Value::Null));
        assert_eq!(ask(&shop, all).await.0, StatusCode::OK);
        assert_eq!(ask(&shop, "/api/v1/reports/weekly?owner=pay").await.0, StatusCode::FORBIDDEN);
        // Whoever is limited to namespaces sees no images, and an owner in the question does not change that.
        let made = hub
            .post("/api/v1/tokens", json!({"name": "n", "role": "admin", "days": 1, "namespaces": ["web"]}))
            .await;
        let secret =
            made.json::<Value>().await.expect("JSON")["secret"].as_str().expect("a secret").to_owned();
        assert_eq!(ask(&secret, of_shop).await.0, StatusCode::FORBIDDEN);
        assert_eq!(ask(&secret, all).await.0, StatusCode::OK);
        let (status, problem) = ask(&hub.token, "/api/v1/reports/weekly?format=pdf").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(problem["error"].as_str().is_some_and(|why| why.contains("json and html")), "{problem}");
    });
}

#[test]
fn a_report_is_a_page_that_can_do_nothing() {
    with(async |hub| {
        let path = "/api/v1/reports/weekly?format=html&owner=%3Cscript%3E";
        let response = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let policies: Vec<_> = response.headers().get_all(header::CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies.len(), 1);
        let policy = policies[0].to_str().expect("text");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("self"),
            "{policy}"
        );
        let page = response.text().await.expect("text");
        assert!(page.contains("Weekly report: &lt;script&gt;") && !page.contains("<script"), "{page}");
        assert!(page.contains("nothing runs here"), "{page}");
    });
}
