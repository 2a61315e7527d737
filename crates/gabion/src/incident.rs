//! `gabion incident`: what the agent of this node has put together.

use crate::{agent, clock, output};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use gabion_detect::incident::{Story, text};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(crate) struct IncidentArgs {
    #[command(subcommand)]
    command: IncidentCommand,

    /// Where the agent keeps incidents
    #[arg(long, global = true, value_name = "DIR", default_value = agent::STATE, env = "GABION_STATE")]
    state: PathBuf,
}

#[derive(Debug, Subcommand)]
enum IncidentCommand {
    /// List all, the newest first
    List,
    /// Tell one: where it came from, how far it got, what happened
    Show {
        /// Its number
        id: u64,
        /// How to tell it
        #[arg(short, long, value_enum, default_value = "text")]
        format: StoryFormat,
    },
}

/// How an incident is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StoryFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// A graph for Graphviz
    Dot,
    /// A picture
    Svg,
}

pub(crate) fn run(args: &IncidentArgs) -> anyhow::Result<ExitCode> {
    let directory = args.state.join("incidents");
    match args.command {
        IncidentCommand::List => list(&directory)?,
        IncidentCommand::Show { id, format } => show(&directory, id, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show(directory: &Path, id: u64, format: StoryFormat) -> anyhow::Result<()> {
    let end = match format {
        StoryFormat::Text | StoryFormat::Json => "json",
        StoryFormat::Dot => "dot",
        StoryFormat::Svg => "svg",
    };
    let path = directory.join(format!("{id}.{end}"));
    let Ok(written) = fs::read_to_string(&path) else {
        bail!("there is no incident {id} in {}\nhint: gabion incident list", directory.display());
    };
    if format == StoryFormat::Text {
        let story: Story =
            serde_json::from_str(&written).with_context(|| format!("cannot read {}", path.display()))?;
        let told = text(&story, clock::utc);
        let lines: Vec<_> = told.trim_end().lines().map(output::printable).collect();
        output::line(&lines.join("\n"))?;
    } else {
        output::line(written.trim_end())?;
    }
    Ok(())
}

fn list(directory: &Path) -> anyhow::Result<()> {
    let mut stories = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("no agent has kept incidents in {}\nhint: gabion agent", directory.display())
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
    };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let written = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            let story: Story = serde_json::from_slice(&written)
                .with_context(|| format!("cannot read {}", path.display()))?;
            stories.push(story);
        }
    }
    stories.sort_by_key(|story| std::cmp::Reverse(story.updated));
    let mut lines = vec![format!("{:>4}  {:<13} {:<23} {}", "ID", "PRIORITY", "LAST ALERT", "WHAT")];
    for story in &stories {
        let title = output::printable(&story.title);
        lines.push(format!(
            "{:>4}  {:<13} {:<23} {title}",
            story.id,
            story.priority,
            clock::utc(story.updated)
        ));
    }
    output::line(&lines.join("\n"))?;
    Ok(())
}
