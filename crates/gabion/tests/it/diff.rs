//! `gabion diff`: vulnerabilities that come and go between two images, and gates for what is new.

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar},
    feeds::{self, CURL, LEFT_PAD},
};
use serde_json::{Value, json};

const FIXED: &str =
    "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u14\n\n";

/// `old` has curl and lodash; `new` has fixed curl, another lodash that is affected, too, and left-pad.
fn desk() -> Desk {
    let desk = feeds::desk();
    let base = || Layer::gzip(feeds::base());
    let lodash = |version: &str| feeds::node(Tar::default(), "lodash", version);
    Image::of([base(), Layer::gzip(lodash("4.17.19"))]).layout_at(&desk.at("old"));
    let app = feeds::node(lodash("4.17.20"), "left-pad", "1.2.0").file("var/lib/dpkg/status", FIXED);
    Image::of([base(), Layer::gzip(app)]).layout_at(&desk.at("new"));
    desk
}

fn diff(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["diff", "oci:old", "oci:new", "--db", "db"], more].concat())
}

#[test]
fn vulnerabilities_are_new_gone_or_in_both() {
    let desk = desk();
    let json: Value = serde_json::from_str(&diff(&desk, &["--format", "json"]).out).expect("JSON");
    let told = &json["vulnerabilities"];
    let rules = |list: &str| -> Vec<String> {
        let list = told[list].as_array().expect("a list");
        list.iter()
            .map(|one| format!("{} {} {}", one["rule"], one["package"], one["version"]).replace('"', ""))
            .collect()
    };
    assert_eq!(rules("new"), [format!("{LEFT_PAD} left-pad 1.2.0")]);
    assert_eq!(rules("gone"), [format!("{CURL} curl 7.88.1-10+deb12u12")]);
    assert_eq!(told["stay"], 1);
    assert_eq!(json["findings"], json!([]), "they are told once");
    let table = diff(&desk, &[]);
    for part in [
        "Vulnerabilities (1 new, 1 gone, 1 in both)",
        &format!("  + low      {LEFT_PAD} left-pad 1.2.0, fixed in 1.3.0"),
        &format!("  - medium   {CURL} curl 7.88.1-10+deb12u12, fixed in 7.88.1-10+deb12u14"),
    ] {
        assert!(table.out.contains(part), "no {part:?} in\n{}", table.out);
    }
    assert!(!table.out.contains("Not fully comparable"), "{}", table.out);
    let blind = desk.run(&["diff", "oci:old", "oci:new", "--db", "none"]);
    assert!(blind.out.contains("Not fully comparable: vulnerabilities (not evaluated)"), "{}", blind.out);
    desk.run(&["diff", "oci:old", "oci:new", "--db", "gone"]).fails(&["there is no database in", "gone"]);
}

#[test]
fn gates_are_asked_of_what_is_new() {
    let desk = desk();
    // The critical one is in both.
    for gates in ["critical", "high", "medium", "kev", "secret", "eol", "coverage"] {
        let ran = diff(&desk, &["--fail-on", gates]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{gates}");
        assert!(ran.out.contains(&format!("Gate new {gates}: passed")), "{}", ran.out);
    }
    let low = diff(&desk, &["--fail-on", "low,kev"]);
    assert_eq!((low.code, low.err.as_str()), (1, "gate failed: new low: 1 found\n"));
    assert!(low.out.contains("Gate new low: failed: 1 found"), "{}", low.out);
    let json: Value =
        serde_json::from_str(&diff(&desk, &["--fail-on", "fixable", "--format", "json"]).out).expect("JSON");
    assert_eq!(json["gates"], json!([{ "gate": "fixable", "passed": false, "detail": "1 found" }]));
    // From nothing, all is new; back, nothing is.
    let back = desk.run(&["diff", "oci:new", "oci:old", "--db", "db", "--fail-on", "low"]);
    assert_eq!(back.code, 1, "curl is back: {}", back.err);
    let same = desk.run(&["diff", "oci:new", "oci:new", "--db", "db", "--fail-on", "any", "--exit-code"]);
    assert_eq!((same.code, same.err.as_str()), (0, ""));
    // What was not looked at passes nothing.
    let blind = desk.run(&["diff", "oci:old", "oci:new", "--db", "none", "--fail-on", "critical"]);
    assert_eq!(blind.code, 1, "{}", blind.out);
    // What does not count is no news.
    desk.write("e.yaml", format!("version: 1\nexceptions:\n  - {{ id: e, kind: deferral, owner: x, reason: Later, expires: 2025-12-31, scope: {{ ids: [{LEFT_PAD}] }} }}\n"));
    let excepted = diff(&desk, &["--fail-on", "low", "--exceptions", "e.yaml"]);
    assert_eq!(excepted.code, 0, "{}", excepted.out);
    assert!(
        excepted.out.contains(&format!("{LEFT_PAD} left-pad 1.2.0, fixed in 1.3.0 (deferral by e)")),
        "{}",
        excepted.out
    );
    let filtered = diff(&desk, &["--fail-on", "low", "--severity", "critical,high"]);
    assert_eq!(filtered.code, 0, "{}", filtered.out);
    assert!(filtered.out.contains("left out by --severity"), "{}", filtered.out);
    // What a project asks of its scans is not asked here.
    desk.write(".gabion.yaml", "fail_on: [low]\n");
    assert_eq!(diff(&desk, &[]).code, 0);
    diff(&desk, &["--fail-on", "new-critical"]).fails(&["unknown gate \"new-critical\""]);
}

#[test]
fn the_end_of_a_distribution_is_new_only_once() {
    let desk = feeds::desk();
    let of = |version: u32, name: &str| {
        let tar = Tar::default().file("etc/os-release", format!("ID=debian\nVERSION_ID=\"{version}\"\n"));
        Image::of([Layer::gzip(tar.file(name, name))]).layout_at(&desk.at(name));
    };
    of(12, "current");
    of(8, "ended");
    of(8, "still");
    let code = |old: &str, new: &str| desk.run(&["diff", old, new, "--db", "db", "--fail-on", "eol"]);
    assert_eq!(code("oci:current", "oci:ended").code, 1);
    let still = code("oci:ended", "oci:still");
    assert_eq!(still.code, 0, "{}", still.out);
    assert!(still.out.contains("Gate new eol: passed: as before: "), "{}", still.out);
}
