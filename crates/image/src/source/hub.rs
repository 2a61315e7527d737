//! A hub as the place where a scan goes, and its answer.

use super::{Retry, auth::Secret, error::innermost, printable, retry::Backoff};
use http::{StatusCode, header};
use reqwest::{Client, Url};
use std::{
    error::Error as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// An answer is not longer, in bytes.
const MAX_ANSWER: u64 = 512 << 20;
/// What it says instead of an answer is not longer.
const MAX_PROBLEM: usize = 64 << 10;
/// How long the hub may take to be reached, and to think about a scan.
const CONNECT: Duration = Duration::from_secs(10);
const THINK: Duration = Duration::from_mins(2);
/// Attempts; the hub may be busy, or just be starting again.
const ATTEMPTS: u32 = 3;

/// Why a hub has not answered a scan. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// What names no hub.
    #[error("{url:?} is no address of a hub: {reason}")]
    Address {
        /// As given.
        url: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The certificate of its authority cannot be used.
    #[error("{} is not a PEM file of certificates", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
    },
    /// Nobody there.
    #[error("the hub at {url} cannot be reached: {reason}")]
    Away {
        /// Where.
        url: String,
        /// Innermost cause.
        reason: String,
    },
    /// It is not the hub that is believed.
    #[error("the hub at {url} cannot be trusted: {reason}")]
    Trust {
        /// Where.
        url: String,
        /// Innermost cause.
        reason: String,
    },
    /// It does not want it.
    #[error("the hub at {url} refuses ({status}): {reason}")]
    Refused {
        /// Where.
        url: String,
        /// The status of its answer.
        status: u16,
        /// What it said.
        reason: String,
        /// What it said to do.
        hint: Option<String>,
    },
    /// What it sends cannot be kept.
    #[error("what the hub sends cannot be written")]
    Write(#[source] std::io::Error),
    /// It answers nonsense.
    #[error("the hub at {url} does not answer as one: {reason}")]
    Answer {
        /// Where.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl HubError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Trust { .. } => Some(
                "name the certificate of its authority with --hub-ca FILE: it is identity/authority.pem where the hub keeps its state"
                    .to_owned(),
            ),
            Self::Refused { status: 401, .. } => {
                Some("give a token that the hub knows in GABION_HUB_TOKEN or --hub-token-file".to_owned())
            }
            Self::Refused { hint, .. } => hint.clone(),
            _ => None,
        }
    }
}

/// A hub that a scan is sent to.
#[derive(Debug)]
pub struct Hub {
    url: Url,
    client: Client,
    token: Secret,
    retry: Retry,
}

