//! What goes wrong with a request, as the API tells it.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use gabion_api::rest::Problem;
use gabion_store::state::StateError;

/// Why a request is not answered as wished.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// Nobody knows who asks.
    Unknown,
    /// Whoever wants in may not.
    Denied,
    /// They may not.
    Forbidden(&'static str),
    /// It makes no sense.
    Bad(String),
    /// Too often.
    Often,
    /// Only so many at a time.
    Busy(&'static str),
    /// Something that was sent is larger than this, in bytes.
    TooLarge(&'static str, usize),
    /// The node is not there, or does not answer.
    Unreachable(String),
    /// The database is away.
    Away,
    /// The disk has no room.
    Full,
    /// The state refuses.
    State(StateError),
    /// What was asked for is not all there now, and a part of it would be taken for all.
    Partial(String),
    /// Something of ours is broken.
    Broken(String),
}

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, ApiError>;

impl From<StateError> for ApiError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error, hint) = match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                "you are not logged in".to_owned(),
                Some("log in, or send a token as `Authorization: Bearer TOKEN`"),
            ),
            Self::Denied => {
                (StatusCode::UNAUTHORIZED, "the name, the password or the token is wrong".to_owned(), None)
            }
            Self::Forbidden(why) => (StatusCode::FORBIDDEN, why.to_owned(), None),
            Self::Bad(why) => (StatusCode::BAD_REQUEST, why, None),
            Self::Often => {
                let mut response =
                    told(StatusCode::TOO_MANY_REQUESTS, "too many requests", Some("wait a minute"));
                response.headers_mut().insert(header::RETRY_AFTER, A_MINUTE);
                return response;
            }
            Self::Busy(why) => {
                let hint = Some("try again when it has ended");
                let mut response = told(StatusCode::TOO_MANY_REQUESTS, why, hint);
                response.headers_mut().insert(header::RETRY_AFTER, AGAIN);
                return response;
            }
            Self::TooLarge(what, limit) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("{what} is larger than {} MiB", limit >> 20),
                Some("gabion replay on a machine of your own takes more"),
            ),
            Self::Partial(why) => (
                StatusCode::SERVICE_UNAVAILABLE,
                why,
                Some(
                    "ask again when it is back; a hub that will not come back is removed on the page Settings, Hubs",
                ),
            ),
            Self::Unreachable(why) => (StatusCode::BAD_GATEWAY, why, Some("see the page of the node")),
            Self::Away => return away(),
            Self::Full => return full(),
            Self::State(error) => match error {
                StateError::Absent { .. } => (StatusCode::NOT_FOUND, error.to_string(), None),
                StateError::Refused(_) | StateError::Cursor => {
                    (StatusCode::BAD_REQUEST, error.to_string(), None)
                }
                // What the database says may hold what belongs to others.
                StateError::Database(_) | StateError::Schema(_) | StateError::Row(_) | StateError::Url(_) => {
                    let mut response = match &error {
                        error if error.is_full() => full(),
                        error if error.is_away() => away(),
                        _ => failed(),
                    };
                    response.extensions_mut().insert(Cause(error.to_string()));
                    return response;
                }
            },
            Self::Broken(why) => {
                let mut response = failed();
                response.extensions_mut().insert(Cause(why));
                return response;
            }
        };
        told(status, &error, hint)
    }
}

/// Something of the hub's own is broken.
fn failed() -> Response {
    told(StatusCode::INTERNAL_SERVER_ERROR, "the hub failed", Some("see the log of the hub"))
}

/// After how many seconds a request may come again that the database did not answer, or that others are in the way of.
const AGAIN: HeaderValue = HeaderValue::from_static("5");
/// And after how many one of somebody who has asked too often.
const A_MINUTE: HeaderValue = HeaderValue::from_static("60");

/// The database does not answer.
pub(crate) fn away() -> Response {
    let hint = "try again in a moment; see /readyz and the log of the hub";
    let mut response = told(StatusCode::SERVICE_UNAVAILABLE, "the hub cannot reach its database", Some(hint));
    response.headers_mut().insert(header::RETRY_AFTER, AGAIN);
    response
}

/// The database answers, and takes nothing.
fn full() -> Response {
    let hint = "make room on it; until then agents hold back what they see";
    let mut response =
        told(StatusCode::SERVICE_UNAVAILABLE, "the disk of the hub's database is full", Some(hint));
    response.headers_mut().insert(header::RETRY_AFTER, A_MINUTE);
    response
}

/// What is told to the operator only.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) String);

pub(crate) fn told(status: StatusCode, error: &str, hint: Option<&str>) -> Response {
    (status, Json(Problem { error: error.to_owned(), hint: hint.map(str::to_owned) })).into_response()
}
