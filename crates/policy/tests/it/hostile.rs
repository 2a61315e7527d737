//! Documents that are wrong or mean harm: refused with the place and the reason, soon, and without a panic.

use gabion_policy::{DocumentError, Exception, Owners, Policy, ProjectConfig, VexDocument};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[path = "../../../../fuzz/seeds/src/policy.rs"]
mod seeds;

#[test]
fn fuzzing_starts_from_what_is_accepted() {
    for (target, texts) in seeds::seeds() {
        for text in texts {
            let text = String::from_utf8(text).expect("text");
            let accepted = match target {
                "policy" => {
                    Policy::parse("p", &text).is_ok()
                        || Owners::parse("p", &text).is_ok()
                        || ProjectConfig::parse("p", &text).is_ok()
                }
                "exceptions" => Exception::parse("p", &text).is_ok(),
                _ => VexDocument::parse("p", &text).is_ok_and(|vex| !vex.statements.is_empty()),
            };
            assert!(accepted, "{target}: {text}");
        }
    }
}

fn refused(text: &str) -> DocumentError {
    let started = Instant::now();
    let error = Policy::parse("policy.yaml", text).expect_err("refused");
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    error
}

fn with_rule(rest: &str) -> String {
    format!("version: 1\nrules:\n  - id: r\n    action: fail\n    {rest}\n")
}

