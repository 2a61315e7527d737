//! Directories, archives, lines and compression: the same records, however they come.

use super::Told;
use crate::feed::{FeedError, FeedLimits, Kind, import};
use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

pub(super) fn osv(number: u32) -> String {
    format!(
        r#"{{"id":"X-{number}","affected":[{{"package":{{"ecosystem":"npm","name":"p"}},"versions":["1.0.{number}"]}}]}}"#
    )
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (at, (name, bytes)) in members.iter().enumerate() {
        let method = [CompressionMethod::Stored, CompressionMethod::Deflated][at % 2];
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn ids(told: &Told) -> Vec<&str> {
    told.advisories.iter().map(|advisory| advisory.id.as_str()).collect()
}

fn at(path: &Path) -> Result<Told, FeedError> {
    let mut told = Told::default();
    import(Kind::Osv, path, &FeedLimits::DEFAULT, &mut told)?;
    Ok(told)
}

#[test]
fn a_document_a_list_and_lines_are_the_same() {
    let (one, two) = (osv(1), osv(2));
    for text in
        [format!("{one}\n{two}\n"), format!("\u{feff}\n{one}\r\n\r\n  {two}"), format!("[{one},\n{two}]\n")]
    {
        for bytes in [
            text.clone().into_bytes(),
            gzip(text.as_bytes()),
            bzip2(text.as_bytes()),
            zstd::encode_all(text.as_bytes(), 1).unwrap(),
        ] {
            let told = Told::read(Kind::Osv, "all", &bytes).unwrap();
            assert_eq!(ids(&told), ["X-1", "X-2"], "{text}");
        }
    }
    let pretty = one.replace(',', ",\n");
    assert_eq!(ids(&Told::of(Kind::Osv, "x.json", &pretty)), ["X-1"]);
}

#[test]
fn a_directory_is_walked_in_order_and_links_are_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("b/2.json", osv(2).as_bytes());
    write("a/1.json.gz", &gzip(osv(1).as_bytes()));
    write(
        "c.zip",
        &zip(&[("x/3.json", osv(3).as_bytes()), ("LICENSE", b"text"), ("4.json", osv(4).as_bytes())]),
    );
    write("d.json", b"{ \"id\": 5 }");
    write("README.md", b"text");
    write(".git/x.json", b"text");
    std::os::unix::fs::symlink(root.path(), root.path().join("e.json")).unwrap();
    std::os::unix::fs::symlink("/", root.path().join("root")).unwrap();
    let told = at(root.path()).unwrap();
    assert_eq!(ids(&told), ["X-1", "X-2", "X-3", "X-4"]);
    let complaints = told.complaints();
    let [broken, link] = &complaints[..] else {
        panic!("{complaints:?}");
    };
    assert!(broken.contains("d.json | invalid type: integer `5`, expected a string"), "{broken}");
    assert!(link.contains("e.json | is a link or a device, which is not followed"), "{link}");
}

#[test]
fn an_archive_tells_which_member_is_broken() {
    let bytes = zip(&[
        ("x/1.json", osv(1).as_bytes()),
        ("x/2.json", b"{"),
        ("x/3.zip", b"PK"),
        ("x/4.json.zst", &zstd::encode_all(osv(4).as_bytes(), 1).unwrap()),
    ]);
    let told = Told::read(Kind::Osv, "all.zip", &bytes).unwrap();
    assert_eq!(ids(&told), ["X-1", "X-4"]);
    assert_eq!(
        told.complaints(),
        [
            "all.zip: x/3.zip | is an archive within an archive",
            "all.zip!x/2.json | EOF while parsing an object at line 1 column 1"
        ]
    );
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("all.zip");
    fs::write(&path, bytes).unwrap();
    assert_eq!(ids(&at(&path).unwrap()), ["X-1", "X-4"], "from a file as from memory");
}

#[test]
fn the_name_of_a_file_tells_the_product_of_the_older_endoflife() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("ubuntu.json"), r#"[{ "cycle": "24.04", "eol": "2029-05-31" }]"#).unwrap();
    let mut told = Told::default();
    import(Kind::EndOfLife, root.path(), &FeedLimits::DEFAULT, &mut told).unwrap();
    assert_eq!(told.lifecycles[0].product, "ubuntu");
}

#[test]
fn what_is_not_there_or_empty_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let error = at(&root.path().join("missing")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read "), "{error}");
    let error = at(root.path()).unwrap_err().to_string();
    assert!(error.ends_with("holds no record of kind osv that can be read"), "{error}");
    fs::write(root.path().join("x.json"), "{").unwrap();
    let error = at(root.path()).unwrap_err().to_string();
    assert!(
        error.contains("the first that cannot is") && error.contains("x.json: EOF while parsing"),
        "{error}"
    );
    assert!(matches!(at(Path::new("/dev/null")), Err(FeedError::Open { .. })));
}
