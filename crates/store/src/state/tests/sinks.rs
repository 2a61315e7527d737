//! How far sinks have got, and what they have lost.

use super::{super::*, *};
use gabion_api::rest::{
    AuditEntry, IncidentState, NewSink, Severity as Level, SinkRecords, SinkState, SinkTarget,
};

const EVERYTHING: [SinkRecords; 3] = [SinkRecords::Alerts, SinkRecords::Incidents, SinkRecords::Audit];

fn sink(name: &str, records: &[SinkRecords], least: Level) -> NewSink {
    NewSink {
        name: name.to_owned(),
        target: SinkTarget::Webhook { url: "https://hooks.example/x".to_owned(), authorities: None },
        records: records.to_vec(),
        least,
        paused: false,
        secret: Some("hunter2".to_owned()),
    }
}

fn alert(number: u64, rule: &str, priority: &str, time: Millis) -> NewAlert {
    NewAlert {
        number,
        time,
        rule: rule.to_owned(),
        priority: priority.to_owned(),
        message: format!("{rule} {number}"),
        ..NewAlert::default()
    }
}

fn entry(id: &str) -> AuditEntry {
    let text = |text: &str| text.to_owned();
    AuditEntry {
        id: text(id),
        time: T0,
        by: text("ann"),
        from: text("::1"),
        action: text("x.y"),
        target: text("z"),
        detail: String::new(),
    }
}

fn names(arrivals: &Arrivals) -> Vec<String> {
    let name = |what: &Arrived| match what {
        Arrived::Alert(alert) => format!("{} x{}", alert.rule, alert.count),
        Arrived::Incident(incident) => format!("{} {:?}", incident.title, incident.state),
        Arrived::Audit(entry) => entry.id.clone(),
    };
    arrivals.records.iter().map(|(_, what)| name(what)).collect()
}

