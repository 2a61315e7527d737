//! Whether one version of a package is affected, and by what.
//!
//! ```text
//!   ranges    [─, 1.2)   [2.0, 2.4]   [3.0, ─)        2.4 is in the second: `2.0 <= 2.4 <= 2.4`
//!   versions  1.7   1.9                              1.9 is listed
//! ```
//!
//! A bound that is no version of its ecosystem decides nothing: if no other range does, the verdict is
//! [`Verdict::Unknown`], which is told and is never taken for "not affected".

use crate::{
    Order, Unparsable,
    record::{Affected, Fix, Range, Until},
};
use std::{cmp::Ordering, fmt};

/// What became of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is affected.
    Affected(Because<'a>),
    /// It is not.
    NotAffected,
    /// Its vendor says that it is not, whatever upstream says.
    Denied,
    /// It cannot be told.
    Unknown(Why),
}

/// Why a version is affected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Because<'a> {
    /// It lies in a range.
    InRange {
        /// The range.
        range: &'a Range,
        /// How versions were compared.
        order: Order,
    },
    /// It is listed.
    Listed(&'a str),
}

/// Why it cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// A text is no version.
    #[error(transparent)]
    Unparsable(#[from] Unparsable),
    /// The ecosystem has no order that Gabion knows.
    #[error("versions of this ecosystem have no order that is known")]
    NoOrder,
}

