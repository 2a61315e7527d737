//! `META-INF/MANIFEST.MF`, its main section.
//!
//! One `Name: value` a line; a line that starts with one space goes on with the value of the line before
//! (lines are cut at 72 bytes, in the middle of a character if need be); the section ends at an empty line.
//! Source: JAR File Specification, "Name-Value pairs and Sections".

use std::collections::HashMap;

/// Bytes that are read: the main section comes first, and a signed jar has megabytes of digests behind it.
pub(super) const CAP: u64 = 64 << 10;

/// The attributes of the main section, by lower-case name.
#[derive(Debug, Default)]
pub(super) struct Manifest(HashMap<String, String>);

impl Manifest {
    /// Reads the main section. Lines that are none of it are passed over.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        while let Some((line, next)) = line(rest) {
            rest = next;
            match (line, lines.last_mut()) {
                ([], None) => {}
                ([], Some(_)) => break,
                ([b' ', more @ ..], Some(last)) => last.extend_from_slice(more),
                (line, _) => lines.push(line.to_vec()),
            }
        }
        let mut attributes = HashMap::new();
        for line in lines {
            let line = String::from_utf8_lossy(&line);
            if let Some((name, value)) = line.split_once(':') {
                let value = value.trim();
                if !value.is_empty() {
                    attributes.entry(name.trim().to_ascii_lowercase()).or_insert_with(|| value.to_owned());
                }
            }
        }
        Self(attributes)
    }

    /// An attribute, by its lower-case name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// An attribute without its `OSGi` directives: `org.foo` of `org.foo;singleton:=true`.
    pub(super) fn plain(&self, name: &str) -> Option<&str> {
        let value = self.get(name)?;
        let value = value.split(';').next()?.trim().trim_matches('"');
        (!value.is_empty()).then_some(value)
    }

    /// `Bundle-License`: names or URLs, with parameters of no interest.
    pub(super) fn licenses(&self) -> Vec<String> {
        let Some(value) = self.get("bundle-license") else {
            return Vec::new();
        };
        let mut quoted = false;
        value
            .split(|c: char| {
                quoted ^= c == '"';
                c == ',' && !quoted
            })
            .filter_map(|clause| {
                let clause = clause.trim();
                let name = match clause.strip_prefix('"') {
                    Some(rest) => rest.split('"').next()?,
                    None => clause.split(';').next()?,
                };
                let name = name.trim();
                (!name.is_empty() && name != "<<EXTERNAL>>").then(|| name.to_owned())
            })
            .collect()
    }
}

/// The first line and what follows it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    if bytes.is_empty() {
        return None;
    }
    let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) else {
        return Some((bytes, &[]));
    };
    let (line, rest) = bytes.split_at(end);
    let rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
    Some((line, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continued_line_is_joined_byte_by_byte_and_the_section_ends_at_an_empty_line() {
        let text = b"Manifest-Version: 1.0\r\nImplementation-Title: A very lon\r\n g title\r\nBundle-SymbolicName: org.foo;s\r\n ingleton:=true\r\nX: caf\xc3\r\n \xa9\r\n\r\nName: org/foo/\r\nImplementation-Version: 9\r\n";
        let manifest = Manifest::parse(text);
        assert_eq!(manifest.get("implementation-title"), Some("A very long title"));
        assert_eq!(manifest.plain("bundle-symbolicname"), Some("org.foo"));
        assert_eq!(manifest.get("x"), Some("café"));
        assert_eq!(manifest.get("implementation-version"), None);
    }

    #[test]
    fn old_line_ends_and_leading_empty_lines_are_accepted() {
        assert_eq!(Manifest::parse(b"\rA: 1\rB: 2\r").get("b"), Some("2"));
        assert_eq!(Manifest::parse(b" stray\nA: 1").get("a"), Some("1"));
    }

    #[test]
    fn bundle_licences_lose_their_parameters() {
        let text = b"Bundle-License: \"Apache-2.0, or so\";link=\"https://a,b\", MIT;x=y,https://www.eclipse.org/legal/epl-2.0/\n";
        assert_eq!(
            Manifest::parse(text).licenses(),
            ["Apache-2.0, or so", "MIT", "https://www.eclipse.org/legal/epl-2.0/"]
        );
    }
}