#[test]
fn errors_name_the_place_and_the_reason() {
    for (text, expected) in [
        (with_rule("sevrity: high"), "policy.yaml:5:5: unknown key \"sevrity\"; did you mean \"severity\"?"),
        (with_rule("finding: { severty: high }"), "policy.yaml:5:16: unknown key \"severty\"; did you mean"),
        (with_rule("finding: { severity: hihg }"), "policy.yaml:5:26: unknown word \"hihg\"; did you mean \"high\"?"),
        (with_rule("finding: { epss: 10 }"), "policy.yaml:5:22: expected a number from 0 to 1, found 10"),
        (with_rule("finding: { ids: ['[a'] }"), "policy.yaml:5:22: \"[a\" is no pattern"),
        (with_rule("finding: { kinds: [secret], fixable: true }"), "policy.yaml:3:5: the rule \"r\" asks of other"),
        (with_rule("severity: high"), "policy.yaml:3:5: the rule \"r\" asks nothing"),
        (with_rule("id: s"), "policy.yaml:5:5: the key \"id\" is there twice"),
        (with_rule("when: finding.levle > 3"), "policy.yaml:5:18: `when` of the rule \"r\" (character 8 of it): unknown field of finding \"levle\"; did you mean \"level\"?"),
        (with_rule("when: 'images.root'"), "policy.yaml:5:12: `when` of the rule \"r\" (character 1 of it): unknown variable \"images\"; did you mean \"image\"?"),
        (with_rule("when: |\n      image.root &&\n      image.rot"), "policy.yaml:7:12: `when` of the rule \"r\" (line 2, character 6 of it): unknown field of image"),
        (with_rule("when: image.root &&"), "policy.yaml:5:"),
        (with_rule("when: image.root.foo(1)"), "unknown function \"foo\""),
        (with_rule("when: finding.level > 2 && pkg.name == 'x'"), "reads finding and pkg"),
        (with_rule("when: '{1: 2}[1] == 2'"), "maps and messages cannot be written"),
        ("version: 2\nrules: [{ id: r, action: fail, image: {} }]".into(), "policy.yaml:1:10: version 2 is not known"),
        ("version: 1\nrules: []".into(), "between 1 and 500 rules"),
        ("version: 1".into(), "the key \"rules\" is missing"),
        ("version: 1\nrules:\n  - { id: a b, action: fail, image: {} }".into(), "policy.yaml:3:5: \"a b\" is no id"),
        ("version: 1\nrules:\n  - { id: r, action: fail, image: {} }\n  - { id: r, action: fail, image: {} }".into(), "policy.yaml:4:5: the rule \"r\" is there twice"),
        ("version: 1\nrules: 3".into(), "policy.yaml:2:8: "),
        (String::new(), "policy.yaml"),
        ("a: [".into(), "policy.yaml:"),
        ("--- 1\n--- 2".into(), "policy.yaml:"),
    ] {
        let error = refused(&text).to_string();
        assert!(error.contains(expected), "expected {expected}\n     got {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn deep_and_huge_documents_are_refused() {
    let deep = format!("version: 1\nrules: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let blocks = (0..2_000).map(|n| " ".repeat(n) + "a:\n").collect::<String>();
    let huge = format!("version: 1\nname: {}\nrules: []", "x".repeat(2 << 20));
    for text in [deep, blocks, huge] {
        refused(&text);
    }
    let many: Vec<_> = (0..501).map(|n| format!("\n  - {{ id: r{n}, action: warn, image: {{}} }}")).collect();
    let many = many.concat();
    refused(&format!("version: 1\nrules:{many}"));
}

#[test]
fn aliases_can_be_used_but_not_as_bombs() {
    let fine = "version: 1\nrules:\n  - { id: a, action: fail, finding: &f { severity: high } }\n  - { id: b, action: warn, finding: *f }";
    assert!(Policy::parse("p", fine).is_ok());
    let mut bomb = "version: 1\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n".to_owned();
    for n in 1..12 {
        let previous = format!("*x{}", n - 1);
        bomb = format!("{bomb}x{n}: &x{n} [{}]\n", vec![previous; 10].join(","));
    }
    refused(&bomb);
    let inside = format!(
        "version: 1\nrules:\n  - id: r\n    action: fail\n    finding:\n      ids: &a [x,y]\n      paths: [{}]",
        vec!["*a"; 5_000].join(",")
    );
    refused(&inside);
}

#[test]
fn expressions_that_cost_too_much_are_refused_or_fail() {
    let long = with_rule(&format!("when: '{}'", vec!["image.root"; 500].join(" && ")));
    let error = refused(&long).to_string();
    assert!(error.starts_with("policy.yaml:5:11: ") && error.contains("at most 2000"), "{error}");
    for expression in [
        "(".repeat(900) + "1" + &")".repeat(900),
        "!".repeat(1_900) + "true",
        "-".repeat(1_900) + "1",
        "[".repeat(900) + &"]".repeat(900),
        "image".to_owned() + &".a".repeat(900),
        format!("[\"ab\"]{}.size() > 0", ".map(s, s + s)".repeat(40)),
        format!("{}{} == 1", "[1,2,3,4,5,6,7,8,9,10].map(a, ".repeat(12), "1".to_owned() + &")".repeat(12)),
        "a ? ".repeat(400),
        "\"".to_owned() + &"\\u0000".repeat(200),
        "1 + ".repeat(480) + "1 == 2",
    ] {
        let text = with_rule(&format!("when: {}", serde_json::to_string(&expression).expect("writes")));
        let _ = Policy::parse("p", &text)
            .map(|policy| gabion_policy::decide(&crate::sample::rich(), &policy, None, crate::sample::now()));
    }
    let doubling = with_rule(
        "when: '[\"ab\"].map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).map(s, s + s).size() > 0'",
    );
    assert!(refused(&doubling).to_string().contains("steps"), "{}", refused(&doubling));
}

#[test]
fn a_run_that_would_cost_too_much_fails_the_rule() {
    let mut report = crate::sample::rich();
    let v = crate::sample::of(&mut report.findings[0]);
    v.aliases = (0..3_000).map(|n| format!("A-{n}")).collect();
    let nested = "when: 'finding.aliases.exists(a, finding.aliases.exists(b, a == b))'";
    let outcome = crate::says(nested, &report, gabion_policy::Outcome::Failed);
    assert!(outcome.reason.contains("steps"), "{}", outcome.reason);
    crate::says(
        "when: 'finding.aliases.exists(a, a == \"A-2999\")'",
        &report,
        gabion_policy::Outcome::Failed,
    );
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = Policy::parse("p", &text);
        let _ = Exception::parse("p", &text);
        let _ = ProjectConfig::parse("p", &text);
        let _ = Owners::parse("p", &text);
        let _ = VexDocument::parse("p", &text);
    }

    #[test]
    fn arbitrary_expressions_never_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "finding", "image", "pkg", "coverage", ".", "level", "exists", "map", "filter", "has", "(", ")",
                "[", "]", "{", "}", ",", "x", "&&", "||", "!", "?", ":", "==", "<", "in", "+", "-", "*", "/", "%", "1",
                "2.5", "'a'", "null", "true", "matches", "size", "b'x'", "\"", "1u", "0x", "\\", ".?", "[?", "`a`",
            ]),
            0..24,
        )
    ) {
        let source = words.join(" ");
        let text = with_rule(&format!("when: {}", serde_json::to_string(&source).expect("writes")));
        if let Ok(policy) = Policy::parse("p", &text) {
            let _ = gabion_policy::decide(&crate::sample::rich(), &policy, None, crate::sample::now());
        }
    }
}
