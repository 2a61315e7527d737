//! Log-in by a provider, the whole way over HTTP: oidc-provider from npm, a browser with cookies, a hub.

mod provider;

use crate::hub::{Hub, with, with_present};
use provider::{Browser, Provider, SECRET};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;

/// A hub whose clock is that of the provider, and a provider; the test is not run where there is none.
fn with_provider(test: impl AsyncFnOnce(&Hub, &Provider)) {
    with_present(async |hub| {
        let Some(provider) = Provider::start(hub).await else { return };
        test(hub, &provider).await;
    });
}

fn groups() -> Value {
    json!([
        {"group": "security", "role": "admin"},
        {"group": "shop", "role": "triager", "owners": ["shop"]},
    ])
}

async fn set(hub: &Hub, settings: Value) -> Value {
    let response = hub.post("/api/v1/sign-in", settings).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.expect("JSON")
}

/// Each attempt counts for its address, for a minute; the test makes more than a person.
fn later(hub: &Hub) {
    hub.pass(MINUTE);
}

#[test]
fn groups_say_at_each_log_in_what_somebody_may() {
    with_provider(async |hub, provider| {
        let told = set(hub, provider.settings(&groups())).await;
        assert_eq!(told["redirect"], format!("{}/api/v1/session/oidc/callback", hub.url()));
        provider.knows(json!({"u1": {"preferred_username": "ann", "groups": ["security", "shop"]}})).await;
        let mut browser = Browser::new();
        let landed = browser.log_in(hub, "u1", "/findings%3Fseverity=critical").await;
        assert_eq!(landed.response.status(), StatusCode::OK);
        assert_eq!(landed.url.as_str(), format!("{}/findings?severity=critical", hub.url()));
        assert_eq!(browser.cookies(hub), ["gabion_session"]);
        let me = browser.who(hub).await.expect("is in");
        assert_eq!(
            (&me["name"], &me["role"], &me["owners"]),
            (&json!("oidc:ann"), &json!("admin"), &json!([]))
        );
        // She is no longer in that group: less, from the next log-in on.
        provider.knows(json!({"u1": {"preferred_username": "ann.new", "groups": ["shop"]}})).await;
        browser.log_in(hub, "u1", "/").await;
        let me = browser.who(hub).await.expect("is in");
        assert_eq!(
            (&me["name"], &me["role"], &me["owners"]),
            (&json!("oidc:ann"), &json!("triager"), &json!(["shop"]))
        );
        // In none: out, but the session of before lasts as long as it lasts.
        provider.knows(json!({"u1": {"preferred_username": "ann", "groups": ["else"]}})).await;
        let landed = Browser::new().log_in(hub, "u1", "/").await;
        assert_eq!((landed.url.path(), landed.url.query()), ("/login", Some("problem=group")));
        assert!(hub.notes().contains("\"oidc:ann\" is in no group that may come in\n"), "{}", hub.notes());
        // A provider that says nothing of groups lets nobody in either, and the log says that it was silent.
        provider.knows(json!({"u1": {"preferred_username": "ann"}})).await;
        let landed = Browser::new().log_in(hub, "u1", "/").await;
        assert_eq!(landed.url.query(), Some("problem=group"));
        assert!(hub.notes().contains("does not tell the claim of groups at all"), "{}", hub.notes());
        let users = hub.get("/api/v1/users").await;
        assert_eq!(users["items"][0]["issuer"], json!(provider.issuer));
        let audit = hub.get("/api/v1/audit?limit=50").await.to_string();
        for action in ["sign-in.set", "user.create", "user.change", "session.begin", "session.denied"] {
            assert!(audit.contains(action), "{action} is not in {audit}");
        }
        assert!(audit.contains("from admin to triager, owners shop"), "{audit}");
        assert!(!audit.contains(SECRET));
    });
}

