//! Events of commands: each runs in a process of its own, whose log nobody may keep. So it leaves word of them in the
//! store, and one of the processes that serve tells them, once, as it tells its own.

use std::sync::Arc;

use latchkey_domain::id::EventId;
use tracing::warn;

use super::{Event, Events, Facts, Reason, Refusal};
use crate::ports::{
    administration_store::Effect,
    clock::Clock,
    entropy::Entropy,
    event_store::{EventStore, LeftEvent},
    store::StoreError,
};

/// How many events are taken at once.
const BATCH: u32 = 100;

/// Leaves events for a process that serves, and tells those that were left.
///
/// An event is left when its outcome is known, so those that are refused are left too. A process that is killed in
/// between leaves nothing, just as one that serves tells nothing then.
#[derive(Clone)]
pub struct LeftEvents {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) events: Events,
}

impl LeftEvents {
    /// For a command that has a store, and no use cases.
    pub fn of(
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        store: Arc<dyn EventStore>,
    ) -> Self {
        Self {
            clock,
            entropy,
            store,
            events: Events::default(),
        }
    }

    /// Leaves word that something was done.
    pub async fn leave(&self, event: Event) {
        self.keep(event, &Facts::default(), None).await;
    }

    /// Leaves word of what came of an event, and gives it.
    pub(crate) async fn leave_outcome<T, E: Refusal>(
        &self,
        event: Event,
        facts: &Facts,
        outcome: Result<T, E>,
    ) -> Result<T, E> {
        let refused = outcome.as_ref().err().map(Refusal::reason);
        self.keep(event, facts, refused).await;
        outcome
    }

    /// Leaves word of what came of a change, and gives it. Of one that changed nothing there is nothing to tell.
    pub(crate) async fn leave_effect<E: Refusal>(
        &self,
        event: Event,
        facts: &Facts,
        outcome: Result<Effect, E>,
    ) -> Result<Effect, E> {
        let refused = match &outcome {
            Ok(Effect::Changed) => None,
            Ok(Effect::Unneeded) => return outcome,
            Ok(Effect::NotFound) => Some(Reason::NotFound),
            Err(error) => Some(error.reason()),
        };
        self.keep(event, facts, refused).await;
        outcome
    }

    /// Leaves an event. What cannot be left is told here, at least.
    async fn keep(&self, event: Event, facts: &Facts, refused: Option<Reason>) {
        let left = LeftEvent {
            id: EventId::from_random(&self.entropy.draw()),
            at: self.clock.now(),
            event,
            refused,
            organization: facts.organization.clone(),
            user: facts.user.clone(),
            credential: facts.credential.clone(),
            application: facts.application.clone(),
        };
        // A store that has just failed is not waited for again.
        if refused.is_some_and(Reason::is_failure) {
            self.events.conclude(event, facts, refused);
        } else if let Err(error) = self.store.leave(left).await {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            warn!(%error, cause, "the processes that serve are not told of this event, which stands here alone");
            self.events.conclude(event, facts, refused);
        }
    }

    /// Tells events that were left, oldest first, and gives how many: there may be more. Each is told by one process,
    /// once; the one that takes it and is killed at that moment tells nothing. When none was left it costs one read.
    ///
    /// # Errors
    /// [`StoreError`]; what was left still waits then, unless the answer to a commit was lost: then a batch of it may
    /// be gone untold.
    pub async fn run(&self) -> Result<usize, StoreError> {
        let taken = self.store.take(BATCH).await?;
        let number = taken.len();
        for left in taken {
            let facts = Facts {
                organization: left.organization,
                user: left.user,
                credential: left.credential,
                application: left.application,
                at: Some(left.at),
                ..Facts::default()
            };
            self.events.conclude(left.event, &facts, left.refused);
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
