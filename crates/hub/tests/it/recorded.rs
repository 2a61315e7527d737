//! Rules are tried on recordings that are sent: what they say, what is wrong with them, and what is wrong with the recording.

#[path = "../../../detect/tests/scap/scenario.rs"]
mod scenario;
#[path = "../../../detect/tests/scap/writer.rs"]
mod writer;

use crate::hub::{Hub, until, with};
use gabion_detect::{
    recording::{self, Caps, own::Writer},
    replay::each,
    state::{Limits, State},
};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};
use std::{
    io::{self, Write as _},
    net::TcpStream,
};

pub(crate) const PATH: &str = "/api/v1/rules/test";
const RULES: &str = r#"
- rule: Shell in a container
  desc: A shell runs where a server should
  condition: evt.type in (execve, execveat) and evt.res = SUCCESS and container.id != host and proc.name = sh
  output: shell %proc.name of %proc.pname in %container.name (%proc.cmdline)
  priority: WARNING
- rule: Somebody listens
  desc: Nobody does here
  condition: evt.type = listen and proc.name = nobody
  output: "%proc.name"
  priority: NOTICE
"#;

/// The scenario in Gabion's own format, as `gabion replay --convert` makes it.
pub(crate) fn own() -> Vec<u8> {
    let scap = scenario::recording();
    let mut source = recording::open(&scap[..], Caps::WIDE).expect("opens");
    let node = source.node().clone();
    let mut state = State::new(Limits::default(), &node.name, node.boot);
    let mut writer = None;
    let pass = each(&mut *source, &mut state, usize::MAX, &mut |event, state, _| {
        if writer.is_none() {
            writer = Some(Writer::new(Vec::new(), &node, state, event.time)?);
        }
        writer.as_mut().map_or(Ok(()), |writer| writer.write(event, state))
    });
    let pass: Result<_, io::Error> = pass;
    pass.expect("memory").read.expect("reads");
    writer.expect("there were events").finish().expect("memory")
}

/// A request with such a form.
pub(crate) fn with_form(request: RequestBuilder, parts: &[(&str, &[u8])]) -> RequestBuilder {
    request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x").body(form(parts))
}

/// A form, as `curl -F rules=@... -F recording=@...` sends it.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body
}

