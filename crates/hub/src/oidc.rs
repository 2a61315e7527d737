//! Log-in by a provider of identities: OpenID Connect, authorization code with PKCE.
//!
//! ```text
//!   browser                          hub                                       provider
//!   GET session/oidc?to=/page ─────► attempt: state, nonce, verifier, browser
//!   ◄── 303 and the cookie of the attempt ───────────────────────────────────► who are you?
//!   GET session/oidc/callback?code&state ◄────────────────────────────────────
//!                             ─────► the attempt of this state, once, and of this browser only
//!                                    code, verifier ─────────────────────────► tokens
//!                                    ID token: signed, for us, of now, with the nonce of the attempt
//!                                    groups ─► role, owners, namespaces ─► account ─► session
//!   ◄── 303 to the page, or to the log-in with why not
//! ```
//!
//! Attempts are kept in memory: a hub that is started again makes people press the button again. What is told to the browser is a word of a
//! short list; what exactly went wrong is for the operator, as it may come from the provider.

pub(crate) mod grants;
pub(crate) mod probe;
pub(crate) mod provider;
pub(crate) mod settings;
pub(crate) mod token;

pub(crate) use settings::{Kept, SETTING};

use crate::{
    Hub,
    access::{attempt_cookie, hash, secret},
    error::ApiError,
};
use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use gabion_api::rest::{Grant, Millis};
use gabion_store::state::{CameIn, Scope, StateError, Vouched};
use grants::Groups;
use provider::{Fault, Metadata, Registered, Remote};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};
use token::{Claims, Expected, Keys, TokenFault, check};

/// How long somebody may take to log in at the provider.
const LIFETIME: Millis = 10 * 60 * 1000;
/// Attempts at a time.
const ATTEMPTS: usize = 10_000;
/// How long it is believed what a provider says of itself.
const KNOWN: Millis = 3600 * 1000;
/// The path that the provider sends browsers back to.
pub(crate) const CALLBACK: &str = "/api/v1/session/oidc/callback";

/// What is needed to let people in by a provider.
#[derive(Debug, Default)]
pub(crate) struct Oidc {
    attempts: Mutex<HashMap<String, Attempt>>,
    known: Mutex<Option<Arc<Known>>>,
}

/// Somebody is on their way to the provider and back.
#[derive(Debug)]
struct Attempt {
    /// Hash of the cookie of their browser.
    browser: String,
    nonce: String,
    verifier: String,
    /// The page that they want.
    to: String,
    redirect: String,
    issuer: String,
    expires: Millis,
}

/// What a provider has said of itself.
#[derive(Debug)]
struct Known {
    issuer: String,
    at: Millis,
    remote: Remote,
    metadata: Metadata,
    keys: Keys,
}

/// Why somebody does not come in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// There is no provider.
    #[error("no provider is set up")]
    Off,
    /// Too many attempts.
    #[error("too many attempts")]
    Often,
    /// There is no such attempt of this browser, or not any more.
    #[error("there is no such attempt of this browser, or not any more")]
    Stale,
    /// The provider says no.
    #[error("the provider says no: {0}")]
    Denied(String),
    /// The provider cannot be asked, or does not answer as it should.
    #[error("{0}")]
    Provider(#[from] Fault),
    /// What the provider says is not believed.
    #[error("{0}")]
    Token(#[from] TokenFault),
    /// What the provider says of somebody is not enough.
    #[error("{0}")]
    Unsaid(&'static str),
    /// They are in no group that may come in, with what else there is to say of it.
    #[error("{0:?} is in no group that may come in{1}")]
    NoGroup(String, &'static str),
    /// Their account is shut out.
    #[error("the account {0:?} is disabled")]
    Disabled(String),
    /// Somebody else has their name.
    #[error(
        "the name {0:?} belongs to an account of somebody else at the provider, or of an earlier provider"
    )]
    Taken(String),
    /// The hub cannot do it.
    #[error("the state failed: {0}")]
    State(#[from] StateError),
    /// The hub is broken.
    #[error("{0:?}")]
    Hub(ApiError),
}

impl Refusal {
    /// What the page of the log-in is told.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Often => "often",
            Self::Stale => "stale",
            Self::Denied(_) => "denied",
            Self::Provider(_) | Self::Token(_) => "provider",
            Self::Unsaid(_) => "unsaid",
            Self::NoGroup(..) => "group",
            Self::Disabled(_) => "disabled",
            Self::Taken(_) => "taken",
            Self::State(_) | Self::Hub(_) => "hub",
        }
    }

    /// Whose account it is about, if that is known.
    pub(crate) fn who(&self) -> &str {
        match self {
            Self::NoGroup(name, _) | Self::Disabled(name) | Self::Taken(name) => name,
            _ => "",
        }
    }
}

/// Where a browser goes, and with which cookie.
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) cookie: String,
}

/// Somebody is in.
pub(crate) struct Entered {
    pub(crate) sent: Sent,
    pub(crate) name: String,
    pub(crate) grant: Grant,
    pub(crate) came: CameIn,
}

/// What a provider sends back by the browser.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Back {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

