//! What an image declares beside what it was seen to do, as answers in words.
//!
//! ```text
//!   ports, user, packages ─┐   differs: it listens on 9000/tcp, which it does not declare
//!                          ├─► unknown: whether …, because …
//!   what was seen ─────────┘   agrees:  on every port that it declares somebody listens
//! ```
//! Pure. Silence is an answer only where a container was watched from its start on; else the answer is why it is not known.

use gabion_api::rest::{
    DeclaredProfile, ProfileAnswer, ProfileQuestion as Question, ProfileVerdict as Verdict, SeenProfile,
};
use gabion_store::state::DRIFT;
use std::collections::BTreeSet;

/// Ports and workloads that one answer names.
const NAMED: usize = 12;

/// As whom programs ran within the last day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RanAs {
    /// Some as root, so many of them; the last one.
    Root { program: String, container: String, many: u64 },
    /// So many, none of them as root.
    Others(u64),
    /// That is not known, because of this.
    Unknown(String),
}

/// The answers: what differs, what is not known, what agrees.
pub(crate) fn compare(
    declared: Option<&DeclaredProfile>,
    seen: &SeenProfile,
    ran_as: Option<&RanAs>,
) -> Vec<ProfileAnswer> {
    let mut answers = Vec::new();
    answers.extend(listens(declared, seen));
    if let Some(declared) = declared {
        answers.extend(ports(declared, seen));
    } else {
        let text = "What it declares is not known, because it was not scanned or has no configuration.";
        answers.push(answer(Question::Declared, Verdict::Unknown, text.to_owned()));
    }
    answers.extend(declared.zip(ran_as).map(|(declared, ran_as)| user(declared, ran_as)));
    answers.extend(packages(seen));
    answers.push(drift(seen));
    answers.sort_by_key(|answer| (answer.verdict, answer.question));
    answers
}

const fn answer(question: Question, verdict: Verdict, text: String) -> ProfileAnswer {
    ProfileAnswer { question, verdict, text }
}

/// Why silence says nothing.
fn because(seen: &SeenProfile) -> String {
    if seen.gaps.is_empty() { "nothing of it was seen".to_owned() } else { seen.gaps.join("; ") }
}

fn some(all: &[String]) -> String {
    let text = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => text,
        more => format!("{text} and {more} more"),
    }
}

/// `1 port`, `2 ports`.
pub(crate) fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// On which ports it listens, and the image declares them or not.
fn listens(declared: Option<&DeclaredProfile>, seen: &SeenProfile) -> Option<ProfileAnswer> {
    let undeclared = seen.listens.iter().filter(|port| port.declared == Some(false));
    let undeclared: Vec<_> =
        undeclared.map(|port| format!("{} ({})", port.port, some(&port.workloads))).collect();
    let (verdict, text) = if !undeclared.is_empty() {
        (Verdict::Differs, format!("It listens on ports that it does not declare: {}.", some(&undeclared)))
    } else if !seen.listens.is_empty() {
        declared?;
        (Verdict::Agrees, "It declares every port on which it was seen to listen.".to_owned())
    } else if seen.watched == 0 {
        (Verdict::Unknown, format!("On which ports it listens is not known, because {}.", because(seen)))
    } else if !spoken_to(seen).is_empty() {
        let text =
            format!("It was not seen to listen, but others connect to it: {}.", some(&spoken_to(seen)));
        (Verdict::Unknown, text)
    } else {
        let text = format!("It was not seen to listen: {} watched from the start.", were(seen.watched));
        (Verdict::Agrees, text)
    };
    Some(answer(Question::Listens, verdict, text))
}

/// Ports on which others connect to it. That one answers there is not said.
fn spoken_to(seen: &SeenProfile) -> Vec<String> {
    let flows = seen.incoming.iter().filter(|flow| flow.connections > flow.denied);
    let ports: BTreeSet<_> = flows.map(|flow| (flow.port, flow.protocol.as_str())).collect();
    ports.into_iter().map(|(port, protocol)| format!("{port}/{protocol}")).collect()
}

fn were(watched: u64) -> String {
    format!("{} {}", many(watched, "container"), if watched == 1 { "was" } else { "were" })
}

