//! Programs and libraries that no package manager speaks for, recognised by their file name and by the
//! version they carry.
//!
//! Official images compile their server from source: what `nginx -v` prints is then all there is. The
//! [`table`] says, for each file name, what to look for. A file whose name is not in the table is not read
//! at all, and of a program only the sections that hold strings are, `.rodata` first, window by window, until
//! the first match: that is what keeps a `node` of 95 MB cheap.
//!
//! Programs written in Go are not in the table, because [`super::go`] knows all about them.

mod table;

use super::{
    Candidate, Cataloger, Want,
    elf::{Elf, OVERLAP, scan},
};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind};
use regex::bytes::{Regex, RegexBuilder};
use std::{
    ops::Range,
    sync::{LazyLock, OnceLock},
};
use table::{RECORDS, Signature, VERSIONS};

/// Bytes of a text file that tells a version.
const MAX_RECORD: u64 = 1 << 20;
/// A match must end this many bytes before the end of a window that is not the last, or it may be a part
/// of a longer one.
const MARGIN: usize = 256;

/// Programs recognised by name and content.
#[derive(Debug)]
pub struct BinarySignature;

impl Cataloger for BinarySignature {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_BINARY
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        match found(file).next() {
            Some(Found { record: true, .. }) if file.size <= MAX_RECORD => Want::Content,
            Some(Found { record: false, .. }) => Want::Elf,
            _ => Want::No,
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let mut places = None;
        for row in found(file) {
            let places = match &mut places {
                Some(places) => places,
                none if row.record => none.insert(whole(content)),
                none => none.insert(strings(content)?),
            };
            let Some(regex) = row.regex() else {
                continue;
            };
            if let Some(version) = version(content, places, &regex)? {
                let package = Package::new(PackageKind::Generic, row.signature.package, version, self.name());
                out.package(package, Vec::new());
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Where a program keeps its constant strings, the names it links against, and its compiler's signature; the
/// whole file if it does not tell.
fn strings(content: &Content<'_>) -> Result<Vec<Range<u64>>, ReadError> {
    let Some(elf) = Elf::open(content)? else {
        return Ok(Vec::new());
    };
    if !elf.has_sections() {
        return Ok(whole(content));
    }
    let names = [".rodata", ".data", ".dynstr", ".comment"];
    Ok(names.iter().filter_map(|name| elf.section(name)).collect())
}

fn whole(content: &Content<'_>) -> Vec<Range<u64>> {
    let all = 0..content.size();
    vec![all]
}

/// The first version that a pattern finds.
fn version(content: &Content<'_>, places: &[Range<u64>], regex: &Regex) -> Result<Option<String>, ReadError> {
    for place in places {
        let found = scan(content, place.clone(), |window| {
            let captures = regex.captures(window.bytes)?;
            let version = captures.iter().skip(1).flatten().next()?;
            let whole = window.last || captures.get_match().end() + MARGIN <= window.bytes.len();
            (whole && version.len() < MARGIN)
                .then(|| String::from_utf8_lossy(version.as_bytes()).into_owned())
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

const _: () = assert!(2 * MARGIN < OVERLAP, "a match that is put off must be seen again as a whole");

/// A row of the table that speaks of a file.
struct Found<'a> {
    signature: &'static Signature,
    /// Whether it is a text file rather than a program.
    record: bool,
    /// The version in the file's name, where the row has a place for it.
    named: Option<&'a str>,
}

impl Found<'_> {
    /// The pattern, compiled: once for all files, unless the file's name is part of it. Every pattern
    /// compiles, as the tests prove.
    fn regex(&self) -> Option<Regex> {
        static COMPILED: LazyLock<Vec<OnceLock<Option<Regex>>>> =
            LazyLock::new(|| table::all().map(|_| OnceLock::new()).collect());
        let pattern = self.signature.pattern;
        if pattern.contains("<name>") {
            return compile(&pattern.replace("<name>", &regex::escape(self.named?)));
        }
        let index = table::all().position(|row| std::ptr::eq(row, self.signature))?;
        COMPILED.get(index)?.get_or_init(|| compile(pattern)).clone()
    }
}

/// Compiles a pattern of the table.
fn compile(pattern: &str) -> Option<Regex> {
    let pattern = VERSIONS
        .iter()
        .fold(pattern.to_owned(), |pattern, (placeholder, meaning)| pattern.replace(placeholder, meaning));
    RegexBuilder::new(&pattern).unicode(false).build().ok()
}

/// The rows that speak of a file, in the order of the table; of a file that is no program only those of text files.
fn found<'a>(file: &Candidate<'a>) -> impl Iterator<Item = Found<'a>> + use<'a> {
    type Row = (&'static str, &'static Signature, bool);
    /// Globs with their row, and whether it is of text files, by the first byte of the file name, or 0 where that may be any.
    static INDEX: LazyLock<Vec<Vec<Row>>> = LazyLock::new(|| {
        let mut index = vec![Vec::new(); 256];
        for signature in table::all() {
            let record = RECORDS.iter().any(|row| std::ptr::eq(row, signature));
            for glob in signature.files {
                let first = gabion_model::path::name(glob.as_bytes()).first().filter(|b| **b != b'*');
                index[usize::from(*first.unwrap_or(&0))].push((*glob, signature, record));
            }
        }
        index
    });
    let (path, program) = (file.path, file.is_program());
    let first = file.name().first().copied().unwrap_or(0);
    let index = &*INDEX;
    let rows = index[usize::from(first)].iter().chain(&index[0]);
    rows.filter(move |(_, _, record)| *record || program).filter_map(move |(glob, signature, record)| {
        let named = matches(glob, path)?;
        Some(Found { signature, record: *record, named: (!named.is_empty()).then_some(named) })
    })
}

/// Whether a path ends as a glob says, and the version in it. In a glob, `*` is any text without a slash,
/// and `#` a version: numbers joined by dots.
fn matches<'a>(glob: &str, path: &'a [u8]) -> Option<&'a str> {
    let slash = |b: &u8| *b == b'/';
    let (mut globs, mut parts) = (glob.as_bytes().rsplit(slash), path.rsplit(slash));
    let named = matches_name(globs.next()?, parts.next()?)?;
    globs.all(|glob| parts.next().is_some_and(|part| matches_name(glob, part).is_some())).then_some(named)
}

/// As [`matches`], for one component. The version is empty if the glob has no place for one.
fn matches_name<'a>(glob: &[u8], name: &'a [u8]) -> Option<&'a str> {
    match glob {
        [] => name.is_empty().then_some(""),
        [b'*', rest @ ..] => (0..=name.len()).find_map(|at| matches_name(rest, &name[at..])),
        [b'#', rest @ ..] => {
            let digits = |b: &u8| b.is_ascii_digit() || *b == b'.';
            let most = name.iter().position(|b| !digits(b)).unwrap_or(name.len());
            (1..=most).rev().find_map(|len| {
                let (version, after) = name.split_at(len);
                let sound = version.first() != Some(&b'.') && version.last() != Some(&b'.');
                (sound && matches_name(rest, after).is_some()).then_some(version)
            })
        }
        .and_then(|version| std::str::from_utf8(version).ok()),
        [first, rest @ ..] => matches_name(rest, name.strip_prefix(&[*first])?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Scope, elf::build::Builder},
        content::FilePart,
    };
    use proptest::prelude::*;
    use std::io::Write;

    fn candidate(path: &str) -> Candidate<'_> {
        Candidate { path: path.as_bytes(), size: 1000, mode: 0o755, scope: Scope::Image }
    }

