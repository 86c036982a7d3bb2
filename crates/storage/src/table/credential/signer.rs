//! Credentials as challenges list them to whom they are.

use latchkey_domain::{
    application::RpId,
    credential::{
        CredentialId, CredentialKind,
        key::{EncryptedPrivateKey, PublicKey},
        passkey::Transports,
        signer::{ListedSigner, PasskeyKey, Signer, SignerKey},
    },
    id::{CredentialUuid, UserId},
    time::Timestamp,
};
use latchkey_service::ports::store::StoreError;
use sea_orm::{
    DerivePartialModel, FromQueryResult as _, PartialModelTrait as _, QueryResult,
    QuerySelect as _, entity::prelude::*,
};

use super::{Column, Entity, Typed, inconsistent, put_in_order, state};

#[derive(DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Row {
    id: Typed<CredentialUuid>,
    user_id: Typed<UserId>,
    credential_id: Typed<CredentialId>,
    kind: Typed<CredentialKind>,
    public_key: Typed<PublicKey>,
    encrypted_private_key: Option<String>,
    rp_id: Option<Typed<RpId>>,
    sign_count: Option<Typed<u32>>,
    backup_eligible: Option<bool>,
    transports: Option<Typed<Transports>>,
    waits_until: Option<Typed<Timestamp>>,
    created: Typed<Timestamp>,
}

/// The signers of a user, active ones only: a row for each.
pub(crate) fn of(user: Value) -> Select<Entity> {
    Row::select_cols(Entity::find().select_only())
        .filter(Column::UserId.eq(user))
        .filter(Column::IsActive.eq(true))
        .filter(Column::Kind.ne(CredentialKind::RecoveryKey.as_str()))
}

/// Those of the rows of [`of`], in the order in which they were made.
pub(crate) fn all_in(rows: &[QueryResult]) -> Result<Vec<ListedSigner>, StoreError> {
    let rows = rows.iter().map(|row| Row::from_query_result(row, ""));
    let rows: Result<Vec<_>, _> = rows.collect();
    let mut rows = rows.map_err(StoreError::new)?;
    put_in_order(&mut rows, |row| (row.created.0, &row.id.0));
    rows.into_iter().map(Row::listed).collect()
}

impl Row {
    fn listed(self) -> Result<ListedSigner, StoreError> {
        // All that are selected are active.
        state(&self.id, true, self.waits_until)?;
        let encrypted = self.encrypted_private_key.map(EncryptedPrivateKey::new);
        let encrypted_private_key = encrypted
            .transpose()
            .map_err(|error| inconsistent(&self.id, &format!("encrypted_private_key {error}")))?;
        let public_key = self.public_key.into_inner();
        let key = match (
            self.kind.0,
            self.rp_id,
            self.sign_count,
            self.backup_eligible,
            &encrypted_private_key,
        ) {
            (CredentialKind::Fido2, Some(rp_id), Some(sign_count), Some(backup_eligible), None) => {
                SignerKey::Fido2(PasskeyKey {
                    public_key,
                    rp_id: rp_id.into_inner(),
                    sign_count: sign_count.into_inner(),
                    backup_eligible,
                })
            }
            (CredentialKind::Key, None, None, None, None) => SignerKey::Key(public_key),
            (CredentialKind::PasswordProtectedKey, None, None, None, Some(_)) => {
                SignerKey::PasswordProtectedKey(public_key)
            }
            _ => return Err(inconsistent(&self.id, "is not what its kind is made of").into()),
        };
        Ok(ListedSigner {
            id: self.credential_id.into_inner(),
            signer: Signer {
                credential: self.id.into_inner(),
                user: self.user_id.into_inner(),
                key,
            },
            transports: self.transports.map(Typed::into_inner).unwrap_or_default(),
            encrypted_private_key,
        })
    }
}
