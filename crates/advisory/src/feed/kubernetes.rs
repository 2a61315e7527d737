//! The CVE feed of Kubernetes: <https://k8s.io/docs/reference/issues-security/official-cve-feed/index.json>, or OSV.
//!
//! The feed is a JSON feed of what people write into issues. What is affected stands in their text, under a heading:
//!
//! ```text
//!  #### Affected Versions
//!  - kubelet v1.25.0 - v1.25.8
//!  - kube-apiserver <= v1.24.12
//!  #### Fixed Versions
//! ```
//!
//! Lines of these forms are read; any other under the heading is told, never guessed at.

use super::{Broken, Reading, json, osv, ranges, text};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Edition, Fix, Range, Until},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::BufRead;

/// Names of programs, and of the packages that OSV has for them.
const COMPONENTS: &[(&str, &str)] = &[
    ("kube-apiserver", "k8s.io/apiserver"),
    ("kube-controller-manager", "k8s.io/controller-manager"),
    ("kube-scheduler", "k8s.io/kube-scheduler"),
    ("kube-proxy", "k8s.io/kube-proxy"),
    ("kubelet", "k8s.io/kubelet"),
    ("kubectl", "k8s.io/kubectl"),
    ("kubernetes", "k8s.io/kubernetes"),
];

#[derive(Deserialize)]
struct Feed<'a> {
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
    #[serde(default, rename = "_kubernetes_io")]
    about: Option<About>,
}

#[derive(Deserialize)]
struct About {
    #[serde(default)]
    updated_at: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    content_text: String,
    #[serde(default)]
    date_published: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    external_url: Option<String>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut value)
}

fn value(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    let feed: Feed<'_> = json::parse(bytes)?;
    let Some(items) = feed.items else {
        return osv::record(reading, place, bytes);
    };
    if let Some(About { updated_at: Some(date) }) = feed.about {
        reading.edition(Edition { version: String::new(), made: text::timestamp(&date) });
    }
    for (number, bytes) in items.into_iter().enumerate() {
        match json::parse(bytes.get().as_bytes()) {
            Ok(one) => item(reading, one),
            Err(why) => reading.reject(&format!("item {}", number + 1), why),
        }
    }
    Ok(())
}

fn item(reading: &mut Reading<'_>, item: Item) {
    let Item { id, summary, content_text, date_published, url, external_url } = item;
    let vectors = content_text
        .split(|c: char| c.is_whitespace() || "[]()#*,`".contains(c))
        .filter(|word| word.starts_with("CVSS:") && word.contains("/AV:"));
    let mut advisory = Advisory {
        summary: text::summary(&summary),
        published: date_published.as_deref().and_then(text::timestamp),
        references: url.into_iter().chain(external_url).map(|url| text::line(&url)).collect(),
        standing: text::standing(&content_text),
        ..Advisory::default()
    };
    vectors.take(2).for_each(|vector| text::push(&mut advisory.cvss, vector));
    for line in section(&content_text, "affected versions") {
        match row(line) {
            Some((package, range)) => add(&mut advisory.affected, package, range),
            None => reading.note(&id, format_args!("what is affected by {line:?} is not understood")),
        }
    }
    // `CVE-2020-8557, CVE-2020-8558` is one issue about two.
    let ids: Vec<String> =
        id.split([',', ' ', '/']).filter(|id| text::is_cve(id)).map(str::to_owned).collect();
    if ids.is_empty() {
        return reading.reject(&id, "it names no CVE");
    }
    for id in ids {
        reading.advisory(&id.clone(), Advisory { id, ..advisory.clone() });
    }
}

/// The lines of the list below a heading.
fn section<'a>(text: &'a str, heading: &str) -> impl Iterator<Item = &'a str> {
    let is_heading = |line: &str| line.trim_start().starts_with('#') || line.trim_start().starts_with("**");
    let lines = text
        .lines()
        .skip_while(move |line| !(is_heading(line) && line.to_ascii_lowercase().contains(heading)));
    let lines = lines.skip(1).take_while(move |line| !is_heading(line));
    let items = lines.map(str::trim).filter_map(|line| line.strip_prefix(['-', '*']));
    items.map(str::trim).filter(|line| !line.is_empty())
}

/// `kubelet v1.25.0 - v1.25.8`, `kube-apiserver: <= v1.24.12`, `kubectl < 1.20.3`.
fn row(line: &str) -> Option<(&'static str, Range)> {
    let line = line.replace(['`', '*'], "").replace('≤', "<=").replace('–', "-");
    let (name, versions) = line.trim().split_once([' ', ':'])?;
    let name = name.to_ascii_lowercase();
    let (_, package) = COMPONENTS.iter().find(|(known, _)| *known == name)?;
    let versions = versions.trim_start_matches([':', ' ']);
    let version = |text: &str| {
        let text = text.trim().trim_start_matches('v');
        Ecosystem::Kubernetes.order()?.check(text).ok()?;
        Some(text.to_owned())
    };
    let (introduced, until) = if let Some(last) = versions.strip_prefix("<=") {
        (None, Until::LastAffected(version(last)?))
    } else if let Some(fixed) = versions.strip_prefix('<').or_else(|| versions.strip_prefix("prior to ")) {
        (None, Until::Fixed(version(fixed)?))
    } else {
        let (first, last) = versions.split_once(" - ")?;
        (Some(version(first)?), Until::LastAffected(version(last)?))
    };
    let order = Ecosystem::Kubernetes.order();
    (!ranges::is_empty(order, introduced.as_deref(), &until))
        .then_some((package, Range { introduced, until }))
}

fn add(rows: &mut Vec<Affected>, package: &str, range: Range) {
    match rows.iter_mut().find(|row| row.package == package) {
        Some(row) => row.ranges.push(range),
        None => rows.push(Affected {
            ecosystem: Ecosystem::Kubernetes,
            package: package.to_owned(),
            ranges: vec![range],
            fix: Fix::Released,
            ..Affected::default()
        }),
    }
}
