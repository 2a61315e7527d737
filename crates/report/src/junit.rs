//! `JUnit` XML for CI services: a test suite for each kind of finding, and one for coverage.
//!
//! | in the report | test case |
//! |---|---|
//! | a finding | failure |
//! | an excepted finding | skipped, with who says why |
//! | an exception in force | success |
//! | one that has expired, expires soon or does nothing | skipped, with the reason: what has come back is a failure itself |
//! | an aspect looked at in full | success |
//! | an aspect not evaluated | skipped, with the reason |
//! | an aspect covered in part, unsupported or failed | error, with the reasons |
//!
//! `JUnit` has no specification; what is written is valid by the schema of Jenkins' xUnit plugin, which knows
//! `skipped` of a suite but not of all suites.
//!
//! So a pipeline that only looks at the counts cannot mistake "not looked at" for "fine". Text passes
//! [`safe`], since XML has no way at all to write most control characters.

use crate::{
    known,
    text::{self, safe},
};
use gabion_model::{AppliedException, Finding, FindingKind, ScanReport, Standing, Status};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use std::io;

/// Writes the report.
pub(crate) fn render(report: &ScanReport, out: &mut dyn io::Write) -> io::Result<()> {
    let suites = suites(report);
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let sum = |f: fn(&Suite) -> usize| suites.iter().map(f).sum::<usize>().to_string();
    xml.create_element("testsuites")
        .with_attribute(("name", &*safe(&format!("gabion {}", report.target.reference))))
        .with_attribute(("tests", &*sum(|s| s.cases.len())))
        .with_attribute(("failures", &*sum(Suite::failures)))
        .with_attribute(("errors", &*sum(Suite::errors)))
        .with_attribute(("time", "0"))
        .write_inner_content(|xml| {
            suites.iter().enumerate().try_for_each(|(id, suite)| suite.write(xml, id, report))
        })?;
    xml.into_inner().write_all(b"\n")
}

struct Suite {
    name: &'static str,
    cases: Vec<Case>,
}

struct Case {
    class: String,
    name: String,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Failure { kind: String, message: String, text: String },
    Error { kind: &'static str, message: String },
    Skipped { message: String },
}

fn suites(report: &ScanReport) -> Vec<Suite> {
    let mut suites = vec![Suite {
        name: "coverage",
        cases: report
            .coverage
            .iter()
            .map(|(aspect, status)| Case {
                class: "coverage".to_owned(),
                name: aspect.to_string(),
                outcome: match status {
                    Status::Full { .. } => Outcome::Passed,
                    Status::NotEvaluated { reason } => {
                        Outcome::Skipped { message: format!("not evaluated: {reason}") }
                    }
                    worse => Outcome::Error { kind: worse.word(), message: text::status(worse) },
                },
            })
            .collect(),
    }];
    for (kind, name) in [
        (FindingKind::Vulnerability, "vulnerabilities"),
        (FindingKind::Secret, "secrets"),
        (FindingKind::Misconfiguration, "misconfigurations"),
        (FindingKind::Behaviour, "behaviour"),
    ] {
        let cases: Vec<Case> =
            report.findings.iter().filter(|finding| finding.kind == kind).map(case).collect();
        if !cases.is_empty() {
            suites.push(Suite { name, cases });
        }
    }
    if !report.exceptions.is_empty() {
        suites.push(Suite { name: "exceptions", cases: report.exceptions.iter().map(exception).collect() });
    }
    suites
}

fn exception(exception: &AppliedException) -> Case {
    Case {
        class: format!("exception.{}", exception.kind.as_str()),
        name: exception.id.clone(),
        outcome: match exception.standing {
            Standing::InForce => Outcome::Passed,
            _ => Outcome::Skipped { message: text::exception(exception) },
        },
    }
}

fn case(finding: &Finding) -> Case {
    // The path of a package database tells nothing; the package does.
    let matched = finding.vulnerability.as_deref().and_then(|v| v.matches.first());
    let place = match matched {
        Some(matched) => format!("{} {}", matched.package, matched.version),
        None => finding.evidence.first().map(text::place).unwrap_or_default(),
    };
    Case {
        class: format!("{}.{}", finding.kind.as_str(), finding.rule),
        name: format!("{} {place}", finding.title).trim_end().to_owned(),
        outcome: match &finding.suppressed {
            Some(suppression) => {
                Outcome::Skipped { message: format!("excepted: {}", known::excepted(suppression)) }
            }
            None => Outcome::Failure {
                kind: finding.severity.to_string(),
                message: format!("{}: {}", finding.severity, finding.title),
                text: format!("{}\n{}", text::finding(finding), finding.id),
            },
        },
    }
}

impl Suite {
    fn count(&self, is: fn(&Outcome) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.outcome)).count()
    }

    fn failures(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failure { .. }))
    }

    fn errors(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Error { .. }))
    }

    fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }

    fn write<W: io::Write>(&self, xml: &mut Writer<W>, id: usize, report: &ScanReport) -> io::Result<()> {
        // `xs:dateTime` without a zone is what readers expect; it is UTC.
        let timestamp = report.created.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        xml.create_element("testsuite")
            .with_attribute(("name", self.name))
            .with_attribute(("id", &*id.to_string()))
            .with_attribute(("tests", &*self.cases.len().to_string()))
            .with_attribute(("failures", &*self.failures().to_string()))
            .with_attribute(("errors", &*self.errors().to_string()))
            .with_attribute(("skipped", &*self.skipped().to_string()))
            .with_attribute(("time", "0"))
            .with_attribute(("timestamp", &*timestamp))
            .write_inner_content(|xml| self.cases.iter().try_for_each(|case| case.write(xml)))?;
        Ok(())
    }
}

impl Case {
    fn write<W: io::Write>(&self, xml: &mut Writer<W>) -> io::Result<()> {
        let element = xml
            .create_element("testcase")
            .with_attribute(("classname", &*safe(&self.class)))
            .with_attribute(("name", &*safe(&self.name)))
            .with_attribute(("time", "0"));
        let written = match &self.outcome {
            Outcome::Passed => element.write_empty(),
            Outcome::Skipped { message } => element.write_inner_content(|xml| {
                let skipped = xml.create_element("skipped");
                skipped.with_attribute(("message", &*safe(message))).write_empty()?;
                Ok(())
            }),
            Outcome::Error { kind, message } => element.write_inner_content(|xml| {
                let error = xml.create_element("error").with_attribute(("type", *kind));
                error.with_attribute(("message", &*safe(message))).write_empty()?;
                Ok(())
            }),
            Outcome::Failure { kind, message, text } => element.write_inner_content(|xml| {
                xml.create_element("failure")
                    .with_attribute(("type", &**kind))
                    .with_attribute(("message", &*safe(message)))
                    .write_text_content(BytesText::new(text))?;
                Ok(())
            }),
        };
        written.map(|_| ())
    }
}
