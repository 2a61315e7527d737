//! One registry host over HTTP: login, waiting, and errors that name it.
//!
//! This is a small client of our own rather than `oci-client`, because that one drops what robustness needs:
//! the `Retry-After` of a refusal, a limit on the size of manifests and tokens, and identity tokens.
//!
//! ```text
//!   ask ──► send ──► 200, 201, 202, 206 ───────────────────► response
//!    ▲       │ 401, first time: Challenge ──► token, again
//!    │       │ 429, 5xx, silence, reset ──► wait ──┐
//!    └───────┴─────────────────────────────────────┘        anything else is an error
//! ```

mod answer;
mod list;
mod login;
mod upload;

use super::{Progress, SourceError, auth::Challenge, registry::RegistryOptions, retry::Backoff};
use answer::{read, reason};
use http::{StatusCode, header};
use login::{Login, with};
use reqwest::{Client, RequestBuilder, Response, Url};
use std::{
    fs,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A registry, or one of its mirrors.
pub(super) struct Endpoint<'a> {
    options: &'a RegistryOptions,
    progress: &'a dyn Progress,
    client: Client,
    /// As errors name it.
    pub(super) host: String,
    /// Without `https://` and without `/v2`.
    authority: String,
    /// Repository there: a mirror may keep it under a prefix. Credentials may be kept for it.
    repository: String,
    /// What precedes each path: `v2/REPOSITORY/`.
    root: String,
    /// What it stands in for, if it is a mirror.
    mirror_of: Option<String>,
    /// As errors name the image.
    reference: String,
    insecure: bool,
    /// Speaks plain HTTP: allowed only where `insecure`, or asked for.
    plain: AtomicBool,
    /// A mirror that could not be reached: it is not tried again, as every try may take long.
    lost: AtomicBool,
    login: Mutex<Option<Login>>,
}

/// Makes a request anew for each attempt.
type Request<'a> = dyn Fn() -> Result<RequestBuilder, SourceError> + Sync + 'a;

/// Why an attempt did not succeed.
enum Failure {
    /// It may pass; the server may have said when.
    Passing(SourceError, Option<Duration>),
    Final(SourceError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Final(error)
    }
}

/// Where an image is, as the constructor of [`Endpoint`] needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The name credentials and errors go by.
    pub(super) host: &'a str,
    /// Where it answers.
    pub(super) authority: &'a str,
    /// The repository there.
    pub(super) repository: &'a str,
    /// The host it stands in for, if it is a mirror.
    pub(super) mirror_of: Option<&'a str>,
    /// The image, for errors.
    pub(super) reference: &'a str,
}

impl<'a> Endpoint<'a> {
    pub(super) fn new(
        place: Place<'_>,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        let insecure = options.insecure.iter().any(|h| h == place.host || h == place.authority);
        Ok(Self {
            options,
            progress,
            client: client(place.host, options, insecure)?,
            host: place.host.to_owned(),
            authority: place.authority.to_owned(),
            repository: place.repository.to_owned(),
            root: format!("v2/{}/", place.repository),
            mirror_of: place.mirror_of.map(str::to_owned),
            reference: place.reference.to_owned(),
            insecure,
            plain: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            login: Mutex::new(None),
        })
    }

    /// A directory of a web server: login, waiting and trust are as for a registry.
    pub(super) fn web(
        url: &'a Url,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        let directory = url.path().trim_matches('/');
        let place = Place {
            host: url.authority(),
            authority: url.authority(),
            repository: directory,
            mirror_of: None,
            reference: url.as_str(),
        };
        let root = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let plain = AtomicBool::new(url.scheme() == "http");
        Ok(Self { root, plain, ..Self::new(place, options, progress)? })
    }

    /// A whole document, `manifests/latest` for instance, of at most `limit` bytes.
    pub(super) async fn document(
        &self,
        path: &str,
        accept: &str,
        limit: u64,
    ) -> Result<Document, SourceError> {
        let mut backoff = Backoff::new(&self.options.retry);
        loop {
            let response = self.get(path, Some(accept), 0).await?;
            let promised = response
                .headers()
                .get("docker-content-digest")
                .and_then(|value| value.to_str().ok()?.parse().ok());
            match read(response, limit).await {
                Ok(Some(bytes)) => return Ok(Document { bytes, promised }),
                Ok(None) => {
                    let what = format!("{path} of {}", self.reference);
                    return Err(SourceError::TooLarge { what, limit });
                }
                Err(error) => self.pause(&mut backoff, self.broken(path, &error), None).await?,
            }
        }
    }

