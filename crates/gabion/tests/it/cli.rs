//! The surface: help, tables, exit codes, and the same bytes for the same input.

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar},
    feeds,
};
use serde_json::json;
use std::{fs, process::Stdio};

/// Standard output, standard error and exit code, as one text without what differs from machine to machine.
fn whole(desk: &Desk, ran: &Ran) -> String {
    let text = format!("{}--- stderr\n{}--- exit code {}\n", ran.out, ran.err, ran.code);
    let here = desk.at("").canonicalize().expect("exists");
    text.replace(here.to_str().expect("is text"), "[DIR]")
        .replace(desk.at("").to_str().expect("is text").trim_end_matches('/'), "[DIR]")
}

/// Without the variables that the help would show.
fn bare(desk: &Desk, arguments: &[&str]) -> Ran {
    let mut command = desk.command();
    Ran::of(command.args(arguments).env_remove("GABION_CACHE_DIR").env_remove("CONTAINERD_ADDRESS"))
}

macro_rules! snapshot {
    ($name:literal, $desk:expr, $ran:expr) => {
        insta::assert_snapshot!($name, whole(&$desk, &$ran))
    };
}

const STATUS: &str = "Package: libc6\nStatus: install ok installed\nSource: glibc\nArchitecture: amd64\nVersion: 2.36-9+deb12u10\n\n";
const CURL: &str =
    "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u12\n\n";

