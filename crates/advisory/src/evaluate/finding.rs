//! From all that matches to one finding.

use super::{
    Subject,
    rating::{self, Known},
    stream::Word,
    symbols::{self, Unpacked},
};
use crate::{
    Database, Order,
    database::Statement,
    judge::Because,
    record::{Advisory, Assessment, Fix, Import, Standing, Until},
    segment::SegmentError,
};
use gabion_model::{
    Digest, Evidence, Finding, FindingKind, FixState, Location, Package, Severity, Vulnerability,
    vulnerability::{Cvss, Epss, KnownExploited, Match, Share, Ssvc, Symbols},
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeSet, rc::Rc};

/// One statement that matches.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) word: Word,
    source: usize,
    advisory: Rc<Advisory>,
    standing: Standing,
    release: String,
    severity: Option<Severity>,
    range: String,
    order: Option<Order>,
    state: FixState,
    fixed: Option<String>,
    imports: Vec<Import>,
    /// Indices of the packages.
    packages: BTreeSet<usize>,
}

impl Hit {
    /// Adds a statement that matches a package, or the package to the statement.
    pub(super) fn add(
        hits: &mut Vec<Self>,
        source: usize,
        advisory: &Rc<Advisory>,
        statement: &Statement,
        (because, word): (&Because<'_>, Word),
        package: usize,
    ) {
        let affected = &statement.affected;
        let (range, order, fixed) = match because {
            Because::InRange { range, order } => {
                let fixed = match &range.until {
                    Until::Fixed(version) => Some(version.clone()),
                    Until::Open | Until::LastAffected(_) => None,
                };
                (range.to_string(), Some(*order), fixed)
            }
            Because::Listed(version) => (format!("= {version}"), affected.ecosystem.order(), None),
        };
        let same =
            |hit: &&mut Self| hit.source == source && hit.advisory.id == advisory.id && hit.range == range;
        if let Some(known) = hits.iter_mut().find(same) {
            known.packages.insert(package);
            return;
        }
        let state = match affected.fix {
            _ if fixed.is_some() => FixState::Fixed,
            Fix::WillNotFix => FixState::WillNotFix,
            Fix::EndOfLife => FixState::EndOfLife,
            Fix::UnderInvestigation => FixState::UnderInvestigation,
            Fix::Released | Fix::Pending | Fix::NotAffected => FixState::NotFixed,
        };
        hits.push(Self {
            word,
            source,
            advisory: advisory.clone(),
            standing: statement.standing,
            release: affected.release.clone(),
            severity: affected.severity.or(advisory.severity),
            range,
            order,
            state,
            fixed,
            imports: affected.imports.clone(),
            packages: BTreeSet::from([package]),
        });
    }
}

/// The vulnerabilities that an advisory is about: its CVEs, or itself.
pub(crate) fn ids(advisory: &Advisory) -> Vec<String> {
    let is_cve = |id: &&String| id.starts_with("CVE-");
    if is_cve(&&advisory.id) {
        return vec![advisory.id.clone()];
    }
    // Aliases are names of one vulnerability, of which the oldest CVE is the one that is known.
    if let Some(cve) = advisory.aliases.iter().filter(is_cve).min() {
        return vec![cve.clone()];
    }
    // One update may be for many.
    let cves: BTreeSet<String> = advisory.upstream.iter().filter(is_cve).cloned().collect();
    if !cves.is_empty() {
        return cves.into_iter().collect();
    }
    let known = advisory.aliases.iter().chain(&advisory.upstream).find(|id| id.starts_with("GHSA-"));
    vec![known.unwrap_or(&advisory.id).clone()]
}

/// None if the CVE was taken back.
pub(super) fn finding(
    database: &Database,
    programs: &mut Unpacked<'_>,
    subject: &Subject,
    mut hits: Vec<Hit>,
) -> Result<Option<Finding>, SegmentError> {
    let cve = &subject.id;
    let assessment = database.assessment(cve)?;
    if assessment.as_ref().is_some_and(|a| a.standing == Standing::Withdrawn) {
        return Ok(None);
    }
    // The decisive one first: what is fixed says most, and sources come in the order of the database.
    hits.sort_by_key(|hit| (hit.state != FixState::Fixed, hit.state, hit.source));
    let name_of = |hit: &Hit| database.sources()[hit.source].about().name.clone();
    let fixed_version = highest(&hits);
    let state = hits.first().map_or(FixState::NotFixed, |hit| hit.state);
    let informational = hits.iter().all(|hit| hit.standing == Standing::Informational);
    let disputed = hits.iter().any(|hit| hit.standing == Standing::Disputed);

    let cvss = scores(&hits, assessment.as_ref(), &name_of);
    let vendor = hits.iter().find_map(|hit| hit.severity.map(|severity| (severity, name_of(hit))));
    let (severity, rated_by) =
        if informational { (Severity::Info, String::new()) } else { rated(vendor, &cvss) };
    let exploited = database.exploited(cve)?.map(|e| KnownExploited {
        added: e.added,
        due: e.due,
        ransomware: e.ransomware,
    });
    let epss = database
        .likelihood(cve)?
        .map(|l| Epss { probability: Share(l.probability), percentile: Share(l.percentile) });
    let ssvc = assessment
        .as_ref()
        .map(|a| Ssvc {
            exploitation: a.exploitation.clone(),
            automatable: a.automatable,
            total_impact: a.total_impact,
        })
        .filter(|ssvc| *ssvc != Ssvc::default());
    let packages: BTreeSet<usize> = hits.iter().flat_map(|hit| hit.packages.iter().copied()).collect();
    let report = programs.report;
    let packages: Vec<&Package> = packages.into_iter().map(|index| &report.packages[index]).collect();
    let asked = symbols::asked(hits.iter().flat_map(|hit| &hit.imports));
    let places: Vec<Place<'_>> = places(&packages)
        .map(|(package, location)| {
            let path = location.map_or("", |location| location.path.as_str());
            let symbols = programs.symbols(path, &subject.package, &asked);
            Place { package, location, symbols }
        })
        .collect();
    let symbols = symbols::together(places.iter().filter_map(|place| place.symbols.as_ref()));
    let priority = rating::priority(&Known {
        severity,
        rated_by: &rated_by,
        exploited: exploited.as_ref(),
        epss: epss.as_ref(),
        ssvc: ssvc.as_ref(),
        fix: state,
        symbols: symbols.as_ref(),
        disputed,
    });

    let Named { aliases, references, cwe } = Named::of(cve, &hits, assessment.as_ref());
    let published = hits.iter().filter_map(|hit| hit.advisory.published).min();
    let mut refs: Vec<_> = packages.iter().map(|package| package.reference()).collect();
    refs.dedup();
    let summary = assessment.as_ref().map_or("", |a| a.summary.as_str());
    let finding = Finding {
        id: Finding::stable_id(
            |bytes| Digest::sha256(Sha256::digest(bytes).into()),
            FindingKind::Vulnerability,
            cve,
            &[subject.ecosystem.name(), &subject.package, &subject.version],
        ),
        kind: FindingKind::Vulnerability,
        rule: cve.clone(),
        title: title(subject, &hits, summary),
        severity,
        evidence: evidence(&places),
        fix: advice(subject, state, fixed_version.as_deref()),
        suppressed: None,
        vulnerability: Some(Box::new(Vulnerability {
            aliases,
            packages: refs,
            matches: hits
                .iter()
                .map(|hit| Match {
                    advisory: hit.advisory.id.clone(),
                    source: name_of(hit),
                    ecosystem: match hit.release.as_str() {
                        "" => subject.ecosystem.name().to_owned(),
                        release => format!("{}:{release}", subject.ecosystem.name()),
                    },
                    package: subject.package.clone(),
                    version: subject.version.clone(),
                    range: hit.range.clone(),
                    comparator: hit.order.map_or("", Order::name).to_owned(),
                })
                .collect(),
            fix: state,
            fixed_version,
            disputed,
            rated_by,
            cvss,
            cwe,
            exploited,
            epss,
            ssvc,
            symbols,
            published: published.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC).date()),
            references,
            priority,
        })),
    };
    Ok(Some(finding))
}

