//! All that can be changed by the API, each once and for real: what is changed stands in the audit log, and a route that is new has to be here.
//!
//! ```text
//!   changes(): method, path, body, who may, what the audit log says      = all of the document that are no GET
//!      │ in this order, so that each has something to change
//!      ├── done by whoever may            ──► a new entry of the audit log, or none where nothing is changed
//!      └── tried by all others (roles.rs) ──► refused, and the database is as it was
//! ```

use crate::{
    agent::{Node, alert},
    agents::Agent,
    hub::{Hub, present, until, with_present},
    incidents::{NOW, SECOND, connection, story},
    recorded,
    scopes::{T0, estate},
    server::{Answer, Server},
};
use gabion_api::{
    agent::{Container, Inventory, from_agent::Message},
    rest::Role,
};
use gabion_model::{Evidence, Finding, FindingKind, ScanReport, Severity, Target};
use gabion_store::state::{NewHub, State};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

const PASSWORD: &str = "correct horse battery";
const NEW_PASSWORD: &str = "staple battery horse";
/// The owner of all that is there.
const OWNER: &str = "pay";

/// Who may change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    /// Without being known: by a password, by a secret.
    Anybody,
    /// Whoever it is about.
    Themselves,
    /// Who may send scans.
    Sender,
    /// Who may at least this, and sees what it is about: something of one owner, or of nobody.
    All(Role),
    /// Also who sees nothing of it, as they get nothing of it.
    Part(Role),
}

/// Something that can be changed.
pub(crate) struct Change {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// Stands in what is changed, where the path tells of it.
    of: String,
    pub(crate) body: Value,
    pub(crate) may: May,
    /// What the audit log calls it; empty if nothing is kept, as nothing is changed.
    kept: &'static str,
}

fn change(method: Method, path: &'static str, body: Value, may: May, kept: &'static str) -> Change {
    Change { method, path, of: String::new(), body, may, kept }
}

impl Change {
    fn of(self, of: &str) -> Self {
        Self { of: of.to_owned(), ..self }
    }
}

/// A hub that has something of everything.
pub(crate) struct Estate<'a> {
    pub(crate) hub: &'a Hub,
    state: State,
    /// A node that is connected, and answers.
    worker: String,
    /// Two nodes over which an incident went.
    parts: [String; 2],
    _telling: [Agent; 2],
    finding: String,
    alert: String,
    /// Refuses what sinks send, and holds nothing.
    server: Server,
    /// Of the registry.
    hook: std::sync::Mutex<String>,
}

