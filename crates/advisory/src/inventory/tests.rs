//! An index answers what matching each image would.

use super::*;
use crate::evaluate::tests::{database, deb, osv, package, report};
use gabion_model::PackageKind;

fn statements(database: &crate::Database) -> Vec<Statement> {
    let mut all = Vec::new();
    for source in database.sources() {
        source.every_statement(&mut |statement| all.push(statement)).expect("reads");
    }
    all
}

fn ask(path: &Path, database: &crate::Database) -> Vec<(String, String, Vec<String>)> {
    let inventory = Inventory::open(path).expect("opens");
    let statements = statements(database);
    let affects = statements
        .iter()
        .flat_map(|statement| inventory.affected(statement).expect("reads"))
        .map(|one| (one.advisory, one.version, one.images));
    affects.collect()
}

#[test]
fn images_are_found_by_package_version_and_release() {
    let records = [
        osv("DSA-1-1", "Debian:12", "openssl", "3.0.2-1", ""),
        osv("DSA-2-1", "Debian:11", "openssl", "3.0.2-1", ""),
        osv("GHSA-1", "npm", "left-pad", "1.3.0", ""),
    ];
    let (dir, database) = database(&[&records[0], &records[1], &records[2]], &[]);
    let path = dir.path().join("index");
    let mut collector = Collector::default();
    let old = deb("libssl3", "3.0.1-1", "openssl");
    let new = deb("libssl3", "3.0.2-1", "openssl");
    let pad = package(PackageKind::Npm, "left-pad", "1.2.0");
    collector.add("a", &report(Some(("debian", "12")), vec![old.clone(), pad.clone()]));
    collector.add("b", &report(Some(("debian", "12")), vec![new]));
    collector.add("c", &report(Some(("debian", "12")), vec![old]));
    collector.add("d", &report(None, vec![pad]));
    collector.finish(&path).expect("writes");
    let images = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let expected = [
        ("DSA-1-1".to_owned(), "3.0.1-1".to_owned(), images(&["a", "c"])),
        ("GHSA-1".to_owned(), "1.2.0".to_owned(), images(&["a", "d"])),
    ];
    assert_eq!(ask(&path, &database), expected);
    assert_eq!(Inventory::open(&path).expect("opens").images(), 4);
}

#[test]
fn an_image_that_is_added_again_is_replaced() {
    let record = osv("GHSA-1", "npm", "left-pad", "1.3.0", "");
    let (dir, database) = database(&[&record], &[]);
    let path = dir.path().join("index");
    let of = |version| report(None, vec![package(PackageKind::Npm, "left-pad", version)]);
    let mut collector = Collector::default();
    collector.add("a", &of("1.2.0"));
    collector.add("b", &of("1.2.0"));
    collector.finish(&path).expect("writes");
    let mut collector = Collector::of(&Inventory::open(&path).expect("opens")).expect("reads");
    collector.add("a", &of("1.3.0"));
    collector.add("c", &of("1.1.0"));
    assert_eq!(collector.len(), 3);
    collector.finish(&path).expect("writes");
    let mut found: Vec<_> = ask(&path, &database).into_iter().flat_map(|(.., images)| images).collect();
    found.sort();
    assert_eq!(found, ["b", "c"]);
}

#[test]
fn another_segment_is_no_index() {
    let (dir, _database) = database(&[&osv("GHSA-1", "npm", "left-pad", "1.3.0", "")], &[]);
    let error = Inventory::open(&dir.path().join("osv")).expect_err("refused");
    assert!(matches!(error, SegmentError::Foreign(_)), "{error}");
}
