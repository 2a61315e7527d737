//! `_bulk`: whatever may be answered.

use crate::{
    alerts, letters, send,
    server::{Server, answer},
};
use axum::http::Method;
use gabion_api::rest::SinkTarget;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

fn target(server: &Server, data_stream: bool) -> SinkTarget {
    SinkTarget::OpenSearch {
        url: format!("{}/behind/", server.url),
        index: "gabion-alerts".to_owned(),
        data_stream,
        user: Some("ann".to_owned()),
        authorities: None,
    }
}

/// An answer with these states of documents.
fn items(statuses: &[u16]) -> Vec<u8> {
    let item = |status: &u16| match status {
        200 | 201 => json!({"create": {"status": status}}),
        _ => {
            json!({"create": {"status": status, "error": {"type": "t", "reason": format!("because of {status}")}}})
        }
    };
    json!({"errors": true, "items": statuses.iter().map(item).collect::<Vec<_>>()}).to_string().into_bytes()
}

#[test]
fn each_document_is_judged_for_itself() {
    crate::run(async {
        let server = Server::start(|asked| match asked.method {
            Method::HEAD => answer(200, ""),
            _ => answer(200, items(&[201, 409, 429, 400, 503, 200])),
        })
        .await;
        let outcome = send(&target(&server, true), Some("secret"), &alerts(6)).await;
        assert_eq!(letters(&outcome), "TTARAT");
        assert!(format!("{outcome:?}").contains("400 t: because of 400"));
        let bulks = server.asked(&Method::POST);
        assert_eq!(bulks.len(), 1);
        assert!(
            bulks[0].path.starts_with("/behind/gabion-alerts/_bulk?filter_path=errors"),
            "{}",
            bulks[0].path
        );
        assert_eq!(bulks[0].header("authorization"), "Basic YW5uOnNlY3JldA==");
        assert_eq!(bulks[0].header("content-type"), "application/x-ndjson");
        let lines = bulks[0].lines();
        assert_eq!(lines.len(), 12);
        assert_eq!(lines[0], json!({"create": {"_id": "a-1:41"}}));
        let document = &lines[1];
        assert_eq!(document["@timestamp"], "2025-11-24T16:00:00.000Z");
        assert_eq!(
            document["container"],
            json!({"name": "web", "image": {"name": "registry.example:5000/shop/web", "tag": ["1.2"]}})
        );
        assert_eq!(
            document["orchestrator"],
            json!({"type": "kubernetes", "namespace": "shop", "resource": {"name": "web-0", "type": "pod"}})
        );
        assert_eq!(document["destination"], json!({"ip": "192.0.2.7", "port": 443}));
        assert_eq!(document["process"]["pid"], 4711);
        assert_eq!(document.get("user"), None, "what is not known is absent");

        let server = Server::start(|asked| match asked.method {
            Method::HEAD => answer(200, ""),
            _ => answer(200, items(&[409])),
        })
        .await;
        let outcome = send(&target(&server, false), None, &alerts(1)).await;
        assert_eq!(letters(&outcome), "T", "a newer state of it is there");
        let index = &server.asked(&Method::POST)[0].lines()[0];
        assert_eq!(*index, json!({"index": {"_id": "a-1", "version": 41, "version_type": "external_gte"}}));
    });
}

#[test]
fn a_busy_server_is_left_alone_for_as_long_as_it_says() {
    crate::run(async {
        for (status, wait) in
            [(429, Some("7")), (503, None), (401, None), (404, None), (500, None), (302, None)]
        {
            let server = Server::start(move |asked| {
                if asked.method == Method::HEAD {
                    return answer(200, "");
                }
                let (status, mut headers, body) = answer(status, "no");
                headers.extend(wait.map(|wait| ("retry-after", wait.to_owned())));
                headers.push(("location", "/elsewhere".to_owned()));
                (status, headers, body)
            })
            .await;
            let outcome = send(&target(&server, true), Some("hunter2"), &alerts(700)).await;
            assert_eq!(letters(&outcome), "A".repeat(700), "{status}");
            assert_eq!(outcome.wait, wait.map(|_| Duration::from_secs(7)));
            let trouble = outcome.trouble().expect("something is wrong").to_owned();
            assert!(trouble.contains(&status.to_string()) && !trouble.contains("hunter2"), "{trouble}");
            assert_eq!(
                server.asked(&Method::POST).len(),
                1,
                "the rest is not sent, and nothing is sent elsewhere"
            );
        }
    });
}

