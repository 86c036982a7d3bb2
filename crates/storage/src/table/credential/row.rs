//! How rows become credentials, and credentials rows.

use latchkey_domain::{
    application::Origin,
    credential::{
        Credential, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair},
        passkey::Passkey,
    },
    id::CredentialUuid,
    time::Timestamp,
};
use latchkey_service::ports::store::StoreError;
use sea_orm::ActiveValue::Set;

use super::{ActiveModel, Model, Typed};
use crate::column::Inconsistency;

/// The row of a credential that is new.
pub(super) fn to_row(credential: &Credential) -> ActiveModel {
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

/// The state that two columns tell.
pub(super) fn state(
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
        (CredentialKind::Fido2, None, _) => fails("a passkey lacks what passkeys have"),
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
        })),
        _ => Err(inconsistent(
            &row.id,
            "has some of what passkeys have, but not all",
        )),
    }
}

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
        ("code", None, Some(credential), Some(code)) => Ok(MadeBy::Code {
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
