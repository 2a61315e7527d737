//! The forest as a picture: bases on the left, what is built on them to the right, the changes marked and numbered.
//!
//! Plain SVG 1.1 without scripts, fonts or links. Colours follow the reader's light or dark scheme where the viewer
//! knows one, on a background of their own, so that it can be read anywhere.

mod layout;

use crate::{Action, NamedBy, Node, Plan, Tally, words};
use gabion_report::text::{count, safe, thousands, width};
use layout::{BOX, Item, Layout, What};
use std::{collections::BTreeSet, fmt::Write as _};
use unicode_width::UnicodeWidthChar;

const STYLE: &str = "\
.bg{fill:#fff}text{font:12px system-ui,'Segoe UI',Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#1f2328}\
.h{font-size:17px;font-weight:600}.d{fill:#59636e}.b{font-weight:600}.s{font-size:11px}.w{fill:#9a6700}\
.box{fill:#f6f8fa;stroke:#d1d9e0}.fix{fill:#ddf4ff;stroke:#0969da;stroke-width:2}.ext{stroke:#818b98;stroke-dasharray:4 3}\
.more{fill:none;stroke:#d1d9e0;stroke-dasharray:1 3}.e{fill:none;stroke:#d1d9e0;stroke-width:1.5}\
.r{stroke:#0969da}.n{fill:#0969da}.nt{fill:#fff;font-size:11px;font-weight:600}\
.ok{fill:#1a7f37}.bad{fill:#d4a72c}.okt{fill:#1a7f37;font-weight:600}\
@media (prefers-color-scheme:dark){.bg{fill:#0d1117}text{fill:#f0f6fc}.d{fill:#9198a1}.w{fill:#d29922}\
.box{fill:#151b23;stroke:#3d444d}.ext{stroke:#656c76}.fix{fill:#0c2240;stroke:#4493f8}.more,.e{stroke:#3d444d}.r{stroke:#4493f8}\
.n{fill:#1f6feb}.nt{fill:#fff}.ok{fill:#3fb950}.bad{fill:#9e6a03}.okt{fill:#3fb950}}";

const MARGIN: usize = 24;
const HEAD: usize = 76;
const FOOT: usize = 64;
/// The widest bar of findings.
const BAR: usize = 120;

/// Draws the forest.
pub fn svg(plan: &Plan) -> String {
    let layout = Layout::of(plan);
    let page = Page {
        plan,
        most: plan.nodes.iter().map(|node| node.brought.places).max().unwrap_or(0).max(1),
        blind: plan.gaps.iter().flat_map(|gap| gap.images.iter().copied()).collect(),
    };
    let (w, h) = ((layout.width + 2 * MARGIN).max(980), layout.height + HEAD + FOOT);
    let title = words::headline(plan);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"{w}\" height=\"{h}\"/>\n\
         <text class=\"h\" x=\"{MARGIN}\" y=\"34\">{0}</text>\n",
        escape(&title)
    );
    page.subtitle(&mut out);
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {HEAD})\">");
    for item in &layout.items {
        if let Some(parent) = item.parent {
            page.edge(&mut out, &layout.items[parent], item);
        }
    }
    for item in &layout.items {
        match item.what {
            What::Node(node) => page.node(&mut out, item, node),
            What::More { nodes, changes } => more(&mut out, item, nodes, changes),
        }
    }
    out.push_str("</g>\n");
    legend(&mut out, h - FOOT + 26);
    out.push_str("</svg>\n");
    out
}

struct Page<'a> {
    plan: &'a Plan,
    /// The most findings that one node brought.
    most: usize,
    /// Images that were not looked at as a whole.
    blind: BTreeSet<usize>,
}

