//! The ceremony that makes a passkey (WebAuthn §7.1).

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::credential::passkey::{Passkey, Transports};
use latchkey_service::ports::proof_verifier::{CreationProof, Expected, ProofError};
use webauthn_rs::prelude::{RegisterPublicKeyCredential, WebauthnError};
use webauthn_rs_core::{
    WebauthnCore,
    proto::{
        AuthenticatorAttestationResponseRaw, Credential, RegistrationExtensionsClientOutputs,
        RegistrationState, UserVerificationPolicy,
    },
};

use super::{
    Site, attestation,
    authenticator_data::{Attested, AuthenticatorData},
    public_key, refusal,
};
use crate::client_data::{ClientData, without_mark};

/// The member of the proof that this ceremony is about.
const PART: &str = "attestationData";

/// The most bytes a credential id can have (WebAuthn §7.1 step 25).
const CREDENTIAL_ID_MAXIMUM: usize = 1023;

/// Verifies that an authenticator made a passkey in answer to the challenge.
pub(crate) fn verify(
    expected: &Expected,
    proof: &CreationProof,
    transports: &Transports,
) -> Result<Passkey, ProofError> {
    let client_data = ClientData::read(&proof.client_data, "webauthn.create")?;
    let challenge = client_data.challenge(&expected.challenge)?;
    client_data.refuse_cross_origin()?;

    let raw = attestation::authenticator_data(&proof.attestation_data).ok_or(malformed(
        "must be a CBOR map of fmt, attStmt and authData, and nothing after it",
    ))?;
    let data = AuthenticatorData::read(&raw).ok_or(malformed(
        "must have well-formed authenticator data, and nothing after them",
    ))?;
    let attested = attested(&data, proof)?;
    let site = Site::find(expected, &client_data, data.rp_id_hash)?;

    let credential = register(&site.core()?, &challenge, &response(proof, &raw)?)?;
    Ok(Passkey {
        public_key: public_key::to_domain(&credential.cred)?,
        application: site.application.id.clone(),
        rp_id: site.application.relying_party.rp_id().clone(),
        origin: site.origin.clone(),
        aaguid: attested.aaguid,
        sign_count: data.sign_count,
        backup_eligible: data.backup_eligible,
        backed_up: data.backed_up,
        transports: transports.clone(),
    })
}

/// The attested credential data, whose id must be the one the client named.
fn attested<'a>(
    data: &'a AuthenticatorData<'_>,
    proof: &CreationProof,
) -> Result<&'a Attested<'a>, ProofError> {
    let attested = data
        .attested
        .as_ref()
        .ok_or(malformed("must have attested credential data"))?;
    if !(1..=CREDENTIAL_ID_MAXIMUM).contains(&attested.credential_id.len()) {
        return Err(malformed("must have a credential id of 1 to 1023 bytes"));
    }
    if proof.credential_id.key() != BASE64URL_NOPAD.encode(attested.credential_id) {
        return Err(ProofError::CredentialId);
    }
    Ok(attested)
}

/// The response in the library's form, built from its checked parts and nothing else.
fn response(
    proof: &CreationProof,
    authenticator_data: &[u8],
) -> Result<RegisterPublicKeyCredential, ProofError> {
    let attestation_object = attestation::without_statement(authenticator_data.to_vec())
        .ok_or(malformed("cannot be read"))?;
    Ok(RegisterPublicKeyCredential {
        id: proof.credential_id.key().to_owned(),
        raw_id: vec![],
        response: AuthenticatorAttestationResponseRaw {
            attestation_object,
            // It only parses them: where nothing is attested, nothing is signed over their hash.
            client_data_json: without_mark(&proof.client_data).to_vec(),
            transports: None,
        },
        type_: "public-key".to_owned(),
        extensions: RegistrationExtensionsClientOutputs::default(),
    })
}

fn register(
    core: &WebauthnCore,
    challenge: &[u8],
    response: &RegisterPublicKeyCredential,
) -> Result<Credential, ProofError> {
    state(core, challenge)
        .and_then(|state| core.register_credential(response, &state, None))
        .map_err(|error| refusal(&error, PART))
}

/// What the library would have kept since it asked for the passkey.
fn state(core: &WebauthnCore, challenge: &[u8]) -> Result<RegistrationState, WebauthnError> {
    // The user does not come into it: the state holds policy and challenge only.
    let builder = core
        .new_challenge_register_builder(b"user", "user", "user")?
        .user_verification_policy(UserVerificationPolicy::Required)
        .require_resident_key(true)
        .credential_algorithms(public_key::offered());
    let (_, state) = core.generate_challenge_register(builder)?;
    with_challenge(&state, challenge).map_err(WebauthnError::ParseJSONFailure)
}

/// Puts our own challenge into a state of the library, which has no setter for it. States hold nothing
/// but policy and challenge, so they are made when a ceremony is completed.
fn with_challenge(
    state: &RegistrationState,
    challenge: &[u8],
) -> Result<RegistrationState, serde_json::Error> {
    let mut members = serde_json::to_value(state)?;
    if let Some(member) = members.get_mut("challenge") {
        *member = BASE64URL_NOPAD.encode(challenge).into();
    }
    serde_json::from_value(members)
}

const fn malformed(problem: &'static str) -> ProofError {
    ProofError::Malformed {
        part: PART,
        problem,
    }
}
