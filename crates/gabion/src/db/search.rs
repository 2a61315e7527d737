//! `gabion db search`: an advisory by one of its names, or what there is about a package.

use super::cli::TextFormat;
use crate::output;
use gabion_advisory::{
    Database, Ecosystem,
    database::Statement,
    record::{Advisory, Assessment, Exploited, Fix, Likelihood, Standing, Until},
};
use gabion_model::vulnerability::Share;
use serde::Serialize;
use std::{collections::BTreeSet, process::ExitCode};

#[derive(Default, Serialize)]
struct Found {
    advisories: Vec<FoundAdvisory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exploited: Option<Exploited>,
    #[serde(skip_serializing_if = "Option::is_none")]
    likelihood: Option<Likelihood>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assessment: Option<Assessment>,
}

#[derive(Serialize)]
struct FoundAdvisory {
    source: String,
    #[serde(flatten)]
    advisory: Advisory,
}

pub(super) fn run(database: &Database, query: &str, format: TextFormat) -> anyhow::Result<ExitCode> {
    let mut found = by_name(database, query)?;
    if found.is_empty() {
        found = by_package(database, query)?;
    }
    if format == TextFormat::Json {
        return super::print_json(&found);
    }
    if found.is_empty() {
        output::note(&format!("the database says nothing of {query}"));
        return Ok(ExitCode::from(1));
    }
    found.print()?;
    Ok(ExitCode::SUCCESS)
}

/// Under any of its names.
fn by_name(database: &Database, name: &str) -> anyhow::Result<Found> {
    let upper = name.to_ascii_uppercase();
    let name = if upper.starts_with("CVE-") { upper.as_str() } else { name };
    let mut found = Found {
        exploited: database.exploited(name)?,
        likelihood: database.likelihood(name)?,
        assessment: database.assessment(name)?,
        ..Found::default()
    };
    for source in database.sources() {
        let ids = source.named(name)?.into_iter().chain([name.to_owned()]).collect::<BTreeSet<_>>();
        for id in ids {
            let Some(mut advisory) = source.advisory(&id)? else { continue };
            // Statements are found by package; an advisory does not know its own. They are few enough to walk.
            source.every_statement(&mut |statement| {
                if statement.advisory == id {
                    advisory.affected.push(statement.affected);
                }
            })?;
            found.advisories.push(FoundAdvisory { source: source.about().name.clone(), advisory });
        }
    }
    Ok(found)
}

/// `openssl`, or `npm/lodash`, or `Debian:12/openssl`.
fn by_package(database: &Database, query: &str) -> anyhow::Result<Found> {
    let asked = query.split_once('/').and_then(|(ecosystem, name)| {
        let (known, release) = Ecosystem::parse(ecosystem);
        (known != Ecosystem::Unknown).then_some((known, release, name))
    });
    let ecosystems: Vec<(Ecosystem, &str, &str)> = match asked {
        Some(asked) => vec![asked],
        None => Ecosystem::ALL.iter().map(|&ecosystem| (ecosystem, "", query)).collect(),
    };
    let mut found = Found::default();
    for source in database.sources() {
        let mut statements: Vec<Statement> = Vec::new();
        for &(ecosystem, release, name) in &ecosystems {
            source.package(ecosystem, &ecosystem.normalise(name), &mut |statement| {
                if release.is_empty() || statement.affected.release == release {
                    statements.push(statement);
                }
            })?;
        }
        statements.sort_by(|a, b| a.advisory.cmp(&b.advisory));
        for same in statements.chunk_by(|a, b| a.advisory == b.advisory) {
            let Some(mut advisory) = source.advisory(&same[0].advisory)? else { continue };
            advisory.affected = same.iter().map(|statement| statement.affected.clone()).collect();
            found.advisories.push(FoundAdvisory { source: source.about().name.clone(), advisory });
        }
    }
    Ok(found)
}

impl Found {
    fn is_empty(&self) -> bool {
        self.advisories.is_empty()
            && self.exploited.is_none()
            && self.likelihood.is_none()
            && self.assessment.is_none()
    }

    fn print(&self) -> anyhow::Result<()> {
        if let Some(exploited) = &self.exploited {
            let ransomware = if exploited.ransomware { ", by ransomware, too" } else { "" };
            output::line(&format!("known exploited  since {}{ransomware} (CISA)", exploited.added))?;
        }
        if let Some(likely) = &self.likelihood {
            let (probability, percentile) = (Share(likely.probability), Share(likely.percentile));
            output::line(&format!(
                "EPSS             {probability} within 30 days, more than {percentile} of all CVEs"
            ))?;
        }
        if let Some(assessed) = &self.assessment {
            let cvss = assessed.cvss.as_deref().unwrap_or("no vector");
            output::line(&format!("CISA             {} ({cvss})", assessed.summary))?;
        }
        for FoundAdvisory { source, advisory } in &self.advisories {
            let standing = match advisory.standing {
                Standing::Active => "",
                Standing::Withdrawn => " (withdrawn)",
                Standing::Disputed => " (disputed)",
                Standing::Informational => " (informational)",
            };
            output::line(&format!("\n{}{standing}  [{source}]  {}", advisory.id, advisory.summary))?;
            let names: Vec<_> =
                advisory.aliases.iter().chain(&advisory.upstream).map(String::as_str).collect();
            if !names.is_empty() {
                output::line(&format!("  also  {}", names.join(" ")))?;
            }
            for affected in &advisory.affected {
                let release = if affected.release.is_empty() {
                    String::new()
                } else {
                    format!(":{}", affected.release)
                };
                let mut ranges: Vec<String> = affected.ranges.iter().map(ToString::to_string).collect();
                ranges.extend(affected.versions.iter().map(|version| format!("= {version}")));
                if ranges.is_empty() {
                    ranges.push("no version".into());
                }
                let fixed = affected.ranges.iter().any(|r| matches!(r.until, Until::Fixed(_)));
                let fix = match affected.fix {
                    Fix::Released if fixed => "",
                    Fix::Released | Fix::Pending => "  not fixed",
                    Fix::WillNotFix => "  will not be fixed",
                    Fix::EndOfLife => "  end of life",
                    Fix::NotAffected => "  not affected, says the vendor",
                    Fix::UnderInvestigation => "  under investigation",
                };
                output::line(&format!(
                    "  {}{release}/{}  {}{fix}",
                    affected.ecosystem.name(),
                    affected.package,
                    ranges.join(" or ")
                ))?;
            }
        }
        Ok(())
    }
}
