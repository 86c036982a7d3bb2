//! Sessions: who is signed in, and with which credential.

use crate::{
    credential::CredentialKind,
    id::{ApplicationId, CredentialUuid, OrganizationId, TokenId, UserId},
    text::Username,
    time::Timestamp,
    user::{Epoch, UserKind},
};

/// The facts a session token carries. They were true when it was issued; whether they still are is a
/// question for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Identifies the token, so that logging out can spend it.
    pub id: TokenId,
    /// The user's organization.
    pub organization: OrganizationId,
    /// Who is signed in.
    pub user: UserId,
    /// What the user signs in with.
    pub username: Username,
    /// What the user is to the organization.
    pub user_kind: UserKind,
    /// The user's epoch at sign-in.
    pub epoch: Epoch,
    /// The credential that signed in; when it is deactivated or deleted, the session ends.
    pub credential: CredentialUuid,
    /// What kind of credential that is; a token of an earlier release does not say it.
    pub credential_kind: Option<CredentialKind>,
    /// The application at whose page a passkey began it; none for a key or for a client without an origin, and a
    /// token of an earlier release does not say it.
    pub application: Option<ApplicationId>,
    /// When it began.
    pub issued: Timestamp,
    /// When it ends at the latest.
    pub expires: Timestamp,
}
