//! Learning baselines from what is observed, and telling where it departs from them.

use super::{
    Baseline, Deviation, Grade, Item, State, Subject, argument_shape, directory_shape,
    item::{Seen, transport},
    score::{self, Context},
};
use gabion_model::event::{InImage, Transport};
use std::collections::{BTreeMap, HashMap};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// How learning goes, and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A baseline is proposed when it has learnt for so long, in nanoseconds, ...
    pub learn: u64,
    /// ... and nothing new has come for so long.
    pub settle: u64,
    /// Baselines that are kept; beyond, the one that changed longest ago and is not locked is forgotten.
    pub baselines: usize,
    /// Items of one.
    pub items: usize,
    /// Small things that are new count together for so long, and what is new joins an alert for so long.
    pub together: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let hour = 3600 * SECOND;
        Self { learn: hour, settle: hour / 2, baselines: 1000, items: 4096, together: hour / 6 }
    }
}

/// Something that a workload did, with its names resolved.
#[derive(Clone, Copy, Debug)]
pub enum Observation<'a> {
    /// A program was run.
    Run {
        /// Its path.
        program: &'a [u8],
        /// The path of the program that ran it; empty if it is the first of the container.
        parent: &'a [u8],
        /// Its arguments, with its name.
        args: &'a [Vec<u8>],
        /// Whether it is in the image.
        in_image: InImage,
    },
    /// A file was opened for writing.
    Write {
        /// By which program.
        program: &'a [u8],
        /// Which file.
        path: &'a [u8],
    },
    /// A port is listened on.
    Listen {
        /// TCP or UDP.
        transport: Transport,
        /// Its number; 0 if the kernel chose it.
        port: u16,
    },
    /// A connection was opened.
    Connect {
        /// The name of the peer, or its address.
        peer: &'a str,
        /// TCP or UDP.
        transport: Transport,
        /// Its port.
        port: u16,
    },
    /// A capability was used.
    Capability(&'a str),
    /// A system call was made that only few programs need.
    Call(&'a str),
}

/// All baselines of a node.
#[derive(Debug, Default)]
pub struct Baselines {
    settings: Settings,
    pub(super) of: BTreeMap<Subject, Baseline>,
    /// What was rolled out, also of what does not run here.
    pub(super) given: BTreeMap<Subject, Baseline>,
    /// Of containers in which something was new lately.
    lately: HashMap<String, Lately>,
    /// Baselines that were forgotten for want of room.
    pub forgotten: u64,
}

/// What was new in a container lately.
#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    /// When.
    time: u64,
    /// Points that were not told yet.
    noted: u32,
    /// When an alert was told.
    told: Option<u64>,
}

impl Baselines {
    /// None yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// With these, as they were stored.
    pub fn with(settings: Settings, stored: impl IntoIterator<Item = Baseline>) -> Self {
        let of = stored.into_iter().map(|baseline| (baseline.subject.clone(), baseline)).collect();
        Self { settings, of, ..Self::default() }
    }

