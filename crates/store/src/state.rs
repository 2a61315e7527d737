//! The state of a hub: who is there, what is wrong with it, what becomes of it, who may do what.
//!
//! ```text
//!   inventory of a node ─► containers ─► workloads ─┐
//!   report of a scan ────► images, packages ────────┼─► findings: their life is computed from what runs ─► history
//!   alerts, incidents of a node ────────────────────┘
//! ```
//!
//! One code path for both databases: statements are static text with `?` where values go, ids and JSON are TEXT, times BIGINT. What a list
//! shows is kept in its rows and refreshed when something it rests on changes, so that lists stay fast in a large estate.

mod access;
mod alerts;
mod backup;
mod configurations;
mod connections;
mod containers;
mod exceptions;
mod findings;
mod flows;
mod happened;
mod images;
mod incidents;
mod life;
mod list;
mod loaded;
mod matched;
mod nodes;
mod notify;
mod overview;
mod policies;
mod profile;
mod reach;
mod registries;
mod responses;
mod risk;
mod schema;
mod sent;
mod signin;
mod sinks;
mod sql;
mod stitch;
#[cfg(test)]
mod tests;
mod together;
mod told;
mod weekly;
mod wholes;
mod workloads;

pub use access::{Caller, NewSession, Scope, StoredUser};
pub use alerts::severity as severity_of_priority;
pub use alerts::{AlertFilter, NewAlert};
pub use configurations::{InForce, Texts};
pub use containers::{NewContainer, Seen};
pub use exceptions::Covered;
pub use findings::FindingFilter;
pub use flows::NewFlow;
pub use happened::{Happened, SinkTrouble};
pub use images::{ImageFilter, PackedReport, repository, severity};
pub use incidents::{NewEnd, NewIncident};
pub use list::Paging;
pub use matched::{Matched, ToMatch, version_of};
pub use nodes::NewNode;
pub use notify::{Decided, NewNotification, NotifyNumbers, RuleAfter, StoredNotification, StoredRule};
pub use overview::{Numbers, segment};
pub use profile::{Profiled, covers};
pub use reach::NewEntry;
pub use registries::{Looked, NewTag, Polled, RegistryAccess, TagFilter, WaitingTag};
pub use risk::DRIFT;
pub use signin::{CameIn, Vouched};
pub use sinks::{Arrivals, Arrived, Moved, SinkNumbers, StoredSink};
pub use together::{LEASE, NewHub, Seat, StoredHub, Words};
pub use told::{Telling, ToldIncident, ToldPart};
pub use weekly::Week;
pub use workloads::WorkloadFilter;

use gabion_api::rest::Millis;
use gabion_policy::Owners;
use sqlx::{AnyConnection, AnyPool, Connection, Executor, any::AnyPoolOptions};
use std::{fmt::Write, path::Path, sync::Arc, time::Duration};

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, beside the hub.
    Sqlite,
    /// A server.
    Postgres,
}

/// Why the state could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database does not answer, or refuses.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Its schema could not be brought up to date.
    #[error("the schema of the database could not be brought up to date: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// What is kept is not understood.
    #[error("a row of the database is not understood: {0}")]
    Row(String),
    /// There is no such thing.
    #[error("there is no {what} {id:?}")]
    Absent {
        /// What kind of thing.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// It cannot be done as it was asked.
    #[error("{0}")]
    Refused(String),
    /// A cursor that this hub has not made.
    #[error("the cursor is not of this list")]
    Cursor,
    /// The URL names no database that can be used.
    #[error("{0:?} is no URL of a database: sqlite:FILE or postgres://USER@HOST/NAME is expected")]
    Url(String),
}

impl StateError {
    /// Whether the database is away, or too busy: what it does not take now it may take later, unchanged. All else it never takes.
    pub fn is_away(&self) -> bool {
        let Self::Database(error) = self else { return false };
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| is_passing(&code)),
            _ => false,
        }
    }

    /// Whether the disk of the database is full: it answers, and takes nothing.
    pub fn is_full(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else { return false };
        // PostgreSQL: disk full; SQLite: full.
        error.code().is_some_and(|code| matches!(code.as_ref(), "53100" | "13"))
    }
}

/// Whether a code of a database says that the same may do later.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        // SQLSTATE: the connection, a transaction that others were in the way of, room and memory, somebody who ends the server, its disk; and a
        // server that only reads, as one that is about to lead; a lock that did not come in time, and a transaction that stood still for too long.
        return ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
            || ["25006", "25P03", "55P03"].contains(&code);
    }
    // SQLite: busy, locked, out of memory, its disk (with what more it says in the upper bytes), full, cannot be opened.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 10 | 13 | 14))
}

/// What one call may answer.
pub type Result<T> = std::result::Result<T, StateError>;

/// The state of a hub.
#[derive(Clone, Debug)]
pub struct State {
    pool: AnyPool,
    kind: Kind,
    url: Url,
    /// The hub that it is the state of: events, and how far sinks have got with them, are each hub's own.
    hub: Arc<str>,
    /// Who answers for what.
    owners: Option<Arc<Owners>>,
}

