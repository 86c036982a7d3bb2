//! `CredentialChallenge` and `RegistrationChallenge`: what a client needs to make a credential (API
//! contract §4.3, §4.4).

use latchkey_domain::{challenge::purpose::Purpose, credential::CredentialKind, user::User};
use latchkey_service::{
    ceremony::{BegunChallenge, CreationChallenge},
    recovery::RecoveryChallenge,
    registration::RegistrationChallenge,
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    example::with,
    relying_party::{
        Attestation, CredentialDescriptor, FACTOR_KINDS, OwnerBody, RelyingPartyBody, Requirement,
    },
};

/// The algorithms offered: ES256 and RS256 (COSE).
const ALGORITHMS: [i16; 2] = [-7, -257];

/// What a client needs to make a credential of the kind it asked for. Mobile clients read the one for a
/// passkey as a registration challenge, so it has the members of one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!({
    "kind": "Fido2",
    "user": {
        "id": "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
        "displayName": "ada@example.com",
        "name": "ada@example.com"
    },
    "challengeIdentifier": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9...",
    "temporaryAuthenticationToken": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9...",
    "challenge": "Y2gtMzllNDYtaGJtdm0tOGx0cXEzc2o0ODg3ZTdwOA",
    "rp": { "id": "example.com", "name": "Example app" },
    "attestation": "none",
    "pubKeyCredParams": [
        { "type": "public-key", "alg": -7 },
        { "type": "public-key", "alg": -257 }
    ],
    "authenticatorSelection": {
        "residentKey": "required",
        "requireResidentKey": true,
        "userVerification": "required"
    },
    "excludeCredentials": [{ "type": "public-key", "id": "qkKZ-aW1YSRJK0OESzNk8A" }],
    "supportedCredentialKinds": { "firstFactor": ["Fido2"], "secondFactor": [] },
    "otpUrl": ""
}))]
pub(crate) struct CredentialChallenge {
    /// The kind that was asked for.
    #[schema(example = "Fido2")]
    kind: &'static str,
    /// Whose credential it becomes.
    user: OwnerBody,
    /// To be sent back with the credential; lives five minutes.
    challenge_identifier: String,
    /// The same as `challengeIdentifier`, for older clients.
    temporary_authentication_token: String,
    /// What must be signed.
    #[schema(example = "Y2gtMzllNDYtaGJtdm0tOGx0cXEzc2o0ODg3ZTdwOA")]
    challenge: String,
    /// The application the ceremony is for.
    rp: RelyingPartyBody,
    /// How the authenticator proves its model.
    attestation: Attestation,
    /// The algorithms that are offered to authenticators.
    pub_key_cred_params: Vec<Algorithm>,
    /// What is asked of the authenticator; for `Fido2` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator_selection: Option<AuthenticatorSelection>,
    /// The passkeys that the user has for this application already; for `Fido2` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude_credentials: Option<Vec<CredentialDescriptor>>,
    /// The kinds that may be made; for `Fido2` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    supported_credential_kinds: Option<SupportedKinds>,
    /// Always empty; for `Fido2` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    otp_url: Option<&'static str>,
    /// What the credential is going to be called, where the code says so; another name is not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "My phone")]
    credential_name: Option<String>,
}

/// What a client needs to make the first credentials of a user, or those that take the place of all.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = example)]
pub(crate) struct RegistrationChallengeBody {
    /// Whose credentials they become.
    user: OwnerBody,
    /// To be sent as bearer token with the credentials; lives fifteen minutes.
    temporary_authentication_token: String,
    /// What every credential must sign.
    challenge: String,
    /// The application the ceremony is for.
    rp: RelyingPartyBody,
    /// The kinds that may be made.
    supported_credential_kinds: SupportedKinds,
    /// What is asked of authenticators.
    authenticator_selection: AuthenticatorSelection,
    /// How authenticators prove their model.
    attestation: Attestation,
    /// The algorithms that are offered to authenticators.
    pub_key_cred_params: Vec<Algorithm>,
    /// Always empty: the user has no credential yet, or loses those there are.
    exclude_credentials: Vec<CredentialDescriptor>,
    /// Always empty.
    otp_url: &'static str,
}

/// A challenge for first credentials, in the description.
fn example() -> Value {
    json!({
        "user": {
            "id": "us-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "displayName": "ada@example.com",
            "name": "ada@example.com"
        },
        "temporaryAuthenticationToken": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9...",
        "challenge": "Y2gtMzllNDYtaGJtdm0tOGx0cXEzc2o0ODg3ZTdwOA",
        "rp": { "id": "example.com", "name": "Example app" },
        "supportedCredentialKinds": {
            "firstFactor": ["Fido2", "Key", "PasswordProtectedKey"],
            "secondFactor": ["Fido2", "Key", "PasswordProtectedKey"]
        },
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": "required"
        },
        "attestation": "none",
        "pubKeyCredParams": [
            { "type": "public-key", "alg": -7 },
            { "type": "public-key", "alg": -257 }
        ],
        "excludeCredentials": [],
        "otpUrl": ""
    })
}

