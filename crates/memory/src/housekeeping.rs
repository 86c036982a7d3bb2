//! Removing what nobody needs any more.

use std::collections::BTreeMap;

use async_trait::async_trait;
use latchkey_domain::{
    account_code::AccountCodeKind, credential::CredentialState, credential_code::CredentialCode,
    time::Timestamp,
};
use latchkey_service::ports::{housekeeping_store::HousekeepingStore, store::StoreError};

use crate::MemoryStore;

#[async_trait]
impl HousekeepingStore for MemoryStore {
    async fn delete_expired(&self, before: Timestamp, batch: u32) -> Result<u64, StoreError> {
        self.write(|state| {
            let newest: BTreeMap<_, _> = state
                .credential_codes
                .iter()
                .map(|held| (held.code.user.clone(), held.code.id.clone()))
                .collect();
            let is_over = |code: &CredentialCode| {
                code.expires < before
                    && code.claimed_by().is_none_or(|claim| claim.expires < before)
                    && newest.get(&code.user) != Some(&code.id)
            };
            let spent = state.spent.extract_if(.., |_, expires| *expires < before);
            let mut removed = count(batch, spent);
            let codes = &mut state.credential_codes;
            removed += count(batch, codes.extract_if(.., |held| is_over(&held.code)));
            let requests = state
                .code_requests
                .extract_if(.., |_, held| held.expires < before);
            removed += count(batch, requests);
            let waited_in_vain = state.credentials.extract_if(.., |_, credential| {
                matches!(credential.state, CredentialState::Waiting { until } if until < before)
            });
            removed += count(batch, waited_in_vain);
            let account_codes = state.account_codes.extract_if(.., |held| {
                held.code.expires < before && held.code.kind != AccountCodeKind::Registration
            });
            removed += count(batch, account_codes);
            let messages = &mut state.messages;
            removed += count(
                batch,
                messages.extract_if(.., |held| held.message.expires < before),
            );
            // Nobody else leaves events here, so there are none that this release does not know.
            Ok(removed)
        })
    }
}

/// Removes no more than `batch` of what is to be removed, and counts it.
fn count<T>(batch: u32, removed: impl Iterator<Item = T>) -> u64 {
    (0..batch).zip(removed).map(|_removed| 1).sum()
}
