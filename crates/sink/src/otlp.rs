//! OpenTelemetry logs: OTLP over HTTP, as protobuf. Records of one node share a resource; names are those of the semantic conventions.

use crate::{
    Whole,
    http::Client,
    record::{Record, line, word},
};
use gabion_api::{
    otlp::{
        AnyValue, ArrayValue, ExportLogsServiceRequest, ExportLogsServiceResponse, InstrumentationScope,
        KeyValue, LogRecord, Message, Resource, ResourceLogs, ScopeLogs, Status, any_value::Value,
    },
    rest::{Millis, Severity},
};
use http::{HeaderMap, HeaderValue, header};
use std::collections::BTreeMap;

/// Bytes of a reason that are told.
const MAX_REASON: usize = 300;

pub(crate) struct Otlp {
    client: Client,
    token: Option<String>,
}

impl Otlp {
    pub(crate) const fn new(client: Client, token: Option<String>) -> Self {
        Self { client, token }
    }

    pub(crate) async fn send(&self, records: &[Record], now: Millis) -> Whole {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(token) = &self.token {
            let Ok(mut value) = HeaderValue::try_from(format!("Bearer {token}")) else {
                return Whole::Again("the secret is no text of a header".to_owned(), None);
            };
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let answer = match self.client.post(headers, request(records, now).encode_to_vec()).await {
            Ok(answer) => answer,
            Err(why) => return Whole::Again(why, None),
        };
        if let Some(failed) = answer.failed() {
            // An error is a `Status`, whose text can be read and its bytes cannot.
            let said = Status::decode(answer.body.as_slice()).map(|status| line(&status.message, MAX_REASON));
            let Some(said) = said.ok().filter(|said| !said.is_empty()) else { return failed };
            let why = format!("it answers {}: {said}", answer.status);
            return match failed {
                Whole::Rejected(_) => Whole::Rejected(why),
                _ => Whole::Again(why, answer.wait),
            };
        }
        match ExportLogsServiceResponse::decode(answer.body.as_slice()) {
            Ok(response) => match response.partial_success {
                Some(part) if part.rejected_log_records > 0 => Whole::TakenBut(
                    part.rejected_log_records.unsigned_abs(),
                    line(&part.error_message, MAX_REASON),
                ),
                Some(_) | None => Whole::Taken,
            },
            Err(_) => Whole::Again(
                format!("it answers {}, but not as a collector does: is the path /v1/logs?", answer.status),
                None,
            ),
        }
    }
}

fn text(value: impl Into<String>) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value.into())) }
}

fn request(records: &[Record], now: Millis) -> ExportLogsServiceRequest {
    let mut by_node: BTreeMap<Option<&(String, String)>, Vec<LogRecord>> = BTreeMap::new();
    for record in records {
        by_node.entry(record.node.as_ref()).or_default().push(log_record(record, now));
    }
    let resource_logs = by_node.into_iter().map(|(node, log_records)| {
        let mut attributes = Attributes::default();
        attributes.text("service.name", Some("gabion"));
        attributes.text("service.version", Some(env!("CARGO_PKG_VERSION")));
        attributes.text("host.id", node.map(|(id, _)| id.as_str()));
        attributes.text("host.name", node.map(|(_, name)| name.as_str()));
        let scope =
            InstrumentationScope { name: "gabion".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        ResourceLogs {
            resource: Some(Resource { attributes: attributes.0 }),
            scope_logs: vec![ScopeLogs { scope: Some(scope), log_records }],
        }
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }
}

/// Attributes; what is not known is absent.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, key: &str, value: AnyValue) {
        self.0.push(KeyValue { key: key.to_owned(), value: Some(value) });
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.put(key, text(value));
        }
    }

    fn number(&mut self, key: &str, value: Option<u64>) {
        if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
            self.put(key, AnyValue { value: Some(Value::IntValue(value)) });
        }
    }

    fn list(&mut self, key: &str, values: &[String]) {
        if !values.is_empty() {
            let values = values.iter().map(text).collect();
            self.put(key, AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) });
        }
    }
}

fn log_record(record: &Record, now: Millis) -> LogRecord {
    let nanos = |time: Millis| u64::try_from(time).unwrap_or(0).saturating_mul(1_000_000);
    let mut attributes = Attributes::default();
    attributes.text("log.record.uid", Some(&record.version_id()));
    attributes.text("gabion.id", Some(&record.id));
    attributes.number("gabion.version", Some(record.version));
    attributes.text("gabion.kind", Some(record.kind.as_str()));
    attributes.text("gabion.title", Some(&record.title));
    attributes.number("gabion.count", Some(record.count));
    attributes.text("gabion.state", record.state.as_deref());
    attributes.text("gabion.incident", record.incident.as_deref());
    attributes.text("gabion.workload", record.workload.as_deref());
    attributes.text("url.full", record.link.as_deref());
    attributes.text("gabion.action", record.action.as_deref());
    attributes.list("gabion.techniques", &record.techniques);
    attributes.list("gabion.tactics", &record.tactics);
    attributes.text("security_rule.name", record.rule.as_deref());
    attributes
        .text("k8s.namespace.name", record.namespace.as_deref().or_else(|| record.field("k8s.ns.name")));
    attributes.text("k8s.pod.name", record.field("k8s.pod.name"));
    attributes.text("container.id", record.field("container.id").filter(|id| *id != "host"));
    attributes.text("container.name", record.container.as_deref());
    attributes.text("container.image.name", record.image_name().as_deref());
    attributes.number("process.pid", record.number("proc.pid"));
    attributes.number("process.parent_pid", record.number("proc.ppid"));
    attributes.text("process.executable.path", record.field("proc.exepath").or(record.program.as_deref()));
    attributes.text("process.command_line", record.field("proc.cmdline"));
    attributes.text(
        "user.name",
        record.user.as_ref().map(|(name, _)| name.as_str()).or_else(|| record.field("user.name")),
    );
    attributes.text("client.address", record.user.as_ref().map(|(_, from)| from.as_str()));
    for (name, value) in &record.fields {
        attributes.text(&format!("gabion.fields.{name}"), Some(value));
    }
    LogRecord {
        time_unix_nano: nanos(record.time),
        observed_time_unix_nano: nanos(now),
        severity_number: number(record.severity),
        severity_text: word(record.severity).to_owned(),
        body: Some(text(&record.message)),
        attributes: attributes.0,
        event_name: format!("gabion.{}", record.kind.as_str()),
    }
}

/// `SeverityNumber`: `FATAL`, `ERROR`, `WARN`, `INFO2` (a notice), `INFO`, unspecified.
const fn number(severity: Severity) -> i32 {
    match severity {
        Severity::Critical => 21,
        Severity::High => 17,
        Severity::Medium => 13,
        Severity::Low => 10,
        Severity::Info => 9,
        Severity::Unknown => 0,
    }
}