impl<'a> Estate<'a> {
    pub(crate) async fn of(hub: &'a Hub) -> Self {
        let state = State::in_directory(hub.directory()).await.expect("opens");
        estate(&state, OWNER, 1).await;
        // A vulnerability that no database knows does not stay.
        let target = Target { source: "archive".to_owned(), reference: "pay/told:1".to_owned(), image: None };
        let mut report = ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH);
        report.findings = vec![Finding {
            id: "S-1".to_owned(),
            kind: FindingKind::Secret,
            rule: "a-key".to_owned(),
            title: "a key".to_owned(),
            severity: Severity::High,
            evidence: vec![Evidence { place: "srv/key".to_owned(), ..Evidence::default() }],
            fix: "take it away".to_owned(),
            vulnerability: None,
            suppressed: None,
        }];
        let sent = hub.post("/api/v1/scans", json!({"report": report})).await;
        assert_eq!(sent.status(), StatusCode::OK);
        let gone = NewHub { id: "h-gone".to_owned(), ..NewHub::default() };
        state.hub_seen(&gone, T0).await.expect("kept");
        state.hub_ended(&gone.id).await.expect("kept");
        let shown = hub.time.load(Ordering::Relaxed);
        hub.at_present();
        let node = Node::join(hub, "worker").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        hub.time.store(shown, Ordering::Relaxed);
        let container = Container {
            id: "c0ffee".repeat(10),
            name: "web-0".to_owned(),
            workload: format!("{OWNER}/app"),
            runtime: "containerd".to_owned(),
            image_name: format!("{OWNER}/app:1"),
            image_id: format!("sha256:{}", "01".repeat(32)),
            target: "containerd:app".to_owned(),
            ..Container::default()
        };
        assert!(session.say(Message::Inventory(Inventory { time: 1, containers: vec![container] })).await);
        // Of now: the hub may be about to forget what is old by the clock that it has started with.
        assert!(session.say(alert(1, present())).await);
        assert_eq!(session.kept().await.expect("kept").alerts, 1);
        tokio::spawn(session.answer(json!({"done": {"id": 1, "outcome": "done"}})));
        until("the container", async || {
            (hub.get("/api/v1/containers?q=web-0").await["total"] == 1).then_some(())
        })
        .await;
        let mut one = Agent::join(hub, "alpha", NOW).await;
        let mut two = Agent::join(hub, "beta", NOW).await;
        let tells = |way, name| {
            story(&format!("Shell {way}"), name, NOW, Some(connection(way, NOW + SECOND, name, "curl")))
        };
        one.incident(&tells("out", "one"), "").await;
        two.incident(&tells("in", "two"), "").await;
        let id = async |list: &str| {
            hub.get(&format!("/api/v1/{list}")).await["items"][0]["id"].as_str().expect("an id").to_owned()
        };
        Self {
            hub,
            worker: node.id,
            parts: [format!("{}-1", one.id), format!("{}-1", two.id)],
            _telling: [one, two],
            finding: id("findings?kind=secret").await,
            alert: id("alerts?rule=rule%201").await,
            server: Server::tcp(|_| Answer::status(404)),
            state,
            hook: std::sync::Mutex::default(),
        }
    }

    /// What there is to be changed, in an order in which all of it can be.
    pub(crate) fn changes(&self) -> Vec<Change> {
        use May::{All, Anybody, Part, Sender, Themselves};
        use Role::{Admin, Operator, Triager};
        let post = |path, body, may, kept| change(Method::POST, path, body, may, kept);
        let put = |path, body, may, kept| change(Method::PUT, path, body, may, kept);
        let patch = |path, body, may, kept| change(Method::PATCH, path, body, may, kept);
        let delete = |path, may, kept| change(Method::DELETE, path, Value::Null, may, kept);
        let (hour, server) = (3_600_000, format!("http://{}", self.server.host));
        let policy =
            "version: 1\nname: fleet\nrules:\n  - id: a\n    action: fail\n    finding: {severity: low}\n";
        let sink = json!({"name": "chat", "target": {"kind": "webhook", "url": server}, "records": [], "least": "unknown"});
        let rule = json!({"name": "told", "sink": "chat", "kinds": ["incident"], "least": "low", "wait": 0});
        let registry = json!({"name": "main", "url": server, "repositories": ["team/app"], "user": "ann", "secret": PASSWORD});
        let provider = json!({"issuer": "https://127.0.0.1:9", "client_id": "gabion", "label": "Work", "secret": PASSWORD});
        let exception = json!({"kind": "deferral", "rule": "CVE-none", "repository": "pay/app", "owner": OWNER, "reason": "later", "expires": T0 + 100 * 24 * hour});
        let configuration = json!({"reason": "a drill", "nodes": ["nobody-*"]});
        let target = Target { source: "archive".to_owned(), reference: "pay/sent:1".to_owned(), image: None };
        let scan = json!({"report": ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH)});
        let respond = json!({"action": "freeze", "target": {"node": self.worker, "container": "web-0"}, "reason": "a drill"});
        let retention = json!({"event_days": 7, "event_bytes": 2_u64 << 30, "alert_days": 30, "container_days": 30, "flow_days": 30});
        let [cause, effect] = &self.parts;
        vec![
            post(
                "/api/v1/users",
                json!({"name": "ann", "password": PASSWORD, "role": "triager"}),
                All(Admin),
                "user.create",
            ),
            patch("/api/v1/users/{name}", json!({"role": "viewer"}), All(Admin), "user.change").of("ann"),
            post("/api/v1/session", json!({"name": "ann", "secret": PASSWORD}), Anybody, "session.begin"),
            // A session that ends, ends; nothing else is another then.
            delete("/api/v1/session", Themselves, ""),
            post(
                "/api/v1/session/password",
                json!({"old": PASSWORD, "new": NEW_PASSWORD}),
                Themselves,
                "user.password",
            ),
            delete("/api/v1/users/{name}", All(Admin), "user.remove").of("ann"),
            post(
                "/api/v1/tokens",
                json!({"name": "bot", "role": "viewer", "days": 1}),
                All(Admin),
                "token.create",
            ),
            delete("/api/v1/tokens/{id}", All(Admin), "token.remove").of("bot"),
            post("/api/v1/join-tokens", json!({"minutes": 5, "uses": 1}), All(Admin), "node.token"),
            post(
                "/api/v1/findings/plan",
                json!({"findings": [self.finding], "note": "soon"}),
                All(Triager),
                "finding.plan",
            ),
            delete("/api/v1/findings/{id}/plan", All(Triager), "finding.unplan").of(&self.finding),
            post("/api/v1/exceptions", exception, All(Triager), "exception.create"),
            delete("/api/v1/exceptions/{id}", All(Triager), "exception.end").of("CVE-none"),
            patch(
                "/api/v1/alerts",
                json!({"ids": [self.alert], "state": "seen"}),
                All(Triager),
                "alert.change",
            ),
            patch("/api/v1/incidents/{id}", json!({"state": "closed"}), All(Triager), "incident.change")
                .of("Shell in pay"),
            post(
                "/api/v1/incidents/apart",
                json!({"cause": cause, "effect": effect, "apart": true, "reason": "a drill"}),
                All(Triager),
                "incident.part",
            ),
            post("/api/v1/images/{id}/scan", Value::Null, All(Operator), "image.scan").of("pay/app"),
            post("/api/v1/baselines/{id}/approve", json!({}), All(Operator), "baseline.approve")
                .of(&format!("{}|pay/app pay/app:1", self.worker)),
            post("/api/v1/responses", respond, All(Operator), "response.ask"),
            delete("/api/v1/responses/{id}", All(Operator), "response.undo").of("freeze"),
            // It is read, by the hub and by nodes, and kept nowhere.
            post("/api/v1/configurations/check", configuration.clone(), All(Operator), ""),
            post("/api/v1/configurations", configuration, All(Operator), "configuration.create"),
            patch(
                "/api/v1/configurations/{version}",
                json!({"nodes": ["none-*"]}),
                All(Operator),
                "configuration.change",
            )
            .of("a drill"),
            delete("/api/v1/configurations/{version}", All(Operator), "configuration.withdraw").of("a drill"),
            // What was recorded is judged, and kept nowhere.
            post(recorded::PATH, Value::Null, All(Operator), ""),
            // It is held against what is there, and kept nowhere.
            post("/api/v1/policies/try", json!({"text": policy, "all": true}), Part(Triager), ""),
            post(
                "/api/v1/policies",
                json!({"text": policy, "reason": "a drill"}),
                All(Operator),
                "policy.create",
            ),
            delete("/api/v1/policies/{name}", All(Operator), "policy.remove").of("fleet"),
            post("/api/v1/sinks", sink.clone(), All(Admin), "sink.create"),
            put("/api/v1/sinks/{name}", sink, All(Admin), "sink.change").of("chat"),
            post("/api/v1/sinks/{name}/test", Value::Null, All(Admin), "sink.test").of("chat"),
            post("/api/v1/notification-rules", rule.clone(), All(Admin), "notification-rule.create"),
            // It is followed through what has happened, and nothing is sent.
            post("/api/v1/notification-rules/preview", json!({"rule": rule, "days": 1}), All(Admin), ""),
            put("/api/v1/notification-rules/{name}", rule, All(Admin), "notification-rule.change").of("told"),
            post("/api/v1/notification-rules/{name}/test", Value::Null, All(Admin), "notification-rule.test")
                .of("told"),
            post("/api/v1/notifications/{id}/retry", Value::Null, All(Admin), "notification.retry")
                .of("told"),
            delete("/api/v1/notification-rules/{name}", All(Admin), "notification-rule.remove").of("told"),
            delete("/api/v1/sinks/{name}", All(Admin), "sink.remove").of("chat"),
            post("/api/v1/registries/check", registry.clone(), All(Admin), "registry.check"),
            post("/api/v1/registries", registry, All(Admin), "registry.create"),
            patch("/api/v1/registries/{name}", json!({"newest": 3}), All(Admin), "registry.change")
                .of("main"),
            post("/api/v1/registries/{name}/poll", Value::Null, All(Operator), "registry.poll").of("main"),
            post("/api/v1/registries/{name}/hook", Value::Null, All(Admin), "registry.hook").of("main"),
            // A registry tells of what was pushed, many times a day, and somebody looks there.
            post("/api/v1/registries/{name}/events", json!({"events": []}), Anybody, "").of("main"),
            delete("/api/v1/registries/{name}/hook", All(Admin), "registry.hook").of("main"),
            delete("/api/v1/registries/{name}", All(Admin), "registry.remove").of("main"),
            post("/api/v1/scans", scan, Sender, "scan.send"),
            post("/api/v1/sign-in/test", provider.clone(), All(Admin), "sign-in.test"),
            post("/api/v1/sign-in", provider, All(Admin), "sign-in.set"),
            delete("/api/v1/sign-in", All(Admin), "sign-in.remove"),
            put("/api/v1/retention", retention, All(Admin), "retention.change"),
            delete("/api/v1/hubs/{id}", All(Admin), "hub.remove").of("h-gone"),
            delete("/api/v1/nodes/{id}", All(Admin), "node.remove").of("worker"),
        ]
    }

    /// Where a change is made. What must be there for it, is.
    pub(crate) async fn place(&self, change: &Change) -> String {
        if change.path.ends_with("/retry") {
            // Something happens now, and the message of it does not arrive.
            estate(&self.state, "late", 3).await;
            until("a message", async || {
                let page = self.hub.get("/api/v1/notifications").await;
                page["items"].as_array()?.iter().find(|one| one["error"].is_string()).map(|_| ())
            })
            .await;
        }
        if change.path.starts_with("/api/v1/registries/{name}") {
            // The hub has looked into it, as it does after each change.
            let now = self.hub.time.load(Ordering::Relaxed);
            until("a look", async || {
                let registry = self.hub.get(&format!("/api/v1/registries/{}", change.of)).await;
                (registry["next"].as_i64()? > now).then_some(())
            })
            .await;
        }
        let Some((list, _)) = change.path.split_once("/{") else { return change.path.to_owned() };
        let part = match list.rsplit('/').next() {
            Some("baselines") => change.of.replace('|', "%7C").replace('/', "%2F").replace(' ', "%20"),
            _ if change.path.contains("{name}") => change.of.clone(),
            _ => {
                let all = self.hub.get(list).await;
                let items = all["items"].as_array().expect("a list");
                let one = items.iter().find(|one| one.to_string().contains(&change.of)).expect(change.path);
                let id = if change.path.contains("{id}") { &one["id"] } else { &one["version"] };
                id.as_str().map_or_else(|| id.to_string(), str::to_owned)
            }
        };
        change.path.replace("{id}", &part).replace("{name}", &part).replace("{version}", &part)
    }

    /// Does it, as somebody who may.
    pub(crate) async fn done(&self, change: &Change, place: &str) {
        let method = change.method.clone();
        let request = match change.may {
            May::Anybody => {
                let hook = self.hook.lock().expect("a lock").clone();
                self.hub.bare(method, place).header(header::AUTHORIZATION, hook)
            }
            May::Themselves => {
                let (cookie, csrf) = self.ann().await;
                self.hub.bare(method, place).header(header::COOKIE, cookie).header("x-csrf-token", csrf)
            }
            May::Sender | May::All(_) | May::Part(_) => self.hub.by(&self.hub.token, method, place),
        };
        let before = self.audited().await;
        let answer = with_body(request, change).send().await.expect("answers");
        let (status, said) = (answer.status(), answer.text().await.expect("text"));
        assert!(status.is_success(), "{} {place}: {status} {said}", change.method);
        let mut after = self.audited().await;
        after.retain(|id, _| !before.contains_key(id));
        let kept: Vec<&str> = after.values().map(String::as_str).collect();
        let wanted: Vec<&str> = Some(change.kept).into_iter().filter(|kept| !kept.is_empty()).collect();
        assert_eq!(kept, wanted, "what {} {} leaves in the audit log", change.method, change.path);
        if change.path.ends_with("/hook") && change.method == Method::POST {
            let made: Value = serde_json::from_str(&said).expect("JSON");
            made["secret"].as_str().expect("a secret").clone_into(&mut self.hook.lock().expect("a lock"));
        }
    }

    /// A session of a user: the cookie, and what must come with changes.
    async fn ann(&self) -> (String, String) {
        logged_in(self.hub, &json!({"name": "ann", "secret": PASSWORD})).await
    }

    /// The entries of the audit log: id and action.
    async fn audited(&self) -> BTreeMap<String, String> {
        let all = self.hub.get("/api/v1/audit?limit=1000").await;
        let text = |entry: &Value, field: &str| entry[field].as_str().expect("text").to_owned();
        let items = all["items"].as_array().expect("a list");
        items.iter().map(|entry| (text(entry, "id"), text(entry, "action"))).collect()
    }
}