#[test]
fn a_name_is_nobody_elses_and_an_account_can_be_shut_out() {
    with_provider(async |hub, provider| {
        set(hub, provider.settings(&groups())).await;
        let password = "correct horse battery";
        let made =
            hub.post("/api/v1/users", json!({"name": "ann", "password": password, "role": "viewer"})).await;
        assert_eq!(made.status(), StatusCode::OK);
        let taken = hub
            .post("/api/v1/users", json!({"name": "oidc:ann", "password": password, "role": "viewer"}))
            .await;
        assert_eq!(taken.status(), StatusCode::BAD_REQUEST);
        let person = json!({"preferred_username": "ann", "groups": ["shop"]});
        provider.knows(json!({"u1": person, "u2": person})).await;
        let mut first = Browser::new();
        first.log_in(hub, "u1", "/").await;
        assert_eq!(first.who(hub).await.expect("is in")["name"], "oidc:ann");
        // The same name, somebody else: names are given again.
        let mut second = Browser::new();
        let landed = second.log_in(hub, "u2", "/").await;
        assert_eq!(landed.url.query(), Some("problem=taken"));
        assert_eq!(second.who(hub).await, None);
        // No password lets them in, and none can be given them; nor more than the groups give.
        for name in ["oidc:ann", "ann"] {
            let tried = hub.bare(Method::POST, "/api/v1/session").json(&json!({"name": name, "secret": ""}));
            assert_eq!(tried.send().await.expect("answers").status(), StatusCode::UNAUTHORIZED);
        }
        let change = async |change: Value| {
            let request = hub.by(&hub.token, Method::PATCH, "/api/v1/users/oidc:ann").json(&change);
            request.send().await.expect("answers").status()
        };
        assert_eq!(change(json!({"password": password})).await, StatusCode::BAD_REQUEST);
        assert_eq!(change(json!({"role": "admin"})).await, StatusCode::BAD_REQUEST);
        assert_eq!(change(json!({"disabled": true})).await, StatusCode::NO_CONTENT);
        assert_eq!(first.who(hub).await, None, "out at once");
        assert_eq!(first.log_in(hub, "u1", "/").await.url.query(), Some("problem=disabled"));
        assert_eq!(change(json!({"disabled": false})).await, StatusCode::NO_CONTENT);
        first.log_in(hub, "u1", "/").await;
        assert!(first.who(hub).await.is_some());
        // Whoever came in by a provider that is no more is out.
        set(
            hub,
            json!({"issuer": provider.issuer, "client_id": "gabion", "label": "Only another label",
            "scopes": ["openid", "profile", "groups"], "groups": groups()}),
        )
        .await;
        assert!(first.who(hub).await.is_some());
        let gone = hub.by(&hub.token, Method::DELETE, "/api/v1/sign-in").send().await.expect("answers");
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        assert_eq!(first.who(hub).await, None);
        later(hub);
        let landed = Browser::new().go(&format!("{}/api/v1/session/oidc", hub.url())).await;
        assert_eq!(landed.url.query(), Some("problem=off"));
    });
}

