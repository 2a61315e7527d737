//! Root file systems that are little more than a database of packages: Alpine's, written here, and rpm's, made by rpm.

use crate::support::{directory, run};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What [`rpm`] needs.
pub(super) const RPM_TOOLS: [&str; 3] = ["rpmbuild", "rpm", "db5.3_load"];

/// Name, version, origin, licence, and a file.
const ALPINE: [(&str, &str, &str, &str, &str); 12] = [
    ("alpine-baselayout", "3.6.5-r0", "alpine-baselayout", "GPL-2.0-only", "etc/hosts"),
    ("alpine-keys", "2.4-r1", "alpine-keys", "MIT", "etc/apk/keys/a.rsa.pub"),
    ("apk-tools", "2.14.4-r1", "apk-tools", "GPL-2.0-only", "sbin/apk"),
    ("busybox", "1.36.1-r29", "busybox", "GPL-2.0-only", "bin/busybox"),
    ("busybox-binsh", "1.36.1-r29", "busybox", "GPL-2.0-only", "bin/sh"),
    ("ca-certificates-bundle", "20240705-r0", "ca-certificates", "MPL-2.0 AND MIT", "etc/ssl/cert.pem"),
    ("libcrypto3", "3.3.2-r1", "openssl", "Apache-2.0", "lib/libcrypto.so.3"),
    ("libssl3", "3.3.2-r1", "openssl", "Apache-2.0", "lib/libssl.so.3"),
    (
        "libstdc++",
        "13.2.1_git20240309-r0",
        "gcc",
        "GPL-2.0-or-later AND LGPL-2.1-or-later",
        "usr/lib/libstdc++.so.6",
    ),
    ("musl", "1.2.5-r0", "musl", "MIT", "lib/ld-musl-x86_64.so.1"),
    ("py3-yaml", "6.0.1-r3", "py3-yaml", "MIT", "usr/lib/python3.12/site-packages/yaml/__init__.py"),
    ("zlib", "1.3.1-r1", "zlib", "Zlib", "lib/libz.so.1"),
];

/// An Alpine 3.20.
pub(super) fn alpine(root: &Path) {
    let mut installed = String::new();
    for (name, version, origin, license, file) in ALPINE {
        let (folder, file) = file.rsplit_once('/').expect("is in a folder");
        let _ = write!(
            installed,
            "C:Q1pSSMCSdO7Sq/q+lkSh6DqV6Vb1A=\nP:{name}\nV:{version}\nA:x86_64\nS:4117\nI:16384\nT:The package {name}\n\
             U:https://alpinelinux.org\nL:{license}\no:{origin}\nm:Natanael Copa <ncopa@alpinelinux.org>\nt:1730000000\n\
             c:66187892e05b03a41d08e9acabd19b7576a1c875\nD:so:libc.musl-x86_64.so.1\np:cmd:{name}={version}\n\
             F:{folder}\nR:{file}\na:0:0:755\nZ:Q1pSSMCSdO7Sq/q+lkSh6DqV6Vb1A=\n\n"
        );
    }
    write(root, "lib/apk/db/installed", &installed);
    let release = "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME=\"Alpine Linux v3.20\"\n";
    write(root, "etc/os-release", release);
    write(root, "etc/alpine-release", "3.20.3\n");
}

/// With and without an epoch, a module label and an architecture.
const SPECS: [(&str, &str); 2] = [
    (
        "many.spec",
        "Name: many\nVersion: 1.0~rc1\nRelease: 2.el9\nEpoch: 1\nSummary: Many\nLicense: MIT\n\
         ModularityLabel: nodejs:18:8090020230301:rhel9\nBuildArch: noarch\n%description\nMany.\n\
         %package -n zero-epoch\nSummary: Epoch zero\nEpoch: 0\nVersion: 20260101\n%description -n zero-epoch\nZero.\n\
         %package tools\nSummary: Inherits\n%description tools\nInherits.\n\
         %install\nmkdir -p %{buildroot}/usr/share/many\n: > %{buildroot}/usr/share/many/file\n\
         %files\n/usr/share/many\n%files -n zero-epoch\n%files tools\n",
    ),
    (
        "plain.spec",
        "Name: plain-lib++\nVersion: 3.4^20260101git\nRelease: 5%{?dist}\nSummary: Plain\nLicense: BSD-3-Clause\n\
         %description\nPlain.\n%package devel\nSummary: Headers\n%description devel\nHeaders.\n%files\n%files devel\n",
    ),
];

/// A Rocky Linux with the same packages in SQLite (as since 9) and in Berkeley DB (as until 8).
pub(super) fn rpm(sqlite: &Path, berkeley: &Path) {
    const DUMP: &str = "\
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute('SELECT blob FROM Packages ORDER BY hnum').fetchall()
number = lambda n: n.to_bytes(4, 'little').hex()
print('VERSION=3\\nformat=bytevalue\\ntype=hash\\nHEADER=END')
print('', number(0)); print('', number(len(rows) + 1))
for n, (blob,) in enumerate(rows, 1):
    print('', number(n)); print('', blob.hex())
print('DATA=END')
";
    let work = directory();
    for root in [sqlite, berkeley] {
        let release = "NAME=\"Rocky Linux\"\nID=rocky\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=9.4\n";
        write(root, "etc/os-release", release);
        write(root, "etc/rocky-release", "Rocky Linux release 9.4 (Blue Onyx)\n");
    }
    let database = sqlite.join("var/lib/rpm");
    run(Command::new("rpm")
        .arg("--dbpath")
        .arg(&database)
        .args(["--define", "_db_backend sqlite", "-i", "--justdb", "--nodeps", "--noscripts"])
        .args(["--nosignature", "--ignoreos", "--ignorearch"])
        .args(built(work.path())));

    let mut dump = Command::new("python3");
    let dump = run(dump.args(["-c", DUMP]).arg(database.join("rpmdb.sqlite")));
    let file = work.path().join("dump");
    fs::write(&file, dump + "\n").expect("written");
    let database = berkeley.join("var/lib/rpm");
    fs::create_dir_all(&database).expect("a directory");
    run(Command::new("db5.3_load")
        .args(["-c", "db_lorder=1234", "-t", "hash", "-f"])
        .arg(&file)
        .arg(database.join("Packages")));
}

/// The packages of [`SPECS`], built.
fn built(at: &Path) -> Vec<PathBuf> {
    let mut command = Command::new("rpmbuild");
    command.args(["-bb", "--quiet", "--define"]);
    command.arg(format!("_topdir {}", at.display()));
    command.args(["--define", "_build_id_links none", "--define", "dist .el9"]);
    for (name, text) in SPECS {
        write(at, name, text);
        command.arg(at.join(name));
    }
    run(&mut command);
    let entries =
        |path: PathBuf| fs::read_dir(path).expect("built").map(|entry| entry.expect("an entry").path());
    entries(at.join("RPMS")).flat_map(entries).collect()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("has one")).expect("a directory");
    fs::write(path, text).expect("written");
}
