//! Commands for the agent of this node: what it does is asked over its socket, what it kept is read from its state.

pub(crate) mod alerts;
pub(crate) mod baseline;
pub(crate) mod events;
pub(crate) mod reload;
pub(crate) mod respond;
pub(crate) mod status;

use crate::{control::Line, output};

/// Prints pieces as they come; what was lost on the way is noted.
fn print(line: Line) -> anyhow::Result<()> {
    match line {
        Line::Item(text) => output::line(&output::printable(&text))?,
        Line::Lost(count) => {
            output::note(&format!("{count} lost here: they came faster than they were read"));
        }
        Line::Done(_) | Line::Error(_) => {}
    }
    Ok(())
}
