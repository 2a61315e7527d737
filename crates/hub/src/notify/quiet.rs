//! Quiet hours: a time of each day, in the time zone of those who sleep.

use super::rule::RuleError;
use gabion_api::rest::{Millis, QuietHours, Severity};
use jiff::{Timestamp, civil::Time, tz::TimeZone};

/// When nobody wants to be disturbed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    from: Time,
    /// Earlier than `from`, it is that of the next day.
    to: Time,
    zone: TimeZone,
    /// What is at least so severe comes through all the same; absent: nothing does.
    through: Option<Severity>,
}

impl TryFrom<&QuietHours> for Quiet {
    type Error = RuleError;

    fn try_from(hours: &QuietHours) -> Result<Self, RuleError> {
        let QuietHours { from, to, zone, through } = hours;
        let time = |text: &str| {
            let parsed = if text.len() == 5 { Time::strptime("%H:%M", text).ok() } else { None };
            parsed.ok_or_else(|| RuleError::new("quiet", "it begins and ends at a time such as 22:00"))
        };
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err(RuleError::new("quiet", "it begins when it ends: always or never"));
        }
        let zone = TimeZone::get(zone).map_err(|_| {
            let name: String = zone.chars().take(80).collect();
            RuleError::new("quiet", format!("the time zone {name:?} is not known: Europe/Berlin is one"))
        })?;
        Ok(Self { from, to, zone, through: *through })
    }
}

impl Quiet {
    /// Whether that has to wait.
    pub(super) fn silences(&self, severity: Severity) -> bool {
        self.through.is_none_or(|through| severity < through)
    }

    /// The first time from `at` on that is not quiet.
    pub(super) fn over(&self, at: Millis) -> Millis {
        self.end(at).unwrap_or(at)
    }

    fn end(&self, at: Millis) -> Option<Millis> {
        let local = self.zone.to_datetime(Timestamp::from_millisecond(at).ok()?);
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
        let end = self.zone.to_ambiguous_zoned(date.to_datetime(self.to)).later().ok()?;
        Some(end.timestamp().as_millisecond().max(at))
    }
}
