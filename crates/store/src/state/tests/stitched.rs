//! Incidents of several nodes that are one, as they are kept: in whichever order they come, however often, and what people say of them.

use super::{
    super::{AlertFilter, Arrived, NewAlert, NewEnd, NewIncident, StateError, ToldIncident},
    *,
};
use gabion_api::rest::{IncidentState, NewApart, Severity as Level, SinkRecords};
use proptest::prelude::*;

fn end(begun: bool, client: &str, server: &str, time: Millis) -> NewEnd {
    let address = |text: &str| text.parse().expect("an address");
    let (client, server) = (address(client), address(server));
    NewEnd { begun, client, server, time, program: "curl".to_owned(), container: "web".to_owned() }
}

/// From web on node a to cache on b, and from there to db on c. The clock of b is an hour ahead.
pub(super) fn chain() -> [(&'static str, NewIncident); 3] {
    const HOUR: Millis = 3_600_000;
    let incident = |title: &str, severity, began, skew, ends| NewIncident {
        number: 1,
        title: title.to_owned(),
        severity,
        began,
        updated: began + 5_000,
        containers: vec![title.to_owned()],
        tactics: vec!["execution".to_owned()],
        story: format!("{{\"of\":\"{title}\"}}"),
        skew: Some(skew),
        ends: Some(ends),
        ..NewIncident::default()
    };
    let (first, second) = (("10.0.1.5:50200", "10.0.2.7:6379"), ("10.0.2.7:41000", "10.0.3.9:5432"));
    [
        ("a", incident("web", Level::Medium, T0, 40, vec![end(true, first.0, first.1, T0 + 1_000)])),
        (
            "b",
            incident(
                "cache",
                Level::Critical,
                T0 + HOUR + 1_100,
                -HOUR,
                vec![
                    end(false, first.0, first.1, T0 + HOUR + 1_045),
                    end(true, second.0, second.1, T0 + HOUR + 3_000),
                ],
            ),
        ),
        ("c", incident("db", Level::High, T0 + 3_100, 0, vec![end(false, second.0, second.1, T0 + 3_002)])),
    ]
}

pub(super) async fn nodes(state: &State) {
    for id in ["a", "b", "c"] {
        node(state, id).await;
    }
}

async fn listed(state: &State) -> Vec<gabion_api::rest::Incident> {
    state.incidents("", &[], &[], &ALL, &Paging::default()).await.expect("a page").items
}

async fn told(state: &State, id: &str) -> ToldIncident {
    state.incident(id, &ALL).await.expect("is there")
}

/// What does not depend on who came first.
async fn essence(state: &State) -> String {
    let all = listed(state).await;
    let mut text = Vec::new();
    for one in all {
        let ToldIncident { incident, parts, links, .. } = told(state, &one.id).await;
        let of: Vec<_> = parts.iter().map(|part| (&part.part.id, part.part.origin)).collect();
        let links: Vec<_> = links.iter().map(|link| (&link.cause, &link.effect, &link.client)).collect();
        let incident = gabion_api::rest::Incident { id: String::new(), ..incident };
        text.push(format!("{of:?} {links:?} {incident:?}"));
    }
    text.join("\n")
}

#[test]
fn three_nodes_in_a_chain_are_one_incident_with_one_origin() {
    on_both(|state| async move {
        nodes(&state).await;
        for (node, incident) in &chain() {
            state.keep_incident(node, incident, T0).await.expect("kept");
        }
        let all = listed(&state).await;
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].id.as_str(), all[0].severity), ("a-1", Level::Critical));
        assert_eq!(all[0].nodes, ["a", "b", "c"]);
        assert_eq!(all[0].title, "cache, over 3 nodes");
        assert_eq!((all[0].began, all[0].updated), (T0 + 40, T0 + 8_100));
        for id in ["a-1", "b-1", "c-1"] {
            let whole = told(&state, id).await;
            assert_eq!(whole.incident.id, "a-1", "each leads to the whole");
            let order: Vec<_> =
                whole.parts.iter().map(|part| (part.part.id.as_str(), part.part.origin)).collect();
            assert_eq!(order, [("a-1", true), ("b-1", false), ("c-1", false)]);
            let links: Vec<_> =
                whole.links.iter().map(|link| (link.cause.as_str(), link.effect.as_str())).collect();
            assert_eq!(links, [("a-1", "b-1"), ("b-1", "c-1")]);
            assert_eq!(
                (whole.links[0].sent, whole.links[0].accepted),
                (T0 + 1_040, T0 + 1_045),
                "by one clock"
            );
        }
        let one = state
            .incidents("", &[], &[], &ALL, &Paging { limit: 1, ..Paging::default() })
            .await
            .expect("a page");
        assert_eq!((one.total, one.next), (1, None));
    });
}

