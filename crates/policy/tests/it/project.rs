//! `.gabion.yaml` and owners.

use gabion_model::Severity;
use gabion_policy::{Gate, Owners, ProjectConfig};
use std::{collections::BTreeMap, path::PathBuf};

#[test]
fn a_project_says_what_flags_would() {
    let text = "\
policy: policy.yaml
fail_on: [high, fixable, epss-10]
severity: [critical, high]
ignore_unfixed: true
exceptions: [exceptions.yaml]
vex: [a.json, b.json]
owners: owners.yaml
db: /var/lib/gabion/db
";
    let config = ProjectConfig::parse(".gabion.yaml", text).expect("valid");
    assert_eq!(config.fail_on, [Gate::Severity(Severity::High), Gate::Fixable, Gate::Epss(10)]);
    assert_eq!(config.vex, [PathBuf::from("a.json"), PathBuf::from("b.json")]);
    assert!(config.filter().ignore_unfixed);
    assert_eq!(config.filter().severities.0.len(), 2);
    assert_eq!(ProjectConfig::parse("x", "").expect("empty"), ProjectConfig::default());
    assert_eq!(ProjectConfig::parse("x", "# later\n").expect("empty"), ProjectConfig::default());
    for (text, expected) in [
        ("polcy: x", ".gabion.yaml:1:1: unknown key \"polcy\"; did you mean \"policy\"?"),
        ("fail_on: [hihg]", ".gabion.yaml:1:10: unknown gate \"hihg\""),
        ("severity: [hihg]", ".gabion.yaml:1:11: unknown severity \"hihg\"; did you mean \"high\"?"),
        ("ignore_unfixed: 1", ".gabion.yaml:1:17: "),
        ("policy: [x]", ".gabion.yaml:1:9: "),
    ] {
        let error = ProjectConfig::parse(".gabion.yaml", text).expect_err("refused").to_string();
        assert!(error.starts_with(expected), "expected {expected}\n     got {error}");
    }
}

#[test]
fn the_last_owner_that_matches_wins() {
    let text = "\
version: 1
owners:
  - { owner: platform, images: ['registry.example/**'] }
  - { owner: shop, images: ['registry.example/shop/*'] }
  - { owner: payments, images: ['registry.example/shop/*'], labels: { area: 'pay*' } }
";
    let owners = Owners::parse("owners.yaml", text).expect("valid");
    let owner = |name: &str, labels: &[(&str, &str)]| {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        owners.owner_of(&[name.to_owned()], &labels).map(str::to_owned)
    };
    assert_eq!(owner("registry.example/base/debian", &[]).as_deref(), Some("platform"));
    assert_eq!(owner("registry.example/shop/api", &[]).as_deref(), Some("shop"));
    assert_eq!(owner("registry.example/shop/api", &[("area", "payments")]).as_deref(), Some("payments"));
    assert_eq!(owner("registry.example/base/x", &[("area", "payments")]).as_deref(), Some("platform"));
    assert_eq!(owner("elsewhere/x", &[]), None);
    let text = format!("{text}  - {{ owner: search, namespaces: ['search-*'] }}\n");
    let owners = Owners::parse("owners.yaml", &text).expect("valid");
    let api = ["registry.example/shop/api".to_owned()];
    let runs = |namespaces: &[&str]| {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        owners.owner_in(&api, &BTreeMap::new(), &namespaces)
    };
    assert_eq!(runs(&["search-a", "search-b"]), Some("search"));
    assert_eq!(runs(&["search-a", "shop"]), Some("shop"), "it runs elsewhere, too");
    assert_eq!(runs(&["search-a", ""]), Some("shop"));
    assert_eq!(runs(&[]), Some("shop"), "nobody knows where");
    assert!(owners.ask_where(&api, &BTreeMap::new()));
    let later = format!("{text}  - {{ owner: web, images: ['registry.example/shop/*'] }}\n");
    let later = Owners::parse("owners.yaml", &later).expect("valid");
    assert!(!later.ask_where(&api, &BTreeMap::new()), "a later entry says whose it is, wherever it runs");
    assert_eq!(owners.owner_there(&api, &BTreeMap::new(), "search-a"), Some("search"));
    assert_eq!(owners.owner_there(&api, &BTreeMap::new(), "shop"), None, "only what is said of namespaces");
    for (text, expected) in [
        ("version: 1\nowners:\n  - { owner: x }", "o.yaml:3:5: \"x\" owns nothing"),
        ("version: 1\nowners:\n  - { owner: '', images: [a] }", "the owner is empty"),
        ("version: 1\nowners:\n  - { team: x, images: [a] }", "unknown key \"team\""),
        ("version: 9\nowners: []", "version 9"),
    ] {
        let error = Owners::parse("o.yaml", text).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
