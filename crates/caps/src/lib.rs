//! The one place where untrusted bytes are decompressed.
//!
//! Raw decoders are banned elsewhere by `clippy.toml`: whoever inflates goes through [`Capped`], which
//! counts what comes out and stops, with an error that says which limit was met.

#![forbid(unsafe_code)]

use std::io::{self, BufRead, Read};

/// A reader that refuses to give more than it may.
#[derive(Debug)]
pub struct Capped<R> {
    inner: R,
    left: u64,
    what: &'static str,
    limit: u64,
}

impl<R: Read> Capped<R> {
    /// At most `limit` bytes; one more is an error that names `what`.
    pub const fn new(inner: R, what: &'static str, limit: u64) -> Self {
        Self { inner, left: limit, what, limit }
    }
}

impl<R: Read> Read for Capped<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buffer.is_empty() {
            // At the limit: only the end of the stream is acceptable.
            let mut one = [0];
            return match self.inner.read(&mut one)? {
                0 => Ok(0),
                _ => Err(io::Error::other(format!(
                    "{} holds more than the limit of {} bytes",
                    self.what, self.limit
                ))),
            };
        }
        let n = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.inner.read(&mut buffer[..n]).map_err(|e| cut_off(e, self.what))?;
        self.left -= n as u64;
        Ok(n)
    }
}

/// The decoders say in their own words that a stream ended too early; this says it in ours.
fn cut_off(error: io::Error, what: &str) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(error.kind(), format!("{what} is cut off ({error})"))
    } else {
        error
    }
}

/// Inflates gzip, all members of it, up to `limit` bytes.
#[expect(clippy::disallowed_types, reason = "this is the capped reader that the ban points to")]
pub fn gunzip<R: BufRead>(inner: R, what: &'static str, limit: u64) -> Capped<impl Read> {
    Capped::new(flate2::bufread::MultiGzDecoder::new(inner), what, limit)
}

/// Inflates a zlib stream, up to `limit` bytes.
#[expect(clippy::disallowed_types, reason = "this is the capped reader that the ban points to")]
pub fn inflate_zlib<R: BufRead>(inner: R, what: &'static str, limit: u64) -> Capped<impl Read> {
    Capped::new(flate2::bufread::ZlibDecoder::new(inner), what, limit)
}

/// Inflates a bare deflate stream, as zip archives hold it, up to `limit` bytes.
#[expect(clippy::disallowed_types, reason = "this is the capped reader that the ban points to")]
pub fn inflate_raw<R: BufRead>(inner: R, what: &'static str, limit: u64) -> Capped<impl Read> {
    Capped::new(flate2::bufread::DeflateDecoder::new(inner), what, limit)
}

/// Inflates zstd up to `limit` bytes, with a window of at most 128 MiB (what `zstd --long=27` makes).
#[expect(clippy::disallowed_types, reason = "this is the capped reader that the ban points to")]
pub fn unzstd<R: BufRead>(inner: R, what: &'static str, limit: u64) -> io::Result<Capped<impl Read>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(inner)?;
    decoder.window_log_max(27)?;
    Ok(Capped::new(decoder, what, limit))
}

/// Inflates bzip2, all streams of it, up to `limit` bytes.
#[expect(clippy::disallowed_types, reason = "this is the capped reader that the ban points to")]
pub fn bunzip2<R: BufRead>(inner: R, what: &'static str, limit: u64) -> Capped<impl Read> {
    Capped::new(bzip2::bufread::MultiBzDecoder::new(inner), what, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_limit_is_fine_and_one_more_is_an_error() {
        let mut out = Vec::new();
        Capped::new(&b"12345"[..], "test", 5).read_to_end(&mut out).expect("fits");
        assert_eq!(out, b"12345");
        let error =
            Capped::new(&b"123456"[..], "test", 5).read_to_end(&mut Vec::new()).expect_err("too long");
        assert_eq!(error.to_string(), "test holds more than the limit of 5 bytes");
    }
}
