//! `gabion plan`: which base to rebuild and which line to change, over several images.
//!
//! ```text
//!  base   Debian, curl ─┬─ shop   lodash, left-pad
//!                       └─ search requests, which has no fix
//!  other  FROM nothing, lodash
//! ```

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar},
    feeds::{self, CURL, LEFT_PAD, LODASH, REQUESTS},
};
use serde_json::{Value, json};
use std::fs;

/// The feeds' database, and the four images in the layout `images`.
fn desk() -> Desk {
    let desk = feeds::desk();
    let base = || Layer::gzip(feeds::base());
    let node = |names: &[(&str, &str)]| {
        let tar = names.iter().fold(Tar::default(), |tar, (name, version)| feeds::node(tar, name, version));
        Layer::gzip(tar)
    };
    let image = |layers: Vec<Layer>, lines: &[&str], labels: Value| {
        let history: Vec<_> = lines.iter().map(|line| json!({ "created_by": line })).collect();
        let mut image = Image::of(layers);
        image.config = json!({ "config": { "Labels": labels, "User": "1" }, "history": history });
        image
    };
    let debian = "COPY rootfs / # debian";
    let images = [
        ("base", image(vec![base()], &[debian], json!({}))),
        (
            "shop",
            image(
                vec![base(), node(&[("lodash", "4.17.20"), ("left-pad", "1.2.0")])],
                &[debian, "RUN npm ci"],
                json!({ "team": "shop" }),
            ),
        ),
        (
            "search",
            image(
                vec![base(), Layer::gzip(feeds::wheel(Tar::default(), "requests", "2.31.0"))],
                &[debian, "RUN pip install requests"],
                json!({}),
            ),
        ),
        ("other", image(vec![node(&[("lodash", "4.17.19")])], &["COPY app /app"], json!({}))),
    ];
    let named: Vec<(&str, &Image)> = images.iter().map(|(name, image)| (*name, image)).collect();
    Image::layout_of(&desk.at("images"), &named);
    desk
}

fn plan(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["plan", "oci:images", "--db", "db"], more].concat())
}

fn parsed(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).expect("JSON")
}

/// What is changed, how, and how many findings that clears.
fn changes(plan: &Value) -> Vec<String> {
    let name = |at: &Value| {
        let node = usize::try_from(at.as_u64().expect("a position")).expect("small");
        plan["nodes"][node]["name"].as_str().expect("a name").to_owned()
    };
    plan["changes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            format!("{} {} {}", one["action"], name(&one["node"]), one["clears"]["places"]).replace('"', "")
        })
        .collect()
}

#[test]
fn the_base_is_rebuilt_once_for_all_that_are_built_on_it() {
    let desk = desk();
    let json = parsed(&plan(&desk, &["--format", "json"]));
    assert_eq!(changes(&json), ["fix base 3", "fix shop 2", "fix other 1"]);
    assert_eq!(json["totals"]["images"], 4);
    assert_eq!(json["totals"]["findings"], 7);
    assert_eq!(json["totals"]["cleared"], 6);
    let update = &json["changes"][0]["lines"][0]["updates"][0];
    assert_eq!(update["vulnerabilities"], json!([CURL]));
    assert_eq!(update["packages"], json!(["curl", "libcurl4"]));
    assert_eq!(update["to"], json!(["7.88.1-10+deb12u14"]));
    assert_eq!(json["stays"][0]["rules"], json!([REQUESTS]));

    let table = plan(&desk, &[]);
    assert_eq!(table.code, 0, "{}", table.err);
    for part in [
        "3 changes clear 6 of 7 findings in 4 images",
        "1. rebuild base base",
        "curl 7.88.1-10+deb12u12 → 7.88.1-10+deb12u14",
        "lodash 4.17.20 → 4.17.21",
        "RUN npm ci",
        "Build anew, in this order",
        "no fixed version is known",
    ] {
        assert!(table.out.contains(part), "no {part:?} in\n{}", table.out);
    }
    // The same input, the same bytes, in whatever order.
    assert_eq!(plan(&desk, &[]).out, table.out);
    let one_by_one = ["oci:images:other", "oci:images:search", "oci:images:shop", "oci:images:base"];
    let other = desk.run(&[&["plan", "--db", "db"], &one_by_one[..]].concat());
    assert_eq!(other.out, table.out);

    let few = parsed(&plan(&desk, &["--format", "json", "--max-changes", "1"]));
    assert_eq!(changes(&few).len(), 1);
    assert_eq!(few["totals"]["clearable"], 6);
    assert!(few["totals"]["cleared"].as_u64().is_some_and(|cleared| (1..=3).contains(&cleared)), "{few}");
    let critical = parsed(&plan(&desk, &["--format", "json", "--least", "critical"]));
    assert_eq!(changes(&critical), ["fix shop 1", "fix other 1"]);
    // Beside what was not asked for by its kind: five are not critical.
    let left_out = |plan: &Value| plan["totals"]["left_out"].as_u64().expect("a number");
    assert_eq!(left_out(&critical) - left_out(&json), 5);
    let none = parsed(&plan(&desk, &["--format", "json", "--kind", "secret"]));
    assert!(changes(&none).is_empty());
    // A plan decides nothing, and does not pretend to.
    plan(&desk, &["--fail-on", "critical"]).fails(&["unexpected argument '--fail-on'"]);
    plan(&desk, &["--kind", "secrets"]).fails(&["secrets", "misconfiguration"]);
    plan(&desk, &["--least", "hihg"]).fails(&["hihg"]);
}

