//! Whether what an advisory of Go calls vulnerable is in a program, from `go build` to what the user reads.
//!
//! | program | what is in it |
//! |---|---|
//! | `calls` | `language.Parse` of a vulnerable `golang.org/x/text`; a function, inlined, generic, of a type, in package `main` |
//! | `stripped` | the same, built with `-s -w` |
//! | `spares` | another package of the same module, and nothing of the rest |
//! | `broken` | `calls` with a table of functions that cannot be read |
//! | `renamed` | `calls` with other names for the packages of `golang.org/x/text`, as an obfuscator leaves them |

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar},
    feeds,
    support::{can_run, run},
};
use gabion_model::{ScanReport, vulnerability::Symbols};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

const PROGRAMS: [&str; 5] = ["calls", "stripped", "spares", "broken", "renamed"];

/// What is vulnerable: the id's last digits, the module, its package, the function.
const VULNERABLE: [(u32, &str, &str, &str); 12] = [
    (1, "golang.org/x/text", "golang.org/x/text/language", "Parse"),
    (2, "golang.org/x/text", "golang.org/x/text/language", "MatchStrings"),
    (3, "golang.org/x/text", "golang.org/x/text/language", ""),
    (4, "example.com/tool", "example.com/tool/lib", "Inlined"),
    (5, "example.com/tool", "example.com/tool/lib", "Dead"),
    (6, "example.com/tool", "example.com/tool/lib", "T.Value"),
    (7, "example.com/tool", "example.com/tool/lib", "T.Pointer"),
    (8, "example.com/tool", "example.com/tool/lib", "Generic"),
    (9, "example.com/tool", "example.com/tool/cmd/calls", "helper"),
    (10, "stdlib", "fmt", "Fprintln"),
    (11, "stdlib", "net/http", "Transport.roundTrip"),
    (12, "stdlib", "vendor/golang.org/x/net/idna", "ToASCII"),
];

/// Advisories that are in every program.
const MODULE: &str = "module example.com/tool\n\ngo 1.19\n\nrequire golang.org/x/text v0.3.0\n";
const SUMS: &str = "\
golang.org/x/text v0.3.0 h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg=
golang.org/x/text v0.3.0/go.mod h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ=
";
const LIB: &str = "\
package lib

type T struct{ N int }

func Inlined(n int) int { return n + 1 }

func Dead() int { return 1 }

//go:noinline
func (t T) Value() int { return t.N }

//go:noinline
func (t *T) Pointer() { t.N++ }

//go:noinline
func Generic[P any](p P) P { return p }
";
const CALLS: &str = "\
package main

import (
	\"fmt\"
	\"os\"

	\"example.com/tool/lib\"
	\"golang.org/x/text/language\"
)

var version = \"unknown\"

//go:noinline
func helper(text string) string {
	tag, err := language.Parse(text)
	return fmt.Sprint(tag, err)
}

func main() {
	t := lib.T{N: lib.Inlined(len(os.Args))}
	t.Pointer()
	fmt.Println(helper(os.Args[0]), t.Value(), lib.Generic(version))
}
";
const SPARES: &str = "\
package main

import (
	\"os\"

	\"golang.org/x/text/unicode/norm\"
)

var version = \"unknown\"

func main() {
	os.Stdout.Write(norm.NFC.Bytes([]byte(version)))
}
";

/// Builds the programs, each in a directory `programs/NAME`.
fn programs(desk: &Desk) {
    for (name, text) in [
        ("go.mod", MODULE),
        ("go.sum", SUMS),
        ("lib/lib.go", LIB),
        ("cmd/calls/main.go", CALLS),
        ("cmd/spares/main.go", SPARES),
    ] {
        desk.write(&format!("source/{name}"), text);
    }
    let place = |name: &str| desk.at(&format!("programs/{name}/app"));
    for (name, package, flags) in [
        ("calls", "calls", "-X main.version=v1.2.3"),
        ("stripped", "calls", "-s -w -X main.version=v1.2.3"),
        ("spares", "spares", "-X main.version=v1.2.3"),
    ] {
        run(Command::new("go")
            .args(["build", "-buildvcs=false", "-ldflags", flags, "-o"])
            .arg(place(name))
            .arg(format!("./cmd/{package}"))
            .current_dir(desk.at("source"))
            .envs([("CGO_ENABLED", "0"), ("GOFLAGS", ""), ("GOTOOLCHAIN", "local"), ("GOOS", "linux")]));
    }
    let calls = fs::read(place("calls")).expect("built");
    let table = [&b"\xf1\xff\xff\xff\0\0"[..], b"\xf0\xff\xff\xff\0\0"];
    let broken =
        table.iter().fold(calls.clone(), |bytes, magic| replaced(&bytes, magic, b"\xff\xff\xff\xff\0\0"));
    let renamed = replaced(&calls, b"\0golang.org/x/text/", b"\0qo1anq.0rq/x/t3xt/");
    for (name, bytes) in [("broken", broken), ("renamed", renamed)] {
        assert_ne!(bytes, calls, "{name}");
        let path = desk.write(&format!("programs/{name}/app"), bytes);
        let mode = fs::metadata(place("calls")).expect("built").permissions();
        fs::set_permissions(path, mode).expect("changes");
    }
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut out = bytes.to_vec();
    for at in 0..bytes.len().saturating_sub(old.len()) {
        if bytes[at..].starts_with(old) {
            out[at..at + new.len()].copy_from_slice(new);
        }
    }
    out
}