/// All scores: those of the advisories first, then what CISA gave.
fn scores(hits: &[Hit], assessment: Option<&Assessment>, name_of: &dyn Fn(&Hit) -> String) -> Vec<Cvss> {
    let mut all: Vec<Cvss> = Vec::new();
    // An advisory about many vulnerabilities has the score of the worst, which need not be this one.
    for hit in hits.iter().filter(|hit| hit.advisory.upstream.len() < 2) {
        for one in rating::score(hit.advisory.cvss.iter().map(String::as_str), &name_of(hit)) {
            if all.iter().all(|known| known.vector != one.vector) {
                all.push(one);
            }
        }
    }
    let vector = assessment.and_then(|assessment| assessment.cvss.as_deref());
    all.extend(rating::score(vector.into_iter(), "CISA"));
    all
}

/// The rating that counts, and who gave it: the vendor's, else that of the first score.
fn rated(vendor: Option<(Severity, String)>, cvss: &[Cvss]) -> (Severity, String) {
    match (vendor, cvss.first()) {
        (Some(vendor), _) => vendor,
        (None, Some(Cvss { version, score, source, .. })) => {
            (rating::severity(*score), format!("CVSS {version} {score} of {source}"))
        }
        (None, None) => (Severity::Unknown, String::new()),
    }
}

