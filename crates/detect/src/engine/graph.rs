//! Conditions as a graph in which equal parts of different rules are one node.
//!
//! `not` is pushed down to the checks, nested `and` and `or` are joined, and children are ordered by their cost. Parts that
//! depend on the process only are brought together, so that they are one bit for each process.
//!
//! ```text
//!   rule A: open_write and proc.name = x and user.uid = 0      All[ open_write, All[ proc.name = x, user.uid = 0 ] ]
//!   rule B: open_write and fd.name = /etc/passwd               All[ open_write, fd.name = /etc/passwd ]
//!                                                                   └── one node, asked once an event
//! ```
//!
//! For each kind of event the graph is narrowed: what depends on the kind only (`evt.type = openat`) becomes true or
//! false, and with it much of the rest.

use super::{evaluate::Program, predicate::Predicate};
use crate::{
    field::Scope,
    rules::{
        condition::{Check, Condition, Operator, Right},
        vocabulary::Refusal,
    },
};
use hashbrown::HashMap;

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u32);

impl NodeId {
    pub(super) const NEVER: Self = Self(0);
    pub(super) const ALWAYS: Self = Self(1);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    Never,
    Always,
    Check { predicate: u32, negated: bool },
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
}

/// Conditions as a graph.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    scopes: Vec<Scope>,
    costs: Vec<u32>,
    known: HashMap<Node, NodeId>,
    predicates: Vec<Predicate>,
    /// Predicates by the normal form of their check.
    checks: HashMap<String, u32>,
}

impl Graph {
    pub(super) fn new() -> Self {
        let mut graph = Self {
            nodes: Vec::new(),
            scopes: Vec::new(),
            costs: Vec::new(),
            known: HashMap::new(),
            predicates: Vec::new(),
            checks: HashMap::new(),
        };
        graph.intern(Node::Never, Scope::Kind, 0);
        graph.intern(Node::Always, Scope::Kind, 0);
        graph
    }

    pub(super) fn scope(&self, node: NodeId) -> Scope {
        self.scopes[node.index()]
    }

    fn intern(&mut self, node: Node, scope: Scope, cost: u32) -> NodeId {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.scopes.push(scope);
        self.costs.push(cost);
        self.known.insert(node, id);
        id
    }

    /// Adds a condition.
    pub(super) fn add(&mut self, condition: &Condition) -> Result<NodeId, Refusal> {
        self.build(condition, false)
    }

    fn build(&mut self, condition: &Condition, negated: bool) -> Result<NodeId, Refusal> {
        match condition {
            Condition::Not(child) => self.build(child, !negated),
            Condition::And(children) | Condition::Or(children) => {
                let children =
                    children.iter().map(|child| self.build(child, negated)).collect::<Result<Vec<_>, _>>()?;
                Ok(self.join(matches!(condition, Condition::And(_)) != negated, children))
            }
            Condition::Check(check) => {
                let predicate = self.predicate(check)?;
                Ok(self.check(predicate, negated))
            }
        }
    }

    fn predicate(&mut self, check: &Check) -> Result<u32, Refusal> {
        let right = match &check.right {
            Right::List(values)
                if matches!(check.operator, Operator::In | Operator::Intersects | Operator::Pmatch) =>
            {
                let mut values = values.clone();
                values.sort_unstable();
                values.dedup();
                Right::List(values)
            }
            other => other.clone(),
        };
        let form = format!("{:?} {:?} {:?} {right:?}", check.left, check.operator, check.quantifier);
        if let Some(&predicate) = self.checks.get(&form) {
            return Ok(predicate);
        }
        let predicate = self.predicates.len() as u32;
        self.predicates.push(Predicate::new(check)?);
        self.checks.insert(form, predicate);
        Ok(predicate)
    }

    fn check(&mut self, predicate: u32, negated: bool) -> NodeId {
        let it = &self.predicates[predicate as usize];
        let (scope, cost) = (it.scope(), it.cost());
        self.intern(Node::Check { predicate, negated }, scope, cost)
    }

