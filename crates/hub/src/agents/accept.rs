//! Connections: TLS, and who is at the other end.

use super::Settings;
use gabion_identity::{TrustDomain, peer_id, validity};
use jiff::Timestamp;
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// Connections at once.
const MAX_CONNECTIONS: usize = 8192;
/// A handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Whoever has no certificate joins within this, and goes.
const JOINING: Duration = Duration::from_secs(30);
/// How long is waited when the system is out of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that came to nothing, since the hub started.
#[derive(Debug, Default)]
pub struct Refusals {
    /// There were too many already.
    pub crowded: AtomicU64,
    /// No TLS, not in time, or a certificate that is not believed.
    pub handshakes: AtomicU64,
    /// A certificate that names no node of this trust domain.
    pub strangers: AtomicU64,
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Somebody without a certificate.
    Nobody,
    /// The node with this id.
    Node(Arc<str>),
    /// Another hub of this trust domain.
    Hub,
}

/// Whether another hub asks.
pub(crate) fn is_hub(extensions: &http::Extensions) -> bool {
    extensions.get::<Peer>() == Some(&Peer::Hub)
}

/// A connection whose other end is known.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    /// It is over then, whatever is said: the certificate has ended, or nobody has joined.
    end: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

/// Takes connections as they come, until whoever takes them has gone.
pub(super) fn accept(
    listener: TcpListener,
    tls: watch::Receiver<Arc<rustls::ServerConfig>>,
    settings: Settings,
    refusals: Arc<Refusals>,
) -> ReceiverStream<io::Result<Connection>> {
    let (taken, connections) = mpsc::channel(16);
    tokio::spawn(async move {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let stream = tokio::select! {
                () = taken.closed() => return,
                stream = listener.accept() => stream,
            };
            let Ok((stream, _)) = stream else {
                // Out of descriptors, or gone already.
                sleep(PAUSE).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                refusals.crowded.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            let acceptor = TlsAcceptor::from(Arc::clone(&tls.borrow()));
            let (taken, refusals, settings) = (taken.clone(), Arc::clone(&refusals), settings.clone());
            tokio::spawn(async move {
                // Acknowledgements are small and waited for.
                let _ = stream.set_nodelay(true);
                let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
                    refusals.handshakes.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                let Some((peer, lasts)) = recognise(&stream, settings.domain(), settings.now()) else {
                    refusals.strangers.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                let end = Box::pin(sleep(lasts));
                // The server may be ending.
                let _ = taken.send(Ok(Connection { stream, peer, end, _permit: permit })).await;
            });
        }
    });
    ReceiverStream::new(connections)
}

/// Whose certificate it is, and how long it holds; rustls has checked its signature.
fn recognise(
    stream: &TlsStream<TcpStream>,
    domain: &TrustDomain,
    now: Timestamp,
) -> Option<(Peer, Duration)> {
    let Some(leaf) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        return Some((Peer::Nobody, JOINING));
    };
    let id = peer_id(leaf).ok().filter(|id| id.domain() == domain)?;
    let left = validity(leaf).ok()?.until.duration_since(now);
    let peer = if id.is_hub() { Peer::Hub } else { Peer::Node(id.node_id()?.into()) };
    Some((peer, left.try_into().ok()?))
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
