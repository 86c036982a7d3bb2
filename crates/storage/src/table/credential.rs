//! Credentials.

mod row;

use latchkey_domain::{
    application::{Origin, RpId},
    authority::Spend,
    credential::{
        Credential, CredentialId, CredentialKind, CredentialReference, CredentialState,
        key::PublicKey, passkey::Aaguid,
    },
    id::{ApplicationId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId, UserId},
    text::CredentialName,
    time::Timestamp,
};
use latchkey_service::ports::{
    account_store::HeldCredential, credential_store::NewName, sign_in_store::CredentialUse,
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set,
    DatabaseTransaction, DeleteMany, JoinType, QueryOrder as _, QuerySelect as _, UpdateMany,
    entity::prelude::*,
    sea_query::{Condition, ExprTrait as _, OnConflict},
};

pub(crate) use self::row::waits_until;
use self::row::{state, to_row};
use super::{application, organization, spent, user};
use crate::{
    column::{self, Inconsistency},
    statement::{self, Change as _},
};

type Typed<T> = column::Typed<Entity, T>;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Typed<CredentialUuid>,
    pub organization_id: Typed<OrganizationId>,
    pub user_id: Typed<UserId>,
    pub credential_id: Typed<CredentialId>,
    pub credential_key: String,
    pub kind: Typed<CredentialKind>,
    pub name: Typed<CredentialName>,
    pub public_key: Typed<PublicKey>,
    pub encrypted_private_key: Option<String>,
    pub application_id: Option<Typed<ApplicationId>>,
    pub rp_id: Option<Typed<RpId>>,
    /// One of its application, for a passkey; for a key pair what its client said.
    pub origin: Option<String>,
    pub aaguid: Option<Typed<Aaguid>>,
    pub sign_count: Option<Typed<u32>>,
    pub backup_eligible: Option<bool>,
    pub backed_up: Option<bool>,
    pub made_by: String,
    pub made_in_session: Option<Typed<TokenId>>,
    pub made_with_credential: Option<Typed<CredentialUuid>>,
    pub made_with_code: Option<Typed<CredentialCodeId>>,
    pub made_on_origin: Option<Typed<Origin>>,
    pub made_from_address: Typed<std::net::IpAddr>,
    pub is_active: bool,
    /// From when on it is gone unless it was approved; empty when it does not wait.
    pub waits_until: Option<Typed<Timestamp>>,
    /// When it was made active again; empty when it never was.
    pub activated: Option<Typed<Timestamp>>,
    pub created: Typed<Timestamp>,
    pub last_used: Option<Typed<Timestamp>>,
    pub counter_regressed_at: Option<Typed<Timestamp>>,
}

refers_to!(UserId => User of user, ApplicationId => Application of application);

/// Makes a credential; `false` when the organization has one of that credential id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let key = [Column::OrganizationId, Column::CredentialKey];
    Entity::insert(to_row(credential))
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .meets_one(transaction)
        .await
}

/// What the rules about all credentials of a user need to know of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Identifies it.
    pub(crate) uuid: CredentialUuid,
    /// Whether it can sign in when it is active.
    pub(crate) signs_in: bool,
    /// Whether it is active, or waits.
    pub(crate) state: CredentialState,
}

impl Summary {
    /// Whether it can sign in.
    pub(crate) const fn is_usable(&self) -> bool {
        matches!(self.state, CredentialState::Active) && self.signs_in
    }
}

/// All credentials of a user whose row is locked.
pub(crate) async fn summaries(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Vec<Summary>, StoreError> {
    type Columns = (
        Typed<CredentialUuid>,
        Typed<CredentialKind>,
        bool,
        Option<Typed<Timestamp>>,
    );
    let rows = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Kind,
            Column::IsActive,
            Column::WaitsUntil,
        ])
        .filter(Column::UserId.eq(user.as_str()))
        .into_tuple::<Columns>()
        .all(transaction)
        .await
        .map_err(StoreError::new)?;
    let summaries = rows.into_iter().map(|(id, kind, is_active, waits_until)| {
        Ok(Summary {
            state: state(&id, is_active, waits_until)?,
            uuid: id.0,
            signs_in: kind.0.signs_in(),
        })
    });
    Ok(summaries.collect::<Result<_, Inconsistency>>()?)
}

/// A change of a credential, if it is this user's.
fn change(user: &UserId, credential: &CredentialUuid, change: ActiveModel) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
}

/// Makes a credential active that is not, and notes when, because its earlier sessions stay ended;
/// `false` when it is active.
pub(crate) async fn activate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let activated = ActiveModel {
        is_active: Set(true),
        activated: Set(Some(at.into())),
        ..Default::default()
    };
    change(user, credential, activated)
        .filter(Column::IsActive.eq(false))
        .filter(Column::WaitsUntil.is_null())
        .meets_one(transaction)
        .await
}

/// Makes a credential active that waits; `false` when it does not, or not any more at that moment.
pub(crate) async fn approve(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let approved = ActiveModel {
        is_active: Set(true),
        waits_until: Set(None),
        ..Default::default()
    };
    change(user, credential, approved)
        .filter(Column::WaitsUntil.gt(at.unix_milliseconds()))
        .meets_one(transaction)
        .await
}

