//! `latchkey outbox`: the messages that wait to be sent.

use clap::{Args, Subcommand};
use latchkey_domain::id::MessageId;
use latchkey_service::{
    outbox::{OpenMessage, Outbox},
    ports::{message_store::Which, store::StoreError},
};
use serde::Serialize;

use super::{Failure, administer::answer_and_close, date::date};
use crate::wiring::Adapters;

#[derive(Clone, Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Show every message that waits and has not expired, oldest first. They may hold live codes.
    List,
    /// Send messages now that wait for a later try, or waited before there was a mail server.
    Retry(Messages),
    /// Delete messages unsent.
    Drop(Messages),
}

/// Which messages.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Messages {
    /// The message.
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

impl From<Messages> for Which {
    fn from(some: Messages) -> Self {
        let Messages {
            message,
            all: _if_none,
        } = some;
        message.map_or(Self::All, Self::One)
    }
}

/// What is listed.
const MESSAGES: &str = "messages";

/// How many messages it was.
#[derive(Serialize)]
struct CountAnswer {
    messages: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageAnswer {
    message_id: String,
    kind: &'static str,
    to: String,
    subject: String,
    text: String,
    date: String,
    expiration: String,
}

impl From<&OpenMessage> for MessageAnswer {
    fn from(message: &OpenMessage) -> Self {
        Self {
            message_id: message.id.to_string(),
            kind: message.kind.as_str(),
            to: message.to.to_string(),
            subject: message.content.subject.clone(),
            text: message.content.text.clone(),
            date: date(message.created),
            expiration: date(message.expires),
        }
    }
}

pub(super) async fn perform(command: OutboxCommand, adapters: Adapters) -> Result<(), Failure> {
    let use_cases = adapters.use_cases();
    let outbox = &use_cases.outbox;
    match command {
        OutboxCommand::List => {
            let waiting = outbox.waiting().await;
            let told = |waiting: Vec<OpenMessage>| -> Vec<_> {
                waiting.iter().map(MessageAnswer::from).collect()
            };
            answer_and_close(waiting.map(told).map_err(Failure::from), MESSAGES, adapters).await
        }
        OutboxCommand::Retry(which) => {
            let counted = retry(outbox, &which.into()).await;
            answer_and_close(counted, MESSAGES, adapters).await
        }
        OutboxCommand::Drop(which) => {
            let counted = discard(outbox, &which.into()).await;
            answer_and_close(counted, MESSAGES, adapters).await
        }
    }
}

async fn retry(outbox: &Outbox, which: &Which) -> Result<CountAnswer, Failure> {
    let why =
        "waits for a later try; one that nobody has tried yet is sent without being asked for";
    counted(which, why, outbox.retry(which).await)
}

async fn discard(outbox: &Outbox, which: &Which) -> Result<CountAnswer, Failure> {
    counted(which, "waits", outbox.discard(which).await)
}

/// How many messages it was; a failure when one was named and is not among them.
fn counted(
    which: &Which,
    why: &str,
    messages: Result<u64, StoreError>,
) -> Result<CountAnswer, Failure> {
    match (which, messages?) {
        (Which::One(id), 0) => Err(format!("--message: no message {id} {why}").into()),
        (Which::One(_) | Which::All, messages) => Ok(CountAnswer { messages }),
    }
}
