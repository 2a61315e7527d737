//! What tests of faults are made of: a disk that becomes full, and text that no index takes. Shared with the tests of the hub.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// What cannot be compressed much, so that no index of PostgreSQL takes it.
pub(crate) fn noise(bytes: usize) -> String {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'a' + (seed >> 33) as u8 % 26)
    };
    (0..bytes).map(|_| next()).collect()
}

/// A small file system, as long as it lives.
pub(crate) struct Small(tempfile::TempDir);

impl Small {
    /// None where none can be made, which is told, and fails where CI is.
    pub(crate) fn of(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let options = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(directory.path()).output();
        let mounted = mounted.expect("mount is part of every Linux");
        if mounted.status.success() {
            return Some(Self(directory));
        }
        assert!(std::env::var("CI").as_deref() != Ok("true"), "no small disk could be made: {mounted:?}");
        #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
        {
            eprintln!("not run: no small disk could be made: {mounted:?}");
        }
        None
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn free(&self) -> u64 {
        let space = rustix::fs::statvfs(self.path()).expect("is told");
        space.f_bavail * space.f_frsize
    }

    /// Takes what is there, but so much.
    pub(crate) fn fill(&self, but: u64) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).expect("opens");
        while self.free() > but && file.write_all(&[7; 4096]).is_ok() {}
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
