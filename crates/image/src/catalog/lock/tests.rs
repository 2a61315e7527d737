//! One small lock file of each format, and what it tells; then the same files damaged.

use super::*;
use proptest::prelude::*;

fn read(path: &str, bytes: &[u8]) -> Facts {
    let file =
        Candidate { path: path.as_bytes(), size: bytes.len() as u64, mode: 0o644, scope: Scope::SourceTree };
    let mut facts = Facts::default();
    Locks.read(&file, &Content::Memory(bytes), &mut facts).expect("errors are gaps");
    facts
}

/// `name@version`, with ` dev` behind it if only development needs it, and notes.
fn told(path: &str, bytes: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>) {
    let mut packages = Vec::new();
    let mut notes = Vec::new();
    for fact in read(path, bytes.as_ref()).list {
        match fact {
            Fact::Package { package, .. } => {
                let dev = package.facts.iter().any(|(k, v)| k == "scope" && v == "dev");
                packages.push(format!(
                    "{}@{}{}",
                    package.name,
                    package.version,
                    if dev { " dev" } else { "" }
                ));
            }
            Fact::Gap { reason, .. } => notes.push(reason),
            Fact::Skipped { reason, .. } => notes.push(format!("skipped: {reason}")),
            other => panic!("unexpected {other:?}"),
        }
    }
    (packages, notes)
}

/// The packages of a file without gaps.
fn packages(path: &str, text: &str) -> Vec<String> {
    let (packages, notes) = told(path, text);
    assert_eq!(notes, [""; 0], "{path}");
    packages
}

const NPM_1: &str = r#"{"lockfileVersion":1,"dependencies":{
    "a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0","dev":true}}},
    "alias":{"version":"npm:@s/real@3.0.0"},
    "here":{"version":"file:../here"}}}"#;

const NPM_3: &str = r#"{"lockfileVersion":3,"packages":{
    "":{"name":"app","version":"0.1.0","dependencies":{"@s/a":"^1"}},
    "packages/w":{"name":"w","version":"1.0.0"},
    "node_modules/w":{"resolved":"packages/w","link":true},
    "node_modules/@s/a":{"version":"1.0.0","dev":true},
    "node_modules/b/node_modules/@s/a":{"version":"1.0.0"},
    "node_modules/alias":{"name":"real","version":"3.0.0","dev":true}},
    "dependencies":{"@s/a":{"version":"9.9.9"}}}"#;

const YARN_CLASSIC: &str = r#"# yarn lockfile v1


"@s/a@^1.0.0", "@s/a@^1.1":
  version "1.1.0"
  resolved "https://example.org/a.tgz#00"
  dependencies:
    version "^2.0.0"

b@~2:
  version "2.0.0"

"old@npm:@s/real@^3":
  version "3.0.0"

"here@file:./here":
  version "0.0.0"
"#;

const YARN_BERRY: &str = r#"# generated
__metadata:
  version: 8
  cacheKey: 10c0

"@s/a@npm:^1.0.0, @s/a@npm:^1.1":
  version: 1.10
  resolution: "@s/a@npm:1.10"
  dependencies:
    b: "npm:~2"
  linkType: hard

"a@patch:a@npm%3A2.0.0#./a.patch":
  version: 2.0.0
  resolution: "a@patch:a@npm%3A2.0.0#./a.patch::hash=1"
  linkType: hard

"app@workspace:.":
  version: 0.0.0-use.local
  resolution: "app@workspace:."
  linkType: soft
"#;

const PNPM_5: &str = "lockfileVersion: 5.4
specifiers: {a: ^1}
dependencies: {a: 1.0.0}
packages:
  /@s/a/1.0.0_b@2.0.0:
    resolution: {integrity: sha512-x}
    dev: false
  /b/2.0.0:
    dev: true
  registry.example.org/c/3.0.0:
    dev: false
  github.com/o/d/0123456:
    name: d
    version: 4.0.0
  file:../e:
    name: e
    version: 0.0.0
";

