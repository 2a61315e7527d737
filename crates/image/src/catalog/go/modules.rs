//! The module text of a Go program, and the packages it makes.
//!
//! ```text
//! path    example.com/tool/cmd/tool
//! mod     example.com/tool        (devel)
//! dep     golang.org/x/net        v0.1.0  h1:…
//! dep     example.com/lib         v1.0.0
//! =>      example.com/fork        v1.0.1  h1:…
//! build   -ldflags="-X main.version=1.2.3"
//! build   vcs.revision=0123…
//! ```
//!
//! Fields are separated by one tab (Go's `runtime/debug`, `BuildInfo.String`).

use super::version_flags;
use gabion_model::{Package, PackageKind};

/// One `mod`, `dep` or `=>` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Module<'a> {
    path: &'a str,
    version: &'a str,
    sum: &'a str,
}

/// The text, by kind of line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// The import path of package `main`.
    pub(super) path: &'a str,
    main: Option<Module<'a>>,
    dependencies: Vec<(Module<'a>, Option<Module<'a>>)>,
    settings: Vec<(&'a str, String)>,
}

/// The standard library, the main module and the dependencies, in this order.
pub(super) fn packages(go: &str, text: &Text<'_>, found_by: &'static str) -> Vec<Package> {
    let golang = |name: &str, version: &str| Package::new(PackageKind::Golang, name, version, found_by);
    let main = main_module(text);
    let mut packages = vec![golang("stdlib", toolchain(go))];
    packages.extend(main.filter(Module::is_sound).map(|main| {
        let mut package = golang(main.path, &main_version(&main, text));
        package.facts.push(("main".to_owned(), text.path.to_owned()));
        let kept = ["vcs.revision", "vcs.time", "vcs.modified"];
        package.facts.extend(
            text.settings
                .iter()
                .filter(|(key, _)| kept.contains(key))
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        package
    }));
    for (module, replacement) in &text.dependencies {
        let used = used(module, replacement.as_ref());
        if !used.is_sound() || Some(used) == main {
            continue;
        }
        // What a directory holds has no version, whatever the replaced module's was.
        let local = replacement.is_some_and(|r| r.is_directory());
        let mut package = golang(used.path, if local { "" } else { used.known_version() });
        if let Some(replacement) = replacement {
            let (fact, other) = if local { ("replaced-by", replacement) } else { ("replaces", module) };
            let value = format!("{} {}", other.path, other.version);
            package.facts.push((fact.to_owned(), value.trim_end().to_owned()));
        }
        if used.sum.starts_with("h1:") {
            package.facts.push(("go.sum".to_owned(), used.sum.to_owned()));
        }
        packages.push(package);
    }
    packages
}

impl<'a> Text<'a> {
    /// Every module but the standard library: the path that its packages have, and the one that it is reported by.
    pub(super) fn modules(&self) -> Vec<(&'a str, &'a str)> {
        let main = main_module(self).map(|main| (main.path, main.path));
        let others = self
            .dependencies
            .iter()
            .map(|(module, replacement)| (module.path, used(module, replacement.as_ref()).path));
        main.into_iter().chain(others).filter(|(path, _)| !path.is_empty()).collect()
    }
}

/// What stands for a module: its replacement, unless that is a directory.
fn used<'a>(module: &Module<'a>, replacement: Option<&Module<'a>>) -> Module<'a> {
    *replacement.filter(|r| !r.is_directory()).unwrap_or(module)
}

impl<'a> Module<'a> {
    fn parse(mut fields: impl Iterator<Item = &'a str>) -> Self {
        let mut next = || fields.next().unwrap_or_default();
        Self { path: next(), version: next(), sum: next() }
    }

    /// Whether path and version can be names at all: the text is whatever the file says.
    fn is_sound(&self) -> bool {
        let clean = |text: &str| !text.contains(|c: char| c.is_whitespace() || c.is_control());
        !self.path.is_empty() && clean(self.path) && clean(self.version)
    }

    /// Whether it is a place in the builder's file system rather than a module path.
    fn is_directory(&self) -> bool {
        self.path.starts_with(['.', '/'])
    }

    /// The version; empty if it was built from a source tree that had none.
    fn known_version(&self) -> &'a str {
        if self.version == "(devel)" { "" } else { self.version }
    }
}

