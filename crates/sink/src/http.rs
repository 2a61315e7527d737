//! Requests over HTTP: what goes out, what comes back, and what that means for what was sent.

use crate::{
    Whole,
    record::line,
    target::{SinkError, certificates, url_of, wrong},
};
use http::{HeaderMap, Method, StatusCode, header};
use reqwest::{Certificate, Response, Url};
use std::{error::Error, time::Duration};

/// An answer larger than this is not read.
const MAX_ANSWER: usize = 1 << 20;
/// How long a connection may take to be made, and a request to be answered.
const CONNECT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of what a server says that are told.
const MAX_SAID: usize = 300;

/// One address.
pub(crate) struct Client {
    client: reqwest::Client,
    url: Url,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    pub(crate) wait: Option<Duration>,
}

impl Client {
    pub(crate) fn new(url: &str, authorities: Option<&str>) -> Result<Self, SinkError> {
        let certificates = certificates(authorities)?
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong("authorities", reason(&error)))?;
        let client = reqwest::Client::builder()
            .user_agent(concat!("gabion/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_merge(certificates)
            .build()
            .map_err(|error| wrong("url", reason(&error)))?;
        Ok(Self { client, url: url_of("url", url)? })
    }

    pub(crate) async fn post(&self, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, String> {
        self.ask(Method::POST, self.url.clone(), headers, body).await
    }

    /// Asks for something beneath the address.
    pub(crate) async fn beneath(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut url = self.url.clone();
        url.set_query(None);
        url.path_segments_mut()
            .map_err(|()| "the address has no path".to_owned())?
            .pop_if_empty()
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.ask(method, url, headers, body).await
    }

    async fn ask(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let request = self.client.request(method, url).headers(headers).body(body);
        let mut response = request.send().await.map_err(|error| reason(&error))?;
        let (status, wait) = (response.status(), retry_after(&response));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| reason(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(format!("its answer ({status}) is longer than {MAX_ANSWER} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, wait })
    }
}

impl Answer {
    /// What it means for all that was sent, unless all is well.
    pub(crate) fn failed(&self) -> Option<Whole> {
        if self.status.is_success() {
            return None;
        }
        let why = format!("it answers {}", self.said());
        Some(match self.status {
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Whole::Rejected(why),
            // Whatever else it says is about the sink, and not about what was sent: that waits until somebody has mended it.
            _ => Whole::Again(why, self.wait),
        })
    }

    /// The status, and the beginning of what it says.
    pub(crate) fn said(&self) -> String {
        let text = line(String::from_utf8_lossy(&self.body).trim(), MAX_SAID);
        if text.is_empty() { self.status.to_string() } else { format!("{}: {text}", self.status) }
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

/// Why a request failed, without its address, which may be secret: only the outermost error tells that.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let Some(mut innermost) = error.source() else { return "the request failed".to_owned() };
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    line(&innermost.to_string(), MAX_SAID)
}
