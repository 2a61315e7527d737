//! Webhooks: one's own, Slack, Teams, PagerDuty. Limits and shapes are those of the vendors' documentation.

use crate::{
    NOW, alert, alerts, letters, send,
    server::{Server, answer},
};
use axum::http::Method;
use gabion_api::rest::SinkTarget;
use gabion_sink::{Kind, Record};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

#[test]
fn a_webhook_is_signed_as_openssl_signs() {
    crate::run(async {
        let server = Server::start(|_| answer(204, "")).await;
        let target = SinkTarget::Webhook { url: format!("{}/hook?a=b", server.url), authorities: None };
        assert_eq!(letters(&send(&target, Some("key"), &alerts(150)).await), "T".repeat(150));
        let asked = server.asked(&Method::POST);
        assert_eq!(asked.len(), 2, "a hundred at once");
        let asked = &asked[0];
        assert_eq!(asked.path, "/hook?a=b");
        assert_eq!(asked.json()["records"].as_array().map(Vec::len), Some(100));
        assert_eq!(asked.header("x-gabion-timestamp"), (NOW / 1000).to_string());
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-hmac", "key"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is there: scripts/install.sh test");
        let mut input = openssl.stdin.take().expect("an input");
        std::io::Write::write_all(
            &mut input,
            &[format!("{}.", NOW / 1000).as_bytes(), &asked.body[..]].concat(),
        )
        .expect("writes");
        drop(input);
        let said = String::from_utf8(openssl.wait_with_output().expect("ends").stdout).expect("text");
        let digest = said.trim().rsplit(' ').next().expect("a digest");
        assert_eq!(asked.header("x-gabion-signature"), format!("sha256={digest}"));
    });
}

/// All texts in a document, with the name of what they are in.
fn texts(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, name, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| texts(value, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn slack_is_told_in_plain_text_within_its_limits() {
    crate::run(async {
        let server = Server::start(|_| answer(200, "ok")).await;
        let secret = format!("{}/services/T/B/x", server.url);
        let mut records = alerts(25);
        records[0].message = "x".repeat(100_000);
        assert_eq!(letters(&send(&SinkTarget::Slack {}, Some(&secret), &records).await), "T".repeat(25));
        let asked = server.asked(&Method::POST);
        assert_eq!(asked.len(), 3);
        for one in &asked {
            let body = one.json();
            let blocks = body["blocks"].as_array().expect("blocks");
            assert!(!blocks.is_empty() && blocks.len() <= 50, "at most 50 blocks");
            for block in blocks {
                let text = if block["type"] == "context" { &block["elements"][0] } else { &block["text"] };
                assert_eq!(text["type"], "plain_text", "no link, no mention: {block}");
                let most = if block["type"] == "header" { 150 } else { 3000 };
                assert!(
                    text["text"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty() && text.chars().count() <= most),
                    "{block}"
                );
            }
        }
        let one = send(
            &SinkTarget::Slack {},
            Some(&secret),
            &[Record { title: "<!channel> & co".to_owned(), ..alert(1) }],
        )
        .await;
        assert_eq!(letters(&one), "T");
        assert_eq!(server.asked(&Method::POST)[3].json()["text"], "High: &lt;!channel&gt; &amp; co");
    });
}

#[test]
fn teams_is_sent_an_adaptive_card_without_markup() {
    crate::run(async {
        let server = Server::start(|_| answer(202, "")).await;
        let mut records = alerts(10);
        records[3].message = "y".repeat(100_000);
        let secret = format!("{}/workflows/x", server.url);
        assert_eq!(letters(&send(&SinkTarget::Teams {}, Some(&secret), &records).await), "T".repeat(10));
        let asked = &server.asked(&Method::POST)[0];
        assert!(asked.body.len() < 28 << 10, "a message has at most 28 KiB: {}", asked.body.len());
        let body = asked.json();
        assert_eq!(body["type"], "message");
        let attachment = &body["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        let card = &attachment["content"];
        assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
        for element in card["body"].as_array().expect("a body") {
            assert_eq!(element["type"], "RichTextBlock", "a TextBlock would make links");
            assert_eq!(element["inlines"][0]["type"], "TextRun");
        }
        let mut found = Vec::new();
        texts(card, "", &mut found);
        assert!(
            found
                .iter()
                .any(|(name, text)| name == "text" && text.contains("[x](http://evil.example) second line"))
        );
    });
}

#[test]
fn pager_duty_is_told_each_once_and_when_it_is_over() {
    crate::run(async {
        let server = Server::start(|asked| {
            if asked.json()["dedup_key"] == "a-2" {
                return answer(400, r#"{"status":"invalid event","errors":["no"]}"#);
            }
            answer(202, r#"{"status":"success"}"#)
        })
        .await;
        let target = SinkTarget::PagerDuty { url: Some(format!("{}/v2/enqueue", server.url)) };
        let closed = Record {
            id: "n-1-7".to_owned(),
            kind: Kind::Incident,
            state: Some("closed".to_owned()),
            message: "z".repeat(5000),
            ..alert(3)
        };
        let outcome = send(&target, Some("key"), &[alert(1), alert(2), closed]).await;
        assert_eq!(letters(&outcome), "TRT");
        let asked: Vec<Value> = server.asked(&Method::POST).iter().map(crate::server::Asked::json).collect();
        let keys: Vec<&str> = asked.iter().filter_map(|event| event["dedup_key"].as_str()).collect();
        assert_eq!(keys, ["a-1", "a-2", "n-1-7"]);
        assert_eq!(
            (&asked[0]["event_action"], &asked[2]["event_action"]),
            (&json!("trigger"), &json!("resolve"))
        );
        for event in &asked {
            assert_eq!(event["routing_key"], "key");
            let payload = &event["payload"];
            assert!(
                payload["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty() && text.chars().count() <= 1024)
            );
            assert!(
                ["critical", "error", "warning", "info"]
                    .contains(&payload["severity"].as_str().unwrap_or_default())
            );
            assert_eq!(payload["source"], "db-1");
        }
        assert!(!format!("{outcome:?}").contains("\"key\""));
    });
}
