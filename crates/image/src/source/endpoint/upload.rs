//! The writing half of the distribution specification: a blob in two requests, then a manifest.

use super::{Endpoint, Failure};
use crate::source::{SourceError, retry::Backoff};
use gabion_model::Digest;
use http::header;
use reqwest::{Body, Response, Url};

impl Endpoint<'_> {
    /// Whether a blob is there.
    pub(in crate::source) async fn has(&self, digest: &Digest) -> Result<bool, SourceError> {
        let path = format!("blobs/{digest}");
        match self.ask(&path, &|| Ok(self.client.head(self.url(&path)))).await {
            Ok(_) => Ok(true),
            Err(SourceError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a blob; each attempt needs the whole of it.
    pub(in crate::source) async fn upload(
        &self,
        digest: &Digest,
        size: u64,
        blob: &(dyn Fn() -> Result<Body, SourceError> + Sync),
    ) -> Result<(), SourceError> {
        let what = format!("blobs/{digest}");
        let path = "blobs/uploads/";
        let mut backoff = Backoff::new(&self.options.retry);
        loop {
            let begin = || Ok(self.client.post(self.url(path)).header(header::CONTENT_LENGTH, 0));
            let session = self.ask(path, &begin).await?;
            let mut url = self.location(&session)?;
            url.query_pairs_mut().append_pair("digest", &digest.to_string());
            let send = || {
                let request = self.client.put(url.clone()).header(header::CONTENT_LENGTH, size);
                Ok(request.header(header::CONTENT_TYPE, "application/octet-stream").body(blob()?))
            };
            match self.attempt(&what, &send).await {
                Ok(_) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, asked)) => self.pause(&mut backoff, error, asked).await?,
            }
        }
    }

    /// Makes a tag (or digest) name this manifest.
    pub(in crate::source) async fn tag(
        &self,
        locator: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<(), SourceError> {
        let path = format!("manifests/{locator}");
        let put = || {
            let request = self.client.put(self.url(&path)).header(header::CONTENT_TYPE, media_type);
            Ok(request.body(manifest.to_vec()))
        };
        self.ask(&path, &put).await.map(drop)
    }

    /// Where an upload goes on. Only the registry itself is sent the login, so it must be there.
    fn location(&self, session: &Response) -> Result<Url, SourceError> {
        let said = session.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let here = Url::parse(&self.url("blobs/uploads/")).ok();
        let url = here.as_ref().zip(said).and_then(|(here, said)| here.join(said).ok());
        url.filter(|url| here.is_some_and(|here| here.origin() == url.origin())).ok_or_else(|| {
            SourceError::Status {
                host: self.host.clone(),
                status: "no place of its own".to_owned(),
                what: format!("an upload to {}", self.reference),
            }
        })
    }
}
