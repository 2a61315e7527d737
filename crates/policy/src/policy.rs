//! A policy: rules read from YAML.
//!
//! A rule names what must *not* be. It is triggered by each finding (`finding:`), by each package (`package:` without
//! `finding:`) or by the image (neither), if all of its criteria hold; `docs/policy.md` has all keys.

use crate::{
    criteria::{FindingCriteria, ImageCriteria, PackageCriteria},
    error::{DocumentError, Place, unknown},
    expression::{BadExpression, Expression},
    pattern::Pattern,
    yaml,
};
use gabion_model::{FindingKind, Severity};
use serde::{Deserialize, Deserializer, Serialize};
use serde_saphyr::Spanned;
use std::collections::{BTreeMap, BTreeSet};

/// The policy that `--policy` without a file means.
pub const DEFAULT_POLICY: &str = include_str!("default.yaml");

/// More rules are refused.
const MAX_RULES: usize = 500;

/// What is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name, for whoever reads the decision.
    pub name: String,
    /// Its rules, in the order of the file; their ids are unique.
    pub rules: Vec<Rule>,
}

/// One thing that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Why it is there, for whoever is stopped by it.
    pub description: String,
    /// How much it matters when it is broken.
    pub severity: Severity,
    /// When it is asked.
    pub stage: Stage,
    /// What happens when it is broken.
    pub action: Action,
    /// Which images it is for.
    pub scope: Scope,
    /// What triggers it.
    pub trigger: Trigger,
    /// What the image must be besides.
    pub image: ImageCriteria,
    /// Aspects of which at least one is not fully covered.
    pub coverage: Vec<Pattern>,
    /// What must hold besides.
    pub when: Option<Expression>,
    /// It may pass although not everything that it speaks of was looked at.
    pub allow_incomplete: bool,
}

/// When a rule is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// When an image is built.
    #[default]
    Build,
    /// When it is about to run.
    Deploy,
    /// While it runs.
    Runtime,
}

impl Stage {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Deploy => "deploy",
            Self::Runtime => "runtime",
        }
    }
}

/// What happens when a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The decision is no.
    Fail,
    /// It is told.
    Warn,
}

/// Which images a rule is for; all of them if nothing is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// One of its names is one of these; see [`crate::image_names`].
    pub images: Vec<Pattern>,
    /// It has all of these labels, with such values.
    pub labels: BTreeMap<String, Pattern>,
    /// Who owns it, by the file of [owners](crate::Owners), is one of these.
    #[serde(deserialize_with = "one_or_more")]
    pub owner: Vec<Pattern>,
}

/// `owner: shop` is `owner: [shop]`.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Pattern>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a pattern or a list of patterns")]
    enum Patterns {
        One(Box<Pattern>),
        More(Vec<Pattern>),
    }
    Ok(match Patterns::deserialize(deserializer)? {
        Patterns::One(pattern) => vec![*pattern],
        Patterns::More(patterns) => patterns,
    })
}

/// What triggers a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Each finding that meets the criteria, with a package that does.
    Finding(FindingCriteria, Option<PackageCriteria>),
    /// Each package that meets the criteria.
    Package(PackageCriteria),
    /// The image.
    Image,
}

impl Policy {
    /// Reads a policy; `file` is the name for errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let PolicyDocument { version, name, rules } = yaml::parse(file, text)?;
        let error =
            |at: serde_saphyr::Location, problem: String| DocumentError::new(file, yaml::place(at), problem);
        if version.value != 1 {
            let problem = format!("version {} is not known; this Gabion reads version 1", version.value);
            return Err(error(version.referenced, problem));
        }
        if rules.value.is_empty() || rules.value.len() > MAX_RULES {
            let problem =
                format!("a policy has between 1 and {MAX_RULES} rules, this one {}", rules.value.len());
            return Err(error(rules.referenced, problem));
        }
        let mut ids = BTreeSet::new();
        let mut read = Vec::with_capacity(rules.value.len());
        for Spanned { value: document, referenced: at, .. } in rules.value {
            let rule = document.rule(text).map_err(|Problem { place, text }| {
                DocumentError::new(file, place.or(yaml::place(at)), text)
            })?;
            if !ids.insert(rule.id.clone()) {
                return Err(error(at, format!("the rule {:?} is there twice", rule.id)));
            }
            read.push(rule);
        }
        Ok(Self { name, rules: read })
    }

    /// A sensible policy to begin with: [`DEFAULT_POLICY`].
    #[expect(clippy::missing_panics_doc, reason = "it does not: a test parses the same text")]
    pub fn default_policy() -> Self {
        Self::parse("default.yaml", DEFAULT_POLICY).expect("the policy that is built in is valid")
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyDocument {
    version: Spanned<u32>,
    #[serde(default)]
    name: String,
    rules: Spanned<Vec<Spanned<RuleDocument>>>,
}

/// A rule in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleDocument {
    id: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    severity: Option<Severity>,
    #[serde(default)]
    stage: Stage,
    action: Action,
    #[serde(default)]
    scope: Scope,
    #[serde(default)]
    finding: Option<FindingCriteria>,
    #[serde(default)]
    package: Option<PackageCriteria>,
    #[serde(default)]
    image: Option<ImageCriteria>,
    #[serde(default)]
    coverage: Vec<Spanned<Pattern>>,
    #[serde(default)]
    when: Option<Spanned<String>>,
    #[serde(default)]
    allow_incomplete: bool,
}

struct Problem {
    place: Option<Place>,
    text: String,
}

impl From<String> for Problem {
    fn from(text: String) -> Self {
        Self { place: None, text }
    }
}

