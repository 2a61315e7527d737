//! How alerts are written, live and from recordings.

use crate::output;
use clap::ValueEnum;
use gabion_detect::{
    alert::Alert,
    output::{falco_json, ocsf, text},
};
use serde::{Deserialize, Serialize};

/// How alerts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertFormat {
    /// A line for people
    Text,
    /// JSON as Falco writes it, a line for each
    Json,
    /// OCSF Detection Finding, a line for each
    Ocsf,
}

/// One alert, without the end of the line.
pub(crate) fn line(alert: &Alert, format: AlertFormat) -> String {
    match format {
        AlertFormat::Text => output::printable(&String::from_utf8_lossy(&text(alert))).into_owned(),
        AlertFormat::Json => falco_json(alert).to_string(),
        AlertFormat::Ocsf => ocsf(alert).to_string(),
    }
}
