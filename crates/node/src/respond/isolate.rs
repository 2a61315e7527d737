//! Cuts a control group off the network (`bpf/isolate.bpf.c`). The programs are attached to the group itself and pinned, so they hold
//! without the agent; what is pinned is found again by name.

use super::{RespondError, freeze::directory};
use libbpf_rs::{MapCore, MapFlags, MapHandle, ObjectBuilder};
use std::{
    fs::{self, File},
    net::IpAddr,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// The object, at an address that an ELF file may have.
#[repr(C, align(8))]
struct Aligned<T: ?Sized>(T);

static OBJECT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/isolate.bpf.o")));

/// Where the kernel keeps what is pinned.
const PINS: &str = "/sys/fs/bpf";

/// Packets that an isolation has dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// On the way out.
    pub sent: u64,
    /// On the way in.
    pub received: u64,
}

/// Isolates a group under a name. Name servers and `peers` stay reachable.
pub fn isolate(group: &[u8], name: &str, peers: &[IpAddr]) -> Result<(), RespondError> {
    let told =
        |what: &str, error: &dyn std::fmt::Display| RespondError::Isolation(format!("{what}: {error}"));
    let path = directory(group)?;
    let group = File::open(&path).map_err(RespondError::file(&path))?;
    let pins = pins(name)?;
    let mut object = ObjectBuilder::default()
        .open_memory(&OBJECT.0)
        .and_then(libbpf_rs::OpenObject::load)
        .map_err(|error| told("load", &error))?;
    for map in object.maps() {
        if map.name() == "peers" {
            for peer in peers {
                let key = match peer {
                    IpAddr::V4(four) => four.to_ipv6_mapped().octets(),
                    IpAddr::V6(six) => six.octets(),
                };
                map.update(&key, &[1], MapFlags::ANY).map_err(|error| told("peers", &error))?;
            }
        }
    }
    fs::create_dir_all(&pins).map_err(RespondError::file(&pins))?;
    let attached = (|| {
        for mut map in object.maps_mut().filter(|map| map.name() == "dropped") {
            map.pin(pins.join("dropped"))?;
        }
        for program in object.progs_mut() {
            let mut link = program.attach_cgroup(group.as_raw_fd())?;
            link.pin(pins.join(program.name()))?;
        }
        Ok(())
    })();
    attached.map_err(|error: libbpf_rs::Error| {
        // Half an isolation is none.
        let _ = fs::remove_dir_all(&pins);
        told("attach", &error)
    })
}

/// Ends an isolation, and tells what it has dropped. One that is not there any more has dropped nothing.
pub fn release(name: &str) -> Result<Dropped, RespondError> {
    let pins = pins(name)?;
    let dropped = dropped(&pins).unwrap_or_default();
    let entries = match fs::read_dir(&pins) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(dropped),
        Err(error) => return Err(RespondError::file(pins)(error)),
    };
    for entry in entries {
        let path = entry.map_err(RespondError::file(&pins))?.path();
        fs::remove_file(&path).map_err(RespondError::file(&path))?;
    }
    fs::remove_dir(&pins).map_err(RespondError::file(&pins))?;
    Ok(dropped)
}

fn dropped(pins: &Path) -> Option<Dropped> {
    let map = MapHandle::from_pinned_path(pins.join("dropped")).ok()?;
    let count = |way: u32| {
        let value = map.lookup(&way.to_ne_bytes(), MapFlags::ANY).ok()??;
        Some(u64::from_ne_bytes(value.try_into().ok()?))
    };
    Some(Dropped { sent: count(0)?, received: count(1)? })
}

/// The directory in which an isolation is pinned.
fn pins(name: &str) -> Result<PathBuf, RespondError> {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !plain {
        return Err(RespondError::Isolation(format!("{name:?} is no name for it")));
    }
    let root = Path::new(PINS);
    let magic = rustix::fs::statfs(root).map(|of| of.f_type);
    if magic != Ok(BPF_FS) {
        rustix::mount::mount("bpf", root, "bpf", rustix::mount::MountFlags::empty(), None::<&std::ffi::CStr>)
            .map_err(|error| RespondError::Call {
                what: "mount the file system of BPF",
                source: error.into(),
            })?;
    }
    Ok(root.join("gabion").join("isolated").join(name))
}

/// The number of that file system.
const BPF_FS: rustix::fs::FsWord = 0xcafe_4a11;
