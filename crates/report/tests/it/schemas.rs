//! Every format is valid by its schema: Gabion's own, which is in this repository, and the official ones, which
//! `scripts/fetch-schemas.sh` puts into `GABION_SCHEMAS` (by default `~/.cache/gabion/schemas`).
//!
//! Without the official schemas these tests say so and pass, but under `CI=true` they fail: a check that did
//! not run must not look like one that did.

use crate::{plain, sample};
use gabion_model::ScanReport;
use gabion_report::Format;
use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;
use std::{
    error::Error,
    fs,
    io::{ErrorKind, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

/// The directory with the official schemas; none if it was not fetched.
fn official() -> Option<PathBuf> {
    let dir = std::env::var_os("GABION_SCHEMAS").map(PathBuf::from).or_else(|| {
        let home = std::env::var_os("HOME")?;
        Some(PathBuf::from(home).join(".cache/gabion/schemas"))
    });
    let dir = dir.filter(|dir| dir.is_dir());
    assert!(
        dir.is_some() || std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "official schemas are missing: run scripts/fetch-schemas.sh"
    );
    if dir.is_none() {
        // The test harness prints what goes to the standard error of a failing test only; a test that did not
        // run is told in its own words with --nocapture.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"not run: scripts/fetch-schemas.sh was not run\n",
        );
    }
    dir
}

/// Resolves references between schemas by file name, in one directory.
struct Local(PathBuf);

impl Retrieve for Local {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let name = uri.path().as_str().rsplit('/').next().unwrap_or_default().to_owned();
        Ok(serde_json::from_slice(&fs::read(self.0.join(name))?)?)
    }
}

fn validator(dir: PathBuf, name: &str) -> Validator {
    let schema: Value = serde_json::from_slice(&fs::read(dir.join(name)).expect("fetched")).expect("json");
    jsonschema::options()
        .should_validate_formats(true)
        .with_retriever(Local(dir))
        .build(&schema)
        .expect("a valid schema")
}

fn samples() -> [ScanReport; 4] {
    let mut archive = sample::rich();
    archive.target.source = String::from("docker-archive");
    archive.target.reference = String::from("/tmp/a b.tar");
    if let Some(image) = &mut archive.target.image {
        image.manifest = None;
        image.tags.clear();
    }
    archive.packages.iter_mut().for_each(|package| {
        package.licenses.push("see \u{1b} COPYING".to_owned());
        package.version.clear();
    });
    // A report of another maker may tell less.
    archive.findings.iter_mut().for_each(|finding| finding.vulnerability = None);
    [sample::rich(), sample::wall(), sample::clean(), archive]
}

fn check(validator: &Validator, format: Format) {
    for report in samples() {
        let document: Value = serde_json::from_str(&plain(&report, format)).expect("json");
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{format}: {errors:#?}");
    }
}

#[test]
fn json_is_valid_by_our_own_schema() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schema");
    let validator = validator(dir, "scan-report-1.0.schema.json");
    check(&validator, Format::Json);

    // The schema is closed: a field it does not know is a field nobody documented.
    let mut report: Value = serde_json::from_str(&plain(&sample::rich(), Format::Json)).expect("json");
    report["packages"][0]["surprise"] = Value::Bool(true);
    assert!(!validator.is_valid(&report));
}

#[test]
fn cyclonedx_is_valid() {
    let Some(dir) = official() else { return };
    check(&validator(dir, "bom-1.6.SNAPSHOT.schema.json"), Format::CycloneDx);
}

#[test]
fn spdx_is_valid() {
    let Some(dir) = official() else { return };
    check(&validator(dir, "spdx-2.3.json"), Format::Spdx);
}

#[test]
fn sarif_is_valid() {
    let Some(dir) = official() else { return };
    check(&validator(dir, "sarif-2.1.0.json"), Format::Sarif);
}

#[test]
fn licence_ids_are_those_cyclonedx_lists() {
    let Some(dir) = official() else { return };
    let list = fs::read(dir.join("spdx.SNAPSHOT.schema.json")).expect("fetched");
    let list: Value = serde_json::from_slice(&list).expect("json");
    let listed: Vec<&str> =
        list["enum"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let unlisted: Vec<&str> = gabion_report::cyclonedx_ids().filter(|id| !listed.contains(id)).collect();
    assert!(unlisted.is_empty(), "add these to NEWER_THAN_CYCLONEDX: {unlisted:?}");
}

/// By the schema that Jenkins checks uploads against. `xmllint` is the validator: there is none for XSD in Rust.
#[test]
fn junit_is_valid() {
    let Some(dir) = official() else { return };
    for report in samples() {
        let started = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(dir.join("junit-10.xsd"))
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
                assert!(!ci, "xmllint is missing: run scripts/install.sh test");
                return;
            }
            started => started.expect("starts"),
        };
        let xml = plain(&report, Format::Junit);
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(xml.as_bytes()).expect("writes");
        drop(stdin);
        let output = child.wait_with_output().expect("ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}\n{xml}");
    }
}
