//! `gabion db affected`: from an advisory to the images it is about.

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar},
    feeds::{self, CURL, FROM, LODASH, fixed, record},
};
use serde_json::{Value, json};
use std::fs;

/// Saves scans of an image and of a source tree, and an SBOM, below `scans`.
fn scans(desk: &Desk) {
    fs::create_dir(desk.at("scans")).expect("creates");
    feeds::image().layout_at(&desk.at("shop"));
    let small = feeds::node(Tar::default(), "lodash", "4.17.21");
    Image::of([Layer::plain(feeds::base()), Layer::plain(small)]).layout_at(&desk.at("mended"));
    for (target, format, file) in
        [("oci:shop", "json", "shop"), ("oci:mended", "json", "mended"), ("oci:shop", "cyclonedx", "bom")]
    {
        let output = format!("{format}=scans/{file}.json");
        let ran = desk.run(&["scan", target, "--db", "none", "--quiet", "--output", &output]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
}

fn affected(desk: &Desk, more: &[&str]) -> Ran {
    desk.run(&[&["db", "affected", "--db", "db", "--index", "index"], more].concat())
}

#[test]
fn images_are_indexed_once_and_asked_about_often() {
    let desk = feeds::desk();
    scans(&desk);
    affected(&desk, &[LODASH]).fails(&["index"]);
    let added = affected(&desk, &["--add", "scans/shop.json", "--add", "scans/mended.json"]);
    assert_eq!((added.code, added.out.as_str()), (0, "index holds 2 images now\n"), "{}", added.err);

    let one = affected(&desk, &[LODASH]);
    assert!(one.out.contains("lodash 4.17.20") && one.out.contains("  shop\n"), "{}", one.out);
    assert!(one.out.ends_with("1 of 2 images are affected\n"), "{}", one.out);
    assert!(!one.out.contains("mended"), "{}", one.out);
    let both = affected(&desk, &[CURL]);
    assert!(both.out.ends_with("2 of 2 images are affected\n"), "{}", both.out);
    let alias = affected(&desk, &["GHSA-gaba-aaaa-0001"]);
    assert_eq!(alias.out, one.out);
    affected(&desk, &["CVE-2025-99009"]).fails(&["the database says nothing of CVE-2025-99009"]);
    let all: Value = serde_json::from_str(&affected(&desk, &["--format", "json"]).out).expect("JSON");
    let advisories: std::collections::BTreeSet<_> =
        all.as_array().expect("a list").iter().filter_map(|one| one["advisory"].as_str()).collect();
    assert_eq!(advisories.len(), 4, "{advisories:?}");

    // A scan again is the same image; an SBOM is another, and a directory all that is in it.
    let added = affected(&desk, &["--add", "scans"]);
    assert_eq!(added.out, "index holds 3 images now\n", "{}", added.err);
    let three = affected(&desk, &[LODASH]);
    assert!(three.out.ends_with("2 of 3 images are affected\n"), "{}", three.out);
    // It says what a scan says.
    let scanned = desk.run(&["scan", "sbom:scans/bom.json", "--db", "db", "--quiet", "--all"]);
    assert!(scanned.out.contains(LODASH), "{}", scanned.out);
}

#[test]
fn what_is_new_in_the_database_is_asked_about() {
    let desk = feeds::desk();
    scans(&desk);
    assert_eq!(affected(&desk, &["--add", "scans"]).code, 0);
    feeds::build(&desk, "old", &FROM);
    let nothing = affected(&desk, &["--since", "old"]);
    assert_eq!(nothing.out, "0 of 3 images are affected\n", "{}", nothing.err);
    let new = feeds::lodash()
        + &feeds::left_pad()
        + &record("CVE-2025-99007", ("npm", "left-pad"), &fixed("1.2.1"), &json!({}))
        + &record("CVE-2025-99008", ("npm", "right-pad"), &fixed("1.2.1"), &json!({}));
    desk.write("feeds/ghsa.jsonl", new);
    feeds::build(&desk, "db", &FROM);
    let ran = affected(&desk, &["--since", "old"]);
    assert!(ran.out.starts_with("CVE-2025-99007  left-pad 1.2.0 (npm)\n"), "{}", ran.out);
    assert!(ran.out.ends_with("2 of 3 images are affected\n"), "{}", ran.out);
    assert!(!ran.out.contains(LODASH) && !ran.out.contains("CVE-2025-99008"), "{}", ran.out);
    affected(&desk, &["--since", "gone"]).fails(&["there is no database in"]);
    affected(&desk, &["--since", "old", LODASH]).fails(&["--since"]);

    // What cannot be read changes nothing.
    let before = fs::read(desk.at("index")).expect("reads");
    desk.write("scans/broken.json", "{}");
    let broken = affected(&desk, &["--add", "scans"]);
    assert_eq!((broken.code, broken.out.as_str()), (2, ""));
    assert!(broken.err.starts_with("scans/broken.json: neither CycloneDX nor SPDX"), "{}", broken.err);
    assert!(
        broken.err.contains("\nerror: 1 of 4 files cannot be read; the index is as it was"),
        "{}",
        broken.err
    );
    assert_eq!(fs::read(desk.at("index")).expect("reads"), before);
    let mut damaged = before;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(desk.at("index"), damaged).expect("writes");
    affected(&desk, &[]).fails(&["index"]);
}
