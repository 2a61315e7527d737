//! Answers: what differs is told, and silence only where somebody has looked.

use super::*;
use gabion_api::rest::{Flow, PackageUse, ProfiledEntry, ProfiledFile, ProfiledPort, RuleAlerts};
use std::fmt::Write as _;

fn told(answers: &[ProfileAnswer]) -> String {
    answers.iter().fold(String::new(), |mut all, answer| {
        writeln!(all, "{:?} {:?}: {}", answer.verdict, answer.question, answer.text).expect("fits");
        all
    })
}

fn a_seen() -> SeenProfile {
    let listens = [("80/tcp", true), ("9000/tcp", false)].map(|(port, declared)| ProfiledPort {
        port: port.to_owned(),
        declared: Some(declared),
        workloads: vec!["shop/web".to_owned()],
    });
    SeenProfile {
        running: 2,
        watched: 2,
        listens: listens.to_vec(),
        files: vec![ProfiledFile {
            path: "usr/sbin/nginx".to_owned(),
            packages: vec!["deb/nginx".to_owned()],
            workloads: 1,
            by: "shop/web".to_owned(),
            since: 1,
        }],
        packages: Some(PackageUse { loaded: 1, idle: 2, unseen: 3, packages: Vec::new() }),
        alerts: vec![
            RuleAlerts { rule: "Shell".to_owned(), alerts: 9 },
            RuleAlerts { rule: DRIFT[0].to_owned(), alerts: 2 },
        ],
        ..SeenProfile::default()
    }
}

fn a_declared() -> DeclaredProfile {
    let ports = ["80/tcp", "443/tcp", "53/udp"].map(str::to_owned);
    DeclaredProfile { user: "app".to_owned(), ports: ports.to_vec(), ..DeclaredProfile::default() }
}

#[test]
fn what_differs_comes_first() {
    let ran_as = RanAs::Root { program: "/bin/sh".to_owned(), container: "web-0".to_owned(), many: 1 };
    insta::assert_snapshot!(told(&compare(Some(&a_declared()), &a_seen(), Some(&ran_as))), @"
    Differs Listens: It listens on ports that it does not declare: 9000/tcp (shop/web).
    Differs Declared: Nobody was seen to listen on what it declares: 443/tcp; 2 containers were watched from the start.
    Differs User: It names the user app, and 1 program ran as root within the last 24 hours, the last one /bin/sh in web-0.
    Differs Packages: Of 2 of the 3 packages with programs or libraries nothing was loaded.
    Differs Drift: It has executed what is not in the image: Program dropped and executed (2 alerts).
    Unknown Declared: Whether anybody receives on 53/udp is not known, because ports of UDP are not kept.
    ");
}

#[test]
fn what_agrees_says_by_whom() {
    let mut seen = a_seen();
    seen.listens.truncate(1);
    seen.alerts.truncate(1);
    seen.packages = Some(PackageUse { loaded: 3, ..PackageUse::default() });
    let declared = DeclaredProfile { ports: vec!["80".to_owned()], ..a_declared() };
    insta::assert_snapshot!(told(&compare(Some(&declared), &seen, Some(&RanAs::Others(7)))), @"
    Agrees Listens: It declares every port on which it was seen to listen.
    Agrees Declared: On every port of TCP that it declares somebody listens.
    Agrees User: It names the user app, and within the last 24 hours none of 7 programs ran as root.
    Agrees Packages: Of each package that has programs or libraries something was loaded.
    Agrees Drift: No alert says that it has executed what is not in the image.
    ");
    seen.listens.clear();
    let declared = DeclaredProfile { ports: Vec::new(), ..declared };
    assert!(
        told(&compare(Some(&declared), &seen, None)).contains("Agrees Listens: It was not seen to listen")
    );
}

#[test]
fn a_port_that_others_use_is_not_said_to_be_silent() {
    let flow = |connections: u64, port: u16| Flow {
        from: "shop/web".to_owned(),
        to: "shop/api".to_owned(),
        port,
        protocol: "tcp".to_owned(),
        connections,
        denied: 1,
        first: 1,
        last: 1,
        encrypted: None,
    };
    let declared = DeclaredProfile { ports: ["80", "81", "82"].map(str::to_owned).to_vec(), ..a_declared() };
    let entry = ProfiledEntry {
        workload: "shop/api".to_owned(),
        port: 82,
        address: "203.0.113.9".to_owned(),
        first: 1,
        last: 1,
    };
    let seen = SeenProfile {
        watched: 1,
        incoming: vec![flow(2, 80), flow(1, 81)],
        entries: vec![entry],
        ..SeenProfile::default()
    };
    insta::assert_snapshot!(told(&compare(Some(&declared), &seen, None)), @"
    Differs Declared: Nobody was seen to listen on what it declares: 81; 1 container was watched from the start.
    Unknown Listens: It was not seen to listen, but others connect to it: 80/tcp.
    Unknown Declared: Nobody was seen to listen on 80, but others connect to it there.
    Agrees Drift: No alert says that it has executed what is not in the image.
    ");
}

#[test]
fn where_nobody_has_watched_silence_is_not_known() {
    let seen = SeenProfile {
        running: 1,
        gaps: vec!["1 container on db-1 ran before its agent did".to_owned()],
        packages_unknown: Some("it was not scanned".to_owned()),
        ..SeenProfile::default()
    };
    let ran_as = RanAs::Unknown("no container has run it".to_owned());
    let answers = compare(Some(&a_declared()), &seen, Some(&ran_as));
    assert!(answers.iter().all(|answer| answer.verdict == Verdict::Unknown), "{}", told(&answers));
    insta::assert_snapshot!(told(&answers), @"
    Unknown Listens: On which ports it listens is not known, because 1 container on db-1 ran before its agent did.
    Unknown Declared: Whether anybody listens on 80/tcp, 443/tcp is not known, because 1 container on db-1 ran before its agent did.
    Unknown Declared: Whether anybody receives on 53/udp is not known, because ports of UDP are not kept.
    Unknown User: Whether it runs as the user app is not known, because no container has run it.
    Unknown Packages: Which packages are used is not known, because it was not scanned.
    Unknown Drift: Whether it executes only what is in the image is not known, because 1 container on db-1 ran before its agent did.
    ");
    insta::assert_snapshot!(told(&compare(None, &SeenProfile::default(), None)), @"
    Unknown Listens: On which ports it listens is not known, because nothing of it was seen.
    Unknown Declared: What it declares is not known, because it was not scanned or has no configuration.
    Unknown Drift: Whether it executes only what is in the image is not known, because nothing of it was seen.
    ");
}

#[test]
fn a_hostile_image_has_no_endless_answer() {
    let ports = (1..60_000).map(|port| format!("{port}/tcp")).collect();
    let declared = DeclaredProfile { ports, ..DeclaredProfile::default() };
    let answers = compare(Some(&declared), &SeenProfile { watched: 1, ..SeenProfile::default() }, None);
    assert!(told(&answers).contains("12/tcp and 59987 more"), "{}", told(&answers));
    assert!(told(&answers).len() < 1000);
}
