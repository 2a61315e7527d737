//! The programs that enforce, and their tables: loaded, attached and pinned, so that they stay when nobody holds them.
//!
//! ```text
//!   PINS/HASH/maps/NAME     policies, groups, what waits, what was decided
//!   PINS/HASH/links/NAME    attached programs
//!   PINS/HASH/ready         made last: whatever has none was never finished
//! ```
//! The hash is that of the object. A newer one is loaded, filled and attached before the older one is taken away.

pub(super) mod older;
pub(super) mod wire;

use super::{
    compiled::Compiled,
    decision::{Kind, Step},
    error::EnforceError,
};
use crate::sensor::{
    load::{Aligned, NO_CGROUPS, explain, quiet, unified},
    ring::Ring,
};
use gabion_model::{Digest, event::Rung};
use libbpf_rs::{Iter, Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject};
use older::Older;
use rustix::{
    fd::{AsFd as _, AsRawFd as _, BorrowedFd},
    fs::statfs,
    mount::{MountFlags, mount},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};
use wire::{Settings, Stamp};

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/enforce.bpf.o")));

const BPF_FS: i64 = 0xcafe_4a11;
/// Bytes of the ring of decisions, as the object says.
const RING: u32 = 4 << 20;

/// Programs that are of use together, by what they decide about.
const FEATURES: [(&str, &[&str]); 3] = [
    ("lsm", &["check_exec", "check_open"]),
    ("exec", &["guard_exec", "find_root"]),
    ("cgroup", &["guard_connect4", "guard_connect6", "guard_sendmsg4", "guard_sendmsg6"]),
];

/// Why features are not used, by name.
pub(super) type Reasons = BTreeMap<String, String>;

/// The programs in the kernel.
#[derive(Debug)]
pub(super) struct Kernel {
    pins: PathBuf,
    maps: BTreeMap<&'static str, MapHandle>,
    pub(super) ring: Ring,
    pub(super) reasons: Reasons,
    settings: Settings,
    /// It was there already: somebody decided before us.
    pub(super) found: bool,
}

const MAPS: [&str; 13] = [
    "settings",
    "heartbeat",
    "host_root",
    "policies",
    "groups",
    "paths",
    "nets",
    "approved",
    "held",
    "spaces",
    "counts",
    "decisions",
    "scratches",
];

impl Kernel {
    /// Finds the programs, or loads them.
    pub(super) fn open(pins: &Path, scope: Option<&Path>, known: Reasons) -> Result<Self, EnforceError> {
        mounted(pins)?;
        let own = pins.join(hash());
        let found = own.join("ready").is_dir();
        let reasons = if found { known } else { load(&own, scope)? };
        let mut maps = BTreeMap::new();
        for name in MAPS {
            let path = own.join("maps").join(name);
            let map = MapHandle::from_pinned_path(&path);
            maps.insert(name, map.map_err(|error| EnforceError::kernel(&format!("map {name}"), &error))?);
        }
        let ring =
            Ring::open(maps["decisions"].as_fd(), RING).map_err(|error| EnforceError::Ring(error.into()))?;
        let kernel =
            Self { pins: pins.to_owned(), maps, ring, reasons, settings: Settings::default(), found };
        Ok(kernel)
    }

    /// Takes away what an older version has left, and gives what it has begun. Only once ours decides.
    pub(super) fn replace(&self, own_too: bool) -> io::Result<Vec<Older>> {
        let hash = hash();
        let mut left = Vec::new();
        for entry in fs::read_dir(&self.pins)? {
            let entry = entry?;
            if own_too || *entry.file_name() != *hash {
                left.extend(Older::open(&entry.path()));
                // Links go with their pins, and with the links the programs.
                remove(&entry.path())?;
            }
        }
        Ok(left)
    }

