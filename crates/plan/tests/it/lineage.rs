//! The forest: nodes, their names, and what is said about bases.

use crate::{planned, sample::*};
use gabion_model::{BaseHint, ScanReport};
use gabion_plan::{BaseStanding, NamedBy};

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

/// With what somebody says about its base.
fn said(mut report: ScanReport, hint: BaseHint) -> ScanReport {
    report.target.image.as_mut().expect("an image").bases.push(hint);
    report
}

fn provenance(name: &str, one_of_several: bool) -> BaseHint {
    BaseHint { source: "provenance".to_owned(), name: Some(name.to_owned()), digest: None, one_of_several }
}

#[test]
fn a_digest_that_names_an_image_with_other_layers_is_contradicted() {
    let (base, other) = (image("base", &["a"]), image("x", &["b"]));
    let digest = base.target.image.as_ref().and_then(|image| image.manifest);
    let hint = BaseHint { name: None, digest, ..provenance("", false) };
    let plan = planned(&[base, said(other, hint)]);
    assert_eq!(plan.images[1].bases[0].standing, BaseStanding::Contradicted);
    let table = gabion_plan::table(&plan, 200, false);
    assert!(table.contains("the base of x by provenance, is not what is there"), "{table}");
}

#[test]
fn provenance_and_annotations_are_held_against_the_layers() {
    let mut base = image("debian", &["a"]);
    let index = digest("the index of debian");
    base.target.image.as_mut().expect("an image").index = Some(index);
    let by_index = BaseHint { digest: Some(index), ..provenance("debian:12", true) };
    let annotation =
        BaseHint { source: "annotation".to_owned(), ..provenance("docker.io/library/debian", false) };
    let on_it =
        said(said(said(image("on-it", &["a", "b"]), by_index), annotation), provenance("golang", true));
    let plan = planned(&[base, image("golang", &["go"]), on_it]);
    let bases = &plan.images.iter().find(|image| image.name == "on-it").expect("there").bases;
    let standing: Vec<_> =
        bases.iter().map(|claim| (&*claim.hint.source, claim.hint.name.as_deref(), claim.standing)).collect();
    assert_eq!(
        standing,
        [
            ("annotation", Some("docker.io/library/debian"), BaseStanding::Confirmed),
            ("provenance", Some("debian:12"), BaseStanding::Confirmed),
            ("provenance", Some("golang"), BaseStanding::Builder),
        ]
    );
    let table = gabion_plan::table(&plan, 120, false);
    assert!(table.contains("debian:12, the base of on-it by provenance, is confirmed"), "{table}");
    assert!(!table.contains("golang,"), "{table}");
}

#[test]
fn one_base_by_provenance_is_a_name_and_one_of_several_is_none() {
    let fleet = |several| {
        [image("a", &["x", "a"]), image("b", &["x", "b"])]
            .map(|one| said(one, provenance("debian:12", several)))
    };
    assert_eq!(planned(&fleet(false)).nodes[0].name, "debian:12");
    assert_eq!(planned(&fleet(true)).nodes[0].name, "base of a and 1 more");
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
