//! Asks containerd: image, labels and time of a container are in its database only.

use super::{AskError, Heard, MAX_ANSWER, Question, TIMEOUT, says};
use crate::containers::{docker::pod, draft, images::Image};
use gabion_api::containerd::{
    containers::{Container as Record, ListContainersRequest, containers_client::ContainersClient},
    events::{SubscribeRequest, events_client::EventsClient},
    images::{Image as ImageRecord, ListImagesRequest, images_client::ImagesClient},
    namespaces::{ListNamespacesRequest, namespaces_client::NamespacesClient},
};
use gabion_model::{Container, Digest, workload::Runtime};
use hyper_util::rt::TokioIo;
use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};
use tokio::net::UnixStream;
use tonic::{
    Request, Status,
    transport::{Channel, Endpoint},
};

/// How long to wait before a daemon that does not answer is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// A client of one service, with the limit on an answer. A macro, as the generated clients have no trait in common.
macro_rules! client {
    ($kind:ident, $daemon:expr) => {
        $kind::new($daemon.channel.clone()).max_decoding_message_size(MAX_ANSWER)
    };
}

struct Daemon {
    socket: PathBuf,
    channel: Channel,
}

impl Daemon {
    async fn connect(socket: &Path) -> Result<Self, AskError> {
        let path = socket.to_owned();
        let connector = tower::service_fn(move |_: http::Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://containerd")
            .connect_with_connector(connector)
            .await
            .map_err(|_| AskError::NoDaemon(Runtime::Containerd))?;
        Ok(Self { socket: socket.to_owned(), channel })
    }

    fn failed(&self, status: &Status) -> AskError {
        says(&self.socket, status.message())
    }

    fn request<T>(&self, namespace: &str, message: T) -> Result<Request<T>, AskError> {
        let mut request = Request::new(message);
        let name =
            namespace.parse().map_err(|_| says(&self.socket, "a namespace with characters that none has"))?;
        request.metadata_mut().insert("containerd-namespace", name);
        Ok(request)
    }

    async fn namespaces(&self) -> Result<Vec<String>, AskError> {
        let answer = client!(NamespacesClient, self).list(ListNamespacesRequest::default()).await;
        let answer = answer.map_err(|status| self.failed(&status))?.into_inner();
        Ok(answer.namespaces.into_iter().map(|namespace| namespace.name).collect())
    }

    async fn container(&self, namespace: &str, id: &str) -> Result<Option<Record>, AskError> {
        let filters = vec![format!("id==\"{id}\"")];
        let request = self.request(namespace, ListContainersRequest { filters })?;
        let answer =
            client!(ContainersClient, self).list(request).await.map_err(|status| self.failed(&status))?;
        Ok(answer.into_inner().containers.pop())
    }

    async fn images(&self, namespace: &str, filters: Vec<String>) -> Result<Vec<ImageRecord>, AskError> {
        let request = self.request(namespace, ListImagesRequest { filters })?;
        let answer =
            client!(ImagesClient, self).list(request).await.map_err(|status| self.failed(&status))?;
        Ok(answer.into_inner().images)
    }

    async fn tell_images(&self, namespaces: Vec<String>, tell: &mpsc::Sender<Heard>) -> Result<(), AskError> {
        for namespace in namespaces {
            let images = gather(self.images(&namespace, Vec::new()).await?);
            // Nobody listens any more: the thread is about to end.
            let _ = tell.send(Heard::Images(images));
        }
        Ok(())
    }

    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
        let silent = |_| Err(AskError::Silent(self.socket.clone()));
        tokio::time::timeout(TIMEOUT, asking).await.unwrap_or_else(silent)
    }

    /// An image with all of its names, one of which may be its id: that is how the CRI plugin keeps it.
    async fn image(&self, namespace: &str, name: &str) -> Result<Option<Image>, AskError> {
        if name.contains(['"', '\\']) {
            return Ok(None);
        }
        let found = self.images(namespace, vec![format!("name==\"{name}\"")]).await?;
        let Some(digest) = found.first().and_then(digest) else { return Ok(None) };
        let same = self.images(namespace, vec![format!("target.digest==\"{digest}\"")]).await?;
        Ok(gather(same).pop())
    }
}

fn digest(image: &ImageRecord) -> Option<Digest> {
    image.target.as_ref()?.digest.parse().ok()
}