/// A small image: Debian, a package of each kind, a secret, and things that a benchmark dislikes.
fn image(version: u32) -> Image {
    let base = Tar::default()
        .directory("etc")
        .file(
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        )
        .file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        .file("var/lib/dpkg/status", STATUS);
    let mut status = STATUS.to_owned();
    if version > 1 {
        status.push_str(CURL);
    }
    let package = format!(r#"{{"name":"left-pad","version":"1.{version}.0","license":"MIT"}}"#);
    let app = Tar::default()
        .file("var/lib/dpkg/status", status)
        .file("app/node_modules/left-pad/package.json", package)
        .file("app/.env", "AWS_ACCESS_KEY_ID=AKIAQ3EGWHJ5N7ZK2MXB\n")
        .file(&format!("app/v{version}"), "x");
    let mut image = Image::of([Layer::gzip(base), Layer::zstd(app)]);
    image.config = json!({
        "config": { "Cmd": ["/app/run"], "Env": ["PATH=/usr/bin:/bin"] },
        "created": "2025-10-01T00:00:00Z",
        "history": [
            { "created": "2025-09-01T00:00:00Z", "created_by": "ADD rootfs.tar / # debian" },
            { "created": "2025-10-01T00:00:00Z", "created_by": "RUN /bin/sh -c apt-get update && apt-get install -y curl" },
        ],
    });
    image
}

fn desk() -> Desk {
    let desk = Desk::new();
    image(1).layout_at(&desk.at("v1"));
    image(2).layout_at(&desk.at("v2"));
    desk
}

#[test]
fn help_says_it_all() {
    let desk = Desk::new();
    snapshot!("help", desk, bare(&desk, &["--help"]));
    snapshot!("help_scan", desk, bare(&desk, &["scan", "--help"]));
    snapshot!("help_diff", desk, bare(&desk, &["diff", "-h"]));
    snapshot!("help_plan", desk, bare(&desk, &["plan", "-h"]));
    snapshot!("help_explain", desk, bare(&desk, &["explain", "-h"]));
    snapshot!("help_policy", desk, bare(&desk, &["policy", "--help"]));
    snapshot!("help_rules", desk, bare(&desk, &["rules", "--help"]));
    snapshot!("help_db", desk, bare(&desk, &["db", "--help"]));
    snapshot!("help_db_build", desk, bare(&desk, &["db", "build", "-h"]));
    snapshot!("help_cache", desk, bare(&desk, &["cache", "prune", "--help"]));
}

#[test]
fn a_table_of_a_small_image() {
    let desk = desk();
    // What the starter database holds is not for these to tell.
    let scan = |image: &str, more: &[&str]| {
        desk.run(&[&["scan", image, "--no-cache", "--db", "none"][..], more].concat())
    };
    snapshot!("table", desk, scan("oci:v2", &[]));
    snapshot!("table_all", desk, scan("oci:v2", &["--all"]));
    snapshot!("guessed", desk, scan("v1", &["--fail-on", "secret,cis-critical,coverage"]));
}

#[test]
fn a_table_of_vulnerabilities() {
    let desk = feeds::desk();
    feeds::image().layout(&desk);
    let scan =
        |more: &[&str]| desk.run(&[&["scan", "oci:app", "--no-cache", "--db", "db"][..], more].concat());
    snapshot!("table_vulnerabilities", desk, scan(&["--fail-on", "kev"]));
    snapshot!("table_vulnerabilities_all", desk, scan(&["--all"]));
    snapshot!("markdown", desk, scan(&["--format", "markdown"]));
}

#[test]
fn a_diff_of_two_images() {
    let desk = desk();
    snapshot!("diff", desk, desk.run(&["diff", "oci:v1", "oci:v2", "--db", "none"]));
    snapshot!("diff_same", desk, desk.run(&["diff", "oci:v1", "oci:v1", "--db", "none", "--exit-code"]));
    assert_eq!(desk.run(&["diff", "oci:v1", "oci:v2", "--exit-code", "--format", "json"]).code, 1);
    desk.run(&["diff", "oci:v1", "oci:gone"]).fails(&["gone"]);
}

#[test]
fn the_cache_is_shown_and_pruned() {
    let desk = desk();
    snapshot!("cache_empty", desk, desk.run(&["cache"]));
    assert_eq!(desk.run(&["scan", "oci:v1"]).code, 0);
    let shown = desk.run(&["cache", "show"]);
    assert_eq!(shown.code, 0);
    assert!(shown.out.contains("layers          2 entries"), "{}", shown.out);
    assert_eq!(desk.run(&["cache", "prune"]).out, "removed 0 entries, 0 B\n");
    let pruned = desk.run(&["cache", "prune", "--all"]);
    assert!(pruned.out.starts_with("removed ") && !pruned.out.starts_with("removed 0"), "{}", pruned.out);
    snapshot!("cache_empty", desk, desk.run(&["cache"]));
}

#[test]
fn exit_codes_follow_the_gates() {
    let desk = desk();
    let code =
        |gates: &str| desk.run(&["scan", "oci:v1", "--quiet", "--db", "none", "--fail-on", gates]).code;
    assert_eq!(code("secret"), 1);
    assert_eq!(code("cis-critical"), 0);
    assert_eq!(code("cis-low"), 1);
    assert_eq!(code("coverage"), 0);
    assert_eq!(code("coverage,secret"), 1);
    assert_eq!(code("everything"), 2);
    let off = desk.run(&["scan", "oci:v1", "--no-secrets", "--fail-on", "secret"]);
    assert_eq!(off.code, 1);
    assert!(off.err.contains("gate failed: secret: secrets were not looked for"), "{}", off.err);
}

#[test]
fn a_reader_that_has_seen_enough_changes_nothing() {
    let desk = desk();
    for (format, gate, code) in [("table", "cis-critical", 0), ("json", "secret", 1), ("spdx", "secret", 1)] {
        let mut child = desk
            .command()
            .args(["scan", "oci:v1", "--format", format, "--fail-on", gate])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!(output.status.code(), Some(code), "{format}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("error"), "{told}");
    }
}

#[test]
fn files_that_cannot_be_written_are_told_before_the_scan() {
    let desk = desk();
    let fails = |outputs: &[&str], why: &str| {
        let ran = desk.run(&[&["scan", "oci:v1"][..], outputs].concat());
        ran.fails(&[why]);
        assert_eq!(ran.out, "");
    };
    fails(&["-o", "json=gone/x.json"], "gone does not exist");
    fails(&["-o", "json=v1"], "it is a directory");
    fails(&["-o", "json=x", "-o", "sarif=x"], "--output names x twice");
    assert!(!desk.at("x").exists());
    let ran = desk.run(&["scan", "oci:v1", "-o", "json=/dev/null", "-o", "sarif=/dev/null"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn without_a_home_nothing_is_kept_and_all_is_told() {
    let desk = desk();
    let scan = |home: Option<&str>, more: &[&str]| {
        let mut command = desk.command();
        command.args(["scan", "oci:v1"]).args(more);
        command.env_remove("GABION_CACHE_DIR").env_remove("XDG_CACHE_HOME");
        match home {
            Some(home) => command.env("HOME", home),
            None => command.env_remove("HOME"),
        };
        Ran::of(&mut command)
    };
    let kept = desk.run(&["scan", "oci:v1", "--no-cache"]);
    for home in [None, Some("/dev/null")] {
        let ran = scan(home, &[]);
        assert_eq!((ran.code, &ran.out), (0, &kept.out), "{}", ran.err);
        assert!(ran.err.contains("note: nothing is kept for the next scan: "), "{}", ran.err);
        assert!(!scan(home, &["--quiet"]).err.contains("note"));
    }
}

#[test]
fn wrong_arguments_are_told_as_such() {
    let desk = desk();
    snapshot!("gate_unknown", desk, desk.run(&["scan", "oci:v1", "--fail-on", "everything"]));
    desk.run(&["scan", "oci:v1", "--fail-on", "cis-hihg"]).fails(&["cis-critical, cis-high"]);
    snapshot!("format_unknown", desk, desk.run(&["scan", "oci:v1", "--format", "xml"]));
    snapshot!("target_missing", desk, bare(&desk, &["scan"]));
    snapshot!("target_unknown", desk, desk.run(&["scan", "./gone"]));
    snapshot!("tag_unknown", desk, desk.run(&["scan", "oci:v1:nightly"]));
    let other = desk.run(&["scan", "oci:v1", "--platform", "linux/arm64"]);
    other.fails(&["v1 has no image for linux/arm64; it has linux/amd64", "hint: choose one with --platform"]);
    assert_eq!(desk.run(&["scan", "oci:v1", "--platform", "linux/amd64"]).code, 0);
    desk.write("v1.tar", image(1).docker_archive().end());
    desk.run(&["scan", "docker-archive:v1.tar", "--platform", "linux/arm/v7"])
        .fails(&["v1.tar has no image for linux/arm/v7; it has linux/amd64"]);
    let mut silent = image(1);
    silent.config["os"] = json!("");
    silent.config["architecture"] = json!("");
    silent.layout_at(&desk.at("silent"));
    desk.run(&["scan", "oci:silent", "--platform", "linux/amd64"])
        .fails(&["silent has no image for linux/amd64; it has none that says what it is for"]);
    assert_eq!(desk.run(&["scan", "oci:silent"]).code, 0);
    snapshot!("platform_unknown", desk, desk.run(&["scan", "oci:v1", "--platform", "amiga"]));
    snapshot!("output_unknown", desk, desk.run(&["scan", "oci:v1", "--output", "sarif"]));
    let clock = Ran::of(desk.command().args(["scan", "oci:v1"]).env("SOURCE_DATE_EPOCH", "today"));
    clock.fails(&["SOURCE_DATE_EPOCH is \"today\", which is not a number of seconds"]);
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let desk = desk();
    for format in ["table", "json", "cyclonedx", "spdx", "sarif", "junit", "markdown"] {
        let scan = |more: &[&str]| {
            let ran = desk.run(&[&["scan", "oci:v2", "--all", "--format", format][..], more].concat());
            assert_eq!(ran.code, 0, "{}", ran.err);
            ran.out
        };
        let first = scan(&["--no-cache", "--jobs", "1"]);
        assert!(!first.is_empty());
        assert_eq!(first, scan(&["--no-cache", "--jobs", "4"]), "{format}");
        assert_eq!(first, scan(&["--verify"]), "{format}");
        // These two tell whether the blobs were read in this scan or in an earlier one; the others are documents about
        // the image, for which that makes no difference.
        let words = |text: &str| match format {
            "json" => text.replace("verified-earlier", "verified"),
            "table" => text.replace(" by an earlier scan, unchanged since", ""),
            _ => text.to_owned(),
        };
        let cached = scan(&[]);
        assert_eq!(words(&first), words(&cached), "{format}");
        assert_eq!(cached, scan(&[]), "{format}");
    }
}

#[test]
fn several_outputs_at_once() {
    let desk = desk();
    let formats = ["table", "json", "cyclonedx", "spdx", "sarif", "junit", "markdown"];
    let outputs: Vec<String> = formats.iter().map(|f| format!("--output={f}=out.{f}")).collect();
    let mut arguments = vec!["scan", "oci:v2", "--format", "json", "--all", "--no-cache"];
    arguments.extend(outputs.iter().map(String::as_str));
    let ran = desk.run(&arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for format in formats {
        let written = fs::read_to_string(desk.at(&format!("out.{format}"))).expect("written");
        assert_eq!(
            written,
            desk.run(&["scan", "oci:v2", "--format", format, "--all", "--no-cache"]).out,
            "{format}"
        );
    }
    let left = fs::read_dir(desk.at("")).expect("lists").filter_map(Result::ok);
    assert!(left.into_iter().all(|e| !e.file_name().to_string_lossy().ends_with(".tmp")));
}

#[test]
fn completions_and_manual_are_there() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(&["completions", shell]);
        assert_eq!(script.code, 0);
        assert!(script.out.contains("fail-on"), "{shell}");
        assert!(!script.out.contains("__worker"), "{shell}");
    }
    let page = desk.run(&["man"]).out;
    assert!(
        page.contains(".TH") && page.contains("docker\\-archive") && !page.contains("__worker"),
        "{page}"
    );
}