#[test]
fn what_is_not_ours_is_patched_and_every_owner_gets_a_ticket() {
    let desk = desk();
    let external = parsed(&plan(&desk, &["--format", "json", "--external", "base"]));
    let told = changes(&external);
    assert!(!told.iter().any(|change| change.contains(" base ")), "{told:?}");
    assert!(
        told.contains(&"patch shop 1".to_owned()) && told.contains(&"patch search 1".to_owned()),
        "{told:?}"
    );

    desk.write(
        "owners.yaml",
        "version: 1\nowners:\n  - { owner: platform, images: [base] }\n  - { owner: shop, labels: { team: shop } }\n",
    );
    let owned = parsed(&plan(&desk, &["--format", "json", "--owners", "owners.yaml"]));
    assert_eq!(owned["totals"]["owners"], json!(["platform", "shop"]));
    fs::create_dir(desk.at("tickets")).expect("creates");
    let all = plan(
        &desk,
        &[
            "--owners",
            "owners.yaml",
            "--format",
            "markdown",
            "-o",
            "markdown=tickets",
            "-o",
            "svg=tree.svg",
            "-o",
            "json=plan.json",
        ],
    );
    assert_eq!(all.code, 0, "{}", all.err);
    let ticket = |owner: &str| fs::read_to_string(desk.at(&format!("tickets/{owner}.md"))).expect("a ticket");
    assert!(
        ticket("platform").contains(CURL) && !ticket("platform").contains(LODASH),
        "{}",
        ticket("platform")
    );
    assert!(ticket("shop").contains(LODASH) && ticket("shop").contains(LEFT_PAD), "{}", ticket("shop"));
    assert!(ticket("nobody").contains("other"), "{}", ticket("nobody"));
    for owner in ["platform", "shop", "nobody"] {
        assert!(all.out.contains(ticket(owner).trim()), "{owner}");
    }
    let svg = fs::read_to_string(desk.at("tree.svg")).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains(">base<"), "{svg}");
    assert_eq!(plan(&desk, &["--owners", "owners.yaml", "--format", "svg"]).out.trim(), svg.trim());
    let saved: Value =
        serde_json::from_slice(&fs::read(desk.at("plan.json")).expect("written")).expect("JSON");
    assert_eq!(saved, owned);
    desk.write("vain.yaml", "version: 1\nowners:\n  - { owner: platform, images: [base, bsae] }\n");
    let vain = plan(&desk, &["--owners", "vain.yaml"]);
    assert_eq!(
        vain.err,
        "note: vain.yaml:3:5: no image is named bsae, of which \"platform\" would be the owner\n"
    );
    assert_eq!(plan(&desk, &["--owners", "vain.yaml", "--quiet"]).err, "");
    plan(&desk, &["--owners", "gone.yaml"]).fails(&["cannot read gone.yaml"]);
    plan(&desk, &["-o", "svg=gone/tree.svg"]).fails(&["cannot write gone/tree.svg"]);
    plan(&desk, &["-o", "tree.svg"]).fails(&["expected FORMAT=FILE"]);
}

