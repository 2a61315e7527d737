//! Incidents over nodes, where a node tells what is made up, or more than others can see or read.

use super::{
    super::{
        sql::{Columns, q},
        *,
    },
    stitched::{chain, end, listed, nodes, told},
    *,
};
use gabion_api::rest::{NewApart, Response, ResponseOutcome, ResponseState, Severity as Level, SinkRecords};

const HOUR: Millis = 3_600_000;

fn shop() -> Scope {
    Scope { owners: Vec::new(), namespaces: vec!["shop".to_owned()] }
}

fn shell(number: u64, incident: u64, container: &str) -> NewAlert {
    NewAlert {
        number,
        time: T0 + number.cast_signed(),
        rule: "Shell".to_owned(),
        priority: "Critical".to_owned(),
        incident: Some(incident),
        container: container.to_owned(),
        container_name: container.to_owned(),
        message: "m".to_owned(),
        ..NewAlert::default()
    }
}

/// A container of the namespace `shop`.
fn of_shop(id: &str) -> NewContainer {
    NewContainer { namespace: Some("shop".to_owned()), ..container(id, "shop/web", "", "web:1") }
}

async fn count(state: &State, query: &'static str) -> u64 {
    q(query).one(&state.pool).await.expect("asked").count("many").expect("a number")
}

#[test]
fn a_node_that_makes_up_connections_is_in_nobody_s_way() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, honest), _] = chain();
        state.keep_incident("b", &honest, T0).await.expect("kept");
        // What the honest one has accepted c has begun, in twenty incidents, to a thousand services each.
        for number in 1..=20 {
            let begun = |port: usize| NewEnd {
                program: format!("p{port}"),
                ..end(true, "10.0.1.5:50200", &format!("10.9.9.9:{port}"), T0 + 1_040)
            };
            let made_up = NewIncident {
                number,
                title: "made up".to_owned(),
                ends: Some((1..=1_024).map(begun).collect()),
                ..NewIncident::default()
            };
            state.keep_incident("c", &made_up, T0).await.expect("kept");
        }
        let links = count(&state, "SELECT COUNT(*) AS many FROM incident_link").await;
        assert_eq!(links, 20 * 8, "so many of each pair");
        let told_first = listed(&state).await.len();
        assert_eq!(told_first, 1, "they are joined, as nobody can know");
        // It goes on, and is found to be what something has really led to.
        let more = NewIncident { updated: honest.updated + 1, ..honest };
        state.keep_incident("b", &more, T0).await.expect("is kept all the same");
        state.keep_incident("a", &a, T0).await.expect("kept");
        assert_eq!(told(&state, "a-1").await.incident.id, "b-1");
    });
}

#[test]
fn a_part_keeps_its_newest_connections_however_often_it_tells_others() {
    on_both(|state| async move {
        nodes(&state).await;
        for round in 0..3 {
            let one = |at: i64| end(true, &format!("10.0.1.5:{}", 20_000 + at), "10.0.2.7:80", T0 + at);
            let ends = Some((0..700).map(|at| one(round * 700 + at)).collect());
            let incident = NewIncident { number: 1, ends, ..NewIncident::default() };
            state.keep_incident("a", &incident, T0).await.expect("kept");
        }
        assert_eq!(count(&state, "SELECT COUNT(*) AS many FROM incident_end").await, 1_024);
        let oldest = count(&state, "SELECT MIN(at) AS many FROM incident_end").await;
        assert_eq!(oldest, (T0 + 2_100 - 1_024).cast_unsigned());
    });
}

#[test]
fn an_incident_that_is_as_large_as_one_may_be_takes_no_more_parts() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        state.keep_incident("a", &a, T0).await.expect("kept");
        q("WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 512) \
           INSERT INTO incident_part (id, incident, node, kept, title, severity, began, updated, containers, tactics, techniques, on_host, story, picture, joinable) \
           SELECT 'c-' || CAST(n.i AS TEXT), incident, 'c', kept + n.i, title, severity, began, updated, containers, tactics, techniques, on_host, story, picture, joinable \
           FROM incident_part, n WHERE id = 'a-1'")
            .run(&state.pool)
            .await
            .expect("made");
        state.keep_incident("b", &b, T0).await.expect("kept");
        assert_eq!(told(&state, "b-1").await.incident.id, "b-1");
        let whole = told(&state, "a-1").await;
        assert_eq!((whole.parts.len(), whole.cut), (64, true));
    });
}

