//! What a decision promises.

use crate::{outcome, rule, sample, says};
use gabion_model::{Aspect, ScanReport, Severity, Status, Suppression, SuppressionKind};
use gabion_policy::{
    Outcome::{CannotTell, Failed, NotApplicable, Passed, Warned},
    Owners, Policy, Stage, decide, decide_at,
};
use jiff::civil::Date;

#[test]
fn the_default_policy_stops_what_it_should_and_passes_what_is_clean() {
    let policy = Policy::default_policy();
    let clean = decide(&sample::clean(), &policy, None, sample::now());
    assert!(clean.passed, "{clean:#?}");
    assert!(clean.rules.iter().all(|rule| rule.outcome == Passed), "{clean:#?}");
    let rich = decide(&sample::rich(), &policy, None, sample::now());
    assert!(!rich.passed);
    let told: Vec<_> = rich.rules.iter().map(|rule| (rule.id.as_str(), rule.outcome)).collect();
    assert_eq!(
        told,
        [
            ("known-exploited", Failed),
            ("critical-with-fix", Passed),
            ("high-and-likely", Failed),
            ("secret", Failed),
            ("not-everything-seen", Passed),
            ("root", Passed),
        ]
    );
}

#[test]
fn what_was_not_looked_at_is_never_a_pass() {
    for (aspect, criteria) in [
        (Aspect::VULNERABILITIES, "finding: { severity: critical, kinds: [vulnerability] }"),
        (Aspect::VULNERABILITIES, "finding: { fixable: true }"),
        (Aspect::SECRETS, "finding: { kinds: [secret] }"),
        (Aspect::CONFIG, "finding: { kinds: [misconfiguration] }"),
        (Aspect::CONFIG, "finding: { severity: low }"),
        (Aspect::PACKAGES_OS, "package: { names: [xz-utils] }"),
        (Aspect::SECRETS, "when: 'finding.severity == \"critical\"'"),
        (Aspect::PACKAGES_OS, "when: 'pkg.name == \"xz-utils\"'"),
    ] {
        says(criteria, &sample::clean(), Passed);
        let partial = sample::partial(sample::clean(), aspect.clone());
        let outcome = says(criteria, &partial, CannotTell);
        assert_eq!(outcome.reason, format!("{aspect} is partial: var/big: too large"));
        assert!(!decide(&partial, &rule(criteria), None, sample::now()).passed);
        let allowed = says(&format!("{criteria}, allow_incomplete: true"), &partial, Passed);
        assert!(allowed.reason.contains("too large"), "{}", allowed.reason);
        for status in [
            Status::NotEvaluated { reason: "no database".into() },
            Status::Unsupported { reason: "no".into() },
            Status::Failed { reason: "no".into() },
        ] {
            let mut worse = sample::clean();
            worse.coverage.set(aspect.clone(), status);
            says(criteria, &worse, CannotTell);
        }
    }
    let nothing = ScanReport { coverage: gabion_model::Coverage::default(), ..sample::clean() };
    says("finding: { severity: low }", &nothing, CannotTell);
    says("package: { names: [x] }", &nothing, CannotTell);
}

#[test]
fn what_is_found_fails_however_little_was_looked_at() {
    let partial = sample::partial(sample::rich(), Aspect::VULNERABILITIES);
    assert_eq!(says("finding: { exploited: true }", &partial, Failed).findings, ["V-CVE-2026-1000"]);
}

#[test]
fn a_warning_never_stops() {
    let policy = |rest: &str| {
        let text = format!("version: 1\nrules:\n  - {{ id: r, action: warn, {rest} }}");
        Policy::parse("p", &text).expect("valid")
    };
    let rich = sample::rich();
    let decision = decide(&rich, &policy("finding: { severity: low }"), None, sample::now());
    assert_eq!((decision.passed, decision.rules[0].outcome), (true, Warned));
    let partial = sample::partial(sample::clean(), Aspect::SECRETS);
    let decision = decide(&partial, &policy("finding: { kinds: [secret] }"), None, sample::now());
    assert_eq!((decision.passed, decision.rules[0].outcome), (true, CannotTell));
}

#[test]
fn a_database_without_a_feed_cannot_answer_for_it() {
    let mut report = sample::clean();
    report.database.retain(|source| source.kind == "osv");
    for rest in ["finding: { exploited: true }", "when: finding.exploited && finding.level > 2"] {
        assert!(says(rest, &report, CannotTell).reason.contains("known exploited"), "{rest}");
    }
    for rest in ["finding: { epss: 0.5 }", "when: finding.epss != null && finding.epss > 0.5"] {
        assert!(says(rest, &report, CannotTell).reason.contains("EPSS"), "{rest}");
    }
    says("finding: { severity: critical }", &report, Passed);
}

