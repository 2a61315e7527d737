//! Lists that come in pages, and the digest of what a name means without its document.

use super::{Endpoint, Place, answer::read};
use crate::source::{Progress, SourceError, registry::RegistryOptions, retry::Backoff};
use gabion_model::Digest;
use http::header;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// A page of a list is not longer, in bytes.
const MAX_PAGE: u64 = 8 << 20;

impl<'a> Endpoint<'a> {
    /// The registry itself, and none of its repositories: `v2/`.
    pub(in crate::source) fn api(
        host: &str,
        authority: &str,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        let place = Place { host, authority, repository: "", mirror_of: None, reference: host };
        Ok(Self { root: "v2/".to_owned(), ..Self::new(place, options, progress)? })
    }

    /// A repository there. Connections are shared; a login is not, as a token is for one repository.
    pub(in crate::source) fn beside(&self, repository: &str) -> Self {
        Self {
            options: self.options,
            progress: self.progress,
            client: self.client.clone(),
            host: self.host.clone(),
            authority: self.authority.clone(),
            repository: repository.to_owned(),
            root: format!("v2/{repository}/"),
            mirror_of: None,
            reference: format!("{}/{repository}", self.host),
            insecure: self.insecure,
            plain: AtomicBool::new(self.plain.load(Ordering::Relaxed)),
            lost: AtomicBool::new(false),
            // A password is good for all of them.
            login: Mutex::new(
                self.login
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone()
                    .filter(super::Login::is_basic),
            ),
        }
    }

    /// A page of a list, and the query of the next one, if the registry names one.
    pub(in crate::source) async fn page(&self, path: &str) -> Result<(Vec<u8>, Option<String>), SourceError> {
        let mut backoff = Backoff::new(&self.options.retry);
        loop {
            let response = self.get(path, Some("application/json"), 0).await?;
            let mut links = response.headers().get_all(header::LINK).iter();
            let next = links.find_map(|link| next_query(link.to_str().ok()?));
            match read(response, MAX_PAGE).await {
                Ok(Some(bytes)) => return Ok((bytes, next)),
                Ok(None) => {
                    let what = format!("{path} of {}", self.reference);
                    return Err(SourceError::TooLarge { what, limit: MAX_PAGE });
                }
                Err(error) => self.pause(&mut backoff, self.broken(path, &error), None).await?,
            }
        }
    }

    /// The digest that the registry says a document has, without the document; `None` if it does not say.
    pub(in crate::source) async fn head(
        &self,
        path: &str,
        accept: &str,
    ) -> Result<Option<Digest>, SourceError> {
        let response =
            self.ask(path, &|| Ok(self.client.head(self.url(path)).header(header::ACCEPT, accept))).await?;
        Ok(response
            .headers()
            .get("docker-content-digest")
            .and_then(|value| value.to_str().ok()?.parse().ok()))
    }
}

/// `</v2/_catalog?last=b&n=100>; rel="next"` (RFC 8288) gives `last=b&n=100`. The rest of the address is not believed: the next page is where
/// this one is.
fn next_query(link: &str) -> Option<String> {
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        parameter
            .trim()
            .strip_prefix("rel=")
            .is_some_and(|rel| rel.trim_matches('"').eq_ignore_ascii_case("next"))
    });
    let (_, query) = address.split_once('?')?;
    let is_plain = query.len() <= 2048 && query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    (is_next && is_plain && !query.is_empty()).then(|| query.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_query_of_a_next_page_is_taken() {
        for (link, query) in [
            ("</v2/_catalog?last=b&n=100>; rel=\"next\"", Some("last=b&n=100")),
            ("<https://elsewhere.example/x?n=1&last=a%2Fb>; foo=1; rel=next", Some("n=1&last=a%2Fb")),
            ("</v2/_catalog?last=b>; rel=\"prev\"", None),
            ("</v2/_catalog>; rel=\"next\"", None),
            ("</v2/_catalog?a b>; rel=\"next\"", None),
            ("nonsense", None),
        ] {
            assert_eq!(next_query(link).as_deref(), query, "{link}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_links_never_panic(link in "\\PC{0,60}|(<|>|;|rel=|next|\"|\\?|é| ){0,20}") {
            let _ = next_query(&link);
        }
    }
}
