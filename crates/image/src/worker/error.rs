//! Why a scan cannot be told, and what the user can do about it.

use crate::{archive::ArchiveError, layer::LayerError, manifest::ManifestError, tree::TreeError};
use std::io;

/// Why a scan cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The image cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A layer cannot be read.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// A directory cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A configuration cannot be used.
    #[error("image configuration: {0}")]
    Config(#[from] ManifestError),
    /// A file cannot be opened.
    #[error("{path}: {source}")]
    Open {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no room to inflate an archive into.
    #[error("{path} cannot be inflated to a temporary file in {directory}: {source}")]
    Temporary {
        /// Which.
        path: String,
        /// Where to.
        directory: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An SBOM cannot be used.
    #[error("{path}: {text}")]
    Sbom {
        /// Which.
        path: String,
        /// Why.
        text: String,
    },
    /// The parent cannot be reached.
    #[error("the worker lost its parent: {0}")]
    Parent(#[from] io::Error),
}

impl WorkError {
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Layer(LayerError::Entries { .. } | LayerError::Facts { .. })
            | Self::Tree(TreeError::Entries { .. } | TreeError::Facts { .. }) => {
                Some("raise it with --max-entries".into())
            }
            Self::Layer(LayerError::Read { source, .. }) => over_size(&source.to_string()),
            Self::Open { source, .. } => over_size(&source.to_string()),
            Self::Temporary { .. } => Some(
                "free some space, or put temporary files elsewhere with --cache-dir (with --no-cache: TMPDIR)".into(),
            ),
            Self::Archive(ArchiveError::Ambiguous { .. }) => {
                Some("append the name to the argument, as in oci:DIR:TAG or docker-archive:FILE:NAME".into())
            }
            Self::Archive(ArchiveError::Platform { .. }) => Some("choose one with --platform".into()),
            Self::Archive(ArchiveError::Missing { known, .. }) => holds(known),
            _ => None,
        }
    }
}

fn holds(names: &[String]) -> Option<String> {
    const SHOWN: usize = 8;
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!names.is_empty()).then(|| format!("it holds {}{more}", names[..names.len().min(SHOWN)].join(", ")))
}

fn over_size(error: &str) -> Option<String> {
    error
        .contains("more than the limit")
        .then(|| "raise it with --max-layer-size if you trust the image".into())
}
