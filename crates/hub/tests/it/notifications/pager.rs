//! Messages of many records, as PagerDuty is sent, and sinks that take a part of them, later, or not at all.

use super::*;

/// Three incidents, which become one message for PagerDuty.
async fn three(hub: &Hub, state: &State, server: &Server) {
    let target = json!({"kind": "pager-duty", "url": format!("http://{}/v2/enqueue", server.host)});
    tells(hub, target, Some("key"), &json!({"wait": 10})).await;
    for number in 7..10 {
        let incident = NewIncident {
            number,
            title: "Reverse shell".to_owned(),
            severity: gabion_api::rest::Severity::High,
            began: T0,
            updated: T0,
            ..NewIncident::default()
        };
        state.keep_incident("n", &incident, T0).await.expect("kept");
    }
    until("that they are gathered", async || {
        (hub.get("/api/v1/notification-rules/all").await["gathered"] == 3).then_some(())
    })
    .await;
    hub.pass(11 * MINUTE);
}

fn keys(server: &Server) -> Vec<String> {
    let key = |asked: &Asked| body(asked)["dedup_key"].as_str().map(str::to_owned);
    server.asked().iter().filter_map(key).collect()
}

#[test]
fn what_was_taken_of_a_message_is_not_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let many = AtomicU32::new(0);
        let server = Server::tcp(move |_| match many.fetch_add(1, Ordering::Relaxed) {
            1 => Answer::status(500),
            _ => Answer::status(202),
        });
        let hub = Hub::start(directory.path()).await;
        let state = state(directory.path()).await;
        three(&hub, &state, &server).await;
        becomes(&hub, "waiting", 1).await;
        hub.pass(6 * MINUTE);
        becomes(&hub, "sent", 1).await;
        assert_eq!(keys(&server), ["n-7", "n-8", "n-8", "n-9"]);
        assert_eq!(hub.get("/api/v1/sinks/chat").await["sent"], 3);
        hub.stop().await;
    });
}

#[test]
fn what_is_refused_of_a_message_does_not_keep_the_rest_from_its_sink() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|asked| {
            if asked.body.contains("\"n-8\"") {
                Answer::status(400).body("not that")
            } else {
                Answer::status(202)
            }
        });
        let hub = Hub::start(directory.path()).await;
        let state = state(directory.path()).await;
        three(&hub, &state, &server).await;
        for tries in 1..6 {
            becomes(&hub, "waiting", tries).await;
            hub.pass(6 * MINUTE);
        }
        let told = becomes(&hub, "failed", 6).await;
        assert!(told["error"].as_str().is_some_and(|why| why.contains("not that")), "{told}");
        assert_eq!(keys(&server), ["n-7", "n-8", "n-8", "n-8", "n-8", "n-8", "n-8", "n-9"]);
        let sink = hub.get("/api/v1/sinks/chat").await;
        assert_eq!((&sink["sent"], &sink["refused"]), (&json!(2), &json!(1)), "{sink}");
        hub.stop().await;
    });
}

#[test]
fn a_message_is_not_given_up_at_the_first_refusal_after_an_outage() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let many = AtomicU32::new(0);
        let server = Server::tcp(move |_| match many.fetch_add(1, Ordering::Relaxed) {
            0..6 => Answer::status(503),
            6 => Answer::status(400),
            _ => Answer::ok(""),
        });
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({})).await;
        let state = state(directory.path()).await;
        incident(&state, "Reverse shell").await;
        for tries in 1..=7 {
            becomes(&hub, "waiting", tries).await;
            hub.pass(16 * MINUTE);
        }
        becomes(&hub, "sent", 7).await;
        hub.stop().await;
    });
}
