//! What counts and what fails: gates, policies, exceptions, VEX, `.gabion.yaml`; and how vulnerabilities are told. How a
//! finding is explained is in [`explain`].

mod explain;

use crate::{
    bad::{Desk, Image, Layer, Ran},
    feeds::{self, CURL, FROM, LEFT_PAD, LODASH, REQUESTS},
};
use gabion_model::ScanReport;
use serde_json::{Value, json};
use std::fs;

/// The feeds' database, and the image `app` with all that they speak of.
fn desk() -> Desk {
    let desk = feeds::desk();
    feeds::image().layout(&desk);
    desk
}

fn scan(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["scan", "oci:app", "--db", "db"], more].concat())
}

fn report(desk: &Desk, more: &[&str]) -> ScanReport {
    scan(desk, &[&["--format", "json"], more].concat()).report()
}

/// Vulnerabilities that count.
fn counting(report: &ScanReport) -> Vec<&str> {
    let mut rules: Vec<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.vulnerability.is_some() && finding.suppressed.is_none())
        .map(|finding| finding.rule.as_str())
        .collect();
    rules.sort_unstable();
    rules
}

/// Every gate says no to the image, and yes to one that is up to date.
#[test]
fn gates_stop_and_let_pass() {
    let desk = desk();
    let new = feeds::node(feeds::node(crate::bad::Tar::default(), "lodash", "4.17.21"), "left-pad", "1.3.0");
    let new = feeds::wheel(new, "flask", "3.0.0");
    let status =
        "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u14\n\n";
    let mut clean =
        Image::of([Layer::gzip(feeds::base()), Layer::gzip(new.file("var/lib/dpkg/status", status))]);
    clean.config = feeds::image().config;
    clean.layout_at(&desk.at("clean"));
    for gate in ["critical", "high", "medium", "low", "fixable", "kev", "epss-10", "epss-94", "any"] {
        let ran = scan(&desk, &["--fail-on", gate]);
        assert_eq!(ran.code, 1, "{gate}: {}", ran.err);
        assert!(ran.err.contains(&format!("gate failed: {gate}: ")), "{gate}: {}", ran.err);
        let passes = desk.run(&["scan", "oci:clean", "--db", "db", "--fail-on", gate]);
        assert_eq!((passes.code, passes.err.as_str()), (0, ""), "{gate}");
    }
    for gate in ["epss-95", "eol", "coverage", "secret"] {
        assert_eq!(scan(&desk, &["--fail-on", gate]).code, 0, "{gate}");
    }
    // Several gates are told one by one, and a gate stands alone.
    let both = scan(&desk, &["--fail-on", "kev,eol,medium", "--quiet"]);
    assert_eq!(both.err, "gate failed: kev: 1 found\ngate failed: medium: 3 found\n");
    for wrong in ["epss-0", "epss-101", "epss-", "unknown", "kevv"] {
        scan(&desk, &["--fail-on", wrong]).fails(&["unknown gate"]);
    }
    // Without the feed that could tell, a gate does not pass.
    feeds::build(&desk, "bare", &FROM[..3]);
    for (gate, why) in [("kev", "no catalogue of known exploited"), ("epss-10", "no EPSS scores")] {
        let ran = desk.run(&["scan", "oci:clean", "--db", "bare", "--fail-on", gate]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(why), "{}", ran.err);
    }
    // A distribution that is past its end.
    let old = crate::bad::Tar::default().file("etc/os-release", "ID=debian\nVERSION_ID=\"8\"\n");
    Image::of([Layer::gzip(old)]).layout_at(&desk.at("old"));
    let ran = desk.run(&["scan", "oci:old", "--db", "db", "--fail-on", "eol"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("gets no free security updates any more"), "{}", ran.err);
}

#[test]
fn what_is_not_asked_for_neither_shows_nor_counts() {
    let desk = desk();
    let some = report(&desk, &["--severity", "critical,low"]);
    assert_eq!(feeds::vulnerabilities(&some), [LODASH, LEFT_PAD]);
    let fixed = scan(&desk, &["--ignore-unfixed", "--format", "json"]);
    assert_eq!(feeds::vulnerabilities(&fixed.report()), [LODASH, CURL, LEFT_PAD]);
    let gaps = fixed.gaps("vulnerabilities");
    assert!(gaps.contains("a finding that was left out by --severity or --ignore-unfixed"), "{gaps}");
    assert_eq!(scan(&desk, &["--ignore-unfixed", "--quiet"]).err, "");
    assert_eq!(scan(&desk, &["--fail-on", "high", "--severity", "medium,low"]).code, 0);
    assert_eq!(scan(&desk, &["--fail-on", "high", "--severity", "high"]).code, 1);
    assert_eq!(scan(&desk, &["--fail-on", "high", "--severity", "high", "--ignore-unfixed"]).code, 0);
    scan(&desk, &["--severity", "hihg"]).fails(&["unknown severity \"hihg\"; did you mean \"high\"?"]);
}

#[test]
fn policies_decide_and_tell_where_they_are_wrong() {
    let desk = desk();
    let default = scan(&desk, &["--quiet", "--policy"]);
    assert_eq!(default.code, 1);
    assert_eq!(scan(&desk, &["--policy=default", "--quiet"]).err, default.err);
    assert!(default.err.contains("gate failed: policy rule known-exploited: failed: "), "{}", default.err);
    assert!(default.err.contains("policy rule critical-with-fix"), "{}", default.err);
    assert!(!default.err.contains("policy rule root"), "{}", default.err);

    desk.write("mild.yaml", "version: 1\nname: mild\nrules:\n  - id: python\n    action: fail\n    when: >-\n      finding.kind == \"vulnerability\" && finding.packages.exists(p, p.name == \"django\")\n");
    assert_eq!(scan(&desk, &["--policy", "mild.yaml"]).code, 0);
    desk.write("strict.yaml", "version: 1\nname: strict\nrules:\n  - id: python\n    action: fail\n    when: >-\n      finding.kind == \"vulnerability\" && finding.packages.exists(p, p.name == \"requests\")\n  - id: all\n    action: warn\n    finding: { severity: low }\n");
    let strict = scan(&desk, &["--policy=strict.yaml", "--quiet"]);
    assert_eq!((strict.code, strict.err.lines().count()), (1, 1), "{}", strict.err);
    assert!(strict.err.starts_with("gate failed: policy rule python: failed: "), "{}", strict.err);

    desk.write("wrong.yaml", "version: 1\nrules:\n  - id: r\n    action: fail\n    when: |\n      finding.epss != null &&\n      finding.epps > 0.1\n");
    let told = "wrong.yaml:7:14: `when` of the rule \"r\" (line 2, character 8 of it): ";
    scan(&desk, &["--policy=wrong.yaml"]).fails(&[told, "epps"]);
    scan(&desk, &["--policy=gone.yaml"]).fails(&["cannot read gone.yaml"]);

    // The same on saved scans.
    assert_eq!(scan(&desk, &["-o", "json=scan.json", "--quiet"]).code, 0);
    let policy = |arguments: &[&str]| desk.run(&[&["policy"], arguments].concat());
    let tested = policy(&["test", "strict.yaml", "scan.json"]);
    assert_eq!(tested.code, 1, "{}", tested.err);
    assert!(
        tested.out.starts_with("scan.json\npolicy strict: failed\n  failed          python: "),
        "{}",
        tested.out
    );
    assert!(tested.out.contains("\n  warned          all: "), "{}", tested.out);
    assert_eq!(policy(&["test", "mild.yaml", "scan.json"]).code, 0);
    let json = policy(&["test", "default", "scan.json", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((json[0]["scan"].as_str(), json[0]["passed"].as_bool()), (Some("scan.json"), Some(false)));
    // A rule may be for the images of some owners only.
    desk.write(
        "owned.yaml",
        "version: 1\nname: owned\nrules:\n  - { id: r, action: fail, scope: { owner: shop }, image: {} }\n",
    );
    desk.write("owners.yaml", "version: 1\nowners:\n  - { owner: shop, labels: { team: shop } }\n");
    let unknown = scan(&desk, &["--policy=owned.yaml", "--quiet"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("cannot tell: whose the image is"), "{}", unknown.err);
    assert_eq!(scan(&desk, &["--policy=owned.yaml", "--owners", "owners.yaml", "--quiet"]).code, 0);
    let tested = policy(&["test", "owned.yaml", "scan.json", "--owners", "owners.yaml"]);
    assert_eq!(tested.code, 0, "{}", tested.out);
    assert!(tested.out.contains("not applicable"), "{}", tested.out);
    policy(&["test", "mild.yaml", "gone.json"]).fails(&["cannot read gone.json"]);
    policy(&["test", "mild.yaml"]).fails(&["<SCANS>"]);

    assert_eq!(
        policy(&["check", "mild.yaml", "strict.yaml"]).out,
        "mild.yaml: 1 rule\nstrict.yaml: 2 rules\n"
    );
    policy(&["check", "mild.yaml", "wrong.yaml"]).fails(&[told]);
    let shown = policy(&["show"]).out;
    desk.write("shown.yaml", &shown);
    assert!(shown.contains("known-exploited"), "{shown}");
    assert_eq!(policy(&["check", "shown.yaml"]).code, 0);
}

fn exception(id: &str, expires: &str, scope: &str) -> String {
    format!(
        "  - {{ id: {id}, kind: risk-acceptance, owner: shop, reason: It is not reachable, {expires}scope: {{ {scope} }} }}\n"
    )
}

#[test]
fn exceptions_hold_until_their_day() {
    let desk = desk();
    let file = |name: &str, exceptions: &[String]| {
        desk.write(name, format!("version: 1\nexceptions:\n{}", exceptions.concat()));
    };
    file("ok.yaml", &[exception("e1", "expires: 2025-10-09, ", &format!("ids: [{LODASH}]"))]);
    let excepted = scan(&desk, &["--exceptions", "ok.yaml", "--fail-on", "critical,kev", "--format", "json"]);
    let soon = "note: the exception e1 of shop expires on 2025-10-09, and 1 finding will be back\n";
    assert_eq!(excepted.err, soon);
    let report = excepted.report();
    assert_eq!(counting(&report), [REQUESTS, CURL, LEFT_PAD]);
    let lodash = report.findings.iter().find(|finding| finding.rule == LODASH).expect("is still told");
    let by = lodash.suppressed.as_ref().expect("suppressed");
    assert_eq!((by.source.as_str(), by.owner.as_str()), ("e1", "shop"));

    // The day after the last one, it is back.
    let mut late = desk.command();
    late.args(["scan", "oci:app", "--db", "db", "--exceptions", "ok.yaml", "--fail-on", "critical"]);
    let late = Ran::of(late.env("SOURCE_DATE_EPOCH", "1760054400"));
    assert_eq!(late.code, 1);
    let expired = "EXCEPTIONS  to look at\n  e1 of shop expired on 2025-10-09, and 1 finding is back\n";
    assert!(late.out.contains(expired), "{}", late.out);

    file(
        "more.yaml",
        &[
            exception("e2", "expires: 2026-01-01, ", "ids: [CVE-2020-1]"),
            exception("e3", "expires: 2026-01-01, ", "packages: [{ name: curl }]"),
        ],
    );
    let both = scan(&desk, &["--exceptions", "ok.yaml,more.yaml", "--format", "json"]);
    let unused = "note: the exception e2 of shop is for nothing that was found\n";
    assert_eq!(both.err, format!("{soon}{unused}"));
    let told: Vec<String> = both
        .report()
        .exceptions
        .iter()
        .map(|told| format!("{} {} {}", told.id, told.standing.as_str(), told.findings))
        .collect();
    assert_eq!(told, ["e1 expires-soon 1", "e2 unused 0", "e3 in-force 1"]);
    assert_eq!(counting(&both.report()), [REQUESTS, LEFT_PAD]);
    let wide = scan(&desk, &["--exceptions", "ok.yaml,more.yaml", "--expires-within", "84"]);
    for line in [
        "  e1 of shop expires on 2025-10-09, and 1 finding will be back",
        "  e3 of shop expires on 2026-01-01, and 1 finding will be back",
        "  e2 of shop is for nothing that was found",
    ] {
        assert!(wide.out.contains(line), "no {line:?} in\n{}", wide.out);
    }
    assert_eq!(wide.err, "", "the table has them");

    for (name, text, why) in [
        ("forever.yaml", exception("e4", "", "ids: [x]"), "nothing is excepted for ever"),
        ("all.yaml", exception("e5", "expires: 2026-01-01, ", ""), "has an empty scope"),
        ("day.yaml", exception("e6", "expires: soon, ", "ids: [x]"), "no day of the form YYYY-MM-DD"),
    ] {
        file(name, &[text]);
        let ran = scan(&desk, &["--exceptions", name]);
        ran.fails(&[name, why]);
        assert_eq!(ran.out, "", "nothing is scanned before");
    }
    file("twice.yaml", &[exception("e1", "expires: 2026-01-01, ", "ids: [x]")]);
    scan(&desk, &["--exceptions", "ok.yaml", "--exceptions", "twice.yaml"])
        .fails(&["twice.yaml: the exception e1 is in another file, too"]);
}

#[test]
fn vex_takes_away_what_it_speaks_of() {
    let desk = desk();
    let document = |product: &str, status: &str| {
        let text = json!({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:vex:1", "author": "shop", "version": 1,
            "timestamp": "2025-10-01T00:00:00Z", "statements": [{
                "vulnerability": { "name": LODASH }, "products": [{ "@id": product }], "status": status,
                "justification": "vulnerable_code_not_present",
            }],
        });
        desk.write("vex.json", text.to_string());
        scan(&desk, &["--vex", "vex.json", "--fail-on", "critical", "--format", "json"])
    };
    let hidden = document("pkg:npm/lodash@4.17.20", "not_affected");
    assert_eq!(hidden.err, "");
    assert_eq!(counting(&hidden.report()), [REQUESTS, CURL, LEFT_PAD]);
    let other = document("pkg:npm/lodash@4.17.19", "not_affected");
    assert_eq!(other.code, 1);
    assert!(
        other.err.starts_with("note: the VEX document urn:vex:1 is for nothing in this image\n"),
        "{}",
        other.err
    );
    let affected = document("pkg:npm/lodash@4.17.20", "affected");
    assert_eq!((affected.code, affected.err.as_str()), (1, "gate failed: critical: 1 found\n"));
    desk.write("vex.json", "{}");
    scan(&desk, &["--vex", "vex.json"]).fails(&["vex.json"]);
}

#[test]
fn what_was_decided_is_written_as_vex_and_counts_when_it_is_read() {
    let desk = desk();
    desk.write(
        "exceptions.yaml",
        format!(
            "version: 1\nexceptions:\n  - {{ id: e, kind: false-positive, owner: shop, reason: never called, expires: 2100-01-01, scope: {{ ids: [{LODASH}] }} }}\n"
        ),
    );
    let wrote =
        scan(&desk, &["--exceptions", "exceptions.yaml", "--vex-output", "out.json", "--vex-author", "shop"]);
    assert_eq!(wrote.code, 0, "{}", wrote.err);
    let document: Value =
        serde_json::from_slice(&fs::read(desk.at("out.json")).expect("written")).expect("JSON");
    assert_eq!(document["author"], "shop");
    let read = report(&desk, &["--vex", "out.json"]);
    assert_eq!(counting(&read), [REQUESTS, CURL, LEFT_PAD]);
    // Of nothing there is no document.
    desk.write("empty/readme", "nothing");
    let nothing = desk.run(&["scan", "dir:empty", "--db", "db", "--vex-output", "none.json"]);
    assert!(nothing.err.contains("none.json is not written"), "{}", nothing.err);
    assert!(!desk.at("none.json").exists());
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_project() {
    let desk = desk();
    let run = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = desk.command();
        command.args(["scan", "oci:app", "--quiet"]).args(more).envs(variables.iter().copied());
        Ran::of(&mut command)
    };
    desk.write(
        "project/p.yaml",
        "version: 1\nrules:\n  - { id: r, action: fail, finding: { ids: [CVE-2025-99003] } }\n",
    );
    desk.write(
        "project/.gabion.yaml",
        "db: ../db\nfail_on: [kev]\nseverity: [critical, medium]\nignore_unfixed: true\npolicy: p.yaml\n",
    );
    // Paths are those of the file, wherever the scan is started; a file of another directory is not looked for.
    assert_eq!(run(&[], &["--db", "db"]).code, 0);
    let config = ["--config", "project/.gabion.yaml"];
    let ran = run(&[], &config);
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
    assert!(
        ran.err.starts_with("gate failed: kev: 1 found\ngate failed: policy rule r: failed: "),
        "{}",
        ran.err
    );
    assert_eq!(run(&[("GABION_CONFIG", "project/.gabion.yaml")], &[]).err, ran.err);
    let json =
        run(&[("GABION_CONFIG", "project/.gabion.yaml"), ("GABION_SEVERITY", "low")], &["--format", "json"]);
    let told: Value = serde_json::from_str(&json.out).expect("a report");
    let told: Vec<_> =
        told["findings"].as_array().expect("a list").iter().filter_map(|f| f["rule"].as_str()).collect();
    assert!(told.contains(&LEFT_PAD) && !told.contains(&LODASH), "{told:?}");

    let gate = |variables: &[(&str, &str)], more: &[&str]| run(variables, &[&config[..], more].concat()).err;
    assert!(gate(&[("GABION_FAIL_ON", "low")], &[]).starts_with("gate failed: low: "));
    assert!(
        gate(&[("GABION_FAIL_ON", "low")], &["--fail-on", "medium"]).starts_with("gate failed: medium: ")
    );
    assert_eq!(
        run(
            &[
                ("GABION_IGNORE_UNFIXED", "true"),
                ("GABION_FAIL_ON", "high"),
                ("GABION_SEVERITY", "high"),
                ("GABION_DB", "db")
            ],
            &[]
        )
        .code,
        0
    );
    assert_eq!(
        run(
            &[
                ("GABION_IGNORE_UNFIXED", "false"),
                ("GABION_FAIL_ON", "high"),
                ("GABION_SEVERITY", "high"),
                ("GABION_DB", "db")
            ],
            &[]
        )
        .code,
        1
    );
    assert!(
        run(&[("GABION_POLICY", "default"), ("GABION_DB", "db")], &[])
            .err
            .contains("policy rule known-exploited")
    );

    fs::copy(desk.at("project/.gabion.yaml"), desk.at(".gabion.yaml")).expect("copies");
    run(&[], &[]).fails(&["cannot read p.yaml"]);
    desk.write(".gabion.yaml", "fail_on: [kev]\ndb: none\n");
    let off = run(&[], &[]);
    assert_eq!(off.err, "gate failed: kev: vulnerabilities is not evaluated: no database\n");
    desk.write(".gabion.yaml", "fial_on: [kev]\n");
    run(&[], &[]).fails(&[".gabion.yaml:1:1: unknown key \"fial_on\"; did you mean \"fail_on\"?"]);
    run(&[], &["--config", "gone.yaml"]).fails(&["cannot read gone.yaml"]);
}

#[test]
fn every_format_tells_vulnerabilities() {
    let desk = desk();
    let told = |format: &str| scan(&desk, &["--format", format, "--all"]).out;
    for format in ["table", "json", "cyclonedx", "spdx", "sarif", "junit", "markdown"] {
        let text = told(format);
        for cve in [LODASH, REQUESTS, CURL, LEFT_PAD] {
            assert!(text.contains(cve), "{format} does not tell {cve}:\n{text}");
        }
    }
    let json = |format: &str| -> Value { serde_json::from_str(&told(format)).expect("JSON") };
    let bom = json("cyclonedx");
    let listed = bom["vulnerabilities"].as_array().expect("a list");
    assert_eq!(listed.len(), 4);
    let lodash = listed.iter().find(|one| one["id"] == LODASH).expect("told");
    assert_eq!(lodash["ratings"][0]["severity"], "critical");
    assert!(lodash["affects"].as_array().is_some_and(|refs| refs.len() == 1), "{lodash}");
    let sarif = json("sarif");
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    assert!(results.iter().any(|one| one["ruleId"] == LODASH && one["level"] == "error"), "{results:?}");
    let link = json("spdx")["packages"].to_string();
    assert!(link.contains("SECURITY") && link.contains("advisory"), "{link}");
    let junit = told("junit");
    assert!(junit.contains("<failure") && junit.contains("EPSS"), "{junit}");
    let markdown = told("markdown");
    assert!(markdown.contains("4.17.21") && markdown.contains("KEV"), "{markdown}");
}
