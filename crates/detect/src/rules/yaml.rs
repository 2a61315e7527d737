//! YAML as a tree in which every node knows its place.
//!
//! `granit-parser` tells events with places; `serde-saphyr`, which is built on it, would need types that say beforehand what
//! has to stand where, while a rule file is read as far as it can be, with a message for each thing that cannot.

use granit_parser::{Event, Marker, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// No file is larger.
pub(super) const MAX_BYTES: usize = 16 << 20;
/// Nothing is nested deeper.
const MAX_DEPTH: usize = 32;
/// All that anchors repeat, in bytes.
const MAX_REPEATED: usize = 32 << 20;

/// A place in a file: the byte from 0, line and column from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl From<Marker> for Mark {
    fn from(marker: Marker) -> Self {
        Self {
            offset: marker.byte_offset().unwrap_or(marker.index()),
            line: marker.line(),
            column: marker.col() + 1,
        }
    }
}

/// A node and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mark: Mark,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

/// A text of a file: what it says, and from where to where it is written.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) plain: bool,
    pub(super) start: Mark,
    pub(super) end: usize,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.plain
            && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key of a mapping; the first if there are several.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(one, _)| one.text() == Some(key)).map(|(_, value)| value)
    }

    /// Keys and values of a mapping.
    pub(super) fn entries(&self) -> &[(Self, Self)] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            Kind::Scalar(_) | Kind::Sequence(_) => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// How much memory it takes, about.
    fn weight(&self) -> usize {
        let inner: usize = match &self.kind {
            Kind::Scalar(scalar) => scalar.text.len(),
            Kind::Sequence(nodes) => nodes.iter().map(Self::weight).sum(),
            Kind::Mapping(entries) => entries.iter().map(|(key, value)| key.weight() + value.weight()).sum(),
        };
        inner.saturating_add(size_of::<Self>())
    }
}

/// Why a file is no YAML.
#[derive(Debug, thiserror::Error)]
#[error("{problem}")]
pub(super) struct YamlError {
    pub(super) problem: String,
    pub(super) mark: Mark,
}

/// A collection that is not finished.
struct Open {
    anchor: usize,
    mark: Mark,
    mapping: bool,
    children: Vec<Node>,
}

/// Parses all documents of a file.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, YamlError> {
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: BTreeMap<usize, (Node, usize)> = BTreeMap::new();
    let mut repeated = 0_usize;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| YamlError {
            problem: error.info().clone(),
            mark: Mark::from(*error.marker()),
        })?;
        let mark = Mark::from(span.start);
        let (node, anchor) = match event {
            Event::Scalar(value, style, anchor, _) => {
                let scalar = Scalar {
                    text: value.into_owned(),
                    plain: style == ScalarStyle::Plain,
                    start: mark,
                    end: Mark::from(span.end).offset,
                };
                (Node { kind: Kind::Scalar(scalar), mark }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push(Open { anchor, mark, mapping: false, children: Vec::new() });
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push(Open { anchor, mark, mapping: true, children: Vec::new() });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else { continue };
                let kind = if closed.mapping {
                    Kind::Mapping(pairs(closed.children))
                } else {
                    Kind::Sequence(closed.children)
                };
                (Node { kind, mark: closed.mark }, closed.anchor)
            }
            Event::Alias(id) => {
                let Some((node, weight)) = anchors.get(&id) else {
                    return Err(YamlError { problem: "an anchor within itself".to_owned(), mark });
                };
                repeated = repeated.saturating_add(*weight);
                if repeated > MAX_REPEATED {
                    let problem = format!("aliases repeat more than {MAX_REPEATED} bytes");
                    return Err(YamlError { problem, mark });
                }
                (node.clone(), 0)
            }
            Event::DocumentStart(..) => {
                anchors.clear();
                continue;
            }
            _ => continue,
        };
        if anchor != 0 {
            let weight = node.weight();
            repeated = repeated.saturating_add(weight);
            anchors.insert(anchor, (node.clone(), weight));
        }
        match open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => documents.push(node),
        }
    }
    Ok(documents)
}

fn pairs(children: Vec<Node>) -> Vec<(Node, Node)> {
    let mut pairs = Vec::with_capacity(children.len() / 2);
    let mut children = children.into_iter();
    while let (Some(key), Some(value)) = (children.next(), children.next()) {
        pairs.push((key, value));
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_place() {
        let nodes = parse("- a: x\n  b: |\n    y\n    z\n- [1, ~]\n---\n- é: 2\n").expect("yaml");
        assert_eq!(nodes.len(), 2);
        let Kind::Sequence(items) = &nodes[0].kind else { panic!("{nodes:?}") };
        assert_eq!(items[0].mark, Mark { offset: 2, line: 1, column: 3 });
        assert_eq!(items[0].get("a").expect("a").mark, Mark { offset: 5, line: 1, column: 6 });
        assert_eq!(items[0].get("b").and_then(Node::text), Some("y\nz\n"));
        let Kind::Sequence(flow) = &items[1].kind else { panic!("{items:?}") };
        assert!(!flow[0].is_null() && flow[1].is_null());
    }

    #[test]
    fn anchors_repeat_up_to_a_limit() {
        let nodes = parse("- &a [x, y]\n- *a\n").expect("yaml");
        let Kind::Sequence(items) = &nodes[0].kind else { panic!("{nodes:?}") };
        assert!(matches!(&items[1].kind, Kind::Sequence(inner) if inner.len() == 2));

        let mut bomb = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..20 {
            let last = format!("*a{}, ", i - 1).repeat(10);
            bomb = format!("{bomb}- &a{i} [{last}]\n");
        }
        assert!(parse(&bomb).expect_err("a bomb").problem.contains("aliases repeat"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse("&a [*a]").is_err());
    }
}
