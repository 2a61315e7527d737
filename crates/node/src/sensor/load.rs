//! Loads the programs that this kernel takes, and attaches them.
//!
//! One object holds all of them. Whether a hook is there is asked of the kernel's BTF; whether a program passes its
//! verifier is found out by loading it: all at once first, and only if that fails, one by one, so that each that is
//! refused has its own reason and the rest is used.

use super::{
    config::Config,
    error::SensorError,
    probe::{Feature, Probed, ROWS},
};
use libbpf_rs::{
    Link, MapCore, MapHandle, MapInfo, Object, ObjectBuilder, OpenObject, PrintLevel,
    btf::{Btf, types::Typedef},
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::fd::AsRawFd,
    path::PathBuf,
    sync::Mutex,
};

/// An object, at an address that an ELF file may have.
#[repr(C, align(8))]
pub(crate) struct Aligned<T: ?Sized>(pub(crate) T);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/sensor.bpf.o")));

/// What the loader says, of which the end explains a failure. The loader has one place for it in the process.
static LOG: Mutex<String> = Mutex::new(String::new());

/// Why programs are not used, by their name.
type Reasons = BTreeMap<&'static str, String>;

/// Numbers of what there is of ours in the kernel.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Maps.
    pub maps: Vec<u32>,
    /// Links: programs that are attached.
    pub links: Vec<u32>,
}

impl Objects {
    /// Adds a map. One whose number the kernel does not tell is left out.
    pub(crate) fn map(&mut self, map: &impl MapCore) {
        self.maps.extend(MapInfo::new(map.as_fd()).map(|map| map.info.id).ok());
    }

    /// Adds a link.
    pub(crate) fn link(&mut self, link: &Link) {
        self.links.extend(link.info().map(|link| link.id).ok());
    }
}

/// Programs in the kernel.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) object: Object,
    /// Detached when they are dropped.
    pub(super) links: Vec<Link>,
    pub(super) probed: Vec<Probed>,
}

impl Loaded {
    /// A map by its name.
    pub(super) fn map(&self, name: &str) -> Result<MapHandle, SensorError> {
        let map = self.object.maps().find(|map| map.name() == name);
        let map = map.ok_or_else(|| SensorError::Load(format!("the object has no map {name}")))?;
        MapHandle::try_from(&map).map_err(|error| SensorError::Load(format!("map {name}: {error}")))
    }

    /// Attaches the programs of a feature.
    pub(super) fn attach(&self, feature: Feature) -> Result<Vec<Link>, String> {
        let cgroups = unified();
        let wanted = feature.row().programs;
        let mut links = Vec::new();
        for program in self.object.progs_mut() {
            if !wanted.iter().any(|name| program.name() == *name) {
                continue;
            }
            let link = if program.section().to_string_lossy().starts_with("cgroup") {
                let root = cgroups.as_ref().ok_or(NO_CGROUPS)?;
                let root = File::open(root).map_err(|error| format!("{}: {error}", root.display()))?;
                program.attach_cgroup(root.as_raw_fd())
            } else {
                program.attach()
            };
            links.push(link.map_err(|error| format!("{}: {error}", program.section().to_string_lossy()))?);
        }
        Ok(links)
    }

    pub(super) fn usable(&self, feature: Feature) -> bool {
        self.probed.iter().any(|probed| probed.feature == feature && probed.used.is_ok())
    }
}

pub(crate) const NO_CGROUPS: &str = "no control groups of version 2 are mounted";

/// Loads what can be loaded, and attaches what is always on.
pub(super) fn load(config: &Config) -> Result<Loaded, SensorError> {
    let missing = missing_capabilities();
    if !missing.is_empty() {
        return Err(SensorError::Privileges { missing });
    }
    let kernel = Btf::from_vmlinux().map_err(|error| SensorError::NoBtf(error.to_string()))?;
    quiet();
    let mut reasons = unavailable(config, &kernel)?;
    drop(kernel);
    let object = if let Ok(object) = open(config, &reasons)?.load() {
        object
    } else {
        refused(&mut reasons)?;
        open(config, &reasons)?.load().map_err(|error| SensorError::Load(explain(&error)))?
    };
    let mut loaded = Loaded { object, links: Vec::new(), probed: Vec::new() };
    for row in ROWS {
        let reason = row.programs.iter().find_map(|name| reasons.get(name));
        let later = matches!(row.feature, Feature::Running | Feature::OpenSockets | Feature::Calls);
        let used = match reason {
            Some(reason) => Err(reason.clone()),
            None if later => Ok(()),
            None => loaded.attach(row.feature).map(|links| loaded.links.extend(links)),
        };
        if let (Feature::Processes, Err(reason)) = (row.feature, &used) {
            return Err(SensorError::Load(reason.clone()));
        }
        loaded.probed.push(Probed { feature: row.feature, used });
    }
    Ok(loaded)
}

