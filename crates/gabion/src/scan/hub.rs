//! `gabion scan --hub`: the scan is made here, and what it comes to is said there.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts, printed as they are")]

use crate::{output, verdict};
use anyhow::{Context, anyhow, bail};
use clap::Args;
use gabion_api::rest::{CiFacts, ScanGate};
use gabion_image::source::{
    auth::Secret,
    hub::{Hub, HubError},
};
use gabion_model::{AppliedException, ScanReport};
use gabion_report::GateResult;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A file of a token is not longer, in bytes.
const MAX_TOKEN: usize = 4096;

#[derive(Debug, Args)]
#[command(next_help_heading = "Hub")]
pub(crate) struct HubArgs {
    /// Let a hub say what the scan comes to, by its database, owners, exceptions and policies, and keep it there
    #[arg(long, value_name = "URL", env = "GABION_HUB_URL")]
    pub(crate) hub: Option<String>,

    /// A file with the token for it [default: GABION_HUB_TOKEN]
    #[arg(long, value_name = "FILE", env = "GABION_HUB_TOKEN_FILE")]
    pub(crate) hub_token_file: Option<PathBuf>,

    /// Trust a hub whose certificate is signed by the one in this PEM file
    #[arg(long, value_name = "FILE", env = "GABION_HUB_CA")]
    pub(crate) hub_ca: Option<PathBuf>,
}

/// What a hub has said.
pub(crate) struct Answered {
    /// What its policies say.
    pub(crate) gates: Vec<GateResult>,
    /// Its exceptions that are for this image.
    pub(crate) exceptions: Vec<AppliedException>,
}

#[derive(Serialize)]
struct Sent<'a> {
    report: &'a ScanReport,
    ci: CiFacts,
}

#[derive(Deserialize)]
struct Answer {
    image: String,
    kept: bool,
    #[serde(default)]
    gates: Vec<ScanGate>,
    report: ScanReport,
}

/// The hub that is wanted, checked before anything is done; a token of this role is enough for it.
pub(crate) fn wanted(args: &HubArgs, role: &str) -> anyhow::Result<Option<Hub>> {
    let Some(url) = args.hub.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
    let token = match &args.hub_token_file {
        Some(path) => verdict::read(path)?,
        None => std::env::var("GABION_HUB_TOKEN").unwrap_or_default(),
    };
    let token = token.trim();
    if token.is_empty()
        || token.len() > MAX_TOKEN
        || token.chars().any(|c| c.is_whitespace() || c.is_control())
    {
        bail!(
            "there is no token for the hub\nhint: make one with the role {role} on its page Settings, and give it in GABION_HUB_TOKEN or --hub-token-file"
        );
    }
    Hub::new(url, Secret::new(token), args.hub_ca.as_deref()).map(Some).map_err(|error| told(&error))
}

/// Sends a report, and puts in its place what the hub makes of it.
pub(crate) fn ask(hub: &Hub, report: &mut ScanReport, quiet: bool) -> anyhow::Result<Answered> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let mut body = zstd::stream::write::Encoder::new(Vec::new(), 3)?;
    serde_json::to_writer(&mut body, &Sent { report, ci: facts(&env) })?;
    let body = body.finish()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(hub.send(body)).map_err(|error| told(&error))?;
    let answer: Answer = serde_json::from_slice(&answer)
        .with_context(|| format!("the answer of the hub at {} is not understood", hub.shown()))?;
    let mut answered = answer.report;
    answered.check().with_context(|| format!("the answer of the hub at {} cannot be used", hub.shown()))?;
    // What the hub has not found, nobody has looked for: a report without vulnerabilities says so in its coverage, which is kept.
    let exceptions = std::mem::take(&mut answered.exceptions);
    *report = answered;
    if !quiet {
        let is = if answer.kept { "kept" } else { "known" };
        let id = output::printable(&answer.image).into_owned();
        output::note(&format!("{is} by the hub: {}/images/{}", hub.shown(), id.replace(':', "%3A")));
    }
    let gates =
        answer.gates.into_iter().map(|ScanGate { gate, passed, detail }| GateResult { gate, passed, detail });
    Ok(Answered { gates: gates.collect(), exceptions })
}

fn told(error: &HubError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow!("{error}\nhint: {hint}"),
        None => anyhow!("{error}"),
    }
}

/// One system of CI: the variable that tells that it is this one, and where it tells what.
struct System {
    name: &'static str,
    tells: &'static str,
    repository: &'static [&'static str],
    revision: &'static [&'static str],
    branch: &'static [&'static str],
    job: &'static [&'static str],
}

