//! The one place that asks what time it is.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// `SOURCE_DATE_EPOCH` where it is set, so that the same input gives the same bytes; else the time.
pub(crate) fn now() -> anyhow::Result<Timestamp> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => {
            text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or_else(|| {
                anyhow::anyhow!("SOURCE_DATE_EPOCH is {text:?}, which is not a number of seconds")
            })
        }
        Err(_) =>
        {
            #[expect(clippy::disallowed_methods, reason = "this is the clock that the ban points to")]
            Ok(Timestamp::now())
        }
    }
}

/// A length of time as people write it: `90s`, `1h 30m`, `48h`.
pub(crate) fn span(text: &str) -> Result<SignedDuration, String> {
    let span: SignedDuration =
        text.parse().map_err(|_| "expected a length of time such as 90s, 30m or 1h".to_owned())?;
    if span.is_negative() { Err("a length of time is not negative".to_owned()) } else { Ok(span) }
}

/// A time in UTC, to the millisecond, from nanoseconds since 1970.
pub(crate) fn utc(time: u64) -> String {
    let time = Timestamp::from_nanosecond(time.into()).unwrap_or(Timestamp::MAX);
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// When the node started, in nanoseconds since 1970, as its clock goes now: suspension included.
pub(crate) fn booted() -> anyhow::Result<u64> {
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up = i128::from(up.tv_sec) * 1_000_000_000 + i128::from(up.tv_nsec);
    Ok(u64::try_from(now()?.as_nanosecond() - up).unwrap_or(0))
}
