//! Signers: what assertions of a credential are verified with.

use crate::{
    application::RpId,
    credential::{
        Credential, CredentialId, Material,
        key::{EncryptedPrivateKey, PublicKey},
        passkey::{Passkey, Transports},
    },
    id::{CredentialUuid, UserId},
};

/// What verifies assertions of one credential, and nothing else of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The credential.
    pub credential: CredentialUuid,
    /// Whose it is: a user handle must name this user.
    pub user: UserId,
    /// The key.
    pub key: SignerKey,
}

impl Signer {
    /// What verifies assertions of this credential; nothing does of a recovery key, which signs neither sign-ins nor
    /// actions.
    pub fn of(credential: &Credential) -> Option<Self> {
        Some(Self {
            credential: credential.uuid.clone(),
            user: credential.user.clone(),
            key: SignerKey::of(&credential.material)?,
        })
    }
}

/// A signer as challenges list it for whom they are: its credential is active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSigner {
    /// The credential id.
    pub id: CredentialId,
    /// What verifies its assertions.
    pub signer: Signer,
    /// How the authenticator of a passkey may be reached.
    pub transports: Transports,
    /// The encrypted private half, where it is kept.
    pub encrypted_private_key: Option<EncryptedPrivateKey>,
}

impl ListedSigner {
    /// What is listed of this credential, if it is active and [signs](Signer::of).
    pub fn of(credential: &Credential) -> Option<Self> {
        let signer = Signer::of(credential).filter(|_signer| credential.is_active())?;
        let material = &credential.material;
        let passkey = material.passkey();
        Some(Self {
            id: credential.id.clone(),
            signer,
            transports: passkey
                .map(|passkey| passkey.transports.clone())
                .unwrap_or_default(),
            encrypted_private_key: material.encrypted_private_key().cloned(),
        })
    }
}

/// The key of a signer, by the kind of its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerKey {
    /// Of a passkey.
    Fido2(PasskeyKey),
    /// Of a raw key pair.
    Key(PublicKey),
    /// Of a key pair whose private half is kept.
    PasswordProtectedKey(PublicKey),
}

impl SignerKey {
    fn of(material: &Material) -> Option<Self> {
        match material {
            Material::Fido2(passkey) => Some(Self::Fido2(passkey.into())),
            Material::Key(pair) => Some(Self::Key(pair.public_key.clone())),
            Material::PasswordProtectedKey(pair, _) => {
                Some(Self::PasswordProtectedKey(pair.public_key.clone()))
            }
            Material::RecoveryKey(..) => None,
        }
    }

    /// The public key.
    pub const fn public_key(&self) -> &PublicKey {
        match self {
            Self::Fido2(passkey) => &passkey.public_key,
            Self::Key(public_key) | Self::PasswordProtectedKey(public_key) => public_key,
        }
    }
}

/// What counts of a passkey when it is used (WebAuthn Level 3 §7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyKey {
    /// The key that signs.
    pub public_key: PublicKey,
    /// The RP id that it is bound to.
    pub rp_id: RpId,
    /// The signature counter as last seen, which must have grown, or both are 0.
    pub sign_count: u32,
    /// Whether it may be synced between devices, which never changes.
    pub backup_eligible: bool,
}

impl From<&Passkey> for PasskeyKey {
    fn from(passkey: &Passkey) -> Self {
        Self {
            public_key: passkey.public_key.clone(),
            rp_id: passkey.rp_id.clone(),
            sign_count: passkey.sign_count,
            backup_eligible: passkey.backup_eligible,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        credential::CredentialState,
        samples::{credential, held, key_pair, passkey, user},
    };

    #[test]
    fn a_signer_is_of_the_kind_of_its_credential_and_a_recovery_key_has_none() {
        let pair = key_pair(vec![2]);
        let public_key = pair.public_key.clone();
        let encrypted = EncryptedPrivateKey::new("encrypted").unwrap();
        let of_passkey = PasskeyKey::from(&passkey());
        for (material, key) in [
            (
                Material::Fido2(passkey()),
                Some(SignerKey::Fido2(of_passkey)),
            ),
            (
                Material::Key(pair.clone()),
                Some(SignerKey::Key(public_key.clone())),
            ),
            (
                Material::PasswordProtectedKey(pair.clone(), encrypted),
                Some(SignerKey::PasswordProtectedKey(public_key)),
            ),
            (Material::RecoveryKey(pair, None), None),
        ] {
            let of_material = material.public_key().clone();
            let signer = Signer::of(&held(material));
            let wanted = key.map(|key| Signer {
                credential: credential(),
                user: user(),
                key,
            });
            assert_eq!(signer, wanted);
            assert!(signer.is_none_or(|signer| *signer.key.public_key() == of_material));
        }
    }
    #[test]
    fn what_is_active_and_signs_is_listed() {
        let active = held(Material::Fido2(passkey()));
        let listed = ListedSigner::of(&active).unwrap();
        assert_eq!(
            (listed.id, Some(listed.signer)),
            (active.id.clone(), Signer::of(&active))
        );
        let inactive = Credential {
            state: CredentialState::Inactive,
            ..active
        };
        let recovery = held(Material::RecoveryKey(key_pair(vec![2]), None));
        for credential in [inactive, recovery] {
            assert_eq!(ListedSigner::of(&credential), None);
        }
    }
}
