//! CISA's catalogue of known exploited vulnerabilities: its JSON, or one entry a line in the compact form
//! `{"id", "dateAdded", "dueDate", "ransomware"}`.

use super::{Broken, Reading, json, text};
use crate::record::{Edition, Exploited};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::BufRead;

#[derive(Deserialize)]
struct Catalogue<'a> {
    #[serde(borrow, default)]
    vulnerabilities: Option<Vec<&'a RawValue>>,
    #[serde(default, rename = "catalogVersion")]
    version: Option<String>,
    #[serde(default, rename = "dateReleased")]
    released: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(alias = "cveID")]
    id: String,
    #[serde(rename = "dateAdded")]
    added: String,
    #[serde(default, rename = "dueDate")]
    due: Option<String>,
    #[serde(default, alias = "knownRansomwareCampaignUse")]
    ransomware: Option<String>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut value)
}

fn value(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    if !place.is_empty() {
        return entry(reading, bytes);
    }
    let catalogue: Catalogue<'_> = json::parse(bytes)?;
    let Some(entries) = catalogue.vulnerabilities else {
        return entry(reading, bytes);
    };
    reading.edition(Edition {
        version: text::line(&catalogue.version.unwrap_or_default()),
        made: catalogue.released.as_deref().and_then(text::timestamp),
    });
    for (number, bytes) in entries.into_iter().enumerate() {
        if let Err(why) = entry(reading, bytes.get().as_bytes()) {
            reading.reject(&format!("number {}", number + 1), why);
        }
    }
    Ok(())
}

fn entry(reading: &mut Reading<'_>, bytes: &[u8]) -> Result<(), Broken> {
    let Entry { id, added, due, ransomware } = json::parse(bytes)?;
    if !text::is_cve(&id) {
        return Err(format!("{id:?} is no CVE").into());
    }
    reading.exploited(Exploited {
        cve: id,
        added: text::date(&added).ok_or_else(|| format!("{added:?} is no date"))?,
        due: due.as_deref().and_then(text::date),
        ransomware: ransomware.as_deref() == Some("Known"),
    });
    Ok(())
}
