//! Sinks: a record is handed to another system, at least once.
//!
//! ```text
//!   Record ─┬─ ecs ───────► search    _bulk, create or index by id      OpenSearch, Elasticsearch
//!           ├─ otlp ──────► http      protobuf                          OpenTelemetry
//!           ├─ syslog ────► TLS       octets counted, waits for the end syslog
//!           ├─ chat ──────► http      Slack, Teams, PagerDuty
//!           └─ plain ─┬───► http      signed                            webhook
//!                     └───► file      on disk                           file
//! ```
//!
//! [`Sink::send`] answers for each record: taken, refused for good, or to be sent again. Only what somebody has confirmed is taken. What
//! is sent again has the same id, so a receiver that has it drops it, or has it twice if it cannot tell: at least once, not exactly once.
//!
//! Where a sink is is set by an admin, so private addresses are allowed; redirects are not followed, so that it stays there.

#![forbid(unsafe_code)]

mod chat;
mod ecs;
mod file;
mod http;
mod otlp;
mod plain;
mod record;
mod search;
mod syslog;
mod target;
mod webhook;

pub use record::{Item, Kind, Record};
pub use target::{SinkError, place};

use gabion_api::rest::{Millis, SinkTarget};
use std::{path::Path, time::Duration};

/// Rejections of parts of one batch that are looked into; the rest is sent again.
const MAX_REJECTED: u32 = 24;

/// What has become of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The other system has it.
    Taken,
    /// It will never take it, and why.
    Refused(String),
    /// It may take it later, and why it has not.
    Again(String),
}

/// What has become of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Of each, in their order.
    pub verdicts: Vec<Verdict>,
    /// How long the server wants to be left alone.
    pub wait: Option<Duration>,
    /// Of those that are taken so many were refused, and why: the server has not said which.
    pub refused_among: Option<(u64, String)>,
}

/// What a server says to records that were sent to it at once.
enum Whole {
    Taken,
    /// Taken, but so many.
    TakenBut(u64, String),
    /// Each for itself, and how long to wait.
    Each(Vec<Verdict>, Option<Duration>),
    /// It does not want this request: because of one record in it, because it is too large, or because it is wrong as a whole.
    Rejected(String),
    Again(String, Option<Duration>),
}

enum Transport {
    Search(search::Search),
    Otlp(otlp::Otlp),
    Syslog(syslog::Syslog),
    Webhook(webhook::Webhook),
    Chat(chat::Chat),
    File(file::File),
}

/// Another system.
pub struct Sink {
    transport: Transport,
}

impl Sink {
    /// What a target means. `directory` is where files are.
    pub fn new(
        name: &str,
        target: &SinkTarget,
        secret: Option<&str>,
        directory: &Path,
    ) -> Result<Self, SinkError> {
        place(target, secret)?;
        let secret = secret.map(str::to_owned);
        let transport = match target {
            SinkTarget::OpenSearch { url, index, data_stream, user, authorities } => {
                let authentication = match (user, secret) {
                    (Some(user), secret) => {
                        search::Authentication::Basic(user.clone(), secret.unwrap_or_default())
                    }
                    (None, Some(key)) => search::Authentication::ApiKey(key),
                    (None, None) => search::Authentication::None,
                };
                let client = http::Client::new(url, authorities.as_deref())?;
                Transport::Search(search::Search::new(client, index, *data_stream, authentication))
            }
            SinkTarget::Otlp { url, authorities } => {
                Transport::Otlp(otlp::Otlp::new(http::Client::new(url, authorities.as_deref())?, secret))
            }
            SinkTarget::Syslog { address, authorities } => {
                Transport::Syslog(syslog::Syslog::new(address, authorities.as_deref())?)
            }
            SinkTarget::Webhook { url, authorities } => Transport::Webhook(webhook::Webhook::new(
                http::Client::new(url, authorities.as_deref())?,
                secret,
            )),
            SinkTarget::Slack {} => {
                Transport::Chat(chat::Chat::new(chat::Form::Slack, secret.as_deref(), None)?)
            }
            SinkTarget::Teams {} => {
                Transport::Chat(chat::Chat::new(chat::Form::Teams, secret.as_deref(), None)?)
            }
            SinkTarget::PagerDuty { url } => {
                Transport::Chat(chat::Chat::new(chat::Form::PagerDuty, secret.as_deref(), url.as_deref())?)
            }
            SinkTarget::File { max_mib, keep } => {
                Transport::File(file::File::new(directory, name, u64::from(*max_mib) << 20, *keep))
            }
        };
        Ok(Self { transport })
    }

