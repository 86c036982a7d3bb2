//! The ceremony that uses a passkey (WebAuthn §7.2).

use std::borrow::Cow;

use latchkey_domain::{
    credential::{
        key::PublicKey,
        passkey::{Aaguid, Passkey},
    },
    id::UserId,
};
use latchkey_service::ports::proof_verifier::{AuthenticatorState, Expected, ProofError};
use webauthn_rs::prelude::{
    AttestationFormat, AttestationMetadata, AuthenticationState, ParsedAttestation,
    ParsedAttestationData, PublicKeyCredential, WebauthnError,
};
use webauthn_rs_core::{
    WebauthnCore,
    proto::{
        AuthenticationExtensionsClientOutputs, AuthenticatorAssertionResponseRaw, Credential,
        RegisteredExtensions, UserVerificationPolicy,
    },
};

use super::{Site, authenticator_data::AuthenticatorData, public_key, refusal, with_challenge};
use crate::client_data::ClientData;

/// The member of the proof that this ceremony is about.
const PART: &str = "authenticatorData";

/// How the one passkey of a ceremony is called towards the library. Which passkey it is was decided
/// when it was looked up.
const ID: &[u8] = b"passkey";

/// What an authenticator and its client made, byte for byte as received.
pub(crate) struct Assertion<'a> {
    pub(crate) client_data: &'a [u8],
    pub(crate) authenticator_data: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Refuses a user handle that is there, is not empty, and is not the owner's id.
pub(crate) fn refuse_other_user(handle: Option<&[u8]>, owner: &UserId) -> Result<(), ProofError> {
    match handle {
        None | Some([]) => Ok(()),
        Some(handle) if handle == owner.as_str().as_bytes() => Ok(()),
        Some(_) => Err(ProofError::UserHandle),
    }
}

/// Verifies that a passkey signed in answer to the challenge.
pub(crate) fn verify(
    expected: &Expected,
    passkey: &Passkey,
    assertion: &Assertion<'_>,
) -> Result<AuthenticatorState, ProofError> {
    verify_with(expected, |_site| Cow::Borrowed(passkey), assertion)
}

/// The same for a passkey with that key which nobody has, wherever the proof says it was used.
pub(crate) fn verify_for_nobody(
    expected: &Expected,
    public_key: &PublicKey,
    assertion: &Assertion<'_>,
) -> Result<(), ProofError> {
    let passkey = |site: &Site<'_>| {
        Cow::Owned(Passkey {
            public_key: public_key.clone(),
            application: site.application.id.clone(),
            rp_id: site.application.relying_party.rp_id().clone(),
            origin: site.origin.clone(),
            sign_count: 0,
            aaguid: Aaguid::new([0; 16]),
            backup_eligible: false,
            backed_up: false,
        })
    };
    verify_with(expected, passkey, assertion).map(|_state| ())
}

fn verify_with<'a>(
    expected: &Expected,
    passkey: impl FnOnce(&Site<'_>) -> Cow<'a, Passkey>,
    assertion: &Assertion<'_>,
) -> Result<AuthenticatorState, ProofError> {
    let client_data = ClientData::read(assertion.client_data, "webauthn.get")?;
    let challenge = client_data.challenge(&expected.challenge)?;
    client_data.refuse_cross_origin()?;

    let data =
        AuthenticatorData::read(assertion.authenticator_data).ok_or(ProofError::Malformed {
            part: PART,
            problem: "must be well-formed, with nothing after it",
        })?;
    let site = Site::find(expected, &client_data, data.rp_id_hash)?;
    let passkey = passkey(&site);
    if *site.application.relying_party.rp_id() != passkey.rp_id {
        return Err(ProofError::Origin);
    }

    authenticate(
        &site.core()?,
        &challenge,
        &response(assertion),
        &credential(&passkey)?,
    )?;
    Ok(AuthenticatorState {
        sign_count: data.sign_count,
        backed_up: data.backed_up,
    })
}

fn authenticate(
    core: &WebauthnCore,
    challenge: &[u8],
    response: &PublicKeyCredential,
    credential: &Credential,
) -> Result<(), ProofError> {
    state(core, challenge)
        .and_then(|state| core.authenticate_single_credential(response, &state, credential))
        .map(|_result| ())
        .map_err(|error| refusal(&error, PART))
}

/// What the library would have kept since it asked for the assertion.
fn state(core: &WebauthnCore, challenge: &[u8]) -> Result<AuthenticationState, WebauthnError> {
    let policy = Some(UserVerificationPolicy::Required);
    let builder = core.new_challenge_authenticate_builder(vec![], policy)?;
    let (_, state) = core.generate_challenge_authenticate(builder)?;
    with_challenge(&state, challenge).map_err(WebauthnError::ParseJSONFailure)
}

/// The response in the library's form, built from its parts and nothing else.
fn response(assertion: &Assertion<'_>) -> PublicKeyCredential {
    PublicKeyCredential {
        id: String::new(),
        raw_id: ID.to_vec(),
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: assertion.authenticator_data.to_vec(),
            client_data_json: assertion.client_data.to_vec(),
            signature: assertion.signature.to_vec(),
            user_handle: None,
        },
        extensions: AuthenticationExtensionsClientOutputs::default(),
        type_: "public-key".to_owned(),
    }
}

/// The passkey in the library's form.
fn credential(passkey: &Passkey) -> Result<Credential, ProofError> {
    Ok(Credential {
        cred_id: ID.to_vec(),
        cred: public_key::to_cose(&passkey.public_key)?,
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
    })
}
