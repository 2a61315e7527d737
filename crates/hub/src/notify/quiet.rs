//! Quiet hours: a time of each day, in the time zone of those who sleep.

use super::RuleError;
use gabion_api::rest::{Millis, Severity};
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// When nobody wants to be disturbed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// From when on, `22:00`.
    pub from: Time,
    /// Until when, `07:00`; earlier than `from`, it is that of the next day.
    pub to: Time,
    /// The time zone: `Europe/Berlin`, or as POSIX writes it, `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub zone: String,
    /// What is at least so severe comes through all the same; absent: nothing does.
    #[serde(default)]
    pub through: Option<Severity>,
}

fn zone(name: &str) -> Option<TimeZone> {
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    TimeZone::get(name).or_else(|_| TimeZone::posix(name)).ok()
}

impl Quiet {
    pub(super) fn check(&self) -> Result<(), RuleError> {
        if self.from == self.to {
            return Err(RuleError::new("quiet", "it begins when it ends: always or never"));
        }
        zone(&self.zone).map(drop).ok_or_else(|| {
            let name: String = self.zone.chars().take(80).collect();
            RuleError::new("quiet", format!("the time zone {name:?} is not known: Europe/Berlin is one"))
        })
    }

    /// The first time from `at` on that is not quiet. Where the zone is not known, as on another machine, nothing is: rather
    /// disturb than be silent.
    pub(super) fn over(&self, at: Millis) -> Millis {
        self.end(at).unwrap_or(at)
    }

    fn end(&self, at: Millis) -> Option<Millis> {
        let zone = zone(&self.zone)?;
        let local = zone.to_datetime(Timestamp::from_millisecond(at).ok()?);
        let time = local.time();
        let by_night = self.from > self.to;
        let is_quiet =
            if by_night { time >= self.from || time < self.to } else { (self.from..self.to).contains(&time) };
        if !is_quiet {
            return None;
        }
        let tomorrow = by_night && time >= self.from;
        let date = if tomorrow { local.date().tomorrow().ok()? } else { local.date() };
        // An hour that is there twice is quiet twice; one that is left out ends at once.
        let end = zone.to_ambiguous_zoned(date.to_datetime(self.to)).later().ok()?;
        Some(end.timestamp().as_millisecond().max(at))
    }
}
