//! Using credentials, and whether the sessions that come of it still hold.

use async_trait::async_trait;
use latchkey_domain::{
    authority::{Authority, Spendable},
    credential::{Credential, Material},
    session::Session,
};
use latchkey_service::ports::{
    proof_verifier::AuthenticatorState,
    session_store::{ExerciseError, SessionStore},
    sign_in_store::{CredentialUse, Evidence, SignInStore, UseError},
    store::{AuthorityConflict, StoreError},
};

use crate::{MemoryStore, state::State};

#[async_trait]
impl SessionStore for MemoryStore {
    async fn is_live(&self, session: &Session) -> Result<bool, StoreError> {
        Ok(self.read(|state| state.standing(&Authority::of_session(session)).is_some()))
    }

    async fn exercise(&self, authority: Authority) -> Result<(), ExerciseError> {
        self.write(|state| {
            state.exercise(&authority)?;
            Ok(())
        })
    }

    async fn end_all(&self, authority: Authority) -> Result<(), ExerciseError> {
        self.write(|state| {
            state.exercise(&authority)?;
            state.end_epoch(authority.user());
            Ok(())
        })
    }
}

#[async_trait]
impl SignInStore for MemoryStore {
    async fn sign_in(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
    ) -> Result<(), UseError> {
        self.write(|state| state.record(authority, &uses))
    }

    async fn sign_action(
        &self,
        authority: Authority,
        uses: Vec<CredentialUse>,
        evidence: Evidence,
    ) -> Result<(), UseError> {
        self.write(|state| {
            let organization = authority.organization().clone();
            let mut kept = state.signed_actions.iter();
            let is_kept = kept.any(|(_, kept)| kept.id == evidence.id);
            let recorded = state.record(authority, &uses);
            if uses.is_empty() {
                return Err(StoreError::new("nobody signed the action").into());
            }
            if is_kept && !matches!(recorded, Err(UseError::Authority(_))) {
                return Err(AuthorityConflict::Spent(Spendable::Challenge).into());
            }
            recorded?;
            state.signed_actions.push((organization, evidence));
            Ok(())
        })
    }
}

impl State {
    /// Exercises the authority, which requires every credential that is used, and records the uses.
    fn record(&mut self, authority: Authority, uses: &[CredentialUse]) -> Result<(), UseError> {
        let signers = uses.iter().map(|each| each.credential.clone());
        let authority = signers.fold(authority, Authority::signed_by);
        self.exercise(&authority)?;
        for each in uses {
            let credential = self.credentials.get_mut(&each.credential);
            let credential = credential.ok_or(AuthorityConflict::Void)?;
            if let Some(state) = each.state {
                advance(credential, state)?;
            }
            credential.last_used = Some(each.date);
        }
        Ok(())
    }
}

/// A counter only ever grows, or stays 0.
fn advance(credential: &mut Credential, state: AuthenticatorState) -> Result<(), UseError> {
    let Material::Fido2(passkey) = &mut credential.material else {
        return Ok(());
    };
    let keeps_none = passkey.sign_count == 0 && state.sign_count == 0;
    if !keeps_none && state.sign_count <= passkey.sign_count {
        return Err(UseError::CounterRegressed);
    }
    passkey.sign_count = state.sign_count;
    passkey.backed_up = state.backed_up;
    Ok(())
}
