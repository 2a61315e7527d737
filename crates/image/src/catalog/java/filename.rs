//! The name of a jar, taken apart: Maven and Gradle write `ARTIFACT-VERSION[-CLASSIFIER].jar`, `OSGi` bundles are
//! often named `SYMBOLIC.NAME_VERSION.jar`.

/// Words that belong to a version when they stand between two numbers (`1.0-beta-2`).
const QUALIFIERS: &[&str] = &[
    "alpha",
    "beta",
    "build",
    "b",
    "cr",
    "final",
    "ga",
    "incubating",
    "jre",
    "m",
    "milestone",
    "p",
    "patch",
    "pre",
    "preview",
    "r",
    "rc",
    "release",
    "rev",
    "snapshot",
    "sp",
    "v",
];

/// A file name without directory and extension, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName<'a> {
    /// All of it.
    pub(super) stem: &'a str,
    /// What stands before the version.
    pub(super) artifact: &'a str,
    /// The version, with the classifier if there is one, for nothing tells where it begins.
    pub(super) version: Option<&'a str>,
}

impl<'a> FileName<'a> {
    /// Takes a file name apart, the version being where the first number starts a part. A later number starts it
    /// instead if it is dotted and follows a word that is none of a version: `log4j-1.2-api-2.17.1`.
    pub(super) fn parse(name: &'a str) -> Self {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let whole = Self { stem, artifact: stem, version: None };
        let mut split = None;
        let mut before = "";
        let mut at = 0;
        for part in stem.split('-') {
            if at > 0 && part.starts_with(|c: char| c.is_ascii_digit()) {
                let moves = split.is_some()
                    && part.contains('.')
                    && before.starts_with(|c: char| c.is_ascii_alphabetic())
                    && !is_qualifier(before);
                if split.is_none() || moves {
                    split = Some(at);
                }
            }
            before = part;
            at += part.len() + 1;
        }
        if split.is_none() {
            split = stem
                .rfind('_')
                .map(|i| i + 1)
                .filter(|&i| stem[..i].contains('.') && stem[i..].starts_with(|c: char| c.is_ascii_digit()));
        }
        match split {
            Some(at) => Self { artifact: &stem[..at - 1], version: Some(&stem[at..]), ..whole },
            None => whole,
        }
    }

    /// Takes the name apart where a version that is known from elsewhere stands in it.
    pub(super) fn split_at(&self, version: &str) -> Option<(&'a str, &'a str)> {
        let (at, _) = self.stem.match_indices(version).find(|&(i, _)| {
            i > 1 && matches!(self.stem.as_bytes()[i - 1], b'-' | b'_') && self.ends(i + version.len())
        })?;
        Some((&self.stem[..at - 1], &self.stem[at..at + version.len()]))
    }

    /// How well it names an artifact: 0 not at all, 3 as Maven does.
    pub(super) fn names(&self, group: &str, artifact: &str, version: &str) -> u8 {
        let rest = |prefix: &str| self.stem.strip_prefix(prefix)?.strip_prefix('-')?.strip_prefix(version);
        let full = rest(artifact).or_else(|| {
            let rest = self.stem.strip_prefix(group)?.strip_prefix(['.', '-', '_'])?;
            rest.strip_prefix(artifact)?.strip_prefix('-')?.strip_prefix(version)
        });
        match full {
            _ if artifact.is_empty() => 0,
            Some(rest) if !version.is_empty() && (rest.is_empty() || rest.starts_with(['-', '.', '_'])) => 3,
            _ if self.stem == artifact => 2,
            _ if self.artifact == artifact => 1,
            _ => 0,
        }
    }

    fn ends(&self, at: usize) -> bool {
        matches!(self.stem.as_bytes().get(at), None | Some(b'-' | b'_'))
    }
}

/// Whether a part is a word of versions, a number behind it or not.
fn is_qualifier(part: &str) -> bool {
    let word = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').to_ascii_lowercase();
    QUALIFIERS.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_start_at_the_first_number_unless_a_word_follows_it() {
        for (name, artifact, version) in [
            ("guava-33.2.1-jre.jar", "guava", Some("33.2.1-jre")),
            ("log4j-1.2-api-2.17.1.jar", "log4j-1.2-api", Some("2.17.1")),
            ("kafka_2.13-3.7.0.jar", "kafka_2.13", Some("3.7.0")),
            ("foo-1.0.0-beta-3.1.jar", "foo", Some("1.0.0-beta-3.1")),
            ("foo-1.0-20240101.120000-7.jar", "foo", Some("1.0-20240101.120000-7")),
            ("x-4.1.111.Final-linux-x86_64.jar", "x", Some("4.1.111.Final-linux-x86_64")),
            ("org.eclipse.osgi_3.18.0.v2022.jar", "org.eclipse.osgi", Some("3.18.0.v2022")),
            ("commons-lang3.jar", "commons-lang3", None),
            ("app.war", "app", None),
            ("-1.jar", "", Some("1")),
            ("é-1.jar", "é", Some("1")),
            ("", "", None),
        ] {
            let parsed = FileName::parse(name);
            assert_eq!((parsed.artifact, parsed.version), (artifact, version), "{name}");
        }
    }

    #[test]
    fn a_known_version_cuts_off_the_classifier() {
        let name = FileName::parse("x-4.1.111.Final-linux-x86_64.jar");
        assert_eq!(name.split_at("4.1.111.Final"), Some(("x", "4.1.111.Final")));
        assert_eq!(name.split_at("4.1"), None);
        assert_eq!(name.split_at("x"), None);
    }

    #[test]
    fn a_file_names_its_artifact_more_or_less_well() {
        let name = FileName::parse("jetty-server-11.0.20-tests.jar");
        assert_eq!(name.names("org.eclipse.jetty", "jetty-server", "11.0.20"), 3);
        assert_eq!(name.names("org.eclipse.jetty", "jetty-server", "12"), 1);
        assert_eq!(name.names("org.eclipse.jetty", "jetty", "11.0.20"), 0);
        assert_eq!(FileName::parse("a.b-1.jar").names("a", "b", "1"), 3);
        assert_eq!(FileName::parse("demo.jar").names("g", "demo", "1"), 2);
    }
}