#[test]
fn suppressed_findings_do_not_count_but_are_told_until_their_last_day() {
    let mut report = sample::rich();
    let suppression = |expires| {
        Some(Suppression {
            kind: SuppressionKind::Deferral,
            source: "x".into(),
            reason: "y".into(),
            owner: "z".into(),
            expires,
        })
    };
    report.findings[0].suppressed = suppression(Some(sample::TODAY));
    let passed = says("finding: { exploited: true }", &report, Passed);
    assert_eq!((passed.reason.as_str(), passed.findings.len()), ("nothing found; 1 more is excepted", 0));
    let failed = says("finding: { severity: low }", &report, Failed);
    assert_eq!(failed.reason, "3 findings; 1 more is excepted");
    assert_eq!(
        says("finding: { kinds: [secret], severity: critical }", &report, Passed).reason,
        "nothing found"
    );
    report.findings[0].suppressed = suppression(Some(Date::constant(2026, 11, 21)));
    says("finding: { exploited: true }", &report, Failed);
    report.findings[0].suppressed = suppression(None);
    says("finding: { exploited: true }", &report, Passed);
}

#[test]
fn scope_and_stage_decide_whether_a_rule_is_asked() {
    let report = sample::rich();
    let rest = "finding: { severity: low }";
    for (scope, expected) in [
        ("images: ['registry.example/shop/*']", Failed),
        ("images: ['registry.example/shop/api:1.*']", Failed),
        ("images: ['registry.example/other/*']", NotApplicable),
        ("labels: { team: shop }", Failed),
        ("labels: { team: 'sh*' }", Failed),
        ("labels: { team: billing }", NotApplicable),
        ("labels: { tier: '*' }", NotApplicable),
        ("images: ['**'], labels: { team: billing }", NotApplicable),
    ] {
        says(&format!("{rest}, scope: {{ {scope} }}"), &report, expected);
    }
    let unlabelled = ScanReport { config: None, ..report.clone() };
    says(&format!("{rest}, scope: {{ labels: {{ team: shop }} }}"), &unlabelled, CannotTell);
    says(&format!("{rest}, stage: deploy"), &report, NotApplicable);
    let policy = rule(&format!("{rest}, stage: deploy"));
    assert!(decide(&report, &policy, None, sample::now()).passed);
    assert!(!decide_at(Stage::Deploy, &report, &policy, None, sample::now()).passed);
}

#[test]
fn expressions_see_findings_packages_and_the_image() {
    let report = sample::rich();
    for (when, expected) in [
        ("finding.level >= 4 && finding.fixable", &["V-CVE-2026-1000"][..]),
        ("finding.cvss != null && finding.cvss > 8", &["V-CVE-2026-1000"]),
        ("finding.epss != null && finding.epss >= 0.25", &["V-CVE-2026-1000"]),
        ("finding.ransomware", &["V-CVE-2026-1000"]),
        ("finding.published_days != null && finding.published_days > 80", &["V-CVE-2026-1000"]),
        ("finding.packages.exists(p, p.name == \"lodash\")", &["V-GHSA-aaaa-bbbb-cccc"]),
        ("finding.rule.matches(\"^CIS-DI-4[.]\") && image.user != \"\"", &["M-1"]),
        ("finding.kind == \"secret\" && finding.paths.exists(p, p.startsWith(\"app/\"))", &["S-1"]),
        ("finding.kind in [\"secret\", \"behaviour\"]", &["S-1"]),
        ("has(finding.fixed_version) && finding.fixed_version == \"3.0.12-1\"", &["V-CVE-2026-1000"]),
    ] {
        let findings = says(&format!("when: '{when}'"), &report, Failed).findings;
        assert_eq!(findings, expected, "{when}");
    }
    let packages =
        says("when: '!pkg.distribution && pkg.licenses.exists(l, l.contains(\"GPL\"))'", &report, Failed);
    assert_eq!(packages.packages, ["pkg:npm/lodash@4.17.20"]);
    for (when, expected) in [
        ("image.size_mib > 100", Passed),
        ("image.size_mib > 50 && image.layers == 1 && image.packages == 3", Failed),
        ("image.labels.team == \"shop\"", Failed),
        ("\"registry.example\" in image.registries", Failed),
        ("coverage.secrets != \"full\"", Passed),
        ("coverage[\"packages.os\"] == \"full\"", Failed),
        ("image.age_days == 21", Failed),
    ] {
        says(&format!("when: '{when}'"), &report, expected);
    }
}

