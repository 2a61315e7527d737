//! Judges events by rules.
//!
//! ```text
//!   RuleSet ──compile──► Graph ──► for each kind of event: rules that can match it, narrowed to it
//!                                     each rule = a part of the process ∧ a part of the event
//!
//!   event ──► rules of its kind ──► part of the process: one bit, known since the last execve
//!                                        │ holds (few do)
//!                                        ▼
//!                                   part of the event: predicates, each asked once ──► Alert
//! ```
//!
//! - A rule that cannot match a kind of event is not asked about it; [`Engine::kinds`] tells the sensor what nobody asks for.
//! - Half to two thirds of the predicates of the official rules depend on the process only. Their answers are kept with
//!   the process until it, an ancestor or its container changes ([`State::epoch`]).
//! - A rule that counts ([`crate::rules::Count`]) is asked about each event, whatever other rules it matched.
//! - Nothing is allocated for an event that matches nothing, but by `join`, `getopt`, lists and `val()`.

mod comparison;
mod count;
mod evaluate;
pub mod glob;
mod graph;
mod network;
pub mod operand;
mod predicate;
mod prefix;
mod text;
mod transform;
pub mod vocabulary;

pub(crate) use predicate::print;
pub use vocabulary::Fields;

use crate::{
    alert::Alert,
    field::{Context, Scope},
    rules::{Priority, Rule, RuleSet, template::Part, vocabulary::Refusal},
    state::{Limits, Slot, State},
};
use count::{Counting, Windows};
use evaluate::{Answers, Evaluation, Program};
use gabion_model::{
    event::{Event, EventKind, Subject, Task, Verdict},
    workload::ContainerKey,
};
use graph::{Graph, NodeId};
use hashbrown::HashMap;
use operand::{Operand, Scratch};

/// Which rules of those that match an event are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Matching {
    /// The first, in the order of the files, and those that count and have counted enough.
    #[default]
    First,
    /// All.
    All,
}

/// A rule that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("rule {rule:?} cannot be compiled")]
pub struct CompileError {
    /// Its name.
    pub rule: String,
    /// Why.
    #[source]
    pub reason: Refusal,
}

/// Counters since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events that were judged.
    pub events: u64,
    /// Those about which at least one predicate of an event had to be asked.
    pub asked: u64,
    /// Predicates of events that were asked.
    pub event_predicates: u64,
    /// Predicates of processes that were asked.
    pub process_predicates: u64,
    /// Matches.
    pub matches: u64,
    /// What rules had counted and was thrown out because it was too much.
    pub uncounted: u64,
}

/// A part of an output of a rule, made ready.
#[derive(Debug)]
pub(crate) enum OutputPart {
    Text(String),
    Value { operand: Operand, width: Option<usize> },
}

/// A rule, made ready.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) priority: Priority,
    pub(crate) source: String,
    pub(crate) tags: Vec<String>,
    pub(crate) output: Vec<OutputPart>,
    /// The fields of the output, by name.
    pub(crate) fields: Vec<Operand>,
    /// What it counts, if not each match is told.
    counting: Option<Counting>,
}

/// A rule for one kind of events.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    rule: u32,
    process: NodeId,
    event: NodeId,
}

/// Rules, made ready.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Compiled>,
    program: Program,
    kinds: Vec<Box<[Candidate]>>,
    matching: Matching,
    /// Of the processes, by slot.
    answers: Vec<Answers>,
    /// Of whoever is not known: good for one event.
    stranger: Answers,
    event: Vec<u64>,
    tick: u64,
    scratch: Scratch,
    matched: Vec<usize>,
    windows: Windows,
    counters: Counters,
}

impl Engine {
    /// Compiles the rules that are enabled and about system calls.
    pub fn new(rules: &RuleSet, matching: Matching) -> Result<Self, CompileError> {
        let mut graph = Graph::new();
        let mut compiled = Vec::new();
        let mut roots = Vec::new();
        for rule in rules.rules.iter().filter(|rule| rule.enabled && rule.source == "syscall") {
            let failed = |reason| CompileError { rule: rule.name.clone(), reason };
            roots.push((graph.add(&rule.condition).map_err(failed)?, rule.events));
            compiled.push(Compiled::new(rule).map_err(failed)?);
        }
        let state = State::new(Limits::default(), "", 0);
        let mut kinds = Vec::with_capacity(EventKind::COUNT);
        for kind in EventKind::all() {
            let event = of_kind(kind);
            let constant = |predicate: &predicate::Predicate| {
                let cx = Context { event: &event, state: &state, process: None };
                predicate.holds(cx, &mut Scratch::default())
            };
            let mut done = HashMap::new();
            let mut candidates = Vec::new();
            for (rule, (root, events)) in roots.iter().enumerate() {
                if !events.contains(kind) {
                    continue;
                }
                let narrowed = graph.narrow(*root, &constant, &mut done);
                if narrowed != NodeId::NEVER {
                    let (process, event) = graph.split(narrowed);
                    candidates.push(Candidate { rule: rule as u32, process, event });
                }
            }
            kinds.push(candidates.into_boxed_slice());
        }
        let roots =
            kinds.iter().flatten().flat_map(|candidate: &Candidate| [candidate.process, candidate.event]);
        let program = graph.into_program(roots);
        Ok(Self {
            rules: compiled,
            event: vec![0; program.event_nodes],
            program,
            kinds,
            matching,
            answers: Vec::new(),
            stranger: Answers::default(),
            tick: 0,
            scratch: Scratch::default(),
            matched: Vec::new(),
            windows: Windows::default(),
            counters: Counters::default(),
        })
    }

