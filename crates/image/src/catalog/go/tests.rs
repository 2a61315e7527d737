use super::*;
use crate::{
    catalog::{Scope, elf::build::Builder},
    content::FilePart,
};
use gabion_model::symbols::Symbol;
use proptest::prelude::*;
use std::process::Command;

const MODULES: &str =
    "path\texample.com/t\nmod\texample.com/t\tv1.0.0\t\ndep\tgolang.org/x/net\tv0.1.0\th1:y=\n";

fn framed(text: &str) -> Vec<u8> {
    [&[b'<'; 16][..], text.as_bytes(), &[b'>'; 16]].concat()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut len) = (Vec::new(), bytes.len());
    while len > 0x7f {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend(bytes);
    out
}

/// The record since 1.18.
fn inline() -> Vec<u8> {
    let mut record = b"\xff Go buildinf:\x08\x02".to_vec();
    record.resize(32, 0);
    record.extend(counted(b"go1.22.3"));
    record.extend(counted(&framed(MODULES)));
    record
}

/// A program with the record until 1.17.
fn pointed(wide: bool, big: bool) -> Builder {
    let (version, text) = (b"go1.16.15".as_slice(), framed(MODULES));
    let program = |data: &[u8], record: &[u8]| {
        Builder::new(wide, big)
            .section(".rodata", &[version, &text].concat())
            .section(".data", data)
            .section(".go.buildinfo", record)
    };
    let word = if wide { 8 } else { 4 };
    let draft = program(&vec![0; 4 * word], &[0; 32]);
    let strings = draft.address(".rodata");
    let mut data = Vec::new();
    for value in [strings, version.len() as u64, strings + version.len() as u64, text.len() as u64] {
        data.extend(draft.word(value));
    }
    let mut record = [b"\xff Go buildinf:".as_slice(), &[word as u8, u8::from(big)]].concat();
    record.extend(draft.word(draft.address(".data")));
    record.extend(draft.word(draft.address(".data") + 2 * word as u64));
    record.resize(32, 0);
    program(&data, &record)
}

fn read(content: &Content<'_>) -> Result<Facts, ReadError> {
    let file = Candidate { path: b"usr/bin/t", size: content.size(), mode: 0o755, scope: Scope::Image };
    let mut facts = Facts::default();
    GoBinary.read(&file, content, &mut facts).map(|()| facts)
}

fn names(facts: &Facts) -> Vec<String> {
    facts.packages().map(|p| format!("{} {}", p.name, p.version)).collect()
}

fn symbols(facts: &Facts) -> Vec<u64> {
    let set = facts.list.iter().find_map(|fact| match fact {
        Fact::Functions(set) => Some(set),
        _ => None,
    });
    set.expect("symbols").keys()
}

#[test]
fn both_forms_of_the_record_tell_the_same() {
    let modules = ["example.com/t v1.0.0", "golang.org/x/net v0.1.0"];
    let file = Builder::new(true, false).section(".go.buildinfo", &inline()).build();
    assert_eq!(names(&read(&Content::Memory(&file)).unwrap()), [&["stdlib 1.22.3"][..], &modules].concat());
    for (wide, big) in [(true, false), (true, true), (false, false), (false, true)] {
        let file = pointed(wide, big).build();
        assert_eq!(
            names(&read(&Content::Memory(&file)).unwrap()),
            [&["stdlib 1.16.15"][..], &modules].concat()
        );
    }
}

#[test]
fn without_sections_the_record_is_found_at_a_multiple_of_16() {
    let decoy = [b"12345678", &inline()[..24]].concat();
    let data = [&decoy[..], &[0; 16], &inline()].concat();
    let file = Builder::new(true, false).section(".data", &data).without_section_table().build();
    assert_eq!(names(&read(&Content::Memory(&file)).unwrap()).len(), 3);
    // With a section table, a program that lacks the section is not Go's, whatever its data hold.
    let file = Builder::new(true, false).section(".data", &data).build();
    assert!(read(&Content::Memory(&file)).unwrap().list.is_empty());
}

