//! A server that answers as it is told to, and keeps what it was asked.

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use std::sync::{Arc, Mutex};

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        let lines = self.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("JSON")).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// How it answers: status, headers, body.
pub(crate) type Answer = (StatusCode, Vec<(&'static str, String)>, Vec<u8>);

pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    (StatusCode::from_u16(status).expect("a status"), Vec::new(), body.into())
}

type Rule = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    rule: Rule,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub(crate) async fn start(rule: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let server = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            rule: Arc::new(rule),
            asked: Arc::default(),
        };
        let router = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    /// What it was asked so far, of these methods.
    pub(crate) fn asked(&self, method: &Method) -> Vec<Asked> {
        let all = self.asked.lock().expect("a lock");
        all.iter().filter(|asked| asked.method == *method).cloned().collect()
    }
}

async fn serve(State(server): State<Server>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.expect("a body");
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let asked = Asked { method: parts.method, path, headers: parts.headers, body };
    server.asked.lock().expect("a lock").push(asked.clone());
    let (status, headers, body) = (server.rule)(&asked);
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value.parse().expect("a header"));
    }
    response
}
