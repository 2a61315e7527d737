//! What is wrong with rule files, in Falco's own codes, and where.
//!
//! A place is a chain, from the file to the word: *in rules content, in rule 'X', in rule condition*.

use std::{fmt, sync::Arc};

/// No more problems than this are told of one load.
pub const MAX_DIAGNOSTICS: usize = 2_000;

macro_rules! codes {
    ($(#[$about:meta])* $name:ident { $($variant:ident $code:literal $summary:literal $description:literal)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $description] $variant),*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, as Falco prints it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What it stands for, in a few words.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),* }
            }

            /// When it is told.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),* }
            }
        }
    };
}

codes! {
    /// What makes a set of rules unusable.
    ErrorCode {
        FileRead "LOAD_ERR_FILE_READ" "file read error" "A file cannot be read."
        YamlParse "LOAD_ERR_YAML_PARSE" "YAML parse error" "A file is no YAML."
        YamlValidate "LOAD_ERR_YAML_VALIDATE" "YAML validation error" "A file is YAML, but no list of rules, macros and lists with the keys that they need."
        CompileCondition "LOAD_ERR_COMPILE_CONDITION" "condition error" "A condition is not in the language, or asks for what there is not."
        CompileOutput "LOAD_ERR_COMPILE_OUTPUT" "output error" "An output names what there is not."
        Validate "LOAD_ERR_VALIDATE" "validation error" "A rule, macro, list or exception does not fit the others: an undefined macro, an append to nothing, a version that is not this one."
        Extension "LOAD_ERR_EXTENSION" "extension error" "A plugin is required in a version that is not built in."
    }
}

codes! {
    /// What a set of rules can be used with.
    WarningCode {
        UnknownSource "LOAD_UNKNOWN_SOURCE" "unknown event source" "A rule is about events that do not occur here; it is left out."
        UnsafeNaCheck "LOAD_UNSAFE_NA_CHECK" "unsafe comparison with <NA>" "A field is compared with <NA>; `exists` is what is meant."
        NoEvttype "LOAD_NO_EVTTYPE" "no event type in the condition" "A rule has to be asked about most types of events, which costs."
        UnknownFilter "LOAD_UNKNOWN_FILTER" "unknown field or event type" "A rule with skip-if-unknown-filter asks for what there is not; it is left out."
        UnusedMacro "LOAD_UNUSED_MACRO" "unused macro" "Neither a rule nor a macro names this macro."
        UnusedList "LOAD_UNUSED_LIST" "unused list" "Neither a rule nor a macro nor a list names this list."
        UnknownItem "LOAD_UNKNOWN_ITEM" "unknown item" "An item of a file is nothing that is known; it is left out."
        DeprecatedItem "LOAD_DEPRECATED_ITEM" "deprecated" "Something still works, but will not for long."
        WarningExtension "LOAD_WARNING_EXTENSION" "extension warning" "A plugin is required that is not built in; its rules are left out."
        AppendNoValues "LOAD_APPEND_NO_VALUES" "nothing appended" "An exception is appended to without values."
        ExceptionNameNotUnique "LOAD_EXCEPTION_NAME_NOT_UNIQUE" "exception name not unique" "A rule has two exceptions of one name."
        InvalidMacroName "LOAD_INVALID_MACRO_NAME" "invalid macro name" "A macro cannot be named in a condition."
        InvalidListName "LOAD_INVALID_LIST_NAME" "invalid list name" "A list cannot be named in a condition."
        CompileCondition "LOAD_COMPILE_CONDITION" "condition warning" "A condition probably says something else than was meant."
        UnknownKey "LOAD_UNKNOWN_KEY" "unknown key" "A key of an item is not known, or is there twice; it is left out."
    }
}

/// The code of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the types say it")]
pub enum Code {
    Error(ErrorCode),
    Warning(WarningCode),
}

impl Code {
    /// Its name, as Falco prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error(code) => code.as_str(),
            Self::Warning(code) => code.as_str(),
        }
    }

    /// What it stands for, in a few words.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Error(code) => code.summary(),
            Self::Warning(code) => code.summary(),
        }
    }

    /// When it is told.
    pub fn description(self) -> &'static str {
        match self {
            Self::Error(code) => code.description(),
            Self::Warning(code) => code.description(),
        }
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub file: Arc<str>,
    /// The byte, from 0.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One link of the chain that leads to a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// What is there: `rule`, `macro condition`, … as Falco calls it.
    pub item: &'static str,
    /// Its name, if it has one.
    pub name: String,
    /// Where it stands.
    pub position: Position,
}

/// Something wrong with a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of problem.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub message: String,
    /// Where, from the file to the place; never empty.
    pub locations: Vec<Location>,
    /// The line of the place, and below it a mark; empty if the file cannot be shown.
    pub snippet: String,
}

impl Diagnostic {
    /// Whether the rules cannot be used.
    pub fn is_error(&self) -> bool {
        matches!(self.code, Code::Error(_))
    }

    /// The place itself: the end of the chain.
    pub fn position(&self) -> &Position {
        &self.locations[self.locations.len() - 1].position
    }
}

/// The line of a place, cut to a width that can be read, and a mark below it.
pub(super) fn snippet(text: &str, offset: usize) -> String {
    const BESIDE: usize = 80;
    let offset = (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &text[start..offset];
    let after = text[offset..].split(['\n', '\r']).next().unwrap_or("");
    let skipped = before.chars().count().saturating_sub(BESIDE);
    let left: String = before.chars().skip(skipped).collect();
    let right: String = after.chars().take(BESIDE).collect();
    let ellipsis = if skipped > 0 { "..." } else { "" };
    let more = if right.len() < after.len() { "..." } else { "" };
    let indent: String = left
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .chain(ellipsis.chars().map(|_| ' '))
        .collect();
    format!("{ellipsis}{left}{right}{more}\n{indent}^\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_is_a_line_with_a_mark() {
        assert_eq!(snippet("a: 1\nb: two\n", 8), "b: two\n   ^\n");
        assert_eq!(snippet("a: 1\n", 99), "\n^\n");
        assert_eq!(snippet("é", 1), "é\n^\n");
        let long = format!("{}X{}", "a".repeat(200), "b".repeat(200));
        let shown = snippet(&long, 200);
        assert!(shown.starts_with("...aaa") && shown.contains(&format!("X{}...\n", "b".repeat(79))));
        assert_eq!(shown.lines().nth(1).map(str::len), Some(84));
    }
}
