//! What rules ask about the image as a whole: its names, its user, its age.

use gabion_model::{Aspect, BaseHint, ScanReport, Target};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::BTreeSet;

/// The image of a report.
pub(crate) struct Subject<'a> {
    report: &'a ScanReport,
    names: Vec<String>,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(report: &'a ScanReport) -> Self {
        Self { report, names: image_names(report) }
    }

    /// Every way to write its name; see [`image_names`].
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The hosts it is named at; `docker.io` for a name without one.
    pub(crate) fn registries(&self) -> Vec<&str> {
        let hosts = self.names.iter().filter_map(|name| name.split_once('/')).map(|(host, _)| host);
        hosts.filter(|host| is_host(host)).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The base image, where its label tells, or an annotation, or provenance that names one image only.
    pub(crate) fn base(&self) -> Option<&'a str> {
        let labels = self.report.config.as_ref().map(|config| &config.labels);
        let label = labels.and_then(|labels| labels.get(BaseHint::NAME)).filter(|base| !base.is_empty());
        let hints = self.report.target.image.iter().flat_map(|image| &image.bases);
        let mut others = hints.filter(|hint| !hint.one_of_several).filter_map(|hint| hint.name.as_deref());
        label.map(String::as_str).or_else(|| others.next())
    }

    /// Whether it starts as root; none without a configuration.
    pub(crate) fn root(&self) -> Option<bool> {
        let user = self.report.config.as_ref()?.user.split(':').next().unwrap_or_default();
        Some(user.is_empty() || user == "root" || user.bytes().all(|digit| digit == b'0'))
    }

    /// Days since it was made. Build tools that make images reproducible write 1970: that says nothing, either.
    pub(crate) fn age_days(&self, today: Date) -> Option<i64> {
        let created = self.report.config.as_ref()?.created?;
        (created.as_second() > 86_400).then(|| days_since(day(created), today))
    }

    /// Bytes of the files in all layers, or in the directory.
    pub(crate) fn bytes(&self) -> u64 {
        match self.report.layers.as_slice() {
            [] => self.report.files.bytes,
            layers => layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.content_size)),
        }
    }

    /// Whether free security updates have ended, or why that cannot be told.
    pub(crate) fn end_of_life(&self, today: Date) -> Result<bool, String> {
        let Some(os) = &self.report.os else {
            let status = self.report.coverage.get(&Aspect::OS);
            return match status {
                // Looked for, and there is none: nothing can end.
                Some(status) if status.is_full() => Ok(false),
                _ => Err("the distribution is not known".into()),
            };
        };
        match (&os.end_of_life, &os.version) {
            (Some(end), _) => Ok(end.passed || end.free_until() < today),
            // A rolling release.
            (None, None) => Ok(false),
            (None, Some(_)) => Err(format!("the end of life of {} is not known", os.name)),
        }
    }
}

/// Whole days from one date to another; negative if it is to come.
pub(crate) fn days_since(date: Date, today: Date) -> i64 {
    i64::from(today.since(date).map_or(0, |span| span.get_days()))
}

/// The day in UTC.
pub(crate) fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// Every way to write the name of an image that patterns are held against: with tag or digest as the user and the
/// source wrote it, without either, and all of that with the host and `library/` that Docker leaves out.
///
/// `alpine:3.20` is also `alpine`, `docker.io/library/alpine:3.20` and `docker.io/library/alpine`.
pub fn image_names(report: &ScanReport) -> Vec<String> {
    let Some(image) = &report.target.image else { return Vec::new() };
    let is_path = ["archive", "layout", "dir", "sbom"].iter().any(|kind| report.target.source.contains(kind))
        || report.target.source == "oci";
    let reference = (!is_path).then_some(&report.target.reference);
    names_of(reference.into_iter().chain(&image.tags).map(String::as_str))
}

/// Every way to write some names; see [`image_names`].
pub fn names_of<'a>(written: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names = BTreeSet::new();
    for name in written {
        let full = with_host(name);
        for name in [name, &full] {
            names.insert(name.to_owned());
            names.insert(repository(name).to_owned());
        }
    }
    names.remove("");
    names.into_iter().collect()
}

/// `host:5000/a/b:tag@sha256:…` into `host:5000/a/b`.
pub(crate) fn repository(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn with_host(name: &str) -> String {
    match name.split_once('/') {
        Some((host, _)) if is_host(host) => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

/// By the rule of Docker: the first part is a host if it could not be a user's name.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':'])
}

/// A report of nothing.
pub(crate) fn nothing() -> ScanReport {
    let target = Target { source: String::new(), reference: String::new(), image: None };
    ScanReport::new(target, Timestamp::UNIX_EPOCH)
}
