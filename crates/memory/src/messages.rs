//! Messages that wait to be sent.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use latchkey_domain::{id::UserId, time::Timestamp, user::User};
use latchkey_service::ports::{
    message_store::{
        ClaimedMessage, ListedMessage, MessageState, MessageStore, Pending, Postponement,
        WaitingMessage, Which,
    },
    store::StoreError,
};

use crate::{
    MemoryStore,
    state::{Outgoing, State},
};

#[async_trait]
impl MessageStore for MemoryStore {
    async fn claim(
        &self,
        now: Timestamp,
        lease: Duration,
        batch: u32,
    ) -> Result<Vec<ClaimedMessage>, StoreError> {
        self.write(|state| {
            let State {
                messages, users, ..
            } = state;
            let until = now.plus(lease);
            let is_due = |held: &&mut Outgoing| held.due <= now && now < held.message.expires;
            let mut due: Vec<_> = messages.iter_mut().filter(is_due).collect();
            due.sort_by_key(|held| held.message.expires);
            let taken = (0..batch).zip(due).filter_map(|(_, held)| {
                held.due = until;
                held.is_taken = true;
                held.attempts += 1;
                Some(ClaimedMessage {
                    message: addressed(held, users)?,
                    attempt: held.attempts,
                })
            });
            Ok(taken.collect())
        })
    }

    async fn remove(&self, claimed: &ClaimedMessage) -> Result<bool, StoreError> {
        self.write(|state| {
            let is_it = |held: &mut Outgoing| is_with(held, claimed);
            Ok(state.messages.extract_if(.., is_it).next().is_some())
        })
    }

    async fn hold(&self, claimed: &ClaimedMessage, until: Timestamp) -> Result<bool, StoreError> {
        self.write(|state| {
            let mut messages = state.messages.iter_mut();
            let Some(found) = messages.find(|held| held.is_taken && is_with(held, claimed)) else {
                return Ok(false);
            };
            found.due = until;
            Ok(true)
        })
    }

    async fn put_back(
        &self,
        claimed: &ClaimedMessage,
        postponed: &Postponement,
    ) -> Result<bool, StoreError> {
        self.write(|state| {
            let mut messages = state.messages.iter_mut();
            let Some(found) = messages.find(|held| is_with(held, claimed)) else {
                return Ok(false);
            };
            found.due = postponed.due;
            found.failure.clone_from(&postponed.reason);
            found.is_taken = false;
            Ok(true)
        })
    }

    async fn pending(&self, now: Timestamp) -> Result<Pending, StoreError> {
        Ok(self.read(|state| {
            let is_pending = |held: &&Outgoing| {
                let expires = held.message.expires;
                now < expires && (held.is_taken || held.due < expires)
            };
            let pending = || state.messages.iter().filter(is_pending);
            Pending {
                count: u64::try_from(pending().count()).unwrap_or(u64::MAX),
                oldest: pending().map(|held| held.message.created).min(),
            }
        }))
    }

    async fn hasten(&self, which: &Which) -> Result<u64, StoreError> {
        self.write(|state| {
            let mut hastened = 0;
            for held in &mut state.messages {
                if is_put_back(held) && is_one_of(held, which) {
                    held.due = held.message.created;
                    hastened += 1;
                }
            }
            Ok(hastened)
        })
    }

    async fn discard(&self, which: &Which) -> Result<u64, StoreError> {
        self.write(|state| {
            let is_it = |held: &mut Outgoing| is_one_of(held, which);
            let discarded = state.messages.extract_if(.., is_it).count();
            u64::try_from(discarded).map_err(StoreError::new)
        })
    }

    async fn waiting(&self, now: Timestamp) -> Result<Vec<ListedMessage>, StoreError> {
        Ok(self.read(|state| {
            let live = state
                .messages
                .iter()
                .filter(|held| now < held.message.expires);
            let mut waiting: Vec<_> = live
                .filter_map(|held| listed(held, &state.users, now))
                .collect();
            waiting.sort_by_key(|listed| listed.message.created);
            waiting
        }))
    }
}

fn is_one_of(held: &Outgoing, which: &Which) -> bool {
    match which {
        Which::All => true,
        Which::Failed => is_put_back(held) && held.due < held.message.expires,
        Which::Kept => is_put_back(held) && held.due >= held.message.expires,
        Which::One(id) => held.message.id == *id,
    }
}

/// Whether a message waits for a later moment than its creation, or for none, and is with nobody.
fn is_put_back(held: &Outgoing) -> bool {
    !held.is_taken && held.due != held.message.created
}

/// Whether a message is still with who took it: nobody has taken it since.
fn is_with(held: &Outgoing, claimed: &ClaimedMessage) -> bool {
    held.message.id == claimed.message.id && held.attempts == claimed.attempt
}

/// A message with whom it is for now.
fn addressed(held: &Outgoing, users: &BTreeMap<UserId, User>) -> Option<WaitingMessage> {
    let message = held.message.clone();
    Some(WaitingMessage {
        id: message.id,
        kind: message.kind,
        to: users.get(&message.user)?.username.clone(),
        user: message.user,
        sealed: message.sealed,
        created: message.created,
        expires: message.expires,
    })
}

/// The same as of `now`, and how far it has come.
fn listed(
    held: &Outgoing,
    users: &BTreeMap<UserId, User>,
    now: Timestamp,
) -> Option<ListedMessage> {
    let message = addressed(held, users)?;
    Some(ListedMessage {
        tries: held.attempts,
        state: if held.is_taken {
            MessageState::with_somebody(held.due, now)
        } else {
            MessageState::of(&message, held.due)
        },
        failure: held.failure.clone(),
        message,
    })
}
