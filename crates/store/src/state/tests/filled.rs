//! A database of each version with something in every column of every table: it is brought up to date, and all of it is still there.
//!
//! The structure of a version is read from the SQLite that its steps make, and is the same on PostgreSQL; so what is filled in needs no list
//! that a new step would have to be added to.

use super::{
    super::{schema, *},
    server,
};
use sqlx::{AssertSqlSafe, Row};
use std::collections::BTreeMap;

/// Rows of each table.
const ROWS: u32 = 3;

/// A column, what type it was made with, and the table and column that its value is of, if it is of another.
struct Column {
    name: String,
    kind: String,
    of: Option<(String, String)>,
}

/// Tables in the order in which they were made: what one refers to is there before it.
type Tables = Vec<(String, Vec<Column>)>;

async fn texts(state: &State, statement: String) -> Vec<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(statement.clone())).fetch_all(&state.pool).await.expect(&statement);
    let cells = |row: &sqlx::any::AnyRow| -> Vec<String> {
        (0..row.len())
            .map(|at| row.get::<Option<String>, _>(at).unwrap_or_else(|| "NULL".to_owned()))
            .collect()
    };
    rows.iter().map(cells).collect()
}

async fn run(state: &State, statement: String) {
    sqlx::query(AssertSqlSafe(statement.clone())).execute(&state.pool).await.expect(&statement);
}

/// The tables of a SQLite.
async fn tables(state: &State) -> Tables {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%sqlx%' ORDER BY rowid";
    let mut tables = Vec::new();
    for name in texts(state, names.to_owned()).await.concat() {
        let others = texts(
            state,
            format!("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list('{name}')"),
        )
        .await;
        let columns = texts(state, format!("SELECT name, type FROM pragma_table_info('{name}')")).await;
        let column = |told: &Vec<String>| Column {
            name: told[0].clone(),
            kind: told[1].clone(),
            of: others
                .iter()
                .find(|other| other[0] == told[0])
                .map(|other| (other[1].clone(), other[2].clone())),
        };
        tables.push((name, columns.iter().map(column).collect()));
    }
    tables
}

/// What stands in a column of a row, as a statement says it.
fn value(kind: Kind, tables: &Tables, (table, column): (&str, &str), row: u32) -> String {
    let columns = tables.iter().find(|(name, _)| name == table).map(|(_, columns)| columns).expect(table);
    let at = columns.iter().position(|one| one.name == column).expect(column);
    if let Some((other, its)) = &columns[at].of {
        return value(kind, tables, (other, its), row);
    }
    match (columns[at].kind.as_str(), kind) {
        ("TEXT", _) => format!("'{table}.{column} {row} ''\u{e4}'"),
        ("BIGINT", _) => (i64::from(row) * 1000 + i64::try_from(at).expect("a few columns")).to_string(),
        ("DOUBLE PRECISION", _) => format!("{row}.5"),
        ("BLOB", Kind::Sqlite) => format!("X'00ff{row:02}'"),
        ("BLOB", Kind::Postgres) => format!("'\\x00ff{row:02}'"),
        (other, _) => panic!("{table}.{column} is of a type that this test does not know: {other}"),
    }
}

async fn fill(state: &State, tables: &Tables) {
    for (table, columns) in tables {
        for row in 1..=ROWS {
            let names: Vec<String> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
            let values: Vec<String> =
                columns.iter().map(|column| value(state.kind, tables, (table, &column.name), row)).collect();
            run(
                state,
                format!("INSERT INTO \"{table}\" ({}) VALUES ({})", names.join(", "), values.join(", ")),
            )
            .await;
        }
    }
}

/// What stands in these columns, row by row.
async fn rows(state: &State, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let shown: Vec<String> = columns
        .iter()
        .map(|name| match state.kind {
            Kind::Sqlite => format!("quote(\"{name}\")"),
            Kind::Postgres => format!("CAST(\"{name}\" AS TEXT)"),
        })
        .collect();
    let mut rows = texts(state, format!("SELECT {} FROM \"{table}\"", shown.join(", "))).await;
    rows.sort_unstable();
    rows
}

async fn check(url: &str, from: usize, before: &Tables, after: &Tables) {
    let old = State::connect(url).await.expect("connects");
    schema::migrate(&old, from).await.expect("made");
    fill(&old, before).await;
    let after: BTreeMap<&str, &Vec<Column>> =
        after.iter().map(|(name, columns)| (name.as_str(), columns)).collect();
    let mut kept = Vec::new();
    for (table, columns) in before {
        let now = after.get(table.as_str()).unwrap_or_else(|| panic!("{table} is gone"));
        let is_there = |column: &&Column| now.iter().any(|one| one.name == column.name);
        let columns: Vec<&str> = columns.iter().filter(is_there).map(|column| column.name.as_str()).collect();
        let rows = rows(&old, table, &columns).await;
        assert!(rows.len() >= ROWS as usize, "{table} of version {from}");
        kept.push((table, columns, rows));
    }
    old.pool.close().await;
    let state = State::open(url).await.expect("is brought up to date");
    for (table, columns, before) in kept {
        assert_eq!(rows(&state, table, &columns).await, before, "{table} of version {from}: {columns:?}");
    }
    state.pool.close().await;
}

#[test]
fn all_that_a_database_of_any_version_holds_is_there_when_it_is_brought_up_to_date() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let place = |name: String| format!("sqlite:{}", directory.path().join(name).display());
        let mut structures = Vec::new();
        for version in 1..=schema::LATEST {
            let state = State::connect(&place(format!("structure{version}"))).await.expect("connects");
            schema::migrate(&state, version).await.expect("made");
            structures.push(tables(&state).await);
            state.pool.close().await;
        }
        let latest = structures.last().expect("there is one");
        assert!(latest.len() > 40, "{}", latest.len());
        for (version, structure) in (1..).zip(&structures[..structures.len() - 1]) {
            check(&place(format!("filled{version}")), version, structure, latest).await;
            if let Some(url) = server::database() {
                check(&url, version, structure, latest).await;
            }
        }
    });
}
