//! Entries of layers and trees: too many, too long, leading out, no files at all.

use super::{Desk, Image, Layer, Tar};
use std::{fs, os::unix::fs::symlink};

#[test]
fn many_entries_are_fine_up_to_the_limit() {
    let desk = Desk::new();
    let mut tar = Tar::default();
    for n in 0..150_000 {
        tar = tar.header(b'0', format!("srv/data/{:03}/file-{n:06}.bin", n / 1000).as_bytes(), b"", 0);
    }
    let target = Image::of([Layer::gzip(tar)]).layout(&desk);
    let ran = desk.scan(&target, &["--stats"]);
    assert_eq!(ran.report().files.entries, 150_152);
    let peak = ran.err.split("peak memory ").nth(1).and_then(|t| t.split(' ').next());
    let peak: f64 = peak.and_then(|t| t.parse().ok()).expect("a figure");
    assert!(peak < 150.0, "{peak} MB");
    desk.scan(&target, &["--max-entries", "100000"]).fails(&[
        "app/blobs/sha256/",
        "more than 100000 entries",
        "hint: raise it with --max-entries",
    ]);
}

#[test]
fn packages_without_end_meet_the_same_limit_in_a_layer_and_in_a_directory() {
    let desk = Desk::new();
    let record =
        |n| format!("Package: p{n}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n");
    let status = (0..3000).map(record).collect::<Vec<_>>().concat();
    let target = Image::of([Layer::gzip(Tar::default().file("var/lib/dpkg/status", &status))]).layout(&desk);
    let root = desk.at("root");
    fs::create_dir_all(root.join("var/lib/dpkg")).expect("creates");
    fs::write(root.join("var/lib/dpkg/status"), &status).expect("writes");
    for target in [target, format!("dir:{}", root.display())] {
        assert_eq!(desk.scan(&target, &[]).report().packages.len(), 3000);
        desk.scan(&target, &["--max-entries", "2000"]).fails(&[
            "more than 2000 packages, files of packages and secrets",
            "hint: raise it with --max-entries",
        ]);
    }
}

#[test]
fn layers_that_an_earlier_scan_kept_count_as_those_that_are_read() {
    let desk = Desk::new();
    let layer = |file: &str| {
        let record = |n| format!("Package: {file}{n}\nVersion: 1\nArchitecture: all\n\n");
        let status = (0..1500).map(record).collect::<Vec<_>>().concat();
        Layer::gzip(Tar::default().file(&format!("var/lib/dpkg/status.d/{file}"), &status))
    };
    let limit = ["--max-entries", "2000"];
    for image in [Image::of([layer("a")]), Image::of([layer("b")])] {
        assert_eq!(desk.scan(&image.layout(&desk), &limit).report().packages.len(), 1500);
    }
    desk.scan(&Image::of([layer("a"), layer("b")]).layout(&desk), &limit).fails(&["more than 2000 packages"]);
}

#[test]
fn an_entry_that_implies_a_thousand_directories_counts_as_a_thousand() {
    let desk = Desk::new();
    let mut tar = Tar::default();
    for n in 0..2000 {
        let path = format!("{n}{}", "/d".repeat(2000));
        tar = tar.entry(b'0', path.as_bytes(), b"", b"");
    }
    // Four million directories of two thousand entries.
    desk.scan(&Image::of([Layer::gzip(tar)]).layout(&desk), &["--max-entries", "500000"])
        .fails(&["more than 500000 entries"]);
}

#[test]
fn link_targets_do_not_fill_the_memory() {
    let desk = Desk::new();
    let target = "x".repeat(1 << 20);
    let mut tar = Tar::default();
    for n in 0..600 {
        tar = tar.symlink(&format!("links/{n}"), &target);
    }
    let ran = desk.scan(&Image::of([Layer::zstd(tar)]).layout(&desk), &[]);
    assert!(
        ran.gaps("files").contains("links/0 and 599 more: symbolic link: path is longer"),
        "{}",
        ran.gaps("files")
    );
}

#[test]
fn paths_that_leave_the_root_are_gaps_and_absolute_ones_are_not() {
    let desk = Desk::new();
    let long = "n".repeat(64 << 10);
    let tar = Tar::default()
        .file("../../../../etc/os-release", "ID=escaped\n")
        .file("/etc/os-release", "ID=alpine\nVERSION_ID=3.20.0\n")
        .file("./usr//lib/../bin/x", "x")
        .file(&long, "x")
        .pax(b"19 path=etc/a\0b/nul\n")
        .file("x", "")
        .hardlink("etc/hard", "../../etc/shadow")
        .hardlink("etc/self", "etc/self")
        .entry(b'0', b"bad/\xff\xfe\x1b[31m", b"", b"x");
    let ran = desk.scan(&Image::of([Layer::gzip(tar)]).layout(&desk), &[]);
    let gaps = ran.gaps("files");
    for gap in [
        "../../../../etc/os-release: path leaves",
        "nnnn: path is longer",
        "hard link: path leaves",
        "NUL byte",
    ] {
        assert!(gaps.contains(gap), "no {gap:?} in: {gaps}");
    }
    assert!(gaps.len() < 2000, "a name of 64 KiB was quoted");
    assert_eq!(ran.report().os.expect("told").id, "alpine");
}

