//! The commands and their options, from which help, completions and the man page are made.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts, printed as they are")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{path::PathBuf, str::FromStr};

/// Secures what runs in containers, from the image to the running process
#[derive(Debug, Parser)]
#[command(name = "gabion", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done, whatever was found; 1 a gate or a policy that was asked for failed; \
    2 something could not be done."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start hub, agent and console on this machine
    Up(crate::up::UpArgs),
    /// End what `up` has started
    Down(crate::up::DownArgs),
    /// Start a small shop with faults in containers of this machine, attack it, fix it
    Demo(crate::demo::DemoArgs),
    /// Tell what is in an image: packages, vulnerabilities, secrets, departures from the CIS Docker Benchmark
    #[command(override_usage = "gabion scan [OPTIONS] <TARGET>")]
    Scan(ScanArgs),
    /// Tell what changed between two images
    #[command(override_usage = "gabion diff [OPTIONS] <OLD> <NEW>")]
    Diff(DiffArgs),
    /// Tell why a finding is one: advisory, range, package, file, layer, line of the Dockerfile, priority
    Explain(ExplainArgs),
    /// Plan which base images to rebuild and which lines to change, to clear the most of many images
    Plan(crate::plan::PlanArgs),
    /// Try policies on saved scans
    Policy(crate::policy::PolicyArgs),
    /// Check, list and explain rules about what containers do
    Rules(crate::rules::RulesArgs),
    /// Show recorded events, judge them by rules, or convert the recording
    Replay(crate::replay::ReplayArgs),
    /// Build, update, share and search the database of vulnerabilities
    Db(crate::db::cli::DbArgs),
    /// Gather what agents see, and show it: the console, the API
    Hub(crate::hub::HubArgs),
    /// Watch what the containers of this node do
    Agent(crate::agent::AgentArgs),
    /// Tell what is wrong with this installation, why, and what to do; changes nothing
    Doctor(crate::doctor::DoctorArgs),
    /// Tell how the agent of this node does: what it watches, what it has seen, what it could not see
    Status(crate::operate::status::StatusArgs),
    /// Follow what containers do, as the agent sees it
    Events(crate::operate::events::EventsArgs),
    /// List alerts, or follow them
    Alerts(crate::operate::alerts::AlertsArgs),
    /// Show what workloads always do, approve it, and see what departs from it
    Baseline(crate::operate::baseline::BaselineArgs),
    /// End processes, freeze or isolate containers, collect evidence; list and undo that
    Respond(crate::operate::respond::RespondArgs),
    /// Let the agent read its rules again; if they cannot be used, it keeps the old ones
    Reload(crate::operate::reload::ReloadArgs),
    /// List and tell incidents: where they came from, how far they got
    Incident(crate::incident::IncidentArgs),
    /// Install the agent or the hub as a service of systemd
    Install(crate::install::InstallArgs),
    /// Remove the service, and stop what it enforces
    Uninstall(crate::install::UninstallArgs),
    /// Show or prune what earlier scans kept
    Cache(CacheArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in roff
    Man,
}

const TARGET_HELP: &str = "\
What to scan. One of:
  registry:HOST/NAME[:TAG|@DIGEST]  an image in a registry
  containerd:REF                    an image containerd has
  docker:REF                        an image the Docker or Podman daemon has
  docker-archive:FILE[:NAME]        a file made by docker save
  oci:DIR[:TAG], oci-archive:FILE   an OCI image layout
  container:ID                      a running container
  dir:PATH                          a root file system or a source tree
  sbom:FILE                         a CycloneDX or SPDX document
Without a prefix it is recognised by what it is.";

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    /// What to scan: an image, archive, directory, container or SBOM (see --help for all forms)
    #[arg(value_name = "TARGET", long_help = TARGET_HELP)]
    pub(crate) target: String,

    /// Format of what is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "table", value_parser = format_parser())]
    pub(crate) format: gabion_report::Format,

    /// Also write a report to a file, in another format if need be; may be repeated
    #[arg(short, long = "output", value_name = "FORMAT=FILE")]
    pub(crate) outputs: Vec<OutputFile>,

    /// Also write what is known of each vulnerability as OpenVEX: exceptions and VEX that were applied, and what is affected
    #[arg(long, value_name = "FILE")]
    pub(crate) vex_output: Option<PathBuf>,

    /// Who says so in that document
    #[arg(long, value_name = "NAME", env = "GABION_VEX_AUTHOR", default_value = "gabion")]
    pub(crate) vex_author: String,

    /// Show everything in the table, not only what matters most
    #[arg(short, long)]
    pub(crate) all: bool,

    /// The database of vulnerabilities, or `none` [default: $XDG_DATA_HOME/gabion/db or ~/.local/share/gabion/db, and where
    /// there is none the starter database in this program]
    #[arg(long, value_name = "DIR", env = "GABION_DB")]
    pub(crate) db: Option<PathBuf>,

    /// Do not look for secrets
    #[arg(long)]
    pub(crate) no_secrets: bool,

    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) hub: crate::scan::hub::HubArgs,

    // A heading holds for all that follows, so what has none goes first.
    #[command(flatten)]
    pub(crate) verdict: crate::verdict::VerdictArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The finding: its id, or a CVE, another name of it, or a rule
    pub(crate) id: String,
    /// An image as for `scan`, or a report that `scan --format json` wrote [default: the last scan]
    #[arg(value_name = "IMAGE|SCAN.json")]
    pub(crate) target: Option<String>,
    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) format: crate::db::cli::TextFormat,
    /// The database of vulnerabilities, or `none`
    #[arg(long, value_name = "DIR", env = "GABION_DB")]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The image to compare from, as for `scan`
    pub(crate) old: String,
    /// The image to compare to
    pub(crate) new: String,
    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) format: DiffFormat,
    /// Exit with 1 if anything differs
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Exit with 1 if the new image has any of these that the old one has not, separated by commas: the gates of
    /// `gabion scan --fail-on`
    #[arg(long, value_name = "GATES")]
    pub(crate) fail_on: Vec<String>,
    /// The database of vulnerabilities, or `none`
    #[arg(long, value_name = "DIR", env = "GABION_DB")]
    pub(crate) db: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) counts: crate::verdict::CountsArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    Table,
    Json,
}

