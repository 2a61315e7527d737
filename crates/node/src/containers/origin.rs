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
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2, statfs},
    io::Errno,
};
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
    /// An overlay with this device.
    Overlay { device: u64, layers: Layers },
    /// It is something else.
    Other,
}

/// Where the layers of an overlay are on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Layers {
    /// What was written.
    upper: Option<PathBuf>,
    /// The image, the topmost first; none if they are not told by whole paths.
    lower: Vec<PathBuf>,
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
            Some(Root::Overlay { layers, .. }) => same_below(layers, exe, &process.join("exe")),
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

/// The layers of the overlay that is the root. None if one is not told by its whole path.
fn layers(mounts: &[u8]) -> Option<Layers> {
    // The last mount on a place is the one that is seen.
    let line = mounts.split(|&b| b == b'\n').rfind(|line| line.split(|&b| b == b' ').nth(4) == Some(b"/"))?;
    let options = line.split(|&b| b == b' ').next_back()?;
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let mut layers = Layers::default();
    for option in options.split(|&b| b == b',') {
        if let Some(list) = option.strip_prefix(b"lowerdir=") {
            layers.lower.extend(list.split(|&b| b == b':').map(path));
        } else if let Some(one) = option.strip_prefix(b"lowerdir+=") {
            layers.lower.push(path(one));
        } else if let Some(upper) = option.strip_prefix(b"upperdir=") {
            layers.upper = Some(path(upper));
        }
    }
    // A name with a colon, comma or space in it is escaped: such layers are not looked for.
    let whole = |path: &PathBuf| path.is_absolute() && !path.as_os_str().as_bytes().contains(&b'\\');
    layers.lower.iter().chain(&layers.upper).all(whole).then_some(layers)
}

/// A file of a layer; no link is followed.
fn open_in(layer: &Path, path: &[u8]) -> Result<File, rustix::io::Errno> {
    let directory = openat(CWD, layer, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let inside = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    openat2(&directory, OsStr::from_bytes(path), flags, Mode::empty(), inside).map(File::from)
}

/// The program that is run; if its process has ended, what lies in the upper layer, if that is the same file still. A file that
/// was copied up has the number of the one below.
fn running(process: &Path, layers: &Layers, exe: &Executable, below: &File) -> Option<File> {
    File::open(process).ok().or_else(|| {
        let path = exe.path.strip_prefix(b"/").unwrap_or(&exe.path);
        let file = open_in(layers.upper.as_ref()?, path).ok()?;
        let number = |file: &File| file.metadata().map(|meta| meta.ino()).ok();
        [number(&file), number(below)].contains(&Some(exe.ino)).then_some(file)
    })
}

/// Whether the topmost lower layer that has the path of a program has the same bytes there.
fn same_below(layers: &Layers, exe: &Executable, process: &Path) -> InImage {
    let below = exe.path.strip_prefix(b"/").unwrap_or(&exe.path);
    if layers.lower.is_empty() || below.is_empty() {
        return InImage::Unknown;
    }
    for layer in &layers.lower {
        let found = match open_in(layer, below) {
            Ok(found) => found,
            Err(Errno::NOENT) => continue,
            // A whiteout, whose device does not exist, or a link or a file on the way: the image has no such file.
            Err(Errno::NXIO | Errno::NOTDIR | Errno::LOOP) => return InImage::No,
            Err(_) => return InImage::Unknown,
        };
        if fstat(&found).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile) {
            return InImage::No;
        }
        let running = running(process, layers, exe, &found);
        return running.map_or(InImage::Unknown, |running| same(running, found));
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
        let expected = Layers { upper: Some("/u".into()), lower: vec!["/l/2".into(), "/l/1".into()] };
        assert_eq!(layers(mounts), Some(expected));
        assert_eq!(layers(b"11 1 0:4 / / rw - overlay o rw,lowerdir=2/fs:1/fs,upperdir=/u\n"), None);
        let two = layers(b"11 1 0:4 / / rw - overlay o rw,lowerdir+=/l/2,lowerdir+=/l/1\n");
        assert_eq!(two.map(|layers| layers.lower.len()), Some(2));
        assert_eq!(layers(b""), None);
    }

    #[test]
    fn the_topmost_layer_that_has_it_counts() {
        let home = tempfile::tempdir().expect("a directory");
        let [upper, top, bottom] = ["upper", "top", "bottom"].map(|name| home.path().join(name));
        for layer in [&upper, &top, &bottom] {
            fs::create_dir_all(layer.join("bin")).expect("makes");
        }
        let layers = Layers { upper: Some(upper.clone()), lower: vec![top.clone(), bottom.clone()] };
        let process = home.path().join("exe");
        fs::write(&process, b"program").expect("writes");
        let exe = |path: &[u8], ino| Executable { path: path.to_vec(), ino, ..Executable::default() };
        let ask = |path: &[u8]| same_below(&layers, &exe(path, 0), &process);
        assert_eq!(ask(b"/bin/a"), InImage::No);
        fs::write(bottom.join("bin/a"), b"program").expect("writes");
        assert_eq!(ask(b"/bin/a"), InImage::Yes);
        fs::write(top.join("bin/a"), b"Program").expect("writes");
        assert_eq!(ask(b"/bin/a"), InImage::No, "changed, of the same size");
        fs::remove_file(top.join("bin/a")).expect("removes");
        std::os::unix::fs::symlink(bottom.join("bin/a"), top.join("bin/a")).expect("links");
        assert_eq!(ask(b"/bin/a"), InImage::No, "the image has a link there");
        fs::remove_file(top.join("bin/a")).expect("removes");
        assert_eq!(ask(b"/../exe"), InImage::Unknown);

        // The process has ended.
        let gone = home.path().join("gone");
        fs::write(upper.join("bin/a"), b"program").expect("writes");
        let ino = fs::metadata(upper.join("bin/a")).expect("is there").ino();
        assert_eq!(same_below(&layers, &exe(b"/bin/a", ino), &gone), InImage::Yes);
        assert_eq!(same_below(&layers, &exe(b"/bin/a", 1), &gone), InImage::Unknown, "another file by now");
        let none = Layers { lower: Vec::new(), ..layers.clone() };
        assert_eq!(same_below(&none, &exe(b"/bin/a", ino), &process), InImage::Unknown);
    }
}
