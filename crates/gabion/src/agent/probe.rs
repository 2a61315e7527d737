//! `gabion agent --probe`: what of this kernel the sensor can use, and what is not seen without the rest.

use crate::output;
use gabion_node::sensor::{Feature, Probed, probe};
use std::{fmt::Write, process::ExitCode};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let probed = probe();
    output::line(table(&probed).trim_end())?;
    let usable = probed.iter().any(|row| row.feature == Feature::Processes && row.used.is_ok());
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(2) })
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