/// The page that somebody wanted, if it is one of ours: else a link to here could lead anywhere.
fn own_page(to: &str) -> &str {
    let is_path = to.starts_with('/') && !to.starts_with("//") && to.len() <= 2000;
    let odd = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    if is_path && !to.contains(odd) && !to.starts_with("/api/") && !to.starts_with("/login") {
        to
    } else {
        "/"
    }
}

/// RFC 7636, 4.2.
fn challenge(verifier: &str) -> String {
    Base64UrlSafeNoPadding::encode_to_string(Sha256::digest(verifier)).unwrap_or_default()
}

impl Oidc {
    fn keep(&self, state: &str, attempt: Attempt, now: Millis) -> Result<(), Refusal> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= ATTEMPTS {
            attempts.retain(|_, attempt| attempt.expires > now);
        }
        if attempts.len() >= ATTEMPTS {
            return Err(Refusal::Often);
        }
        attempts.insert(hash(state), attempt);
        Ok(())
    }

    /// The attempt of a state. Whoever comes with it, it is used up.
    fn take(&self, state: &str, browser: &str, now: Millis) -> Option<Attempt> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let attempt = attempts.remove(&hash(state))?;
        (attempt.browser == hash(browser) && attempt.expires > now).then_some(attempt)
    }

    /// Nothing is known any more of a provider.
    pub(crate) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What a provider says of itself is asked anew: another hub may have set up another.
    pub(crate) fn forget_provider(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What a provider says of itself, asked anew if what is known was known at `not` already.
    async fn known(&self, issuer: &str, not: Option<Millis>, now: Millis) -> Result<Arc<Known>, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known
            && known.issuer == issuer
            && now - known.at < KNOWN
            && not.is_none_or(|at| known.at > at)
        {
            return Ok(known);
        }
        let remote = Remote::new(issuer)?;
        let metadata = remote.discover().await?;
        let keys = remote.keys(&metadata).await?;
        let known = Arc::new(Known { issuer: issuer.to_owned(), at: now, remote, metadata, keys });
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&known));
        Ok(known)
    }
}

