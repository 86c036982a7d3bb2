//! Evidence of what users agreed to.

use latchkey_domain::{authority::Authority, credential::CredentialKind, id::CredentialUuid};
use latchkey_service::ports::{proof_verifier::Used, sign_in_store::Evidence};
use sea_orm::{
    QuerySelect as _, QueryTrait as _, Value,
    entity::prelude::*,
    sea_query::{Query, SubQueryStatement},
};

use super::credential;
use crate::statement::{Insertion, Step};

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
) -> Step {
    let Evidence { action, proof, .. } = evidence;
    let particulars = Particulars::of(&proof.used);
    let authenticator_data = particulars.authenticator_data.map(<[u8]>::to_vec);
    let values = vec![
        signer.as_str().into(),
        evidence.id.as_str().into(),
        authority.organization().as_str().into(),
        authority.user().as_str().into(),
        action.method.as_str().into(),
        action.path.as_str().into(),
        action.payload.as_bytes().to_vec().into(),
        evidence.nonce.as_bytes().to_vec().into(),
        particulars.kind.as_str().into(),
        particulars.algorithm.map(str::to_owned).into(),
        proof.client_data.clone().into(),
        authenticator_data.into(),
        proof.signature.clone().into(),
        evidence.date.unix_milliseconds().into(),
    ];
    Step::fixed([0; 4], values, |_form, values| {
        let signer = values.take();
        let public_key = public_key_of(signer.clone());
        let mut next = || Expr::val(values.take());
        let columns = [
            (Column::Id, next()),
            (Column::OrganizationId, next()),
            (Column::UserId, next()),
            (Column::Method, next()),
            (Column::Path, next()),
            (Column::PayloadDigest, next()),
            (Column::Nonce, next()),
            (Column::Credential, Expr::val(signer)),
            (Column::Kind, next()),
            (Column::PublicKey, public_key),
            (Column::Algorithm, next()),
            (Column::ClientData, next()),
            (Column::AuthenticatorData, next()),
            (Column::Signature, next()),
            (Column::SignedAt, next()),
        ];
        Insertion::of(Entity, columns, Query::select()).into()
    })
}

fn public_key_of(credential: Value) -> Expr {
    let key = credential::Entity::find()
        .select_only()
        .column(credential::Column::PublicKey)
        .filter(credential::Column::Id.eq(credential))
        .into_query();
    Expr::from(SubQueryStatement::SelectStatement(key))
}
