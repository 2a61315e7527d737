//! Reads the items of a rule file into a [`Collection`]. An item that is wrong is told and left out; the others are read on.

use super::collect::{Collection, ListInfo, MacroInfo, RuleInfo, RuleUpdate};
use super::count::CountInfo;
use super::diagnostic::{ErrorCode, WarningCode};
use super::exception::{Entry, ExceptionInfo};
use super::lexer::Lexer;
use super::rule::Priority;
use super::source::{Context, Fault, Reporter, Text, excerpt};
use super::version::{ENGINE, PLUGINS, Version};
use super::yaml::{Kind, Node, Scalar};
use std::{collections::BTreeSet, str::FromStr};

/// The kind of events that rules are about if they do not say.
pub(super) const SYSCALL: &str = "syscall";

/// Reads a document: a list of items.
pub(super) fn document(node: &Node, context: &Context, into: &mut Collection, reporter: &mut Reporter) {
    if node.is_null() {
        return;
    }
    let Kind::Sequence(items) = &node.kind else {
        let message = "a rule file is a list of rules, macros and lists".to_owned();
        reporter.fault(Fault { code: ErrorCode::YamlValidate, message, context: context.clone() });
        return;
    };
    for item in items.iter().filter(|item| !item.is_null()) {
        if reporter.is_full() {
            return;
        }
        if let Err(fault) = (Reader { item, into, reporter }).item(context) {
            reporter.fault(fault);
        }
    }
}

struct Reader<'a> {
    item: &'a Node,
    into: &'a mut Collection,
    reporter: &'a mut Reporter,
}

pub(super) fn invalid(message: impl Into<String>, context: &Context) -> Fault {
    Fault { code: ErrorCode::YamlValidate, message: message.into(), context: context.clone() }
}

/// The scalar of a key; none if the key is not there.
fn scalar<'a>(node: &'a Node, key: &str, context: &Context) -> Result<Option<&'a Scalar>, Fault> {
    let Some(value) = node.get(key) else { return Ok(None) };
    let context = context.node("value for", key, value);
    match &value.kind {
        _ if value.is_null() => Err(invalid(format!("the key '{key}' has no value"), &context)),
        Kind::Scalar(scalar) if scalar.text.is_empty() => {
            Err(invalid(format!("the value of '{key}' is empty"), &context))
        }
        Kind::Scalar(scalar) => Ok(Some(scalar)),
        Kind::Sequence(_) | Kind::Mapping(_) => {
            Err(invalid(format!("the value of '{key}' has to be a single value"), &context))
        }
    }
}

pub(super) fn text<'a>(node: &'a Node, key: &str, context: &Context) -> Result<&'a str, Fault> {
    Ok(&needed(scalar(node, key, context)?, key, context)?.text)
}

pub(super) fn needed<T>(value: Option<T>, key: &str, context: &Context) -> Result<T, Fault> {
    value.ok_or_else(|| invalid(format!("the key '{key}' is missing"), context))
}

/// A value of a key by its text; none if the key is not there.
fn parsed<T>(
    node: &Node,
    key: &str,
    what: &str,
    context: &Context,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Fault> {
    let Some(value) = scalar(node, key, context)? else { return Ok(None) };
    parse(&value.text).map(Some).ok_or_else(|| {
        let context = context.at("value for", key, value.start);
        invalid(format!("the value of '{key}' has to be {what}, not {:?}", excerpt(&value.text)), &context)
    })
}

fn boolean(node: &Node, key: &str, context: &Context) -> Result<Option<bool>, Fault> {
    parsed(node, key, "true or false", context, |text| match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    })
}

pub(super) fn number(node: &Node, key: &str, context: &Context) -> Result<Option<u64>, Fault> {
    parsed(node, key, "a number", context, |text| text.parse().ok())
}

