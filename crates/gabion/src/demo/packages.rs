//! Packages of Debian 12 as layers: their files as this machine has them, and the records that dpkg would keep.
//!
//! Whatever this machine has, the records say the versions of the tables here, so that the images of the demo have the same
//! findings everywhere. Where there is no dpkg, there are records and no files.

use super::image::Layer;
use anyhow::Context;
use std::{fmt::Write as _, fs, io, path::Path};

/// A package, in the version that has known vulnerabilities, and in one in which they are fixed.
pub(super) struct Package {
    name: &'static str,
    source: &'static str,
    old: &'static str,
    fixed: &'static str,
}

/// A package of which one version is used.
const fn same(name: &'static str, source: &'static str, version: &'static str) -> Package {
    Package { name, source, old: version, fixed: version }
}

/// What the root file system begins with.
pub(super) const ROOT: &[Package] = &[
    same("busybox-static", "busybox", "1:1.35.0-4+deb12u1"),
    same("media-types", "media-types", "10.0.0"),
    same("netbase", "netbase", "6.4"),
    same("zlib1g", "zlib", "1:1.2.13.dfsg-1"),
];

/// What is installed in it. The starter database knows CVE-2023-38545 of this curl, CVE-2023-4863 of this libwebp, and twelve
/// vulnerabilities of this OpenSSL.
pub(super) const INSTALLED: &[Package] = &[
    Package { name: "curl", source: "curl", old: "7.88.1-10+deb12u1", fixed: "7.88.1-10+deb12u15" },
    Package { name: "libcurl4", source: "curl", old: "7.88.1-10+deb12u1", fixed: "7.88.1-10+deb12u15" },
    same("libnghttp2-14", "nghttp2", "1.52.0-1+deb12u3"),
    Package { name: "libwebp7", source: "libwebp", old: "1.2.4-0.2", fixed: "1.2.4-0.2+deb12u1" },
    Package { name: "openssl", source: "openssl", old: "3.0.9-1", fixed: "3.0.22-1~deb12u2" },
];

/// Fields of a record that are of this machine's version, or are taken from a table.
const REPLACED: &[&str] = &["Version", "Source", "Conffiles", "Config-Version"];

impl Package {
    fn version(&self, fixed: bool) -> &'static str {
        if fixed { self.fixed } else { self.old }
    }
}

/// What dpkg of this machine knows.
pub(super) struct Dpkg {
    records: String,
}

impl Dpkg {
    /// Reads it; where there is none, nothing is known.
    pub(super) fn of_host() -> anyhow::Result<Self> {
        match fs::read_to_string("/var/lib/dpkg/status") {
            Ok(records) => Ok(Self { records }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { records: String::new() }),
            Err(error) => Err(error).context("cannot read /var/lib/dpkg/status"),
        }
    }

    /// Puts files and lists of packages into a layer, but not the record of all.
    pub(super) fn install(&self, layer: &mut Layer, packages: &[Package]) -> anyhow::Result<()> {
        for package in packages {
            let name = package.name;
            let listed = ["", ":amd64", ":arm64"].iter().find_map(|architecture| {
                let list = format!("var/lib/dpkg/info/{name}{architecture}.list");
                fs::read_to_string(Path::new("/").join(&list)).ok().map(|text| (list, text))
            });
            let Some((list, text)) = listed.filter(|_| self.record(name).is_some()) else { continue };
            layer.file(&list, 0o644, text.clone());
            for path in text.lines().filter(|path| is_kept(path)) {
                add(layer, path).with_context(|| format!("cannot read {path} of the package {name}"))?;
            }
        }
        Ok(())
    }

    /// The records of packages, as `/var/lib/dpkg/status` has them.
    pub(super) fn status<'a>(&self, packages: impl Iterator<Item = &'a Package>, fixed: bool) -> String {
        let mut status = String::new();
        for package in packages {
            let (name, source, version) = (package.name, package.source, package.version(fixed));
            let _ = match self.record(name) {
                Some(record) => write!(status, "{}", without(record, REPLACED)),
                None => write!(
                    status,
                    "Package: {name}\nStatus: install ok installed\nArchitecture: {}\nDescription: {name}\n",
                    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
                ),
            };
            let _ = write!(status, "Source: {source}\nVersion: {version}\n\n");
        }
        status
    }

    /// The record of a package that is installed.
    fn record(&self, name: &str) -> Option<&str> {
        self.records.split("\n\n").map(str::trim).find(|record| {
            let has = |line: &str| record.lines().any(|other| other == line);
            has(&format!("Package: {name}")) && has("Status: install ok installed")
        })
    }
}

/// A record without some of its fields.
fn without(record: &str, fields: &[&str]) -> String {
    let mut kept = String::new();
    let mut keep = true;
    for line in record.lines() {
        if !line.starts_with([' ', '\t']) {
            keep = !fields.contains(&line.split(':').next().unwrap_or_default());
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Manuals and translations are left out, as slim images do.
fn is_kept(path: &str) -> bool {
    let under = |directory: &str| path.starts_with(directory);
    path.starts_with('/')
        && !under("/usr/share/man/")
        && !under("/usr/share/locale/")
        && !under("/usr/share/lintian/")
        && (!under("/usr/share/doc/") || path.ends_with("/copyright"))
}

/// Copies a file or link of this machine. Directories are made for what is in them, as here `/lib` may be a link.
fn add(layer: &mut Layer, path: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Not unpacked here, or removed since: the image has what is here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let inside = &path[1..];
    if metadata.is_file() {
        layer.file(inside, metadata.permissions().mode() & 0o755, fs::read(path)?);
    } else if metadata.is_symlink() && !fs::metadata(path).is_ok_and(|target| target.is_dir()) {
        layer.link(inside, &fs::read_link(path)?.to_string_lossy());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_this_machine_in_the_versions_of_the_table() {
        let records = "Package: curl\nStatus: install ok installed\nSource: other (1)\nArchitecture: amd64\nVersion: 8\n\
                       Conffiles:\n /etc/curl 0\nDescription: a client\n of URLs\n\n\
                       Package: netbase\nStatus: deinstall ok config-files\nVersion: 1\n";
        let dpkg = Dpkg { records: records.to_owned() };
        let status = dpkg.status([&INSTALLED[0], &ROOT[2]].into_iter(), false);
        assert_eq!(
            status.replace("arm64", "amd64"),
            "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nDescription: a client\n of URLs\n\
             Source: curl\nVersion: 7.88.1-10+deb12u1\n\n\
             Package: netbase\nStatus: install ok installed\nArchitecture: amd64\nDescription: netbase\n\
             Source: netbase\nVersion: 6.4\n\n"
        );
        assert!(dpkg.status(INSTALLED.iter(), true).contains("Version: 7.88.1-10+deb12u15\n"));
    }
}