const PNPM_6: &str = "lockfileVersion: '6.0'
packages:
  /@s/a@1.0.0(b@2.0.0)(@t/c@1.0.0):
    dev: true
  /b@2.0.0:
    dev: false
  '@codeload.example.org/o/d/tar.gz/0123':
    name: d
    version: 4.0.0
";

const PNPM_9: &str = "---
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1, version: 1.0.0(b@2.0.0)}
      alias: {specifier: 'npm:real@3', version: real@3.0.0}
      w: {specifier: 'workspace:*', version: link:w}
    devDependencies:
      dev: {specifier: '*', version: 5.0.0}
packages:
  a@1.0.0: {resolution: {integrity: x}}
  b@2.0.0: {resolution: {integrity: x}}
  real@3.0.0: {resolution: {integrity: x}}
  dev@5.0.0: {resolution: {integrity: x}}
  e@file:e: {resolution: {directory: e}}
  git@https://example.org/tar.gz/0123: {resolution: {tarball: x}, version: 6.0.0}
snapshots:
  a@1.0.0(b@2.0.0): {dependencies: {b: 2.0.0}}
  b@2.0.0: {dependencies: {a: 1.0.0(b@2.0.0), git: https://example.org/tar.gz/0123}}
  real@3.0.0: {}
  dev@5.0.0: {}
  e@file:e: {}
  git@https://example.org/tar.gz/0123: {}
";

const POETRY: &str = r#"
[[package]]
name = "Flask"
version = "2.0"
groups = ["main", "dev"]
[package.dependencies]
click = {version = ">=7", extras = ["x"]}

[[package]]
name = "pytest"
version = "7.0"
groups = ["dev"]

[[package]]
name = "old"
version = "1.0"
category = "dev"

[[package]]
name = "here"
version = "0.1"
[package.source]
type = "directory"
url = "../here"
"#;

const UV: &str = r#"version = 1
[[package]]
name = "app"
version = "0.1"
source = { editable = "." }
dependencies = [{ name = "a", marker = "x" }]
[package.optional-dependencies]
extra = [{ name = "b" }]
[package.dev-dependencies]
dev = [{ name = "c" }]
[[package]]
name = "a"
version = "1.0"
source = { registry = "https://example.org/simple" }
dependencies = [{ name = "d" }, { name = "a" }]
[[package]]
name = "b"
version = "2.0"
source = { git = "https://example.org/b" }
[[package]]
name = "c"
version = "3.0"
[[package]]
name = "d"
version = "4.0"
"#;

const PDM: &str = r#"
[metadata]
groups = ["default", "test"]
[[package]]
name = "a"
version = "1.0"
groups = ["default", "test"]
[[package]]
name = "b"
version = "2.0"
groups = ["test"]
[[package]]
name = "here"
version = "0.1"
path = "./here"
groups = ["default"]
"#;

const PYLOCK: &str = r#"lock-version = "1.0"
[[packages]]
name = "a"
version = "1.0"
wheels = [{ url = "x", hashes = { sha256 = "00" } }]
[[packages]]
name = "here"
directory = { path = "." }
"#;

const PIPFILE: &str = r#"{"_meta":{"hash":{}},"default":{"a":{"hashes":[],"version":"==1.0"},"here":{"path":".","editable":true}},
    "develop":{"a":{"version":"==1.0"},"b":{"version":"==2.0"}}}"#;

const CARGO: &str = r#"version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["a"]
[[package]]
name = "a"
version = "1.0.0"
source = "registry+https://example.org/index"
checksum = "00"
"#;

const GO_MOD: &str = "module example.org/app // me
go 1.21
require example.org/a v1.0.0
require (
\texample.org/b v2.0.0+incompatible // indirect
\t\"example.org/c\" v3.0.0
\texample.org/d v4.0.0
)
replace example.org/c => example.org/fork/c v3.1.0
replace (
\texample.org/d v4.0.0 => ./d
\texample.org/a v0.9.0 => ./a
)
exclude example.org/b v1.0.0
retract [v1.0.0, v1.9.9]
";

const POM: &str = r"<?xml version='1.0'?>
<project xmlns='http://maven.apache.org/POM/4.0.0'>
  <!-- comment -->
  <parent><groupId>org.x</groupId><artifactId>p</artifactId><version>7</version></parent>
  <artifactId>app</artifactId>
  <properties><v.a>${v.base}.1</v.a><v.base>1</v.base><loop>${loop}</loop></properties>
  <dependencyManagement><dependencies>
    <dependency><groupId>g</groupId><artifactId>managed</artifactId><version>3</version><scope>test</scope></dependency>
  </dependencies></dependencyManagement>
  <dependencies>
    <dependency><groupId>g</groupId><artifactId>a</artifactId><version>${v.a}</version>
      <exclusions><exclusion><groupId>no</groupId><artifactId>no</artifactId></exclusion></exclusions></dependency>
    <dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>
    <dependency><groupId>${project.groupId}</groupId><artifactId>sibling</artifactId><version>${project.version}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>lost</artifactId><version>${elsewhere}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>loop</artifactId><version>${loop}</version></dependency>
    <dependency><groupId>g</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>
  </dependencies>
  <build><plugins><plugin><dependencies>
    <dependency><groupId>g</groupId><artifactId>plugin</artifactId><version>1</version></dependency>
  </dependencies></plugin></plugins></build>
</project>";

const GRADLE: &str = "# comment
g:a:1.0=compileClasspath,testRuntimeClasspath
g:b:2.0=integrationTestRuntimeClasspath,testCompileClasspath
empty=annotationProcessor
";

const GEMFILE: &str = "PATH
  remote: .
  specs:
    here (0.1)
      a

GIT
  remote: https://example.org/g.git
  specs:
    g (1.0)

GEM
  remote: https://rubygems.org/
  specs:
    a (1.0.0.pre1)
      b (~> 2.0)
    b (2.0-x86_64-linux)

DEPENDENCIES
  a!
";

const COMPOSER: &str = r#"{"packages":[{"name":"v/a","version":"v1.0","license":["MIT"],"dist":{"type":"zip"}},
    {"name":"v/here","version":"dev-main","dist":{"type":"path"}}],
    "packages-dev":[{"name":"v/b","version":"2.0","license":"ISC"}]}"#;

