//! Schemas, types and documentation agree.

use gabion_policy::{DEFAULT_POLICY, Exception, Gate, Owners, Policy, ProjectConfig};
use jsonschema::Validator;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn file(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).expect("a file of this repository")
}

/// Reads a document; the error as text.
type Read = fn(&str) -> Result<(), String>;

/// Each kind of document: its word in the documentation, its schema, its reader.
const KINDS: [(&str, &str, Read); 4] = [
    ("policy", "policy-1", |text| Policy::parse("x", text).map(drop).map_err(|e| e.to_string())),
    ("exceptions", "exceptions-1", |text| Exception::parse("x", text).map(drop).map_err(|e| e.to_string())),
    ("owners", "owners-1", |text| Owners::parse("x", text).map(drop).map_err(|e| e.to_string())),
    ("project", "project-1", |text| ProjectConfig::parse("x", text).map(drop).map_err(|e| e.to_string())),
];

fn schema(name: &str) -> Value {
    serde_json::from_str(&file(&format!("schema/{name}.schema.json"))).expect("json")
}

fn validator(name: &str) -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema(name)).expect("a schema")
}

fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("yaml")
}

/// The documents of one kind in a page: its blocks of YAML with this word after the language.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let begin = format!("```yaml {kind}\n");
    let parts = page.split(begin.as_str()).skip(1);
    parts.map(|part| part.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_document_in_the_documentation_is_valid() {
    let pages = ["docs/policy.md", "docs/exceptions.md"].map(file).concat();
    for (kind, name, read) in KINDS {
        let mut documents = blocks(&pages, kind);
        assert!(!documents.is_empty(), "{kind}");
        if kind == "policy" {
            documents.push(DEFAULT_POLICY.to_owned());
        }
        for document in documents {
            assert_eq!(read(&document), Ok(()), "{document}");
            let errors: Vec<_> =
                validator(name).iter_errors(&value(&document)).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}\n{document}");
        }
    }
    for (kind, count) in [("github", 1), ("gitlab", 1)] {
        let found = blocks(&file("docs/ci.md"), kind);
        assert_eq!(found.len(), count);
        assert!(found.iter().all(|text| value(text).is_object()));
    }
}

#[test]
fn the_gates_in_the_documentation_exist() {
    let page = file("docs/ci.md");
    let lists = page.split("--fail-on ").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let lists: Vec<_> = lists.collect();
    assert_eq!(lists.len(), 5);
    for list in lists {
        Gate::parse_list(list).expect("gates");
    }
}

/// Puts an unknown key into every object of a document, one at a time; the reader says which keys it knows there.
fn known_keys(read: Read, document: &Value) -> BTreeSet<Vec<String>> {
    fn visit(root: &Value, at: &str, out: &mut Vec<String>) {
        match root.pointer(at) {
            Some(Value::Object(fields)) => {
                out.push(at.to_owned());
                fields.keys().for_each(|key| visit(root, &format!("{at}/{key}"), out));
            }
            Some(Value::Array(items)) => {
                (0..items.len()).for_each(|index| visit(root, &format!("{at}/{index}"), out));
            }
            _ => {}
        }
    }
    let mut places = Vec::new();
    visit(document, "", &mut places);
    let mut known = BTreeSet::new();
    for place in places.iter().filter(|place| !place.ends_with("/labels")) {
        let mut changed = document.clone();
        changed.pointer_mut(place).expect("there")["zzzzzz"] = Value::Null;
        let error = read(&changed.to_string()).expect_err("an unknown key is refused");
        let list = error.split("known are ").nth(1).expect("the known keys are told");
        known.insert(list.trim_end_matches(')').split(", ").map(str::to_owned).collect());
    }
    known
}

/// The keys of every object that a schema describes.
fn described_keys(schema: &Value) -> BTreeSet<Vec<String>> {
    let definitions = schema["$defs"].as_object().into_iter().flatten().map(|(_, definition)| definition);
    let objects =
        std::iter::once(schema).chain(definitions).filter_map(|object| object["properties"].as_object());
    objects.map(|fields| fields.keys().cloned().collect::<BTreeSet<_>>().into_iter().collect()).collect()
}

