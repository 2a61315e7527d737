//! An incident of one or several nodes, told as one: one order of time, one origin, one picture.
//!
//! Nodes tell stories by their own clocks. As soon as there are several, each is moved by what the hub knows of its clock, and
//! [`IncidentPart::skew`](gabion_api::rest::IncidentPart) says by how much. The picture puts those of the nodes into frames, as images of their
//! own: whatever a node has drawn stays within its frame.

use ct_codecs::{Base64, Encoder};
use gabion_api::rest::{IncidentDetail, IncidentLink, Line, Response, Step};
use gabion_detect::incident::{HOST, Story, escaped};
use gabion_store::state::{ToldIncident, ToldPart};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// Pixels.
const MARGIN: u64 = 24;
/// The title of a frame, and the space beneath it for what led to the next.
const TITLE: u64 = 30;
const GAP: u64 = 56;
/// Of the picture of a part that does not say how large it is.
const USUAL: (u64, u64) = (480, 120);
/// No part is drawn larger.
const LARGEST: u64 = 40_000;

/// The host is no container.
fn container(name: String) -> String {
    if name == HOST { String::new() } else { name }
}

/// All of it, as the API tells it. A node may tell what is no story: that is said, and the others are told all the same.
pub(crate) fn told(all: ToldIncident, responses: Vec<Response>) -> IncidentDetail {
    let ToldIncident { incident, parts, links, hidden, cut } = all;
    let several = parts.len() > 1;
    let names: BTreeMap<String, String> =
        parts.iter().map(|ToldPart { part, .. }| (part.id.clone(), part.name.clone())).collect();
    let mut detail = IncidentDetail {
        incident,
        origin: Vec::new(),
        extent: Vec::new(),
        steps: Vec::new(),
        processes: Vec::new(),
        cut,
        responses,
        parts: Vec::new(),
        links,
        hidden,
    };
    let mut extent = Vec::new();
    for ToldPart { part, text } in parts {
        let Some(story) = text.and_then(|text| serde_json::from_str::<Story>(&text).ok()) else {
            extent.push(format!(
                "What {} tells of it is not shown: it is not understood, or too much.",
                part.name
            ));
            detail.cut = true;
            detail.parts.push(part);
            continue;
        };
        let shift = if several { part.skew.unwrap_or(0) } else { 0 };
        let on = |sentence: String| match sentence.strip_suffix('.') {
            Some(start) if several => format!("{start} on {}.", part.name),
            _ => sentence,
        };
        if part.origin {
            detail.origin = counted(story.origin.into_iter().map(on).collect());
        }
        let sentences = counted(story.extent).into_iter();
        extent.extend(sentences.map(|one| if several { format!("On {}: {one}", part.name) } else { one }));
        detail.steps.extend(story.steps.into_iter().map(|step| Step {
            time: (step.time / 1_000_000).cast_signed().saturating_add(shift),
            node: part.name.clone(),
            on: part.node.clone(),
            container: container(step.container),
            text: step.text,
            rule: step.rule,
        }));
        detail.processes.extend(story.processes.into_iter().map(|line| Line {
            depth: line.depth as u32,
            pid: line.pid,
            command: line.command,
            node: part.name.clone(),
            on: part.node.clone(),
            container: container(line.container),
            rules: line.rules.into_iter().collect(),
            server: line.server,
        }));
        detail.cut |= story.cut;
        detail.parts.push(part);
    }
    let mut known = BTreeSet::new();
    for link in detail.links.iter().filter(|link| link.apart.is_none()) {
        let (Some(from), Some(to)) = (names.get(&link.cause), names.get(&link.effect)) else { continue };
        if !known.insert((&link.cause, &link.effect, &link.program, &link.to_program, &link.server)) {
            continue;
        }
        let (begun, accepted) =
            (place(&link.program, &link.container, from), place(&link.to_program, &link.to_container, to));
        extent.insert(
            known.len() - 1,
            format!(
                "From {begun} it went to {accepted}, by a connection from {} to {}.",
                link.client, link.server
            ),
        );
        detail.steps.push(Step {
            time: link.accepted,
            node: to.clone(),
            on: detail
                .parts
                .iter()
                .find(|part| part.id == link.effect)
                .map(|part| part.node.clone())
                .unwrap_or_default(),
            container: link.to_container.clone(),
            text: format!("{} accepted a connection of {begun}, from {}", link.to_program, link.client),
            rule: None,
        });
    }
    detail.extent = extent;
    // What happened at the same moment stays in the order in which its node tells it.
    detail.steps.sort_by_key(|step| step.time);
    detail
}

fn place(program: &str, container: &str, node: &str) -> String {
    if container.is_empty() {
        format!("{program} on {node}")
    } else {
        format!("{program} in {container} on {node}")
    }
}

