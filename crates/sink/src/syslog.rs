//! Syslog: RFC 5424 over TLS, RFC 5425.
//!
//! ```text
//!   162 <33>1 2026-11-28T01:02:03.004Z db-1 gabion - alert [gabion@32473 id="a-1" ...] BOM message
//!   │    └ facility * 8 + severity
//!   └ octets of the rest
//! ```
//!
//! Syslog confirms nothing. So each batch has a connection of its own, which we end when all is written and from which we then wait for
//! the other end: a receiver that is gone, or is killed with unread bytes, resets it, and the batch is sent again. A receiver ends it when it has
//! read to the end. (What it then does with what it has read, it does not say.)

use crate::{
    Whole,
    record::{Kind, Record, line, word},
    target::{SinkError, certificates, host_and_port, wrong},
};
use gabion_api::rest::Severity;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

/// How long a connection may take to be made, a batch to be written, and the receiver to read it.
const CONNECT: Duration = Duration::from_secs(10);
const WRITE: Duration = Duration::from_secs(30);
const READ: Duration = Duration::from_secs(15);
/// Octets of a message: what receivers should take (RFC 5425, 4.3.1).
const MAX_MESSAGE: usize = 8192;
/// Octets of a value of structured data.
const MAX_VALUE: usize = 512;
/// What a receiver says is not read further than this.
const MAX_SAID: usize = 64 << 10;
/// 32473 is the enterprise number that RFC 5612 gives to those who have none.
const ID: &str = "gabion@32473";

pub(crate) struct Syslog {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Syslog {
    pub(crate) fn new(address: &str, authorities: Option<&str>) -> Result<Self, SinkError> {
        let (host, port) = host_and_port(address)?;
        let name = ServerName::try_from(host.clone()).map_err(|error| wrong("address", error.to_string()))?;
        let failed = |error: rustls::Error| wrong("authorities", error.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let certificates = certificates(authorities)?;
        let config = if certificates.is_empty() {
            builder.with_platform_verifier().map_err(failed)?.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                roots.add(certificate).map_err(failed)?;
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        };
        Ok(Self { host, port, name, tls: TlsConnector::from(Arc::new(config)) })
    }

    pub(crate) async fn send(&self, records: &[Record]) -> Whole {
        let mut batch = Vec::new();
        for record in records {
            let message = message(record);
            batch.extend_from_slice(format!("{} ", message.len()).as_bytes());
            batch.extend_from_slice(&message);
        }
        match self.deliver(&batch).await {
            Ok(()) => Whole::Taken,
            Err(why) => Whole::Again(line(&why, 300), None),
        }
    }

    async fn deliver(&self, batch: &[u8]) -> Result<(), String> {
        let late = |what: &'static str| move |_| format!("{what} took too long");
        let said = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
        let stream = timeout(CONNECT, TcpStream::connect((self.host.as_str(), self.port)))
            .await
            .map_err(late("connecting"))?
            .map_err(said("it cannot be connected to"))?;
        let mut stream = timeout(CONNECT, self.tls.connect(self.name.clone(), stream))
            .await
            .map_err(late("TLS"))?
            .map_err(said("TLS failed"))?;
        let written = async {
            stream.write_all(batch).await?;
            stream.flush().await?;
            // Says that this is the end, and ends our direction.
            stream.shutdown().await
        };
        timeout(WRITE, written).await.map_err(late("writing"))?.map_err(said("the connection broke"))?;
        let mut buffer = [0; 1024];
        let mut read = 0;
        let end = async {
            loop {
                match stream.read(&mut buffer).await {
                    Ok(0) => return Ok(()),
                    Ok(many) if read + many <= MAX_SAID => read += many,
                    Ok(_) => return Err(io::Error::other("it says more than a receiver of syslog does")),
                    // Not all say goodbye in TLS as well.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        timeout(READ, end)
            .await
            .map_err(|_| {
                "it has not ended the connection, so it is not known whether it has read all".to_owned()
            })?
            .map_err(said("the connection broke before it has read all"))
    }
}

/// `PRI`: log audit for the audit log, security otherwise.
fn priority(record: &Record) -> u32 {
    let facility = if record.kind == Kind::Audit { 13 } else { 4 };
    let severity = match record.severity {
        Severity::Critical => 2,
        Severity::High => 3,
        Severity::Medium => 4,
        Severity::Low => 5,
        Severity::Info | Severity::Unknown => 6,
    };
    facility * 8 + severity
}

/// Printable ASCII without spaces, or `-`.
fn header(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(most).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `id="a-1"`: `"`, `\` and `]` are escaped.
fn element(record: &Record) -> String {
    let mut text = format!("[{ID}");
    let count = record.count.to_string();
    let version = record.version.to_string();
    let techniques = record.techniques.join(",");
    let values = [
        ("id", Some(record.id.as_str())),
        ("version", Some(&version)),
        ("severity", Some(word(record.severity))),
        ("rule", record.rule.as_deref()),
        ("action", record.action.as_deref()),
        ("user", record.user.as_ref().map(|(name, _)| name.as_str())),
        ("from", record.user.as_ref().map(|(_, from)| from.as_str())),
        ("workload", record.workload.as_deref()),
        ("namespace", record.namespace.as_deref()),
        ("container", record.container.as_deref()),
        ("program", record.program.as_deref()),
        ("incident", record.incident.as_deref()),
        ("state", record.state.as_deref()),
        ("link", record.link.as_deref()),
        ("techniques", Some(&techniques)),
        ("count", Some(&count)),
    ];
    for (name, value) in values {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        text.extend([" ", name, "=\""]);
        for c in line(value, MAX_VALUE).chars() {
            if matches!(c, '"' | '\\' | ']') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push(']');
    text
}

fn message(record: &Record) -> Vec<u8> {
    let host = record.node.as_ref().map_or_else(|| "-".to_owned(), |(_, name)| header(name, 255));
    let mut text = format!(
        "<{}>1 {} {host} gabion - {} {} \u{feff}",
        priority(record),
        record.timestamp(),
        header(record.kind.as_str(), 32),
        element(record),
    );
    let rest = MAX_MESSAGE.saturating_sub(text.len());
    let says = if record.message.is_empty() { &record.title } else { &record.message };
    text.push_str(&line(says, rest));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_value_is_escaped_and_no_message_is_too_long() {
        let record = Record {
            id: "a\"]\\".to_owned(),
            message: format!("first\nsecond {}", "é".repeat(8000)),
            node: Some(("n-1".to_owned(), "db 1".to_owned())),
            rule: Some("r".repeat(5000)),
            ..Record::default()
        };
        let message = String::from_utf8(message(&record)).expect("UTF-8");
        assert!(message.len() <= MAX_MESSAGE, "{}", message.len());
        assert!(
            message.starts_with(
                "<38>1 1970-01-01T00:00:00.000Z db_1 gabion - alert [gabion@32473 id=\"a\\\"\\]\\\\\" "
            ),
            "{message}"
        );
        assert!(message.contains("] \u{feff}first second é"));
        assert!(!message.contains('\n'));
    }
}
