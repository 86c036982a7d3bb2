//! Proofs: that somebody holds a private key and used it for exactly this ceremony.

use std::sync::Arc;

use latchkey_domain::{
    application::Application,
    challenge::ChallengeText,
    credential::{
        Credential, CredentialId, CredentialKind, CredentialReference, Material,
        key::EncryptedPrivateKey, passkey::Transports, signer::Signer,
    },
};

/// What a proof must be about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The challenge that must have been signed, as C or as base64url of C (API contract §3.2).
    pub challenge: ChallengeText,
    /// The applications a passkey may be for. Its RP id hash and its origin must fit one and the same.
    pub applications: Vec<Arc<Application>>,
}

/// The proof that comes with a new credential (`credentialInfo`, API contract §3.4 and §3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationProof {
    /// The id that the authenticator or client chose.
    pub credential_id: CredentialId,
    /// The client data, byte for byte as received.
    pub client_data: Vec<u8>,
    /// For `Fido2` the attestation object (CBOR); for key kinds the JSON with public key and signature.
    pub attestation_data: Vec<u8>,
    /// The kind of credential that is offered, with what only that kind has.
    pub offered: Offered,
}

/// The kind of a new credential, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offered {
    /// A passkey, and how its authenticator may be reached, as the client says.
    Fido2(Transports),
    /// A raw key pair.
    Key,
    /// A key pair; the private half comes encrypted.
    PasswordProtectedKey(EncryptedPrivateKey),
    /// A recovery key pair; the private half may come encrypted.
    RecoveryKey(Option<EncryptedPrivateKey>),
}

impl Offered {
    /// The kind it makes a credential.
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Fido2(_) => CredentialKind::Fido2,
            Self::Key => CredentialKind::Key,
            Self::PasswordProtectedKey(_) => CredentialKind::PasswordProtectedKey,
            Self::RecoveryKey(_) => CredentialKind::RecoveryKey,
        }
    }
}

/// The proof that comes with the use of a credential (`credentialAssertion`, API contract §3.5, §3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionProof {
    /// The credential that signed.
    pub credential: CredentialReference,
    /// The client data, byte for byte as received.
    pub client_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The kind of credential that the client says it used, with what only that kind has.
    pub used: Used,
}

/// The kind of a used credential, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// A passkey.
    Fido2 {
        /// The authenticator data (WebAuthn §6.1).
        authenticator_data: Vec<u8>,
        /// The user handle, when the authenticator gave a non-empty one.
        user_handle: Option<Vec<u8>>,
    },
    /// A key pair.
    Key {
        /// The digest the client named, if any; otherwise the key's default.
        algorithm: Option<String>,
    },
    /// A key pair whose private half is kept.
    PasswordProtectedKey {
        /// The digest the client named, if any; otherwise the key's default.
        algorithm: Option<String>,
    },
}

impl Used {
    /// The kind of credential it is said to be.
    pub const fn kind(&self) -> CredentialKind {
        match self {
            Self::Fido2 { .. } => CredentialKind::Fido2,
            Self::Key { .. } => CredentialKind::Key,
            Self::PasswordProtectedKey { .. } => CredentialKind::PasswordProtectedKey,
        }
    }
}

/// The proof that the holder of a recovery key wants exactly these new credentials
/// (`recovery.credentialAssertion`, API contract §3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryProof {
    /// The recovery key that signed.
    pub credential: CredentialReference,
    /// The client data, byte for byte as received.
    pub client_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The digest the client named, if any; otherwise the key's default.
    pub algorithm: Option<String>,
}

/// What an assertion says beyond being true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthenticatorState {
    /// The signature counter (WebAuthn §6.1.1).
    pub sign_count: u32,
    /// Whether the passkey is synced at present.
    pub backed_up: bool,
}

