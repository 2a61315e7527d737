//! Which packages an archive is, and which it contains: the coordinates of the jar itself, and of those that
//! were shaded into it.
//!
//! ```text
//!  META-INF/maven/*/*/pom.properties ──┬─ the one that the file name (or the manifest) speaks of: the jar itself
//!                                      └─ every other: shaded in
//!  none of them ─► file name, manifest, class packages: the jar itself, its group a guess
//! ```

use super::{filename::FileName, groups, manifest::Manifest, pom::Pom};
use gabion_model::{Package, PackageKind};

/// All that was read of one archive.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The manifest.
    pub(super) manifest: Manifest,
    /// The Maven records, properties and XML joined.
    pub(super) poms: Vec<PomRecord>,
    /// The package that all classes share, dotted; nothing if there are no classes.
    pub(super) packages: Option<String>,
}

/// A Maven record, and whether it lies where the record of the jar itself would.
#[derive(Clone, Debug)]
pub(super) struct PomRecord {
    /// What it tells.
    pub(super) pom: Pom,
    /// It lies in `META-INF/maven/` at the root of the archive.
    pub(super) at_root: bool,
}

impl Records {
    /// The packages, the archive itself first. `file` is its name without directories.
    pub(super) fn packages(&self, file: &str) -> Vec<Package> {
        // New Relic's instrumentation modules name themselves after the library they watch.
        if self.manifest.get("weave-classes").is_some() {
            return Vec::new();
        }
        let name = FileName::parse(file);
        let own = self.own_pom(&name);
        let mut packages = Vec::new();
        match own.and_then(|i| self.poms.get(i)) {
            Some(record) => packages.extend(self.package(&record.pom)),
            None => packages.extend(self.without_pom(&name, file)),
        }
        for (i, record) in self.poms.iter().enumerate() {
            if Some(i) != own {
                packages.extend(told(&record.pom));
            }
        }
        let mut seen = std::collections::HashSet::new();
        packages.retain(|p| seen.insert((p.name.clone(), p.version.clone())));
        packages
    }

    /// The record that speaks of the archive itself.
    fn own_pom(&self, name: &FileName<'_>) -> Option<usize> {
        let at_root = || self.poms.iter().enumerate().filter(|(_, record)| record.at_root);
        let (rank, best) = at_root()
            .map(|(i, PomRecord { pom, .. })| (name.names(&pom.group, &pom.artifact, &pom.version), i))
            // The first of the best.
            .max_by_key(|&(rank, i)| (rank, std::cmp::Reverse(i)))?;
        if rank > 0 {
            return Some(best);
        }
        // Renamed (`app.jar`): it has one record only, and nothing speaks for another version.
        let version = name.version.or_else(|| self.manifest_version());
        let says_otherwise = |pom: &Pom| version.is_some_and(|v| v != pom.version);
        let mut all = at_root();
        match (all.next(), all.next()) {
            (Some((i, record)), None) if !says_otherwise(&record.pom) => return Some(i),
            _ => {}
        }
        // Renamed, with others shaded in: the manifest names it.
        at_root()
            .find(|(_, PomRecord { pom, .. })| {
                let symbolic = self.manifest.plain("bundle-symbolicname");
                !pom.artifact.is_empty()
                    && !says_otherwise(pom)
                    && (self.manifest.get("implementation-title") == Some(&pom.artifact)
                        || symbolic.is_some_and(|s| {
                            s.strip_prefix(&*pom.group).and_then(|s| s.strip_prefix('.'))
                                == Some(&pom.artifact)
                        }))
            })
            .map(|(i, _)| i)
    }

    /// The archive itself, from its own record and what the manifest adds.
    fn package(&self, pom: &Pom) -> Option<Package> {
        let mut pom = pom.clone();
        if pom.version.is_empty() {
            self.manifest_version().unwrap_or_default().clone_into(&mut pom.version);
        }
        if pom.licenses.is_empty() {
            pom.licenses = self.manifest.licenses();
        }
        told(&pom)
    }

    /// The archive itself, where Maven left no record of it.
    fn without_pom(&self, name: &FileName<'_>, file: &str) -> Option<Package> {
        let is_plugin = [".hpi", ".jpi"].iter().any(|ext| file.ends_with(ext));
        let manifest_version = self.manifest_version();
        let cut = manifest_version.and_then(|version| name.split_at(version));
        let (mut artifact, mut version) = match cut {
            Some((artifact, version)) => (artifact, Some(version)),
            None => (name.artifact, name.version.or(manifest_version)),
        };
        if is_plugin {
            let short = self.manifest.get("short-name").or_else(|| self.manifest.get("extension-name"));
            artifact = short.unwrap_or(artifact);
            version = self.manifest_version().or(version);
        }
        // A container of other things (a shaded jar, an application without a name) is no package of its own.
        if version.is_none() && (self.packages.is_none() || !self.poms.is_empty()) {
            return None;
        }
        let artifact = coordinate(artifact)?;
        let guess = groups::guess(
            artifact,
            version.unwrap_or_default(),
            &self.manifest,
            self.packages.as_deref().unwrap_or_default(),
        );
        let mut package = match &guess {
            Some(guess) => new_package(&format!("{}:{artifact}", guess.group), version.unwrap_or_default()),
            None => new_package(artifact, version.unwrap_or_default()),
        };
        let told_by = guess.map_or_else(|| "unknown".to_owned(), |g| format!("guessed from {}", g.basis));
        package.facts.push(("group".into(), told_by));
        package.licenses = tidy(self.manifest.licenses());
        Some(package)
    }

