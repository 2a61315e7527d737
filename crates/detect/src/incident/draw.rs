//! An incident as a picture: DOT for Graphviz, and SVG without it.

use super::{
    Incident, Incidents,
    graph::{EdgeKind, Graph, NodeId, NodeKind},
    story::{name, place},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Pixels.
const COLUMN: usize = 230;
const ROW: usize = 58;
const BOX: (usize, usize) = (190, 38);
const MARGIN: usize = 24;

/// The incident in the language of Graphviz. `None` if there is no such incident.
pub fn dot(incidents: &mut Incidents, id: u64) -> Option<String> {
    incidents.show(id)?;
    let incident = incidents.iter().find(|one| one.id == id)?;
    let graph = incidents.graph();
    let mut out = String::from("digraph incident {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    let mut places: BTreeMap<String, Vec<NodeId>> = BTreeMap::new();
    for id in incident.trace.nodes() {
        places.entry(place(graph, id)).or_default().push(id);
    }
    let numbers = numbers(incident);
    for (number, (place, ids)) in places.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{number} {{\n    label={};", quoted(place));
        for id in ids {
            let shape = match graph.node(*id).map(|node| &node.kind) {
                Some(NodeKind::Process { .. }) => "box",
                Some(NodeKind::File { .. }) => "note",
                _ => "ellipse",
            };
            let alarmed = if is_alarmed(graph, incident, *id) { ", color=red, penwidth=2" } else { "" };
            let _ = writeln!(
                out,
                "    n{} [shape={shape}, label={}{alarmed}];",
                numbers[id],
                quoted(&name(graph, *id))
            );
        }
        out.push_str("  }\n");
    }
    for (from, to, kind) in edges(graph, incident) {
        let _ = writeln!(out, "  n{} -> n{} [label={}];", numbers[&from], numbers[&to], quoted(word(kind)));
    }
    out.push_str("}\n");
    Some(out)
}

/// The incident as a picture of its own, time and depth from left to right. `None` if there is no such incident.
pub fn svg(incidents: &mut Incidents, id: u64) -> Option<String> {
    incidents.show(id)?;
    let incident = incidents.iter().find(|one| one.id == id)?;
    let graph = incidents.graph();
    let edges = edges(graph, incident);
    let places = layout(graph, incident, &edges);
    let width = places.values().map(|at| at.0).max().unwrap_or(0) + BOX.0 + MARGIN;
    let height = places.values().map(|at| at.1).max().unwrap_or(0) + BOX.1 + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>Incident {}</title>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#667\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        incident.id
    );
    for &(from, to, kind) in &edges {
        let (Some(&(x1, y1)), Some(&(x2, y2))) = (places.get(&from), places.get(&to)) else { continue };
        let (x1, y1, y2) = (x1 + BOX.0, y1 + BOX.1 / 2, y2 + BOX.1 / 2);
        let dash = if kind == EdgeKind::Connect { " stroke-dasharray=\"5 3\"" } else { "" };
        let middle = usize::midpoint(x1, x2);
        let _ = writeln!(
            out,
            "<path d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#667\"{dash} marker-end=\"url(#a)\"><title>{}</title></path>",
            escaped(word(kind))
        );
    }
    for (&id, &(x, y)) in &places {
        let (fill, radius) = match graph.node(id).map(|node| &node.kind) {
            Some(NodeKind::Process { .. }) => ("#eef3fb", 4),
            Some(NodeKind::File { .. }) => ("#fbf6e6", 0),
            _ => ("#f0f0f0", 19),
        };
        let (stroke, thick) = if is_alarmed(graph, incident, id) { ("#c9190b", 2) } else { ("#99a", 1) };
        let (label, below) = (name(graph, id), place(graph, id));
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"{radius}\" fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{thick}\"/><text x=\"{}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" fill=\"#556\" font-size=\"10\">{}</text></g>",
            escaped(&label),
            BOX.0,
            BOX.1,
            x + 8,
            y + 16,
            escaped(&short(&label)),
            x + 8,
            y + 30,
            escaped(&short(&below)),
        );
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn numbers(incident: &Incident) -> BTreeMap<NodeId, usize> {
    incident.trace.nodes().enumerate().map(|(number, id)| (id, number)).collect()
}

fn edges(graph: &Graph, incident: &Incident) -> BTreeSet<(NodeId, NodeId, EdgeKind)> {
    let inside: BTreeSet<NodeId> = incident.trace.nodes().collect();
    let leave = inside.iter().flat_map(|&id| graph.outgoing(id));
    leave
        .filter(|edge| edge.from != edge.to && inside.contains(&edge.to))
        .map(|edge| (edge.from, edge.to, edge.kind))
        .collect()
}

/// Columns by the longest way from where it began, rows in the order of ids.
fn layout(
    graph: &Graph,
    incident: &Incident,
    edges: &BTreeSet<(NodeId, NodeId, EdgeKind)>,
) -> BTreeMap<NodeId, (usize, usize)> {
    let mut column: BTreeMap<NodeId, usize> = incident.trace.nodes().map(|id| (id, 0)).collect();
    // A file that is written and read by the same process makes a circle; as many rounds as there are nodes end it.
    for _ in 0..column.len().min(64) {
        let mut moved = false;
        for (from, to, _) in edges {
            let (a, b) = (column[from], column[to]);
            if b <= a
                && a < 63
                && graph.node(*from).map(|node| node.first) <= graph.node(*to).map(|node| node.first)
            {
                column.insert(*to, a + 1);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let place = |(id, column): (NodeId, usize)| {
        let row = rows.entry(column).or_default();
        *row += 1;
        (id, (MARGIN + column * COLUMN, MARGIN + (*row - 1) * ROW))
    };
    column.into_iter().map(place).collect()
}

fn is_alarmed(graph: &Graph, incident: &Incident, id: NodeId) -> bool {
    incident.alarms.iter().any(|alarm| graph.process(alarm.task) == Some(id))
}

const fn word(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Fork => "started",
        EdgeKind::Write => "wrote",
        EdgeKind::Rename => "became",
        EdgeKind::Exec => "was run as",
        EdgeKind::Read => "was read by",
        EdgeKind::Connect => "connected to",
        EdgeKind::Inject => "put code into",
        EdgeKind::Privilege => "became root",
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= 28 { text.to_owned() } else { text.chars().take(27).chain(['…']).collect() }
}

/// For Graphviz: names of files may hold anything.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push('·'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Text within SVG: what is no text there is none, whoever has written it.
pub fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push('·'),
            c => out.push(c),
        }
    }
    out
}
