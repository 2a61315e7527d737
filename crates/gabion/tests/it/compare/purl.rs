//! Package URLs in one form, so that only differences that matter are left.
//!
//! What is put aside, and why it says nothing about which package is installed:
//! - qualifiers and subpath: each tool adds its own (`distro=`, `upstream=`, `package-id=`);
//! - percent-encoding: `%2B` and `+` are the same character;
//! - the epoch of OS packages: a prefix of the version for some, a qualifier for others (the purl specification has it as a
//!   qualifier for rpm and as a part of the version for deb);
//! - the namespace of OS packages: the distribution, which all of the packages of a target share (the rpm family has two for the
//!   same distribution: `redhat` and `rhel`);
//! - the letters `-`, `_`, `.` and case in names of PyPI, as PEP 503 has it;
//! - the `v` before the version of a Go module, which the purl specification leaves open.

/// `pkg:type/namespace/name@version` of a package URL.
pub(crate) fn normalised(purl: &str) -> String {
    let coordinates = purl.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decoded(coordinates.strip_prefix("pkg:").unwrap_or(coordinates));
    let (kind, rest) = decoded.split_once('/').unwrap_or((&decoded, ""));
    let (name, version) = match rest.rfind('@').filter(|at| *at > 0) {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, ""),
    };
    of(kind, name, version)
}

/// The same of a package as Gabion's JSON report has it: no namespace, but a name in full.
pub(crate) fn of_package(kind: &str, name: &str, version: &str) -> String {
    match kind {
        "maven" => of(kind, &name.replacen(':', "/", 1), version),
        _ => of(kind, name, version),
    }
}

fn of(kind: &str, name: &str, version: &str) -> String {
    let (name, version) = match kind {
        "deb" | "apk" | "rpm" | "alpm" => {
            let name = name.rsplit('/').next().unwrap_or(name);
            let without_epoch = version.split_once(':').map_or(version, |(_, rest)| rest);
            (name.to_owned(), without_epoch)
        }
        "pypi" => (name.to_lowercase().replace(['_', '.'], "-"), version),
        "golang" => (name.to_owned(), version.strip_prefix('v').unwrap_or(version)),
        _ => (name.to_owned(), version),
    };
    format!("pkg:{kind}/{name}@{version}")
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_same_package_has_one_form() {
    for (forms, expected) in [
        (
            &["pkg:rpm/rocky/bind@9.16-1?arch=x86_64&epoch=32", "pkg:rpm/bind@32:9.16-1"][..],
            "pkg:rpm/bind@9.16-1",
        ),
        (
            &["pkg:deb/debian/g%2B%2B@4:12.2.0-3", "pkg:deb/debian/g++@12.2.0-3?arch=amd64"],
            "pkg:deb/g++@12.2.0-3",
        ),
        (&["pkg:npm/%40babel/core@7.1.0", "pkg:npm/@babel/core@7.1.0"], "pkg:npm/@babel/core@7.1.0"),
        (&["pkg:pypi/Typing_Extensions@4", "pkg:pypi/typing-extensions@4"], "pkg:pypi/typing-extensions@4"),
        (
            &["pkg:golang/golang.org/x/text@v0.14.0#cases", "pkg:golang/golang.org/x/text@0.14.0"],
            "pkg:golang/golang.org/x/text@0.14.0",
        ),
        (&["pkg:npm/%40scope%2Fnone"], "pkg:npm/@scope/none@"),
    ] {
        for form in forms {
            assert_eq!(normalised(form), expected, "{form}");
        }
    }
    assert_eq!(
        of_package("maven", "org.slf4j:slf4j-api", "2"),
        normalised("pkg:maven/org.slf4j/slf4j-api@2")
    );
}
