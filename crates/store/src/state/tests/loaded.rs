//! What is loaded, and what that says of findings.

use super::{super::*, *};
use std::collections::BTreeSet;

fn files(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

/// Whether each finding is loaded, by its rule.
async fn told(state: &State) -> Vec<(String, bool)> {
    let page = state
        .findings(&FindingFilter::default(), &Scope::all(), &Paging::default(), T0)
        .await
        .expect("asked");
    let mut told: Vec<_> = page.items.into_iter().map(|finding| (finding.rule, finding.loaded)).collect();
    told.sort();
    told
}

fn a_report() -> ScanReport {
    let mut report = report(
        "shop/web:1",
        1,
        "3.0.1",
        vec![
            vulnerability("CVE-1", "openssl", "3.0.1", Severity::High),
            vulnerability("CVE-2", "zlib", "1.2", Severity::High),
            vulnerability("CVE-3", "log4j", "2.14", Severity::Critical),
        ],
    );
    let package = |kind, name: &str, version: &str| Package::new(kind, name, version, "test");
    report.packages[0].facts.push(("loadable".to_owned(), "usr/lib/libssl.so.3".to_owned()));
    report.packages.push(package(PackageKind::Deb, "zlib", "1.2"));
    let mut jar = package(PackageKind::Maven, "log4j", "2.14");
    jar.locations.push(gabion_model::Location { path: "opt/app.jar!/lib/log4j.jar".to_owned(), layer: None });
    if let Some(vulnerability) = &mut report.findings[2].vulnerability {
        vulnerability.packages = vec![jar.reference()];
    }
    report.packages.push(jar);
    report
}

#[test]
fn a_finding_is_loaded_when_a_file_of_its_package_was_seen() {
    on_both(|state| async move {
        let (report, now) = (a_report(), T0 + MINUTE);
        let image = image_id(&report);
        node(&state, "n1").await;
        assert_eq!(
            state.loaded("n1", "c1", &files(&["usr/lib/libssl.so.3"]), now).await.expect("asked"),
            None
        );
        state.inventory("n1", &[container("c1", "shop/web", &image, "shop/web:1")], now).await.expect("kept");

        // It may be known before the image is scanned.
        let seen = files(&["usr/lib/libssl.so.3", "usr/bin/web"]);
        assert_eq!(state.loaded("n1", "c1", &seen, now).await.expect("kept"), Some(true));
        assert_eq!(state.loaded("n1", "c1", &seen, now).await.expect("kept"), Some(false), "nothing is new");
        state.keep_report(&image, "shop/web:1", &report, None, now).await.expect("kept");
        let rules = |one, two, three| {
            [("CVE-1", one), ("CVE-2", two), ("CVE-3", three)]
                .map(|(rule, loaded)| (rule.to_owned(), loaded))
                .to_vec()
        };
        assert_eq!(told(&state).await, rules(true, false, false));

        // Or after it: an archive has its packages in it.
        state.loaded("n1", "c1", &files(&["opt/app.jar"]), now).await.expect("kept");
        assert_eq!(told(&state).await, rules(true, false, true));
        let workload = state.workload("shop/web", &Scope::all(), now).await.expect("asked").workload;
        let factor =
            workload.factors.iter().find(|factor| factor.name == "vulnerable and loaded").expect("a factor");
        assert_eq!(factor.evidence, ["CVE-1 in /usr/lib/libssl.so.3", "CVE-3 in /opt/app.jar"]);

        let wanted = FindingFilter { loaded: Some(true), ..FindingFilter::default() };
        let page = state.findings(&wanted, &Scope::all(), &Paging::default(), now).await.expect("asked");
        assert_eq!(page.total, 2);
        let detail = state.finding(&page.items[0].id, &Scope::all(), now).await.expect("asked");
        assert_eq!(detail.loaded_by[0].workload, "shop/web");

        // A report that does not say it any more.
        state
            .keep_report(&image, "shop/web:1", &ScanReport { packages: Vec::new(), ..report }, None, now)
            .await
            .expect("kept");
        assert_eq!(told(&state).await, rules(false, false, false));
    });
}
