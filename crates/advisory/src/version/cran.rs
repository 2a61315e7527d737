//! R's `numeric_version`: numbers with `.` or `-` between; the shorter list comes before the longer.

use super::{Why, atoms::Number};
use std::cmp::Ordering;

#[derive(Debug)]
pub(super) struct Version<'a>(&'a str);

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    let version = Version(text);
    if version.numbers().all(|number| number.is_some()) {
        Ok(version)
    } else {
        Err("is more than numbers with `.` or `-` between")
    }
}

impl<'a> Version<'a> {
    fn numbers(&self) -> impl Iterator<Item = Option<Number<'a>>> {
        self.0.split(['.', '-']).map(Number::parse)
    }
}

impl Ord for Version<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers().cmp(other.numbers())
    }
}
super::atoms::equal_by_order!(Version<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Cran,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn numbers_are_compared_and_the_shorter_list_is_first() {
        ascending(Cran, &["0.9-4", "0.10", "1", "1.0", "1.0.0", "1.0-1", "1.2.3", "1.2.3.4", "2024-01-31"]);
        equal(Cran, &["1.2-3", "1.2.3", "01-2.03"]);
        refused(Cran, &["1.2a", "1..2", "1.", "-1", "1_2", "v1", ""]);
    }
}
