//! The difference for a person at a terminal.

use super::Diff;
use gabion_model::path::display;
use std::fmt::Write;

impl Diff {
    /// The table for people. Everything that comes from an image was made printable when it was read, but
    /// configuration values, which are escaped here.
    pub(super) fn table(&self, color: bool) -> String {
        let paint = |sign: char, text: String| match (color, sign) {
            (true, '+') => format!("\x1b[32m{text}\x1b[0m"),
            (true, '-') => format!("\x1b[31m{text}\x1b[0m"),
            (true, '~') => format!("\x1b[33m{text}\x1b[0m"),
            _ => text,
        };
        // What is new of these is bad news.
        let news = |sign: char, text: String| match sign {
            '+' => paint('-', text),
            '-' => paint('+', text),
            sign => paint(sign, text),
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let mut line = |text: String| {
            let _ = writeln!(out, "{text}");
        };
        line(paint('-', format!("- {}", shown(&self.old))));
        line(paint('+', format!("+ {}", shown(&self.new))));
        if self.is_empty() {
            line(
                "\nNo difference in vulnerabilities, packages, configuration, findings and programs.".into(),
            );
        }
        if let Some(title) = self.vulnerabilities.title() {
            line(format!("\n{title}"));
        }
        for (sign, list) in [('+', &self.vulnerabilities.new), ('-', &self.vulnerabilities.gone)] {
            for one in list {
                line(news(sign, format!("  {sign} {}", shown(&one.line()))));
            }
        }
        if !self.packages.is_empty() {
            line(format!("\nPackages ({})", self.packages.len()));
        }
        for p in &self.packages {
            let (sign, versions) = match (&p.old[..], &p.new[..]) {
                ([], new) => ('+', new.join(", ")),
                (old, []) => ('-', old.join(", ")),
                (old, new) => ('~', format!("{} → {}", old.join(", "), new.join(", "))),
            };
            line(paint(sign, format!("  {sign} {:<9} {} {}", p.kind, shown(&p.name), shown(&versions))));
        }
        if !self.configuration.is_empty() {
            line(format!("\nConfiguration ({})", self.configuration.len()));
        }
        for c in &self.configuration {
            line(paint('~', format!("  ~ {}: {} → {}", shown(&c.field), or_none(&c.old), or_none(&c.new))));
        }
        if !self.findings.is_empty() {
            line(format!("\nFindings ({})", self.findings.len()));
        }
        for f in &self.findings {
            let sign = f.change.sign();
            line(news(
                sign,
                format!("  {sign} {:<8} {} {} ({})", f.severity, f.rule, f.title, shown(&f.place)),
            ));
        }
        if !self.files.is_empty() {
            line(format!("\nPrograms and privileged files ({})", self.files.len()));
        }
        for f in &self.files {
            let sign = f.change.sign();
            line(paint(sign, format!("  {sign} {} ({})", f.path, f.what.join(", "))));
        }
        let (old, new) = self.size;
        line(format!("\nSize {} → {}", indicatif::HumanBytes(old), indicatif::HumanBytes(new)));
        if !self.not_comparable.is_empty() {
            line(format!("Not fully comparable: {}", self.not_comparable.join(", ")));
        }
        for gate in &self.gates {
            let (verdict, sign) = if gate.passed { ("passed", '+') } else { ("failed", '-') };
            let detail = if gate.detail.is_empty() { String::new() } else { format!(": {}", gate.detail) };
            line(paint(sign, format!("Gate new {}: {verdict}{}", gate.gate, shown(&detail))));
        }
        out
    }
}

fn shown(text: &str) -> std::borrow::Cow<'_, str> {
    display(text.as_bytes())
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "(none)".to_owned() } else { shown(text).into_owned() }
}
