//! Whether a program is a file of its container's image, with the content it has there.
//!
//! The root of a container is an overlay: the layers of the image below, what was written since on top. So the kernel knows it already:
//!
//! ```text
//!   on another file system (volume, tmpfs), or in memory   ──► no
//!   on the overlay, in a lower layer                       ──► yes
//!   on the overlay, in the upper layer  ──► the same bytes in a lower layer (only its mode or owner was changed)?  yes : no
//! ```
//! Nothing is hashed and no index is needed. Where the root is no overlay, it is not known.

use gabion_model::{
    ContainerKey,
    event::{Executable, InImage},
};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2, statfs};
use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

/// The number of overlay file systems.
const OVERLAY: rustix::fs::FsWord = 0x794c_7630;
/// Programs that are larger are not compared, in bytes.
const MAX_COMPARED: u64 = 256 << 20;
/// No more containers than this are remembered.
const MAX_CONTAINERS: usize = 16_384;

/// The root of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// An overlay with this device, and its lower layers, the topmost first; none if they are not told by whole paths.
    Overlay { device: u64, layers: Vec<PathBuf> },
    /// It is something else.
    Other,
}

/// The roots of containers, as far as they were looked at.
#[derive(Debug)]
pub struct Origins {
    proc: PathBuf,
    roots: HashMap<ContainerKey, Root>,
    /// Programs about which it is not known, as their process or root could not be looked at.
    pub unknown: u64,
}

impl Origins {
    /// None yet. `proc` is where `/proc` of the node is.
    pub fn new(proc: &Path) -> Self {
        Self { proc: proc.to_owned(), roots: HashMap::new(), unknown: 0 }
    }

    /// A container has ended.
    pub fn forget(&mut self, key: ContainerKey) {
        self.roots.remove(&key);
    }

    /// Whether the program that a process of a container has executed is of the image.
    pub fn in_image(&mut self, key: ContainerKey, pid: u32, exe: &Executable) -> InImage {
        if exe.memfd {
            return InImage::No;
        }
        let process = self.proc.join(pid.to_string());
        if !self.roots.contains_key(&key) {
            let Some(root) = root(&process) else {
                self.unknown += 1;
                return InImage::Unknown;
            };
            if self.roots.len() >= MAX_CONTAINERS {
                self.roots.clear();
            }
            self.roots.insert(key, root);
        }
        let answer = match self.roots.get(&key) {
            Some(Root::Overlay { device, .. }) if *device != exe.dev => {
                if exe.dev == 0 {
                    InImage::Unknown
                } else {
                    InImage::No
                }
            }
            Some(Root::Overlay { .. }) if !exe.upper_layer => InImage::Yes,
            Some(Root::Overlay { layers, .. }) => same_below(layers, &exe.path, &process.join("exe")),
            Some(Root::Other) | None => InImage::Unknown,
        };
        self.unknown += u64::from(answer == InImage::Unknown);
        answer
    }
}

/// The root of a process. None if it is gone.
fn root(process: &Path) -> Option<Root> {
    let root = process.join("root");
    if statfs(&root).ok()?.f_type != OVERLAY {
        return Some(Root::Other);
    }
    let device = fs::metadata(&root).ok()?.dev();
    let mounts = fs::read(process.join("mountinfo")).ok()?;
    Some(Root::Overlay { device, layers: layers(&mounts).unwrap_or_default() })
}

/// The lower layers of the overlay that is the root. None if one is not told by its whole path.
fn layers(mounts: &[u8]) -> Option<Vec<PathBuf>> {
    // The last mount on a place is the one that is seen.
    let line = mounts.split(|&b| b == b'\n').rfind(|line| line.split(|&b| b == b' ').nth(4) == Some(b"/"))?;
    let options = line.split(|&b| b == b' ').next_back()?;
    let mut layers = Vec::new();
    for option in options.split(|&b| b == b',') {
        if let Some(list) = option.strip_prefix(b"lowerdir=") {
            layers.extend(list.split(|&b| b == b':').map(|path| PathBuf::from(OsStr::from_bytes(path))));
        } else if let Some(one) = option.strip_prefix(b"lowerdir+=") {
            layers.push(PathBuf::from(OsStr::from_bytes(one)));
        }
    }
    // A name with a colon, comma or space in it is escaped: such layers are not looked for.
    let whole = |path: &PathBuf| path.is_absolute() && !path.as_os_str().as_bytes().contains(&b'\\');
    layers.iter().all(whole).then_some(layers)
}

