//! Chores of the repository: `cargo xtask layers`, `cargo xtask generate`.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool for developers")]

mod generate;
mod layers;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Chores of the repository
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check that dependencies between crates point down, and that heavy dependencies stay in their home
    Layers,
    /// Write what is committed and made from something else: crates/api/src/generated from crates/api/proto, and
    /// crates/advisory/starter/starter.seg from the records beside it
    Generate,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Layers => {
            let problems = layers::check(&cargo_metadata::MetadataCommand::new().no_deps().exec()?)?;
            for problem in &problems {
                println!("{problem}");
            }
            println!("layers: {} problems", problems.len());
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Generate => {
            generate::api()?;
            generate::starter()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