const NUGET: &str = r#"{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0"},
    "b":{"type":"Project","dependencies":{"A":"[1.0, )"}}},"net9.0":{"A":{"type":"Transitive","resolved":"1.1"}}}}"#;

const REQUIREMENTS: &str = "\u{feff}# c
Flask==2.0 ; python_version > '3'  # c
a-b[x,y] == 1.0 \\
  --hash=sha256:00 \\
  --hash=sha256:01
c (==3.0)
d===4.0
e>=1,==1.5
--index-url https://example.org
";

/// Every fixture, under its file name.
const ALL: [(&str, &str); 20] = [
    ("package-lock.json", NPM_1),
    ("npm-shrinkwrap.json", NPM_3),
    ("yarn.lock", YARN_CLASSIC),
    ("yarn.lock", YARN_BERRY),
    ("pnpm-lock.yaml", PNPM_5),
    ("pnpm-lock.yaml", PNPM_6),
    ("pnpm-lock.yaml", PNPM_9),
    ("poetry.lock", POETRY),
    ("uv.lock", UV),
    ("pdm.lock", PDM),
    ("pylock.toml", PYLOCK),
    ("Pipfile.lock", PIPFILE),
    ("Cargo.lock", CARGO),
    ("go.mod", GO_MOD),
    ("pom.xml", POM),
    ("gradle.lockfile", GRADLE),
    ("Gemfile.lock", GEMFILE),
    ("composer.lock", COMPOSER),
    ("packages.lock.json", NUGET),
    ("requirements.txt", REQUIREMENTS),
];