    /// Detaches everything.
    pub(super) fn remove(self) -> io::Result<()> {
        self.replace(true)?;
        match fs::remove_dir(&self.pins) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn uses(&self, feature: &str) -> bool {
        !self.reasons.contains_key(feature)
    }

    fn put(&self, map: &'static str, key: &[u8], value: &[u8]) -> Result<(), EnforceError> {
        let done = self.maps[map].update(key, value, MapFlags::ANY);
        done.map_err(|error| EnforceError::kernel(&format!("map {map}"), &error))
    }

    /// Changes the settings.
    pub(super) fn set(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), EnforceError> {
        change(&mut self.settings);
        self.put("settings", &[0; 4], &self.settings.bytes())
    }

    /// The keeper lives; `now` is in nanoseconds since boot.
    pub(super) fn beat(&self, now: u64) -> Result<(), EnforceError> {
        self.put("heartbeat", &[0; 4], &now.to_ne_bytes())
    }

    /// When it lived last.
    pub(super) fn last_beat(&self) -> u64 {
        let value = self.maps["heartbeat"].lookup(&[0; 4], MapFlags::ANY).ok().flatten();
        value.and_then(|value| value.first_chunk().copied()).map_or(0, u64::from_ne_bytes)
    }

    /// Makes a policy known by a number. It is not asked before a group has it.
    pub(super) fn add_policy(&self, id: u32, of: &Compiled) -> Result<(), EnforceError> {
        for (files, path, judged) in of.paths() {
            let (key, value) = wire::path_rule(id, files, &path, judged);
            self.put("paths", &key, &value)?;
        }
        for (&net, rules) in of.nets() {
            let (key, value) = wire::net_rules(id, net, rules);
            self.put("nets", &key, &value)?;
        }
        self.put("policies", &id.to_ne_bytes(), &wire::policy(of))
    }

    /// Forgets a policy that no group has any more.
    pub(super) fn remove_policy(&self, id: u32, of: &Compiled) {
        // What cannot be taken out is asked by nobody.
        let _ = self.maps["policies"].delete(&id.to_ne_bytes());
        for (files, path, judged) in of.paths() {
            let _ = self.maps["paths"].delete(&wire::path_rule(id, files, &path, judged).0);
        }
        for (&net, rules) in of.nets() {
            let _ = self.maps["nets"].delete(&wire::net_rules(id, net, rules).0);
        }
    }

    /// Tells us of all mount namespaces again, as none is marked.
    pub(super) fn forget_spaces(&self) {
        let spaces = &self.maps["spaces"];
        spaces.keys().for_each(|space| drop(spaces.delete(&space)));
    }

    /// Forgets all policies and groups: what an earlier keeper knew is told anew.
    pub(super) fn clear(&self) {
        for map in ["policies", "paths", "nets"] {
            let keys: Vec<_> = self.maps[map].keys().collect();
            for key in keys {
                let _ = self.maps[map].delete(&key);
            }
        }
    }

    /// Whose a control group is: 0 is nobody's.
    pub(super) fn assign(&self, group: u64, policy: u32) -> Result<(), EnforceError> {
        self.put("groups", &group.to_ne_bytes(), &policy.to_ne_bytes())
    }

    pub(super) fn forget(&self, group: u64) {
        let _ = self.maps["groups"].delete(&group.to_ne_bytes());
    }

    /// The control groups that are known.
    pub(super) fn groups(&self) -> Vec<u64> {
        self.maps["groups"].keys().filter_map(|key| Some(u64::from_ne_bytes(*key.first_chunk()?))).collect()
    }

    /// This program was checked and may run.
    pub(super) fn approve(&self, pid: u32, stamp: Stamp) -> Result<(), EnforceError> {
        self.put("approved", &pid.to_ne_bytes(), &stamp.bytes())
    }

    /// Processes that were stopped until somebody decides.
    pub(super) fn held(&self) -> Vec<wire::Told> {
        let map = &self.maps["held"];
        let read = |key: Vec<u8>| {
            let value = map.lookup(&key, MapFlags::ANY).ok().flatten()?;
            wire::Told::hold(u32::from_ne_bytes(*key.first_chunk()?), &value)
        };
        map.keys().filter_map(read).collect()
    }

    pub(super) fn is_held(&self, pid: u32) -> bool {
        self.maps["held"].lookup(&pid.to_ne_bytes(), MapFlags::ANY).is_ok_and(|found| found.is_some())
    }

    /// A process that was stopped waits for us.
    pub(super) fn hold(&self, pid: u32, hold: &[u8]) -> Result<(), EnforceError> {
        self.put("held", &pid.to_ne_bytes(), hold)
    }

    /// A process is held no more.
    pub(super) fn release(&self, pid: u32) {
        let _ = self.maps["held"].delete(&pid.to_ne_bytes());
    }

    /// What the programs counted: decided, lost, allowed, passed.
    pub(super) fn counts(&self) -> [u64; 4] {
        let [decided, lost, allowed, passed, _] = counted(&self.maps["counts"]);
        [decided, lost, allowed, passed]
    }

    /// Readable when something was decided.
    pub(super) fn waits(&self) -> BorrowedFd<'_> {
        self.maps["decisions"].as_fd()
    }
}

