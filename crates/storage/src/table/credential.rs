//! Credentials.

use latchkey_domain::{
    application::{Origin, RpId},
    credential::{
        Credential, CredentialId, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey, Transports},
    },
    id::{ApplicationId, CredentialCodeId, CredentialUuid, OrganizationId, TokenId, UserId},
    text::CredentialName,
    time::Timestamp,
};
use latchkey_service::ports::{credential_store::NewName, store::StoreError};
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, DeleteMany, QueryOrder as _, QuerySelect as _,
    UpdateMany, entity::prelude::*,
};

use super::{application, user};
use crate::{
    column::{self, Inconsistency},
    statement::{Change as _, PLAIN, Step},
};

pub(crate) mod creation;
pub(crate) mod of_application;
pub(crate) mod renewal;
pub(crate) mod signer;

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
    /// Names with commas between them; empty when none is known.
    pub transports: Option<Typed<Transports>>,
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

impl Related<Entity> for user::Entity {
    fn to() -> RelationDef {
        Relation::User.def().rev()
    }
}

/// The row of a credential that is new.
fn to_row(credential: &Credential) -> ActiveModel {
    let Credential {
        material,
        provenance,
        ..
    } = credential.clone();
    let row = ActiveModel {
        id: Set(credential.uuid.clone().into()),
        organization_id: Set(credential.organization.clone().into()),
        user_id: Set(credential.user.clone().into()),
        credential_id: Set(credential.id.clone().into()),
        credential_key: Set(credential.id.key().to_owned()),
        kind: Set(credential.kind().into()),
        name: Set(credential.name.clone().into()),
        public_key: Set(material.public_key().clone().into()),
        encrypted_private_key: Set(material
            .encrypted_private_key()
            .map(|key| key.reveal().to_owned())),
        made_on_origin: Set(provenance.origin.map(Typed::from)),
        made_from_address: Set(provenance.address.into()),
        is_active: Set(credential.is_active()),
        waits_until: Set(waits_until(credential.state).map(Typed::from)),
        activated: Set(None),
        created: Set(credential.created.into()),
        last_used: Set(credential.last_used.map(Typed::from)),
        counter_regressed_at: Set(None),
        ..made_by_columns(provenance.made_by)
    };
    match material {
        Material::Fido2(passkey) => ActiveModel {
            application_id: Set(Some(passkey.application.into())),
            rp_id: Set(Some(passkey.rp_id.into())),
            origin: Set(Some(passkey.origin.to_string())),
            aaguid: Set(Some(passkey.aaguid.into())),
            sign_count: Set(Some(passkey.sign_count.into())),
            backup_eligible: Set(Some(passkey.backup_eligible)),
            backed_up: Set(Some(passkey.backed_up)),
            transports: Set(Some(passkey.transports)
                .filter(|transports| !transports.is_empty())
                .map(Typed::from)),
            ..row
        },
        Material::Key(pair)
        | Material::PasswordProtectedKey(pair, _)
        | Material::RecoveryKey(pair, _) => ActiveModel {
            origin: Set(pair.origin),
            ..row
        },
    }
}

/// Until when a credential waits, if it does.
pub(crate) const fn waits_until(state: CredentialState) -> Option<Timestamp> {
    match state {
        CredentialState::Waiting { until } => Some(until),
        CredentialState::Active | CredentialState::Inactive => None,
    }
}

/// Puts what is told of a user's credentials into the order in which they were made: there are few, and a database
/// takes longer to prepare for sorting rows of many columns than to find them.
pub(crate) fn put_in_order<T>(told: &mut [T], made: impl Fn(&T) -> (Timestamp, &CredentialUuid)) {
    told.sort_by(|one, other| made(one).cmp(&made(other)));
}

