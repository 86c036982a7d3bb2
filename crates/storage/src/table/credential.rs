//! Credentials.

use latchkey_domain::{
    application::{Origin, RpId},
    authority::Spend,
    credential::{
        Credential, CredentialId, CredentialKind, CredentialReference, CredentialState, MadeBy,
        Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey},
    },
    id::{ApplicationId, CredentialUuid, OrganizationId, UserId},
    text::CredentialName,
    time::Timestamp,
};
use latchkey_service::ports::{
    account_store::HeldCredential, credential_store::NewName, sign_in_store::CredentialUse,
    store::StoreError,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DeleteMany, EntityTrait as _,
    JoinType, QueryFilter as _, QueryOrder as _, QuerySelect as _, RelationTrait as _,
    sea_query::{Condition, Expr, ExprTrait as _, OnConflict},
};

use crate::{
    entity::{
        credential::{ActiveModel, Column, Entity, Model},
        organization, user,
    },
    row::{Inconsistency, Row, moment},
    table,
    transaction::exactly_one,
};

const TABLE: &str = "credentials";

/// Makes a credential; `false` when the organization has one of that credential id.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    credential: &Credential,
) -> Result<bool, StoreError> {
    let key = [Column::OrganizationId, Column::CredentialKey];
    let rows = Entity::insert(to_row(credential))
        .on_conflict(OnConflict::columns(key).do_nothing().to_owned())
        .exec_without_returning(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, rows)?)
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
    let rows = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::Kind,
            Column::IsActive,
            Column::WaitsUntil,
        ])
        .filter(Column::UserId.eq(user.as_str()))
        .into_tuple::<(String, String, bool, Option<i64>)>()
        .all(transaction)
        .await
        .map_err(StoreError::new)?;
    let summaries = rows
        .iter()
        .map(|(id, kind, is_active, waits_until)| {
            let row = Row {
                table: TABLE,
                key: id,
            };
            let kind: CredentialKind = row.value("kind", kind.parse())?;
            Ok(Summary {
                uuid: row.value("id", id.parse())?,
                signs_in: kind.signs_in(),
                state: state(row, *is_active, *waits_until)?,
            })
        })
        .collect::<Result<_, Inconsistency>>()?;
    Ok(summaries)
}

/// Makes a credential active that is not, and notes when, because its earlier sessions stay ended;
/// `false` when it is active.
pub(crate) async fn activate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let change = ActiveModel {
        is_active: Set(true),
        activated: Set(Some(at.unix_milliseconds())),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsActive.eq(false))
        .filter(Column::WaitsUntil.is_null())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Makes a credential active that waits; `false` when it does not, or not any more at that moment.
