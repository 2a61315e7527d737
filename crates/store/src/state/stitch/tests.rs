//! What is joined, what is not, and that it does not matter in which order it was told.

use super::*;
use proptest::prelude::*;

fn end(node: &str, client: &str, server: &str, at: Millis) -> End {
    let address = |text: &str| text.parse().expect("an address");
    End { node: node.to_owned(), client: address(client), server: address(server), at }
}

#[test]
fn one_connection_that_two_nodes_tell_is_the_same() {
    let begun = end("a", "10.0.1.5:50200", "10.0.2.7:80", 1000);
    assert!(is_same(&begun, &end("b", "10.0.1.5:50200", "10.0.2.7:80", 1003)));
    // The clocks of both are never quite right: it may seem to have been accepted before it was begun.
    assert!(is_same(&begun, &end("b", "10.0.1.5:50200", "10.0.2.7:80", 990)));
    // Behind a service address the server is called by another name on either side.
    let by_service = end("a", "10.0.1.5:50200", "10.96.0.12:80", 1000);
    assert!(is_same(&by_service, &end("b", "10.0.1.5:50200", "10.0.2.7:8080", 1001)));
}

#[test]
fn what_is_no_connection_of_both_joins_nothing() {
    let begun = end("a", "10.0.1.5:50200", "10.0.2.7:80", 1000);
    // A proxy or load balancer begins one of its own.
    assert!(!is_same(&begun, &end("b", "10.0.3.1:41000", "10.0.2.7:80", 1001)));
    // Another connection of the same two, as of a health check.
    assert!(!is_same(&begun, &end("b", "10.0.1.5:50201", "10.0.2.7:80", 1001)));
    // Behind the address of a node (NAT) another one stands.
    assert!(!is_same(&begun, &end("b", "192.168.7.2:50200", "10.0.2.7:80", 1001)));
    // An address and port that came again later, in another pod.
    assert!(!is_same(&begun, &end("b", "10.0.1.5:50200", "10.0.2.7:80", 1000 + WINDOW + 1)));
    // A node sees by itself what belongs together on it.
    assert!(!is_same(&begun, &end("a", "10.0.1.5:50200", "10.0.2.7:80", 1001)));
}

fn part(id: &str, node: &str, severity: Severity, began: Millis, skew: Option<Millis>) -> Part {
    Part {
        id: id.to_owned(),
        node: node.to_owned(),
        title: format!("title of {id}"),
        severity,
        began,
        updated: began + 10,
        containers: vec!["web".to_owned()],
        tactics: Vec::new(),
        techniques: vec![format!("T{id}")],
        on_host: false,
        skew,
    }
}

#[test]
fn a_whole_begins_where_its_first_part_does_by_one_clock() {
    // The clock of the second is an hour ahead: it only seems to be the later one.
    let parts = vec![
        part("1", "a", Severity::Medium, 2_000, Some(0)),
        part("2", "b", Severity::Critical, 3_601_000, Some(-3_600_000)),
    ];
    let whole = whole(parts).expect("there are parts");
    assert_eq!((whole.began, whole.updated), (1_000, 2_010));
    assert_eq!(whole.nodes, ["b", "a"]);
    assert_eq!(whole.title, "title of 2, over 2 nodes");
    assert_eq!(whole.severity, Severity::Critical);
    assert_eq!(whole.containers, ["web", "web"], "one on each node");
    assert_eq!(whole.techniques, ["T1", "T2"]);
}

#[test]
fn an_incident_that_is_alone_is_as_its_node_tells_it() {
    let alone = whole(vec![part("1", "a", Severity::Low, 2_000, Some(-500))]).expect("there is one");
    assert_eq!((alone.began, alone.title.as_str()), (2_000, "title of 1"));
}

#[test]
fn tactics_keep_the_order_of_an_attack() {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (one, two, three) =
        (words("execution impact"), words("execution persistence impact"), words("discovery"));
    assert_eq!(in_order(vec![&one, &two, &three]), ["execution", "persistence", "impact", "discovery"]);
    // Whoever tells them in another order ends all the same.
    let (one, two) = (words("a b"), words("b a"));
    assert_eq!(in_order(vec![&one, &two]), ["a", "b"]);
}

fn set(pairs: &[(usize, usize)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(one, other)| (one.to_string(), other.to_string())).collect()
}

#[test]
fn what_somebody_has_parted_stays_parted_unless_something_else_joins_it() {
    let parts: BTreeMap<String, u64> = (0..3).map(|id| (id.to_string(), id)).collect();
    let of = |links: &[(usize, usize)], said: &[(usize, usize)]| {
        groups(&parts, &set(links), &set(said)).into_values().collect::<Vec<_>>()
    };
    let chain = [(0, 1), (1, 2)];
    assert_eq!(of(&chain, &[]), ["0", "0", "0"]);
    assert_eq!(of(&chain, &[(2, 1)]), ["0", "0", "2"], "whichever is named first");
    assert_eq!(of(&[(0, 1), (1, 2), (0, 2)], &[(1, 2)]), ["0", "0", "0"]);
}

proptest! {
    #[test]
    fn the_order_in_which_parts_come_changes_only_what_the_whole_is_called(
        links in prop::collection::vec((0_usize..12, 0_usize..12), 0..16),
        apart in prop::collection::vec((0_usize..12, 0_usize..12), 0..4),
        order in Just((0_u64..12).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let ids: Vec<String> = (0..12).map(|id| id.to_string()).collect();
        let first: BTreeMap<String, u64> = ids.iter().cloned().zip(0..).collect();
        let other: BTreeMap<String, u64> = ids.iter().cloned().zip(order).collect();
        let (links, apart) = (set(&links), set(&apart));
        let sets = |order: &BTreeMap<String, u64>| {
            let mut sets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (id, leader) in groups(order, &links, &apart) {
                sets.entry(leader).or_default().insert(id);
            }
            for (leader, members) in &sets {
                assert_eq!(members.iter().min_by_key(|id| order[*id]), Some(leader));
            }
            sets.into_values().collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(sets(&first), sets(&other));
    }

    #[test]
    fn a_whole_is_the_same_in_whichever_order_its_parts_are(
        parts in prop::collection::btree_map("[a-z]{1,3}", (0_usize..4, 0_usize..3, 0_i64..5000, prop::option::of(-900_i64..900)), 1..8),
        seed in any::<u64>(),
    ) {
        let severities = [Severity::Low, Severity::High, Severity::Critical];
        let mut all: Vec<Part> = parts
            .into_iter()
            .map(|(id, (node, severity, began, skew))| part(&id, &node.to_string(), severities[severity], began, skew))
            .collect();
        let one = whole(all.clone());
        let by = usize::try_from(seed % all.len() as u64).expect("is small");
        all.rotate_left(by);
        all.reverse();
        prop_assert_eq!(one, whole(all));
    }
}