/// What it is also called, and where to read of it.
struct Named {
    aliases: Vec<String>,
    references: Vec<String>,
    cwe: Vec<u32>,
}

impl Named {
    /// Links of one advisory, and of all.
    const LINKS: (usize, usize) = (3, 5);

    fn of(id: &str, hits: &[Hit], assessment: Option<&Assessment>) -> Self {
        let (mut aliases, mut references) = (BTreeSet::new(), Vec::new());
        let mut cwe: BTreeSet<u32> = assessment.iter().flat_map(|a| a.cwe.iter().copied()).collect();
        for Hit { advisory, .. } in hits {
            let names = std::iter::once(&advisory.id).chain(&advisory.aliases);
            aliases.extend(names.filter(|name| *name != id).cloned());
            for link in advisory.references.iter().take(Self::LINKS.0) {
                if !references.contains(link) && references.len() < Self::LINKS.1 {
                    references.push(link.clone());
                }
            }
            cwe.extend(&advisory.cwe);
        }
        Self { aliases: aliases.into_iter().collect(), references, cwe: cwe.into_iter().collect() }
    }
}

/// The version from which on no statement matches.
fn highest(hits: &[Hit]) -> Option<String> {
    let mut best: Option<(&str, Option<Order>)> = None;
    for hit in hits {
        let Some(fixed) = hit.fixed.as_deref() else { continue };
        let higher = best.is_none_or(|(known, _)| {
            hit.order.is_some_and(|order| order.compare(fixed, known).is_ok_and(std::cmp::Ordering::is_gt))
        });
        if higher {
            best = Some((fixed, hit.order));
        }
    }
    best.map(|(version, _)| version.to_owned())
}

/// One line about the vulnerability. An advisory about many says nothing of the one, so that what CISA says comes first then.
fn title(subject: &Subject, hits: &[Hit], assessed: &str) -> String {
    let own = hits.iter().find(|hit| hit.advisory.upstream.len() < 2 && hit.advisory.summary.contains(' '));
    let own = own.map_or("", |hit| hit.advisory.summary.as_str());
    let generic = ["security update", "security fix update", ""].contains(&own);
    let text = if generic { assessed } else { own };
    if !text.is_empty() {
        return shorten(text);
    }
    let advisory = hits.first().map_or("", |hit| hit.advisory.id.as_str());
    let by = if advisory == subject.id { String::new() } else { format!(", told by {advisory}") };
    format!("Vulnerability in {}{by}", subject.package)
}