/// Options of every command that reads an image.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Platform to choose from an image for several, as os/arch[/variant] [default: linux on this machine's architecture]
    #[arg(long, value_name = "PLATFORM", env = "GABION_PLATFORM")]
    pub(crate) platform: Option<String>,

    /// What a directory is [default: recognised]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) dir_kind: Option<DirKind>,

    /// Read and verify everything again, whatever is cached
    #[arg(long)]
    pub(crate) verify: bool,

    /// Neither use nor keep results of earlier scans
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Where results are kept [default: $XDG_CACHE_HOME/gabion or ~/.cache/gabion]
    #[arg(long, value_name = "DIR", env = "GABION_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,

    /// Threads to read with [default: as many as there are processors]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<usize>,

    /// Refuse a layer that inflates to more than this many GiB
    #[arg(long, value_name = "GIB", default_value_t = 64)]
    pub(crate) max_layer_size: u64,

    /// Refuse an image with more entries, or more packages, files of packages and secrets, than this
    #[arg(long, value_name = "N", default_value_t = 8_000_000)]
    pub(crate) max_entries: u64,

    /// Colour the output
    #[arg(long, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Print no progress and no notes
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print time and memory at the end
    #[arg(long)]
    pub(crate) stats: bool,

    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// Options for registries and daemons.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registries and daemons")]
pub(crate) struct Remote {
    /// User for the registry, with the password in GABION_REGISTRY_PASSWORD [default: from Docker's or Podman's
    /// config.json and its credential helpers]
    #[arg(long, value_name = "NAME", env = "GABION_REGISTRY_USER")]
    pub(crate) registry_user: Option<String>,

    /// Trust the certificates in this PEM file, too; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_ca: Vec<PathBuf>,

    /// Speak plain HTTP to this registry, or TLS without checking its certificate; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) registry_insecure: Vec<String>,

    /// Ask a mirror first; may be repeated
    #[arg(long, value_name = "HOST=MIRROR")]
    pub(crate) registry_mirror: Vec<String>,

    /// Socket of containerd
    #[arg(
        long,
        value_name = "SOCKET",
        env = "CONTAINERD_ADDRESS",
        default_value = "/run/containerd/containerd.sock"
    )]
    pub(crate) containerd_socket: PathBuf,

    /// Namespace of containerd [default: k8s.io, default and moby, in this order]
    #[arg(long, value_name = "NAME", env = "CONTAINERD_NAMESPACE")]
    pub(crate) containerd_namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DirKind {
    /// A root file system: what is installed in it counts
    Rootfs,
    /// A source tree: what its lock files name counts
    Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CacheCommand>,
    /// The cache [default: $XDG_CACHE_HOME/gabion or ~/.cache/gabion]
    #[arg(long, value_name = "DIR", env = "GABION_CACHE_DIR", global = true)]
    pub(crate) cache_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Show where it is and what it holds
    Show,
    /// Remove what was not used for some time
    Prune {
        /// Remove what was not used for this many days; 0 removes everything
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u64,
        /// Remove everything
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
    },
}

/// `--output FORMAT=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct OutputFile {
    pub(crate) format: gabion_report::Format,
    pub(crate) path: PathBuf,
}

impl FromStr for OutputFile {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let (format, path) =
            s.split_once('=').ok_or("expected FORMAT=FILE, for example sarif=report.sarif")?;
        if path.is_empty() {
            return Err("the file name is empty".into());
        }
        Ok(Self { format: format.parse().map_err(|e| format!("{e}"))?, path: path.into() })
    }
}

fn format_parser() -> impl clap::builder::TypedValueParser<Value = gabion_report::Format> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(["table", "json", "cyclonedx", "spdx", "sarif", "junit", "markdown"])
        .try_map(|s| s.parse::<gabion_report::Format>())
}