#[test]
fn npm_locks_tell_real_names_and_no_links() {
    assert_eq!(packages("package-lock.json", NPM_1), ["@s/real@3.0.0", "a@1.0.0", "b@2.0.0 dev"]);
    assert_eq!(packages("npm-shrinkwrap.json", NPM_3), ["@s/a@1.0.0", "real@3.0.0 dev"]);
    let (_, notes) = told("package-lock.json", r#"{"dependencies":{"a":{"version":"git+ssh://x/y#0"}}}"#);
    assert_eq!(notes, [NO_VERSION]);
}

#[test]
fn both_kinds_of_yarn_lock_are_told_apart() {
    assert_eq!(packages("yarn.lock", YARN_CLASSIC), ["@s/a@1.1.0", "@s/real@3.0.0", "b@2.0.0"]);
    assert_eq!(packages("yarn.lock", YARN_BERRY), ["@s/a@1.10", "a@2.0.0"]);
}

#[test]
fn pnpm_keys_of_every_version_are_split() {
    assert_eq!(packages("pnpm-lock.yaml", PNPM_5), ["@s/a@1.0.0", "b@2.0.0 dev", "c@3.0.0", "d@4.0.0"]);
    assert_eq!(packages("pnpm-lock.yaml", PNPM_6), ["@s/a@1.0.0 dev", "b@2.0.0", "d@4.0.0"]);
    assert_eq!(
        packages("pnpm-lock.yaml", PNPM_9),
        ["a@1.0.0", "b@2.0.0", "dev@5.0.0 dev", "git@6.0.0", "real@3.0.0"]
    );
}

#[test]
fn python_locks_know_their_development_groups() {
    assert_eq!(packages("poetry.lock", POETRY), ["Flask@2.0", "old@1.0 dev", "pytest@7.0 dev"]);
    assert_eq!(packages("uv.lock", UV), ["a@1.0", "b@2.0", "c@3.0 dev", "d@4.0"]);
    assert_eq!(packages("pdm.lock", PDM), ["a@1.0", "b@2.0 dev"]);
    assert_eq!(packages("pylock.dev.toml", PYLOCK), ["a@1.0"]);
    assert_eq!(packages("Pipfile.lock", PIPFILE), ["a@1.0", "b@2.0 dev"]);
}

#[test]
fn only_pinned_requirements_count() {
    assert_eq!(
        packages("requirements-dev.txt", REQUIREMENTS),
        ["Flask@2.0", "a-b@1.0", "c@3.0", "d@4.0", "e@1.5"]
    );
    let (packages, notes) =
        told("requirements.txt", "a>=1\nb==1.*\nc @ https://example.org/c==1.whl\nd\n-r x.txt");
    assert_eq!(packages, [""; 0]);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes.iter().all(|note| note.starts_with("skipped: ")));
}

#[test]
fn requirements_in_utf_16_are_read() {
    let text: Vec<u8> = "\u{feff}a==1\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(told("requirements.txt", text).0, ["a@1"]);
    assert_eq!(told("requirements.txt", b"\xff\xfe\x00").1, ["not valid UTF-16"]);
}

#[test]
fn members_of_a_cargo_workspace_are_no_dependencies() {
    assert_eq!(packages("Cargo.lock", CARGO), ["a@1.0.0"]);
}

#[test]
fn go_replacements_apply_to_the_version_they_name() {
    assert_eq!(
        packages("go.mod", GO_MOD),
        ["example.org/a@v1.0.0", "example.org/b@v2.0.0+incompatible", "example.org/fork/c@v3.1.0"]
    );
    let (_, notes) = told("go.mod", "module m\ngo 1.16\nrequire a/b v1.0.0\n");
    assert_eq!(notes, ["a go.mod of before Go 1.17 lists direct dependencies only"]);
}

#[test]
fn a_pom_tells_what_it_knows_and_that_it_does_not_know_the_rest() {
    let (packages, notes) = told("pom.xml", POM);
    assert_eq!(packages, ["g:a@1.1", "g:managed@3 dev"]);
    assert_eq!(
        notes,
        ["a pom.xml names direct dependencies only", "the version of a dependency is not in this pom.xml"]
    );
    let deep = "<a>".repeat(100_000);
    assert_eq!(told("pom.xml", deep).1, ["more than 64 nested elements"]);
}

