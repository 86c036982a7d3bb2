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
    credential_code_store::{
        ClaimError, CredentialCodeStore, DecideError, HeldCode, IssueError, RedeemError,
    },
    credential_store::CreateError,
    store::StoreError,
};
use sea_orm::DatabaseTransaction;

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
        self.write(move |transaction| Box::pin(issue(transaction, authority, new)))
            .await?
    }

    async fn find(&self, digest: &CodeDigest) -> Result<Option<HeldCode>, StoreError> {
        table::credential_code::find(self.reader(), digest).await
    }

    async fn claim(&self, claimed: ClaimedCode) -> Result<(), ClaimError> {
        self.write(move |transaction| Box::pin(claim(transaction, claimed)))
            .await?
    }

    async fn redeem(
        &self,
        authority: Authority,
        redeemed: RedeemedCode,
        credential: Credential,
    ) -> Result<(), RedeemError> {
        self.write(move |transaction| {
            Box::pin(redeem(transaction, authority, redeemed, credential))
        })
        .await
        .map_err(CreateError::from)?
    }

    async fn decide(&self, authority: Authority, decision: Decision) -> Result<(), DecideError> {
        self.write(move |transaction| Box::pin(decide(transaction, authority, decision)))
            .await?
    }

    async fn find_by_id(&self, code: &CredentialCodeId) -> Result<Option<HeldCode>, StoreError> {
        table::credential_code::find_by_id(self.reader(), code).await
    }

    async fn newest(&self, user: &UserId) -> Result<Option<CredentialCode>, StoreError> {
        table::credential_code::newest(self.reader(), user).await
    }

    async fn cancel_all(&self, user: &UserId) -> Result<(), StoreError> {
        let user = user.clone();
        self.write(move |transaction| Box::pin(cancel_all(transaction, user)))
            .await?
    }
}

async fn issue(
    transaction: &DatabaseTransaction,
    authority: Authority,
    new: NewCredentialCode,
) -> Result<(), IssueError> {
    exercise::<IssueError>(transaction, &authority).await?;
    ending::supersede_codes(transaction, authority.user()).await?;
    if table::credential_code::insert(transaction, &new).await? {
        Ok(())
    } else {
        Err(IssueError::Taken)
    }
}

async fn claim(transaction: &DatabaseTransaction, claimed: ClaimedCode) -> Result<(), ClaimError> {
    let code = claimed.code();
    let standing = Standing {
        organization: &code.organization,
        user: &code.user,
        epoch: code.epoch,
        credentials: BTreeSet::from([&code.issuer]),
        applications: BTreeSet::new(),
    };
    if standing.holds(transaction).await?.is_some()
        && table::credential_code::claim(transaction, &claimed).await?
    {
        Ok(())
    } else {
        Err(ClaimError::Lost)
    }
}

async fn redeem(
    transaction: &DatabaseTransaction,
    authority: Authority,
    redeemed: RedeemedCode,
    credential: Credential,
) -> Result<(), RedeemError> {
    exercise::<CreateError>(transaction, &authority).await?;
    let user = authority.user();
    if !table::credential_code::redeem(transaction, user, &redeemed, &credential)
        .await
        .map_err(CreateError::from)?
    {
        return Err(RedeemError::Lost);
    }
    insert_all(transaction, &authority, &[credential]).await?;
    Ok(())
}

/// The code decides, because it is what a new code and a cancellation end, too.
async fn decide(
    transaction: &DatabaseTransaction,
    authority: Authority,
    decision: Decision,
) -> Result<(), DecideError> {
    exercise::<DecideError>(transaction, &authority).await?;
    let user = authority.user();
    let Decision {
        credential,
        verdict,
        date,
    } = &decision;
    let done = table::credential_code::decide(transaction, &authority, &decision).await?
        && match verdict {
            Verdict::Approved => {
                table::credential::approve(transaction, user, credential, *date).await?
            }
            Verdict::Refused => table::credential::delete(transaction, user, credential).await?,
        };
    if done {
        Ok(())
    } else {
        Err(DecideError::NotWaiting)
    }
}

async fn cancel_all(transaction: &DatabaseTransaction, user: UserId) -> Result<(), StoreError> {
    if table::user::lock(transaction, &user).await?.is_some() {
        ending::end_codes(transaction, &user).await?;
    }
    Ok(())
}
