//! A ring buffer of BPF, as memory: records are read where the kernel wrote them.
//!
//! ```text
//!   page 0   how far the reader is              written by us
//!   page 1   how far the writers are            written by the kernel
//!   page 2.. the data, mapped twice in a row    so that a record never has two pieces
//! ```
//! Each record has 8 bytes in front: its length, with two bits: it is not finished yet, it was given up.
//! libbpf's own reader calls back for one record after the other; to bring the records of two rings into the order of time, both
//! must be seen before any is given back, so the rings are read here.
//!
//! One of the two places of this crate with `unsafe`: the memory is shared with the kernel.

#![allow(unsafe_code, reason = "memory that is shared with the kernel; see the module's documentation")]

use rustix::{
    io,
    mm::{MapFlags, ProtFlags, mmap, munmap},
    param::page_size,
};
use std::{
    ffi::c_void,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const FRONT: u64 = 8;

/// Where a record is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    size: u32,
}

/// The reader of a ring. There must be one for each ring.
#[derive(Debug)]
pub(crate) struct Ring {
    reader: NonNull<c_void>,
    writers: NonNull<c_void>,
    size: u64,
    /// What the kernel may overwrite ends here.
    released: u64,
    /// What was gathered ends here.
    gathered: u64,
}

// SAFETY: the mappings belong to this value alone, and no thread is named in them.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps the ring of a map with `size` bytes.
    pub(crate) fn open(map: BorrowedFd<'_>, size: u32) -> io::Result<Self> {
        let page = page_size();
        let read_write = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at an address that the kernel chooses, of nothing that Rust knows.
        let reader = unsafe { mmap(std::ptr::null_mut(), page, read_write, MapFlags::SHARED, map, 0)? };
        let length = page + 2 * size as usize;
        // SAFETY: as above.
        let writers = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, map, page as u64)
        };
        let writers = writers.inspect_err(|_| {
            // SAFETY: mapped above, and nobody has it.
            let _ = unsafe { munmap(reader, page) };
        })?;
        let reader = NonNull::new(reader).ok_or(io::Errno::FAULT)?;
        let writers = NonNull::new(writers).ok_or(io::Errno::FAULT)?;
        let mut ring = Self { reader, writers, size: u64::from(size), released: 0, gathered: 0 };
        ring.released = ring.position().load(Ordering::Relaxed);
        ring.gathered = ring.released;
        Ok(ring)
    }

    fn position(&self) -> &AtomicU64 {
        // SAFETY: page 0 begins with this number, is mapped as long as we are, and is changed through atomics only.
        unsafe { self.reader.cast().as_ref() }
    }

    fn written(&self) -> u64 {
        // SAFETY: page 1 begins with this number; the kernel changes it with a store of its own size.
        let position: &AtomicU64 = unsafe { self.writers.cast().as_ref() };
        position.load(Ordering::Acquire)
    }

    fn data(&self, offset: u64) -> *const c_void {
        let at = page_size() + (offset & (self.size - 1)) as usize;
        // SAFETY: the offset is below the size of the ring, which is mapped twice behind the page of the writers.
        unsafe { self.writers.as_ptr().byte_add(at) }
    }

    /// Where the writers are now: a bound for [`Self::gather`].
    pub(crate) fn end(&self) -> u64 {
        self.written()
    }

    /// Tells of the finished records up to `end`, at most `bytes` of them, in the order in which they were begun. They stay
    /// where they are until [`Self::release`].
    pub(crate) fn gather(&mut self, end: u64, bytes: u64, mut tell: impl FnMut(Place)) {
        while self.gathered < end && self.gathered - self.released < bytes {
            let front = self.data(self.gathered).cast::<AtomicU32>();
            // SAFETY: records begin at multiples of 8, and the position is before that of the writers.
            let length = unsafe { &*front }.load(Ordering::Acquire);
            if length & BUSY != 0 {
                return;
            }
            let size = length & !(BUSY | DISCARDED);
            // The kernel never writes such a record.
            if u64::from(size) > self.size {
                return;
            }
            if length & DISCARDED == 0 {
                tell(Place { offset: self.gathered + FRONT, size });
            }
            self.gathered += (u64::from(size) + FRONT).next_multiple_of(8);
        }
    }

    /// The bytes of a record that was gathered and not released; of any other, none.
    pub(crate) fn bytes(&self, place: Place) -> &[u8] {
        if place.offset < self.released || place.offset + u64::from(place.size) > self.gathered {
            return &[];
        }
        // SAFETY: it lies in what was gathered and not released. That is not written to before it is released, which takes
        // `&mut self`; and it is no longer than the ring, whose data are mapped twice.
        unsafe { std::slice::from_raw_parts(self.data(place.offset).cast(), place.size as usize) }
    }

    /// Gives back what was gathered.
    pub(crate) fn release(&mut self) {
        if self.released != self.gathered {
            self.released = self.gathered;
            self.position().store(self.released, Ordering::Release);
        }
    }

    /// Something may be read.
    pub(crate) fn waiting(&self) -> bool {
        self.written() > self.released
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let page = page_size();
        // SAFETY: both were mapped in `open`, with these sizes, and nothing borrows from them any more.
        unsafe {
            let _ = munmap(self.reader.as_ptr(), page);
            let _ = munmap(self.writers.as_ptr(), page + 2 * self.size as usize);
        }
    }
}
