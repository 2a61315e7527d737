//! The plan for a person at a terminal: what to do first, then what to build anew, what stays, what was not seen.

use crate::{BaseClaim, BaseStanding, Change, Effect, Outcome, Plan, Simulation, Stay, words};
use anstyle::{AnsiColor, Style};
use gabion_report::text::{count, safe, thousands, truncate, wrap};
use std::{collections::BTreeMap, fmt::Write as _};

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// Changes that are shown with their lines, and those that are shown at all.
const DETAILED: usize = 10;
const CHANGES: usize = 30;
/// Packages of a history line, other rows of it, and reasons that are shown.
const UPDATES: usize = 6;
const STAYS: usize = 12;
/// What is said of bases that is shown.
const BASES: usize = 20;
/// Vulnerabilities of a simulation that are shown, for each of what becomes of them.
const EFFECTS: usize = 30;

/// Renders a plan; less than 60 columns are treated as 60.
pub fn table(plan: &Plan, width: usize, color: bool) -> String {
    let mut page = Page { out: String::new(), width: width.max(60), color };
    let style = if plan.is_clean() { GOOD } else { BOLD };
    page.text(0, style, &words::headline(plan));
    for note in words::notes(plan) {
        page.text(0, DIM, &note);
    }
    for change in plan.changes.iter().take(CHANGES) {
        write_change(&mut page, plan, change);
    }
    if let Some(rest @ [_, ..]) = plan.changes.get(CHANGES..) {
        let places: usize = rest.iter().map(|change| change.clears.places).sum();
        let (changes, findings) = (count(rest.len() as u64, "change"), words::places(plan, places));
        page.text(0, DIM, &format!("and {changes} more for {findings}; --format json has all"));
    }
    if !plan.waves.is_empty() {
        page.heading("Build anew, in this order");
        for (number, wave) in (1..).zip(&plan.waves) {
            let names = wave.iter().map(|&node| &*plan.nodes[node].name);
            page.item(&format!("{number:>3}. "), PLAIN, &words::some(names, 8));
        }
    }
    write_stays(&mut page, plan);
    write_bases(&mut page, plan);
    if !plan.gaps.is_empty() {
        page.heading("Not looked at");
        for gap in &plan.gaps {
            let images = count(gap.images.len() as u64, "image");
            let text = format!("{}: {} in {images}: {}", gap.aspect, gap.status, gap.reason);
            page.item("  ", WARNING, &text);
        }
    }
    page.out
}

/// Renders a simulation: what would be, beside what is.
pub fn simulation_table(simulation: &Simulation, width: usize, color: bool) -> String {
    let mut page = Page { out: String::new(), width: width.max(60), color };
    let Simulation { package, version, images, cleared, stays, brought, undecided, unseen, .. } = simulation;
    let findings = |n: usize| count(n as u64, "finding");
    let mut parts = vec![format!("{} would go away", findings(*cleared))];
    parts.extend((*stays > 0).then(|| format!("{} would stay", thousands(*stays as u64))));
    parts.extend(brought.filter(|n| *n > 0).map(|n| format!("{} would come", thousands(n as u64))));
    let images = count(*images as u64, "image");
    page.text(0, BOLD, &format!("With {package} {version} in {images}: {}", parts.join(", ")));
    let row = |what: &str, plan: &Plan| {
        let totals = &plan.totals;
        format!(
            "{what}  {}, {} to clear {} of them",
            findings(totals.findings),
            count(plan.changes.len() as u64, "change"),
            thousands(totals.cleared as u64)
        )
    };
    page.text(2, PLAIN, &row("before", &simulation.before));
    page.text(2, PLAIN, &row("after ", &simulation.after));
    if *undecided > 0 {
        let verb = if *undecided == 1 { "stays" } else { "stay" };
        let text = format!(
            "{} {verb} in the count: versions cannot be compared with {version}.",
            findings(*undecided)
        );
        page.text(0, WARNING, &text);
    }
    match (simulation.images, *unseen) {
        (_, 0) => {}
        (all, unseen) if all == unseen => {
            page.text(0, WARNING, "Nobody looked for what the new version brings of its own.");
        }
        (_, unseen) => {
            let images = count(unseen as u64, "image");
            let text = format!("In {images} nobody looked for what the new version brings of its own.");
            page.text(0, WARNING, &text);
        }
    }
    for (outcome, title, style) in [
        (Outcome::Cleared, "Goes away", GOOD),
        (Outcome::New, "Comes with it", WARNING),
        (Outcome::Stays, "Stays", PLAIN),
        (Outcome::Undecided, "Cannot be said", WARNING),
    ] {
        write_effects(&mut page, simulation, outcome, title, style);
    }
    page.out
}

fn write_effects(page: &mut Page, simulation: &Simulation, outcome: Outcome, title: &str, style: Style) {
    let effects: Vec<&Effect> = simulation.effects.iter().filter(|e| e.outcome == outcome).collect();
    if effects.is_empty() {
        return;
    }
    page.heading(title);
    for Effect { rule, severity, packages, fixed_version, findings, .. } in effects.iter().take(EFFECTS) {
        let packages = words::some(packages.iter().map(String::as_str), 4);
        let times = if simulation.images == 1 { String::new() } else { format!(", in {findings} of them") };
        let fixed = match fixed_version {
            Some(fixed) if outcome != Outcome::Cleared => format!(", fixed in {fixed}"),
            None if outcome != Outcome::Cleared => ", not fixed".to_owned(),
            _ => String::new(),
        };
        page.row(2, style, &format!("{severity:<8}  {rule:<20}  {packages}{times}{fixed}"));
    }
    if effects.len() > EFFECTS {
        let more = thousands((effects.len() - EFFECTS) as u64);
        page.text(2, DIM, &format!("and {more} more; --format json has all"));
    }
}

