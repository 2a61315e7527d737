//! How many steps an expression takes at most, told from its tree and from the values that it will see, before it is
//! run.
//!
//! Each node gets three upper bounds: the steps to compute it, the size of its value, and how many elements it has for
//! a macro to go through. A macro costs as many times its body as its list has elements, so nested macros multiply,
//! and so does `["ab"].map(s, s + s)`, which doubles the size.

use cel::{
    Value,
    common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators},
    objects::KeyRef,
};

/// What a pattern costs to compile, which is done each time.
const PATTERN: u64 = 1_000;

/// Steps of a whole expression; saturates.
pub(super) fn steps(expression: &IdedExpr, variables: &super::Variables) -> u64 {
    Scope { variables, bound: Vec::new() }.bound(expression).steps
}

#[derive(Clone, Copy, Default)]
struct Bound<'v> {
    steps: u64,
    size: u64,
    elements: u64,
    /// The value itself, where it is read from a variable as it is.
    value: Option<&'v Value>,
}

struct Scope<'v, 'e> {
    variables: &'v super::Variables,
    /// Variables of the macros around the node, innermost last.
    bound: Vec<(&'e str, Bound<'v>)>,
}

impl<'v, 'e> Scope<'v, 'e> {
    fn bound(&mut self, node: &'e IdedExpr) -> Bound<'v> {
        match &node.expr {
            Expr::Literal(literal) => {
                let size = match literal {
                    LiteralValue::String(text) => text.inner().len() as u64,
                    LiteralValue::Bytes(bytes) => bytes.inner().len() as u64,
                    _ => 0,
                };
                Bound { steps: 1, size: size + 1, ..Bound::default() }
            }
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                let from = self.bound(&select.operand);
                let steps = from.steps.saturating_add(1);
                match from.value.and_then(|value| field(value, &select.field)) {
                    Some(value) => Bound { steps, ..of_value(value) },
                    // Some part of it.
                    None => Bound { steps, elements: from.size, value: None, ..from },
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let mut all = Bound { steps: 1, size: 1, elements: list.elements.len() as u64, value: None };
                for element in &list.elements {
                    let element = self.bound(element);
                    all.steps = all.steps.saturating_add(element.steps).saturating_add(element.size / 8);
                    all.size = all.size.saturating_add(element.size);
                }
                all
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            // Refused when the policy was read.
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Bound { steps: u64::MAX, ..Bound::default() }
            }
        }
    }

    fn variable(&self, name: &str) -> Bound<'v> {
        if let Some((_, bound)) = self.bound.iter().rev().find(|(known, _)| *known == name) {
            return Bound { steps: 1, ..*bound };
        }
        let value = self.variables.iter().find(|(known, _)| *known == name);
        Bound { steps: 1, ..value.map_or_else(Bound::default, |(_, value)| of_value(value)) }
    }

    fn call(&mut self, call: &'e CallExpr) -> Bound<'v> {
        let mut all = Bound { steps: 1, size: 1, ..Bound::default() };
        for part in call.target.as_deref().into_iter().chain(&call.args) {
            let part = self.bound(part);
            all.steps = all.steps.saturating_add(part.steps).saturating_add(part.size / 8);
            all.size = all.size.saturating_add(part.size);
        }
        if call.func_name == "matches" {
            all.steps = all.steps.saturating_add(PATTERN);
        }
        // What joins, chooses or converts keeps the sum; everything else says a truth or a number.
        let keeps = [operators::ADD, operators::CONDITIONAL, operators::INDEX];
        if keeps.contains(&call.func_name.as_str()) || ["string", "dyn"].contains(&call.func_name.as_str()) {
            Bound { elements: all.size, ..all }
        } else {
            Bound { size: 1, ..all }
        }
    }

    fn comprehension(&mut self, comprehension: &'e ComprehensionExpr) -> Bound<'v> {
        let range = self.bound(&comprehension.iter_range);
        let init = self.bound(&comprehension.accu_init);
        let outer = self.bound.len();
        let element = Bound { steps: 0, elements: range.size, value: None, ..range };
        self.bound.push((&comprehension.iter_var, element));
        self.bound.extend(comprehension.iter_var2.as_deref().map(|name| (name, element)));
        // What was gathered before is counted once for all rounds, below.
        self.bound.push((&comprehension.accu_var, Bound::default()));
        let cond = self.bound(&comprehension.loop_cond);
        let step = self.bound(&comprehension.loop_step);
        let rounds = range.elements;
        let gathered = init.size.saturating_add(rounds.saturating_mul(step.size));
        self.bound.truncate(self.bound.len() - 1);
        let accu = Bound { steps: 1, size: gathered, elements: gathered, value: None };
        self.bound.push((&comprehension.accu_var, accu));
        let result = self.bound(&comprehension.result);
        self.bound.truncate(outer);
        let round = cond.steps.saturating_add(step.steps).saturating_add(1);
        let steps = [init.steps, result.steps, rounds.saturating_mul(round)]
            .into_iter()
            .fold(range.steps, u64::saturating_add);
        Bound { steps, ..result }
    }
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) => map.get(&KeyRef::String(name)),
        _ => None,
    }
}

fn of_value(value: &Value) -> Bound<'_> {
    let elements = match value {
        Value::List(list) => list.len() as u64,
        Value::Map(map) => map.map.len() as u64,
        _ => 0,
    };
    Bound { steps: 1, size: size(value), elements, value: Some(value) }
}

fn size(value: &Value) -> u64 {
    match value {
        Value::List(list) => list.iter().map(size).fold(1, u64::saturating_add),
        Value::Map(map) => map.map.values().map(|value| size(value) + 8).fold(1, u64::saturating_add),
        Value::String(text) => text.len() as u64 + 1,
        _ => 1,
    }
}