/// A database of an advisory for each of [`VULNERABLE`], and one that does not say what is vulnerable.
fn database(desk: &Desk) {
    let mut records = String::new();
    for (number, module, package, symbol) in VULNERABLE {
        let mut import = json!({ "path": package });
        if !symbol.is_empty() {
            import["symbols"] = json!([symbol]);
        }
        records += &record(number, module, &json!({ "ecosystem_specific": { "imports": [import] } }));
    }
    records += &record(0, "golang.org/x/text", &json!({}));
    desk.write("feeds/go.jsonl", records);
    feeds::build(desk, "db", &["osv=feeds/go.jsonl"]);
}

fn record(number: u32, module: &str, specific: &Value) -> String {
    let mut affected = json!({
        "package": { "ecosystem": "Go", "name": module },
        "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "99.0.0" }] }],
    });
    for (key, value) in specific.as_object().expect("an object") {
        affected[key] = value.clone();
    }
    let record = json!({
        "schema_version": "1.7.0", "id": format!("GO-2025-99{number:02}"), "aliases": [id(number)],
        "modified": "2025-10-01T00:00:00Z", "summary": "Panic in a parser", "affected": [affected],
    });
    record.to_string() + "\n"
}

fn id(number: u32) -> String {
    format!("CVE-2025-99{number:03}")
}

/// What a report says of each vulnerability; none for one that does not say what is vulnerable.
fn told(report: &ScanReport) -> BTreeMap<String, Option<&Symbols>> {
    let vulnerabilities = report.findings.iter().filter_map(|f| Some((f, f.vulnerability.as_ref()?)));
    let told: BTreeMap<_, _> = vulnerabilities.map(|(f, v)| (f.rule.clone(), v.symbols.as_ref())).collect();
    assert_eq!(told.len(), VULNERABLE.len() + 1, "{:?}", told.keys());
    assert_eq!(told[&id(0)], None);
    told
}

/// The numbers of the vulnerabilities whose symbols are present, absent, unknown.
fn states(report: &ScanReport) -> [Vec<u32>; 3] {
    let told = told(report);
    ["present", "absent", "unknown"].map(|state| {
        let is = |number: &u32| told[&id(*number)].is_some_and(|symbols| symbols.as_str() == state);
        VULNERABLE.iter().map(|row| row.0).filter(is).collect()
    })
}

/// The desk with programs and database; none without Go.
fn desk(test: &str) -> Option<Desk> {
    if !can_run(test, &["go", "tar"]) {
        return None;
    }
    let desk = Desk::new();
    programs(&desk);
    database(&desk);
    Some(desk)
}

fn scan(desk: &Desk, target: &str, more: &[&str]) -> Ran {
    desk.scan(target, &[&["--db", "db", "--quiet", "--no-secrets"], more].concat())
}

#[test]
fn a_program_tells_what_is_in_it_as_far_as_its_table_goes() {
    let Some(desk) = desk("a_program_tells_what_is_in_it_as_far_as_its_table_goes") else { return };
    let called = vec![1, 3, 4, 6, 7, 8, 9, 10];
    let all: Vec<u32> = VULNERABLE.iter().map(|row| row.0).collect();
    for (name, expected) in PROGRAMS.into_iter().zip([
        [called.clone(), vec![2, 5, 11, 12], vec![]],
        [called, vec![2, 5, 11, 12], vec![]],
        [vec![], all.clone(), vec![]],
        [vec![], vec![], all],
        [vec![4, 6, 7, 8, 9, 10], vec![5, 11, 12], vec![1, 2, 3]],
    ]) {
        let report = scan(&desk, &format!("dir:programs/{name}"), &[]).report();
        assert_eq!(states(&report), expected, "{name}: present, absent, unknown");
    }
    // Nothing is hidden, and the priority says why it is what it is.
    let report = scan(&desk, "dir:programs/calls", &[]).report();
    let priority = |number: u32| {
        let finding = report.findings.iter().find(|finding| finding.rule == id(number)).expect("found");
        let priority = &finding.vulnerability.as_ref().expect("one").priority;
        let why = priority.factors.iter().find(|factor| factor.name == "vulnerable symbol");
        why.map(|factor| (factor.points, factor.why.clone()))
    };
    assert_eq!(priority(1), Some((4, "is in the program".to_owned())));
    assert_eq!(priority(2), Some((-15, "is not in the program".to_owned())));
    assert_eq!(priority(0), None);
}

