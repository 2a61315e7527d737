//! The package lists agree with Syft's and Trivy's.
//!
//! Real targets are made from distribution packages and registries; Gabion, Syft and Trivy list what is in them; the
//! lists are compared as sets of normalised package URLs. What differs must be in `docs/differences.md` with a reason, and what
//! is there must still differ: an unlisted difference fails the test, and so does a row that nothing matches.
//!
//! Syft and Trivy are where `scripts/fetch-yardsticks.sh DIR` puts them: DIR is `$GABION_YARDSTICKS`, or `yardsticks` in the
//! user's cache. They are run without updates. Trivy refuses jars without its database of jars, which can only be
//! downloaded: it gets one without entries, so that it names jars by what they say of themselves.

pub(crate) mod container;
mod databases;
mod differences;
mod ecosystems;
mod purl;
mod sources;
mod targets;

use crate::support::{cache, can_run, directory, run};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Normalised package URLs.
type Packages = BTreeSet<String>;

/// The same thing, as each of the three is told to scan it.
struct Target {
    gabion: String,
    syft: String,
    /// The subcommand with its argument.
    trivy: Vec<String>,
}

impl Target {
    /// A root file system.
    fn directory(path: &Path) -> Self {
        let path = path.display();
        Self {
            gabion: format!("dir:{path}"),
            syft: format!("dir:{path}"),
            trivy: vec!["rootfs".into(), path.to_string()],
        }
    }

    /// A source tree, of which all ask for everything that is locked.
    fn source(path: &Path) -> Self {
        Self {
            trivy: vec!["fs".into(), "--include-dev-deps".into(), path.display().to_string()],
            ..Self::directory(path)
        }
    }

    /// An image that `docker save` could have made.
    fn archive(path: &Path) -> Self {
        let path = path.display();
        Self {
            gabion: format!("docker-archive:{path}"),
            syft: format!("docker-archive:{path}"),
            trivy: vec!["image".into(), "--input".into(), path.to_string()],
        }
    }
}

/// Whether this test can run: the three tools are there, and these programs.
fn ready(test: &str, programs: &[&str]) -> bool {
    let tools = ["syft", "trivy"].map(yardstick);
    let tools = tools.iter().map(|tool| tool.to_str().expect("text"));
    let programs: Vec<&str> = programs.iter().copied().chain(tools).chain(["python3"]).collect();
    can_run(test, &programs)
}

/// A program of the virtual environment that Syft and Trivy are in.
fn yardstick(program: &str) -> PathBuf {
    let directory =
        env::var_os("GABION_YARDSTICKS").map_or_else(|| cache().join("yardsticks"), PathBuf::from);
    directory.join("venv/bin").join(program)
}

/// What Gabion lists; what it tells in CycloneDX is the same.
fn gabion(target: &str, home: &Path) -> Packages {
    gabion_at(target, home, None)
}

/// The same, with the socket of a containerd.
fn gabion_at(target: &str, home: &Path, containerd: Option<&Path>) -> Packages {
    let scan = |format| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        command.args(["scan", target, "--quiet", "--format", format, "--cache-dir"]);
        command.arg(home.join("gabion"));
        if let Some(socket) = containerd {
            command.arg("--containerd-socket").arg(socket);
        }
        json(&mut command)
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let report = scan("json");
    let packages: Packages = list(&report, "packages")
        .map(|p| purl::of_package(&text(&p["kind"]), &text(&p["name"]), &text(&p["version"])))
        .collect();
    assert_eq!(components(&scan("cyclonedx")), packages, "CycloneDX and JSON of {target}");
    packages
}

fn syft(target: &str) -> Packages {
    let mut command = Command::new(yardstick("syft"));
    command.args(["scan", target, "--quiet", "--output", "cyclonedx-json"]);
    components(&json(command.env("SYFT_CHECK_FOR_APP_UPDATE", "false")))
}

fn trivy(target: &[String], home: &Path) -> Packages {
    let cache = home.join("trivy");
    no_jars(&cache);
    let mut command = Command::new(yardstick("trivy"));
    command.args(target).args(["--offline-scan", "--skip-db-update", "--skip-java-db-update"]);
    command.args(["--quiet", "--format", "cyclonedx", "--cache-dir"]).arg(&cache);
    components(&json(command.env("TRIVY_NO_PROGRESS", "1")))
}

/// Trivy's database of jars, without any: two tables, and a date that says it is fresh.
fn no_jars(cache: &Path) {
    const MAKE: &str = "\
import json, os, sqlite3, sys
home = os.path.join(sys.argv[1], 'java-db')
os.makedirs(home, exist_ok=True)
sqlite3.connect(os.path.join(home, 'trivy-java.db')).executescript('''
    CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
    CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT, license TEXT);''')
dates = {'NextUpdate': '2100-01-01T00:00:00Z', 'UpdatedAt': '2026-01-01T00:00:00Z', 'DownloadedAt': '2026-01-01T00:00:00Z'}
json.dump({'Version': 1, **dates}, open(os.path.join(home, 'metadata.json'), 'w'))
";
    run(Command::new("python3").args(["-c", MAKE]).arg(cache));
}

