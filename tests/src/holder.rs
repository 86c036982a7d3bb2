//! What a person or a machine holds: one key, and the means to sign with it.

use latchkey_testkit::authenticator::{
    asked::ChallengeForm, independent::IndependentPasskey, key::KeyClient, key_pair::KeyKind,
};
use serde_json::Value;

use crate::{Outcome, failure};

/// The holder of one key.
pub enum Holder {
    /// A key pair of a program.
    Key(Box<KeyClient>),
    /// A passkey in a browser or an application, by a library that nobody here wrote.
    Passkey(Box<IndependentPasskey>),
}

impl Holder {
    /// A new key pair (P-256).
    pub fn key() -> Self {
        Self::Key(Box::new(KeyClient::new(KeyKind::P256)))
    }

    /// A new passkey for pages of `origin`.
    pub fn passkey(origin: &str, form: ChallengeForm) -> Self {
        let passkey = IndependentPasskey::new(origin).challenge_form(form);
        Self::Passkey(Box::new(passkey))
    }

    /// A new holder of any kind of credential.
    pub fn of_kind(kind: &str, origin: &str) -> Outcome<Self> {
        let key = || KeyClient::new(KeyKind::P256).of_kind(kind);
        let encrypted = "the private half, encrypted by the client";
        match kind {
            "Fido2" => Ok(Self::passkey(origin, ChallengeForm::EncodedTwice)),
            "Key" => Ok(Self::key()),
            "PasswordProtectedKey" | "RecoveryKey" => {
                let key = key().with_encrypted_private_key(encrypted);
                Ok(Self::Key(Box::new(key)))
            }
            _ => Err(failure(format!("there is no kind {kind}"))),
        }
    }

    /// The kind of its credential.
    pub fn kind(&self) -> &str {
        match self {
            Self::Key(key) => &key.credential_kind,
            Self::Passkey(_) => "Fido2",
        }
    }

    /// A new credential that answers a challenge to create one.
    pub async fn create(&mut self, challenge: &Value) -> Value {
        match self {
            Self::Key(key) => key.offer(challenge),
            Self::Passkey(passkey) => passkey.offer(challenge).await,
        }
    }

    /// A factor that answers a challenge to sign.
    pub async fn sign(&mut self, challenge: &Value) -> Value {
        match self {
            Self::Key(key) => key.factor(challenge),
            Self::Passkey(passkey) => passkey.factor(challenge).await,
        }
    }
}
