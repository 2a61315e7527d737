//! The public data beside the project: every feed there, counted.

use super::Told;
use crate::feed::{FeedLimits, Kind, import};
use std::{collections::BTreeMap, path::PathBuf};

/// File, kind, records, affected rows, complaints.
const FEEDS: &[(&str, Kind, usize, usize, usize)] = &[
    ("almalinux", Kind::Osv, 5_680, 71_329, 0),
    ("debian", Kind::Osv, 8_909, 10_521, 0),
    ("alpine", Kind::Osv, 2_479, 12_028, 27),
    ("go", Kind::Osv, 4_291, 6_125, 0),
    ("crates", Kind::Osv, 1_206, 1_206, 0),
    ("pypi", Kind::Osv, 7_080, 7_081, 31),
    ("bitnami", Kind::Osv, 7_444, 7_444, 3),
    ("mixed", Kind::Osv, 408, 982, 7),
    ("kubernetes", Kind::Kubernetes, 44, 47, 0),
    ("kev", Kind::Kev, 1_404, 0, 0),
    ("vulnrichment", Kind::Vulnrichment, 44_130, 0, 0),
];

/// Where the data is, if it is there.
fn data() -> Option<PathBuf> {
    let given = std::env::var_os("GABION_TEST_DATA").map(PathBuf::from);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = given.unwrap_or_else(|| root.join("../shared/data")).join("advisories");
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{} is not there, and CI must not pass without it",
        path.display()
    );
    None
}

#[test]
#[expect(clippy::print_stderr, reason = "who runs the tests must see that this one did not run")]
fn every_record_of_the_shared_data_is_read() {
    let Some(data) = data() else {
        eprintln!("not run: the shared data is not there; set GABION_TEST_DATA");
        return;
    };
    let mut found = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for (name, kind, records, rows, complaints) in FEEDS {
        let mut told = Told::default();
        let path = data.join(format!("{name}.jsonl.zst"));
        import(*kind, &path, &FeedLimits::DEFAULT, &mut told).unwrap();
        // The one record that is lost is one of `mixed` with an empty id, and one row.
        let lost = told.rejected.iter().filter(|rejected| !rejected.kept).count();
        assert_eq!(lost, usize::from(*name == "mixed"), "{:?}", told.complaints());
        let all = lost + told.advisories.len() + told.exploited.len() + told.assessments.len();
        let affected: usize =
            told.advisories.iter().map(|advisory| advisory.affected.len()).sum::<usize>() + lost;
        if told.rejected.len() != *complaints {
            for line in told.complaints().iter().take(50) {
                eprintln!("{line}");
            }
        }
        found.insert(name, (all, affected, told.rejected.len()));
        expected.insert(name, (*records, *rows, *complaints));
    }
    assert_eq!(found, expected);
}