#[test]
fn a_property_cannot_grow_without_end() {
    let text = "<project><properties><a>${b}${b}${b}${b}</a><b>${a}${a}${a}${a}xxxx</b></properties><dependencies>\
        <dependency><groupId>g</groupId><artifactId>a</artifactId><version>${a}</version></dependency></dependencies></project>";
    assert_eq!(told("pom.xml", text).1.len(), 2);
}

#[test]
fn gradle_gems_composer_and_nuget() {
    assert_eq!(packages("gradle.lockfile", GRADLE), ["g:a@1.0", "g:b@2.0 dev"]);
    assert_eq!(packages("Gemfile.lock", GEMFILE), ["a@1.0.0.pre1", "b@2.0", "g@1.0"]);
    assert_eq!(packages("composer.lock", COMPOSER), ["v/a@v1.0", "v/b@2.0 dev"]);
    assert_eq!(packages("packages.lock.json", NUGET), ["A@1.0", "A@1.1"]);
    let facts = read("composer.lock", COMPOSER.as_bytes());
    assert_eq!(facts.packages().next().expect("told").licenses, ["MIT"]);
}

#[test]
fn a_lock_file_counts_in_a_source_tree_outside_of_foreign_directories() {
    let want =
        |path: &str, scope| Locks.want(&Candidate { path: path.as_bytes(), size: 1, mode: 0o644, scope });
    assert_eq!(want("a/Cargo.lock", Scope::SourceTree), Want::Content);
    assert_eq!(want("a/Cargo.lock", Scope::Image), Want::No);
    assert_eq!(want("node_modules/a/yarn.lock", Scope::SourceTree), Want::No);
    assert_eq!(want("a/vendor/b/go.mod", Scope::SourceTree), Want::No);
    assert_eq!(want("a/my-Cargo.lock", Scope::SourceTree), Want::No);
    assert_eq!(want("a/requirements-dev.txt", Scope::SourceTree), Want::Content);
}

#[test]
fn a_broken_file_is_a_gap_of_its_ecosystem_and_quotes_nothing() {
    for (path, aspect, reason) in [
        ("a/package-lock.json", "packages.npm", "not the JSON of a lock file, at line 2"),
        ("a/Cargo.lock", "packages.cargo", "not the TOML of a lock file, at line 2"),
        ("a/pnpm-lock.yaml", "packages.npm", "not the YAML of a lock file, at line 2"),
        ("a/go.mod", "packages.golang", "not a go.mod, at line 2"),
    ] {
        let text = if path.ends_with("go.mod") { "\nrequire [{:secret" } else { "\n[{:secret" };
        let facts = read(path, text.as_bytes());
        let gap = Fact::Gap { aspect: Aspect::named(aspect), reason: reason.into() };
        assert_eq!(facts.list, [gap], "{path}");
    }
}

#[test]
fn nesting_is_an_error_and_not_a_crash() {
    for (path, open) in [
        ("package-lock.json", r#"{"dependencies":{"a":"#),
        ("package-lock.json", r#"{"x":["#),
        ("Cargo.lock", "x=[[["),
        ("pnpm-lock.yaml", "[[["),
        ("pnpm-lock.yaml", "{a: {a: "),
    ] {
        assert_eq!(told(path, open.repeat(50_000)).1.len(), 1, "{path}");
    }
    let aliases = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n";
    assert_eq!(told("pnpm-lock.yaml", aliases).1.len(), 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        format in prop::sample::select(&ALL[..]),
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\PC\n \"@:/(){}=<>$-]{0,100}".prop_map(String::into_bytes),
        ],
    ) {
        read(format.0, &bytes);
    }

    #[test]
    fn damaged_files_never_panic(
        (name, text) in prop::sample::select(&ALL[..]),
        at in any::<prop::sample::Index>(),
        cut in 0usize..8,
        insert in "[\\PC\n \"@:/(){}=<>$-]{0,4}",
    ) {
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, insert.into_bytes());
        read(name, &bytes);
    }
}