#[test]
fn an_expression_that_cannot_be_computed_fails_the_rule() {
    let report = sample::rich();
    for when in [
        "finding.epss > 0.1",           // null for most
        "image.labels.nobody == \"x\"", // no such label
        "image.size_mib / 0 > 1",
        "finding.title",
    ] {
        let failed = says(&format!("when: '{when}'"), &report, Failed);
        if failed.findings.is_empty() {
            assert!(failed.reason.starts_with("`when` cannot be computed: "), "{}", failed.reason);
        }
    }
    assert!(outcome("when: finding.title", &report).reason.contains("not true or false"));
}

#[test]
fn a_decision_is_the_same_bytes_each_time() {
    let decision = || {
        let decision = decide(&sample::rich(), &Policy::default_policy(), None, sample::now());
        serde_json::to_string(&decision).expect("writes")
    };
    let first = decision();
    assert!((0..20).all(|_| decision() == first));
    assert!(first.contains("\"outcome\":\"failed\""));
}

#[test]
fn unknown_severity_is_below_low() {
    let mut report = sample::rich();
    report.findings.retain(|finding| finding.severity == Severity::Low);
    report.findings[0].severity = Severity::Unknown;
    says("finding: { severity: low, kinds: [vulnerability] }", &report, Passed);
    says("finding: { kinds: [vulnerability] }", &report, Failed);
}

#[test]
fn an_empty_criterion_is_met_by_every_image() {
    let report = sample::clean();
    says("image: {}", &report, Failed);
    says("image: {}, scope: { images: ['registry.example/**'] }", &report, Failed);
    says("image: {}, scope: { images: ['elsewhere/**'] }", &report, NotApplicable);
}

#[test]
fn a_policy_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Policy>();
}

#[test]
fn a_scope_may_be_of_some_owners_only() {
    let owners = |text: &str| Owners::parse("owners.yaml", text).expect("valid");
    let file = owners(
        "version: 1\nowners:\n  - { owner: platform, images: ['**'] }\n  - { owner: shop, labels: { team: shop } }\n",
    );
    let outcome = |scope: &str, report: &ScanReport, owners: Option<&Owners>| {
        let rule = rule(&format!("image: {{}}, scope: {{ {scope} }}"));
        decide(report, &rule, owners, sample::now()).rules.remove(0)
    };
    let clean = sample::clean();
    for (scope, expected) in [
        ("owner: shop", Failed),
        ("owner: [search, 'sh*']", Failed),
        ("owner: platform", NotApplicable),
        ("owner: shop, images: ['registry.example/**']", Failed),
        ("owner: shop, images: ['registry.example/other/**']", NotApplicable),
        ("owner: shop, labels: { team: search }", NotApplicable),
    ] {
        assert_eq!(outcome(scope, &clean, Some(&file)).outcome, expected, "{scope}");
    }
    // Nobody owns it.
    let other = owners("version: 1\nowners: [{ owner: shop, images: [other] }]");
    assert_eq!(outcome("owner: '**'", &clean, Some(&other)).outcome, NotApplicable);
    // Nobody knows.
    let without = outcome("owner: shop", &clean, None);
    assert_eq!((without.outcome, without.reason.contains("--owners")), (CannotTell, true));
    assert_eq!(outcome("owner: shop, images: [other]", &clean, None).outcome, NotApplicable);
    let unlabelled = ScanReport { config: None, ..sample::clean() };
    assert_eq!(outcome("owner: shop", &unlabelled, Some(&other)).outcome, CannotTell);
}

#[test]
fn what_owners_are_asked_in_vain_is_told_with_its_place() {
    let text = "version: 1
owners:
  - { owner: platform, images: ['registry.example/**', 'old.example/**'] }
  - { owner: shop, images: ['registry.example/shop/*'], labels: { team: shop } }
  - { owner: search, labels: { team: serach } }
  - { owner: mix, images: ['registry.example/other'], labels: { team: shop } }
";
    let owners = Owners::parse("owners.yaml", text).expect("valid");
    let (shop, none) = ([("team".to_owned(), "shop".to_owned())].into(), [].into());
    let name = |name: &str| gabion_policy::names_of([name]);
    let images = [(name("registry.example/shop/api:1"), &shop), (name("registry.example/other:1"), &none)];
    let told: Vec<String> = owners.unmet(&images).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "owners.yaml:3:5: no image is named old.example/**, of which \"platform\" would be the owner",
            "owners.yaml:5:5: no image has the label team=serach, of which \"search\" would be the owner",
            "owners.yaml:6:5: no image has both a name and the labels that this entry of \"mix\" asks for",
        ]
    );
}
