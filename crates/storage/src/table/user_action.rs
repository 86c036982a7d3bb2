//! Evidence of what users agreed to.

use latchkey_domain::{
    authority::Authority,
    credential::CredentialKind,
    id::{CredentialUuid, OrganizationId},
};
use latchkey_service::ports::{proof_verifier::Used, sign_in_store::Evidence, store::StoreError};
use sea_orm::{
    DatabaseTransaction, QuerySelect as _, QueryTrait as _,
    entity::prelude::*,
    sea_query::{Query, SubQueryStatement},
};

use super::credential;
use crate::statement::{self, Insertion};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_actions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub user_id: String,
    pub method: String,
    pub path: String,
    pub payload_digest: Vec<u8>,
    pub nonce: Vec<u8>,
    pub credential: String,
    pub kind: String,
    pub public_key: Vec<u8>,
    pub algorithm: Option<String>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Option<Vec<u8>>,
    pub signature: Vec<u8>,
    pub signed_at: i64,
}

refers_to!();

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
pub(crate) fn insertion(
    authority: &Authority,
    signer: &CredentialUuid,
    evidence: &Evidence,
) -> Insertion {
    let Evidence { action, proof, .. } = evidence;
    let particulars = Particulars::of(&proof.used);
    let authenticator_data = particulars.authenticator_data.map(<[u8]>::to_vec);
    let columns: [(Column, Expr); 15] = [
        (Column::Id, evidence.id.as_str().into()),
        (
            Column::OrganizationId,
            authority.organization().as_str().into(),
        ),
        (Column::UserId, authority.user().as_str().into()),
        (Column::Method, action.method.as_str().into()),
        (Column::Path, action.path.as_str().into()),
        (
            Column::PayloadDigest,
            action.payload.as_bytes().to_vec().into(),
        ),
        (Column::Nonce, evidence.nonce.as_bytes().to_vec().into()),
        (Column::Credential, signer.as_str().into()),
        (Column::Kind, particulars.kind.as_str().into()),
        (Column::PublicKey, public_key_of(signer)),
        (
            Column::Algorithm,
            particulars.algorithm.map(str::to_owned).into(),
        ),
        (Column::ClientData, proof.client_data.clone().into()),
        (Column::AuthenticatorData, authenticator_data.into()),
        (Column::Signature, proof.signature.clone().into()),
        (Column::SignedAt, evidence.date.unix_milliseconds().into()),
    ];
    Insertion::of(Entity, columns, Query::select())
}

/// Whether anything was signed in an organization.
pub(crate) async fn any_in(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    let signed = Entity::find().filter(Column::OrganizationId.eq(organization.as_str()));
    statement::any(transaction, signed).await
}

fn public_key_of(credential: &CredentialUuid) -> Expr {
    let key = credential::Entity::find()
        .select_only()
        .column(credential::Column::PublicKey)
        .filter(credential::Column::Id.eq(credential.as_str()))
        .into_query();
    Expr::from(SubQueryStatement::SelectStatement(key))
}
