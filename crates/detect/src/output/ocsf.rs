//! OCSF 1.8: a Detection Finding (class 2004) with the process as evidence and the container as resource.

use super::{
    attack::{tactic, technique},
    lossy,
};
use crate::{
    alert::{Alert, ContainerFacts, Object, ProcessFacts},
    rules::Priority,
};
use gabion_model::event::{Endpoint, Verdict};
use serde_json::{Map, Value, json};

const MILLISECOND: u64 = 1_000_000;

/// As OCSF 1.8. What is not known is left out.
pub fn ocsf(alert: &Alert) -> Value {
    let (severity_id, severity) = severity(alert.priority);
    let mut finding = object(json!({
        "activity_id": 1,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": 2,
        "class_name": "Detection Finding",
        "class_uid": 2004,
        "device": { "hostname": alert.hostname, "type_id": 1 },
        "evidences": [evidence(alert)],
        "finding_info": finding_info(alert),
        "message": lossy(&alert.message),
        "metadata": {
            "product": { "name": "Gabion", "vendor_name": "Gabion", "version": env!("CARGO_PKG_VERSION") },
            "profiles": ["container", "host", "security_control"],
            "version": "1.8.0",
        },
        "severity": severity,
        "severity_id": severity_id,
        "status": "New",
        "status_id": 1,
        "time": alert.time / MILLISECOND,
        "type_name": "Detection Finding: Create",
        "type_uid": 200_401,
        "unmapped": { "falco.output_fields": alert.fields, "falco.tags": alert.tags },
    }));
    let (action, disposition) = match alert.verdict {
        Verdict::None | Verdict::WouldDeny(_) => (3, 15),
        Verdict::Allowed => (1, 1),
        Verdict::Denied(_) => (2, 2),
    };
    finding.insert("action_id".to_owned(), action.into());
    finding.insert("disposition_id".to_owned(), disposition.into());
    if let Some(container) = &alert.container {
        finding.insert("resources".to_owned(), json!([resource(container)]));
    }
    finding.into()
}

fn severity(priority: Priority) -> (u8, &'static str) {
    match priority {
        Priority::Emergency => (6, "Fatal"),
        Priority::Alert | Priority::Critical => (5, "Critical"),
        Priority::Error => (4, "High"),
        Priority::Warning => (3, "Medium"),
        Priority::Notice => (2, "Low"),
        Priority::Informational | Priority::Debug => (1, "Informational"),
    }
}

fn finding_info(alert: &Alert) -> Value {
    let tactics: Vec<Value> = alert
        .tags
        .iter()
        .filter_map(|tag| tactic(tag))
        .map(|(uid, name)| json!({ "name": name, "uid": uid }))
        .collect();
    // Which technique serves which of several tactics, tags do not say.
    let only = if let [tactic] = &tactics[..] { Some(tactic.clone()) } else { None };
    let mut attacks: Vec<Value> = alert
        .tags
        .iter()
        .filter_map(|tag| technique(tag))
        .map(|(whole, part)| {
            let mut attack = object(json!({ "technique": { "uid": whole } }));
            if let Some(part) = part {
                attack.insert("sub_technique".to_owned(), json!({ "uid": part }));
            }
            if let Some(tactic) = &only {
                attack.insert("tactic".to_owned(), tactic.clone());
            }
            attack.into()
        })
        .collect();
    if attacks.is_empty() || only.is_none() {
        attacks.extend(tactics.into_iter().map(|tactic| json!({ "tactic": tactic })));
    }
    json!({
        "analytic": { "name": alert.rule, "type": "Rule", "type_id": 1 },
        "attacks": attacks,
        "created_time": alert.time / MILLISECOND,
        "desc": alert.description,
        "title": alert.rule,
        "types": alert.tags,
        "uid": format!("{}/{}/{}", alert.hostname, alert.number, alert.rule),
    })
}

fn evidence(alert: &Alert) -> Value {
    let mut evidence = object(json!({
        "data": { "event": alert.kind.as_str(), "result": alert.result },
    }));
    if let Some(with_ancestors) = process(&alert.processes) {
        evidence.insert("actor".to_owned(), json!({ "process": with_ancestors }));
    }
    if let Some(alone) = process(&alert.processes[..alert.processes.len().min(1)]) {
        evidence.insert("process".to_owned(), alone);
    }
    match &alert.object {
        Object::None => {}
        Object::File(path) => {
            evidence.insert("file".to_owned(), file(path));
        }
        Object::Connection { local, remote } => {
            for (name, end) in [("src_endpoint", local), ("dst_endpoint", remote)] {
                if let Some(Endpoint { address, port }) = end {
                    evidence.insert(name.to_owned(), json!({ "ip": address.to_string(), "port": port }));
                }
            }
        }
    }
    if let Some(ContainerFacts::Known(container)) = &alert.container {
        evidence.insert("container".to_owned(), json!({ "name": container.name, "uid": container.id }));
    }
    evidence.into()
}

/// A process with its ancestors inside.
fn process(processes: &[ProcessFacts]) -> Option<Value> {
    let (own, ancestors) = processes.split_first()?;
    let mut user = object(json!({ "uid": own.uid.to_string() }));
    if let Some(name) = &own.user {
        user.insert("name".to_owned(), lossy(name).into());
    }
    let mut value = object(json!({
        "cmd_line": lossy(&own.arguments.join(&b' ')),
        "file": file(&own.path),
        "name": lossy(&own.name),
        "namespace_pid": own.vpid,
        "pid": own.task.pid,
        "user": user,
        "working_directory": lossy(&own.cwd),
    }));
    if let Some(started) = own.started {
        value.insert("created_time".to_owned(), (started / MILLISECOND).into());
    }
    if let Some(parent) = process(ancestors) {
        value.insert("parent_process".to_owned(), parent);
    }
    Some(value.into())
}

fn file(path: &[u8]) -> Value {
    json!({ "name": lossy(crate::state::path::file_name(path)), "path": lossy(path), "type_id": 1 })
}

fn resource(container: &ContainerFacts) -> Value {
    let container = match container {
        ContainerFacts::Known(container) => container,
        ContainerFacts::Unknown(_) => return json!({ "name": "unknown", "type": "container" }),
    };
    let mut data = object(json!({
        "image": { "name": container.image.repository, "tag": container.image.tag },
        "runtime": container.runtime.as_str(),
    }));
    if let Some(digest) = &container.image.digest {
        data.insert("image_digest".to_owned(), digest.to_string().into());
    }
    let mut resource = object(json!({
        "name": container.name,
        "type": "container",
        "uid": container.id,
    }));
    if let Some(pod) = &container.pod {
        let mut told = object(json!({ "name": pod.name }));
        if !pod.uid.is_empty() {
            told.insert("uid".to_owned(), pod.uid.clone().into());
        }
        data.insert("pod".to_owned(), told.into());
        resource.insert("namespace".to_owned(), pod.namespace.clone().into());
    }
    resource.insert("data".to_owned(), data.into());
    resource.into()
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
