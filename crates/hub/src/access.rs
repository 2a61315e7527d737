//! Who asks: sessions of people, tokens of programs; and how often they may.
//!
//! ```text
//!   cookie gabion_session=SECRET     ► session, and X-CSRF-Token with whatever changes something
//!   cookie gabion_session=gat_...    ► a token in a browser; the same
//!   Authorization: Bearer gat_...    ► token; a browser sends that to nobody by itself
//! ```
//!
//! Secrets have 256 random bits and are kept as SHA-256; passwords, which people choose, as Argon2id.

use crate::{
    Hub, Inner,
    error::{Answer, ApiError},
    hex, random,
};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State as Extract},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use gabion_api::rest::{AuditEntry, Millis, Role};
use gabion_store::state::{Caller, Kind, NewSession, Scope, StoredUser};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Mutex,
};
use tokio::sync::Semaphore;

/// The name of the cookie.
const COOKIE: &str = "gabion_session";
/// The name of the cookie of who is on the way to a provider and back, and the only path that it is sent to.
const ATTEMPT: &str = "gabion_signin";
const ATTEMPT_PATH: &str = "/api/v1/session/oidc";
/// What tokens of the API begin with, so that scanners of secrets know them.
pub(crate) const TOKEN: &str = "gat_";
/// A session ends after so long, and when it was not used for so long.
const SESSION: Millis = 12 * 3600 * 1000;
const IDLE: Millis = 2 * 3600 * 1000;
/// Characters of a password.
const SHORTEST: usize = 12;
const LONGEST: usize = 1024;
/// Passwords that are checked at a time: each takes 19 MiB.
const CHECKS: usize = 2;
/// Attempts to log in from one address, in a minute.
const ATTEMPTS: u32 = 10;
/// Requests of one caller, in a minute.
const REQUESTS: u32 = 1200;
/// Addresses and callers that are counted; beyond them the oldest minute is forgotten.
const COUNTED: usize = 20_000;
const MINUTE: Millis = 60_000;

/// What is needed to know who asks.
#[derive(Debug)]
pub(crate) struct Access {
    checks: Semaphore,
    attempts: Mutex<HashMap<IpAddr, (Millis, u32)>>,
    requests: Mutex<HashMap<String, (Millis, u32)>>,
    /// The hash of a password that nobody has: checked for unknown names, so that time does not tell them apart.
    nobody: String,
}

impl Access {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            checks: Semaphore::new(CHECKS),
            attempts: Mutex::default(),
            requests: Mutex::default(),
            nobody: hashed(&secret())?,
        })
    }
}

impl Access {
    /// One more attempt to log in from an address; whether that is too many.
    pub(crate) fn attempted(&self, from: IpAddr, now: Millis) -> bool {
        too_many(&self.attempts, from, ATTEMPTS, now)
    }
}

/// The cookie of who is on the way to a provider. It must come along when the provider sends them back, which `Strict` forbids.
pub(crate) fn attempt_cookie(value: &str, seconds: Millis, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{ATTEMPT}={value}; Path={ATTEMPT_PATH}; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")
}

/// Nobody is on the way any more.
pub(crate) fn no_attempt_cookie() -> String {
    attempt_cookie("", 0, false)
}

/// One more from `who`; whether that is too many in this minute.
fn too_many<K: std::hash::Hash + Eq>(
    counts: &Mutex<HashMap<K, (Millis, u32)>>,
    who: K,
    most: u32,
    now: Millis,
) -> bool {
    let mut counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if counts.len() >= COUNTED {
        counts.retain(|_, (since, _)| now - *since < MINUTE);
    }
    let entry = counts.entry(who).or_insert((now, 0));
    if now - entry.0 >= MINUTE {
        *entry = (now, 0);
    }
    entry.1 = entry.1.saturating_add(1);
    entry.1 > most
}

/// A new secret.
pub(crate) fn secret() -> String {
    Base64UrlSafeNoPadding::encode_to_string(random::<32>()).unwrap_or_default()
}

/// What is kept of a secret.
pub(crate) fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

/// What is kept of a password.
fn hashed(password: &str) -> anyhow::Result<String> {
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &random::<16>())
        .map(|hash| hash.to_string())
        .map_err(|error| anyhow::anyhow!("a password cannot be hashed: {error}"))
}

/// A password that may be used.
pub(crate) async fn new_password(password: String) -> Answer<String> {
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return Err(ApiError::Bad(format!(
            "a password has at least {SHORTEST} characters, and at most {LONGEST} bytes"
        )));
    }
    let hash = tokio::task::spawn_blocking(move || hashed(&password)).await;
    hash.map_err(|error| ApiError::Broken(error.to_string()))?
        .map_err(|error| ApiError::Broken(error.to_string()))
}

