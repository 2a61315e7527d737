//! What holds for every order, and the tables that the tests of each one are made of.

use super::*;
use proptest::prelude::*;

/// Every version is newer than all before it.
pub(super) fn ascending(order: Order, versions: &[&str]) {
    for (at, a) in versions.iter().enumerate() {
        for (other, b) in versions.iter().enumerate() {
            assert_eq!(order.compare(a, b), Ok(at.cmp(&other)), "{order:?}: {a} and {b}");
        }
    }
}

/// No version is newer than another.
pub(super) fn equal(order: Order, versions: &[&str]) {
    for a in versions {
        for b in versions {
            assert_eq!(order.compare(a, b), Ok(Ordering::Equal), "{order:?}: {a} and {b}");
        }
    }
}

/// None is a version.
pub(super) fn refused(order: Order, texts: &[&str]) {
    for text in texts {
        assert!(order.check(text).is_err(), "{order:?}: {text}");
    }
}

#[test]
fn numbers_and_names_are_unique_and_stay() {
    for (at, order) in Order::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(order.number()), at + 1, "{order:?}");
        assert_eq!(Order::from_number(order.number()), Some(order));
        assert_eq!(Order::ALL.iter().filter(|other| other.name() == order.name()).count(), 1);
    }
    assert_eq!((Order::from_number(0), Order::from_number(17)), (None, None));
}

#[test]
fn what_is_no_version_is_an_error_that_says_why() {
    let error = Order::SemVer.compare("1.0.0", "1.0.0-\n").expect_err("no version");
    assert_eq!(
        error.to_string(),
        r#""1.0.0-\n" is not a version that semver can order: it has a pre-release that is none"#
    );
    for order in Order::ALL {
        assert_eq!(order.check("").expect_err("empty").why, "is empty");
        assert_eq!(order.check(&"1".repeat(512)), Ok(()), "{order:?}");
        let error = order.check(&"1".repeat(513)).expect_err("too long");
        assert_eq!((error.version.len(), error.order), (100, order));
    }
}

#[test]
fn the_worst_that_fits_is_compared_at_once() {
    for unit in ["1a", "1-", "1.", "a.", "0.", "-1", "~", "1_p"] {
        for order in Order::ALL {
            let worst = unit.repeat(MAX_LENGTH / unit.len());
            let _ = order.compare(&worst, &format!("{}1", &worst[..MAX_LENGTH - 2]));
        }
    }
}

/// Pieces that mean something to at least one order, put together at random: most are versions of some, and
/// neighbours share a beginning.
fn version() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "0",
        "1",
        "2",
        "10",
        "01",
        "00",
        "9",
        "1.0",
        "1.2.3",
        ".",
        ".",
        "-",
        "-",
        "+",
        "~",
        "^",
        "_",
        ":",
        "!",
        "a",
        "b",
        "x",
        "rc",
        "RC1",
        "alpha",
        "beta",
        "pre",
        "dev",
        "post",
        "-r1",
        "_p",
        "_rc1",
        "v",
        "go",
        "ga",
        ".Final",
        "-SNAPSHOT",
        "sp",
        "1:",
        "-x.1",
        "-0",
        "20240131",
        "99999999999999999999",
        "é",
    ];
    proptest::collection::vec(prop::sample::select(&PIECES[..]), 1..8).prop_map(|pieces| pieces.concat())
}

/// Three of one family, so that they are often close to each other.
fn family() -> impl Strategy<Value = [String; 3]> {
    let tail = || prop_oneof![Just(String::new()), version()];
    (version(), tail(), tail(), tail())
        .prop_map(|(head, a, b, c)| [a, b, c].map(|tail| format!("{head}{tail}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn every_order_is_total([a, b, c] in family()) {
        for order in Order::ALL {
            let (Ok(ab), Ok(bc)) = (order.compare(&a, &b), order.compare(&b, &c)) else {
                continue;
            };
            let ac = order.compare(&a, &c).expect("both are versions");
            prop_assert_eq!(order.compare(&a, &a), Ok(Ordering::Equal));
            prop_assert_eq!(order.compare(&b, &a), Ok(ab.reverse()), "{:?}", order);
            if ab == bc || bc.is_eq() {
                prop_assert_eq!(ac, ab, "{:?}", order);
            } else if ab.is_eq() {
                prop_assert_eq!(ac, bc, "{:?}", order);
            }
        }
    }

    #[test]
    fn a_version_is_one_alone_as_well_as_in_a_comparison(a in version(), b in version()) {
        for order in Order::ALL {
            let both = order.check(&a).is_ok() && order.check(&b).is_ok();
            prop_assert_eq!(order.compare(&a, &b).is_ok(), both, "{:?}", order);
        }
    }

    #[test]
    fn arbitrary_text_never_panics(a: String, b: String, tail in ".*") {
        for order in Order::ALL {
            let _ = order.compare(&a, &b);
            let _ = order.check(&format!("1.0{tail}"));
        }
        if let Ok(range) = npm::Range::parse(&a) {
            let _ = range.contains(&b);
        }
    }
}
