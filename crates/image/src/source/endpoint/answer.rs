//! What an answer means, or that none came.

use super::{Endpoint, Failure};
use crate::source::{SourceError, error::innermost, printable};
use http::{StatusCode, header};
use reqwest::Response;
use std::{error::Error as _, time::Duration};

/// A token answer or an error page larger than this is not read.
pub(super) const MAX_ANSWER: u64 = 1 << 20;

impl Endpoint<'_> {
    /// What the status of an answer means.
    pub(super) async fn judge(&self, what: &str, response: Response) -> Result<Response, Failure> {
        let host = self.host.clone();
        let reference = self.reference.clone();
        let status = response.status();
        let asked = retry_after(&response);
        match status {
            StatusCode::OK
            | StatusCode::CREATED
            | StatusCode::ACCEPTED
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            StatusCode::NOT_FOUND => Err(SourceError::NotFound { host, reference }.into()),
            StatusCode::FORBIDDEN => Err(SourceError::Forbidden { host, reference }.into()),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Passing(SourceError::RateLimited { host, wait: asked }, asked))
            }
            _ => {
                let error = SourceError::Status {
                    host,
                    status: explained(response).await,
                    what: format!("{what} of {reference}"),
                };
                if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
                    return Err(Failure::Passing(error, asked));
                }
                Err(error.into())
            }
        }
    }

    /// The error for a request that got no answer.
    pub(super) fn unsent(&self, what: &str, error: &reqwest::Error) -> Failure {
        let host = self.host.clone();
        let reason = reason(error);
        if error.is_connect() {
            // The TLS library's error is not part of reqwest's interface; its text begins like this.
            return Failure::Final(if reason.contains("certificate") {
                SourceError::Tls { host, reason }
            } else {
                SourceError::Connect { host, reason }
            });
        }
        if error.is_redirect() || error.is_builder() {
            return Failure::Final(SourceError::Connect { host, reason });
        }
        Failure::Passing(self.broken(what, error), None)
    }

    /// The error for a body that broke off.
    pub(in crate::source) fn broken(&self, what: &str, error: &reqwest::Error) -> SourceError {
        let what = what.to_owned();
        let host = self.host.clone();
        if error.is_timeout() {
            let after = self.options.read_timeout;
            return SourceError::Timeout { host, after, what };
        }
        let reason = reason(error);
        SourceError::Interrupted { host, what, reason }
    }
}

/// The body, unless it has more than `limit` bytes.
pub(super) async fn read(mut response: Response, limit: u64) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// The status, and the first message of the body if it is an error document of the specification.
async fn explained(response: Response) -> String {
    #[derive(serde::Deserialize)]
    struct Answer {
        errors: Vec<Problem>,
    }
    #[derive(serde::Deserialize)]
    struct Problem {
        #[serde(default)]
        message: String,
    }
    let status = response.status().to_string();
    let body = read(response, MAX_ANSWER).await.ok().flatten().unwrap_or_default();
    match serde_json::from_slice::<Answer>(&body).ok().and_then(|a| a.errors.into_iter().next()) {
        Some(problem) if !problem.message.is_empty() => format!("{status} ({})", printable(&problem.message)),
        _ => status,
    }
}

/// `Retry-After`: seconds, or a date, which counts from the server's own `Date`.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = |name| response.headers().get(name)?.to_str().ok();
    let value = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp());
    let wait = date(value)?.duration_since(date(text(header::DATE)?)?);
    Some(Duration::try_from(wait).unwrap_or_default())
}

/// Why a request failed, without its URL, which may hold a signature: only the outermost error tells that.
pub(super) fn reason(error: &reqwest::Error) -> String {
    error.source().map_or_else(|| "the request failed".to_owned(), innermost)
}
