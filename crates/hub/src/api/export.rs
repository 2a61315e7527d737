//! Events as a file: all that fit, in a stream, in bounded memory, however many there are.
//!
//! A list has pages, and says what a page lacks. A file has nowhere to say that, so an export that cannot read everything breaks off: the
//! connection ends before its end, and a Parquet file without its end is none.

use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    body::{Body, Bytes},
    extract::{Query, State as Extract},
    http::header,
    response::{IntoResponse, Response as Reply},
};
use gabion_api::rest::{Millis, Problem, Role};
use gabion_store::events::{ExportError, ParquetWriter, Query as EventQuery, export as all_events};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    io::{self, BufWriter, ErrorKind, Write},
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

/// Parts that wait for whoever reads, and how large each is.
const WAITING: usize = 4;
const PART: usize = 64 << 10;
/// Whoever reads takes a part within this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Which events, and as what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuery {
    /// `parquet`, or `ndjson` for a line of JSON each.
    format: Option<String>,
    /// Words, "phrases", `field:value`, `-not`.
    q: Option<String>,
    /// Not before this: milliseconds since 1970.
    from: Option<Millis>,
    /// Before this.
    to: Option<Millis>,
}

#[derive(Clone, Copy)]
enum Form {
    Parquet,
    Lines,
}

/// All events that fit, as a file; the newest first. One that breaks off is not all.
#[utoipa::path(get, path = "/api/v1/events/export", tag = "events", params(ExportQuery), responses((status = 200, content_type = "application/vnd.apache.parquet"), (status = 400, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn export(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<ExportQuery>,
) -> Answer<Reply> {
    // Events have no owner: who sees only a part sees none.
    asker.needs_all(Role::Viewer)?;
    let (form, kind, name) = match query.format.as_deref() {
        None | Some("parquet") => (Form::Parquet, "application/vnd.apache.parquet", "events.parquet"),
        Some("ndjson") => (Form::Lines, "application/x-ndjson", "events.ndjson"),
        Some(other) => {
            return Err(ApiError::Bad(format!("format: {other:?} is not known, but parquet and ndjson")));
        }
    };
    let wanted = EventQuery {
        text: query.q.unwrap_or_default(),
        from: query.from,
        to: Some(query.to.unwrap_or_else(|| hub.now().saturating_add(1))),
        limit: 1,
        ..EventQuery::default()
    };
    // What cannot be read is told before anything is sent.
    let trial = wanted.clone();
    hub.search_all(trial).await?;
    let turn = Arc::clone(&hub.exporting).try_acquire_owned().map_err(|_| ApiError::Often)?;
    let names = hub.state.node_names().await?;
    hub.audit(
        &asker,
        "events.export",
        name,
        &format!("{} from {:?} to {:?}", wanted.text, wanted.from, wanted.to),
    )
    .await?;
    let (to, parts) = mpsc::channel(WAITING);
    let (pipe, runtime) = (to.clone(), Handle::current());
    let asking = runtime.clone();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let pipe = BufWriter::with_capacity(PART, Pipe { to: pipe, runtime });
        if let Err(error) = write(&hub, &asking, form, &wanted, names, pipe) {
            hub.note(&format!("an export of events has broken off: {error}{}", because(&error)));
            // Whoever reads may be gone.
            let _ = to.try_send(Err(io::Error::other("the export has broken off")));
        }
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(ReceiverStream::new(parts))).into_response())
}

fn because(error: &ExportError) -> String {
    std::error::Error::source(error).map_or_else(String::new, |source| format!(": {source}"))
}

fn write(
    hub: &Hub,
    runtime: &Handle,
    form: Form,
    wanted: &EventQuery,
    names: BTreeMap<String, String>,
    mut to: BufWriter<Pipe>,
) -> Result<(), ExportError> {
    // Those of other hubs, too. One that cannot be asked ends it.
    let ask = |query: &EventQuery| {
        runtime
            .block_on(hub.search_all(query.clone()))
            .map_err(|error| ExportError::Ask(format!("{error:?}")))
    };
    match form {
        Form::Parquet => {
            let mut file = ParquetWriter::new(to, names)?;
            all_events(wanted, ask, |events| events.iter().try_for_each(|event| file.add(event)))?;
            file.finish()?;
        }
        Form::Lines => {
            all_events(wanted, ask, |events| {
                events.iter().try_for_each(|event| {
                    serde_json::to_writer(&mut to, event)?;
                    to.write_all(b"\n")
                })
            })?;
            to.flush()?;
        }
    }
    Ok(())
}

/// Where parts of a file go that somebody reads at their own pace.
struct Pipe {
    to: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.runtime.block_on(timeout(PATIENCE, self.to.send(Ok(Bytes::copy_from_slice(bytes)))));
        match sent {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_)) => Err(ErrorKind::BrokenPipe.into()),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