#[test]
fn a_damaged_record_is_an_error_and_other_programs_are_none() {
    let mut record = inline();
    record[32] = 0xff;
    let file = Builder::new(true, false).section(".go.buildinfo", &record).build();
    assert!(matches!(read(&Content::Memory(&file)), Err(ReadError::Malformed(_))));
    let file = Builder::new(true, false).section(".text", b"code").build();
    assert!(read(&Content::Memory(&file)).unwrap().list.is_empty());
    assert!(read(&Content::Memory(b"#!/bin/sh\n")).unwrap().list.is_empty());
}

#[test]
fn other_programs_cost_a_few_small_reads() {
    struct Counting<'a>(&'a [u8], std::sync::atomic::AtomicUsize);
    impl crate::content::ReadAt for Counting<'_> {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
            self.1.fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
            self.0.read_at(buffer, offset)
        }
    }
    let file = Builder::new(true, false).section(".text", &vec![0x90; 1 << 20]).build();
    let counting = Counting(&file, 0.into());
    assert!(read(&Content::Stored(&counting)).unwrap().list.is_empty());
    let bytes = counting.1.into_inner();
    assert!(bytes < 1024, "{bytes} bytes");
}

/// Builds a real program, stripped and not, for several machines. Needs `go`, but no network.
#[test]
fn programs_built_by_go_are_read() {
    let dir = tempfile::tempdir().unwrap();
    if Command::new("go").arg("version").output().is_err() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "go is not installed");
        eprint_not_run();
        return;
    }
    std::fs::write(dir.path().join("go.mod"), "module example.com/hello\n\ngo 1.20\n").unwrap();
    let source =
        "package main\n\nimport \"strings\"\n\nfunc main() { println(strings.ToUpper(\"hello\")) }\n";
    std::fs::write(dir.path().join("main.go"), source).unwrap();
    let release = "-X main.version=1.2.3";
    for (arch, flags) in [("amd64", release), ("amd64", "-s -w -X main.version=1.2.3"), ("s390x", release)] {
        let out = dir.path().join("hello");
        let status = Command::new("go")
            .args(["build", "-buildvcs=false", "-ldflags", flags, "-o"])
            .arg(&out)
            .current_dir(dir.path())
            .envs([
                ("GOOS", "linux"),
                ("GOARCH", arch),
                ("CGO_ENABLED", "0"),
                ("GOFLAGS", ""),
                ("GOPROXY", "off"),
                ("GOTOOLCHAIN", "local"),
            ])
            .status()
            .unwrap();
        assert!(status.success(), "{arch}");
        let file = std::fs::File::open(&out).unwrap();
        let part = FilePart { file: &file, len: file.metadata().unwrap().len() };
        let facts = read(&Content::Stored(&part)).unwrap();
        let names = names(&facts);
        assert!(names[0].starts_with("stdlib 1."), "{names:?}");
        assert_eq!(names[1..], ["example.com/hello v1.2.3"], "{arch}");
        let symbols = symbols(&facts);
        let holds = |symbol: Symbol<'_>| symbols.binary_search(&symbol.key()).is_ok();
        for (package, name) in [
            ("example.com/hello", "main"),
            ("strings", "ToUpper"),
            ("runtime", "mallocgc"),
            ("runtime", "mheap.alloc"),
        ] {
            assert!(holds(Symbol::Function(package, name)), "{arch}: {package}.{name}");
        }
        assert!(holds(Symbol::Module("stdlib")) && holds(Symbol::Module("example.com/hello")), "{arch}");
        assert!(
            !holds(Symbol::Package("net/http")) && !holds(Symbol::Function("strings", "ToTitle")),
            "{arch}"
        );
    }
}

#[expect(clippy::print_stderr, reason = "tells whoever reads the test's output")]
fn eprint_not_run() {
    eprintln!("not run: go is not installed");
}

proptest! {
    #[test]
    fn mutated_programs_never_panic(
        (at, byte, cut) in (0usize..2000, any::<u8>(), 0usize..2000),
        form in 0..3,
    ) {
        let mut file = match form {
            0 => Builder::new(true, false).section(".go.buildinfo", &inline()).section(".gopclntab", &[0xf1; 100]).build(),
            1 => pointed(true, false).build(),
            _ => pointed(false, true).without_section_table().build(),
        };
        let len = file.len();
        file[at % len] = byte;
        let _ = read(&Content::Memory(&file));
        file.truncate(cut);
        let _ = read(&Content::Memory(&file));
    }
}
