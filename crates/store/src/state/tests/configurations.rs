//! What nodes judge by, as versions.

use super::{super::*, *};
use gabion_api::rest::{ConfiguredState, NewConfiguration};

fn new(rules: &str, nodes: &[&str]) -> NewConfiguration {
    let nodes = nodes.iter().map(|&pattern| pattern.to_owned()).collect();
    NewConfiguration { rules: rules.to_owned(), nodes, ..NewConfiguration::default() }
}

#[test]
fn a_node_has_the_newest_that_is_for_it_and_the_one_before_when_that_is_taken_back() {
    on_both(|state| async move {
        node(&state, "web-1").await;
        node(&state, "db-1").await;
        assert!(state.configurations_in_force().await.expect("asked").is_empty());
        assert_eq!(state.add_configuration(&new("one", &[]), "a", "ann", T0).await.expect("made"), 1);
        assert_eq!(state.add_configuration(&new("two", &["web-*"]), "b", "ann", T0).await.expect("made"), 2);

        let in_force = state.configurations_in_force().await.expect("asked");
        let wanted = |name: &str| in_force.iter().find(|one| one.is_for(name)).map(|one| one.name.clone());
        assert_eq!((wanted("web-1").as_deref(), wanted("db-1").as_deref()), (Some("v2-b"), Some("v1-a")));

        // A refusal of one is none of another.
        state.configured("web-1", "v2-b", ConfiguredState::Refused, "line 3", T0).await.expect("kept");
        state.configured("db-1", "v1-a", ConfiguredState::Applied, "", T0).await.expect("kept");
        let page = state.configurations(&Paging::default()).await.expect("asked");
        let told: Vec<_> =
            page.items.iter().map(|one| (one.version, one.applied, one.refused, one.waiting)).collect();
        assert_eq!(told, [(2, 0, 1, 0), (1, 1, 0, 0)]);
        assert_eq!(state.configuration(2).await.expect("asked").on[0].why, "line 3");

        // It is for all now: the other node has to answer.
        state.change_configuration(2, &[]).await.expect("changed");
        let detail = state.configuration(2).await.expect("asked");
        assert_eq!((detail.configuration.refused, detail.configuration.waiting), (1, 1));
        assert_eq!(
            (detail.rules.as_str(), detail.configuration.parts.as_slice()),
            ("two", &["rules".to_owned()][..])
        );

        state.withdraw_configuration(2, "bob", T0 + MINUTE).await.expect("taken back");
        assert!(state.withdraw_configuration(2, "bob", T0).await.is_err(), "twice");
        assert!(state.change_configuration(2, &[]).await.is_err(), "it is in force no more");
        let detail = state.configuration(1).await.expect("asked");
        assert_eq!((detail.configuration.applied, detail.configuration.waiting), (1, 1));
        // Its number is not given again.
        assert_eq!(state.add_configuration(&new("three", &[]), "c", "ann", T0).await.expect("made"), 3);
        assert!(matches!(state.configuration(9).await, Err(StateError::Absent { .. })));
    });
}
