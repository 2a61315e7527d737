//! Writes a few valid files for every fuzz target, so that mutations start from what a parser accepts.
//!
//! `gabion-fuzz-seeds CORPUS` makes `CORPUS/TARGET/seed-N`. Where a target chooses a format by its first
//! byte, the seed begins with it.

mod catalog;
mod containers;
mod feeds;
mod policy;
mod rpm;
mod rules;
#[path = "../../../crates/report/tests/it/sample.rs"]
#[allow(dead_code, reason = "shared with the tests of the reports")]
mod sample;
#[path = "../../../crates/detect/tests/scap/scenario.rs"]
mod scenario;
mod segment;
mod texts;
#[path = "../../../crates/detect/tests/scap/writer.rs"]
mod writer;

use gabion_detect::{
    recording::{self, Caps, own::Writer},
    state::{Limits, State},
};
use gabion_model::{FileIndex, FileKind, NewFile};
use std::{fs, io::Write as _, path::Path};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let corpus = std::env::args_os().nth(1).ok_or("usage: gabion-fuzz-seeds CORPUS")?;
    for (target, seeds) in all()? {
        let directory = Path::new(&corpus).join(target);
        fs::create_dir_all(&directory)?;
        for (number, seed) in seeds.iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}

/// The same events as a .scap file and as a recording of Gabion.
fn recordings() -> Result<Vec<Vec<u8>>, Error> {
    let scap = scenario::recording();
    let mut source = recording::open(&scap[..], Caps::NARROW)?;
    let state = State::new(Limits::default(), "node-1", scenario::BOOT);
    let mut writer = Writer::new(Vec::new(), source.node(), &state, scenario::START)?;
    let mut written = Ok(());
    while source.read(&mut |event| {
        if written.is_ok() {
            written = writer.write(event, &state);
        }
    })? {}
    written?;
    Ok(vec![writer.finish()?, scap.clone()])
}

fn all() -> Result<Vec<(&'static str, Vec<Vec<u8>>)>, Error> {
    let layer = tar(&[
        ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
        ("var/lib/dpkg/status", texts::DPKG_STATUS),
        ("app/package.json", texts::PACKAGE_JSON),
    ])?;
    let (gzip, zstd) = (gzip(&layer)?, zstd::encode_all(&layer[..], 3)?);
    let index = file_index();
    let facts = [index.clone(), vec![0; 9]].concat();
    let reports = [sample::rich(), sample::wall(), sample::clean()].map(|report| serde_json::to_vec(&report));
    let reports = reports.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut all = vec![
        ("tarball", vec![layer.clone(), long_names()?]),
        ("layer", vec![layer.clone(), gzip, zstd, long_names()?]),
        ("archive", vec![image(&layer)?]),
        ("assemble", assemble()),
        ("frames", vec![frames(&index, &reports[0])]),
        ("report", reports),
        ("facts", vec![facts]),
        ("file_index", vec![index]),
        ("rpm", rpm::databases()),
        ("segment", segment::files()?),
        ("java", jars()?),
        ("go", programs(&[(".go.buildinfo", &catalog::go_record()), (".gopclntab", &go_functions())])),
        ("rust", programs(&[(".dep-v0", &zlib(texts::CRATES)?)])),
        ("binary", binaries()),
        ("containers", containers::seeds()),
    ];
    all.extend(policy::seeds());
    all.extend(rules::seeds());
    all.push(("recording", recordings()?));
    all.extend(texts::seeds());
    all.extend(feeds::all()?);
    let egg = zip(&[("EGG-INFO/PKG-INFO", texts::PYTHON.as_bytes())])?;
    all.push((
        "python",
        vec![
            texts::chosen(0, texts::PYTHON),
            [&[1][..], &egg].concat(),
            texts::chosen(2, "a/b.py,sha256=x,10\n\"a,b\"\"c.py\",,\n../../../bin/a,,\n"),
            texts::chosen(3, "../a.py\n../b.py\n"),
        ],
    ));
    Ok(all)
}

fn tar(files: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, content.as_bytes())?;
    }
    Ok(builder.into_inner()?)
}

/// A long name, PAX records, a link, a whiteout.
fn long_names() -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder.append_data(&mut header, "d/".repeat(80), &b"x"[..])?;
    builder.append_pax_extensions([
        ("path", &b"usr/bin/su"[..]),
        ("size", b"3"),
        ("uid", b"70000"),
        ("SCHILY.xattr.security.capability", b"\x01\0\0\x02="),
    ])?;
    let mut header = tar::Header::new_ustar();
    header.set_size(3);
    header.set_mode(0o4755);
    builder.append_data(&mut header, "short", &b"abc"[..])?;
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "bin", "usr/bin")?;
    header.set_entry_type(tar::EntryType::Link);
    builder.append_link(&mut header, "sbin/su", "usr/bin/su")?;
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    builder.append_data(&mut header, "etc/.wh.shadow", &b""[..])?;
    Ok(builder.into_inner()?)
}

/// What `docker save` writes; documents need no digests for names.
fn image(layer: &[u8]) -> Result<Vec<u8>, Error> {
    let mut builder = tar::Builder::new(Vec::new());
    let manifest = r#"[{"Config":"config.json","RepoTags":["a:1"],"Layers":["layer.tar"]}]"#;
    for (name, content) in [
        ("manifest.json", manifest.as_bytes()),
        ("config.json", texts::CONFIG.as_bytes()),
        ("layer.tar", layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, content)?;
    }
    Ok(builder.into_inner()?)
}

