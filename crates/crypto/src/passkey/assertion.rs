//! The ceremony that uses a passkey (WebAuthn §7.2).
//!
//! The library reads the authenticator data, and everything else is decided here: its own verification of a
//! signature takes four times as long. It asked the same: type, challenge, origin, RP id hash, user presence
//! and verification, the signature by a key of an algorithm that was offered, whether the passkey may be
//! backed up, and the counter. It judges every proof anew in the tests of this crate
//! (`tests/suite/passkey_judge.rs`), and no verdict may be milder than its.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64URL, BASE64URL_NOPAD, Encoding};
use latchkey_domain::{
    application::RpId,
    credential::{key::PublicKey, signer::PasskeyKey},
    id::UserId,
};
use latchkey_service::ports::proof_verifier::{AuthenticatorState, Expected, ProofError};
use webauthn_rs_core::{internals, proto::Authentication};

use super::{BACKED_UP_IN_VAIN, Site, authenticator_data::AuthenticatorData, public_key, refusal};
use crate::{client_data::ClientData, key::digest::DigestName};

/// The member of the proof that this ceremony is about.
const PART: &str = "authenticatorData";

/// What an authenticator and its client made, byte for byte as received.
pub(crate) struct Assertion<'a> {
    pub(crate) client_data: &'a [u8],
    pub(crate) authenticator_data: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Refuses a user handle that is there, is not empty, and does not name the owner.
pub(crate) fn refuse_other_user(handle: Option<&[u8]>, owner: &UserId) -> Result<(), ProofError> {
    match handle {
        None | Some([]) => Ok(()),
        Some(handle) if names(handle, owner) => Ok(()),
        Some(_) => Err(ProofError::UserHandle),
    }
}

/// Whether a user handle names this user. A passkey that is synced has the handle that the client gave it
/// which made it, and clients take `user.id` for one of three things: a text, whose bytes are the handle; the
/// same, which they write as base64url before they take its bytes; or bytes in base64url, which they decode.
fn names(handle: &[u8], user: &UserId) -> bool {
    let id = user.as_str().as_bytes();
    handle == id
        || handle == BASE64URL_NOPAD.encode(id).as_bytes()
        || handle == BASE64URL.encode(id).as_bytes()
        || LENIENT
            .as_ref()
            .and_then(|lenient| lenient.decode(id).ok())
            .is_some_and(|decoded| handle == decoded)
}

/// base64url as clients decode it: the length of an id leaves bits over, and they do not look at them.
static LENIENT: LazyLock<Option<Encoding>> = LazyLock::new(|| {
    let mut specification = BASE64URL_NOPAD.specification();
    specification.check_trailing_bits = false;
    specification.encoding().ok()
});

/// Verifies that a passkey signed in answer to the challenge.
pub(crate) fn verify(
    expected: &Expected,
    passkey: &PasskeyKey,
    assertion: &Assertion<'_>,
) -> Result<AuthenticatorState, ProofError> {
    let (rp_id, said) = verify_signature(expected, &passkey.public_key, assertion)?;
    // What is known of the passkey counts only now: a stranger must not learn it, and costs a verification.
    if *rp_id != passkey.rp_id {
        return Err(ProofError::Origin);
    }
    compare(&said, passkey)?;
    Ok(AuthenticatorState {
        sign_count: said.counter,
        backed_up: said.backup_state,
    })
}

/// Verifies that whoever has that key signed in answer to the challenge, for an application that is expected: gives its
/// RP id, and what the authenticator says.
pub(crate) fn verify_signature<'a>(
    expected: &'a Expected,
    public_key: &PublicKey,
    assertion: &Assertion<'_>,
) -> Result<(&'a RpId, Said), ProofError> {
    let client_data = ClientData::read_webauthn(assertion.client_data, "webauthn.get")?;
    client_data.challenge(&expected.challenge)?;
    client_data.refuse_cross_origin()?;

    let data =
        AuthenticatorData::read(assertion.authenticator_data).ok_or(ProofError::Malformed {
            part: PART,
            problem: "must be well-formed, with nothing after it",
        })?;
    let site = Site::find(expected, &client_data, data.rp_id_hash)?;
    let said = read(assertion.authenticator_data)?;
    if !(said.user_present && said.user_verified) {
        return Err(ProofError::UserVerification);
    }
    public_key::verifying(public_key)?.verify(
        DigestName::Sha256,
        &signed(assertion.authenticator_data, assertion.client_data),
        assertion.signature,
    )?;
    Ok((site.application.relying_party.rp_id(), said))
}

type Said = internals::AuthenticatorData<Authentication>;

/// The authenticator data as the library reads them.
fn read(authenticator_data: &[u8]) -> Result<Said, ProofError> {
    Said::try_from(authenticator_data).map_err(|error| refusal(&error, PART))
}

/// What the authenticator signed (WebAuthn §6.3.3 step 11).
pub(crate) fn signed(authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, client_data);
    [authenticator_data, hash.as_ref()].concat()
}

/// Compares what the authenticator says with what is known of its passkey.
fn compare(said: &Said, passkey: &PasskeyKey) -> Result<(), ProofError> {
    let malformed = |problem| ProofError::Malformed {
        part: PART,
        problem,
    };
    if said.backup_eligible != passkey.backup_eligible {
        return Err(malformed(
            "says otherwise than at registration whether the passkey may be backed up",
        ));
    }
    if said.backup_state && !said.backup_eligible {
        return Err(malformed(BACKED_UP_IN_VAIN));
    }
    // An authenticator that does not count says 0 for ever.
    if passkey.sign_count > 0 && said.counter <= passkey.sign_count {
        return Err(ProofError::CounterRegressed);
    }
    Ok(())
}
