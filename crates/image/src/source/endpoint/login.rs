//! Logging in: a challenge is answered with what the keychain has, directly or through a token service.

use super::{
    Endpoint, Failure,
    answer::{MAX_ANSWER, read},
};
use crate::source::{
    SourceError,
    auth::{Challenge, Credentials, Secret},
};
use http::{StatusCode, header};
use reqwest::{RequestBuilder, Url};
use std::sync::atomic::Ordering;

/// What goes with each request after the first challenge.
#[derive(Clone, Debug)]
pub(super) enum Login {
    Basic(String, Secret),
    Bearer(Secret),
}

impl Login {
    /// Whether it is good for every repository.
    pub(super) fn is_basic(&self) -> bool {
        matches!(self, Self::Basic(..))
    }
}

pub(super) fn with(request: RequestBuilder, login: Option<&Login>) -> RequestBuilder {
    match login {
        None => request,
        Some(Login::Basic(user, password)) => request.basic_auth(user, Some(password.expose())),
        Some(Login::Bearer(token)) => request.bearer_auth(token.expose()),
    }
}

impl Endpoint<'_> {
    async fn credentials(&self) -> Result<Credentials, SourceError> {
        if self.mirror_of.is_none()
            && let Some(given) = &self.options.keychain.given
        {
            return Ok(given.clone());
        }
        let keychain = self.options.keychain.clone();
        let (host, repository) = (self.host.clone(), self.repository.clone());
        // A credential helper is a program, and may take its time.
        tokio::task::spawn_blocking(move || keychain.find(&host, &repository))
            .await
            .unwrap_or_else(|_| Err("the credential helper crashed".to_owned()))
            .map_err(|reason| self.unauthorized(&reason))
    }

    pub(super) async fn log_in(&self, challenge: Challenge) -> Result<Login, Failure> {
        if self.plain.load(Ordering::Relaxed) && !self.insecure {
            return Err(self
                .unauthorized("it wants a login over plain HTTP, where everyone could read it")
                .into());
        }
        let credentials = self.credentials().await?;
        match (challenge, credentials) {
            (_, Credentials::Token(token)) => Ok(Login::Bearer(token)),
            (Challenge::Basic, Credentials::Basic { user, password }) => Ok(Login::Basic(user, password)),
            (Challenge::Basic, _) => Err(self.unauthorized("it wants a user and a password").into()),
            (Challenge::Bearer { realm, service, scope }, credentials) => {
                let scope = scope.or_else(|| {
                    // The registry as a whole wants nothing but to know who asks.
                    (!self.repository.is_empty()).then(|| format!("repository:{}:pull", self.repository))
                });
                self.token(&realm, service.as_deref(), scope.as_deref(), credentials).await.map(Login::Bearer)
            }
        }
    }

    /// Asks the token service of a challenge: with GET as everyone does, or for an identity token with the
    /// form of OAuth 2.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        credentials: Credentials,
    ) -> Result<Secret, Failure> {
        let mut url =
            Url::parse(realm).map_err(|_| self.unauthorized("its token service has no valid address"))?;
        if url.scheme() != "https" && !(self.insecure && url.scheme() == "http") {
            return Err(self.unauthorized("its token service is not reached over TLS").into());
        }
        let mut query: Vec<(&str, &str)> = scope.map(|scope| ("scope", scope)).into_iter().collect();
        query.extend(service.map(|service| ("service", service)));
        let anonymous = credentials == Credentials::Anonymous;
        let request = match &credentials {
            Credentials::Identity(token) => {
                query.extend([
                    ("grant_type", "refresh_token"),
                    ("client_id", "gabion"),
                    ("refresh_token", token.expose()),
                ]);
                let mut form = url.clone();
                form.query_pairs_mut().clear().extend_pairs(query);
                self.client
                    .post(url)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .body(form.query().unwrap_or_default().to_owned())
            }
            Credentials::Basic { user, password } => {
                url.query_pairs_mut().extend_pairs(query);
                self.client.get(url).basic_auth(user, Some(password.expose()))
            }
            Credentials::Anonymous | Credentials::Token(_) => {
                url.query_pairs_mut().extend_pairs(query);
                self.client.get(url)
            }
        };
        let response = request.send().await.map_err(|e| self.unsent("a token", &e))?;
        let response = match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
                return Err(self.refused(anonymous).into());
            }
            _ => self.judge("a token", response).await?,
        };
        let bytes = read(response, MAX_ANSWER)
            .await
            .map_err(|e| Failure::Passing(self.broken("a token", &e), None))?;
        bytes
            .and_then(|bytes| serde_json::from_slice::<TokenAnswer>(&bytes).ok())
            .and_then(|answer| answer.token.or(answer.access_token))
            .filter(|token| !token.is_empty())
            .map(Secret::new)
            .ok_or_else(|| self.unauthorized("its token service gives no token").into())
    }

    fn refused(&self, anonymous: bool) -> SourceError {
        self.unauthorized(if anonymous {
            "it wants credentials and there are none for it"
        } else {
            "the credentials are not accepted"
        })
    }
}

#[derive(serde::Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}