impl Hub {
    /// `url` as a browser has it; `authority` is a PEM file to be believed beside the system's.
    pub fn new(url: &str, token: Secret, authority: Option<&Path>) -> Result<Self, HubError> {
        let wrong = |reason| HubError::Address { url: printable(url), reason };
        let parsed = Url::parse(url).map_err(|_| wrong("https://HOST[:PORT] is expected"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(HubError::Address {
                url: parsed.host_str().unwrap_or_default().to_owned(),
                reason: "a token has a place of its own",
            });
        }
        let host = parsed.host_str().unwrap_or_default();
        let is_here = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        match parsed.scheme() {
            "https" => {}
            "http" if is_here => {}
            "http" => {
                return Err(wrong("over plain HTTP everybody could read the token: https:// is expected"));
            }
            _ => return Err(wrong("https://HOST[:PORT] is expected")),
        }
        let mut builder = Client::builder()
            .user_agent(concat!("gabion/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(THINK)
            // The token is for nobody else.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = authority {
            let unusable = || HubError::Authority { path: path.to_owned() };
            let pem = fs::read(path).map_err(|_| unusable())?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(unusable());
            }
            builder = builder.tls_certs_merge(certificates);
        }
        if is_here {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| HubError::Trust { url: shown(&parsed), reason: innermost(&error) })?;
        let retry = Retry { attempts: ATTEMPTS, ..Retry::default() };
        Ok(Self { url: parsed, client, token, retry })
    }

    /// Where it is, as messages name it.
    pub fn shown(&self) -> String {
        shown(&self.url)
    }

    /// Sends a scan, compressed with zstd; what the hub answers.
    pub async fn send(&self, body: Vec<u8>) -> Result<Vec<u8>, HubError> {
        let mut backoff = Backoff::new(&self.retry);
        loop {
            let (error, asked) = match self.attempt(body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let passes =
                matches!(&error, HubError::Away { .. } | HubError::Refused { status: 429 | 502..=504, .. });
            match backoff.next(asked).filter(|_| passes) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
        }
    }

    /// Asks for something of any length, and hands over its parts as they come; how many bytes. An answer that breaks off is an error.
    pub async fn fetch(
        &self,
        path: &str,
        query: &[(&str, String)],
        mut take: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<u64, HubError> {
        let url = self.shown();
        let mut target = self.url.clone();
        target.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        target.query_pairs_mut().clear().extend_pairs(query);
        let request = self
            .client
            .get(target)
            .bearer_auth(self.token.expose())
            .header(header::ACCEPT_ENCODING, "identity");
        let mut response = request.send().await.map_err(|error| unsent(&url, &error))?;
        let status = response.status();
        let (mut problem, mut all) = (Vec::new(), 0);
        while let Some(chunk) = response.chunk().await.map_err(|error| unsent(&url, &error))? {
            all += chunk.len() as u64;
            if status == StatusCode::OK {
                take(&chunk).map_err(HubError::Write)?;
            } else if problem.len() < MAX_PROBLEM {
                problem.extend_from_slice(&chunk);
            }
        }
        if status == StatusCode::OK { Ok(all) } else { Err(refused(url, status, &problem)) }
    }

    async fn attempt(&self, body: Vec<u8>) -> Result<Vec<u8>, (HubError, Option<Duration>)> {
        let url = self.shown();
        let target = format!("{}/api/v1/scans", self.url.as_str().trim_end_matches('/'));
        let sent = self
            .client
            .post(target)
            .bearer_auth(self.token.expose())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_ENCODING, "zstd")
            .header(header::ACCEPT_ENCODING, "identity")
            .body(body)
            .send()
            .await;
        let mut response = sent.map_err(|error| (unsent(&url, &error), None))?;
        let status = response.status();
        let asked = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err((unsent(&url, &error), None)),
            }
            if bytes.len() as u64 > MAX_ANSWER {
                return Err((HubError::Answer { url, reason: "the answer is too long".to_owned() }, None));
            }
        }
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        Err((refused(url, status, &bytes), asked))
    }
}

fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn unsent(url: &str, error: &reqwest::Error) -> HubError {
    let reason = error.source().map_or_else(|| "the request failed".to_owned(), innermost);
    // The TLS library's error is not part of reqwest's interface; its text begins like this.
    if error.is_connect() && reason.contains("certificate") {
        return HubError::Trust { url: url.to_owned(), reason };
    }
    HubError::Away { url: url.to_owned(), reason }
}

fn refused(url: String, status: StatusCode, body: &[u8]) -> HubError {
    #[derive(serde::Deserialize)]
    struct Problem {
        error: String,
        hint: Option<String>,
    }
    match serde_json::from_slice::<Problem>(body) {
        Ok(Problem { error, hint }) => HubError::Refused {
            url,
            status: status.as_u16(),
            reason: printable(&error),
            hint: hint.map(|hint| printable(&hint)),
        },
        Err(_) => HubError::Answer { url, reason: format!("it answered {status}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_only_where_nobody_else_reads_it() {
        let hub = |url: &str| Hub::new(url, Secret::new("gat_x"), None).map(|hub| hub.shown());
        assert_eq!(hub("https://hub.example:8420/").expect("good"), "https://hub.example:8420");
        assert_eq!(hub("http://127.0.0.1:1").expect("good"), "http://127.0.0.1:1");
        assert!(hub("http://[::1]:1").is_ok());
        for (url, why) in [
            ("http://hub.example", "everybody could read"),
            ("hub.example:8420", "is expected"),
            ("ftp://hub.example", "is expected"),
            ("https://ann:gat_x@hub.example", "a place of its own"),
        ] {
            let error = hub(url).expect_err(url).to_string();
            assert!(error.contains(why) && !error.contains("gat_x"), "{error}");
        }
    }
}
