//! Recovery: a user who has lost every credential makes new ones with a recovery key.

use std::sync::Arc;

use latchkey_domain::{
    authority::Authority,
    challenge::{Challenge, Purpose},
    credential::{Credential, CredentialReference, MadeBy, Provenance},
    id::{CredentialUuid, UserId},
    user::User,
};

use crate::{
    ceremony::Ceremonies,
    directory::Caller,
    first_credentials::{FirstCredentials, MadeCredentials, Registered},
    new_credential::{Maker, NewCredentialError},
    ports::{
        account_store::AccountStore,
        proof_verifier::{ProofError, RecoveryProof},
        recovery_store::RecoveryStore,
        store::StoreError,
    },
};

/// What completing a recovery receives.
pub struct CompleteRecovery {
    /// The temporary token of recover/user/init.
    pub temporary_token: String,
    /// The proof made with the recovery key.
    pub proof: RecoveryProof,
    /// `newCredentials` as it was received, in JSON: what the recovery key must have signed.
    pub received: String,
    /// The same, read.
    pub credentials: FirstCredentials,
}

/// Why an account is not recovered.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Another credential signed than the one the recovery began with.
    #[error("the credential cannot be used as a recovery factor")]
    OtherCredential,
    /// The recovery key's proof is not true.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A new credential cannot be made, or the challenge is void.
    #[error(transparent)]
    NewCredential(#[from] NewCredentialError),
}

/// Recovers accounts.
pub struct Recoveries {
    /// What every ceremony works with.
    pub ceremonies: Ceremonies,
    /// Finds the user and the recovery key.
    pub accounts: Arc<dyn AccountStore>,
    /// Recovers.
    pub store: Arc<dyn RecoveryStore>,
}

impl Recoveries {
    /// Puts new credentials in the place of all that the user has, and ends whatever the earlier ones
    /// have allowed. The recovery key must have signed exactly the credentials that were received, so
    /// whoever stands between client and service cannot slip in one of their own. The user is told.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn complete(
        &self,
        caller: &Caller,
        request: CompleteRecovery,
    ) -> Result<Registered, RecoverError> {
        let snapshot = self.ceremonies.snapshot().await?;
        snapshot.admit(caller).map_err(NewCredentialError::from)?;
        let challenge = self
            .ceremonies
            .read(&request.temporary_token)
            .map_err(|_invalid| NewCredentialError::InvalidChallenge)?;
        let Purpose::Recovery {
            user, credential, ..
        } = &challenge.purpose
        else {
            return Err(NewCredentialError::InvalidChallenge.into());
        };
        let (user, key) = self.find(user, credential).await?;
        if !names(&request.proof.credential, &key) {
            return Err(RecoverError::OtherCredential);
        }
        self.ceremonies
            .verifier
            .confirm_recovery(&key, &request.received, &request.proof)?;
        let maker = Maker {
            organization: challenge.organization.clone(),
            user: user.id.clone(),
            provenance: Provenance {
                made_by: MadeBy::Recovery {
                    credential: key.uuid,
                },
                origin: caller.known_origin(),
                address: caller.address,
            },
            now: self.ceremonies.now(),
        };
        let expected = self.ceremonies.expected(&challenge).await?;
        let made = self
            .ceremonies
            .make_first(&maker, &expected, request.credentials)?;
        self.recover(&challenge, &made).await?;
        Ok(Registered {
            credential: made.first,
            user,
        })
    }

    /// The user and the recovery key of a challenge; what has gone since makes the challenge void.
    async fn find(
        &self,
        user: &UserId,
        key: &CredentialUuid,
    ) -> Result<(User, Credential), RecoverError> {
        let account = self.accounts.find(user).await?;
        account
            .and_then(|account| {
                let mut credentials = account.credentials.into_iter();
                let key = credentials.find(|credential| credential.uuid == *key)?;
                Some((account.user, key))
            })
            .ok_or_else(|| NewCredentialError::InvalidChallenge.into())
    }

    async fn recover(
        &self,
        challenge: &Challenge,
        made: &MadeCredentials,
    ) -> Result<(), NewCredentialError> {
        let credentials = made.all();
        let applications = credentials
            .iter()
            .filter_map(|one| one.material.application());
        let authority = Authority::of_challenge(challenge)
            .map_err(|_no_user| NewCredentialError::InvalidChallenge)?
            .within(applications)
            .telling(
                self.ceremonies
                    .messages
                    .account_recovered(&made.first, &made.others),
            );
        self.store.recover(authority, credentials).await?;
        Ok(())
    }
}

/// Whether a reference is one to this credential.
fn names(reference: &CredentialReference, credential: &Credential) -> bool {
    match reference {
        CredentialReference::Id(id) => id.key() == credential.id.key(),
        CredentialReference::Uuid(uuid) => *uuid == credential.uuid,
    }
}

impl From<StoreError> for RecoverError {
    fn from(error: StoreError) -> Self {
        NewCredentialError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
