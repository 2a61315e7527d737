//! The one place that asks what time it is.

use jiff::Timestamp;

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
