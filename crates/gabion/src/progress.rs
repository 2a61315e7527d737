//! A progress bar on standard error, only where somebody can see it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{io::IsTerminal, time::Duration};

/// Progress of one scan.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Hidden when quiet or when standard error is no terminal.
    pub(crate) fn new(quiet: bool, what: &str) -> Self {
        let bar = ProgressBar::new(0);
        bar.set_style(spinner());
        bar.set_message(what.to_owned());
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar }
    }

    /// So many more bytes are to come.
    pub(crate) fn grow(&self, bytes: u64) {
        self.bar.inc_length(bytes);
        self.bar.set_style(self::bytes());
    }

    /// So many more bytes are done.
    pub(crate) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// A line above the bar.
    pub(crate) fn note(&self, text: &str) {
        self.bar.suspend(|| crate::output::note(text));
    }

    /// So many bytes done of so many; 0 if nobody knows.
    pub(crate) fn set(&self, done: u64, total: u64) {
        if total > 0 && self.bar.length() != Some(total) {
            self.bar.set_length(total);
            self.bar.set_style(bytes());
        }
        self.bar.set_position(done);
    }
}

/// A transfer tells how it goes.
impl gabion_image::source::Progress for Progress {
    fn total(&self, bytes: u64) {
        self.grow(bytes);
    }

    fn advance(&self, bytes: u64) {
        Self::advance(self, bytes);
    }

    fn message(&self, text: &str) {
        self.note(text);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {msg} {bytes} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn bytes() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
