//! What files define, put together: later definitions replace earlier ones, and some only add to them.
//!
//! Names have a place in the order of definitions (`index`), which a redefinition keeps, and `visibility`, the place of the
//! latest change: a macro may use those macros, and a list those lists, that were there by then.

use super::count::CountInfo;
use super::diagnostic::ErrorCode;
use super::exception::ExceptionInfo;
use super::rule::Priority;
use super::source::{Context, Fault, Text};
use super::version::Version;
use std::collections::{BTreeSet, HashMap};

/// A list, its items as written.
pub(super) struct ListInfo {
    pub(super) name: String,
    pub(super) items: Vec<String>,
    pub(super) context: Context,
}

/// A macro.
pub(super) struct MacroInfo {
    pub(super) name: String,
    pub(super) condition: Text,
    pub(super) context: Context,
}

/// A rule.
pub(super) struct RuleInfo {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) condition: Text,
    pub(super) output: Text,
    pub(super) priority: Priority,
    pub(super) source: String,
    pub(super) tags: BTreeSet<String>,
    pub(super) enabled: bool,
    pub(super) exceptions: Vec<ExceptionInfo>,
    pub(super) count: Option<CountInfo>,
    pub(super) capture: bool,
    pub(super) capture_duration: u64,
    pub(super) warn_evttypes: bool,
    pub(super) skip_unknown: bool,
    pub(super) context: Context,
}

/// What an item changes of a rule that is there.
#[derive(Default)]
pub(super) struct RuleUpdate {
    pub(super) description: Option<String>,
    pub(super) condition: Option<Text>,
    pub(super) output: Option<Text>,
    pub(super) priority: Option<Priority>,
    pub(super) tags: Option<BTreeSet<String>>,
    pub(super) enabled: Option<bool>,
    pub(super) exceptions: Option<Vec<ExceptionInfo>>,
    pub(super) count: Option<CountInfo>,
    pub(super) capture: Option<bool>,
    pub(super) capture_duration: Option<u64>,
    pub(super) warn_evttypes: Option<bool>,
    pub(super) skip_unknown: Option<bool>,
}

impl RuleUpdate {
    fn is_empty(&self) -> bool {
        let Self {
            description,
            condition,
            output,
            priority,
            tags,
            enabled,
            exceptions,
            count,
            capture,
            capture_duration,
            warn_evttypes,
            skip_unknown,
        } = self;
        let texts = description.is_none() && condition.is_none() && output.is_none();
        let sets = tags.is_none() && exceptions.is_none() && count.is_none();
        let switches =
            enabled.is_none() && capture.is_none() && warn_evttypes.is_none() && skip_unknown.is_none();
        texts && sets && switches && priority.is_none() && capture_duration.is_none()
    }
}

/// A definition and its places in the order of definitions.
pub(super) struct Entry<T> {
    pub(super) info: T,
    pub(super) index: usize,
    pub(super) visibility: usize,
}

/// Definitions in their order, found by name.
pub(super) struct Table<T> {
    pub(super) entries: Vec<Entry<T>>,
    names: HashMap<String, usize>,
}

