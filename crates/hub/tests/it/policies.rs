//! Policies of images: kept in versions, tried on what is there, and held against scans that CI sends.

use crate::{
    database::{advisory, found, image, publish},
    hub::{Hub, with},
};
use gabion_model::{Aspect, Reason, ScanReport, Target};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const POLICY: &str = "version: 1\nname: shop\nrules:\n  - id: no-high\n    action: fail\n    finding: {severity: low}\n    allow_incomplete: true\n";

async fn said(hub: &Hub, token: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let answer = hub.by(token, method, path).json(&body).send().await.expect("answers");
    (answer.status(), answer.json().await.unwrap_or(Value::Null))
}

#[test]
fn versions_are_kept_and_nobody_undoes_another_s_change() {
    with(async |hub| {
        let keep = async |body: Value| said(hub, &hub.token, Method::POST, "/api/v1/policies", body).await;
        for (text, why) in [
            ("rules: [", "policy:1"),
            ("version: 1\nname: shop\nrules: []\n", "between 1 and"),
            (
                "version: 1\nname: shop\nrules:\n  - id: a\n    action: fail\n    finding: {sevrity: low}\n",
                "policy:6:15",
            ),
            (&POLICY.replace("shop", "Shop One"), "name:"),
            (&POLICY.replace("shop", "try"), "name:"),
            (&POLICY.replace("name: shop\n", ""), "name:"),
            (&format!("{POLICY}#{}", "x".repeat(300_000)), "longer than"),
        ] {
            let (status, problem) = keep(json!({"text": text})).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
            assert!(problem["error"].as_str().is_some_and(|error| error.contains(why)), "{why}: {problem}");
        }
        let (status, first) = keep(json!({"text": POLICY, "reason": "the first"})).await;
        assert_eq!(
            (status, &first["name"], &first["version"], &first["rules"]),
            (StatusCode::OK, &json!("shop"), &json!(1), &json!(1))
        );
        // Without saying which version it was made from, it is no change.
        assert_eq!(keep(json!({"text": POLICY})).await.0, StatusCode::BAD_REQUEST);
        let changed = POLICY.replace("severity: low", "severity: high");
        assert_eq!(keep(json!({"text": changed, "after": 1})).await.1["version"], 2);
        let (status, problem) = keep(json!({"text": POLICY, "after": 1})).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(problem["error"].as_str().is_some_and(|error| error.contains("at version 2")), "{problem}");
        let detail = hub.get("/api/v1/policies/shop").await;
        assert_eq!(
            (&detail["text"], detail["versions"].as_array().map(Vec::len)),
            (&json!(changed), Some(2))
        );

        assert_eq!(said(hub, &hub.token, Method::DELETE, "/api/v1/policies/shop", json!({})).await.0, 204);
        assert_eq!(said(hub, &hub.token, Method::DELETE, "/api/v1/policies/shop", json!({})).await.0, 404);
        assert_eq!(hub.get("/api/v1/policies").await["total"], 0);
        // It can be made again, and has its past.
        assert_eq!(keep(json!({"text": POLICY})).await.1["version"], 4);
        assert_eq!(hub.get("/api/v1/policies/shop").await["versions"][1]["text"], "");
        let audit = hub.get("/api/v1/audit?q=policy").await;
        assert_eq!(audit["total"], 4, "{audit}");
    });
}

