//! What a challenge may be used for, with the facts that were true when it was issued. A completing call
//! accepts the one purpose it is for and no other.

use super::ActionNonce;
use crate::{
    credential::{
        CredentialId, CredentialKind, CredentialReference,
        signer::{ListedSigner, Signer, SignerKey},
    },
    id::{AccountCodeId, CredentialCodeId, CredentialUuid, TokenId, UserId},
    text::CredentialName,
    user::Epoch,
    user_action,
};

/// Any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Registering a user's first credentials.
    Registration(Registration),
    /// Signing in.
    Login(Login),
    /// Signing a user action.
    UserAction(UserAction),
    /// Adding a credential while signed in.
    Credential(Credential),
    /// Adding a credential with a code.
    CredentialWithCode(CredentialWithCode),
    /// Recovering an account.
    Recovery(Recovery),
}

/// Registering a user's first credentials (`POST /auth/registration`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Who registers.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The code that was shown; the completion spends it.
    pub code: AccountCodeId,
}

/// Signing in (`POST /auth/login`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Who signs in; absent when the passkey itself is to tell.
    pub user: Option<UserId>,
    /// The epoch of that user; a challenge of an earlier release does not say it.
    pub epoch: Option<Epoch>,
}

/// Signing a user action (`POST /auth/action`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAction {
    /// Who signs.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The credential that signed in.
    pub session_credential: CredentialUuid,
    /// What is to be signed.
    pub action: user_action::UserAction,
    /// What makes the challenge unpredictable.
    pub nonce: ActionNonce,
    /// What verifies assertions of the credential that signed in, where the challenge lists it and has room for it: who
    /// signs with it need not be looked up. A challenge of an earlier release does not say it.
    pub signer: Option<SessionSigner>,
}

impl UserAction {
    /// What verifies assertions of the credential that a client names so, if the challenge says it.
    pub fn signer_named(&self, named: &CredentialReference) -> Option<Signer> {
        let SessionSigner { id, key } = self.signer.as_ref()?;
        let credential = &self.session_credential;
        named.names(id, credential).then(|| Signer {
            credential: credential.clone(),
            user: self.user.clone(),
            key: key.clone(),
        })
    }
}

/// What a challenge says of the credential that signed in, beside its `cr-…` and its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSigner {
    /// The id by which most clients name it.
    pub id: CredentialId,
    /// What its signatures are verified with.
    pub key: SignerKey,
}

impl SessionSigner {
    /// How many bytes the id and the public key can have together, since every challenge identifier carries them: a key
    /// on a curve has 158 at most and fits with nearly every id, one of RSA has 294 at least and never does.
    pub const MAXIMUM: usize = 288;

    /// What is said of this signer, if it is short enough.
    pub fn of(listed: &ListedSigner) -> Option<Self> {
        let (id, key) = (&listed.id, &listed.signer.key);
        let length = id.as_str().len() + key.public_key().spki_der().len();
        (length <= Self::MAXIMUM).then(|| Self {
            id: id.clone(),
            key: key.clone(),
        })
    }
}

/// Adding a credential while signed in (`POST /auth/credentials`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Whose credential it becomes.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The session that asked for it.
    pub session: TokenId,
    /// The credential that signed in.
    pub session_credential: CredentialUuid,
    /// The kind that was asked for.
    pub kind: CredentialKind,
}

/// Adding a credential with a code (`POST /auth/credentials/code/verify`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialWithCode {
    /// Whose credential it becomes.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The code that was claimed; the completion redeems it.
    pub code: CredentialCodeId,
    /// The credential whose session issued the code.
    pub issuer: CredentialUuid,
    /// The kind that was asked for.
    pub kind: CredentialKind,
    /// What the credential is called, if the code says so.
    pub name: Option<CredentialName>,
}

/// Recovering an account (`POST /auth/recover/user`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Who recovers the account.
    pub user: UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The recovery key that must sign the new credentials.
    pub credential: CredentialUuid,
}

impl Purpose {
    /// Whose ceremony it is, unless a discoverable passkey is still to tell.
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Registration(Registration { user, .. })
            | Self::UserAction(UserAction { user, .. })
            | Self::Credential(Credential { user, .. })
            | Self::CredentialWithCode(CredentialWithCode { user, .. })
            | Self::Recovery(Recovery { user, .. }) => Some(user),
            Self::Login(Login { user, .. }) => user.as_ref(),
        }
    }
}

/// The challenge is for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the challenge is for something else")]
pub struct OtherPurpose;

macro_rules! purposes {
    ($($purpose:ident),*) => {$(
        impl From<$purpose> for Purpose {
            fn from(purpose: $purpose) -> Self {
                Self::$purpose(purpose)
            }
        }

        impl TryFrom<Purpose> for $purpose {
            type Error = OtherPurpose;

            fn try_from(purpose: Purpose) -> Result<Self, OtherPurpose> {
                if let Purpose::$purpose(purpose) = purpose {
                    Ok(purpose)
                } else {
                    Err(OtherPurpose)
                }
            }
        }
    )*};
}

purposes!(
    Registration,
    Login,
    UserAction,
    Credential,
    CredentialWithCode,
    Recovery
);

