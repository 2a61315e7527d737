//! Conditions in words, for people who do not read the language.
//!
//! ```text
//!   all of these:
//!     the event is execve or execveat
//!     the name of the program is sh or bash
//!     not: the name of the parent's program is sshd
//! ```

use super::condition::{Check, Condition, FieldRef, Operand, Operator, Quantifier, Right, Transformer};

/// So many values of a list are written out.
const SHOWN: usize = 6;

/// What fields stand for.
const FIELDS: &[(&str, &str)] = &[
    ("evt.type", "the event"),
    ("evt.res", "the result of the call"),
    ("evt.rawres", "the number that the call returned"),
    ("evt.is_open_read", "opened for reading"),
    ("evt.is_open_write", "opened for writing"),
    ("evt.is_open_exec", "created executable"),
    ("evt.num", "the number of the event"),
    ("evt.buffer", "the data that was read or written"),
    ("proc.name", "the name of the program"),
    ("proc.pname", "the name of the parent's program"),
    ("proc.aname", "the name of an ancestor's program"),
    ("proc.exe", "the program as it was called"),
    ("proc.exepath", "the path of the program"),
    ("proc.pexepath", "the path of the parent's program"),
    ("proc.aexepath", "the path of an ancestor's program"),
    ("proc.cmdline", "the command line"),
    ("proc.pcmdline", "the parent's command line"),
    ("proc.acmdline", "an ancestor's command line"),
    ("proc.args", "the arguments"),
    ("proc.env", "the environment"),
    ("proc.cwd", "the working directory"),
    ("proc.tty", "the terminal"),
    ("proc.duration", "how long the process has run, in nanoseconds"),
    ("proc.is_exe_upper_layer", "the program is not from the image but written since"),
    ("proc.is_exe_from_memfd", "the program is in memory only"),
    ("proc.is_exe_writable", "the program can be written by who runs it"),
    ("fd.name", "the file or the connection"),
    ("fd.directory", "the directory of the file"),
    ("fd.filename", "the name of the file"),
    ("fd.num", "the number of the descriptor"),
    ("fd.type", "the kind of the descriptor"),
    ("fd.typechar", "the kind of the descriptor, as a letter"),
    ("fd.ip", "an address of the connection"),
    ("fd.sip", "the address of the server"),
    ("fd.cip", "the address of the client"),
    ("fd.sip.name", "the name of the server"),
    ("fd.net", "a network of the connection"),
    ("fd.snet", "the network of the server"),
    ("fd.cnet", "the network of the client"),
    ("fd.port", "a port of the connection"),
    ("fd.sport", "the port of the server"),
    ("fd.cport", "the port of the client"),
    ("fd.rip", "the address of the other end"),
    ("fd.rport", "the port of the other end"),
    ("fd.l4proto", "the protocol of the connection"),
    ("user.name", "the user"),
    ("user.uid", "the number of the user"),
    ("gabion.exe_in_image", "the program is of the image, with the content it has there"),
    ("gabion.previous_uid", "the number of the user before"),
    ("user.loginname", "the user who logged in"),
    ("user.loginuid", "the number of the user who logged in"),
    ("thread.cap_effective", "the capabilities"),
    ("container.id", "the container"),
    ("container.name", "the name of the container"),
    ("container.image.repository", "the image"),
    ("container.privileged", "the container is privileged"),
    ("k8s.ns.name", "the namespace of the pod"),
    ("k8s.pod.name", "the pod"),
];

/// What a condition looks for: one line for each thing, indented by two blanks for each step inwards.
pub fn describe(condition: &Condition) -> Vec<String> {
    let mut lines = Vec::new();
    block(condition, "", 0, &mut lines);
    lines
}

fn block(condition: &Condition, lead: &str, depth: usize, lines: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    let heading = |what: &str, children: &[Condition], lines: &mut Vec<String>| {
        lines.push(format!("{indent}{lead}{what}:"));
        for child in children {
            block(child, "", depth + 1, lines);
        }
    };
    match condition {
        Condition::And(children) => heading("all of these", children, lines),
        Condition::Or(children) => heading("one of these", children, lines),
        Condition::Not(child) => block(child, "not: ", depth, lines),
        Condition::Check(check) => lines.push(format!("{indent}{lead}{}", sentence(check))),
    }
}

