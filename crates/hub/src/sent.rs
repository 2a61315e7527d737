//! Scans that were made elsewhere, in CI: found again in our database, held against our exceptions, and kept.
//!
//! ```text
//!   gabion scan --hub ══ POST /scans ══► inflate, check ──► matcher ──► kept as an image, with where it comes from
//!                     ◄════ report ═════ exceptions ◄──────────┘
//! ```
//!
//! A report that is sent is believed less than one that we have made: it never takes the place of what an agent or a registry showed.

use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
    hex, random_id,
};
use gabion_api::rest::{CiFacts, ExceptionKind, Millis, ScanAnswer, SentScan, Topic};
use gabion_model::{ScanReport, SuppressionKind};
use gabion_policy::{Exception, ExceptionScope, Pattern, apply};
use gabion_store::state::{Paging, Scope};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::io::Read;

/// A body is not longer, compressed, in bytes; nor inflated.
pub(crate) const MAX_BODY: usize = 64 << 20;
const MAX_JSON: u64 = 512 << 20;
/// Bodies that are worked on at a time.
pub(crate) const AT_ONCE: usize = 2;
/// A fact is not longer.
const MAX_FACT: usize = 1000;
/// Days before its last one on which an exception is told to expire soon.
const SOON: u32 = 14;

#[derive(Deserialize)]
struct Sent {
    report: ScanReport,
    #[serde(default)]
    ci: CiFacts,
}

/// What was sent, checked.
fn read(body: &[u8], encoding: Option<&str>) -> Result<Sent, String> {
    let what = "the body";
    let mut json = Vec::new();
    let inflated = match encoding {
        None | Some("identity") => body.take(MAX_JSON).read_to_end(&mut json).map(drop),
        Some("gzip") => gabion_caps::gunzip(body, what, MAX_JSON).read_to_end(&mut json).map(drop),
        Some("zstd") => gabion_caps::unzstd(body, what, MAX_JSON)
            .and_then(|mut reader| reader.read_to_end(&mut json))
            .map(drop),
        Some(other) => return Err(format!("content-encoding: {other:?} is not known, but zstd and gzip")),
    };
    inflated.map_err(|error| format!("the body cannot be read: {error}"))?;
    let mut sent: Sent =
        serde_json::from_slice(&json).map_err(|error| format!("the body is no scan: {error}"))?;
    sent.report.check().map_err(|error| format!("the report cannot be used: {error}"))?;
    let facts = &mut sent.ci;
    for fact in
        [&mut facts.system, &mut facts.repository, &mut facts.revision, &mut facts.branch, &mut facts.job]
    {
        *fact = fact.take().map(|text| clean(&text)).filter(|text| !text.is_empty());
    }
    Ok(sent)
}

/// One line, and not too long.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_FACT).collect::<String>().trim().to_owned()
}

/// The image that a report is of: the digest of its configuration, or, of what has none, of where it comes from.
fn image(report: &ScanReport, facts: &CiFacts) -> String {
    report.target.image.as_ref().map_or_else(
        || {
            let of = format!(
                "{}\0{}\0{}",
                report.target.source,
                report.target.reference,
                facts.repository.as_deref().unwrap_or_default()
            );
            format!("ci:{}", &hex(&Sha256::digest(of))[..40])
        },
        |image| image.config.to_string(),
    )
}

