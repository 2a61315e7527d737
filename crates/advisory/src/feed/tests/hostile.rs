//! Damaged and hostile feeds: refused with the reason, within the limits.

use super::{
    Told,
    containers::{bzip2, gzip, osv, zip},
};
use crate::feed::{FeedError, FeedLimits, Kind, import_bytes};

/// The error, in one line.
fn error(kind: Kind, name: &str, bytes: &[u8]) -> String {
    Told::read(kind, name, bytes).unwrap_err().to_string()
}

fn limited(kind: Kind, name: &str, bytes: &[u8], limits: &FeedLimits) -> (Told, Result<(), FeedError>) {
    let mut told = Told::default();
    let result = import_bytes(kind, name, bytes, limits, &mut told);
    (told, result)
}

#[test]
fn every_kind_refuses_what_is_something_else() {
    for kind in Kind::ALL {
        for bytes in [
            &b""[..],
            b" \n ",
            b"\0\0\0\0",
            b"<html><body>404</body></html>",
            b"not a feed",
            b"{}",
            b"[]",
            b"[1, 2]",
            b"null",
            b"\xff\xfe",
            b"PK\x03\x04 and no more",
            b"\x1f\x8b\x08 and no more",
            b"\x28\xb5\x2f\xfd and no more",
            b"BZh9 and no more",
        ] {
            // An empty object is an empty tracker; an empty catalogue or list, none.
            let result = Told::read(*kind, "feed", bytes);
            assert!(result.is_err(), "{kind} takes {:?}", String::from_utf8_lossy(bytes));
        }
    }
}

#[test]
fn a_feed_that_is_cut_off_is_an_error() {
    let lines: String = (0..2000).map(|number| osv(number) + "\n").collect();
    for packed in
        [gzip(lines.as_bytes()), bzip2(lines.as_bytes()), zstd::encode_all(lines.as_bytes(), 1).unwrap()]
    {
        let error = error(Kind::Osv, "all.jsonl", &packed[..packed.len() / 2]);
        assert!(
            error.contains("all.jsonl is not a feed of kind osv, or is damaged: the feed is cut off"),
            "{error}"
        );
    }
    let tracker = r#"{ "a": { "CVE-2025-1000": { "releases": { "sid": { "status": "open" } } } }, "b": {"#;
    let message = error(Kind::DebianTracker, "data.json", tracker.as_bytes());
    assert!(message.contains("EOF while parsing"), "{message}");
    let message = error(Kind::Osv, "all.json", format!("[{}, {{", osv(1)).as_bytes());
    assert!(message.contains("EOF while parsing"), "{message}");
    let message =
        error(Kind::Updateinfo, "u.xml", b"<updates><update type=\"security\"><id>A-1</id></update><update>");
    assert!(message.ends_with("it is cut off"), "{message}");
    let archive = zip(&[("1.json", osv(1).as_bytes())]);
    let message = error(Kind::Osv, "all.zip", &archive[..archive.len() - 30]);
    assert!(message.contains("a damaged zip archive"), "{message}");
}

#[test]
fn a_line_that_is_cut_off_or_of_other_types_is_told() {
    let text = format!(
        "{}\n{{\"id\":\n{}\n{{\"id\": \"X-3\", \"affected\": 7}}\n{{\"id\": \"X\\u0000\"}}\n",
        osv(1),
        osv(2)
    );
    let told = Told::read(Kind::Osv, "all.jsonl", text.as_bytes()).unwrap();
    assert_eq!(told.advisories.len(), 2);
    assert_eq!(
        told.complaints(),
        [
            "all.jsonl: line 2 | EOF while parsing a value at line 1 column 6",
            "all.jsonl: line 4 | invalid type: integer `7`, expected a sequence at line 1 column 27",
            "all.jsonl: line 5, X | \"X\" is no id",
        ]
    );
}