impl RuleDocument {
    fn rule(self, text: &str) -> Result<Rule, Problem> {
        let Self {
            id,
            description,
            severity,
            stage,
            action,
            scope,
            finding,
            package,
            image,
            coverage,
            when,
            allow_incomplete,
        } = self;
        check_id(&id)?;
        let coverage = coverage.into_iter().map(aspect).collect::<Result<Vec<_>, _>>()?;
        if finding.is_none() && package.is_none() && image.is_none() && coverage.is_empty() && when.is_none()
        {
            return Err(format!(
                "the rule {id:?} asks nothing: give finding, package, image, coverage or when"
            )
            .into());
        }
        if let Some(finding) = &finding
            && finding.kinds() == [FindingKind::Vulnerability]
            && !matches!(finding.kinds.as_slice(), [] | [FindingKind::Vulnerability])
        {
            return Err(
                format!("the rule {id:?} asks of other findings what only vulnerabilities have").into()
            );
        }
        let when = when
            .map(|when| {
                Expression::parse(&when.value).map_err(|BadExpression { place, problem }| Problem {
                    text: format!("`when` of the rule {id:?}{}: {problem}", within(&when.value, place)),
                    place: in_file(text, &when, place).or(yaml::place(when.referenced)),
                })
            })
            .transpose()?;
        let reads = |variable| when.as_ref().is_some_and(|when| when.reads(variable));
        let trigger = match (finding, package) {
            (Some(finding), package) => Trigger::Finding(finding, package),
            (None, _) if reads("finding") && reads("pkg") => {
                return Err(format!(
                    "the rule {id:?} reads finding and pkg: a finding has its packages in finding.packages"
                )
                .into());
            }
            (None, package) if reads("finding") => Trigger::Finding(FindingCriteria::default(), package),
            (None, Some(package)) => Trigger::Package(package),
            (None, None) if reads("pkg") => Trigger::Package(PackageCriteria::default()),
            (None, None) => Trigger::Image,
        };
        if matches!(trigger, Trigger::Finding(..)) && reads("pkg") {
            return Err(format!(
                "the rule {id:?} is about findings and reads pkg: a finding has its packages in finding.packages"
            )
            .into());
        }
        let image = image.unwrap_or_default();
        let severity = severity.unwrap_or(Severity::Medium);
        let rule = Rule {
            id,
            description,
            severity,
            stage,
            action,
            scope,
            trigger,
            image,
            coverage,
            when,
            allow_incomplete,
        };
        Ok(rule)
    }
}

/// What a rule may ask of the coverage. Those of ecosystems and of the run time may become more.
const ASPECTS: [&str; 20] = [
    "config",
    "files",
    "os",
    "packages",
    "packages.binary",
    "packages.bitnami",
    "packages.cargo",
    "packages.composer",
    "packages.conda",
    "packages.gem",
    "packages.golang",
    "packages.lock",
    "packages.maven",
    "packages.npm",
    "packages.nuget",
    "packages.os",
    "packages.pypi",
    "runtime.exec",
    "secrets",
    "vulnerabilities",
];

/// A typing error would be a rule that is always broken, or never speaks of what it should.
fn aspect(Spanned { value: pattern, referenced: at, .. }: Spanned<Pattern>) -> Result<Pattern, Problem> {
    let text = pattern.as_str();
    let open = ["packages.", "runtime."].iter().any(|family| text.starts_with(family));
    if open || ASPECTS.iter().any(|aspect| pattern.matches(aspect)) {
        Ok(pattern)
    } else {
        Err(Problem { place: yaml::place(at), text: unknown("aspect", text, &ASPECTS) })
    }
}

/// An id is a word that can be searched for: `[A-Za-z0-9._-]`, at most 64.
pub(crate) fn check_id(id: &str) -> Result<(), String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&id.len()) && id.chars().all(is_word) {
        Ok(())
    } else {
        let id: String = id.chars().take(80).collect();
        Err(format!("{id:?} is no id: 1 to 64 letters, digits, `.`, `_` and `-`"))
    }
}

/// Only what has several lines needs its own line numbers.
fn within(source: &str, place: Option<Place>) -> String {
    match place {
        Some(Place { line, column }) if source.trim_end().contains('\n') => {
            format!(" (line {line}, character {column} of it)")
        }
        Some(Place { column, .. }) => format!(" (character {column} of it)"),
        None => String::new(),
    }
}

/// Where a place in an expression is in the file: found where the file has the same text, behind a quote or the
/// indentation of a block; else (an expression that is folded, or has escapes) where the value begins.
fn in_file(text: &str, when: &Spanned<String>, place: Option<Place>) -> Option<Place> {
    let start = yaml::place(when.referenced)?;
    let at = |n: u64| usize::try_from(n.checked_sub(1)?).ok();
    let place = place?;
    let line = start.line + place.line - 1;
    let expected = when.value.lines().nth(at(place.line)?)?;
    let indent = [start.column, start.column + 1].into_iter().find(|indent| {
        let skip = at(*indent).unwrap_or_default();
        at(line)
            .and_then(|line| text.lines().nth(line))
            .is_some_and(|found| found.chars().skip(skip).collect::<String>().starts_with(expected))
    });
    Some(indent.map_or(start, |indent| Place { line, column: indent + place.column - 1 }))
}

impl std::str::FromStr for Stage {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let all = [Self::Build, Self::Deploy, Self::Runtime];
        all.into_iter()
            .find(|stage| stage.as_str() == s)
            .ok_or_else(|| unknown("stage", s, &all.map(Self::as_str)))
    }
}
