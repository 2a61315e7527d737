//! What a registry holds: its repositories, their tags, and which content a tag means. Nothing of it costs a pull.
//!
//! ```text
//!   Lister ── check          GET  /v2/                      is it there, does it take the credential?
//!          ├─ repositories   GET  /v2/_catalog, page by page
//!          └─ repository ─┬─ tags    GET  /v2/NAME/tags/list, page by page
//!                         └─ digest  HEAD /v2/NAME/manifests/TAG
//! ```

use super::{
    Progress, SourceError,
    blobs::digest_of,
    endpoint::Endpoint,
    reference::{self, Reference},
    registry::{MANIFESTS, RegistryOptions},
};
use crate::manifest::MAX_DOCUMENT;
use gabion_model::Digest;
use serde::Deserialize;

/// Pages of one list.
const MAX_PAGES: usize = 1000;
/// Names that are asked for at once; a registry may give fewer.
const PAGE: usize = 1000;

/// A registry that is asked what it holds.
pub struct Lister<'a> {
    api: Endpoint<'a>,
}

/// A repository of it.
pub struct Repository<'a> {
    endpoint: Endpoint<'a>,
}

/// Names in the order in which the registry gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that are names by the grammar.
    pub good: Vec<String>,
    /// There are more than were to be read.
    pub is_cut: bool,
    /// What else it gave, and what is no name.
    pub odd: usize,
}

impl<'a> Lister<'a> {
    /// `host` is as in references: `docker.io`, `registry.example:5000`.
    pub fn new(
        host: &str,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        let reference: Reference = format!("{host}/x").parse()?;
        Ok(Self { api: Endpoint::api(&reference.host, reference.api_host(), options, progress)? })
    }

    /// Whether it is there and lets us in.
    pub async fn check(&self) -> Result<(), SourceError> {
        self.api.get("", Some("application/json"), 0).await.map(drop)
    }

    /// Its repositories, at most so many. Many registries tell nobody of them.
    pub async fn repositories(&self, most: usize) -> Result<Names, SourceError> {
        #[derive(Deserialize)]
        struct Catalog {
            repositories: Option<Vec<String>>,
        }
        let read = |bytes: &[u8]| serde_json::from_slice::<Catalog>(bytes).ok().map(|page| page.repositories);
        names(&self.api, "_catalog", most, read, reference::is_repository).await
    }

    /// One of them.
    pub fn repository(&self, name: &str) -> Result<Repository<'a>, SourceError> {
        if !reference::is_repository(name) {
            let reason = "a repository has lower-case letters and digits, separated by one of . _ __ - or /";
            return Err(SourceError::Reference {
                reference: super::printable(name),
                reason: reason.to_owned(),
            });
        }
        Ok(Repository { endpoint: self.api.beside(name) })
    }
}

impl Repository<'_> {
    /// Its tags, at most so many.
    pub async fn tags(&self, most: usize) -> Result<Names, SourceError> {
        #[derive(Deserialize)]
        struct Tags {
            tags: Option<Vec<String>>,
        }
        let read = |bytes: &[u8]| serde_json::from_slice::<Tags>(bytes).ok().map(|page| page.tags);
        names(&self.endpoint, "tags/list", most, read, reference::is_tag).await
    }

    /// What a tag means now; `None` if there is no such tag. A registry that tells no digest is asked for the document.
    pub async fn digest(&self, tag: &str) -> Result<Option<Digest>, SourceError> {
        let path = format!("manifests/{tag}");
        let told = match self.endpoint.head(&path, MANIFESTS).await {
            Ok(Some(digest)) => return Ok(Some(digest)),
            Ok(None) => self.endpoint.document(&path, MANIFESTS, MAX_DOCUMENT).await,
            Err(error) => Err(error),
        };
        match told {
            Ok(document) => Ok(Some(digest_of(&document.bytes))),
            Err(SourceError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// All pages of a list. `read` gives the names of a page; a registry writes `null` where there are none.
async fn names(
    endpoint: &Endpoint<'_>,
    list: &str,
    most: usize,
    read: impl Fn(&[u8]) -> Option<Option<Vec<String>>>,
    is_name: impl Fn(&str) -> bool,
) -> Result<Names, SourceError> {
    let mut found = Names::default();
    let mut path = format!("{list}?n={PAGE}");
    for _ in 0..MAX_PAGES {
        let (bytes, next) = endpoint.page(&path).await?;
        let Some(page) = read(&bytes) else {
            return Err(SourceError::Status {
                host: endpoint.host.clone(),
                status: "something that is no list".to_owned(),
                what: list.to_owned(),
            });
        };
        for name in page.unwrap_or_default() {
            if found.good.len() >= most {
                found.is_cut = true;
                return Ok(found);
            }
            if is_name(&name) {
                found.good.push(name);
            } else {
                found.odd += 1;
            }
        }
        match next {
            Some(query) => path = format!("{list}?{query}"),
            None => return Ok(found),
        }
    }
    found.is_cut = true;
    Ok(found)
}
