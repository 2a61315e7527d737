//! What is known of a vulnerability, in words, and where it can be read: for every format that has room for text.

use crate::text::count;
use gabion_model::{
    AppliedException, Match, ScanReport, Standing, Suppression, SuppressionKind, Vulnerability,
    vulnerability::Symbols,
};

/// One line for each thing that is known, the most telling first. Not yet safe to print.
pub(crate) fn lines(vulnerability: &Vulnerability) -> Vec<String> {
    let Vulnerability { aliases, matches, cvss, exploited, epss, ssvc, symbols, priority, .. } =
        vulnerability;
    let mut lines = Vec::new();
    if let Some(known) = exploited {
        let due = known.due.map_or_else(String::new, |due| format!(", to be fixed by {due}"));
        let ransomware = if known.ransomware { ", used by ransomware" } else { "" };
        lines.push(format!("known to be exploited since {} (CISA){due}{ransomware}", known.added));
    }
    if let Some(epss) = epss {
        lines.push(format!(
            "EPSS {}, more likely to be exploited than {} of all",
            epss.probability, epss.percentile
        ));
    }
    if let Some(ssvc) = ssvc {
        let mut points = Vec::new();
        points.extend(ssvc.exploitation.as_ref().map(|word| format!("exploitation {word}")));
        points.extend(ssvc.automatable.map(|yes| if yes { "automatable" } else { "not automatable" }.into()));
        points.extend(
            ssvc.total_impact.map(|yes| if yes { "total impact" } else { "partial impact" }.to_owned()),
        );
        lines.push(format!("SSVC: {}", points.join(", ")));
    }
    lines.extend(
        cvss.iter()
            .map(|cvss| format!("CVSS {} {} of {}: {}", cvss.version, cvss.score, cvss.source, cvss.vector)),
    );
    if vulnerability.disputed {
        lines.push("disputed: its vendor denies that it is a vulnerability".to_owned());
    }
    lines.extend(symbols.as_ref().map(symbols_in_words));
    lines.extend(matches.iter().map(matched));
    if !aliases.is_empty() {
        lines.push(format!("also known as {}", aliases.join(", ")));
    }
    let factors: Vec<String> =
        priority.factors.iter().map(|f| format!("{} {:+}", f.name, f.points)).collect();
    lines.push(match &factors[..] {
        [] => format!("priority {} of 100", priority.score),
        _ => format!("priority {} of 100: {}", priority.score, factors.join(", ")),
    });
    lines
}