/// The words of a list under a key; none if the key is not there.
pub(super) fn words(node: &Node, key: &str, context: &Context) -> Result<Option<Vec<String>>, Fault> {
    let Some(value) = node.get(key) else { return Ok(None) };
    let context = context.node("value for", key, value);
    let Kind::Sequence(items) = &value.kind else {
        return Err(invalid(format!("the value of '{key}' has to be a list"), &context));
    };
    let word = |item: &Node| match item.text() {
        Some(text) if !item.is_null() => Ok(text.to_owned()),
        _ => Err(invalid("an item has to be a single value", &context.node("list item", "", item))),
    };
    items.iter().map(word).collect::<Result<_, _>>().map(Some)
}

/// What `override` says of each key.
#[derive(Default)]
struct Overrides {
    append: Vec<String>,
    replace: Vec<String>,
}

impl Overrides {
    fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

fn overrides(
    node: &Node,
    appendable: &[&str],
    replaceable: &[&str],
    context: &Context,
) -> Result<Overrides, Fault> {
    let mut out = Overrides::default();
    let Some(value) = node.get("override") else { return Ok(out) };
    let context = context.node("overrides", "", value);
    if !matches!(value.kind, Kind::Mapping(_)) {
        return Err(invalid("the value of 'override' has to say 'append' or 'replace' for keys", &context));
    }
    for (key, how) in value.entries() {
        let Some(name) = key.text() else { return Err(invalid("a key has to be a word", &context)) };
        let at = context.node("overrides", name, key);
        match how.text() {
            Some("append") if appendable.contains(&name) => out.append.push(name.to_owned()),
            Some("append") if replaceable.contains(&name) => {
                return Err(invalid(format!("'{name}' cannot be appended to, only replaced"), &at));
            }
            Some("replace") if replaceable.contains(&name) => out.replace.push(name.to_owned()),
            Some("append" | "replace") => {
                return Err(invalid(format!("'{name}' is nothing that can be overridden"), &at));
            }
            _ => {
                let at = context.node("value for", name, how);
                return Err(invalid(format!("'{name}' can be overridden by 'append' or 'replace'"), &at));
            }
        }
    }
    Ok(out)
}

impl Reader<'_> {
    fn item(&mut self, parent: &Context) -> Result<(), Fault> {
        let unnamed = parent.node("rules content item", "", self.item);
        if !matches!(self.item.kind, Kind::Mapping(_)) {
            return Err(invalid("an item has to be a mapping: 'rule: …', 'macro: …' or 'list: …'", &unnamed));
        }
        if self.item.get("required_engine_version").is_some() {
            self.engine_version(&parent.node("required_engine_version", "", self.item))
        } else if let Some(plugins) = self.item.get("required_plugin_versions") {
            self.plugins(plugins, &parent.node("required plugin versions", "", self.item))
        } else if self.item.get("list").is_some() {
            self.list(parent)
        } else if self.item.get("macro").is_some() {
            self.macro_(parent)
        } else if self.item.get("rule").is_some() {
            self.rule(parent)
        } else {
            let message = "the item is no rule, macro or list and is left out";
            self.reporter.warn(WarningCode::UnknownItem, message, &unnamed);
            Ok(())
        }
    }

    /// Warns of keys that have no meaning, and of those that are there twice.
    fn keys(&mut self, known: &[&str], context: &Context) {
        let mut seen = BTreeSet::new();
        for (key, _) in self.item.entries() {
            let at = context.node("value for", key.text().unwrap_or(""), key);
            match key.text() {
                Some(name) if known.contains(&name) && seen.insert(name) => {}
                Some(name) if known.contains(&name) => {
                    let message = format!("the key '{name}' is there twice; only the first counts");
                    self.reporter.warn(WarningCode::UnknownKey, message, &at);
                }
                name => {
                    let message =
                        format!("the key '{}' is not known and is left out", name.unwrap_or("(no word)"));
                    self.reporter.warn(WarningCode::UnknownKey, message, &at);
                }
            }
        }
    }

