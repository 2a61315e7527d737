//! What is open to the world, as it is kept: by what was seen, until it was long ago.

use super::{
    super::{NewEntry, NewFlow},
    *,
};
use gabion_api::rest::PeerKind;

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
