//! A real provider of identities beside the test (oidc-provider from npm), and a browser that goes to and fro.

use crate::hub::{ALONE, Hub};
use reqwest::{Client, Method, Response, StatusCode, Url, header};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// The secret of the hub at the provider: with all that a form and a header would mistake.
pub(super) const SECRET: &str = "a secret with : & % in it";

/// A provider that runs as long as the test does.
pub(super) struct Provider {
    child: Child,
    pub(super) issuer: String,
    client: Client,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where `scripts/fetch-oidc.sh` has put it; none if it was not run.
fn fetched() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let cache = cache.map(|cache| cache.join("gabion"));
    let there = cache.filter(|cache| cache.join("oidc/done").is_file());
    if there.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "oidc-provider is missing: run scripts/fetch-oidc.sh"
        );
        let _ = std::io::stderr().write_all(b"not run: scripts/fetch-oidc.sh was not run\n");
    }
    there
}

impl Provider {
    /// Starts one that sends browsers back to this hub; none where it was not fetched, which is told.
    pub(super) async fn start(hub: &Hub) -> Option<Self> {
        let cache = fetched()?;
        let newer = cache.join("node/node_modules/node/bin/node");
        let node = if newer.is_file() { newer } else { PathBuf::from("node") };
        let alone = ALONE.lock().await;
        let mut child = Command::new(node)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc/provider.mjs"))
            .arg(cache.join("oidc/node_modules"))
            .arg(format!("{}/api/v1/session/oidc/callback", hub.url()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node");
        drop(alone);
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("it tells where it is");
        let issuer = told["issuer"].as_str().expect("an issuer").to_owned();
        let client = Client::builder().no_proxy().build().expect("a client");
        Some(Self { child, issuer, client })
    }

    /// Tells it whom it knows, or how to lie.
    pub(super) async fn control(&self, wish: Value) {
        let sent = self.client.post(format!("{}/control", self.issuer)).json(&wish).send().await;
        assert_eq!(sent.expect("answers").status(), StatusCode::OK);
    }

    /// Somebody whom it knows.
    pub(super) async fn knows(&self, people: Value) {
        self.control(json!({"people": people})).await;
    }

    /// How the hub is set up for it.
    pub(super) fn settings(&self, groups: &Value) -> Value {
        json!({
            "issuer": self.issuer, "client_id": "gabion", "secret": SECRET, "label": "Example",
            "scopes": ["openid", "profile", "groups"], "groups": groups,
        })
    }
}

/// A browser: it has cookies, and follows redirects as far as it is told.
pub(super) struct Browser {
    client: Client,
    jar: BTreeMap<String, BTreeMap<String, String>>,
}

/// Where a browser is, and what it was answered.
pub(super) struct Landed {
    pub(super) url: Url,
    pub(super) response: Response,
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

impl Browser {
    pub(super) fn new() -> Self {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { client, jar: BTreeMap::new() }
    }

    /// One request, and its answer.
    pub(super) async fn ask(&mut self, method: Method, url: &Url, form: Option<&str>) -> Response {
        let mut request = self.client.request(method, url.clone());
        if let Some(cookies) = self.jar.get(&origin(url)) {
            let text: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, text.join("; "));
        }
        if let Some(form) = form {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.to_owned());
        }
        let response = request.send().await.expect("answers");
        let jar = self.jar.entry(origin(url)).or_default();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().expect("text");
            let (name, value) =
                cookie.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            if value.is_empty() || cookie.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        response
    }

    /// Goes on until there is no redirect, or the next page is one of these.
    async fn follow(&mut self, mut url: Url, mut response: Response, stop: &str) -> Landed {
        let mut hops = 0;
        while let Some(to) = response.headers().get(header::LOCATION) {
            hops += 1;
            assert!(hops < 20, "it goes in circles at {url}");
            url = url.join(to.to_str().expect("text")).expect("an address");
            if !stop.is_empty() && url.path() == stop {
                break;
            }
            response = self.ask(Method::GET, &url, None).await;
        }
        Landed { url, response }
    }

    /// Goes somewhere.
    pub(super) async fn go(&mut self, url: &str) -> Landed {
        let url: Url = url.parse().expect("an address");
        let response = self.ask(Method::GET, &url, None).await;
        self.follow(url, response, "").await
    }

    /// From the button of the log-in, as somebody, to the address that the provider sends back to; that one is not visited.
    pub(super) async fn until_back(&mut self, hub: &Hub, who: &str, to: &str) -> Url {
        let at = self.go(&format!("{}/api/v1/session/oidc?to={to}", hub.url())).await;
        assert!(at.url.path().starts_with("/interaction/"), "{}", at.url);
        let form = format!("prompt=login&login={who}&password=any");
        let response = self.ask(Method::POST, &at.url, Some(&form)).await;
        self.follow(at.url, response, "/api/v1/session/oidc/callback").await.url
    }

    /// The whole way. Where it ends.
    pub(super) async fn log_in(&mut self, hub: &Hub, who: &str, to: &str) -> Landed {
        // Whom the provider knows already it does not ask again.
        self.jar.retain(|origin, _| *origin == hub.url());
        let back = self.until_back(hub, who, to).await;
        self.go(back.as_str()).await
    }

    /// Who the hub takes it for.
    pub(super) async fn who(&mut self, hub: &Hub) -> Option<Value> {
        let url = format!("{}/api/v1/session", hub.url()).parse().expect("an address");
        let response = self.ask(Method::GET, &url, None).await;
        if response.status() == StatusCode::UNAUTHORIZED {
            return None;
        }
        Some(response.json().await.expect("JSON"))
    }

    /// The cookies that it has of the hub.
    pub(super) fn cookies(&self, hub: &Hub) -> Vec<&str> {
        let of_hub = self.jar.get(&hub.url());
        of_hub.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }
}
