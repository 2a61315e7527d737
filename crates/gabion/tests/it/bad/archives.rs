//! Layouts and archives that are not what they seem: their documents, their members, their tar headers.

use super::{
    Desk, Image, Layer, Tar,
    build::{blob, gzip, index},
};
use serde_json::json;
use std::{fs, os::unix::fs::symlink};

fn image() -> Image {
    Image::of([Layer::gzip(Tar::default().file("etc/motd", "hello\n"))])
}

#[test]
fn documents_that_are_no_json_are_named() {
    let desk = Desk::new();
    let target = image().layout(&desk);
    let good = fs::read(desk.at("app/index.json")).expect("reads");
    for bad in [&b""[..], b"{", b"\xff\xfe", b"[]", &vec![b'['; 100_000]] {
        desk.write("app/index.json", bad);
        desk.scan(&target, &[]).fails(&["app/index.json: manifest is not valid"]);
    }
    desk.write("app/index.json", vec![b' '; 9 << 20]);
    desk.scan(&target, &[]).fails(&["app/index.json: a document of more than 8388608 bytes"]);
    fs::remove_file(desk.at("app/index.json")).expect("removes");
    desk.scan(&target, &[]).fails(&["app/index.json: No such file"]);
    desk.write("app/index.json", good);
    assert_eq!(desk.scan(&target, &[]).code, 0);

    desk.write("bad.tar", Tar::default().file("manifest.json", "[{]").end());
    desk.scan("docker-archive:bad.tar", &[]).fails(&["bad.tar!/manifest.json: manifest is not valid"]);
    desk.write("none.tar", Tar::default().file("hello", "").end());
    desk.scan("docker-archive:none.tar", &[]).fails(&["none.tar: there is no manifest.json in it"]);
    desk.scan("none.tar", &[]).fails(&["none.tar is neither an image archive nor an SBOM"]);
    desk.scan("docker-archive:gone.tar", &[]).fails(&["gone.tar: No such file"]);
}

#[test]
fn a_config_that_contradicts_its_manifest_is_refused() {
    let desk = Desk::new();
    let mut image = image();
    image.config = json!({ "rootfs": { "type": "layers", "diff_ids": [] } });
    desk.scan(&image.layout(&desk), &[])
        .fails(&["app/blobs/sha256/", "the manifest lists 1 layers, the configuration 0"]);
    image.config = json!({ "rootfs": { "type": "layers", "diff_ids": ["md5:1"] } });
    desk.scan(&image.layout(&desk), &[])
        .fails(&["app/blobs/sha256/", "image configuration has a bad digest"]);
    image.config = json!({ "rootfs": 7 });
    desk.scan(&image.layout(&desk), &[]).fails(&["app/blobs/sha256/", "image configuration is not valid"]);
}

#[test]
fn more_layers_than_anything_mounts_are_refused() {
    let desk = Desk::new();
    let layer = Layer::plain(Tar::default());
    let image = Image::of(vec![layer; 5000]);
    desk.scan(&image.layout(&desk), &[]).fails(&["5000 layers, more than the limit of 4096"]);
}

#[test]
fn what_is_no_image_says_what_it_is() {
    let desk = Desk::new();
    let mut chart = image();
    chart.config_type = "application/vnd.cncf.helm.config.v1+json";
    desk.scan(&chart.layout(&desk), &[]).fails(&["unsupported", "vnd.cncf.helm.config"]);

    fs::create_dir_all(desk.at("old/blobs/sha256")).expect("creates");
    let schema_1 =
        json!({ "schemaVersion": 1, "mediaType": "application/vnd.docker.distribution.manifest.v1+json" });
    index(&desk.at("old"), &blob(&desk.at("old/blobs/sha256"), &schema_1));
    desk.scan("oci:old", &[]).fails(&["unsupported manifest media type", "manifest.v1+json"]);
}

#[test]
fn a_layer_of_an_unknown_kind_is_a_gap_and_the_rest_is_told() {
    let desk = Desk::new();
    let mut unknown = Layer::gzip(Tar::default().file("etc/secret", ""));
    unknown.media_type = "application/vnd.example.layer.v1.tar+xz\u{1b}[2J".to_owned();
    let known = Layer::gzip(Tar::default().file("usr/lib/os-release", "ID=alpine\nVERSION_ID=3.20.0\n"));
    let target = Image::of([unknown, known]).layout(&desk);
    let ran = desk.scan(&target, &[]);
    assert!(ran.gaps("files").contains("layer 0: unsupported layer media type"), "{}", ran.gaps("files"));
    assert_eq!(ran.report().os.expect("told").id, "alpine");
    let gate = desk.scan(&target, &["--fail-on", "coverage", "--quiet"]);
    assert_eq!(gate.code, 1);
    assert!(gate.err.contains("gate failed: coverage"), "{}", gate.err);
}