/// Programs whose hook is not there, or that nobody wants. One that is missing takes the others of its feature with it.
fn unavailable(config: &Config, kernel: &Btf<'_>) -> Result<Reasons, SensorError> {
    let object = open_object()?;
    let no_cgroups = unified().is_none();
    let mut reasons = Reasons::new();
    for row in ROWS {
        let mut why = config.without.contains(&row.feature).then(|| "it is switched off".to_owned());
        for program in object.progs() {
            if !row.programs.iter().any(|name| program.name() == *name) {
                continue;
            }
            let section = program.section().to_string_lossy();
            if let Some(hook) = section.strip_prefix("tp_btf/") {
                if kernel.type_by_name::<Typedef<'_>>(&format!("btf_trace_{hook}")).is_none() {
                    why = why.or_else(|| Some(format!("this kernel has no tracepoint {hook}")));
                }
            } else if section.starts_with("cgroup") && no_cgroups {
                why = why.or_else(|| Some(NO_CGROUPS.to_owned()));
            }
        }
        if let Some(why) = why {
            reasons.extend(row.programs.iter().map(|&name| (name, why.clone())));
        }
    }
    Ok(reasons)
}

/// Programs that the kernel refuses, each asked about alone.
fn refused(reasons: &mut Reasons) -> Result<(), SensorError> {
    for row in ROWS {
        if row.programs.iter().any(|name| reasons.contains_key(name)) {
            continue;
        }
        let mut object = open_object()?;
        for mut program in object.progs_mut() {
            let wanted = row.programs.iter().any(|name| program.name() == *name);
            program.set_autoload(wanted);
        }
        if let Err(error) = object.load() {
            let why = explain(&error);
            reasons.extend(row.programs.iter().map(|&name| (name, why.clone())));
        }
    }
    Ok(())
}

fn open_object() -> Result<OpenObject, SensorError> {
    quiet();
    let object = ObjectBuilder::default().open_memory(&OBJECT.0);
    object.map_err(|error| SensorError::Load(error.to_string()))
}

fn open(config: &Config, reasons: &Reasons) -> Result<OpenObject, SensorError> {
    let load = |error: libbpf_rs::Error| SensorError::Load(error.to_string());
    let mut object = open_object()?;
    for mut program in object.progs_mut() {
        let usable = !reasons.keys().any(|name| program.name() == *name);
        program.set_autoload(usable);
    }
    let processors = libbpf_rs::num_possible_cpus().map_err(load)?;
    for mut map in object.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        match &*name {
            "guaranteed" => map.set_max_entries(config.guaranteed_ring).map_err(load)?,
            "bulk" => map.set_max_entries(config.bulk_ring).map_err(load)?,
            "buffers" => map.set_max_entries(2 * processors as u32).map_err(load)?,
            // `has_exchange` is all there is in it.
            name if name.ends_with(".rodata") && !has_exchange() => {
                if let Some(word) = map.initial_value_mut().and_then(|value| value.first_chunk_mut::<4>()) {
                    *word = [0; 4];
                }
            }
            _ => {}
        }
    }
    Ok(object)
}

/// Whether this kernel is 5.12 or newer. One whose number cannot be read is.
fn has_exchange() -> bool {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    !matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) < (5, 12))
}

/// What the loader says from now on is kept, not printed.
pub(crate) fn quiet() {
    if let Ok(mut log) = LOG.lock() {
        log.clear();
    }
    libbpf_rs::set_print(Some((PrintLevel::Warn, |_, line| {
        if let Ok(mut log) = LOG.lock() {
            log.push_str(&line);
        }
    })));
}

/// An error of the loader, with the line of the verifier that says what it did not like.
pub(crate) fn explain(error: &libbpf_rs::Error) -> String {
    let log = LOG.lock().map(|log| log.clone()).unwrap_or_default();
    let mut before = "";
    for line in log.lines().rev() {
        if before.starts_with("processed ") {
            return format!("{error}: {line}");
        }
        before = line;
    }
    error.to_string()
}

/// Where control groups of version 2 are mounted.
pub fn unified() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (front, back) = line.split_once(" - ")?;
        back.starts_with("cgroup2 ").then_some(PathBuf::from(front.split(' ').nth(4)?))
    })
}

/// What is needed to load programs and is not there.
fn missing_capabilities() -> Vec<&'static str> {
    const SYS_ADMIN: u64 = 1 << 21;
    const NEEDED: [(u64, &str); 2] = [(1 << 39, "CAP_BPF"), (1 << 38, "CAP_PERFMON")];
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    // Without /proc it is tried all the same.
    let Some(have) = line.and_then(|line| u64::from_str_radix(line.trim(), 16).ok()) else {
        return Vec::new();
    };
    if have & SYS_ADMIN != 0 {
        return Vec::new();
    }
    NEEDED.iter().filter(|(bit, _)| have & bit == 0).map(|&(_, name)| name).collect()
}
