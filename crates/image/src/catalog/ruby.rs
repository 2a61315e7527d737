//! Ruby: the specifications of installed gems, `specifications/*.gemspec`.
//!
//! A specification is Ruby code, but RubyGems writes it itself when a gem is installed, always alike: a comment
//! that spares it the evaluation (`# stub: NAME VERSION PLATFORM PATHS`), and one assignment a line. That is all
//! that is read; nothing is run.
//!
//! ```text
//! # -*- encoding: utf-8 -*-
//! # stub: nokogiri 1.16.2 x86_64-linux lib
//! Gem::Specification.new do |s|
//!   s.name = "nokogiri".freeze
//!   s.version = "1.16.2"
//!   s.licenses = ["MIT".freeze]
//! ```

use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind, path};

/// Bytes of a specification; those with long file lists reach some 100 KiB.
const CAP: u64 = 4 << 20;
/// The longest line that is looked at.
const LINE: usize = 10_000;

/// Installed gems.
#[derive(Debug)]
pub struct Gemspec;

impl Cataloger for Gemspec {
    fn name(&self) -> &'static str {
        "gem"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.gem")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope != Scope::Image || !file.path.ends_with(b".gemspec") {
            return Want::No;
        }
        let mut dir = path::parent(file.path);
        if path::name(dir) == b"default" {
            dir = path::parent(dir);
        }
        if path::name(dir) == b"specifications" { Want::Content } else { Want::No }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(CAP)?;
        let gem = Gem::parse(&String::from_utf8_lossy(&bytes));
        if gem.name.is_empty() || gem.version.is_empty() {
            return Err(ReadError::malformed("has no name or version that can be read without running it"));
        }
        let mut package = Package::new(PackageKind::Gem, gem.name, gem.version, self.name());
        package.arch = Some(gem.platform).filter(|platform| !platform.is_empty() && platform != "ruby");
        package.licenses = gem.licenses;
        out.package(package, Vec::new());
        Ok(())
    }
}

/// What a specification tells.
#[derive(Default)]
struct Gem {
    name: String,
    version: String,
    platform: String,
    licenses: Vec<String>,
}

impl Gem {
    fn parse(text: &str) -> Self {
        let mut gem = Self::default();
        for line in text.lines().filter(|line| line.len() <= LINE) {
            let line = line.trim();
            if let Some(stub) = line.strip_prefix("# stub: ") {
                let mut words = stub.split_whitespace();
                // A second stub line lists native extensions.
                if let (true, Some(name), Some(version), Some(platform)) =
                    (gem.name.is_empty(), words.next(), words.next(), words.next())
                {
                    name.clone_into(&mut gem.name);
                    version.clone_into(&mut gem.version);
                    platform.clone_into(&mut gem.platform);
                }
                continue;
            }
            let Some((left, right)) = line.split_once('=') else {
                continue;
            };
            let Some((receiver, attribute)) = left.trim().split_once('.') else {
                continue;
            };
            if !receiver.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let mut values = literals(right);
            match attribute {
                "name" if gem.name.is_empty() => gem.name = values.next().unwrap_or_default(),
                "version" if gem.version.is_empty() => gem.version = values.next().unwrap_or_default(),
                "platform" if gem.platform.is_empty() => gem.platform = values.next().unwrap_or_default(),
                "license" | "licenses" if gem.licenses.is_empty() => gem.licenses = values.collect(),
                _ => {}
            }
        }
        gem
    }
}

/// The string literals of an expression: `"a"`, `'a'`, `%q{a}`. Those that compute something end the search.
fn literals(expression: &str) -> impl Iterator<Item = String> {
    let mut rest = expression;
    std::iter::from_fn(move || {
        let start = rest.find(['"', '\'', '%', '#'])?;
        let (open, close) = match rest.as_bytes().get(start)? {
            b'"' => (1, '"'),
            b'\'' => (1, '\''),
            b'%' if rest[start..].starts_with("%q{") => (3, '}'),
            _ => return None,
        };
        let (value, after) = rest[start + open..].split_once(close)?;
        rest = after;
        (!value.contains(['\\', '#'])).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(path: &str) -> Candidate<'_> {
        Candidate { path: path.as_bytes(), size: 1, mode: 0o644, scope: Scope::Image }
    }

    fn read(text: &[u8]) -> Result<Package, ReadError> {
        let mut out = Facts::default();
        Gemspec.read(&candidate("s.gemspec"), &Content::Memory(text), &mut out)?;
        Ok(out.packages().next().expect("told").clone())
    }

    #[test]
    fn only_installed_specifications_are_wanted() {
        for (path, want) in [
            ("usr/lib/ruby/gems/3.1.0/specifications/rake-13.gemspec", Want::Content),
            ("usr/lib/ruby/gems/3.1.0/specifications/default/json-2.gemspec", Want::Content),
            ("src/rake/rake.gemspec", Want::No),
            ("specifications/x/a.gemspec", Want::No),
            ("specifications", Want::No),
        ] {
            assert_eq!(Gemspec.want(&candidate(path)), want, "{path}");
        }
    }

    #[test]
    fn the_stub_line_and_the_licences_are_read() {
        let package = read(
            b"# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.16.2 x86_64-linux lib\n# stub: ext/nokogiri/extconf.rb\n\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.version = \"1.16.2\"\n  s.licenses = [\"MIT\".freeze, 'BSD-2-Clause']\n  s.summary = \"a = b\"\nend\n",
        )
        .expect("reads");
        assert_eq!(package.purl(None), "pkg:gem/nokogiri@1.16.2");
        assert_eq!(package.arch.as_deref(), Some("x86_64-linux"));
        assert_eq!(package.licenses, ["MIT", "BSD-2-Clause"]);
    }

    #[test]
    fn without_a_stub_line_the_assignments_count() {
        let old = b"Gem::Specification.new do |s|\n  s.name = %q{rake}\n  s.version = %q{0.9}\n  s.license = 'MIT'\nend";
        let package = read(old).expect("reads");
        assert_eq!((&*package.name, &*package.version, package.arch), ("rake", "0.9", None));
        let version = b"g.name = 'x'\ng.version = Gem::Version.new(\"1.0\")\n";
        assert_eq!(read(version).expect("reads").version, "1.0");
    }

    #[test]
    fn code_that_would_have_to_run_is_an_error() {
        for text in [
            "s.name = NAME\ns.version = '1'",
            "s.name = \"a#{b}\"\ns.version = \"1\"",
            "",
            "s.name = File.read('x')",
        ] {
            assert!(matches!(read(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "([a-z]\\.)?(name|version|licenses| = |%q\\{|\"|'|#|\\PC|\n){0,30}") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