#[test]
fn indexes_within_indexes_end() {
    let desk = Desk::new();
    let directory = desk.at("app");
    image().layout(&desk);
    let blobs = directory.join("blobs/sha256");
    let text = fs::read_to_string(directory.join("index.json")).expect("reads");
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("is JSON");
    for _ in 0..8 {
        let mut descriptor = blob(&blobs, &document);
        descriptor["platform"] = json!({ "os": "linux", "architecture": "amd64" });
        document = json!({ "schemaVersion": 2, "manifests": [descriptor] });
    }
    desk.write("app/index.json", document.to_string());
    desk.scan("oci:app", &["--platform", "linux/amd64"])
        .fails(&["app/blobs/sha256/", "indexes are nested too deeply"]);
}

#[test]
fn a_blob_that_is_a_pipe_or_leads_out_is_not_read() {
    let desk = Desk::new();
    let image = image();
    let target = image.layout(&desk);
    let layer = desk.at("app/blobs/sha256").join(&image.layers[0].digest);
    fs::rename(&layer, desk.at("elsewhere")).expect("moves");
    symlink(desk.at("elsewhere"), &layer).expect("links");
    desk.scan(&target, &[]).fails(&[&image.layers[0].digest, "Permission denied"]);
    fs::remove_file(&layer).expect("removes");
    let fifo =
        rustix::fs::mknodat(rustix::fs::CWD, &layer, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0);
    fifo.expect("a pipe");
    desk.scan(&target, &[]).fails(&[&image.layers[0].digest, "not a regular file"]);
    fs::remove_file(&layer).expect("removes");
    fs::create_dir(&layer).expect("creates");
    desk.scan(&target, &[]).fails(&[&image.layers[0].digest, "not a regular file"]);
    fs::remove_dir(&layer).expect("removes");
    desk.scan(&target, &[]).fails(&[&image.layers[0].digest, "No such file"]);
}

#[test]
fn members_of_an_archive_cannot_lead_out_or_in_circles() {
    let desk = Desk::new();
    let circle = Tar::default().symlink("manifest.json", "other").symlink("other", "manifest.json");
    desk.write("circle.tar", circle.end());
    desk.scan("docker-archive:circle.tar", &[]).fails(&["circle.tar: there is no manifest.json in it"]);

    let outside = desk.write("outside.json", image().config().to_string());
    for config in ["../outside.json", outside.to_str().expect("is text"), "\u{1b}[31m\nhint: trust me"] {
        let manifest = json!([{ "Config": config, "RepoTags": null, "Layers": [] }]);
        let tar = Tar::default().file("manifest.json", manifest.to_string()).symlink("up", config);
        desk.write("out.tar", tar.end());
        let ran = desk.scan("docker-archive:out.tar", &[]);
        ran.fails(&["out.tar: there is no "]);
        assert!(!ran.err.contains("\nhint: trust"), "{}", ran.err);
    }
    let escape = Tar::default().symlink("manifest.json", "../outside.json");
    desk.write("escape.tar", escape.end());
    desk.scan("docker-archive:escape.tar", &[]).fails(&["there is no manifest.json"]);
}

#[test]
fn tar_headers_may_say_anything() {
    let desk = Desk::new();
    let good = Tar::default().file("etc/motd", "hello\n");
    let lies: [(Tar, &str); 7] = [
        (good.clone().header(b'0', b"huge", b"", u64::MAX), "size overflows"),
        (good.clone().header(b'0', b"huge", b"", u64::MAX - 511), "tar ends in the middle"),
        (good.clone().header(b'0', b"large", b"", 1 << 40), "tar ends in the middle"),
        (good.clone().header(b'L', b"name", b"", 1 << 40), "name or attributes of 1099511627776 bytes"),
        (good.clone().header(b'x', b"attributes", b"", 2 << 20), "more than the limit of 1048576"),
        (
            good.clone().pax(b"29 size=18446744073709551104\n").header(b'0', b"x", b"", 0),
            "tar ends in the middle",
        ),
        (Tar([&good.0[..], &[7; 512]].concat()), "bad tar header at byte 1024"),
    ];
    for (lie, reason) in lies {
        let layer = Layer::gzip(lie.clone());
        desk.scan(&Image::of([layer.clone()]).layout(&desk), &[]).fails(&[&layer.digest, reason]);
        // As the outer archive, before and after it is inflated.
        let outer = lie.end();
        desk.write("lie.tar", &outer);
        desk.scan("docker-archive:lie.tar", &[]).fails(&["lie.tar: "]);
        desk.write("lie.tar.gz", gzip(&outer));
        desk.scan("oci-archive:lie.tar.gz", &[]).fails(&["lie.tar.gz: "]);
    }
    // PAX records that cannot be read are left out, as container runtimes need not agree on them.
    for records in [
        &b"0 path=x\n"[..],
        b"99999999999999999999999 path=x\n",
        b"5 x\n",
        b"-1 size=5\n",
        b"12 size=-99\n",
        b"\xff",
    ] {
        let tar = good.clone().pax(records).file("etc/issue", "hi\n");
        let ran = desk.scan(&Image::of([Layer::gzip(tar)]).layout(&desk), &[]);
        assert_eq!(ran.report().files.entries, 3, "{records:?}");
    }
}
