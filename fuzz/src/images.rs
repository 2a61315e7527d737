//! Archives, layers, and images made of them.

use gabion_image::{
    archive::{self, Choice},
    assemble::{self as assembly, Input},
    caps::Limits,
    catalog::{ALL, Scope},
    file_pass::{Analyser, FilePass},
    layer::{self, Blob, Counters, LayerFacts},
    manifest::Config,
    source::Platform,
    tarball::Tar,
};
use gabion_model::Digest;
use rustix::fs::MemfdFlags;
use sha2::{Digest as _, Sha256};
use std::{fs::File, io::Write as _, sync::Arc};

/// A file that exists in memory only.
fn file(bytes: &[u8]) -> File {
    let mut file =
        File::from(rustix::fs::memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("a file in memory"));
    file.write_all(bytes).expect("room for it");
    file
}

/// Puts the right checksum into every tar header, which mutations seldom get right.
fn mend(tar: &mut [u8]) {
    let mut at = 0;
    while let Some(block) = tar.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<512>()) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        if sum == 8 * 32 {
            // The end, or a hole.
            block[148..156].fill(0);
        } else {
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let digits = block[124..136].iter().skip_while(|b| **b == b' ').take_while(|b| b.is_ascii_digit());
        let size = digits.fold(0usize, |n, b| n.saturating_mul(8).saturating_add(usize::from(b & 7)));
        at = at.saturating_add(512).saturating_add(size.min(1 << 30).next_multiple_of(512));
    }
}

/// The walk through a tar file, as it is and mended.
pub fn tarball(data: &[u8]) {
    let mut mended = data.to_vec();
    mend(&mut mended);
    for bytes in [data, &mended] {
        let mut tar = Tar::new(bytes);
        while let Ok(Some(entry)) = tar.next_entry() {
            // Every other file is read, the rest is skipped.
            while entry.mode & 1 == 0 {
                match tar.fill().map(<[u8]>::len) {
                    Ok(0) | Err(_) => break,
                    Ok(n) => tar.consume(n),
                }
            }
        }
    }
}

/// An image archive.
pub fn archive(data: &[u8]) {
    let mut mended = data.to_vec();
    mend(&mut mended);
    let platform: Platform = "linux/amd64".parse().expect("a platform");
    let choice = Choice { name: None, manifest: None, index: None, platform: &platform, attached: &[] };
    for open in [archive::open_docker_archive, archive::open_oci_archive] {
        if let Ok(image) = open(file(&mended), "fuzz", &choice) {
            for blob in image.layers.iter().flatten() {
                assert!(blob.offset + blob.len <= mended.len() as u64);
            }
        }
    }
}

/// A layer, compressed or not; the last byte of an uncompressed one does not matter.
pub fn layer(data: &[u8]) {
    let mut bytes = data.to_vec();
    if !data.starts_with(b"\x1f\x8b") && !data.starts_with(b"\x28\xb5\x2f\xfd") {
        mend(&mut bytes);
    }
    read_layer(&bytes);
}

/// Reads a layer with every cataloger; none if it is damaged or compressed.
fn read_layer(bytes: &[u8]) -> Option<LayerFacts> {
    let blob = Blob {
        file: Arc::new(file(bytes)),
        name: "fuzz".into(),
        offset: 0,
        len: bytes.len() as u64,
        digest: None,
        diff_id: Digest::sha256(Sha256::digest(bytes).into()),
    };
    let analyser = Analyser {
        catalogers: ALL,
        secrets: true,
        scope: Scope::Image,
        limits: Limits {
            layer: 32 << 20,
            entries: 10_000,
            // Small, so that files are spilled.
            memory: 128 << 10,
            ..Limits::DEFAULT
        },
        digests: true,
    };
    let mut pass = FilePass::new(Some(file(b"")));
    let facts = layer::read(&blob, &analyser, &mut pass, &Counters::default()).ok()?;
    let kept = postcard::to_allocvec(&facts).expect("facts can be kept");
    Some(postcard::from_bytes(&kept).expect("and read again"))
}

/// Paths that mean something to a cataloger or to the assembly, and a few that lie across each other.
const PATHS: &[&str] = &[
    "a",
    "a/b",
    "a/b/c",
    "a/.wh..wh..opq",
    ".wh.a",
    "a/.wh.b",
    "lib",
    "usr/lib",
    "bin",
    "usr/bin/program",
    "lib/x.so",
    "etc/os-release",
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "var/lib/dpkg/status",
    "var/lib/dpkg/.wh.status",
    "var/lib/dpkg/info/base.list",
    "usr/share/doc/base/copyright",
    "lib/apk/db/installed",
    "var/lib/pacman/local/base-1/desc",
    "var/lib/pacman/local/base-1/files",
    "app/node_modules/a/package.json",
    "app/a-1.dist-info/METADATA",
    "app/a-1.dist-info/RECORD",
    "root/.ssh/id_rsa",
    "var/run/docker.sock",
    "..",
];

/// An image of a few layers. Its recipe: for each entry a byte for what it is, one for its path, one for its
/// mode, one for the length of its content or for where it links to, and the content.
pub fn assemble(mut data: &[u8]) {
    let mut tars = Vec::new();
    while !data.is_empty() && tars.len() < 4 {
        let mut tar = tar::Builder::new(Vec::new());
        while let Some((&[kind, path, mode, extra], rest)) = data.split_first_chunk() {
            data = rest;
            let named = |byte: u8| PATHS[usize::from(byte) % PATHS.len()];
            let mut header = tar::Header::new_gnu();
            header.set_mode(u32::from(mode) << 4);
            header.set_uid(u64::from(mode & 1));
            header.set_gid(0);
            header.set_size(0);
            let old = header.as_old_mut();
            old.name[..named(path).len()].copy_from_slice(named(path).as_bytes());
            let mut content: &[u8] = b"";
            match kind % 8 {
                0 => break,
                1 => header.set_entry_type(tar::EntryType::Directory),
                2 | 3 => {
                    old.linkname[..named(extra).len()].copy_from_slice(named(extra).as_bytes());
                    header.set_entry_type(
                        [tar::EntryType::Symlink, tar::EntryType::Link][usize::from(kind % 2)],
                    );
                }
                _ => {
                    (content, data) = data.split_at(data.len().min(usize::from(extra) * 4));
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_size(content.len() as u64);
                }
            }
            header.set_cksum();
            tar.append(&header, content).expect("in memory");
        }
        if data.len() < 4 {
            data = b"";
        }
        tars.push(tar.into_inner().expect("in memory"));
    }
    let layers = || tars.iter().map(|tar| read_layer(tar).unwrap_or_default()).collect();
    let digests = vec![None; tars.len()];
    let config = Config { diff_ids: vec![Digest::sha256([0; 32]); tars.len()], ..Config::default() };
    for config in [None, Some(&config)] {
        let input = Input {
            config,
            digests: &digests,
            tags: &[],
            scope: Scope::Image,
            secrets: true,
            now: jiff::Timestamp::UNIX_EPOCH,
        };
        let image = assembly::assemble(layers(), &input, ALL);
        for package in &image.packages {
            assert!(package.layer.is_none_or(|layer| (layer as usize) < tars.len()));
        }
    }
}