/// Compares a version with what an advisory says of its package.
pub fn judge<'a>(affected: &'a Affected, version: &str) -> Verdict<'a> {
    if affected.fix == Fix::NotAffected {
        return Verdict::Denied;
    }
    let listed = |known: &&String| match affected.ecosystem.order() {
        // What cannot be compared can still be the same text.
        Some(order) => order.compare(known, version).map_or(*known == version, Ordering::is_eq),
        None => *known == version,
    };
    if let Some(known) = affected.versions.iter().find(listed) {
        return Verdict::Affected(Because::Listed(known));
    }
    let Some(order) = affected.ecosystem.order() else {
        return match affected.ranges[..] {
            [] => Verdict::NotAffected,
            _ => Verdict::Unknown(Why::NoOrder),
        };
    };
    let mut unknown = None;
    for range in &affected.ranges {
        match range.holds(order, version) {
            Ok(true) => return Verdict::Affected(Because::InRange { range, order }),
            Ok(false) => {}
            Err(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Verdict::NotAffected, |why| Verdict::Unknown(why.into()))
}

impl Range {
    /// Whether a version lies in it. One bound that excludes it is enough, even if the other is no version.
    pub fn holds(&self, order: Order, version: &str) -> Result<bool, Unparsable> {
        order.check(version)?;
        let after = match &self.introduced {
            None => Ok(true),
            Some(first) => order.compare(version, first).map(Ordering::is_ge),
        };
        let before = match &self.until {
            Until::Open => Ok(true),
            Until::Fixed(fixed) => order.compare(version, fixed).map(Ordering::is_lt),
            Until::LastAffected(last) => order.compare(version, last).map(Ordering::is_le),
        };
        match (after, before) {
            (Ok(false), _) | (_, Ok(false)) => Ok(false),
            (after, before) => Ok(after? && before?),
        }
    }
}

impl fmt::Display for Range {
    /// As a person writes it: `>= 2.0, < 2.4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = match &self.until {
            Until::Open => None,
            Until::Fixed(fixed) => Some(("<", fixed)),
            Until::LastAffected(last) => Some(("<=", last)),
        };
        match (&self.introduced, until) {
            (None, None) => f.write_str("every version"),
            (Some(first), None) => write!(f, ">= {first}"),
            (None, Some((sign, last))) => write!(f, "{sign} {last}"),
            (Some(first), Some((sign, last))) => write!(f, ">= {first}, {sign} {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ecosystem;
    use proptest::prelude::*;

    fn range(introduced: &str, until: Until) -> Range {
        Range { introduced: (!introduced.is_empty()).then(|| introduced.to_owned()), until }
    }

    fn affected(ecosystem: Ecosystem, ranges: Vec<Range>) -> Affected {
        Affected { ecosystem, ranges, ..Affected::default() }
    }

    fn hit(verdict: &Verdict<'_>) -> bool {
        matches!(verdict, Verdict::Affected(_))
    }

    #[test]
    fn bounds_belong_to_the_range_as_their_names_say() {
        let row = affected(
            Ecosystem::Npm,
            vec![
                range("", Until::Fixed("1.2.0".into())),
                range("2.0.0", Until::LastAffected("2.4.0".into())),
                range("3.0.0", Until::Open),
            ],
        );
        for version in ["0.0.1", "1.2.0-rc.1", "2.0.0", "2.4.0", "3.0.0", "99.0.0"] {
            assert!(hit(&judge(&row, version)), "{version}");
        }
        for version in ["1.2.0", "1.9.9", "2.4.1", "2.0.0-beta"] {
            assert_eq!(judge(&row, version), Verdict::NotAffected, "{version}");
        }
    }

    #[test]
    fn a_backported_fix_is_a_fix() {
        let row = affected(Ecosystem::Debian, vec![range("", Until::Fixed("1.1.1n-0+deb11u4".into()))]);
        assert!(hit(&judge(&row, "1.1.1n-0+deb11u3")));
        assert_eq!(judge(&row, "1.1.1n-0+deb11u5"), Verdict::NotAffected);
        assert_eq!(judge(&row, "1:1.0-1"), Verdict::NotAffected, "an epoch outweighs all");
    }

    #[test]
    fn what_is_no_version_is_unknown_unless_something_else_decides() {
        let bad = range("", Until::Fixed("no version!".into()));
        let row = affected(Ecosystem::Npm, vec![bad.clone()]);
        assert!(matches!(judge(&row, "1.0.0"), Verdict::Unknown(Why::Unparsable(_))));
        let row = affected(Ecosystem::Npm, vec![bad, range("1.0.0", Until::Open)]);
        assert!(hit(&judge(&row, "1.0.0")));
        let row = affected(Ecosystem::Npm, vec![range("2.0.0", Until::Fixed("no version!".into()))]);
        assert_eq!(judge(&row, "1.0.0"), Verdict::NotAffected, "it is below all of it");
        let row = affected(Ecosystem::Npm, vec![range("", Until::Open)]);
        assert!(matches!(judge(&row, "latest"), Verdict::Unknown(_)), "the package's own version");
        let row = affected(Ecosystem::Unknown, vec![range("", Until::Open)]);
        assert_eq!(judge(&row, "1"), Verdict::Unknown(Why::NoOrder));
    }

    #[test]
    fn listed_versions_count_by_the_order_of_their_ecosystem() {
        let mut row = affected(Ecosystem::PyPi, Vec::new());
        row.versions = vec!["1.0".into(), "2024-09-25".into()];
        assert_eq!(judge(&row, "1.0.0"), Verdict::Affected(Because::Listed("1.0")));
        assert_eq!(judge(&row, "2024-09-25"), Verdict::Affected(Because::Listed("2024-09-25")));
        assert_eq!(judge(&row, "1.0.1"), Verdict::NotAffected);
    }

    #[test]
    fn a_vendor_may_deny_it() {
        let mut row = affected(Ecosystem::RedHat, vec![range("", Until::Open)]);
        row.fix = Fix::NotAffected;
        assert_eq!(judge(&row, "1-1"), Verdict::Denied);
    }

    #[test]
    fn ranges_read_as_a_person_writes_them() {
        let shown = |first: &str, until| range(first, until).to_string();
        assert_eq!(shown("", Until::Open), "every version");
        assert_eq!(shown("2.0", Until::Fixed("2.4".into())), ">= 2.0, < 2.4");
        assert_eq!(shown("", Until::LastAffected("2.4".into())), "<= 2.4");
    }

    proptest! {
        /// Two ranges that meet hold, together, what the range over both holds.
        #[test]
        fn ranges_that_meet_are_one(a in 0u8..20, b in 0u8..20, c in 0u8..20, v in 0u8..20) {
            let mut bounds = [a, b, c];
            bounds.sort_unstable();
            let [low, middle, high] = bounds.map(|n| format!("1.{n}.0"));
            let version = format!("1.{v}.0");
            let two = affected(Ecosystem::CratesIo, vec![
                range(&low, Until::Fixed(middle.clone())),
                range(&middle, Until::Fixed(high.clone())),
            ]);
            let one = affected(Ecosystem::CratesIo, vec![range(&low, Until::Fixed(high))]);
            prop_assert_eq!(hit(&judge(&two, &version)), hit(&judge(&one, &version)));
        }
    }
}
