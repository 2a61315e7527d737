//! What the agent judges by, and where that comes from.
//!
//! ```text
//!   --rules, --policy, --respond ──────┐
//!   what the hub has rolled out ───────┴──► read as a whole ──► replaces what was there, or nothing does
//!   (STATE/configuration.json)
//! ```
//! Rules of the hub are judged by beside those of the command line. Policies and responses have one home: where this machine has a file of
//! its own, the hub's are refused, and that is told.

use super::{
    AgentArgs,
    automatic::{self, Cause},
    enforce::{self, PolicyFile},
};
use crate::{control::Configuration, rules};
use anyhow::{Context, anyhow, bail};
use gabion_detect::{
    baseline::{self, Baseline, Settings},
    rules::{RuleFile, RuleSet},
};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The same for all files: what a hub could send is capped by the socket, what lies on disk by this.
const MAX_FILE: u64 = 8 << 20;

/// All that the agent judges by.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) rules: RuleSet,
    pub(super) causes: Vec<Cause>,
    /// None if nobody gives any.
    pub(super) policies: Option<PolicyFile>,
    /// What workloads do, whatever was learnt here.
    pub(super) baselines: Vec<Baseline>,
}

impl Sources {
    /// Reads all of it. Whatever is wrong with any of it makes it unusable as a whole.
    pub(super) fn read(args: &AgentArgs, hub: &Configuration) -> anyhow::Result<Self> {
        let of_hub = |part: &str| format!("the {part} of the hub");
        let own = |part: &str, option: &str| {
            format!("this node has {part} of its own ({option}); the hub's cannot be used beside them")
        };
        let more = (!hub.rules.trim().is_empty())
            .then(|| RuleFile { name: of_hub("rules"), content: Ok(hub.rules.clone().into_bytes()) });
        let rules = rules::for_agent(&args.rules, !args.no_default_rules, more)?.rules;
        let causes = match (&args.respond, hub.responses.trim().is_empty()) {
            (Some(_), false) => bail!(own("responses", "--respond")),
            (Some(file), true) => automatic::read(file, &rules)?,
            (None, false) => automatic::parse(&of_hub("responses"), &hub.responses, &rules)?,
            (None, true) => Vec::new(),
        };
        let policies = match (&args.policy, hub.policy.trim().is_empty()) {
            (Some(_), false) => bail!(own("policies", "--policy")),
            (Some(file), true) => Some(enforce::read(file)?),
            (None, false) => Some(enforce::parse(&of_hub("policy"), &hub.policy)?),
            (None, true) => None,
        };
        let baselines = baseline::read_exports(&hub.baselines, &Settings::default())
            .map_err(|why| anyhow!("the baselines of the hub: {why}"))?;
        Ok(Self { rules, causes, policies, baselines })
    }
}

/// What the hub has rolled out to this node, on disk.
#[derive(Debug)]
pub(super) struct FromHub {
    path: PathBuf,
    /// What is in force.
    pub(super) now: Configuration,
    /// Why what is on disk is not in force.
    pub(super) refused: String,
}

impl FromHub {
    /// Reads it. An agent that belongs to no hub does not go on with what one has said.
    pub(super) fn open(args: &AgentArgs) -> anyhow::Result<Self> {
        let path = args.state.join("configuration.json");
        let now = if args.link.hub.is_empty() { Configuration::default() } else { stored(&path)? };
        Ok(Self { path, now, refused: String::new() })
    }

    /// What is judged by from the start. What the hub has rolled out may fit no more, as this machine's files are others: then it is left out,
    /// and told, and the rest is judged by.
    pub(super) fn begin(&mut self, args: &AgentArgs) -> anyhow::Result<Sources> {
        match Sources::read(args, &self.now) {
            Err(error) if !self.now.is_empty() => {
                self.refused = format!("{error:#}");
                self.now = Configuration::default();
                Sources::read(args, &self.now)
            }
            read => read,
        }
    }

    /// Keeps another from now on.
    pub(super) fn keep(&mut self, configuration: Configuration) -> anyhow::Result<()> {
        write(&self.path, &configuration).context("cannot keep what the hub has rolled out")?;
        self.now = configuration;
        self.refused.clear();
        Ok(())
    }
}

