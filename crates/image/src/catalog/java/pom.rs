//! What Maven leaves in `META-INF/maven/GROUP/ARTIFACT/` of the jars it builds: `pom.properties`, which has the
//! coordinates, and `pom.xml`, which has the licences, and the coordinates where the properties are absent.

use quick_xml::{Reader, events::Event};
use std::collections::HashMap;

/// Bytes of a `pom.properties`.
pub(super) const PROPERTIES_CAP: u64 = 64 << 10;
/// Bytes of a value that is remembered: no group, artifact or version is that long.
const VALUE: usize = 200;
/// Bytes of a `pom.xml`.
pub(super) const XML_CAP: u64 = 1 << 20;

/// What a record tells; empty where it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pom {
    /// `groupId`.
    pub(super) group: String,
    /// `artifactId`.
    pub(super) artifact: String,
    /// `version`.
    pub(super) version: String,
    /// Names of the licences, or their URLs where they have no name.
    pub(super) licenses: Vec<String>,
}

impl Pom {
    /// Reads a `pom.properties`: `name=value` a line, with `#` comments.
    pub(super) fn properties(bytes: &[u8]) -> Self {
        let mut pom = Self::default();
        for line in String::from_utf8_lossy(bytes).lines() {
            let line = line.trim();
            let Some((name, value)) = line.split_once(['=', ':']).filter(|_| !line.starts_with(['#', '!']))
            else {
                continue;
            };
            let value = value.trim();
            if value.len() > VALUE {
                continue;
            }
            match name.trim() {
                "groupId" => value.clone_into(&mut pom.group),
                "artifactId" => value.clone_into(&mut pom.artifact),
                "version" => value.clone_into(&mut pom.version),
                _ => {}
            }
        }
        pom
    }

    /// Reads a `pom.xml` as far as it is well-formed.
    ///
    /// Group and version are inherited from the parent it names. `${...}` is looked up once in the properties
    /// of the same file; a value that needs more than that is left out.
    pub(super) fn xml(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let values = Values::read(&text);
        let parent_group = values.resolve("project/parent/groupId", None);
        let parent_version = values.resolve("project/parent/version", None);
        let mut pom = Self {
            group: values.resolve("project/groupId", None),
            artifact: values.resolve("project/artifactId", None),
            version: values.resolve("project/version", Some(&parent_version)),
            licenses: values.licenses,
        };
        if pom.group.is_empty() {
            pom.group = parent_group;
        }
        if pom.version.is_empty() {
            pom.version = parent_version;
        }
        pom
    }

    /// Fills in what it does not tell, if the other speaks of the same artifact or of none.
    pub(super) fn complete(&mut self, other: &Self) {
        if !self.artifact.is_empty() && !other.artifact.is_empty() && self.artifact != other.artifact {
            return;
        }
        for (mine, theirs) in [
            (&mut self.group, &other.group),
            (&mut self.artifact, &other.artifact),
            (&mut self.version, &other.version),
        ] {
            if mine.is_empty() {
                mine.clone_from(theirs);
            }
        }
        if self.licenses.is_empty() {
            self.licenses.clone_from(&other.licenses);
        }
    }
}

/// Elements of a `pom.xml` deeper than this are not looked at.
const DEPTH: usize = 32;
/// Elements and properties that are remembered.
const VALUES: usize = 2_000;

/// The text of the elements of interest, by path.
#[derive(Default)]
struct Values {
    by_path: HashMap<String, String>,
    licenses: Vec<String>,
}

impl Values {
    fn read(text: &str) -> Self {
        let mut values = Self::default();
        let mut reader = Reader::from_str(text);
        let mut path: Vec<String> = Vec::new();
        let mut depth = 0_usize;
        let mut content = String::new();
        let mut license: [String; 2] = Default::default();
        loop {
            match reader.read_event() {
                Ok(Event::Start(tag)) => {
                    depth += 1;
                    if depth <= DEPTH {
                        let name = tag.local_name();
                        let name: &str = name.as_ref();
                        // A name of a megabyte would be copied for every element inside it.
                        path.push(if name.len() > 100 { "?" } else { name }.to_owned());
                    }
                    content.clear();
                }
                Ok(Event::Text(text)) => content.push_str(&text),
                Ok(Event::CData(text)) => content.push_str(&text),
                // Only the five names of XML itself: a document type is not read, so no entity can be defined.
                Ok(Event::GeneralRef(name)) => {
                    content.extend(name.resolve_char_ref().ok().flatten().or(match &*name {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    }));
                }
                Ok(Event::End(_)) => {
                    if depth <= DEPTH {
                        values.element(&path.join("/"), content.trim(), &mut license);
                        path.pop();
                    }
                    depth = depth.saturating_sub(1);
                    content.clear();
                }
                Ok(Event::Eof) | Err(_) => return values,
                Ok(_) => {}
            }
        }
    }

