//! Strings and numbers of a report are written by attackers.

use crate::{planned, sample::*, scans};
use gabion_model::{FindingKind, PackageKind, Severity};
use gabion_plan::{Options, Rules, plan, svg, table, tickets};
use proptest::prelude::*;

const EVIL: &str =
    "</text><script>alert(1)</script> ``` @admin #1 [x](https://evil.example) \u{1b}[2J\u{202e}";

fn evil(text: &str) -> Vec<gabion_model::ScanReport> {
    let mut shop = image(&format!("shop{text}"), &["a", text]);
    package(&mut shop, PackageKind::Deb, text, text, 1);
    vulnerable(&mut shop, text, Severity::Critical, text, text);
    blamed(&mut shop, FindingKind::Secret, text, text, Some(1));
    blamed(&mut shop, FindingKind::Misconfiguration, "", "", None);
    let mut pay = image("pay", &["a"]);
    package(&mut pay, PackageKind::Deb, text, text, 7);
    vulnerable(&mut pay, "CVE-1", Severity::Critical, text, "");
    vec![shop, pay]
}

#[test]
fn no_string_becomes_markup() {
    let reports = evil(EVIL);
    let owner = |_: &gabion_plan::Claim<'_>| Some(EVIL.to_owned());
    let rules = Rules { owner: &owner, ..Rules::default() };
    let plan = plan(&scans(&reports), &rules, &Options::default());
    let picture = svg(&plan);
    assert!(!picture.contains("<script") && picture.contains("&lt;script"), "{picture}");
    let markdown = &tickets(&plan)[0].markdown;
    // Outside of code spans nothing of it is left as it was.
    let prose: String = markdown.split("````").step_by(2).collect::<String>().replace("\\]", "");
    for bad in ["<script", "@admin", "#1 ", "](https", "https://evil"] {
        assert!(!prose.contains(bad), "{bad} in {prose}");
    }
}

proptest! {
    #[test]
    fn any_text_gives_printable_outputs(text in any::<String>()) {
        prop_assume!(!text.is_empty());
        let plan = planned(&evil(&text));
        let printable = |c: char| !gabion_report::text::is_unprintable(c);
        let table = table(&plan, 60, false);
        prop_assert!(table.chars().all(|c| c == '\n' || printable(c)));
        let picture = svg(&plan);
        prop_assert!(picture.chars().all(|c| c == '\n' || printable(c)));
        // Every `<` opens an element of ours.
        let ours = ["svg", "/svg", "title", "/title", "style", "/style", "rect", "text", "/text", "g", "/g", "path"];
        for piece in picture.split('<').skip(1) {
            let name: String = piece.chars().take_while(|c| *c == '/' || c.is_ascii_alphabetic()).collect();
            prop_assert!(ours.contains(&&*name), "{}", name);
        }
        for ticket in tickets(&plan) {
            prop_assert!(ticket.markdown.chars().all(|c| c == '\n' || printable(c)));
        }
    }
}

#[test]
fn a_report_that_breaks_its_own_rules_is_planned_for() {
    let mut shop = image("shop", &["a"]);
    package(&mut shop, PackageKind::Deb, "x", "1.0", 4_000_000_000);
    vulnerable(&mut shop, "CVE-1", Severity::High, "x", "1.1");
    blamed(&mut shop, FindingKind::Secret, "key", "a", Some(u32::MAX));
    shop.findings[1].evidence.clear();
    vulnerable(&mut shop, "CVE-2", Severity::High, "x", "1.1");
    shop.findings[2].vulnerability.as_mut().expect("one").packages.clear();
    shop.findings[2].evidence.clear();
    let plan = planned(&[shop]);
    assert_eq!((plan.totals.findings, plan.totals.cleared), (3, 3));
}

#[test]
fn a_forest_as_deep_as_it_is_large_is_no_problem() {
    let lines: Vec<String> = (0..2_000).map(|line| line.to_string()).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let reports: Vec<_> = (1..=lines.len()).step_by(10).map(|n| image(&n.to_string(), &lines[..n])).collect();
    let plan = planned(&reports);
    assert_eq!(plan.nodes.len(), 200);
    svg(&plan);
}
