//! A record as a document of the Elastic Common Schema, so that what is made for it (dashboards, rules) finds what it looks for.
//!
//! What ECS has no name for is under `gabion`; fields as rules name them are kept in `gabion.fields`, which is not indexed: names of
//! fields come from rules, and an index has a limit of them.

use crate::record::{Kind, Record, word};
use gabion_api::rest::Severity;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// The version of the schema.
const VERSION: &str = "8.17.0";

/// The document of a record.
pub(crate) fn document(record: &Record) -> Value {
    let (category, kinds) = category(record);
    let mut document = json!({
        "@timestamp": record.timestamp(),
        "ecs": {"version": VERSION},
        "message": record.message,
        "tags": ["gabion"],
        "log": {"level": word(record.severity)},
        "event": {
            "id": record.id,
            "kind": if matches!(record.kind, Kind::Alert | Kind::Incident) { "alert" } else { "event" },
            "category": [category],
            "type": kinds,
            "severity": number(record.severity),
            "module": "gabion",
            "provider": "gabion",
            "dataset": format!("gabion.{}", record.kind.as_str()),
            "action": record.action,
            "reason": record.title,
        },
        "rule": {"name": record.rule},
        "host": record.node.as_ref().map(|(id, name)| json!({"id": id, "name": name, "hostname": name})),
        "container": container(record),
        "orchestrator": orchestrator(record),
        "process": process(record),
        "user": user(record),
        "source": {"ip": record.user.as_ref().and_then(|(_, from)| address(from))},
        "destination": {
            "ip": record.first(&["fd.sip", "fd.rip"]).and_then(address),
            "port": record.first(&["fd.sport", "fd.rport"]).and_then(|port| port.parse::<u16>().ok()),
        },
        "file": {"path": file(record)},
        "url": {"full": record.link},
        "threat": threat(record),
        "gabion": {
            "id": record.id,
            "version": record.version,
            "kind": record.kind.as_str(),
            "severity": word(record.severity),
            "workload": record.workload,
            "count": record.count,
            "state": record.state,
            "incident": record.incident,
            "fields": record.fields,
        },
    });
    prune(&mut document);
    document
}

/// What is not known is absent.
fn prune(value: &mut Value) {
    if let Value::Object(object) = value {
        object.values_mut().for_each(prune);
        object.retain(|_, value| match value {
            Value::Null => false,
            Value::Object(object) => !object.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        });
    }
}

const fn number(severity: Severity) -> u32 {
    match severity {
        Severity::Unknown => 0,
        Severity::Info => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

/// `event.category` and `event.type`: of the words that ECS allows.
fn category(record: &Record) -> (&'static str, &'static [&'static str]) {
    let action = record.action.as_deref().unwrap_or_default();
    match record.kind {
        Kind::Alert | Kind::Incident => ("intrusion_detection", &["info"]),
        Kind::Notification => ("host", &["info"]),
        Kind::Audit => {
            let (what, verb) = action.split_once('.').unwrap_or((action, ""));
            let kinds: &[&str] = match verb {
                "create" | "join" | "add" => &["creation"],
                "remove" | "revoke" => &["deletion"],
                "begin" => &["start"],
                "denied" => &["denied"],
                "end" if what == "session" => &["end"],
                _ => &["change"],
            };
            match what {
                "session" => ("authentication", kinds),
                "user" | "token" => ("iam", kinds),
                _ => ("configuration", kinds),
            }
        }
        Kind::Event => match action {
            "execve" | "execveat" | "clone" | "fork" | "procexit" => {
                ("process", if action == "procexit" { &["end"] } else { &["start"] })
            }
            "connect" | "accept" | "accept4" | "dns" | "sendto" | "bind" | "listen" => {
                ("network", &["connection"])
            }
            _ if action.starts_with("open") || record.field("fd.typechar") == Some("f") => {
                ("file", &["access"])
            }
            "alert" => ("intrusion_detection", &["info"]),
            _ => ("host", &["info"]),
        },
    }
}

fn container(record: &Record) -> Value {
    let id = record.field("container.id").filter(|id| *id != "host");
    let image = record.image_name();
    let (name, tag) = match &image {
        // A colon behind the last slash; one before it is of a port.
        Some(image) => {
            match image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/') && !image.contains('@')) {
                Some((name, tag)) => (Some(name.to_owned()), Some(vec![tag.to_owned()])),
                None => (Some(image.clone()), None),
            }
        }
        None => (None, None),
    };
    json!({"id": id, "name": record.container, "image": {"name": name, "tag": tag}})
}

fn orchestrator(record: &Record) -> Value {
    let namespace = record.namespace.as_deref().or_else(|| record.field("k8s.ns.name"));
    let pod = record.field("k8s.pod.name");
    if namespace.is_none() && pod.is_none() {
        return Value::Null;
    }
    json!({"type": "kubernetes", "namespace": namespace,
           "resource": {"name": pod.or(record.workload.as_deref()), "type": if pod.is_some() { "pod" } else { "workload" }}})
}

fn process(record: &Record) -> Value {
    json!({
        "name": record.field("proc.name"),
        "pid": record.number("proc.pid"),
        "executable": record.field("proc.exepath").or(record.program.as_deref()),
        "command_line": record.field("proc.cmdline"),
        "working_directory": record.field("proc.cwd"),
        "parent": {"name": record.field("proc.pname"), "pid": record.number("proc.ppid"), "command_line": record.field("proc.pcmdline")},
    })
}

fn user(record: &Record) -> Value {
    match &record.user {
        Some((name, _)) => json!({"name": name}),
        None => json!({"name": record.field("user.name"), "id": record.field("user.uid")}),
    }
}

fn file(record: &Record) -> Option<&str> {
    record.field("fd.name").filter(|name| name.starts_with('/'))
}

fn address(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().map(|address| address.to_string())
}

fn threat(record: &Record) -> Value {
    if record.techniques.is_empty() && record.tactics.is_empty() {
        return Value::Null;
    }
    // A technique with a dot is a part of the one before it.
    let (parts, whole): (Vec<&str>, Vec<&str>) =
        record.techniques.iter().map(String::as_str).partition(|id| id.contains('.'));
    let mut ids = whole;
    for part in &parts {
        let of = part.split('.').next().unwrap_or(part);
        if !ids.contains(&of) {
            ids.push(of);
        }
    }
    json!({"framework": "MITRE ATT&CK", "technique": {"id": ids, "subtechnique": {"id": parts}}, "tactic": {"name": record.tactics}})
}

/// The mappings of an index of such documents.
pub(crate) fn mappings() -> Value {
    let number = |kind: &str| json!({"type": kind});
    let mut properties = Map::new();
    properties.insert("@timestamp".to_owned(), json!({"type": "date"}));
    properties.insert("message".to_owned(), json!({"type": "text"}));
    properties.insert("event".to_owned(), json!({"properties": {"severity": number("long")}}));
    let pid =
        json!({"properties": {"pid": number("long"), "parent": {"properties": {"pid": number("long")}}}});
    properties.insert("process".to_owned(), pid);
    let peer = json!({"properties": {"ip": {"type": "ip"}, "port": number("long")}});
    properties.insert("source".to_owned(), peer.clone());
    properties.insert("destination".to_owned(), peer);
    properties.insert(
        "gabion".to_owned(),
        json!({"properties": {"version": number("long"), "count": number("long"), "fields": {"type": "object", "enabled": false}}}),
    );
    json!({
        "dynamic_templates": [{"words": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1024}}}],
        "properties": properties,
    })
}