#[test]
fn records_come_in_the_order_in_which_they_changed_last() {
    on_both(|state| async move {
        node(&state, "n1").await;
        let before = state.arrived(0, &EVERYTHING, Level::Unknown, 100).await.expect("asked").to;
        state
            .keep_alerts("n1", &[alert(1, "a", "Warning", T0), alert(2, "b", "Critical", T0)], T0)
            .await
            .expect("kept");
        let incident = NewIncident {
            number: 7,
            title: "i".to_owned(),
            severity: Level::High,
            began: T0,
            updated: T0,
            ..NewIncident::default()
        };
        state.keep_incident("n1", &incident, T0).await.expect("kept");
        state.audit(&entry("u1")).await.expect("kept");
        state.keep_alerts("n1", &[alert(3, "a", "Warning", T0 + 5)], T0 + 5).await.expect("kept");
        // The same story again is nothing new.
        state.keep_incident("n1", &incident, T0).await.expect("kept");
        let all = state.arrived(before, &EVERYTHING, Level::Unknown, 100).await.expect("asked");
        assert_eq!(names(&all), ["b x1", "i Open", "u1", "a x2"]);
        let numbers: Vec<u64> = all.records.iter().map(|(number, _)| *number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        // Page by page it is the same, without gaps and repeats.
        let (mut paged, mut from) = (Vec::new(), before);
        loop {
            let page = state.arrived(from, &EVERYTHING, Level::Unknown, 2).await.expect("asked");
            if page.records.is_empty() {
                break;
            }
            paged.extend(names(&page));
            from = page.to;
        }
        assert_eq!(paged, names(&all));
        assert_eq!(state.arrived(all.to, &EVERYTHING, Level::Unknown, 2).await.expect("asked").records, []);
        let bad = state.arrived(before, &EVERYTHING, Level::High, 100).await.expect("asked");
        assert_eq!(names(&bad), ["b x1", "i Open", "u1"], "the audit log has no severity");
        state.change_incident("n1-7", IncidentState::Closed, &ALL, T0).await.expect("changed");
        let closed =
            state.arrived(all.to, &[SinkRecords::Incidents], Level::Unknown, 9).await.expect("asked");
        assert_eq!(names(&closed), ["i Closed"]);
    });
}

#[test]
fn a_sink_has_what_comes_after_it_was_made_and_is_told_what_it_lost() {
    on_both(|state| async move {
        node(&state, "n1").await;
        state.keep_alerts("n1", &[alert(1, "before", "Critical", T0)], T0).await.expect("kept");
        state
            .add_sink(
                &sink("s", &[SinkRecords::Alerts], Level::Medium),
                "https://hooks.example",
                "ann",
                40,
                T0,
            )
            .await
            .expect("made");
        let again = state.add_sink(&sink("s", &[SinkRecords::Alerts], Level::Low), "x", "ann", 40, T0).await;
        assert!(matches!(again, Err(StateError::Refused(_))));
        let quiet = sink("quiet", &[SinkRecords::Audit, SinkRecords::Events], Level::Unknown);
        state.add_sink(&quiet, "https://hooks.example", "ann", 40, T0).await.expect("made");
        let new = [
            alert(2, "bad", "Critical", T0 + 1),
            alert(3, "worse", "Emergency", T0 + 2),
            alert(4, "harmless", "Debug", T0 + 3),
        ];
        state.keep_alerts("n1", &new, T0 + 3).await.expect("kept");
        let told = state.sink("s", 50).await.expect("is there");
        assert_eq!((told.waiting, told.oldest_waiting, told.state), (2, Some(T0 + 1), SinkState::Well));
        assert_eq!(state.sink("quiet", 50).await.expect("is there").waiting, 10, "events");
        assert!(told.has_secret && !format!("{told:?}").contains("hunter2"));

        let stored = state.stored_sink("s").await.expect("is there");
        assert_eq!(stored.secret.as_deref(), Some("hunter2"));
        assert!(!format!("{stored:?}").contains("hunter2"));
        assert!(state.sink_failed("s", stored.version, "it is down", T0 + 10).await.expect("kept"));
        assert!(state.sink_failed("s", stored.version, "still", T0 + 20).await.expect("kept"));
        let told = state.sink("s", 50).await.expect("is there");
        assert_eq!((told.state, told.failing_since), (SinkState::Failing, Some(T0 + 10)));
        assert_eq!(told.error.as_deref(), Some("still"));

        let first = state.arrived(stored.state_at, &stored.records, stored.least, 1).await.expect("asked");
        assert_eq!(names(&first), ["bad x1"]);
        let moved = Moved { state_at: first.to, events_at: 40, sent: 1, ..Moved::default() };
        assert!(state.sink_moved("s", stored.version, &moved, T0 + 30).await.expect("kept"));
        let told = state.sink("s", 50).await.expect("is there");
        assert_eq!((told.state, told.taken, told.sent, told.waiting), (SinkState::Well, Some(T0 + 30), 1, 1));

        // Retention takes all four; one of them waited, and was wanted.
        assert_eq!(state.forget_alerts(T0 + 100).await.expect("forgotten"), 4);
        let told = state.sink("s", 50).await.expect("is there");
        assert_eq!((told.lost, told.waiting), (1, 0));
        assert_eq!(state.sink("quiet", 50).await.expect("is there").lost, 0);
        state.sinks_lost(&[("quiet".to_owned(), 3), ("s".to_owned(), 0)]).await.expect("kept");
        let numbers = state.sink_numbers(50).await.expect("asked");
        let expected = SinkNumbers { states: [2, 0, 0], waiting: 10, sent: 1, refused: 0, lost: 4 };
        assert_eq!(numbers, expected);
    });
}

#[test]
fn what_was_sent_to_another_sink_moves_none() {
    on_both(|state| async move {
        let new = sink("s", &EVERYTHING, Level::Low);
        state.add_sink(&new, "https://hooks.example", "ann", 0, T0).await.expect("made");
        let old = state.stored_sink("s").await.expect("is there");
        let moved = Moved { state_at: 1000, sent: 5, ..Moved::default() };
        state
            .change_sink(
                &NewSink { paused: true, secret: None, ..new.clone() },
                "https://hooks.example",
                0,
                T0,
            )
            .await
            .expect("changed");
        assert!(!state.sink_moved("s", old.version, &moved, T0).await.expect("asked"));
        assert!(!state.sink_failed("s", old.version, "x", T0).await.expect("asked"));
        let now = state.stored_sink("s").await.expect("is there");
        assert_eq!((now.state_at, now.secret.as_deref(), now.paused), (old.state_at, Some("hunter2"), true));
        assert_eq!(state.sink("s", 0).await.expect("is there").state, SinkState::Paused);
        state.remove_sink("s").await.expect("removed");
        assert!(matches!(state.remove_sink("s").await, Err(StateError::Absent { .. })));
        state.add_sink(&new, "https://hooks.example", "ann", 0, T0 + 1).await.expect("made");
        assert!(!state.sink_moved("s", now.version, &moved, T0).await.expect("asked"));
        let all = all(
            |paging| {
                let state = state.clone();
                async move { state.sinks(&paging, 0).await }
            },
            "",
        )
        .await;
        assert_eq!(all.len(), 1);
    });
}

#[test]
fn no_number_is_seen_before_one_that_is_smaller() {
    on_both(|state| async move {
        let writers = (0..8).map(|writer| {
            let state = state.clone();
            async move {
                for number in 0..20 {
                    state.audit(&entry(&format!("u-{writer}-{number}"))).await.expect("kept");
                }
            }
        });
        let is_done = std::cell::Cell::new(false);
        let writing = async {
            futures_util::future::join_all(writers).await;
            is_done.set(true);
        };
        let (mut seen, mut from) = (Vec::new(), 0);
        let reading = async {
            loop {
                let was_done = is_done.get();
                let page =
                    state.arrived(from, &[SinkRecords::Audit], Level::Unknown, 7).await.expect("asked");
                if was_done && page.records.is_empty() {
                    break;
                }
                from = page.to;
                seen.extend(page.records.into_iter().map(|(number, _)| number));
            }
        };
        futures_util::future::join(writing, reading).await;
        assert_eq!(seen.len(), 160, "none is missed");
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    });
}
