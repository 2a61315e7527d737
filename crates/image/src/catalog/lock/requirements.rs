//! `requirements.txt` and its like (`dev-requirements.txt`, `requirements-test.txt`).
//!
//! Not a lock by itself, but `pip freeze` and `pip-compile` make one of it: what is pinned with `==` is told,
//! and what is not is left out with a note, because nobody knows what it will become.

use super::{Format, Listing};
use crate::content::ReadError;
use gabion_model::PackageKind;

pub(super) const FORMAT: Format = Format {
    name: "requirements",
    kind: PackageKind::Pypi,
    matches: |name| name.ends_with(b".txt") && memchr::memmem::find(name, b"requirements").is_some(),
    parse,
};

#[expect(clippy::unnecessary_wraps, reason = "the signature of every parser")]
fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let mut joined = String::new();
    for line in text.lines() {
        if let Some(start) = line.strip_suffix('\\') {
            joined.push_str(start);
            continue;
        }
        joined.push_str(line);
        requirement(&joined, list);
        joined.clear();
    }
    requirement(&joined, list);
    Ok(())
}

/// `name[extra] == 1.0 ; marker --hash=… # comment`.
fn requirement(line: &str, list: &mut Listing) {
    let end = line.find(" #").or_else(|| line.find("\t#")).unwrap_or(line.len());
    let line = line[..end].trim();
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    if line.starts_with('-') {
        // Another file is read if its name says what it is; an index or a constraint is no package.
        if !["-i", "--index-url", "--extra-index-url", "--hash", "-f", "--find-links", "--trusted-host"]
            .iter()
            .any(|option| line.starts_with(option))
        {
            list.skip("options of a requirements file (-r, -c, -e, ...) are not followed");
        }
        return;
    }
    let requirement = line.split([';']).next().unwrap_or_default();
    let requirement = requirement.split(" --").next().unwrap_or_default().trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let (name, rest) = requirement.split_at(requirement.find(|c| !is_name(c)).unwrap_or(requirement.len()));
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest),
        None => rest,
    };
    let specifiers = rest.trim().trim_start_matches('(').trim_end_matches(')');
    let pinned = specifiers.split(',').find_map(|specifier| {
        let version = specifier.trim().strip_prefix("==")?.trim_start_matches('=').trim();
        let exact = !version.is_empty() && !version.contains(|c: char| c == '*' || c.is_whitespace());
        exact.then_some(version)
    });
    match pinned {
        Some(version) if !name.is_empty() => list.add(name, version, false),
        _ => list.skip("a requirement is not pinned to one version with =="),
    }
}
