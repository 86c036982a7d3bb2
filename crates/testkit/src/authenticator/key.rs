//! Clients that prove with a key pair (API contract §3.7).

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, BASE64URL, HEXLOWER};
use serde_json::{Value, json};

use super::{
    asked::{Asked, ChallengeForm},
    base64url, base64url_padded,
    key_pair::{Digest, KeyKind, KeyPair},
};

/// Which members client data have, and in which order; the names are those of published clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientDataShape {
    /// `type`, `challenge`.
    #[default]
    TypeScript,
    /// `challenge`, `crossOrigin`, `type`.
    Go,
    /// `type`, `challenge`, `crossOrigin`.
    Java,
    /// `type`, `challenge`, `origin`, `crossOrigin`, with spaces between them.
    Python {
        /// The origin it names.
        origin: String,
    },
}

/// How the signature of a registration is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureForm {
    /// Lower-case hex, as published clients do.
    #[default]
    Hex,
    /// Upper-case hex.
    UpperHex,
    /// base64url without padding.
    Base64Url,
    /// base64url with padding.
    PaddedBase64Url,
    /// Standard base64, which no server should take.
    StandardBase64,
}

/// How the public key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PemForm {
    /// Lines of 64 characters and a last newline, as Node and OpenSSL write it.
    #[default]
    Wrapped,
    /// Without the last newline.
    NoLastNewline,
    /// With CRLF.
    Crlf,
    /// The base64 on one line.
    LongLine,
    /// Everything on one line.
    OneLine,
    /// With the two characters `\n` in place of every newline.
    LiteralNewlines,
    /// `BEGIN RSA PUBLIC KEY`; for RSA only.
    Pkcs1,
}

impl PemForm {
    /// All of them but PKCS#1.
    pub const ALL_SPKI: [Self; 6] = [
        Self::Wrapped,
        Self::NoLastNewline,
        Self::Crlf,
        Self::LongLine,
        Self::OneLine,
        Self::LiteralNewlines,
    ];
}

/// A client that holds a key pair. Its fields say how it writes what it sends.
pub struct KeyClient {
    /// The pair.
    pub pair: KeyPair,
    /// What it calls itself (`credId`).
    pub credential_id: String,
    /// Which kind of credential it wants to be.
    pub credential_kind: String,
    /// Its client data.
    pub client_data: ClientDataShape,
    /// How it writes the challenge in client data.
    pub challenge_form: ChallengeForm,
    /// Whether it pads base64url.
    pub padded: bool,
    /// How it writes the signature of a registration.
    pub signature_form: SignatureForm,
    /// How it writes its public key.
    pub pem_form: PemForm,
    /// The digest it signs over.
    pub digest: Digest,
    /// The `algorithm` it names, if any.
    pub algorithm: Option<String>,
    /// The private half, encrypted, if it gives it away.
    pub encrypted_private_key: Option<String>,
}