    /// An element has ended.
    fn element(&mut self, path: &str, text: &str, license: &mut [String; 2]) {
        let fits = text.len() <= VALUE;
        match path {
            "project/licenses/license/name" => text.clone_into(&mut license[0]),
            "project/licenses/license/url" => text.clone_into(&mut license[1]),
            "project/licenses/license" => {
                let [name, url] = std::mem::take(license);
                let license = if name.is_empty() { url } else { name };
                let license = license.split_whitespace().collect::<Vec<_>>().join(" ");
                if !license.is_empty() && license.len() <= 300 && self.licenses.len() < 20 {
                    self.licenses.push(license);
                }
            }
            "project/groupId"
            | "project/artifactId"
            | "project/version"
            | "project/parent/groupId"
            | "project/parent/version"
                if fits =>
            {
                self.by_path.insert(path.to_owned(), text.to_owned());
            }
            _ if fits && path.starts_with("project/properties/") && self.by_path.len() < VALUES => {
                self.by_path.insert(path.to_owned(), text.to_owned());
            }
            _ => {}
        }
    }

    /// The value at `path` with its `${...}` filled in, or nothing.
    fn resolve(&self, path: &str, parent_version: Option<&str>) -> String {
        let Some(value) = self.by_path.get(path) else {
            return String::new();
        };
        let mut out = String::new();
        let mut rest = value.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                return String::new();
            };
            let known = match name {
                "project.version" | "version" | "pom.version" => self.by_path.get("project/version"),
                "project.parent.version" | "parent.version" => self.by_path.get("project/parent/version"),
                "project.groupId" | "groupId" | "pom.groupId" => self.by_path.get("project/groupId"),
                "project.parent.groupId" => self.by_path.get("project/parent/groupId"),
                name => self.by_path.get(&format!("project/properties/{name}")),
            };
            let known = known.map(String::as_str).or(parent_version.filter(|_| name == "project.version"));
            match known {
                Some(text) if !text.contains("${") => {
                    out.push_str(before);
                    out.push_str(text);
                }
                _ => return String::new(),
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_whatever_their_order() {
        let pom = Pom::properties(
            b"#Generated by Maven\n#Mon Jan 01\nversion=1.2.3\r\ngroupId = org.foo\nartifactId:bar\n",
        );
        assert_eq!((&*pom.group, &*pom.artifact, &*pom.version), ("org.foo", "bar", "1.2.3"));
    }

    #[test]
    fn a_pom_inherits_group_and_version_and_has_licences() {
        let pom = Pom::xml(
            br#"<?xml version="1.0"?><!-- c --><project xmlns="http://maven.apache.org/POM/4.0.0">
            <parent><groupId>org.foo</groupId><artifactId>parent</artifactId><version>7</version></parent>
            <artifactId>bar</artifactId>
            <licenses><license><name>Apache
               License &amp; co</name><url>u</url></license><license><url>https://x.org/mit</url></license></licenses>
            <dependencies><dependency><groupId>evil</groupId><version>0</version></dependency></dependencies>
            </project>"#,
        );
        assert_eq!((&*pom.group, &*pom.artifact, &*pom.version), ("org.foo", "bar", "7"));
        assert_eq!(pom.licenses, ["Apache License & co", "https://x.org/mit"]);
    }

    #[test]
    fn properties_are_filled_in_once_and_unknown_ones_leave_nothing() {
        let text = |version: &str| {
            format!(
                "<project><groupId>g</groupId><artifactId>a</artifactId><version>{version}</version>
                <properties><revision>3</revision><loop>${{loop}}</loop></properties></project>"
            )
        };
        assert_eq!(Pom::xml(text("1.${revision}-x").as_bytes()).version, "1.3-x");
        assert_eq!(Pom::xml(text("${loop}").as_bytes()).version, "");
        assert_eq!(Pom::xml(text("${project.version}").as_bytes()).version, "");
        assert_eq!(Pom::xml(text("${nowhere}").as_bytes()).version, "");
        assert_eq!(Pom::xml(text("${open").as_bytes()).version, "");
    }

    #[test]
    fn entities_of_a_document_type_are_not_expanded() {
        let pom = Pom::xml(
            br#"<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><project><artifactId>x&b;y</artifactId></project>"#,
        );
        assert_eq!(pom.artifact, "xy");
    }

    #[test]
    fn deep_nesting_is_no_recursion_and_ends() {
        let text = "<a>".repeat(100_000);
        assert_eq!(Pom::xml(text.as_bytes()), Pom::default());
    }
}
