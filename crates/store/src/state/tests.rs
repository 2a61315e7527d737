//! The whole suite runs on SQLite and on PostgreSQL.

mod access;
mod away;
mod configurations;
mod connections;
mod faults;
mod filled;
mod full;
mod life;
mod lists;
mod loaded;
mod notify;
mod reach;
mod registries;
mod schema;
mod server;
mod signin;
mod sinks;
mod stitched;
mod together;
mod told;
mod weekly;

use super::{NewContainer, Paging, Scope, State};
use gabion_api::rest::{Millis, Page};
use gabion_model::{
    Aspect, Coverage, Evidence, Finding, FindingKind, ImageConfig, ImageIdentity, Match, Package,
    PackageKind, ScanReport, Severity, Target, Verification, Vulnerability,
};
use std::collections::BTreeMap;

/// When the tests begin.
const T0: Millis = 1_700_000_000_000;
const MINUTE: Millis = 60_000;

/// Runs a test on both databases.
fn on_both<F: Future<Output = ()>>(test: impl Fn(State) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    runtime.block_on(async { test(State::in_directory(directory.path()).await.expect("opens")).await });
    let Some(url) = server::database() else { return };
    runtime.block_on(async { test(State::open(&url).await.expect("opens")).await });
}

/// A vulnerability in a package.
fn vulnerability(rule: &str, package: &str, version: &str, severity: Severity) -> Finding {
    let decisive = Match {
        package: package.to_owned(),
        version: version.to_owned(),
        comparator: "dpkg".to_owned(),
        ..Match::default()
    };
    let reference = Package::new(PackageKind::Deb, package, version, "dpkg").reference();
    Finding {
        id: format!("V-{rule}-{package}-{version}"),
        kind: FindingKind::Vulnerability,
        rule: rule.to_owned(),
        title: format!("{rule} in {package}"),
        severity,
        evidence: vec![Evidence {
            place: "var/lib/dpkg/status".to_owned(),
            package: Some(reference.clone()),
            ..Evidence::default()
        }],
        fix: format!("update {package}"),
        vulnerability: Some(Box::new(Vulnerability {
            packages: vec![reference],
            matches: vec![decisive],
            ..Vulnerability::default()
        })),
        suppressed: None,
    }
}

/// A report of an image with one package, openssl, and these findings.
fn report(name: &str, id: u8, version: &str, findings: Vec<Finding>) -> ScanReport {
    let digest = |byte: u8| format!("sha256:{}", format!("{byte:02x}").repeat(32)).parse().expect("a digest");
    let target = Target {
        source: "oci".to_owned(),
        reference: name.to_owned(),
        image: Some(ImageIdentity {
            config: digest(id),
            manifest: Some(digest(id + 100)),
            index: None,
            bases: Vec::new(),
            tags: vec![name.to_owned()],
            platform: "linux/amd64".to_owned(),
            verification: Verification::Verified,
        }),
    };
    let made = jiff::Timestamp::from_millisecond(T0 + Millis::from(id) * MINUTE).expect("a time");
    let mut report = ScanReport::new(target, made);
    report.config = Some(ImageConfig {
        created: Some(made),
        labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
        ..ImageConfig::default()
    });
    report.packages = vec![Package::new(PackageKind::Deb, "openssl", version, "dpkg")];
    report.findings = findings;
    let mut coverage = Coverage::default();
    coverage.full(Aspect::PACKAGES_OS);
    report.coverage = coverage;
    report
}

fn image_id(report: &ScanReport) -> String {
    report.target.image.as_ref().map(|image| image.config.to_string()).unwrap_or_default()
}

/// A container of a workload that runs an image.
fn container(id: &str, workload: &str, image: &str, name: &str) -> NewContainer {
    NewContainer {
        id: id.to_owned(),
        name: id.to_owned(),
        workload: workload.to_owned(),
        image: image.to_owned(),
        image_name: name.to_owned(),
        runtime: "containerd".to_owned(),
        target: format!("containerd:{name}"),
        started: T0,
        ..NewContainer::default()
    }
}

/// A node that has joined.
async fn node(state: &State, id: &str) {
    state.add_join_token(id, "test", 1, T0 + MINUTE, T0).await.expect("a token");
    state.join(id, id, id, T0).await.expect("joins");
}

/// All pages of a list, two rows at a time.
async fn all<T, F: Future<Output = super::Result<Page<T>>>>(
    list: impl Fn(Paging) -> F,
    sort: &str,
) -> Vec<T> {
    let mut paging = Paging { sort: sort.to_owned(), limit: 2, cursor: None };
    let mut items = Vec::new();
    loop {
        let page = list(paging.clone()).await.expect("a page");
        items.extend(page.items);
        paging.cursor = page.next;
        if paging.cursor.is_none() {
            assert_eq!(items.len() as u64, page.total);
            return items;
        }
    }
}

const ALL: Scope = Scope::all();