/// Whether the topmost lower layer that has this path has the same bytes there.
fn same_below(layers: &[PathBuf], path: &[u8], exe: &Path) -> InImage {
    let below = path.strip_prefix(b"/").unwrap_or(path);
    if layers.is_empty() || below.is_empty() {
        return InImage::Unknown;
    }
    for layer in layers {
        let Ok(directory) = File::open(layer) else { return InImage::Unknown };
        let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let found = match openat2(&directory, OsStr::from_bytes(below), flags, Mode::empty(), inside) {
            Ok(found) => File::from(found),
            Err(rustix::io::Errno::NOENT) => continue,
            // A whiteout, whose device does not exist, or a link or a file on the way: the image has no such file.
            Err(rustix::io::Errno::NXIO | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => {
                return InImage::No;
            }
            Err(_) => return InImage::Unknown,
        };
        if fstat(&found).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile) {
            return InImage::No;
        }
        let Ok(running) = File::open(exe) else { return InImage::Unknown };
        return same(running, found);
    }
    InImage::No
}

fn same(one: File, other: File) -> InImage {
    let size = |file: &File| file.metadata().map(|meta| meta.len());
    match (size(&one), size(&other)) {
        (Ok(a), Ok(b)) if a != b => return InImage::No,
        (Ok(a), Ok(_)) if a <= MAX_COMPARED => {}
        _ => return InImage::Unknown,
    }
    let (mut one, mut other) = (one.take(MAX_COMPARED), other.take(MAX_COMPARED));
    let (mut ours, mut theirs) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let Ok(read) = one.read(&mut ours) else { return InImage::Unknown };
        if read == 0 {
            return InImage::Yes;
        }
        if other.read_exact(&mut theirs[..read]).is_err() {
            return InImage::Unknown;
        }
        if ours[..read] != theirs[..read] {
            return InImage::No;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_those_of_the_root_by_whole_paths() {
        let mounts = b"10 1 0:3 / /data rw - overlay o rw,lowerdir=/wrong\n\
            11 1 0:4 / / rw - overlay o rw,lowerdir=/l/2:/l/1,upperdir=/u,workdir=/w\n";
        assert_eq!(layers(mounts), Some(vec![PathBuf::from("/l/2"), PathBuf::from("/l/1")]));
        assert_eq!(layers(b"11 1 0:4 / / rw - overlay o rw,lowerdir=2/fs:1/fs,upperdir=/u\n"), None);
        assert_eq!(
            layers(b"11 1 0:4 / / rw - overlay o rw,lowerdir+=/l/2,lowerdir+=/l/1\n").map(|l| l.len()),
            Some(2)
        );
        assert_eq!(layers(b""), None);
    }

    #[test]
    fn the_topmost_layer_that_has_it_counts() {
        let home = tempfile::tempdir().expect("a directory");
        let [top, bottom] = ["top", "bottom"].map(|name| home.path().join(name));
        for layer in [&top, &bottom] {
            fs::create_dir_all(layer.join("bin")).expect("makes");
        }
        let exe = home.path().join("exe");
        fs::write(&exe, b"program").expect("writes");
        let ask = |path: &[u8]| same_below(&[top.clone(), bottom.clone()], path, &exe);
        assert_eq!(ask(b"/bin/a"), InImage::No);
        fs::write(bottom.join("bin/a"), b"program").expect("writes");
        assert_eq!(ask(b"/bin/a"), InImage::Yes);
        fs::write(top.join("bin/a"), b"Program").expect("writes");
        assert_eq!(ask(b"/bin/a"), InImage::No, "changed, of the same size");
        fs::remove_file(top.join("bin/a")).expect("removes");
        std::os::unix::fs::symlink(bottom.join("bin/a"), top.join("bin/a")).expect("links");
        assert_eq!(ask(b"/bin/a"), InImage::No, "the image has a link there");
        assert_eq!(ask(b"/../exe"), InImage::Unknown);
        assert_eq!(same_below(&[], b"/bin/a", &exe), InImage::Unknown);
    }
}