impl Page<'_> {
    /// What the plan cannot say, or how to read on.
    fn subtitle(&self, out: &mut String) {
        let plan = self.plan;
        let stays = plan.totals.findings - plan.totals.cleared;
        let (class, text) = match (plan.gaps.len(), stays) {
            (0, 0) => ("d", String::from("Every scan covered everything.")),
            (0, n) => ("d", format!("{} stay; every scan covered everything.", count(n as u64, "finding"))),
            (_, n) => {
                let images = count(self.blind.len() as u64, "image");
                let findings = count(n as u64, "finding");
                ("w", format!("{findings} stay, and not everything was looked at: gaps in {images}."))
            }
        };
        let _ = writeln!(out, "<text class=\"{class}\" x=\"{MARGIN}\" y=\"56\">{}</text>", escape(&text));
    }

    fn edge(&self, out: &mut String, from: &Item, to: &Item) {
        let anew = match to.what {
            What::Node(node) => self.plan.waves.iter().any(|wave| wave.contains(&node)),
            What::More { changes, .. } => changes > 0,
        };
        let class = if anew { "e r" } else { "e" };
        let (x1, y1, x2, y2) = (from.x + BOX, from.y + from.height / 2, to.x, to.y + to.height / 2);
        let bend = x1.midpoint(x2);
        let _ = writeln!(out, "<path class=\"{class}\" d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {x2} {y2}\"/>");
    }

    fn node(&self, out: &mut String, item: &Item, at: usize) {
        let node = &self.plan.nodes[at];
        let changes: Vec<(usize, Action)> =
            self.plan.changes.iter().filter(|c| c.node == at).map(|c| (c.number, c.action)).collect();
        let Item { x, y, height, .. } = *item;
        let state = if changes.is_empty() { "box" } else { "fix" };
        let external = if node.external { " ext" } else { "" };
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect class=\"{state}{external}\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" rx=\"5\"/>",
            escape(&tooltip(node))
        );
        let single = height < layout::INNER;
        let right = self.right(node);
        // The second badge is inside the box.
        let left = 18 + 20 * changes.len().saturating_sub(1);
        let room = BOX - left - 16 - right.as_ref().map_or(0, |(_, text)| width(text) * 7 + 10);
        let base = if single { y + 17 } else { y + 19 };
        let weight = if changes.is_empty() { "" } else { " class=\"b\"" };
        // Semi-bold letters are wider.
        let letter = if changes.is_empty() { 70 } else { 76 };
        let name = escape(&fit(&label(node), room * 10 / letter)).into_owned();
        let _ = writeln!(out, "<text{weight} x=\"{}\" y=\"{base}\">{name}</text>", x + left);
        if let Some((class, text)) = right {
            let end = x + BOX - 10;
            let _ = writeln!(
                out,
                "<text class=\"{class}\" x=\"{end}\" y=\"{base}\" text-anchor=\"end\">{text}</text>"
            );
        }
        if !single {
            self.brought(out, x + left, y, node);
        }
        for (nth, (number, action)) in changes.iter().enumerate() {
            badge(out, x + nth * 20, y + height / 2, *number, *action);
        }
        out.push_str("</g>\n");
    }

    /// Findings of the images that end here, before and after.
    fn right(&self, node: &Node) -> Option<(&'static str, String)> {
        let images = node.images.iter().map(|&image| &self.plan.images[image]);
        let (findings, cleared) =
            images.fold((0, 0), |(f, c), image| (f + image.findings, c + image.cleared));
        let text = match (node.images.is_empty(), findings, cleared) {
            (true, ..) => return None,
            (_, 0, _) => "0".to_owned(),
            (_, _, 0) => thousands(findings as u64),
            _ => format!("{} → {}", thousands(findings as u64), thousands((findings - cleared) as u64)),
        };
        if node.images.iter().any(|image| self.blind.contains(image)) {
            return Some(("w s", format!("{text} ?")));
        }
        Some((if findings > 0 && findings == cleared { "okt s" } else { "d s" }, text))
    }

    /// What the node brought, as a bar and in words.
    fn brought(&self, out: &mut String, x: usize, y: usize, node: &Node) {
        let y = y + 29;
        let length = |tally: &Tally| (tally.places * BAR).div_ceil(self.most);
        let (all, cleared) = (length(&node.brought), length(&node.cleared).min(length(&node.brought)));
        let _ = writeln!(
            out,
            "<rect class=\"bad\" x=\"{x}\" y=\"{y}\" width=\"{all}\" height=\"7\" rx=\"2\"/>\
             <rect class=\"ok\" x=\"{x}\" y=\"{y}\" width=\"{cleared}\" height=\"7\" rx=\"2\"/>"
        );
        let text = match node.brought.places {
            0 => "brings none".to_owned(),
            n => format!("brings {}", count(n as u64, "finding")),
        };
        let _ = writeln!(
            out,
            "<text class=\"d s\" x=\"{}\" y=\"{}\">{text}</text>",
            x + all + 8 * usize::from(all > 0),
            y + 8
        );
    }
}