/// Which programs these are.
pub(super) fn hash() -> String {
    Digest::sha256(Sha256::digest(&OBJECT.0).into()).short()
}

/// Which rungs there are. `fanotify`: why it cannot be used.
pub(super) fn ladder(reasons: &Reasons, fanotify: Option<&str>) -> Vec<Step> {
    let why = |rung| match rung {
        Rung::Lsm => reasons.get("lsm").map(String::as_str),
        Rung::Fanotify => fanotify,
        Rung::Kill => reasons.get("exec").map(String::as_str),
        Rung::Cgroup => reasons.get("cgroup").map(String::as_str),
    };
    let kinds = [
        (Kind::Exec, &[Rung::Lsm, Rung::Fanotify, Rung::Kill][..]),
        (Kind::Open, &[Rung::Lsm, Rung::Fanotify]),
        (Kind::Connect, &[Rung::Cgroup]),
    ];
    let step = |(what, rungs): (Kind, &[Rung])| Step {
        what,
        rungs: rungs.iter().copied().filter(|&rung| why(rung).is_none()).collect(),
        refused: rungs.iter().filter_map(|&rung| Some((rung, why(rung)?.to_owned()))).collect(),
    };
    kinds.into_iter().map(step).collect()
}

/// What of the programs this kernel takes, without attaching any.
pub(super) fn probe() -> Reasons {
    reasons(unified().is_some())
}

fn reasons(cgroups: bool) -> Reasons {
    let mut reasons = Reasons::new();
    for (feature, programs) in FEATURES {
        let loaded = opened(|name| programs.contains(&name)).map_err(|error| error.to_string());
        let loaded = loaded.and_then(|object| object.load().map_err(|error| explain(&error)));
        let why = loaded.and_then(|object| if feature == "lsm" { is_called(&object) } else { Ok(()) }).err();
        let why = why.or_else(|| (feature == "cgroup" && !cgroups).then(|| NO_CGROUPS.to_owned()));
        reasons.extend(why.map(|why| (feature.to_owned(), why)));
    }
    reasons
}

fn opened(wanted: impl Fn(&str) -> bool) -> Result<OpenObject, EnforceError> {
    quiet();
    let failed = |error: libbpf_rs::Error| EnforceError::kernel("the object", &error);
    let mut object = ObjectBuilder::default().open_memory(&OBJECT.0).map_err(failed)?;
    for mut program in object.progs_mut() {
        let wanted = wanted(&program.name().to_string_lossy());
        program.set_autoload(wanted);
    }
    let processors = libbpf_rs::num_possible_cpus().map_err(failed)? as u32;
    for mut map in object.maps_mut() {
        if map.name() == "scratches" {
            map.set_max_entries(4 * processors).map_err(failed)?;
        }
    }
    Ok(object)
}

