//! Words of feeds: lines, ratings, identifiers, dates.

use crate::record::Standing;
use gabion_model::Severity;
use jiff::{Timestamp, civil, tz::TimeZone};

/// The longest summary, in characters.
const SUMMARY: usize = 300;
/// The longest line of a complaint, in characters.
const LINE: usize = 500;

/// On one line, without control characters, no longer than a summary may be.
pub(super) fn summary(text: &str) -> String {
    fold(text, SUMMARY)
}

/// On one line, without control characters.
pub(super) fn line(text: &str) -> String {
    fold(text, LINE)
}

fn fold(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    let mut gap = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            gap = length > 0;
            continue;
        }
        if length + 1 + usize::from(gap) > limit {
            break;
        }
        if gap {
            out.push(' ');
            length += 1;
            gap = false;
        }
        out.push(c);
        length += 1;
    }
    out
}

/// A rating in the words of any vendor.
pub(super) fn severity(word: &str) -> Option<Severity> {
    let word = word.trim().trim_end_matches('*').to_ascii_lowercase();
    Some(match word.as_str() {
        "critical" | "urgent" => Severity::Critical,
        "high" | "important" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" => Severity::Low,
        "negligible" | "unimportant" | "none" | "info" | "informational" => Severity::Info,
        _ => return None,
    })
}

/// The rating that a title of Red Hat's family begins with: `Important: firefox security update`.
pub(super) fn rated_title(title: &str) -> Option<Severity> {
    severity(title.split_once(':')?.0)
}

/// The module streams that a title names: `Moderate: virt:rhel and virt-devel:rhel security update`.
pub(super) fn module_streams(title: &str) -> Vec<String> {
    let words = title.split_whitespace().map(|word| word.trim_matches([',', '.', '(', ')']));
    let streams = words.filter(|word| {
        word.split_once(':')
            .is_some_and(|(name, stream)| !name.is_empty() && !stream.is_empty() && !stream.starts_with("//"))
    });
    streams.map(str::to_owned).collect()
}

/// Whether the version of a package says that it was built for a module.
pub(super) fn is_modular(version: &str) -> bool {
    version.contains(".module")
}

/// What the text of a CVE says of itself.
pub(super) fn standing(text: &str) -> Standing {
    let text = text.trim_start();
    let starts =
        |marker: &str| text.get(..marker.len()).is_some_and(|start| start.eq_ignore_ascii_case(marker));
    if starts("** REJECT") || starts("Rejected reason:") || starts("REJECTED") {
        Standing::Withdrawn
    } else if starts("** DISPUTED **") || starts("[DISPUTED]") {
        Standing::Disputed
    } else {
        Standing::Active
    }
}

/// Whether this is the number of a CVE, and nothing else.
pub(super) fn is_cve(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-')).is_some_and(|(year, number)| {
        year.len() == 4 && digits(year) && (4..=19).contains(&number.len()) && digits(number)
    })
}

/// The number of a weakness: 79 for `CWE-79`.
pub(super) fn cwe(text: &str) -> Option<u32> {
    text.trim().strip_prefix("CWE-")?.parse().ok()
}

/// A point in time as feeds write it: RFC 3339, with a blank, or a day alone; none for what is none, and for the
/// zero of Go (`0001-01-01`).
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let utc = |time: civil::DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<civil::DateTime>().ok().and_then(utc))
        .or_else(|| date(text).and_then(|day| utc(day.at(0, 0, 0, 0))))?;
    (time >= Timestamp::UNIX_EPOCH).then_some(time)
}

/// A day.
pub(super) fn date(text: &str) -> Option<civil::Date> {
    text.trim().get(..10)?.parse().ok()
}

/// Keeps what is said first.
pub(super) fn push(list: &mut Vec<String>, text: impl Into<String>) {
    let text = text.into();
    if !text.is_empty() && !list.contains(&text) {
        list.push(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line_of_300_characters() {
        assert_eq!(summary(" a\n\tb\u{0}\u{1b}[31m c "), "a b [31m c");
        assert_eq!(summary(&"ä".repeat(400)).chars().count(), 300);
        assert_eq!(summary(&"ab ".repeat(400)).chars().count(), 299, "never ends in a blank");
    }

    #[test]
    fn titles_tell_rating_and_streams() {
        let title = "Moderate: python38:3.8 and python38-devel:3.8 security update";
        assert_eq!(rated_title(title), Some(Severity::Medium));
        assert_eq!(module_streams(title), ["python38:3.8", "python38-devel:3.8"]);
        assert_eq!(rated_title("pki-core:10.6 update"), None);
        assert_eq!(module_streams("Important: varnish security update, see https://x"), [""; 0]);
    }

    #[test]
    fn dates_come_in_many_forms() {
        let noon = timestamp("2024-07-01T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(timestamp("2024-07-01T14:00:00+02:00"), noon);
        assert_eq!(timestamp("2024-07-01 12:00:00"), noon);
        assert_eq!(timestamp("2024-07-01 12:00"), noon);
        assert_eq!(timestamp("2024-07-01"), timestamp("2024-07-01T00:00:00Z"));
        assert_eq!(timestamp("0001-01-01T00:00:00Z"), None);
        assert_eq!(timestamp("soon"), None);
    }

    #[test]
    fn a_cve_is_recognised() {
        assert!(is_cve("CVE-2024-1234"));
        for other in ["CVE-2024-123", "CVE-24-1234", "CVE-2024-1234a", "GHSA-1", "CVE"] {
            assert!(!is_cve(other), "{other}");
        }
        assert_eq!(standing("** DISPUTED ** it is a feature"), Standing::Disputed);
        assert_eq!(standing("** REJECT ** do not use"), Standing::Withdrawn);
        assert_eq!(standing("ä"), Standing::Active);
    }
}
