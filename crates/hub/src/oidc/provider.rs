//! A provider of identities over HTTP: what it says of itself, its keys, and codes turned into tokens.
//!
//! Everything is read with a cap, within a time, and without following redirects: what a provider has to say it says at the addresses that
//! its own document names. Those are HTTPS; plain HTTP is for a provider on loopback, which is for trying things out.

use super::token::{Claims, Keys};
use ct_codecs::{Base64, Encoder};
use reqwest::{Client, RequestBuilder, StatusCode, Url, header};
use serde::Deserialize;
use std::{error::Error, time::Duration};

/// An answer is not longer, in bytes.
const LONGEST: usize = 1 << 20;
/// How long a provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a provider could not be asked, or what is wrong with what it says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) hint: Option<&'static str>,
    /// The error code of OAuth, if that is what it answered.
    pub(crate) code: Option<String>,
}

impl Fault {
    pub(crate) fn new(what: impl Into<String>, hint: Option<&'static str>) -> Self {
        Self { what: what.into(), hint, code: None }
    }
}

/// What somebody else said, for a log: a line, and short.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An address that may be asked, or to which a browser may be sent.
pub(crate) fn address(text: &str, what: &str) -> Result<Url, Fault> {
    const HINT: &str = "plain http is for a provider on this machine only";
    let odd = || Fault::new(format!("the {what} {:?} is no address", printable(text)), None);
    let url = Url::parse(text).map_err(|_| odd())?;
    let host = url.host_str().ok_or_else(odd)?;
    let local = is_loopback(host);
    if url.scheme() != "https" && !(url.scheme() == "http" && local) {
        return Err(Fault::new(format!("the {what} {:?} is not https", printable(text)), Some(HINT)));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(odd());
    }
    Ok(url)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a provider says of itself (OpenID Connect Discovery 1.0, section 3).
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    pub(crate) authorization: Url,
    token: Url,
    keys: Url,
    user_info: Option<Url>,
    /// How clients prove who they are; `client_secret_basic` if it does not say.
    methods: Vec<String>,
    /// Whether its answers to browsers name it (RFC 9207).
    pub(crate) names_itself: bool,
    pub(crate) told: Told,
}

/// What it supports, as far as it says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) response_types: Option<Vec<String>>,
    pub(crate) challenges: Option<Vec<String>>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) claims: Option<Vec<String>>,
    pub(crate) algorithms: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    response_types_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    claims_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// This hub at a provider.
#[derive(Clone, Copy)]
pub(crate) struct Registered<'a> {
    pub(crate) client: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) redirect: &'a str,
}

/// What a provider gives for a code.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub(crate) id_token: Option<String>,
    pub(crate) access_token: Option<String>,
}

/// Why it gives none (RFC 6749, 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// A provider that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    issuer: String,
    http: Client,
}

