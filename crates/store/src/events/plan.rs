//! From what a user asks for to what the index is asked.

use super::{
    EventStoreError, Query,
    query::{Expr, How, Test, parse},
    schema::Fields,
    words::{exact, of_field, words},
};
use gabion_api::rest::Millis;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};
use tantivy::{
    Term,
    query::{
        AllQuery, BooleanQuery, InvertedIndexRangeQuery, Occur, PhraseQuery, Query as IndexQuery, RangeQuery,
        TermQuery,
    },
    schema::IndexRecordOption,
};

/// Behind every string that begins with what is before it.
const LAST: char = char::MAX;

/// A query that can be put to every split.
pub(super) struct Plan {
    fields: Fields,
    query: Box<dyn IndexQuery>,
    /// What is asked for, without the time: the same for the same query.
    pub(super) key: Arc<str>,
    /// It lets every event pass that is in time.
    pub(super) everything: bool,
    /// Not before this,
    pub(super) from: Millis,
    /// and before this.
    pub(super) to: Millis,
}

impl Plan {
    pub(super) fn new(fields: Fields, query: &Query) -> Result<Self, EventStoreError> {
        let expr = parse(&query.text)?;
        let mut parts = Vec::new();
        if expr != Expr::Everything {
            parts.push(compile(&fields, &expr));
        }
        let mut filters: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (name, value) in &query.filters {
            filters.entry(name).or_default().insert(value);
        }
        let key = Arc::from(format!("{expr:?} {filters:?}"));
        for (name, values) in filters {
            let terms = values.into_iter().map(|value| {
                let mut term = String::new();
                exact(name, value, &mut term);
                term_query(Term::from_field_text(fields.facts, &term))
            });
            parts.push(any(terms.collect()));
        }
        Ok(Self {
            fields,
            key,
            everything: parts.is_empty(),
            query: all(parts),
            from: query.from.unwrap_or(Millis::MIN),
            to: query.to.unwrap_or(Millis::MAX),
        })
    }

    /// Whether a stretch of time, both ends included, has anything to do with it.
    pub(super) fn meets(&self, (oldest, newest): (Millis, Millis)) -> bool {
        oldest < self.to && newest >= self.from
    }

    /// Whether all of a stretch of time is in time.
    pub(super) fn covers(&self, (oldest, newest): (Millis, Millis)) -> bool {
        oldest >= self.from && newest < self.to
    }

    /// What a split is asked that has events of this stretch of time.
    pub(super) fn query(&self, range: (Millis, Millis)) -> Box<dyn IndexQuery> {
        if self.covers(range) {
            return self.query.box_clone();
        }
        let time = |at| Term::from_field_i64(self.fields.time, at);
        let in_time = RangeQuery::new(Bound::Included(time(self.from)), Bound::Excluded(time(self.to)));
        if self.everything { Box::new(in_time) } else { all(vec![self.query.box_clone(), Box::new(in_time)]) }
    }
}

/// Events of the places from one on, before another.
pub(super) fn behind(fields: &Fields, from: u64, to: u64) -> RangeQuery {
    let place = |at| Term::from_field_u64(fields.place, at);
    RangeQuery::new(Bound::Included(place(from)), Bound::Excluded(place(to)))
}

fn compile(fields: &Fields, expr: &Expr) -> Box<dyn IndexQuery> {
    match expr {
        Expr::Everything => Box::new(AllQuery),
        Expr::Test(test) => compile_test(fields, test),
        Expr::All(parts) => {
            // What must not be is not a list of its own: it is taken out of the others.
            let mut clauses: Vec<_> = parts
                .iter()
                .map(|part| match part {
                    Expr::Not(part) => (Occur::MustNot, compile(fields, part)),
                    part => (Occur::Must, compile(fields, part)),
                })
                .collect();
            if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
                clauses.push((Occur::Must, Box::new(AllQuery)));
            }
            Box::new(BooleanQuery::new(clauses))
        }
        Expr::Any(parts) => any(parts.iter().map(|part| compile(fields, part)).collect()),
        Expr::Not(part) => Box::new(BooleanQuery::new(vec![
            (Occur::Must, Box::new(AllQuery)),
            (Occur::MustNot, compile(fields, part)),
        ])),
    }
}

fn compile_test(fields: &Fields, Test { field, how }: &Test) -> Box<dyn IndexQuery> {
    // A message is not among the facts; it is most of the text.
    let field = field.as_deref().filter(|name| *name != "message");
    let term = |word: &str| match field {
        None => Term::from_field_text(fields.text, word),
        Some(name) => {
            let mut term = String::new();
            of_field(name, word, &mut term);
            Term::from_field_text(fields.facts, &term)
        }
    };
    let beginning = |term: Term, text: &str| -> Box<dyn IndexQuery> {
        let behind = Term::from_field_text(term.field(), &format!("{text}{LAST}"));
        Box::new(InvertedIndexRangeQuery::new(Bound::Included(term), Bound::Excluded(behind)))
    };
    match how {
        How::Words(text) => {
            let words = words(text);
            if field.is_none() {
                return in_a_row(fields, &words);
            }
            let mut parts: Vec<_> = words.iter().map(|(_, word)| term_query(term(word))).collect();
            if parts.len() > 1 {
                parts.push(in_a_row(fields, &words));
            }
            all(parts)
        }
        How::Beginning(text) => {
            let mut words = words(text);
            let Some((_, last)) = words.pop() else { return Box::new(AllQuery) };
            let last = term(&last);
            let text = last.value().as_str().unwrap_or_default().to_owned();
            let mut parts = vec![beginning(last, &text)];
            parts.extend(words.iter().map(|(_, word)| term_query(term(word))));
            all(parts)
        }
        How::Exactly(value) => {
            let mut text = String::new();
            match field {
                Some(name) => exact(name, value, &mut text),
                None => return compile_test(fields, &Test { field: None, how: How::Words(value.clone()) }),
            }
            term_query(Term::from_field_text(fields.facts, &text))
        }
        How::Present => {
            let mut text = String::new();
            exact(field.unwrap_or_default(), "", &mut text);
            beginning(Term::from_field_text(fields.facts, &text), &text)
        }
    }
}

/// Words of the text that follow each other.
fn in_a_row(fields: &Fields, words: &[(usize, String)]) -> Box<dyn IndexQuery> {
    let term = |word: &str| Term::from_field_text(fields.text, word);
    match words {
        [] => Box::new(AllQuery),
        [(_, word)] => term_query(term(word)),
        many => {
            Box::new(PhraseQuery::new_with_offset(many.iter().map(|(at, word)| (*at, term(word))).collect()))
        }
    }
}

fn term_query(term: Term) -> Box<dyn IndexQuery> {
    Box::new(TermQuery::new(term, IndexRecordOption::Basic))
}

fn all(mut parts: Vec<Box<dyn IndexQuery>>) -> Box<dyn IndexQuery> {
    match parts.len() {
        0 => Box::new(AllQuery),
        1 => parts.swap_remove(0),
        _ => Box::new(BooleanQuery::intersection(parts)),
    }
}

fn any(mut parts: Vec<Box<dyn IndexQuery>>) -> Box<dyn IndexQuery> {
    match parts.len() {
        1 => parts.swap_remove(0),
        _ => Box::new(BooleanQuery::union(parts)),
    }
}
