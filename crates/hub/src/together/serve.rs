//! What other hubs ask of this one, and what this one asks of them: the same words, on both sides.

use super::{
    merge::{self, Cursor},
    peers::{Silent, WANTED},
};
use crate::{
    Hub,
    agents::{AskError, is_hub},
    error::{Answer, ApiError},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State as Extract},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::future::join_all;
use gabion_api::rest::{EventPage, Histogram, Millis, Unsearched};
use gabion_store::{
    events::{self, EventStore, EventStoreError, Placed, Query},
    state::StoredHub,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

const SEARCH: &str = "/peer/search";
const HISTOGRAM: &str = "/peer/histogram";
const RANGE: &str = "/peer/range";
const ASK: &str = "/peer/ask";
const SCAN: &str = "/peer/scan";
const DISCONNECT: &str = "/peer/disconnect";
/// No question is longer, in bytes: a configuration has three parts of a megabyte.
const MAX_QUESTION: usize = 8 << 20;
/// How long another hub may search.
const SEARCHING: Duration = Duration::from_secs(15);
/// How long it may take for what is short.
const SHORT: Duration = Duration::from_secs(5);
/// What it takes for a question and an answer to go to the other hub and back.
const WAY: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
struct Counted {
    query: Query,
    buckets: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    node: String,
    question: Value,
    patience: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answered {
    Said(Value),
    NotConnected,
    Busy,
    TimedOut,
}

#[derive(Debug, Serialize, Deserialize)]
struct Scanned {
    node: String,
    image: String,
    target: String,
}

/// The paths that only hubs may ask.
pub(crate) fn router(hub: Hub) -> Router {
    Router::new()
        .route(SEARCH, post(search))
        .route(HISTOGRAM, post(histogram))
        .route(RANGE, post(range))
        .route(ASK, post(ask))
        .route(SCAN, post(scan))
        .route(DISCONNECT, post(disconnect))
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .layer(from_fn_with_state(hub.clone(), only_hubs))
        .with_state(hub)
}

async fn only_hubs(Extract(hub): Extract<Hub>, request: Request, next: Next) -> Response {
    if !is_hub(request.extensions()) {
        return (StatusCode::FORBIDDEN, "only hubs may ask that").into_response();
    }
    let wanted = request.headers().get(WANTED).map(http::HeaderValue::as_bytes);
    if wanted != Some(hub.together.id.as_bytes()) {
        let why = format!(
            "at its address the hub {} answers: the first --name of a hub has to lead to that hub alone",
            hub.together.own.name
        );
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    next.run(request).await
}

async fn search(Extract(hub): Extract<Hub>, Json(query): Json<Query>) -> Answer<Json<Placed>> {
    Ok(Json(hub.searched(move |store| store.placed(&query)).await?))
}

async fn histogram(Extract(hub): Extract<Hub>, Json(asked): Json<Counted>) -> Answer<Json<Histogram>> {
    let Counted { query, buckets } = asked;
    Ok(Json(hub.searched(move |store| store.histogram(&query, buckets)).await?))
}

/// When its oldest and its newest event happened.
async fn range(Extract(hub): Extract<Hub>, Json(()): Json<()>) -> Answer<Json<Option<(Millis, Millis)>>> {
    Ok(Json(hub.range().await?))
}

async fn ask(Extract(hub): Extract<Hub>, Json(asked): Json<Asked>) -> Json<Answered> {
    let Asked { node, question, patience } = asked;
    let patience = Duration::from_millis(patience).min(Duration::from_mins(2));
    let answer = hub.desk.ask(&node, question.to_string().into_bytes(), patience).await;
    Json(match answer {
        Ok(answer) => match serde_json::from_slice(&answer) {
            Ok(answer) => Answered::Said(answer),
            Err(error) => {
                Answered::Said(serde_json::json!({"error": format!("its answer is not understood: {error}")}))
            }
        },
        Err(AskError::Busy) => Answered::Busy,
        Err(AskError::TimedOut) => Answered::TimedOut,
        Err(AskError::NotConnected | AskError::HubAway | AskError::NotKnown) => Answered::NotConnected,
    })
}

async fn scan(Extract(hub): Extract<Hub>, Json(asked): Json<Scanned>) -> Json<bool> {
    let Scanned { node, image, target } = asked;
    Json(hub.desk.scan(&node, &image, &target).is_ok())
}

async fn disconnect(Extract(hub): Extract<Hub>, Json(node): Json<String>) -> Json<()> {
    hub.desk.disconnect(&node);
    Json(())
}

impl Hub {
    /// Asks the event store of this hub, when it is this one's turn.
    async fn searched<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&EventStore) -> Result<T, EventStoreError> + Send + 'static,
    ) -> Answer<T> {
        let broken = |error: String| ApiError::Broken(error);
        let _turn = self.searches.acquire().await.map_err(|error| broken(error.to_string()))?;
        let store = Arc::clone(&self.events);
        let asked = tokio::task::spawn_blocking(move || ask(&store)).await;
        Ok(asked.map_err(|error| broken(error.to_string()))??)
    }

    async fn range(&self) -> Answer<Option<(Millis, Millis)>> {
        let stats = self.searched(|store| Ok(store.stats())).await?;
        Ok(stats.oldest.zip(stats.newest))
    }

    /// Asks all other hubs that are heard; of the others it is told that they were not.
    async fn of_others<A: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        question: impl Fn(&StoredHub) -> Value,
        patience: Duration,
    ) -> (Vec<(StoredHub, A)>, Vec<Unsearched>) {
        let now = self.timestamp();
        let asked = self.together.others().into_iter().map(|(other, is_heard)| {
            let question = question(&other);
            async move {
                let answer = if is_heard {
                    self.together.peers.ask(&other, path, &question, patience, now).await
                } else {
                    Err(Silent(if other.ended { "it has ended" } else { "it is not heard" }.to_owned()))
                };
                (other, answer)
            }
        });
        let (mut answers, mut missing) = (Vec::new(), Vec::new());
        for (other, answer) in join_all(asked).await {
            match answer {
                Ok(answer) => answers.push((other, answer)),
                Err(Silent(why)) => {
                    let what = format!("the events of the hub {}", other.hub.name);
                    missing.push(Unsearched { what, why });
                }
            }
        }
        (answers, missing)
    }

    /// Events of all hubs, the newest first.
    pub(crate) async fn search_all(&self, query: Query) -> Answer<EventPage> {
        if self.together.others().is_empty() {
            return self.searched(move |store| store.search(&query)).await;
        }
        let cursor = match query.cursor.as_deref() {
            Some(text) => Some(Cursor::read(text).ok_or_else(|| ApiError::from(EventStoreError::Cursor))?),
            None => None,
        };
        let at = |id: &str| Query { cursor: cursor.as_ref().and_then(|c| c.of(id)), ..query.clone() };
        let own = at(&self.together.id);
        let (own, (others, missing)) = tokio::join!(
            self.searched(move |store| store.placed(&own)),
            self.of_others::<Placed>(SEARCH, |hub| to_value(&at(&hub.hub.id)), SEARCHING)
        );
        let mut answers = vec![(self.together.id.clone(), own?)];
        answers.extend(others.into_iter().map(|(hub, placed)| (hub.hub.id.clone(), named(&hub, placed))));
        let mut page = merge::pages(answers, query.limit, cursor.as_ref());
        page.unsearched.extend(missing);
        Ok(page)
    }

    /// How many events there were when, on all hubs.
    pub(crate) async fn histogram_all(&self, mut query: Query, buckets: usize) -> Answer<Histogram> {
        if self.together.others().is_empty() {
            return self.searched(move |store| store.histogram(&query, buckets)).await;
        }
        let mut missing = Vec::new();
        if query.from.is_none() || query.to.is_none() {
            // All are to count by the same bars.
            let own = self.range().await?;
            let (others, silent) =
                self.of_others::<Option<(Millis, Millis)>>(RANGE, |_| Value::Null, SHORT).await;
            missing = silent;
            let ranges = || own.into_iter().chain(others.iter().filter_map(|(_, range)| *range));
            query.from = query.from.or_else(|| ranges().map(|(oldest, _)| oldest).min());
            query.to = query.to.or_else(|| ranges().map(|(_, newest)| newest.saturating_add(1)).max());
        }
        let (own_query, asked) = (query.clone(), Counted { query, buckets });
        let (own, (others, silent)) = tokio::join!(
            self.searched(move |store| store.histogram(&own_query, buckets)),
            self.of_others::<Histogram>(HISTOGRAM, |_| to_value(&asked), SEARCHING)
        );
        let mut all = own?;
        for (hub, histogram) in others {
            if let Err(why) = merge::add(&mut all, histogram) {
                all.unsearched
                    .push(Unsearched { what: format!("the events of the hub {}", hub.hub.name), why });
            }
        }
        missing.retain(|one| silent.iter().all(|other| other.what != one.what));
        all.unsearched.extend(missing.into_iter().chain(silent));
        Ok(all)
    }

    /// The hub that a node is connected to, if it is another than this.
    async fn elsewhere(&self, node: &str) -> Result<Option<StoredHub>, AskError> {
        if self.lead.is_alone() {
            return Ok(None);
        }
        let found = self.state.hub_of(node).await.map_err(|error| {
            self.note(&format!("which hub has the node {node} could not be read: {error}"));
            AskError::NotKnown
        })?;
        match found.filter(|id| *id != self.together.id) {
            Some(id) => self.together.heard(&id).ok_or(AskError::HubAway).map(Some),
            None => Ok(None),
        }
    }

    /// Asks the agent of a node what its socket takes, whichever hub it is connected to.
    pub(crate) async fn ask_node(
        &self,
        node: &str,
        question: Vec<u8>,
        patience: Duration,
    ) -> Result<Vec<u8>, AskError> {
        let Some(other) = self.elsewhere(node).await? else {
            return self.desk.ask(node, question, patience).await;
        };
        let asked = Asked {
            node: node.to_owned(),
            question: serde_json::from_slice(&question).unwrap_or_default(),
            patience: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
        };
        let answered =
            self.together.peers.ask_alone(&other, ASK, &asked, patience + WAY, self.timestamp()).await;
        match answered {
            Ok(Answered::Said(answer)) => Ok(answer.to_string().into_bytes()),
            Ok(Answered::NotConnected) => Err(AskError::NotConnected),
            Ok(Answered::Busy) => Err(AskError::Busy),
            Ok(Answered::TimedOut) => Err(AskError::TimedOut),
            Err(Silent(why)) => {
                self.note(&format!(
                    "the hub {} could not be asked for the node {node}: {why}",
                    other.hub.name
                ));
                Err(AskError::HubAway)
            }
        }
    }

    /// Asks a node to scan something, whichever hub it is connected to. Whether it was asked.
    pub(crate) async fn scan_on(&self, node: &str, image: &str, target: &str) -> bool {
        match self.elsewhere(node).await {
            Ok(None) => self.desk.scan(node, image, target).is_ok(),
            Err(_) => false,
            Ok(Some(other)) => {
                let scan =
                    Scanned { node: node.to_owned(), image: image.to_owned(), target: target.to_owned() };
                self.together.peers.ask(&other, SCAN, &scan, SHORT, self.timestamp()).await.unwrap_or(false)
            }
        }
    }

    /// Ends the session of a node that was shut out. A hub that cannot be asked finds out by itself, within half a minute.
    pub(crate) async fn disconnect(&self, node: &str) {
        let other = self.elsewhere(node).await;
        self.desk.disconnect(node);
        if let Ok(Some(other)) = other {
            let _: Result<(), _> =
                self.together.peers.ask(&other, DISCONNECT, &node, SHORT, self.timestamp()).await;
        }
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// What is made of texts and numbers can be written.
fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// What another hub could not search is told with its name.
fn named(hub: &StoredHub, mut placed: Placed) -> Placed {
    for part in &mut placed.page.unsearched {
        part.what = format!("hub {}: {}", hub.hub.name, part.what);
    }
    placed
}

/// For [`Cursor`]: from where on a hub is asked that was not asked for the page before.
pub(super) fn before(time: Millis) -> String {
    events::before(time)
}
