//! `latchkey outbox`: the messages that wait to be sent.

use clap::{Args, Subcommand};
use latchkey_domain::{id::MessageId, text};
use latchkey_service::{
    outbox::{OpenMessage, Outbox},
    ports::{
        message_store::{MessageState, Which},
        store::StoreError,
    },
};
use serde::Serialize;

use super::{Failure, administer::answer_and_close, date::date};
use crate::wiring::Adapters;

#[derive(Clone, Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Show every message that waits and has not expired, oldest first. They may hold live codes.
    List,
    /// Send messages now that could not be sent and wait for a later try, or that were kept.
    Retry(Meant),
    /// Delete messages unsent.
    Drop {
        #[command(flatten)]
        meant: Meant,
        /// Yes, delete so many as there are.
        #[arg(long)]
        yes: bool,
    },
}

/// Which messages are meant.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Meant {
    /// The message.
    #[arg(long, value_name = "ID", value_parser = message_id)]
    message: Option<MessageId>,
    /// All of them; to be sent, all that could not be sent.
    #[arg(long)]
    all: bool,
    /// All that were kept, since nothing was sent when they were written, however old they are.
    #[arg(long)]
    kept: bool,
}

impl Meant {
    /// Which these are, where `all` says which all of them are.
    fn which(self, all: Which) -> Which {
        match self.message {
            Some(message) => Which::One(message),
            None if self.kept => Which::Kept,
            None => all,
        }
    }
}

fn message_id(text: &str) -> Result<MessageId, String> {
    let id = text.parse::<MessageId>();
    id.map_err(|error| format!("{error}; latchkey outbox list shows all"))
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
    /// `waiting`, `sending`, `failed`, which is tried again, or `kept`, which is not sent.
    state: &'static str,
    /// How often it was tried, this time included where it is being sent.
    tries: u32,
    /// When it is tried again, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<String>,
    /// Why it was not sent the last time, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    to: String,
    subject: String,
    text: String,
    date: String,
    expiration: String,
}

impl From<&OpenMessage> for MessageAnswer {
    fn from(message: &OpenMessage) -> Self {
        let (state, next_try) = match message.state {
            MessageState::Waiting => ("waiting", None),
            MessageState::Sending => ("sending", None),
            MessageState::Failed(next) => ("failed", Some(date(next))),
            MessageState::Kept => ("kept", None),
        };
        Self {
            state,
            next_try,
            failure: message.failure.clone(),
            tries: message.tries,
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
        OutboxCommand::Retry(meant) => {
            let counted = retry(outbox, &meant.which(Which::Failed)).await;
            answer_and_close(counted, MESSAGES, adapters).await
        }
        OutboxCommand::Drop { meant, yes } => {
            let counted = discard(outbox, &meant.which(Which::All), yes).await;
            answer_and_close(counted, MESSAGES, adapters).await
        }
    }
}

async fn retry(outbox: &Outbox, which: &Which) -> Result<CountAnswer, Failure> {
    let why =
        "waits for a later try; what is being sent, or nobody has tried yet, is not asked for";
    counted(which, why, outbox.retry(which).await)
}

async fn discard(outbox: &Outbox, which: &Which, yes: bool) -> Result<CountAnswer, Failure> {
    if !yes && !matches!(which, Which::One(_)) {
        let messages = u64::try_from(outbox.count(which).await?)?;
        let messages = text::counted(messages, "message");
        return Err(format!("this deletes {messages} unsent: say --yes").into());
    }
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
        (Which::One(_) | Which::All | Which::Failed | Which::Kept, messages) => {
            Ok(CountAnswer { messages })
        }
    }
}
