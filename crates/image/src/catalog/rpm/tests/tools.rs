//! Databases written by the real tools: what we read of them is what `rpm -qa` says.
//!
//! `rpmbuild` makes a few packages, `rpm` installs them into a database, and `db5.3_load` makes a Berkeley DB
//! of the same records (Debian: packages rpm and db5.3-util). Where the tools are missing the test prints "not run"; under `CI=true` it fails.

use super::*;
use std::{
    fmt::Write as _,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

/// One source package with four binary packages: with and without epoch, with a module label, and with more
/// files than fit on one page of any database.
const SPEC: &str = "\
Name: many
Version: 1.0~rc1
Release: 2.el9
Epoch: 1
Summary: Many files
License: MIT AND (GPL-2.0-or-later OR Artistic-2.0)
Vendor: Gabion tests
ModularityLabel: nodejs:18:8090020230301:rhel9
BuildArch: noarch
%description
Many files.
%package -n zero-epoch
Summary: Epoch zero
Epoch: 0
Version: 20260101
%description -n zero-epoch
Epoch zero.
%package tools
Summary: Inherits
%description tools
Inherits version and epoch.
%install
mkdir -p %{buildroot}/usr/share/many %{buildroot}/usr/bin
for i in $(seq 2000); do : > %{buildroot}/usr/share/many/file-with-a-long-name-$i; done
: > %{buildroot}/usr/bin/zero
%files
/usr/share/many
%files -n zero-epoch
/usr/bin/zero
%files tools
";

const PLAIN_SPEC: &str = "\
Name: plain-lib
Version: 3.4
Release: 5
Summary: No epoch, no vendor, with an architecture
License: BSD-3-Clause
%description
Plain.
%files
";

/// The fields that are compared, as a query of rpm.
const QUERY: &str = "%{NAME};%|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE};%{ARCH};%{SOURCERPM};%{LICENSE};\
                     %|VENDOR?{%{VENDOR}}|;%|MODULARITYLABEL?{%{MODULARITYLABEL}}|;[%{FILENAMES},]\\n";

#[test]
fn databases_of_the_real_tools_tell_what_rpm_tells() {
    for tool in ["rpmbuild", "rpm", "db5.3_load"] {
        if Command::new(tool).arg("--version").stdin(Stdio::null()).output().is_err() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{tool} is missing");
            // Cargo shows this with `--nocapture`; a test has no other way to say it.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"not run: rpm tools are missing\n");
            return;
        }
    }
    let dir = tempfile::tempdir().expect("temporary directory");
    let packages = build(dir.path());

    let sqlite = dir.path().join("sqlite");
    rpm(&sqlite, "sqlite")
        .args(["-i", "--justdb", "--nodeps", "--noscripts", "--nosignature", "--ignoreos", "--ignorearch"])
        .args(&packages)
        .run();
    let expected = query(&sqlite, "sqlite");
    assert_eq!(expected.len(), 4);
    assert_eq!(ours("rpmdb.sqlite", &sqlite), expected);
    assert!(!sqlite::log_holds_pages(&content(&sqlite, "rpmdb.sqlite-wal")).expect("reads"));

    // The records themselves, as they are in the SQLite database.
    let mut records = Vec::new();
    read_database(&content(&sqlite, "rpmdb.sqlite"), &mut |record| {
        records.push(record?.to_vec());
        Ok(())
    })
    .expect("sound");
    for (order, page_size) in [("1234", "4096"), ("4321", "4096"), ("1234", "512"), ("4321", "65536")] {
        let bdb = dir.path().join(format!("bdb-{order}-{page_size}"));
        fs::create_dir(&bdb).expect("directory");
        load(&bdb, &records, &[&format!("db_lorder={order}"), &format!("db_pagesize={page_size}")]);
        assert_eq!(ours("Packages", &bdb), expected, "{order} {page_size}");
    }
    let checksums = dir.path().join("bdb-checksums");
    fs::create_dir(&checksums).expect("directory");
    load(&checksums, &records, &["chksum=1"]);
    assert_eq!(ours("Packages", &checksums), expected);

    // rpm without write support for ndb is common, so this one is our own.
    let ndb = dir.path().join("ndb");
    fs::create_dir(&ndb).expect("directory");
    fs::write(ndb.join("Packages.db"), fixture::ndb(&records)).expect("written");
    assert_eq!(ours("Packages.db", &ndb), expected);
}

