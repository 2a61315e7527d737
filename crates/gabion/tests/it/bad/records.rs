//! Package records, archives in images and documents that are not what their names promise.

use super::{Desk, Image, Layer, Ran, Tar};
use std::io::Write;
use zip::{ZipWriter, write::SimpleFileOptions};

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in members {
        zip.start_file(*name, SimpleFileOptions::default()).expect("in memory");
        zip.write_all(content).expect("in memory");
    }
    zip.finish().expect("in memory").into_inner()
}

fn scan(desk: &Desk, tar: Tar) -> Ran {
    desk.scan(&Image::of([Layer::zstd(tar)]).layout(desk), &[])
}

/// A package that is told whatever lies beside it.
fn good() -> Tar {
    Tar::default().file("srv/node_modules/good/package.json", r#"{"name":"good","version":"1.0.0"}"#)
}

#[test]
fn a_malformed_record_is_a_gap_that_names_it_and_the_rest_is_told() {
    let deep = "[".repeat(200_000);
    let jar = zip(&[("META-INF/MANIFEST.MF", b"Implementation-Title: x\nImplementation-Version: 1\n")]);
    let cases: [(&str, &[u8], &str); 12] = [
        ("var/lib/dpkg/status", b"\xff\xfe\0garbage", "packages.os"),
        ("lib/apk/db/installed", b"\0\x01garbage", "packages.os"),
        ("var/lib/rpm/rpmdb.sqlite", b"SQLite format 3\0cut", "packages.os"),
        ("var/lib/rpm/Packages.db", b"RpmP\xff\xff\xff\xff", "packages.os"),
        ("var/lib/rpm/Packages", &[0x61; 600], "packages.os"),
        ("srv/node_modules/bad/package.json", b"{\"name\":", "packages.npm"),
        ("srv/node_modules/deep/package.json", deep.as_bytes(), "packages.npm"),
        ("srv/cut.jar", &jar[..jar.len() - 10], "packages.maven"),
        ("srv/noise.jar", b"PK\x03\x04 nothing more", "packages.maven"),
        ("usr/lib/python3/site-packages/x.dist-info/METADATA", b"\0\xff\xff", "packages.pypi"),
        ("var/www/vendor/composer/installed.json", b"[[[", "packages.composer"),
        ("opt/conda/conda-meta/x.json", b"{", "packages.conda"),
    ];
    for (path, bytes, aspect) in cases {
        let desk = Desk::new();
        let ran = scan(&desk, good().file(path, bytes));
        assert!(ran.packages().contains(&"good 1.0.0".to_owned()), "{path}: {:?}", ran.packages());
        let gaps = ran.gaps(aspect);
        assert!(gaps.contains(path), "{path}: {aspect}: {gaps:?}");
    }
}

#[test]
fn archives_within_archives_meet_their_limits() {
    // Twelve deep.
    let mut jar = zip(&[("META-INF/MANIFEST.MF", b"Implementation-Title: core\n")]);
    for _ in 0..12 {
        jar = zip(&[("lib/inner.jar", &jar)]);
    }
    // A thousand entries, each a jar of 64 MiB of zeros: 64 GiB from 64 MB.
    let zeros = vec![0; 64 << 20];
    let bomb = zip(&[("lib/zeros.jar", &zeros)]);
    let desk = Desk::new();
    let ran = scan(&desk, good().file("srv/deep.jar", &jar).file("srv/bomb.war", &bomb));
    let gaps = ran.gaps("packages.maven");
    assert!(gaps.contains("srv/deep.jar"), "{gaps}");
    assert!(ran.packages().contains(&"good 1.0.0".to_owned()));
    // A member that says it is small.
    let mut lying = zip(&[("META-INF/maven/g/a/pom.properties", &vec![b'a'; 1 << 20])]);
    let size = (1u32 << 20).to_le_bytes();
    while let Some(at) = lying.windows(4).position(|w| w == size) {
        lying[at..at + 4].copy_from_slice(&7u32.to_le_bytes());
    }
    let ran = scan(&desk, good().file("srv/lying.jar", &lying));
    assert!(ran.gaps("packages.maven").contains("srv/lying.jar"), "{}", ran.gaps("packages.maven"));
}

#[test]
fn lock_files_of_a_source_tree_may_be_bombs() {
    let mut yaml = "lockfileVersion: '9.0'\na0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..12 {
        let line = vec![format!("*a{}", n - 1); 9].join(",");
        yaml = format!("{yaml}a{n}: &a{n} [{line}]\n");
    }
    let desk = Desk::new();
    let deep = format!("{{\"lockfileVersion\":3,\"packages\":{}", "[".repeat(300_000));
    desk.write("tree/a/package-lock.json", deep);
    desk.write("tree/b/pnpm-lock.yaml", yaml);
    desk.write("tree/c/Cargo.lock", "[[package]]\nname = \"x\nversion");
    desk.write("tree/d/poetry.lock", "= = =");
    desk.write("tree/e/composer.lock", "{");
    desk.write("tree/f/yarn.lock", "\0\0\0");
    desk.write("tree/g/requirements.txt", "good==1.0\n");
    let ran = desk.scan("dir:tree", &[]);
    let coverage = serde_json::to_string(&ran.report().coverage).expect("is JSON");
    for file in
        ["a/package-lock.json", "b/pnpm-lock.yaml", "c/Cargo.lock", "d/poetry.lock", "e/composer.lock"]
    {
        assert!(coverage.contains(file), "no {file} in: {coverage}");
    }
    assert_eq!(ran.packages(), ["good 1.0"]);
}

#[test]
fn sboms_that_are_none_are_named() {
    let desk = Desk::new();
    let deep = format!(
        "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"components\":{}",
        "[".repeat(300_000)
    );
    for text in
        ["", "{", "null", "[]", "{}", "\u{0}", "{\"bomFormat\":\"CycloneDX\"", &deep, "{\"bomFormat\":7}"]
    {
        desk.write("x.json", text);
        desk.scan("sbom:x.json", &[]).fails(&["x.json: "]);
    }
    desk.scan("sbom:gone.json", &[]).fails(&["gone.json: No such file"]);
    desk.scan("sbom:.", &[]).fails(&["s a directory"]);
}
