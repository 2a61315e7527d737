//! Scans that others have made and sent: what of them is kept beside the report.

use super::{
    Result, State,
    sql::{Columns, q},
    to_json,
};
use gabion_api::rest::{CiFacts, SentScan};
use sqlx::any::AnyRow;

/// Scans of one image that are kept and told.
const KEPT: i64 = 50;

impl State {
    /// Whether the report of an image is one that an agent or the hub itself has made.
    pub async fn is_seen_itself(&self, image: &str) -> Result<bool> {
        let row = q("SELECT COUNT(*) AS many FROM image WHERE id = ? AND scanned IS NOT NULL AND sent = 0")
            .bind(image)
            .one(&self.pool)
            .await?;
        Ok(row.count("many")? > 0)
    }

    /// An agent or the hub itself has made the report of an image, whatever was sent of it before.
    pub async fn seen_itself(&self, image: &str) -> Result<()> {
        q("UPDATE image SET sent = 0 WHERE id = ? AND sent = 1").bind(image).run(&self.pool).await.map(drop)
    }

    /// Keeps where a scan of an image came from. With `is_report` its report is that of the image, until there is a better one.
    pub async fn keep_sent(&self, id: &str, image: &str, sent: &SentScan, is_report: bool) -> Result<()> {
        let mut tx = self.begin().await?;
        if is_report {
            q("UPDATE image SET sent = 1 WHERE id = ?").bind(image).run(&mut *tx).await?;
        }
        q("INSERT INTO sent_scan (id, image, time, created_by, reference, facts) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(id)
            .bind(image)
            .bind(sent.time)
            .bind(&sent.by)
            .bind(&sent.reference)
            .bind(to_json(&sent.ci))
            .run(&mut *tx)
            .await?;
        q("DELETE FROM sent_scan WHERE image = ? AND id NOT IN (SELECT id FROM sent_scan WHERE image = ? ORDER BY time DESC, id LIMIT ?)")
            .bind(image)
            .bind(image)
            .bind(KEPT)
            .run(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Scans of an image that were sent, the newest first.
    pub(super) async fn sent_scans(&self, image: &str) -> Result<Vec<SentScan>> {
        let rows = q(
            "SELECT time, created_by, reference, facts FROM sent_scan WHERE image = ? ORDER BY time DESC, id",
        )
        .bind(image)
        .all(&self.pool)
        .await?;
        let read = |row: &AnyRow| {
            Ok(SentScan {
                time: row.int("time")?,
                by: row.text("created_by")?,
                reference: row.text("reference")?,
                ci: row.json::<CiFacts>("facts")?,
            })
        };
        rows.iter().map(read).collect()
    }
}