    /// All, by subject.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Baseline> {
        self.of.values()
    }

    /// That of a subject.
    pub fn get(&self, subject: &Subject) -> Option<&Baseline> {
        self.of.get(subject)
    }

    /// That of a subject, to approve or forget what it learnt.
    pub fn get_mut(&mut self, subject: &Subject) -> Option<&mut Baseline> {
        self.of.get_mut(subject)
    }

    /// Takes what a container of a subject did. Tells what of it departs from the baseline, if that is locked.
    pub fn observe(
        &mut self,
        subject: &Subject,
        container: &str,
        time: u64,
        seen: &Observation<'_>,
    ) -> Vec<Deviation> {
        items(seen).into_iter().filter_map(|item| self.take(subject, container, time, item)).collect()
    }

    /// Takes one item of what a container of a subject did.
    pub fn take(&mut self, subject: &Subject, container: &str, time: u64, item: Item) -> Option<Deviation> {
        if !self.of.contains_key(subject) {
            self.make_room();
            let given = self.given.get(subject).cloned();
            self.of.insert(subject.clone(), given.unwrap_or_else(|| Baseline::new(subject.clone(), time)));
        }
        self.one(subject, container, time, item)
    }

    /// Forgets the baseline of a subject; it is learnt again. Tells whether there was one.
    pub fn forget(&mut self, subject: &Subject) -> bool {
        self.of.remove(subject).is_some()
    }

    /// Proposes what has settled. To be called now and then; tells whose baselines are new to be read.
    pub fn settle(&mut self, time: u64) -> Vec<&Baseline> {
        let Settings { learn, settle, together, .. } = self.settings;
        self.lately.retain(|_, lately| time.saturating_sub(lately.time) < together);
        let mut proposed = Vec::new();
        for baseline in self.of.values_mut().filter(|baseline| baseline.state == State::Learning) {
            let (age, quiet) = (time.saturating_sub(baseline.since), time.saturating_sub(baseline.changed));
            if age >= learn && quiet >= settle {
                baseline.state = State::Proposed;
                proposed.push(&*baseline);
            }
        }
        proposed
    }

    fn make_room(&mut self) {
        while self.of.len() >= self.settings.baselines.max(1) {
            let oldest = self
                .of
                .values()
                .filter(|b| b.state != State::Locked)
                .min_by_key(|b| (b.changed, b.subject.clone()));
            let Some(subject) =
                oldest.or_else(|| self.of.values().min_by_key(|b| b.changed)).map(|b| b.subject.clone())
            else {
                return;
            };
            self.of.remove(&subject);
            self.forgotten += 1;
        }
    }

    fn one(&mut self, subject: &Subject, container: &str, time: u64, item: Item) -> Option<Deviation> {
        let baseline = self.of.get_mut(subject)?;
        if let Some(seen) = baseline.items.get_mut(&item) {
            seen.again(time);
            return None;
        }
        let first = Seen { first: time, last: time, count: 1 };
        let full = baseline.items.len() + baseline.pending.len() >= self.settings.items;
        match baseline.state {
            State::Learning if full => baseline.left_out += 1,
            State::Learning => {
                baseline.items.insert(item, first);
                baseline.changed = time;
            }
            State::Proposed | State::Locked => {
                if let Some(seen) = baseline.pending.get_mut(&item) {
                    seen.again(time);
                    return None;
                }
                let (score, reasons) = score::score(
                    &item,
                    context(baseline, &item, self.lately.get(container), time, self.settings.together),
                );
                let locked = baseline.state == State::Locked;
                if full {
                    baseline.left_out += 1;
                } else {
                    baseline.pending.insert(item.clone(), first);
                    baseline.changed = time;
                }
                if locked {
                    let grade = self.grade(container, time, score);
                    return Some(Deviation {
                        subject: subject.clone(),
                        container: container.to_owned(),
                        time,
                        item,
                        score,
                        grade,
                        reasons,
                    });
                }
            }
        }
        None
    }

    /// How to tell it, and what to remember of the container.
    fn grade(&mut self, container: &str, time: u64, score: u32) -> Grade {
        let together = self.settings.together;
        let lately = self.lately.entry(container.to_owned()).or_default();
        if time.saturating_sub(lately.time) >= together {
            *lately = Lately::default();
        }
        lately.time = time;
        let told = lately.told.is_some();
        match score::grade(score) {
            Grade::Grave => {
                *lately = Lately { time, noted: 0, told: Some(time) };
                Grade::Grave
            }
            Grade::Told if !told => {
                *lately = Lately { time, noted: 0, told: Some(time) };
                Grade::Told
            }
            Grade::Told | Grade::Joined => Grade::Joined,
            Grade::Noted if told => Grade::Joined,
            Grade::Noted => {
                lately.noted = score;
                Grade::Noted
            }
        }
    }
}

