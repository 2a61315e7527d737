//! Documents that are read as a whole, and the secret scan.

use gabion_image::{
    manifest::{Config, Document},
    secret::TextScan,
};
use gabion_model::ScanReport;
use gabion_report::{Format, Options};

/// Manifests, indexes and configurations.
pub fn manifest(data: &[u8]) {
    // Errors are answers, too.
    let _ = Document::parse(data);
    if let Ok(config) = Config::parse(data) {
        assert_eq!(config.layer_history().len(), config.diff_ids.len());
    }
}

/// SBOMs.
pub fn sbom(data: &[u8]) {
    let _ = gabion_report::read_sbom(data);
}

/// A report, as the parent gets it from the worker, in every output format.
pub fn report(data: &[u8]) {
    let Ok(report) = serde_json::from_slice::<ScanReport>(data) else {
        return;
    };
    for format in Format::ALL {
        gabion_report::render(&report, format, &Options::default(), &mut std::io::sink()).expect("renders");
    }
}

/// What is found must not depend on where chunks end; the first two bytes seed the splits.
pub fn secrets(data: &[u8]) {
    let Some((&[a, b], text)) = data.split_first_chunk() else {
        return;
    };
    let mut whole = TextScan::new(b"etc/app.conf");
    whole.feed(text);
    let mut split = TextScan::new(b"etc/app.conf");
    let (mut rest, mut seed) = (text, u32::from(a) << 8 | u32::from(b));
    while !rest.is_empty() {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (chunk, after) =
            rest.split_at(rest.len().min(1 + (seed >> 24) as usize * (1 + (seed >> 22 & 3) as usize)));
        split.feed(chunk);
        rest = after;
    }
    assert_eq!(whole.finish(), split.finish());
}
