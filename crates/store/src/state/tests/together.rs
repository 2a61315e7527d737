//! Several hubs on one database.

use super::{
    super::{
        NewHub,
        sql::{Columns, q},
        *,
    },
    *,
};
use gabion_api::rest::{NewSink, SinkRecords, SinkTarget};
use std::time::Duration;

fn hub(id: &str) -> NewHub {
    NewHub {
        id: id.to_owned(),
        name: format!("hub {id}"),
        address: format!("{id}:8421"),
        version: "1".to_owned(),
    }
}

#[test]
fn hubs_are_heard_lead_end_and_go() {
    on_both(async |state| {
        state.hub_seen(&hub("a"), T0).await.expect("kept");
        state.hub_seen(&hub("b"), T0 + 1).await.expect("kept");
        state.hub_leads("a", T0).await.expect("kept");
        state.hub_leads("b", T0 + 5).await.expect("kept");
        node(&state, "n1").await;
        node(&state, "n2").await;
        state.node_at("n1", "a").await.expect("kept");
        state.node_at("n2", "b").await.expect("kept");
        // It has gone to the other; that the first hears of its end later changes nothing.
        state.node_at("n1", "b").await.expect("kept");
        state.node_left("n1", "a").await.expect("kept");
        let told = state.hubs(T0 + 1).await.expect("asked");
        let short: Vec<_> =
            told.iter().map(|hub| (hub.hub.id.as_str(), hub.leads, hub.nodes, hub.ended)).collect();
        assert_eq!(short, [("a", None, 0, false), ("b", Some(T0 + 5), 2, false)]);
        assert!(told.iter().all(|hub| hub.age < 60_000), "{told:?}");
        assert_eq!(state.hub_of("n1").await.expect("asked").as_deref(), Some("b"));
        assert_eq!(state.nodes_elsewhere("a").await.expect("asked").len(), 2);
        state.hub_ended("b").await.expect("kept");
        assert_eq!(state.hub_of("n1").await.expect("asked"), None);
        assert!(state.hubs(T0).await.expect("asked")[1].ended);
        state.hub_seen(&hub("b"), T0 + 9).await.expect("kept");
        assert!(!state.hubs(T0).await.expect("asked")[1].ended, "it is back");
        state.remove_hub("b").await.expect("removed");
        assert!(matches!(state.remove_hub("b").await, Err(StateError::Absent { .. })));
        assert_eq!(state.set_first("x", "1").await.expect("kept"), "1");
        assert_eq!(state.set_first("x", "2").await.expect("kept"), "1");
    });
}

#[test]
fn hubs_that_were_not_heard_are_forgotten_but_never_by_themselves() {
    on_both(async |state| {
        let state = state.of_hub("a");
        for id in ["a", "b"] {
            state.hub_seen(&hub(id), T0).await.expect("kept");
        }
        node(&state, "n1").await;
        state.node_at("n1", "a").await.expect("kept");
        // As if all were silent for longer than that: one that is alone says only once that it is there.
        state.forget_hubs(-1, T0 + 31 * DAY).await.expect("forgets");
        let left = state.hubs(T0 + 31 * DAY).await.expect("asked");
        assert_eq!(left.iter().map(|hub| hub.hub.id.as_str()).collect::<Vec<_>>(), ["a"]);
        assert_eq!(state.hub_of("n1").await.expect("asked").as_deref(), Some("a"));
    });
}

#[test]
fn a_node_elsewhere_is_told_also_when_nothing_runs_on_it_any_more() {
    on_both(async |state| {
        let at = |address: &str| NewContainer {
            addresses: vec![address.to_owned()],
            ..container("c1", "shop/web", "", "shop/web:1")
        };
        for (id, address) in [("n1", "10.1.0.1"), ("n2", "10.1.0.2"), ("n3", "10.1.0.3"), ("n4", "10.1.0.4")]
        {
            node(&state, id).await;
            state.node_at(id, if id == "n1" { "a" } else { "b" }).await.expect("kept");
            state.inventory(id, &[at(address)], T0).await.expect("kept");
        }
        state.inventory("n3", &[], T0 + 1).await.expect("kept");
        state.remove_node("n4", T0 + 1).await.expect("removed");
        let mut told = state.addresses_elsewhere("a").await.expect("asked");
        told.sort();
        let of = |node: &str, addresses: &[&str], workload: &str| {
            let addresses = addresses.iter().map(|&address| address.to_owned()).collect::<Vec<_>>();
            (node.to_owned(), addresses, workload.to_owned())
        };
        assert_eq!(told, [of("n2", &["10.1.0.2"], "shop/web"), of("n3", &[], ""), of("n4", &[], "")]);
    });
}

