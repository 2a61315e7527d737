//! A statement: static text with `?` where values go, and the values. The only place that hands text to the database.

use super::{Result, StateError};
use sqlx::{
    Any, Arguments, AssertSqlSafe, Executor, Row,
    any::{AnyArguments, AnyRow},
};

/// A statement in the making.
#[derive(Debug)]
pub(super) struct Query {
    text: String,
    values: Vec<Value>,
}

/// A value of a statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Real(Option<f64>),
    Blob(Vec<u8>),
}

/// A statement.
pub(super) fn q(text: &'static str) -> Query {
    Query { text: text.to_owned(), values: Vec::new() }
}

/// How many rows of so many values one statement writes: SQLite looks for the name of each value among those of all, so that a statement with
/// many of them takes longer than several.
pub(super) const fn batch(values: usize) -> usize {
    300 / values
}

impl Query {
    /// More text. Static, so nothing that anybody sent can get into it.
    pub(super) fn push(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// The value of the next `?`.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// So many rows of values, each like this one: `(?, ?)`.
    pub(super) fn rows(mut self, row: &'static str, many: usize) -> Self {
        self.text.push_str(&vec![row; many].join(", "));
        self
    }

    /// As many `?` as there are values, for `IN (...)`; of none there is no row.
    pub(super) fn list<T: Into<Value>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
        let before = self.values.len();
        self.values.extend(values.into_iter().map(Into::into));
        let many = self.values.len() - before;
        self.text.push('(');
        self.text.push_str(&vec!["?"; many].join(", "));
        if many == 0 {
            self.text.push_str("NULL");
        }
        self.text.push(')');
        self
    }

    /// The text as both databases take it, and the values.
    fn ready(self) -> Result<(String, AnyArguments)> {
        let mut text = String::with_capacity(self.text.len() + 16);
        let mut count = 0;
        for part in self.text.split('?') {
            if count > 0 {
                text.push('$');
                text.push_str(&count.to_string());
            }
            text.push_str(part);
            count += 1;
        }
        debug_assert_eq!(count - 1, self.values.len(), "values of {text}");
        let mut arguments = AnyArguments::default();
        for value in self.values {
            match value {
                Value::Text(text) => arguments.add(text.map(without_nul)),
                Value::Int(int) => arguments.add(int),
                Value::Real(real) => arguments.add(real),
                Value::Blob(bytes) => arguments.add(bytes),
            }
            .map_err(|error| StateError::Row(error.to_string()))?;
        }
        Ok((text, arguments))
    }

    pub(super) async fn all<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<Vec<AnyRow>> {
        let (text, arguments) = self.ready()?;
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(on).await?)
    }

    pub(super) async fn first<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<Option<AnyRow>> {
        let (text, arguments) = self.ready()?;
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).fetch_optional(on).await?)
    }

    pub(super) async fn one<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<AnyRow> {
        let (text, arguments) = self.ready()?;
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).fetch_one(on).await?)
    }

    /// Runs it; how many rows it has changed.
    pub(super) async fn run<'c>(self, on: impl Executor<'c, Database = Any>) -> Result<u64> {
        let (text, arguments) = self.ready()?;
        Ok(sqlx::query_with(AssertSqlSafe(text), arguments).execute(on).await?.rows_affected())
    }
}

/// PostgreSQL keeps no NUL in a text.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Columns of a row, by name.
pub(super) trait Columns {
    fn text(&self, column: &str) -> Result<String>;
    fn maybe_text(&self, column: &str) -> Result<Option<String>>;
    fn int(&self, column: &str) -> Result<i64>;
    fn maybe_int(&self, column: &str) -> Result<Option<i64>>;
    fn maybe_real(&self, column: &str) -> Result<Option<f64>>;
    fn blob(&self, column: &str) -> Result<Vec<u8>>;

    /// A number that is never negative.
    fn count(&self, column: &str) -> Result<u64> {
        self.int(column).map(|value| u64::try_from(value).unwrap_or(0))
    }

    fn flag(&self, column: &str) -> Result<bool> {
        self.int(column).map(|value| value != 0)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        super::from_json(&self.text(column)?)
    }

    /// A word of an enum, as JSON has it.
    fn word<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text = self.text(column)?;
        word(&text).ok_or_else(|| StateError::Row(format!("{column} is {text:?}")))
    }
}

impl Columns for AnyRow {
    fn text(&self, column: &str) -> Result<String> {
        Ok(self.try_get(column)?)
    }
    fn maybe_text(&self, column: &str) -> Result<Option<String>> {
        Ok(self.try_get(column)?)
    }
    fn int(&self, column: &str) -> Result<i64> {
        Ok(self.try_get(column)?)
    }
    fn maybe_int(&self, column: &str) -> Result<Option<i64>> {
        Ok(self.try_get(column)?)
    }
    fn maybe_real(&self, column: &str) -> Result<Option<f64>> {
        Ok(self.try_get(column)?)
    }
    fn blob(&self, column: &str) -> Result<Vec<u8>> {
        Ok(self.try_get(column)?)
    }
}

/// An enum by its word.
pub(super) fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

/// The word of an enum.
pub(super) fn word_of<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}
impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}
impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(Some(int))
    }
}
impl From<u64> for Value {
    fn from(int: u64) -> Self {
        Self::Int(Some(i64::try_from(int).unwrap_or(i64::MAX)))
    }
}
impl From<Option<i64>> for Value {
    fn from(int: Option<i64>) -> Self {
        Self::Int(int)
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(Some(flag.into()))
    }
}
impl From<f64> for Value {
    fn from(real: f64) -> Self {
        Self::Real(Some(real))
    }
}
impl From<Option<f64>> for Value {
    fn from(real: Option<f64>) -> Self {
        Self::Real(real)
    }
}
impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Blob(bytes)
    }
}