impl Remote {
    pub(crate) fn new(issuer: &str) -> Result<Self, Fault> {
        let url = address(issuer, "issuer")?;
        if url.query().is_some() {
            return Err(Fault::new("an issuer has no query", None));
        }
        let mut builder = Client::builder()
            .user_agent(concat!("gabion/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(PATIENCE / 2)
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none());
        if url.host_str().is_some_and(is_loopback) {
            builder = builder.no_proxy();
        }
        let http = builder
            .build()
            .map_err(|error| Fault::new(format!("TLS cannot be set up: {}", reason(&error)), None))?;
        Ok(Self { issuer: issuer.to_owned(), http })
    }

    /// What it says of itself.
    pub(crate) async fn discover(&self) -> Result<Metadata, Fault> {
        let at = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let (status, body) = self.ask(self.http.get(&at), "discovery document").await?;
        if status != StatusCode::OK {
            return Err(Fault::new(
                format!("{at} answers {status}"),
                Some("the issuer is the address in front of /.well-known/openid-configuration"),
            ));
        }
        let document: Document = serde_json::from_slice(&body).map_err(|error| {
            Fault::new(
                format!("{at} is no discovery document: {}", printable(&error.to_string())),
                Some("the issuer is the address in front of /.well-known/openid-configuration"),
            )
        })?;
        if document.issuer != self.issuer {
            return Err(Fault::new(
                format!("it calls itself {:?}, not {:?}", printable(&document.issuer), self.issuer),
                Some("the issuer must be the same to the letter, with or without the slash at its end"),
            ));
        }
        Ok(Metadata {
            authorization: address(&document.authorization_endpoint, "authorization endpoint")?,
            token: address(&document.token_endpoint, "token endpoint")?,
            keys: address(&document.jwks_uri, "address of the keys")?,
            user_info: match document.userinfo_endpoint {
                Some(text) => Some(address(&text, "userinfo endpoint")?),
                None => None,
            },
            methods: document
                .token_endpoint_auth_methods_supported
                .unwrap_or_else(|| vec!["client_secret_basic".to_owned()]),
            names_itself: document.authorization_response_iss_parameter_supported,
            told: Told {
                response_types: document.response_types_supported,
                challenges: document.code_challenge_methods_supported,
                scopes: document.scopes_supported,
                claims: document.claims_supported,
                algorithms: document.id_token_signing_alg_values_supported,
            },
        })
    }

    /// The keys by which it signs.
    pub(crate) async fn keys(&self, metadata: &Metadata) -> Result<Keys, Fault> {
        let (status, body) = self.ask(self.http.get(metadata.keys.clone()), "keys").await?;
        if status != StatusCode::OK {
            return Err(Fault::new(format!("the keys at {} answer {status}", metadata.keys), None));
        }
        Keys::parse(&body).map_err(|_| Fault::new(format!("{} is no set of keys", metadata.keys), None))
    }

    /// Turns a code into tokens.
    pub(crate) async fn redeem(
        &self,
        metadata: &Metadata,
        us: Registered<'_>,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, Fault> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", us.redirect),
            ("code_verifier", verifier),
        ];
        let takes = |method: &str| metadata.methods.iter().any(|one| one == method);
        let mut request = self.http.post(metadata.token.clone());
        // RFC 6749, 2.3.1: by the header where that is possible; whoever has no secret only says who it is.
        if us.secret.is_empty() {
            form.push(("client_id", us.client));
        } else if takes("client_secret_basic") || !takes("client_secret_post") {
            let pair = format!("{}:{}", encoded(us.client), encoded(us.secret));
            let pair = Base64::encode_to_string(pair).unwrap_or_default();
            request = request.header(header::AUTHORIZATION, format!("Basic {pair}"));
        } else {
            form.extend([("client_id", us.client), ("client_secret", us.secret)]);
        }
        let form: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form.join("&"));
        let (status, body) = self.ask(request, "token endpoint").await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                .map_err(|_| Fault::new("the token endpoint gave no tokens", None));
        }
        let Ok(refused) = serde_json::from_slice::<Refused>(&body) else {
            return Err(Fault::new(format!("the token endpoint answers {status}"), None));
        };
        let (error, more) = (printable(&refused.error), printable(&refused.error_description));
        let hint = (error == "invalid_client").then_some("check the client id and the client secret");
        let what = format!("the token endpoint answers {status}, {error} {more}").trim_end().to_owned();
        // A provider that repeats what it was sent must not bring a secret into a log.
        let what = if us.secret.is_empty() { what } else { what.replace(us.secret, "[redacted]") };
        Err(Fault { what, hint, code: Some(error) })
    }

    /// What it tells of whom an access token is for, besides what stands in the ID token.
    pub(crate) async fn user_info(&self, metadata: &Metadata, access: &str) -> Result<Option<Claims>, Fault> {
        let Some(url) = &metadata.user_info else { return Ok(None) };
        let request =
            self.http.get(url.clone()).bearer_auth(access).header(header::ACCEPT, "application/json");
        let (status, body) = self.ask(request, "userinfo endpoint").await?;
        if status != StatusCode::OK {
            return Err(Fault::new(format!("the userinfo endpoint answers {status}"), None));
        }
        let claims = serde_json::from_slice(&body);
        claims.map(Some).map_err(|_| Fault::new("the userinfo endpoint answers no object", None))
    }

    async fn ask(&self, request: RequestBuilder, what: &str) -> Result<(StatusCode, Vec<u8>), Fault> {
        let failed = |error: &reqwest::Error| {
            let why = if error.is_timeout() { "it takes too long".to_owned() } else { reason(error) };
            Fault::new(
                format!("the {what} cannot be read: {why}"),
                Some(
                    "check that this hub reaches the provider, and that this machine trusts its certificate",
                ),
            )
        };
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > LONGEST {
                return Err(Fault::new(format!("the {what} is longer than {LONGEST} bytes"), None));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}

/// Why a request failed, without its address: the innermost error says it best.
fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    printable(&inner.to_string())
}

/// As a form has it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => {
                use std::fmt::Write;
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_leaves_this_machine() {
        for good in [
            "https://id.example",
            "https://id.example/a/",
            "http://127.0.0.1:80/x",
            "http://localhost:1",
            "http://[::1]:8",
        ] {
            assert!(address(good, "issuer").is_ok(), "{good}");
        }
        for bad in [
            "",
            "id.example",
            "http://id.example",
            "ftp://id.example",
            "https://",
            "https://a:b@id.example",
            "https://a@id.example",
            "https://id.example/#x",
            "http://127.0.0.1.example",
            "http://localhost.example",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert!(address(bad, "issuer").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(encoded("a b&c=%+ü"), "a%20b%26c%3D%25%2B%C3%BC");
    }
}
