//! Whoever may not change something does not, whatever they are: too little, of another owner, expired, forged, or a page of somebody else in
//! the browser of an admin. Each change is one that succeeds a moment later.

use crate::{
    changes::{Change, Estate, May, logged_in, with_body},
    hub::{Hub, until, with, with_present},
    scopes::T0,
};
use gabion_api::rest::Role;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::json;
use sqlx::{AssertSqlSafe, SqlitePool, sqlite::SqliteConnectOptions};
use std::{collections::BTreeSet, path::Path, sync::atomic::Ordering};

const ROLES: [Role; 5] = [Role::Scanner, Role::Viewer, Role::Triager, Role::Operator, Role::Admin];

/// Changes by itself: when somebody was last seen, what is counted now and then, how far notification rules have looked, and that a message was
/// tried again.
const BY_ITSELF: [&str; 13] = [
    "account.seen",
    "session.used",
    "token.used",
    "day",
    "notify_mark",
    "notify_rule.engine",
    "notify_rule.gathered",
    "finding.noted",
    "finding.noted_for",
    "node.noted",
    "notification.tries",
    "notification.again",
    "notification.error",
];

/// All that stands in the database of a hub, but what changes by itself.
async fn all_of(pool: &SqlitePool) -> BTreeSet<String> {
    let query = async |sql: String| -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.expect("is read")
    };
    let mut all = BTreeSet::new();
    for table in query("SELECT name FROM sqlite_master WHERE type = 'table'".to_owned()).await {
        if BY_ITSELF.contains(&table.as_str()) {
            continue;
        }
        let columns = query(format!("SELECT name FROM pragma_table_info('{table}')")).await;
        let told = columns.iter().filter(|name| !BY_ITSELF.contains(&format!("{table}.{name}").as_str()));
        let quoted: Vec<String> = told.map(|name| format!("'{name}=' || quote(\"{name}\")")).collect();
        let rows = query(format!("SELECT {} FROM \"{table}\"", quoted.join(" || ' ' || "))).await;
        all.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    all
}

async fn database(directory: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(directory.join("hub.db")).read_only(true);
    SqlitePool::connect_with(options).await.expect("opens")
}

/// Whoever is known to the hub, and may not do all.
struct Known {
    role: Role,
    owner: Option<&'static str>,
    token: String,
}

impl Known {
    fn may(&self, change: &Change) -> bool {
        match change.may {
            // By a password, whoever else they are.
            May::Anybody => change.path.ends_with("/session"),
            May::Themselves => true,
            May::Sender => self.role == Role::Scanner || self.role >= Role::Operator,
            May::All(role) => self.owner.is_none() && self.role >= role,
            May::Part(role) => self.role >= role,
        }
    }
}

/// Who is nobody to a hub, or comes by a way that nobody comes, and what they are told.
struct Nobody {
    expired: String,
    flipped: String,
    /// Of another hub, which knows them.
    token: String,
    session: String,
    ended: String,
}

/// One bit of a secret is another.
fn flipped(secret: &str, at: usize, bit: u8) -> String {
    let mut bytes = secret.as_bytes().to_vec();
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).expect("ASCII")
}

impl Nobody {
    async fn of(hub: &Hub, other: &Hub) -> Self {
        let expired = hub.token("admin", &[]).await;
        hub.pass(25 * 3_600_000);
        let ann = json!({"name": "eve", "password": "correct horse battery", "role": "admin"});
        for hub in [hub, other] {
            assert_eq!(hub.post("/api/v1/users", ann.clone()).await.status(), StatusCode::OK);
        }
        let login = json!({"name": "eve", "secret": "correct horse battery"});
        let (ended, csrf) = logged_in(hub, &login).await;
        let out = hub.bare(Method::DELETE, "/api/v1/session").header(header::COOKIE, &ended);
        let out = out.header("x-csrf-token", csrf).send().await.expect("answers");
        assert_eq!(out.status(), StatusCode::NO_CONTENT);
        let (session, _) = logged_in(other, &login).await;
        Self {
            expired,
            flipped: flipped(&hub.token, hub.token.len() - 1, 0),
            token: other.token.clone(),
            session,
            ended,
        }
    }