/// Why a proof is refused. The texts help whoever builds a client; they tell nothing about the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A part of the proof cannot be read.
    #[error("{part} {problem}")]
    Malformed {
        /// The member of `credentialInfo` or `credentialAssertion`, by its name in the API.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// `type` in the client data is not the one of this ceremony.
    #[error("the type in the client data is not the one of this ceremony")]
    Type,
    /// The challenge in the client data is not the one that was issued.
    #[error("the challenge in the client data is not the one that was issued")]
    Challenge,
    /// The challenge in the client data of a recovery does not commit to the new credentials.
    #[error(
        "the challenge in the client data is not base64url of the newCredentials that were received"
    )]
    OtherCredentials,
    /// The origin and RP id hash do not fit one allowed application.
    #[error("the origin and the RP id of the proof do not belong to one allowed application")]
    Origin,
    /// The ceremony ran inside a page of another origin.
    #[error("the ceremony ran in a cross-origin frame")]
    CrossOrigin,
    /// The authenticator did not see the user, or did not verify who it was.
    #[error("the authenticator did not verify the user")]
    UserVerification,
    /// The public key is of a kind or strength that is not offered.
    #[error("the public key is of a kind or strength that is not offered")]
    UnsupportedKey,
    /// `credId` is not the id of the attested credential.
    #[error("credId is not the id of the attested credential")]
    CredentialId,
    /// The user handle is not the one of the credential's owner.
    #[error("the user handle is not the one of the credential's owner")]
    UserHandle,
    /// The client named a kind or algorithm that is not the one of the credential.
    #[error("the kind or algorithm is not the one of the credential")]
    Mismatch,
    /// The signature is not one of this key over this data.
    #[error("the signature is not valid")]
    Signature,
    /// The signature is right, but the counter went back: the authenticator may have been cloned.
    #[error("the signature counter went back")]
    CounterRegressed,
}

impl ProofError {
    /// Whether it is about what the client wrote, and was found before any credential counts: it tells
    /// nothing about which credentials there are.
    pub const fn is_without_credential(&self) -> bool {
        match self {
            Self::Type | Self::Challenge | Self::CrossOrigin => true,
            Self::Malformed { part, .. } => matches!(part.as_bytes(), b"clientData"),
            Self::OtherCredentials
            | Self::Origin
            | Self::UserVerification
            | Self::UnsupportedKey
            | Self::CredentialId
            | Self::UserHandle
            | Self::Mismatch
            | Self::Signature
            | Self::CounterRegressed => false,
        }
    }
}

/// Verifies proofs. Pure: the same input gives the same answer.
#[cfg_attr(any(test, feature = "mocks"), mockall::automock)]
pub trait ProofVerifier: Send + Sync {
    /// Verifies the proof of a new credential and gives what the credential is made of.
    ///
    /// # Errors
    /// [`ProofError`] says what is wrong.
    fn verify_creation(
        &self,
        expected: &Expected,
        proof: &CreationProof,
    ) -> Result<Material, ProofError>;

    /// Verifies the use of a credential; for a passkey it gives the authenticator's state. What is said of the
    /// credential counts once its signature was verified: before, the proof alone decides how far this comes.
    ///
    /// # Errors
    /// [`ProofError`] says what is wrong.
    fn verify_assertion(
        &self,
        expected: &Expected,
        signer: &Signer,
        proof: &AssertionProof,
    ) -> Result<Option<AuthenticatorState>, ProofError>;

    /// Does as [`verify_assertion`](Self::verify_assertion) would for a credential of the kind that the proof
    /// names, though there is none: it verifies a signature where that one does, and finds what is wrong
    /// [without it](ProofError::is_without_credential) in the same order.
    fn verify_for_nobody(&self, expected: &Expected, proof: &AssertionProof) -> ProofError;

    /// Confirms that a recovery key signed these new credentials: the challenge in its client data is
    /// base64url of JSON that means the same as `new_credentials`, which is canonical JSON. No
    /// other challenge is accepted, and no credential but a recovery key (API contract §3.9).
    ///
    /// # Errors
    /// [`ProofError`] says what is wrong.
    fn confirm_recovery(
        &self,
        credential: &Credential,
        new_credentials: &str,
        proof: &RecoveryProof,
    ) -> Result<(), ProofError>;
}
