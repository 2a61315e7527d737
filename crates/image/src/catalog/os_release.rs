//! The distribution: `os-release(5)`, and the files that distributions wrote before it existed.
//!
//! ```text
//!  ID=debian            ┐
//!  VERSION_ID="12"      ├─►  OsRelease { id: debian, version: 12, end_of_life: 2026-07-11, … }
//!  PRETTY_NAME='…'      ┘
//! ```
//!
//! An image may hold several of these files, and each tells its own [`Fact::Os`]. The best of them is the
//! first in [`SOURCES`]; [`rank`] puts them in order. `etc/debian_version` comes last, because Ubuntu and
//! others carry it over from Debian.

use super::{Candidate, Cataloger, Want, eol};
use crate::{
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, OsRelease, path};

/// The files that name a distribution, most trustworthy first.
pub const SOURCES: &[&str] = &[
    "etc/os-release",
    "usr/lib/os-release",
    "etc/alpine-release",
    "etc/oracle-release",
    "etc/rocky-release",
    "etc/almalinux-release",
    "etc/centos-release",
    "etc/fedora-release",
    "etc/redhat-release",
    "etc/system-release",
    "etc/SuSE-release",
    "etc/lsb-release",
    "etc/arch-release",
    "etc/debian_version",
];

/// Real ones have less than 1 KiB.
const MAX_SIZE: u64 = 64 << 10;

/// Reads `os-release` and its predecessors.
#[derive(Debug)]
pub struct OsReleaseCataloger;

impl Cataloger for OsReleaseCataloger {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn aspect(&self) -> Aspect {
        Aspect::OS
    }

    /// Raised when the table of the ends of life changes, too, as they are kept with the facts.
    fn revision(&self) -> u32 {
        2
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if SOURCES.iter().any(|source| source.as_bytes() == file.path) { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(MAX_SIZE)?;
        let text = String::from_utf8_lossy(&bytes);
        let os = match file.path {
            b"etc/os-release" | b"usr/lib/os-release" => Some(os_release(&text)?),
            b"etc/alpine-release" => {
                first_line(&text).map(|version| draft("alpine", "Alpine Linux", version))
            }
            b"etc/debian_version" => first_line(&text).map(|line| debian_version(&line)),
            b"etc/lsb-release" => lsb_release(&text),
            b"etc/SuSE-release" => suse_release(&text),
            // The file is empty: that it exists says all.
            b"etc/arch-release" => Some(draft("arch", "Arch Linux", String::new())),
            _ => first_line(&text).and_then(|line| release_line(&line)),
        };
        if let Some(mut os) = os {
            os.path = path::display(file.path).into_owned();
            out.push(Fact::Os(os));
        }
        Ok(())
    }
}

/// The place of a file among [`SOURCES`]: of several answers, the one with the lowest rank counts.
pub fn rank(path: &str) -> usize {
    SOURCES.iter().position(|&source| source == path).unwrap_or(SOURCES.len())
}

/// The format of `os-release(5)`.
fn os_release(text: &str) -> Result<OsRelease, ReadError> {
    let get = |name: &str| assignment(text, name).filter(|value| !value.is_empty());
    let name = get("NAME");
    let id = get("ID").map(|id| id.to_lowercase());
    if id.is_none() && name.is_none() {
        return Err(ReadError::malformed("names no distribution: neither ID nor NAME"));
    }
    // The manual page gives the default.
    let id = id.unwrap_or_else(|| "linux".to_owned());
    let version = get("VERSION_ID");
    let stream = id == "centos" && name.as_ref().is_some_and(|n| n.contains("Stream"));
    let plain_name = || {
        let name = name.clone().unwrap_or_else(|| id.clone());
        match &version {
            Some(version) => format!("{name} {version}"),
            None => name,
        }
    };
    Ok(OsRelease {
        name: get("PRETTY_NAME").unwrap_or_else(plain_name),
        codename: get("VERSION_CODENAME"),
        like: get("ID_LIKE")
            .map(|like| like.split_whitespace().map(str::to_lowercase).collect())
            .unwrap_or_default(),
        end_of_life: eol::end_of_life(if stream { "centos-stream" } else { &id }, version.as_deref()),
        path: String::new(),
        id,
        version,
    })
}

/// The value that the last assignment to `name` gives it.
fn assignment(text: &str, name: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let value = line.trim_start().strip_prefix(name)?.strip_prefix('=')?;
        Some(printable(&unquote(value.trim_end())))
    })
}

