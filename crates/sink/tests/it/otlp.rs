//! OTLP: what a collector reads, and what it may answer.

use crate::{
    NOW, alerts, letters, send,
    server::{Server, answer},
};
use axum::http::Method;
use gabion_api::{
    otlp::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse, KeyValue, Message,
        Status, any_value::Value,
    },
    rest::SinkTarget,
};

fn target(server: &Server) -> SinkTarget {
    SinkTarget::Otlp { url: format!("{}/v1/logs", server.url), authorities: None }
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[test]
fn a_collector_reads_what_was_sent() {
    crate::run(async {
        let server = Server::start(|_| answer(200, "")).await;
        let mut records = alerts(2);
        records[1].node = None;
        assert_eq!(letters(&send(&target(&server), Some("secret"), &records).await), "TT");
        let asked = server.asked(&Method::POST).remove(0);
        assert_eq!(asked.path, "/v1/logs");
        assert_eq!(asked.header("authorization"), "Bearer secret");
        assert_eq!(asked.header("content-type"), "application/x-protobuf");
        let request = ExportLogsServiceRequest::decode(asked.body.clone()).expect("decodes");
        assert_eq!(request.resource_logs.len(), 2, "one for each node");
        let of_node = &request.resource_logs[1];
        let attributes = &of_node.resource.as_ref().expect("a resource").attributes;
        assert_eq!(
            (text(attributes, "service.name"), text(attributes, "host.name")),
            (Some("gabion"), Some("db-1"))
        );
        let record = &of_node.scope_logs[0].log_records[0];
        assert_eq!(record.time_unix_nano, NOW.unsigned_abs() * 1_000_000);
        assert_eq!((record.severity_number, record.severity_text.as_str()), (17, "high"));
        assert_eq!(record.event_name, "gabion.alert");
        assert_eq!(text(&record.attributes, "log.record.uid"), Some("a-1:41"));
        assert_eq!(
            text(&record.attributes, "container.image.name"),
            Some("registry.example:5000/shop/web:1.2")
        );
        assert_eq!(text(&record.attributes, "k8s.namespace.name"), Some("shop"));
        if let Some(path) = std::env::var_os("GABION_WRITE_OTLP") {
            // For another implementation to read.
            std::fs::write(path, &asked.body).expect("writes");
        }
    });
}

#[test]
fn a_collector_that_takes_a_part_says_how_many_it_does_not_take() {
    crate::run(async {
        let part = ExportLogsPartialSuccess { rejected_log_records: 2, error_message: "too old".to_owned() };
        let response = ExportLogsServiceResponse { partial_success: Some(part) }.encode_to_vec();
        let server = Server::start(move |_| answer(200, response.clone())).await;
        let outcome = send(&target(&server), None, &alerts(3)).await;
        assert_eq!(
            (letters(&outcome).as_str(), outcome.refused_among),
            ("TTT", Some((2, "too old".to_owned())))
        );
        assert_eq!(server.asked(&Method::POST).len(), 1, "it must not be sent again");

        let status = Status { code: 3, message: "no such tenant".to_owned() }.encode_to_vec();
        let server = Server::start(move |_| answer(403, status.clone())).await;
        let outcome = send(&target(&server), None, &alerts(1)).await;
        assert_eq!(outcome.trouble(), Some("it answers 403 Forbidden: no such tenant"));

        let server = Server::start(|_| answer(200, "<html>a proxy</html>")).await;
        assert_eq!(letters(&send(&target(&server), None, &alerts(1)).await), "A", "that is no collector");
    });
}
