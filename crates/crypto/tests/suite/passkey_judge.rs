//! The library judges every use of a passkey anew: no verdict is milder than its, and none is stricter but
//! for what the library leaves to its callers.
//!
//! It reads the JSON of clients with `serde_json`, which refuses a number beyond every double even in a
//! member that nobody reads, and a byte order mark before it, which WebAuthn does not parse. Those are the two
//! refusals that are not repeated.

mod changes;
mod forms;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use latchkey_crypto::proofs::Proofs;
use latchkey_domain::{
    application::{Origin, RpId},
    credential::{
        CredentialReference, Material,
        key::PublicKey,
        passkey::{Aaguid, Passkey, Transports},
    },
    id::ApplicationId,
};
use latchkey_service::ports::proof_verifier::{
    AssertionProof, AuthenticatorState, ProofError, ProofVerifier as _, Used,
};
use latchkey_testkit::authenticator::{
    key_pair::{Digest, KeyKind, KeyPair},
    passkey::{USER_PRESENT, USER_VERIFIED},
};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AttestationFormat, AttestationMetadata, AuthenticationResult, AuthenticationState,
    COSEAlgorithm, COSEEC2Key, COSEKey, COSEKeyType, COSERSAKey, ECDSACurve, ParsedAttestation,
    ParsedAttestationData, PublicKeyCredential, Url, WebauthnError,
};
use webauthn_rs_core::{
    WebauthnCore,
    proto::{
        AuthenticationExtensionsClientOutputs, AuthenticatorAssertionResponseRaw,
        Credential as Judged, RegisteredExtensions, UserVerificationPolicy,
    },
};

use crate::support::{asked, expected, signer};

const ORIGIN: &str = "https://one.example";
const BOTH: [KeyKind; 2] = [KeyKind::P256, KeyKind::Rsa2048];

/// A passkey that signs whatever it is given.
struct Device {
    pair: KeyPair,
    passkey: Passkey,
}

impl Device {
    fn new(kind: KeyKind) -> Self {
        let pair = KeyPair::generate(kind);
        let passkey = Passkey {
            public_key: PublicKey::from_spki_der(pair.spki_der()),
            application: ApplicationId::from_random(&[1; 32]),
            rp_id: RpId::new("one.example").unwrap(),
            origin: Origin::new(ORIGIN).unwrap(),
            sign_count: 5,
            aaguid: Aaguid::new([0; 16]),
            backup_eligible: false,
            backed_up: false,
            transports: Transports::default(),
        };
        Self { pair, passkey }
    }

    fn sign(&self, client_data: &[u8], authenticator_data: &[u8]) -> Proof {
        let hash = digest(&SHA256, client_data);
        let message = [authenticator_data, hash.as_ref()].concat();
        Proof {
            client_data: client_data.to_vec(),
            authenticator_data: authenticator_data.to_vec(),
            signature: self.pair.sign(Digest::Sha256, &message),
        }
    }

    /// A proof in which nothing is wrong.
    fn good(&self) -> Proof {
        let data = authenticator_data(USER_PRESENT | USER_VERIFIED, 6, &[]);
        self.sign(&client_data(&json!({})), &data)
    }

    fn judge(&self, proof: &Proof, case: &str) -> Result<AuthenticatorState, ProofError> {
        judge(&self.passkey, proof, case)
    }

    fn judge_strictly(&self, proof: &Proof, case: &str) {
        judge_strictly(&self.passkey, proof, case);
    }
}

/// Our verdict and the library's, which must agree. Gives ours.
fn judge(passkey: &Passkey, proof: &Proof, case: &str) -> Result<AuthenticatorState, ProofError> {
    let (ours, library) = (ours(passkey, proof), library(passkey, proof));
    let agree = match (&ours, &library) {
        (Ok(state), Ok(result)) => {
            (state.sign_count, state.backed_up) == (result.counter(), result.backup_state())
        }
        (Err(_), Err(_)) => true,
        (Err(error), Ok(_)) => is_left_to_callers(error),
        (Ok(_), Err(_)) => false,
    };
    assert!(agree, "{case}: {ours:?}, the library: {library:?}");
    ours
}

/// The same, and the library refuses for the same reason if it refuses.
fn judge_strictly(passkey: &Passkey, proof: &Proof, case: &str) {
    let ours = judge(passkey, proof, case);
    if let (Err(ours), Err(library)) = (ours, library(passkey, proof)) {
        assert_eq!(reason(&ours), reason_of_library(&library), "{case}");
    }
}

fn ours(passkey: &Passkey, proof: &Proof) -> Result<AuthenticatorState, ProofError> {
    let signer = signer(Material::Fido2(passkey.clone()));
    let proof = AssertionProof {
        credential: CredentialReference::parse("any").unwrap(),
        client_data: proof.client_data.clone(),
        signature: proof.signature.clone(),
        used: Used::Fido2 {
            authenticator_data: proof.authenticator_data.clone(),
            user_handle: None,
        },
    };
    let state = Proofs.verify_assertion(&expected(), &signer, &proof)?;
    Ok(state.expect("a passkey has a state"))
}

/// What the library says, which knows one form of the challenge at a time.
fn library(passkey: &Passkey, proof: &Proof) -> Result<AuthenticationResult, WebauthnError> {
    let twice = asked().into_bytes();
    let plain = BASE64URL_NOPAD.decode(&twice).unwrap();
    match library_with(passkey, proof, &twice) {
        Err(WebauthnError::MismatchedChallenge) => library_with(passkey, proof, &plain),
        verdict => verdict,
    }
}