fn more(out: &mut String, item: &Item, nodes: usize, changes: usize) {
    let Item { x, y, height, .. } = *item;
    let with = if changes > 0 { ", each with a change" } else { "" };
    let text = format!("and {} more{with}", thousands(nodes as u64));
    let _ = writeln!(
        out,
        "<rect class=\"more\" x=\"{x}\" y=\"{y}\" width=\"{BOX}\" height=\"{height}\" rx=\"5\"/>\
         <text class=\"d\" x=\"{}\" y=\"{}\">{text}</text>",
        x + 18,
        y + 17
    );
}

/// A circle for a fix, a square for a patch.
fn badge(out: &mut String, x: usize, y: usize, number: usize, action: Action) {
    let half = if number > 99 { 13 } else { 10 };
    let round = if action == Action::Fix { 10 } else { 3 };
    let _ = writeln!(
        out,
        "<g transform=\"translate({x} {y})\"><rect class=\"n\" x=\"-{half}\" y=\"-10\" width=\"{}\" height=\"20\" rx=\"{round}\"/>\
         <text class=\"nt\" y=\"4\" text-anchor=\"middle\">{number}</text></g>",
        2 * half
    );
}

fn legend(out: &mut String, y: usize) {
    let _ = writeln!(out, "<g transform=\"translate({MARGIN} {y})\">");
    badge(out, 10, 0, 1, Action::Fix);
    let text = |out: &mut String, x: usize, y: usize, text: &str| {
        let _ = writeln!(out, "<text class=\"d\" x=\"{x}\" y=\"{y}\">{text}</text>");
    };
    text(out, 26, 4, "change its own lines, in this order");
    badge(out, 260, 0, 2, Action::Patch);
    text(out, 276, 4, "upgrade what it inherits");
    out.push_str("<rect class=\"box ext\" x=\"450\" y=\"-9\" width=\"26\" height=\"18\" rx=\"5\"/>\n");
    text(out, 484, 4, "not ours to change");
    out.push_str("<rect class=\"bad\" x=\"0\" y=\"20\" width=\"40\" height=\"7\" rx=\"2\"/><rect class=\"ok\" x=\"0\" y=\"20\" width=\"26\" height=\"7\" rx=\"2\"/>\n");
    text(out, 50, 28, "findings its layers bring, all images: cleared, and staying");
    text(out, 450, 28, "9 → 2: findings of the image, before and after; ?: not everything was looked at");
    out.push_str("</g>\n");
}

fn label(node: &Node) -> String {
    match node.named_by {
        NamedBy::Nobody => format!("unnamed base of {}", count(node.images_below as u64, "image")),
        NamedBy::Image if node.images.len() > 1 => format!("{} +{}", node.name, node.images.len() - 1),
        NamedBy::Image | NamedBy::Hint => node.name.clone(),
    }
}

fn tooltip(node: &Node) -> String {
    let mut text = format!(
        "{}; owner: {}; {}",
        node.name,
        words::owners(node),
        count(node.layers.len() as u64, "layer")
    );
    if let Some(history) = words::history(node, node.layers.len().checked_sub(1)) {
        text.push_str("; last: ");
        text.extend(history.chars().take(200));
    }
    text
}

/// The end of a name is what tells it from others: `…/payments/api:1.4`.
fn fit(name: &str, columns: usize) -> String {
    let name = safe(name);
    if width(&name) <= columns {
        return name.into_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |c: &char| {
        let columns = c.width().unwrap_or(0);
        let fits = columns <= room;
        room = room.saturating_sub(columns);
        fits
    };
    let cut = name.len() - name.chars().rev().take_while(fits).map(char::len_utf8).sum::<usize>();
    let tail = &name[cut..];
    let whole = tail.find('/').map_or(tail, |at| &tail[at..]);
    format!("…{whole}")
}

/// Safe text as XML character data.
fn escape(text: &str) -> std::borrow::Cow<'_, str> {
    let text = safe(text);
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out.into()
}
