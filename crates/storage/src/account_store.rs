//! Reading users and their credentials, in one statement each.

use async_trait::async_trait;
use latchkey_domain::{
    credential::{CredentialReference, signer::ListedSigner},
    id::{OrganizationId, UserId},
    session::Session,
    text::Username,
};
use latchkey_service::ports::{
    account_store::{Account, AccountStore, HeldCredential},
    store::StoreError,
};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult as _, JoinType, QueryFilter as _,
    QuerySelect as _, QueryTrait as _, RelationTrait as _, SelectTwo, SelectTwoRequired, Statement,
    Value, sea_query::Expr,
};

use crate::{
    authority::{standing, standing_of_user},
    column::{FIRST, SECOND},
    session_store,
    statement::Fixed,
    store::SqlStore,
    table::{
        account::account_of,
        credential::{self, Column, signer},
        organization, user,
    },
};

#[async_trait]
impl AccountStore for SqlStore {
    async fn find_by_username(
        &self,
        organization: &OrganizationId,
        username: &Username,
    ) -> Result<Option<Account>, StoreError> {
        let values = [organization.as_str().into(), username.key().into()];
        let statement = BY_USERNAME.with(self.backend(), &values, |[organization, key]| {
            with_credentials()
                .filter(user::is_called(organization.clone(), key))
                .filter(organization::is_active(Expr::val(organization)))
                .into_query()
        });
        self.account(statement).await
    }

    async fn find_signed_in(&self, session: &Session) -> Result<Option<Account>, StoreError> {
        let values = session_store::values(session);
        let statement = BY_SESSION.with(self.backend(), &values, |values| {
            let mut values = Vec::from(values).into();
            let stands = standing_of_user(session_store::FORM, &mut values);
            with_credentials().filter(stands).into_query()
        });
        self.account(statement).await
    }

    async fn find_signers(
        &self,
        session: &Session,
    ) -> Result<Option<Vec<ListedSigner>>, StoreError> {
        let values = session_store::values(session);
        let statement = SIGNERS.with(self.backend(), &values, |values| {
            let [user, ..] = values.clone();
            let stands = standing(session_store::FORM, &mut Vec::from(values).into());
            signer::of(user).filter(stands).into_query()
        });
        let signers = signer::all_in(&self.rows(statement).await?)?;
        // The credential that began the session is one of them.
        Ok(Some(signers).filter(|signers| !signers.is_empty()))
    }

    async fn find(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let statement = BY_ID.with(self.backend(), &[user.as_str().into()], |[id]| {
            with_credentials()
                .join(JoinType::InnerJoin, user::Relation::Organization.def())
                .filter(user::Column::Id.eq(id))
                .filter(organization::Column::IsActive.eq(true))
                .into_query()
        });
        self.account(statement).await
    }

    async fn find_credential(
        &self,
        organization: &OrganizationId,
        reference: &CredentialReference,
    ) -> Result<Option<HeldCredential>, StoreError> {
        let (fixed, column, referred) = match reference {
            CredentialReference::Id(id) => (&BY_KEY, Column::CredentialKey, id.key().into()),
            CredentialReference::Uuid(uuid) => (&BY_UUID, Column::Id, uuid.as_str().into()),
        };
        let values = [referred, organization.as_str().into()];
        let statement = fixed.with(self.backend(), &values, |[referred, organization]| {
            with_its_user(column.eq(referred), organization).into_query()
        });
        let Some(row) = self.row(statement).await? else {
            return Ok(None);
        };
        let credential = credential::Model::from_query_result(&row, FIRST);
        let user = user::Model::from_query_result(&row, SECOND);
        Ok(Some(HeldCredential {
            credential: credential.map_err(StoreError::new)?.try_into()?,
            user: user.map_err(StoreError::new)?.into(),
        }))
    }
}

static BY_USERNAME: Fixed = Fixed::new();
static BY_SESSION: Fixed = Fixed::new();
static SIGNERS: Fixed = Fixed::new();
static BY_ID: Fixed = Fixed::new();
static BY_KEY: Fixed = Fixed::new();
static BY_UUID: Fixed = Fixed::new();

/// Users with all credentials: a row for each of them.
fn with_credentials() -> SelectTwo<user::Entity, credential::Entity> {
    user::Entity::find()
        .join(JoinType::LeftJoin, credential::Relation::User.def().rev())
        .select_also(credential::Entity)
}

/// A credential of that organization of which this is so, with its user.
fn with_its_user(
    condition: Expr,
    organization: Value,
) -> SelectTwoRequired<credential::Entity, user::Entity> {
    credential::Entity::find()
        .find_both_related(user::Entity)
        .filter(condition)
        .filter(Column::OrganizationId.eq(organization.clone()))
        .filter(organization::is_active(Expr::val(organization)))
}

impl SqlStore {
    /// The user of whom that statement has a row for each credential.
    async fn account(&self, statement: Statement) -> Result<Option<Account>, StoreError> {
        account_of(&self.rows(statement).await?, FIRST, SECOND)
    }
}