/// The cookie of a session, and what must come with changes.
pub(crate) async fn logged_in(hub: &Hub, login: &Value) -> (String, String) {
    let answer: Response =
        hub.bare(Method::POST, "/api/v1/session").json(login).send().await.expect("answers");
    let cookie = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    let me: Value = answer.json().await.expect("JSON");
    (cookie, me["csrf"].as_str().expect("a token").to_owned())
}

/// A request that says what is to be changed.
pub(crate) fn with_body(request: RequestBuilder, change: &Change) -> RequestBuilder {
    match change.path {
        recorded::PATH => recorded::with_form(request, &[("recording", &recorded::own())]),
        _ if change.body.is_null() => request,
        _ => request.json(&change.body),
    }
}

#[test]
fn whatever_is_changed_stands_in_the_audit_log() {
    with_present(async |hub| {
        hub.time.store(T0, Ordering::Relaxed);
        let estate = Estate::of(hub).await;
        let changes = estate.changes();
        let document = hub.document().await;
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let methods = methods.as_object().expect("methods").keys();
            described.extend(methods.filter(|one| *one != "get").map(|one| format!("{one} {path}")));
        }
        let tried: BTreeSet<String> = changes
            .iter()
            .map(|change| format!("{} {}", change.method.as_str().to_lowercase(), change.path))
            .collect();
        assert_eq!(tried, described, "what can be changed has to be in the list of this test");
        for change in &changes {
            let place = estate.place(change).await;
            estate.done(change, &place).await;
        }
        let audit = hub.get("/api/v1/audit?limit=1000").await.to_string();
        assert!(!audit.contains(PASSWORD) && !audit.contains(NEW_PASSWORD), "{audit}");
    });
}