impl Hub {
    /// Whether that is the password of a user; takes as long if there is none.
    pub(crate) async fn is_password(&self, name: &str, password: String) -> Answer<bool> {
        // Whom a provider vouches for has no password here.
        let has_one = |stored: &StoredUser| !stored.user.disabled && stored.user.issuer.is_none();
        let user = self.state.user(name).await?.filter(has_one);
        let known = user.is_some();
        let hash = user.map_or_else(|| self.access.nobody.clone(), |stored| stored.password);
        let _permit =
            self.access.checks.acquire().await.map_err(|error| ApiError::Broken(error.to_string()))?;
        let matches = tokio::task::spawn_blocking(move || {
            password.len() <= LONGEST
                && PasswordHash::new(&hash)
                    .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        Ok(matches.await.map_err(|error| ApiError::Broken(error.to_string()))? && known)
    }

    /// Lets somebody in; the cookie that they carry from then on, and what they must send with changes.
    pub(crate) async fn let_in(&self, name: &str, secret_: String, from: IpAddr) -> Answer<(String, Caller)> {
        let now = self.now();
        if self.access.attempted(from, now) {
            return Err(ApiError::Often);
        }
        if name.is_empty() {
            let caller = self.state.token(&hash(&secret_), now).await?.ok_or(ApiError::Unknown)?;
            let csrf = Some(csrf_of_token(&secret_));
            return Ok((cookie_of(&secret_, self.settings.encrypted()), Caller { csrf, ..caller }));
        }
        if !self.is_password(name, secret_).await? {
            return Err(ApiError::Unknown);
        }
        self.open_session(name, self.settings.encrypted()).await
    }

    /// A session of somebody who has shown who they are.
    pub(crate) async fn open_session(&self, name: &str, secure: bool) -> Answer<(String, Caller)> {
        let now = self.now();
        let (cookie, csrf) = (secret(), secret());
        let session = NewSession { hash: &hash(&cookie), user: name, csrf: &csrf, expires: now + SESSION };
        self.state.add_session(&session, now).await?;
        let caller = self.state.session(&hash(&cookie), IDLE, now).await?.ok_or(ApiError::Unknown)?;
        Ok((cookie_of(&cookie, secure), caller))
    }

    /// The session of a request ends.
    pub(crate) async fn let_out(&self, headers: &HeaderMap) -> Answer<String> {
        if let Some(cookie) = cookie(headers) {
            self.state.end_session(&hash(cookie)).await?;
        }
        Ok(format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"))
    }

    async fn caller(&self, headers: &HeaderMap, method: &Method) -> Answer<Caller> {
        let now = self.now();
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let caller = if let Some(bearer) = bearer {
            let token = bearer.strip_prefix("Bearer ").ok_or(ApiError::Unknown)?.trim();
            self.state.token(&hash(token), now).await?.ok_or(ApiError::Unknown)?
        } else {
            let cookie = cookie(headers).ok_or(ApiError::Unknown)?;
            let caller = if cookie.starts_with(TOKEN) {
                let caller = self.state.token(&hash(cookie), now).await?.ok_or(ApiError::Unknown)?;
                Caller { csrf: Some(csrf_of_token(cookie)), ..caller }
            } else {
                self.state.session(&hash(cookie), IDLE, now).await?.ok_or(ApiError::Unknown)?
            };
            if !matches!(*method, Method::GET | Method::HEAD) {
                let sent = headers.get("x-csrf-token").map(axum::http::HeaderValue::as_bytes);
                let wanted = caller.csrf.as_deref().unwrap_or_default();
                // Both are random and as long; comparing hashes leaves nothing to time.
                if sent.is_none_or(|sent| Sha256::digest(sent) != Sha256::digest(wanted)) {
                    return Err(ApiError::Forbidden(
                        "the request does not come from the console: X-CSRF-Token is missing or wrong",
                    ));
                }
            }
            caller
        };
        if too_many(&self.access.requests, caller.name.clone(), REQUESTS, now) {
            return Err(ApiError::Often);
        }
        Ok(caller)
    }
}

/// What must be sent with changes by whoever has a token in a cookie.
fn csrf_of_token(token: &str) -> String {
    hash(&format!("csrf of {token}"))
}

/// What a browser is told to keep for a session.
fn cookie_of(value: &str, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", SESSION / 1000)
}

/// The cookie of a session.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    named(headers, COOKIE)
}

/// The cookie of who is on the way to a provider and back.
pub(crate) fn attempt(headers: &HeaderMap) -> Option<&str> {
    named(headers, ATTEMPT)
}

fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|cookies| cookies.split(';')).find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == wanted).then_some(value)
    })
}

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    pub(crate) from: IpAddr,
}

