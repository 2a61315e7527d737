//! The page itself. Whatever comes from outside goes through [`Writer::text`], which is the only way to write what is not of this file.

use super::{
    STYLE,
    chart::{COLOURS, bars, total},
    policy,
};
use gabion_api::rest::{
    Exception, ExceptionKind, Finding, Happened, Incident, IncidentState, Millis, Severity, Weekly,
};
use jiff::Timestamp;
use std::fmt::{Display, Write};

/// Writes HTML.
#[derive(Debug, Default)]
pub(crate) struct Writer(String);

impl Writer {
    /// Markup of our own.
    fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// What anybody may have said, as text.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        for c in text.to_string().chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What turns the direction of writing makes one thing look like another.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c if c.is_control() && c != '\n' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// The name of a place, which a line may end in only behind a part: `org.apache.` / `logging.` / `log4j:` / `log4j-core`.
    fn place(&mut self, text: &str) -> &mut Self {
        let mut from = 0;
        for (at, c) in text.char_indices() {
            let next = text[at + c.len_utf8()..].chars().next();
            let is_end = matches!(c, '/' | ':') || (c == '.' && next.is_some_and(char::is_alphabetic));
            if is_end && next.is_some() {
                self.text(&text[from..=at]).raw("<wbr>");
                from = at + 1;
            }
        }
        self.text(&text[from..])
    }