/// Undoes shell quoting as far as `os-release(5)` allows it: single quotes, double quotes, backslashes.
/// An unclosed quote ends with the line.
fn unquote(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '\\') => out.extend(chars.next()),
            (Some('"'), '\\') => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => out.push(c),
                other => {
                    out.push('\\');
                    out.extend(other);
                }
            },
            // What follows an unquoted blank is no part of the assignment.
            (None, c) if c.is_whitespace() => break,
            (_, c) => out.push(c),
        }
    }
    out
}

/// Values go to terminals and file names: no control characters, and no novels.
fn printable(value: &str) -> String {
    value.trim().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn first_line(text: &str) -> Option<String> {
    text.lines().map(printable).find(|line| !line.is_empty())
}

/// A release of which only this much is known. An empty version is a rolling release.
fn draft(id: &str, name: &str, version: String) -> OsRelease {
    let version = Some(version).filter(|v| !v.is_empty());
    OsRelease {
        id: id.to_owned(),
        name: match &version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        },
        codename: None,
        like: Vec::new(),
        end_of_life: eol::end_of_life(id, version.as_deref()),
        path: String::new(),
        version,
    }
}

/// `12.5`, or `trixie/sid` before a release. `os-release` names releases without the point, so this does, too.
fn debian_version(line: &str) -> OsRelease {
    if line.starts_with(|c: char| c.is_ascii_digit()) {
        let release = line.split('.').next().unwrap_or_default().to_owned();
        return draft("debian", "Debian GNU/Linux", release);
    }
    let codename = line.split('/').next().map(str::to_owned);
    OsRelease { codename, name: format!("Debian GNU/Linux {line}"), ..draft("debian", "", String::new()) }
}

/// `DISTRIB_ID=Ubuntu` and its sisters.
fn lsb_release(text: &str) -> Option<OsRelease> {
    let name = assignment(text, "DISTRIB_ID").filter(|id| !id.is_empty())?;
    let version = assignment(text, "DISTRIB_RELEASE").unwrap_or_default();
    let draft = draft(&name.to_lowercase(), &name, version);
    Some(OsRelease {
        codename: assignment(text, "DISTRIB_CODENAME").filter(|c| !c.is_empty()),
        name: assignment(text, "DISTRIB_DESCRIPTION").filter(|d| !d.is_empty()).unwrap_or(draft.name),
        ..draft
    })
}

/// A title, then `VERSION = 11` and `PATCHLEVEL = 4`.
fn suse_release(text: &str) -> Option<OsRelease> {
    let title = first_line(text)?;
    let value = |name: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim()))
    };
    let mut version = value("VERSION").map(printable).unwrap_or_default();
    let (id, name) = if title.starts_with("openSUSE") {
        ("opensuse", "openSUSE")
    } else {
        if let Some(level) = value("PATCHLEVEL").filter(|&level| level != "0") {
            version = format!("{version}.{}", printable(level));
        }
        ("sles", "SUSE Linux Enterprise Server")
    };
    Some(draft(id, name, version))
}