async fn sent(hub: &Hub, token: &str, query: &str, parts: &[(&str, &[u8])]) -> (StatusCode, Value) {
    let request = hub.by(token, Method::POST, &format!("{PATH}{query}"));
    let answer = with_form(request, parts).send().await.expect("answers");
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn judged(hub: &Hub, query: &str, parts: &[(&str, &[u8])]) -> Value {
    let (status, answer) = sent(hub, &hub.token, query, parts).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

#[test]
fn rules_say_what_they_would_have_said() {
    with(async |hub| {
        let (scap, own) = (scenario::recording(), own());
        let rules = ("rules", RULES.as_bytes());
        let test = judged(hub, "?own=false", &[rules, ("recording", &scap)]).await;
        assert_eq!(
            (&test["rules"], &test["silent"], &test["alerts"]),
            (&json!(2), &json!(1), &json!(1)),
            "{test}"
        );
        assert_eq!((&test["node"], &test["problems"]), (&json!("node-1"), &json!([])), "{test}");
        let rows = test["by_rule"].as_array().expect("a list");
        assert_eq!((&rows[0]["rule"], &rows[0]["alerts"]), (&json!("Shell in a container"), &json!(1)));
        assert_eq!((&rows[1]["alerts"], &rows[1]["source"]), (&json!(0), &json!("rules")), "it is told, too");
        let first = &test["first"][0];
        assert_eq!((&first["rule"], &first["priority"]), (&json!("Shell in a container"), &json!("Warning")));
        assert!(first["output"].as_str().is_some_and(|output| output.starts_with("shell sh of ")), "{first}");
        let kinds = test["kinds"].as_array().expect("a list");
        let sum: u64 = kinds.iter().filter_map(|kind| kind["events"].as_u64()).sum();
        assert!(sum > 5 && test["events"] == sum, "{test}");
        assert!(kinds.iter().any(|kind| kind["kind"] == "execve"), "{test}");
        assert!(test["unread"].to_string().contains("types that no rule can name"), "{test}");

        // The same in the other format, and the parts in the other order; all that was read of it can be judged.
        let mut again = judged(hub, "?own=false", &[("recording", &own), rules]).await;
        assert_eq!(again["unread"], json!([]));
        again["unread"] = test["unread"].clone();
        assert_eq!(again, test);

        // With Gabion's own: whichever matches first is told, or all.
        let both = judged(hub, "", &[rules, ("recording", &own)]).await;
        assert!(both["rules"].as_u64() > Some(20), "{both}");
        let alone = judged(hub, "", &[("recording", &own)]).await;
        assert_eq!(both["rules"].as_u64(), alone["rules"].as_u64().map(|rules| rules + 2));
        assert!(
            alone["by_rule"].as_array().is_some_and(|rows| rows.iter().all(|row| row["source"] == "Gabion"))
        );
        let all = judged(hub, "?all=true", &[rules, ("recording", &own)]).await;
        let of_own = alone["alerts"].as_u64().expect("a number");
        assert!(all["alerts"].as_u64() > Some(of_own), "{all}");
    });
}

#[test]
fn what_is_wrong_with_rules_has_its_place() {
    with(async |hub| {
        let wrong = "- rule: One\n  desc: x\n  condition: evt.type = execve and proc.nmae = sh\n  output: x\n  priority: NOTICE\n";
        let test = judged(hub, "", &[("rules", wrong.as_bytes()), ("recording", &own())]).await;
        let problems = test["problems"].as_array().expect("a list");
        assert_eq!((problems.len(), &test["events"]), (1, &json!(0)), "{test}");
        let problem = problems[0].as_str().expect("text");
        assert!(problem.starts_with("rules:3:") && problem.contains("proc.nmae"), "{problem}");
    });
}

#[test]
fn what_is_wrong_with_a_recording_is_told_and_what_was_before_counts() {
    with(async |hub| {
        let (scap, own) = (scenario::recording(), own());
        let whole = judged(hub, "", &[("recording", &scap)]).await;
        let cut = judged(hub, "", &[("recording", &scap[..scap.len() - 10])]).await;
        let events = |test: &Value| test["events"].as_u64().expect("a number");
        assert!((1..events(&whole)).contains(&events(&cut)), "{cut}");
        assert!(cut["unread"][0].as_str().is_some_and(|why| why.contains("the block at byte")), "{cut}");
        let cut = judged(hub, "", &[("recording", &own[..own.len() - 1])]).await;
        assert!(cut["unread"].to_string().contains("its last block is not complete"), "{cut}");

        for (parts, why) in [
            (&[("recording", &b"\x7fELF and so on"[..])][..], "this is no recording"),
            (&[("recording", b"")], "this is no recording"),
            (&[("recording", b"\x89GBN\r\n\x1a\n\x01\x00\xff\xff\xff\xff\x00\x00\x00\x00")], "damaged"),
            (&[("rules", b"")], "recording: it is missing"),
            (&[("recording", &own), ("recording", &own)], "twice"),
            (&[("recording", &own), ("rules", b"\xff")], "UTF-8"),
        ] {
            let (status, answer) = sent(hub, &hub.token, "", parts).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
            assert!(answer["error"].as_str().is_some_and(|error| error.contains(why)), "{why}: {answer}");
        }
        let (status, answer) = sent(hub, &hub.token, "?own=false", &[("recording", &own)]).await;
        assert!(
            status == StatusCode::BAD_REQUEST && answer["error"].to_string().contains("none to judge by")
        );
        let answer = hub.post(PATH, json!({"rules": ""})).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    });
}

#[test]
fn what_is_too_large_is_refused() {
    with(async |hub| {
        let large = vec![0; (64 << 20) + 1];
        let (status, answer) = sent(hub, &hub.token, "", &[("recording", &large)]).await;
        assert_eq!(
            (status, &answer["error"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("the recording is larger than 64 MiB"))
        );
        let rules = &large[..=1 << 20];
        let (status, answer) = sent(hub, &hub.token, "", &[("recording", b""), ("rules", rules)]).await;
        assert_eq!(
            (status, &answer["error"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("the text of the rules is larger than 1 MiB"))
        );
    });
}

#[test]
fn only_who_may_change_rules_for_all_may_try_them() {
    with(async |hub| {
        let recording = own();
        for (role, owners, status) in [
            ("viewer", &[][..], StatusCode::FORBIDDEN),
            ("operator", &["shop"], StatusCode::FORBIDDEN),
            ("operator", &[], StatusCode::OK),
        ] {
            let token = hub.token(role, owners).await;
            let answer = sent(hub, &token, "", &[("recording", &recording)]).await;
            assert_eq!(answer.0, status, "{role} {owners:?}: {}", answer.1);
        }
    });
}

#[test]
fn it_is_one_at_a_time() {
    with(async |hub| {
        let recording = own();
        let one = async || sent(hub, &hub.token, "", &[("recording", &recording)]).await;
        assert_eq!(one().await.0, StatusCode::OK);
        // One who is in the middle of an upload. If it comes while another is being tried, it is sent away itself: then the next is that one.
        let host = hub.url().trim_start_matches("http://").to_owned();
        let mut slow = Vec::new();
        let answer = until("that it is busy", async || {
            let mut upload = TcpStream::connect(&host).expect("connects");
            write!(
                upload,
                "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Length: 1000\r\n\
                 Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n",
                hub.token
            )
            .expect("writes");
            slow.push(upload);
            let (status, answer) = one().await;
            (status == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
        });
        assert!(answer.await["error"].to_string().contains("one at a time"));
        drop(slow);
        until("that it is free again", async || (one().await.0 == StatusCode::OK).then_some(())).await;
    });
}
