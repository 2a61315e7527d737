//! Where people are told: Slack, Teams, PagerDuty.
//!
//! What a message quotes was seen on a node, and may be chosen by an attacker: it goes into parts that know no links, mentions or markup.

use crate::{
    Whole,
    http::Client,
    record::{Item, Kind, Record, line, word},
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
/// Things that a notification names; the others are counted, and the page has them.
const NAMED: usize = 15;

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
            (Form::Slack, [record]) if record.kind == Kind::Notification => slack_notification(record),
            (Form::Teams, [record]) if record.kind == Kind::Notification => teams_notification(record),
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

/// What a notification names, and how many more there are.
fn named(record: &Record) -> (&[Item], u64) {
    let named = &record.items[..record.items.len().min(NAMED)];
    (named, record.more + (record.items.len() - named.len()) as u64)
}

/// `Critical` or `Over`, as a word in front of what happened.
fn mark(item: &Item) -> String {
    if item.over { "Over".to_owned() } else { capital(word(item.severity)) }
}

/// Who has sent it: `Rule shop-critical, msg-0a1b`.
fn origin(record: &Record) -> String {
    let rule = record.rule.as_deref().unwrap_or_default();
    line(&format!("{}, rule {rule}, {}", record.timestamp(), record.id), MESSAGE)
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

/// Elements of a rich text are not read for markup; only what is said to be a link is one, and its address is ours.
fn slack_notification(record: &Record) -> Value {
    let plain = |text: String| json!({"type": "plain_text", "text": text, "emoji": false});
    let title = line(&record.title, HEADLINE);
    let link = |text: String, url: &str| json!({"type": "link", "url": url, "text": text});
    let section = |elements: Vec<Value>| json!({"type": "rich_text_section", "elements": elements});
    let (items, more) = named(record);
    let mut lines: Vec<Value> = items
        .iter()
        .map(|item| {
            let mark = json!({"type": "text", "text": format!("{}: ", mark(item)), "style": {"bold": true}});
            let owner = item.owner.as_ref().map_or(String::new(), |owner| format!(" ({})", line(owner, 80)));
            let owner = json!({"type": "text", "text": format!("{owner} ")});
            section(vec![mark, link(line(&item.title, 300), &item.link), owner])
        })
        .collect();
    let page = record.link.as_deref().unwrap_or_default();
    if more > 0 {
        lines.push(section(vec![link(format!("and {more} more"), page)]));
    }
    let list = json!({"type": "rich_text_list", "style": "bullet", "elements": lines});
    let all = section(vec![link("Open in Gabion".to_owned(), page)]);
    let text = title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    json!({"text": text, "blocks": [
        {"type": "header", "text": plain(title)},
        {"type": "rich_text", "elements": [list, all]},
        {"type": "context", "elements": [plain(origin(record))]},
    ]})
}

fn teams_notification(record: &Record) -> Value {
    let open = |url: &str| json!({"type": "Action.OpenUrl", "title": "Open in Gabion", "url": url});
    let run = |text: String| json!({"type": "TextRun", "text": text});
    let block = |inlines: Vec<Value>| json!({"type": "RichTextBlock", "inlines": inlines});
    let mut headline = run(line(&record.title, HEADLINE));
    headline["size"] = json!("Large");
    headline["weight"] = json!("Bolder");
    let mut body = vec![block(vec![headline])];
    let (items, more) = named(record);
    for item in items {
        let mut mark = run(format!("{}: ", mark(item)));
        mark["weight"] = json!("Bolder");
        let mut title = run(line(&item.title, 300));
        title["selectAction"] = open(&item.link);
        let owner = item.owner.as_ref().map(|owner| run(format!(" ({})", line(owner, 80))));
        body.push(block([mark, title].into_iter().chain(owner).collect()));
    }
    if more > 0 {
        body.push(block(vec![run(format!("and {more} more"))]));
    }
    let mut about = run(origin(record));
    about["isSubtle"] = json!(true);
    about["size"] = json!("Small");
    body.push(block(vec![about]));
    card(&body, record.link.as_deref().map(open))
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
    card(&body, None)
}

fn card(body: &[Value], action: Option<Value>) -> Value {
    let mut content = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    });
    if let Some(action) = action {
        content["actions"] = json!([action]);
    }
    json!({"type": "message", "attachments": [{
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": null,
        "content": content,
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
    let ends = matches!(record.kind, Kind::Incident | Kind::Notification);
    let resolved = ends && record.state.as_deref() == Some("closed");
    let summary = if record.kind == Kind::Notification {
        record.title.clone()
    } else {
        format!("{}: {}", record.title, record.message)
    };
    let (items, more) = named(record);
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("{}: {} {}", mark(item), line(&item.title, 300), item.link))
        .collect();
    let links: Vec<Value> =
        record.link.iter().map(|link| json!({"href": link, "text": "Open in Gabion"})).collect();
    let source = record.node.as_ref().map_or("gabion", |(_, name)| name.as_str());
    json!({
        "routing_key": key,
        "event_action": if resolved { "resolve" } else { "trigger" },
        "dedup_key": line(&record.id, 255),
        "client": "Gabion",
        "client_url": record.link,
        "links": links,
        "payload": {
            "summary": line(&summary, 1000),
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
                "items": items,
                "more": more,
                "incident": record.incident,
                "techniques": record.techniques,
                "program": record.program,
                "command_line": record.field("proc.cmdline").map(|text| line(text, 2000)),
            },
        },
    })
}