    fn engine_version(&mut self, context: &Context) -> Result<(), Fault> {
        let text = text(self.item, "required_engine_version", context)?;
        // A single number is the second of three: that is how versions were counted before.
        let version = match text.parse::<u32>() {
            Ok(minor) => Version(0, minor, 0),
            Err(_) => Version::from_str(text).map_err(|()| {
                invalid(
                    format!("the engine version {:?} is neither x.y.z nor a number", excerpt(text)),
                    context,
                )
            })?,
        };
        self.keys(&["required_engine_version"], context);
        if !ENGINE.serves(version) {
            let message = format!("the rules need engine version {version}; this is {ENGINE}");
            return Err(Fault { code: ErrorCode::Validate, message, context: context.clone() });
        }
        self.into.engine = self.into.engine.max(Some(version));
        Ok(())
    }

    fn plugins(&mut self, plugins: &Node, context: &Context) -> Result<(), Fault> {
        let Kind::Sequence(entries) = &plugins.kind else {
            return Err(invalid("the value of 'required_plugin_versions' has to be a list", context));
        };
        for entry in entries {
            let mut alternatives = vec![Self::plugin(entry, "required plugin versions entry", context)?];
            if let Some(others) = entry.get("alternatives") {
                let Kind::Sequence(others) = &others.kind else {
                    return Err(invalid("the value of 'alternatives' has to be a list", context));
                };
                for other in others {
                    alternatives.push(Self::plugin(other, "required plugin versions alternative", context)?);
                }
            }
            let context = context.node("required plugin versions entry", &alternatives[0].0, entry);
            for (i, (name, _)) in alternatives.iter().enumerate() {
                if alternatives[..i].iter().any(|(earlier, _)| earlier == name) {
                    let message = format!("plugin '{name}' is there twice among the alternatives");
                    return Err(Fault { code: ErrorCode::Validate, message, context });
                }
            }
            self.serves(&alternatives, &context)?;
            self.into.plugins.push(alternatives);
        }
        self.keys(&["required_plugin_versions"], context);
        Ok(())
    }

    fn plugin(entry: &Node, item: &'static str, context: &Context) -> Result<(String, Version), Fault> {
        let unnamed = context.node(item, "", entry);
        if !matches!(entry.kind, Kind::Mapping(_)) {
            return Err(invalid("a plugin has to have 'name' and 'version'", &unnamed));
        }
        let name = text(entry, "name", &unnamed)?;
        let context = context.node(item, name, entry);
        let version = text(entry, "version", &context)?;
        let version = version.parse().map_err(|()| {
            let message = format!("the version {:?} of plugin '{name}' is not x.y.z", excerpt(version));
            Fault { code: ErrorCode::Validate, message, context }
        })?;
        Ok((name.to_owned(), version))
    }

    /// Says what a required plugin means here, where no plugins are loaded but the fields of some are built in.
    fn serves(&mut self, alternatives: &[(String, Version)], context: &Context) -> Result<(), Fault> {
        let built_in = |name: &str| PLUGINS.iter().find(|(one, _)| *one == name).map(|(_, version)| *version);
        let mut older = None;
        for (name, wanted) in alternatives {
            match built_in(name) {
                Some(version) if version.serves(*wanted) => return Ok(()),
                Some(version) => older = older.or(Some((name, wanted, version))),
                None => {}
            }
        }
        if let Some((name, wanted, version)) = older {
            let message =
                format!("plugin '{name}' is required as {wanted}; what is built in is that of {version}");
            return Err(Fault { code: ErrorCode::Extension, message, context: context.clone() });
        }
        let names: Vec<&str> = alternatives.iter().map(|(name, _)| name.as_str()).collect();
        let message =
            format!("plugin '{}' is not built in; rules about its events are left out", names.join("' or '"));
        self.reporter.warn(WarningCode::WarningExtension, message, context);
        Ok(())
    }