/// An image with a layer for each of some programs.
fn image(desk: &Desk, name: &str, programs: &[&str]) {
    let layers = programs.iter().map(|program| {
        let root = desk.at(&format!("root/{name}/{program}"));
        let to = root.join("opt").join(program);
        fs::create_dir_all(&to).expect("creates");
        fs::copy(desk.at(&format!("programs/{program}/app")), to.join("app")).expect("copies");
        Layer::gzip(Tar(tar(&root)))
    });
    Image::of(layers).layout_at(&desk.at(name));
}

fn tar(root: &Path) -> Vec<u8> {
    let file = root.with_extension("tar");
    run(Command::new("tar")
        .args(["--owner=0", "--group=0", "-cf"])
        .arg(&file)
        .arg("-C")
        .arg(root)
        .arg("opt"));
    fs::read(file).expect("written")
}

#[test]
fn several_programs_speak_for_themselves_in_every_format_and_from_the_cache() {
    let Some(desk) = desk("several_programs_speak_for_themselves_in_every_format_and_from_the_cache") else {
        return;
    };
    image(&desk, "both", &["spares", "calls"]);
    image(&desk, "doubt", &["spares", "broken"]);
    let cold = scan(&desk, "oci:both", &[]);
    let report = cold.report();
    assert_eq!(states(&report)[0], [1, 3, 4, 6, 7, 8, 9, 10]);
    let parse = report.findings.iter().find(|finding| finding.rule == id(1)).expect("found");
    let details: Vec<_> = parse.evidence.iter().map(|e| (e.place.as_str(), e.detail.as_str())).collect();
    assert_eq!(
        details,
        [
            ("opt/calls/app", "golang.org/x/text v0.3.0, vulnerable symbol present"),
            ("opt/spares/app", "golang.org/x/text v0.3.0, vulnerable symbol absent"),
        ]
    );
    let all: Vec<u32> = VULNERABLE.iter().map(|row| row.0).collect();
    assert_eq!(states(&scan(&desk, "oci:doubt", &[]).report()), [vec![], vec![], all.clone()]);

    // The image, a layer of it, or nothing is in the cache: the findings are the same.
    let findings = |ran: &Ran| serde_json::to_string(&ran.report().findings).expect("JSON");
    assert_eq!(findings(&scan(&desk, "oci:both", &[])), findings(&cold), "the image");
    fs::remove_dir_all(desk.at("cache/images")).expect("removes");
    assert_eq!(findings(&scan(&desk, "oci:both", &[])), findings(&cold), "its layers");
    assert_eq!(findings(&scan(&desk, "oci:both", &["--no-cache"])), findings(&cold), "nothing");

    // What a person, a tracker, and a code host read.
    let explained = desk.run(&["explain", &id(1)]).out;
    for part in [
        "vulnerable symbols are in the program: golang.org/x/text/language.Parse",
        "opt/calls/app, vulnerable symbol present",
        "opt/spares/app, vulnerable symbol absent",
        "+4  vulnerable symbol: is in the program",
    ] {
        assert!(explained.contains(part), "no {part:?} in\n{explained}");
    }
    assert_eq!(desk.run(&["explain", &id(1), "oci:both", "--db", "db"]).out, explained);
    let output = |format| desk.run(&["scan", "oci:both", "--db", "db", "--quiet", "--format", format]).out;
    assert!(output("table").contains("symbol present"));
    let bom: Value = serde_json::from_str(&output("cyclonedx")).expect("JSON");
    let one =
        bom["vulnerabilities"].as_array().expect("some").iter().find(|v| v["id"] == id(2)).expect("told");
    let property = json!({ "name": "gabion:vulnerableSymbols", "value": "absent" });
    assert!(one["properties"].as_array().expect("some").contains(&property), "{one}");
    assert!(
        output("sarif")
            .contains("vulnerable symbols are not in the program: golang.org/x/text/language.MatchStrings")
    );

    // An SBOM has the modules, and no program.
    desk.write("both.cdx.json", output("cyclonedx"));
    assert_eq!(states(&scan(&desk, "sbom:both.cdx.json", &[]).report()), [vec![], vec![], all]);
}
