//! How bad a vulnerability is by those who rated it, and how urgent by what is known of it.

use gabion_model::{
    FixState, Severity,
    vulnerability::{Cvss, Epss, Factor, KnownExploited, Priority, Score, Ssvc, Symbols},
};
use std::str::FromStr;

/// Reads vectors and scores them, the one that counts first: those that most are rated by, then newer ones, then old ones.
/// What is no vector is left out.
pub(super) fn score<'a>(vectors: impl Iterator<Item = &'a str>, source: &str) -> Vec<Cvss> {
    let mut scored: Vec<Cvss> = vectors
        .filter_map(|vector| {
            let parsed = cvss::Cvss::from_str(vector).ok()?;
            let version = match parsed {
                cvss::Cvss::CvssV20(_) => "2.0",
                cvss::Cvss::CvssV30(_) => "3.0",
                cvss::Cvss::CvssV31(_) => "3.1",
                cvss::Cvss::CvssV40(_) => "4.0",
                _ => return None,
            };
            #[expect(clippy::cast_sign_loss, reason = "a score is from 0 to 10")]
            let tenths = (parsed.score() * 10.0).round() as u8;
            let (vector, version, source) = (vector.to_owned(), version.to_owned(), source.to_owned());
            Some(Cvss { vector, version, score: Score(tenths), source })
        })
        .collect();
    let rank = |cvss: &Cvss| ["3.1", "3.0", "4.0", "2.0"].iter().position(|v| *v == cvss.version);
    scored.sort_by_key(rank);
    scored
}

/// The word for a score, by the table of CVSS 3.
pub(super) const fn severity(score: Score) -> Severity {
    match score.0 {
        0 => Severity::Info,
        1..=39 => Severity::Low,
        40..=69 => Severity::Medium,
        70..=89 => Severity::High,
        _ => Severity::Critical,
    }
}

/// What a priority is made of.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) severity: Severity,
    pub(super) rated_by: &'a str,
    pub(super) exploited: Option<&'a KnownExploited>,
    pub(super) epss: Option<&'a Epss>,
    pub(super) ssvc: Option<&'a Ssvc>,
    pub(super) fix: FixState,
    pub(super) symbols: Option<&'a Symbols>,
    pub(super) disputed: bool,
}

/// Adds up what is known. A rating alone makes at most 40: what is exploited outweighs what is merely bad.
pub(super) fn priority(known: &Known<'_>) -> Priority {
    let mut factors = Vec::new();
    let mut add = |name: &str, points: i8, why: String| {
        factors.push(Factor { name: name.to_owned(), points, why });
    };
    let by = if known.rated_by.is_empty() { "nobody" } else { known.rated_by };
    let severity = match known.severity {
        Severity::Critical => 40,
        Severity::High => 30,
        Severity::Medium => 18,
        Severity::Low => 6,
        Severity::Info => 0,
        // It may be anything.
        Severity::Unknown => 15,
    };
    add("severity", severity, format!("{}, rated by {by}", known.severity));
    if let Some(exploited) = known.exploited {
        let by_whom = if exploited.ransomware { ", by ransomware, too" } else { "" };
        let points = if exploited.ransomware { 40 } else { 35 };
        add("known exploited", points, format!("in CISA's catalogue since {}{by_whom}", exploited.added));
    }
    if let Some(epss) = known.epss {
        let points = match epss.probability.0 {
            500_000.. => 20,
            100_000.. => 12,
            10_000.. => 4,
            _ => 0,
        };
        if points > 0 {
            add("likely exploited", points, format!("EPSS {} within 30 days", epss.probability));
        }
    }
    if let Some(ssvc) = known.ssvc {
        match ssvc.exploitation.as_deref() {
            Some("active") if known.exploited.is_none() => {
                add("exploitation", 20, "active (SSVC)".to_owned());
            }
            Some("poc") if known.exploited.is_none() => {
                add("exploitation", 6, "a proof of concept is public (SSVC)".to_owned());
            }
            _ => {}
        }
        if ssvc.automatable == Some(true) {
            add("automatable", 4, "an attack can be automated (SSVC)".to_owned());
        }
        if ssvc.total_impact == Some(true) {
            add("impact", 3, "total (SSVC)".to_owned());
        }
    }
    if known.fix == FixState::Fixed {
        add("fixable", 5, "a fixed version is released".to_owned());
    }
    match known.symbols {
        Some(Symbols::Present(_)) => add("vulnerable symbol", 4, "is in the program".to_owned()),
        Some(Symbols::Absent(_)) => add("vulnerable symbol", -15, "is not in the program".to_owned()),
        Some(Symbols::Unknown) | None => {}
    }
    if known.disputed {
        add("disputed", -20, "its vendor denies that it is a vulnerability".to_owned());
    }
    let sum: i32 = factors.iter().map(|factor| i32::from(factor.points)).sum();
    factors.sort_by_key(|factor| -i32::from(factor.points));
    Priority { score: u8::try_from(sum.clamp(0, 100)).unwrap_or(100), factors }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::vulnerability::Share;

    #[test]
    fn vectors_of_all_versions_are_scored_as_first_does() {
        let vectors = [
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "no vector",
            "CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:H",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
        ];
        let scored = score(vectors.into_iter(), "nvd");
        let found: Vec<_> = scored.iter().map(|c| (c.version.as_str(), c.score.to_string())).collect();
        assert_eq!(found, [("3.1", "10.0".into()), ("3.0", "6.1".into()), ("4.0", "9.3".into())]);
        assert_eq!(severity(Score(0)), Severity::Info);
        assert_eq!(severity(Score(69)), Severity::Medium);
        assert_eq!(severity(Score(90)), Severity::Critical);
    }

    #[test]
    fn what_is_exploited_outweighs_what_is_merely_bad_and_the_factors_add_up() {
        let critical = Known {
            severity: Severity::Critical,
            rated_by: "debian",
            exploited: None,
            epss: None,
            ssvc: None,
            fix: FixState::NotFixed,
            symbols: None,
            disputed: false,
        };
        let exploited = KnownExploited { added: jiff::civil::date(2024, 1, 1), due: None, ransomware: false };
        let medium = Known { severity: Severity::Medium, exploited: Some(&exploited), ..critical };
        let epss = Epss { probability: Share(970_000), percentile: Share(999_000) };
        let all = Known { severity: Severity::Critical, epss: Some(&epss), fix: FixState::Fixed, ..medium };
        let disputed = Known { severity: Severity::Low, exploited: None, disputed: true, ..medium };
        let scores: Vec<u8> = [&critical, &medium, &all, &disputed].map(|k| priority(k).score).to_vec();
        assert_eq!(scores, [40, 53, 100, 0]);
        let sum: i32 = priority(&medium).factors.iter().map(|f| i32::from(f.points)).sum();
        assert_eq!(sum, 53);
    }
}