    fn list(&mut self, parent: &Context) -> Result<(), Fault> {
        let name = text(self.item, "list", &parent.node("list", "", self.item))?.to_owned();
        let context = parent.node("list", &name, self.item);
        if Lexer::new(&name).bare() != Some(&name) {
            let message = "the name has blanks, quotes, parentheses, '=' or ',' in it, so that no condition can name it";
            self.reporter.warn(WarningCode::InvalidListName, message, &context);
        }
        let items = needed(words(self.item, "items", &context)?, "items", &context)?;
        let append = self.appends(&["items"], &context)?;
        self.keys(&["list", "items", "append", "override"], &context);
        let list = ListInfo { name, items, context };
        if append {
            return self.into.append_list(list);
        }
        self.into.define_list(list);
        Ok(())
    }

    fn macro_(&mut self, parent: &Context) -> Result<(), Fault> {
        let name = text(self.item, "macro", &parent.node("macro", "", self.item))?.to_owned();
        let context = parent.node("macro", &name, self.item);
        if Lexer::new(&name).identifier() != Some(&name) {
            let message =
                "the name is not a letter and then letters, digits and '_', so that no condition can name it";
            self.reporter.warn(WarningCode::InvalidMacroName, message, &context);
        }
        let condition =
            needed(self.text_of("condition", "macro condition", &context)?, "condition", &context)?;
        let append = self.appends(&["condition"], &context)?;
        self.keys(&["macro", "condition", "append", "override"], &context);
        let one = MacroInfo { name, condition, context };
        if append {
            return self.into.append_macro(one);
        }
        self.into.define_macro(one);
        Ok(())
    }

    /// Whether an item adds to an earlier one, by `append: true` or by `override`.
    fn appends(&mut self, keys: &[&str], context: &Context) -> Result<bool, Fault> {
        let append = self.append_flag(context)?;
        let overrides = overrides(self.item, keys, keys, context)?;
        if append && !overrides.is_empty() {
            return Err(both(context));
        }
        Ok(append || !overrides.append.is_empty())
    }

    fn append_flag(&mut self, context: &Context) -> Result<bool, Fault> {
        let append = boolean(self.item, "append", context)?.unwrap_or(false);
        if append {
            let message = "'append: true' is deprecated; 'override: {KEY: append}' says the same";
            self.reporter.warn(WarningCode::DeprecatedItem, message, context);
        }
        Ok(append)
    }

    fn text_of(&self, key: &str, item: &'static str, context: &Context) -> Result<Option<Text>, Fault> {
        let scalar = scalar(self.item, key, context)?;
        Ok(scalar.map(|scalar| Text::new(context.at(item, "", scalar.start), scalar.clone())))
    }

    fn rule(&mut self, parent: &Context) -> Result<(), Fault> {
        const APPENDABLE: &[&str] = &["condition", "output", "desc", "tags", "exceptions"];
        const REPLACEABLE: &[&str] = &[
            "condition",
            "output",
            "desc",
            "priority",
            "capture",
            "capture_duration",
            "tags",
            "exceptions",
            "count",
            "enabled",
            "warn_evttypes",
            "skip-if-unknown-filter",
        ];
        let name = text(self.item, "rule", &parent.node("rule", "", self.item))?.to_owned();
        let context = parent.node("rule", &name, self.item);
        let append = self.append_flag(&context)?;
        let overrides = overrides(self.item, APPENDABLE, REPLACEABLE, &context)?;
        if append && !overrides.is_empty() {
            return Err(both(&context));
        }
        let source = match self.item.get("source") {
            Some(node) if node.is_null() || node.text() == Some("") => "",
            Some(_) => text(self.item, "source", &context)?,
            None => "",
        }
        .to_owned();
        if !overrides.is_empty() {
            self.into.same_source(&name, &source, &context)?;
            for (key, node) in self.item.entries() {
                let Some(word) = key.text() else { continue };
                let told = overrides.append.iter().chain(&overrides.replace).any(|one| one == word);
                if REPLACEABLE.contains(&word) && !told {
                    let message =
                        format!("the key '{word}' is there, but 'override' does not say what to do with it");
                    return Err(invalid(message, &context.node("overrides", word, node)));
                }
            }
            if !overrides.append.is_empty() {
                let update = self.update(&overrides.append, true, &context)?;
                self.into.append_rule(&name, update, &context)?;
            }
            if !overrides.replace.is_empty() {
                let update = self.update(&overrides.replace, false, &context)?;
                self.into.replace_rule(&name, update, &context)?;
            }
        } else if append {
            self.into.same_source(&name, &source, &context)?;
            let keys: Vec<String> = ["condition", "exceptions"]
                .into_iter()
                .filter(|key| self.item.get(key).is_some())
                .map(str::to_owned)
                .collect();
            let update = self.update(&keys, true, &context)?;
            self.into.append_rule(&name, update, &context)?;
            self.keys(&["rule", "condition", "exceptions", "append", "source"], &context);
            return Ok(());
        } else if ["condition", "output", "desc", "priority"].iter().all(|key| self.item.get(key).is_none()) {
            let enabled = needed(boolean(self.item, "enabled", &context)?, "condition", &context)?;
            let message =
                "an item with only 'enabled' is deprecated; 'override: {enabled: replace}' says the same";
            self.reporter.warn(WarningCode::DeprecatedItem, message, &context);
            let update = RuleUpdate { enabled: Some(enabled), ..RuleUpdate::default() };
            self.into.replace_rule(&name, update, &context)?;
        } else {
            let rule = self.whole_rule(name, source, context.clone())?;
            self.into.define_rule(rule)?;
        }
        let mut known = vec!["rule", "source", "override", "append"];
        known.extend_from_slice(REPLACEABLE);
        self.keys(&known, &context);
        Ok(())
    }