#[test]
fn what_would_be_is_told_before_anybody_builds() {
    let desk = desk();
    let simulate = |what: &str| parsed(&plan(&desk, &["--format", "json", "--simulate", what]));
    let would = simulate("curl=7.88.1-10+deb12u14");
    assert_eq!((would["images"].as_u64(), would["cleared"].as_u64()), (Some(3), Some(3)));
    assert_eq!(changes(&would["before"]), ["fix base 3", "fix shop 2", "fix other 1"]);
    assert_eq!(changes(&would["after"]), ["fix shop 2", "fix other 1"]);
    let short = simulate("curl=7.88.1-10+deb12u13");
    assert_eq!(short["cleared"], 0);
    assert_eq!((short["stays"].as_u64(), short["brought"].as_u64()), (Some(3), Some(0)));
    // The new version has something of its own.
    let newer =
        feeds::record("CVE-2025-99010", ("npm", "lodash"), &json!([{ "introduced": "4.17.21" }]), &json!({}));
    desk.write("feeds/more.jsonl", newer);
    feeds::build(&desk, "db", &[&feeds::FROM[..], &["osv=feeds/more.jsonl"]].concat());
    let lodash = simulate("lodash=4.17.21");
    let effects: Vec<String> = lodash["effects"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| format!("{} {} {}", one["outcome"], one["rule"], one["findings"]).replace('"', ""))
        .collect();
    assert_eq!(effects, [format!("cleared {LODASH} 2"), "new CVE-2025-99010 2".to_owned()]);
    assert_eq!(lodash["after"]["totals"]["findings"], lodash["before"]["totals"]["findings"]);
    let table = plan(&desk, &["--simulate", "lodash=4.17.21"]).out;
    for part in [
        "With lodash 4.17.21 in 2 images: 2 findings would go away, 2 would come",
        "Goes away\n  critical  CVE-2025-99001        lodash, in 2 of them",
        "Comes with it\n  unknown   CVE-2025-99010        lodash, in 2 of them, not fixed",
    ] {
        assert!(table.contains(part), "no {part:?} in\n{table}");
    }
    let unclear = simulate("lodash=newest");
    assert_eq!((unclear["cleared"].as_u64(), unclear["undecided"].as_u64()), (Some(0), Some(2)));
    // A saved scan is looked up only by the database that matched it.
    let saved = desk.run(&["scan", "oci:images:shop", "--db", "db", "--quiet", "-o", "json=shop.json"]);
    assert_eq!(saved.code, 0, "{}", saved.err);
    let of_saved = |more: &[&str]| {
        parsed(
            &desk.run(&[&["plan", "shop.json", "--simulate", "lodash=4.17.21", "-f", "json"], more].concat()),
        )
    };
    let (starter, named) = (of_saved(&[]), of_saved(&["--db", "db"]));
    assert_eq!(
        (starter["cleared"].as_u64(), starter["brought"].as_u64(), starter["unseen"].as_u64()),
        (Some(1), None, Some(1))
    );
    assert_eq!(
        (named["cleared"].as_u64(), named["brought"].as_u64(), named["unseen"].as_u64()),
        (Some(1), Some(1), Some(0))
    );
    for wrong in ["curl", "curl=", "=1"] {
        plan(&desk, &["--simulate", wrong]).fails(&["expected PACKAGE=VERSION"]);
    }
}