/// Ports that it declares, and somebody listens there or not.
fn ports(declared: &DeclaredProfile, seen: &SeenProfile) -> Vec<ProfileAnswer> {
    let is_udp = |port: &&String| port.to_ascii_lowercase().ends_with("/udp");
    let (udp, tcp): (Vec<&String>, Vec<&String>) = declared.ports.iter().partition(is_udp);
    let covers = |port: &str, by: &[String]| by.iter().any(|one| gabion_store::state::covers(port, one));
    // Whom somebody from outside was seen to come in by listens, too.
    let entered = seen.entries.iter().map(|entry| format!("{}/tcp", entry.port));
    let heard: Vec<String> = seen.listens.iter().map(|one| one.port.clone()).chain(entered).collect();
    let spoken_to = spoken_to(seen);
    let silent = tcp.iter().filter(|port| !covers(port, &heard)).map(|port| (*port).clone());
    let (doubtful, silent): (Vec<String>, Vec<String>) = silent.partition(|port| covers(port, &spoken_to));
    let mut answers = Vec::new();
    let mut say = |verdict, text| answers.push(answer(Question::Declared, verdict, text));
    if !doubtful.is_empty() {
        let text =
            format!("Nobody was seen to listen on {}, but others connect to it there.", some(&doubtful));
        say(Verdict::Unknown, text);
    }
    if !silent.is_empty() && seen.watched > 0 {
        let watched = were(seen.watched);
        let text = format!(
            "Nobody was seen to listen on what it declares: {}; {watched} watched from the start.",
            some(&silent)
        );
        say(Verdict::Differs, text);
    } else if !silent.is_empty() {
        let text =
            format!("Whether anybody listens on {} is not known, because {}.", some(&silent), because(seen));
        say(Verdict::Unknown, text);
    } else if !tcp.is_empty() && doubtful.is_empty() {
        say(Verdict::Agrees, "On every port of TCP that it declares somebody listens.".to_owned());
    }
    if !udp.is_empty() {
        let udp: Vec<String> = udp.into_iter().cloned().collect();
        let text = format!(
            "Whether anybody receives on {} is not known, because ports of UDP are not kept.",
            some(&udp)
        );
        say(Verdict::Unknown, text);
    }
    answers
}

/// Whether it runs as the user whom it names, where that is not root.
fn user(declared: &DeclaredProfile, ran_as: &RanAs) -> ProfileAnswer {
    let user = &declared.user;
    let (verdict, text) = match ran_as {
        RanAs::Root { program, container, many: count } => {
            let count = many(*count, "program");
            let text = format!(
                "It names the user {user}, and {count} ran as root within the last 24 hours, the last one {program} in {container}."
            );
            (Verdict::Differs, text)
        }
        RanAs::Others(count) => {
            let count = many(*count, "program");
            let text = format!(
                "It names the user {user}, and within the last 24 hours none of {count} ran as root."
            );
            (Verdict::Agrees, text)
        }
        RanAs::Unknown(why) => {
            (Verdict::Unknown, format!("Whether it runs as the user {user} is not known, because {why}."))
        }
    };
    answer(Question::User, verdict, text)
}

/// What is installed, and used or not.
fn packages(seen: &SeenProfile) -> Option<ProfileAnswer> {
    let unknown = |why: &str| {
        let text = format!("Which packages are used is not known, because {why}.");
        Some(answer(Question::Packages, Verdict::Unknown, text))
    };
    let Some(usage) = &seen.packages else { return unknown(seen.packages_unknown.as_deref()?) };
    if seen.files.is_empty() {
        return unknown(&because(seen));
    }
    let of = usage.loaded + usage.idle;
    let (verdict, text) = match usage.idle {
        0 => (
            Verdict::Agrees,
            "Of each package that has programs or libraries something was loaded.".to_owned(),
        ),
        idle if seen.watched > 0 => (
            Verdict::Differs,
            format!(
                "Of {idle} of the {} with programs or libraries nothing was loaded.",
                many(of, "package")
            ),
        ),
        idle => (
            Verdict::Unknown,
            format!(
                "Of {idle} of the {} with programs or libraries nothing was seen to be loaded, but it may have been, because {}.",
                many(of, "package"),
                because(seen)
            ),
        ),
    };
    Some(answer(Question::Packages, verdict, text))
}

/// Whether what runs is what is in the image.
fn drift(seen: &SeenProfile) -> ProfileAnswer {
    let told = seen.alerts.iter().filter(|one| DRIFT.contains(&one.rule.as_str()));
    let told: Vec<_> = told.map(|one| format!("{} ({})", one.rule, many(one.alerts, "alert"))).collect();
    let (verdict, text) = if !told.is_empty() {
        (Verdict::Differs, format!("It has executed what is not in the image: {}.", some(&told)))
    } else if seen.watched > 0 {
        (Verdict::Agrees, "No alert says that it has executed what is not in the image.".to_owned())
    } else {
        let text =
            format!("Whether it executes only what is in the image is not known, because {}.", because(seen));
        (Verdict::Unknown, text)
    };
    answer(Question::Drift, verdict, text)
}

#[cfg(test)]
mod tests;