    fn whole_rule(&mut self, name: String, source: String, context: Context) -> Result<RuleInfo, Fault> {
        let condition = self.text_of("condition", "rule condition", &context)?;
        let output = self.text_of("output", "rule output", &context)?;
        let source = if source.is_empty() { SYSCALL.to_owned() } else { source };
        if source != SYSCALL {
            let message = format!("the source '{source}' is not known here; the rule is left out");
            self.reporter.warn(WarningCode::UnknownSource, message, &context);
        }
        Ok(RuleInfo {
            condition: needed(condition, "condition", &context)?,
            output: needed(output, "output", &context)?,
            description: text(self.item, "desc", &context)?.to_owned(),
            priority: needed(self.priority(&context)?, "priority", &context)?,
            enabled: boolean(self.item, "enabled", &context)?.unwrap_or(true),
            capture: boolean(self.item, "capture", &context)?.unwrap_or(false),
            capture_duration: number(self.item, "capture_duration", &context)?.unwrap_or(0),
            warn_evttypes: boolean(self.item, "warn_evttypes", &context)?.unwrap_or(true),
            skip_unknown: boolean(self.item, "skip-if-unknown-filter", &context)?.unwrap_or(false),
            tags: words(self.item, "tags", &context)?.into_iter().flatten().collect(),
            exceptions: self.exceptions(&context, false)?,
            count: CountInfo::read(self.item, &context)?,
            name,
            source,
            context,
        })
    }

    /// The keys of an item that change a rule which is there.
    fn update(&mut self, keys: &[String], append: bool, context: &Context) -> Result<RuleUpdate, Fault> {
        let mut update = RuleUpdate::default();
        for key in keys {
            if self.item.get(key).is_none() {
                return Err(invalid(format!("'{key}' is to be overridden, but is not there"), context));
            }
            match key.as_str() {
                "condition" => update.condition = self.text_of(key, "rule condition", context)?,
                "output" => update.output = self.text_of(key, "rule output", context)?,
                "desc" => update.description = Some(text(self.item, key, context)?.to_owned()),
                "tags" => {
                    update.tags = words(self.item, key, context)?.map(|tags| tags.into_iter().collect());
                }
                "exceptions" => update.exceptions = Some(self.exceptions(context, append)?),
                "priority" => update.priority = self.priority(context)?,
                "count" => update.count = CountInfo::read(self.item, context)?,
                "capture" => update.capture = boolean(self.item, key, context)?,
                "capture_duration" => update.capture_duration = number(self.item, key, context)?,
                "enabled" => update.enabled = boolean(self.item, key, context)?,
                "warn_evttypes" => update.warn_evttypes = boolean(self.item, key, context)?,
                "skip-if-unknown-filter" => update.skip_unknown = boolean(self.item, key, context)?,
                _ => {}
            }
        }
        Ok(update)
    }

