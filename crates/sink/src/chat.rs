//! Where people are told: Slack, Teams, PagerDuty.
//!
//! What a message quotes was seen on a node, and may be chosen by an attacker: it goes into parts that know no links, mentions or markup.

use crate::{
    Whole,
    http::Client,
    record::{Kind, Record, line, word},
    target::{PAGER_DUTY, SinkError, wrong},
};
use gabion_api::rest::Severity;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

/// Records of one message.
const AT_ONCE: usize = 10;
/// Bytes of the headline of a message, of a title, of what a record says.
const HEADLINE: usize = 140;
const TITLE: usize = 200;
const MESSAGE: usize = 700;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Slack,
    Teams,
    PagerDuty,
}

pub(crate) struct Chat {
    form: Form,
    client: Client,
    /// The key of PagerDuty.
    key: String,
}

impl Chat {
    pub(crate) fn new(form: Form, secret: Option<&str>, url: Option<&str>) -> Result<Self, SinkError> {
        let secret = secret.ok_or_else(|| wrong("secret", "it is needed"))?;
        let (url, key) = match form {
            Form::Slack | Form::Teams => (secret, String::new()),
            Form::PagerDuty => (url.unwrap_or(PAGER_DUTY), secret.to_owned()),
        };
        Ok(Self { form, client: Client::new(url, None)?, key })
    }

    pub(crate) const fn at_once(&self) -> usize {
        match self.form {
            Form::Slack | Form::Teams => AT_ONCE,
            Form::PagerDuty => 1,
        }
    }

    pub(crate) async fn send(&self, records: &[Record]) -> Whole {
        let body = match (self.form, records) {
            (Form::Slack, _) => slack(records),
            (Form::Teams, _) => teams(records),
            (Form::PagerDuty, [record, ..]) => pager_duty(record, &self.key),
            (Form::PagerDuty, []) => return Whole::Taken,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self.client.post(headers, body.to_string().into_bytes()).await {
            Ok(answer) => answer.failed().unwrap_or(Whole::Taken),
            Err(why) => Whole::Again(why, None),
        }
    }
}

/// `High: Terminal shell in container`, or `3 records, the worst is critical`.
fn headline(records: &[Record]) -> String {
    if let [record] = records {
        return line(&format!("{}: {}", capital(word(record.severity)), record.title), HEADLINE);
    }
    let worst = records.iter().map(|record| record.severity).max().unwrap_or(Severity::Unknown);
    format!("{} records, the worst is {}", records.len(), word(worst))
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Where, how often, which: `node db-1, workload shop/web, 3 times, a-1`.
fn about(record: &Record) -> String {
    let mut parts = vec![record.timestamp()];
    parts.extend(record.node.as_ref().map(|(_, name)| format!("node {name}")));
    parts.extend(record.workload.as_ref().map(|name| format!("workload {name}")));
    parts.extend(record.container.as_ref().map(|name| format!("container {name}")));
    if record.count > 1 {
        parts.push(format!("{} times", record.count));
    }
    parts.extend(record.state.clone());
    if !record.techniques.is_empty() {
        parts.push(record.techniques.join(" "));
    }
    parts.push(record.id.clone());
    line(&parts.join(", "), MESSAGE)
}

/// Block Kit. `text` is what a notification shows; in it `&`, `<` and `>` are all that means anything.
fn slack(records: &[Record]) -> Value {
    let plain = |text: String| json!({"type": "plain_text", "text": text, "emoji": false});
    let headline = headline(records);
    let mut blocks = vec![json!({"type": "header", "text": plain(headline.clone())})];
    for record in records {
        let title = line(&record.title, TITLE);
        let text = format!("{}: {title}\n{}", capital(word(record.severity)), line(&record.message, MESSAGE));
        blocks.push(json!({"type": "section", "text": plain(text)}));
        blocks.push(json!({"type": "context", "elements": [plain(about(record))]}));
    }
    let text = headline.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"text": text, "blocks": blocks})
}

/// An Adaptive Card, as the workflow "When a Teams webhook request is received" takes it. Runs of text know no markup, text blocks do.
fn teams(records: &[Record]) -> Value {
    let run = |text: String, more: Value| {
        let mut run = json!({"type": "TextRun", "text": text});
        if let (Some(run), Some(more)) = (run.as_object_mut(), more.as_object()) {
            run.extend(more.clone());
        }
        json!({"type": "RichTextBlock", "inlines": [run]})
    };
    let mut body = vec![run(headline(records), json!({"size": "Large", "weight": "Bolder"}))];
    for record in records {
        let color = match record.severity {
            Severity::Critical | Severity::High => "Attention",
            Severity::Medium => "Warning",
            Severity::Low | Severity::Info | Severity::Unknown => "Default",
        };
        let title = format!("{}: {}", capital(word(record.severity)), line(&record.title, TITLE));
        body.push(run(title, json!({"weight": "Bolder", "color": color})));
        body.push(run(line(&record.message, MESSAGE), json!({})));
        body.push(run(about(record), json!({"isSubtle": true, "size": "Small"})));
    }
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "msteams": {"width": "Full"},
            "body": body,
        },
    }]})
}

/// An event of the Events API v2. The same id is the same alert there, so a repeat wakes nobody again; an incident that is closed here
/// is resolved there.
fn pager_duty(record: &Record, key: &str) -> Value {
    let severity = match record.severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info | Severity::Unknown => "info",
    };
    let resolved = record.kind == Kind::Incident && record.state.as_deref() == Some("closed");
    let source = record.node.as_ref().map_or("gabion", |(_, name)| name.as_str());
    json!({
        "routing_key": key,
        "event_action": if resolved { "resolve" } else { "trigger" },
        "dedup_key": line(&record.id, 255),
        "client": "Gabion",
        "payload": {
            "summary": line(&format!("{}: {}", record.title, record.message), 1000),
            "source": line(source, 255),
            "severity": severity,
            "timestamp": record.timestamp(),
            "component": record.container,
            "group": record.workload,
            "class": record.rule,
            "custom_details": {
                "id": record.id,
                "kind": record.kind.as_str(),
                "count": record.count,
                "incident": record.incident,
                "techniques": record.techniques,
                "program": record.program,
                "command_line": record.field("proc.cmdline").map(|text| line(text, 2000)),
            },
        },
    })
}