pub(crate) async fn approve(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let change = ActiveModel {
        is_active: Set(true),
        waits_until: Set(None),
        ..ActiveModel::default()
    };
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.gt(at.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes what waits of a user.
pub(crate) async fn delete_waiting(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.is_not_null())
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// Deletes a credential of that credential id which has waited in vain, whoever's it is, so that the id
/// is free; `false` when there is none.
pub(crate) async fn delete_gone(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
    id: &CredentialId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(Column::CredentialKey.eq(id.key()))
        .filter(Column::WaitsUntil.lte(at.unix_milliseconds()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes at most `batch` credentials that had waited in vain before `before`.
pub(crate) async fn delete_expired(
    transaction: &DatabaseTransaction,
    before: Timestamp,
    batch: u32,
) -> Result<u64, StoreError> {
    let expired = Entity::find().filter(Column::WaitsUntil.lt(before.unix_milliseconds()));
    table::delete_batch::<Entity>(transaction, Column::Id, expired, batch).await
}

/// Makes a credential inactive; `false` when it is.
pub(crate) async fn deactivate(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::IsActive, Expr::value(false))
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::IsActive.eq(true))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Gives a credential another name; `false` when there is none, or it waits.
pub(crate) async fn rename(
    transaction: &DatabaseTransaction,
    user: &UserId,
    new: &NewName,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(Column::Name, Expr::value(new.name.as_str()))
        .filter(Column::Id.eq(new.credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::WaitsUntil.is_null())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// A credential of a user, inside a transaction.
pub(crate) async fn of_user(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<Option<Credential>, StoreError> {
    let found = Entity::find()
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(found.map(from_row).transpose()?)
}

/// Deletes a credential; `false` when there is none.
pub(crate) async fn delete(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential: &CredentialUuid,
) -> Result<bool, StoreError> {
    let result = Entity::delete_many()
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Deletes the credential of that credential id that a user has besides these, if there is one.
pub(crate) async fn delete_other(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
    id: &CredentialId,
) -> Result<(), StoreError> {
    others(user, kept)
        .filter(Column::CredentialKey.eq(id.key()))
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

/// Deletes every credential that a user has besides these.
pub(crate) async fn delete_others(
    transaction: &DatabaseTransaction,
    user: &UserId,
    kept: &[Credential],
) -> Result<(), StoreError> {
    others(user, kept)
        .exec(transaction)
        .await
        .map(|_result| ())
        .map_err(StoreError::new)
}

fn others(user: &UserId, kept: &[Credential]) -> DeleteMany<Entity> {
    let kept = kept.iter().map(|credential| credential.uuid.as_str());
    Entity::delete_many()
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::Id.is_not_in(kept))
}

/// Deletes every credential of a user, whose row is locked.
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
        .into_tuple::<String>()
        .one(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(found.as_deref().map(uuid_of_row).transpose()?)
}

/// The id in a row that is read for nothing else.
pub(crate) fn uuid_of_row(id: &str) -> Result<CredentialUuid, Inconsistency> {
    let row = Row {
        table: TABLE,
        key: id,
    };
    row.value("id", id.parse())
}

/// Records a use; `false` when the counter that came with it is not beyond the one kept (and not both
/// are 0), or there is no such credential.
pub(crate) async fn record_use(
    transaction: &DatabaseTransaction,
    user: &UserId,
    credential_use: &CredentialUse,
) -> Result<bool, StoreError> {
    let mut change = ActiveModel {
        last_used: Set(Some(credential_use.date.unix_milliseconds())),
        ..ActiveModel::default()
    };
    let mut guard = Condition::all();
    if let Some(state) = &credential_use.state {
        let count = i64::from(state.sign_count);
        change.sign_count = Set(Some(count));
        change.backed_up = Set(Some(state.backed_up));
        let mut grows = Condition::any().add(Column::SignCount.lt(count));
        if count == 0 {
            grows = grows.add(Column::SignCount.eq(0_i64));
        }
        guard = guard.add(grows);
    }
    let result = Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential_use.credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(guard)
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
}

/// Notes when a counter went back; `false` when the challenge was spent before.
pub(crate) async fn note_counter_regression(
    transaction: &DatabaseTransaction,
    credential: &CredentialUuid,
    challenge: &Spend,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let result = Entity::update_many()
        .col_expr(
            Column::CounterRegressedAt,
            Expr::value(at.unix_milliseconds()),
        )
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Expr::exists(table::spent::entry(&challenge.id)).not())
        .exec(transaction)
        .await
        .map_err(StoreError::new)?;
    Ok(exactly_one(TABLE, result.rows_affected)?)
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
        .inner_join(user::Entity)
        .join(JoinType::InnerJoin, user::Relation::Organization.def())
        .select_also(user::Entity)
        .filter(referred)
        .filter(Column::OrganizationId.eq(organization.as_str()))
        .filter(organization::Column::IsActive.eq(true))
        .one(reader)
        .await
        .map_err(StoreError::new)?;
    let Some((credential, Some(user))) = found else {
        return Ok(None);
    };
    Ok(Some(HeldCredential {
        credential: from_row(credential)?,
        user: table::user::from_row(&user)?,
    }))
}

fn to_row(credential: &Credential) -> ActiveModel {
    let material = &credential.material;
    let provenance = &credential.provenance;
    let row = ActiveModel {
        id: Set(credential.uuid.to_string()),
        organization_id: Set(credential.organization.to_string()),
        user_id: Set(credential.user.to_string()),
        credential_id: Set(credential.id.to_string()),
        credential_key: Set(credential.id.key().to_owned()),
        kind: Set(credential.kind().to_string()),
        name: Set(credential.name.to_string()),
        public_key: Set(material.public_key().spki_der().to_vec()),
        encrypted_private_key: Set(material
            .encrypted_private_key()
            .map(|key| key.reveal().to_owned())),
        made_on_origin: Set(provenance.origin.as_ref().map(Origin::to_string)),
        made_from_address: Set(provenance.address.to_string()),
        is_active: Set(credential.is_active()),
        waits_until: Set(waits_until(credential.state)),
        activated: Set(None),
        created: Set(credential.created.unix_milliseconds()),
        last_used: Set(credential.last_used.map(Timestamp::unix_milliseconds)),
        counter_regressed_at: Set(None),
        ..made_by_columns(&provenance.made_by)
    };
    match material {
        Material::Fido2(passkey) => ActiveModel {
            application_id: Set(Some(passkey.application.to_string())),
            rp_id: Set(Some(passkey.rp_id.to_string())),
            origin: Set(Some(passkey.origin.to_string())),
            aaguid: Set(Some(passkey.aaguid.as_bytes().to_vec())),
            sign_count: Set(Some(i64::from(passkey.sign_count))),
            backup_eligible: Set(Some(passkey.backup_eligible)),
            backed_up: Set(Some(passkey.backed_up)),
            ..row
        },
        Material::Key(pair)
        | Material::PasswordProtectedKey(pair, _)
        | Material::RecoveryKey(pair, _) => ActiveModel {
            origin: Set(pair.origin.clone()),
            ..row
        },
    }
}

fn waits_until(state: CredentialState) -> Option<i64> {
    match state {
        CredentialState::Waiting { until } => Some(until.unix_milliseconds()),
        CredentialState::Active | CredentialState::Inactive => None,
    }
}

fn state(
    row: Row<'_>,
    is_active: bool,
    waits_until: Option<i64>,
) -> Result<CredentialState, Inconsistency> {
    match (is_active, waits_until) {
        (true, None) => Ok(CredentialState::Active),
        (false, None) => Ok(CredentialState::Inactive),
        (false, Some(until)) => Ok(CredentialState::Waiting {
            until: moment(until),
        }),
        (true, Some(_)) => Err(row.inconsistent("is active and waits")),
    }
}

const MADE_BY_REGISTRATION: &str = "registration";
const MADE_BY_CREDENTIAL: &str = "credential";
const MADE_BY_CODE: &str = "code";
const MADE_BY_RECOVERY: &str = "recovery";

fn made_by_columns(made_by: &MadeBy) -> ActiveModel {
    let (how, session, credential, code) = match made_by {
        MadeBy::Registration => (MADE_BY_REGISTRATION, None, None, None),
        MadeBy::Credential {
            session,
            credential,
        } => (
            MADE_BY_CREDENTIAL,
            Some(session.to_string()),
            Some(credential.to_string()),
            None,
        ),
        MadeBy::Code { code, credential } => (
            MADE_BY_CODE,
            None,
            Some(credential.to_string()),
            Some(code.to_string()),
        ),
        MadeBy::Recovery { credential } => {
            (MADE_BY_RECOVERY, None, Some(credential.to_string()), None)
        }
    };
    ActiveModel {
        made_by: Set(how.to_owned()),
        made_in_session: Set(session),
        made_with_credential: Set(credential),
        made_with_code: Set(code),
        ..ActiveModel::default()
    }
}

/// The credential of a row.
pub(crate) fn from_row(mut model: Model) -> Result<Credential, Inconsistency> {
    let material = material(&mut model)?;
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    Ok(Credential {
        uuid: row.value("id", model.id.parse())?,
        organization: row.value("organization_id", model.organization_id.parse())?,
        user: row.value("user_id", model.user_id.parse())?,
        id: row.value(
            "credential_id",
            CredentialId::new(model.credential_id.as_str()),
        )?,
        name: row.value("name", CredentialName::new(model.name.as_str()))?,
        material,
        provenance: Provenance {
            made_by: made_by(row, &model)?,
            origin: row.optional("made_on_origin", model.made_on_origin.as_ref(), |origin| {
                Origin::new(origin.as_str())
            })?,
            address: row.value("made_from_address", model.made_from_address.parse())?,
        },
        state: state(row, model.is_active, model.waits_until)?,
        created: moment(model.created),
        last_used: model.last_used.map(moment),
    })
}

fn material(model: &mut Model) -> Result<Material, Inconsistency> {
    let public_key = PublicKey::from_spki_der(std::mem::take(&mut model.public_key));
    let encrypted = model.encrypted_private_key.take();
    let origin = model.origin.take();
    let row = Row {
        table: TABLE,
        key: &model.id,
    };
    let encrypted = row.optional("encrypted_private_key", encrypted, EncryptedPrivateKey::new)?;
    let kind = row.value("kind", model.kind.parse())?;
    let pair = |public_key| KeyPair {
        public_key,
        origin: origin.clone(),
    };
    match (kind, passkey_columns(row, model)?, encrypted) {
        (CredentialKind::Fido2, Some(columns), None) => {
            let Some(origin) = origin else {
                return Err(row.inconsistent("a passkey has no origin"));
            };
            let origin = row.value("origin", Origin::new(origin))?;
            Ok(Material::Fido2(columns.passkey(public_key, origin)))
        }
        (CredentialKind::Key, None, None) => Ok(Material::Key(pair(public_key))),
        (CredentialKind::PasswordProtectedKey, None, Some(encrypted)) => {
            Ok(Material::PasswordProtectedKey(pair(public_key), encrypted))
        }
        (CredentialKind::RecoveryKey, None, encrypted) => {
            Ok(Material::RecoveryKey(pair(public_key), encrypted))
        }
        (CredentialKind::Fido2, None, _) => {
            Err(row.inconsistent("a passkey lacks what passkeys have"))
        }
        (
            CredentialKind::Key
            | CredentialKind::PasswordProtectedKey
            | CredentialKind::RecoveryKey,
            Some(_),
            _,
        ) => Err(row.inconsistent("a key pair has what only passkeys have")),
        (CredentialKind::Fido2 | CredentialKind::Key, _, Some(_)) => {
            Err(row.inconsistent("encrypted_private_key is of another kind"))
        }
        (CredentialKind::PasswordProtectedKey, None, None) => {
            Err(row.inconsistent("encrypted_private_key is empty"))
        }
    }
}

/// A passkey without its key and origin.
struct PasskeyColumns {
    application: ApplicationId,
    rp_id: RpId,
    aaguid: Aaguid,
    sign_count: u32,
    backup_eligible: bool,
    backed_up: bool,
}

impl PasskeyColumns {
    fn passkey(self, public_key: PublicKey, origin: Origin) -> Passkey {
        Passkey {
            public_key,
            application: self.application,
            rp_id: self.rp_id,
            origin,
            aaguid: self.aaguid,
            sign_count: self.sign_count,
            backup_eligible: self.backup_eligible,
            backed_up: self.backed_up,
        }
    }
}

/// The columns that passkeys have and key pairs have not: all of them or none.
fn passkey_columns(row: Row<'_>, model: &Model) -> Result<Option<PasskeyColumns>, Inconsistency> {
    match (
        &model.application_id,
        &model.rp_id,
        model.aaguid.as_deref(),
        model.sign_count,
        model.backup_eligible,
        model.backed_up,
    ) {
        (None, None, None, None, None, None) => Ok(None),
        (
            Some(application),
            Some(rp_id),
            Some(aaguid),
            Some(sign_count),
            Some(backup_eligible),
            Some(backed_up),
        ) => Ok(Some(PasskeyColumns {
            application: row.value("application_id", application.parse())?,
            rp_id: row.value("rp_id", RpId::new(rp_id.as_str()))?,
            aaguid: Aaguid::new(row.value("aaguid", aaguid.try_into())?),
            sign_count: row.value("sign_count", sign_count.try_into())?,
            backup_eligible,
            backed_up,
        })),
        _ => Err(row.inconsistent("has some of what passkeys have, but not all")),
    }
}

fn made_by(row: Row<'_>, model: &Model) -> Result<MadeBy, Inconsistency> {
    match (
        model.made_by.as_str(),
        &model.made_in_session,
        &model.made_with_credential,
        &model.made_with_code,
    ) {
        (MADE_BY_REGISTRATION, None, None, None) => Ok(MadeBy::Registration),
        (MADE_BY_CREDENTIAL, Some(session), Some(credential), None) => Ok(MadeBy::Credential {
            session: row.value("made_in_session", session.parse())?,
            credential: row.value("made_with_credential", credential.parse())?,
        }),
        (MADE_BY_CODE, None, Some(credential), Some(code)) => Ok(MadeBy::Code {
            code: row.value("made_with_code", code.parse())?,
            credential: row.value("made_with_credential", credential.parse())?,
        }),
        (MADE_BY_RECOVERY, None, Some(credential), None) => Ok(MadeBy::Recovery {
            credential: row.value("made_with_credential", credential.parse())?,
        }),
        _ => Err(row.inconsistent("made_by does not fit the columns beside it")),
    }
}