/// Builds the packages; their paths.
fn build(dir: &Path) -> Vec<std::path::PathBuf> {
    let specs = [("many.spec", SPEC), ("plain.spec", PLAIN_SPEC)].map(|(name, text)| {
        let path = dir.join(name);
        fs::write(&path, text).expect("written");
        path
    });
    Command::new("rpmbuild")
        .args(["-bb", "--quiet", "--define"])
        .arg(format!("_topdir {}", dir.join("build").display()))
        .args(["--define", "_binary_payload w0.ufdio", "--define", "_build_id_links none"])
        .args(specs)
        .run();
    let mut packages = Vec::new();
    for arch in fs::read_dir(dir.join("build/RPMS")).expect("built") {
        for package in fs::read_dir(arch.expect("entry").path()).expect("built") {
            packages.push(package.expect("entry").path());
        }
    }
    packages
}

/// Makes a Berkeley DB hash table of the records, numbered from 1, after the entry for the next number.
fn load(dir: &Path, records: &[Vec<u8>], options: &[&str]) {
    let big_endian = options.contains(&"db_lorder=4321");
    let number = |n: usize| {
        let n = n as u32;
        hex(&if big_endian { n.to_be_bytes() } else { n.to_le_bytes() })
    };
    let mut text = "VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n".to_owned();
    let _ = writeln!(text, " {}\n {}", number(0), number(records.len() + 1));
    for (i, record) in records.iter().enumerate() {
        let _ = writeln!(text, " {}\n {}", number(i + 1), hex(record));
    }
    text.push_str("DATA=END\n");
    let dump = dir.join("dump");
    fs::write(&dump, text).expect("written");
    Command::new("db5.3_load")
        .args(options.iter().flat_map(|option| ["-c", option]))
        .args(["-t", "hash", "-f"])
        .arg(&dump)
        .arg(dir.join("Packages"))
        .run();
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn rpm(database: &Path, backend: &str) -> Command {
    let mut command = Command::new("rpm");
    command.arg("--dbpath").arg(database).args(["--define", &format!("_db_backend {backend}")]);
    command
}

/// What rpm says is in a database, sorted.
fn query(database: &Path, backend: &str) -> Vec<String> {
    let out = rpm(database, backend).args(["-qa", "--qf", QUERY]).run();
    let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What we say is in it, in the same form.
fn ours(name: &str, dir: &Path) -> Vec<String> {
    let path = format!("var/lib/rpm/{name}");
    let mut facts = Facts::default();
    Rpm.read(&candidate(&path), &content(dir, name), &mut facts).expect("reads");
    assert_eq!(gaps(&facts), [""; 0]);
    let mut lines: Vec<String> = facts
        .list
        .iter()
        .filter_map(|fact| match fact {
            Fact::Package { package, files } => Some((package, files)),
            _ => None,
        })
        .map(|(package, files)| {
            let value = |list: &[(String, String)]| list.first().map(|(_, v)| v.clone()).unwrap_or_default();
            let source = package.source.as_ref().expect("has one");
            let source_version = source.version.rsplit(':').next().expect("one part");
            format!(
                "{};{};{};{}-{source_version}.src.rpm;{};{};{};{}",
                package.name,
                package.version,
                package.arch.as_deref().unwrap_or_default(),
                source.name,
                package.licenses.join(" "),
                value(&package.facts),
                value(&package.qualifiers),
                files.iter().fold(String::new(), |text, file| text + "/" + file + ","),
            )
        })
        .collect();
    lines.sort();
    lines
}

/// A file of a database, read as one that was spilled to disk is.
fn content(dir: &Path, name: &str) -> Content<'static> {
    let file: &'static File = Box::leak(Box::new(File::open(dir.join(name)).expect("opens")));
    let len = file.metadata().expect("metadata").len();
    Content::Stored(Box::leak(Box::new(crate::content::FilePart { file, len })))
}

trait Run {
    fn run(&mut self) -> String;
}

impl Run for Command {
    /// Runs to success; its output.
    fn run(&mut self) -> String {
        let out = self.env("LC_ALL", "C.UTF-8").output().expect("starts");
        assert!(out.status.success(), "{self:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("text")
    }
}
