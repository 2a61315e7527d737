//! Every name in an expression is one that exists: found when the policy is read, not when the first image is.

use super::{BadExpression, facts};
use crate::error::{Place, unknown};
use cel::{
    Program, Value,
    common::ast::{CallExpr, Expr, IdedExpr, SelectExpr, SourceInfo},
    objects::Key,
};
use std::collections::BTreeSet;

/// The functions that rules may call; operators and the macros `has`, `all`, `exists`, `exists_one`, `map` and
/// `filter` besides. None of them can make much out of little.
const FUNCTIONS: [&str; 11] = [
    "bool",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "int",
    "matches",
    "size",
    "startsWith",
    "string",
    "type",
];

/// What a program reads, or the first name in it that does not exist.
pub(super) fn names(program: &Program) -> Result<BTreeSet<(&'static str, String)>, BadExpression> {
    let mut walk = Walk {
        info: program.source_info(),
        variables: facts::specimen(),
        bound: Vec::new(),
        reads: BTreeSet::new(),
    };
    walk.expression(program.expression())?;
    Ok(walk.reads)
}

struct Walk<'a> {
    info: &'a SourceInfo,
    variables: Vec<(&'static str, Value)>,
    /// Variables of the macros around the node, innermost last.
    bound: Vec<&'a str>,
    reads: BTreeSet<(&'static str, String)>,
}

impl<'a> Walk<'a> {
    fn expression(&mut self, node: &'a IdedExpr) -> Result<(), BadExpression> {
        match &node.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.variable(node, name),
            Expr::Select(select) => self.select(node, select),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.expression(element)),
            Expr::Comprehension(macros) => {
                self.expression(&macros.iter_range)?;
                self.expression(&macros.accu_init)?;
                let outer = self.bound.len();
                self.bound.extend([macros.iter_var.as_str(), macros.accu_var.as_str()]);
                self.bound.extend(macros.iter_var2.as_deref());
                for part in [&macros.loop_cond, &macros.loop_step, &macros.result] {
                    self.expression(part)?;
                }
                self.bound.truncate(outer);
                Ok(())
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(self.error(node, "maps and messages cannot be written in a rule"))
            }
        }
    }

    fn variable(&mut self, node: &IdedExpr, name: &str) -> Result<(), BadExpression> {
        if self.bound.contains(&name) {
            return Ok(());
        }
        let Some((known, _)) = self.variables.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = self.variables.iter().map(|(known, _)| *known).collect();
            return Err(self.error(node, unknown("variable", name, &known)));
        };
        self.reads.insert((known, String::new()));
        Ok(())
    }

    fn select(&mut self, node: &'a IdedExpr, select: &'a SelectExpr) -> Result<(), BadExpression> {
        self.expression(&select.operand)?;
        let Expr::Ident(name) = &select.operand.expr else { return Ok(()) };
        if self.bound.contains(&name.as_str()) {
            return Ok(());
        }
        let Some((variable, Value::Map(fields))) = self.variables.iter().find(|(known, _)| known == name)
        else {
            return Ok(());
        };
        let variable = *variable;
        let known: Vec<&str> = fields.map.keys().filter_map(text).collect();
        // The aspects of coverage are not known beforehand.
        if variable != "coverage" && !known.contains(&select.field.as_str()) {
            let what = format!("field of {variable}");
            return Err(self.error(node, unknown(&what, &select.field, &known)));
        }
        self.reads.insert((variable, select.field.clone()));
        Ok(())
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Result<(), BadExpression> {
        let name = call.func_name.as_str();
        let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word && !FUNCTIONS.contains(&name) {
            return Err(self.error(node, unknown("function", name, &FUNCTIONS)));
        }
        call.target.iter().try_for_each(|target| self.expression(target))?;
        call.args.iter().try_for_each(|argument| self.expression(argument))
    }

    fn error(&self, node: &IdedExpr, problem: impl Into<String>) -> BadExpression {
        let place = self.info.offset_for(node.id).map(|(start, _)| {
            let before: String = self.info.source.chars().take(start as usize).collect();
            let line = before.matches('\n').count() as u64 + 1;
            let column = before.chars().rev().take_while(|c| *c != '\n').count() as u64 + 1;
            Place { line, column }
        });
        BadExpression::new(place, problem)
    }
}

fn text(key: &Key) -> Option<&str> {
    match key {
        Key::String(text) => Some(text.as_str()),
        _ => None,
    }
}