#[test]
fn a_scan_that_is_sent_is_held_against_all_of_them() {
    with(async |hub| {
        publish(&hub.directory().join("db"), &[advisory(1, "openssl")]);
        image(hub, "shop/web:1", &["openssl"]).await;
        found(hub, "CVE-2026-0001", 1).await;
        let mut target =
            Target { source: "archive".to_owned(), reference: "shop/log:1".to_owned(), image: None };
        let mut report = ScanReport::new(target.clone(), Timestamp::UNIX_EPOCH);
        let answer: Value =
            hub.post("/api/v1/scans", json!({"report": report})).await.json().await.expect("JSON");
        assert_eq!(answer["gates"], json!([]), "there is no policy");

        let policy = POLICY.to_owned()
            + "  - id: looked-at\n    action: fail\n    coverage: [secrets]\n  - id: at-start\n    stage: deploy\n    action: fail\n    image: {}\n";
        let kept = hub.post("/api/v1/policies", json!({"text": policy})).await;
        assert_eq!(kept.status(), 200);
        report
            .coverage
            .gap(Aspect::SECRETS, Reason { text: "a file was too large".to_owned(), path: None, count: 1 });
        let answer: Value =
            hub.post("/api/v1/scans", json!({"report": report})).await.json().await.expect("JSON");
        let gates: Vec<(&str, bool)> = answer["gates"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|gate| (gate["gate"].as_str().expect("text"), gate["passed"].as_bool().expect("a truth")))
            .collect();
        assert_eq!(gates, [("policy shop rule no-high", true), ("policy shop rule looked-at", false)]);

        // One with the vulnerability is stopped, and says why; an exception lets it pass.
        "shop/pay:1".clone_into(&mut target.reference);
        let bad = hub.get("/api/v1/findings?rule=CVE-2026-0001").await;
        let stored = bad["items"][0]["image"].as_str().expect("an id").to_owned();
        let sent: Value = hub.get(&format!("/api/v1/images/{}/report", stored.replace(':', "%3A"))).await;
        let answer: Value =
            hub.post("/api/v1/scans", json!({"report": sent})).await.json().await.expect("JSON");
        assert_eq!(answer["gates"][0]["passed"], false, "{}", answer["gates"]);
        let exception = json!({"kind": "risk-acceptance", "rule": "CVE-2026-0001", "owner": "ann", "reason": "known", "expires": 1_764_000_000_000_i64 + 5 * 24 * 3_600_000});
        assert_eq!(hub.post("/api/v1/exceptions", exception).await.status(), 200);
        let answer: Value =
            hub.post("/api/v1/scans", json!({"report": sent})).await.json().await.expect("JSON");
        assert_eq!(answer["gates"][0]["passed"], true, "{}", answer["gates"]);
    });
}

#[test]
fn a_trial_tells_whom_it_would_stop_within_what_the_asker_may_see() {
    with(async |hub| {
        publish(&hub.directory().join("db"), &[advisory(1, "openssl")]);
        image(hub, "shop/web:1", &["openssl"]).await;
        image(hub, "shop/log:1", &["zlib"]).await;
        found(hub, "CVE-2026-0001", 1).await;
        let wish = json!({"text": POLICY, "all": true});
        let triager = hub.token("triager", &[]).await;
        let (status, trial) = said(hub, &triager, Method::POST, "/api/v1/policies/try", wish.clone()).await;
        assert_eq!(status, StatusCode::OK, "{trial}");
        assert_eq!(
            (&trial["images"], &trial["stopped"], &trial["left"]),
            (&json!(2), &json!(1), &json!(0)),
            "{trial}"
        );
        let rule = &trial["rules"][0];
        assert_eq!(
            (&rule["rule"], &rule["broken"], &rule["passed"]),
            (&json!("no-high"), &json!(1), &json!(1))
        );
        assert_eq!(
            (&trial["broken"][0]["name"], &trial["broken"][0]["stopped"]),
            (&json!("shop/web:1"), &json!(true))
        );
        // Nothing runs: nothing is claimed.
        let running =
            said(hub, &triager, Method::POST, "/api/v1/policies/try", json!({"text": POLICY})).await.1;
        assert_eq!(running["images"], 0);
        let wrong = said(hub, &triager, Method::POST, "/api/v1/policies/try", json!({"text": "x"})).await.1;
        assert!(wrong["problem"].is_string(), "{wrong}");

        let theirs = hub.token("triager", &["payments"]).await;
        let (_, trial) = said(hub, &theirs, Method::POST, "/api/v1/policies/try", wish.clone()).await;
        assert_eq!((&trial["images"], &trial["broken"]), (&json!(0), &json!([])));
        let viewer = hub.token("viewer", &[]).await;
        assert_eq!(
            said(hub, &viewer, Method::POST, "/api/v1/policies/try", wish).await.0,
            StatusCode::FORBIDDEN
        );
        for token in [&viewer, &triager, &theirs] {
            let kept = said(hub, token, Method::POST, "/api/v1/policies", json!({"text": POLICY})).await;
            assert_eq!(kept.0, StatusCode::FORBIDDEN);
        }
        assert_eq!(hub.get("/api/v1/policies").await["total"], 0);
    });
}
