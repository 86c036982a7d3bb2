#![doc = include_str!("../README.md")]

mod state;

mod organizations;

mod people;

mod credentials;

mod code_requests;

mod sessions;

mod messages;

mod events;

mod housekeeping;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use latchkey_domain::id::OrganizationId;

use self::state::State;

/// Implements every port of a store. Clones share what they keep, as replicas share a database.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl MemoryStore {
    /// Makes an organization inactive, which no port does.
    pub fn deactivate(&self, organization: &OrganizationId) {
        if let Some(found) = self.lock().organizations.get_mut(organization) {
            found.is_active = false;
        }
    }

    /// Looks at the state of one moment.
    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state wholly or not at all: the change is made to a draft, which takes the state's
    /// place if it gives `Ok`. Nobody else looks or changes meanwhile, so of any number of changes at once
    /// each one sees all that came before it.
    fn write<T, E>(&self, change: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
        let mut state = self.lock();
        let mut draft = state.clone();
        let outcome = change(&mut draft)?;
        *state = draft;
        Ok(outcome)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked did so with a draft; the state is as it was before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