    fn read(path: &str, content: &Content<'_>) -> Option<String> {
        let file = candidate(path);
        (BinarySignature.want(&file) != Want::No).then_some(())?;
        let mut facts = Facts::default();
        BinarySignature.read(&file, content, &mut facts).unwrap();
        let mut packages = facts.packages();
        let package = packages.next()?;
        assert!(packages.next().is_none(), "{path}: one file is one package");
        Some(format!("{} {}", package.name, package.version))
    }

    /// What a program with these strings is.
    fn told(path: &str, strings: &[u8]) -> Option<String> {
        let rodata = [b"%s: \0", strings, b"\0end\0"].concat();
        let file =
            Builder::new(true, false).section(".text", &[0x90; 64]).section(".rodata", &rodata).build();
        read(path, &Content::Memory(&file))
    }

    #[test]
    fn every_pattern_compiles_and_tells_a_version() {
        for row in table::all() {
            let regex = compile(&row.pattern.replace("<name>", "3\\.11"))
                .unwrap_or_else(|| panic!("{}", row.pattern));
            assert!(regex.captures_len() > 1, "{}", row.pattern);
            assert!(!row.files.is_empty());
        }
        let packages: std::collections::BTreeSet<_> = table::all().map(|row| row.package).collect();
        assert!(packages.len() >= 40, "{}", packages.len());
    }