    /// All of the children, or any of them.
    pub(super) fn join(&mut self, all: bool, children: Vec<NodeId>) -> NodeId {
        let (neutral, deciding) =
            if all { (NodeId::ALWAYS, NodeId::NEVER) } else { (NodeId::NEVER, NodeId::ALWAYS) };
        let mut flat = Vec::with_capacity(children.len());
        for child in children {
            match &self.nodes[child.index()] {
                Node::All(inner) if all => flat.extend_from_slice(inner),
                Node::Any(inner) if !all => flat.extend_from_slice(inner),
                _ => flat.push(child),
            }
        }
        if flat.contains(&deciding) {
            return deciding;
        }
        flat.retain(|&child| child != neutral);
        let (mut process, mut rest): (Vec<_>, Vec<_>) =
            flat.into_iter().partition(|&child| self.scope(child) == Scope::Process);
        // A group of earlier may have come with the children.
        process = process
            .into_iter()
            .flat_map(|child| match &self.nodes[child.index()] {
                Node::All(inner) if all => inner.to_vec(),
                Node::Any(inner) if !all => inner.to_vec(),
                _ => vec![child],
            })
            .collect();
        if rest.is_empty() {
            return self.group(all, neutral, process);
        }
        if !process.is_empty() {
            rest.push(self.group(all, neutral, process));
        }
        self.group(all, neutral, rest)
    }

    fn group(&mut self, all: bool, neutral: NodeId, mut children: Vec<NodeId>) -> NodeId {
        children.sort_unstable_by_key(|&child| (self.costs[child.index()], child));
        children.dedup();
        match children[..] {
            [] => return neutral,
            [only] => return only,
            _ => {}
        }
        let scope = children.iter().map(|&child| self.scope(child)).max().unwrap_or(Scope::Kind);
        let cost = match scope {
            // Asked once, remembered from then on.
            Scope::Process => 1,
            _ => children.iter().map(|&child| self.costs[child.index()]).fold(0, u32::saturating_add),
        };
        let children = children.into_boxed_slice();
        self.intern(if all { Node::All(children) } else { Node::Any(children) }, scope, cost)
    }

    /// The same for one kind of events: `constant` says what the predicates are that depend on the kind only.
    pub(super) fn narrow(
        &mut self,
        node: NodeId,
        constant: &dyn Fn(&Predicate) -> bool,
        done: &mut HashMap<NodeId, NodeId>,
    ) -> NodeId {
        if let Some(&narrowed) = done.get(&node) {
            return narrowed;
        }
        let narrowed = match self.nodes[node.index()].clone() {
            Node::Never | Node::Always => node,
            Node::Check { predicate, negated } => {
                let it = &self.predicates[predicate as usize];
                match it.scope() {
                    Scope::Kind if constant(it) != negated => NodeId::ALWAYS,
                    Scope::Kind => NodeId::NEVER,
                    Scope::Process | Scope::Event => node,
                }
            }
            Node::All(children) => {
                let children = children.iter().map(|&child| self.narrow(child, constant, done)).collect();
                self.join(true, children)
            }
            Node::Any(children) => {
                let children = children.iter().map(|&child| self.narrow(child, constant, done)).collect();
                self.join(false, children)
            }
        };
        done.insert(node, narrowed);
        narrowed
    }

    /// What of a node depends on the process only, and what on the event: it holds if both do.
    pub(super) fn split(&mut self, node: NodeId) -> (NodeId, NodeId) {
        if self.scope(node) == Scope::Process {
            return (node, NodeId::ALWAYS);
        }
        if let Node::All(children) = self.nodes[node.index()].clone() {
            let (process, event): (Vec<_>, Vec<_>) =
                children.iter().partition(|&&child| self.scope(child) == Scope::Process);
            return (self.join(true, process), self.join(true, event));
        }
        (NodeId::ALWAYS, node)
    }

    /// Gives each node that can be asked its place.
    pub(super) fn into_program(self, roots: impl Iterator<Item = NodeId>) -> Program {
        let mut reachable = vec![false; self.nodes.len()];
        let mut open: Vec<NodeId> = roots.collect();
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut reachable[node.index()], true)
                && let Node::All(children) | Node::Any(children) = &self.nodes[node.index()]
            {
                open.extend_from_slice(children);
            }
        }
        let mut counts = [0_u32; 3];
        let mut places = vec![0; self.nodes.len()];
        for (node, _) in reachable.iter().enumerate().filter(|&(_, &reachable)| reachable) {
            let count = &mut counts[self.scopes[node] as usize];
            places[node] = *count;
            *count += 1;
        }
        Program {
            nodes: self.nodes,
            scopes: self.scopes,
            places,
            predicates: self.predicates,
            process_nodes: counts[Scope::Process as usize] as usize,
            event_nodes: counts[Scope::Event as usize] as usize,
        }
    }
}
