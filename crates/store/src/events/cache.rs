//! Answers of sealed splits. They never change, so a page that looks again, or turns over, is not worked out anew.

use super::{collect::Counted, shared::locked};
use gabion_api::rest::Millis;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

/// The cache takes about so many bytes.
const BYTES: usize = 16 << 20;
/// What an entry takes beside its values.
const ENTRY: usize = 256;
/// What a value takes.
const VALUE: usize = 96;

/// Which split was asked what, in buckets of which length if it was counted over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) split: u64,
    pub(super) query: Arc<str>,
    pub(super) step: Option<Millis>,
}

/// What it answered.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Count(u64),
    Counted(Arc<Counted>),
}

/// The answers, the oldest of which go first.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<Asked, Answer>,
    order: VecDeque<(Asked, usize)>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, asked: &Asked) -> Option<Answer> {
        locked(&self.0).answers.get(asked).cloned()
    }

    pub(super) fn keep(&self, asked: Asked, answer: Answer) {
        let bytes = ENTRY
            + asked.query.len()
            + match &answer {
                Answer::Count(_) => 0,
                Answer::Counted(counted) => counted.len() * VALUE,
            };
        let mut kept = locked(&self.0);
        if bytes > BYTES / 4 || kept.answers.insert(asked.clone(), answer).is_some() {
            return;
        }
        kept.order.push_back((asked, bytes));
        kept.bytes += bytes;
        while kept.bytes > BYTES {
            let Some((oldest, bytes)) = kept.order.pop_front() else { return };
            kept.answers.remove(&oldest);
            kept.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answers_go_when_there_are_too_many() {
        let cache = Cache::default();
        let asked = |split| Asked { split, query: Arc::from("q"), step: None };
        for split in 0..200_000 {
            cache.keep(asked(split), Answer::Count(split));
        }
        assert!(cache.get(&asked(0)).is_none());
        assert!(matches!(cache.get(&asked(199_999)), Some(Answer::Count(199_999))));
        assert!(locked(&cache.0).bytes <= BYTES);
    }
}