/// The first sentence, or as much as a line holds.
fn shorten(text: &str) -> String {
    const MOST: usize = 160;
    let line = text.lines().next().unwrap_or_default().trim();
    let sentence = line.find(". ").map_or(line, |end| &line[..end]);
    let sentence = sentence.trim_end_matches('.');
    match sentence.char_indices().nth(MOST) {
        None => sentence.to_owned(),
        Some((end, _)) => {
            let cut = sentence[..end].rfind(' ').unwrap_or(end);
            format!("{}…", &sentence[..cut])
        }
    }
}

fn advice(subject: &Subject, state: FixState, fixed: Option<&str>) -> String {
    let package = &subject.package;
    match (state, fixed) {
        (FixState::Fixed, Some(version)) => format!("Upgrade {package} to {version} or later."),
        (FixState::WillNotFix, _) => {
            format!(
                "The vendor will not fix it in this release: remove {package}, or move to another release."
            )
        }
        (FixState::EndOfLife, _) => "The release gets no fixes any more: move to a newer one.".to_owned(),
        (FixState::UnderInvestigation, _) => "The vendor is looking into it; there is no fix yet.".to_owned(),
        _ => format!("No fixed version of {package} is known."),
    }
}

/// A file that an affected package was found in.
struct Place<'a> {
    package: &'a Package,
    /// None for a package that is in no file.
    location: Option<&'a Location>,
    /// Whether what is vulnerable is in it, if it is known what is.
    symbols: Option<Symbols>,
}

/// Where packages are.
fn places<'a>(packages: &[&'a Package]) -> impl Iterator<Item = (&'a Package, Option<&'a Location>)> {
    packages.iter().flat_map(|package| {
        let nowhere = package.locations.is_empty().then_some(None);
        package.locations.iter().map(Some).chain(nowhere).map(|location| (*package, location))
    })
}

/// One for each package and place.
fn evidence(places: &[Place<'_>]) -> Vec<Evidence> {
    const MOST: usize = 10;
    let mut all = Vec::new();
    for places in places.chunk_by(|a, b| std::ptr::eq(a.package, b.package)) {
        let more = places.len().saturating_sub(MOST);
        for (number, Place { package, location, symbols }) in places.iter().take(MOST).enumerate() {
            let mut detail = format!("{} {}", package.name, package.version);
            if let Some(symbols) = symbols {
                detail.push_str(", vulnerable symbol ");
                detail.push_str(symbols.as_str());
            }
            if more > 0 && number + 1 == MOST {
                detail = format!("{detail} (and {more} more places)");
            }
            let layer = location.and_then(|location| location.layer);
            all.push(Evidence {
                place: location.map_or_else(|| format!("package:{}", package.name), |l| l.path.clone()),
                line: None,
                // Where it first appeared, for the place that the package belongs to.
                layer: if number == 0 { package.layer.or(layer) } else { layer },
                detail,
                package: Some(package.reference()),
                removed: false,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(id: &str, aliases: &[&str], upstream: &[&str]) -> Advisory {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Advisory { id: id.into(), aliases: own(aliases), upstream: own(upstream), ..Advisory::default() }
    }

    #[test]
    fn a_vulnerability_is_named_by_its_cve() {
        assert_eq!(ids(&advisory("CVE-2024-1", &[], &[])), ["CVE-2024-1"]);
        assert_eq!(ids(&advisory("GHSA-x", &["CVE-2024-2", "CVE-2024-1"], &[])), ["CVE-2024-1"]);
        assert_eq!(
            ids(&advisory("DSA-1-1", &[], &["CVE-2024-2", "CVE-2024-1"])),
            ["CVE-2024-1", "CVE-2024-2"]
        );
        assert_eq!(ids(&advisory("PYSEC-1", &["GHSA-x"], &[])), ["GHSA-x"]);
        assert_eq!(ids(&advisory("MAL-1", &[], &[])), ["MAL-1"]);
    }

    #[test]
    fn titles_are_one_sentence_of_a_line() {
        assert_eq!(shorten("A flaw. It is bad.\nMore"), "A flaw");
        assert_eq!(shorten("Ends here."), "Ends here");
        let long = shorten(&"word ".repeat(60));
        assert!(long.ends_with("word…") && long.chars().count() <= 161, "{long}");
    }
}