    /// The answer to a request, with status 200, 206 or 416, its body not read. With `from`, only the bytes
    /// from there on are asked for.
    pub(super) async fn get(
        &self,
        path: &str,
        accept: Option<&str>,
        from: u64,
    ) -> Result<Response, SourceError> {
        self.ask(path, &|| {
            let mut request = self.client.get(self.url(path)).header(header::ACCEPT_ENCODING, "identity");
            if let Some(accept) = accept {
                request = request.header(header::ACCEPT, accept);
            }
            if from > 0 {
                request = request.header(header::RANGE, format!("bytes={from}-"));
            }
            Ok(request)
        })
        .await
    }

    /// The answer to a request for `what`, once it succeeds.
    async fn ask(&self, what: &str, request: &Request<'_>) -> Result<Response, SourceError> {
        let mut backoff = Backoff::new(&self.options.retry);
        loop {
            match self.attempt(what, request).await {
                Ok(response) => return Ok(response),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, asked)) => self.pause(&mut backoff, error, asked).await?,
            }
        }
    }

    /// Waits before another attempt, or gives `error` back if there is none left.
    pub(super) async fn pause(
        &self,
        backoff: &mut Backoff<'_>,
        error: SourceError,
        asked: Option<Duration>,
    ) -> Result<(), SourceError> {
        let Some(wait) = backoff.next(asked) else {
            return Err(error);
        };
        if wait >= Duration::from_secs(1) {
            self.progress.message(&format!("{error}; trying again in {} s", wait.as_secs()));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn attempt(&self, what: &str, request: &Request<'_>) -> Result<Response, Failure> {
        let mut challenged = false;
        loop {
            let login = self.login.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let response = self.send(what, request, login.as_ref()).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return self.judge(what, response).await;
            }
            if challenged {
                return Err(self.unauthorized("the credentials are not accepted").into());
            }
            challenged = true;
            let headers = response.headers().get_all(header::WWW_AUTHENTICATE);
            let Some(challenge) = Challenge::parse(headers.iter().filter_map(|h| h.to_str().ok())) else {
                return Err(self.unauthorized("it does not say how to log in").into());
            };
            let login = self.log_in(challenge).await?;
            *self.login.lock().unwrap_or_else(PoisonError::into_inner) = Some(login);
        }
    }

    async fn send(
        &self,
        what: &str,
        request: &Request<'_>,
        login: Option<&Login>,
    ) -> Result<Response, Failure> {
        if self.lost.load(Ordering::Relaxed) {
            return Err(Failure::Final(SourceError::Connect {
                host: self.host.clone(),
                reason: "it could not be reached before".to_owned(),
            }));
        }
        loop {
            let plain = self.plain.load(Ordering::Relaxed);
            match with(request()?, login).send().await {
                Ok(response) => return Ok(response),
                Err(error) if error.is_connect() && self.insecure && !plain => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                Err(error) => {
                    let reached = !error.is_connect();
                    self.lost.store(!reached && self.mirror_of.is_some(), Ordering::Relaxed);
                    return Err(self.unsent(what, &error));
                }
            }
        }
    }

    fn url(&self, path: &str) -> String {
        let scheme = if self.plain.load(Ordering::Relaxed) { "http" } else { "https" };
        let mut url = format!("{scheme}://{}/{}{path}", self.authority, self.root);
        if let Some(origin) = &self.mirror_of {
            // As containerd does: a mirror of several registries needs to be told which.
            url.push_str("?ns=");
            url.push_str(origin);
        }
        url
    }

    fn unauthorized(&self, reason: &str) -> SourceError {
        SourceError::Unauthorized {
            host: self.host.clone(),
            reference: self.reference.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// A document, and the digest that the registry says it has.
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    pub(super) promised: Option<gabion_model::Digest>,
}

fn client(host: &str, options: &RegistryOptions, insecure: bool) -> Result<Client, SourceError> {
    let mut builder = Client::builder()
        .user_agent(concat!("gabion/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .tls_danger_accept_invalid_certs(insecure)
        .redirect(reqwest::redirect::Policy::custom(move |attempt| {
            let downgrade = attempt.url().scheme() != "https"
                && attempt.previous().last().is_some_and(|from| from.scheme() == "https");
            if downgrade && !insecure {
                attempt.error("it redirects from HTTPS to plain HTTP")
            } else if attempt.previous().len() > 10 {
                attempt.error("it redirects more than 10 times")
            } else {
                attempt.follow()
            }
        }));
    for path in &options.authorities {
        let pem = fs::read(path).map_err(|e| SourceError::file(path, e))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(SourceError::Authority { path: path.clone() });
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| SourceError::Tls { host: host.to_owned(), reason: reason(&error) })
}
