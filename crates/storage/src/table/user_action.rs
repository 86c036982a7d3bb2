//! Evidence of what users agreed to.

use latchkey_domain::{
    authority::Authority, credential::CredentialKind, id::CredentialUuid, time::Timestamp,
};
use latchkey_service::ports::{proof_verifier::Used, sign_in_store::Evidence, store::StoreError};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, QueryTrait as _,
    sea_query::{Expr, Query, SubQueryStatement},
};

use crate::entity::{
    credential,
    user_action::{Column, Entity},
};

/// What of a proof depends on the kind of credential.
struct Particulars<'a> {
    kind: CredentialKind,
    authenticator_data: Option<&'a [u8]>,
    algorithm: Option<&'a str>,
}

impl<'a> Particulars<'a> {
    fn of(used: &'a Used) -> Self {
        let (authenticator_data, algorithm) = match used {
            Used::Fido2 {
                authenticator_data, ..
            } => (Some(authenticator_data.as_slice()), None),
            Used::Key { algorithm } | Used::PasswordProtectedKey { algorithm } => {
                (None, algorithm.as_deref())
            }
        };
        Self {
            kind: used.kind(),
            authenticator_data,
            algorithm,
        }
    }
}

/// Keeps the evidence, and with it the public key that signed: the credential may be deleted later.
pub(crate) async fn insert(
    transaction: &DatabaseTransaction,
    authority: &Authority,
    signer: &CredentialUuid,
    evidence: &Evidence,
) -> Result<(), StoreError> {
    let particulars = Particulars::of(&evidence.proof.used);
    let columns: [(Column, Expr); 15] = [
        (Column::Id, evidence.id.as_str().into()),
        (
            Column::OrganizationId,
            authority.organization().as_str().into(),
        ),
        (Column::UserId, authority.user().as_str().into()),
        (Column::Method, evidence.action.method.as_str().into()),
        (Column::Path, evidence.action.path.as_str().into()),
        (
            Column::PayloadDigest,
            evidence.action.payload.as_bytes().to_vec().into(),
        ),
        (Column::Nonce, evidence.nonce.as_bytes().to_vec().into()),
        (Column::Credential, signer.as_str().into()),
        (Column::Kind, particulars.kind.as_str().into()),
        (Column::PublicKey, public_key_of(signer)),
        (
            Column::Algorithm,
            particulars.algorithm.map(str::to_owned).into(),
        ),
        (
            Column::ClientData,
            evidence.proof.client_data.clone().into(),
        ),
        (
            Column::AuthenticatorData,
            particulars.authenticator_data.map(<[u8]>::to_vec).into(),
        ),
        (Column::Signature, evidence.proof.signature.clone().into()),
        (Column::SignedAt, milliseconds(evidence.date)),
    ];
    let (columns, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let mut statement = Query::insert();
    statement
        .into_table(Entity)
        .columns(columns)
        .values(values)
        .map_err(StoreError::new)?;
    transaction
        .execute(&statement)
        .await
        .map(|_inserted| ())
        .map_err(StoreError::new)
}

fn milliseconds(date: Timestamp) -> Expr {
    date.unix_milliseconds().into()
}

fn public_key_of(credential: &CredentialUuid) -> Expr {
    let key = credential::Entity::find()
        .select_only()
        .column(credential::Column::PublicKey)
        .filter(credential::Column::Id.eq(credential.as_str()))
        .into_query();
    Expr::from(SubQueryStatement::SelectStatement(key))
}