    /// The version that the manifest tells.
    fn manifest_version(&self) -> Option<&str> {
        ["implementation-version", "plugin-version", "bundle-version", "specification-version"]
            .iter()
            .filter_map(|name| self.manifest.plain(name))
            // Jenkins writes `1.0-SNAPSHOT (private-...)`.
            .filter_map(|value| value.split_whitespace().next())
            .filter_map(coordinate)
            .find(|value| value.contains(|c: char| c.is_ascii_digit()))
    }
}

/// The package of a Maven record, if it has the three coordinates or at least two.
fn told(pom: &Pom) -> Option<Package> {
    let artifact = coordinate(&pom.artifact)?;
    let version = coordinate(&pom.version)?;
    let mut package = if let Some(group) = coordinate(&pom.group) {
        new_package(&format!("{group}:{artifact}"), version)
    } else {
        let mut package = new_package(artifact, version);
        package.facts.push(("group".into(), "unknown".into()));
        package
    };
    package.licenses = tidy(pom.licenses.clone());
    Some(package)
}

fn new_package(name: &str, version: &str) -> Package {
    Package::new(PackageKind::Maven, name, version, "java")
}

/// A text that can be a group, an artifact or a version: no longer than 200 bytes, of letters, digits and `._+-`.
fn coordinate(text: &str) -> Option<&str> {
    let text = text.trim();
    let fine = |c: char| c.is_alphanumeric() || "._+-~".contains(c);
    (!text.is_empty() && text.len() <= 200 && text.chars().all(fine)).then_some(text)
}

/// Licences without repetition and without what no licence name has.
fn tidy(licenses: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for license in licenses {
        if license.len() <= 300 && !license.chars().any(char::is_control) && !out.contains(&license) {
            out.push(license);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(group: &str, artifact: &str, version: &str) -> PomRecord {
        PomRecord {
            pom: Pom {
                group: group.into(),
                artifact: artifact.into(),
                version: version.into(),
                licenses: Vec::new(),
            },
            at_root: true,
        }
    }

    fn names(file: &str, manifest: &str, poms: Vec<PomRecord>, classes: Option<&str>) -> Vec<String> {
        let records = Records {
            manifest: Manifest::parse(manifest.as_bytes()),
            poms,
            packages: classes.map(str::to_owned),
        };
        let packages = records.packages(file);
        packages.iter().map(|p| format!("{}@{}", p.name, p.version)).collect()
    }

    #[test]
    fn the_record_that_fits_the_file_name_is_the_jar_and_the_others_are_shaded() {
        let poms = vec![record("com.google.code.gson", "gson", "2.8"), record("org.foo", "bar", "1.2")];
        assert_eq!(
            names("bar-1.2-all.jar", "", poms, None),
            ["org.foo:bar@1.2", "com.google.code.gson:gson@2.8"]
        );
    }

    #[test]
    fn a_renamed_jar_with_one_record_is_that_one_unless_the_version_differs() {
        let demo = || vec![record("com.example", "demo", "0.1")];
        assert_eq!(names("app.jar", "", demo(), None), ["com.example:demo@0.1"]);
        assert_eq!(names("app.jar", "Implementation-Version: 0.1\n", demo(), None), ["com.example:demo@0.1"]);
        assert_eq!(names("tool-9.0.jar", "", demo(), Some("")), ["tool@9.0", "com.example:demo@0.1"]);
        let two = vec![record("a.b", "x", "1"), record("c.d", "y", "2")];
        assert_eq!(
            names("app.jar", "Implementation-Title: y\nImplementation-Version: 2\n", two.clone(), Some("c")),
            ["c.d:y@2", "a.b:x@1"]
        );
        assert_eq!(names("app.jar", "", two, Some("c")), ["a.b:x@1", "c.d:y@2"]);
    }

    #[test]
    fn without_a_record_the_file_name_and_the_manifest_tell() {
        assert_eq!(
            names(
                "spring-core-6.1.10.jar",
                "Implementation-Version: 6.1.10\n",
                vec![],
                Some("org.springframework")
            ),
            ["org.springframework:spring-core@6.1.10"]
        );
        assert_eq!(
            names(
                "kotlin-stdlib-2.0.0.jar",
                "Implementation-Version: 2.0.0-release-341\n",
                vec![],
                Some("kotlin")
            ),
            ["org.jetbrains.kotlin:kotlin-stdlib@2.0.0"]
        );
        assert_eq!(names("x-1.0-tests.jar", "Bundle-Version: 1.0\n", vec![], Some("x")), ["x@1.0"]);
        assert_eq!(
            names(
                "git.hpi",
                "Short-Name: git\nGroup-Id: org.jenkins-ci.plugins\nPlugin-Version: 5.2 (private)\n",
                vec![],
                None
            ),
            ["org.jenkins-ci.plugins:git@5.2"]
        );
        assert_eq!(
            names("unknown.jar", "", vec![], Some("org.x")),
            ["unknown@"].map(|s| format!("org.x:{s}"))
        );
        assert_eq!(names("resources.jar", "", vec![], None), [""; 0]);
        assert_eq!(names("spring-1.jar", "Weave-Classes: x\n", vec![], Some("a")), [""; 0]);
    }

    #[test]
    fn a_group_that_is_not_known_is_said_to_be() {
        let records = Records { packages: Some(String::new()), ..Records::default() };
        let packages = records.packages("thing-1.0.jar");
        assert_eq!(packages[0].name, "thing");
        assert_eq!(packages[0].facts, [("group".to_owned(), "unknown".to_owned())]);
    }

    #[test]
    fn nonsense_is_no_coordinate() {
        assert_eq!(
            names("a b-1.jar", "", vec![record("g", "${a}", "1"), record("g", "a", "")], None),
            [""; 0]
        );
        assert_eq!(coordinate(&"x".repeat(201)), None);
    }
}