impl<T> Table<T> {
    fn new() -> Self {
        Self { entries: Vec::new(), names: HashMap::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry<T>> {
        self.names.get(name).map(|&at| &self.entries[at])
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Entry<T>> {
        self.names.get(name).map(|&at| &mut self.entries[at])
    }

    fn define(&mut self, name: &str, info: T, number: usize) {
        if let Some(entry) = self.get_mut(name) {
            entry.info = info;
            entry.visibility = number;
        } else {
            self.names.insert(name.to_owned(), self.entries.len());
            self.entries.push(Entry { info, index: number, visibility: number });
        }
    }
}

/// Everything that files define.
pub(super) struct Collection {
    pub(super) lists: Table<ListInfo>,
    pub(super) macros: Table<MacroInfo>,
    pub(super) rules: Table<RuleInfo>,
    pub(super) engine: Option<Version>,
    pub(super) plugins: Vec<Vec<(String, Version)>>,
    number: usize,
}

impl Collection {
    pub(super) fn new() -> Self {
        Self {
            lists: Table::new(),
            macros: Table::new(),
            rules: Table::new(),
            engine: None,
            plugins: Vec::new(),
            number: 0,
        }
    }

    fn next(&mut self) -> usize {
        self.number += 1;
        self.number
    }

    pub(super) fn define_list(&mut self, list: ListInfo) {
        let number = self.next();
        self.lists.define(&list.name.clone(), list, number);
    }

    pub(super) fn append_list(&mut self, list: ListInfo) -> Result<(), Fault> {
        let number = self.next();
        let earlier = earlier(&mut self.lists, &list.name, "list", &list.context)?;
        earlier.info.items.extend(list.items);
        earlier.visibility = number;
        Ok(())
    }

    pub(super) fn define_macro(&mut self, one: MacroInfo) {
        let number = self.next();
        self.macros.define(&one.name.clone(), one, number);
    }

    pub(super) fn append_macro(&mut self, one: MacroInfo) -> Result<(), Fault> {
        let number = self.next();
        let earlier = earlier(&mut self.macros, &one.name, "macro", &one.context)?;
        earlier.info.condition.append(one.condition);
        earlier.visibility = number;
        Ok(())
    }

    pub(super) fn define_rule(&mut self, rule: RuleInfo) -> Result<(), Fault> {
        self.same_source(&rule.name, &rule.source, &rule.context)?;
        let number = self.next();
        self.rules.define(&rule.name.clone(), rule, number);
        Ok(())
    }

    /// That a rule which is there is about the same events, if an item says about which.
    pub(super) fn same_source(&self, name: &str, source: &str, context: &Context) -> Result<(), Fault> {
        match self.rules.get(name) {
            Some(earlier) if !source.is_empty() && earlier.info.source != source => {
                let message = format!("the source of rule '{name}' is {:?} already", earlier.info.source);
                Err(fault(message, context))
            }
            _ => Ok(()),
        }
    }

    /// Adds to the texts, tags and exceptions of a rule.
    pub(super) fn append_rule(
        &mut self,
        name: &str,
        update: RuleUpdate,
        context: &Context,
    ) -> Result<(), Fault> {
        let number = self.next();
        let earlier = earlier(&mut self.rules, name, "rule", context)?;
        if update.is_empty() {
            return Err(fault("nothing is appended: there is neither a condition nor an exception", context));
        }
        let rule = &mut earlier.info;
        if let Some(condition) = update.condition {
            rule.condition.append(condition);
        }
        if let Some(output) = update.output {
            rule.output.append(output);
        }
        if let Some(description) = update.description {
            rule.description = format!("{} {description}", rule.description);
        }
        rule.tags.extend(update.tags.unwrap_or_default());
        for added in update.exceptions.unwrap_or_default() {
            let Some(exception) = rule.exceptions.iter_mut().find(|one| one.name == added.name) else {
                if added.fields.is_none() {
                    return Err(fault("a new exception has to have fields", &added.context));
                }
                if added.values.is_empty() {
                    return Err(fault("a new exception has to have values", &added.context));
                }
                rule.exceptions.push(added);
                continue;
            };
            if added.fields.is_some() || added.comps.is_some() {
                let message = "only values can be appended to an exception, no fields and no comps";
                return Err(fault(message, &added.context));
            }
            exception.values.extend(added.values);
        }
        earlier.visibility = number;
        Ok(())
    }

    /// Replaces some of what a rule says.
    pub(super) fn replace_rule(
        &mut self,
        name: &str,
        update: RuleUpdate,
        context: &Context,
    ) -> Result<(), Fault> {
        let number = self.next();
        let earlier = earlier(&mut self.rules, name, "rule", context)?;
        let rule = &mut earlier.info;
        set(&mut rule.description, update.description);
        set(&mut rule.condition, update.condition);
        set(&mut rule.output, update.output);
        set(&mut rule.priority, update.priority);
        set(&mut rule.tags, update.tags);
        set(&mut rule.enabled, update.enabled);
        set(&mut rule.exceptions, update.exceptions);
        rule.count = update.count.or(rule.count.take());
        set(&mut rule.capture, update.capture);
        set(&mut rule.capture_duration, update.capture_duration);
        set(&mut rule.warn_evttypes, update.warn_evttypes);
        set(&mut rule.skip_unknown, update.skip_unknown);
        earlier.visibility = number;
        Ok(())
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn fault(message: impl Into<String>, context: &Context) -> Fault {
    Fault { code: ErrorCode::Validate, message: message.into(), context: context.clone() }
}

fn earlier<'a, T>(
    table: &'a mut Table<T>,
    name: &str,
    what: &str,
    context: &Context,
) -> Result<&'a mut Entry<T>, Fault> {
    table
        .get_mut(name)
        .ok_or_else(|| fault(format!("there is no {what} '{name}' yet that could be changed"), context))
}
