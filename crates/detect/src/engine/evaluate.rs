//! Asks the graph. What was answered is remembered: for the process, until something about it changes, or for the event.

use super::{
    graph::{Node, NodeId},
    operand::Scratch,
    predicate::Predicate,
};
use crate::field::{Context, Scope};

/// The nodes that are asked, each with the place of its answer.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    pub(super) scopes: Vec<Scope>,
    /// The number of a node among those of its scope.
    pub(super) places: Vec<u32>,
    pub(super) predicates: Vec<Predicate>,
    /// How many nodes depend on the process only.
    pub(super) process_nodes: usize,
    /// How many depend on the event.
    pub(super) event_nodes: usize,
}

/// What is known of a process: for each node that depends on it only, whether it was asked, and the answer.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Of the process and of all else that they depend on, when they were given.
    stamp: (u64, u64),
    known: Box<[u64]>,
    holds: Box<[u64]>,
}

impl Answers {
    /// Forgets them if they are about something else.
    pub(super) fn about(&mut self, stamp: (u64, u64), nodes: usize) {
        if self.known.len() != nodes.div_ceil(64) {
            let empty = vec![0; nodes.div_ceil(64)].into_boxed_slice();
            (self.known, self.holds) = (empty.clone(), empty);
        } else if self.stamp != stamp {
            self.known.fill(0);
        }
        self.stamp = stamp;
    }

    fn get(&self, place: usize) -> Option<bool> {
        let (word, bit) = (place / 64, 1_u64 << (place % 64));
        (self.known[word] & bit != 0).then(|| self.holds[word] & bit != 0)
    }

    fn set(&mut self, place: usize, holds: bool) {
        let (word, bit) = (place / 64, 1_u64 << (place % 64));
        self.known[word] |= bit;
        if holds {
            self.holds[word] |= bit;
        } else {
            self.holds[word] &= !bit;
        }
    }
}

/// Asks about one event.
pub(super) struct Evaluation<'a> {
    pub(super) program: &'a Program,
    pub(super) cx: Context<'a>,
    pub(super) process: &'a mut Answers,
    /// For each node that depends on the event, twice the number of the event that it was answered for, plus the answer.
    pub(super) event: &'a mut [u64],
    pub(super) tick: u64,
    pub(super) scratch: &'a mut Scratch,
    /// How many predicates of events, and of processes, were asked.
    pub(super) asked: [u64; 2],
}

impl Evaluation<'_> {
    /// Whether a node holds.
    pub(super) fn holds(&mut self, node: NodeId) -> bool {
        let place = self.program.places[node.index()] as usize;
        match self.program.scopes[node.index()] {
            Scope::Kind => node == NodeId::ALWAYS,
            Scope::Process => {
                if let Some(answer) = self.process.get(place) {
                    return answer;
                }
                let answer = self.ask(node);
                self.process.set(place, answer);
                answer
            }
            Scope::Event => {
                let known = self.event[place];
                if known >> 1 == self.tick {
                    return known & 1 != 0;
                }
                let answer = self.ask(node);
                self.event[place] = self.tick << 1 | u64::from(answer);
                answer
            }
        }
    }

    fn ask(&mut self, node: NodeId) -> bool {
        let program = self.program;
        match &program.nodes[node.index()] {
            Node::Never => false,
            Node::Always => true,
            Node::Check { predicate, negated } => {
                self.asked[usize::from(program.scopes[node.index()] == Scope::Process)] += 1;
                program.predicates[*predicate as usize].holds(self.cx, self.scratch) != *negated
            }
            Node::All(children) => children.iter().all(|&child| self.holds(child)),
            Node::Any(children) => children.iter().any(|&child| self.holds(child)),
        }
    }
}
