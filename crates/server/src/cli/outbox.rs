//! `latchkey outbox`: the messages that wait to be sent.

use clap::Subcommand;
use latchkey_service::outbox::OpenMessage;
use serde::Serialize;

use super::{Failure, administer::date, answer};
use crate::wiring::Adapters;

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Show every message that waits and has not expired, oldest first. They may hold live codes.
    List,
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
    let waiting = match command {
        OutboxCommand::List => adapters.use_cases().outbox.waiting().await,
    };
    adapters.close().await?;
    let answers: Vec<_> = waiting?.iter().map(MessageAnswer::from).collect();
    answer(&answers)
}
