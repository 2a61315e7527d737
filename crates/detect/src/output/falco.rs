//! What Falco prints: a line of text, and JSON with the same keys in the same order, which is that of the alphabet.

use super::lossy;
use crate::alert::Alert;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;

/// `13:53:31.726060287: Critical Message`, in UTC.
pub fn text(alert: &Alert) -> Vec<u8> {
    let mut out = moment(alert.time, "%H:%M:%S").into_bytes();
    out.extend_from_slice(format!(": {} ", alert.priority).as_bytes());
    out.extend_from_slice(&alert.message);
    out
}

/// As Falco's `json_output`.
pub fn falco_json(alert: &Alert) -> Value {
    json!({
        "hostname": alert.hostname,
        "output": lossy(&text(alert)),
        "output_fields": alert.fields,
        "priority": alert.priority.as_str(),
        "rule": alert.rule,
        "source": alert.source,
        "tags": alert.tags,
        "time": format!("{}Z", moment(alert.time, "%Y-%m-%dT%H:%M:%S")),
    })
}

/// A time of UTC with nanoseconds.
fn moment(time: u64, format: &str) -> String {
    let second = Timestamp::from_second((time / SECOND).cast_signed()).unwrap_or(Timestamp::MAX);
    format!("{}.{:09}", second.to_zoned(TimeZone::UTC).strftime(format), time % SECOND)
}
