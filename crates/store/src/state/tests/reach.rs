//! What is open to the world, as it is kept: by what was seen, until it was long ago.

use super::{
    super::{FindingFilter, NewEntry, NewFlow},
    *,
};
use gabion_api::rest::{NewPlan, PeerKind};

fn flow(source: &str, target: &str, kind: PeerKind, port: u16, denied: bool) -> NewFlow {
    let (source, target) = (source.to_owned(), target.to_owned());
    NewFlow { source, target, kind, port, protocol: "tcp".to_owned(), time: T0, denied }
}

async fn reach(state: &State, workload: &str) -> Vec<String> {
    let told = state.workload(workload, &ALL, T0).await.expect("is there").workload;
    let factor = told.factors.into_iter().find(|factor| factor.name == "reachable");
    factor.map(|factor| factor.evidence).unwrap_or_default()
}

#[test]
fn a_workload_is_reachable_by_what_was_seen_hop_by_hop() {
    on_both(|state| async move {
        node(&state, "n").await;
        let containers =
            ["web", "api", "db", "batch"].map(|name| container(name, &format!("shop/{name}"), "", "image:1"));
        state.inventory("n", &containers, T0).await.expect("kept");
        state
            .keep_flows(&[
                flow("shop/web", "shop/api", PeerKind::Workload, 8080, false),
                flow("shop/api", "shop/db", PeerKind::Workload, 5432, false),
                // What was denied is no way, and a name is nobody who runs here.
                flow("shop/web", "shop/batch", PeerKind::Workload, 9000, true),
                flow("shop/web", "shop/batch", PeerKind::Name, 443, false),
            ])
            .await
            .expect("kept");
        assert_eq!(state.refresh_reach(T0).await.expect("done"), 0, "nobody was seen coming in");
        let entry = |time, address: &str| NewEntry {
            workload: "shop/web".to_owned(),
            port: 443,
            address: address.to_owned(),
            time,
        };
        assert!(state.keep_entries(&[entry(T0, "203.0.113.9")]).await.expect("kept"), "is new");
        assert!(
            !state
                .keep_entries(&[entry(T0 - 5, "203.0.113.1"), entry(T0 - 9, "203.0.113.2")])
                .await
                .expect("kept")
        );
        assert_eq!(state.refresh_reach(T0).await.expect("done"), 3);
        assert_eq!(reach(&state, "shop/web").await, ["203.0.113.9 → shop/web:443"]);
        assert_eq!(
            reach(&state, "shop/db").await,
            ["203.0.113.9 → shop/web:443 → shop/api:8080 → shop/db:5432"]
        );
        assert!(reach(&state, "shop/batch").await.is_empty());
        let web = state.workload("shop/web", &ALL, T0).await.expect("is there").workload;
        assert!((web.risk - 1.5).abs() < f64::EPSILON, "{}", web.risk);
        // What was not seen for long is no way any more.
        assert_eq!(state.refresh_reach(T0 + 8 * 24 * 60 * MINUTE).await.expect("done"), 0);
        assert!(reach(&state, "shop/db").await.is_empty());
    });
}

#[test]
fn what_can_be_reached_has_half_of_its_time_once() {
    const DAY: Millis = 24 * 60 * MINUTE;
    on_both(|state| async move {
        node(&state, "n").await;
        let (mut ids, mut containers) = (Vec::new(), Vec::new());
        for (number, name) in [(1, "web"), (2, "db")] {
            let found = [
                vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High),
                vulnerability("CVE-2024-2", "openssl", "3.0.1", Severity::Low),
                vulnerability("CVE-2024-3", "openssl", "3.0.1", Severity::High),
            ];
            let report = report(&format!("{name}:1"), number, "3.0.1", found.into());
            let id = image_id(&report);
            containers.push(container(name, &format!("shop/{name}"), &id, &format!("{name}:1")));
            ids.push((id, report));
        }
        state.inventory("n", &containers, T0).await.expect("kept");
        for (id, report) in &ids {
            state.keep_report(id, &report.target.reference, report, None, T0).await.expect("kept");
        }
        let due = async |repository: &str, rule: &str| {
            let wanted = FindingFilter {
                rule: Some(rule.to_owned()),
                repository: Some(repository.to_owned()),
                ..FindingFilter::default()
            };
            let page = state.findings(&wanted, &ALL, &Paging::default(), T0).await.expect("a page");
            let [found] = page.items.try_into().expect("one");
            (found.id, found.due.map(|due| (due - T0) / DAY))
        };
        let planned = due("web", "CVE-2024-3").await.0;
        let plan = NewPlan { findings: vec![planned], due: Some(T0 + 29 * DAY), note: String::new() };
        state.plan(&plan, "ann", &ALL, T0).await.expect("planned");

        let entry = |time| NewEntry {
            workload: "shop/web".to_owned(),
            port: 443,
            address: "203.0.113.9".to_owned(),
            time,
        };
        state.keep_entries(&[entry(T0 + 10 * DAY)]).await.expect("kept");
        for later in [10, 11, 12] {
            state.refresh_reach(T0 + later * DAY).await.expect("done");
            assert_eq!(due("web", "CVE-2024-1").await.1, Some(25), "15 days from the tenth on, once");
        }
        assert_eq!(due("db", "CVE-2024-1").await.1, Some(30), "nobody was seen coming in");
        assert_eq!(due("web", "CVE-2024-2").await.1, None);
        assert_eq!(due("web", "CVE-2024-3").await.1, Some(29), "somebody has planned it");
        let id = due("web", "CVE-2024-1").await.0;
        let told = state.finding(&id, &ALL, T0 + 12 * DAY).await.expect("is there").history;
        let whys: Vec<&str> =
            told.iter().map(|change| change.why.as_str()).filter(|why| why.contains("half")).collect();
        assert_eq!(
            whys,
            ["half of its time is left, as it can be reached from outside: 203.0.113.9 → shop/web:443"]
        );
        // Long after nobody came in any more the day stays.
        state.refresh_reach(T0 + 20 * DAY).await.expect("done");
        assert_eq!(due("web", "CVE-2024-1").await.1, Some(25));
    });
}
