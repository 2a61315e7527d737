//! What the grammar takes and refuses, and what it makes of what it takes.

use super::*;
use crate::rules::condition::{Check, Condition, ConditionError, Right, parse_resolved};
use crate::rules::resolve::{ResolveProblem, resolve};
use proptest::prelude::*;

fn resolved(text: &str) -> Condition {
    parse_resolved(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(text: &str) -> Check {
    match resolved(text) {
        Condition::Check(check) => check,
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn boolean_operators_bind_as_usual() {
    for (text, printed) in [
        ("a.b=1 or b.b=2 and c.c=3", "a.b = 1 or (b.b = 2 and c.c = 3)"),
        ("not a.b=1 and c.d=2", "not a.b = 1 and c.d = 2"),
        ("not not a.b exists", "a.b exists"),
        ("not(a.b=1)and(not(b.b=2))", "not a.b = 1 and not b.b = 2"),
        ("not not(a.b=1 or c.d=2)", "a.b = 1 or c.d = 2"),
        ("a.a=1 and (b.b=2 and (c.c=3))", "a.a = 1 and b.b = 2 and c.c = 3"),
        ("a.b = 1 or(c.d = 2) and e.f = 3", "a.b = 1 or (c.d = 2 and e.f = 3)"),
        ("  \n a.b\n=\n1 ", "a.b = 1"),
        ("((((a.b exists))))", "a.b exists"),
    ] {
        assert_eq!(resolved(text).to_string(), printed, "{text}");
    }
}

#[test]
fn operators_say_what_they_compare_with() {
    for operator in [
        "=",
        "==",
        "!=",
        "contains",
        "icontains",
        "bcontains",
        "startswith",
        "bstartswith",
        "endswith",
        "glob",
        "iglob",
        "regex",
    ] {
        assert_eq!(check(&format!("a.b {operator} 12ab")).right, Right::Value("12ab".to_owned()));
        let list = check(&format!("a.b {operator} anyof (x, 'y z')"));
        assert_eq!(list.quantifier, Some(Quantifier::Any));
        assert_eq!(list.right, Right::List(vec!["x".to_owned(), "y z".to_owned()]));
    }
    for operator in ["<", "<=", ">", ">="] {
        assert_eq!(
            check(&format!("a.b {operator} -0x1F").replace('-', "")).right,
            Right::Value("0x1F".to_owned())
        );
        assert!(parse(&format!("a.b {operator} word")).is_err());
        assert!(parse(&format!("a.b {operator} oneof (1)")).is_err());
    }
    for operator in ["in", "intersects", "pmatch"] {
        assert_eq!(check(&format!("a.b {operator}()")).right, Right::List(Vec::new()));
        assert_eq!(check(&format!("a.b {operator} (x)")).right, Right::List(vec!["x".to_owned()]));
        assert_eq!(check(&format!("a.b {operator} x")).right, Right::List(vec!["x".to_owned()]));
        assert!(parse(&format!("a.b {operator} oneof (x)")).is_err());
    }
    assert_eq!(check("a.b exists").right, Right::None);
}

#[test]
fn a_modifier_without_a_list_is_a_value() {
    assert_eq!(check("a.b = oneof").right, Right::Value("oneof".to_owned()));
    assert_eq!(resolved("a.b = oneof and c.d = 1").to_string(), "a.b = \"oneof\" and c.d = 1");
    assert_eq!(check("a.b contains allof shells").quantifier, Some(Quantifier::All));
    assert_eq!(check("a.b == oneof (x)").quantifier, Some(Quantifier::One));
}

#[test]
fn words_end_at_what_has_a_meaning() {
    assert_eq!(check("fd.name=/var/*.log").right, Right::Value("/var/*.log".to_owned()));
    assert_eq!(check("a.b = x:/\\.;!$%^&*[]{}|").right, Right::Value("x:/\\.;!$%^&*[]{}|".to_owned()));
    assert_eq!(check("a.b = not").right, Right::Value("not".to_owned()));
    assert_eq!(check("evt.arg[0] = <").right, Right::Value("<".to_owned()));
    assert_eq!(check("a.b = b.c").right, Right::Value("b.c".to_owned()));
}

#[test]
fn arguments_of_fields_may_be_quoted() {
    let argument = |text| match check(text).left {
        Operand::Field(field) => field.argument,
        other => panic!("{other}"),
    };
    assert_eq!(argument("proc.aname[2] = x"), Some("2".to_owned()));
    assert_eq!(argument("a.b[/proc*(1)] exists"), Some("/proc*(1)".to_owned()));
    assert_eq!(argument(r#"a.b["with \"quotes\" ]"] exists"#), Some("with \"quotes\" ]".to_owned()));
    assert_eq!(argument("a.b[''] exists"), Some(String::new()));
    assert_eq!(argument("a.b exists"), None);
}

#[test]
fn transformers_are_a_tree() {
    let text = r#"concat(proc.name, "-", tolower( proc.pname )) = join(",", (proc.name, 'x', 3))"#;
    let printed = r#"concat(proc.name, "-", tolower(proc.pname)) = join(",", (proc.name, "x", "3"))"#;
    assert_eq!(check(text).to_string(), printed);
    let getopt = check("getopt(proc.args, \"nt:\")[t] = a").left;
    let Operand::Transformed { transformer, .. } = &getopt else { panic!("{getopt}") };
    assert_eq!(*transformer, Transformer::GetOpt(Some('t')));
    assert_eq!(check("a.b in val(c.d[x])").to_string(), "a.b in val(c.d[x])");
    assert_eq!(check("len(b64(a.b)) >= len(c.d)").to_string(), "len(b64(a.b)) >= len(c.d)");
    for wrong in [
        "val(a.b) exists",
        "b64(val(a.b)) exists",
        "a.b = val(tolower(c.d))",
        "b64 (a.b) exists",
        "b64(a.b)[x] exists",
        "b64(a.b, c.d) exists",
        "concat(a.b) exists",
        "concat(a.b, (c.d)) exists",
        "join((a.b), (c.d)) exists",
        "join(',', (a.b, (c.d))) exists",
        "getopt(a.b) exists",
        "getopt(a.b, 'x')[xy] exists",
        "fake(a.b) exists",
        "b64(a.b exists",
        "b64() exists",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_error_tells_its_place_and_what_could_stand_there() {
    let error = |text| {
        let error = parse(text).expect_err(text);
        (error.span.clone(), error.line, error.column, error.to_string())
    };
    let (span, line, column, message) = error("a.b = 1\n  an c");
    assert_eq!((span, line, column), (10..12, 2, 3));
    assert_eq!(message, "expected 'and', 'or' or the end, found \"an\"");
    let (span, _, column, message) = error("a.b = ");
    assert_eq!((span, column), (6..6, 7));
    assert_eq!(message, "expected a value, val( or a transformer, found the end");
    assert_eq!(error("é.b = 1 and").3, "expected a field, a macro, 'not' or '(', found \"é.b\"");
    assert!(error("a.b likes x").3.starts_with("expected exists, =, "));
    assert_eq!(error("a.b = 'x\\d'").0, 8..10);
}

#[test]
fn refuses_what_is_no_condition() {
    for wrong in [
        "",
        " ",
        "and a",
        "a and",
        "a or b and",
        "a b",
        "a andb",
        "a and or b",
        "a not b",
        "(a)andnot(b)",
        "not",
        "(a",
        "a)",
        "a.b",
        "a.b = ",
        "a.b = a,",
        "a.b = b = 1",
        "a.b === c",
        "a.b startswithx",
        "a.b > 1x",
        "a.b in (",
        "a.b in (x,)",
        "a.b in (,)",
        "a.b in (x y)",
        "a.b = (x)",
        "a.b[] = x",
        "a.b[x = y",
        "a.b[ x ] = y",
        "a.b = 'x",
        "a.b = 'x'y'",
        "#a",
    ] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn depth_and_length_have_limits() {
    let nested = |depth: usize| format!("{}a.b exists{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(MAX_DEPTH)).is_ok());
    let problem = |text: &str| parse(text).expect_err("too deep").problem;
    assert_eq!(problem(&nested(MAX_DEPTH + 1)), Problem::Depth);
    assert_eq!(problem(&"(".repeat(1_000_000)), Problem::Depth);
    assert_eq!(problem(&"not(".repeat(1_000_000)), Problem::Depth);
    assert_eq!(problem(&"b64(".repeat(1_000_000)), Problem::Depth);
    assert_eq!(problem(&"a".repeat(MAX_TEXT + 1)), Problem::Length);
    assert!(parse(&format!("{}a.b exists", "not ".repeat(1_000_000))).is_ok());
}

#[test]
fn a_list_of_100_000_values_is_read() {
    let values: Vec<String> = (0..100_000).map(|i| format!("/usr/bin/program-{i}")).collect();
    let text = format!("proc.exepath in ({})", values.join(", "));
    assert_eq!(check(&text).right, Right::List(values));
}

/// Definitions for tests: each macro is written in the text of others.
struct Table(Vec<(String, Parsed)>, Vec<(String, Vec<String>)>);

impl crate::rules::resolve::Definitions for Table {
    fn macro_(&self, name: &str) -> Option<&Parsed> {
        self.0.iter().find(|(one, _)| one == name).map(|(_, parsed)| parsed)
    }

    fn list(&self, name: &str) -> Option<&[String]> {
        self.1.iter().find(|(one, _)| one == name).map(|(_, values)| values.as_slice())
    }
}

fn table(macros: &[(&str, &str)], lists: &[(&str, &[&str])]) -> Table {
    let macros = macros.iter().map(|(name, text)| ((*name).to_owned(), parse(text).expect("parses")));
    let lists = lists
        .iter()
        .map(|(name, values)| ((*name).to_owned(), values.iter().map(|v| (*v).to_owned()).collect()));
    Table(macros.collect(), lists.collect())
}

#[test]
fn macros_and_lists_are_put_in() {
    let table = table(
        &[("spawned", "evt.type in (execve, more) and success"), ("success", "evt.res = ok")],
        &[("more", &["execveat", "clone"]), ("ok", &["SUCCESS"]), ("none", &[])],
    );
    let resolve =
        |text| resolve(&parse(text).expect("parses"), &table).map(|condition| condition.to_string());
    assert_eq!(
        resolve("spawned and not (spawned or proc.name in (none, 'more'))").expect("resolves"),
        "evt.type in (execve, execveat, clone) and evt.res = SUCCESS and \
         not ((evt.type in (execve, execveat, clone) and evt.res = SUCCESS) or proc.name in (more))"
    );
    let error = resolve("a.b = 1 and a.c = more").expect_err("two values for one");
    assert_eq!(error.span, 18..22);
    assert_eq!(error.to_string(), "list 'more' has 2 values where one has to stand");
    assert_eq!(resolve("a.b=1 or missing").expect_err("missing").to_string(), "undefined macro 'missing'");
}

#[test]
fn loops_and_bombs_of_macros_meet_a_limit() {
    let table_of_loops = table(&[("a", "b or x.y = 1"), ("b", "not a")], &[]);
    let error = resolve(&parse("x.z exists and a").expect("parses"), &table_of_loops).expect_err("a loop");
    assert_eq!((error.span, error.problem), (15..16, ResolveProblem::Loop("a".to_owned())));

    let names: Vec<String> = (0..40).map(|i| format!("m{}x", "y".repeat(i))).collect();
    let texts: Vec<String> = names.iter().skip(1).map(|next| format!("{next} or {next}")).collect();
    let mut macros: Vec<(&str, &str)> =
        names.iter().zip(&texts).map(|(name, text)| (name.as_str(), text.as_str())).collect();
    macros.push((names[39].as_str(), "a.b = 1"));
    let bomb = resolve(&parse(&names[0]).expect("parses"), &table(&macros, &[])).expect_err("a bomb");
    assert_eq!(bomb.problem, ResolveProblem::TooLarge);

    let many: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let text = format!("a.b in ({})", ["many"; 1001].join(","));
    let error = resolve(&parse(&text).expect("parses"), &table(&[], &[("many", &many)])).expect_err("a bomb");
    assert_eq!(error.problem, ResolveProblem::TooLarge);
}

#[test]
fn a_macro_in_a_condition_on_its_own_is_an_error() {
    assert!(matches!(parse_resolved("shells"), Err(ConditionError::Resolve(_))));
}

fn any_operand() -> impl Strategy<Value = Operand> {
    let field = ("[a-z]{1,6}\\.[a-z_]{1,6}", proptest::option::of("[ -~é]{0,6}"))
        .prop_filter("a name begins with a letter", |(name, _)| !name.contains("._"))
        .prop_map(|(name, argument)| Operand::Field(FieldRef { name, argument }));
    field.prop_recursive(3, 8, 3, |inner| {
        let one = proptest::sample::select(vec![Transformer::ToLower, Transformer::Base64, Transformer::Len]);
        prop_oneof![
            (one, inner.clone())
                .prop_map(|(transformer, x)| Operand::Transformed { transformer, arguments: vec![x] }),
            (proptest::collection::vec(inner.clone(), 1..3), "\\PC{0,5}").prop_map(
                |(mut arguments, text)| {
                    arguments.push(Operand::Literal(text));
                    Operand::Transformed { transformer: Transformer::Concat, arguments }
                }
            ),
            (proptest::collection::vec(inner, 0..3), "\\PC{0,5}").prop_map(|(list, text)| {
                let arguments = vec![Operand::Literal(text), Operand::List(list)];
                Operand::Transformed { transformer: Transformer::Join, arguments }
            }),
        ]
    })
}

fn any_check() -> impl Strategy<Value = Condition> {
    let texts = proptest::sample::select(vec![Operator::Equal, Operator::IContains, Operator::Regex]);
    let lists = proptest::sample::select(vec![Operator::In, Operator::Pmatch]);
    let quantifier = proptest::option::of(proptest::sample::select(vec![Quantifier::One, Quantifier::All]));
    let value = ".{0,8}";
    let right = prop_oneof![
        Just((Operator::Exists, None, Right::None)),
        (texts.clone(), value).prop_map(|(operator, value)| (operator, None, Right::Value(value))),
        (lists, proptest::collection::vec(value, 0..4)).prop_map(|(operator, values)| (
            operator,
            None,
            Right::List(values)
        )),
        (texts.clone(), quantifier, proptest::collection::vec(value, 0..4)).prop_filter_map(
            "a modifier",
            |(operator, quantifier, values)| quantifier.map(|_| (operator, quantifier, Right::List(values)))
        ),
        (texts, any_operand()).prop_map(|(operator, operand)| (operator, None, Right::Field(operand))),
        any::<i32>().prop_map(|number| (Operator::GreaterEqual, None, Right::Value(number.to_string()))),
    ];
    (any_operand(), right).prop_map(|(left, (operator, quantifier, right))| {
        Condition::Check(Check { left, operator, quantifier, right, span: 0..0 })
    })
}

fn any_condition() -> impl Strategy<Value = Condition> {
    any_check().prop_recursive(4, 24, 4, |inner| {
        let many = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            many.clone().prop_map(Condition::And),
            many.prop_map(Condition::Or),
            inner.prop_map(|child| Condition::Not(Box::new(child))),
        ]
    })
}

/// Without places, and with everything that the resolver joins joined.
fn plain(condition: Condition) -> Condition {
    let joined = |children: Vec<Condition>, and: bool| {
        let mut out = Vec::new();
        for child in children {
            match (plain(child), and) {
                (Condition::And(inner), true) | (Condition::Or(inner), false) => out.extend(inner),
                (other, _) => out.push(other),
            }
        }
        out
    };
    match condition {
        Condition::And(children) => Condition::And(joined(children, true)),
        Condition::Or(children) => Condition::Or(joined(children, false)),
        Condition::Not(child) => match plain(*child) {
            Condition::Not(inner) => *inner,
            inner => Condition::Not(Box::new(inner)),
        },
        Condition::Check(check) => Condition::Check(Check { span: 0..0, ..check }),
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(condition in any_condition()) {
        let text = condition.to_string();
        let parsed = parse_resolved(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        prop_assert_eq!(plain(parsed), plain(condition), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_pile_of_tokens_panics(tokens in proptest::collection::vec(proptest::sample::select(vec![
        "a.b", "[", "]", "x", "(", ")", "and", "or", "not", " ", " = ", "in", "oneof", "val(", "b64(", "join(", ",",
        "'", "\"", "\\", "1", "<", "exists", "\n", "é",
    ]), 0..40)) {
        let text = tokens.concat();
        match parse(&text) {
            Ok(parsed) => {
                let _ = resolve(&parsed, &crate::rules::resolve::Nothing);
            }
            Err(error) => prop_assert!(text.get(error.span).is_some()),
        }
    }
}
