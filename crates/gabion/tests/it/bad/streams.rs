//! Layers whose bytes lie: cut, damaged, swapped, or far larger than they look.

use super::{
    Desk, Image, Layer, Tar,
    build::{gzip, zstd},
};

fn tar() -> Tar {
    Tar::default().file("etc/motd", "hello\n".repeat(5000))
}

/// Scans an image with one layer, which must fail; gives where the blob lies.
fn refused(layer: &Layer, words: &[&str], more: &[&str]) {
    let desk = Desk::new();
    let ran = desk.scan(&Image::of([layer.clone()]).layout(&desk), more);
    ran.fails(&[&format!("app/blobs/sha256/{}", layer.digest)]);
    ran.fails(words);
}

#[test]
fn a_cut_stream_is_no_end() {
    let whole = tar().end();
    for (blob, kind) in [(gzip(&whole), "+gzip"), (zstd(&whole), "+zstd")] {
        for keep in [12, blob.len() / 2, blob.len() - 3] {
            refused(&Layer::stored(blob[..keep].to_vec(), &whole, kind), &["cut off"], &[]);
        }
    }
    let cut = &whole[..whole.len() / 2];
    refused(&Layer::stored(gzip(cut), cut, "+gzip"), &["tar ends in the middle of an entry"], &[]);
}

#[test]
fn a_damaged_stream_is_told() {
    let whole = tar().end();
    let mut wrong_sum = gzip(&whole);
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    refused(&Layer::stored(wrong_sum, &whole, "+gzip"), &["corrupt gzip stream"], &[]);
    let mut wrong_frame = zstd(&whole);
    let at = wrong_frame.len() / 2;
    wrong_frame[at..].fill(0xff);
    refused(&Layer::stored(wrong_frame, &whole, "+zstd"), &["orrupt"], &[]);
    let noise: Vec<u8> = (0..5000u32).map(|i| ((i * i) >> 3) as u8 | 1).collect();
    refused(&Layer::stored(noise.clone(), &noise, "+gzip"), &["bad tar header at byte 0"], &[]);
    let behind = [gzip(&whole), b"something else".to_vec()].concat();
    refused(&Layer::stored(behind, &whole, "+gzip"), &["gzip"], &[]);
}

#[test]
fn a_wrong_digest_is_refused_wherever_it_is() {
    let mut layer = Layer::gzip(tar());
    layer.blob = gzip(&tar().file("etc/more", "").end());
    refused(&layer, &["its digest is sha256:", &layer.digest, "was promised"], &[]);
    let mut layer = Layer::zstd(tar());
    layer.diff_id = "ab".repeat(32);
    refused(&layer, &["its diffID is sha256:", "abababab", "was promised"], &[]);

    // Documents, too.
    let desk = Desk::new();
    let image = Image::of([Layer::gzip(tar())]);
    image.layout(&desk);
    for entry in std::fs::read_dir(desk.at("app/blobs/sha256")).expect("lists") {
        let path = entry.expect("lists").path();
        let text = std::fs::read(&path).expect("reads");
        if text.starts_with(b"{") {
            std::fs::write(&path, [&text[..], b" "].concat()).expect("writes");
            let name = path.file_name().expect("has one").to_string_lossy().into_owned();
            desk.scan("oci:app", &[]).fails(&[&name, "its digest is"]);
            std::fs::write(&path, text).expect("writes");
        }
    }
    assert_eq!(desk.scan("oci:app", &[]).code, 0);

    // A docker archive promises diffIDs, and the configuration by its name.
    let good = image.docker_archive().end();
    desk.write("app.tar", &good);
    assert_eq!(desk.scan("docker-archive:app.tar", &[]).code, 0);
    let at = good.windows(5).rposition(|w| w == b"linux").expect("the configuration");
    let mut other = good;
    other[at] = b'L';
    desk.write("app.tar", other);
    desk.scan("docker-archive:app.tar", &["--no-cache"]).fails(&["app.tar!/", ".json: its digest is"]);
}

#[test]
fn a_bomb_meets_the_limit_and_not_the_memory() {
    let zeros = vec![0; 16 << 20];
    let head = Tar::default().header(b'0', b"zeros", b"", 8 << 30).0;
    let limit =
        ["the layer holds more than the limit of 1073741824 bytes", "hint: raise it with --max-layer-size"];
    for (pack, kind) in [(gzip as fn(&[u8]) -> Vec<u8>, "+gzip"), (zstd, "+zstd")] {
        // 1.1 GiB: members and frames may follow each other.
        let blob = [pack(&head), pack(&zeros).repeat(70)].concat();
        refused(&Layer::stored(blob, b"", kind), &limit, &["--max-layer-size", "1"]);
    }
    refused(
        &Layer::plain(tar()),
        &["the layer holds more than the limit of 0 bytes"],
        &["--max-layer-size", "0"],
    );

    // An archive that is compressed as a whole.
    let desk = Desk::new();
    desk.write("app.tar.gz", [gzip(&head), gzip(&zeros).repeat(70)].concat());
    desk.scan("docker-archive:app.tar.gz", &["--max-layer-size", "1"]).fails(&[
        "app.tar.gz: the archive holds more than the limit",
        "hint: raise it with --max-layer-size",
    ]);
}

#[test]
fn a_zstd_window_of_two_gibibytes_is_refused() {
    let tar = tar().end();
    // Magic, no checksum, a window of 2^31, and one raw block: little data, much memory to promise.
    let mut blob = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8];
    let block = (tar.len() as u32) << 3 | 1;
    blob.extend_from_slice(&block.to_le_bytes()[..3]);
    blob.extend_from_slice(&tar);
    refused(&Layer::stored(blob, &tar, "+zstd"), &["memory"], &[]);
}