/// Equal sentences as one, with how often.
fn counted(sentences: Vec<String>) -> Vec<String> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for sentence in sentences {
        match all.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, many)) => *many += 1,
            None => all.push((sentence, 1)),
        }
    }
    let told = |(sentence, many): (String, usize)| {
        if many == 1 { sentence } else { format!("{} ({many} times).", sentence.trim_end_matches('.')) }
    };
    all.into_iter().map(told).collect()
}

/// The picture of an incident: that of its node, or those of all its nodes in frames. `None` where no node has sent one.
pub(crate) fn picture(all: &ToldIncident) -> Option<String> {
    match all.parts.as_slice() {
        [one] => one.text.clone().filter(|picture| !picture.is_empty()),
        parts if parts.iter().all(|part| part.text.as_ref().is_none_or(String::is_empty)) => None,
        parts => Some(frames(parts, &all.links)),
    }
}

fn frames(parts: &[ToldPart], links: &[IncidentLink]) -> String {
    let mut tops = BTreeMap::new();
    let (mut y, mut width) = (MARGIN, 0);
    for ToldPart { part, text } in parts {
        let size = size(text.as_deref().unwrap_or_default());
        tops.insert(part.id.as_str(), (y, size));
        width = width.max(size.0);
        y += TITLE + size.1 + GAP;
    }
    // On the left there is a lane for each connection, so that none hides another.
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut drawn: Vec<&IncidentLink> = Vec::new();
    for link in links.iter().filter(|link| link.apart.is_none()) {
        if !pairs.contains(&(&link.cause, &link.effect)) {
            pairs.push((&link.cause, &link.effect));
            drawn.push(link);
        }
    }
    let left = MARGIN + 18 * drawn.len() as u64;
    let (width, height) = ((left + width + 2 * MARGIN).max(640), y);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>An incident over several nodes</title>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0 8 4 0 8z\" fill=\"#c9190b\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for ToldPart { part, text } in parts {
        let Some(&(y, size)) = tops.get(part.id.as_str()) else { continue };
        let origin = if part.origin { ": it began here" } else { "" };
        let _ = writeln!(
            out,
            "<g><rect x=\"{left}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"6\" fill=\"none\" stroke=\"#445\" stroke-width=\"1.5\"/><text x=\"{}\" y=\"{}\" font-weight=\"bold\" font-size=\"13\">{}</text>",
            size.0 + 8,
            TITLE + size.1 + 4,
            left + 10,
            y + 20,
            escaped(&format!("Node {}{origin}", part.name)),
        );
        let picture = text.as_ref().and_then(|picture| Base64::encode_to_string(picture).ok());
        match picture.filter(|picture| !picture.is_empty()) {
            Some(picture) => {
                let _ = writeln!(
                    out,
                    "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" href=\"data:image/svg+xml;base64,{picture}\"/></g>",
                    left + 4,
                    y + TITLE,
                    size.0,
                    size.1
                );
            }
            None => {
                let _ = writeln!(
                    out,
                    "<text x=\"{}\" y=\"{}\" fill=\"#556\">{}</text></g>",
                    left + 10,
                    y + TITLE + 24,
                    if text.is_some() {
                        "This node has sent no picture."
                    } else {
                        "Its picture is too large."
                    }
                );
            }
        }
    }
    for (lane, link) in (1_u64..).zip(drawn) {
        let (Some(&(from, size)), Some(&(to, _))) =
            (tops.get(link.cause.as_str()), tops.get(link.effect.as_str()))
        else {
            continue;
        };
        // It leaves at the foot of one frame and comes in at the head of the other.
        let (start, end, x) = (from + TITLE + size.1 - 8, to + 16, left - 18 * lane);
        let _ = writeln!(
            out,
            "<path d=\"M{left} {start}H{x}V{end}H{left}\" fill=\"none\" stroke=\"#c9190b\" stroke-width=\"1.5\" marker-end=\"url(#a)\"/><text x=\"{}\" y=\"{}\" fill=\"#a30000\" font-size=\"11\">{}</text>",
            left,
            // There is no room above the first frame.
            (to + 12 * ((lane - 1) % 2)).saturating_sub(26).max(11),
            escaped(&format!(
                "{} connected to {}: {} → {}",
                link.program, link.to_program, link.client, link.accepted_by
            )),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// How large a picture says that it is.
fn size(picture: &str) -> (u64, u64) {
    let mut words = picture.split_once("viewBox=\"0 0 ").map_or("", |(_, rest)| rest).split([' ', '"']);
    let mut next = || words.next().and_then(|word| word.parse::<u64>().ok()).filter(|one| *one > 0);
    match (next(), next()) {
        (Some(width), Some(height)) => (width.min(LARGEST), height.min(LARGEST)),
        _ => USUAL,
    }
}
