//! `gabion db`: from feeds to a database, and what is asked of it. How databases come to others is in [`share`] and [`push`].

mod affected;
mod push;
mod share;

use crate::{
    bad::{Desk, Ran},
    feeds::{self, CURL, FROM, LEFT_PAD, LODASH, REQUESTS, fixed, record, vulnerabilities},
};
use gabion_model::{Aspect, Status};
use serde_json::{Value, json};
use std::fs;

fn search(desk: &Desk, query: &str) -> Value {
    let ran = desk.run(&["db", "search", query, "--db", "db", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

/// Ids of the advisories that are found.
fn ids(found: &Value) -> Vec<&str> {
    found["advisories"].as_array().expect("a list").iter().filter_map(|one| one["id"].as_str()).collect()
}

#[test]
fn a_database_is_built_and_tells_what_it_holds() {
    let desk = Desk::new();
    feeds::write(&desk);
    let mut arguments = vec!["db", "build", "--output", "db"];
    arguments.extend(FROM.iter().flat_map(|feed| ["--from", feed]));
    let built = desk.run(&arguments);
    assert_eq!((built.code, built.err.as_str()), (0, ""));
    for line in [
        "  debian                            1 records",
        "  ghsa                              2 records",
        "  pypi                              1 records",
        "  vulnrichment                      1 records",
    ] {
        assert!(built.out.contains(line), "no {line:?} in\n{}", built.out);
    }

    let status = desk.run(&["db", "status", "--db", "db", "--format", "json"]);
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    let told: Vec<_> = status["sources"]
        .as_array()
        .expect("sources")
        .iter()
        .map(|s| format!("{} {} {} {}", s["name"], s["kind"], s["records"], s["ecosystems"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "debian osv 1 [Debian 1]",
            "epss epss 4 []",
            "ghsa osv 2 [npm 2]",
            "kev kev 1 []",
            "pypi osv 1 [PyPI 1]",
            "vulnrichment vulnrichment 1 []"
        ]
    );
    assert_eq!(status["sequence"], Value::Null);
    assert_eq!(status["created"], json!("2025-10-09T08:53:20Z"));
    let table = desk.run(&["db", "status", "--db", "db"]).out;
    assert!(table.contains("built here; put together just now, checked just now"), "{table}");
    assert!(table.contains("ghsa") && table.contains("8 days ago"), "{table}");

    let verified = desk.run(&["db", "verify", "--db", "db"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
    assert!(verified.out.ends_with("db is whole\n"), "{}", verified.out);
    assert!(verified.err.contains("kev: all rows are what its root says"), "{}", verified.err);
    assert_eq!(desk.run(&["db", "verify", "--db", "db", "--quiet"]).err, "");
}

#[test]
fn advisories_are_found_by_every_name_and_by_their_packages() {
    let desk = feeds::desk();
    let by_cve = search(&desk, LODASH);
    assert_eq!(ids(&by_cve), ["GHSA-gaba-aaaa-0001"]);
    assert_eq!(by_cve["exploited"]["cve"], LODASH);
    assert_eq!(by_cve["likelihood"]["probability"], 940_000);
    assert_eq!(by_cve["advisories"][0]["source"], "ghsa");
    assert_eq!(search(&desk, &LODASH.to_lowercase()), by_cve);
    assert_eq!(search(&desk, REQUESTS)["assessment"]["automatable"], true);
    for (query, id) in [
        ("GHSA-gaba-aaaa-0001", "GHSA-gaba-aaaa-0001"),
        ("lodash", "GHSA-gaba-aaaa-0001"),
        ("npm/lodash", "GHSA-gaba-aaaa-0001"),
        (CURL, "DEBIAN-CVE-2025-99003"),
        ("Debian:12/curl", "DEBIAN-CVE-2025-99003"),
        ("PyPI/Requests", REQUESTS),
        (LEFT_PAD, LEFT_PAD),
    ] {
        assert_eq!(ids(&search(&desk, query)), [id], "{query}");
    }
    for query in ["PyPI/lodash", "Debian:11/curl", "CVE-2025-99009", "no-such-package"] {
        assert!(ids(&search(&desk, query)).is_empty(), "{query}");
        let ran = desk.run(&["db", "search", query, "--db", "db"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{query}");
        assert_eq!(ran.err, format!("the database says nothing of {query}\n"));
    }
    let table = desk.run(&["db", "search", LODASH, "--db", "db"]).out;
    for part in [
        "known exploited  since 2025-09-10, by ransomware, too (CISA)",
        "94.0 % within 30 days",
        "also  CVE-2025-99001",
        "< 4.17.21",
    ] {
        assert!(table.contains(part), "no {part:?} in\n{table}");
    }
    let table = desk.run(&["db", "search", "requests", "--db", "db"]).out;
    assert!(table.contains("not fixed"), "{table}");
}

#[test]
fn two_databases_are_compared() {
    let desk = feeds::desk();
    let newer = feeds::left_pad().replace("1.3.0", "1.3.1")
        + &record("CVE-2025-99005", ("npm", "left-pad"), &fixed("2.0.0"), &json!({}));
    desk.write("feeds/ghsa.jsonl", newer);
    feeds::build(&desk, "new", &FROM);
    let ran = desk.run(&["db", "diff", "db", "new"]);
    assert_eq!(ran.out, "+ CVE-2025-99005\n~ CVE-2025-99004\n- GHSA-gaba-aaaa-0001\n", "{}", ran.err);
    assert_eq!(ran.err, "1 advisories added, 1 changed, 1 removed\n");
    // The newer one is the database, if it is not named.
    let json = desk.run(&["db", "diff", "db", "--db", "new", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["added"], json!(["CVE-2025-99005"]));
    let same = desk.run(&["db", "diff", "db", "db"]);
    assert_eq!((same.code, same.out.as_str()), (0, ""));
    desk.run(&["db", "diff", "gone", "db"]).fails(&["there is no database in", "gone"]);
}

#[test]
fn what_a_feed_says_wrongly_is_told_and_refused_if_that_is_asked_for() {
    let desk = Desk::new();
    let wrong = feeds::lodash() + "{\"id\": \"CVE-2025-99008\", \"affected\": 7}\n" + &feeds::left_pad();
    desk.write("npm.jsonl", wrong);
    let build =
        |more: &[&str]| desk.run(&[&["db", "build", "--db", "db", "--from", "osv=npm.jsonl"], more].concat());

    let strict = build(&["--strict", "--quiet"]);
    strict.fails(&["1 records are not right, and --strict was asked for; the database is as it was"]);
    assert!(desk.run(&["db", "status", "--db", "db"]).err.contains("there is no database"));

    let done = build(&[]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.starts_with("npm: npm.jsonl: line 2"), "{}", done.err);
    assert!(done.err.contains("refused: "), "{}", done.err);
    assert!(done.out.contains("2 records"), "{}", done.out);
    assert_eq!(build(&["--quiet"]).err, "");
    // What was built stays, whatever is tried later.
    let before = desk.run(&["db", "status", "--db", "db", "--format", "json"]).out;
    desk.write("npm.jsonl", "{\"id\": \"CVE-2025-99008\", \"affected\": 7}\n");
    build(&["--quiet"]).fails(&["source npm", "no record of kind osv"]);
    assert_eq!(desk.run(&["db", "status", "--db", "db", "--format", "json"]).out, before);

    // Nobody reads a thousand complaints.
    desk.write("npm.jsonl", feeds::lodash() + &"{\"id\": \"X\", \"affected\": 7}\n".repeat(30));
    let many = build(&[]);
    assert_eq!(many.err.lines().count(), 11, "{}", many.err);
    assert!(many.err.ends_with("npm: and 20 more records that are not right\n"), "{}", many.err);
}

#[test]
fn wrong_arguments_and_files_are_told_as_such() {
    let desk = feeds::desk();
    let build = |from: &str| desk.run(&["db", "build", "--db", "new", "--from", from]);
    build("nvd=feeds/ghsa.jsonl").fails(&["\"nvd\" is no kind of feed; there are osv, debian-tracker"]);
    build("feeds/ghsa.jsonl").fails(&["expected KIND=PATH, for example osv=all.zip"]);
    build("osv=").fails(&["the path is empty"]);
    build("osv=gone.jsonl").fails(&["gone.jsonl does not exist"]);
    build("Two Words:osv=feeds/ghsa.jsonl")
        .fails(&["up to 64 lower-case letters, digits and dashes", "Two Words"]);
    build("kev=feeds/epss.csv").fails(&["source epss", "kev"]);
    build("osv=feeds/kev.json").fails(&["source kev", "osv"]);
    desk.write("empty.jsonl", "");
    build("osv=empty.jsonl").fails(&["empty.jsonl is not a feed of kind osv, or is damaged: it is empty"]);
    desk.run(&["db", "build", "--db", "new"]).fails(&["--from"]);
    for command in ["status", "verify"] {
        desk.run(&["db", command, "--db", "new"]).fails(&[
            "the database cannot be used",
            "there is no database in",
            "Make one: gabion db build",
        ]);
    }
    assert!(!desk.at("new/current.json").exists());
}

#[test]
fn a_scan_tells_the_vulnerabilities_that_the_database_knows() {
    let desk = feeds::desk();
    let lock = json!({
        "name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {
            "": { "name": "shop", "version": "1.0.0", "dependencies": { "lodash": "^4.17.0", "left-pad": "^1.3.0" } },
            "node_modules/lodash": { "version": "4.17.20" }, "node_modules/left-pad": { "version": "1.3.0" },
        },
    });
    desk.write("source/package-lock.json", lock.to_string());
    let report = desk.scan("dir:source", &["--db", "db"]).report();
    assert_eq!(vulnerabilities(&report), [LODASH]);
    let found = report.findings.iter().find_map(|f| f.vulnerability.as_ref()).expect("found");
    assert_eq!(found.fixed_version.as_deref(), Some("4.17.21"));
    assert!(found.exploited.is_some() && found.epss.is_some());
    assert!(
        report.coverage.get(&Aspect::VULNERABILITIES).is_some_and(Status::is_full),
        "{:?}",
        report.coverage
    );

    let site = "root/usr/lib/python3/dist-packages/requests-2.31.0.dist-info/METADATA";
    desk.write(site, "Metadata-Version: 2.1\nName: Requests\nVersion: 2.31.0\n\n");
    desk.write("root/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    let report = desk.scan("dir:root", &["--db", "db"]).report();
    assert_eq!(vulnerabilities(&report), [REQUESTS]);
    let found = report.findings.iter().find_map(|f| f.vulnerability.as_ref()).expect("found");
    assert_eq!(found.ssvc.as_ref().and_then(|ssvc| ssvc.automatable), Some(true));

    // By the environment, too; a database that is named must be there.
    let mut command = desk.command();
    command.args(["scan", "dir:source", "--format", "json"]).env("GABION_DB", desk.at("db"));
    assert_eq!(vulnerabilities(&Ran::of(&mut command).report()), [LODASH]);
    desk.scan("dir:source", &["--db", "gone"]).fails(&["there is no database in", "gone"]);
}

#[test]
fn without_a_database_nothing_is_called_clean() {
    let desk = Desk::new();
    desk.write("source/package-lock.json", json!({ "lockfileVersion": 3, "packages": {} }).to_string());
    let off = desk.scan("dir:source", &["--db", "none"]);
    assert!(off.gaps("vulnerabilities").contains("no database"), "{}", off.gaps("vulnerabilities"));
    let report = off.report();
    let status = report.coverage.get(&Aspect::VULNERABILITIES).expect("an aspect");
    assert!(matches!(status, Status::NotEvaluated { .. }) && report.database.is_empty(), "{status:?}");

    // The records that come with the program are a few of very many.
    let starter = desk.scan("dir:source", &[]);
    assert!(starter.gaps("vulnerabilities").contains("only the starter records"), "{}", starter.out);
    assert_eq!(starter.report().database[0].name, "starter");
    for database in [&["--db", "none"][..], &[]] {
        let gated = desk.scan("dir:source", &[&["--fail-on", "critical"], database].concat());
        assert_eq!(gated.code, 1, "{database:?}: {}", gated.err);
        assert!(gated.err.starts_with("gate failed: critical: vulnerabilities is "), "{}", gated.err);
    }
    // It needs neither a cache nor a usual directory for temporary files.
    let mut bare = desk.command();
    bare.args(["scan", "dir:source", "--no-cache", "--format", "json"]).env("TMPDIR", "/nonexistent");
    let bare = Ran::of(&mut bare);
    assert_eq!((bare.report().database, bare.err.as_str()), (starter.report().database, ""));
    // One that holds scores only has looked for nothing.
    feeds::write(&desk);
    feeds::build(&desk, "kev", &["kev=feeds/kev.json"]);
    let nothing = desk.scan("dir:source", &["--db", "kev"]);
    assert!(nothing.gaps("vulnerabilities").contains("the database holds no advisories"), "{}", nothing.out);
}

#[test]
fn a_damaged_database_is_refused() {
    let desk = feeds::desk();
    desk.write(
        "source/package-lock.json",
        json!({ "lockfileVersion": 3, "packages": {
        "node_modules/lodash": { "version": "4.17.20" } } })
        .to_string(),
    );
    let segments = fs::read_dir(desk.at("db/segments")).expect("lists").filter_map(Result::ok);
    let ghsa = segments.map(|entry| entry.path()).find(|path| path.to_string_lossy().contains("/ghsa-"));
    let ghsa = ghsa.expect("a segment");
    let whole = fs::read(&ghsa).expect("reads");
    let name = ghsa.file_name().and_then(|name| name.to_str()).expect("text").to_owned();
    // Anywhere, and cut off.
    for place in [0, 9, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        fs::write(&ghsa, damaged).expect("writes");
        desk.run(&["db", "verify", "--db", "db", "--quiet"]).fails(&[&name]);
    }
    fs::write(&ghsa, &whole[..whole.len() - 100]).expect("writes");
    desk.run(&["db", "verify", "--db", "db"]).fails(&[&name]);
    desk.scan("dir:source", &["--db", "db"]).fails(&[&name]);
    // What a scan reads of it: never a report without what was in there.
    let mut told = 0;
    for place in (0..whole.len()).step_by(7) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x10;
        fs::write(&ghsa, damaged).expect("writes");
        let ran = desk.scan("dir:source", &["--db", "db"]);
        if ran.code == 2 {
            ran.fails(&[&name]);
            told += 1;
        } else {
            assert_eq!(vulnerabilities(&ran.report()), [LODASH], "byte {place}");
        }
    }
    assert!(told > 10, "{told}");
    fs::write(&ghsa, &whole).expect("writes");
    assert_eq!(vulnerabilities(&desk.scan("dir:source", &["--db", "db"]).report()), [LODASH]);

    fs::remove_file(&ghsa).expect("removes");
    desk.scan("dir:source", &["--db", "db"]).fails(&[&name, "hint: fetch or build it again"]);
    desk.write("db/current.json", "{");
    desk.scan("dir:source", &["--db", "db"]).fails(&["current.json is damaged"]);
}

#[test]
fn single_sources_come_and_go_and_the_others_stay() {
    let desk = feeds::desk();
    let names = |database: &str| -> Vec<String> {
        let status = desk.run(&["db", "status", "--db", database, "--format", "json"]);
        let status: Value = serde_json::from_str(&status.out).expect("JSON");
        let sources = status["sources"].as_array().expect("sources");
        sources
            .iter()
            .map(|source| format!("{} {}", source["name"], source["records"]).replace('"', ""))
            .collect()
    };
    let all = names("db");
    desk.write("feeds/rust.jsonl", record("CVE-2025-99020", ("crates.io", "x"), &fixed("1.0.1"), &json!({})));
    let add = |more: &[&str]| desk.run(&[&["db", "build", "--add", "--db", "db"], more].concat());
    let added = add(&["--from", "osv=feeds/rust.jsonl"]);
    assert_eq!((added.code, added.err.as_str()), (0, ""));
    assert!(
        added.out.contains("  kept as they were: debian, epss, ghsa, kev, pypi, vulnrichment\n"),
        "{}",
        added.out
    );
    assert_eq!(names("db"), [&all[..5], &["rust 1".to_owned()], &all[5..]].concat());
    // One of that name is replaced.
    desk.write(
        "feeds/rust.jsonl",
        record("CVE-2025-99021", ("crates.io", "x"), &fixed("1.0.2"), &json!({}))
            + &record("CVE-2025-99022", ("crates.io", "y"), &fixed("2.0.0"), &json!({})),
    );
    assert_eq!(add(&["--from", "osv=feeds/rust.jsonl"]).code, 0);
    assert_eq!(names("db")[5], "rust 2");
    assert!(ids(&search(&desk, "CVE-2025-99021")).contains(&"CVE-2025-99021"));
    // What is not right changes nothing.
    desk.write("feeds/broken.jsonl", "{");
    add(&["--quiet", "--from", "rust:osv=feeds/broken.jsonl"]).fails(&["source rust"]);
    assert_eq!(names("db")[5], "rust 2");

    let remove = |sources: &[&str]| desk.run(&[&["db", "remove", "--db", "db"], sources].concat());
    let removed = remove(&["rust", "kev"]);
    assert_eq!((removed.code, removed.err.as_str()), (0, ""));
    assert!(removed.out.starts_with("  removed: kev, rust\n"), "{}", removed.out);
    assert_eq!(names("db").len(), 5);
    remove(&["kev"])
        .fails(&["kev is no source of the database; there are debian, epss, ghsa, pypi, vulnrichment"]);
    remove(&[]).fails(&["<SOURCE>"]);
    desk.run(&["db", "remove", "kev", "--db", "gone"]).fails(&["there is no database in", "gone"]);
    assert!(!desk.at("gone").exists());
    // Without --add, the others go, and that is told.
    let only = desk.run(&["db", "build", "--db", "db", "--from", "osv=feeds/rust.jsonl"]);
    assert_eq!(
        only.err,
        "note: not in the database any more: debian, epss, ghsa, pypi, vulnrichment (--add keeps what is there)\n"
    );
    assert_eq!(names("db"), ["rust 2"]);
    // The last one may go, too; then nothing is called clean.
    assert_eq!(remove(&["rust"]).code, 0);
    assert!(names("db").is_empty());
    desk.write("source/package-lock.json", json!({ "lockfileVersion": 3, "packages": {} }).to_string());
    let nothing = desk.scan("dir:source", &["--db", "db"]);
    assert!(nothing.gaps("vulnerabilities").contains("the database holds no advisories"), "{}", nothing.out);
    // To nothing, it is added.
    assert_eq!(desk.run(&["db", "build", "--add", "--db", "new", "--from", "osv=feeds/rust.jsonl"]).code, 0);
    assert_eq!(names("new"), ["rust 2"]);
}