fn library_with(
    passkey: &Passkey,
    proof: &Proof,
    challenge: &[u8],
) -> Result<AuthenticationResult, WebauthnError> {
    let core = WebauthnCore::new_unsafe_experts_only(
        "An application",
        "one.example",
        vec![Url::parse(ORIGIN).unwrap()],
        Duration::from_mins(5),
        Some(false),
        Some(false),
    );
    let policy = Some(UserVerificationPolicy::Required);
    let builder = core
        .new_challenge_authenticate_builder(vec![], policy)
        .unwrap();
    let (_, state) = core.generate_challenge_authenticate(builder).unwrap();
    let mut state = serde_json::to_value(state).unwrap();
    state["challenge"] = BASE64URL_NOPAD.encode(challenge).into();
    let state: AuthenticationState = serde_json::from_value(state).unwrap();
    let response = PublicKeyCredential {
        id: String::new(),
        raw_id: b"passkey".to_vec(),
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: proof.authenticator_data.clone(),
            client_data_json: proof.client_data.clone(),
            signature: proof.signature.clone(),
            user_handle: None,
        },
        extensions: AuthenticationExtensionsClientOutputs::default(),
        type_: "public-key".to_owned(),
    };
    core.authenticate_single_credential(&response, &state, &judged(passkey))
}

/// The passkey in the library's form.
fn judged(passkey: &Passkey) -> Judged {
    let spki = passkey.public_key.spki_der();
    let cred = if spki.len() == 91 {
        COSEKey {
            type_: COSEAlgorithm::ES256,
            key: COSEKeyType::EC_EC2(COSEEC2Key {
                curve: ECDSACurve::SECP256R1,
                x: spki[27..59].to_vec(),
                y: spki[59..].to_vec(),
            }),
        }
    } else {
        // Where modulus and exponent of 2048 bits are.
        assert_eq!((spki.len(), &spki[289..]), (294, &[2, 3, 1, 0, 1][..]));
        COSEKey {
            type_: COSEAlgorithm::RS256,
            key: COSEKeyType::RSA(COSERSAKey {
                n: spki[33..289].to_vec(),
                e: [1, 0, 1],
            }),
        }
    };
    Judged {
        cred_id: b"passkey".to_vec(),
        cred,
        counter: passkey.sign_count,
        transports: None,
        user_verified: true,
        backup_eligible: passkey.backup_eligible,
        backup_state: passkey.backed_up,
        registration_policy: UserVerificationPolicy::Required,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation {
            data: ParsedAttestationData::None,
            metadata: AttestationMetadata::None,
        },
        attestation_format: AttestationFormat::None,
    }
}

/// What a client sends.
#[derive(Clone)]
struct Proof {
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
}

impl Proof {
    /// Its parts.
    fn parts(&mut self) -> [&mut Vec<u8>; 3] {
        [
            &mut self.client_data,
            &mut self.authenticator_data,
            &mut self.signature,
        ]
    }
}

/// Client data with these members set.
fn client_data(with: &Value) -> Vec<u8> {
    let mut members = json!({
        "type": "webauthn.get",
        "challenge": BASE64URL_NOPAD.encode(asked().as_bytes()),
        "origin": ORIGIN,
        "crossOrigin": false,
    });
    for (name, value) in with.as_object().unwrap() {
        members[name] = value.clone();
    }
    members.to_string().into_bytes()
}

fn authenticator_data(flags: u8, counter: u32, rest: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, b"one.example");
    [hash.as_ref(), &[flags], &counter.to_be_bytes(), rest].concat()
}

/// Whether it is something that the library does not look at, or is lenient about: the exact text of the
/// origin, frames, JSON that can be read in two ways, and bytes that nothing accounts for.
fn is_left_to_callers(error: &ProofError) -> bool {
    match error {
        ProofError::Origin | ProofError::CrossOrigin => true,
        ProofError::Malformed { part, problem } => {
            *part == "clientData" || problem.contains("well-formed, with nothing after it")
        }
        ProofError::Type
        | ProofError::Challenge
        | ProofError::OtherCredentials
        | ProofError::UserVerification
        | ProofError::UnsupportedKey
        | ProofError::CredentialId
        | ProofError::UserHandle
        | ProofError::Mismatch
        | ProofError::Signature
        | ProofError::CounterRegressed => false,
    }
}

/// Why a proof is refused, in words that fit both.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the reasons that depend on the passkey are told apart, and no others"
)]
fn reason(error: &ProofError) -> &'static str {
    match error {
        ProofError::Origin => "site",
        ProofError::UserVerification => "user",
        ProofError::Signature => "signature",
        ProofError::CounterRegressed => "counter",
        ProofError::Malformed { problem, .. } if problem.contains("otherwise") => "eligibility",
        ProofError::Malformed { problem, .. } if problem.contains("backed up") => "backup",
        _ => "other",
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has some eighty errors, most of them about attestation"
)]
fn reason_of_library(error: &WebauthnError) -> &'static str {
    match error {
        WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash => "site",
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => "user",
        WebauthnError::SignatureInvalid | WebauthnError::AuthenticationFailure => "signature",
        WebauthnError::CredentialPossibleCompromise => "counter",
        WebauthnError::CredentialBackupEligibilityInconsistent => "eligibility",
        WebauthnError::CredentialMayNotBeHardwareBound => "backup",
        _ => "other",
    }
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
