//! Events as a Parquet file: a column for what is asked for often, and the whole event as JSON.
//!
//! Written by the columns, without Arrow, in row groups of bounded size: what is in memory is one of them, however many events there are.
//! The file has its end only when [`Writer::finish`] was called: one that was cut off is no Parquet file, and cannot be taken for a whole one.

use gabion_api::rest::Event;
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{ByteArray, ByteArrayType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use std::{collections::BTreeMap, io, io::Write, sync::Arc};

/// A row group has at most so many events,
const ROWS: usize = 50_000;
/// or so many bytes.
const BYTES: usize = 16 << 20;

/// `time` is in UTC; what an event does not have is null.
const SCHEMA: &str = "message event {
    REQUIRED INT64 time (TIMESTAMP(MILLIS,true));
    REQUIRED BYTE_ARRAY id (UTF8);
    REQUIRED BYTE_ARRAY kind (UTF8);
    REQUIRED BYTE_ARRAY node (UTF8);
    OPTIONAL BYTE_ARRAY node_name (UTF8);
    OPTIONAL BYTE_ARRAY container (UTF8);
    OPTIONAL BYTE_ARRAY workload (UTF8);
    OPTIONAL BYTE_ARRAY namespace (UTF8);
    OPTIONAL BYTE_ARRAY image (UTF8);
    OPTIONAL BYTE_ARRAY program (UTF8);
    OPTIONAL BYTE_ARRAY user (UTF8);
    OPTIONAL BYTE_ARRAY rule (UTF8);
    OPTIONAL BYTE_ARRAY priority (UTF8);
    REQUIRED BYTE_ARRAY message (UTF8);
    REQUIRED BYTE_ARRAY event (JSON);
}";
/// Columns of text.
const TEXTS: usize = 14;

/// Writes events into a Parquet file.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<W>,
    names: BTreeMap<String, String>,
    times: Vec<i64>,
    texts: [Vec<Option<ByteArray>>; TEXTS],
    bytes: usize,
}

impl<W: Write + Send> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("rows", &self.times.len()).finish_non_exhaustive()
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file. `names` are those of nodes, by id.
    pub fn new(to: W, names: BTreeMap<String, String>) -> io::Result<Self> {
        let level = ZstdLevel::try_new(3).map_err(broken)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_created_by(concat!("gabion version ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(broken)?);
        let file = SerializedFileWriter::new(to, schema, Arc::new(properties)).map_err(broken)?;
        Ok(Self { file, names, times: Vec::new(), texts: [const { Vec::new() }; TEXTS], bytes: 0 })
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event) -> io::Result<()> {
        let field = |name: &str| {
            event.fields.get(name).filter(|value| !value.is_empty() && *value != "<NA>").cloned()
        };
        let image = field("container.image.repository").map(|name| match field("container.image.tag") {
            Some(tag) => format!("{name}:{tag}"),
            None => name,
        });
        let texts: [Option<String>; TEXTS] = [
            Some(event.id.clone()),
            Some(event.kind.clone()),
            Some(event.node.clone()),
            self.names.get(&event.node).cloned(),
            event.container.clone(),
            event.workload.clone(),
            field("k8s.ns.name"),
            image.or_else(|| field("container.image")),
            event.program.clone(),
            field("user.name"),
            field("rule"),
            event.priority.clone(),
            Some(event.message.clone()),
            Some(serde_json::to_string(event)?),
        ];
        self.times.push(event.time);
        for (column, text) in self.texts.iter_mut().zip(texts) {
            self.bytes += text.as_ref().map_or(0, String::len);
            column.push(text.map(|text| ByteArray::from(text.into_bytes())));
        }
        if self.times.len() >= ROWS || self.bytes >= BYTES { self.group() } else { Ok(()) }
    }

    /// Writes what waits as a row group.
    fn group(&mut self) -> io::Result<()> {
        if self.times.is_empty() {
            return Ok(());
        }
        let mut group = self.file.next_row_group().map_err(broken)?;
        let mut at = 0;
        while let Some(mut column) = group.next_column().map_err(broken)? {
            if at == 0 {
                column.typed::<Int64Type>().write_batch(&self.times, None, None).map_err(broken)?;
            } else {
                let values = std::mem::take(&mut self.texts[at - 1]);
                let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
                let there: Vec<ByteArray> = values.into_iter().flatten().collect();
                let is_optional = OPTIONAL.contains(&(at - 1));
                column
                    .typed::<ByteArrayType>()
                    .write_batch(&there, is_optional.then_some(levels.as_slice()), None)
                    .map_err(broken)?;
            }
            column.close().map_err(broken)?;
            at += 1;
        }
        group.close().map_err(broken)?;
        self.times.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Writes what waits, and the end of the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.group()?;
        self.file.close().map(drop).map_err(broken)
    }
}

/// Texts that may be null.
const OPTIONAL: std::ops::RangeInclusive<usize> = 3..=11;

/// What the writer below has said stays what it was: whoever reads may be gone.
fn broken(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::{
        metadata::RowGroupMetaData,
        reader::{FileReader, SerializedFileReader},
    };

    fn event(number: usize, message: String) -> Event {
        Event {
            id: format!("n1/{number}"),
            time: i64::try_from(number).expect("is small"),
            kind: "execve".to_owned(),
            node: "n1".to_owned(),
            container: number.is_multiple_of(2).then(|| "web".to_owned()),
            workload: None,
            program: None,
            message,
            priority: None,
            fields: BTreeMap::new(),
        }
    }

    fn file(events: impl Iterator<Item = Event>, is_ended: bool) -> std::fs::File {
        let to = tempfile::tempfile().expect("a file");
        let mut writer = Writer::new(to.try_clone().expect("a file"), BTreeMap::new()).expect("begins");
        for event in events {
            writer.add(&event).expect("is written");
        }
        if is_ended {
            writer.finish().expect("ends");
        }
        to
    }

    fn groups(events: impl Iterator<Item = Event>) -> Vec<i64> {
        let file = SerializedFileReader::new(file(events, true)).expect("a Parquet file");
        file.metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect()
    }

    #[test]
    fn a_row_group_is_of_bounded_size_in_events_and_in_bytes() {
        assert_eq!(groups((0..120_000).map(|number| event(number, String::new()))), [50_000, 50_000, 20_000]);
        let long = groups((0..100).map(|number| event(number, "x".repeat(1 << 20))));
        assert_eq!(long.iter().sum::<i64>(), 100);
        assert!(long.len() >= 10, "each is twice in it, as text and as JSON: {long:?}");
        assert!(groups(std::iter::empty()).is_empty());
    }

    #[test]
    fn a_file_without_its_end_is_none() {
        let cut = file((0..60_000).map(|number| event(number, String::new())), false);
        assert!(cut.metadata().expect("a file").len() > 0);
        assert!(SerializedFileReader::new(cut).is_err());
    }
}