impl Inner {
    /// Whoever tells of something without being known may do so only so often.
    pub(crate) fn may_tell(&self, from: IpAddr) -> Answer<()> {
        if too_many(&self.access.requests, format!("told by {from}"), REQUESTS, self.now()) {
            return Err(ApiError::Often);
        }
        Ok(())
    }
}

impl Asker {
    /// Whether they may send scans.
    pub(crate) fn needs_sending(&self) -> Answer<()> {
        if self.caller.role == Role::Scanner { Ok(()) } else { self.needs(Role::Operator) }
    }

    /// Whoever may less than this may not.
    pub(crate) fn needs(&self, role: Role) -> Answer<()> {
        if self.caller.role >= role {
            return Ok(());
        }
        Err(ApiError::Forbidden(match role {
            Role::Scanner => "only scanners may do that",
            Role::Viewer => "only viewers may do that",
            Role::Triager => "only triagers may do that",
            Role::Operator => "only operators may do that",
            Role::Admin => "only admins may do that",
        }))
    }

    /// Whoever sees only a part may not: it is about all.
    pub(crate) fn needs_all(&self, role: Role) -> Answer<()> {
        self.needs(role)?;
        if self.caller.scope.is_all() {
            Ok(())
        } else {
            Err(ApiError::Forbidden("only who may see everything may do that"))
        }
    }

    /// What they may see.
    pub(crate) fn scope(&self) -> &Scope {
        &self.caller.scope
    }
}

impl Inner {
    /// Keeps that somebody has done something.
    pub(crate) async fn audit(&self, asker: &Asker, action: &str, target: &str, detail: &str) -> Answer<()> {
        self.audit_by(&asker.caller.name, &asker.from.to_string(), action, target, detail).await
    }

    pub(crate) async fn audit_by(
        &self,
        by: &str,
        from: &str,
        action: &str,
        target: &str,
        detail: &str,
    ) -> Answer<()> {
        let cut = |text: &str| text.chars().take(2000).collect::<String>();
        let entry = AuditEntry {
            id: crate::random_id("u"),
            time: self.now(),
            by: cut(by),
            from: from.to_owned(),
            action: action.to_owned(),
            target: cut(target),
            detail: cut(detail),
        };
        Ok(self.state.audit(&entry).await?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or(ApiError::Unknown)
    }
}

/// The address of whoever asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct From(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        known
            .map(|ConnectInfo(address)| Self(address.ip()))
            .ok_or_else(|| ApiError::Broken("no address".to_owned()))
    }
}

/// Whether a request may take room. To go, and to say what is kept for how long, may be done on a full disk.
fn changes(request: &Request) -> bool {
    let path = request.uri().path();
    !matches!(*request.method(), Method::GET | Method::HEAD)
        && !path.ends_with("/session")
        && !path.ends_with("/retention")
}

/// Lets nobody pass whom it does not know.
pub(crate) async fn known(
    Extract(hub): Extract<Hub>,
    From(from): From,
    mut request: Request,
    next: Next,
) -> Response {
    match hub.caller(request.headers(), request.method()).await {
        // Most of what is told needs no role, but that of somebody who looks.
        Ok(caller) if caller.role == Role::Scanner && !request.uri().path().ends_with("/scans") => {
            ApiError::Forbidden("this token may send scans, and do nothing else").into_response()
        }
        Ok(_) if changes(&request) && hub.state.kind() == Kind::Sqlite && !hub.has_room() => {
            ApiError::Full.into_response()
        }
        Ok(caller) => {
            request.extensions_mut().insert(Asker { caller, from });
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; gabion_session=secret; c=d".parse().expect("a header"));
        assert_eq!(cookie(&headers), Some("secret"));
        headers.clear();
        headers.append(header::COOKIE, "xgabion_session=secret".parse().expect("a header"));
        assert_eq!(cookie(&headers), None);
    }

    #[test]
    fn a_minute_ends() {
        let counts = Mutex::default();
        assert!((0..3).all(|_| !too_many(&counts, "a", 3, 0)));
        assert!(too_many(&counts, "a", 3, 59_999));
        assert!(!too_many(&counts, "b", 3, 59_999));
        assert!(!too_many(&counts, "a", 3, 60_000));
    }
}
