//! The three calls: join, renew, session.

use super::{
    Desk, Inbox, JoinRefused, Settings, Unavailable, accept::Peer, desk, inbox::unless_away, reports::Budget,
    session,
};
use gabion_api::agent::{FromAgent, JoinAnswer, JoinRequest, RenewRequest, ToAgent, agents_server::Agents};
use gabion_identity::{JoinToken, NodeRequest};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Nodes that join or renew at once; others wait.
const SIGNING: usize = 4;
/// The secret of a token, in bytes.
const SECRET: usize = 32;
/// What a node is called is not longer.
const MAX_NAME: usize = 253;

pub(super) struct Service<I> {
    settings: Settings,
    inbox: Arc<I>,
    desk: Desk,
    budget: Arc<Budget>,
    signing: Semaphore,
}

impl<I: Inbox> Service<I> {
    pub(super) fn new(settings: Settings, inbox: Arc<I>, desk: Desk) -> Self {
        Self { settings, inbox, desk, budget: Arc::default(), signing: Semaphore::new(SIGNING) }
    }

    /// The node that calls, if it may.
    async fn node<T>(&self, request: &Request<T>) -> Result<Arc<str>, Status> {
        let Some(Peer::Node(node)) = request.extensions().get::<Peer>().cloned() else {
            return Err(Status::unauthenticated("without a certificate a node can only join"));
        };
        if unless_away(&*self.inbox, self.inbox.is_allowed(&node)).await? {
            Ok(node)
        } else {
            Err(shut_out())
        }
    }

    fn sign(&self, request: &NodeRequest, node: String) -> Result<Response<JoinAnswer>, Status> {
        let Settings { authority, authorities, lifetime, .. } = &self.settings;
        let issued = authority
            .node(request, &node, self.settings.now(), *lifetime)
            .map_err(|error| Status::internal(error.to_string()))?;
        let der = |chain: &[rustls_pki_types::CertificateDer<'_>]| chain.iter().map(|c| c.to_vec()).collect();
        Ok(Response::new(JoinAnswer { node, chain: der(&issued.chain), authorities: der(authorities) }))
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Status> {
        self.signing.acquire().await.map_err(|_| Status::unavailable("the hub is ending"))
    }
}

#[tonic::async_trait]
impl<I: Inbox> Agents for Service<I> {
    type SessionStream = ReceiverStream<Result<ToAgent, Status>>;

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinAnswer>, Status> {
        let JoinRequest { secret, request, name } = request.into_inner();
        if secret.len() != SECRET {
            return Err(JoinRefused::Token.into());
        }
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(Status::invalid_argument(
                "a node has a name of 1 to 253 bytes, without control characters",
            ));
        }
        // Before the token is used up.
        let request = read(&request)?;
        let _turn = self.turn().await?;
        let joining = self.inbox.join(JoinToken::hash_of(&secret), &name, self.settings.now());
        let node = unless_away(&*self.inbox, joining).await?;
        self.sign(&request, node)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<JoinAnswer>, Status> {
        let node = self.node(&request).await?;
        let request = read(&request.get_ref().request)?;
        let _turn = self.turn().await?;
        self.sign(&request, node.to_string())
    }

    async fn session(
        &self,
        request: Request<Streaming<FromAgent>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let node = self.node(&request).await?;
        let (out, outgoing) = mpsc::channel(desk::QUEUE);
        let (place, stopped) =
            self.desk.enter(&node, out.clone()).ok_or_else(|| Status::unavailable("the hub is ending"))?;
        let session = session::Session {
            node,
            inbox: Arc::clone(&self.inbox),
            budget: Arc::clone(&self.budget),
            place,
            out,
        };
        tokio::spawn(session.run(request.into_inner(), stopped));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

fn read(request: &[u8]) -> Result<NodeRequest, Status> {
    NodeRequest::read(request).map_err(|error| Status::invalid_argument(error.to_string()))
}

pub(super) fn shut_out() -> Status {
    Status::permission_denied("the hub does not know this node any more")
}

impl From<JoinRefused> for Status {
    fn from(error: JoinRefused) -> Self {
        match error {
            JoinRefused::Token => Self::permission_denied(error.to_string()),
            JoinRefused::Unavailable(error) => error.into(),
        }
    }
}

impl From<Unavailable> for Status {
    fn from(error: Unavailable) -> Self {
        Self::unavailable(error.to_string())
    }
}
