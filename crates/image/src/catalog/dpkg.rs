//! Debian and its kin: what `dpkg` has installed.
//!
//! ```text
//!  var/lib/dpkg/status                  all packages, one paragraph each        ─► Fact::Package
//!  var/lib/dpkg/status.d/NAME           one package (distroless)                ─► Fact::Package
//!  var/lib/dpkg/info/NAME[:ARCH].list   the files of a package                  ─► Fact::Owns
//!  var/lib/dpkg/status.d/NAME.md5sums   the same (distroless)                   ─► Fact::Owns
//!  usr/share/doc/NAME/copyright         its licences                            ─► Fact::Licenses
//! ```
//!
//! Each file is read by itself; [`package_of`] says which package a list or a copyright file speaks of, and
//! [`record_beside`] which distroless record. Lists name files as they were packed: where `/bin` is a link
//! to `usr/bin`, a listed `bin/sh` is the file `usr/bin/sh`.

mod copyright;
mod list;
mod status;

pub use copyright::DpkgCopyright;
pub use list::DpkgList;
pub use status::DpkgStatus;

use gabion_model::path;

const STATUS: &[u8] = b"var/lib/dpkg/status";
const STATUS_D: &[u8] = b"var/lib/dpkg/status.d";
const INFO: &[u8] = b"var/lib/dpkg/info";
const DOC: &[u8] = b"usr/share/doc";

/// The package, and its architecture where the file name has one, that a file list of `info` or a copyright
/// file speaks of. The names of distroless lists may be encoded, so they go by [`record_beside`].
///
/// ```
/// # use gabion_image::catalog::dpkg::package_of;
/// assert_eq!(package_of(b"var/lib/dpkg/info/libc6:amd64.list"), Some(("libc6", Some("amd64"))));
/// assert_eq!(package_of(b"usr/share/doc/bash/copyright"), Some(("bash", None)));
/// ```
pub fn package_of(file: &[u8]) -> Option<(&str, Option<&str>)> {
    let parent = path::parent(file);
    let name = if parent == INFO {
        path::name(file).strip_suffix(b".list")?
    } else if path::parent(parent) == DOC && path::name(file) == b"copyright" {
        path::name(parent)
    } else {
        return None;
    };
    let name = std::str::from_utf8(name).ok()?;
    Some(match name.split_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (name, None),
    })
}

/// The path of the distroless record whose files a list beside it names.
///
/// ```
/// # use gabion_image::catalog::dpkg::record_beside;
/// let list = b"var/lib/dpkg/status.d/tzdata.md5sums";
/// assert_eq!(record_beside(list), Some(&b"var/lib/dpkg/status.d/tzdata"[..]));
/// ```
pub fn record_beside(file: &[u8]) -> Option<&[u8]> {
    file.strip_suffix(b".md5sums").filter(|record| path::parent(record) == STATUS_D)
}

/// A path as a list writes it, in the form that [`crate::facts::Fact::Owns`] has. None for the root, and for what cannot
/// be a path inside it.
fn owned(raw: &[u8]) -> Option<String> {
    let path = path::normalise(raw).ok()?;
    (!path.is_empty()).then(|| path::display(&path).into_owned())
}