#[test]
fn an_attempt_is_good_once_in_its_browser_and_for_its_time() {
    with_provider(async |hub, provider| {
        set(hub, provider.settings(&groups())).await;
        provider.knows(json!({"u1": {"preferred_username": "ann", "groups": ["shop"]}})).await;
        let refused = Some("problem=stale");
        // Used twice.
        let mut browser = Browser::new();
        let back = browser.until_back(hub, "u1", "/").await;
        browser.go(back.as_str()).await;
        assert!(browser.who(hub).await.is_some());
        assert_eq!(browser.go(back.as_str()).await.url.query(), refused);
        // In another browser, which has an attempt of its own: somebody is led to log in as somebody else.
        let (mut thief, mut victim) = (Browser::new(), Browser::new());
        let back = thief.until_back(hub, "u1", "/").await;
        victim.go(&format!("{}/api/v1/session/oidc", hub.url())).await;
        assert_eq!(victim.go(back.as_str()).await.url.query(), refused);
        assert_eq!(victim.who(hub).await, None);
        assert_eq!(thief.go(back.as_str()).await.url.query(), refused, "and it is used up");
        // Too late.
        let mut slow = Browser::new();
        let back = slow.until_back(hub, "u1", "/").await;
        hub.pass(10 * MINUTE);
        assert_eq!(slow.go(back.as_str()).await.url.query(), refused);
        hub.at_present();
        later(hub);
        // Made up, or changed.
        let mut browser = Browser::new();
        for query in
            ["", "code=x&state=y", "state=a&state=b", "code=x", "error=access_denied", "code=%00&state=%FF"]
        {
            let url = format!("{}/api/v1/session/oidc/callback?{query}", hub.url());
            assert_eq!(browser.go(&url).await.url.query(), refused, "{query}");
        }
        later(hub);
        let back = browser.until_back(hub, "u1", "/").await;
        let other = back.as_str().replace("iss=http%3A%2F%2F127.0.0.1", "iss=http%3A%2F%2F127.0.0.2");
        assert_ne!(other, back.as_str());
        assert_eq!(
            browser.go(&other).await.url.query(),
            Some("problem=provider"),
            "an answer of another provider"
        );
        // Somebody changes their mind.
        let mut browser = Browser::new();
        let at = browser.go(&format!("{}/api/v1/session/oidc", hub.url())).await;
        let landed = browser.go(&format!("{}/abort", at.url)).await;
        assert_eq!((landed.url.path(), landed.url.query()), ("/login", Some("problem=denied")));
        assert_eq!(browser.cookies(hub), [] as [&str; 0]);
    });
}

#[test]
fn no_lie_of_a_provider_lets_anybody_in() {
    with_provider(async |hub, provider| {
        set(hub, provider.settings(&groups())).await;
        provider.knows(json!({"u1": {"preferred_username": "ann", "groups": ["security"]}})).await;
        let lies = [
            "none",
            "hs256",
            "payload",
            "key",
            "audience",
            "party",
            "issuer_of_token",
            "nonce",
            "over",
            "old",
            "missing",
            "long",
            "elsewhere",
        ];
        for lie in lies {
            provider.control(json!({"lie": lie})).await;
            let mut browser = Browser::new();
            let landed = browser.log_in(hub, "u1", "/").await;
            assert_eq!(landed.url.query(), Some("problem=provider"), "{lie}");
            assert_eq!(browser.who(hub).await, None, "{lie}");
            later(hub);
        }
        provider.control(json!({"lie": "userinfo"})).await;
        let landed = Browser::new().log_in(hub, "u1", "/").await;
        assert_eq!(landed.url.query(), Some("problem=unsaid"));
        assert_eq!(hub.get("/api/v1/users").await["total"], 0);
        // Without a lie it is let in: what was refused was the lie.
        provider.control(json!({"lie": null})).await;
        let mut browser = Browser::new();
        browser.log_in(hub, "u1", "/").await;
        assert!(browser.who(hub).await.is_some());
        let notes = hub.notes();
        for why in [
            "signed by \"none\"",
            "signed by \"HS256\"",
            "`aud` is another client",
            "`nonce` is that of another log-in",
        ] {
            assert!(notes.contains(why), "{why} is not in {notes}");
        }
        assert!(!notes.contains(SECRET));
    });
}

#[test]
fn keys_algorithms_and_methods_may_change() {
    with_provider(async |hub, provider| {
        set(hub, provider.settings(&groups())).await;
        provider.knows(json!({"u1": {"preferred_username": "ann", "groups": ["shop"]}})).await;
        for change in [
            json!({"keys": "RS256"}),
            json!({"keys": "RS256"}),
            json!({"keys": "ES256"}),
            json!({"keys": "PS512"}),
            json!({"keys": "EdDSA"}),
            json!({"keys": "ES384", "inToken": true}),
            json!({"method": "client_secret_post"}),
        ] {
            provider.control(change.clone()).await;
            if change["method"].is_string() {
                // What a provider says of itself is believed for an hour.
                set(hub, provider.settings(&groups())).await;
            }
            let mut browser = Browser::new();
            browser.log_in(hub, "u1", "/").await;
            assert_eq!(browser.who(hub).await.expect("is in")["role"], "triager", "{change}");
            later(hub);
        }
        // A client without a secret: PKCE alone.
        provider.control(json!({"method": "none"})).await;
        let mut settings = provider.settings(&groups());
        settings["secret"] = json!("");
        set(hub, settings).await;
        let mut browser = Browser::new();
        browser.log_in(hub, "u1", "/").await;
        assert!(browser.who(hub).await.is_some());
    });
}

