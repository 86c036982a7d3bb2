//! Passkeys: WebAuthn ceremonies (API contract §3.4 to §3.6, WebAuthn §7).
//!
//! The library verifies most of a registration; what it leaves to others, or does too leniently, is done
//! here first: the two forms of the challenge, the exact origin, cross-origin frames, trailing bytes,
//! keys of CBOR that come twice, the credential id, and whose credential it is. How a passkey is used is
//! decided in [`assertion`].

pub(crate) mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
pub(crate) mod creation;
pub(crate) mod public_key;

use std::{sync::Arc, time::Duration};

use latchkey_domain::application::{Application, Origin};
use latchkey_service::ports::proof_verifier::{Expected, ProofError};
use sha2::{Digest as _, Sha256};
use webauthn_rs::prelude::{Url, WebauthnError};
use webauthn_rs_core::WebauthnCore;

use crate::client_data::ClientData;

/// Where a ceremony took place: the one application that both its RP id hash and its origin fit.
struct Site<'a> {
    application: &'a Application,
    origin: &'a Origin,
}

impl<'a> Site<'a> {
    fn find(
        expected: &'a Expected,
        client_data: &ClientData,
        rp_id_hash: &[u8],
    ) -> Result<Self, ProofError> {
        let origin = client_data.origin().ok_or(ProofError::Origin)?;
        expected
            .applications
            .iter()
            .map(Arc::as_ref)
            .filter(|application| {
                let rp_id = application.relying_party.rp_id();
                Sha256::digest(rp_id.as_str()).as_slice() == rp_id_hash
            })
            .find_map(|application| {
                let origins = application.relying_party.origins();
                let origin = origins.iter().find(|listed| listed.as_str() == origin)?;
                Some(Self {
                    application,
                    origin,
                })
            })
            .ok_or(ProofError::Origin)
    }

    /// The library's handler for this site; it is cheap to build and keeps nothing.
    fn core(&self) -> Result<WebauthnCore, ProofError> {
        let origin = Url::parse(self.origin.as_str()).map_err(|_not_a_url| ProofError::Origin)?;
        Ok(WebauthnCore::new_unsafe_experts_only(
            self.application.name.as_str(),
            self.application.relying_party.rp_id().as_str(),
            vec![origin],
            Duration::from_mins(5),
            Some(false),
            Some(false),
        ))
    }
}

/// The problem of a proof whose authenticator contradicts itself.
const BACKED_UP_IN_VAIN: &str = "says that the passkey is backed up, and that it cannot be";

/// What the library's refusal means; `part` is the member of the proof that the ceremony is about.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library has some eighty errors, most of them about attestation, which is not asked for"
)]
fn refusal(error: &WebauthnError, part: &'static str) -> ProofError {
    match error {
        WebauthnError::InvalidClientDataType => ProofError::Type,
        WebauthnError::MismatchedChallenge => ProofError::Challenge,
        WebauthnError::InvalidRPOrigin | WebauthnError::InvalidRPIDHash => ProofError::Origin,
        WebauthnError::CredentialCrossOrigin => ProofError::CrossOrigin,
        WebauthnError::UserNotPresent | WebauthnError::UserNotVerified => {
            ProofError::UserVerification
        }
        WebauthnError::COSEKeyInvalidCBORValue
        | WebauthnError::COSEKeyInvalidType
        | WebauthnError::COSEKeyEDUnsupported
        | WebauthnError::COSEKeyECDSAXYInvalid
        | WebauthnError::COSEKeyRSANEInvalid
        | WebauthnError::COSEKeyECDSAInvalidCurve
        | WebauthnError::COSEKeyEDDSAXInvalid
        | WebauthnError::COSEKeyEDDSAInvalidCurve
        | WebauthnError::COSEKeyInvalidAlgorithm
        | WebauthnError::SshPublicKeyEDUnsupported
        | WebauthnError::EcdsaPointInvalid
        | WebauthnError::RsaParametersInvalid
        | WebauthnError::CredentialAlteredAlgFromRequest => ProofError::UnsupportedKey,
        WebauthnError::CredentialMayNotBeHardwareBound => ProofError::Malformed {
            part,
            problem: BACKED_UP_IN_VAIN,
        },
        WebauthnError::ParseJSONFailure(_) => ProofError::Malformed {
            part: "clientData",
            problem: "is not the client data of a WebAuthn ceremony",
        },
        _ => ProofError::Malformed {
            part,
            problem: "cannot be read",
        },
    }
}