/// Whether what is vulnerable is in the program, with the first names of what is, or is not; JSON has all.
pub fn symbols_in_words(symbols: &Symbols) -> String {
    const MOST: usize = 5;
    let list = |names: &[String]| {
        let more = names.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    match symbols {
        Symbols::Present(names) => format!("vulnerable symbols are in the program: {}", list(names)),
        Symbols::Absent(names) => format!("vulnerable symbols are not in the program: {}", list(names)),
        Symbols::Unknown => "whether vulnerable symbols are in the program could not be told".to_owned(),
    }
}

/// `openssl 3.0.11-1 is in < 3.0.15-1, in the order of dpkg: DSA-5764-1 of debian for Debian:12`.
fn matched(matched: &Match) -> String {
    let Match { advisory, source, ecosystem, package, version, range, comparator } = matched;
    let order = if comparator.is_empty() {
        "by its text".to_owned()
    } else {
        format!("in the order of {comparator}")
    };
    format!("{package} {version} is in {range}, {order}: {advisory} of {source} for {ecosystem}")
}

/// `risk-acceptance until 2026-12-31 by team-shop (shop-2026-07): why`. Not yet safe to print.
pub(crate) fn excepted(suppression: &Suppression) -> String {
    let Suppression { kind, source, reason, owner, expires } = suppression;
    let what = match kind {
        SuppressionKind::Deferral | SuppressionKind::RiskAcceptance | SuppressionKind::FalsePositive => {
            kind.as_str().to_owned()
        }
        SuppressionKind::NotAffected | SuppressionKind::Fixed => format!("{} by VEX", kind.as_str()),
    };
    let until = expires.map_or_else(String::new, |day| format!(" until {day}"));
    let by = if owner.is_empty() { String::new() } else { format!(", {owner}") };
    format!("{what}{until}{by} ({source}): {reason}")
}

/// How an exception stands: `expired on 2026-01-31, and 3 findings are back`.
pub(crate) fn standing(exception: &AppliedException) -> String {
    let AppliedException { expires, standing, findings, .. } = exception;
    let findings_are = count(*findings, "finding");
    let are = if *findings == 1 { "is" } else { "are" };
    match standing {
        Standing::Expired if *findings == 0 => {
            format!("expired on {expires}, and is for nothing that was found")
        }
        Standing::Expired => format!("expired on {expires}, and {findings_are} {are} back"),
        Standing::ExpiresSoon => format!("expires on {expires}, and {findings_are} will be back"),
        Standing::Unused => "is for nothing that was found".to_owned(),
        Standing::InForce => format!("covers {findings_are} until {expires}"),
    }
}

/// The exceptions that someone must look at, the most urgent first.
pub(crate) fn exceptions_to_look_at(report: &ScanReport) -> Vec<&AppliedException> {
    let mut told: Vec<&AppliedException> =
        report.exceptions.iter().filter(|exception| exception.standing != Standing::InForce).collect();
    told.sort_by_key(|exception| (exception.standing, exception.expires));
    told
}

/// How names begin, who keeps a page about each, and where.
const PAGES: [(&str, &str, &str); 9] = [
    ("CVE-", "NVD", "https://nvd.nist.gov/vuln/detail/"),
    ("GHSA-", "GitHub", "https://github.com/advisories/"),
    ("DSA-", "Debian", "https://security-tracker.debian.org/tracker/"),
    ("DLA-", "Debian", "https://security-tracker.debian.org/tracker/"),
    ("USN-", "Ubuntu", "https://ubuntu.com/security/notices/"),
    ("RHSA-", "Red Hat", "https://access.redhat.com/errata/"),
    ("GO-", "Go", "https://pkg.go.dev/vuln/"),
    ("RUSTSEC-", "RustSec", "https://rustsec.org/advisories/"),
    ("PYSEC-", "OSV", "https://osv.dev/vulnerability/"),
];

/// Who keeps a page about a vulnerability of this name, and where; none for a name of another form.
pub(crate) fn page(id: &str) -> Option<(&'static str, String)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.');
    if id.len() > 60 || !id.chars().all(plain) {
        return None;
    }
    let (_, keeper, base) = PAGES.into_iter().find(|(prefix, ..)| id.starts_with(prefix))?;
    Some((keeper, format!("{base}{id}")))
}

/// The best place to read about a finding: its advisory's own first reference, or the page of its name.
pub(crate) fn link(rule: &str, vulnerability: Option<&Vulnerability>) -> Option<String> {
    let references = vulnerability.map_or(&[][..], |v| &v.references);
    references.iter().find(|url| is_link(url)).cloned().or_else(|| page(rule).map(|(_, url)| url))
}

/// Whether a text is a web address and nothing but: only characters that RFC 3986 allows, and none that Markdown reads.
pub(crate) fn is_link(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&'*+,;=%".contains(c);
    let percent = |url: &str| {
        url.split('%').skip(1).all(|part| {
            part.get(..2).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
    };
    let host = |rest: &str| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        !host.is_empty()
            && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
            && host.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    let once = url.matches('#').count() < 2;
    url.len() <= 500 && once && rest.is_some_and(host) && url.chars().all(allowed) && percent(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_become_links() {
        assert!(is_link("https://example.org/a?b=%20#c"));
        for no in [
            "javascript:x",
            "https://",
            "https://a b",
            "https://a/%zz",
            "https://a/)[x](",
            "https://u@h/",
            "ftp://x/",
        ] {
            assert!(!is_link(no), "{no}");
        }
        assert_eq!(page("CVE-2024-1").expect("known").0, "NVD");
        assert_eq!((page("CVE-2024-1/../x"), page("X-1")), (None, None));
    }
}