fn context(baseline: &Baseline, item: &Item, lately: Option<&Lately>, time: u64, together: u64) -> Context {
    let (mut parent_runs, mut parent_programs, mut known_program) = (0, 0, false);
    match item {
        Item::Parent { parent: wanted, .. } => {
            for (item, seen) in &baseline.items {
                if matches!(item, Item::Parent { parent, .. } if parent == wanted) {
                    parent_runs += seen.count;
                    parent_programs += 1;
                }
            }
        }
        Item::Arguments { program, .. } => {
            known_program = baseline
                .items
                .keys()
                .any(|item| matches!(item, Item::Program { path, .. } if path == program));
        }
        _ => {}
    }
    let lately =
        lately.filter(|lately| time.saturating_sub(lately.time) < together).map_or(0, |lately| lately.noted);
    Context { parent_runs, parent_programs, known_program, lately }
}

/// What an observation says of a workload.
pub fn items(seen: &Observation<'_>) -> Vec<Item> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match *seen {
        Observation::Run { program, parent, args, in_image } => {
            let path = text(program);
            let mut items = vec![Item::Program { path: path.clone(), in_image: in_image == InImage::Yes }];
            if !parent.is_empty() {
                items.push(Item::Parent { child: path.clone(), parent: text(parent) });
            }
            items.push(Item::Arguments { program: path, shape: argument_shape(args) });
            items
        }
        Observation::Write { program, path } => {
            let directory = path.iter().rposition(|&b| b == b'/').map_or(&path[..0], |at| &path[..at]);
            vec![Item::Writes { program: text(program), directory: directory_shape(directory) }]
        }
        Observation::Listen { transport: over, port } => {
            vec![Item::Listens { transport: transport(over), port }]
        }
        Observation::Connect { peer, transport: over, port } => {
            vec![Item::Connects { peer: peer.to_owned(), transport: transport(over), port }]
        }
        Observation::Capability(name) => vec![Item::Capability { name: name.to_owned() }],
        Observation::Call(name) => vec![Item::Call { name: name.to_owned() }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject { image: "sha256:aa".to_owned(), workload: "shop/Deployment/web".to_owned() }
    }

    fn words(line: &str) -> Vec<Vec<u8>> {
        line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    /// What a server does in an ordinary hour.
    fn ordinary(baselines: &mut Baselines, container: &str, time: u64) -> Vec<Deviation> {
        let mut told = Vec::new();
        let start = words("nginx -g daemon");
        for seen in [
            Observation::Run {
                program: b"/usr/sbin/nginx",
                parent: b"",
                args: &start,
                in_image: InImage::Yes,
            },
            Observation::Listen { transport: Transport::Tcp, port: 80 },
            Observation::Write { program: b"/usr/sbin/nginx", path: b"/var/log/nginx/access.log" },
            Observation::Connect { peer: "shop/Deployment/api", transport: Transport::Tcp, port: 8080 },
        ] {
            for _ in 0..20 {
                told.extend(baselines.observe(&subject(), container, time, &seen));
            }
        }
        told
    }

    fn locked() -> Baselines {
        let mut baselines = Baselines::new(Settings::default());
        let hour = 3600 * SECOND;
        for hour_number in 0..3 {
            assert_eq!(ordinary(&mut baselines, "a", hour_number * hour), []);
            assert_eq!(baselines.settle(hour_number * hour).len(), usize::from(hour_number == 1));
        }
        assert_eq!(baselines.get(&subject()).expect("learnt").state, State::Proposed);
        baselines.get_mut(&subject()).expect("learnt").approve(|_| true);
        baselines
    }

    #[test]
    fn what_was_learnt_is_no_deviation_also_in_another_container_from_its_start() {
        let mut baselines = locked();
        assert_eq!(ordinary(&mut baselines, "b", 9 * 3600 * SECOND), []);
    }

    #[test]
    fn a_shell_beneath_the_server_is_told_with_its_reasons_and_once() {
        let mut baselines = locked();
        let args = words("sh -c id");
        let seen = Observation::Run {
            program: b"/bin/sh",
            parent: b"/usr/sbin/nginx",
            args: &args,
            in_image: InImage::Yes,
        };
        let told = baselines.observe(&subject(), "a", 10, &seen);
        assert_eq!(told[0].grade, Grade::Told);
        assert_eq!(told[0].reasons[0].why, "/bin/sh is in the image, and was never run before");
        assert!(told[1..].iter().all(|deviation| deviation.grade == Grade::Joined), "{told:#?}");
        assert_eq!(baselines.observe(&subject(), "a", 11, &seen), [], "it waits to be read");
    }

    #[test]
    fn a_dropped_program_is_grave_whatever_was_told_before() {
        let mut baselines = locked();
        let args = words("sh -c id");
        let shell = Observation::Run {
            program: b"/bin/sh",
            parent: b"/usr/sbin/nginx",
            args: &args,
            in_image: InImage::Yes,
        };
        baselines.observe(&subject(), "a", 10, &shell);
        let args = words("/tmp/x");
        let dropped =
            Observation::Run { program: b"/tmp/x", parent: b"/bin/sh", args: &args, in_image: InImage::No };
        let told = baselines.observe(&subject(), "a", 11, &dropped);
        assert_eq!((told[0].grade, told[0].score >= 60), (Grade::Grave, true));
        assert_eq!(told[0].reasons[1].why, "/tmp/x lies where everybody may write");
    }

    #[test]
    fn maintenance_gives_one_alert_for_a_container() {
        let mut baselines = locked();
        let mut alerts = 0;
        let programs = ["/usr/sbin/cron", "/usr/sbin/logrotate", "/bin/gzip", "/bin/kill", "/usr/sbin/nginx"];
        for (step, program) in programs.iter().enumerate() {
            let args = words(program);
            let seen = Observation::Run {
                program: program.as_bytes(),
                parent: b"/usr/sbin/cron",
                args: &args,
                in_image: InImage::Yes,
            };
            let told = baselines.observe(&subject(), "a", step as u64 * 60 * SECOND, &seen);
            alerts += told.iter().filter(|deviation| deviation.grade >= Grade::Told).count();
        }
        assert_eq!(alerts, 1);
    }

    #[test]
    fn approving_takes_what_waits_and_only_what_is_wanted() {
        let mut baselines = locked();
        let listen = Observation::Listen { transport: Transport::Tcp, port: 9000 };
        let connect = Observation::Connect { peer: "203.0.113.9", transport: Transport::Tcp, port: 443 };
        baselines.observe(&subject(), "a", 10, &listen);
        let told = baselines.observe(&subject(), "a", 10, &connect);
        assert!(told[0].reasons.iter().any(|reason| reason.why.contains("public address")));
        let baseline = baselines.get_mut(&subject()).expect("locked");
        assert_eq!(baseline.pending.len(), 2);
        assert_eq!(baseline.approve(|item| matches!(item, Item::Listens { .. })), 1);
        assert_eq!(baselines.observe(&subject(), "b", 20, &listen), []);
        assert_eq!(baselines.get(&subject()).expect("locked").pending.len(), 1);
    }

    #[test]
    fn room_is_bounded_and_what_is_left_out_is_counted() {
        let settings = Settings { baselines: 2, items: 10, ..Settings::default() };
        let mut baselines = Baselines::new(settings);
        for port in 1..=40 {
            baselines.observe(&subject(), "a", 1, &Observation::Listen { transport: Transport::Udp, port });
        }
        let baseline = baselines.get(&subject()).expect("is there");
        assert_eq!((baseline.items.len(), baseline.left_out), (10, 30));
        for number in 0..5 {
            let other = Subject { image: format!("image-{number}"), workload: String::new() };
            baselines.observe(&other, "a", 2 + number, &Observation::Call("bpf"));
        }
        assert_eq!((baselines.iter().len(), baselines.forgotten), (2, 4));
    }

    #[test]
    fn a_baseline_comes_back_as_it_was_stored() {
        let baselines = locked();
        let stored = serde_json::to_string(baselines.get(&subject()).expect("is there")).expect("writes");
        let back: Baseline = serde_json::from_str(&stored).expect("reads");
        assert_eq!(Some(&back), baselines.get(&subject()));
        let mut again = Baselines::with(Settings::default(), [back]);
        assert_eq!(ordinary(&mut again, "c", 1), []);
    }
}
