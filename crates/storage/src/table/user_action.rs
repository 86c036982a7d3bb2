//! Evidence of what users agreed to.

use latchkey_domain::{
    authority::Authority,
    credential::CredentialKind,
    id::{CredentialUuid, OrganizationId, UserActionId},
};
use latchkey_service::ports::{proof_verifier::Used, sign_in_store::Evidence, store::StoreError};
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, Iterable as _, QuerySelect as _, QueryTrait as _,
    entity::prelude::*, sea_query::SelectStatement,
};

use crate::{
    authority::{form_of, standing, values_of},
    statement::{self, Insertion, Step, row_of},
};

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

/// Keeps the evidence, which has the public key that signed: the credential may be deleted later. Meets none when
/// there is evidence of that id, or the authority does not stand.
pub(crate) fn insertion(
    authority: &Authority,
    signer: &CredentialUuid,
    evidence: &Evidence,
) -> Step {
    let Evidence { action, proof, .. } = evidence;
    let particulars = Particulars::of(&proof.used);
    let authenticator_data = particulars.authenticator_data.map(<[u8]>::to_vec);
    let row = ActiveModel {
        id: Set(evidence.id.to_string()),
        organization_id: Set(authority.organization().to_string()),
        user_id: Set(authority.user().to_string()),
        method: Set(action.method.as_str().to_owned()),
        path: Set(action.path.as_str().to_owned()),
        payload_digest: Set(action.payload.as_bytes().to_vec()),
        nonce: Set(evidence.nonce.as_bytes().to_vec()),
        credential: Set(signer.to_string()),
        kind: Set(particulars.kind.as_str().to_owned()),
        public_key: Set(evidence.public_key.spki_der().to_vec()),
        algorithm: Set(particulars.algorithm.map(str::to_owned)),
        client_data: Set(proof.client_data.clone()),
        authenticator_data: Set(authenticator_data),
        signature: Set(proof.signature.clone()),
        signed_at: Set(evidence.date.unix_milliseconds()),
    };
    // All columns are set, as they are taken.
    let (_all, mut values) = row_of(&row);
    values.extend(values_of(authority));
    Step::fixed(form_of(authority), values, |form, inputs| {
        let kept = Column::iter().map(|column| (column, Expr::val(inputs.take())));
        let kept = Insertion::of(Entity, kept.collect::<Vec<_>>());
        kept.unless_taken().only_if(standing(form, inputs)).into()
    })
}

/// Selects the evidence of that id, for the condition of another statement.
pub(crate) fn entry(id: &UserActionId) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.eq(id.as_str()))
        .into_query()
}

/// Whether anything was signed in an organization.
pub(crate) async fn any_in(
    transaction: &DatabaseTransaction,
    organization: &OrganizationId,
) -> Result<bool, StoreError> {
    let signed = Entity::find().filter(Column::OrganizationId.eq(organization.as_str()));
    statement::any(transaction, signed).await
}
