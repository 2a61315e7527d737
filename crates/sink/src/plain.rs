//! A record as plain JSON: what the webhook and the file have.

use crate::record::{Item, Record, word};
use serde_json::{Map, Value, json};

/// `{"id": "a-1", "version": 7, "kind": "alert", "time": "2026-...", ...}`; what is not known is absent.
pub(crate) fn record(record: &Record) -> Value {
    let Record {
        id,
        version,
        kind,
        time: _,
        severity,
        title,
        message,
        action,
        rule,
        node,
        workload,
        namespace,
        container,
        image: _,
        program,
        user,
        techniques,
        tactics,
        count,
        state,
        incident,
        fields,
        link,
        items,
        more,
    } = record;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        let is_empty = match &value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(object) => object.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if !is_empty {
            object.insert(name.to_owned(), value);
        }
    };
    put("id", json!(id));
    put("version", json!(version));
    put("kind", json!(kind.as_str()));
    put("time", json!(record.timestamp()));
    put("severity", json!(word(*severity)));
    put("title", json!(title));
    put("message", json!(message));
    put("action", json!(action));
    put("rule", json!(rule));
    put("node", node.as_ref().map_or(Value::Null, |(id, name)| json!({"id": id, "name": name})));
    put("workload", json!(workload));
    put("namespace", json!(namespace));
    put("container", json!(container));
    put("image", json!(record.image_name()));
    put("program", json!(program));
    put("user", user.as_ref().map_or(Value::Null, |(name, from)| json!({"name": name, "from": from})));
    put("techniques", json!(techniques));
    put("tactics", json!(tactics));
    put("count", json!(count));
    put("state", json!(state));
    put("incident", json!(incident));
    put("fields", json!(fields));
    put("link", json!(link));
    put("items", items.iter().map(item).collect());
    put("more", if *more > 0 { json!(more) } else { Value::Null });
    Value::Object(object)
}

fn item(item: &Item) -> Value {
    let Item { key, kind, severity, owner, subject, title, link, over } = item;
    json!({
        "key": key,
        "kind": kind,
        "severity": word(*severity),
        "owner": owner,
        "subject": subject,
        "title": title,
        "link": link,
        "over": over,
    })
}
