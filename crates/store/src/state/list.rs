//! Pages of a list. A cursor says what the last row of a page was, not how many there were, so that rows that come or go shift nothing.

use super::{
    Result, State, StateError,
    sql::{Columns, Query, Value},
};
use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use gabion_api::rest::Page;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

/// Rows of a page, unless it is said.
const USUAL: u64 = 50;
/// Rows of a page at most.
const MOST: u64 = 1000;
/// A cursor is not longer.
const MAX_CURSOR: usize = 4096;

/// Which page of a list.
#[derive(Clone, Debug, Default)]
pub struct Paging {
    /// By what it is sorted: a name that the list knows, `-name` for the greatest first; empty: as the list likes it.
    pub sort: String,
    /// Rows; 0: as many as usual.
    pub limit: u64,
    /// From where on.
    pub cursor: Option<String>,
}

/// A column to sort by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name for the user.
    pub(super) name: &'static str,
    /// `column DESC, id` with the column in front and in `sorted`.
    pub(super) column: &'static str,
    /// Whether it is a text.
    pub(super) text: bool,
}

/// A list: what is selected, from where, and by what it can be sorted; the first key is the usual one, and goes from the greatest on if `down`.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) columns: &'static str,
    pub(super) from: &'static str,
    /// A column that is different in each row.
    pub(super) id: &'static str,
    pub(super) keys: &'static [Key],
    pub(super) down: bool,
}

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor(String, Place, String);

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Int(i64),
    Text(String),
}

impl State {
    /// One page. `filter` adds ` AND ...` for what is wanted.
    pub(super) async fn page<T>(
        &self,
        list: List,
        paging: &Paging,
        filter: impl Fn(Query) -> Query,
        read: impl Fn(&AnyRow) -> Result<T>,
    ) -> Result<Page<T>> {
        self.page_by(list, paging, filter, read, false).await
    }

    /// One page of a list whose rows are computed: they are counted where they are, not a second time.
    pub(super) async fn page_at_once<T>(
        &self,
        list: List,
        paging: &Paging,
        filter: impl Fn(Query) -> Query,
        read: impl Fn(&AnyRow) -> Result<T>,
    ) -> Result<Page<T>> {
        // Behind a cursor are not all of them.
        self.page_by(list, paging, filter, read, paging.cursor.is_none()).await
    }

    async fn page_by<T>(
        &self,
        list: List,
        paging: &Paging,
        filter: impl Fn(Query) -> Query,
        read: impl Fn(&AnyRow) -> Result<T>,
        at_once: bool,
    ) -> Result<Page<T>> {
        let (name, down) = match paging.sort.strip_prefix('-') {
            Some(name) => (name, true),
            None if paging.sort.is_empty() => (list.keys[0].name, list.down),
            None => (paging.sort.as_str(), false),
        };
        let known = || list.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
        let key = list.keys.iter().find(|key| key.name == name).ok_or_else(|| {
            StateError::Refused(format!("it cannot be sorted by {name:?}, but by {}", known()))
        })?;
        let counted = async {
            if at_once {
                return Ok(0);
            }
            let counting =
                super::sql::q("SELECT COUNT(*) AS many FROM ").push(list.from).push(" WHERE 1 = 1");
            filter(counting).one(&self.pool).await?.count("many")
        };
        let limit = if paging.limit == 0 { USUAL } else { paging.limit.min(MOST) };
        let mut query = super::sql::q("SELECT ").push(list.columns).push(", ").push(key.column);
        query = query.push(" AS sort_key, ").push(list.id).push(" AS sort_id");
        if at_once {
            query = query.push(", COUNT(*) OVER () AS of_all");
        }
        query = query.push(" FROM ").push(list.from);
        query = filter(query.push(" WHERE 1 = 1"));
        if let Some(cursor) = &paging.cursor {
            let Cursor(of, place, id) = decode(cursor).ok_or(StateError::Cursor)?;
            if of != format!("{down}{name}") || matches!(place, Place::Text(_)) != key.text {
                return Err(StateError::Cursor);
            }
            let place = || match &place {
                Place::Int(int) => Value::from(*int),
                Place::Text(text) => Value::from(text),
            };
            query = query.push(" AND (").push(key.column).push(if down { " < ? OR (" } else { " > ? OR (" });
            query = query
                .bind(place())
                .push(key.column)
                .push(" = ? AND ")
                .bind(place())
                .push(list.id)
                .push(" > ?))")
                .bind(id);
        }
        query = query
            .push(" ORDER BY ")
            .push(key.column)
            .push(if down { " DESC, " } else { " ASC, " })
            .push(list.id);
        let (mut total, rows) =
            tokio::try_join!(counted, query.push(" LIMIT ?").bind(limit + 1).all(&self.pool))?;
        if let Some(first) = rows.first().filter(|_| at_once) {
            total = first.count("of_all")?;
        }
        let more = rows.len() as u64 > limit;
        let rows = &rows[..rows.len().min(limit as usize)];
        let next = match rows.last().filter(|_| more) {
            Some(row) => {
                let place = if key.text {
                    Place::Text(row.text("sort_key")?)
                } else {
                    Place::Int(row.int("sort_key")?)
                };
                encode(&Cursor(format!("{down}{name}"), place, row.text("sort_id")?))
            }
            None => None,
        };
        Ok(Page { items: rows.iter().map(read).collect::<Result<_>>()?, total, next })
    }
}

fn encode(cursor: &Cursor) -> Option<String> {
    Base64UrlSafeNoPadding::encode_to_string(serde_json::to_vec(cursor).ok()?).ok()
}

fn decode(text: &str) -> Option<Cursor> {
    if text.len() > MAX_CURSOR {
        return None;
    }
    serde_json::from_slice(&Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()?).ok()
}

/// What somebody typed, as a pattern of `LIKE LOWER(?) ESCAPE '!'`: that it is somewhere in it, whatever the case. The database makes both
/// small, as each knows other letters: SQLite those of ASCII only.
pub(super) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
