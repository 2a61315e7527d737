//! What is handed over, made of what the hub has.

use gabion_api::rest::{Alert, AuditEntry, Event, Incident, IncidentState, Millis, Severity};
use gabion_sink::{Kind, Record};
use gabion_store::state::{Arrived, severity_of_priority};
use std::collections::BTreeMap;

/// Names of nodes, by id.
type Names = BTreeMap<String, String>;

fn node(id: &str, names: &Names) -> (String, String) {
    (id.to_owned(), names.get(id).map_or(id, String::as_str).to_owned())
}

/// The record of something that arrived under this number.
pub(super) fn of(number: u64, arrived: Arrived, names: &Names) -> Record {
    match arrived {
        Arrived::Alert(alert) => of_alert(number, alert, names),
        Arrived::Incident(incident) => of_incident(number, incident, names),
        Arrived::Audit(entry) => of_audit(entry),
    }
}

fn of_alert(number: u64, alert: Alert, names: &Names) -> Record {
    let Alert {
        id,
        first: _,
        last,
        count,
        rule,
        priority: _,
        severity,
        message,
        node: on,
        container,
        workload,
        incident,
        techniques,
        state: _,
        fields,
    } = alert;
    let program = fields.get("proc.exepath").or_else(|| fields.get("proc.name")).cloned();
    Record {
        id,
        version: number,
        kind: Kind::Alert,
        time: last,
        severity,
        title: rule.clone(),
        message,
        rule: Some(rule),
        node: Some(node(&on, names)),
        workload,
        namespace: fields.get("k8s.ns.name").filter(|name| *name != "<NA>").cloned(),
        container,
        program,
        techniques,
        count,
        incident,
        fields,
        ..Record::default()
    }
}

fn of_incident(number: u64, incident: Incident, names: &Names) -> Record {
    let Incident {
        id,
        title,
        severity,
        began: _,
        updated,
        nodes,
        containers,
        on_host,
        tactics,
        techniques,
        alerts,
        state,
    } = incident;
    let mut place =
        if containers.is_empty() { String::new() } else { format!(" in {}", containers.join(", ")) };
    if on_host {
        place.push_str(if containers.is_empty() { " on the node" } else { ", and on the node" });
    }
    Record {
        version: number,
        kind: Kind::Incident,
        time: updated,
        severity,
        message: format!("{title}{place}: {alerts} alerts"),
        title,
        node: nodes.first().map(|id| node(id, names)),
        container: match containers.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        },
        techniques,
        tactics,
        count: alerts,
        state: Some(match state {
            IncidentState::Open => "open".to_owned(),
            IncidentState::Closed => "closed".to_owned(),
        }),
        incident: Some(id.clone()),
        id,
        ..Record::default()
    }
}

fn of_audit(entry: AuditEntry) -> Record {
    let AuditEntry { id, time, by, from, action, target, detail } = entry;
    let message = [by.as_str(), &action, &target, &detail].join(" ").trim_end().to_owned();
    Record {
        id,
        kind: Kind::Audit,
        time,
        severity: Severity::Info,
        title: action.clone(),
        message,
        user: Some((by, from)),
        action: Some(action),
        fields: BTreeMap::from([("target".to_owned(), target), ("detail".to_owned(), detail)]),
        ..Record::default()
    }
}

/// The record of an event.
pub(super) fn of_event(event: Event, names: &Names) -> Record {
    let Event { id, time, kind, node: on, container, workload, program, message, priority, fields } = event;
    Record {
        id,
        kind: Kind::Event,
        time,
        severity: priority.as_deref().map_or(Severity::Info, severity_of_priority),
        title: kind.clone(),
        message,
        action: Some(kind),
        rule: fields.get("rule").cloned(),
        node: Some(node(&on, names)),
        workload,
        container,
        program,
        fields,
        ..Record::default()
    }
}

/// A record by which somebody tries a sink.
pub(super) fn test(sink: &str, by: &str, now: Millis) -> Record {
    Record {
        id: crate::random_id("test"),
        kind: Kind::Audit,
        time: now,
        severity: Severity::Info,
        title: "Test of a sink".to_owned(),
        message: format!("{by} has sent this from Gabion to try the sink {sink}; nothing has happened"),
        action: Some("sink.test".to_owned()),
        user: Some((by.to_owned(), String::new())),
        ..Record::default()
    }
}