#[test]
fn what_is_wrong_with_a_provider_is_told_before_anybody_needs_it() {
    with_provider(async |hub, provider| {
        let tried = async |settings: &Value| -> Value {
            hub.post("/api/v1/sign-in/test", settings.clone()).await.json().await.expect("JSON")
        };
        let failed = |told: &Value| -> Vec<String> {
            let steps = told["steps"].as_array().expect("steps").iter();
            let steps = steps.filter(|step| step["outcome"] == "failed");
            steps.map(|step| format!("{} {}", step["what"], step["detail"])).collect()
        };
        let good = provider.settings(&groups());
        let told = tried(&good).await;
        assert_eq!(told["works"], true, "{told}");
        assert_eq!(told["steps"].as_array().map(Vec::len), Some(7));
        let changed = |name: &str, value: &str| {
            let mut settings = good.clone();
            settings[name] = json!(value);
            settings
        };
        for (settings, why) in [
            (changed("secret", "wrong"), "invalid_client"),
            (changed("client_id", "another"), "invalid_client"),
            (changed("issuer", &format!("{}/", provider.issuer)), "it calls itself"),
            (changed("issuer", &format!("{}/realms/x", provider.issuer)), "answers 404"),
            (changed("issuer", "http://127.0.0.1:1"), "cannot be read"),
        ] {
            let told = tried(&settings).await;
            let failed = failed(&told);
            assert!(told["works"] == false && failed.len() == 1 && failed[0].contains(why), "{why}: {told}");
        }
        let told = tried(&changed("group_claim", "teams")).await;
        let doubtful =
            told["steps"].as_array().expect("steps").iter().any(|step| step["outcome"] == "doubtful");
        assert!(told["works"] == true && doubtful, "{told}");
        provider.control(json!({"lie": "away"})).await;
        assert_eq!(tried(&good).await["works"], false);
        // Nothing of that was set up.
        assert_eq!(hub.get("/api/v1/sign-in").await["provider"], Value::Null);
    });
}

#[test]
fn a_secret_is_never_told_nor_sent_elsewhere() {
    with(async |hub| {
        let settings = |issuer: &str| json!({"issuer": issuer, "client_id": "gabion", "label": "Example", "public_url": "https://gabion.example"});
        let mut first = settings("https://id.example");
        first["secret"] = json!(SECRET);
        let told = set(hub, first).await;
        assert_eq!(told["redirect"], "https://gabion.example/api/v1/session/oidc/callback");
        let told = hub.get("/api/v1/sign-in").await;
        assert_eq!(told["provider"]["has_secret"], true);
        assert!(!told.to_string().contains(SECRET));
        assert!(!hub.holds(SECRET) && hub.holds("https://id.example"));
        // Without one it stays; for another issuer, or to be tried there, it has to be said again.
        assert_eq!(set(hub, settings("https://id.example")).await["provider"]["has_secret"], true);
        for path in ["/api/v1/sign-in", "/api/v1/sign-in/test"] {
            let response = hub.post(path, settings("https://evil.example")).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        }
        for role in ["viewer", "triager", "operator"] {
            let token = hub.token(role, &[]).await;
            let response = hub.by(&token, Method::GET, "/api/v1/sign-in").send().await.expect("answers");
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
        }
        let scoped = hub.token("admin", &["shop"]).await;
        let response = hub.by(&scoped, Method::POST, "/api/v1/sign-in").json(&settings("https://id.example"));
        assert_eq!(response.send().await.expect("answers").status(), StatusCode::FORBIDDEN);
        let ways = hub.bare(Method::GET, "/api/v1/session/ways").send().await.expect("answers");
        assert_eq!(ways.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(ways.json::<Value>().await.expect("JSON"), json!({"provider": "Example"}));
    });
}