impl Hub {
    /// Sends somebody to the provider.
    pub(crate) async fn send_to_provider(
        &self,
        to: &str,
        redirect: &str,
        from: IpAddr,
    ) -> Result<Sent, Refusal> {
        let now = self.now();
        if self.access.attempted(from, now) {
            return Err(Refusal::Often);
        }
        let kept = self.provider().await?.ok_or(Refusal::Off)?;
        let issuer = kept.provider.issuer.clone();
        let known = self.oidc.known(&issuer, None, now).await?;
        let (state, nonce, verifier, browser) = (secret(), secret(), secret(), secret());
        let redirect = kept.redirect(redirect);
        let mut url = known.metadata.authorization.clone();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &kept.provider.client_id),
            ("redirect_uri", &redirect),
            ("scope", &kept.provider.scopes.join(" ")),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge(&verifier)),
            ("code_challenge_method", "S256"),
        ]);
        let secure = self.is_secure(&redirect);
        let attempt = Attempt {
            browser: hash(&browser),
            nonce,
            verifier,
            to: own_page(to).to_owned(),
            redirect,
            issuer,
            expires: now + LIFETIME,
        };
        self.oidc.keep(&state, attempt, now)?;
        Ok(Sent { to: url.into(), cookie: attempt_cookie(&browser, LIFETIME / 1000, secure) })
    }

    /// Somebody comes back from the provider.
    pub(crate) async fn let_in_from_provider(&self, back: Back, browser: &str) -> Result<Entered, Refusal> {
        let now = self.now();
        let state = back.state.as_deref().unwrap_or_default();
        let attempt = self.oidc.take(state, browser, now).ok_or(Refusal::Stale)?;
        let kept = self.provider().await?.ok_or(Refusal::Off)?;
        if kept.provider.issuer != attempt.issuer {
            return Err(Refusal::Stale);
        }
        let mut known = self.oidc.known(&attempt.issuer, None, now).await?;
        // RFC 9207: an answer of another provider must not be taken for one of this.
        match &back.iss {
            Some(issuer) if *issuer != attempt.issuer => {
                return Err(Fault::new("the answer is of another provider", None).into());
            }
            None if known.metadata.names_itself => {
                return Err(Fault::new("the answer does not say of which provider it is", None).into());
            }
            _ => {}
        }
        if let Some(error) = &back.error {
            return Err(Refusal::Denied(provider::printable(error)));
        }
        let code = back.code.ok_or(Refusal::Stale)?;
        let us = Registered {
            client: &kept.provider.client_id,
            secret: &kept.secret,
            redirect: &attempt.redirect,
        };
        let tokens = known.remote.redeem(&known.metadata, us, &code, &attempt.verifier).await?;
        let id = tokens.id_token.ok_or_else(|| Fault::new("the provider gave no ID token", None))?;
        let nonce = attempt.nonce.as_str();
        let expected = Expected { issuer: &attempt.issuer, client: us.client, nonce, now };
        let mut claims = match check(&id, &known.keys, &expected) {
            Err(TokenFault::Unsigned) => {
                // Providers change their keys when they like.
                known = self.oidc.known(&attempt.issuer, Some(known.at), now).await?;
                check(&id, &known.keys, &expected)?
            }
            checked => checked?,
        };
        self.completed(&kept, &known, tokens.access_token, &mut claims).await?;
        self.admit(&kept, &claims, attempt, now).await
    }

    /// Adds what the provider tells at its userinfo endpoint, where the ID token does not tell what is needed.
    async fn completed(
        &self,
        kept: &Kept,
        known: &Known,
        access: Option<String>,
        claims: &mut Claims,
    ) -> Result<(), Refusal> {
        let named = grants::name(claims, &kept.provider.user_claim).is_some();
        let Some(access) =
            access.filter(|_| !named || grants::groups(claims, &kept.provider.group_claim) == Groups::Unsaid)
        else {
            return Ok(());
        };
        let Some(more) = known.remote.user_info(&known.metadata, &access).await? else { return Ok(()) };
        // OpenID Connect Core, 5.3.2: of whom it is must be the same.
        if more.get("sub") != claims.get("sub") {
            return Err(Refusal::Unsaid("the userinfo endpoint tells of somebody else"));
        }
        for (name, value) in more {
            claims.entry(name).or_insert(value);
        }
        Ok(())
    }

    async fn admit(
        &self,
        kept: &Kept,
        claims: &Claims,
        attempt: Attempt,
        now: Millis,
    ) -> Result<Entered, Refusal> {
        let subject = claims.get("sub").and_then(serde_json::Value::as_str).unwrap_or_default();
        let name = grants::name(claims, &kept.provider.user_claim)
            .ok_or(Refusal::Unsaid("the provider does not tell the claim that names the user"))?;
        let (groups, more) = match grants::groups(claims, &kept.provider.group_claim) {
            Groups::Told(groups) => (groups, ""),
            // Many providers say nothing of who is in none; others were not asked for the right scope.
            Groups::Unsaid => (Vec::new(), ": the provider does not tell the claim of groups at all"),
            Groups::Elsewhere => {
                return Err(Refusal::Unsaid("somebody is in too many groups for the provider to tell them"));
            }
            Groups::Odd => return Err(Refusal::Unsaid("the claim of groups is no list of names")),
        };
        let grant =
            grants::grant(&kept.provider, &groups).ok_or_else(|| Refusal::NoGroup(name.clone(), more))?;
        let scope = Scope { owners: grant.owners.clone(), namespaces: grant.namespaces.clone() };
        let who = Vouched { issuer: &attempt.issuer, subject, name: &name, role: grant.role, scope: &scope };
        let came = self.state.vouched(&who, now).await?;
        let name = match &came {
            CameIn::New => name,
            CameIn::Known(known, ..) => known.clone(),
            CameIn::Disabled(known) => return Err(Refusal::Disabled(known.clone())),
            CameIn::Taken => return Err(Refusal::Taken(name)),
        };
        let secure = self.is_secure(&attempt.redirect);
        let (cookie, _) = self.open_session(&name, secure).await.map_err(Refusal::Hub)?;
        Ok(Entered { sent: Sent { to: attempt.to, cookie }, name, grant, came })
    }

    /// Whether browsers reach this hub by TLS, if that is the address by which they do.
    fn is_secure(&self, redirect: &str) -> bool {
        self.settings.encrypted() || redirect.starts_with("https:")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_back_to() {
        for good in ["/", "/findings?severity=critical&open=f-1", "/images/sha256%3Aab/layers"] {
            assert_eq!(own_page(good), good);
        }
        for bad in [
            "",
            "findings",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\r\nset-cookie: a=b",
            "/api/v1/session/oidc",
            "/login#token",
            "/a b",
        ] {
            assert_eq!(own_page(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let challenged = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenged, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_attempt_is_good_once_for_its_browser_and_for_its_time() {
        let oidc = Oidc::default();
        let attempt = || Attempt {
            browser: hash("browser"),
            nonce: String::new(),
            verifier: String::new(),
            to: "/".to_owned(),
            redirect: String::new(),
            issuer: String::new(),
            expires: LIFETIME,
        };
        oidc.keep("state", attempt(), 0).expect("kept");
        assert!(oidc.take("other", "browser", 0).is_none());
        assert!(oidc.take("state", "browser", LIFETIME - 1).is_some());
        assert!(oidc.take("state", "browser", 0).is_none(), "it was used");
        oidc.keep("state", attempt(), 0).expect("kept");
        assert!(oidc.take("state", "thief", 0).is_none());
        assert!(oidc.take("state", "browser", 0).is_none(), "a thief has used it up");
        oidc.keep("state", attempt(), 0).expect("kept");
        assert!(oidc.take("state", "browser", LIFETIME).is_none(), "it is over");
        for n in 0..ATTEMPTS {
            oidc.keep(&n.to_string(), attempt(), 0).expect("kept");
        }
        assert!(matches!(oidc.keep("more", attempt(), 0), Err(Refusal::Often)));
        oidc.keep("more", attempt(), LIFETIME).expect("the old ones have gone");
    }
}