/// Loads, attaches and pins what this kernel takes.
fn load(own: &Path, scope: Option<&Path>) -> Result<Reasons, EnforceError> {
    let failed = |what: &str, error: &dyn std::fmt::Display| EnforceError::Kernel(format!("{what}: {error}"));
    let root = unified();
    let mut reasons = reasons(root.is_some());
    let used = |reasons: &Reasons, name: &str| {
        FEATURES.iter().any(|(feature, programs)| programs.contains(&name) && !reasons.contains_key(*feature))
    };
    if own.exists() {
        remove(own).map_err(|error| failed("an unfinished start", &error))?;
    }
    let object = opened(|name| used(&reasons, name))?.load();
    let mut object = object.map_err(|error| failed("the programs", &explain(&error)))?;
    for directory in [own.to_owned(), own.join("maps"), own.join("links")] {
        fs::create_dir_all(&directory).map_err(|error| failed(&directory.display().to_string(), &error))?;
    }
    for mut map in object.maps_mut() {
        let path = own.join("maps").join(map.name());
        if !map.is_pinned() && MAPS.iter().any(|name| map.name() == *name) {
            map.pin(&path).map_err(|error| failed(&path.display().to_string(), &error))?;
        }
    }
    if used(&reasons, "find_root") {
        find_root(&object).map_err(|error| failed("the root of the host", &error))?;
    }
    let beneath = scope.map(Path::to_owned).or(root);
    for (feature, programs) in FEATURES {
        for name in programs.iter().filter(|name| **name != "find_root") {
            if reasons.contains_key(feature) {
                continue;
            }
            let done = attach(&object, name, beneath.as_deref()).and_then(|mut link| {
                link.pin(own.join("links").join(name)).map_err(|error| error.to_string())
            });
            if let Err(why) = done {
                reasons.insert(feature.to_owned(), format!("{name}: {why}"));
            }
        }
    }
    fs::create_dir(own.join("ready")).map_err(|error| failed("the end of the start", &error))?;
    Ok(reasons)
}

fn attach(object: &Object, name: &str, groups: Option<&Path>) -> Result<Link, String> {
    let program =
        object.progs_mut().find(|program| program.name() == name).ok_or("it is not in the object")?;
    let link = if program.section().to_string_lossy().starts_with("cgroup") {
        let root = groups.ok_or(NO_CGROUPS)?;
        let root = File::open(root).map_err(|error| format!("{}: {error}", root.display()))?;
        program.attach_cgroup(root.as_raw_fd())
    } else {
        program.attach()
    };
    link.map_err(|error| error.to_string())
}

/// Whether the hooks of LSM are called: programs can be attached even where the kernel was started without them.
fn is_called(object: &Object) -> Result<(), String> {
    let map = |name: &str| {
        let map = object.maps().find(|map| map.name() == name).ok_or("it has no such map")?;
        MapHandle::try_from(&map).map_err(|error| error.to_string())
    };
    let (settings, counts) = (map("settings")?, map("counts")?);
    let test = Settings { tester: std::process::id(), ..Settings::default() };
    settings.update(&[0; 4], &test.bytes(), MapFlags::ANY).map_err(|error| error.to_string())?;
    let _link = attach(object, "check_open", None)?;
    let before = counted(&counts)[4];
    File::open("/proc/self/stat").map_err(|error| error.to_string())?;
    let called = counted(&counts)[4] > before;
    called.then_some(()).ok_or_else(|| "the kernel was started without bpf in lsm=".to_owned())
}

/// The sums over all processors.
fn counted(counts: &MapHandle) -> [u64; 5] {
    let mut sums = [0; 5];
    let values = counts.lookup_percpu(&[0; 4], MapFlags::ANY).ok().flatten();
    for value in values.unwrap_or_default() {
        for (sum, bytes) in sums.iter_mut().zip(value.chunks_exact(8)) {
            *sum += u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
    }
    sums
}

fn find_root(object: &Object) -> Result<(), Box<dyn std::error::Error>> {
    let program =
        object.progs_mut().find(|program| program.name() == "find_root").ok_or("it is not in the object")?;
    let link = program.attach()?;
    io::copy(&mut Iter::new(&link)?, &mut io::sink())?;
    Ok(())
}

/// Makes sure that a directory is on a file system of BPF.
fn mounted(pins: &Path) -> Result<(), EnforceError> {
    let failed = |error: io::Error| EnforceError::Pins(pins.to_owned(), error);
    let root = Path::new("/sys/fs/bpf");
    if pins.starts_with(root) && statfs(root).map_err(|error| failed(error.into()))?.f_type as i64 != BPF_FS {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        mount("bpf", root, "bpf", flags, c"mode=700").map_err(|error| failed(error.into()))?;
    }
    fs::create_dir_all(pins).map_err(failed)
}

fn remove(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return fs::remove_file(path);
    }
    for entry in fs::read_dir(path)? {
        remove(&entry?.path())?;
    }
    fs::remove_dir(path)
}