/// Takes the text apart.
pub(super) fn parse(text: &str) -> Text<'_> {
    let mut out = Text::default();
    let mut after_main = false;
    for line in text.lines() {
        let Some((kind, rest)) = line.split_once('\t') else {
            continue;
        };
        let module = || Module::parse(rest.split('\t'));
        match kind {
            "path" => out.path = rest,
            "mod" => out.main = Some(module()),
            "dep" => out.dependencies.push((module(), None)),
            "=>" if after_main => {}
            "=>" => {
                if let Some((_, replacement)) = out.dependencies.last_mut() {
                    *replacement = Some(module());
                }
            }
            "build" => out.settings.extend(setting(rest)),
            _ => {}
        }
        after_main = kind == "mod";
    }
    out
}

/// `key=value`; the value is quoted as Go does it if it holds spaces.
fn setting(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.split_once('=')?;
    let value = match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
        None => value.to_owned(),
        Some(quoted) => {
            let mut chars = quoted.chars();
            let mut plain = String::with_capacity(quoted.len());
            while let Some(c) = chars.next() {
                match c {
                    '\\' => {
                        plain
                            .extend(chars.next().map(|c| if matches!(c, 'n' | 't' | 'r') { ' ' } else { c }));
                    }
                    c => plain.push(c),
                }
            }
            plain
        }
    };
    Some((key, value))
}

/// The main module. A program built from single files names it among the dependencies, and one built by
/// another tool than `go` names only the package.
fn main_module<'a>(text: &Text<'a>) -> Option<Module<'a>> {
    if let Some(main) = text.main.filter(|main| main.path != "command-line-arguments") {
        return Some(main);
    }
    let mut unversioned = text
        .dependencies
        .iter()
        .filter(|(module, replacement)| module.version == "(devel)" && replacement.is_none());
    match (unversioned.next(), unversioned.next()) {
        (Some((only, _)), None) => Some(*only),
        // The first element of a module path is a host name; commands of Go itself have none.
        _ => text.path.split('/').next().filter(|host| host.contains('.')).map(|_| Module {
            path: text.path,
            version: "",
            sum: "",
        }),
    }
}

/// The main module's version: what the record says, unless it is unknown or derived from a commit, and the
/// linker was told a better one.
fn main_version(main: &Module<'_>, text: &Text<'_>) -> String {
    let recorded = main.known_version();
    if !recorded.is_empty() && !is_pseudo(recorded) {
        return recorded.to_owned();
    }
    let flags = text.settings.iter().find(|(key, _)| *key == "-ldflags");
    flags
        .and_then(|(_, flags)| version_flags::version(flags, main.path))
        .unwrap_or_else(|| recorded.to_owned())
}

/// Whether a version names a commit rather than a release: `v0.0.0-20240102150405-0123456789ab`
/// (<https://go.dev/ref/mod#pseudo-versions>).
fn is_pseudo(version: &str) -> bool {
    let version = version.split('+').next().unwrap_or_default();
    let mut parts = version.rsplit('-');
    let (Some(revision), Some(time)) = (parts.next(), parts.next()) else {
        return false;
    };
    let time = time.rsplit('.').next().unwrap_or_default();
    parts.next().is_some()
        && revision.len() == 12
        && revision.bytes().all(|b| b.is_ascii_hexdigit())
        && time.len() == 14
        && time.bytes().all(|b| b.is_ascii_digit())
}

