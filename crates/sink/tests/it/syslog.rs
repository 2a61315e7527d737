//! Syslog over TLS, against a listener that reads it by the RFCs: octets counted (5425), then header, structured data, message (5424).

use crate::{alert, alerts, letters, send};
use gabion_api::rest::SinkTarget;
use gabion_sink::Record;
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{collections::BTreeMap, sync::Arc};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

/// A receiver for one connection: its target, and what it has read.
async fn receiver(reads: bool) -> (SinkTarget, JoinHandle<Vec<u8>>) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let target = SinkTarget::Syslog {
        address: listener.local_addr().expect("an address").to_string(),
        authorities: Some(made.cert.pem()),
    };
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        if !reads {
            // Killed: what is unread makes the kernel reset the connection.
            let mut stream = acceptor.accept(stream).await.expect("TLS");
            let mut first = [0; 1];
            stream.read_exact(&mut first).await.expect("a byte");
            return Vec::new();
        }
        let Ok(mut stream) = acceptor.accept(stream).await else { return Vec::new() };
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.expect("reads to the end");
        bytes
    });
    (target, task)
}

/// RFC 5425, 4.3: `MSG-LEN SP SYSLOG-MSG`, until there is no more.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').expect("a space");
        let digits = std::str::from_utf8(&bytes[..space]).expect("digits");
        assert!(!digits.starts_with('0'), "NONZERO-DIGIT");
        let length: usize = digits.parse().expect("a number");
        let rest = &bytes[space + 1..];
        found.push(String::from_utf8(rest[..length].to_vec()).expect("UTF-8"));
        bytes = &rest[length..];
    }
    found
}

/// RFC 5424, 6: header, one element of structured data, message.
fn parsed(message: &str) -> (Vec<String>, BTreeMap<String, String>, String) {
    let mut parts = message.splitn(7, ' ');
    let header: Vec<String> = parts.by_ref().take(6).map(str::to_owned).collect();
    let mut rest =
        parts.next().expect("structured data").strip_prefix("[gabion@32473").expect("an element").chars();
    let mut values = BTreeMap::new();
    loop {
        let next = rest.next().expect("structured data ends");
        if next == ']' {
            break;
        }
        assert_eq!(next, ' ');
        let name: String = rest.by_ref().take_while(|c| *c != '=').collect();
        assert!(
            !name.is_empty()
                && name.len() <= 32
                && name.chars().all(|c| c.is_ascii_graphic() && !"=]\"".contains(c)),
            "{name}"
        );
        assert_eq!(rest.next(), Some('"'));
        let mut value = String::new();
        loop {
            match rest.next().expect("a value ends") {
                '"' => break,
                '\\' => value.push(rest.next().expect("something escaped")),
                c => {
                    assert!(c != ']', "it must be escaped");
                    value.push(c);
                }
            }
        }
        assert_eq!(values.insert(name, value), None);
    }
    assert_eq!((rest.next(), rest.next()), (Some(' '), Some('\u{feff}')), "UTF-8 has a BOM");
    (header, values, rest.collect())
}

#[test]
fn a_receiver_reads_every_message_to_its_end() {
    crate::run(async {
        let (target, task) = receiver(true).await;
        let mut records = alerts(400);
        records[1] =
            Record { rule: Some("a \"b\" [c] \\d é".to_owned()), message: String::new(), ..alert(2) };
        records[2].message = "long ".repeat(10_000);
        assert_eq!(letters(&send(&target, None, &records).await), "T".repeat(400));
        let messages = frames(&task.await.expect("reads"));
        assert_eq!(messages.len(), 400);
        let (header, values, says) = parsed(&messages[0]);
        assert_eq!(header, ["<35>1", "2025-11-24T16:00:00.000Z", "db-1", "gabion", "-", "alert"]);
        assert_eq!(
            (values["id"].as_str(), values["count"].as_str(), values["workload"].as_str()),
            ("a-1", "3", "shop/web")
        );
        assert_eq!(says, "a shell <!channel> [x](http://evil.example) second line");
        assert_eq!(parsed(&messages[1]).1["rule"], "a \"b\" [c] \\d é");
        assert_eq!(parsed(&messages[1]).2, "Terminal shell in container");
        assert!(messages.iter().all(|message| message.len() <= 8192));
        assert_eq!(parsed(&messages[399]).1["id"], "a-400");
    });
}

#[test]
fn a_receiver_that_is_killed_has_taken_nothing() {
    crate::run(async {
        let (target, task) = receiver(false).await;
        let outcome = send(&target, None, &alerts(300)).await;
        assert_eq!(letters(&outcome), "A".repeat(300), "{:?}", outcome.trouble());
        task.await.expect("ends");
    });
}

#[test]
fn a_receiver_that_is_not_who_it_should_be_is_sent_nothing() {
    crate::run(async {
        let (right, _) = receiver(true).await;
        let (wrong, task) = receiver(true).await;
        let (SinkTarget::Syslog { authorities, .. }, SinkTarget::Syslog { address, .. }) = (right, wrong)
        else {
            unreachable!("both are syslog")
        };
        let target = SinkTarget::Syslog { address, authorities };
        let outcome = send(&target, None, &alerts(1)).await;
        assert_eq!(letters(&outcome), "A");
        assert!(outcome.trouble().is_some_and(|why| why.contains("TLS failed")), "{:?}", outcome.trouble());
        assert_eq!(task.await.expect("ends"), b"");
    });
}
