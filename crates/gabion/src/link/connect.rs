//! Becoming a member, staying one, and calling the hub.

use super::{Address, Options};
use anyhow::{Context, anyhow, bail};
use gabion_api::agent::{JoinAnswer, JoinRequest, RenewRequest, agents_client::AgentsClient};
use gabion_identity::{JoinToken, KeptIdentity, NodeIdentity, NodeKey, tls};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::{CertificateError, OtherError};
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

/// A hub that does not answer within this is away.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a silent hub is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// No message is longer, in bytes; the hub has the same limit.
pub(super) const MAX_MESSAGE: usize = 16 << 20;
/// The name of the file.
const IDENTITY: &str = "identity.json";

/// The hub, as it is called.
pub(super) type Client = AgentsClient<Channel>;

/// What is kept of having joined.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    identity: KeptIdentity,
    /// The hash of the token by which it joined, so that it is seen when another is given.
    token: [u8; 32],
}

/// A node that has joined.
pub(super) struct Member {
    pub(super) identity: NodeIdentity,
    pub(super) token: [u8; 32],
}

impl Member {
    /// As it was kept. None if the node has not joined yet.
    pub(super) fn read(directory: &Path) -> anyhow::Result<Option<Self>> {
        let path = directory.join(IDENTITY);
        let told = || format!("cannot read {}", path.display());
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(told),
        };
        // Its words are not repeated: they are secret.
        let kept: Kept =
            serde_json::from_slice(&bytes).map_err(|_| anyhow!("it is damaged")).with_context(told)?;
        Ok(Some(Self { identity: NodeIdentity::read(kept.identity).with_context(told)?, token: kept.token }))
    }

    /// Keeps it: whole, and for nobody else to read.
    fn keep(&self, directory: &Path) -> anyhow::Result<()> {
        let kept = Kept { identity: self.identity.keep(), token: self.token };
        let (path, new) = (directory.join(IDENTITY), directory.join(".identity.json.new"));
        let write = || -> std::io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let mut file =
                fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(&kept)?)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            fs::File::open(directory)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether a token that was given now leads to another membership: this one is over, or of another hub.
    fn is_replaced_by(&self, token: &JoinToken, now: Timestamp) -> bool {
        token.hash() != self.token
            && (!self.identity.believes(token.fingerprint()) || now > self.identity.validity().until)
    }

    /// Asks for a new certificate, for a new key. It is kept when this is done.
    pub(super) async fn renew(
        token: [u8; 32],
        node: &str,
        client: &mut Client,
        directory: &Path,
    ) -> anyhow::Result<()> {
        let key = NodeKey::generate()?;
        let asked = client.renew(RenewRequest { request: key.request()? });
        let answer = timeout(PATIENCE, asked).await.context("the hub does not answer")??.into_inner();
        let member = Self { identity: identity(key, answer)?, token };
        if member.identity.id() != node {
            bail!("the hub has renewed the certificate of another node");
        }
        member.keep(directory)
    }
}

/// The node as a member: as it was, or by its token.
pub(super) async fn member(
    options: &Options,
    hub: &Address,
    name: &str,
    now: Timestamp,
    shut_out: bool,
) -> anyhow::Result<Member> {
    let directory = options.directory();
    let token = options.join.as_deref().map(str::parse::<JoinToken>).transpose()?;
    let before = Member::read(&directory)?;
    match (before, token) {
        (None, None) => bail!("this node has not joined the hub yet\nhint: --join TOKEN, from the hub"),
        (Some(member), Some(token))
            if member.is_replaced_by(&token, now) || (shut_out && token.hash() != member.token) =>
        {
            join(hub, &token, name, &directory).await
        }
        (Some(member), _) if now > member.identity.validity().until => bail!(
            "the certificate of this node ended at {}\nhint: --join TOKEN, with a new token of the hub",
            member.identity.validity().until
        ),
        (Some(member), _) => Ok(member),
        (None, Some(token)) => join(hub, &token, name, &directory).await,
    }
}

async fn join(hub: &Address, token: &JoinToken, name: &str, directory: &Path) -> anyhow::Result<Member> {
    let key = NodeKey::generate()?;
    let request = key.request()?;
    let mut client = call(hub, tls::pinned(token.fingerprint())?).await?;
    let asked = client.join(JoinRequest { secret: token.secret().to_vec(), request, name: name.to_owned() });
    let answer = timeout(PATIENCE, asked).await.context("the hub does not answer")??.into_inner();
    let member = Member { identity: identity(key, answer)?, token: token.hash() };
    member.keep(directory)?;
    Ok(member)
}

fn identity(key: NodeKey, answer: JoinAnswer) -> anyhow::Result<NodeIdentity> {
    NodeIdentity::new(key, answer.chain, answer.authorities).context("what the hub has signed cannot be used")
}

/// A connection to the hub.
pub(super) async fn call(hub: &Address, config: rustls::ClientConfig) -> anyhow::Result<Client> {
    let connector = TlsConnector::from(Arc::new(config));
    let hub = hub.clone();
    let channel = Endpoint::from_static("http://hub")
        .connect_timeout(PATIENCE)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .connect_with_connector(tower::service_fn(move |_| {
            let (connector, hub) = (connector.clone(), hub.clone());
            async move {
                let stream = TcpStream::connect(hub.lookup()).await?;
                stream.set_nodelay(true)?;
                // Nobody looks at it: a hub is known by its SPIFFE ID.
                let name = ServerName::try_from("hub").map_err(std::io::Error::other)?;
                connector.connect(name, stream).await.map(TokioIo::new)
            }
        }))
        .await
        .map_err(|error| anyhow!(innermost(&error)))?;
    Ok(AgentsClient::new(channel)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE))
}

/// What has gone wrong in the end.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let tls = last.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref()?.downcast_ref());
    match tls {
        // Why the hub is not believed, in our own words.
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why)))) => why.to_string(),
        _ => last.to_string(),
    }
}
