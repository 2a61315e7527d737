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
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Handle, sync::mpsc, time::timeout};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
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
    if let Some(missing) = hub.search_all(wanted.clone()).await?.unsearched.into_iter().next() {
        return Err(ApiError::Partial(format!(
            "the events cannot be exported whole: {}: {}",
            missing.what, missing.why
        )));
    }
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
    let (runtime, whole) = (Handle::current(), Arc::new(AtomicBool::new(false)));
    let done = Arc::clone(&whole);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        // The stream does not end before it is known whether it is whole.
        let _open = to.clone();
        let pipe = BufWriter::with_capacity(PART, Pipe { to, runtime: runtime.clone() });
        match write(&hub, &runtime, form, &wanted, names, pipe) {
            Ok(()) => done.store(true, Ordering::Release),
            Err(error) => {
                hub.note(&format!("an export of events has broken off: {error}{}", because(&error)));
            }
        }
    });
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(to_its_end(parts, whole))).into_response())
}

/// Parts of a file, and an error behind them unless they are whole: a reader who was slow must not take a part for all of it.
fn to_its_end(
    parts: mpsc::Receiver<io::Result<Bytes>>,
    whole: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Bytes>> {
    let end = tokio_stream::once(()).filter_map(move |()| {
        (!whole.load(Ordering::Acquire)).then(|| Err(io::Error::other("the export has broken off")))
    });
    ReceiverStream::new(parts).chain(end)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_whole_ends_with_an_error_however_full_the_way_is() {
        for is_whole in [true, false] {
            let (to, parts) = mpsc::channel(WAITING);
            for _ in 0..WAITING {
                to.try_send(Ok(Bytes::from_static(b"{}\n"))).expect("there is room");
            }
            assert!(to.try_send(Ok(Bytes::new())).is_err(), "nothing more goes in");
            drop(to);
            let all: Vec<_> = to_its_end(parts, Arc::new(AtomicBool::new(is_whole))).collect().await;
            assert_eq!(
                (all.len(), all.last().is_some_and(Result::is_ok)),
                (WAITING + usize::from(!is_whole), is_whole)
            );
        }
    }
}