fn stored(path: &Path) -> anyhow::Result<Configuration> {
    let told = || format!("cannot use {}\nhint: remove it; the hub sends it again", path.display());
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Configuration::default()),
        Err(error) => return Err(error).with_context(told),
        Ok(about) if about.len() > MAX_FILE => bail!("{}: it is too large", told()),
        Ok(_) => {}
    }
    serde_json::from_slice(&fs::read(path).with_context(told)?).with_context(told)
}

/// Writes it whole, or not at all.
fn write(path: &Path, configuration: &Configuration) -> anyhow::Result<()> {
    let new = path.with_extension("json.new");
    let mut file: File =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(configuration)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    const RULE: &str = "- rule: Shell of ours\n  desc: d\n  condition: evt.type = execve and proc.name = sh\n  output: o\n  priority: NOTICE\n";

    fn args(words: &[&str]) -> AgentArgs {
        let line = ["gabion", "agent"].into_iter().chain(words.iter().copied());
        match Cli::try_parse_from(line).expect("parses").command {
            crate::cli::Command::Agent(args) => args,
            _ => unreachable!("it is agent"),
        }
    }

    fn hub(rules: &str, policy: &str, responses: &str) -> Configuration {
        let [rules, policy, responses] = [rules, policy, responses].map(str::to_owned);
        Configuration { name: "v1".to_owned(), rules, policy, responses, baselines: String::new() }
    }

    #[test]
    fn rules_of_the_hub_come_beside_and_a_mistake_in_any_part_stops_all() {
        let args = args(&[]);
        let without = Sources::read(&args, &Configuration::default()).expect("reads");
        let responses = "- rules: [Shell of ours]\n  action: freeze\n";
        let with = Sources::read(&args, &hub(RULE, "default: {mode: observe}\n", responses)).expect("reads");
        assert_eq!(with.rules.rules.len(), without.rules.rules.len() + 1);
        assert_eq!(with.causes.len(), 1);
        assert!(with.policies.is_some() && without.policies.is_none());
        for (wrong, why) in [
            (hub("- rule: [", "", ""), "the rules of the hub:1"),
            (
                hub(
                    "- rule: x\n  desc: d\n  condition: nothing.known = 1\n  output: o\n  priority: NOTICE\n",
                    "",
                    "",
                ),
                "nothing.known",
            ),
            (hub("", "default: {mode: nothing}\n", ""), "the policy of the hub"),
            (hub("", "", responses), "there is no rule"),
            (Configuration { baselines: "{}".to_owned(), ..hub("", "", "") }, "the baselines of the hub"),
        ] {
            let error = format!("{:#}", Sources::read(&args, &wrong).expect_err(why));
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn what_this_machine_has_of_its_own_is_not_overruled() {
        let directory = tempfile::tempdir().expect("a directory");
        let policy = directory.path().join("policy.yaml");
        fs::write(&policy, "default: {mode: observe}\n").expect("writes");
        let args = args(&["--policy", policy.to_str().expect("text")]);
        assert!(Sources::read(&args, &hub(RULE, "", "")).is_ok(), "rules go together");
        let error =
            Sources::read(&args, &hub("", "default: {mode: enforce}\n", "")).expect_err("two of them");
        assert!(error.to_string().contains("--policy"), "{error}");
    }

    #[test]
    fn it_is_there_after_a_restart_and_no_reason_not_to_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let state = directory.path().to_str().expect("text");
        let member = args(&["--state", state, "--hub", "hub.example:8421"]);
        let mut kept = FromHub::open(&member).expect("opens");
        kept.keep(hub(RULE, "", "")).expect("keeps");
        let mut again = FromHub::open(&member).expect("opens");
        assert_eq!(again.now, kept.now);
        assert!(again.begin(&member).is_ok() && again.refused.is_empty());
        assert!(
            FromHub::open(&args(&["--state", state])).expect("opens").now.is_empty(),
            "it has left its hub"
        );

        again.keep(hub("- rule: [", "", "")).expect("keeps");
        let mut wrong = FromHub::open(&member).expect("opens");
        assert!(wrong.begin(&member).is_ok(), "Gabion's own rules are there");
        assert!(wrong.refused.contains("the rules of the hub") && wrong.now.is_empty());

        fs::write(directory.path().join("configuration.json"), "{").expect("writes");
        assert!(format!("{:#}", FromHub::open(&member).expect_err("no JSON")).contains("configuration.json"));
    }
}
