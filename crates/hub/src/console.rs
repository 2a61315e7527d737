//! The console: files that are in the binary, compressed as they were built.
//!
//! A build without Node.js has none, and says so instead of the page.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

/// Where nothing is built.
const ABSENT: &str = "<!doctype html><title>Gabion</title><p>This build has no console: it was made without Node.js. \
    <code>make console</code> builds it; the API is under <a href=\"/api/v1/openapi.json\">/api/v1</a>.";

/// A file of the console; whatever is no file is a page of it.
pub(crate) async fn file(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return crate::error::told(
            StatusCode::NOT_FOUND,
            "there is no such path in the API",
            Some("see /api/v1/openapi.json"),
        );
    }
    let is_file = Files::get(path).is_some();
    if !is_file && path.starts_with("assets/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    let path = if is_file { path } else { "index.html" };
    let compressed = format!("{path}.br");
    let wants = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("br"));
    let found = if wants { Files::get(&compressed).map(|file| (file, true)) } else { None };
    let Some((file, is_compressed)) = found.or_else(|| Files::get(path).map(|file| (file, false))) else {
        return (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], ABSENT)
            .into_response();
    };
    // Names of assets hold a hash of what is in them.
    let caching =
        if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, kind(path))
        .header(header::CACHE_CONTROL, caching)
        .header(header::VARY, "accept-encoding");
    if is_compressed {
        response = response.header(header::CONTENT_ENCODING, "br");
    }
    response.body(Body::from(file.data)).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}
