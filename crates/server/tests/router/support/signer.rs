//! What somebody proves with: a key pair or a passkey.

use std::sync::{Arc, Mutex};

use latchkey_testkit::authenticator::{key::KeyClient, key_pair::KeyKind, passkey::PasskeyClient};
use serde_json::{Value, json};

/// Every kind of credential.
pub(crate) const KINDS: [&str; 4] = ["Fido2", "Key", "PasswordProtectedKey", "RecoveryKey"];

/// Every kind of credential that signs in.
pub(crate) const FACTORS: [&str; 3] = ["Fido2", "Key", "PasswordProtectedKey"];

/// The encrypted private half that clients here give away.
pub(crate) const ENCRYPTED_PRIVATE_KEY: &str = "an-encrypted-private-key";

/// Makes one credential and proves with it. Clones are the same device.
#[derive(Clone)]
pub(crate) struct Signer {
    device: Arc<Mutex<Device>>,
    kind: &'static str,
    id: String,
    origin: Option<String>,
}

enum Device {
    Key(KeyClient),
    Passkey(Box<PasskeyClient>),
}

impl From<KeyClient> for Signer {
    fn from(client: KeyClient) -> Self {
        let kind = KINDS
            .into_iter()
            .find(|kind| *kind == client.credential_kind)
            .unwrap();
        Self {
            kind,
            id: client.credential_id.clone(),
            origin: None,
            device: Arc::new(Mutex::new(Device::Key(client))),
        }
    }
}

impl From<PasskeyClient> for Signer {
    fn from(client: PasskeyClient) -> Self {
        Self {
            kind: "Fido2",
            id: client.credential_id(),
            origin: Some(client.origin.clone()),
            device: Arc::new(Mutex::new(Device::Passkey(Box::new(client)))),
        }
    }
}

impl Signer {
    /// A key pair over P-256.
    pub(crate) fn key() -> Self {
        KeyClient::new(KeyKind::P256).into()
    }

    pub(crate) fn password_protected_key() -> Self {
        KeyClient::new(KeyKind::P256)
            .of_kind("PasswordProtectedKey")
            .with_encrypted_private_key(ENCRYPTED_PRIVATE_KEY)
            .into()
    }

    pub(crate) fn recovery_key() -> Self {
        KeyClient::new(KeyKind::P256).of_kind("RecoveryKey").into()
    }

    /// A passkey in a browser at that origin.
    pub(crate) fn passkey(origin: &str) -> Self {
        PasskeyClient::new(origin).into()
    }

    /// A new one of that kind; a passkey lives at `origin`.
    pub(crate) fn of(kind: &str, origin: &str) -> Self {
        match kind {
            "Fido2" => Self::passkey(origin),
            "Key" => Self::key(),
            "PasswordProtectedKey" => Self::password_protected_key(),
            "RecoveryKey" => Self::recovery_key(),
            other => panic!("{other}"),
        }
    }

    /// The kind of credential it makes.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its credential id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Where its browser is; a key pair has none.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// A new credential for what the server asked.
    pub(crate) fn create(&self, asked: &Value) -> Value {
        match &mut *self.device.lock().unwrap() {
            Device::Key(client) => client.offer(asked),
            Device::Passkey(client) => client.offer(asked),
        }
    }

    /// The same as the body of a call that completes an init.
    pub(crate) fn named_credential(&self, asked: &Value, name: &str) -> Value {
        let mut body = self.create(asked);
        body["credentialName"] = json!(name);
        body["challengeIdentifier"] = asked["challengeIdentifier"].clone();
        body
    }

    /// A factor for what the server asked.
    pub(crate) fn sign(&self, asked: &Value) -> Value {
        match &mut *self.device.lock().unwrap() {
            Device::Key(client) => client.factor(asked),
            Device::Passkey(client) => client.factor(asked),
        }
    }

    /// Changes how the passkey behaves from now on.
    pub(crate) fn change_passkey(&self, change: impl FnOnce(&mut PasskeyClient)) {
        match &mut *self.device.lock().unwrap() {
            Device::Passkey(client) => change(client),
            Device::Key(_) => panic!("a key pair is no passkey"),
        }
    }

    /// Changes how the client of the key pair behaves from now on.
    pub(crate) fn change_key(&self, change: impl FnOnce(&mut KeyClient)) {
        match &mut *self.device.lock().unwrap() {
            Device::Key(client) => change(client),
            Device::Passkey(_) => panic!("a passkey is no key pair"),
        }
    }
}
