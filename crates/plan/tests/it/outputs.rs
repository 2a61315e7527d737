//! What people see, as snapshots; and that the JSON is what its schema says.

use crate::{planned, planned_by, sample::*};
use gabion_model::{Aspect, FindingKind, ScanReport, Status};
use gabion_plan::{Options, Plan, svg, table, tickets};

/// A small fleet with one of everything.
fn company() -> Vec<ScanReport> {
    let mut fleet = fleet(8, 14, 0);
    blamed(&mut fleet[6], FindingKind::Secret, "aws-access-key-id", "srv/.env", Some(3));
    blamed(&mut fleet[7], FindingKind::Misconfiguration, "runs-as-root", "config:User", None);
    let labels = &mut fleet[8].config.as_mut().expect("an image").labels;
    labels.insert("org.opencontainers.image.base.name".to_owned(), "docker.io/library/node:22".to_owned());
    fleet[9].coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    fleet.push(directory("/srv/legacy"));
    fleet
}

fn validator() -> jsonschema::Validator {
    let schema = include_str!("../../../../schema/plan-1.schema.json");
    jsonschema::validator_for(&serde_json::from_str(schema).expect("JSON")).expect("a schema")
}

fn checked(plan: &Plan) {
    let json = serde_json::to_value(plan).expect("writes");
    let errors: Vec<String> =
        validator().iter_errors(&json).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(&serde_json::from_value::<Plan>(json).expect("reads"), plan);
}

#[test]
fn json_is_what_the_schema_says_and_comes_back() {
    checked(&planned(&company()));
    checked(&planned(&[]));
    checked(&planned(&[image("one", &["a"])]));
    checked(&planned_by(&company(), &rules(), &Options { max_changes: Some(1), ..Options::default() }));
}

#[test]
fn the_table() {
    insta::assert_snapshot!(table(&planned(&company()), 100, false));
}

#[test]
fn the_table_of_a_budget_on_a_narrow_terminal() {
    let two = Options { max_changes: Some(2), ..Options::default() };
    insta::assert_snapshot!(table(&planned_by(&company(), &rules(), &two), 60, false));
}

#[test]
fn the_tickets() {
    let tickets = tickets(&planned(&company()));
    let text: Vec<String> =
        tickets.iter().map(|t| format!("=== {:?}\n{}\n{}", t.owner, t.title, t.markdown)).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn the_picture() {
    insta::assert_snapshot!(svg(&planned(&company())));
}

#[test]
fn many_leaves_alike_are_one_box() {
    let picture = svg(&planned(&fleet(50, 20, 0)));
    assert!(picture.contains(", each with a change"));
    assert!(picture.lines().filter(|line| line.starts_with("<g><title>")).count() < 50);
}