#[test]
fn a_proxy_and_a_time_that_does_not_fit_join_nothing() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), (_, c)] = chain();
        state.keep_incident("a", &a, T0).await.expect("kept");
        // What b was spoken to by is another connection, of a proxy in between.
        let ends = Some(vec![end(false, "10.0.9.9:50200", "10.0.2.7:6379", T0 + 3_601_045)]);
        state.keep_incident("b", &NewIncident { ends, ..b }, T0).await.expect("kept");
        // The same endpoints, when both addresses were those of other pods.
        let ends = Some(vec![end(false, "10.0.1.5:50200", "10.0.2.7:6379", T0 + 90_000)]);
        state.keep_incident("c", &NewIncident { ends, ..c }, T0).await.expect("kept");
        assert_eq!(listed(&state).await.len(), 3);
    });
}

#[test]
fn an_agent_that_does_not_tell_connections_is_told_as_one_that_cannot_be_joined() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("b", &NewIncident { ends: None, skew: None, ..b }, T0).await.expect("kept");
        assert_eq!(listed(&state).await.len(), 2);
        assert!(told(&state, "a-1").await.parts[0].part.joinable);
        let part = &told(&state, "b-1").await.parts[0].part;
        assert_eq!((part.joinable, part.skew), (false, None));
    });
}

#[test]
fn two_that_somebody_has_parted_stay_two_until_that_is_taken_back() {
    on_both(|state| async move {
        nodes(&state).await;
        for (node, incident) in &chain() {
            state.keep_incident(node, incident, T0).await.expect("kept");
        }
        let said = |apart| NewApart {
            cause: "b-1".to_owned(),
            effect: "c-1".to_owned(),
            apart,
            reason: "a drill".to_owned(),
        };
        state.part_incidents(&said(true), "ann", &ALL, T0).await.expect("parted");
        let ids = |all: Vec<gabion_api::rest::Incident>| {
            let mut ids: Vec<String> = all.into_iter().map(|one| one.id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(ids(listed(&state).await), ["a-1", "c-1"]);
        let alone = told(&state, "c-1").await;
        assert_eq!(alone.incident.title, "db");
        let cut = alone.links[0].apart.clone().expect("says who has parted it");
        assert_eq!((cut.by.as_str(), cut.reason.as_str()), ("ann", "a drill"));
        // It holds, whatever comes.
        let [_, (_, b), (_, c)] = chain();
        let more = Some(vec![end(false, "10.0.2.7:41001", "10.0.3.9:5432", T0 + 4_002)]);
        state
            .keep_incident("c", &NewIncident { ends: more, updated: c.updated + 1, ..c }, T0)
            .await
            .expect("kept");
        let mut ends = b.ends.clone().expect("tells them");
        ends.push(end(true, "10.0.2.7:41001", "10.0.3.9:5432", T0 + 3_604_000));
        state
            .keep_incident("b", &NewIncident { ends: Some(ends), updated: b.updated + 1, ..b }, T0)
            .await
            .expect("kept");
        assert_eq!(ids(listed(&state).await), ["a-1", "c-1"]);
        state.part_incidents(&said(false), "ann", &ALL, T0).await.expect("joined");
        assert_eq!(ids(listed(&state).await), ["a-1"]);
        // What nothing links cannot be parted.
        let unlinked = NewApart {
            cause: "a-1".to_owned(),
            effect: "c-1".to_owned(),
            apart: true,
            reason: String::new(),
        };
        assert!(matches!(
            state.part_incidents(&unlinked, "ann", &ALL, T0).await,
            Err(StateError::Refused(_))
        ));
        let unknown = NewApart { cause: "x-1".to_owned(), ..unlinked };
        assert!(matches!(
            state.part_incidents(&unknown, "ann", &ALL, T0).await,
            Err(StateError::Absent { .. })
        ));
    });
}

#[test]
fn state_alerts_and_responses_are_those_of_the_whole() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        let alert = NewAlert {
            number: 1,
            time: T0,
            rule: "r".to_owned(),
            priority: "Critical".to_owned(),
            incident: Some(1),
            message: "m".to_owned(),
            ..NewAlert::default()
        };
        for node in ["a", "b"] {
            state.keep_alerts(node, std::slice::from_ref(&alert), T0).await.expect("kept");
        }
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.change_incident("a-1", IncidentState::Closed, &ALL, T0).await.expect("closed");
        // It goes on elsewhere: it is open again.
        state.keep_incident("b", &b, T0).await.expect("kept");
        let all = listed(&state).await;
        assert_eq!((all.len(), all[0].state, all[0].alerts), (1, IncidentState::Open, 2));
        let of = |id: &str| AlertFilter { incident: Some(id.to_owned()), ..AlertFilter::default() };
        for id in ["a-1", "b-1"] {
            assert_eq!(state.alerts(&of(id), &ALL, &Paging::default()).await.expect("a page").total, 2);
        }
        // By the id of a part the whole is closed.
        state.change_incident("b-1", IncidentState::Closed, &ALL, T0).await.expect("closed");
        assert_eq!(listed(&state).await[0].state, IncidentState::Closed);
        // Told again it stays so.
        state.keep_incident("b", &b, T0).await.expect("kept");
        assert_eq!(listed(&state).await[0].state, IncidentState::Closed);
    });
}

