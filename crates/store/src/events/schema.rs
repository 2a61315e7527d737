//! What of an event is in a split, and in which form.
//!
//! | field | form | for |
//! |---|---|---|
//! | time, place | columns | order, ranges, the cursor |
//! | kind, node, workload, program, rule | columns of words | the most frequent values |
//! | text | words with positions | words and phrases, wherever they are |
//! | facts | terms | fields, exactly and by their words |
//! | event | stored, compressed | the answer |
//!
//! A value that the message or another value has as well is not in `text` twice. `facts` has no positions: words in a row of one field are
//! looked for as words of this field, and in a row in `text`.

use super::{
    StoredEvent,
    words::{Facts, SEPARATOR, Words, holds},
};
use tantivy::{
    Index, IndexSettings, TantivyDocument,
    schema::{FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions},
    store::Compressor,
    tokenizer::TokenizerManager,
};

/// The columns of which the most frequent values are told.
pub(super) const COUNTED: [&str; 5] = ["kind", "node", "workload", "program", "rule"];
pub(super) const TIME: &str = "time";
pub(super) const PLACE: &str = "place";

/// The fields of a split, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub(super) time: Field,
    pub(super) place: Field,
    pub(super) counted: [Field; COUNTED.len()],
    pub(super) text: Field,
    pub(super) facts: Field,
    pub(super) event: Field,
}

/// The schema of every split. What it says is checked when a split is opened, so that no other version is misread.
pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let terms = |tokenizer: &str, option| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_fieldnorms(false)
                .set_index_option(option),
        )
    };
    let fields = Fields {
        time: schema.add_i64_field(TIME, FAST),
        place: schema.add_u64_field(PLACE, FAST),
        counted: COUNTED.map(|name| schema.add_text_field(name, FAST)),
        text: schema.add_text_field("text", terms("words", IndexRecordOption::WithFreqsAndPositions)),
        facts: schema.add_text_field("facts", terms("facts", IndexRecordOption::Basic)),
        event: schema.add_bytes_field("event", STORED),
    };
    (schema.build(), fields)
}

/// How a split is written.
pub(super) fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::Lz4,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// Tells an index how its texts are taken apart.
pub(super) fn prepare(index: &mut Index) {
    let tokenizers = TokenizerManager::default();
    tokenizers.register("words", Words);
    tokenizers.register("facts", Facts);
    index.set_tokenizers(tokenizers);
}

/// The columns and fields that an event has beside `fields`, as filters name them.
fn named(event: &StoredEvent) -> impl Iterator<Item = (&str, &str)> {
    [
        ("kind", Some(&event.kind)),
        ("node", Some(&event.node)),
        ("container", event.container.as_ref()),
        ("workload", event.workload.as_ref()),
        ("program", event.program.as_ref()),
        ("priority", event.priority.as_ref()),
        ("source", Some(&event.source)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?.as_str())))
}

/// The document of an event. `bytes` are its own.
pub(super) fn document(fields: &Fields, place: u64, event: &StoredEvent, bytes: &[u8]) -> TantivyDocument {
    let mut document = TantivyDocument::default();
    document.add_i64(fields.time, event.time);
    document.add_u64(fields.place, place);
    let counted = [
        Some(&event.kind),
        Some(&event.node),
        event.workload.as_ref(),
        event.program.as_ref(),
        event.fields.get("rule"),
    ];
    for (field, value) in fields.counted.into_iter().zip(counted) {
        if let Some(value) = value {
            document.add_text(field, value);
        }
    }
    let mut texts: Vec<&str> = vec![&event.message];
    let facts =
        || named(event).chain(event.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    for (_, value) in facts() {
        if !texts.iter().any(|text| holds(text, value)) {
            texts.push(value);
        }
    }
    for text in texts {
        document.add_text(fields.text, text);
    }
    let mut fact = String::new();
    for (name, value) in facts() {
        fact.clear();
        fact.extend(name.chars().filter(|&c| c != SEPARATOR));
        fact.push(SEPARATOR);
        fact.push_str(value);
        document.add_text(fields.facts, &fact);
    }
    document.add_bytes(fields.event, bytes);
    document
}
