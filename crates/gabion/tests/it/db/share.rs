//! How a database comes from one machine to others: signed, fetched, refused.

use crate::{
    bad::{Desk, Ran},
    feeds::{self, FROM, LEFT_PAD, LODASH, fixed, record, vulnerabilities},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
};

/// A publisher: the database `db`, the key `key`, and what is offered in `public`.
pub(super) fn publisher() -> Desk {
    let desk = feeds::desk();
    // Enough that a change is less than all of it.
    let mut many = feeds::lodash() + &feeds::left_pad();
    for number in 0..3_000 {
        let more = json!({ "summary": format!("Something is wrong with package {number}") });
        many += &record(
            &format!("CVE-2024-{}", 100_000 + number),
            ("npm", &format!("package-{number}")),
            &fixed("2.0.0"),
            &more,
        );
    }
    desk.write("feeds/ghsa.jsonl", many);
    feeds::build(&desk, "db", &FROM);
    let made = desk.run(&["db", "keygen", "key"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.out.contains("key: the secret key, without a password"), "{}", made.out);
    sign(&desk, "key");
    desk
}

fn sign(desk: &Desk, key: &str) {
    let signed = desk.run(&["db", "sign", "--db", "db", "--key", key, "--output", "public"]);
    assert_eq!(signed.code, 0, "{}", signed.err);
}

/// One more advisory, published.
pub(super) fn next_version(desk: &Desk) {
    let feed = fs::read_to_string(desk.at("feeds/ghsa.jsonl")).expect("reads");
    desk.write(
        "feeds/ghsa.jsonl",
        feed + &record("CVE-2025-99006", ("npm", "left-pad"), &fixed("9.0.0"), &json!({})),
    );
    feeds::build(desk, "db", &FROM);
    sign(desk, "key");
}

fn update(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["db", "update", "--db", "client"], more].concat())
}