/// The state that two columns tell.
pub(crate) fn state(
    id: &Typed<CredentialUuid>,
    is_active: bool,
    waits_until: Option<Typed<Timestamp>>,
) -> Result<CredentialState, Inconsistency> {
    match (is_active, waits_until) {
        (true, None) => Ok(CredentialState::Active),
        (false, None) => Ok(CredentialState::Inactive),
        (false, Some(until)) => Ok(CredentialState::Waiting { until: until.0 }),
        (true, Some(_)) => Err(inconsistent(id, "is active and waits")),
    }
}

/// That a passkey lacks what passkeys have.
pub(crate) fn lacks_of_passkeys(id: &Typed<CredentialUuid>) -> Inconsistency {
    inconsistent(id, "a passkey lacks what passkeys have")
}

fn inconsistent(id: &Typed<CredentialUuid>, problem: &str) -> Inconsistency {
    Inconsistency::new("credentials", &id.0, problem)
}

fn made_by_columns(made_by: MadeBy) -> ActiveModel {
    let how = made_by.as_str().to_owned();
    let (session, credential, code) = match made_by {
        MadeBy::Registration => (None, None, None),
        MadeBy::Credential {
            session,
            credential,
        } => (Some(session), Some(credential), None),
        MadeBy::Code { code, credential } => (None, Some(credential), Some(code)),
        MadeBy::Recovery { credential } => (None, Some(credential), None),
    };
    ActiveModel {
        made_by: Set(how),
        made_in_session: Set(session.map(Typed::from)),
        made_with_credential: Set(credential.map(Typed::from)),
        made_with_code: Set(code.map(Typed::from)),
        ..Default::default()
    }
}

impl TryFrom<Model> for Credential {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            material: material(&row)?,
            provenance: Provenance {
                made_by: made_by(&row)?,
                origin: row.made_on_origin.map(Typed::into_inner),
                address: row.made_from_address.0,
            },
            state: state(&row.id, row.is_active, row.waits_until)?,
            uuid: row.id.0,
            organization: row.organization_id.0,
            user: row.user_id.0,
            id: row.credential_id.0,
            name: row.name.0,
            created: row.created.0,
            last_used: row.last_used.map(Typed::into_inner),
        })
    }
}

fn material(row: &Model) -> Result<Material, Inconsistency> {
    let fails = |problem: &str| Err(inconsistent(&row.id, problem));
    let encrypted = row.encrypted_private_key.clone();
    let encrypted = encrypted.map(EncryptedPrivateKey::new).transpose();
    let encrypted = encrypted
        .map_err(|error| inconsistent(&row.id, &format!("encrypted_private_key {error}")))?;
    let pair = || KeyPair {
        public_key: row.public_key.0.clone(),
        origin: row.origin.clone(),
    };
    match (row.kind.0, passkey(row)?, encrypted) {
        (CredentialKind::Fido2, Some(passkey), None) => Ok(Material::Fido2(passkey)),
        (CredentialKind::Key, None, None) => Ok(Material::Key(pair())),
        (CredentialKind::PasswordProtectedKey, None, Some(encrypted)) => {
            Ok(Material::PasswordProtectedKey(pair(), encrypted))
        }
        (CredentialKind::RecoveryKey, None, encrypted) => {
            Ok(Material::RecoveryKey(pair(), encrypted))
        }
        (CredentialKind::Fido2, None, _) => Err(lacks_of_passkeys(&row.id)),
        (
            CredentialKind::Key
            | CredentialKind::PasswordProtectedKey
            | CredentialKind::RecoveryKey,
            Some(_),
            _,
        ) => fails("a key pair has what only passkeys have"),
        (CredentialKind::Fido2 | CredentialKind::Key, _, Some(_)) => {
            fails("encrypted_private_key is of another kind")
        }
        (CredentialKind::PasswordProtectedKey, None, None) => {
            fails("encrypted_private_key is empty")
        }
    }
}

