//! endoflife.date: `/api/v1/products/PRODUCT`, `/api/v1/products/full`, or the older `/api/PRODUCT.json`, which tells its
//! product by the name of the file only.

use super::{Broken, Reading, json, text};
use crate::record::Lifecycle;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;
use std::io::BufRead;

/// Over, without a date.
const OVER: Date = Date::constant(1970, 1, 1);

#[derive(Deserialize)]
struct Answer {
    result: Value,
}

#[derive(Deserialize)]
struct Product {
    name: String,
    releases: Vec<Release>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Release {
    name: String,
    #[serde(default)]
    is_eol: bool,
    #[serde(default)]
    eol_from: Option<String>,
    #[serde(default)]
    is_eoes: Option<bool>,
    #[serde(default)]
    eoes_from: Option<String>,
}

/// The older form: dates, or whether it is over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cycle {
    #[serde(rename = "cycle")]
    name: Value,
    #[serde(default)]
    eol: Value,
    #[serde(default)]
    extended_support: Value,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut value)
}

fn value(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    if !place.is_empty() {
        return cycle(reading, json::parse(bytes)?);
    }
    let Answer { result } = json::parse(bytes)?;
    let products = match result {
        Value::Array(products) => products,
        product => vec![product],
    };
    for (number, product) in products.into_iter().enumerate() {
        match serde_json::from_value::<Product>(product) {
            Ok(product) => product.releases.into_iter().for_each(|one| release(reading, &product.name, one)),
            Err(why) => reading.reject(&format!("product {}", number + 1), why),
        }
    }
    Ok(())
}

fn release(reading: &mut Reading<'_>, product: &str, release: Release) {
    let Release { name, is_eol, eol_from, is_eoes, eoes_from } = release;
    let date = |date: Option<String>, over| {
        date.as_deref().and_then(text::date).or(if over { Some(OVER) } else { None })
    };
    reading.lifecycle(Lifecycle {
        product: text::line(product),
        cycle: text::line(&name),
        end: date(eol_from, is_eol),
        extended: date(eoes_from, is_eoes == Some(true)),
    });
}

fn cycle(reading: &mut Reading<'_>, cycle: Cycle) -> Result<(), Broken> {
    let name = match cycle.name {
        Value::String(name) => name,
        Value::Number(number) => number.to_string(),
        _ => return Err("its cycle has no name".into()),
    };
    let date = |value: Value| match value {
        Value::String(date) => text::date(&date),
        Value::Bool(true) => Some(OVER),
        _ => None,
    };
    // For extended support, `true` means that there is some, without a date.
    let extended = Some(cycle.extended_support).filter(Value::is_string).and_then(date);
    let product = product(&reading.place);
    reading.lifecycle(Lifecycle { product, cycle: text::line(&name), end: date(cycle.eol), extended });
    Ok(())
}

/// `debian` of `.../debian.json.gz`.
fn product(place: &str) -> String {
    let name = place.rsplit(['/', '!']).next().unwrap_or_default();
    text::line(name.split_once(".json").map_or(name, |(name, _)| name))
}
