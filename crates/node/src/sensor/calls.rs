//! The system calls that can be told: what each is called, what the kernel captures of it, and what becomes its arguments.
//!
//! This table is the whole of it: the program at `sys_exit` works through the [plan](Call::plan) of a call, and the decoder
//! fills the arguments of its kind from what came. A call is added by a row.

mod table;

use gabion_model::event::{Category, EventKind};

/// What an event's descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Nothing,
    /// The descriptor that is this argument.
    Arg(u8),
    /// The descriptor that is the result.
    Returned,
    /// The same; if the call failed, what the path would have been.
    Opened {
        dirfd: u8,
        path: u8,
    },
    /// The directory that a relative path starts from.
    Directory {
        dirfd: u8,
        path: u8,
    },
    /// The map or link that a command of `bpf` changes: its number in place of an inode.
    BpfObject,
}

/// In place of a number of an argument: the result, or the working directory.
pub(super) const NONE: u8 = 255;

/// Where an argument of an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// It is not captured.
    Unknown,
    /// The result.
    Result,
    /// A 32-bit number with a sign.
    Int(u8),
    /// A 32-bit number without.
    Word(u8),
    /// The bits of one.
    Bits(u8, u32),
    /// A 64-bit number.
    Long(u8),
    /// A text of the caller.
    Text(u8),
    /// The same, if argument 0 is this.
    TextIf(u8, u64),
    /// Data of the caller: where, how many.
    Data(u8, u8),
    /// Data that a `struct msghdr` leads to; its address comes with it.
    Message(u8),
    /// Data that the first `struct iovec` leads to.
    Vector(u8),
    /// A number of 4 bytes in a structure: which argument, size of the structure, where in it.
    Field(u8, u8, u8),
    /// The same with 8 bytes.
    Wide(u8, u8, u8),
    /// Two numbers of 4 bytes, the lower one first: a set of capabilities.
    Pair(u8, u8, u8, u8),
    /// Flags of `open`, and whether it made the file.
    OpenFlags(u8),
    /// The same in a structure.
    OpenHow(u8),
    /// Of the descriptor.
    Dev,
    Ino,
    Path,
    /// Both ends of the socket, and the address in these arguments if there is one.
    Tuple(u8, u8),
    /// Both ends of the socket as they are.
    Ends,
    /// An address.
    Address(u8, u8),
}

/// A system call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) kind: EventKind,
    pub(super) on: On,
    pub(super) args: &'static [From],
}

/// `enum step_kind` of `bpf/record.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum StepKind {
    Text = 1,
    Fd,
    Returned,
    Directory,
    Address,
    Data,
    Message,
    Vector,
    Struct,
    Bpf,
}

/// One thing to capture: what, about which argument, and what else it needs; whether only of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(pub(super) StepKind, pub(super) u8, pub(super) u8, pub(super) bool);

/// Most steps of a call.
pub(super) const STEPS: usize = 6;

const FAILED_ONLY: u32 = 1;
const GUARANTEED: u32 = 2;
const ACCEPT: u32 = 4;
const OPEN: u32 = 8;
const OPENAT: u32 = 16;
const CONNECT: u32 = 32;
const SENDTO: u32 = 64;
const SENDMSG: u32 = 128;

impl Call {
    /// All that can be told on this machine.
    pub(super) fn all() -> impl Iterator<Item = &'static Self> {
        table::CALLS.iter()
    }

    /// What is captured.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = match self.on {
            On::Nothing => Vec::new(),
            On::Arg(arg) => vec![Step(StepKind::Fd, arg, 0, false)],
            On::Returned => vec![Step(StepKind::Returned, NONE, 0, false)],
            On::Opened { dirfd, path } => {
                vec![Step(StepKind::Returned, NONE, 0, false), Step(StepKind::Directory, dirfd, path, true)]
            }
            On::Directory { dirfd, path } => vec![Step(StepKind::Directory, dirfd, path, false)],
            On::BpfObject => vec![Step(StepKind::Bpf, 0, 1, false)],
        };
        for from in self.args {
            let step = match *from {
                From::Text(arg) | From::TextIf(arg, _) => Step(StepKind::Text, arg, 0, false),
                From::Data(arg, size) => Step(StepKind::Data, arg, size, false),
                From::Message(arg) => Step(StepKind::Message, arg, 0, false),
                From::Vector(arg) => Step(StepKind::Vector, arg, 0, false),
                From::Field(arg, size, _) | From::Wide(arg, size, _) | From::Pair(arg, size, ..) => {
                    Step(StepKind::Struct, arg, size, false)
                }
                From::OpenHow(arg) => Step(StepKind::Struct, arg, 24, false),
                From::Tuple(arg, size) | From::Address(arg, size) => {
                    Step(StepKind::Address, arg, size, false)
                }
                _ => continue,
            };
            if !steps.contains(&step) {
                steps.push(step);
            }
        }
        steps
    }

    fn flags(&self) -> u32 {
        use EventKind as K;
        match self.kind {
            // What succeeds is told by the hook of exec.
            K::Execve | K::Execveat => FAILED_ONLY | GUARANTEED,
            K::Accept | K::Accept4 => ACCEPT | GUARANTEED,
            K::Connect => CONNECT | GUARANTEED,
            K::Bind | K::Listen => GUARANTEED,
            K::Sendto => SENDTO,
            K::Sendmsg => SENDMSG,
            K::Open => OPEN,
            K::Openat => OPENAT,
            K::Mmap | K::Mprotect => 0,
            kind if matches!(kind.category(), Category::Process | Category::System) => GUARANTEED,
            _ => 0,
        }
    }

    /// The plan as the program reads it: `struct call_plan`.
    pub(super) fn plan(&self) -> Vec<u8> {
        let mut plan = self.flags().to_ne_bytes().to_vec();
        for Step(kind, arg, more, failed) in self.steps() {
            plan.extend([kind as u8, arg, more, u8::from(failed)]);
        }
        plan.resize(4 + 4 * STEPS, 0);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_fits_its_kind_and_the_program() {
        let mut numbers = HashSet::new();
        for call in Call::all() {
            assert!(numbers.insert(call.number), "{:?} is there twice", call.kind);
            assert!(call.number < 512, "{:?} has no bit", call.kind);
            assert_eq!(call.args.len(), call.kind.args().len(), "arguments of {:?}", call.kind);
            assert!(call.steps().len() <= STEPS, "{:?} has {:?}", call.kind, call.steps());
        }
    }

    #[test]
    fn opens_resolve_the_path_that_failed() {
        let openat = Call::all().find(|call| call.kind == EventKind::Openat).unwrap();
        let steps = [
            Step(StepKind::Returned, NONE, 0, false),
            Step(StepKind::Directory, 0, 1, true),
            Step(StepKind::Text, 1, 0, false),
        ];
        assert_eq!(openat.steps(), steps);
        assert_eq!(openat.plan()[..8], [16, 0, 0, 0, 3, 255, 0, 0]);
    }
}
