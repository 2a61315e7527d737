//! From the argument of a command to files on this machine that the worker can read.

use crate::cli::Common;
use gabion_image::{cache::Cache, catalog::Scope, worker::Work};
use std::path::Path;

/// A target that is on this machine.
pub(crate) struct Local {
    pub(crate) work: Work,
    pub(crate) source: String,
    pub(crate) reference: String,
}

/// `linux/amd64` on this machine.
pub(crate) fn host_platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{arch}")
}

/// Brings the content of a target to this machine, if it is not there yet.
pub(crate) fn bring(
    argument: &str,
    _common: &Common,
    _cache: Option<&Cache>,
    _platform: &str,
    scope: Option<Scope>,
) -> anyhow::Result<Local> {
    let (source, reference) = argument.split_once(':').unwrap_or(("dir", argument));
    let path = std::path::absolute(Path::new(reference))?;
    let work = match source {
        "docker-archive" => Work::DockerArchive {
            file: path,
            name: None,
        },
        "oci-archive" => Work::OciArchive {
            file: path,
            name: None,
        },
        "oci" => {
            let (dir, name) = reference
                .split_once(':')
                .map_or((reference, None), |(d, n)| (d, Some(n.to_owned())));
            Work::Layout {
                directory: std::path::absolute(Path::new(dir))?,
                name,
            }
        }
        "sbom" => Work::Sbom { file: path },
        _ => Work::Root {
            directory: path,
            scope,
        },
    };
    Ok(Local {
        work,
        source: source.to_owned(),
        reference: reference.to_owned(),
    })
}
