//! Whatever the image says about itself, the document stays well-formed and the terminal stays ours.

use crate::{sample, text};
use gabion_model::{Aspect, Reason, ScanReport, Status, vulnerability::Symbols};
use gabion_report::{Format, Options, read_sbom};
use proptest::prelude::*;

/// Puts the text wherever a report has a string that may come from outside.
fn poisoned(evil: &str) -> ScanReport {
    let mut report = sample::rich();
    let s = || evil.to_owned();
    report.target.reference = s();
    if let Some(image) = &mut report.target.image {
        image.tags = vec![s()];
        image.platform = s();
    }
    if let Some(os) = &mut report.os {
        os.id = s();
        os.version = Some(s());
        os.codename = Some(s());
        os.name = s();
        os.like = vec![s()];
        os.path = s();
    }
    for layer in &mut report.layers {
        layer.created_by = Some(s());
    }
    for package in &mut report.packages {
        package.name = s();
        package.version = s();
        package.arch = package.arch.as_ref().map(|_| s());
        package.licenses = vec![s(), "MIT".to_owned()];
        package.found_by = s();
        package.qualifiers = vec![(s(), s())];
        package.locations.iter_mut().for_each(|location| location.path = s());
        if let Some(source) = &mut package.source {
            source.name = s();
        }
        if let Some(owner) = &mut package.owned_by {
            owner.name = s();
        }
    }
    for finding in &mut report.findings {
        finding.rule = s();
        finding.title = s();
        finding.fix = s();
        for evidence in &mut finding.evidence {
            evidence.place = s();
            evidence.detail = s();
        }
    }
    for finding in &mut report.findings {
        if let Some(known) = &mut finding.vulnerability {
            known.aliases = vec![s(), s()];
            known.fixed_version = known.fixed_version.as_ref().map(|_| s());
            known.rated_by = s();
            known.references = vec![s(), format!("https://example.org/{evil}")];
            known.packages.iter_mut().for_each(|package| (package.name, package.version) = (s(), s()));
            for m in &mut known.matches {
                [&mut m.advisory, &mut m.source, &mut m.ecosystem, &mut m.package, &mut m.version]
                    .into_iter()
                    .chain([&mut m.range, &mut m.comparator])
                    .for_each(|field| *field = s());
            }
            for cvss in &mut known.cvss {
                (cvss.vector, cvss.version, cvss.source) = (s(), s(), s());
            }
            if let Some(ssvc) = &mut known.ssvc {
                ssvc.exploitation = Some(s());
            }
            known.symbols = Some(Symbols::Present(vec![s()]));
            known.priority.factors.iter_mut().for_each(|factor| (factor.name, factor.why) = (s(), s()));
        }
        if let Some(suppression) = &mut finding.suppressed {
            (suppression.source, suppression.reason, suppression.owner) = (s(), s(), s());
        }
    }
    for exception in &mut report.exceptions {
        (exception.id, exception.owner, exception.reason) = (s(), s(), s());
    }
    report.database.iter_mut().for_each(|source| (source.name, source.kind) = (s(), s()));
    report.coverage.gap(Aspect::FILES, Reason::at(s(), s()));
    report.coverage.set(Aspect::CONFIG, Status::Failed { reason: s() });
    report.isolation.landlock = s();
    report
}

/// Strings with a preference for what breaks things.
fn evil() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        Just("\u{1b}[2J".to_owned()),
        Just("\u{9b}31m\u{202e}".to_owned()),
        Just("]]>&\"'<\u{fffe}\u{0}".to_owned()),
        Just("\r\n".to_owned()),
        Just("名前🦀\u{301}".to_owned()),
        Just("a/b@c?d#e%2f:".to_owned()),
        "[ a]{0,300}",
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_string_breaks_a_format(evil in evil(), width in 0usize..200, all: bool) {
        let report = poisoned(&evil);
        let options = Options { width, all, ..Options::default() };
        for format in Format::ALL {
            let document = text(&report, format, &options);
            prop_assert!(!document.chars().any(|c| c != '\n' && c.is_control()), "{format}: {document:?}");
            match format {
                Format::Table => {}
                Format::Markdown => {
                    prop_assert!(document.len() <= 65_536);
                    let bare = outside_of_code(&document);
                    prop_assert!(!bare.contains(['<', '@', '#']), "{bare}\n{document}");
                }
                Format::Junit => {
                    let mut xml = quick_xml::Reader::from_str(&document);
                    let mut depth = 0i64;
                    loop {
                        use quick_xml::events::Event;
                        match xml.read_event().map_err(|e| TestCaseError::fail(e.to_string()))? {
                            Event::Start(start) => {
                                depth += 1;
                                attributes(&start)?;
                            }
                            Event::Empty(empty) => attributes(&empty)?,
                            Event::End(_) => depth -= 1,
                            Event::Eof => break,
                            _ => {}
                        }
                    }
                    prop_assert_eq!(depth, 0);
                }
                Format::Json => {
                    let back: ScanReport = serde_json::from_str(&document)
                        .map_err(|e| TestCaseError::fail(e.to_string()))?;
                    prop_assert_eq!(&back, &report);
                }
                Format::CycloneDx | Format::Spdx | Format::Sarif => {
                    serde_json::from_str::<serde_json::Value>(&document)
                        .map_err(|e| TestCaseError::fail(e.to_string()))?;
                }
            }
            // Deterministic, and readable where it is an SBOM.
            prop_assert_eq!(&document, &text(&report, format, &options));
            if matches!(format, Format::CycloneDx | Format::Spdx) {
                prop_assert!(read_sbom(document.as_bytes()).is_ok());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = read_sbom(&bytes);
    }

    #[test]
    fn mutated_documents_never_panic_the_reader(
        spdx: bool,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let format = if spdx { Format::Spdx } else { Format::CycloneDx };
        let mut bytes = text(&sample::rich(), format, &Options::default()).into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read_sbom(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read_sbom(&bytes);
    }
}

/// What Markdown reads, without what it shows as it is, our own headings and comments, and where links lead to, which
/// must be the web.
fn outside_of_code(document: &str) -> String {
    let (mut bare, mut code) = (String::new(), false);
    let mut chars = document.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if !code => drop(chars.next()),
            '`' => code = !code,
            c if !code => bare.push(c),
            _ => {}
        }
    }
    assert!(!code, "{document}");
    for (broken, whole) in
        [("@<!-- -->", ""), ("#<!-- -->", ""), ("<!-- -->", ""), ("\n### ", ""), ("## ", "")]
    {
        bare = bare.replace(broken, whole);
    }
    let mut parts = bare.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (link, rest) = part.split_once(')').expect("a whole link");
        assert!(link.starts_with("http"), "{document}");
        text.push_str(rest);
    }
    text
}

fn attributes(element: &quick_xml::events::BytesStart<'_>) -> Result<(), TestCaseError> {
    for attribute in element.attributes() {
        attribute.map_err(|e| TestCaseError::fail(e.to_string()))?;
    }
    Ok(())
}
