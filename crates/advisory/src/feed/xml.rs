//! XML feeds, record by record.
//!
//! A record (`<update>`, `<definition>`) becomes a small tree; what is around it is never kept. Document type
//! declarations are refused, so that there is nothing to expand: the only entities are the five of XML and numbers.

use super::{Broken, Reading};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use std::io::BufRead;

/// Elements in elements.
const DEPTH: usize = 64;
/// Elements of one record.
const ELEMENTS: usize = 500_000;

/// An element of a record.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Without the namespace.
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    /// Of this element, without that of its children.
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name; empty if there is none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.trim())
    }

    /// The value of an attribute; empty if there is none.
    pub(super) fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.trim())
    }

    fn new(start: &BytesStart<'_>) -> Result<Self, Broken> {
        let mut element = Self { name: start.local_name().as_ref().to_owned(), ..Self::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| Broken::from(error.to_string()))?;
            let value = quick_xml::escape::unescape(&attribute.value)
                .map_err(|error| Broken::from(error.to_string()))?;
            element.attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
        Ok(element)
    }
}

/// What an importer makes of one record; the text names its place.
pub(super) type Each<'e> = &'e mut dyn FnMut(&mut Reading<'_>, &str, &Element) -> Result<(), Broken>;

/// Gives every element named `record` of a document, whose root is `root`, to `each`.
pub(super) fn records(
    reading: &mut Reading<'_>,
    reader: &mut dyn BufRead,
    root: &str,
    record: &str,
    each: Each<'_>,
) -> Result<(), Broken> {
    let mut xml = Reader::from_reader(reader);
    xml.config_mut().expand_empty_elements = true;
    let mut buffer = Vec::new();
    // The elements that are open outside of a record, and those within one.
    let mut around: Vec<String> = Vec::new();
    let mut open: Vec<Element> = Vec::new();
    let mut elements = 0;
    let mut number = 0_u64;
    loop {
        if open.is_empty() {
            reading.budget.record();
        }
        buffer.clear();
        let event = xml.read_event_into(&mut buffer).map_err(|error| Broken::from(error.to_string()))?;
        match event {
            Event::Start(start) => {
                if around.len() + open.len() >= DEPTH {
                    return Err(format!("more than {DEPTH} nested elements").into());
                }
                let name = start.local_name();
                let name: &str = name.as_ref();
                if around.is_empty() && name != root {
                    return Err(format!("the root is <{name}>, not <{root}>").into());
                }
                if open.is_empty() && name != record {
                    around.push(name.to_owned());
                    continue;
                }
                elements += 1;
                if elements > ELEMENTS {
                    return Err(format!("a record has more than {ELEMENTS} elements").into());
                }
                open.push(Element::new(&start)?);
            }
            Event::Text(part) => append(&mut open, &part.xml10_content()),
            Event::CData(part) => append(&mut open, &part.xml10_content()),
            Event::GeneralRef(entity) => {
                let number = entity.resolve_char_ref().map_err(|error| Broken::from(error.to_string()))?;
                match (number, &*entity) {
                    (Some(c), _) => append(&mut open, c.encode_utf8(&mut [0; 4])),
                    (None, "amp") => append(&mut open, "&"),
                    (None, "lt") => append(&mut open, "<"),
                    (None, "gt") => append(&mut open, ">"),
                    (None, "quot") => append(&mut open, "\""),
                    (None, "apos") => append(&mut open, "'"),
                    (None, other) => return Err(format!("the entity {other:?} is not one of XML").into()),
                }
            }
            Event::DocType(_) => return Err("it has a document type declaration, which no feed has".into()),
            Event::End(_) => match open.pop() {
                None => drop(around.pop()),
                Some(element) => {
                    if let Some(parent) = open.last_mut() {
                        parent.children.push(element);
                        continue;
                    }
                    number += 1;
                    elements = 0;
                    let place = format!("{record} {number}");
                    if let Err(why) = each(reading, &place, &element) {
                        reading.reject(&place, why);
                    }
                }
            },
            Event::Eof if !around.is_empty() || !open.is_empty() => return Err("it is cut off".into()),
            Event::Eof if number == 0 => return Err(format!("it has no <{record}>").into()),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn append(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}