    fn priority(&self, context: &Context) -> Result<Option<Priority>, Fault> {
        let Some(value) = scalar(self.item, "priority", context)? else { return Ok(None) };
        value.text.parse().map(Some).map_err(|()| {
            let context = context.at("rule priority", "", value.start);
            let names = Priority::ALL.map(Priority::as_str).join(", ");
            invalid(format!("{:?} is no priority; there are {names}", excerpt(&value.text)), &context)
        })
    }

    fn exceptions(&mut self, parent: &Context, append: bool) -> Result<Vec<ExceptionInfo>, Fault> {
        let Some(node) = self.item.get("exceptions").filter(|node| !node.is_null()) else {
            return Ok(Vec::new());
        };
        let all = parent.node("exceptions", "", node);
        let Kind::Sequence(entries) = &node.kind else {
            return Err(invalid("the value of 'exceptions' has to be a list", &all));
        };
        let mut exceptions: Vec<ExceptionInfo> = Vec::new();
        for entry in entries {
            let unnamed = all.node("exception", "", entry);
            if !matches!(entry.kind, Kind::Mapping(_)) {
                return Err(invalid("an exception has to be a mapping", &unnamed));
            }
            let name = text(entry, "name", &unnamed)?.to_owned();
            let context = parent.node("exception", &name, entry);
            if exceptions.iter().any(|one| one.name == name) {
                let message = format!("the rule has two exceptions '{name}'");
                self.reporter.warn(WarningCode::ExceptionNameNotUnique, message, &context);
            }
            for (key, _) in entry.entries() {
                let word = key.text().unwrap_or("(no word)");
                if !matches!(word, "name" | "fields" | "comps" | "values") {
                    let message = format!("the key '{word}' is not known and is left out");
                    self.reporter.warn(
                        WarningCode::UnknownKey,
                        message,
                        &context.node("value for", word, key),
                    );
                }
            }
            let part = |key: &str| entry.get(key).map(|node| value(node, &context)).transpose();
            let (fields, comps) = (part("fields")?, part("comps")?);
            let values = match entry.get("values").map(|node| (&node.kind, node)) {
                Some((Kind::Sequence(values), _)) => {
                    values.iter().map(|node| value(node, &context)).collect::<Result<_, _>>()?
                }
                Some((_, node)) => {
                    let context = context.node("exception values", "", node);
                    return Err(invalid("the value of 'values' has to be a list", &context));
                }
                None if append => {
                    let message = "the exception is to be changed, but has no values";
                    self.reporter.warn(WarningCode::AppendNoValues, message, &context);
                    Vec::new()
                }
                None => Vec::new(),
            };
            if fields.is_none() && !append {
                return Err(invalid("the exception has no fields", &context));
            }
            exceptions.push(ExceptionInfo { name, fields, comps, values, context });
        }
        Ok(exceptions)
    }
}

/// A value of an exception: a word, or a list of them.
fn value(node: &Node, context: &Context) -> Result<Entry, Fault> {
    match &node.kind {
        Kind::Scalar(scalar) if !scalar.text.is_empty() => Ok(Entry::One(scalar.text.clone())),
        Kind::Sequence(nodes) => {
            Ok(Entry::Many(nodes.iter().map(|node| value(node, context)).collect::<Result<_, _>>()?))
        }
        Kind::Scalar(_) | Kind::Mapping(_) => {
            let context = context.node("exception value", "", node);
            Err(invalid("a value has to be a word or a list of words", &context))
        }
    }
}

fn both(context: &Context) -> Fault {
    invalid(
        "'append: true' and 'override' exclude each other; 'override: {KEY: append}' is the newer way",
        context,
    )
}
