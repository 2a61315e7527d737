//! What the worker answers: messages with a length in front, the large ones in chunks.

use super::{LayerKey, Origins};
use crate::cache::Kind;
use gabion_model::{Digest, Isolation};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read, Write},
    sync::Mutex,
};

/// Messages from worker to parent.
#[derive(Debug, Serialize, Deserialize)]
pub enum Message {
    /// Bytes read so far, and in all (0 if unknown).
    Progress(u64, u64),
    /// An entry for the cache follows, in chunks.
    Store(Kind, Digest),
    /// The report follows, in chunks.
    Report,
    /// The report of an earlier scan follows, in chunks. Time, isolation and verification are of this one.
    EarlierReport(Isolation),
    /// The index of all files follows, in chunks; only if it was asked for.
    Index,
    /// A chunk.
    Chunk(#[serde(with = "serde_bytes")] Vec<u8>),
    /// The end of what was begun.
    End,
    /// Nothing can be told, and why; the second is a hint.
    Failed(String, Option<String>),
    /// Peak memory of the worker in KiB; the last message.
    Done(u64),
    /// The layers of the image; only if nothing else was asked for.
    Layers(Vec<LayerKey>),
    /// Where the facts of its layers are from.
    Origins(Origins),
}

/// The parent's ear.
pub(super) struct Out(pub(super) Mutex<File>);

impl Out {
    pub(super) fn send(&self, message: &Message) -> io::Result<()> {
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        send(&mut *out, message)?;
        out.flush()
    }

    /// Sends a value in chunks, so that nothing large is ever held as a whole.
    pub(super) fn stream(
        &self,
        head: &Message,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        send(&mut *out, head)?;
        let mut chunks = io::BufWriter::with_capacity(64 << 10, Chunks(&mut *out));
        write(&mut chunks)?;
        chunks.flush()?;
        drop(chunks);
        send(&mut *out, &Message::End)?;
        out.flush()
    }
}

struct Chunks<'a, W: Write>(&'a mut W);

impl<W: Write> Write for Chunks<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = buffer.len().min(MAX_MESSAGE / 2);
        send(self.0, &Message::Chunk(buffer[..n].to_vec()))?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// No message is larger.
const MAX_MESSAGE: usize = 1 << 20;

fn send(to: &mut impl Write, message: &Message) -> io::Result<()> {
    let bytes = postcard::to_allocvec(message).map_err(io::Error::other)?;
    to.write_all(&(bytes.len() as u32).to_le_bytes())?;
    to.write_all(&bytes)
}

/// Receives a message; none at the end of the stream.
pub fn receive(from: &mut impl Read) -> io::Result<Option<Message>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(io::Error::other("the worker sent a message that is too long"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other)
}
