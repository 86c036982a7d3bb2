//! Keeping credential codes.

use std::collections::BTreeSet;

use async_trait::async_trait;
use latchkey_domain::{
    approval::{Decision, Verdict},
    authority::Authority,
    credential::Credential,
    credential_code::{ClaimedCode, CodeDigest, CredentialCode, NewCredentialCode, RedeemedCode},
    id::{CredentialCodeId, UserId},
};
use latchkey_service::ports::{
    credential_code_store::{ClaimError, CredentialCodeStore, DecideError, HeldCode, IssueError},
    credential_store::CreateError,
    store::{AuthorityConflict, StoreError},
};

use crate::{
    authority::{Standing, exercise},
    credential_store::insert_all,
    ending,
    store::SqlStore,
    table,
};

#[async_trait]
impl CredentialCodeStore for SqlStore {
    async fn issue(&self, authority: Authority, new: NewCredentialCode) -> Result<(), IssueError> {
        self.write(async move |tx| {
            exercise::<IssueError>(&tx, &authority).await?;
            ending::supersede_codes(&tx, authority.user()).await?;
            let is_made = table::credential_code::insert(&tx, new).await?;
            is_made.then_some(()).ok_or(IssueError::Taken)
        })
        .await
    }

    async fn find(&self, digest: &CodeDigest) -> Result<Option<HeldCode>, StoreError> {
        table::credential_code::find(self.reader(), digest).await
    }

    async fn claim(&self, claimed: ClaimedCode) -> Result<(), ClaimError> {
        self.write(async move |tx| {
            let code = claimed.code();
            let standing = Standing {
                organization: &code.organization,
                user: &code.user,
                epoch: code.epoch,
                credentials: BTreeSet::from([&code.issuer]),
                applications: BTreeSet::new(),
            };
            let is_claimed = standing.holds(&tx).await?.is_some()
                && table::credential_code::claim(&tx, &claimed).await?;
            is_claimed.then_some(()).ok_or(ClaimError::Lost)
        })
        .await
    }

    async fn redeem(
        &self,
        authority: Authority,
        redeemed: RedeemedCode,
        credential: Credential,
    ) -> Result<(), CreateError> {
        self.write(async move |tx| {
            exercise::<CreateError>(&tx, &authority).await?;
            let user = authority.user();
            if !table::credential_code::redeem(&tx, user, &redeemed, &credential).await? {
                return Err(AuthorityConflict::Void.into());
            }
            insert_all(&tx, &authority, &[credential]).await
        })
        .await
    }

    /// The code decides, because it is what a new code and a cancellation end, too.
    async fn decide(&self, authority: Authority, decision: Decision) -> Result<(), DecideError> {
        self.write(async move |tx| {
            exercise::<DecideError>(&tx, &authority).await?;
            let (user, credential) = (authority.user(), &decision.credential);
            let is_done = table::credential_code::decide(&tx, &authority, &decision).await?
                && match decision.verdict {
                    Verdict::Approved => {
                        table::credential::approve(&tx, user, credential, decision.date).await?
                    }
                    Verdict::Refused => table::credential::delete(&tx, user, credential).await?,
                };
            is_done.then_some(()).ok_or(DecideError::NotWaiting)
        })
        .await
    }

    async fn find_by_id(&self, code: &CredentialCodeId) -> Result<Option<HeldCode>, StoreError> {
        table::credential_code::find_by_id(self.reader(), code).await
    }

    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError> {
        table::credential_code::newest(self.reader(), user).await
    }

    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError> {
        let user = user.clone();
        self.write(async move |tx| match table::user::lock(&tx, &user).await? {
            Some(_locked) => ending::end_codes(&tx, &user).await,
            None => Ok(()),
        })
        .await
    }
}