/// What a client needs to recover an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(example = json!(with(example(), json!({
    "allowedRecoveryCredentials": [{
        "id": "cmVjb3Zlcnkta2l0",
        "encryptedRecoveryKey": "eyJrZXkiOiIuLi4iLCJpdiI6Ii4uLiJ9"
    }]
}))))]
pub(crate) struct RecoveryChallengeBody {
    #[serde(flatten)]
    registration: RegistrationChallengeBody,
    /// The recovery key that was named: it must sign the new credentials.
    allowed_recovery_credentials: Vec<AllowedRecoveryCredential>,
}

/// A recovery key that may sign.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AllowedRecoveryCredential {
    /// The credential id, exactly as it was registered.
    id: String,
    /// The private key as the client gave it, encrypted by the client; empty when none is kept.
    encrypted_recovery_key: String,
}

/// An algorithm that is offered.
#[derive(Serialize, ToSchema)]
struct Algorithm {
    /// Always `public-key`.
    r#type: &'static str,
    /// Its COSE number.
    #[schema(example = -7)]
    alg: i16,
}

/// What is asked of authenticators.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuthenticatorSelection {
    /// Whether the passkey must be discoverable.
    resident_key: Requirement,
    /// The same, for older browsers.
    require_resident_key: bool,
    /// Whether the authenticator must verify who uses it.
    user_verification: Requirement,
}

/// The kinds that may be made, by place.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SupportedKinds {
    /// Kinds for `firstFactorCredential`.
    first_factor: Vec<&'static str>,
    /// Kinds for `secondFactorCredential`.
    second_factor: Vec<&'static str>,
}

impl From<CreationChallenge> for CredentialChallenge {
    fn from(creation: CreationChallenge) -> Self {
        let kind = creation.kind;
        let exclude = creation.exclude;
        let key = Self::for_key(kind, &creation.user, creation.begun);
        match kind {
            CredentialKind::Fido2 => Self {
                authenticator_selection: Some(AuthenticatorSelection::STRICT),
                exclude_credentials: Some(
                    exclude
                        .iter()
                        .map(CredentialDescriptor::of_passkey)
                        .collect(),
                ),
                supported_credential_kinds: Some(SupportedKinds {
                    first_factor: vec![kind.as_str()],
                    second_factor: vec![],
                }),
                otp_url: Some(""),
                ..key
            },
            CredentialKind::Key
            | CredentialKind::PasswordProtectedKey
            | CredentialKind::RecoveryKey => key,
        }
    }
}

impl CredentialChallenge {
    /// With what a key pair needs, and a passkey too.
    fn for_key(kind: CredentialKind, user: &User, begun: BegunChallenge) -> Self {
        let named = match &begun.challenge.purpose {
            Purpose::CredentialWithCode(made) => made.name.as_ref(),
            Purpose::Registration(_)
            | Purpose::Login(_)
            | Purpose::UserAction(_)
            | Purpose::Credential(_)
            | Purpose::Recovery(_) => None,
        };
        Self {
            credential_name: named.map(ToString::to_string),
            kind: kind.as_str(),
            user: OwnerBody::from(user),
            challenge_identifier: begun.identifier.clone(),
            temporary_authentication_token: begun.identifier,
            challenge: begun.challenge.text.to_string(),
            rp: begun.application.as_ref().into(),
            attestation: Attestation::None,
            pub_key_cred_params: algorithms(),
            authenticator_selection: None,
            exclude_credentials: None,
            supported_credential_kinds: None,
            otp_url: None,
        }
    }
}

impl From<RegistrationChallenge> for RegistrationChallengeBody {
    fn from(registration: RegistrationChallenge) -> Self {
        let BegunChallenge {
            challenge,
            identifier,
            application,
        } = registration.begun;
        let kinds: Vec<_> = FACTOR_KINDS
            .into_iter()
            .map(CredentialKind::as_str)
            .collect();
        Self {
            user: OwnerBody::from(&registration.user),
            temporary_authentication_token: identifier,
            challenge: challenge.text.to_string(),
            rp: application.as_ref().into(),
            supported_credential_kinds: SupportedKinds {
                first_factor: kinds.clone(),
                second_factor: kinds,
            },
            authenticator_selection: AuthenticatorSelection::STRICT,
            attestation: Attestation::None,
            pub_key_cred_params: algorithms(),
            exclude_credentials: vec![],
            otp_url: "",
        }
    }
}

impl From<RecoveryChallenge> for RecoveryChallengeBody {
    fn from(recovery: RecoveryChallenge) -> Self {
        let encrypted = recovery.encrypted_private_key;
        let registration = RegistrationChallenge {
            begun: recovery.begun,
            user: recovery.user,
        };
        Self {
            registration: registration.into(),
            allowed_recovery_credentials: vec![AllowedRecoveryCredential {
                id: recovery.recovery_key.to_string(),
                encrypted_recovery_key: encrypted
                    .map(|encrypted| encrypted.reveal().to_owned())
                    .unwrap_or_default(),
            }],
        }
    }
}

impl AuthenticatorSelection {
    /// Discoverable, and with user verification (security promises, "Proofs").
    const STRICT: Self = Self {
        resident_key: Requirement::Required,
        require_resident_key: true,
        user_verification: Requirement::Required,
    };
}

fn algorithms() -> Vec<Algorithm> {
    let offered = ALGORITHMS.into_iter().map(|alg| Algorithm {
        r#type: CredentialDescriptor::PUBLIC_KEY,
        alg,
    });
    offered.collect()
}
