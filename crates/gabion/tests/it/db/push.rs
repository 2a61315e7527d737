//! `gabion db push` to a real registry, and `gabion db update` from there.

use super::share::{next_version, publisher, source};
use crate::{
    bad::{Desk, Ran},
    feeds::{LEFT_PAD, LODASH, vulnerabilities},
    machine::can_run,
    registry::{Gate, Registry, TOOLS, logged_in, with_login},
};
use std::process::Stdio;

/// A publisher and a registry.
fn world() -> (Desk, Registry, String) {
    let desk = publisher();
    let registry = Registry::start(&desk.at("registry"));
    let place = format!("oci://{}/team/db:v1", registry.host);
    (desk, registry, place)
}

fn push(desk: &Desk, host: &str, place: &str) -> Ran {
    with_login(desk, host, &["db", "push", "public", place])
}

/// Bytes in the figure before a word: `1.5 KiB fetched`.
fn figure(line: &str, word: &str) -> f64 {
    let (before, _) = line.split_once(word).expect("the word");
    let mut parts = before.split_whitespace().rev();
    let (unit, number) = (parts.next().expect("a unit"), parts.next().expect("a number"));
    let unit = ["B", "KiB", "MiB"].iter().position(|one| *one == unit).expect("a unit of bytes");
    number.parse::<f64>().expect("a number") * 1024_f64.powi(i32::try_from(unit).expect("small"))
}

#[test]
fn a_database_is_pushed_and_updated_from_a_registry() {
    if !can_run("a_database_is_pushed_and_updated_from_a_registry", &TOOLS) {
        return;
    }
    let (desk, registry, place) = world();
    let host = registry.host.as_str();
    source(&desk);
    let pushed = push(&desk, host, &place);
    assert_eq!((pushed.code, pushed.err.as_str()), (0, ""), "{}", pushed.out);
    assert!(pushed.out.starts_with(&format!("{place} is sha256:")), "{}", pushed.out);
    assert_eq!(push(&desk, host, &place).out, pushed.out, "nothing new");

    let fetch =
        |more: &[&str]| with_login(&desk, host, &[&["db", "update", "--db", "client"], more].concat());
    // Somebody else's key, and then the publisher's, which is remembered.
    assert_eq!(desk.run(&["db", "keygen", "mallory"]).code, 0);
    fetch(&[&place, "--key", "mallory.pub"]).fails(&["cannot update from", "sign"]);
    assert!(!desk.at("client/current.json").exists());
    let first = fetch(&[&place, "--key", "key.pub"]);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(first.out.contains("client is at version 1 now, "), "{}", first.out);
    fetch(&["--key", "mallory.pub"]).fails(&["signed by another key until now"]);
    assert_eq!(desk.run(&["db", "verify", "--db", "client"]).code, 0);
    let scan = || desk.scan("dir:source", &["--db", "client"]).report();
    assert_eq!(vulnerabilities(&scan()), [LODASH, LEFT_PAD]);

    next_version(&desk);
    assert_eq!(push(&desk, host, &place).code, 0);
    let second = fetch(&[]);
    assert_eq!(second.code, 0, "{}", second.err);
    let [segment, last] = second.out.lines().collect::<Vec<_>>()[..] else {
        unreachable!("one segment changed: {}", second.out)
    };
    assert!(segment.starts_with("  ghsa ") && segment.ends_with("  what changed"), "{}", second.out);
    assert!(last.contains("is at version 2 now"), "{}", second.out);
    let all = figure(first.out.lines().last().expect("a line"), "fetched");
    let changed = figure(last, "fetched");
    assert!(changed > 0.0 && changed * 4.0 < all, "{changed} of {all}: {}", second.out);
    assert_eq!(vulnerabilities(&scan()), [LODASH, LEFT_PAD, "CVE-2025-99006"]);
    assert_eq!(desk.run(&["db", "verify", "--db", "client"]).code, 0);
    let same = fetch(&[]);
    assert!(same.out.ends_with("client is at version 2, the newest\n"), "{}{}", same.out, same.err);
}

#[test]
fn a_push_that_is_broken_off_leaves_what_was_there() {
    if !can_run("a_push_that_is_broken_off_leaves_what_was_there", &TOOLS) {
        return;
    }
    let (desk, registry, place) = world();
    let host = registry.host.as_str();
    assert_eq!(push(&desk, host, &place).code, 0);
    next_version(&desk);
    // In the midst of the files, and when all but the tag is there.
    for (number, word) in
        ["PUT /v2/team/db/blobs/uploads/", "PUT /v2/team/db/manifests/v1"].iter().enumerate()
    {
        let gate = Gate::before(host, word);
        let through = place.replace(host, &gate.host);
        let mut pushing = logged_in(&desk, &gate.host, &["db", "push", "public", &through]);
        let mut pushing = pushing.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        gate.wait();
        pushing.kill().expect("is killed");
        pushing.wait().expect("ends");
        let client = format!("client-{number}");
        let fetched = with_login(&desk, host, &["db", "update", "--db", &client, &place, "--key", "key.pub"]);
        assert!(fetched.out.contains("is at version 1 now"), "{word}: {}{}", fetched.out, fetched.err);
        assert_eq!(desk.run(&["db", "verify", "--db", &client]).code, 0, "{word}");
    }
    // The next one goes on from there.
    assert_eq!(push(&desk, host, &place).code, 0);
    let fetched = with_login(&desk, host, &["db", "update", "--db", "client-1"]);
    assert!(fetched.out.contains("what changed"), "{}{}", fetched.out, fetched.err);
    assert!(fetched.out.contains("is at version 2 now"), "{}", fetched.out);
}

#[test]
fn who_may_not_and_what_is_not_there_is_told() {
    if !can_run("who_may_not_and_what_is_not_there_is_told", &TOOLS) {
        return;
    }
    let (desk, registry, place) = world();
    let host = registry.host.as_str();
    let plain = ["--registry-insecure", host];
    let run = |arguments: &[&str]| desk.run(&[arguments, &plain].concat());
    run(&["db", "push", "public", &place]).fails(&[host, "refuses", "hint: log in with `docker login "]);
    let update = ["db", "update", "--db", "client", &place, "--key", "key.pub"];
    run(&update).fails(&["cannot update from", "refuses", "hint: log in with `docker login "]);
    let mut wrong = logged_in(&desk, host, &["db", "push", "public", &place]);
    let wrong = Ran::of(wrong.env("GABION_REGISTRY_PASSWORD", "wr0ng"));
    wrong.fails(&["the credentials are not accepted"]);
    assert!(!wrong.err.contains("wr0ng"));

    // Logged in, but nothing was pushed yet; or another tag was.
    with_login(&desk, host, &update).fails(&["cannot update from", "does not have it"]);
    assert_eq!(push(&desk, host, &place).code, 0);
    let other = place.replace(":v1", ":v2");
    with_login(&desk, host, &["db", "update", "--db", "client", &other, "--key", "key.pub"])
        .fails(&["does not have it"]);
    // What is no database, and no place to push to.
    with_login(&desk, host, &["db", "push", "feeds", &place]).fails(&["manifest.json"]);
    run(&["db", "push", "public", "https://example.org/db"]).fails(&["only a registry is pushed to"]);
    run(&["db", "push", "public", "oci://a//b"]).fails(&["is not an image reference"]);
    assert!(!desk.at("client/current.json").exists());
}
