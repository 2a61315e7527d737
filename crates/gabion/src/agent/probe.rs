//! `gabion agent --probe`: what of this kernel the sensor can use, and what is not seen without the rest.

use crate::output;
use gabion_node::{
    enforce::{self, Step, word},
    sensor::{Feature, Probed, probe},
};
use std::{fmt::Write, process::ExitCode};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let probed = probe();
    output::line(&table(&probed))?;
    output::line(ladder(&enforce::probe()).trim_end())?;
    let usable = probed.iter().any(|row| row.feature == Feature::Processes && row.used.is_ok());
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// What would decide about each kind of thing, and why nothing better.
fn ladder(steps: &[Step]) -> String {
    let mut table = format!("{:<18} {:<22} {}\n", "ENFORCED", "BY, BEST FIRST", "NOT BY");
    for step in steps {
        let rungs: Vec<&str> = step.rungs.iter().map(|&rung| word(rung)).collect();
        let by = if rungs.is_empty() { "nothing".to_owned() } else { rungs.join(", ") };
        let refused =
            step.refused.iter().map(|(rung, why)| format!("{}: {}", word(*rung), output::printable(why)));
        let refused = refused.collect::<Vec<_>>().join("; ");
        // Writing to a string does not fail.
        let _ = writeln!(table, "{:<18} {by:<22} {refused}", step.what);
    }
    table
}

fn table(probed: &[Probed]) -> String {
    let mut table = format!("{:<18} {:<5} {}\n", "FEATURE", "USED", "WHAT IT TELLS");
    for Probed { feature, used } in probed {
        // Writing to a string does not fail.
        let _ = match used {
            Ok(()) => writeln!(table, "{feature:<18} {:<5} {}", "yes", feature.tells()),
            Err(reason) => {
                writeln!(
                    table,
                    "{feature:<18} {:<5} {}: {}",
                    "no",
                    output::printable(reason),
                    feature.without()
                )
            }
        };
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::event::Rung;

    #[test]
    fn the_ladder_says_what_is_not_there_and_why() {
        let steps = [
            Step {
                what: enforce::Kind::Exec,
                rungs: vec![Rung::Fanotify, Rung::Kill],
                refused: vec![(Rung::Lsm, "the kernel was started without bpf in lsm=".into())],
            },
            Step { what: enforce::Kind::Connect, rungs: Vec::new(), refused: Vec::new() },
        ];
        insta::assert_snapshot!(ladder(&steps), @r"
        ENFORCED           BY, BEST FIRST         NOT BY
        programs           fanotify, kill         lsm: the kernel was started without bpf in lsm=
        connections        nothing
        ");
    }

    #[test]
    fn the_table_says_why_and_what_it_means() {
        let probed = [
            Probed { feature: Feature::Tcp, used: Ok(()) },
            Probed { feature: Feature::Dns, used: Err("no control groups of version 2 are mounted".into()) },
        ];
        insta::assert_snapshot!(table(&probed), @r"
        FEATURE            USED  WHAT IT TELLS
        tcp                yes   TCP connections with both ends, and their bytes when they are closed
        dns                no    no control groups of version 2 are mounted: connections are told by address, without a name
        ");
    }
}