fn sentence(check: &Check) -> String {
    let left = operand(&check.left);
    if let (Operand::Field(field), Operator::Equal, Right::Value(value)) =
        (&check.left, check.operator, &check.right)
        && (field.name.contains(".is_") || field.name == "container.privileged")
        && let Some((_, fact)) = FIELDS.iter().find(|(name, _)| *name == field.name)
    {
        return if value == "true" { (*fact).to_owned() } else { format!("not so: {fact}") };
    }
    let verb = match check.operator {
        Operator::Exists => return format!("{left} is known"),
        Operator::Equal | Operator::In => "is",
        Operator::NotEqual => "is not",
        Operator::Less => "is less than",
        Operator::LessEqual => "is at most",
        Operator::Greater => "is greater than",
        Operator::GreaterEqual => "is at least",
        Operator::Contains => "contains",
        Operator::IContains => "contains, in upper or lower case,",
        Operator::BContains => "contains the bytes",
        Operator::StartsWith => "begins with",
        Operator::BStartsWith => "begins with the bytes",
        Operator::EndsWith => "ends with",
        Operator::Glob => "fits the pattern",
        Operator::IGlob => "fits, in upper or lower case, the pattern",
        Operator::Regex => "matches the regular expression",
        Operator::Intersects => "has among its values",
        Operator::Pmatch => "is at or below",
    };
    let (before, last) = match check.quantifier {
        Some(Quantifier::All) => ("all of ", " and "),
        Some(Quantifier::One) => ("exactly one of ", " and "),
        Some(Quantifier::Any) | None => ("", " or "),
    };
    let right = match &check.right {
        Right::None => String::new(),
        Right::Value(value) => word(value),
        Right::List(values) => format!("{before}{}", list(values, last)),
        Right::Field(other) => operand(other),
    };
    format!("{left} {verb} {right}")
}

fn word(value: &str) -> String {
    if value.is_empty() { "empty".to_owned() } else { value.to_owned() }
}

fn list(values: &[String], last: &str) -> String {
    let shown: Vec<String> = values.iter().take(SHOWN).map(|value| word(value)).collect();
    match (shown.as_slice(), values.len().saturating_sub(SHOWN)) {
        ([], _) => "one of none".to_owned(),
        ([only], 0) => only.clone(),
        ([most @ .., end], 0) => format!("{}{last}{end}", most.join(", ")),
        (shown, more) => format!("{}{last}{more} more", shown.join(", ")),
    }
}

fn operand(of: &Operand) -> String {
    match of {
        Operand::Field(field) => name(field),
        Operand::Literal(text) => format!("{text:?}"),
        Operand::List(operands) => operands.iter().map(operand).collect::<Vec<_>>().join(", "),
        Operand::Transformed { transformer, arguments } => {
            let inner = arguments.iter().map(operand).collect::<Vec<_>>().join(", ");
            let what = match transformer {
                Transformer::ToLower => "in lower case",
                Transformer::ToUpper => "in upper case",
                Transformer::Base64 => "decoded from base64",
                Transformer::Basename => "without directories",
                Transformer::Len => return format!("the length of {inner}"),
                Transformer::Join | Transformer::Concat => return format!("{inner} put together"),
                Transformer::GetOpt(Some(letter)) => {
                    return format!("the value of option -{letter} in {inner}");
                }
                Transformer::GetOpt(None) => return format!("the options in {inner}"),
            };
            format!("{inner} ({what})")
        }
    }
}

fn name(field: &FieldRef) -> String {
    if let Some(argument) = field.name.strip_prefix("evt.arg.") {
        return format!("the argument {argument}");
    }
    let Some((_, words)) = FIELDS.iter().find(|(name, _)| *name == field.name) else {
        return field.to_string();
    };
    match &field.argument {
        Some(generation) if words.contains("ancestor") => format!("{words} ({generation} above)"),
        Some(argument) => format!("{words} [{argument}]"),
        None => (*words).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::condition::parse_resolved;

    #[test]
    fn conditions_are_told_in_words() {
        let text = "evt.type in (execve, execveat) and not (proc.pname = sshd or proc.aname[2] startswith anyof (a, b)) \
                    and proc.is_exe_upper_layer = true and tolower(proc.cmdline) contains allof (x, y) \
                    and proc.name in (1, 2, 3, 4, 5, 6, 7, 8) and fd.sip exists and evt.arg.flags contains X and proc.tty != 0";
        let lines = describe(&parse_resolved(text).expect("parses"));
        assert_eq!(
            lines,
            [
                "all of these:",
                "  the event is execve or execveat",
                "  not: one of these:",
                "    the name of the parent's program is sshd",
                "    the name of an ancestor's program (2 above) begins with a or b",
                "  the program is not from the image but written since",
                "  the command line (in lower case) contains all of x and y",
                "  the name of the program is 1, 2, 3, 4, 5, 6 or 2 more",
                "  the address of the server is known",
                "  the argument flags contains X",
                "  the terminal is not 0",
            ]
        );
    }
}
