//! Asks the runtimes, over their sockets, what their state on disk does not say.
//!
//! One thread asks, so that whoever handles events never waits for a runtime. Each answer is limited in time and size,
//! and no more than a few questions at once go to the runtimes of one user: a socket that keeps silent holds up nobody
//! else. A runtime that goes away is an answer, too; its images are learned anew when it is back.

mod containerd;
mod docker;

use super::images::Image;
use gabion_model::{Container, ContainerKey, workload::Runtime};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc as asynchronous};

/// A runtime is given this long for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// An answer longer than this is refused.
const MAX_ANSWER: usize = 16 << 20;
/// Questions that wait.
const QUEUE: usize = 1024;
/// Questions at once to the runtimes of one user.
const AT_ONCE: usize = 8;

/// Something that the state does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// About whom.
    pub key: ContainerKey,
    /// Whom to ask.
    pub runtime: Runtime,
    /// What the runtime calls it.
    pub id: String,
    /// In which of containerd's namespaces, if that is known.
    pub namespace: Option<String>,
    /// The sandbox of its pod, if it has one.
    pub sandbox: Option<String>,
    /// Whose runtime, if not the system's.
    pub user: Option<u32>,
}

/// What was said.
#[derive(Debug)]
pub struct Answer {
    /// About whom.
    pub key: ContainerKey,
    /// What is known of it now; the labels of its pod are in its pod.
    pub said: Result<Container, AskError>,
    /// The image, for the kept table.
    pub images: Vec<Image>,
}

/// What the thread tells.
#[derive(Debug)]
pub enum Heard {
    /// An answer to a question.
    Answer(Box<Answer>),
    /// The images of a runtime, at the start and when they have changed.
    Images(Vec<Image>),
    /// A runtime whose images are followed does not answer.
    Silent(AskError),
}

/// Why a runtime did not say anything.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing listens at any of its sockets.
    #[error("no {} daemon answers", .0.as_str())]
    NoDaemon(Runtime),
    /// It does not know the container, any more.
    #[error("{} does not know the container", .0.as_str())]
    NotFound(Runtime),
    /// It was silent for too long.
    #[error("the daemon at {0} is silent")]
    Silent(PathBuf),
    /// It says something else than expected.
    #[error("the daemon at {socket} says: {reason}")]
    Says {
        /// Which.
        socket: PathBuf,
        /// What it says.
        reason: String,
    },
}

/// Where the daemons listen.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    /// containerd's.
    pub containerd: Vec<PathBuf>,
    /// Docker's.
    pub docker: Vec<PathBuf>,
    /// podman's.
    pub podman: Vec<PathBuf>,
}

impl Sockets {
    /// Where they listen unless they are told otherwise.
    pub fn system() -> Self {
        Self {
            containerd: vec![
                "/run/containerd/containerd.sock".into(),
                "/run/k3s/containerd/containerd.sock".into(),
            ],
            docker: vec!["/run/docker.sock".into()],
            podman: vec!["/run/podman/podman.sock".into()],
        }
    }

    /// Those of a user's own runtimes.
    fn of_user(user: u32) -> Self {
        let run = PathBuf::from(format!("/run/user/{user}"));
        Self {
            containerd: Vec::new(),
            docker: vec![run.join("docker.sock")],
            podman: vec![run.join("podman/podman.sock")],
        }
    }
}

/// The thread that asks.
#[derive(Debug)]
pub struct Asker {
    questions: Option<asynchronous::Sender<Question>>,
    heard: mpsc::Receiver<Heard>,
    thread: Option<JoinHandle<()>>,
}

impl Asker {
    /// Starts it; it follows the images of containerd from now on.
    pub fn start(sockets: Sockets) -> std::io::Result<Self> {
        let (questions, asked) = asynchronous::channel(QUEUE);
        let (tell, heard) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("containers".to_owned())
            .spawn(move || runtime.block_on(run(Arc::new(sockets), asked, tell)))?;
        Ok(Self { questions: Some(questions), heard, thread: Some(thread) })
    }

    /// Asks. `false` if too many questions wait already.
    pub fn ask(&self, question: Question) -> bool {
        self.questions.as_ref().is_some_and(|questions| questions.try_send(question).is_ok())
    }

    /// What was heard so far.
    pub fn heard(&self) -> impl Iterator<Item = Heard> {
        self.heard.try_iter()
    }

    /// Waits for the next thing that is heard.
    pub fn wait(&self, at_most: Duration) -> Option<Heard> {
        self.heard.recv_timeout(at_most).ok()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        // Without a sender the thread ends.
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(sockets: Arc<Sockets>, mut asked: asynchronous::Receiver<Question>, tell: mpsc::Sender<Heard>) {
    for socket in sockets.containerd.clone() {
        tokio::spawn(containerd::follow_images(socket, tell.clone()));
    }
    let mut places: HashMap<Option<u32>, Arc<Semaphore>> = HashMap::new();
    while let Some(question) = asked.recv().await {
        let place = places.entry(question.user).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))).clone();
        let (sockets, tell) = (Arc::clone(&sockets), tell.clone());
        tokio::spawn(async move {
            let _place = place.acquire_owned().await;
            // Nobody listens any more if this fails.
            let _ = tell.send(Heard::Answer(Box::new(answer(&question, &sockets).await)));
        });
    }
}

async fn answer(question: &Question, sockets: &Sockets) -> Answer {
    let own = question.user.map(Sockets::of_user);
    let sockets = own.as_ref().unwrap_or(sockets);
    let listening =
        |paths: &[PathBuf]| paths.iter().filter(|path| path.exists()).cloned().collect::<Vec<_>>();
    let mut images = Vec::new();
    let mut said = Err(AskError::NoDaemon(question.runtime));
    let paths = match question.runtime {
        Runtime::Containerd => listening(&sockets.containerd),
        Runtime::Podman => listening(&sockets.podman),
        _ => listening(&sockets.docker),
    };
    for socket in paths {
        let asking = async {
            if question.runtime == Runtime::Containerd {
                containerd::ask(&socket, question, &mut images).await
            } else {
                docker::ask(&socket, question).await
            }
        };
        said = tokio::time::timeout(TIMEOUT, asking)
            .await
            .unwrap_or_else(|_| Err(AskError::Silent(socket.clone())));
        if said.is_ok() {
            break;
        }
    }
    Answer { key: question.key, said, images }
}

/// At most this much of what a daemon says is repeated.
const MAX_REASON: usize = 200;

fn says(socket: &std::path::Path, reason: &str) -> AskError {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    AskError::Says { socket: socket.to_owned(), reason: reason.chars().take(MAX_REASON).map(plain).collect() }
}
