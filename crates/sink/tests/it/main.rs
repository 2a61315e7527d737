//! Sinks against servers of the tests: what goes out, and what comes of each answer.

mod chat;
mod otlp;
mod search;
mod server;
mod syslog;

use gabion_api::rest::{Severity, SinkTarget};
use gabion_sink::{Kind, Outcome, Record, Sink, Verdict};
use std::path::Path;

const NOW: i64 = 1_764_000_000_000;

/// An alert as a node tells it, with what an attacker might have put into it.
fn alert(number: u64) -> Record {
    let text = |text: &str| Some(text.to_owned());
    let fields = [
        ("proc.name", "sh"),
        ("proc.pid", "4711"),
        ("proc.cmdline", "sh -c <!channel> [x](http://evil.example)"),
        ("container.image.repository", "registry.example:5000/shop/web"),
        ("container.image.tag", "1.2"),
        ("k8s.ns.name", "shop"),
        ("k8s.pod.name", "web-0"),
        ("fd.sip", "192.0.2.7"),
        ("fd.sport", "443"),
        ("user.name", "<NA>"),
    ];
    Record {
        id: format!("a-{number}"),
        version: 40 + number,
        kind: Kind::Alert,
        time: NOW,
        severity: Severity::High,
        title: "Terminal shell in container".to_owned(),
        message: "a shell <!channel> [x](http://evil.example)\nsecond line".to_owned(),
        rule: text("Terminal shell in container"),
        node: Some(("n-1".to_owned(), "db-1".to_owned())),
        workload: text("shop/web"),
        container: text("web"),
        program: text("/bin/sh"),
        techniques: vec!["T1059.004".to_owned()],
        count: 3,
        incident: text("n-1-7"),
        fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Record::default()
    }
}

fn alerts(many: u64) -> Vec<Record> {
    (1..=many).map(alert).collect()
}

/// What becomes of records that are sent to a target.
async fn send(target: &SinkTarget, secret: Option<&str>, records: &[Record]) -> Outcome {
    let mut sink = Sink::new("test", target, secret, Path::new("/nonexistent")).expect("makes sense");
    sink.send(records, NOW).await
}

/// `TRA`: taken, refused, again.
fn letters(outcome: &Outcome) -> String {
    let letter = |verdict: &Verdict| match verdict {
        Verdict::Taken => 'T',
        Verdict::Refused(_) => 'R',
        Verdict::Again(_) => 'A',
    };
    outcome.verdicts.iter().map(letter).collect()
}

fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test);
}

#[test]
fn a_file_is_on_disk_when_its_records_are_taken() {
    let directory = tempfile::tempdir().expect("a directory");
    run(async {
        let target = SinkTarget::File { max_mib: 1, keep: 2 };
        let mut sink = Sink::new("all", &target, None, &directory.path().join("sinks")).expect("makes sense");
        assert_eq!(letters(&sink.send(&alerts(3), NOW).await), "TTT");
        let text = std::fs::read_to_string(directory.path().join("sinks/all.jsonl")).expect("is there");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (&lines[2]["id"], &lines[2]["image"]),
            (&"a-3".into(), &"registry.example:5000/shop/web:1.2".into())
        );
        assert!(lines[0].get("action").is_none(), "what is not known is absent");
        // A link in its place is not followed.
        let elsewhere = directory.path().join("elsewhere");
        std::fs::write(&elsewhere, "").expect("writes");
        std::fs::remove_file(directory.path().join("sinks/all.jsonl")).expect("removes");
        std::os::unix::fs::symlink(&elsewhere, directory.path().join("sinks/all.jsonl")).expect("links");
        assert_eq!(letters(&sink.send(&alerts(1), NOW).await), "A");
        assert_eq!(std::fs::read(&elsewhere).expect("is there"), b"");
    });
}