#[test]
fn records_beyond_the_limit_are_told_and_the_others_read() {
    let limits = FeedLimits { record: 1000, ..FeedLimits::DEFAULT };
    let huge = format!(r#"{{"id":"X-2","summary":"{}"}}"#, "x".repeat(600_000));
    let lines = format!("{}\n{huge}\n{}\n", osv(1), osv(3));
    let (told, result) = limited(Kind::Osv, "all.jsonl", lines.as_bytes(), &limits);
    result.unwrap();
    assert_eq!(told.advisories.len(), 2);
    assert_eq!(told.complaints(), ["all.jsonl: line 2 | a record holds more than 1000 bytes"]);

    let archive = zip(&[("1.json", osv(1).as_bytes()), ("2.json", huge.as_bytes())]);
    let (told, result) = limited(Kind::Osv, "all.zip", &archive, &limits);
    result.unwrap();
    assert_eq!(told.complaints(), ["all.zip!2.json | a record holds more than 1000 bytes"]);

    let limits = FeedLimits { record: 200_000, ..FeedLimits::DEFAULT };
    for (kind, text) in [
        (Kind::Osv, format!("[{huge}]")),
        (Kind::DebianTracker, format!(r#"{{"a":{{"CVE-2025-1000":{huge}}}}}"#)),
        (Kind::Updateinfo, format!("<updates><update><id>{huge}</id></update></updates>")),
        (Kind::Updateinfo, format!("<updates><update x='{huge}'></update></updates>")),
        (Kind::Epss, format!("cve,epss,percentile\n{huge}")),
        (Kind::Csaf, huge.clone()),
    ] {
        let (_, result) = limited(kind, "feed", text.as_bytes(), &limits);
        let error = result.unwrap_err().to_string();
        assert!(error.contains("a record holds more than"), "{kind}: {error}");
    }
}

/// 100 MB in a line: the default limit, met for real.
#[test]
fn a_record_of_100_megabytes_is_too_large() {
    let mut text = osv(1).into_bytes();
    text.extend_from_slice(b"\n{\"id\":\"X-2\",\"summary\":\"");
    text.resize(text.len() + (100 << 20), b'x');
    text.extend_from_slice(b"\"}\n");
    text.extend_from_slice(osv(3).as_bytes());
    let packed = zstd::encode_all(&text[..], 1).unwrap();
    let told = Told::read(Kind::Osv, "all.jsonl.zst", &packed).unwrap();
    assert_eq!(told.advisories.len(), 2);
    assert_eq!(told.complaints(), ["all.jsonl.zst: line 2 | a record holds more than 104857600 bytes"]);
}

#[test]
fn a_bomb_meets_the_limit_of_the_feed() {
    let limits = FeedLimits { total: 1 << 20, ..FeedLimits::DEFAULT };
    let blanks = vec![b' '; 8 << 20];
    let archive = zip(&[("0.json", b"{}"), ("1.json", &blanks)]);
    for (name, bytes) in [
        ("x.gz", gzip(&blanks)),
        ("x.bz2", bzip2(&blanks)),
        ("x.zst", zstd::encode_all(&blanks[..], 1).unwrap()),
        ("x.zip", archive),
    ] {
        for kind in [Kind::Osv, Kind::DebianTracker, Kind::Csaf] {
            let (_, result) = limited(kind, name, &bytes, &limits);
            let error = result.unwrap_err();
            assert!(matches!(error, FeedError::TooLarge { what: "bytes", .. }), "{name}: {error}");
        }
    }
    let many: Vec<String> = (0..100).map(|n| format!("{n}.json")).collect();
    let members: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"{}"[..])).collect();
    let limits = FeedLimits { entries: 50, ..FeedLimits::DEFAULT };
    let (_, result) = limited(Kind::Osv, "x.zip", &zip(&members), &limits);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("more than 50 members"), "{error}");
}

#[test]
fn members_that_overlap_are_refused() {
    let mut bytes = zip(&[("1.json", osv(1).as_bytes()), ("skipped", b"x"), ("2.json", osv(2).as_bytes())]);
    // The directory: the last member is said to lie where the first does.
    let at = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[at + 42..at + 46].copy_from_slice(&4_u32.to_le_bytes());
    let told = Told::read(Kind::Osv, "x.zip", &bytes).unwrap();
    assert_eq!(told.advisories.len(), 1);
    assert_eq!(told.complaints(), ["x.zip!2.json | overlaps another member"]);
}

#[test]
fn entities_are_not_expanded() {
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE updates [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <updates><update type="security"><id>&b;</id></update></updates>"#;
    let message = error(Kind::Updateinfo, "u.xml", bomb.as_bytes());
    assert!(message.ends_with("it has a document type declaration, which no feed has"), "{message}");
    for text in ["<id>&b;</id>", "<id x=\"&b;\"/>", "<id>&#xFFFFFFFF;</id>"] {
        let text = format!("<updates><update>{text}</update></updates>");
        assert!(
            matches!(Told::read(Kind::Updateinfo, "u.xml", text.as_bytes()), Err(FeedError::Document { .. })),
            "{text}"
        );
    }
}

#[test]
fn nesting_ends() {
    let deep = 200_000;
    let json = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let branches = format!("{}{}", r#"{"branches":["#.repeat(deep), "]}".repeat(deep));
    for (kind, text) in [
        (Kind::Osv, json.clone()),
        (Kind::Osv, format!(r#"{{"id":"X-1","database_specific":{json}}}"#)),
        (Kind::DebianTracker, format!(r#"{{"a":{json}}}"#)),
        (
            Kind::Csaf,
            format!(r#"{{"document":{{"category":"x","tracking":{{"id":"x"}}}},"product_tree":{branches}}}"#),
        ),
        (Kind::Vulnrichment, format!(r#"{{"cveMetadata":{json}}}"#)),
        (Kind::EndOfLife, format!(r#"{{"result":{json}}}"#)),
        (Kind::Updateinfo, format!("<updates>{}", "<update>".repeat(deep))),
        (Kind::Oval, format!("<oval_definitions>{}", "<x>".repeat(deep))),
    ] {
        assert!(Told::read(kind, "feed", text.as_bytes()).is_err(), "{kind}");
    }
    let wide = format!("<updates><update>{}</update></updates>", "<x/>".repeat(600_000));
    let message = error(Kind::Updateinfo, "u.xml", wide.as_bytes());
    assert!(message.ends_with("a record has more than 500000 elements"), "{message}");
}

#[test]
fn a_tar_archive_must_be_unpacked_first() {
    let mut tar = vec![0; 1024];
    tar[..5].copy_from_slice(b"x.json"[..5].as_ref());
    tar[257..262].copy_from_slice(b"ustar");
    let message = error(Kind::Csaf, "csaf.tar.bz2", &bzip2(&tar));
    assert!(message.ends_with("it is a tar archive, which must be unpacked first"), "{message}");
}

#[test]
fn what_is_told_is_on_one_line() {
    let long = "x".repeat(2000);
    let text = format!("{{\"id\":\"\\u001b[31m\\n{long}\"}}\n{}", osv(1));
    let told = Told::read(Kind::Osv, "a\n.jsonl", text.as_bytes()).unwrap();
    let [rejected] = &told.rejected[..] else {
        panic!("one");
    };
    for text in [&rejected.place, &rejected.why] {
        assert!(text.chars().count() <= 500 && !text.contains(char::is_control), "{text}");
    }
}
