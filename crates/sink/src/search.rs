//! OpenSearch and Elasticsearch, by `_bulk`.
//!
//! ```text
//!   data stream   {"create":{"_id":"a-1:43"}}                                        each state of a record is a document
//!   index         {"index":{"_id":"a-1","version":43,"version_type":"external_gte"}}  the newest state of a record is one
//! ```
//!
//! Ids make a repeat harmless: what is there already is answered by 409, and counts as taken. A data stream or index that is not there is
//! made first, with mappings; one that is there is left as it is.

use crate::{
    Verdict, Whole, ecs,
    http::{Answer, Client},
    record::{Record, line},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

/// Bytes of a reason that are told.
const MAX_REASON: usize = 300;
/// What of an answer is needed.
const FILTER: &str =
    "errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";

/// How it knows us.
pub(crate) enum Authentication {
    None,
    Basic(String, String),
    ApiKey(String),
}

pub(crate) struct Search {
    client: Client,
    index: String,
    data_stream: bool,
    authentication: Authentication,
    /// The data stream or index was there.
    is_there: bool,
}

impl Search {
    pub(crate) fn new(
        client: Client,
        index: &str,
        data_stream: bool,
        authentication: Authentication,
    ) -> Self {
        Self { client, index: index.to_owned(), data_stream, authentication, is_there: false }
    }

    pub(crate) async fn send(&mut self, records: &[Record]) -> Whole {
        if !self.is_there {
            match self.prepare().await {
                Ok(()) => self.is_there = true,
                Err(why) => return why,
            }
        }
        let body = self.body(records);
        let query = [("filter_path", FILTER)];
        let asked =
            self.ask(Method::POST, &[&self.index, "_bulk"], &query, "application/x-ndjson", body).await;
        let answer = match asked {
            Ok(answer) => answer,
            Err(why) => return Whole::Again(why, None),
        };
        let whole = answer.failed().unwrap_or_else(|| each(&answer, records.len()));
        if let Whole::Each(verdicts, _) = &whole
            && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Again(_)))
        {
            // Somebody may have deleted it.
            self.is_there = false;
        }
        whole
    }

    fn body(&self, records: &[Record]) -> Vec<u8> {
        let mut body = Vec::new();
        for record in records {
            let action = if self.data_stream {
                json!({"create": {"_id": record.version_id()}})
            } else {
                json!({"index": {"_id": record.id, "version": record.version, "version_type": "external_gte"}})
            };
            for value in [action, ecs::document(record)] {
                body.extend_from_slice(value.to_string().as_bytes());
                body.push(b'\n');
            }
        }
        body
    }

    /// Makes the data stream or the index, if it is not there.
    async fn prepare(&self) -> Result<(), Whole> {
        let again = |why| Whole::Again(why, None);
        let found = self
            .ask(Method::HEAD, &[&self.index], &[], "application/json", Vec::new())
            .await
            .map_err(again)?;
        match found.status {
            StatusCode::NOT_FOUND => {}
            // Who may write may not look, perhaps. What is wrong is told by what is written.
            status if status.is_success() || status == StatusCode::FORBIDDEN => return Ok(()),
            _ => return Err(Whole::Again(format!("it answers {}", found.said()), found.wait)),
        }
        if self.data_stream {
            let template = json!({
                "index_patterns": [self.index], "data_stream": {}, "priority": 500, "template": {"mappings": ecs::mappings()},
            });
            let name = format!("gabion-{}", self.index);
            self.make(&["_index_template", &name], template.to_string()).await?;
            self.make(&["_data_stream", &self.index], String::new()).await
        } else {
            self.make(&[&self.index], json!({"mappings": ecs::mappings()}).to_string()).await
        }
    }

    async fn make(&self, path: &[&str], body: String) -> Result<(), Whole> {
        let made = self.ask(Method::PUT, path, &[], "application/json", body.into_bytes()).await;
        let made = made.map_err(|why| Whole::Again(why, None))?;
        // Another has been faster.
        let exists = String::from_utf8_lossy(&made.body).contains("resource_already_exists_exception");
        if made.status.is_success() || exists {
            return Ok(());
        }
        Err(Whole::Again(format!("{} cannot be made: it answers {}", path.join("/"), made.said()), made.wait))
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        content: &'static str,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
        }
        let value = match &self.authentication {
            Authentication::None => None,
            Authentication::Basic(user, password) => {
                Some(format!("Basic {}", base64(&format!("{user}:{password}"))))
            }
            Authentication::ApiKey(key) => Some(format!("ApiKey {key}")),
        };
        if let Some(value) = value {
            let mut value =
                HeaderValue::try_from(value).map_err(|_| "the secret is no text of a header".to_owned())?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        self.client.beneath(method, path, query, headers, body).await
    }
}

fn base64(text: &str) -> String {
    use ct_codecs::{Base64, Encoder};
    Base64::encode_to_string(text).unwrap_or_default()
}

/// What each document has become. An answer that does not say it is none: all is sent again.
fn each(answer: &Answer, many: usize) -> Whole {
    let unclear = |why: &str| Whole::Again(format!("its answer to _bulk cannot be read: {why}"), answer.wait);
    let value: Value = match serde_json::from_slice(&answer.body) {
        Ok(value) => value,
        Err(error) => return unclear(&error.to_string()),
    };
    let Some(items) = value["items"].as_array().filter(|items| items.len() == many) else {
        return unclear("it does not have one item for each document");
    };
    let verdict = |item: &Value| {
        let Some(item) = item.as_object().and_then(|item| item.values().next()) else {
            return Verdict::Again("an item of its answer is empty".to_owned());
        };
        let status = item["status"].as_u64().unwrap_or_default();
        let error = &item["error"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let caused = text(&error["caused_by"]["reason"]);
        let cause = if caused.is_empty() { String::new() } else { format!(" ({caused})") };
        let why = line(
            &format!("{status} {}: {}{cause}", text(&error["type"]), text(&error["reason"])),
            MAX_REASON,
        );
        match status {
            // 409: this state or a newer one is there already.
            200 | 201 | 409 => Verdict::Taken,
            400 | 413 | 422 => Verdict::Refused(why),
            _ => Verdict::Again(why),
        }
    };
    Whole::Each(items.iter().map(verdict).collect(), answer.wait)
}
