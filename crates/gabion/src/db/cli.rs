//! Arguments of `gabion db`.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts, printed as they are")]

use clap::{Args, Subcommand, ValueEnum};
use gabion_advisory::feed::Kind;
use std::{path::PathBuf, str::FromStr};

#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) command: DbCommand,

    /// The database [default: $XDG_DATA_HOME/gabion/db or ~/.local/share/gabion/db]
    #[arg(long, value_name = "DIR", env = "GABION_DB", global = true)]
    pub(crate) db: Option<PathBuf>,

    /// Print no progress and no notes
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Compile feeds into a database
    Build(BuildArgs),
    /// Take sources out of the database; `status` names them
    Remove {
        /// The sources
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<String>,
    },
    /// Bring the database up to date: only what changed is fetched, and only what is signed is taken
    Update(UpdateArgs),
    /// Tell what the database holds, how old it is, and where it is from
    Status {
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Look up an advisory (CVE-2024-3094, GHSA-..., DSA-5649-1) or a package (openssl, npm/lodash)
    Search {
        /// What to look for
        query: String,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Tell which advisories two databases do not have in common
    Diff {
        /// The older one
        old: PathBuf,
        /// The newer one [default: the database]
        new: Option<PathBuf>,
        /// Format of what is printed
        #[arg(short, long, value_enum, default_value = "table")]
        format: TextFormat,
    },
    /// Read and check every byte of the database
    Verify,
    /// Lay out and sign the database for those who update from it
    #[command(visible_alias = "publish")]
    Sign(SignArgs),
    /// Put what `sign` laid out into a registry
    Push {
        /// The directory that `sign` wrote
        directory: PathBuf,
        /// Where to: oci://HOST/NAME[:TAG]
        place: String,
        #[command(flatten)]
        remote: DbRemote,
    },
    /// Make a key to sign with: FILE and FILE.pub
    Keygen {
        /// Where to write the secret key
        file: PathBuf,
    },
    /// Tell which of many images advisories affect, by an index of their packages
    Affected(AffectedArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// A feed, as KIND=PATH or KIND=URL; may be repeated. Kinds: osv, debian-tracker, secdb, csaf, oval, updateinfo,
    /// kubernetes, kev, epss, vulnrichment, endoflife. NAME:KIND=PATH names the source, else the file does; feeds of one
    /// name become one source
    #[arg(long = "from", value_name = "[NAME:]KIND=PATH", required = true)]
    pub(crate) from: Vec<Feed>,

    /// Add these sources to those that are there, or put them where one of their name is; without it, the database is
    /// what is named, and nothing else
    #[arg(long)]
    pub(crate) add: bool,

    /// Where to build it [default: the database]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Fail if any record of a feed is refused
    #[arg(long)]
    pub(crate) strict: bool,

    #[command(flatten)]
    pub(crate) remote: DbRemote,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// Where from: a directory, https://HOST/PATH or oci://HOST/NAME[:TAG] [default: where the database is from]
    pub(crate) from: Option<String>,

    /// The publisher's public key: a minisign.pub, or its line of base64. It is remembered with the database
    #[arg(long, value_name = "KEY", env = "GABION_DB_KEY")]
    pub(crate) key: Option<String>,

    /// Take another key than the one that is remembered
    #[arg(long)]
    pub(crate) new_key: bool,

    /// Go back to an older version on purpose
    #[arg(long)]
    pub(crate) allow_older: bool,

    #[command(flatten)]
    pub(crate) remote: DbRemote,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The secret key: a file made by `gabion db keygen` or `minisign -G`; its password is read from
    /// GABION_DB_PASSWORD, if it has one
    #[arg(long, value_name = "FILE", env = "GABION_DB_SECRET_KEY")]
    pub(crate) key: PathBuf,

    /// Where to lay it out; what was published there before becomes what updates start from
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,

    /// For how many earlier versions to keep a short way to the newest
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) keep: usize,
}

#[derive(Debug, Args)]
pub(crate) struct AffectedArgs {
    /// Advisories to ask about; without any, all that the database has and --since has not
    pub(crate) ids: Vec<String>,

    /// The index: made with --add, then asked
    #[arg(long, value_name = "FILE")]
    pub(crate) index: PathBuf,

    /// Put scans (JSON of `gabion scan`) and SBOMs, or a directory of them, into the index; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) add: Vec<PathBuf>,

    /// Ask about what is new since this database
    #[arg(long, value_name = "DIR", conflicts_with = "ids")]
    pub(crate) since: Option<PathBuf>,

    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) format: TextFormat,
}

/// Options for what is fetched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registries and web servers")]
pub(crate) struct DbRemote {
    /// Trust the certificates in this PEM file, too; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_ca: Vec<PathBuf>,

    /// Speak plain HTTP to this host, or TLS without checking its certificate; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) registry_insecure: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TextFormat {
    Table,
    Json,
}

/// `[NAME:]KIND=PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Feed {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) place: String,
}

impl FromStr for Feed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, place) =
            text.split_once('=').ok_or("expected KIND=PATH, for example osv=all.zip or kev=kev.json")?;
        let (name, kind) = what.split_once(':').map_or((None, what), |(name, kind)| (Some(name), kind));
        let kind: Kind = kind.parse().map_err(|error| format!("{error}"))?;
        if place.is_empty() {
            return Err("the path is empty".into());
        }
        let name = name.map_or_else(|| stem(place), str::to_owned);
        if name.is_empty() || name.len() > 64 || name.chars().any(|c| !is_plain(c)) {
            return Err(format!(
                "a source is named by up to 64 lower-case letters, digits and dashes, not {name:?}; name it: NAME:{what}=..."
            ));
        }
        Ok(Self { name, kind, place: place.to_owned() })
    }
}

const fn is_plain(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The name of a file without its endings, as the name of a source: `debian` of `/feeds/Debian.jsonl.zst`.
fn stem(place: &str) -> String {
    let file = place.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    stem.to_ascii_lowercase().chars().map(|c| if is_plain(c) { c } else { '-' }).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_by_its_file_or_by_the_user() {
        let feed = |text: &str| text.parse::<Feed>().map(|f| (f.name, f.kind.name(), f.place));
        let own = |name: &str, kind, place: &str| Ok((name.to_owned(), kind, place.to_owned()));
        assert_eq!(
            feed("osv=/feeds/Debian_12.jsonl.zst"),
            own("debian-12", "osv", "/feeds/Debian_12.jsonl.zst")
        );
        assert_eq!(feed("osv=/feeds/npm/"), own("npm", "osv", "/feeds/npm/"));
        assert_eq!(feed("mine:kev=https://x/y?a=b"), own("mine", "kev", "https://x/y?a=b"));
        for wrong in ["/feeds/debian.json", "osv=", "nvd=x", "A B:osv=x", "osv=..."] {
            assert!(feed(wrong).is_err(), "{wrong}");
        }
    }
}