/// The columns that passkeys have and key pairs have not: all of them or none.
fn passkey(row: &Model) -> Result<Option<Passkey>, Inconsistency> {
    match (
        &row.application_id,
        &row.rp_id,
        &row.aaguid,
        &row.sign_count,
        row.backup_eligible,
        row.backed_up,
    ) {
        (None, None, None, None, None, None) => Ok(None),
        (
            Some(application),
            Some(rp_id),
            Some(aaguid),
            Some(sign_count),
            Some(backup_eligible),
            Some(backed_up),
        ) => Ok(Some(Passkey {
            public_key: row.public_key.0.clone(),
            application: application.0.clone(),
            rp_id: rp_id.0.clone(),
            origin: Origin::new(row.origin.as_deref().unwrap_or_default())
                .map_err(|error| inconsistent(&row.id, &format!("origin {error}")))?,
            aaguid: aaguid.0,
            sign_count: sign_count.0,
            backup_eligible,
            backed_up,
            transports: row
                .transports
                .as_ref()
                .map_or_else(Transports::default, |kept| kept.0.clone()),
        })),
        _ => Err(inconsistent(
            &row.id,
            "has some of what passkeys have, but not all",
        )),
    }
}

/// What the column says of a credential that was made with a code.
pub(crate) const MADE_WITH_CODE: &str = "code";

fn made_by(row: &Model) -> Result<MadeBy, Inconsistency> {
    match (
        row.made_by.as_str(),
        &row.made_in_session,
        &row.made_with_credential,
        &row.made_with_code,
    ) {
        ("registration", None, None, None) => Ok(MadeBy::Registration),
        ("credential", Some(session), Some(credential), None) => Ok(MadeBy::Credential {
            session: session.0.clone(),
            credential: credential.0.clone(),
        }),
        (MADE_WITH_CODE, None, Some(credential), Some(code)) => Ok(MadeBy::Code {
            code: code.0.clone(),
            credential: credential.0.clone(),
        }),
        ("recovery", None, Some(credential), None) => Ok(MadeBy::Recovery {
            credential: credential.0.clone(),
        }),
        _ => Err(inconsistent(
            &row.id,
            "made_by does not fit the columns beside it",
        )),
    }
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
pub(crate) fn change(
    user: &UserId,
    credential: &CredentialUuid,
    change: ActiveModel,
) -> UpdateMany<Entity> {
    Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(credential.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
}

/// Makes a credential active that is not, and notes when, because what ended before stays ended;
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

/// Makes a credential active that waits; meets none when it does not, or not any more at that moment.
pub(crate) fn approve(
    user: &UserId,
    credential: &CredentialUuid,
    at: Timestamp,
) -> UpdateMany<Entity> {
    let approved = ActiveModel {
        is_active: Set(true),
        waits_until: Set(None),
        ..Default::default()
    };
    change(user, credential, approved).filter(Column::WaitsUntil.gt(at.unix_milliseconds()))
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

/// A deletion among the credentials of a user, whose row is locked.
pub(crate) fn delete_of(user: &UserId) -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::UserId.eq(user.as_str()))
}

/// Deletes every credential of a user, whose row is locked.
pub(crate) async fn delete_all(
    transaction: &DatabaseTransaction,
    user: &UserId,
) -> Result<u64, StoreError> {
    delete_of(user).count(transaction).await
}

/// Deletes a credential; meets none when there is none.
pub(crate) fn deletion(user: &UserId, credential: &CredentialUuid) -> DeleteMany<Entity> {
    delete_of(user).filter(Column::Id.eq(credential.as_str()))
}

/// Deletes what waits of a user.
pub(crate) fn deletion_of_waiting(user: &UserId) -> Step {
    Step::fixed(PLAIN, vec![user.as_str().into()], |_form, inputs| {
        Entity::delete_many()
            .filter(Column::UserId.eq(inputs.take()))
            .filter(Column::WaitsUntil.is_not_null())
            .into()
    })
}

/// Deletes what waits of anybody.
pub(crate) fn deletion_of_all_waiting() -> DeleteMany<Entity> {
    Entity::delete_many().filter(Column::WaitsUntil.is_not_null())
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