#[test]
fn an_address_that_containers_of_several_nodes_have_joins_nothing() {
    on_both(|state| async move {
        nodes(&state).await;
        let with = |id: &str, address: &str| NewContainer {
            addresses: vec![address.to_owned()],
            ..container(id, "shop/web", "", "web:1")
        };
        let tell = async |number: u64, client: &str, time: Millis| {
            for (node, begun) in [("a", true), ("b", false)] {
                let ends = Some(vec![end(begun, client, "172.17.0.9:80", time)]);
                let incident = NewIncident { number, ends, skew: Some(0), ..NewIncident::default() };
                state.keep_incident(node, &incident, T0).await.expect("kept");
            }
            told(&state, &format!("b-{number}")).await.incident.id
        };
        // Each node has a bridge of its own, with the same addresses.
        state.inventory("a", &[with("a1", "172.17.0.2"), with("a2", "10.0.1.5")], T0).await.expect("kept");
        state.inventory("b", &[with("b1", "172.17.0.2")], T0).await.expect("kept");
        assert_eq!(tell(1, "172.17.0.2:50000", T0 + 1_000).await, "b-1");
        // As v6 writes v4, too.
        assert_eq!(tell(2, "[::ffff:172.17.0.2]:50000", T0 + 1_000).await, "b-2");
        // One that only one node has leads from one to the other.
        assert_eq!(tell(3, "10.0.1.5:50000", T0 + 1_000).await, "a-3");
        // What b has no more it had then, and has not later.
        state.inventory("b", &[], T0 + HOUR).await.expect("kept");
        assert_eq!(tell(4, "172.17.0.2:50001", T0 + 1_500).await, "b-4");
        assert_eq!(tell(5, "172.17.0.2:50002", T0 + 3 * HOUR).await, "a-5");
    });
}

#[test]
fn an_incident_that_came_before_its_container_is_its_owner_s_as_soon_as_that_is_told_of() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), ..] = chain();
        state.keep_alerts("a", &[shell(1, 1, "w1")], T0).await.expect("kept");
        state.keep_incident("a", &a, T0).await.expect("kept");
        let seen =
            async || state.incidents("", &[], &[], &shop(), &Paging::default()).await.expect("a page").total;
        assert_eq!(seen().await, 0);
        let at = state.arrived(0, &[SinkRecords::Incidents], Level::Unknown, 100).await.expect("asked").to;
        state.inventory("a", &[of_shop("w1")], T0 + 10).await.expect("kept");
        assert_eq!(seen().await, 1);
        let arrived = state.arrived(at, &[SinkRecords::Incidents], Level::Unknown, 100).await.expect("asked");
        assert_eq!(arrived.records.len(), 1, "whoever answers for it is told");
        assert_eq!(state.workload("shop/web", &ALL, T0).await.expect("is there").workload.incidents, 1);
        // The same once more is no other alert.
        state.keep_alerts("a", &[shell(2, 1, "w1")], T0 + 20).await.expect("kept");
        let alerts = state.alerts(&AlertFilter::default(), &ALL, &Paging::default()).await.expect("a page");
        assert_eq!((alerts.total, alerts.items[0].count), (1, 2));
        assert_eq!(alerts.items[0].workload.as_deref(), Some("shop/web"));
    });
}

#[test]
fn an_incident_is_its_owner_s_whenever_it_becomes_known_whose_it_is() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), ..] = chain();
        let seen_by = async |scope: &Scope| {
            state.incidents("", &[], &[], scope, &Paging::default()).await.expect("a page").total
        };
        // Told of before the alerts that say where it is,
        state.inventory("a", &[of_shop("w1")], T0).await.expect("kept");
        state.keep_incident("a", &a, T0).await.expect("kept");
        assert_eq!(seen_by(&shop()).await, 0);
        state.keep_alerts("a", &[shell(1, 1, "w1")], T0).await.expect("kept");
        assert_eq!(seen_by(&shop()).await, 1);
        // and where only the scan of the image says whose that is.
        let scanned = report("bank:1", 9, "3.0.1", Vec::new());
        let id = image_id(&scanned);
        let late = NewContainer {
            namespace: Some("vault".to_owned()),
            ..container("w2", "bank/late", &id, "bank:1")
        };
        state.inventory("b", &[late], T0).await.expect("kept");
        state.keep_alerts("b", &[shell(1, 7, "w2")], T0).await.expect("kept");
        state.keep_incident("b", &NewIncident { number: 7, ends: None, ..a }, T0).await.expect("kept");
        let owner = Scope { owners: vec!["bank".to_owned()], namespaces: Vec::new() };
        assert_eq!(seen_by(&owner).await, 0, "only its namespace is known");
        state.keep_report(&id, "bank:1", &scanned, Some("bank"), T0).await.expect("kept");
        assert_eq!(seen_by(&owner).await, 1);
        let alerts = state.alerts(&AlertFilter::default(), &owner, &Paging::default()).await.expect("a page");
        assert_eq!(alerts.total, 1);
    });
}