#[test]
fn a_sink_has_a_place_in_the_events_of_each_hub() {
    on_both(async |state| {
        let (a, b) = (state.clone().of_hub("a"), state.clone().of_hub("b"));
        a.hub_seen(&hub("a"), T0).await.expect("kept");
        b.hub_seen(&hub("b"), T0).await.expect("kept");
        let sink = NewSink {
            name: "all".to_owned(),
            target: SinkTarget::File { max_mib: 1, keep: 1 },
            records: vec![SinkRecords::Events],
            least: gabion_api::rest::Severity::Unknown,
            paused: false,
            secret: None,
        };
        a.add_sink(&sink, "", "ann", 40, T0 + 1).await.expect("made");
        // It was made when b was there: of its events it is handed what comes from now on.
        b.place_sinks(70).await.expect("placed");
        a.place_sinks(99).await.expect("placed");
        let at = async |state: &State| state.stored_sink("all").await.expect("asked").events_at;
        assert_eq!((at(&a).await, at(&b).await), (40, 70));
        let version = a.stored_sink("all").await.expect("asked").version;
        let moved = |state_at, events_at| Moved { state_at, events_at, sent: 1, ..Moved::default() };
        assert!(a.sink_moved("all", version, &moved(5, 41), T0).await.expect("kept"));
        // Whoever is behind takes nothing back.
        assert!(b.sink_moved("all", version, &moved(3, 71), T0).await.expect("kept"));
        assert_eq!((at(&a).await, at(&b).await), (41, 71));
        assert_eq!(a.stored_sink("all").await.expect("asked").state_at, 5);
        assert_eq!(a.sink("all", 50).await.expect("asked").waiting, 9);
        // A hub that came later hands over all that it has.
        let c = state.clone().of_hub("c");
        c.hub_seen(&hub("c"), T0 + 9).await.expect("kept");
        c.place_sinks(7).await.expect("placed");
        assert_eq!(at(&c).await, 0);
    });
}

#[test]
fn one_hub_leads_and_another_when_its_session_is_over() {
    let Some(url) = server::database() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (a, b) = (State::open(&url).await.expect("opens"), State::open(&url).await.expect("opens"));
        let (mut first, mut second) = (a.seat(), b.seat());
        assert!(first.hold().await.expect("asked") && first.hold().await.expect("asked"));
        assert!(!second.hold().await.expect("asked"));
        // Of a server that ends the session neither is told: the one that held it is the first to take it again, or not.
        let ended = q("SELECT COUNT(pg_terminate_backend(pid)) AS many FROM pg_stat_activity \
             WHERE application_name = 'gabion seat' AND datname = current_database()");
        assert_eq!(ended.one(&a.pool).await.expect("asked").count("many").expect("a number"), 2);
        assert!(second.hold().await.expect("asked"), "its session is another, and the lock was free");
        assert!(!first.hold().await.expect("asked"), "and the first does not believe any more that it leads");
        second.leave();
        let taken = async {
            while !first.hold().await.expect("asked") {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), taken).await.expect("it is taken");
    });
}

#[test]
fn a_hub_that_stands_still_in_the_middle_of_a_change_stops_nobody_for_long() {
    let Some(url) = server::database() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (a, b) = (State::open(&url).await.expect("opens"), State::open(&url).await.expect("opens"));
        node(&a, "n1").await;
        let mut standing = a.begin().await.expect("begins");
        // The server ends it.
        b.inventory("n1", &[], T0).await.expect("is kept");
        assert!(
            q("SELECT 1 AS one").one(&mut *standing).await.is_err(),
            "what it was about to change is given up"
        );
        drop(standing);
        a.inventory("n1", &[], T0 + 1).await.expect("it goes on with another connection");
    });
}

#[test]
fn what_one_hub_tells_the_others_hear() {
    let Some(url) = server::database() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (a, b) = (State::open(&url).await.expect("opens"), State::open(&url).await.expect("opens"));
        let mut words = b.listen().await.expect("listens").expect("there may be others");
        a.tell("a findings").await.expect("tells");
        assert_eq!(words.next().await.expect("hears").as_deref(), Some("a findings"));
        let ended = q("SELECT COUNT(pg_terminate_backend(pid)) AS many FROM pg_stat_activity \
             WHERE query LIKE 'LISTEN%' AND datname = current_database()");
        assert_eq!(ended.one(&a.pool).await.expect("asked").count("many").expect("a number"), 1);
        assert_eq!(words.next().await.expect("hears"), None, "something may have been missed");
        a.tell("a alerts").await.expect("tells");
        let heard = async {
            loop {
                match words.next().await.expect("hears") {
                    Some(word) => return word,
                    None => a.tell("a alerts").await.expect("tells"),
                }
            }
        };
        let heard = tokio::time::timeout(Duration::from_secs(30), heard).await.expect("in time");
        assert_eq!(heard, "a alerts");
    });
    let directory = tempfile::tempdir().expect("a directory");
    runtime.block_on(async {
        let alone = State::in_directory(directory.path()).await.expect("opens");
        assert!(alone.listen().await.expect("asked").is_none() && alone.seat().hold().await.expect("asked"));
        alone.tell("nobody").await.expect("there is nobody");
    });
}
