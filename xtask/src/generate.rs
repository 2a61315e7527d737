//! What is committed and made from something else. Rust from the protobuf definitions in `crates/api/proto`, without
//! `protoc`: `protox` compiles them, `tonic-prost-build` writes the clients, and of our own the servers, too. And the segment of the starter records.

use anyhow::Context;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the definitions are, and what is made of them.
struct Api {
    proto: PathBuf,
    generated: PathBuf,
}

impl Api {
    fn here() -> Self {
        let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/api");
        Self { proto: api.join("proto"), generated: api.join("src/generated") }
    }
}

/// Replaces the generated code.
pub(crate) fn api() -> anyhow::Result<()> {
    let api = Api::here();
    fs::remove_dir_all(&api.generated).context("removing the old code")?;
    write(&api.proto, &api.generated)
}

/// Replaces the segment of the starter records; `gabion_advisory::starter` tests that it is what they say.
pub(crate) fn starter() -> anyhow::Result<()> {
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/advisory/starter");
    let compiled = gabion_advisory::starter::compile(&records, &records.join("starter.seg"))?;
    anyhow::ensure!(compiled.rejected == 0, "{} of the starter records are wrong", compiled.rejected);
    Ok(())
}

/// Whose definitions: the folder, the file that includes what is made of them, and whether Gabion is the server.
const OF: [(&str, &str, bool); 3] =
    [("containerd", "mod.rs", false), ("gabion", "gabion.rs", true), ("otlp", "otlp.rs", false)];

fn write(proto: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for (folder, include, server) in OF {
        let mut files: Vec<PathBuf> = fs::read_dir(proto.join(folder))
            .with_context(|| format!("reading {}", proto.join(folder).display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.sort();
        let descriptors = protox::compile(&files, [proto]).context("compiling the definitions")?;
        tonic_prost_build::configure()
            .build_server(server)
            .build_transport(false)
            .emit_rerun_if_changed(false)
            .include_file(include)
            .out_dir(to)
            .compile_fds(descriptors)
            .with_context(|| format!("writing the code of {folder}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn files(directory: &Path) -> BTreeMap<String, String> {
        fs::read_dir(directory)
            .expect("is a directory")
            .map(|entry| {
                let path = entry.expect("readable").path();
                let name = path.file_name().expect("named").to_string_lossy().into_owned();
                (name, fs::read_to_string(path).expect("text"))
            })
            .collect()
    }

    #[test]
    fn the_committed_code_is_what_the_definitions_say() {
        let api = Api::here();
        let fresh = tempfile::tempdir().expect("a directory");
        write(&api.proto, fresh.path()).expect("generates");
        assert!(
            files(fresh.path()) == files(&api.generated),
            "crates/api/src/generated is stale: run `cargo xtask generate`"
        );
    }
}
