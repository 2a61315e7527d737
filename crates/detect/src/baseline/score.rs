//! How much it matters that something is new: a sum of named reasons.

use super::{Item, Subject};

/// Points from which a deviation is told at all.
const TOLD: u32 = 30;
/// Points from which it is told whatever else was told of the container.
const GRAVE: u32 = 60;
/// How many reasons are told.
const REASONS: usize = 3;

/// Something that a baseline does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// Of whose baseline.
    pub subject: Subject,
    /// In which container.
    pub container: String,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// What.
    pub item: Item,
    /// How much it matters: the sum of all reasons, from 0 to 100.
    pub score: u32,
    /// How it is to be told.
    pub grade: Grade,
    /// The largest reasons, the largest first; at most three.
    pub reasons: Vec<Reason>,
}

/// How a deviation is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// It waits in the baseline's list, and is no alert.
    Noted,
    /// It belongs to an alert that was told of this container already.
    Joined,
    /// An alert.
    Told,
    /// An alert of its own, whatever was told before.
    Grave,
}

/// Why a deviation matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What it adds.
    pub points: u32,
    /// Why, in words.
    pub why: String,
}

/// What is known beside the item itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    /// How often this parent ran anything, in all containers of the image.
    pub(super) parent_runs: u64,
    /// How many different programs it ran.
    pub(super) parent_programs: u64,
    /// The program is one that the baseline has.
    pub(super) known_program: bool,
    /// Points of what was new in this container within the last minutes and was not told.
    pub(super) lately: u32,
}

/// The score of a new item, and its reasons.
pub(super) fn score(item: &Item, context: Context) -> (u32, Vec<Reason>) {
    let mut reasons = Vec::new();
    let mut reason = |points: u32, why: String| reasons.push(Reason { points, why });
    match item {
        Item::Program { path, in_image } => {
            if *in_image {
                reason(32, format!("{path} is in the image, and was never run before"));
            } else {
                reason(70, format!("{path} is not known to be in the image"));
            }
            if in_writable_place(path) {
                reason(15, format!("{path} lies where everybody may write"));
            }
        }
        Item::Parent { child, parent } => {
            reason(12, format!("{parent} never ran {child} before"));
            let bits = rarity(context.parent_runs, context.parent_programs);
            if bits > 0 {
                reason(
                    bits,
                    format!(
                        "{parent} ran {} program{} {} times, and always the same",
                        context.parent_programs,
                        if context.parent_programs == 1 { "" } else { "s" },
                        context.parent_runs
                    ),
                );
            }
        }
        Item::Arguments { program, shape } => {
            reason(
                if context.known_program { 6 } else { 0 },
                format!("{program} was never given {shape:?} before"),
            );
        }
        Item::Writes { program, directory } => {
            reason(10, format!("{program} never wrote in {directory} before"));
            if is_place_of_programs(directory) {
                reason(40, format!("programs and libraries lie in {directory}"));
            }
        }
        Item::Listens { transport, port } => {
            let points = if *port == 0 { 20 } else { 45 };
            reason(points, format!("nothing listened on {transport} port {port} before"));
        }
        Item::Connects { peer, transport, port } => {
            reason(22, format!("no connection went to {peer}, {transport} port {port} before"));
            if peer.parse::<std::net::IpAddr>().is_ok_and(|address| is_public(&address)) {
                reason(18, format!("{peer} is a public address without a name"));
            }
        }
        Item::Capability { name } => reason(40, format!("{name} was never used before")),
        Item::Call { name } => reason(34, format!("{name} was never called before")),
    }
    if context.lately > 0 {
        reason(
            context.lately.min(30),
            "other new things happened in this container within minutes".to_owned(),
        );
    }
    reasons.retain(|reason| reason.points > 0);
    reasons.sort_by(|a, b| b.points.cmp(&a.points).then_with(|| a.why.cmp(&b.why)));
    let sum = reasons.iter().map(|reason| reason.points).sum::<u32>().min(100);
    reasons.truncate(REASONS);
    (sum, reasons)
}

/// By itself; what was told of the container before is not looked at.
pub(super) const fn grade(score: u32) -> Grade {
    match score {
        GRAVE.. => Grade::Grave,
        TOLD.. => Grade::Told,
        _ => Grade::Noted,
    }
}

/// How surprising a new child of this parent is, in bits: the first of its kind after `runs` runs of `programs` programs, by
/// the estimate of Krichevsky and Trofimov. Two points a bit, at most 24.
fn rarity(runs: u64, programs: u64) -> u32 {
    if runs == 0 {
        return 0;
    }
    // 1 of 2·runs + programs + 1, so the bits are the logarithm of that.
    let bits = 64 - (2 * runs.min(1 << 40) + programs.min(1 << 20) + 1).leading_zeros();
    (2 * bits).min(24)
}

fn in_writable_place(path: &str) -> bool {
    ["/tmp/", "/var/tmp/", "/dev/shm/", "/dev/mqueue/", "/run/lock/"]
        .iter()
        .any(|place| path.starts_with(place))
}

fn is_place_of_programs(directory: &str) -> bool {
    [
        "/bin",
        "/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
    ]
    .iter()
    .any(|place| directory.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn is_public(address: &std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => {
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_unspecified()
                || v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64)
        }
        std::net::IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || v6.is_unspecified())
        }
    }
}