#[test]
fn links_lead_in_circles_or_out_and_nothing_follows_them_there() {
    let desk = Desk::new();
    let host = desk.write("host/os-release", "ID=the-host\nVERSION_ID=1\n");
    let host = host.to_str().expect("is text");
    let up = "../".repeat(30);
    for target in [
        host.to_owned(),
        format!("{up}{host}"),
        "os-release".to_owned(),
        "/proc/self/root/etc/os-release".to_owned(),
    ] {
        let tar = Tar::default()
            .symlink("etc/os-release", &target)
            .symlink("usr/lib/os-release", &target)
            .symlink("a", "b")
            .symlink("b", "a")
            .symlink("etc/passwd", "../a/passwd");
        let ran = desk.scan(&Image::of([Layer::gzip(tar)]).layout(&desk), &[]);
        assert_eq!(ran.report().os, None, "{target}");

        // The same on a disk.
        let root = desk.at("root");
        fs::create_dir_all(root.join("etc")).expect("creates");
        symlink(&target, root.join("etc/os-release")).expect("links");
        symlink(".", root.join("loop")).expect("links");
        let ran = desk.scan("dir:root", &["--dir-kind", "rootfs"]);
        assert_eq!(ran.report().os, None, "{target}");
        assert!(!ran.out.contains("the-host"));
        fs::remove_dir_all(root).expect("removes");
    }
}

#[test]
fn devices_and_pipes_are_entries_and_nothing_more() {
    let desk = Desk::new();
    let tar = Tar::default()
        .entry(b'3', b"etc/passwd", b"", b"")
        .entry(b'4', b"dev/sda", b"", b"")
        .entry(b'6', b"var/lib/dpkg/status", b"", b"")
        .entry(b'S', b"sparse", b"", b"")
        .entry(b'Z', b"etc/unknown", b"", b"AWS");
    let ran = desk.scan(&Image::of([Layer::gzip(tar)]).layout(&desk), &[]);
    assert!(ran.gaps("files").contains("sparse: content of a sparse file"), "{}", ran.gaps("files"));
    assert_eq!(ran.packages(), Vec::<String>::new());

    let status = desk.at("root/var/lib/dpkg/status");
    fs::create_dir_all(status.parent().expect("not the root")).expect("creates");
    let mode = rustix::fs::Mode::RUSR;
    let make =
        |path: &std::path::Path, kind, device| rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, device);
    make(&status, rustix::fs::FileType::Fifo, 0).expect("a pipe");
    // A device needs root; what cannot be made cannot be met.
    let _ =
        make(&desk.at("root/package.json"), rustix::fs::FileType::CharacterDevice, rustix::fs::makedev(1, 5));
    assert_eq!(desk.scan("dir:root", &[]).packages(), Vec::<String>::new());
}

#[test]
fn a_tree_deeper_than_any_path_is_a_gap() {
    let desk = Desk::new();
    let name = "d".repeat(200);
    let mut at = desk.at("root");
    fs::create_dir(&at).expect("creates");
    // Deeper than a path can say: by renaming what is there below a new top.
    for _ in 0..30 {
        let top = desk.at("top");
        fs::create_dir(&top).expect("creates");
        fs::rename(&at, top.join(&name)).expect("moves");
        at = desk.at("root");
        fs::rename(&top, &at).expect("moves");
    }
    let ran = desk.scan("dir:root", &["--dir-kind", "rootfs"]);
    assert!(ran.gaps("files").contains("path is longer than 4096 bytes"), "{}", ran.gaps("files"));
}

#[test]
fn names_do_not_command_the_terminal() {
    let desk = Desk::new();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m";
    let package = serde_json::json!({ "name": format!("left{evil}pad"), "version": format!("1.0{evil}"), "license": evil });
    let tar = Tar::default()
        .file(&format!("srv/{evil}/node_modules/x/package.json"), package.to_string())
        .file(&format!("srv/{evil}.env"), "AWS_ACCESS_KEY_ID=AKIAQ3EGWHJ5N7ZK2MXB\n")
        .file("usr/lib/os-release", format!("ID=alpine\nVERSION_ID=3.20\nPRETTY_NAME=\"Alpine{evil}\"\n"));
    let mut image = Image::of([Layer::gzip(tar)]);
    image.config = serde_json::json!({
        "config": { "User": evil, "Labels": { evil: evil }, "Cmd": [evil], "Env": [format!("X{evil}={evil}")] },
        "history": [{ "created_by": format!("RUN {evil} curl http://x | sh") }],
    });
    let target = image.layout(&desk);
    // `Ran` looks for control characters in what is printed.
    for format in ["table", "json", "cyclonedx", "spdx", "sarif", "junit"] {
        assert_eq!(desk.run(&["scan", &target, "--format", format, "--all"]).code, 0, "{format}");
    }
    fs::rename(desk.at("app"), desk.at(&format!("app{evil}"))).expect("moves");
    assert_eq!(desk.run(&["scan", &format!("oci:app{evil}"), "--all"]).code, 0);
    desk.run(&["scan", &format!("oci:gone{evil}")]).fails(&["gone"]);
    desk.run(&["scan", &format!("gone{evil}")]).fails(&["gone"]);
    desk.run(&["diff", &format!("oci:app{evil}"), &format!("oci:app{evil}")]);
}
