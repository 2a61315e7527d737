//! The only module that prints: results to standard output, everything else to standard error.
#![expect(clippy::print_stderr, reason = "this is the output module")]

use crate::cli::{Cli, Color, OutputFile};
use clap::CommandFactory;
use gabion_image::source::SourceError;
use gabion_model::ScanReport;
use gabion_report::{Format, Options};
use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

/// An error for the user: `error: ...`, its causes, and a hint if there is one.
pub(crate) fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("hint: {hint}");
    }
    ExitCode::from(2)
}

/// What to do about a registry, which may be the reason for an error of I/O.
fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let source = cause.downcast_ref::<SourceError>().or_else(|| inner?.downcast_ref());
    source.and_then(SourceError::hint)
}

/// Writes to standard output. A reader that has seen enough (`gabion scan ... | head`) is no failure: what remains to
/// be told is the exit code.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is buffered would be tried again.
            drop(out.into_parts());
            Ok(())
        }
        result => result,
    }
}

/// Writes results to standard output as they come.
pub(crate) fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    to_stdout(write)
}

/// A wrong argument, or a request for help.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nowhere left to complain.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

/// A line for the user beside the results.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// A text that may come from an image: nothing in it steers a terminal.
pub(crate) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    gabion_report::text::safe(text)
}

/// Prints a line of results.
pub(crate) fn line(text: &str) -> io::Result<()> {
    to_stdout(|out| writeln!(out, "{text}"))
}

/// The commands as the generators tell them: `gabion help` needs no words.
fn commands() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}

pub(crate) fn completions(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut commands(), "gabion", &mut script);
    to_stdout(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man() -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    clap_mangen::Man::new(commands()).render(&mut page)?;
    for command in commands().get_subcommands() {
        let name = format!("gabion-{}", command.get_name());
        clap_mangen::Man::new(command.clone().name(name)).render(&mut page)?;
    }
    to_stdout(|out| out.write_all(&page))?;
    Ok(ExitCode::SUCCESS)
}

/// Whether results on standard output may be coloured.
pub(crate) fn color(choice: Color) -> bool {
    match choice {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            io::stdout().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
        }
    }
}

/// Columns to write a table in.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    columns.or_else(terminal).unwrap_or(120).clamp(60, 200)
}

/// Prints a report.
pub(crate) fn print(report: &ScanReport, format: Format, options: &Options<'_>) -> anyhow::Result<()> {
    Ok(to_stdout(|out| gabion_report::render(report, format, options, out))?)
}

/// Refuses, before anything is read, files that could not be written after it, and two reports in one file.
pub(crate) fn check(files: &[OutputFile]) -> anyhow::Result<()> {
    for (i, OutputFile { path, .. }) in files.iter().enumerate() {
        if files[..i].iter().any(|other| other.path == *path) && (path.is_file() || !path.exists()) {
            anyhow::bail!("--output names {} twice", path.display());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
            let why = if directory.exists() { "is not a directory" } else { "does not exist" };
            anyhow::bail!("cannot write {}: {} {why}", path.display(), directory.display());
        }
        if path.is_dir() {
            anyhow::bail!("cannot write {}: it is a directory", path.display());
        }
    }
    Ok(())
}

/// Writes a report to a file, which appears whole or not at all.
pub(crate) fn write(
    report: &ScanReport,
    format: Format,
    options: &Options<'_>,
    path: &Path,
) -> anyhow::Result<()> {
    use anyhow::Context;
    let attempt = || -> io::Result<()> {
        if path.exists() && !path.is_file() {
            // A pipe or a device is written in place.
            let mut out = BufWriter::new(File::options().write(true).open(path)?);
            gabion_report::render(report, format, options, &mut out)?;
            return out.flush();
        }
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let mut out = BufWriter::new(File::create(&temporary)?);
        let written = gabion_report::render(report, format, options, &mut out).and_then(|()| out.flush());
        written.and_then(|()| std::fs::rename(&temporary, path)).inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}