#[test]
fn an_answer_that_says_nothing_takes_nothing() {
    crate::run(async {
        for body in [
            b"<html>".to_vec(),
            b"".to_vec(),
            b"{}".to_vec(),
            items(&[201]),
            items(&[201, 201, 201]),
            br#"{"items": [{}, {}]}"#.to_vec(),
            vec![b' '; 2 << 20],
        ] {
            let server = Server::start(move |asked| match asked.method {
                Method::HEAD => answer(200, ""),
                _ => answer(200, body.clone()),
            })
            .await;
            assert_eq!(letters(&send(&target(&server, true), None, &alerts(2)).await), "AA");
        }
        let nobody = SinkTarget::OpenSearch {
            url: "http://127.0.0.1:1".to_owned(),
            index: "x".to_owned(),
            data_stream: true,
            user: None,
            authorities: None,
        };
        let outcome = send(&nobody, None, &alerts(2)).await;
        assert_eq!(letters(&outcome), "AA");
        assert!(outcome.trouble().is_some_and(|why| why.contains("refused")), "{outcome:?}");
    });
}

#[test]
fn what_is_too_large_is_halved() {
    crate::run(async {
        // Takes three documents at a time, and never the one of alert 5.
        let server = Server::start(|asked| {
            if asked.method == Method::HEAD {
                return answer(200, "");
            }
            let lines = asked.lines();
            let is_bad = lines.iter().any(|line| line["event"]["id"] == "a-5");
            if lines.len() > 6 || is_bad {
                answer(413, "too large")
            } else {
                answer(200, items(&vec![201; lines.len() / 2]))
            }
        })
        .await;
        let outcome = send(&target(&server, true), None, &alerts(8)).await;
        assert_eq!(letters(&outcome), "TTTTRTTT");
    });
}

#[test]
fn what_is_not_there_is_made_first_and_what_is_there_is_left_alone() {
    crate::run(async {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let server = Server::start(|asked| match asked.method {
            Method::HEAD => answer(404, ""),
            Method::PUT => {
                // Another hub is faster.
                MADE.fetch_add(1, Ordering::SeqCst);
                answer(400, r#"{"error":{"type":"resource_already_exists_exception"}}"#)
            }
            _ => answer(200, items(&[201])),
        })
        .await;
        assert_eq!(letters(&send(&target(&server, true), None, &alerts(1)).await), "T");
        let made = server.asked(&Method::PUT);
        assert_eq!(made[0].path, "/behind/_index_template/gabion-gabion-alerts");
        assert_eq!(made[0].json()["index_patterns"], json!(["gabion-alerts"]));
        assert_eq!(made[1].path, "/behind/_data_stream/gabion-alerts");
        let server = Server::start(|asked| match asked.method {
            Method::HEAD => answer(404, ""),
            Method::PUT => answer(403, r#"{"error":{"reason":"no permissions for [indices:admin/create]"}}"#),
            _ => answer(200, items(&[201])),
        })
        .await;
        let outcome = send(&target(&server, false), None, &alerts(1)).await;
        assert_eq!(letters(&outcome), "A", "it would be made without mappings");
        assert!(outcome.trouble().is_some_and(|why| why.contains("indices:admin/create")), "{outcome:?}");
        let mappings: Value = server.asked(&Method::PUT)[0].json();
        assert_eq!(mappings["mappings"]["properties"]["@timestamp"]["type"], "date");
    });
}