/// The URL of the database, which may hold a password.
#[derive(Clone)]
struct Url(Arc<str>);

impl std::fmt::Debug for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Url")
    }
}

impl State {
    /// Opens the database and brings its schema up to date. `url` is `sqlite:FILE` or `postgres://...`.
    pub async fn open(url: &str) -> Result<Self> {
        let state = Self::connect(url).await?;
        schema::migrate(&state, schema::LATEST).await?;
        Ok(state)
    }

    async fn connect(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let (kind, url) = match url.split_once(':') {
            Some(("sqlite", file)) => {
                (Kind::Sqlite, format!("sqlite:{}?mode=rwc", file.trim_start_matches("//")))
            }
            Some(("postgres" | "postgresql", _)) => (Kind::Postgres, url.to_owned()),
            _ => return Err(StateError::Url(url.to_owned())),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(10))
            // Asked below, and not for ever.
            .test_before_acquire(false)
            .before_acquire(|connection, _| Box::pin(answers(connection)))
            .after_release(|connection, _| Box::pin(answers(connection)))
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    connection
                        .execute(match kind {
                            Kind::Sqlite => ON_SQLITE,
                            Kind::Postgres => ON_POSTGRES,
                        })
                        .await
                        .map(drop)
                })
            })
            .connect(&url)
            .await?;
        Ok(Self { pool, kind, url: Url(url.into()), hub: "".into(), owners: None })
    }

    /// In a file of a directory.
    pub async fn in_directory(directory: &Path) -> Result<Self> {
        Self::open(&format!("sqlite:{}", directory.join("hub.db").display())).await
    }

    /// The same, for the hub with this id.
    #[must_use]
    pub fn of_hub(self, id: &str) -> Self {
        Self { hub: id.into(), ..self }
    }

    /// The same, where a file says who answers for what runs in which namespace.
    #[must_use]
    pub fn with_owners(self, owners: Option<Arc<Owners>>) -> Self {
        Self { owners, ..self }
    }

    /// Which database it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sql::q("SELECT 1").one(&self.pool).await.map(drop)
    }

    /// Writes that belong together, one after the other: what is computed from what others have written sees all of it, and nobody waits
    /// for each other in a circle. SQLite is told at once that it will be written, as a reader that becomes a writer may have to give up.
    async fn begin(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>> {
        Ok(match self.kind {
            Kind::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await?,
            Kind::Postgres => {
                let mut tx = self.pool.begin().await?;
                // Given back at the end of the transaction. Other hubs wait, too.
                sql::q("SELECT set_config('lock_timeout', ?, true) AS patience, CAST(pg_advisory_xact_lock(?) AS TEXT) AS taken")
                    .bind(TURN)
                    .bind(WRITING)
                    .one(&mut *tx)
                    .await?;
                tx
            }
        })
    }
}

/// An acknowledged alert is on the disk: FULL.
const ON_SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000; \
     PRAGMA foreign_keys = ON; PRAGMA cache_size = -8000; PRAGMA temp_store = MEMORY";
/// Whoever writes holds a lock that all hubs wait for. A hub that stands still meanwhile, or is gone without a word, loses it within 15 s.
const ON_POSTGRES: &str = "SET idle_in_transaction_session_timeout = '15s'; SET tcp_user_timeout = '15s'; \
     SET tcp_keepalives_idle = 6; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3";
/// A connection that says nothing for so long is given up.
const ANSWERS: Duration = Duration::from_secs(3);
/// The advisory lock of whoever writes what belongs together: `write`, in bytes.
const WRITING: i64 = 0x77_7269_7465;
/// How long it is waited for: twice as long as one that stands still may hold it. What was about to be written then comes again.
const TURN: &str = "30s";
/// Connections to the database. Nodes are given a few of them at a time, so that whoever looks at something gets one.
const CONNECTIONS: u32 = 12;

/// Whether a connection can be used. One on which nothing comes back any more would be waited for as long as TCP tries: a quarter of an hour.
/// One on which SQLite has ended a transaction by itself, as the disk was full, is for ever within that to whoever counts them.
async fn answers(connection: &mut AnyConnection) -> std::result::Result<bool, sqlx::Error> {
    match tokio::time::timeout(ANSWERS, connection.ping()).await {
        Ok(answer) => answer.map(|()| !connection.is_in_transaction()),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// A connection within a transaction.
type Tx<'a> = &'a mut AnyConnection;

/// A list as it is kept in a column.
fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A list as it was kept.
fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StateError::Row(error.to_string()))
}

/// 80 bits of a hash as an id.
fn short_id(prefix: &str, hash: &[u8]) -> String {
    hash.iter().take(10).fold(format!("{prefix}-"), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// A day in milliseconds.
const DAY: Millis = 24 * 3600 * 1000;
