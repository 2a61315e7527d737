//! Waiting between attempts: exponential, with jitter, never longer than a total.

use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    sync::Arc,
    time::Duration,
};

/// How a request is repeated after a failure that may pass.
#[derive(Clone)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt; it doubles from there.
    pub base: Duration,
    /// All waits of one request together.
    pub longest: Duration,
    /// A number from 0 to 1: which part of the second half of a wait to spend. Spreads clients that failed
    /// together; a test passes a constant.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            longest: Duration::from_mins(1),
            // Hash keys are the randomness that the standard library has.
            jitter: Arc::new(|| {
                let random = RandomState::new().build_hasher().finish();
                f64::from((random >> 32) as u32) / f64::from(u32::MAX)
            }),
        }
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("attempts", &self.attempts)
            .field("base", &self.base)
            .field("longest", &self.longest)
            .finish_non_exhaustive()
    }
}

/// The failures of one request so far.
#[derive(Debug)]
pub(super) struct Backoff<'a> {
    retry: &'a Retry,
    failures: u32,
    waited: Duration,
}

impl<'a> Backoff<'a> {
    pub(super) fn new(retry: &'a Retry) -> Self {
        Self { retry, failures: 0, waited: Duration::ZERO }
    }

    /// How long to wait after one more failure, where the server may have `asked` for a time; `None` to
    /// give up.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.failures += 1;
        if self.failures >= self.retry.attempts {
            return None;
        }
        let whole = self.retry.base.saturating_mul(1 << (self.failures - 1).min(16));
        let jitter = (self.retry.jitter)().clamp(0.0, 1.0);
        let wait = asked.unwrap_or_else(|| whole / 2 + (whole / 2).mul_f64(jitter));
        let waited = self.waited.saturating_add(wait);
        if waited > self.retry.longest {
            return None;
        }
        self.waited = waited;
        Some(wait)
    }

    /// The transfer advances again: what was, is forgiven.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
        self.waited = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_jitter_and_end_with_the_attempts_or_the_total() {
        let retry = |longest| Retry {
            attempts: 4,
            base: Duration::from_secs(2),
            longest: Duration::from_secs(longest),
            jitter: Arc::new(|| 0.5),
        };
        let waits = |retry: &Retry, asked: Option<u64>| {
            let mut backoff = Backoff::new(retry);
            std::iter::from_fn(|| backoff.next(asked.map(Duration::from_secs)))
                .map(|wait| wait.as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(&retry(60), None), [1500, 3000, 6000]);
        assert_eq!(waits(&retry(5), None), [1500, 3000], "not beyond the total");
        assert_eq!(waits(&retry(60), Some(10)), [10_000; 3], "the server knows best");
        assert_eq!(waits(&retry(60), Some(61)), [0_u128; 0], "nobody waits that long");
    }
}
