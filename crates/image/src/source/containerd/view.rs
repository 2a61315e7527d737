//! Where the layers of an unpacked image are.
//!
//! containerd tells the directories of a stack of layers only as the mount of something on top of it. So a
//! read-only view is made and removed at once, under a lease that expires by itself: if Gabion is killed in
//! between, containerd's garbage collector removes the view.

use super::{MAX_MESSAGE, SnapshotLayer, Space};
use crate::source::{
    Progress, SourceError,
    snapshot::{Stack, chain_id, readable},
};
use gabion_api::containerd::{
    leases::{CreateRequest, DeleteRequest, leases_client::LeasesClient},
    snapshots::{
        Kind, RemoveSnapshotRequest, StatSnapshotRequest, ViewSnapshotRequest,
        snapshots_client::SnapshotsClient,
    },
};
use gabion_model::Digest;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tonic::{Code, Status};

/// For how long containerd keeps a view that Gabion did not live to remove.
const LEASE: Duration = Duration::from_mins(10);

/// Distinguishes the views of one process.
static VIEWS: AtomicU32 = AtomicU32::new(0);

impl Space<'_> {
    /// The directories of the layers, if the image is unpacked and this process may read them.
    pub(super) async fn snapshots(
        &self,
        diff_ids: &[Digest],
        progress: &dyn Progress,
    ) -> Result<Option<Vec<SnapshotLayer>>, SourceError> {
        let Some(top) = chain_id(diff_ids) else {
            return Ok(None);
        };
        let snapshotter = &self.daemon.options.snapshotter;
        let request =
            self.request(StatSnapshotRequest { snapshotter: snapshotter.clone(), key: top.to_string() })?;
        let committed = match client!(SnapshotsClient, self.daemon.channel).stat(request).await {
            Ok(answer) => answer.into_inner().info.is_some_and(|info| info.kind() == Kind::Committed),
            // No such snapshot, or no such snapshotter: the image is not unpacked.
            Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => false,
            Err(status) => return Err(self.daemon.failed(&status)),
        };
        if !committed {
            return Ok(None);
        }
        let Some(stack) = self.view(&top).await? else {
            progress
                .message("the snapshotter keeps no directories: reading the layers from the content store");
            return Ok(None);
        };
        if stack.layers.len() != diff_ids.len() {
            progress
                .message("the snapshots do not match the image: reading the layers from the content store");
            return Ok(None);
        }
        if !stack.layers.iter().all(|directory| readable(directory)) {
            progress.message("the snapshots are not readable: reading the layers from the content store");
            return Ok(None);
        }
        let layers = diff_ids.iter().zip(stack.layers);
        Ok(Some(layers.map(|(diff_id, dir)| SnapshotLayer { diff_id: *diff_id, dir }).collect()))
    }

    /// How a stack of layers would be mounted, by making a view of it and removing that at once.
    async fn view(&self, top: &Digest) -> Result<Option<Stack>, SourceError> {
        let options = self.daemon.options;
        let failed = |status: Status| self.daemon.failed(&status);
        let n = VIEWS.fetch_add(1, Ordering::Relaxed);
        let id = format!("gabion-{}-{}-{n}", std::process::id(), options.now.as_nanosecond());
        let expires = options.now.saturating_add(LEASE).unwrap_or(options.now);
        let lease = self.request(CreateRequest {
            id: id.clone(),
            labels: [("containerd.io/gc.expire".to_owned(), expires.to_string())].into(),
        })?;
        let mut leases = client!(LeasesClient, self.daemon.channel);
        let mut snapshots = client!(SnapshotsClient, self.daemon.channel);
        leases.create(lease).await.map_err(failed)?;

        let key = format!("{id}-{}", top.short());
        let mut view = self.request(ViewSnapshotRequest {
            snapshotter: options.snapshotter.clone(),
            key: key.clone(),
            parent: top.to_string(),
            ..ViewSnapshotRequest::default()
        })?;
        if let Ok(id) = id.parse() {
            view.metadata_mut().insert("containerd-lease", id);
        }
        let mounts = snapshots.view(view).await;
        let removed = snapshots
            .remove(self.request(RemoveSnapshotRequest { snapshotter: options.snapshotter.clone(), key })?)
            .await;
        let ended = leases.delete(self.request(DeleteRequest { id })?).await;
        let mounts = mounts.map_err(failed)?.into_inner().mounts;
        removed.map_err(failed)?;
        ended.map_err(failed)?;
        Ok(Stack::of(&mounts))
    }
}
