//! `gabion hub export`: events of a hub that runs, as a file.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts, printed as they are")]

use crate::{clock, output, scan};
use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    hub: scan::hub::HubArgs,

    /// As what
    #[arg(short, long, value_enum, default_value = "parquet")]
    format: Form,

    /// Not before this: 2026-01-31T12:00:00Z, or 24h ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,

    /// Before this [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,

    /// Only what fits, as the page Events takes it: kind:execve curl -node:db-1
    #[arg(long, value_name = "QUERY", default_value = "")]
    query: String,

    /// Where the file goes; it is there only when it is whole
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Columns, compressed, for DuckDB, Spark, pandas and their like
    Parquet,
    /// A line of JSON each
    Ndjson,
}

/// A time, or how long ago it was.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago = clock::span(text.trim_end_matches("ago").trim()).map_err(|_| {
        "expected a time such as 2026-01-31T12:00:00Z, or how long ago it was, such as 24h".to_owned()
    })?;
    let now = clock::now().map_err(|error| error.to_string())?;
    now.checked_sub(ago).map_err(|error| error.to_string())
}

pub(crate) fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let Some(hub) = scan::hub::wanted(&args.hub, "viewer")? else {
        bail!(
            "it is not said which hub\nhint: --hub URL, and a token with the role viewer in GABION_HUB_TOKEN or --hub-token-file"
        );
    };
    let form = match args.format {
        Form::Parquet => "parquet",
        Form::Ndjson => "ndjson",
    };
    let mut query = vec![("format", form.to_owned()), ("q", args.query.clone())];
    for (name, time) in [("from", args.from), ("to", args.to)] {
        query.extend(time.map(|time| (name, time.as_millisecond().to_string())));
    }
    let mut name = args.output.file_name().context("-o names no file")?.to_owned();
    name.push(".part");
    let part = args.output.with_file_name(name);
    let fetched = fetch(&hub, &query, &part).and_then(|bytes| {
        fs::rename(&part, &args.output).with_context(|| format!("cannot write {}", args.output.display()))?;
        Ok(bytes)
    });
    match fetched {
        Ok(bytes) => {
            output::note(&format!("exported: {bytes} bytes, into {}", args.output.display()));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            // It is not all, so it is not kept.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

fn fetch(hub: &gabion_image::source::hub::Hub, query: &[(&str, String)], part: &Path) -> anyhow::Result<u64> {
    let cannot = || format!("cannot write {}", part.display());
    let mut file = BufWriter::new(File::create(part).with_context(cannot)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let fetched = runtime.block_on(hub.fetch("/api/v1/events/export", query, |bytes| file.write_all(bytes)));
    let bytes = fetched.map_err(|error| match error.hint() {
        Some(hint) => anyhow!("{error}\nhint: {hint}"),
        None => anyhow::Error::new(error),
    })?;
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .with_context(cannot)?;
    Ok(bytes)
}