#[test]
fn a_sink_sees_the_whole_once_and_the_end_of_what_has_become_a_part() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), (_, c)] = chain();
        let mut at =
            state.arrived(0, &[SinkRecords::Incidents], Level::Unknown, 100).await.expect("asked").to;
        let mut next = async || {
            let arrivals =
                state.arrived(at, &[SinkRecords::Incidents], Level::Unknown, 100).await.expect("asked");
            at = arrivals.to;
            let name = |what: &Arrived| match what {
                Arrived::Incident(one) => format!("{} {:?} {}", one.id, one.state, one.title),
                other => panic!("{other:?}"),
            };
            arrivals.records.iter().map(|(_, what)| name(what)).collect::<Vec<_>>()
        };
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("c", &c, T0).await.expect("kept");
        assert_eq!(next().await, ["a-1 Open web", "c-1 Open db"]);
        // That one joins the two.
        state.keep_incident("b", &b, T0).await.expect("kept");
        assert_eq!(next().await, ["a-1 Open cache, over 3 nodes", "c-1 Closed db (now part of a-1)"]);
        state.keep_incident("c", &NewIncident { updated: c.updated + 9, ..c }, T0).await.expect("kept");
        assert_eq!(next().await, ["a-1 Open cache, over 3 nodes"]);
    });
}

#[test]
fn who_sees_only_a_part_of_everything_sees_only_those_parts() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        let mut web = container("w1", "shop/web", "", "web:1");
        web.namespace = Some("shop".to_owned());
        state.inventory("a", &[web], T0).await.expect("kept");
        let alert = NewAlert {
            number: 1,
            time: T0,
            rule: "r".to_owned(),
            priority: "Critical".to_owned(),
            incident: Some(1),
            container: "w1".to_owned(),
            message: "m".to_owned(),
            ..NewAlert::default()
        };
        state.keep_alerts("a", &[alert], T0).await.expect("kept");
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("b", &b, T0).await.expect("kept");
        let shop = Scope { owners: Vec::new(), namespaces: vec!["shop".to_owned()] };
        let page = state.incidents("", &[], &[], &shop, &Paging::default()).await.expect("a page");
        assert_eq!((page.total, page.items[0].title.as_str()), (1, "web"));
        assert_eq!((page.items[0].nodes.as_slice(), page.items[0].alerts), (&["a".to_owned()][..], 1));
        let whole = state.incident("a-1", &shop).await.expect("is there");
        assert_eq!((whole.parts.len(), whole.hidden, whole.links.len()), (1, 1, 0));
        let said = NewApart {
            cause: "a-1".to_owned(),
            effect: "b-1".to_owned(),
            apart: true,
            reason: String::new(),
        };
        assert!(
            state.part_incidents(&said, "ann", &shop, T0).await.is_err(),
            "nobody parts what they cannot see"
        );
        let other = Scope { owners: Vec::new(), namespaces: vec!["bank".to_owned()] };
        assert!(state.incident("a-1", &other).await.is_err());
    });
}

#[test]
fn a_node_that_is_renamed_changes_nothing_but_its_name() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        state.keep_incident("a", &a, T0).await.expect("kept");
        let new = super::super::NewNode { name: "renamed".to_owned(), ..super::super::NewNode::default() };
        state.node_connected("a", &new, T0).await.expect("kept");
        state.keep_incident("b", &b, T0).await.expect("kept");
        let whole = told(&state, "b-1").await;
        assert_eq!(whole.incident.nodes, ["a", "b"]);
        assert_eq!(whole.parts[0].part.name, "renamed");
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Late, twice, in any order, and first without what is known only later: it comes out the same.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just(vec![0_usize, 1, 2, 0, 1, 2]).prop_shuffle(),
        early in prop::collection::vec(any::<bool>(), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let told_in = |order: Vec<(usize, bool)>| {
            let directory = tempfile::tempdir().expect("a directory");
            runtime.block_on(async {
                let state = State::in_directory(directory.path()).await.expect("opens");
                nodes(&state).await;
                let parts = chain();
                for (at, early) in order {
                    let (node, incident) = &parts[at];
                    let before = NewIncident { ends: Some(Vec::new()), updated: incident.updated - 1, ..incident.clone() };
                    state.keep_incident(node, if early { &before } else { incident }, T0).await.expect("kept");
                }
                essence(&state).await
            })
        };
        let usual = told_in(vec![(0, false), (1, false), (2, false)]);
        let mut seen = [false; 3];
        let shuffled = order.into_iter().map(|at| {
            let first = !std::mem::replace(&mut seen[at], true);
            (at, first && early[at])
        });
        prop_assert_eq!(usual, told_in(shuffled.collect()));
    }
}
