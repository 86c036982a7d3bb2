//! An authenticator and a browser in one, which can also do everything wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value as Cbor;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    asked::{Asked, ChallengeForm},
    base64url, base64url_padded,
    key_pair::{Digest, KeyKind, KeyPair},
};

/// Flag UP: the user was present.
pub const USER_PRESENT: u8 = 0x01;
/// Flag UV: the user was verified.
pub const USER_VERIFIED: u8 = 0x04;
/// Flag BE: the passkey may be backed up.
pub const BACKUP_ELIGIBLE: u8 = 0x08;
/// Flag BS: the passkey is backed up at present.
pub const BACKED_UP: u8 = 0x10;
/// Flag AT: attested credential data follow.
pub const ATTESTED: u8 = 0x40;
/// Flag ED: extensions follow.
pub const EXTENSIONS: u8 = 0x80;

/// What the authenticator does otherwise than it should, or than most do. The default is to behave.
#[derive(Clone, Debug, Default)]
pub struct Quirks {
    /// Flags to set.
    pub set_flags: u8,
    /// Flags not to set, although they should be.
    pub clear_flags: u8,
    /// The counter to send.
    pub counter: Option<u32>,
    /// The model to claim.
    pub aaguid: [u8; 16],
    /// Members of the client data to replace, or, with nothing, to leave out.
    pub client_data: Vec<(&'static str, Option<Value>)>,
    /// The whole client data to send and sign.
    pub raw_client_data: Option<Vec<u8>>,
    /// The attestation format and statement to claim, in place of `none`.
    pub attestation: Option<(&'static str, Cbor)>,
    /// Bytes after the attestation object.
    pub after_attestation_object: Vec<u8>,
    /// Bytes after the authenticator data.
    pub after_authenticator_data: Vec<u8>,
    /// Extensions in the authenticator data; sets the flag.
    pub extensions: Option<Cbor>,
    /// The public key to attest, in COSE, in place of the right one.
    pub public_key: Option<Cbor>,
    /// The credential id to attest.
    pub attested_id: Option<Vec<u8>>,
    /// The credential id to send, whatever was attested.
    pub sent_id: Option<String>,
    /// The user handle to send; an empty one is sent as the empty text.
    pub user_handle: Option<Option<Vec<u8>>>,
    /// Whether to spoil the signature.
    pub spoil_signature: bool,
    /// Whether to pad base64url.
    pub padded: bool,
}

/// One passkey, on one device, used from one origin.
pub struct PasskeyClient {
    /// Where its browser is.
    pub origin: String,
    /// The RP id it asks the authenticator for; usually the origin's host or a parent domain.
    pub rp_id: String,
    /// How its client writes the challenge.
    pub challenge_form: ChallengeForm,
    /// What it does otherwise.
    pub quirks: Quirks,
    pair: KeyPair,
    id: Vec<u8>,
    user_handle: Vec<u8>,
    counter: u32,
}

impl PasskeyClient {
    /// A browser's passkey (ES256) at this origin, with its host as RP id.
    pub fn new(origin: &str) -> Self {
        Self::with_key(origin, KeyKind::P256)
    }

    /// A passkey with a key of that kind: P-256 makes ES256, RSA makes RS256, others are not offered.
    pub fn with_key(origin: &str, kind: KeyKind) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let pair = KeyPair::generate(kind);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let id = digest(&SHA256, &[&pair.spki_der()[..], &number].concat());
        let host = Url::parse(origin)
            .ok()
            .and_then(|url| url.domain().map(str::to_owned));
        Self {
            origin: origin.to_owned(),
            rp_id: host.unwrap_or_default(),
            challenge_form: ChallengeForm::EncodedTwice,
            quirks: Quirks::default(),
            pair,
            id: id.as_ref().to_vec(),
            user_handle: vec![],
            counter: 0,
        }
    }

    /// Asks for this RP id.
    #[must_use]
    pub fn rp_id(mut self, rp_id: &str) -> Self {
        rp_id.clone_into(&mut self.rp_id);
        self
    }

    /// Writes the challenge in this form.
    #[must_use]
    pub fn challenge_form(mut self, form: ChallengeForm) -> Self {
        self.challenge_form = form;
        self
    }

    /// Its credential id, in base64url.
    pub fn credential_id(&self) -> String {
        base64url(&self.id)
    }

    /// The SubjectPublicKeyInfo of its key.
    pub fn spki_der(&self) -> Vec<u8> {
        self.pair.spki_der()
    }

    /// `credentialInfo` of a new credential. From now on the passkey belongs to the user that the
    /// server named.
    pub fn create(&mut self, asked: impl Into<Asked>) -> Value {
        let asked = asked.into();
        if let Some(user_id) = &asked.user_id {
            self.user_handle = user_id.clone().into_bytes();
        }
        let client_data = self.client_data("webauthn.create", &asked.challenge);
        let authenticator_data = self.authenticator_data(ATTESTED);
        let (format, statement) = self
            .quirks
            .attestation
            .clone()
            .unwrap_or(("none", Cbor::Map(vec![])));
        let mut attestation_object = to_cbor(&Cbor::Map(vec![
            ("fmt".into(), format.into()),
            ("attStmt".into(), statement),
            ("authData".into(), Cbor::Bytes(authenticator_data)),
        ]));
        attestation_object.extend(&self.quirks.after_attestation_object);
        json!({
            "credId": self.sent_id(),
            "clientData": self.encode(&client_data),
            "attestationData": self.encode(&attestation_object),
        })
    }

    /// `credentialAssertion` of a factor.
    pub fn get(&mut self, asked: impl Into<Asked>) -> Value {
        self.counter += 1;
        let client_data = self.client_data("webauthn.get", &asked.into().challenge);
        let authenticator_data = self.authenticator_data(0);
        let hash = digest(&SHA256, &client_data);
        let message = [&authenticator_data[..], hash.as_ref()].concat();
        let mut signature = self.pair.sign(Digest::Sha256, &message);
        if self.quirks.spoil_signature {
            // The last byte belongs to a number, so what is left is well-formed.
            if let Some(last) = signature.last_mut() {
                *last ^= 1;
            }
        }
        let handle = match &self.quirks.user_handle {
            None => Some(self.user_handle.clone()),
            Some(other) => other.clone(),
        };
        json!({
            "credId": self.sent_id(),
            "clientData": self.encode(&client_data),
            "authenticatorData": self.encode(&authenticator_data),
            "signature": self.encode(&signature),
            "userHandle": handle.map(|handle| self.encode(&handle)),
        })
    }

    /// A whole new credential: `credentialKind` and `credentialInfo`.
    pub fn offer(&mut self, asked: impl Into<Asked>) -> Value {
        json!({"credentialKind": "Fido2", "credentialInfo": self.create(asked)})
    }

    /// A whole factor: `kind` and `credentialAssertion`.
    pub fn factor(&mut self, asked: impl Into<Asked>) -> Value {
        json!({"kind": "Fido2", "credentialAssertion": self.get(asked)})
    }

    fn client_data(&self, ceremony: &str, challenge: &str) -> Vec<u8> {
        if let Some(raw) = &self.quirks.raw_client_data {
            return raw.clone();
        }
        let mut members = Map::new();
        members.insert("type".to_owned(), ceremony.into());
        let challenge = self.challenge_form.apply(challenge);
        members.insert("challenge".to_owned(), challenge.into());
        members.insert("origin".to_owned(), self.origin.as_str().into());
        members.insert("crossOrigin".to_owned(), false.into());
        for (name, value) in &self.quirks.client_data {
            match value {
                Some(value) => members.insert((*name).to_owned(), value.clone()),
                None => members.remove(*name),
            };
        }
        Value::Object(members).to_string().into_bytes()
    }

    fn authenticator_data(&self, with: u8) -> Vec<u8> {
        let mut flags = USER_PRESENT | USER_VERIFIED | with | self.quirks.set_flags;
        if self.quirks.extensions.is_some() {
            flags |= EXTENSIONS;
        }
        flags &= !self.quirks.clear_flags;
        let counter = self.quirks.counter.unwrap_or(self.counter);
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(counter.to_be_bytes());
        if flags & ATTESTED != 0 {
            data.extend(self.attested_credential_data());
        }
        if let Some(extensions) = &self.quirks.extensions {
            data.extend(to_cbor(extensions));
        }
        data.extend(&self.quirks.after_authenticator_data);
        data
    }

    fn attested_credential_data(&self) -> Vec<u8> {
        let id = self.quirks.attested_id.as_ref().unwrap_or(&self.id);
        let length = u16::try_from(id.len()).expect("a credential id has less than 65536 bytes");
        let key = match &self.quirks.public_key {
            Some(key) => to_cbor(key),
            None => to_cbor(&cose_key(&self.pair)),
        };
        [&self.quirks.aaguid[..], &length.to_be_bytes(), id, &key].concat()
    }

    fn sent_id(&self) -> String {
        match &self.quirks.sent_id {
            Some(id) => id.clone(),
            None => self.encode(self.quirks.attested_id.as_ref().unwrap_or(&self.id)),
        }
    }

    fn encode(&self, bytes: &[u8]) -> String {
        base64url_padded(bytes, self.quirks.padded)
    }
}

/// The public key of a pair in COSE (RFC 9053).
pub fn cose_key(pair: &KeyPair) -> Cbor {
    let bytes = pair.public_bytes();
    match pair.kind() {
        KeyKind::P256 => ec2(-7, 1, bytes),
        KeyKind::P384 => ec2(-35, 2, bytes),
        KeyKind::P521 => ec2(-36, 3, bytes),
        KeyKind::Secp256k1 => ec2(-47, 8, bytes),
        KeyKind::Ed25519 => cose([
            (1, 1.into()),
            (3, (-8).into()),
            (-1, 6.into()),
            (-2, Cbor::Bytes(bytes.to_vec())),
        ]),
        KeyKind::Rsa2048 => {
            // An RSAPublicKey of 2048 bits has its modulus at a fixed place, the exponent is 65537.
            let modulus = bytes.get(9..265).unwrap_or_default();
            rsa(-257, modulus, &[1, 0, 1])
        }
    }
}

/// An elliptic curve key in COSE from an uncompressed point.
pub fn ec2(algorithm: i64, curve: i64, point: &[u8]) -> Cbor {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    cose([
        (1, 2.into()),
        (3, algorithm.into()),
        (-1, curve.into()),
        (-2, Cbor::Bytes(x.to_vec())),
        (-3, Cbor::Bytes(y.to_vec())),
    ])
}

/// An RSA key in COSE.
pub fn rsa(algorithm: i64, modulus: &[u8], exponent: &[u8]) -> Cbor {
    cose([
        (1, 3.into()),
        (3, algorithm.into()),
        (-1, Cbor::Bytes(modulus.to_vec())),
        (-2, Cbor::Bytes(exponent.to_vec())),
    ])
}

fn cose<const LENGTH: usize>(members: [(i64, Cbor); LENGTH]) -> Cbor {
    Cbor::Map(
        members
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

fn to_cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).expect("CBOR is written to memory");
    bytes
}