impl KeyClient {
    /// A client with a new pair that behaves as the TypeScript client does.
    pub fn new(kind: KeyKind) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let pair = KeyPair::generate(kind);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        // Different for every client, in other processes too.
        let id = digest(&SHA256, &[&pair.spki_der()[..], &number].concat());
        Self {
            pair,
            credential_id: base64url(id),
            credential_kind: "Key".to_owned(),
            client_data: ClientDataShape::default(),
            challenge_form: ChallengeForm::Plain,
            padded: false,
            signature_form: SignatureForm::default(),
            pem_form: PemForm::default(),
            digest: Digest::default(),
            algorithm: None,
            encrypted_private_key: None,
        }
    }

    /// Wants to be a credential of this kind.
    #[must_use]
    pub fn of_kind(mut self, credential_kind: &str) -> Self {
        credential_kind.clone_into(&mut self.credential_kind);
        self
    }

    /// Calls itself so.
    #[must_use]
    pub fn called(mut self, credential_id: &str) -> Self {
        credential_id.clone_into(&mut self.credential_id);
        self
    }

    /// Gives its encrypted private half away.
    #[must_use]
    pub fn with_encrypted_private_key(mut self, encrypted: &str) -> Self {
        self.encrypted_private_key = Some(encrypted.to_owned());
        self
    }

    /// `credentialInfo` of a new credential.
    pub fn create(&self, asked: impl Into<Asked>) -> Value {
        let client_data = self.client_data("key.create", &asked.into().challenge);
        self.attest(client_data.as_bytes())
    }

    /// `credentialAssertion` of a factor.
    pub fn get(&self, asked: impl Into<Asked>) -> Value {
        let client_data = self.client_data("key.get", &asked.into().challenge);
        self.assert(client_data.as_bytes())
    }

    /// A whole new credential: `credentialKind`, `credentialInfo`, and `encryptedPrivateKey` if there is
    /// one.
    pub fn offer(&self, asked: impl Into<Asked>) -> Value {
        let mut offer = json!({
            "credentialKind": self.credential_kind,
            "credentialInfo": self.create(asked),
        });
        if let Some(encrypted) = &self.encrypted_private_key {
            insert(&mut offer, "encryptedPrivateKey", encrypted.as_str().into());
        }
        offer
    }

    /// A whole factor: `kind` and `credentialAssertion`.
    pub fn factor(&self, asked: impl Into<Asked>) -> Value {
        json!({"kind": self.credential_kind, "credentialAssertion": self.get(asked)})
    }

    /// `credentialInfo` over any client data.
    pub fn attest(&self, client_data: &[u8]) -> Value {
        self.attest_with(client_data, &self.pem())
    }

    /// `credentialInfo` over any client data, with any text as the public key.
    pub fn attest_with(&self, client_data: &[u8], public_key: &str) -> Value {
        let hash = HEXLOWER.encode(digest(&SHA256, client_data).as_ref());
        let escaped = Value::from(public_key);
        let message = format!(r#"{{"clientDataHash":"{hash}","publicKey":{escaped}}}"#);
        let signature = self.pair.sign(self.digest, message.as_bytes());
        let mut attestation = json!({
            "publicKey": public_key,
            "signature": self.signature_form.write(&signature),
        });
        if let Some(algorithm) = &self.algorithm {
            insert(&mut attestation, "algorithm", algorithm.as_str().into());
        }
        json!({
            "credId": self.credential_id,
            "clientData": base64url_padded(client_data, self.padded),
            "attestationData": base64url_padded(attestation.to_string().as_bytes(), self.padded),
        })
    }

    /// `credentialAssertion` over any client data.
    pub fn assert(&self, client_data: &[u8]) -> Value {
        let signature = self.pair.sign(self.digest, client_data);
        let mut assertion = json!({
            "credId": self.credential_id,
            "clientData": base64url_padded(client_data, self.padded),
            "signature": base64url_padded(&signature, self.padded),
        });
        if let Some(algorithm) = &self.algorithm {
            insert(&mut assertion, "algorithm", algorithm.as_str().into());
        }
        assertion
    }

    /// The client data it makes around a challenge.
    pub fn client_data(&self, ceremony: &str, challenge: &str) -> String {
        let challenge = self.challenge_form.apply(challenge);
        match &self.client_data {
            ClientDataShape::TypeScript => {
                format!(r#"{{"type":"{ceremony}","challenge":"{challenge}"}}"#)
            }
            ClientDataShape::Go => {
                format!(r#"{{"challenge":"{challenge}","crossOrigin":false,"type":"{ceremony}"}}"#)
            }
            ClientDataShape::Java => {
                format!(r#"{{"type":"{ceremony}","challenge":"{challenge}","crossOrigin":false}}"#)
            }
            ClientDataShape::Python { origin } => format!(
                r#"{{"type": "{ceremony}", "challenge": "{challenge}", "origin": "{origin}", "crossOrigin": false}}"#
            ),
        }
    }

    /// Its public key as it writes it.
    pub fn pem(&self) -> String {
        let spki = self.pair.spki_der();
        match self.pem_form {
            PemForm::Wrapped => pem("PUBLIC KEY", &spki, 64, "\n"),
            PemForm::NoLastNewline => pem("PUBLIC KEY", &spki, 64, "\n").trim_end().to_owned(),
            PemForm::Crlf => pem("PUBLIC KEY", &spki, 64, "\r\n"),
            PemForm::LongLine => pem("PUBLIC KEY", &spki, usize::MAX, "\n"),
            PemForm::OneLine => pem("PUBLIC KEY", &spki, usize::MAX, ""),
            PemForm::LiteralNewlines => pem("PUBLIC KEY", &spki, 64, "\\n"),
            PemForm::Pkcs1 => pem("RSA PUBLIC KEY", self.pair.public_bytes(), 64, "\n"),
        }
    }
}

impl SignatureForm {
    fn write(self, signature: &[u8]) -> String {
        match self {
            Self::Hex => HEXLOWER.encode(signature),
            Self::UpperHex => data_encoding::HEXUPPER.encode(signature),
            Self::Base64Url => base64url(signature),
            Self::PaddedBase64Url => BASE64URL.encode(signature),
            Self::StandardBase64 => BASE64.encode(signature),
        }
    }
}

/// PEM with lines of that width.
pub fn pem(label: &str, der: &[u8], width: usize, newline: &str) -> String {
    let base64 = BASE64.encode(der);
    let mut lines = String::new();
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, remainder) = rest.split_at(rest.len().min(width));
        lines.push_str(line);
        lines.push_str(newline);
        rest = remainder;
    }
    format!("-----BEGIN {label}-----{newline}{lines}-----END {label}-----{newline}")
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
