//! How a credential becomes the columns of its row, and a row a credential again.

use latchkey_domain::{
    application::{Origin, RpId},
    credential::{
        Credential, CredentialId, CredentialKind, CredentialState, MadeBy, Material, Provenance,
        key::{EncryptedPrivateKey, KeyPair, PublicKey},
        passkey::{Aaguid, Passkey},
    },
    id::ApplicationId,
    text::CredentialName,
    time::Timestamp,
};
use sea_orm::ActiveValue::Set;

use super::TABLE;
use crate::{
    entity::credential::{ActiveModel, Model},
    row::{Inconsistency, Row, moment},
};

/// The row of a credential that is new.
pub(crate) fn to_row(credential: &Credential) -> ActiveModel {
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

/// The state that two columns tell.
pub(crate) fn state(
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
