//! A segment, a delta and a manifest, of the rows that the target knows.

use super::Error;
use gabion_advisory::{
    segment::{Builder, Segment},
    transfer::publish,
};
use std::fs;

pub fn files() -> Result<Vec<Vec<u8>>, Error> {
    let dir = tempfile::tempdir()?;
    let build = |name: &str, change: usize| -> Result<Segment, Error> {
        let path = dir.path().join(name);
        let mut builder = Builder::new(None);
        for n in 0..200 {
            let value = format!("value {} of {n}", if n % 50 == 0 { change } else { 0 });
            builder.push(1, format!("key-{}", n / 3).as_bytes(), value.as_bytes())?;
        }
        builder.finish(&path)?;
        Ok(Segment::open(&path)?)
    };
    let (first, second) = (build("first", 0)?, build("second", 1)?);
    let server = dir.path().join("server");
    let now = "2026-11-22T06:00:00Z".parse()?;
    publish(&server, &[("a", &first)], now, 1, |_| Ok(String::new()))?;
    let manifest = publish(&server, &[("a", &second)], now, 1, |_| Ok(String::new()))?;
    let mut seeds = Vec::new();
    let file = fs::read(first.path())?;
    seeds.push([&[0][..], &file].concat());
    seeds.push([&[1][..], &file].concat());
    if let Some(delta) = manifest.segments[0].older[0].delta {
        seeds.push([&[2][..], &fs::read(server.join(delta.name()))?].concat());
    }
    seeds.push([&[3][..], &manifest.to_bytes()].concat());
    Ok(seeds)
}
