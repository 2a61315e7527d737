//! What the scans did not look at.

use super::Gap;
use crate::image::Image;
use gabion_model::Aspect;
use std::collections::BTreeMap;

/// The gaps of all images, those of the same kind as one; by aspect.
pub(super) fn gaps(images: &[Image<'_>]) -> Vec<Gap> {
    let mut gaps: BTreeMap<(String, &'static str, String), Vec<usize>> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        let coverage = &image.report.coverage;
        for (aspect, status) in coverage.iter().filter(|(_, status)| !status.is_full()) {
            let reason = status.reasons().join("; ");
            gaps.entry((aspect.to_string(), status.word(), reason)).or_default().push(at);
        }
        if coverage.get(&Aspect::VULNERABILITIES).is_none() {
            let why = "the scan does not say that it looked for them".to_owned();
            gaps.entry((Aspect::VULNERABILITIES.to_string(), "not evaluated", why)).or_default().push(at);
        }
    }
    let gap = |((aspect, status, reason), images): ((_, &str, _), _)| Gap {
        aspect,
        status: status.to_owned(),
        reason,
        images,
    };
    gaps.into_iter().map(gap).collect()
}
