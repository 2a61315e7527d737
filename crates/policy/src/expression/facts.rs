//! What expressions see of a report. Every field is always there; `null` is what nobody has said.

use crate::subject::{Subject, days_since};
use cel::{Value, objects::Key};
use gabion_model::{
    Aspect, Coverage, Finding, FindingKind, Package, PackageKind, PackageRef, ScanReport, Severity, Status,
};
use jiff::civil::Date;
use std::{collections::HashMap, sync::Arc};

/// A finding, as `finding`.
pub(crate) fn finding(finding: &Finding, today: Date) -> Value {
    let v = finding.vulnerability.as_deref();
    let share = |share: gabion_model::vulnerability::Share| float(f64::from(share.0) / 1e6);
    object([
        ("id", text(&finding.id)),
        ("kind", text(finding.kind.as_str())),
        ("rule", text(&finding.rule)),
        ("title", text(&finding.title)),
        ("severity", text(finding.severity.as_str())),
        ("level", int(level(finding.severity))),
        ("paths", list(&finding.evidence, |e| text(&e.place))),
        ("aliases", list(v.map_or(&[][..], |v| &v.aliases), |alias| text(alias))),
        ("packages", list(v.map_or(&[][..], |v| &v.packages), reference)),
        ("fixable", Value::Bool(v.is_some_and(|v| v.fix == gabion_model::FixState::Fixed))),
        ("fix_state", some(v, |v| text(v.fix.as_str()))),
        ("fixed_version", some(v.and_then(|v| v.fixed_version.as_deref()), text)),
        ("disputed", Value::Bool(v.is_some_and(|v| v.disputed))),
        ("exploited", Value::Bool(v.is_some_and(|v| v.exploited.is_some()))),
        ("ransomware", Value::Bool(v.and_then(|v| v.exploited).is_some_and(|known| known.ransomware))),
        ("epss", some(v.and_then(|v| v.epss), |epss| share(epss.probability))),
        ("epss_percentile", some(v.and_then(|v| v.epss), |epss| share(epss.percentile))),
        ("cvss", some(v.and_then(|v| v.cvss.first()), |cvss| float(f64::from(cvss.score.0) / 10.0))),
        ("cwe", list(v.map_or(&[][..], |v| &v.cwe), |number| int(i64::from(*number)))),
        ("published_days", some(v.and_then(|v| v.published), |date| int(days_since(date, today)))),
        ("priority", some(v, |v| int(i64::from(v.priority.score)))),
    ])
}

/// A package, as `pkg`: `package` is a reserved word of CEL.
pub(crate) fn package(package: &Package) -> Value {
    object([
        ("kind", text(package.kind.as_str())),
        ("name", text(&package.name)),
        ("version", text(&package.version)),
        ("arch", some(package.arch.as_deref(), text)),
        ("source", some(package.source.as_ref(), |source| text(&source.name))),
        ("licenses", list(&package.licenses, |license| text(license))),
        ("paths", list(&package.locations, |location| text(&location.path))),
        ("layer", some(package.layer, |layer| int(i64::from(layer)))),
        ("distribution", Value::Bool(package.kind.is_os() || package.owned_by.is_some())),
    ])
}

/// The image, as `image`.
pub(crate) fn image(subject: &Subject<'_>, report: &ScanReport, today: Date) -> Value {
    let config = report.config.as_ref();
    let digest = report.target.image.as_ref().map(|image| image.manifest.unwrap_or(image.config));
    object([
        ("reference", text(&report.target.reference)),
        ("source", text(&report.target.source)),
        ("names", list(subject.names(), |name| text(name))),
        ("registries", list(&subject.registries(), |registry| text(registry))),
        ("digest", some(digest, |digest| text(&digest.to_string()))),
        ("platform", some(report.target.image.as_ref(), |image| text(&image.platform))),
        ("os", some(report.os.as_ref(), |os| text(&os.distro()))),
        ("end_of_life", some(subject.end_of_life(today).ok(), Value::Bool)),
        ("base", some(subject.base(), text)),
        ("user", some(config, |config| text(&config.user))),
        ("root", some(subject.root(), Value::Bool)),
        ("labels", some(config, |c| map(c.labels.iter().map(|(k, v)| (k.as_str(), text(v)))))),
        ("env_names", list(config.map_or(&[][..], |c| &c.env_names), |name| text(name))),
        ("ports", list(config.map_or(&[][..], |c| &c.exposed_ports), |port| text(port))),
        ("entrypoint", list(config.map_or(&[][..], |c| &c.entrypoint), |word| text(word))),
        ("cmd", list(config.map_or(&[][..], |c| &c.cmd), |word| text(word))),
        ("healthcheck", some(config, |config| Value::Bool(config.healthcheck))),
        ("age_days", some(subject.age_days(today), int)),
        ("size_mib", count(subject.bytes() >> 20)),
        ("layers", count(report.layers.len() as u64)),
        ("packages", count(report.packages.len() as u64)),
    ])
}

/// What was looked at, as `coverage`: `coverage["packages.os"] == "full"`.
pub(crate) fn coverage(coverage: &Coverage) -> Value {
    map(coverage.iter().map(|(aspect, status)| (aspect.as_str(), text(status.word()))))
}

/// One of everything and next to nothing in it: which fields there are.
pub(crate) fn specimen() -> Vec<(&'static str, Value)> {
    let day = Date::constant(2026, 1, 1);
    let report = crate::subject::nothing();
    let example = Finding {
        id: String::new(),
        kind: FindingKind::Secret,
        rule: String::new(),
        title: String::new(),
        severity: Severity::Unknown,
        evidence: Vec::new(),
        fix: String::new(),
        vulnerability: None,
        suppressed: None,
    };
    let mut covered = Coverage::default();
    covered.set(Aspect::FILES, Status::full());
    vec![
        ("finding", finding(&example, day)),
        ("pkg", package(&Package::new(PackageKind::Generic, "", "", ""))),
        ("image", image(&Subject::of(&report), &report, day)),
        ("coverage", coverage(&covered)),
    ]
}

/// Severities as numbers, so that they can be compared: 0 unknown, 5 critical.
const fn level(severity: Severity) -> i64 {
    severity as i64
}

fn reference(package: &PackageRef) -> Value {
    object([
        ("kind", text(package.kind.as_str())),
        ("name", text(&package.name)),
        ("version", text(&package.version)),
    ])
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

const fn int(number: i64) -> Value {
    Value::Int(number)
}

fn count(number: u64) -> Value {
    int(i64::try_from(number).unwrap_or(i64::MAX))
}

const fn float(number: f64) -> Value {
    Value::Float(number)
}

fn some<T>(value: Option<T>, to: impl FnOnce(T) -> Value) -> Value {
    value.map_or(Value::Null, to)
}

fn list<T>(items: &[T], to: impl Fn(&T) -> Value) -> Value {
    Value::List(Arc::new(items.iter().map(to).collect()))
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    map(fields)
}

fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (Key::from(name), value));
    Value::Map(cel::objects::Map { map: Arc::new(fields.collect::<HashMap<_, _>>()) })
}
