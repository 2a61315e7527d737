//! Programs: ELF files with the sections that catalogers look for, built as the unit tests build theirs.

#[path = "../../../crates/image/src/catalog/elf/build.rs"]
#[allow(dead_code, reason = "shared with the tests of the catalogers")]
mod build;

use build::Builder;

/// A program of these sections, with a section table or without.
pub fn elf(sections: &[(&str, &[u8])], table: bool) -> Vec<u8> {
    let mut builder = Builder::new(true, false);
    for (name, bytes) in sections {
        builder = builder.section(name, bytes);
    }
    if !table {
        builder = builder.without_section_table();
    }
    builder.build()
}

/// What Go 1.18 and later write into `.go.buildinfo`.
pub fn go_record() -> Vec<u8> {
    let modules = "path\texample.com/t\nmod\texample.com/t\tv1.0.0\t\ndep\tgolang.org/x/net\tv0.1.0\th1:y=\n=>\tx/y\tv0.2.0\th1:z=\nbuild\t-ldflags=\"-X main.version=1.2.3\"\n";
    let framed = [&[b'<'; 16][..], modules.as_bytes(), &[b'>'; 16]].concat();
    let mut record = b"\xff Go buildinf:\x08\x02".to_vec();
    record.resize(32, 0);
    record.extend(b"\x08go1.22.3");
    record.extend([framed.len() as u8 | 0x80, (framed.len() >> 7) as u8]);
    record.extend(framed);
    record
}
