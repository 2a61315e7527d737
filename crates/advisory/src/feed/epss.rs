//! Scores of EPSS: `epss_scores-current.csv.gz`.
//!
//! ```text
//!  #model_version:v2025.03.14,score_date:2025-08-25T12:55:00Z
//!  cve,epss,percentile
//!  CVE-1999-0001,0.01297,0.78814
//! ```

use super::{Broken, Reading, reading::too_long, text};
use crate::record::{Edition, Likelihood};
use std::io::{BufRead, Read};

/// The longest line, in bytes.
const LINE: u64 = 4096;

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    let mut header = false;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let n = (&mut *reader).take(LINE + 1).read_until(b'\n', &mut line)?;
        if n == 0 {
            break;
        }
        if n as u64 > LINE {
            return Err(too_long(LINE).into());
        }
        let text = std::str::from_utf8(&line).map_err(|_| format!("line {number} is no text"))?.trim();
        if let Some(comment) = text.strip_prefix('#') {
            reading.edition(edition(comment));
        } else if text.starts_with("cve,epss,percentile") {
            header = true;
        } else if !header {
            return Err("the header \"cve,epss,percentile\" is missing".into());
        } else if !text.is_empty() {
            match score(text) {
                Some(likelihood) => reading.likelihood(likelihood),
                None => reading.reject(&format!("line {number}"), format_args!("{text:?} is no score")),
            }
        }
    }
    if header { Ok(()) } else { Err("it is empty".into()) }
}

fn edition(comment: &str) -> Edition {
    let mut edition = Edition::default();
    for pair in comment.split(',') {
        match pair.split_once(':') {
            Some(("model_version", version)) => edition.version = text::line(version),
            // `+0000` is no offset of RFC 3339.
            Some(("score_date", date)) => edition.made = text::timestamp(&date.replace("+0000", "Z")),
            _ => {}
        }
    }
    edition
}

fn score(line: &str) -> Option<Likelihood> {
    let mut columns = line.split(',');
    let cve = columns.next().filter(|cve| text::is_cve(cve))?.to_owned();
    let probability = millionths(columns.next()?)?;
    let percentile = millionths(columns.next()?)?;
    Some(Likelihood { cve, probability, percentile })
}

/// A share of one.
#[expect(clippy::cast_sign_loss, reason = "it is between 0 and 1")]
fn millionths(text: &str) -> Option<u32> {
    let share: f64 = text.trim().parse().ok()?;
    (0.0..=1.0).contains(&share).then(|| (share * 1e6).round() as u32)
}
