//! The public data beside the project: every feed there, counted.

use crate::{Told, data};
use gabion_advisory::feed::{FeedLimits, Kind, import};
use std::collections::BTreeMap;

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
        import(*kind, &path, &FeedLimits::DEFAULT, &mut told).expect("a feed that can be read");
        // The one record that is lost is one of `mixed` with an empty id, and one row.
        let lost = told.rejected.iter().filter(|rejected| !rejected.kept).count();
        assert_eq!(lost, usize::from(*name == "mixed"), "{:?}", told.rejected);
        let all = lost + told.advisories.len() + told.others;
        let affected: usize =
            told.advisories.iter().map(|advisory| advisory.affected.len()).sum::<usize>() + lost;
        if told.rejected.len() != *complaints {
            for line in told.rejected.iter().take(50) {
                eprintln!("{line:?}");
            }
        }
        found.insert(name, (all, affected, told.rejected.len()));
        expected.insert(name, (*records, *rows, *complaints));
    }
    assert_eq!(found, expected);
}
