//! Credential codes, by digest.

use latchkey_domain::{
    application::Origin,
    approval::{Decision, Verdict, Wait},
    authority::Authority,
    credential::{Credential, CredentialState},
    credential_code::{
        Claim, ClaimedCode, CodeDigest, CodeState, CredentialCode, NewCredentialCode, RedeemedCode,
    },
    id::{CredentialCodeId, UserId},
    time::Timestamp,
    user::Epoch,
};
use latchkey_service::ports::{credential_code_store::HeldCode, store::StoreError};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _, JoinType,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _, UpdateMany,
    sea_query::{CaseStatement, Condition, Expr, OnConflict},
};

use crate::{
    entity::{
        credential_code::{ActiveModel, Column, Entity, Model},
        organization, user,
    },
    row::{Inconsistency, Row, moment},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "credential_codes";

const ISSUED: &str = "issued";
const CLAIMED: &str = "claimed";
const REDEEMED: &str = "redeemed";
const CANCELLED: &str = "cancelled";

const WAITING: &str = "waiting";
const APPROVED: &str = "approved";
const REFUSED: &str = "refused";

/// A wait as it is stored.
const fn approval(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        None => WAITING,
        Some(Verdict::Approved) => APPROVED,
        Some(Verdict::Refused) => REFUSED,
    }
}

/// A code with which a credential was made that waits, or has waited in vain.
fn waits() -> Expr {
    Column::Approval.eq(WAITING)
}

/// A code that can still lead to a credential.
fn is_open() -> Expr {
    Column::State.is_in([ISSUED, CLAIMED])
}

/// Makes an issued code; `false` when a code of the same text exists.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    new: &NewCredentialCode,
) -> Result<bool, StoreError> {
    let code = &new.code;
    let row = ActiveModel {
        id: Set(code.id.to_string()),
        organization_id: Set(code.organization.to_string()),
        user_id: Set(code.user.to_string()),
        epoch: Set(code.epoch.number()),
        issuer: Set(code.issuer.to_string()),
        session: Set(code.session.to_string()),
        short_digest: Set(new.short.map(|digest| digest.as_bytes().to_vec())),
        long_digest: Set(new.long.as_bytes().to_vec()),
        issued: Set(code.issued.unix_milliseconds()),
        expires: Set(code.expires.unix_milliseconds()),
        state: Set(ISSUED.to_owned()),
        is_newest: Set(true),
        ..ActiveModel::default()
    };
    let rows = Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, rows)?)
}

