//! A pass over a recording: each event, once the state has taken it in.
//!
//! ```text
//!   Source ──► Event ──► too large? counted, and left out
//!                           │ no
//!                           ▼
//!                         State ──► take(event, state, slot)      rules, a writer, a counter
//! ```
//!
//! Who was found running when the recording began is taken in only: nobody did anything.

use crate::{
    recording::{RecordingError, Source},
    state::{Slot, State},
};
use gabion_model::{
    event::{Event, FdKind, Process, Subject, Value},
    workload::{Container, Mount},
};

/// What came of a pass.
#[derive(Debug)]
pub struct Pass {
    /// Whether the recording was read to its end: what was before an error has been given.
    pub read: Result<(), RecordingError>,
    /// Events that were left out because they are too large.
    pub too_large: u64,
}

/// Takes an event, with what is known of it. An error ends the pass.
pub type Take<'a, E> = dyn FnMut(&Event<'_>, &State, Option<Slot>) -> Result<(), E> + 'a;

/// Gives each event of a recording. One that takes more than `largest` bytes is left out: together with the limits of the state
/// this says how much memory a recording can cost.
pub fn each<E>(
    source: &mut dyn Source,
    state: &mut State,
    largest: usize,
    take: &mut Take<'_, E>,
) -> Result<Pass, E> {
    let mut too_large = 0;
    loop {
        let mut taken = Ok(());
        let more = source.read(&mut |event| {
            if taken.is_err() {
                return;
            }
            if largest < usize::MAX && size(event) > largest {
                too_large += 1;
                return;
            }
            let slot = state.apply(event);
            if event.number > 0 {
                taken = take(event, state, slot);
            }
        });
        taken?;
        match more {
            Ok(true) => {}
            Ok(false) => return Ok(Pass { read: Ok(()), too_large }),
            Err(error) => return Ok(Pass { read: Err(error), too_large }),
        }
    }
}

/// Bytes that an event takes, without what all events have.
fn size(event: &Event<'_>) -> usize {
    let argument = |value: &Value<'_>| if let Value::Bytes(bytes) = value { bytes.len() } else { 0 };
    let fd = match event.fd.map(|fd| fd.kind) {
        Some(
            FdKind::File { path: text, .. }
            | FdKind::Directory(text)
            | FdKind::Unix(text)
            | FdKind::Memfd(text)
            | FdKind::Anonymous(text),
        ) => text.len(),
        _ => 0,
    };
    let subject = match event.subject {
        Subject::Process(process) => of_process(process),
        Subject::Container(container) => of_container(container),
        Subject::None | Subject::Child(_) => 0,
    };
    event.args.iter().map(argument).sum::<usize>() + fd + subject
}

fn of_process(Process { comm, args, env, cwd, exe, .. }: &Process) -> usize {
    let texts =
        |list: &[Vec<u8>]| -> usize { list.iter().map(|text| text.len() + size_of::<Vec<u8>>()).sum() };
    comm.len() + texts(args) + texts(env) + cwd.len() + exe.path.len()
}

fn of_container(container: &Container) -> usize {
    let pairs = container.labels.len() + container.pod.as_ref().map_or(0, |pod| pod.labels.len());
    let parts = pairs * size_of::<(String, String)>() + container.mounts.len() * size_of::<Mount>();
    // Containers are few: the texts are about as long as it is when it is printed.
    parts + format!("{container:?}").len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recording::{Gaps, Node},
        state::Limits,
    };
    use gabion_model::{
        event::{EventKind, Task, Verdict},
        workload::ContainerKey,
    };

    /// Tells an event for each text, as its argument.
    struct Texts<'a>(Vec<&'a [u8]>, Node);

    impl Source for Texts<'_> {
        fn read(&mut self, take: &mut dyn FnMut(&Event<'_>)) -> Result<bool, RecordingError> {
            for (text, number) in self.0.drain(..).zip(1..) {
                take(&Event {
                    number,
                    time: number,
                    cpu: 0,
                    kind: EventKind::Chdir,
                    task: Task { pid: 7, tid: 7, start: 1 },
                    container: ContainerKey::HOST,
                    result: 0,
                    fd: None,
                    args: &[Value::Int(0), Value::Bytes(text)],
                    subject: Subject::None,
                    verdict: Verdict::None,
                });
            }
            Err(RecordingError::Cut { offset: 9 })
        }

        fn node(&self) -> &Node {
            &self.1
        }

        fn gaps(&self) -> Gaps {
            Gaps::default()
        }
    }

    #[test]
    fn what_is_too_large_is_left_out_and_counted() {
        let mut state = State::new(Limits::default(), "", 0);
        let mut source = Texts(vec![b"1", b"22222", b"333"], Node::default());
        let mut seen = Vec::new();
        let pass = each::<()>(&mut source, &mut state, 4, &mut |event, _, _| {
            seen.push(event.number);
            Ok(())
        });
        let pass = pass.expect("nobody ends it");
        assert!(matches!(pass.read, Err(RecordingError::Cut { offset: 9 })));
        assert_eq!((seen, pass.too_large), (vec![1, 3], 1));
    }

    #[test]
    fn whoever_has_had_enough_is_given_nothing_more() {
        let mut state = State::new(Limits::default(), "", 0);
        let mut source = Texts(vec![b"1", b"2", b"3"], Node::default());
        let mut seen = 0;
        let ended = each(&mut source, &mut state, usize::MAX, &mut |event, _, _| {
            seen += 1;
            if event.number == 2 { Err("enough") } else { Ok(()) }
        });
        assert!(matches!(ended, Err("enough")) && seen == 2);
    }
}