    /// What they send, and what they are answered.
    fn send(
        &self,
        hub: &Hub,
        change: &Change,
        place: &str,
    ) -> Vec<(&'static str, RequestBuilder, StatusCode)> {
        let bare = || with_body(hub.bare(change.method.clone(), place), change);
        let own = format!("gabion_session={}", hub.token);
        let cookie = |cookie: &str| bare().header(header::COOKIE, cookie).header("x-csrf-token", "x");
        vec![
            ("nobody", bare(), StatusCode::UNAUTHORIZED),
            ("an expired token", bare().bearer_auth(&self.expired), StatusCode::UNAUTHORIZED),
            ("a token with a flipped bit", bare().bearer_auth(&self.flipped), StatusCode::UNAUTHORIZED),
            ("a token of another hub", bare().bearer_auth(&self.token), StatusCode::UNAUTHORIZED),
            ("a session of another hub", cookie(&self.session), StatusCode::UNAUTHORIZED),
            ("a session that has ended", cookie(&self.ended), StatusCode::UNAUTHORIZED),
            ("another page", bare().header(header::COOKIE, &own), StatusCode::FORBIDDEN),
            ("a page that guesses", cookie(&own), StatusCode::FORBIDDEN),
        ]
    }
}

#[test]
fn whoever_may_not_change_something_does_not() {
    with_present(async |hub| {
        hub.time.store(T0, Ordering::Relaxed);
        let directory = tempfile::tempdir().expect("a directory");
        let other = Hub::start(directory.path()).await;
        let nobody = Nobody::of(hub, &other).await;
        let estate = Estate::of(hub).await;
        let mut known = Vec::new();
        for owner in [None, Some("shop")] {
            for role in ROLES {
                let owners: Vec<&str> = owner.into_iter().collect();
                known.push(Known { role, owner, token: hub.token(role.as_str(), &owners).await });
            }
        }
        let pool = database(hub.directory()).await;
        let mut refused = 0;
        for change in &estate.changes() {
            let place = estate.place(change).await;
            let what = format!("{} {place}", change.method);
            let mut before = all_of(&pool).await;
            // What the hub itself still does is done.
            until("that it is quiet", async || {
                let now = all_of(&pool).await;
                (std::mem::replace(&mut before, now) == before).then_some(())
            })
            .await;
            for who in known.iter().filter(|who| !who.may(change)) {
                let request = with_body(hub.by(&who.token, change.method.clone(), &place), change);
                let (status, who) = (request.send().await.expect("answers").status(), (who.role, who.owner));
                let is_right = match (change.may, who) {
                    (May::Anybody, _) => status == StatusCode::UNAUTHORIZED,
                    (_, (_, None)) => status == StatusCode::FORBIDDEN,
                    // What is another's is not there for them.
                    (_, (_, Some(_))) => matches!(status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND),
                };
                assert!(is_right, "{what} by {who:?}: {status}");
                refused += 1;
            }
            if change.may != May::Anybody {
                for (who, request, wanted) in nobody.send(hub, change, &place) {
                    assert_eq!(request.send().await.expect("answers").status(), wanted, "{what} by {who}");
                    refused += 1;
                }
            }
            let after = all_of(&pool).await;
            let changed: Vec<_> = after.difference(&before).chain(before.difference(&after)).collect();
            assert!(changed.is_empty(), "{what}: {changed:#?}");
            estate.done(change, &place).await;
        }
        assert!(refused > 700, "{refused}");
        pool.close().await;
        other.stop().await;
    });
}

#[test]
fn a_token_of_which_a_bit_is_another_is_no_token() {
    with(async |hub| {
        let mut tried = 0;
        for at in 0..hub.token.len() {
            for bit in 0..7 {
                let forged = flipped(&hub.token, at, bit);
                // All else cannot be sent.
                if !forged.bytes().all(|byte| byte.is_ascii_graphic()) {
                    continue;
                }
                let cookie = hub.bare(Method::GET, "/api/v1/session");
                let cookie = cookie.header(header::COOKIE, format!("gabion_session={forged}"));
                for request in [hub.by(&forged, Method::GET, "/api/v1/session"), cookie] {
                    let answer = request.send().await.expect("answers");
                    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{forged}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 400, "{tried}");
    });
}