/// Records that stand for the same manifest are one image.
fn gather(records: Vec<ImageRecord>) -> Vec<Image> {
    let mut images: BTreeMap<Digest, Image> = BTreeMap::new();
    for record in records {
        let Some(digest) = digest(&record) else { continue };
        let image =
            images.entry(digest).or_insert_with(|| Image { digest: Some(digest), ..Image::default() });
        match record.name.parse() {
            Ok(id) => image.id = Some(id),
            Err(_) => image.names.push(record.name),
        }
    }
    images.into_values().collect()
}

/// What containerd says of a container; its image goes to `images`.
pub(super) async fn ask(
    socket: &Path,
    question: &Question,
    images: &mut Vec<Image>,
) -> Result<Container, AskError> {
    let daemon = Daemon::connect(socket).await?;
    let namespaces = match &question.namespace {
        Some(namespace) => vec![namespace.clone()],
        None => daemon.namespaces().await?,
    };
    for namespace in namespaces {
        let Some(record) = daemon.container(&namespace, &question.id).await? else { continue };
        let mut container = draft::unknown(question.key, Runtime::Containerd, &question.id);
        draft::image(&mut container, &record.image);
        if let Some(image) = daemon.image(&namespace, &record.image).await? {
            draft::digest(&mut container, image.digest);
            draft::image_id(&mut container, image.id);
            images.push(image);
        }
        if let Some(time) = record.created_at {
            let nanoseconds = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
            draft::created_at(&mut container, u64::try_from(nanoseconds).ok());
        }
        let mut labels: BTreeMap<String, String> = record.labels.into_iter().collect();
        for name in ["io.kubernetes.container.name", "nerdctl/name"] {
            draft::name(&mut container, labels.get(name).map_or("", String::as_str));
        }
        draft::name(&mut container, &question.id);
        let mut of_pod = pod(&labels);
        if let (Some(of_pod), Some(sandbox)) = (&mut of_pod, &question.sandbox) {
            let record = daemon.container(&namespace, sandbox).await?;
            of_pod.labels = labels_of_pod(record.map(|record| record.labels).unwrap_or_default());
            sandbox.clone_into(&mut of_pod.sandbox);
        }
        draft::pod(&mut container, of_pod);
        labels.retain(|name, _| !name.starts_with("io.cri-containerd."));
        draft::labels(&mut container, labels);
        return Ok(container);
    }
    Err(AskError::NotFound(Runtime::Containerd))
}

/// The labels of a pod are those of its sandbox, without the CRI plugin's and the kubelet's own.
fn labels_of_pod(labels: HashMap<String, String>) -> Vec<(String, String)> {
    let own = |name: &String| !name.starts_with("io.cri-containerd.") && !name.starts_with("io.kubernetes.");
    let mut labels: Vec<_> = labels.into_iter().filter(|(name, _)| own(name)).collect();
    labels.sort();
    labels
}

/// Tells all images, and again whenever some have changed.
pub(super) async fn follow_images(socket: PathBuf, tell: mpsc::Sender<Heard>) {
    loop {
        // A socket that is not there is no containerd, so far.
        if socket.exists() {
            let Err(error) = follow(&socket, &tell).await;
            if tell.send(Heard::Silent(error)).is_err() {
                return;
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn follow(socket: &Path, tell: &mpsc::Sender<Heard>) -> Result<Infallible, AskError> {
    let daemon = Daemon::connect(socket).await?;
    let filters = vec!["topic~=\"^/images/\"".to_owned()];
    let mut client = client!(EventsClient, daemon);
    let subscribed = async {
        // Answered with the first event only. It is asked before the list, so that no change is missed in between.
        client.subscribe(SubscribeRequest { filters }).await.map_err(|status| daemon.failed(&status))
    };
    let listed = async { daemon.tell_images(daemon.namespaces().await?, tell).await };
    let (events, ()) = tokio::try_join!(subscribed, daemon.in_time(listed))?;
    let mut events = events.into_inner();
    while let Some(event) = events.message().await.map_err(|status| daemon.failed(&status))? {
        daemon.in_time(daemon.tell_images(vec![event.namespace], tell)).await?;
    }
    Err(AskError::NoDaemon(Runtime::Containerd))
}