#[test]
fn schemas_know_the_same_keys_as_the_types() {
    let rule = r#"{ "id": "r", "action": "fail", "scope": { "labels": { "a": "b" } }, "finding": {}, "package": {},
                    "image": {}, "coverage": ["files"], "when": "true" }"#;
    let exception = r#"{ "id": "x", "kind": "deferral", "owner": "a", "reason": "b", "expires": "2026-12-31",
                         "scope": { "packages": [{ "name": "x" }] } }"#;
    for ((kind, name, read), document) in KINDS.into_iter().zip([
        format!(r#"{{ "version": 1, "rules": [{rule}] }}"#),
        format!(r#"{{ "version": 1, "exceptions": [{exception}] }}"#),
        r#"{ "version": 1, "owners": [{ "owner": "x", "labels": { "a": "b" } }] }"#.to_owned(),
        r#"{ "db": "x" }"#.to_owned(),
    ]) {
        assert_eq!(read(&document), Ok(()), "{kind}");
        assert!(validator(name).is_valid(&value(&document)), "{kind}");
        assert_eq!(known_keys(read, &value(&document)), described_keys(&schema(name)), "{kind}");
    }
}

#[test]
fn schemas_refuse_what_the_types_refuse() {
    let rule = |rest: &str| format!("version: 1\nrules: [{{ id: r, action: fail, {rest} }}]");
    let exception = |rest: &str| {
        format!("version: 1\nexceptions: [{{ id: x, kind: deferral, owner: a, reason: b, {rest} }}]")
    };
    let owner = |rest: &str| format!("version: 1\nowners: [{{ {rest} }}]");
    for (kind, document, valid) in [
        ("policy", rule("finding: { severity: high }"), true),
        ("policy", rule("finding: { severity: hihg }"), false),
        ("policy", rule("finding: { kinds: [package] }"), false),
        ("policy", rule("finding: { epss: 1 }"), true),
        ("policy", rule("finding: { epss: 1.1 }"), false),
        ("policy", rule("finding: { epss: -0.1 }"), false),
        ("policy", rule("finding: { cvss: 10.0 }"), true),
        ("policy", rule("finding: { cvss: 11 }"), false),
        ("policy", rule("finding: { published_days: -1 }"), false),
        ("policy", rule("finding: { fixable: 1 }"), false),
        ("policy", rule("finding: { ids: x }"), false),
        ("policy", rule("finding: { ids: [''] }"), false),
        ("policy", rule("package: { kinds: [deb, generic] }"), true),
        ("policy", rule("package: { kinds: [dpkg] }"), false),
        ("policy", rule("image: { size_mib: 1.5 }"), false),
        ("policy", rule("coverage: [files]"), true),
        ("policy", rule("image: {}, scope: { owner: shop }"), true),
        ("policy", rule("image: {}, scope: { owner: [shop, 'team-*'] }"), true),
        ("policy", rule("image: {}, scope: { owner: 1 }"), false),
        ("policy", rule("image: {}, scope: { owner: [''] }"), false),
        ("policy", rule("image: {}, scope: { owners: [x] }"), false),
        ("policy", rule("severity: high"), false),
        ("policy", rule("stage: later, image: {}"), false),
        ("policy", "version: 1\nrules: [{ id: a b, action: fail, image: {} }]".into(), false),
        ("policy", "version: 1\nrules: [{ id: a, image: {} }]".into(), false),
        ("policy", "version: 1\nrules: [{ id: a, action: stop, image: {} }]".into(), false),
        ("policy", "version: 2\nrules: [{ id: a, action: fail, image: {} }]".into(), false),
        ("policy", "version: 1\nrules: []".into(), false),
        ("exceptions", exception("expires: 2026-12-31, scope: { ids: [x] }"), true),
        ("exceptions", exception("expires: 2026-02-30, scope: { ids: [x] }"), false),
        ("exceptions", exception("scope: { ids: [x] }"), false),
        ("exceptions", exception("expires: 2026-12-31, scope: {}"), false),
        ("exceptions", exception("expires: 2026-12-31, scope: { ids: [] }"), false),
        ("exceptions", exception("expires: 2026-12-31, scope: { packages: [x] }"), false),
        ("owners", owner("owner: x, images: [a]"), true),
        ("owners", owner("owner: x"), false),
        ("owners", owner("owner: ' ', images: [a]"), false),
        ("project", "fail_on: [high, epss-100, cis-low, any]".into(), true),
        ("project", "fail_on: [epss-0]".into(), false),
        ("project", "fail_on: [info]".into(), false),
        ("project", "fail_on: high".into(), false),
        ("project", "severity: [hihg]".into(), false),
        ("project", "vex: a".into(), false),
        ("project", "expires_within: 0".into(), true),
        ("project", "expires_within: -1".into(), false),
        ("project", "expires_within: soon".into(), false),
    ] {
        let (_, name, read) = KINDS.into_iter().find(|(known, ..)| *known == kind).expect("a kind");
        assert_eq!(read(&document).is_ok(), valid, "{document}: {:?}", read(&document));
        assert_eq!(validator(name).is_valid(&value(&document)), valid, "by its schema: {document}");
    }
}
