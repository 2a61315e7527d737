//! A new advisory: how long it takes until whoever runs what it is about is known.

use crate::{hub::Hub, ms};
use gabion_advisory::{
    database::Compiler,
    feed::{FeedLimits, Kind},
    store::Change,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Statements about packages that nobody has, so that the database has the size of one distribution.
const OTHERS: usize = 40_000;

fn advisory(id: &str, package: &str) -> String {
    json!({
        "id": id, "modified": "2026-11-01T00:00:00Z", "summary": format!("something in {package}"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9"}]}]}]
    })
    .to_string()
}

/// Makes a database of these, beside those that concern nobody; when it was there.
fn publish(directory: &Path, new: &[(&str, &str)]) -> Instant {
    let now = Timestamp::from_second(1_790_000_000).expect("a time");
    let change = Change::begin(directory).expect("begins");
    let before = change.before("debian");
    let mut tell = |rejected: &gabion_advisory::feed::Rejected| println!("{rejected:?}");
    let mut compiler = Compiler::new(before.as_ref(), now, &mut tell);
    let others =
        (0..OTHERS).map(|number| advisory(&format!("CVE-2020-{number:05}"), &format!("other{number}")));
    let lines: Vec<String> = others.chain(new.iter().map(|(id, package)| advisory(id, package))).collect();
    compiler
        .import_bytes(Kind::Osv, "debian", lines.join("\n").as_bytes(), &FeedLimits::DEFAULT)
        .expect("imports");
    compiler.finish("debian", None, &change.place("debian")).expect("writes");
    change.install(&["debian"], now, now).expect("is there");
    Instant::now()
}

/// How often is asked, which is the least that is measured: a token may ask 1,200 times a minute.
const LOOK: Duration = Duration::from_millis(100);

/// How long it takes until so many images are said to have it.
async fn found(hub: &Hub, rule: &str, images: usize, start: Instant) -> Duration {
    loop {
        let (_, body) = hub.get(&format!("/findings?rule={rule}&limit=1")).await;
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        if page["total"].as_u64() >= Some(images as u64) {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_mins(10), "{rule}: {} of {images}", page["total"]);
        tokio::time::sleep(LOOK).await;
    }
}

/// One for a seventh of the images, and one for all.
pub(crate) async fn measure(hub: &Hub, directory: &Path, images: usize) {
    let db = directory.join("db");
    let first = ("CVE-2026-0001", "lib10");
    found(hub, first.0, images, publish(&db, &[first])).await;
    let few = ("CVE-2026-0002", "lib0");
    let of_few = images.div_ceil(7);
    let time = found(hub, few.0, of_few, publish(&db, &[first, few])).await;
    println!("a new advisory, {of_few} images have it  {:>8.0} ms    goal 1000", ms(time));
    let all = ("CVE-2026-0003", "lib20");
    let time = found(hub, all.0, images, publish(&db, &[first, few, all])).await;
    println!("a new advisory, all {images} images have it {:>5.0} ms    goal 1000", ms(time));
}
