//! What runs already: the records of the iterators over processes and open sockets.

use super::{error::SensorError, load::Loaded, probe::Feature, record::Header};
use libbpf_rs::Iter;
use std::io::Read;

/// A record of `open_sockets`: header and `struct socket_body`.
const SOCKET: usize = Header::SIZE + 80;

/// Hands each record of the iterator of a feature to `tell`; how many there were.
pub(super) fn each(
    loaded: &Loaded,
    feature: Feature,
    mut tell: impl FnMut(&[u8]),
) -> Result<u64, SensorError> {
    let failed = |reason| SensorError::Feature { feature, reason };
    let links = loaded.attach(feature).map_err(failed)?;
    let mut count = 0;
    for link in &links {
        let mut records = Vec::new();
        let mut iterator = Iter::new(link).map_err(|error| failed(error.to_string()))?;
        iterator.read_to_end(&mut records).map_err(|error| failed(error.to_string()))?;
        let mut rest = &*records;
        while !rest.is_empty() {
            let size = if feature == Feature::Running { size(rest) } else { Some(SOCKET) };
            let record = size.and_then(|size| rest.split_at_checked(size));
            let (record, behind) = record.ok_or_else(|| failed("its records are not whole".to_owned()))?;
            tell(record);
            count += 1;
            rest = behind;
        }
    }
    Ok(count)
}

/// How long the record at the front of some is: a process says so.
fn size(records: &[u8]) -> Option<usize> {
    let at = Header::SIZE - 4;
    let bytes = records.get(at..Header::SIZE)?.first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*bytes) as usize).filter(|&size| size >= Header::SIZE)
}