/// Whose ceremony it is, and what that rests on: all of it must still be so when it is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The user's epoch.
    pub epoch: Epoch,
    /// The credential without which the ceremony would not have begun.
    pub credential: Option<&'a CredentialUuid>,
}

/// A purpose whose user is known: all but signing in.
pub trait Held {
    /// Whether whatever the challenge leads to spends it. One that has claimed a code need not be spent: what it leads
    /// to redeems that code, which is claimed by this challenge alone. Nor need one with which an action is signed:
    /// there is one [signed action](crate::id::UserActionId::of) of a challenge.
    const SPENDS_CHALLENGE: bool;

    /// Whose it is.
    fn holder(&self) -> Holder<'_>;
}

macro_rules! held {
    ($($purpose:ident: $this:ident => $credential:expr, $spends_challenge:expr;)*) => {$(
        impl Held for $purpose {
            const SPENDS_CHALLENGE: bool = $spends_challenge;

            fn holder(&self) -> Holder<'_> {
                let $this = self;
                Holder {
                    user: &$this.user,
                    epoch: $this.epoch,
                    credential: $credential,
                }
            }
        }
    )*};
}

held! {
    Registration: this => None, true;
    UserAction: this => Some(&this.session_credential), false;
    Credential: this => Some(&this.session_credential), true;
    CredentialWithCode: this => Some(&this.issuer), false;
    Recovery: this => Some(&this.credential), true;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        challenge::Challenge,
        credential::Material,
        samples::{
            EPOCH, adding, challenge, credential, held, key_pair, passkey, purposes, recovery,
            registration, signing, user, with_code,
        },
    };

    #[test]
    fn the_signer_of_an_action_is_the_sessions_credential_by_either_of_its_names() {
        let held = held(Material::Fido2(passkey()));
        let knowing = UserAction {
            signer: ListedSigner::of(&held).as_ref().and_then(SessionSigner::of),
            ..signing()
        };
        for (named, is_own) in [
            ("id", true),
            ("id=", true),
            (credential().as_str(), true),
            ("other", false),
            (CredentialUuid::from_random(&[9; 32]).as_str(), false),
        ] {
            let named = CredentialReference::parse(named).unwrap();
            let signer = is_own.then(|| Signer::of(&held).unwrap());
            assert_eq!(knowing.signer_named(&named), signer, "{named:?}");
            assert_eq!(signing().signer_named(&named), None);
        }
    }

    #[test]
    fn a_challenge_says_no_signer_that_is_long() {
        for (id, key, is_said) in [(130, 158, true), (131, 158, false), (1, 294, false)] {
            let credential = crate::credential::Credential {
                id: CredentialId::new("a".repeat(id)).unwrap(),
                ..held(Material::Key(key_pair(vec![1; key])))
            };
            let listed = ListedSigner::of(&credential).unwrap();
            let said = SessionSigner::of(&listed).is_some();
            assert_eq!(said, is_said, "{id} {key}");
        }
    }

    #[test]
    fn a_challenge_is_accepted_for_its_own_purpose_alone() {
        let of_sign_in = Purpose::from(Login::default());
        for purpose in purposes().into_iter().chain([of_sign_in]) {
            let challenge = || challenge(purpose.clone());
            let accepted = [
                challenge().accept::<Registration>().is_ok(),
                challenge().accept::<Login>().is_ok(),
                challenge().accept::<UserAction>().is_ok(),
                challenge().accept::<Credential>().is_ok(),
                challenge().accept::<CredentialWithCode>().is_ok(),
                challenge().accept::<Recovery>().is_ok(),
            ];
            let own = [
                matches!(purpose, Purpose::Registration(_)),
                matches!(purpose, Purpose::Login(_)),
                matches!(purpose, Purpose::UserAction(_)),
                matches!(purpose, Purpose::Credential(_)),
                matches!(purpose, Purpose::CredentialWithCode(_)),
                matches!(purpose, Purpose::Recovery(_)),
            ];
            assert_eq!(accepted, own, "{purpose:?}");
        }
    }

    #[test]
    fn an_accepted_challenge_keeps_every_fact() {
        let accepted: Result<Challenge<Recovery>, _> =
            challenge(Purpose::from(recovery())).accept();
        assert_eq!(accepted, Ok(challenge(recovery())));
    }

    #[test]
    fn a_ceremony_rests_on_its_user_and_the_credential_it_began_with() {
        let (user, credential) = (user(), credential());
        let holder = |credential| Holder {
            user: &user,
            epoch: EPOCH,
            credential,
        };
        assert_eq!(registration().holder(), holder(None));
        assert_eq!(signing().holder(), holder(Some(&credential)));
        assert_eq!(adding().holder(), holder(Some(&credential)));
        assert_eq!(with_code().holder(), holder(Some(&credential)));
        assert_eq!(recovery().holder(), holder(Some(&credential)));
    }

    #[test]
    fn every_ceremony_but_a_sign_in_names_its_user() {
        for purpose in purposes() {
            assert_eq!(purpose.user(), Some(&user()));
        }
        for named in [None, Some(user())] {
            let purpose = Purpose::from(Login {
                user: named.clone(),
                epoch: None,
            });
            assert_eq!(purpose.user(), named.as_ref());
        }
    }
}