/// Makes a credential inactive; `false` when it is.
pub(crate) async fn deactivate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let deactivated = ActiveModel {
        is_active: Set(false),
        ..Default::default()
    };
    change(user, credential, deactivated)
        .filter(Column::IsActive.eq(true))
        .meets_one(transaction)
        .await
}

/// Gives a credential another name; `false` when there is none, or it waits.
pub(crate) async fn rename(
    transaction: &DatabaseTransaction,
    user: &UserId,
    new: &NewName,
) -> Result<bool, StoreError> {
    let renamed = ActiveModel {
        name: Set(new.name.clone().into()),
        ..Default::default()
    };
    change(user, &new.credential, renamed)
        .filter(Column::WaitsUntil.is_null())
        .meets_one(transaction)
        .await
}

/// Records a use; `false` when the counter that came with it is not beyond the one kept (and not both
/// are 0), or there is no such credential.
pub(crate) async fn record_use(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential_use: &CredentialUse,
) -> Result<bool, StoreError> {
    let mut row = ActiveModel {
        last_used: Set(Some(credential_use.date.into())),
        ..Default::default()
    };
    let mut guard = Condition::all();
    if let Some(state) = &credential_use.state {
        row.sign_count = Set(Some(state.sign_count.into()));
        row.backed_up = Set(Some(state.backed_up));
        let count = i64::from(state.sign_count);
        let mut grows = Condition::any().add(Column::SignCount.lt(count));
        if count == 0 {
            grows = grows.add(Column::SignCount.eq(0_i64));
        }
        guard = guard.add(grows);
    }
    change(user, &credential_use.credential, row)
        .filter(guard)
        .meets_one(transaction)
        .await
}

/// Notes when a counter went back; `false` when the challenge was spent before.
pub(crate) async fn note_counter_regression(
    transaction: &DatabaseTransaction,
    credential: &CredentialUuid,
    challenge: &Spend,
    at: Timestamp,
) -> Result<bool, StoreError> {
    Entity::update_many()
        .col_expr(
            Column::CounterRegressedAt,
            Expr::value(at.unix_milliseconds()),
        )
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Expr::exists(spent::entry(&challenge.id)).not())
        .meets_one(transaction)
        .await
}

fn delete_of(user: &UserId) -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::UserId.eq(user.as_str()))
}

/// Deletes every credential of a user, whose row is locked.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    delete_of(user).count(transaction).await
}

/// Deletes a credential; `false` when there is none.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let one = delete_of(user).filter(Column::Id.eq(credential.as_str()));
    one.meets_one(transaction).await
}

/// Deletes what waits of a user.
pub(crate) async fn delete_waiting(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    let waiting = delete_of(user).filter(Column::WaitsUntil.is_not_null());
    waiting.count(transaction).await
}

/// Deletes the credential of that credential id that a user has besides these, if there is one.
pub(crate) async fn delete_other(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
    id: &CredentialId,
) -> Result<bool, StoreError> {
    let other = others(user, kept).filter(Column::CredentialKey.eq(id.key()));
    other.meets_one(transaction).await
}

/// Deletes every credential that a user, whose row is locked, has besides these.
pub(crate) async fn delete_others(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
) -> Result<u64, StoreError> {
    others(user, kept).count(transaction).await
}

fn others(user: &UserId, kept: &[Credential]) -> DeleteMany<Entity> {
    let kept = kept.iter().map(|credential| credential.uuid.as_str());
    delete_of(user).filter(Column::Id.is_not_in(kept))
}

/// Deletes a credential of that credential id which has waited in vain, whoever's it is, so that the id
/// is free; `false` when there is none.
pub(crate) async fn delete_gone(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    id: &CredentialId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    Entity::delete_many()
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::CredentialKey.eq(id.key()))
        .filter(Column::WaitsUntil.lte(at.unix_milliseconds()))
        .meets_one(transaction)
        .await
}

/// Deletes at most `batch` credentials that had waited in vain before `before`.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    let expired = Entity::find().filter(Column::WaitsUntil.lt(before.unix_milliseconds()));
    statement::delete_batch(transaction, Column::Id, expired, batch).await
}

/// A credential of a user, inside a transaction.
pub(crate) async fn of_user(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<Option<Credential>, StoreError> {
    let found = Entity::find_by_id(credential.clone())
        .filter(Column::UserId.eq(user.as_str()))
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    found.map(Credential::try_from).transpose()
}

/// The oldest credential of a user, active or not.
pub(crate) async fn oldest(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<Option<CredentialUuid>, StoreError> {
    let found = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::UserId.eq(user.as_str()))
        .order_by_asc(Column::Created)
        .order_by_asc(Column::Id)
        .limit(1)
        .into_tuple::<Typed<CredentialUuid>>()
        .one(transaction)
        .await;
    Ok(found.map_err(StoreError::new)?.map(Typed::into_inner))
}

/// The credential that a client refers to, and its owner.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    organization: &OrganizationId,
    reference: &CredentialReference,
) -> Result<Option<HeldCredential>, StoreError> {
    let referred = match reference {
        CredentialReference::Id(id) => Column::CredentialKey.eq(id.key()),
        CredentialReference::Uuid(uuid) => Column::Id.eq(uuid.as_str()),
    };
    let found = Entity::find()
        .find_both_related(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .filter(referred)
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((credential, user)) = found else {
        return Ok(None);
    };
    Ok(Some(HeldCredential {
        credential: credential.try_into()?,
        user: user.into(),
    }))
}
