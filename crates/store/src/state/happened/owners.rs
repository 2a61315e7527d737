//! What of an incident may be told to whom: all of it to who is told everything, and to each owner what the own parts say, as lists show it.
//!
//! ```text
//!   incident n-7 ─┬─ part n-7, of shop ──► the whole: "Miner, over 2 nodes", in web and db, of pay (its worst part)
//!                 └─ part m-2, of pay ───► what shop is told: "Shell" in web;  what pay is told: "Miner" in db
//! ```
//!
//! What has become a part of another incident has no parts any more, so that nobody has a view of it: what was told of it is over.

use super::{super::incidents, Columns, Happened, Result, Tx, q};
use crate::state::{
    told,
    wholes::{self, PART},
};
use gabion_api::rest::Incident;
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Incidents whose parts are read at once.
const AT_ONCE: usize = 500;

/// Whose an incident is above all: the owner of its worst part that has one. One that has become a part of another is still whose it was.
pub(super) const OF_PARTS: &str = ", (SELECT part.owner FROM incident_part AS part WHERE (part.incident = incident.id OR part.id = incident.id) \
    AND part.owner IS NOT NULL ORDER BY part.severity DESC, part.id LIMIT 1) AS owner";

/// Incidents from rows that have [`OF_PARTS`].
pub(super) async fn happened(tx: Tx<'_>, rows: &[AnyRow]) -> Result<Vec<Happened>> {
    let told = rows.iter().map(incidents::told).collect::<Result<Vec<Incident>>>()?;
    let mut views = views(tx, &told).await?;
    let one = |(incident, row): (Incident, &AnyRow)| {
        Ok(Happened::Incident {
            owner: row.maybe_text("owner")?,
            joined: row.maybe_text("joined")?,
            views: views.remove(&incident.id).unwrap_or_default(),
            incident: Box::new(incident),
        })
    };
    told.into_iter().zip(rows).map(one).collect()
}

/// What each owner of parts may know, by incident.
async fn views(tx: Tx<'_>, told: &[Incident]) -> Result<BTreeMap<String, Vec<(String, Incident)>>> {
    let mut views: BTreeMap<String, Vec<(String, Incident)>> = BTreeMap::new();
    for told in told.chunks(AT_ONCE) {
        let rows = q("SELECT ").push(PART).push(", owner FROM incident_part WHERE incident IN ");
        let rows = rows.list(told.iter().map(|one| &one.id)).push(" ORDER BY id").all(&mut *tx).await?;
        let mut parts: BTreeMap<String, BTreeMap<Option<String>, Vec<_>>> = BTreeMap::new();
        for row in &rows {
            let of = parts.entry(row.text("incident")?).or_default();
            of.entry(row.maybe_text("owner")?).or_default().push(wholes::part(row)?);
        }
        for incident in told {
            let parts = parts.remove(&incident.id).unwrap_or_default();
            let is_theirs = parts.len() == 1;
            for (owner, parts) in parts {
                let Some(owner) = owner else { continue };
                let view = if is_theirs {
                    Some(incident.clone())
                } else {
                    told::narrowed(&mut *tx, incident, parts).await?
                };
                let of = views.entry(incident.id.clone()).or_default();
                of.extend(view.map(|view| (owner, view)));
            }
        }
    }
    Ok(views)
}
