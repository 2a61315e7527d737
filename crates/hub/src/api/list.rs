//! Lists: which page, in which form.

use crate::error::{Answer, ApiError};
use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use gabion_api::rest::Page;
use gabion_store::state::Paging;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::IntoParams;

/// A list with a text to look for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TextQuery {
    /// A part of the name.
    pub(super) q: Option<String>,
    /// By what it is sorted; `-` in front for the greatest first.
    pub(super) sort: Option<String>,
    /// Rows of a page, up to 1000.
    pub(super) limit: Option<u64>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
    /// `json` or `csv`.
    pub(super) format: Option<String>,
}

/// A value of an enum, or several with commas in between.
pub(super) fn words<T: DeserializeOwned>(text: Option<&str>, what: &str) -> Answer<Vec<T>> {
    let words = text.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            serde_json::from_value(Value::String(word.to_owned()))
                .map_err(|error| ApiError::Bad(format!("{what}: {word:?} is not known: {error}")))
        })
        .collect()
}

/// Which page.
pub(super) fn paging(sort: Option<String>, limit: Option<u64>, cursor: Option<String>) -> Paging {
    Paging { sort: sort.unwrap_or_default(), limit: limit.unwrap_or(0), cursor }
}

/// A page of what is in memory, in an order that stays.
pub(super) fn part<T>(
    mut items: Vec<T>,
    id: impl Fn(&T) -> &String,
    limit: Option<u64>,
    cursor: Option<&str>,
) -> Page<T> {
    let total = items.len() as u64;
    if let Some(cursor) = cursor {
        let past = items.iter().position(|item| id(item) == cursor).map_or(0, |at| at + 1);
        items.drain(..past);
    }
    let limit = limit.unwrap_or(1000).clamp(1, 1000) as usize;
    let next = (items.len() > limit).then(|| id(&items[limit - 1]).clone());
    items.truncate(limit);
    Page { items, total, next }
}

/// A page as it was asked for.
pub(super) fn answer<T: Serialize>(page: Page<T>, format: Option<&str>) -> Answer<Response> {
    match format {
        None | Some("json") => Ok(Json(page).into_response()),
        Some("csv") => {
            let broken = |error: serde_json::Error| ApiError::Broken(error.to_string());
            let items =
                page.items.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>().map_err(broken)?;
            let mut response = csv(&items).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
            headers.insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=\"gabion.csv\""),
            );
            if let Some(next) = page.next.and_then(|next| HeaderValue::from_str(&next).ok()) {
                headers.insert("x-next-cursor", next);
            }
            Ok(response)
        }
        Some(other) => Err(ApiError::Bad(format!("format: {other:?} is not known, but json and csv"))),
    }
}

/// Objects as CSV (RFC 4180): a column for each field that any of them has. What is no text or number is JSON.
fn csv(items: &[Value]) -> String {
    let mut columns: Vec<&String> = Vec::new();
    for item in items.iter().filter_map(Value::as_object) {
        for name in item.keys() {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    let mut text = columns.iter().map(|name| cell(name)).collect::<Vec<_>>().join(",");
    text.push_str("\r\n");
    for item in items {
        let row = columns.iter().map(|name| match &item[name.as_str()] {
            Value::Null => String::new(),
            Value::String(text) => cell(text),
            Value::Array(list) if list.iter().all(Value::is_string) => {
                cell(&list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; "))
            }
            other => cell(&other.to_string()),
        });
        text.push_str(&row.collect::<Vec<_>>().join(","));
        text.push_str("\r\n");
    }
    text
}

/// What a cell begins with that spreadsheets take for a formula: OWASP, CSV Injection. The wide ones are for those in Chinese and Japanese.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A cell. What a spreadsheet would take for a formula gets a `'` in front.
fn cell(text: &str) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let guard = if !is_number && text.starts_with(FORMULA) { "'" } else { "" };
    if guard.is_empty() && !text.contains(['"', ',', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_csv_has_every_column_and_no_formula() {
        let items = [
            json!({"name": "=cmd()", "many": -1}),
            json!({"name": "a,\"b\"", "tags": ["x", "y"], "more": {"a": 1}}),
        ];
        insta::assert_snapshot!(csv(&items), @r#"
        many,name,more,tags
        -1,"'=cmd()",,
        ,"a,""b""","{""a"":1}",x; y
        "#);
    }

    #[test]
    fn a_word_that_is_not_known_is_told() {
        use gabion_api::rest::Severity;
        assert_eq!(words::<Severity>(Some("high, critical"), "severity").expect("known").len(), 2);
        assert!(
            matches!(words::<Severity>(Some("hgh"), "severity"), Err(ApiError::Bad(why)) if why.contains("hgh"))
        );
    }
}