#[test]
fn saved_scans_are_planned_for_without_their_images() {
    let desk = desk();
    let live = plan(&desk, &["--format", "json"]);
    fs::create_dir(desk.at("scans")).expect("creates");
    for tag in ["base", "shop", "search", "other"] {
        let (target, output) = (format!("oci:images:{tag}"), format!("json=scans/{tag}.json"));
        let ran = desk.run(&["scan", &target, "--db", "db", "--quiet", "-o", &output]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    fs::remove_dir_all(desk.at("images")).expect("removes");
    // What was matched stays what it was, with no database at all.
    let saved = desk.run(&["plan", "scans", "--format", "json"]);
    assert_eq!(parsed(&saved), parsed(&live));
    let twice = desk.run(&["plan", "scans", "scans/shop.json", "--format", "json"]);
    assert_eq!(twice.out, saved.out);
    // Unless one is named.
    feeds::build(&desk, "empty", &["osv=feeds/pypi.jsonl"]);
    let other = parsed(&desk.run(&["plan", "scans", "--db", "empty", "--format", "json"]));
    assert_eq!((changes(&other).len(), other["totals"]["findings"].as_u64()), (0, Some(1)));
    assert!(other["gaps"].to_string().contains("no advisories about npm packages"), "{}", other["gaps"]);
    // Exceptions count here, too.
    desk.write(
        "e.yaml",
        format!("version: 1\nexceptions:\n  - {{ id: e, kind: deferral, owner: x, reason: Later, expires: 2025-12-31, scope: {{ ids: [{LODASH}] }} }}\n"),
    );
    let excepted = parsed(&desk.run(&["plan", "scans", "--exceptions", "e.yaml", "--format", "json"]));
    assert_eq!(
        (changes(&excepted)[1].as_str(), excepted["totals"]["suppressed"].as_u64()),
        ("fix shop 1", Some(2))
    );
    // What counts is the day of the plan, not that of the scan.
    let mut late = desk.command();
    late.args(["plan", "scans", "--exceptions", "e.yaml", "--format", "json"]);
    let late = Ran::of(late.env("SOURCE_DATE_EPOCH", "1767312000"));
    assert!(late.err.starts_with("note: the exception e has expired"), "{}", late.err);
    assert_eq!(parsed(&late)["totals"]["suppressed"].as_u64(), Some(0));
}

#[test]
fn what_cannot_be_planned_for_is_told() {
    let desk = desk();
    fs::create_dir(desk.at("empty")).expect("creates");
    desk.run(&["plan", "empty"])
        .fails(&["empty holds no reports (*.json)", "hint: to plan for a directory as an image"]);
    desk.run(&["plan", "gone.json"]).fails(&["gone.json"]);
    desk.run(&["plan", "oci:images:gone"]).fails(&["gone"]);
    desk.run(&["plan"]).fails(&["IMAGE|SCAN.json|SBOM|DIRECTORY"]);
    desk.write("broken.json", "{");
    desk.run(&["plan", "broken.json"]).fails(&["broken.json"]);
    // A report of a program of another time.
    let scanned = desk.run(&["scan", "oci:images:shop", "--db", "db", "--quiet", "--format", "json"]).out;
    desk.write(
        "stale.json",
        scanned.replacen("\"schema_version\":\"1.0\"", "\"schema_version\":\"0.9\"", 1).replacen(
            "\"schema_version\": \"1.0\"",
            "\"schema_version\": \"0.9\"",
            1,
        ),
    );
    desk.run(&["plan", "stale.json"]).fails(&["stale.json", "format 0.9, this program reads 1.0"]);
    // One that names a layer that it does not have.
    let mut report: Value = serde_json::from_str(&scanned).expect("JSON");
    let finding = report["findings"].as_array_mut().expect("a list").iter_mut().find(|f| f["rule"] == LODASH);
    finding.expect("found")["evidence"][0]["layer"] = json!(9);
    desk.write("absurd.json", report.to_string());
    desk.run(&["plan", "absurd.json"]).fails(&["absurd.json", "it names a layer that it does not have"]);
    // A database that is gone is no reason to plan for nothing.
    desk.run(&["plan", "oci:images", "--db", "gone"]).fails(&["there is no database in"]);
    let blind = desk.run(&["plan", "oci:images", "--db", "none"]);
    assert!(blind.out.contains("Not looked at") && blind.out.contains("no database"), "{}", blind.out);
}