    /// The kinds of events that a rule can match: nobody asks for others.
    pub fn kinds(&self) -> impl Iterator<Item = EventKind> {
        EventKind::all().filter(|&kind| !self.kinds[kind as usize].is_empty())
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Their names, by their numbers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many different predicates there are, and how many of them depend on the process only.
    pub fn predicates(&self) -> (usize, usize) {
        let all = &self.program.predicates;
        (all.len(), all.iter().filter(|predicate| predicate.scope() == Scope::Process).count())
    }

    /// Counters since it was made.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The numbers of the rules that match an event which the state has taken in.
    pub fn judge(&mut self, event: &Event<'_>, state: &State, slot: Option<Slot>) -> &[usize] {
        self.matched.clear();
        self.counters.events += 1;
        let candidates = &self.kinds[event.kind as usize];
        if candidates.is_empty() {
            return &self.matched;
        }
        self.tick += 1;
        let process = slot.map(|slot| &state.processes()[slot]);
        let answers = if let (Some(slot), Some(process)) = (slot, process) {
            if self.answers.len() <= slot.index() {
                self.answers.resize_with(slot.index() + 1, Answers::default);
            }
            let answers = &mut self.answers[slot.index()];
            answers.about((process.generation, state.epoch()), self.program.process_nodes);
            answers
        } else {
            self.stranger.about((self.tick, u64::MAX), self.program.process_nodes);
            &mut self.stranger
        };
        let mut evaluation = Evaluation {
            program: &self.program,
            cx: Context { event, state, process },
            process: answers,
            event: &mut self.event,
            tick: self.tick,
            scratch: &mut self.scratch,
            asked: [0; 2],
        };
        let mut done = false;
        for candidate in candidates {
            let counting = self.rules[candidate.rule as usize].counting.as_ref();
            if done && counting.is_none()
                || !(evaluation.holds(candidate.process) && evaluation.holds(candidate.event))
            {
                continue;
            }
            if let Some(counting) = counting {
                if self.windows.count(candidate.rule, counting, evaluation.cx, evaluation.scratch) {
                    self.matched.push(candidate.rule as usize);
                }
            } else {
                self.matched.push(candidate.rule as usize);
                done = self.matching == Matching::First;
            }
        }
        let [of_event, of_process] = evaluation.asked;
        self.counters.asked += u64::from(of_event > 0);
        self.counters.event_predicates += of_event;
        self.counters.process_predicates += of_process;
        self.counters.matches += self.matched.len() as u64;
        self.counters.uncounted = self.windows.evicted();
        &self.matched
    }

    /// What a rule says about an event that it matches.
    pub fn alert(&mut self, rule: usize, event: &Event<'_>, state: &State, slot: Option<Slot>) -> Alert {
        let cx = Context { event, state, process: slot.map(|slot| &state.processes()[slot]) };
        Alert::new(&self.rules[rule], cx, &mut self.scratch)
    }
}

/// An event of this kind of which nothing else is known.
fn of_kind(kind: EventKind) -> Event<'static> {
    Event {
        number: 0,
        time: 0,
        cpu: 0,
        kind,
        task: Task::default(),
        container: ContainerKey::HOST,
        result: 0,
        fd: None,
        args: &[],
        subject: Subject::None,
        verdict: Verdict::None,
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Self, Refusal> {
        let mut output = Vec::new();
        let mut fields = Vec::new();
        for part in &rule.output.parts {
            output.push(match part {
                Part::Text(text) => OutputPart::Text(text.clone()),
                Part::Value { operand, width } => {
                    for field in operand.fields() {
                        let field = crate::rules::condition::Operand::Field(field.clone());
                        fields.push(predicate::operand(&field)?);
                    }
                    OutputPart::Value { operand: predicate::operand(operand)?, width: *width }
                }
            });
        }
        let mut tags = rule.tags.clone();
        tags.sort();
        tags.dedup();
        Ok(Self {
            name: rule.name.clone(),
            description: rule.description.clone(),
            priority: rule.priority,
            source: rule.source.clone(),
            tags,
            output,
            fields,
            counting: rule.count.as_ref().map(Counting::new).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