    #[test]
    fn programs_are_known_by_the_text_around_their_version() {
        #[rustfmt::skip]
        let examples: &[(&str, &[u8], &str)] = &[
            ("usr/local/bin/node", b"Accept: node.js/v22.9.0", "node 22.9.0"),
            ("usr/bin/node", b"node v0.10.48", "node 0.10.48"),
            ("usr/lib/libnode.so.108", b"node.js/v18.20.4", "node 18.20.4"),
            ("usr/bin/python3.11", b"3.12.9\x003.11.2\0strict", "python 3.11.2"),
            ("usr/lib/libpython3.11.so.1.0", b"3.11.2", "python 3.11.2"),
            ("usr/lib/libpython3.14.so.1.0", b"3.14.0rc2", "python 3.14.0rc2"),
            ("root/.pyenv/versions/3.11.7/lib/libpython3.11.so.1.0", b"/root/.pyenv/versions/3.11.7", "python 3.11.7"),
            ("usr/lib/libpython3.7m.so.1.0", b"3.7.17", "python 3.7.17"),
            ("opt/pypy/bin/libpypy3.10-c.so", b"[PyPy 7.3.17 with GCC 10]", "pypy 7.3.17"),
            ("usr/lib/libruby.so.3.3.5", b"ruby 3.3.5 (2024-09-03 revision ef084cc8f4) [x86_64-linux]", "ruby 3.3.5"),
            ("usr/local/bin/ruby", b"ruby 2.7.7p221 (2022-11-24 revision 168ec2b1e5) [x86_64-linux]", "ruby 2.7.7p221"),
            ("usr/bin/perl", b"v5.36.0", "perl 5.36.0"),
            ("usr/bin/php8.2", b"X-Powered-By: PHP/8.2.36", "php-cli 8.2.36"),
            ("usr/local/sbin/php-fpm", b"X-Powered-By: PHP/8.4.0RC1", "php-fpm 8.4.0RC1"),
            ("usr/lib/apache2/modules/libphp.so", b"X-Powered-By: PHP/8.2.36", "libphp 8.2.36"),
            ("opt/java/openjdk/bin/java", b"openjdk\0java\x0017\x0017.0.11+9", "openjdk 17.0.11+9"),
            ("opt/java/openjdk/bin/java", b"openjdk\0java\x001.8\x001.8.0_422-b05", "openjdk 1.8.0_422-b05"),
            ("opt/graalvm/bin/java", b"21.0.4+8-jvmci-23.1-b41", "graalvm 21.0.4+8-jvmci-23.1-b41"),
            ("opt/jdk/lib/server/libjvm.so", b"OpenJDK VM (17.0.11+9) for linux-amd64 JRE (17.0.11+9), built", "openjdk 17.0.11+9"),
            ("usr/lib/erlang/erts-15.0/bin/beam.smp", b"/usr/src/otp_src_26.1.2/erts/emulator/x.c", "erlang 26.1.2"),
            ("usr/bin/lua5.4", b"Lua 5.4.4  Copyright (C)", "lua 5.4.4"),
            ("usr/sbin/nginx", b"nginx version: nginx/1.25.1", "nginx 1.25.1"),
            ("usr/local/openresty/nginx/sbin/nginx", b"nginx version: openresty/1.21.4.1", "nginx 1.21.4"),
            ("usr/local/apache2/bin/httpd", b"Apache/2.4.62 (Unix)", "httpd 2.4.62"),
            ("usr/sbin/haproxy", b" version 2.6.12-1+deb12u4, released 2026/10/17", "haproxy 2.6.12"),
            ("usr/local/sbin/haproxy", b"3.1-dev5-a1b2c3d, released 2024", "haproxy 3.1-dev5"),
            ("usr/local/bin/redis-server", b"A7.0.14buildkitsandbox-1702957741000000000", "redis 7.0.14"),
            ("usr/local/bin/redis-server", b"A4.0.11841ce7054bd9-1542359302000000000", "redis 4.0.11"),
            ("usr/bin/redis-check-rdb", b"A7.0.151790282056000000000", "redis 7.0.15"),
            ("usr/local/bin/valkey-server", b"A8.0.1buildkitsandbox-17305901200deadbeef", "valkey 8.0.1"),
            ("usr/lib/postgresql/17/bin/postgres", b"before PostgreSQL 9.1\0PostgreSQL 17.2 (Debian 17.2-1)", "postgresql 17.2"),
            ("usr/sbin/postgres", b"PostgreSQL 18beta1 on x86_64", "postgresql 18beta1"),
            ("usr/sbin/mariadbd", b"for example 10.1.1-MariaDB\x0010.11.19-MariaDB", "mariadb 10.11.19"),
            ("usr/sbin/mysqld", b"/build/mysql-8.0.37/sql/x.cc", "mysql-server 8.0.37"),
            ("usr/sbin/mysqld", b"/build/percona-server-8.0.36/sql/x.cc", "percona-server 8.0.36"),
            ("usr/bin/mongod", b"8.0.17\0cppdefines", "mongodb 8.0.17"),
            ("usr/lib/libsqlite3.so.0.8.6", b"3.40.1", "sqlite 3.40.1"),
            ("usr/lib/libcrypto.so.3", b"OpenSSL 3.0.22 25 Aug 2026", "openssl 3.0.22"),
            ("usr/bin/openssl", b"OpenSSL 1.1.1w  11 Sep 2023", "openssl 1.1.1w"),
            ("usr/bin/openssl", b"OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)", "aws-lc 1.69.0"),
            ("usr/lib/libcurl.so.4.8.0", b"libcurl/7.88.1", "curl 7.88.1"),
            ("lib/libc.so.6", b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.", "glibc 2.36"),
            ("bin/busybox", b"BusyBox v1.35.0 (Debian)", "busybox 1.35.0"),
            ("usr/bin/git", b"git/2.39.5", "git 2.39.5"),
            ("usr/bin/jq", b"jq-1.7.1", "jq 1.7.1"),
            ("usr/bin/x86_64-linux-gnu-gcc-12", b"12.2.0\0(Debian 12.2.0-14) \0gcc version", "gcc 12.2.0"),
        ];
        for (path, strings, expected) in examples {
            assert_eq!(told(path, strings).as_deref(), Some(*expected), "{path}");
        }
    }

    #[test]
    fn text_files_tell_the_version_of_what_they_belong_to() {
        let release = "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"17.0.11\"\nJAVA_RUNTIME_VERSION=\"17.0.11+9\"\n";
        for (path, text, expected) in [
            ("opt/java/openjdk/release", release, Some("openjdk 17.0.11+9")),
            (
                "opt/java/openjdk/release",
                "JAVA_VERSION=\"17.0.11\"\nMODULES=\"java.base\"\n",
                Some("openjdk 17.0.11"),
            ),
            ("etc/release", "NAME=x\n", None),
            ("usr/local/go/VERSION", "go1.22.3\ntime 2024-05-01\n", Some("go 1.22.3")),
            ("srv/app/VERSION", "go1.22.3\n", None),
            ("usr/lib/erlang/releases/25/OTP_VERSION", "25.2.3\n", Some("erlang 25.2.3")),
            (
                "usr/lib/elixir/lib/elixir/ebin/elixir.app",
                "{application, elixir, [{vsn, \"1.14.0\"}]}",
                Some("elixir 1.14.0"),
            ),
            ("var/www/wp-includes/version.php", "<?php\n$wp_version = '6.6.1';\n", Some("wordpress 6.6.1")),
        ] {
            assert_eq!(read(path, &Content::Memory(text.as_bytes())).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn only_names_of_the_table_are_wanted() {
        for path in [
            "usr/bin/ls",
            "usr/lib/libpython3.so.old/x",
            "usr/bin/python3-config",
            "etc/nginx/nginx.conf",
            "",
        ] {
            assert_eq!(BinarySignature.want(&candidate(path)), Want::No, "{path}");
        }
        assert_eq!(BinarySignature.want(&candidate("usr/sbin/nginx")), Want::Elf);
        let data = Candidate { mode: 0o644, ..candidate("usr/share/bash-completion/completions/nginx") };
        assert_eq!(BinarySignature.want(&data), Want::No);
    }

    #[test]
    fn a_glob_tells_the_version_in_the_name() {
        assert_eq!(matches("libpython#.so*", b"lib/libpython3.11.so.1.0"), Some("3.11"));
        assert_eq!(matches("libpython#.so*", b"libpython.so"), None);
        assert_eq!(matches("*-gcc-#", b"bin/x86_64-linux-gnu-gcc-12"), Some("12"));
        assert_eq!(matches("go*/VERSION", b"usr/lib/go-1.19/VERSION"), Some(""));
        assert_eq!(matches("go*/VERSION", b"VERSION"), None);
    }

    #[test]
    fn a_version_across_windows_is_told_as_a_whole() {
        let text = b"\0nginx version: nginx/1.25.11\0";
        for cut in 1..text.len() {
            let mut bytes = vec![b'.'; (256 << 10) - cut];
            bytes.extend(text);
            bytes.extend([b'.'; 5000]);
            let file = Builder::new(true, false).without_section_table().section(".rodata", &bytes).build();
            let mut spill = tempfile::tempfile().unwrap();
            spill.write_all(&file).unwrap();
            let part = FilePart { file: &spill, len: file.len() as u64 };
            assert_eq!(
                read("usr/sbin/nginx", &Content::Stored(&part)).as_deref(),
                Some("nginx 1.25.11"),
                "{cut}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_programs_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            row in 0..table::PROGRAMS.len(),
        ) {
            let path = table::PROGRAMS[row].files[0].replace('#', "3.11").replace('*', "x");
            let _ = told(&path, &bytes);
            let file = candidate(&path);
            let _ = BinarySignature.read(&file, &Content::Memory(&bytes), &mut Facts::default());
        }

        #[test]
        fn globs_never_panic(path in prop::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), Just(b'3'), any::<u8>()], 0..40)) {
            for row in table::all() {
                for glob in row.files {
                    let _ = matches(glob, &path);
                }
            }
        }
    }
}
