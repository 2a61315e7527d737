//! Loading: every code of an error or a warning, everything that can be changed of a rule, and the official files.

use super::*;
use crate::rules::condition::{Check, FieldRef, Operand, Operator, Right};
use crate::rules::diagnostic::{Code, ErrorCode, MAX_DIAGNOSTICS, WarningCode};
use crate::rules::events::EventSet;
use crate::rules::vocabulary::Refusal;
use crate::rules::{Priority, Rule};
use gabion_model::event::EventKind;
use proptest::prelude::*;
use std::fmt::Write as _;

/// Fields by what their names begin with; only `evt.type` looks at values, and only `fd.num` at operators.
struct Few;

impl Few {
    fn field(field: &FieldRef) -> Result<(), Refusal> {
        let known = ["evt.", "proc.", "fd.", "user.", "group.", "container.", "k8s.", "thread.", "ka."];
        if field.name == "proc.unknown" || !known.iter().any(|start| field.name.starts_with(start)) {
            return Err(Refusal::Unknown(format!("unknown field {}", field.name)));
        }
        Ok(())
    }
}

impl Vocabulary for Few {
    fn check(&self, check: &Check) -> Result<(), Refusal> {
        self.output(&check.left)?;
        let values = match &check.right {
            Right::Value(value) => std::slice::from_ref(value),
            Right::List(values) => values,
            Right::None | Right::Field(_) => &[],
        };
        match &check.left {
            Operand::Field(field) if field.name == "evt.type" => values
                .iter()
                .try_for_each(|name| name.parse::<EventKind>().map(|_| ()).map_err(Refusal::Unknown)),
            Operand::Field(field) if field.name == "fd.num" && check.operator == Operator::Contains => {
                Err(Refusal::Invalid("fd.num is a number".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn output(&self, operand: &Operand) -> Result<(), Refusal> {
        operand.fields().into_iter().try_for_each(Self::field)
    }
}

fn files(texts: &[&str]) -> Vec<RuleFile> {
    let file = |(i, text): (usize, &&str)| RuleFile {
        name: format!("{}.yaml", i + 1),
        content: Ok(text.as_bytes().to_vec()),
    };
    texts.iter().enumerate().map(file).collect()
}

fn loaded(texts: &[&str]) -> Loaded {
    load(&files(texts), &Few)
}

/// The rules of files with which nothing is wrong.
fn rules(texts: &[&str]) -> Vec<Rule> {
    let loaded = loaded(texts);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    loaded.rules.rules
}

/// What is told, as `CODE line:column message`.
fn told(texts: &[&str]) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        let position = diagnostic.position();
        format!("{} {}:{} {}", diagnostic.code.as_str(), position.line, position.column, diagnostic.message)
    };
    loaded(texts).diagnostics.iter().map(line).collect()
}

/// The one thing that is told.
fn only(text: &str) -> String {
    let mut told = told(&[text]);
    assert_eq!(told.len(), 1, "{told:#?}");
    told.remove(0)
}

/// A rule with this condition.
fn rule(condition: &str) -> String {
    format!("- rule: R\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

const BASE: &str = "
- rule: R
  desc: d
  condition: evt.type = open
  output: at %fd.name
  priority: warning
  tags: [b, a]
";

#[test]
fn a_rule_is_read() {
    let text = "
- required_engine_version: 15
- required_engine_version: 0.57.0
- list: shells
  items: [sh, bash, '\"a shell\"', 7]
- list: binaries
  items: [shells, cat]
- macro: spawned
  condition: evt.type in (execve, execveat)
- rule: R
  desc: Shells that do harm
  condition: >
    spawned and proc.name in (binaries)
    and not proc.pname = sh
  output: '*shell %12proc.name of %user.name (%toupper(proc.aname[2]))'
  priority: Informational
  tags: [b, a, b]
  enabled: no
  capture: true
  capture_duration: 500
  warn_evttypes: false
  skip-if-unknown-filter: false
  source: syscall
";
    let rules = rules(&[text]);
    let rule = &rules[0];
    assert_eq!(
        rule.condition.to_string(),
        "evt.type in (execve, execveat) and proc.name in (sh, bash, \"a shell\", 7, cat) and not proc.pname = sh"
    );
    assert_eq!(rule.written.trim(), "spawned and proc.name in (binaries) and not proc.pname = sh");
    assert_eq!(rule.output.to_string(), "shell %12proc.name of %user.name (%toupper(proc.aname[2]))");
    assert_eq!(
        (rule.priority, rule.enabled, rule.capture, rule.capture_duration),
        (Priority::Informational, false, true, 500)
    );
    assert_eq!(rule.tags, ["a", "b"]);
    assert_eq!(format!("{:?}", rule.events), "{\"execve\", \"execveat\"}");
    assert_eq!((rule.position.line, rule.position.column), (10, 3));
}

#[test]
fn later_files_change_what_earlier_ones_say() {
    let condition = |change: &str| rules(&[BASE, change])[0].condition.to_string();
    assert_eq!(
        condition("- rule: R\n  condition: and fd.num > 1\n  override: {condition: append}"),
        "evt.type = open and fd.num > 1"
    );
    assert_eq!(
        condition("- rule: R\n  condition: evt.type = bind\n  override: {condition: replace}"),
        "evt.type = bind"
    );
    let change = "
- rule: R
  desc: and more
  output: by %user.name
  tags: [c]
  priority: ERROR
  enabled: false
  capture: true
  capture_duration: 7
  warn_evttypes: false
  skip-if-unknown-filter: true
  override:
    desc: append
    output: append
    tags: append
    priority: replace
    enabled: replace
    capture: replace
    capture_duration: replace
    warn_evttypes: replace
    skip-if-unknown-filter: replace
";
    let rule = &rules(&[BASE, change])[0];
    assert_eq!(
        (rule.description.as_str(), rule.output.to_string().as_str()),
        ("d and more", "at %fd.name by %user.name")
    );
    assert_eq!(
        (rule.priority, rule.enabled, rule.capture, rule.capture_duration),
        (Priority::Error, false, true, 7)
    );
    assert_eq!(rule.tags, ["a", "b", "c"]);
    let replaced = "- rule: R\n  desc: new\n  output: o\n  tags: [z]\n  override: {desc: replace, output: replace, tags: replace}";
    let rule = &rules(&[BASE, replaced])[0];
    assert_eq!((rule.description.as_str(), rule.tags.as_slice()), ("new", &["z".to_owned()][..]));

    let lists = "- list: L\n  items: [a]\n- macro: M\n  condition: proc.name in (L)\n";
    let uses = rule_of("M and evt.type = open");
    let change = "- list: L\n  items: [b]\n  override: {items: append}\n- macro: M\n  condition: or fd.num = 1\n  override: {condition: append}\n";
    assert_eq!(
        rules(&[lists, &uses, change])[0].condition.to_string(),
        "(proc.name in (a, b) or fd.num = 1) and evt.type = open"
    );
    let change =
        "- list: L\n  items: [b]\n  override: {items: replace}\n- macro: M\n  condition: fd.num in (L)\n";
    assert_eq!(rules(&[lists, &uses, change])[0].condition.to_string(), "fd.num in (b) and evt.type = open");
    // A rule that is defined anew keeps its place.
    let two =
        format!("{}{}", rule_of("evt.type = open"), rule_of("evt.type = bind").replace("rule: R", "rule: S"));
    let names: Vec<String> =
        rules(&[&two, &rule_of("evt.type = connect")]).into_iter().map(|rule| rule.name).collect();
    assert_eq!(names, ["R", "S"]);
}

fn rule_of(condition: &str) -> String {
    rule(condition)
}

#[test]
fn the_old_ways_of_change_still_work_and_say_so() {
    let append = "- rule: R\n  condition: and fd.num > 1\n  append: true\n";
    let both = loaded(&[BASE, append, "- rule: R\n  enabled: false\n"]);
    assert_eq!(both.rules.rules[0].condition.to_string(), "evt.type = open and fd.num > 1");
    assert!(!both.rules.rules[0].enabled);
    assert!(both.diagnostics.iter().all(|one| one.code == Code::Warning(WarningCode::DeprecatedItem)));
    assert_eq!(both.diagnostics.len(), 2);
    // What append does not look at is told.
    let told = told(&[BASE, &format!("{append}  tags: [x]\n")]);
    assert!(told[1].starts_with("LOAD_UNKNOWN_KEY 4:3 the key 'tags'"), "{told:?}");
}

#[test]
fn exceptions_become_negated_conditions() {
    let with = |exceptions: &str| {
        let text = format!("{BASE}  exceptions:\n{exceptions}");
        rules(&[&text])[0].condition.to_string()
    };
    assert_eq!(
        with(
            "  - {name: x, fields: [proc.name, fd.name], comps: [=, startswith], values: [[a, /b], ['c d', /e]]}\n"
        ),
        "evt.type = open and not ((proc.name = a and fd.name startswith /b) or (proc.name = \"c d\" and fd.name startswith /e))"
    );
    assert_eq!(
        with("  - {name: x, fields: proc.name, values: [a, 'b c']}\n"),
        "evt.type = open and not proc.name in (a, \"b c\")"
    );
    assert_eq!(
        with(
            "  - {name: x, fields: [proc.name, fd.name], comps: [in, contains oneof], values: [['(a, b)', [c, d]], [e, f]]}\n"
        ),
        "evt.type = open and not ((proc.name in (a, b) and fd.name contains oneof (c, d)) or (proc.name in (e) and fd.name contains oneof (f)))"
    );
    assert_eq!(
        with("  - {name: x, fields: fd.name, comps: startswith anyof, values: [/a]}\n"),
        "evt.type = open and not fd.name startswith anyof (/a)"
    );
    assert_eq!(with("  - {name: x, fields: proc.name}\n"), "evt.type = open");
    assert_eq!(
        with("  - {name: x, fields: [tolower(proc.name)], values: [[a]]}\n"),
        "evt.type = open and not tolower(proc.name) = a"
    );

    let lists = format!(
        "- list: L\n  items: [a, b]\n{BASE}  exceptions:\n  - {{name: x, fields: proc.name, values: [L, c]}}\n"
    );
    let more = "- rule: R\n  exceptions:\n  - {name: x, values: [d]}\n  - {name: y, fields: [fd.num], values: [['1']]}\n  override: {exceptions: append}\n";
    let rules = rules(&[&lists, more]);
    assert_eq!(
        rules[0].condition.to_string(),
        "evt.type = open and not proc.name in (a, b, c, d) and not fd.num = 1"
    );
    let exception = &rules[0].exceptions[0];
    assert_eq!(
        (exception.fields.as_slice(), exception.values),
        (&[("proc.name".to_owned(), "in".to_owned())][..], 3)
    );
}

#[test]
fn exceptions_that_do_not_fit_are_errors() {
    for (exception, message) in [
        ("{name: x, fields: [proc.name, fd.name], comps: [=]}", "2 fields and 1 comps"),
        ("{name: x, fields: [proc.name], comps: [like]}", "\"like\" is no operator"),
        ("{name: x, fields: [proc.name], comps: ['in oneof']}", "\"in oneof\" is no operator"),
        (
            "{name: x, fields: proc.name, comps: [in]}",
            "fields and comps have to be both one word or both a list",
        ),
        ("{name: x, fields: proc.name, comps: startswith}", "with a single field"),
        (
            "{name: x, fields: proc.name, values: [[a]]}",
            "with a single field, values has to be a list of words",
        ),
        ("{name: x, fields: [proc.name], values: [a]}", "the value \"a\" has to be a list"),
        ("{name: x, fields: [proc.name], values: [[a, b]]}", "1 fields and 2 values"),
        ("{name: x, fields: [proc.unknown], values: [[a]]}", "unknown field proc.unknown"),
        ("{name: x, fields: [no field], values: [[a]]}", "\"no field\" is no field"),
    ] {
        let told = only(&format!("{BASE}  exceptions:\n  - {exception}\n"));
        assert!(told.starts_with("LOAD_ERR_VALIDATE 9:5 ") && told.contains(message), "{told}");
    }
    let told =
        only(&format!("{BASE}  exceptions:\n  - {{name: x, fields: [proc.name], values: [[[a, b]]]}}\n"));
    assert!(told.starts_with("LOAD_ERR_COMPILE_CONDITION 9:5 the value (a, b) of proc.name ="), "{told}");
}

/// For each code a text that leads to it, and nothing else that is wrong with it.
fn triggers() -> Vec<(Code, String, &'static str)> {
    use {ErrorCode as E, WarningCode as W};
    let error = |code, text: String, place| (Code::Error(code), text, place);
    let warning = |code, text: String, place| (Code::Warning(code), text, place);
    let text = str::to_owned;
    vec![
        error(E::YamlParse, text("- rule: [\n"), "1:9"),
        error(E::YamlValidate, text("rule: R\n"), "1:1"),
        error(E::CompileCondition, rule("evt.type = open and fd.num contains 1"), "3:34"),
        error(E::CompileOutput, BASE.replace("%fd.name", "%nosuch.field"), "5:14"),
        error(E::Validate, rule("evt.type = open and nosuch"), "3:34"),
        error(
            E::Extension,
            text("- required_plugin_versions: [{name: container, version: 99.0.0}]\n"),
            "1:30",
        ),
        warning(W::UnknownSource, format!("{BASE}  source: k8s_audit\n"), "2:3"),
        warning(W::UnsafeNaCheck, rule("evt.type = open and ka.verb != <NA>"), "3:34"),
        warning(W::NoEvttype, rule("proc.name = cat"), "1:3"),
        warning(W::UnknownFilter, rule("evt.type = nosuch") + "  skip-if-unknown-filter: true\n", "3:14"),
        warning(W::UnusedMacro, text("- macro: m\n  condition: evt.type = open\n"), "1:3"),
        warning(W::UnusedList, text("- list: l\n  items: []\n"), "1:3"),
        warning(W::UnknownItem, text("- something: else\n"), "1:3"),
        warning(W::DeprecatedItem, rule("evt.type = open and evt.dir = <"), "3:34"),
        warning(
            W::WarningExtension,
            text("- required_plugin_versions: [{name: json, version: 0.7.0}]\n"),
            "1:30",
        ),
        warning(
            W::AppendNoValues,
            format!(
                "{BASE}  exceptions: [{{name: x, fields: proc.name}}]\n- rule: R\n  exceptions: [{{name: x}}]\n  override: {{exceptions: append}}\n"
            ),
            "10:16",
        ),
        warning(
            W::ExceptionNameNotUnique,
            format!("{BASE}  exceptions: [{{name: x, fields: fd.num}}, {{name: x, fields: fd.name}}]\n"),
            "8:43",
        ),
        warning(W::InvalidMacroName, text("- macro: a-b\n  condition: evt.type = open\n"), "1:3"),
        warning(W::InvalidListName, text("- list: a b\n  items: []\n"), "1:3"),
        warning(W::CompileCondition, rule("evt.type = open and proc.name = proc.pname"), "3:34"),
        warning(W::UnknownKey, format!("{BASE}  prio: 1\n"), "8:3"),
    ]
}

#[test]
fn every_code_is_told_with_its_place() {
    for (code, text, place) in triggers() {
        let loaded = loaded(&[&text]);
        let position = |one: &Diagnostic| format!("{}:{}", one.position().line, one.position().column);
        let found = loaded.diagnostics.iter().find(|one| one.code == code);
        let found = found.unwrap_or_else(|| panic!("{}: {:#?}", code.as_str(), loaded.diagnostics));
        assert_eq!(position(found), place, "{} in {text}", code.as_str());
        assert_eq!(loaded.has_errors(), matches!(code, Code::Error(_)), "{:#?}", loaded.diagnostics);
        // A name that no condition can name is also unused; nothing else is told beside.
        assert!(loaded.diagnostics.len() <= 2, "{:#?}", loaded.diagnostics);
        assert!(found.snippet.ends_with("^\n"));
    }
    let unreadable = RuleFile { name: "gone.yaml".to_owned(), content: Err("no such file".to_owned()) };
    let loaded = load(&[unreadable], &Few);
    assert_eq!(loaded.diagnostics[0].code, Code::Error(ErrorCode::FileRead));

    let tried: Vec<Code> = triggers().into_iter().map(|(code, ..)| code).collect();
    let errors = ErrorCode::ALL.iter().map(|code| Code::Error(*code));
    let all = errors.chain(WarningCode::ALL.iter().map(|code| Code::Warning(*code)));
    for code in all.filter(|code| *code != Code::Error(ErrorCode::FileRead)) {
        assert!(tried.contains(&code), "nothing leads to {}", code.as_str());
    }
    assert_eq!((ErrorCode::ALL.len(), WarningCode::ALL.len()), (7, 15));
}

#[test]
fn items_that_are_wrong_are_told() {
    for (text, expected) in [
        ("- 7\n", "LOAD_ERR_YAML_VALIDATE 1:3 an item has to be a mapping"),
        ("- rule: R\n  desc: d\n", "LOAD_ERR_YAML_VALIDATE 1:3 the key 'condition' is missing"),
        ("- rule: [R]\n", "LOAD_ERR_YAML_VALIDATE 1:9 the value of 'rule' has to be a single value"),
        ("- list: l\n  items: x\n", "LOAD_ERR_YAML_VALIDATE 2:10 the value of 'items' has to be a list"),
        ("- list: l\n  items: [[x]]\n", "LOAD_ERR_YAML_VALIDATE 2:11 an item has to be a single value"),
        ("- macro: m\n  condition:\n", "LOAD_ERR_YAML_VALIDATE "),
        ("- macro: m\n  condition: ''\n", "LOAD_ERR_YAML_VALIDATE 2:14 the value of 'condition' is empty"),
        (
            "- macro: m\n  condition: evt.type = open\n  append: maybe\n",
            "LOAD_ERR_YAML_VALIDATE 3:11 the value of 'append' has to be true or false",
        ),
        (
            "- macro: m\n  condition: and a\n  override: {condition: append}\n",
            "LOAD_ERR_VALIDATE 1:3 there is no macro 'm' yet",
        ),
        (
            "- list: m\n  items: []\n  override: {items: append}\n",
            "LOAD_ERR_VALIDATE 1:3 there is no list 'm' yet",
        ),
        (
            "- rule: R\n  condition: and a\n  override: {condition: append}\n",
            "LOAD_ERR_VALIDATE 1:3 there is no rule 'R' yet",
        ),
        (
            "- required_engine_version: 0.99.0\n",
            "LOAD_ERR_VALIDATE 1:3 the rules need engine version 0.99.0; this is 0.63.0",
        ),
        ("- required_engine_version: 0.26\n", "LOAD_ERR_YAML_VALIDATE 1:3 the engine version \"0.26\""),
        (
            "- required_plugin_versions: [{name: json, version: 1}]\n",
            "LOAD_ERR_VALIDATE 1:30 the version \"1\" of plugin 'json'",
        ),
        (
            "- required_plugin_versions: [{name: json}]\n",
            "LOAD_ERR_YAML_VALIDATE 1:30 the key 'version' is missing",
        ),
        ("- macro: m\n  condition: evt.type = 'open\n", "LOAD_ERR_COMPILE_CONDITION 2:25 expected a value"),
        (
            "- list: l\n  items: [\"'open\"]\n",
            "LOAD_ERR_VALIDATE 1:3 the item \"'open\": expected a closing quote",
        ),
    ] {
        let told = told(&[text]);
        assert!(told[0].starts_with(expected), "{told:#?}\n{text}");
    }
    let on_base = |change: &str| told(&[BASE, change]).remove(0);
    for (change, expected) in [
        (
            "- rule: R\n  priority: x\n  override: {priority: replace}\n",
            "LOAD_ERR_YAML_VALIDATE 2:13 \"x\" is no priority",
        ),
        (
            "- rule: R\n  priority: x\n  override: {priority: append}\n",
            "LOAD_ERR_YAML_VALIDATE 3:14 'priority' cannot be appended to",
        ),
        (
            "- rule: R\n  priority: x\n  override: {source: replace}\n",
            "LOAD_ERR_YAML_VALIDATE 3:14 'source' is nothing that can be overridden",
        ),
        (
            "- rule: R\n  desc: x\n  override: {desc: remove}\n",
            "LOAD_ERR_YAML_VALIDATE 3:20 'desc' can be overridden by",
        ),
        (
            "- rule: R\n  desc: x\n  output: y\n  override: {desc: replace}\n",
            "LOAD_ERR_YAML_VALIDATE 3:11 the key 'output' is there, but",
        ),
        (
            "- rule: R\n  override: {desc: replace}\n",
            "LOAD_ERR_YAML_VALIDATE 1:3 'desc' is to be overridden, but is not there",
        ),
        (
            "- rule: R\n  source: other\n  desc: x\n  override: {desc: replace}\n",
            "LOAD_ERR_VALIDATE 1:3 the source of rule 'R' is \"syscall\" already",
        ),
    ] {
        let told = on_base(change);
        assert!(told.starts_with(expected), "{told}\n{change}");
    }
    let both = told(&[BASE, "- rule: R\n  desc: x\n  append: true\n  override: {desc: append}\n"]);
    assert!(
        both[1].starts_with("LOAD_ERR_YAML_VALIDATE 1:3 'append: true' and 'override' exclude each other"),
        "{both:?}"
    );
}

#[test]
fn a_problem_within_a_macro_is_told_once_and_by_both_places() {
    let text = format!(
        "- macro: inner\n  condition: fd.num contains 1\n- macro: outer\n  condition: inner or fd.num = 2\n{}{}",
        rule("evt.type = open and outer"),
        rule("evt.type = bind and outer").replace("rule: R", "rule: S")
    );
    let loaded = loaded(&[&text]);
    assert_eq!(loaded.diagnostics.len(), 1, "{:#?}", loaded.diagnostics);
    let chain: Vec<String> = loaded.diagnostics[0]
        .locations
        .iter()
        .map(|location| {
            format!(
                "{} {} {}:{}",
                location.item, location.name, location.position.line, location.position.column
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            "rules content  1:1",
            "rule R 5:3",
            "rule condition  7:14",
            "macro inner 1:3",
            "macro condition  2:14",
            "condition expression  2:14"
        ]
    );
}

#[test]
fn macros_may_use_what_was_defined_before() {
    let later = "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type = open\n";
    assert_eq!(told(&[later])[0], "LOAD_ERR_VALIDATE 2:14 undefined macro 'b': it is defined later");
    // Defined anew, the first macro may use the second.
    assert!(
        !loaded(&[
            "- macro: a\n  condition: evt.type = bind\n",
            "- macro: b\n  condition: evt.type = open\n- macro: a\n  condition: b\n"
        ])
        .has_errors()
    );
    let circle = [
        "- macro: a\n  condition: evt.type = bind\n- macro: b\n  condition: a\n",
        "- macro: a\n  condition: b\n",
    ];
    let told = told(&circle);
    assert!(
        told.iter()
            .any(|one| one.starts_with("LOAD_ERR_VALIDATE") && one.contains("reference loop in macro '")),
        "{told:?}"
    );
    let circle = "- list: a\n  items: [x]\n- list: b\n  items: [a]\n- list: a\n  items: [b]\n";
    assert!(loaded(&[circle]).has_errors());
}

#[test]
fn files_are_read_on_after_what_is_wrong() {
    let text = format!(
        "- rule: broken\n  condition: 1\n- nonsense: 1\n{BASE}---\n{}",
        rule("evt.type = bind").replace("rule: R", "rule: S")
    );
    let loaded = loaded(&[&text]);
    let names: Vec<&str> = loaded.rules.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["R", "S"]);
    assert_eq!(loaded.diagnostics.len(), 2);
    let not_text = RuleFile { name: "x".to_owned(), content: Ok(b"- a: 1\n- b: \xff\n".to_vec()) };
    let loaded = load(&[not_text], &Few);
    assert_eq!((loaded.diagnostics[0].position().line, loaded.diagnostics[0].position().column), (2, 6));
}

#[test]
fn hostile_files_meet_limits() {
    let mut text = "- list: l\n  items:\n".to_owned();
    (0..100_000).for_each(|i| writeln!(text, "  - /usr/bin/program-{i}").expect("a string"));
    text += &rule("evt.type = open and proc.exepath in (l)");
    let loaded_rules = rules(&[&text]);
    assert!(
        matches!(&loaded_rules[0].condition.checks()[1].right, Right::List(values) if values.len() == 100_000)
    );

    let mut bomb = "- macro: m0\n  condition: evt.type = open\n".to_owned();
    (1..60)
        .for_each(|i| writeln!(bomb, "- macro: m{i}\n  condition: m{0} or m{0}", i - 1).expect("a string"));
    bomb += &rule("m59");
    assert!(told(&[&bomb])[0].starts_with("LOAD_ERR_VALIDATE"), "{:?}", told(&[&bomb]));

    let mut bomb = "- list: l0\n  items: [x, y]\n".to_owned();
    (1..60).for_each(|i| writeln!(bomb, "- list: l{i}\n  items: [l{0}, l{0}]", i - 1).expect("a string"));
    assert!(told(&[&bomb])[0].contains("lists have more than"));

    let many = loaded(&["- a: 1\n".repeat(3 * MAX_DIAGNOSTICS).as_str()]);
    assert_eq!(many.diagnostics.len(), MAX_DIAGNOSTICS);
    assert!(many.has_errors());
}

#[test]
fn the_examples_of_the_documentation_load() {
    let page = include_str!("../../../../../docs/rules.md");
    let examples =
        page.split("```yaml rules\n").skip(1).map(|rest| rest.split_once("```").expect("its end").0);
    for example in examples.clone() {
        let loaded = load(&files(&[example]), &crate::engine::Fields);
        assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
        assert_eq!(loaded.rules.rules.len(), 1);
    }
    assert_eq!(examples.count(), 2);
    // Every code is on the page.
    let errors = ErrorCode::ALL.iter().map(|code| code.as_str());
    for code in errors.chain(WarningCode::ALL.iter().map(|code| code.as_str())) {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn the_official_rules_load_unchanged() {
    let data = std::env::var_os("GABION_TEST_DATA")
        .map_or_else(|| "../../../shared/data".into(), std::path::PathBuf::from);
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let read = |name: &&str| std::fs::read(data.join("falco-rules").join(name)).ok();
    let Some(contents) = names.iter().map(read).collect::<Option<Vec<_>>>() else {
        assert!(std::env::var_os("CI").is_none(), "the official rules are not there");
        return not_run("the official rules are not there");
    };
    let files: Vec<RuleFile> = names
        .iter()
        .zip(contents)
        .map(|(name, content)| RuleFile { name: (*name).to_owned(), content: Ok(content) })
        .collect();
    let loaded = load(&files, &crate::engine::Fields);
    let unexpected: Vec<&Diagnostic> = loaded
        .diagnostics
        .iter()
        .filter(|one| !matches!(one.code, Code::Warning(WarningCode::UnusedMacro | WarningCode::UnusedList)))
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(loaded.rules.rules.len(), 93);
    assert_eq!(loaded.rules.rules.iter().filter(|rule| !rule.enabled).count(), 12);
    let events = loaded.rules.rules.iter().map(|rule| rule.events).fold(EventSet::default(), EventSet::union);
    assert!(events.len() >= 41, "{events:?}");
}

#[expect(clippy::print_stdout, reason = "a test that did not run has to say so")]
fn not_run(why: &str) {
    println!("not run: {why}");
}

proptest! {
    #[test]
    fn no_file_panics(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "- rule: R\n", "- macro: m\n", "- list: l\n", "  condition: ", "  items: ", "  desc: d\n", "  output: %proc.name\n",
        "  priority: INFO\n", "  exceptions:\n", "  - name: x\n", "    fields: ", "    values: ", "    comps: ", "[a, b]\n",
        "evt.type = open", " and m", "\n", "  override: {condition: append}\n", "  append: true\n", "- required_engine_version: ",
        "1\n", "&a ", "*a\n", "|\n    x\n", ">-\n", "'", "\"", "[", "]", "{", "}", "  enabled: false\n", "é", "\t", "---\n",
    ]), 0..30)) {
        let _ = loaded(&[&pieces.concat(), BASE]);
    }

    #[test]
    fn no_change_of_a_byte_panics(at in 0..1000_usize, byte in any::<u8>()) {
        let mut text = format!("{BASE}  exceptions:\n  - {{name: x, fields: [proc.name], values: [[a]]}}\n").into_bytes();
        let at = at % text.len();
        text[at] = byte;
        let _ = load(&[RuleFile { name: "x".to_owned(), content: Ok(text) }], &Few);
    }
}

#[test]
fn a_rule_may_count() {
    let with = |count: &str| format!("{BASE}  count: {count}\n");
    let count = |text: &str| rules(&[text])[0].count.as_ref().map(ToString::to_string);
    assert_eq!(count(BASE), None);
    for (written, read) in [
        ("{at_least: 20, within: 30s}", "at least 20 matches within 30s"),
        (
            "{distinct: fd.rip, at_least: 2, within: 60s, per: proc.pid}",
            "at least 2 different fd.rip within 1m, for each proc.pid",
        ),
        (
            "{distinct: [fd.rip, 'proc.aname[2]'], at_least: 1000, within: 24h, per: [container.id, tolower(proc.name)]}",
            "at least 1000 different fd.rip and proc.aname[2] within 24h, for each container.id and tolower(proc.name)",
        ),
    ] {
        assert_eq!(count(&with(written)).as_deref(), Some(read));
    }
    let changed = "- rule: R\n  count: {at_least: 3, within: 90s}\n  override: {count: replace}\n";
    let changed = rules(&[&with("{at_least: 20, within: 30s}"), changed]);
    let changed = changed[0].count.as_ref().map(ToString::to_string);
    assert_eq!(changed.as_deref(), Some("at least 3 matches within 90s"));
    let one = only(&format!(
        "{BASE}- rule: R\n  count: {{at_least: 3, within: 90s}}\n  override: {{count: append}}\n"
    ));
    assert!(one.contains("'count' cannot be appended to"), "{one}");
}

#[test]
fn what_is_wrong_with_counting_is_told() {
    for (count, part) in [
        ("x", "LOAD_ERR_YAML_VALIDATE"),
        ("{}", "LOAD_ERR_YAML_VALIDATE"),
        ("{at_least: 3}", "the key 'within' is missing"),
        ("{within: 3s}", "the key 'at_least' is missing"),
        ("{at_least: 1, within: 3s}", "'at_least' has to be from 2 to 1000"),
        ("{at_least: 1001, within: 3s}", "'at_least' has to be from 2 to 1000"),
        ("{at_least: many, within: 3s}", "has to be a number"),
        ("{at_least: 3, within: 3}", "a time such as 30s, 5m or 1h"),
        ("{at_least: 3, within: é}", "a time such as"),
        ("{at_least: 3, within: 0s}", "a time such as"),
        ("{at_least: 3, within: 99999999999999999999h}", "a time such as"),
        ("{at_least: 3, within: 25h}", "a day at most"),
        ("{at_least: 3, within: 3s, for: proc.pid}", "'count' knows 'distinct'"),
        ("{at_least: 3, within: 3s, per: {a: b}}", "the value of 'per' has to be a list"),
        ("{at_least: 3, within: 3s, per: nothing.known}", "LOAD_ERR_COMPILE_CONDITION"),
        ("{at_least: 3, within: 3s, distinct: ['(']}", "LOAD_ERR_COMPILE_CONDITION"),
    ] {
        let told = only(&format!("{BASE}  count: {count}\n"));
        assert!(told.contains(part), "{count}: {told}");
    }
    let skipped = only(&format!(
        "{BASE}  count: {{at_least: 3, within: 3s, per: proc.unknown}}\n  skip-if-unknown-filter: true\n"
    ));
    assert!(skipped.starts_with("LOAD_UNKNOWN_FILTER") && skipped.contains("proc.unknown"), "{skipped}");
}