fn write_change(page: &mut Page, plan: &Plan, change: &Change) {
    let node = &plan.nodes[change.node];
    if change.number <= DETAILED + 1 {
        page.blank();
    }
    let lead = format!("{:>2}. {} ", change.number, words::verb(plan, change));
    let room = page.width.saturating_sub(lead.len());
    page.line(&[(DIM, &lead), (BOLD, &truncate(&safe(&node.name), room))]);
    page.text(
        4,
        PLAIN,
        &format!(
            "clears {} ({}) in {}; owner: {}",
            words::places(plan, change.clears.places),
            words::severities(&change.clears),
            count(change.images.len() as u64, "image"),
            words::owners(node)
        ),
    );
    for line in change.lines.iter().filter(|_| change.number <= DETAILED) {
        let of = &plan.nodes[line.node];
        let from = if line.node == change.node { String::new() } else { format!("of {}: ", of.name) };
        let place = words::place(of, line.layer).unwrap_or_default();
        page.row(4, DIM, &format!("{from}{place}"));
        for update in line.updates.iter().take(UPDATES) {
            let what = format!(
                "{} {} → {}  {}",
                update.package,
                update.from,
                words::target(&update.to),
                count(update.vulnerabilities.len() as u64, "vulnerability"),
            );
            page.row(6, PLAIN, &what);
        }
        for other in line.others.iter().take(UPDATES) {
            page.row(
                6,
                PLAIN,
                &format!("{} {}, {}: {}", other.severity, other.title, other.place, other.fix),
            );
        }
        let more = line.updates.len().saturating_sub(UPDATES) + line.others.len().saturating_sub(UPDATES);
        if more > 0 {
            page.row(6, DIM, &format!("and {} more", thousands(more as u64)));
        }
    }
}

fn write_stays(page: &mut Page, plan: &Plan) {
    if plan.stays.is_empty() {
        return;
    }
    page.heading("What stays");
    for stay in plan.stays.iter().take(STAYS) {
        let Stay { reason, node, layer, tally, rules, packages, images } = stay;
        let node = &plan.nodes[*node];
        page.text(
            2,
            PLAIN,
            &format!(
                "{} ({}) in {}: {}",
                words::places(plan, tally.places),
                words::severities(tally),
                count(images.len() as u64, "image"),
                reason.as_str()
            ),
        );
        let place = words::place(node, *layer).map_or_else(String::new, |place| format!(", {place}"));
        page.row(4, DIM, &format!("{}{place}", node.name));
        let names = if packages.is_empty() { rules } else { packages };
        page.row(4, DIM, &words::some(names.iter().map(String::as_str), 6));
    }
    if plan.stays.len() > STAYS {
        page.text(2, DIM, &format!("and {} more groups; --format json has all", plan.stays.len() - STAYS));
    }
}

/// What is said about bases and the layers confirm or do not; what nobody scanned, and what something was built with, says
/// nothing.
fn write_bases(page: &mut Page, plan: &Plan) {
    let mut said: BTreeMap<(BaseStanding, String, &str), Vec<&str>> = BTreeMap::new();
    for image in &plan.images {
        for BaseClaim { hint, standing, .. } in &image.bases {
            let name = hint.name.clone().or_else(|| hint.digest.map(|digest| digest.to_string()));
            if !matches!(standing, BaseStanding::Unseen | BaseStanding::Builder) {
                let key = (*standing, name.unwrap_or_default(), hint.source.as_str());
                said.entry(key).or_default().push(&image.name);
            }
        }
    }
    if said.is_empty() {
        return;
    }
    page.heading("Bases");
    for ((standing, name, source), images) in said.iter().take(BASES) {
        let (style, verdict) = match standing {
            BaseStanding::Stale => (WARNING, "was rebuilt since: build on the new one"),
            BaseStanding::Contradicted => (WARNING, "is not what is there: other layers come first"),
            _ => (PLAIN, "is confirmed: its layers come first"),
        };
        let images = words::some(images.iter().copied(), 4);
        page.text(2, style, &format!("{name}, the base of {images} by {source}, {verdict}"));
    }
    if said.len() > BASES {
        let more = thousands((said.len() - BASES) as u64);
        page.text(2, DIM, &format!("and {more} more; --format json has all"));
    }
}

/// Lines of text; the one place where strings of images become safe.
struct Page {
    out: String,
    width: usize,
    color: bool,
}

impl Page {
    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn heading(&mut self, title: &str) {
        self.blank();
        self.line(&[(BOLD, title)]);
    }

    /// A wrapped text.
    fn text(&mut self, indent: usize, style: Style, text: &str) {
        self.item(&" ".repeat(indent), style, text);
    }

    /// A wrapped text that begins after a lead, and continues below at the same column.
    fn item(&mut self, lead: &str, style: Style, text: &str) {
        let blank = " ".repeat(lead.len());
        for (number, line) in wrap(&safe(text), self.width - lead.len()).iter().enumerate() {
            self.line(&[(PLAIN, if number == 0 { lead } else { &blank }), (style, line)]);
        }
    }

    /// One line, cut where it is too long; nothing for an empty one.
    fn row(&mut self, indent: usize, style: Style, text: &str) {
        let text = safe(text);
        if !text.is_empty() {
            self.line(&[(PLAIN, &" ".repeat(indent)), (style, &truncate(&text, self.width - indent))]);
        }
    }

    fn line(&mut self, pieces: &[(Style, &str)]) {
        for (style, piece) in pieces {
            let piece = safe(piece);
            // Writing to a String cannot fail.
            let style = if self.color { *style } else { PLAIN };
            let _ = write!(self.out, "{style}{piece}{style:#}");
        }
        self.out.push('\n');
    }
}
