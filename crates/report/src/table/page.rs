//! A page of text: lines, indented blocks and colours. The one place from which table text reaches the output,
//! so the one place that makes it safe.

use crate::{Options, text};
use anstyle::{AnsiColor, Style};
use gabion_model::Severity;
use std::io;

/// The colours of the table.
pub(super) mod style {
    use anstyle::{AnsiColor, Style};

    pub(in crate::table) const PLAIN: Style = Style::new();
    pub(in crate::table) const BOLD: Style = Style::new().bold();
    pub(in crate::table) const DIM: Style = Style::new().dimmed();
    pub(in crate::table) const GOOD: Style = AnsiColor::Green.on_default();
    pub(in crate::table) const WARNING: Style = AnsiColor::Yellow.on_default();
    pub(in crate::table) const BAD: Style = AnsiColor::Red.on_default().bold();
}

/// The colour of a severity.
pub(super) const fn of(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low => AnsiColor::Cyan.on_default(),
        Severity::Info | Severity::Unknown => style::DIM,
    }
}

/// Columns of the labels in the header: `manifest`, the longest, leaves room for a digest in 80 columns.
const LABEL: usize = 9;

/// Where lines are written to.
pub(super) struct Page<'a> {
    out: &'a mut dyn io::Write,
    color: bool,
    width: usize,
}

impl<'a> Page<'a> {
    pub(super) fn new(out: &'a mut dyn io::Write, options: &Options<'_>) -> Self {
        Self { out, color: options.color, width: options.width.max(40) }
    }

    /// Columns of the page.
    pub(super) const fn width(&self) -> usize {
        self.width
    }

    pub(super) fn blank(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// One line made of pieces, each with its style; nothing is wrapped.
    pub(super) fn line(&mut self, pieces: &[(Style, &str)]) -> io::Result<()> {
        for (style, piece) in pieces {
            self.piece(*style, piece)?;
        }
        self.out.write_all(b"\n")
    }

    /// A text that begins after `first` columns of lead (already styled pieces), and continues below at the
    /// same column.
    pub(super) fn block(&mut self, lead: &[(Style, &str)], style: Style, content: &str) -> io::Result<()> {
        let indent: usize = lead.iter().map(|(_, piece)| text::width(piece)).sum();
        let room = self.width.saturating_sub(indent).max(20);
        let lines = text::wrap(&text::safe(content), room);
        let blank = " ".repeat(indent);
        if lines.is_empty() {
            // The lead's own blanks would be left at the end of the line.
            let Some(((last_style, last), lead)) = lead.split_last() else {
                return self.blank();
            };
            lead.iter().try_for_each(|(style, piece)| self.piece(*style, piece))?;
            return self.line(&[(*last_style, last.trim_end())]);
        }
        for (i, line) in lines.iter().enumerate() {
            if i == 0 {
                lead.iter().try_for_each(|(style, piece)| self.piece(*style, piece))?;
            } else {
                self.piece(style::PLAIN, &blank)?;
            }
            self.piece(style, line)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// A labelled text of the header.
    pub(super) fn field(&mut self, label: &str, content: &str) -> io::Result<()> {
        self.styled_field(label, style::PLAIN, content)
    }

    pub(super) fn styled_field(&mut self, label: &str, style: Style, content: &str) -> io::Result<()> {
        self.block(&[(style::DIM, &pad(label, LABEL))], style, content)
    }

    /// The heading of a section, with what it sums up to.
    pub(super) fn heading(&mut self, title: &str, note: &str) -> io::Result<()> {
        self.blank()?;
        if note.is_empty() {
            return self.line(&[(style::BOLD, title)]);
        }
        self.line(&[(style::BOLD, title), (style::DIM, "  "), (style::DIM, note)])
    }

    /// A command, and what it shows.
    pub(super) fn hint(&mut self, command: &str, shows: &str) -> io::Result<()> {
        let lead = [(style::PLAIN, &*pad(command, 30))];
        self.block(&lead, style::DIM, shows)
    }

    fn piece(&mut self, style: Style, piece: &str) -> io::Result<()> {
        let safe = text::safe(piece);
        if self.color && style != style::PLAIN {
            write!(self.out, "{style}{safe}{style:#}")
        } else {
            self.out.write_all(safe.as_bytes())
        }
    }
}

/// The text, and blanks up to `columns`; at least one.
pub(super) fn pad(content: &str, columns: usize) -> String {
    let content = text::safe(content);
    let blanks = columns.saturating_sub(text::width(&content)).max(1);
    format!("{content}{}", " ".repeat(blanks))
}