/// Those that set GitHub's variables, too, are in front of it.
const SYSTEMS: [System; 8] = [
    System {
        name: "gitlab",
        tells: "GITLAB_CI",
        repository: &["CI_PROJECT_URL"],
        revision: &["CI_COMMIT_SHA"],
        branch: &["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"],
        job: &["CI_JOB_URL"],
    },
    System {
        name: "jenkins",
        tells: "JENKINS_URL",
        repository: &["GIT_URL"],
        revision: &["GIT_COMMIT"],
        branch: &["CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH"],
        job: &["BUILD_URL"],
    },
    System {
        name: "circleci",
        tells: "CIRCLECI",
        repository: &["CIRCLE_REPOSITORY_URL"],
        revision: &["CIRCLE_SHA1"],
        branch: &["CIRCLE_BRANCH", "CIRCLE_TAG"],
        job: &["CIRCLE_BUILD_URL"],
    },
    System {
        name: "azure",
        tells: "TF_BUILD",
        repository: &["BUILD_REPOSITORY_URI"],
        revision: &["BUILD_SOURCEVERSION"],
        branch: &["BUILD_SOURCEBRANCHNAME"],
        job: &[],
    },
    System {
        name: "bitbucket",
        tells: "BITBUCKET_BUILD_NUMBER",
        repository: &["BITBUCKET_GIT_HTTP_ORIGIN"],
        revision: &["BITBUCKET_COMMIT"],
        branch: &["BITBUCKET_BRANCH", "BITBUCKET_TAG"],
        job: &[],
    },
    System {
        name: "buildkite",
        tells: "BUILDKITE",
        repository: &["BUILDKITE_REPO"],
        revision: &["BUILDKITE_COMMIT"],
        branch: &["BUILDKITE_BRANCH"],
        job: &["BUILDKITE_BUILD_URL"],
    },
    System {
        name: "woodpecker",
        tells: "CI_PIPELINE_FORGE_URL",
        repository: &["CI_REPO_URL"],
        revision: &["CI_COMMIT_SHA"],
        branch: &["CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"],
        job: &["CI_PIPELINE_URL"],
    },
    System {
        name: "github",
        tells: "GITHUB_ACTIONS",
        repository: &[],
        revision: &["GITHUB_SHA"],
        branch: &["GITHUB_HEAD_REF", "GITHUB_REF_NAME"],
        job: &[],
    },
];

/// Where this scan comes from, as CI says.
fn facts(env: &dyn Fn(&str) -> Option<String>) -> CiFacts {
    let Some(system) = SYSTEMS.iter().find(|system| env(system.tells).is_some()) else {
        return CiFacts::default();
    };
    let first = |names: &[&str]| names.iter().find_map(|name| env(name)).map(|text| without_login(&text));
    let mut facts = CiFacts {
        system: Some(system.name.to_owned()),
        repository: first(system.repository),
        revision: first(system.revision),
        branch: first(system.branch),
        job: first(system.job),
    };
    match system.name {
        // It tells them in parts.
        "github" => {
            let server = env("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
            facts.repository =
                env("GITHUB_REPOSITORY").map(|name| without_login(&format!("{server}/{name}")));
            let run = env("GITHUB_RUN_ID");
            facts.job =
                facts.repository.as_ref().zip(run).map(|(at, run)| format!("{at}/actions/runs/{run}"));
        }
        "azure" => {
            let at = env("SYSTEM_COLLECTIONURI").zip(env("SYSTEM_TEAMPROJECT")).zip(env("BUILD_BUILDID"));
            facts.job = at.map(|((at, project), id)| {
                without_login(&format!("{at}{project}/_build/results?buildId={id}"))
            });
        }
        "bitbucket" => {
            let at = facts.repository.as_ref().zip(env("BITBUCKET_BUILD_NUMBER"));
            facts.job = at.map(|(at, number)| format!("{at}/pipelines/results/{number}"));
        }
        _ => {}
    }
    facts
}

/// `https://ann:secret@git.example/app` without who is let in: addresses of repositories often have that.
fn without_login(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> CiFacts {
        facts(&|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn every_system_tells_where_a_scan_comes_from() {
        let github = of(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "shop/web"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_RUN_ID", "7"),
        ]);
        assert_eq!(
            github,
            CiFacts {
                system: Some("github".to_owned()),
                repository: Some("https://github.com/shop/web".to_owned()),
                revision: Some("abc".to_owned()),
                branch: Some("main".to_owned()),
                job: Some("https://github.com/shop/web/actions/runs/7".to_owned()),
            }
        );
        let gitlab = of(&[
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_URL", "https://git.example/shop/web"),
            ("CI_COMMIT_SHA", "abc"),
            ("CI_COMMIT_REF_NAME", "main"),
            ("CI_JOB_URL", "https://git.example/shop/web/-/jobs/1"),
        ]);
        assert_eq!(gitlab.job.as_deref(), Some("https://git.example/shop/web/-/jobs/1"));
        assert_eq!(of(&[("CI", "true")]), CiFacts::default());
    }

    #[test]
    fn nobody_is_told_a_login() {
        let jenkins = of(&[
            ("JENKINS_URL", "https://ci.example"),
            ("GIT_URL", "https://ann:s3cret@git.example/shop/web.git"),
            ("GIT_BRANCH", "origin/main"),
        ]);
        assert_eq!(jenkins.repository.as_deref(), Some("https://git.example/shop/web.git"));
        assert_eq!(without_login("git@git.example:shop/web.git"), "git@git.example:shop/web.git");
        assert_eq!(without_login("https://git.example/a@b"), "https://git.example/a@b");
    }
}
