//! Rule files as they were given, and the way from a place in a condition back to its place in the file.

use super::diagnostic::{
    Code, Diagnostic, ErrorCode, Location, MAX_DIAGNOSTICS, Position, WarningCode, snippet,
};
use super::yaml::{Mark, Node, Scalar};
use std::{collections::HashSet, sync::Arc};

/// The chain that leads to what is being read.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) file: usize,
    locations: Vec<Location>,
}

impl Context {
    /// A file as a whole.
    pub(super) fn file(file: usize, name: &Arc<str>) -> Self {
        let position = Position { file: Arc::clone(name), offset: 0, line: 1, column: 1 };
        Self { file, locations: vec![Location { item: "rules content", name: String::new(), position }] }
    }

    /// Something within this.
    pub(super) fn at(&self, item: &'static str, name: &str, mark: Mark) -> Self {
        let Mark { offset, line, column } = mark;
        let position = Position { file: Arc::clone(&self.locations[0].position.file), offset, line, column };
        let mut locations = self.locations.clone();
        locations.push(Location { item, name: name.to_owned(), position });
        Self { file: self.file, locations }
    }

    /// A node within this.
    pub(super) fn node(&self, item: &'static str, name: &str, node: &Node) -> Self {
        self.at(item, name, node.mark)
    }

    /// The chain of this, and then what another leads to beyond its file.
    pub(super) fn through(&self, other: &Self) -> Self {
        let mut locations = self.locations.clone();
        locations.extend_from_slice(&other.locations[1..]);
        Self { file: other.file, locations }
    }

    pub(super) fn position(&self) -> &Position {
        &self.locations[self.locations.len() - 1].position
    }
}

/// An item that cannot be used, and why.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) context: Context,
}

/// Collects what is wrong.
pub(super) struct Reporter {
    /// The texts of the files.
    pub(super) files: Vec<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
    told: HashSet<(Code, Arc<str>, usize, String)>,
    /// Whether there was more than is told.
    full: bool,
}

impl Reporter {
    pub(super) fn new() -> Self {
        Self { files: Vec::new(), diagnostics: Vec::new(), told: HashSet::new(), full: false }
    }

    /// Whether so much is wrong that nobody would read more.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn fault(&mut self, fault: Fault) {
        self.add(Code::Error(fault.code), fault.message, &fault.context);
    }

    pub(super) fn warn(&mut self, code: WarningCode, message: impl Into<String>, context: &Context) {
        self.add(Code::Warning(code), message.into(), context);
    }

    /// Tells a problem, unless the same was told of the same place: of a macro that many rules name, say.
    fn add(&mut self, code: Code, message: String, context: &Context) {
        if self.full {
            return;
        }
        let (code, message) = if self.diagnostics.len() + 1 == MAX_DIAGNOSTICS {
            self.full = true;
            let message = format!("more than {MAX_DIAGNOSTICS} problems; the rest is not told");
            (Code::Error(ErrorCode::Validate), message)
        } else {
            (code, message)
        };
        let Position { file, offset, .. } = context.position();
        if !self.told.insert((code, Arc::clone(file), *offset, message.clone())) {
            return;
        }
        let snippet = self.files.get(context.file).map_or(String::new(), |file| snippet(file, *offset));
        self.diagnostics.push(Diagnostic { code, message, locations: context.locations.clone(), snippet });
    }
}

/// A text that several items may have added to.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pieces: Vec<(Context, Scalar)>,
}

impl Text {
    /// The text of one item; the context is that of the text.
    pub(super) fn new(context: Context, scalar: Scalar) -> Self {
        Self { pieces: vec![(context, scalar)] }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// All of it, with blanks between the pieces.
    pub(super) fn joined(&self) -> String {
        let texts: Vec<&str> = self.pieces.iter().map(|(_, scalar)| scalar.text.as_str()).collect();
        texts.join(" ")
    }

    /// The place of a byte of the joined text.
    pub(super) fn context(&self, files: &[String], mut offset: usize) -> Context {
        let mut place = &self.pieces[0];
        for piece in &self.pieces {
            place = piece;
            if offset <= piece.1.text.len() {
                break;
            }
            offset -= piece.1.text.len() + 1;
        }
        let (context, scalar) = place;
        let mark = files
            .get(context.file)
            .and_then(|file| locate(file, scalar, offset.min(scalar.text.len())))
            .unwrap_or(scalar.start);
        context.at("condition expression", "", mark)
    }

    /// The place of the text itself.
    pub(super) fn start(&self) -> &Context {
        &self.pieces[0].0
    }
}

/// The beginning of a text, for a message.
pub(super) fn excerpt(text: &str) -> &str {
    const SHOWN: usize = 80;
    text.char_indices().nth(SHOWN).map_or(text, |(cut, _)| &text[..cut])
}

/// Where a byte of a scalar stands in its file. However YAML folds lines, what is not blank stays as it is and in its order;
/// if it does not (escapes of quoted text), there is no answer.
fn locate(text: &str, scalar: &Scalar, offset: usize) -> Option<Mark> {
    let written = text.get(scalar.start.offset..scalar.end)?;
    let body = match written.as_bytes().first()? {
        b'|' | b'>' => written.find('\n').map_or(written.len(), |newline| newline + 1),
        b'"' | b'\'' => 1,
        _ => 0,
    };
    let mut source = written[body..].char_indices().filter(|(_, c)| !c.is_whitespace());
    for c in scalar.text.get(..offset)?.chars().filter(|c| !c.is_whitespace()) {
        source.next().filter(|(_, written)| *written == c)?;
    }
    let next = source.next().map_or(written.len(), |(at, _)| body + at);
    let before = &written[..next];
    let mark = match before.rfind('\n') {
        None => Mark {
            offset: scalar.start.offset + next,
            line: scalar.start.line,
            column: scalar.start.column + before.chars().count(),
        },
        Some(newline) => Mark {
            offset: scalar.start.offset + next,
            line: scalar.start.line + before.matches('\n').count(),
            column: 1 + before[newline + 1..].chars().count(),
        },
    };
    Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::yaml::{Kind, parse};

    #[test]
    fn a_byte_of_a_condition_leads_to_its_line() {
        for (yaml, word, line, column) in [
            ("- a: evt.type = open and x\n", "open", 1, 17),
            ("- a: evt.type = open\n    and xyz\n", "xyz", 2, 9),
            ("- a: >\n    evt.type = open\n    and (xyz)\n", "xyz", 3, 10),
            ("- a: |-\n\n    evt.type = open\n      and (xyz)\n", "xyz", 4, 12),
            ("- b: 1\n  a: 'evt.type = é xyz'\n", "xyz", 2, 20),
            ("- b: 1\n  a: \"evt.type = \\\"xyz\"\n", "xyz", 2, 6),
        ] {
            let nodes = parse(yaml).expect("yaml");
            let Kind::Sequence(items) = &nodes[0].kind else { panic!("{yaml}") };
            let Kind::Scalar(scalar) = &items[0].get("a").expect("a").kind else { panic!("{yaml}") };
            let offset = scalar.text.find(word).expect(word);
            let mark = locate(yaml, scalar, offset).unwrap_or(scalar.start);
            assert_eq!((mark.line, mark.column), (line, column), "{yaml}");
        }
    }
}