    /// A link to a page of the console.
    fn link(&mut self, base: &str, path: &[&str], text: impl Display) -> &mut Self {
        self.raw("<a href=\"").text(base);
        for part in path {
            self.raw("/").raw(&segment(part));
        }
        self.raw("\">").text(text).raw("</a>")
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// A segment of a path: nothing in it means anything.
fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

fn day(time: Millis) -> String {
    match Timestamp::from_millisecond(time) {
        Ok(time) => time.strftime("%Y-%m-%d").to_string(),
        Err(_) => "an unknown day".to_owned(),
    }
}

fn short_day(time: Millis) -> String {
    day(time).get(5..).unwrap_or_default().to_owned()
}

fn many(count: u64, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

const fn word(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => ("critical", "Critical"),
        Severity::High => ("high", "High"),
        Severity::Medium => ("medium", "Medium"),
        Severity::Low => ("low", "Low"),
        Severity::Info => ("info", "Info"),
        Severity::Unknown => ("unknown", "Unrated"),
    }
}

/// A report, with links to the console at `base`.
pub(crate) fn page(week: &Weekly, base: &str) -> String {
    let mut out = Writer::default();
    let whose = week.owner.as_deref().unwrap_or("everything");
    out.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">")
        // A page that is sent has no header of HTTP; `frame-ancestors` means nothing here.
        .raw("<meta http-equiv=\"content-security-policy\" content=\"")
        .text(policy().replace("; frame-ancestors 'none'", ""))
        .raw("\"><title>")
        .text(format!("{whose}: week until {}", day(week.to)))
        .raw(" · Gabion</title><style>")
        .raw(STYLE)
        .raw("</style></head><body><header><h1>")
        .text(format!("Weekly report: {whose}"))
        .raw("</h1><p class=\"dim\">")
        .text(format!("{} to {} (UTC)", day(week.from), day(week.to)))
        .raw("</p></header><main>");
    boxes(&mut out, week);
    coverage_box(&mut out, week);
    changes(&mut out, week, base);
    trend(&mut out, week);
    ageing(&mut out, week);
    first(&mut out, week, base);
    exceptions(&mut out, week);
    incidents(&mut out, week, base);
    unseen(&mut out, week, base);
    out.raw("</main><footer>Gabion, ").text(day(week.to)).raw(". Severities and exceptions of the weeks before are those of today: they are not kept over time.</footer></body></html>\n");
    out.finish()
}

fn boxes(out: &mut Writer, week: &Weekly) {
    let now = week.trend.last().and_then(|week| week.open).unwrap_or_default();
    let before = week.trend.iter().rev().nth(1).and_then(|week| week.open).map(total);
    let overdue: u64 = week.ageing.iter().map(|age| age.overdue).sum();
    let change = match before {
        Some(before) if before > total(now) => format!("{} fewer than a week ago", before - total(now)),
        Some(before) if before < total(now) => format!("{} more than a week ago", total(now) - before),
        Some(_) => "as many as a week ago".to_owned(),
        None => "a week ago nothing was known".to_owned(),
    };
    out.raw("<dl class=\"boxes\">");
    for (term, value, more) in [
        ("Open", total(now), change),
        ("Critical and high", now.critical + now.high, "of these".to_owned()),
        ("Overdue", overdue, "past their day".to_owned()),
        ("Verified this week", week.changes.verified.count, format!("{} new", week.changes.new.count)),
    ] {
        out.raw("<div><dt>")
            .raw(term)
            .raw("</dt><dd>")
            .text(value)
            .raw("<small>")
            .text(more)
            .raw("</small></dd></div>");
    }
    out.raw("</dl>");
}

/// What could not be seen. Said before anything that looks good.
fn gaps(week: &Weekly) -> Vec<String> {
    let mut gaps = Vec::new();
    let [images, scanned, whole] = week.images;
    if images == 0 {
        gaps.push("nothing runs here, and what does not run is not seen".to_owned());
    }
    if images > scanned {
        gaps.push(format!(
            "{} never scanned, or whose scan failed",
            many(images - scanned, "image that runs was", "images that run were")
        ));
    }
    if scanned > whole {
        gaps.push(format!(
            "{} looked at in part only",
            many(scanned - whole, "image that runs was", "images that run were")
        ));
    }
    let [containers, known] = week.containers;
    if containers > known {
        gaps.push(format!(
            "{} an image that nobody has scanned",
            many(containers - known, "container runs", "containers run")
        ));
    }
    if let Some([nodes, heard]) = week.nodes {
        if nodes > heard {
            gaps.push(format!("{} not heard", many(nodes - heard, "node is", "nodes are")));
        }
        if nodes == 0 {
            gaps.push("no node has an agent: nothing that runs is seen".to_owned());
        }
    }
    match week.database {
        None => gaps.push("there is no database of vulnerabilities".to_owned()),
        Some(_) if week.starter_database => {
            gaps.push(
                "the database of vulnerabilities is only the one that came with the program".to_owned(),
            );
        }
        Some(made) if week.to - made > 7 * crate::DAY => {
            gaps.push(format!("the database of vulnerabilities is of {}", day(made)));
        }
        Some(_) => {}
    }
    gaps
}

fn coverage_box(out: &mut Writer, week: &Weekly) {
    let gaps = gaps(week);
    let [images, ..] = week.images;
    if gaps.is_empty() {
        out.raw("<section class=\"whole\"><b>Everything that runs was looked at:</b> ")
            .text(many(images, "image", "images"))
            .raw(", all with full coverage.</section>");
        return;
    }
    out.raw("<section class=\"gap\"><b>What we could not look at.</b> There may be more than this report counts.<ul>");
    for gap in &gaps {
        out.raw("<li>").text(gap).raw("</li>");
    }
    out.raw("</ul></section>");
}

fn changes(out: &mut Writer, week: &Weekly, base: &str) {
    out.raw("<h2>What changed</h2>");
    let changes = &week.changes;
    let kinds: [(&str, &str, &Happened); 4] = [
        ("New", "seen for the first time", &changes.new),
        ("Reopened", "had been gone, and run again", &changes.reopened),
        ("Fixed", "an image without them is there", &changes.fixed),
        ("Verified", "all that runs is without them", &changes.verified),
    ];
    if kinds.iter().all(|(.., happened)| happened.count == 0) {
        out.raw("<p>No finding came, went or came back.</p>");
    }
    for (title, meaning, happened) in kinds {
        if happened.count == 0 {
            continue;
        }
        out.raw("<h3>")
            .text(format!("{title}: {}", happened.count))
            .raw(" <span class=\"dim\">")
            .raw(meaning)
            .raw("</span></h3>");
        findings(out, &happened.findings, base, week.to, false);
        let named = happened.findings.len() as u64;
        if happened.count > named {
            out.raw("<p class=\"dim\">")
                .text(format!("and {} more, less urgent", happened.count - named))
                .raw("</p>");
        }
    }
}

fn findings(out: &mut Writer, findings: &[Finding], base: &str, now: Millis, dated: bool) {
    out.raw("<table><thead><tr><th>Severity</th><th>What</th><th>Where</th><th>Mended in</th>");
    if dated {
        out.raw("<th class=\"n\">Until</th>");
    }
    out.raw("</tr></thead><tbody>");
    for finding in findings {
        let (class, severity) = word(finding.severity);
        out.raw("<tr><td class=\"w\"><span class=\"sev sev-")
            .raw(class)
            .raw("\">")
            .raw(severity)
            .raw("</span></td><td>");
        out.link(base, &["findings", &finding.id], &finding.rule);
        if finding.exploited {
            out.raw(" <span class=\"late\">exploited</span>");
        }
        out.raw("<br><span class=\"dim\">")
            .text(&finding.title)
            .raw("</span></td><td>")
            .place(&finding.repository);
        out.raw("<br><span class=\"dim\">").place(&finding.place).raw("</span></td><td>");
        match &finding.fixed_version {
            Some(version) => out.text(version),
            None => out.raw("<span class=\"dim\">no version is known</span>"),
        };
        out.raw("</td>");
        if dated {
            let late = finding.due.is_some_and(|due| due < now);
            out.raw(if late { "<td class=\"n late\">" } else { "<td class=\"n\">" });
            match finding.due {
                Some(due) => out.text(day(due)),
                None => out.raw("no day"),
            };
            out.raw("</td>");
        }
        out.raw("</tr>");
    }
    out.raw("</tbody></table>");
}

fn trend(out: &mut Writer, week: &Weekly) {
    out.raw("<h2>What is open, week by week</h2><figure>")
        .raw(&bars(&week.trend, short_day))
        .raw("</figure>");
    out.raw("<table><thead><tr><th>Until</th>");
    for week in &week.trend {
        out.raw("<th class=\"n\">").text(short_day(week.end)).raw("</th>");
    }
    out.raw("</tr></thead><tbody>");
    for (number, (class, _)) in COLOURS.iter().enumerate() {
        let name = ["Critical", "High", "Medium", "Low"][number];
        out.raw("<tr><td class=\"w\"><span class=\"sev sev-")
            .raw(class)
            .raw("\">")
            .raw(name)
            .raw("</span></td>");
        for week in &week.trend {
            let count = week.open.map(|open| [open.critical, open.high, open.medium, open.low][number]);
            out.raw("<td class=\"n\">")
                .text(count.map_or_else(|| "–".to_owned(), |count| count.to_string()))
                .raw("</td>");
        }
        out.raw("</tr>");
    }
    out.raw("</tbody></table>");
    if week.trend.iter().any(|week| week.open.is_none()) {
        out.raw("<p class=\"dim\">–: nothing was known yet.</p>");
    }
}

fn ageing(out: &mut Writer, week: &Weekly) {
    out.raw("<h2>How old it is, beside its deadlines</h2>");
    if week.ageing.is_empty() {
        out.raw("<p>Nothing that was looked at is open.</p>");
    } else {
        out.raw("<table><thead><tr><th>Severity</th><th class=\"n\">Overdue</th><th class=\"n\">Within 7 days</th><th class=\"n\">Later</th>\
             <th class=\"n\">No day</th><th class=\"n\">Oldest since</th></tr></thead><tbody>");
        for age in &week.ageing {
            let (class, severity) = word(age.severity);
            out.raw("<tr><td class=\"w\"><span class=\"sev sev-")
                .raw(class)
                .raw("\">")
                .raw(severity)
                .raw("</span></td>");
            out.raw(if age.overdue > 0 { "<td class=\"n late\">" } else { "<td class=\"n\">" })
                .text(age.overdue)
                .raw("</td>");
            for count in [age.soon, age.later, age.undated] {
                out.raw("<td class=\"n\">").text(count).raw("</td>");
            }
            let days = (week.to - age.oldest) / crate::DAY;
            out.raw("<td class=\"n\">").text(format!("{} ({days} d)", day(age.oldest))).raw("</td></tr>");
        }
        out.raw("</tbody></table>");
    }
    if week.suppressed > 0 {
        out.raw("<p class=\"dim\">")
            .text(format!(
                "{} by exceptions, and in none of these numbers.",
                many(week.suppressed, "finding does not count", "findings do not count")
            ))
            .raw("</p>");
    }
}

fn first(out: &mut Writer, week: &Weekly, base: &str) {
    out.raw("<h2>What to mend first</h2>");
    if week.first.is_empty() {
        out.raw("<p>Nothing that was looked at is open.</p>");
    } else {
        findings(out, &week.first, base, week.to, true);
    }
}

fn exceptions(out: &mut Writer, week: &Weekly) {
    out.raw("<h2>Exceptions that end within 30 days</h2>");
    if week.exceptions.is_empty() {
        out.raw("<p>None.</p>");
        return;
    }
    out.raw("<table><thead><tr><th>Ends</th><th>Rule</th><th>Images</th><th>Who answers, and why</th><th class=\"n\">Findings</th></tr></thead><tbody>");
    for Exception { kind, rule, repository, owner, reason, expires, findings, .. } in &week.exceptions {
        let kind = match kind {
            ExceptionKind::Deferral => "deferral",
            ExceptionKind::RiskAcceptance => "risk acceptance",
            ExceptionKind::FalsePositive => "false positive",
        };
        out.raw("<tr><td class=\"w\">").text(day(*expires)).raw("</td><td>").text(rule).raw("</td><td>");
        out.text(repository.as_deref().unwrap_or("all"))
            .raw("</td><td>")
            .text(format!("{owner}, {kind}: {reason}"));
        out.raw("</td><td class=\"n\">").text(findings).raw("</td></tr>");
    }
    out.raw("</tbody></table>");
}

fn incidents(out: &mut Writer, week: &Weekly, base: &str) {
    out.raw("<h2>Incidents and alerts</h2>");
    if week.incidents.is_empty() {
        out.raw("<p>No incident is open, and none had news this week.</p>");
    } else {
        out.raw("<table><thead><tr><th>Severity</th><th>What</th><th>Where</th><th class=\"n\">Alerts</th><th>State</th><th>Last</th></tr></thead><tbody>");
        for Incident { id, title, severity, updated, containers, on_host, alerts, state, .. } in
            &week.incidents
        {
            let (class, severity) = word(*severity);
            out.raw("<tr><td class=\"w\"><span class=\"sev sev-")
                .raw(class)
                .raw("\">")
                .raw(severity)
                .raw("</span></td><td>");
            out.link(base, &["incidents", id], title).raw("</td><td>");
            match containers.as_slice() {
                [] => out.raw("the host"),
                some => out.text(some.join(", ")).raw(if *on_host { ", the host" } else { "" }),
            };
            out.raw("</td><td class=\"n\">").text(alerts).raw("</td><td class=\"w\">");
            out.raw(match state {
                IncidentState::Open => "open",
                IncidentState::Closed => "closed",
            });
            out.raw("</td><td class=\"w\">").text(day(*updated)).raw("</td></tr>");
        }
        out.raw("</tbody></table>");
        let named = week.incidents.len() as u64;
        if week.incident_count > named {
            out.raw("<p class=\"dim\">")
                .text(format!("and {} more, less severe", week.incident_count - named))
                .raw("</p>");
        }
    }
    if week.alerts == 0 {
        out.raw("<p>No alert this week.</p>");
        return;
    }
    out.raw("<p>").text(many(week.alerts, "alert this week", "alerts this week")).raw(". By rule: ");
    let rules: Vec<String> =
        week.alert_rules.iter().map(|rule| format!("{} ({})", rule.rule, rule.alerts)).collect();
    out.text(rules.join(", ")).raw("</p>");
}

fn unseen(out: &mut Writer, week: &Weekly, base: &str) {
    if week.unseen.is_empty() {
        return;
    }
    out.raw("<h2>Images that were not wholly looked at</h2><table><thead><tr><th>Image</th><th>Why</th><th class=\"n\">Containers</th></tr></thead><tbody>");
    for image in &week.unseen {
        out.raw("<tr><td>").link(base, &["images", &image.id], &image.name).raw("</td><td>");
        match (&image.failed, image.scanned) {
            (Some(why), _) => out.raw("its scan failed: ").text(why),
            (None, true) => out.raw("looked at in part; its page says which"),
            (None, false) => out.raw("not scanned yet"),
        };
        out.raw("</td><td class=\"n\">").text(image.running).raw("</td></tr>");
    }
    out.raw("</tbody></table>");
    let all = week.images[0].saturating_sub(week.images[2]);
    let named = week.unseen.len() as u64;
    if all > named {
        out.raw("<p class=\"dim\">")
            .text(format!("and {} more, of which fewer containers run", all - named))
            .raw("</p>");
    }
}