/// Makes room for a newer code of a user: cancels what is open, refuses what waits, and none is the
/// newest any more; `false` when there was nothing of it.
pub(crate) async fn supersede(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<bool, StoreError> {
    let change = ending(user)
        .col_expr(Column::IsNewest, Expr::value(false))
        .filter(
            Condition::any()
                .add(Column::IsNewest.eq(true))
                .add(is_open())
                .add(waits()),
        );
    end(transaction, change).await
}

/// Deletes every code of a user, whose row is locked.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// Cancels what is open of a user, and refuses what waits; `false` when there was nothing of it.
pub(crate) async fn cancel_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<bool, StoreError> {
    let change = ending(user).filter(Condition::any().add(is_open()).add(waits()));
    end(transaction, change).await
}

/// Ends whatever of a user's codes can still lead to a credential, or to a usable one.
fn ending(user: &UserId) -> UpdateMany<Entity> {
    let state = CaseStatement::new()
        .case(is_open(), Expr::value(CANCELLED))
        .finally(Expr::col(Column::State));
    let approval = CaseStatement::new()
        .case(waits(), Expr::value(REFUSED))
        .finally(Expr::col(Column::Approval));
    Entity::update_many()
        .col_expr(Column::State, state.into())
        .col_expr(Column::Approval, approval.into())
        .filter(Column::UserId.eq(user.as_str()))
}

async fn end(
    transaction: &DatabaseTransaction,
    change: UpdateMany<Entity>,
) -> Result<bool, StoreError> {
    change
        .exec(transaction)
        .await
        .map(|result| result.rows_affected > 0)
        .map_err(StoreError::new)
}

/// Decides about the credential that was made with a code of the authority's user and epoch; `false`
/// when it does not wait, or not any more at that date.
pub(crate) async fn decide(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    decision: &Decision,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(
            Column::Approval,
            Expr::value(approval(Some(decision.verdict))),
        )
        .filter(Column::UserId.eq(authority.user().as_str()))
        .filter(Column::Epoch.eq(authority.epoch().number()))
        .filter(Column::Credential.eq(decision.credential.as_str()))
        .filter(waits())
        .filter(Column::ApprovalExpires.gt(decision.date.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Issued → claimed; `false` when it is not issued any more, or had expired when it was claimed.
pub(crate) async fn claim(
    transaction: &DatabaseTransaction,
    claimed: &ClaimedCode,
) -> Result<bool, StoreError> {
    let claim = claimed.claim();
    let change = ActiveModel {
        state: Set(CLAIMED.to_owned()),
        claimed: Set(Some(claim.date.unix_milliseconds())),
        claim_origin: Set(claim.origin.as_ref().map(Origin::to_string)),
        claim_address: Set(Some(claim.address.to_string())),
        claim_challenge: Set(Some(claim.challenge.to_string())),
        claim_expires: Set(Some(claim.expires.unix_milliseconds())),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(claimed.code().id.as_str()))
        .filter(Column::UserId.eq(claimed.code().user.as_str()))
        .filter(Column::State.eq(ISSUED))
        .filter(Column::Expires.gt(claim.date.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Claimed → redeemed; `false` when it is not claimed by exactly that challenge (any more).
pub(crate) async fn redeem(
    transaction: &DatabaseTransaction,
    user: &UserId,
    redeemed: &RedeemedCode,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let expires = match credential.state {
        CredentialState::Waiting { until } => Some(until.unix_milliseconds()),
        CredentialState::Active | CredentialState::Inactive => None,
    };
    let change = ActiveModel {
        state: Set(REDEEMED.to_owned()),
        credential: Set(Some(credential.uuid.to_string())),
        approval: Set(expires.map(|_waits| WAITING.to_owned())),
        approval_expires: Set(expires),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(redeemed.code().as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::State.eq(CLAIMED))
        .filter(Column::ClaimChallenge.eq(redeemed.challenge().as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// The code of that digest, and its owner.
pub(crate) async fn find(
    reader: &DatabaseConnection,
    digest: &CodeDigest,
) -> Result<Option<HeldCode>, StoreError> {
    let digest = digest.as_bytes().to_vec();
    let either = Condition::any()
        .add(Column::ShortDigest.eq(digest.clone()))
        .add(Column::LongDigest.eq(digest));
    held(reader, either).await
}

/// The code of that identifier, and its owner.
pub(crate) async fn find_by_id(
    reader: &DatabaseConnection,
    code: &CredentialCodeId,
) -> Result<Option<HeldCode>, StoreError> {
    held(reader, Condition::all().add(Column::Id.eq(code.as_str()))).await
}

async fn held(
    reader: &DatabaseConnection,
    wanted: Condition,
) -> Result<Option<HeldCode>, StoreError> {
    let found = Entity::find()
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .select_also(user::Entity)
        .filter(wanted)
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((code, Some(user))) = found else {
        return Ok(None);
    };
    Ok(Some(HeldCode {
        code: from_row(&code)?,
        user: table::user::from_row(&user)?,
    }))
}

/// The code of that user that was issued last.
pub(crate) async fn newest(
    reader: &DatabaseConnection,
    user: &UserId,
) -> Result<Option<CredentialCode>, StoreError> {
    let found = Entity::find()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsNewest.eq(true))
        .order_by_desc(Column::Issued)
        .order_by_desc(Column::Id)
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    Ok(found.as_ref().map(from_row).transpose()?)
}

/// Deletes at most `batch` codes that expired before `before`, their claims too, and are not the
/// newest of their user.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    let before = before.unix_milliseconds();
    let expired = Entity::find()
        .filter(Column::IsNewest.eq(false))
        .filter(Column::Expires.lt(before))
        .filter(
            Condition::any()
                .add(Column::ClaimExpires.is_null())
                .add(Column::ClaimExpires.lt(before)),
        );
    table::delete_batch::<Entity>(transaction, Column::Id, expired, batch).await
}

fn from_row(model: &Model) -> Result<CredentialCode, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    Ok(CredentialCode {
        id: row.value("id", model.id.parse())?,
        organization: row.value("organization_id", model.organization_id.parse())?,
        user: row.value("user_id", model.user_id.parse())?,
        epoch: Epoch::new(model.epoch),
        issuer: row.value("issuer", model.issuer.parse())?,
        session: row.value("session", model.session.parse())?,
        issued: moment(model.issued),
        expires: moment(model.expires),
        state: state(row, model)?,
    })
}

fn state(row: Row<'_>, model: &Model) -> Result<CodeState, Inconsistency> {
    let claim = claim_columns(row, model)?;
    let wait = wait_columns(row, model)?;
    match (model.state.as_str(), claim, &model.credential, wait) {
        (ISSUED, None, None, None) => Ok(CodeState::Issued),
        (CLAIMED, Some(claim), None, None) => Ok(CodeState::Claimed(claim)),
        (REDEEMED, Some(claim), Some(credential), wait) => Ok(CodeState::Redeemed {
            claim,
            credential: row.value("credential", credential.parse())?,
            wait,
        }),
        (CANCELLED, claim, None, None) => Ok(CodeState::Cancelled { claim }),
        _ => Err(row.inconsistent("state does not fit the columns beside it")),
    }
}

/// The columns of a wait: both of them or none.
fn wait_columns(row: Row<'_>, model: &Model) -> Result<Option<Wait>, Inconsistency> {
    let verdict = match model.approval.as_deref() {
        None => None,
        Some(WAITING) => Some(None),
        Some(APPROVED) => Some(Some(Verdict::Approved)),
        Some(REFUSED) => Some(Some(Verdict::Refused)),
        Some(_) => return Err(row.inconsistent("approval is none that is known")),
    };
    match (verdict, model.approval_expires) {
        (None, None) => Ok(None),
        (Some(verdict), Some(expires)) => Ok(Some(Wait {
            expires: moment(expires),
            verdict,
        })),
        (Some(_), None) | (None, Some(_)) => {
            Err(row.inconsistent("approval and its expiry do not go together"))
        }
    }
}

/// The columns of a claim: all of them or none; the origin may be empty.
fn claim_columns(row: Row<'_>, model: &Model) -> Result<Option<Claim>, Inconsistency> {
    match (
        model.claimed,
        &model.claim_address,
        &model.claim_challenge,
        model.claim_expires,
    ) {
        (None, None, None, None) if model.claim_origin.is_none() => Ok(None),
        (Some(date), Some(address), Some(challenge), Some(expires)) => Ok(Some(Claim {
            date: moment(date),
            origin: row.optional("claim_origin", model.claim_origin.as_ref(), |origin| {
                Origin::new(origin.as_str())
            })?,
            address: row.value("claim_address", address.parse())?,
            challenge: row.value("claim_challenge", challenge.parse())?,
            expires: moment(expires),
        })),
        _ => Err(row.inconsistent("has some columns of a claim, but not all")),
    }
}