fn sequence(desk: &Desk) -> u64 {
    let status = desk.run(&["db", "status", "--db", "client", "--format", "json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    status["sequence"].as_u64().expect("a number")
}

/// A lock file of a package that the database knows.
pub(super) fn source(desk: &Desk) {
    let lock = json!({ "lockfileVersion": 3, "packages": {
        "node_modules/lodash": { "version": "4.17.20" }, "node_modules/left-pad": { "version": "1.2.0" } } });
    desk.write("source/package-lock.json", lock.to_string());
}

#[test]
fn an_update_fetches_all_of_it_and_then_what_changed() {
    let desk = publisher();
    source(&desk);
    let first = update(&desk, &["./public", "--key", "key.pub"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("  ghsa  ") && first.out.contains("all of it"), "{}", first.out);
    assert!(first.out.contains("client is at version 1 now, "), "{}", first.out);
    let scan = || desk.scan("dir:source", &["--db", "client"]).report();
    assert_eq!(vulnerabilities(&scan()), [LODASH, LEFT_PAD]);
    let status = desk.run(&["db", "status", "--db", "client"]).out;
    assert!(status.contains("version 1 of dir:") && status.contains(", signed by "), "{status}");

    // Place and key are remembered; nothing new is nothing fetched.
    let same = update(&desk, &[]);
    assert!(same.out.ends_with("client is at version 1, the newest\n"), "{}{}", same.out, same.err);

    next_version(&desk);
    let second = update(&desk, &[]);
    assert_eq!(second.code, 0, "{}", second.err);
    let [segment, last] = second.out.lines().collect::<Vec<_>>()[..] else {
        unreachable!("one segment changed: {}", second.out)
    };
    assert!(segment.starts_with("  ghsa ") && segment.ends_with("what changed"), "{}", second.out);
    assert!(last.contains("is at version 2 now"), "{}", second.out);
    assert_eq!(vulnerabilities(&scan()), [LODASH, LEFT_PAD, "CVE-2025-99006"]);
    let diff = desk.run(&["db", "diff", "db", "client"]);
    assert_eq!((diff.code, diff.out.as_str()), (0, ""), "{}", diff.err);
    assert_eq!(desk.run(&["db", "verify", "--db", "client"]).code, 0);

    // A second database is a second client, with its own memory.
    desk.run(&["db", "update", "--db", "other"]).fails(&["it is not known where to update from"]);
    let other = desk.run(&["db", "update", "--db", "other", "public", "--key", "key.pub"]);
    assert!(other.out.contains("other is at version 2 now"), "{}{}", other.out, other.err);
}

#[test]
fn only_what_the_publisher_signed_is_taken() {
    let desk = publisher();
    update(&desk, &["./public"])
        .fails(&["it is not known whose signature to accept", "hint: give the publisher's public key"]);
    assert_eq!(desk.run(&["db", "keygen", "mallory"]).code, 0);
    update(&desk, &["./public", "--key", "mallory.pub"]).fails(&["sign"]);
    update(&desk, &["./public", "--key", "nonsense"]).fails(&["the public key cannot be read"]);
    assert!(!desk.at("client/current.json").exists());
    assert_eq!(update(&desk, &["./public", "--key", "key.pub"]).code, 0);

    // Another key than the one that is remembered is an attack, or a decision.
    let sum = fs::read(desk.at("client/current.json")).expect("reads");
    update(&desk, &["--key", "mallory.pub"]).fails(&["another key until now", "--new-key"]);
    sign(&desk, "mallory");
    update(&desk, &[]).fails(&["sign"]);
    assert_eq!(fs::read(desk.at("client/current.json")).expect("reads"), sum);
    let moved = update(&desk, &["--key", "mallory.pub", "--new-key"]);
    assert_eq!(moved.code, 0, "{}", moved.err);
    update(&desk, &["--key", "key.pub"]).fails(&["another key until now"]);

    // Bytes that are not what the manifest says.
    let blobs = fs::read_dir(desk.at("public/blobs/sha256")).expect("lists");
    let largest = blobs.filter_map(Result::ok).max_by_key(|entry| entry.metadata().map_or(0, |m| m.len()));
    let largest = largest.expect("a blob").path();
    let mut bytes = fs::read(&largest).expect("reads");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&largest, bytes).expect("writes");
    desk.run(&["db", "update", "--db", "fresh", "./public", "--key", "mallory.pub"])
        .fails(&["another digest"]);
    assert!(!desk.at("fresh/current.json").exists());
    // An existing key is never overwritten, and one with a password asks for it.
    desk.run(&["db", "keygen", "key"]).fails(&["cannot write key"]);
    let protected =
        Ran::of(desk.command().args(["db", "keygen", "safe"]).env("GABION_DB_PASSWORD", "s3same"));
    assert!(protected.out.contains("protected by GABION_DB_PASSWORD"), "{}", protected.out);
    desk.run(&["db", "sign", "--db", "db", "--key", "safe", "--output", "p2"])
        .fails(&["the secret key cannot be used (wrong password"]);
}

#[test]
fn an_older_version_is_taken_on_purpose_only() {
    let desk = publisher();
    copy(&desk.at("public"), &desk.at("old"));
    next_version(&desk);
    assert_eq!(update(&desk, &["./public", "--key", "key.pub"]).code, 0);
    assert_eq!(sequence(&desk), 2);
    update(&desk, &["./old"]).fails(&["the manifest has sequence 1, older than 2, which was seen before"]);
    assert_eq!(sequence(&desk), 2);
    let back = update(&desk, &["./old", "--allow-older"]);
    assert_eq!(back.code, 0, "{}", back.err);
    assert_eq!(sequence(&desk), 1);
    update(&desk, &["./gone"]).fails(&["gone"]);
    desk.write("nothing/x", "");
    update(&desk, &["./nothing"]).fails(&["manifest"]);
}

#[test]
fn a_web_server_is_updated_from() {
    let desk = publisher();
    source(&desk);
    let server = Server::of(desk.at("public"));
    let place = format!("http://{}/", server.host);
    let first = update(&desk, &[&place, "--key", "key.pub", "--registry-insecure", &server.host]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert_eq!(vulnerabilities(&desk.scan("dir:source", &["--db", "client"]).report()), [LODASH, LEFT_PAD]);
    let all = server.sent();
    next_version(&desk);
    let second = update(&desk, &["--registry-insecure", &server.host]);
    assert!(
        second.out.contains("what changed") && second.out.contains("version 2 now"),
        "{}{}",
        second.out,
        second.err
    );
    let more = server.sent() - all;
    assert!(more * 4 < all, "{more} bytes for a change, {all} for all of it");
    fs::remove_file(desk.at("public/manifest.json")).expect("removes");
    update(&desk, &["--registry-insecure", &server.host]).fails(&["manifest.json"]);

    // A feed of a web server.
    let feed = Server::of(desk.at("feeds"));
    let from = format!("ghsa:osv=http://{}/ghsa.jsonl", feed.host);
    let built = desk.run(&["db", "build", "--db", "web", "--from", &from, "--registry-insecure", &feed.host]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert_eq!(vulnerabilities(&desk.scan("dir:source", &["--db", "web"]).report())[..2], [LODASH, LEFT_PAD]);
    let left: Vec<_> = fs::read_dir(desk.at("web")).expect("lists").filter_map(Result::ok).collect();
    assert!(left.iter().all(|e| !e.file_name().to_string_lossy().starts_with("fetched")), "{left:?}");
}

#[test]
fn scans_go_on_while_the_database_is_replaced() {
    let desk = publisher();
    source(&desk);
    let two = feeds::left_pad();
    desk.write("feeds/two.jsonl", &two);
    let changes = thread::scope(|scope| {
        let scans = scope.spawn(|| {
            (0..12).map(|_| desk.scan("dir:source", &["--db", "db", "--quiet"])).collect::<Vec<_>>()
        });
        let mut changes = 0;
        while !scans.is_finished() || changes == 0 {
            let feed =
                if changes % 2 == 0 { "ghsa:osv=feeds/two.jsonl" } else { "ghsa:osv=feeds/ghsa.jsonl" };
            feeds::build(&desk, "db", &[feed]);
            changes += 1;
        }
        for ran in scans.join().expect("ends") {
            let report = ran.report();
            let found = vulnerabilities(&report);
            assert!(found == [LODASH, LEFT_PAD] || found == [LEFT_PAD], "{found:?}");
        }
        changes
    });
    assert!(changes > 1, "{changes}");
    // What nobody needs any more is gone.
    assert_eq!(fs::read_dir(desk.at("db/segments")).expect("lists").count(), 1);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists").filter_map(Result::ok) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

/// A web server of one directory, with ranges, until the test program ends.
struct Server {
    host: String,
    sent: Arc<Mutex<u64>>,
}

impl Server {
    fn of(directory: PathBuf) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
        let host = listener.local_addr().expect("bound").to_string();
        let sent = Arc::new(Mutex::new(0));
        let count = sent.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *count.lock().expect("not poisoned") += answer(&stream, &directory);
            }
        });
        Self { host, sent }
    }

    /// Bytes of files.
    fn sent(&self) -> u64 {
        *self.sent.lock().expect("not poisoned")
    }
}

fn answer(stream: &TcpStream, directory: &Path) -> u64 {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let mut out = stream;
    let Ok(file) = fs::read(directory.join(path)) else {
        let _ = write!(out, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return 0;
    };
    let range = headers.iter().find_map(|line| {
        let line = line.to_ascii_lowercase();
        let (first, last) = line.strip_prefix("range: bytes=")?.split_once('-')?;
        let last = last.parse().map_or(file.len(), |last: usize| last + 1);
        Some((first.parse::<usize>().ok()?, last.min(file.len())))
    });
    let total = file.len();
    let (status, body, extra) = match range {
        None => ("200 OK", &file[..], String::new()),
        Some((first, last)) if first < last => (
            "206 Partial Content",
            &file[first..last],
            format!("content-range: bytes {first}-{}/{total}\r\n", last - 1),
        ),
        Some(_) => ("416 Range Not Satisfiable", &[][..], format!("content-range: bytes */{total}\r\n")),
    };
    // A client that hangs up has heard enough.
    let _ = write!(
        out,
        "HTTP/1.1 {status}\r\n{extra}content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = out.write_all(body);
    body.len() as u64
}

#[test]
fn what_is_added_to_a_fetched_database_stays_and_what_was_fetched_is_its_publishers() {
    let desk = publisher();
    let key = desk.at("key.pub");
    let fetched = update(&desk, &["public", "--key", key.to_str().expect("text")]);
    assert_eq!(fetched.code, 0, "{}", fetched.err);
    desk.write("feeds/own.jsonl", record("CVE-2025-99030", ("npm", "own"), &fixed("1.0.1"), &json!({})));
    let add = |from: &str| desk.run(&["db", "build", "--add", "--db", "client", "--from", from]);
    assert_eq!(add("osv=feeds/own.jsonl").code, 0);
    let before = sequence(&desk);
    for ran in [add("kev:osv=feeds/own.jsonl"), desk.run(&["db", "remove", "kev", "--db", "client"])] {
        ran.fails(&["the source kev is from ", "public: the next update would bring it back"]);
    }
    next_version(&desk);
    let updated = update(&desk, &[]);
    assert_eq!(updated.code, 0, "{}", updated.err);
    assert_eq!(sequence(&desk), before + 1);
    let status = desk.run(&["db", "status", "--db", "client"]).out;
    assert!(status.contains("  own                  osv (built here)"), "{status}");
    assert_eq!(status.matches("built here").count(), 1, "{status}");
    assert_eq!(desk.run(&["db", "search", "CVE-2025-99030", "--db", "client"]).code, 0);
    assert_eq!(desk.run(&["db", "search", "CVE-2025-99006", "--db", "client"]).code, 0);
    assert_eq!(desk.run(&["db", "remove", "own", "--db", "client"]).code, 0);
    assert_eq!(desk.run(&["db", "search", "CVE-2025-99030", "--db", "client"]).code, 1);
    assert_eq!(update(&desk, &[]).code, 0);
}