/// The version of the standard library as advisories write it: `1.22.3`, `1.23rc1`.
///
/// `runtime.Version` may add experiments (`go1.22.3 X:boringcrypto`, since 1.26 `go1.26.0-X:jsonv2`), a
/// vendor's build (`go1.22.3 (Red Hat 1.22.3-1)`), or precede an unreleased one by `devel`.
fn toolchain(version: &str) -> &str {
    let version = version.strip_prefix("devel ").unwrap_or(version);
    let word = version.split_whitespace().next().unwrap_or_default();
    let word = word.split("-X:").next().unwrap_or_default();
    word.strip_prefix("go").unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(go: &str, text: &str) -> Vec<(String, String)> {
        packages(go, &parse(text), "test").into_iter().map(|p| (p.name, p.version)).collect()
    }

    fn pair(name: &str, version: &str) -> (String, String) {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn replacements_stand_for_what_they_replace_unless_they_are_directories() {
        let text = "path\texample.com/t/cmd/t\nmod\texample.com/t\tv1.2.3\th1:x=\n\
            dep\tgolang.org/x/net\tv0.1.0\th1:y=\ndep\texample.com/a\tv1.0.0\n=>\texample.com/fork\tv1.0.1\th1:z=\n\
            dep\texample.com/b\tv1.0.0\n=>\t./b\t(devel)\t\n";
        let packages = packages("go1.22.3", &parse(text), "test");
        let names: Vec<_> = packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
        assert_eq!(
            names,
            [
                ("stdlib", "1.22.3"),
                ("example.com/t", "v1.2.3"),
                ("golang.org/x/net", "v0.1.0"),
                ("example.com/fork", "v1.0.1"),
                ("example.com/b", ""),
            ]
        );
        assert_eq!(packages[3].facts[0], pair("replaces", "example.com/a v1.0.0"));
        assert_eq!(packages[4].facts[0], pair("replaced-by", "./b (devel)"));
        assert_eq!(packages[1].facts[0], pair("main", "example.com/t/cmd/t"));
    }

    #[test]
    fn a_version_given_to_the_linker_beats_a_commit_but_not_a_release() {
        let with = |version: &str| {
            told(
                "go1.24.0",
                &format!("mod\texample.com/t\t{version}\t\nbuild\t-ldflags=\"-s -X main.version=1.9.0\"\n"),
            )[1]
            .1
            .clone()
        };
        assert_eq!(with("(devel)"), "v1.9.0");
        assert_eq!(with("v0.0.0-20240102150405-0123456789ab+dirty"), "v1.9.0");
        assert_eq!(with("v1.3.1-0.20240102150405-0123456789ab"), "v1.9.0");
        assert_eq!(with("v1.8.0"), "v1.8.0");
        assert_eq!(told("go1.24.0", "mod\texample.com/t\t(devel)\t\n")[1].1, "");
    }

    #[test]
    fn a_main_module_is_found_among_the_dependencies_or_by_its_path() {
        let files =
            "path\tcommand-line-arguments\ndep\texample.com/t\t(devel)\t\ndep\texample.com/u\tv1.0.0\t\n";
        assert_eq!(
            told("go1.20", files),
            [pair("stdlib", "1.20"), pair("example.com/t", ""), pair("example.com/u", "v1.0.0")]
        );
        assert_eq!(told("go1.20", "path\texample.com/t/cmd/x\n")[1], pair("example.com/t/cmd/x", ""));
        assert_eq!(told("go1.20", "path\tcmd/go\n"), [pair("stdlib", "1.20")]);
        assert_eq!(
            told("go1.20", "mod\ta b\tv1\t\n"),
            [pair("stdlib", "1.20")],
            "no module path has a space"
        );
    }

    #[test]
    fn the_toolchain_is_named_as_advisories_do() {
        assert_eq!(toolchain("go1.22.3"), "1.22.3");
        assert_eq!(toolchain("go1.22.3 X:boringcrypto"), "1.22.3");
        assert_eq!(toolchain("go1.26.0-X:jsonv2"), "1.26.0");
        assert_eq!(toolchain("go1.26.5 (Red Hat 1.26.5-1.el10_2)"), "1.26.5");
        assert_eq!(toolchain("devel go1.23-abcdef Tue Jan 2"), "1.23-abcdef");
    }
}
