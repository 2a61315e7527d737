//! Whether a release of a distribution still gets security updates: by the table in the program, or else, for what is younger
//! than the program, by the dates in the database.

use crate::{Database, segment::SegmentError};
use gabion_model::OsRelease;
use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// How it ended, if it did: `Debian 10 is past its end of life since 2022-09-10`.
pub(super) fn ended(
    os: &OsRelease,
    database: &Database,
    now: Timestamp,
) -> Result<Option<String>, SegmentError> {
    let told = |since: Option<Date>| {
        let since = since.map_or(String::new(), |date| format!(" since {date}"));
        format!("{} is past its end of life{since}", os.name)
    };
    if let Some(end) = &os.end_of_life {
        return Ok(end.passed.then(|| told(Some(end.free_until()))));
    }
    let Some(version) = &os.version else { return Ok(None) };
    let today = now.to_zoned(TimeZone::UTC).date();
    for cycle in cycles(version) {
        if let Some(known) = database.lifecycle(product(&os.id), cycle)? {
            let ended = known.end.filter(|end| *end < today);
            // The epoch stands for an end without a date.
            let date = ended.filter(|end| *end > Date::constant(1970, 1, 1));
            return Ok(ended.map(|_| told(date)));
        }
    }
    Ok(None)
}

/// What endoflife.date calls a distribution, by its `ID`.
fn product(id: &str) -> &str {
    match id {
        "alpine" => "alpine-linux",
        "rocky" => "rocky-linux",
        "ol" => "oracle-linux",
        "amzn" => "amazon-linux",
        "opensuse-leap" => "opensuse",
        id => id,
    }
}

/// `3.19.1`, `3.19`, `3`: which of them is a release differs from one distribution to the next.
fn cycles(version: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(version), |text| text.rsplit_once('.').map(|(shorter, _)| shorter))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{database, now, report};
    use super::*;
    use crate::feed::Kind;

    #[test]
    fn dates_of_the_database_count_where_the_program_knows_none() {
        let dates = r#"{"schema_version":"1.2.0","result":{"name":"alpine-linux","releases":[
            {"name":"3.99","isEol":true,"eolFrom":"2026-01-01"},
            {"name":"3.98","isEol":true,"eolFrom":null},
            {"name":"4.0","isEol":false,"eolFrom":"2099-01-01"}]}}"#;
        let osv = super::super::tests::osv("CVE-2024-0001", "npm", "a", "1.0.0", "");
        let (_dir, database) = database(&[&osv], &[(Kind::EndOfLife, dates)]);
        let of = |version| {
            let os = report(Some(("alpine", version)), Vec::new()).os.expect("has one");
            ended(&os, &database, now()).expect("reads")
        };
        assert_eq!(of("3.99.2").as_deref(), Some("alpine 3.99.2 is past its end of life since 2026-01-01"));
        assert_eq!(of("3.98.0").as_deref(), Some("alpine 3.98.0 is past its end of life"));
        assert_eq!((of("4.0.1"), of("5.0")), (None, None));
    }
}
