//! Whether a target makes sense, and which server it is.

use gabion_api::rest::SinkTarget;
use reqwest::Url;

/// Where PagerDuty takes events, unless it is said.
pub(crate) const PAGER_DUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// Bytes of an address, a secret, a name.
const MAX_TEXT: usize = 2048;
/// Bytes of certificates.
const MAX_PEM: usize = 256 << 10;

/// Why a sink cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Something of it is wrong.
    #[error("{what}: {why}")]
    Wrong {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
}

pub(crate) fn wrong(what: &'static str, why: impl Into<String>) -> SinkError {
    SinkError::Wrong { what, why: why.into() }
}

/// The server of a target, without anything secret: `https://search.example:9200`. An error if the target makes no sense.
pub fn place(target: &SinkTarget, secret: Option<&str>) -> Result<String, SinkError> {
    if secret.is_some_and(|secret| {
        secret.is_empty() || secret.len() > MAX_TEXT || secret.chars().any(char::is_control)
    }) {
        return Err(wrong(
            "secret",
            format!("it is empty, longer than {MAX_TEXT} bytes, or has control characters"),
        ));
    }
    let none = |what: &str| match secret {
        Some(_) => Err(wrong("secret", format!("{what} has none"))),
        None => Ok(()),
    };
    match target {
        SinkTarget::OpenSearch { url, index, user, authorities, .. } => {
            certificates(authorities.as_deref())?;
            let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
            if index.is_empty()
                || index.len() > 200
                || index.starts_with(['-', '_', '.'])
                || !index.chars().all(is_good)
            {
                return Err(wrong(
                    "index",
                    "it has lower-case letters, digits, `-`, `_` and `.`, and begins with none of these three",
                ));
            }
            if user
                .as_ref()
                .is_some_and(|user| user.is_empty() || user.len() > MAX_TEXT || user.contains(':'))
            {
                return Err(wrong("user", "it is empty, too long, or has a colon"));
            }
            Ok(server(&url_of("url", url)?))
        }
        SinkTarget::Otlp { url, authorities } | SinkTarget::Webhook { url, authorities } => {
            certificates(authorities.as_deref())?;
            Ok(server(&url_of("url", url)?))
        }
        SinkTarget::Syslog { address, authorities } => {
            none("syslog")?;
            certificates(authorities.as_deref())?;
            let (host, port) = host_and_port(address)?;
            Ok(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
        }
        SinkTarget::Slack {} | SinkTarget::Teams {} => {
            let secret = secret.ok_or_else(|| wrong("secret", "the address of the webhook is needed"))?;
            Ok(server(&url_of("secret", secret)?))
        }
        SinkTarget::PagerDuty { url } => {
            secret.ok_or_else(|| wrong("secret", "the integration key is needed"))?;
            Ok(server(&url_of("url", url.as_deref().unwrap_or(PAGER_DUTY))?))
        }
        SinkTarget::File { max_mib, keep } => {
            none("a file")?;
            if !(1..=10_240).contains(max_mib) || *keep > 100 {
                return Err(wrong("target", "a file has 1 to 10240 MiB, and at most 100 are kept"));
            }
            Ok("the hub's directory".to_owned())
        }
    }
}

/// An address that can be asked. It is not told back, as it may be secret.
pub(crate) fn url_of(what: &'static str, text: &str) -> Result<Url, SinkError> {
    if text.len() > MAX_TEXT {
        return Err(wrong(what, format!("it is longer than {MAX_TEXT} bytes")));
    }
    let url = Url::parse(text).map_err(|error| wrong(what, format!("it is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(what, "it begins with https:// or http://, and names a server"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(what, "it has a name or a password in it; these have fields of their own"));
    }
    Ok(url)
}

fn server(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// `host:6514`, `[::1]:6514`
pub(crate) fn host_and_port(address: &str) -> Result<(String, u16), SinkError> {
    let expected = || wrong("address", "HOST:PORT is expected, as `syslog.example:6514`");
    let (host, port) = address.rsplit_once(':').ok_or_else(expected)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(expected)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_good = |c: char| c.is_ascii_alphanumeric() || ".-:_".contains(c);
    if host.is_empty() || host.len() > 253 || !host.chars().all(is_good) {
        return Err(expected());
    }
    Ok((host.to_owned(), port))
}

/// Certificates of authorities; none where nothing is said.
pub(crate) fn certificates(
    pem: Option<&str>,
) -> Result<Vec<rustls_pki_types::CertificateDer<'static>>, SinkError> {
    use rustls_pki_types::pem::PemObject;
    let Some(pem) = pem else { return Ok(Vec::new()) };
    if pem.len() > MAX_PEM {
        return Err(wrong("authorities", format!("they are longer than {MAX_PEM} bytes")));
    }
    let read: Result<Vec<_>, _> = rustls_pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(wrong("authorities", "there is no certificate in them; PEM is expected")),
        Err(error) => Err(wrong("authorities", format!("they cannot be read: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> SinkTarget {
        SinkTarget::Webhook { url: url.to_owned(), authorities: None }
    }

    #[test]
    fn a_place_tells_nothing_secret() {
        let told = |target: &SinkTarget, secret| place(target, secret).expect("makes sense");
        assert_eq!(told(&webhook("https://hooks.example/a/b?token=c"), Some("key")), "https://hooks.example");
        assert_eq!(
            told(&SinkTarget::Slack {}, Some("https://hooks.slack.example/services/T/B/x")),
            "https://hooks.slack.example"
        );
        assert_eq!(told(&SinkTarget::PagerDuty { url: None }, Some("key")), "https://events.pagerduty.com");
        let syslog = SinkTarget::Syslog { address: "[::1]:6514".to_owned(), authorities: None };
        assert_eq!(told(&syslog, None), "[::1]:6514");
    }

    #[test]
    fn what_makes_no_sense_is_told_without_the_secret() {
        let secret = "hunter2-hunter2";
        let with = format!("https://ann:{secret}@search.example");
        let index = |index: &str| SinkTarget::OpenSearch {
            url: "https://search.example".to_owned(),
            index: index.to_owned(),
            data_stream: true,
            user: None,
            authorities: None,
        };
        let cases = [
            (webhook(&with), None),
            (webhook("file:///etc/passwd"), None),
            (webhook("https://"), None),
            (webhook("hooks.example"), None),
            (SinkTarget::Slack {}, None),
            (SinkTarget::Slack {}, Some(secret)),
            (SinkTarget::PagerDuty { url: None }, None),
            (SinkTarget::Syslog { address: "syslog.example".to_owned(), authorities: None }, None),
            (SinkTarget::Syslog { address: "a b:6514".to_owned(), authorities: None }, None),
            (SinkTarget::Syslog { address: "a:6514".to_owned(), authorities: None }, Some(secret)),
            (SinkTarget::Syslog { address: "a:6514".to_owned(), authorities: Some("x".to_owned()) }, None),
            (SinkTarget::File { max_mib: 0, keep: 1 }, None),
            (index("../x"), None),
            (index("_all"), None),
            (index("Events"), None),
            (index(""), None),
        ];
        for (target, given) in cases {
            let error = place(&target, given).expect_err("makes no sense").to_string();
            assert!(!error.contains(secret), "{error}");
        }
    }
}