#[test]
fn of_what_nobody_may_see_no_response_and_no_link_is_told() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), _] = chain();
        state.inventory("a", &[of_shop("w1")], T0).await.expect("kept");
        state.keep_alerts("a", &[shell(1, 1, "w1")], T0).await.expect("kept");
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("b", &b, T0).await.expect("kept");
        for (id, node) in [("r-a", "a"), ("r-b", "b")] {
            let response = Response {
                id: id.to_owned(),
                time: T0,
                by: "ann".to_owned(),
                reason: "a secret".to_owned(),
                action: "freeze".to_owned(),
                node: node.to_owned(),
                target: "x".to_owned(),
                until: None,
                outcome: ResponseOutcome { state: ResponseState::Done, text: String::new() },
                incident: Some("a-1".to_owned()),
            };
            state.add_response(&response).await.expect("kept");
        }
        let told_to = async |scope: &Scope| -> Vec<String> {
            let page = state.responses(Some("a-1"), scope, &Paging::default()).await.expect("a page");
            let mut ids: Vec<String> = page.items.into_iter().map(|one| one.id).collect();
            ids.sort_unstable();
            ids
        };
        assert_eq!(told_to(&ALL).await, ["r-a", "r-b"]);
        assert_eq!(told_to(&shop()).await, ["r-a"]);
        // Another incident on the same node that they may not see: then nobody can say whose it was.
        let other = NewIncident { number: 2, ends: a.ends.clone(), ..a.clone() };
        state.keep_incident("a", &other, T0).await.expect("kept");
        assert_eq!(told(&state, "a-2").await.incident.id, "a-1");
        assert_eq!(told_to(&shop()).await, [""; 0]);

        let said = NewApart {
            cause: "a-1".to_owned(),
            effect: "b-1".to_owned(),
            apart: true,
            reason: "names the bank".to_owned(),
        };
        state.part_incidents(&said, "ann", &ALL, T0).await.expect("parted");
        let links = async |scope: &Scope| {
            state.incident("a-1", scope, Telling::Parts).await.expect("is there").links.len()
        };
        assert_eq!((links(&ALL).await, links(&shop()).await), (1, 0));
    });
}

#[test]
fn of_each_pair_and_program_one_link_is_told() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, mut a), (_, mut b), _] = chain();
        for port in 0..600 {
            let (client, time) = (format!("10.0.1.5:{}", 20_000 + port), T0 + 1_000 + Millis::from(port));
            a.ends.as_mut().expect("tells them").push(end(true, &client, "10.0.2.7:6379", time));
            b.ends.as_mut().expect("tells them").push(end(false, &client, "10.0.2.7:6379", time + HOUR));
        }
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("b", &b, T0).await.expect("kept");
        let whole = told(&state, "a-1").await;
        assert_eq!((whole.incident.nodes.len(), whole.links.len(), whole.cut), (2, 1, false));
    });
}

#[test]
fn only_so_much_of_stories_is_read_and_what_is_left_out_is_said() {
    on_both(|state| async move {
        nodes(&state).await;
        for (node, incident) in chain() {
            let mib = if node == "b" { 1 } else { 17 };
            let incident =
                NewIncident { story: "s".repeat(mib << 20), picture: "<svg/>".to_owned(), ..incident };
            state.keep_incident(node, &incident, T0).await.expect("kept");
        }
        let texts = async |telling| {
            let whole = state.incident("a-1", &ALL, telling).await.expect("is there");
            let texts: Vec<usize> =
                whole.parts.iter().filter_map(|part| part.text.as_ref().map(String::len)).collect();
            (whole.parts.len(), texts, whole.cut)
        };
        assert_eq!(texts(Telling::Stories).await, (3, vec![17 << 20, 1 << 20], true));
        assert_eq!(texts(Telling::Pictures).await, (3, vec![6; 3], false));
        assert_eq!(texts(Telling::Parts).await, (3, Vec::new(), false));
    });
}