impl Hub {
    /// Takes a scan, and tells what it comes to here.
    pub(crate) async fn take_scan(
        &self,
        asker: &Asker,
        body: axum::body::Bytes,
        encoding: Option<String>,
    ) -> Answer<ScanAnswer> {
        let broken = |error: tokio::task::JoinError| ApiError::Broken(error.to_string());
        let failed = |error: anyhow::Error| ApiError::Broken(format!("{error:#}"));
        let now = self.now();
        let hub = self.clone();
        let (mut report, ci) = tokio::task::spawn_blocking(move || {
            let Sent { mut report, ci } = read(&body, encoding.as_deref()).map_err(ApiError::Bad)?;
            drop(body);
            hub.matcher.evaluate(&mut report, now).map_err(|error| ApiError::Broken(format!("{error:#}")))?;
            Ok::<_, ApiError>((report, ci))
        })
        .await
        .map_err(broken)??;
        let image = image(&report, &ci);
        let reference = clean(&report.target.reference);
        let names: Vec<String> =
            report.target.image.as_ref().map(|image| image.tags.clone()).unwrap_or_default();
        let name = names.first().cloned().unwrap_or_else(|| reference.clone());
        let labels = report.config.as_ref().map(|config| config.labels.clone()).unwrap_or_default();
        let namespaces = self.state.namespaces_of(&image).await?;
        let owner = self.matcher.owner(std::slice::from_ref(&name), &labels, &namespaces);
        let scope = asker.scope();
        if !scope.is_all() && owner.as_ref().is_none_or(|owner| !scope.owners.contains(owner)) {
            return Err(ApiError::Forbidden("the image belongs to nobody whose images this token is for"));
        }
        let kept = !self.state.is_seen_itself(&image).await?;
        if kept {
            let called = if name.is_empty() { &image } else { &name };
            self.state.keep_report(&image, called, &report, owner.as_deref(), now).await?;
            self.keep_names(&image, &report).await.map_err(failed)?;
            self.trees.stale();
        }
        let sent = SentScan { time: now, by: asker.caller.name.clone(), reference, ci };
        self.state.keep_sent(&random_id("s"), &image, &sent, kept).await?;
        let from = sent.ci.job.as_deref().unwrap_or_default();
        self.audit(asker, "scan.send", &image, &format!("{name} {from}")).await?;
        self.live.tell(Topic::Findings);
        let exceptions = self.exceptions_for(&report, &name, now).await?;
        let today = Timestamp::from_millisecond(now)
            .map_err(|error| failed(error.into()))?
            .to_zoned(TimeZone::UTC)
            .date();
        let report = tokio::task::spawn_blocking(move || {
            apply(&mut report, &exceptions, today, SOON);
            report
        })
        .await
        .map_err(broken)?;
        let at = Timestamp::from_millisecond(now).map_err(|error| failed(error.into()))?;
        let gates = self.gates(&report, at).await?;
        let report = serde_json::to_value(&report).map_err(|error| failed(error.into()))?;
        Ok(ScanAnswer { image, owner, kept, gates, report })
    }

    /// The exceptions that are in force here for findings of an image of this name, as reports have them.
    pub(crate) async fn exceptions_for(
        &self,
        report: &ScanReport,
        name: &str,
        now: Millis,
    ) -> Answer<Vec<Exception>> {
        let repository = gabion_store::state::repository(name);
        let mut exceptions = Vec::new();
        let mut paging = Paging { limit: 1000, ..Paging::default() };
        loop {
            let page = self.state.exceptions("", Some(true), &Scope::all(), &paging, now).await?;
            for kept in page.items {
                let pattern = |text: &str| {
                    text.parse::<Pattern>().map_err(|error| ApiError::Broken(format!("{}: {error}", kept.id)))
                };
                let of = kept.repository.as_deref().map(pattern).transpose()?;
                if of.is_some_and(|of| !of.matches(repository)) {
                    continue;
                }
                let rule = pattern(&kept.rule)?;
                let covered = report.findings.iter().filter(|finding| rule.matches(&finding.rule));
                let findings: Vec<String> = covered.map(|finding| finding.id.clone()).collect();
                // A scope without anything would be one for everything.
                if findings.is_empty() {
                    continue;
                }
                // It ends at a moment, and those of reports with a day: the day before the moment's is the last whole one. On the
                // very last day it is in force by the moment, which was asked above.
                let last = (kept.expires - DAY).max(now);
                let last =
                    Timestamp::from_millisecond(last).map_err(|error| ApiError::Broken(error.to_string()))?;
                exceptions.push(Exception {
                    id: kept.id.clone(),
                    kind: match kept.kind {
                        ExceptionKind::Deferral => SuppressionKind::Deferral,
                        ExceptionKind::RiskAcceptance => SuppressionKind::RiskAcceptance,
                        ExceptionKind::FalsePositive => SuppressionKind::FalsePositive,
                    },
                    owner: kept.owner.clone(),
                    reason: kept.reason.clone(),
                    expires: last.to_zoned(TimeZone::UTC).date(),
                    scope: ExceptionScope { findings, ..ExceptionScope::default() },
                });
            }
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                return Ok(exceptions);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_scan_is_refused_and_says_why() {
        let target =
            gabion_model::Target { source: "dir".to_owned(), reference: "app".to_owned(), image: None };
        let report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
        let good =
            serde_json::json!({"report": report, "ci": {"job": "https://ci.example/1\n", "branch": ""}})
                .to_string();
        let sent = read(good.as_bytes(), None).expect("a scan");
        assert_eq!((sent.ci.job.as_deref(), sent.ci.branch), (Some("https://ci.example/1"), None));
        let packed = zstd::bulk::compress(good.as_bytes(), 1).expect("compresses");
        assert!(read(&packed, Some("zstd")).is_ok());
        for (body, encoding, why) in [
            (good.as_bytes(), Some("br"), "zstd and gzip"),
            (good.as_bytes(), Some("zstd"), "cannot be read"),
            (good.as_bytes(), Some("gzip"), "cannot be read"),
            (&b"{}"[..], None, "no scan"),
            (good.replace("\"1.0\"", "\"7.0\"").as_bytes(), None, "format 7.0"),
        ] {
            let error = read(body, encoding).err().expect(why);
            assert!(error.contains(why), "{error}");
        }
    }
}
