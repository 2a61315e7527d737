//! The forest: nodes, their names, and what is said about bases.

use crate::{planned, sample::*};
use gabion_model::ScanReport;
use gabion_plan::{BaseHint, BaseStanding, NamedBy, Options, Subject, plan};

fn labelled(mut report: ScanReport, name: &str) -> ScanReport {
    let labels = &mut report.config.as_mut().expect("an image").labels;
    labels.insert("org.opencontainers.image.base.name".to_owned(), name.to_owned());
    report
}

#[test]
fn an_image_that_is_the_base_of_others_names_the_node() {
    let plan = planned(&[image("shop", &["a", "b"]), image("base", &["a"]), image("pay", &["a", "c"])]);
    let nodes: Vec<_> = plan.nodes.iter().map(|n| (n.parent, &*n.name, n.named_by, n.images_below)).collect();
    let expected = [
        (None, "base", NamedBy::Image, 3),
        (Some(0), "pay", NamedBy::Image, 1),
        (Some(0), "shop", NamedBy::Image, 1),
    ];
    assert_eq!(nodes, expected);
}

#[test]
fn images_with_the_same_layers_share_a_node_and_the_same_image_is_one() {
    let mut again = image("other-name", &["a"]);
    again.target.image = image("one", &["a"]).target.image;
    let plan = planned(&[image("one", &["a"]), image("two", &["a"]), again]);
    assert_eq!((plan.nodes.len(), plan.totals.images), (1, 2));
    assert_eq!(plan.nodes[0].images, [0, 1]);
    assert_eq!(plan.images[0].aliases, ["other-name"]);
}

#[test]
fn a_base_nobody_scanned_is_named_by_those_built_on_it_if_they_agree() {
    let hinted = |name: &str, line| labelled(image(name, &["a", line]), "docker.io/library/debian:12");
    let plan = planned(&[hinted("x", "1"), hinted("y", "2")]);
    assert_eq!(
        (&*plan.nodes[0].name, plan.nodes[0].named_by),
        ("docker.io/library/debian:12", NamedBy::Hint)
    );
    assert!(plan.nodes[0].external, "the rule sees the name");

    let plan = planned(&[hinted("x", "1"), labelled(image("y", &["a", "2"]), "other")]);
    assert_eq!((&*plan.nodes[0].name, plan.nodes[0].named_by), ("base of x and 1 more", NamedBy::Nobody));
}

#[test]
fn a_base_without_a_name_is_called_after_what_is_built_on_it() {
    let mut fleet = [image("x", &["a", "b"]), image("y", &["a", "c"])];
    for report in &mut fleet {
        package(report, gabion_model::PackageKind::Deb, "zlib", "1", 0);
        vulnerable(report, "CVE-1", gabion_model::Severity::High, "zlib", "2");
    }
    let table = gabion_plan::table(&planned(&fleet), 100, false);
    assert!(table.contains(" 1. change base of x and 1 more\n"), "{table}");
}

#[test]
fn what_an_image_that_is_not_ours_is_built_on_is_not_ours() {
    let plan = planned(&[image("docker.io/library/python:3", &["a", "p"]), image("x", &["a", "b"])]);
    let external: Vec<_> = plan.nodes.iter().map(|node| (&*node.name, node.external)).collect();
    let expected = [
        ("base of docker.io/library/python:3 and 1 more", true),
        ("docker.io/library/python:3", true),
        ("x", false),
    ];
    assert_eq!(external, expected);
}

#[test]
fn labels_are_confirmed_or_tell_that_the_base_was_rebuilt() {
    let plan = planned(&[
        image("docker.io/library/debian:12", &["a"]),
        labelled(image("on-it", &["a", "b"]), "debian:12"),
        labelled(image("on-an-older-one", &["old a", "b"]), "debian:12"),
        labelled(image("on-something-else", &["x"]), "alpine:3"),
    ]);
    let standing = |name: &str| {
        let image = plan.images.iter().find(|image| image.name == name).expect("there");
        (image.bases[0].standing, image.bases[0].node)
    };
    assert_eq!(standing("on-it"), (BaseStanding::Confirmed, Some(0)));
    assert_eq!(standing("on-an-older-one"), (BaseStanding::Stale, None));
    assert_eq!(standing("on-something-else"), (BaseStanding::Unseen, None));
}

#[test]
fn a_digest_that_names_an_image_with_other_layers_is_contradicted() {
    let (base, other) = (image("base", &["a"]), image("x", &["b"]));
    let digest = base.target.image.as_ref().and_then(|image| image.manifest);
    let hint = BaseHint { source: "provenance".to_owned(), name: None, digest };
    let subjects = [Subject::new(&base), Subject { report: &other, hints: vec![hint] }];
    let plan = plan(&subjects, &rules(), &Options::default());
    assert_eq!(plan.images[1].bases[0].standing, BaseStanding::Contradicted);
}

#[test]
fn directories_are_roots_of_their_own() {
    let plan = planned(&[directory("/srv/a"), directory("/srv/b"), image("x", &["a"])]);
    assert!(plan.nodes.iter().all(|node| node.parent.is_none()));
    assert_eq!(plan.nodes.len(), 3);
}

#[test]
fn several_nodes_that_are_said_to_be_one_base_are_told_apart() {
    let on = |name: &str, lines: &[&str]| labelled(image(name, lines), "forest.example/base-2");
    let fleet = [
        on("a", &["base", "a"]),
        on("b", &["base", "tools", "b"]),
        on("c", &["base", "tools", "c"]),
        on("d", &["other", "d"]),
        on("e", &["other", "e"]),
    ];
    let names = |fleet: &[ScanReport]| -> Vec<String> {
        let plan = planned(fleet);
        plan.nodes.into_iter().filter(|node| node.images.is_empty()).map(|node| node.name).collect()
    };
    let mut names_of_one = names(&fleet[..3]);
    names_of_one.sort();
    assert_eq!(
        names_of_one,
        ["built on forest.example/base-2, base of b and 1 more", "forest.example/base-2"]
    );
    // Nobody knows which of two that have no layer in common is meant.
    let names_of_two = names(&fleet);
    assert!(names_of_two.iter().all(|name| name.starts_with("built on ")), "{names_of_two:?}");
}
