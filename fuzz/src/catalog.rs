//! The catalogers, each given a path that it wants.

use crate::choose;
use gabion_image::{
    catalog::{ALL, Candidate, Scope, Want},
    content::{Content, ReadAt},
    facts::{Fact, Facts},
};

/// Reads the bytes as the file at `path`, in memory and in pieces: what is told must be the same, and must
/// survive the cache.
fn read(cataloger: &str, path: &str, scope: Scope, data: &[u8]) {
    let cataloger = ALL.iter().find(|c| c.name() == cataloger).expect("a cataloger of that name");
    let file = Candidate { path: path.as_bytes(), size: data.len() as u64, mode: 0o755, scope };
    if cataloger.want(&file) == Want::No {
        assert!(data.is_empty(), "{} does not want {path}", cataloger.name());
        return;
    }
    let told = |content: Content<'_>| {
        let mut facts = Facts::default();
        let result = cataloger.read(&file, &content, &mut facts);
        (facts.list, result.map_err(|error| error.to_string()))
    };
    let whole = told(Content::Memory(data));
    assert_eq!(whole, told(Content::Stored(&Pieces(data))), "in memory and in pieces");
    let kept = postcard::to_allocvec(&whole.0).expect("facts can be kept");
    let back: Vec<Fact> = postcard::from_bytes(&kept).expect("and read again");
    assert_eq!(whole.0, back);
}

/// A file that gives at most 509 bytes at a time, as a file system may.
struct Pieces<'a>(&'a [u8]);

impl ReadAt for Pieces<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let n = buffer.len().min(509);
        self.0.read_at(&mut buffer[..n], offset)
    }
}

/// Reads the rest as one of several kinds of file; the first byte chooses.
fn read_one_of(kinds: &[(&str, &str)], data: &[u8]) {
    if let Some(((cataloger, path), data)) = choose(kinds, data) {
        read(cataloger, path, Scope::Image, data);
    }
}

/// Status, file lists and copyright files of dpkg.
pub fn dpkg(data: &[u8]) {
    let kinds = [
        ("dpkg", "var/lib/dpkg/status"),
        ("dpkg", "var/lib/dpkg/status.d/base"),
        ("dpkg-list", "var/lib/dpkg/info/base.list"),
        ("dpkg-list", "var/lib/dpkg/status.d/base.md5sums"),
        ("dpkg-copyright", "usr/share/doc/base/copyright"),
    ];
    read_one_of(&kinds, data);
}

/// The database of apk.
pub fn apk(data: &[u8]) {
    read("apk", "lib/apk/db/installed", Scope::Image, data);
}

/// Records and file lists of pacman.
pub fn pacman(data: &[u8]) {
    let kinds = [
        ("pacman", "var/lib/pacman/local/base-1/desc"),
        ("pacman-files", "var/lib/pacman/local/base-1/files"),
    ];
    read_one_of(&kinds, data);
}

/// The databases of rpm: all three formats, told apart by their bytes.
pub fn rpm(data: &[u8]) {
    read("rpm", "var/lib/rpm/Packages", Scope::Image, data);
}

/// Jars, and jars within them.
pub fn java(data: &[u8]) {
    read("java", "app/app-1.0.jar", Scope::Image, data);
}

/// Programs written in Go.
pub fn go(data: &[u8]) {
    read("go-binary", "usr/bin/program", Scope::Image, data);
}

/// Programs written in Rust.
pub fn rust(data: &[u8]) {
    read("rust-binary", "usr/bin/program", Scope::Image, data);
}

/// Programs known by their strings.
pub fn binary(data: &[u8]) {
    let kinds = ["node", "python3.11", "redis-server", "php-fpm8.2", "java", "libruby.so.3", "nginx"];
    if let Some((name, data)) = choose(&kinds, data) {
        read("binary", &format!("usr/bin/{name}"), Scope::Image, data);
    }
}

/// `package.json`.
pub fn npm(data: &[u8]) {
    read_one_of(&[("npm", "app/node_modules/a/package.json"), ("npm", "app/package.json")], data);
}

/// Metadata and records of Python distributions, eggs as well.
pub fn python(data: &[u8]) {
    let kinds = [
        ("python", "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"),
        ("python", "usr/lib/python3/dist-packages/a-1.egg"),
        ("python-record", "usr/lib/python3/dist-packages/a-1.dist-info/RECORD"),
        ("python-record", "usr/lib/python3/dist-packages/a-1.egg-info/installed-files.txt"),
    ];
    read_one_of(&kinds, data);
}

/// Records of other ecosystems.
pub fn records(data: &[u8]) {
    let kinds = [
        ("gem", "usr/lib/ruby/gems/3.1.0/specifications/a-1.gemspec"),
        ("composer", "app/vendor/composer/installed.json"),
        ("dotnet", "app/app.deps.json"),
        ("conda", "opt/conda/conda-meta/a-1-0.json"),
        ("bitnami", "opt/bitnami/.bitnami_components.json"),
        ("bitnami", "opt/bitnami/redis/.spdx-redis.spdx"),
        ("rpm", "var/lib/rpmmanifest/container-manifest-2"),
    ];
    read_one_of(&kinds, data);
}

/// Lock files.
pub fn locks(data: &[u8]) {
    let kinds = [
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "poetry.lock",
        "uv.lock",
        "pdm.lock",
        "pylock.toml",
        "requirements.txt",
        "Pipfile.lock",
        "Cargo.lock",
        "go.mod",
        "pom.xml",
        "gradle.lockfile",
        "Gemfile.lock",
        "composer.lock",
        "packages.lock.json",
    ];
    if let Some((name, data)) = choose(&kinds, data) {
        read("lock", name, Scope::SourceTree, data);
    }
}

/// The files that name a distribution.
pub fn os_release(data: &[u8]) {
    if let Some((path, data)) = choose(gabion_image::catalog::os_release::SOURCES, data) {
        read("os-release", path, Scope::Image, data);
    }
}

/// `passwd` and `shadow`.
pub fn accounts(data: &[u8]) {
    read_one_of(&[("accounts", "etc/passwd"), ("accounts", "etc/shadow")], data);
}
