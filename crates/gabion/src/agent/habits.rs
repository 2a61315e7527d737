//! What containers always do: events become observations, observations baselines, and what departs from them alerts.
//!
//! ```text
//!   Event ──► items ──► waiting, until it is known which image and workload this is ──► Baselines ──► Alert
//! ```
//! A baseline belongs to an image in a workload, so the first acts of a container wait until the runtime has told its image.

use anyhow::Context;
use gabion_detect::{
    alert::{Alert, Occasion},
    baseline::{Baseline, Baselines, Grade, Item, Observation, Settings, State as Standing, Subject, items},
    field::names::capabilities,
    state::{Slot, State},
};
use gabion_model::{
    Container, ContainerKey, Event, EventKind,
    event::{FdKind, Subject as Told, Value},
    workload::{Property, Runtime},
};
use std::{
    collections::{BTreeSet, HashMap},
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Items that wait for the name of one container; beyond, they are counted.
const MAX_WAITING: usize = 1024;
/// How long the name of an image is waited for, in nanoseconds.
const WAIT: u64 = 10 * 1_000_000_000;
/// `O_WRONLY` and `O_RDWR`.
const WRITES: u64 = 0b11;
/// No file of a baseline is larger, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// System calls that few programs need: each is an item of a baseline.
pub(super) const RARE: [EventKind; 14] = [
    EventKind::Mount,
    EventKind::Umount2,
    EventKind::MoveMount,
    EventKind::PivotRoot,
    EventKind::Chroot,
    EventKind::Setns,
    EventKind::Unshare,
    EventKind::Ptrace,
    EventKind::Bpf,
    EventKind::InitModule,
    EventKind::FinitModule,
    EventKind::Userfaultfd,
    EventKind::PerfEventOpen,
    EventKind::ProcessVmWritev,
];

/// A container whose habits are watched.
#[derive(Debug)]
struct Watched {
    /// Its id, as a container of that name may come again.
    id: String,
    subject: Option<Subject>,
    from: u64,
    addresses: Vec<IpAddr>,
    waiting: Vec<(u64, Occasion, Item)>,
}

/// All baselines, and whose they are.
pub(super) struct Habits {
    baselines: Baselines,
    containers: HashMap<ContainerKey, Watched>,
    holders: HashMap<IpAddr, Vec<ContainerKey>>,
    directory: PathBuf,
    /// By which number a baseline is kept.
    files: HashMap<Subject, u64>,
    last_file: u64,
    changed: BTreeSet<Subject>,
    /// Items that were left out because nobody said in time whose they are.
    pub(super) unnamed: u64,
}

impl Habits {
    /// Goes on with what was kept.
    pub(super) fn open(state: &Path, settings: Settings) -> anyhow::Result<Self> {
        let directory = state.join("baselines");
        let told = || format!("cannot keep baselines in {}", directory.display());
        fs::create_dir_all(&directory).with_context(told)?;
        let (mut stored, mut files, mut last_file) = (Vec::new(), HashMap::new(), 0);
        for entry in fs::read_dir(&directory).with_context(told)? {
            let path = entry.with_context(told)?.path();
            let number = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
            let Some(number) = number.filter(|_| path.extension().is_some_and(|end| end == "json")) else {
                continue;
            };
            let baseline = read(&path)?;
            last_file = last_file.max(number);
            files.insert(baseline.subject.clone(), number);
            stored.push(baseline);
        }
        let baselines = Baselines::with(settings, stored);
        Ok(Self {
            baselines,
            containers: HashMap::new(),
            holders: HashMap::new(),
            directory,
            files,
            last_file,
            changed: BTreeSet::new(),
            unnamed: 0,
        })
    }

    /// A container is known, or more of it than before. What has waited for its name departs from the baseline now.
    pub(super) fn container(&mut self, container: &Container, time: u64, state: &State) -> Vec<Alert> {
        let watched = self.containers.entry(container.key).or_insert_with(|| Watched {
            id: container.id.clone(),
            subject: None,
            from: time,
            addresses: Vec::new(),
            waiting: Vec::new(),
        });
        for address in watched.addresses.drain(..) {
            if let Some(holders) = self.holders.get_mut(&address) {
                holders.retain(|holder| *holder != container.key);
            }
        }
        watched.addresses.clone_from(&container.addresses);
        for address in &container.addresses {
            self.holders.entry(*address).or_default().push(container.key);
        }
        if watched.subject.is_none() && image_is_told(container) {
            watched.subject = Some(subject(container));
        }
        self.settle_names(container.key, state)
    }

    /// A container has ended.
    pub(super) fn ended(&mut self, key: ContainerKey) {
        let Some(watched) = self.containers.remove(&key) else { return };
        self.unnamed += watched.waiting.len() as u64;
        for address in watched.addresses {
            if let Some(holders) = self.holders.get_mut(&address) {
                holders.retain(|holder| *holder != key);
                if holders.is_empty() {
                    self.holders.remove(&address);
                }
            }
        }
    }

    /// Takes what a container does.
    pub(super) fn event(&mut self, event: &Event<'_>, state: &State, slot: Option<Slot>) -> Vec<Alert> {
        if !self.containers.contains_key(&event.container) {
            return Vec::new();
        }
        let peer = |address| self.peer(address, state);
        let Some(seen) = observed(event, state, slot, peer) else { return Vec::new() };
        let occasion = Occasion { kind: event.kind, task: event.task, container: event.container };
        let Some(watched) = self.containers.get_mut(&event.container) else { return Vec::new() };
        for item in seen {
            if watched.waiting.len() < MAX_WAITING {
                watched.waiting.push((event.time, occasion, item));
            } else {
                self.unnamed += 1;
            }
        }
        if watched.subject.is_none() && event.time.saturating_sub(watched.from) > WAIT {
            // Nobody says which image it is: then the container stands for itself.
            watched.subject = state.container(event.container).map(subject);
        }
        self.settle_names(event.container, state)
    }

    /// Gives what has waited to the baseline, if it is known which.
    fn settle_names(&mut self, key: ContainerKey, state: &State) -> Vec<Alert> {
        let Some(watched) = self.containers.get_mut(&key) else { return Vec::new() };
        let Some(subject) = &watched.subject else { return Vec::new() };
        let mut alerts = Vec::new();
        for (time, occasion, item) in watched.waiting.drain(..) {
            let before = self.baselines.get(subject).map(|baseline| baseline.changed);
            let deviation = self.baselines.take(subject, &watched.id, time, item);
            if self.baselines.get(subject).map(|baseline| baseline.changed) != before {
                self.changed.insert(subject.clone());
            }
            if let Some(deviation) = deviation.filter(|d| matches!(d.grade, Grade::Told | Grade::Grave)) {
                alerts.push(Alert::departure(&deviation, occasion, state));
            }
        }
        alerts
    }

    /// The name of a peer: its workload, the name it was asked for by, or its address.
    fn peer(&self, address: IpAddr, state: &State) -> String {
        if address.is_loopback() {
            return "localhost".to_owned();
        }
        if let Some([only]) = self.holders.get(&address).map(Vec::as_slice)
            && let Some(subject) = self.containers.get(only).and_then(|watched| watched.subject.as_ref())
        {
            return subject.workload.clone();
        }
        let name = state.name_of(address).map(|name| String::from_utf8_lossy(name).into_owned());
        name.unwrap_or_else(|| address.to_string())
    }

    /// Proposes what has settled, and writes what has changed. Tells the names of those that wait to be read.
    pub(super) fn keep(&mut self, time: u64) -> anyhow::Result<Vec<String>> {
        let proposed: Vec<Subject> =
            self.baselines.settle(time).into_iter().map(|baseline| baseline.subject.clone()).collect();
        self.changed.extend(proposed.iter().cloned());
        while let Some(subject) = self.changed.pop_first() {
            // What could not be written is tried again.
            if let Err(error) = self.write(&subject) {
                self.changed.insert(subject);
                return Err(error);
            }
        }
        Ok(proposed.iter().map(name).collect())
    }

    fn write(&mut self, subject: &Subject) -> anyhow::Result<()> {
        let Some(baseline) = self.baselines.get(subject) else { return Ok(()) };
        let number = *self.files.entry(subject.clone()).or_insert_with(|| {
            self.last_file += 1;
            self.last_file
        });
        let path = self.directory.join(format!("{number}.json"));
        let new = self.directory.join(format!(".{number}.json.new"));
        fs::write(&new, serde_json::to_vec(baseline)?)
            .and_then(|()| fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Judges by what was rolled out as a version, and by what was learnt here where nothing was.
    pub(super) fn roll_out(&mut self, version: &str, given: Vec<Baseline>, time: u64) -> anyhow::Result<()> {
        let changed = self.baselines.roll_out(version, given, time).into_iter();
        let (there, gone): (Vec<_>, Vec<_>) =
            changed.partition(|subject| self.baselines.get(subject).is_some());
        self.changed.extend(there);
        gone.iter().try_for_each(|subject| self.remove(subject))
    }

    /// All.
    pub(super) fn all(&self) -> impl Iterator<Item = &Baseline> {
        self.baselines.iter()
    }

    /// Ports that a workload was seen to listen on.
    pub(super) fn listens(&self, subject: &Subject) -> Vec<String> {
        let items =
            self.baselines.get(subject).into_iter().flat_map(|b| b.items.keys().chain(b.pending.keys()));
        items
            .filter_map(|item| match item {
                Item::Listens { transport, port } if *port != 0 => Some(format!("{transport}/{port}")),
                _ => None,
            })
            .collect()
    }

    /// How many there are of each standing.
    pub(super) fn count(&self, standing: Standing) -> usize {
        self.all().filter(|baseline| baseline.state == standing).count()
    }

    /// Makes what waits of the one that is meant a part of it. Tells its name and how many items were taken.
    pub(super) fn approve(&mut self, of: &str, only: Option<&str>) -> anyhow::Result<(String, usize)> {
        let subject = self.one(of)?;
        let wanted = |item: &Item| only.is_none_or(|part| item.to_string().contains(part));
        let taken = self.baselines.get_mut(&subject).map_or(0, |baseline| baseline.approve(wanted));
        let told = name(&subject);
        self.changed.insert(subject);
        Ok((told, taken))
    }

    /// Forgets the one that is meant. Tells its name.
    pub(super) fn forget(&mut self, of: &str) -> anyhow::Result<String> {
        let subject = self.one(of)?;
        self.baselines.forget(&subject);
        self.remove(&subject)?;
        Ok(name(&subject))
    }

    /// Removes what was written of one that is no more.
    fn remove(&mut self, subject: &Subject) -> anyhow::Result<()> {
        self.changed.remove(subject);
        let Some(number) = self.files.remove(subject) else { return Ok(()) };
        let path = self.directory.join(format!("{number}.json"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The one baseline whose name has this in it.
    fn one(&self, of: &str) -> anyhow::Result<Subject> {
        let found: Vec<&Subject> = self
            .all()
            .map(|baseline| &baseline.subject)
            .filter(|subject| name(subject).contains(of))
            .collect();
        match found.as_slice() {
            [] => anyhow::bail!("no baseline has {of:?} in its name\nhint: gabion baseline list"),
            [one] => Ok((*one).clone()),
            many => {
                // The name of one may be a part of another's.
                let exact = many.iter().find(|subject| subject.workload == of || name(subject) == of);
                exact.map(|subject| (*subject).clone()).with_context(|| {
                    let names: Vec<_> = many.iter().take(5).map(|subject| name(subject)).collect();
                    format!("{} baselines have {of:?} in their name: {}", many.len(), names.join(", "))
                })
            }
        }
    }
}

/// What a baseline is called.
pub(super) fn name(subject: &Subject) -> String {
    format!("{} {}", subject.workload, subject.image)
}

fn read(path: &Path) -> anyhow::Result<Baseline> {
    let told =
        || format!("cannot read {}\nhint: remove it, and its workload is learnt again", path.display());
    if fs::metadata(path).with_context(told)?.len() > MAX_FILE {
        anyhow::bail!("{}: it is larger than {MAX_FILE} bytes", told());
    }
    let bytes = fs::read(path).with_context(told)?;
    serde_json::from_slice(&bytes).with_context(told)
}

/// Whether all that names the image is there, or nothing more will come.
fn image_is_told(container: &Container) -> bool {
    let digest = container.image.digest.is_some() || container.image.id.is_some();
    // runc knows no images.
    digest || container.runtime == Runtime::Oci || !container.unknown.contains(&Property::ImageDigest)
}

/// Whose baseline a container's acts belong to.
pub(super) fn subject(container: &Container) -> Subject {
    let image = &container.image;
    let digest = image.digest.as_ref().or(image.id.as_ref()).map(ToString::to_string);
    let label = |wanted: &str| {
        let labels = container.pod.iter().flat_map(|pod| &pod.labels).chain(&container.labels);
        labels.filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).next()
    };
    let app = || label("app.kubernetes.io/name").or_else(|| label("app")).or_else(|| label("k8s-app"));
    let workload = if let Some(pod) = &container.pod {
        let owner = app().map_or_else(|| without_suffix(&pod.name), str::to_owned);
        format!("{}/{owner}/{}", pod.namespace, container.name)
    } else if let (Some(project), Some(service)) =
        (label("com.docker.compose.project"), label("com.docker.compose.service"))
    {
        format!("{project}/{service}")
    } else if image.repository.is_empty() {
        if container.name.is_empty() { container.id.clone() } else { container.name.clone() }
    } else {
        // A container that stands alone has a name of chance, mostly.
        image.repository.clone()
    };
    let image = digest.unwrap_or_else(|| match (image.repository.as_str(), image.tag.as_str()) {
        ("", _) => "unknown".to_owned(),
        (repository, "") => repository.to_owned(),
        (repository, tag) => format!("{repository}:{tag}"),
    });
    Subject { image, workload }
}

/// The name of a pod without what its controller has put behind it: `web-6d4cf56db6-x7x2p` is of `web`.
fn without_suffix(pod: &str) -> String {
    let chance = |word: &str| {
        (5..=10).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_digit() || b"bcdfghjklmnpqrstvwxz".contains(&b))
    };
    let ordinal = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let mut words: Vec<&str> = pod.split('-').collect();
    if words.len() > 1 && words.last().is_some_and(|word| ordinal(word)) {
        words.pop();
    } else {
        for _ in 0..2 {
            if words.len() > 1 && words.last().is_some_and(|word| chance(word)) {
                words.pop();
            }
        }
    }
    words.join("-")
}

/// What an event says of the habits of its container.
fn observed(
    event: &Event<'_>,
    state: &State,
    slot: Option<Slot>,
    peer: impl Fn(IpAddr) -> String,
) -> Option<Vec<Item>> {
    let program = || slot.map(|slot| state.processes()[slot].process.exe.path.as_slice());
    match (event.kind, event.subject) {
        (EventKind::Execve | EventKind::Execveat, Told::Process(process)) => {
            let entry = slot.map(|slot| &state.processes()[slot])?;
            // The one that ran it: the program of this process before is gone, so its parent stands for it.
            let parent = state.processes().ancestors(entry).next();
            let parent = parent.filter(|parent| parent.container == entry.container);
            Some(items(&Observation::Run {
                program: &process.exe.path,
                parent: parent.map_or(&[], |parent| &parent.process.exe.path),
                args: &process.args,
                in_image: process.exe.in_image,
            }))
        }
        (EventKind::Open | EventKind::Openat | EventKind::Openat2 | EventKind::Creat, _)
            if event.result >= 0 && opens_to_write(event) =>
        {
            let FdKind::File { path, .. } = event.fd?.kind else { return None };
            let program = program()?;
            Some(items(&Observation::Write { program, path }))
        }
        (EventKind::Listen, _) if event.result >= 0 => {
            let FdKind::Inet { transport, local: Some(local), .. } = event.fd?.kind else { return None };
            Some(items(&Observation::Listen { transport, port: local.port }))
        }
        (EventKind::Connect, _) => {
            let FdKind::Inet { transport, remote: Some(remote), server, .. } = event.fd?.kind else {
                return None;
            };
            let name = peer(remote.address);
            (server != Some(true))
                .then(|| items(&Observation::Connect { peer: &name, transport, port: remote.port }))
        }
        (EventKind::Capability, _) => {
            let Some(Value::Uint(set)) = event.args.first() else { return None };
            let mut name = Vec::new();
            capabilities(*set, &mut name);
            Some(items(&Observation::Capability(str::from_utf8(&name).ok()?)))
        }
        (kind, _) if RARE.contains(&kind) => Some(items(&Observation::Call(kind.as_str()))),
        _ => None,
    }
}

fn opens_to_write(event: &Event<'_>) -> bool {
    if event.kind == EventKind::Creat {
        return true;
    }
    let flags = event.kind.arg("flags").and_then(|place| event.args.get(place));
    matches!(flags, Some(Value::Uint(flags)) if flags & WRITES != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::workload::{Pod, RunImage};

    #[test]
    fn replicas_are_one_workload() {
        for (pod, owner) in [
            ("web-6d4cf56db6-x7x2p", "web"),
            ("my-app-7f9c8d5b4-zz2wq", "my-app"),
            ("postgres-0", "postgres"),
            ("node-exporter-k4c9d", "node-exporter"),
            ("debug", "debug"),
            ("web-server", "web-server"),
        ] {
            assert_eq!(without_suffix(pod), owner, "{pod}");
        }
    }

    #[test]
    fn a_workload_is_named_by_what_stays_the_same() {
        let mut container = Container {
            name: "silly_name".to_owned(),
            image: RunImage {
                repository: "library/nginx".to_owned(),
                tag: "1".to_owned(),
                ..RunImage::default()
            },
            ..Container::default()
        };
        let plain = subject(&container);
        assert_eq!((plain.workload.as_str(), plain.image.as_str()), ("library/nginx", "library/nginx:1"));
        let service = [("com.docker.compose.project", "shop"), ("com.docker.compose.service", "web")];
        container.labels = service.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert_eq!(subject(&container).workload, "shop/web");
        container.pod = Some(Pod {
            name: "web-6d4cf56db6-x7x2p".to_owned(),
            namespace: "prod".to_owned(),
            ..Pod::default()
        });
        assert_eq!(subject(&container).workload, "prod/web/silly_name");
    }
}
