//! Chores of the repository that need more than a shell line: `cargo xtask COMMAND`.

mod generate;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Chores of the repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write crates/api/src/generated from crates/api/proto.
    Generate,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Generate => generate::api(),
    }
}