fn json(command: &mut Command) -> Value {
    let text = run(command);
    serde_json::from_str(&text).expect("JSON")
}

/// The packages of a CycloneDX document: what has a package URL, as files and operating systems have none.
fn components(document: &Value) -> Packages {
    let purls = list(document, "components").filter_map(|component| component["purl"].as_str());
    purls.map(purl::normalised).collect()
}

fn list<'a>(document: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    document[key].as_array().into_iter().flatten()
}

/// Compares what the three list; `name` is the target's section in the file of differences. Gives what Gabion lists.
fn compare(name: &str, target: &Target) -> Packages {
    let home = directory();
    let ours = gabion(&target.gabion, home.path());
    assert!(!ours.is_empty(), "{name}: Gabion lists no package");
    let known = differences::known(name);
    let mut matched = vec![false; known.len()];
    let mut problems = String::new();
    let tools = [("syft", syft(&target.syft)), ("trivy", trivy(&target.trivy, home.path()))];
    for (tool, theirs) in &tools {
        let differing = [("gabion", ours.difference(theirs)), (*tool, theirs.difference(&ours))];
        for (by, packages) in differing {
            for package in packages {
                let rows = known.iter().zip(&mut matched);
                let mut explained = false;
                for (_, matched) in rows.filter(|(row, _)| row.explains(tool, by, package)) {
                    (*matched, explained) = (true, true);
                }
                if !explained {
                    let _ = writeln!(problems, "| {tool} | {by} | `{package}` | why? |");
                }
            }
        }
    }
    for (row, _) in known.iter().zip(matched).filter(|(_, matched)| !matched) {
        let _ = writeln!(problems, "no longer differs: {row:?}");
    }
    assert!(
        problems.is_empty(),
        "{name}: {} packages (Syft {}, Trivy {}). Not as docs/differences.md has it:\n{problems}",
        ours.len(),
        tools[0].1.len(),
        tools[1].1.len(),
    );
    ours
}

#[test]
fn debian_with_applications() {
    if !ready("debian_with_applications", &targets::DEBIAN_TOOLS) {
        return;
    }
    let made = targets::debian();
    let archive = compare("debian", &Target::archive(&made.join("image.tar")));
    assert!(archive.len() > 150, "{}", archive.len());
    // The same packages, whatever they come in.
    let home = directory();
    for form in
        [format!("oci:{}:v1", made.join("oci").display()), format!("dir:{}", made.join("root").display())]
    {
        assert_eq!(gabion(&form, home.path()), archive, "{form}");
    }
}

#[test]
fn distroless() {
    if !ready("distroless", &targets::DEBIAN_TOOLS) {
        return;
    }
    let root = directory();
    targets::distroless(root.path());
    let ours = compare("distroless", &Target::directory(root.path()));
    assert_eq!(ours.iter().filter(|purl| purl.starts_with("pkg:deb/")).count(), 5);
}

#[test]
fn alpine() {
    if !ready("alpine", &[]) {
        return;
    }
    let root = directory();
    databases::alpine(root.path());
    assert_eq!(compare("alpine", &Target::directory(root.path())).len(), 12);
}

#[test]
fn rpm_in_sqlite_and_in_berkeley_db() {
    if !ready("rpm_in_sqlite_and_in_berkeley_db", &databases::RPM_TOOLS) {
        return;
    }
    let (sqlite, berkeley) = (directory(), directory());
    databases::rpm(sqlite.path(), berkeley.path());
    let new = compare("rpm", &Target::directory(sqlite.path()));
    let old = compare("rpm", &Target::directory(berkeley.path()));
    assert_eq!(new.len(), 5);
    assert_eq!(new, old);
}

#[test]
fn a_go_program_alone() {
    if !ready("a_go_program_alone", &targets::GO_TOOLS) {
        return;
    }
    let made = targets::go();
    compare("go", &Target::archive(&made.join("image.tar")));
}

#[test]
fn a_source_tree() {
    let programs = [&targets::DEBIAN_TOOLS[..], &targets::GO_TOOLS].concat();
    if !ready("a_source_tree", &programs) {
        return;
    }
    let root = directory();
    sources::tree(root.path());
    compare("source", &Target::source(root.path()));
}

#[test]
fn records_of_more_package_managers() {
    if !ready("records_of_more_package_managers", &["umoci", "skopeo", "tar"]) {
        return;
    }
    let made = directory();
    ecosystems::make(made.path());
    compare("ecosystems", &Target::archive(&made.path().join("image.tar")));
}