/// `CentOS Linux release 7.9.2009 (Core)`.
fn release_line(line: &str) -> Option<OsRelease> {
    const VENDORS: &[(&str, &str)] = &[
        ("CentOS Stream", "centos-stream"),
        ("CentOS", "centos"),
        ("Red Hat", "rhel"),
        ("Rocky", "rocky"),
        ("AlmaLinux", "almalinux"),
        ("Oracle", "ol"),
        ("Fedora", "fedora"),
        ("Amazon", "amzn"),
    ];
    let (name, rest) = line.split_once(" release ")?;
    let version = rest.split_whitespace().next()?;
    let (_, id) = VENDORS.iter().find(|(vendor, _)| name.starts_with(vendor))?;
    let codename = rest.split_once('(').and_then(|(_, tail)| Some(tail.split_once(')')?.0.to_owned()));
    let draft = draft(id, name, version.to_owned());
    Some(OsRelease {
        id: if draft.id == "centos-stream" { "centos".to_owned() } else { draft.id },
        name: line.to_owned(),
        codename,
        ..draft
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    fn read(path: &str, text: &[u8]) -> Result<Option<OsRelease>, ReadError> {
        let candidate =
            Candidate { path: path.as_bytes(), size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(OsReleaseCataloger.want(&candidate), Want::Content, "{path}");
        let mut facts = Facts::default();
        OsReleaseCataloger.read(&candidate, &Content::Memory(text), &mut facts)?;
        Ok(facts.list.into_iter().find_map(|fact| match fact {
            Fact::Os(os) => Some(os),
            _ => None,
        }))
    }

    fn told(path: &str, text: &str) -> OsRelease {
        read(path, text.as_bytes()).expect("reads").expect("tells")
    }

    #[test]
    fn the_quoting_rules_of_the_manual_page_hold() {
        for (raw, plain) in [
            ("debian", "debian"),
            (r#""a \"b\" \$c \x""#, r#"a "b" $c \x"#),
            (r"'a $b \n'", r"a $b \n"),
            (r#""open"#, "open"),
            ("two words", "two"),
            (r"a\ b", "a b"),
            ("\"\"", ""),
        ] {
            assert_eq!(unquote(raw), plain, "{raw}");
        }
    }

    #[test]
    fn os_release_gives_all_it_names_and_the_last_assignment_wins() {
        let os = told(
            "usr/lib/os-release",
            "# comment\nID=wrong\nNAME=\"Ubuntu\"\nVERSION_ID='22.04'\nID=ubuntu\nID_LIKE=\"debian foo\"\nVERSION_CODENAME=jammy\r\n",
        );
        assert_eq!((os.id.as_str(), os.version.as_deref()), ("ubuntu", Some("22.04")));
        assert_eq!(os.codename.as_deref(), Some("jammy"));
        assert_eq!(os.name, "Ubuntu 22.04");
        assert_eq!(os.like, ["debian", "foo"]);
        assert_eq!(os.path, "usr/lib/os-release");
        let end = os.end_of_life.expect("known");
        assert!(!end.passed, "no clock here");
        assert_eq!(end.date.to_string(), "2027-06-01");
    }

    #[test]
    fn a_rolling_release_has_no_version_and_an_empty_file_is_a_gap() {
        let os = told("etc/os-release", "ID=arch\nPRETTY_NAME=\"Arch Linux\"\nVERSION_ID=\n");
        assert_eq!((os.version.as_deref(), os.distro().as_str()), (None, "arch"));
        assert!(read("etc/os-release", b"\n").is_err());
        assert_eq!(told("etc/arch-release", "").id, "arch");
    }

    #[test]
    fn centos_stream_and_centos_linux_end_on_different_days() {
        let end = |text: &str| told("etc/os-release", text).end_of_life.expect("known").date;
        assert_ne!(
            end("NAME=\"CentOS Stream\"\nID=centos\nVERSION_ID=8"),
            end("NAME=\"CentOS Linux\"\nID=centos\nVERSION_ID=8")
        );
    }

    #[test]
    fn the_older_files_are_understood() {
        let brief = |path, text| {
            let os = told(path, text);
            (os.id, os.version.unwrap_or_default(), os.codename.unwrap_or_default())
        };
        let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(brief("etc/alpine-release", "3.10.2\n"), row("alpine", "3.10.2", ""));
        assert_eq!(brief("etc/debian_version", "8.11\n"), row("debian", "8", ""));
        assert_eq!(brief("etc/debian_version", "trixie/sid\n"), row("debian", "", "trixie"));
        assert_eq!(
            brief("etc/centos-release", "CentOS release 6.10 (Final)\n"),
            row("centos", "6.10", "Final")
        );
        assert_eq!(brief("etc/redhat-release", "CentOS Stream release 9\n"), row("centos", "9", ""));
        assert_eq!(
            brief("etc/system-release", "Amazon Linux AMI release 2018.03\n"),
            row("amzn", "2018.03", "")
        );
        assert_eq!(
            brief(
                "etc/SuSE-release",
                "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n"
            ),
            row("sles", "11.4", "")
        );
        assert_eq!(
            brief("etc/lsb-release", "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME=trusty\n"),
            row("ubuntu", "14.04", "trusty")
        );
        assert!(rank("etc/os-release") < rank("usr/lib/os-release"));
        assert!(rank("etc/debian_version") < rank("elsewhere"));
    }

    #[test]
    fn values_bring_no_control_characters_to_the_terminal() {
        assert_eq!(told("etc/os-release", "ID=\"a\u{1b}[31mb\"\n").id, "a[31mb");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(which in 0..SOURCES.len(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(SOURCES[which], &bytes);
        }

        #[test]
        fn neither_do_arbitrary_assignments(value in "[\\PC\"'\\\\]{0,40}") {
            let _ = read("etc/os-release", format!("ID={value}\nNAME={value}\nVERSION_ID={value}").as_bytes());
        }
    }
}