/// Recipes: kind, path, mode, extra; content of four times `extra` bytes.
fn assemble() -> Vec<Vec<u8>> {
    let file = |path: u8, content: &str| {
        let mut bytes = vec![4, path, 0x28, content.len().div_ceil(4) as u8];
        bytes.extend(content.as_bytes());
        bytes.resize(4 + content.len().next_multiple_of(4), b'\n');
        bytes
    };
    let status = "Package: base\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n";
    let parts = [
        file(15, status),
        file(17, "/a/b\n/usr/bin/program\n"),
        file(12, "root:x:0:0::/root:/bin/sh\n"),
        vec![2, 8, 0, 1],
        vec![0, 0, 0, 0],
        file(15, &format!("{status}\nPackage: more\nStatus: install ok installed\nVersion: 2\n")),
        vec![1, 0, 0, 0],
        vec![4, 3, 0, 0],
        vec![3, 2, 0, 9],
    ];
    vec![parts.concat()]
}

fn file_index() -> Vec<u8> {
    let mut index = FileIndex::default();
    let file = NewFile { kind: FileKind::File, mode: 0o755, size: 10, ..NewFile::default() };
    index.insert(b"usr/bin/sh", file.clone());
    index.insert(b"bin", NewFile { kind: FileKind::Symlink, link: b"usr/bin", ..NewFile::default() });
    index.insert(b"etc/motd", NewFile { kind: FileKind::Whiteout, ..NewFile::default() });
    index.insert(b"etc/cron.d", NewFile { kind: FileKind::Directory, opaque: true, ..NewFile::default() });
    index.insert(
        b"sbin/su",
        NewFile {
            digest: Some(gabion_model::Digest::sha256([7; 32])),
            capabilities: Some(b"\x01\0\0\x02"),
            ..file
        },
    );
    postcard::to_allocvec(&index).unwrap_or_default()
}

/// Messages are enum variants: Progress 0, Report 2, Index 3, Chunk 4, End 5, Done 7.
fn frames(index: &[u8], report: &[u8]) -> Vec<u8> {
    let chunk = |bytes: &[u8]| [vec![4], postcard::to_allocvec(bytes).unwrap_or_default()].concat();
    let messages =
        [vec![0, 1, 2], vec![3], chunk(index), vec![5], vec![2], chunk(&report[..100]), vec![5], vec![7, 9]];
    messages.iter().flat_map(|m| [&(m.len() as u32).to_le_bytes()[..], m].concat()).collect()
}

fn zip(members: &[(&str, &[u8])]) -> Result<Vec<u8>, Error> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (at, (name, content)) in members.iter().enumerate() {
        let method = [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated][at % 2];
        zip.start_file(*name, zip::write::SimpleFileOptions::default().compression_method(method))?;
        zip.write_all(content)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn jars() -> Result<Vec<Vec<u8>>, Error> {
    let manifest = b"Manifest-Version: 1.0\r\nImplementation-Title: app\r\nImplementation-Version: 1.0\r\nBundle-SymbolicName: org.example.app\r\n continued\r\n";
    let properties = b"groupId=org.example\nartifactId=lib\nversion=2.1\n";
    let pom = br#"<project><parent><groupId>org.example</groupId><version>2.1</version></parent><artifactId>lib</artifactId><properties><v>1</v></properties><licenses><license><name>MIT</name></license></licenses></project>"#;
    let inner = zip(&[
        ("META-INF/maven/org.example/lib/pom.properties", properties),
        ("META-INF/maven/org.example/lib/pom.xml", pom),
    ])?;
    let outer = zip(&[
        ("META-INF/MANIFEST.MF", manifest),
        ("BOOT-INF/lib/lib-2.1.jar", &inner),
        ("BOOT-INF/lib/other-3.jar", &inner),
    ])?;
    let scripted = [b"#!/bin/sh\nexec java -jar $0\n".as_slice(), &outer].concat();
    Ok(vec![inner, outer, scripted])
}

/// With and without section table.
fn programs(sections: &[(&str, &[u8])]) -> Vec<Vec<u8>> {
    [true, false].map(|table| catalog::elf(sections, table)).into()
}

fn binaries() -> Vec<Vec<u8>> {
    let strings = b"\0node.js/v18.1.2\0\x003.11.4\0Redis version 7.2.1\0X-Powered-By: PHP/8.2.7\0ruby 3.1.2p20 (2022\0nginx version: nginx/1.25.1\0";
    let program = catalog::elf(&[(".rodata", strings)], true);
    (0..7).map(|which| [&[which][..], &program].concat()).collect()
}

/// A function table of Go 1.20 with two functions: names at 72 behind the header, table at 96.
fn go_functions() -> Vec<u8> {
    let mut table = 0xffff_fff1_u32.to_le_bytes().to_vec();
    table.extend([0, 0, 1, 8]);
    for word in [2_u64, 1, 0x40_1000, 72, 88, 88, 88, 96] {
        table.extend(word.to_le_bytes());
    }
    table.extend(b"main.main\0a.b\0\0\0");
    table.extend([0; 8]);
    for word in [0_u32, 20, 16, 28, 32, 0, 0, 0, 10] {
        table.extend(word.to_le_bytes());
    }
    table
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn zlib(text: &str) -> Result<Vec<u8>, Error> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes())?;
    Ok(encoder.finish()?)
}
