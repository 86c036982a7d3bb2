//! Key pairs: proofs made with a plain private key (API contract §3.7).

pub(crate) mod digest;
mod pem;
pub(crate) mod public_key;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use latchkey_domain::{
    challenge::ChallengeText,
    credential::key::{KeyPair, PublicKey},
    text::misleads,
};
use latchkey_json::Value;
use latchkey_service::ports::proof_verifier::{AssertionProof, ProofError, RecoveryProof};
use sha2::{Digest as _, Sha256};

use self::{digest::DigestName, public_key::VerifyingKey};
use crate::client_data::{self, ClientData};

/// The most characters an origin can have that a client names for a key pair.
const ORIGIN_MAXIMUM: usize = 2048;

/// Verifies that whoever offers a public key holds its private half.
pub(crate) fn verify_creation(
    challenge: &ChallengeText,
    client_data: &[u8],
    attestation_data: &[u8],
) -> Result<KeyPair, ProofError> {
    let read = ClientData::read(client_data, "key.create")?;
    read.challenge(challenge)?;
    let origin = origin(&read)?;

    let attestation = Attestation::read(attestation_data)?;
    let key = VerifyingKey::from_pem(&attestation.public_key)?;
    let digest = DigestName::parse(attestation.algorithm.as_deref(), "attestationData")?;
    let message = attestation.signed_message(client_data);
    verify_any(&key, digest, &message, &attestation.signatures()?)?;
    Ok(KeyPair {
        public_key: key.public_key()?,
        origin,
    })
}

/// Verifies that a key pair signed the client data, byte for byte as it was received.
pub(crate) fn verify_assertion(
    challenge: &ChallengeText,
    public_key: &PublicKey,
    proof: &AssertionProof,
    algorithm: Option<&str>,
) -> Result<(), ProofError> {
    ClientData::read(&proof.client_data, "key.get")?.challenge(challenge)?;
    let key = VerifyingKey::kept(public_key)?;
    let digest = DigestName::parse(algorithm, "algorithm")?;
    key.verify(digest, &proof.client_data, &proof.signature)
}

/// Verifies that a key pair signed client data that commits to these new credentials.
pub(crate) fn verify_recovery(
    pair: &KeyPair,
    new_credentials: &str,
    proof: &RecoveryProof,
) -> Result<(), ProofError> {
    ClientData::read(&proof.client_data, "key.get")?.commits_to(new_credentials)?;
    let key = VerifyingKey::kept(&pair.public_key)?;
    let digest = DigestName::parse(proof.algorithm.as_deref(), "algorithm")?;
    key.verify(digest, &proof.client_data, &proof.signature)
}

/// The origin that a client names for a key pair: recorded and shown, never checked, so it only has
/// to be fit for that.
fn origin(read: &ClientData) -> Result<Option<String>, ProofError> {
    let Some(origin) = read.origin() else {
        return Ok(None);
    };
    let is_fit = origin.chars().count() <= ORIGIN_MAXIMUM
        && !origin.chars().any(char::is_control)
        && !misleads(origin);
    if !is_fit {
        return Err(client_data::malformed(
            "must have an origin of at most 2048 characters, none of which is a control character, invisible or \
             changes the direction",
        ));
    }
    Ok(Some(origin.to_owned()))
}

fn verify_any(
    key: &VerifyingKey,
    digest: DigestName,
    message: &[u8],
    signatures: &[Vec<u8>],
) -> Result<(), ProofError> {
    let mut outcome = Err(ProofError::Signature);
    for signature in signatures {
        outcome = key.verify(digest, message, signature);
        if outcome != Err(ProofError::Signature) {
            break;
        }
    }
    outcome
}

/// The attestation data of a key pair: JSON with the public key and a signature made with its private
/// half.
struct Attestation {
    public_key: String,
    signature: String,
    algorithm: Option<String>,
}

impl Attestation {
    fn read(bytes: &[u8]) -> Result<Self, ProofError> {
        let members = Value::read_object(bytes).map_err(|_malformed| {
            malformed("must be a JSON object in UTF-8 whose member names are not repeated")
        })?;
        let text = |name| {
            let member = members.member::<String>(name);
            member.map_err(|_other| {
                malformed("must have texts as publicKey, signature and algorithm")
            })
        };
        Ok(Self {
            public_key: text("publicKey")?.ok_or(malformed("must have a publicKey"))?,
            signature: text("signature")?.ok_or(malformed("must have a signature"))?,
            algorithm: text("algorithm")?,
        })
    }

    /// What the client signed: compact JSON, with the PEM escaped as JavaScript's `JSON.stringify`
    /// escapes it. `serde_json` escapes the same characters in the same way.
    fn signed_message(&self, client_data: &[u8]) -> Vec<u8> {
        let hash = HEXLOWER.encode(&Sha256::digest(client_data));
        let public_key = serde_json::Value::from(self.public_key.as_str());
        format!(r#"{{"clientDataHash":"{hash}","publicKey":{public_key}}}"#).into_bytes()
    }

    /// The signature as hex and as base64url, as far as the text is one: every hex text could be
    /// base64url too.
    fn signatures(&self) -> Result<Vec<Vec<u8>>, ProofError> {
        let text = self.signature.as_bytes();
        let unpadded = self.signature.trim_end_matches('=').as_bytes();
        let readings: Vec<_> = [
            HEXLOWER_PERMISSIVE.decode(text).ok(),
            BASE64URL_NOPAD.decode(unpadded).ok(),
        ]
        .into_iter()
        .flatten()
        .filter(|signature| !signature.is_empty())
        .collect();
        if readings.is_empty() {
            return Err(malformed("must have a signature in hex or base64url"));
        }
        Ok(readings)
    }
}

const fn malformed(problem: &'static str) -> ProofError {
    ProofError::Malformed {
        part: "attestationData",
        problem,
    }
}