    /// Hands over records. `now` goes into signatures and times of sending.
    pub async fn send(&mut self, records: &[Record], now: Millis) -> Outcome {
        let mut outcome = Outcome {
            verdicts: vec![Verdict::Again("it was not sent".to_owned()); records.len()],
            ..Outcome::default()
        };
        // Parts that are still to be sent, the first of them last. A part that is rejected is halved, until it is one record.
        let mut parts: Vec<(usize, usize)> = Vec::new();
        let mut from = 0;
        while from < records.len() {
            let to = records.len().min(from + self.transport.at_once());
            parts.push((from, to));
            from = to;
        }
        parts.reverse();
        let mut rejected = 0;
        while let Some((from, to)) = parts.pop() {
            let verdicts = &mut outcome.verdicts;
            match self.transport.send(&records[from..to], now).await {
                Whole::Taken => verdicts[from..to].fill(Verdict::Taken),
                Whole::TakenBut(many, why) => {
                    verdicts[from..to].fill(Verdict::Taken);
                    let before = outcome.refused_among.map_or(0, |(many, _)| many);
                    outcome.refused_among = Some((before + many.min((to - from) as u64), why));
                }
                Whole::Each(each, wait) => {
                    let again = each.iter().any(|verdict| matches!(verdict, Verdict::Again(_)));
                    for (verdict, said) in verdicts[from..to].iter_mut().zip(each) {
                        *verdict = said;
                    }
                    outcome.wait = outcome.wait.max(wait);
                    if again {
                        break;
                    }
                }
                Whole::Rejected(why) => {
                    rejected += 1;
                    if to - from == 1 {
                        verdicts[from] = Verdict::Refused(why);
                    } else if rejected < MAX_REJECTED {
                        let middle = from + (to - from) / 2;
                        parts.push((middle, to));
                        parts.push((from, middle));
                    } else {
                        verdicts[from..to].fill(Verdict::Again(why));
                        break;
                    }
                }
                Whole::Again(why, wait) => {
                    // The rest would not be taken either.
                    let unsent = verdicts[from..].iter_mut();
                    unsent.for_each(|verdict| *verdict = Verdict::Again(why.clone()));
                    outcome.wait = wait;
                    break;
                }
            }
        }
        outcome
    }
}

impl Transport {
    /// Records of one request.
    const fn at_once(&self) -> usize {
        match self {
            Self::Search(_) | Self::Otlp(_) | Self::Syslog(_) | Self::File(_) => 500,
            Self::Webhook(_) => 100,
            Self::Chat(chat) => chat.at_once(),
        }
    }

    async fn send(&mut self, records: &[Record], now: Millis) -> Whole {
        match self {
            Self::Search(search) => search.send(records).await,
            Self::Otlp(otlp) => otlp.send(records, now).await,
            Self::Syslog(syslog) => syslog.send(records).await,
            Self::Webhook(webhook) => webhook.send(records, now).await,
            Self::Chat(chat) => chat.send(records).await,
            Self::File(file) => file.send(records).await,
        }
    }
}

impl Outcome {
    /// Why something has to be sent again, if something has.
    pub fn trouble(&self) -> Option<&str> {
        self.verdicts.iter().find_map(|verdict| match verdict {
            Verdict::Again(why) => Some(why.as_str()),
            Verdict::Taken | Verdict::Refused(_) => None,
        })
    }
}
