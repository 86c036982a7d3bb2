//! A passkey made by the `passkey` crate: an authenticator and a browser that nobody here wrote.

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData, DefaultClientDataWithCustomHash, WebauthnError},
    crypto::{iana::Algorithm, rust_crypto::RustCryptoBackend},
    types::{
        Passkey,
        ctap2::{Aaguid, Ctap2Error},
        webauthn::{
            AttestationConveyancePreference, AuthenticatedPublicKeyCredential,
            AuthenticatorSelectionCriteria, CreatedPublicKeyCredential, CredentialCreationOptions,
            CredentialRequestOptions, PublicKeyCredentialCreationOptions,
            PublicKeyCredentialParameters, PublicKeyCredentialRequestOptions,
            PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity, ResidentKeyRequirement,
            UserVerificationRequirement,
        },
    },
};
use serde_json::{Value, json};
use url::Url;

use super::{
    asked::{Asked, ChallengeForm},
    base64url,
};

/// A passkey of the `passkey` crate (ES256, resident, attestation `none`).
pub struct IndependentPasskey {
    origin: Url,
    rp_id: String,
    challenge_form: ChallengeForm,
    counts: bool,
    stored: Option<Passkey>,
}

impl IndependentPasskey {
    /// A passkey used from this origin, with its host as RP id.
    pub fn new(origin: &str) -> Self {
        let origin = Url::parse(origin).expect("an origin is a URL");
        Self {
            rp_id: origin.domain().unwrap_or_default().to_owned(),
            origin,
            challenge_form: ChallengeForm::EncodedTwice,
            counts: false,
            stored: None,
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

    /// Counts its signatures.
    #[must_use]
    pub fn counting(mut self) -> Self {
        self.counts = true;
        self
    }

    /// `credentialInfo` of a new credential; from now on it has this one passkey.
    pub async fn create(&mut self, asked: impl Into<Asked>) -> Value {
        let asked = asked.into();
        let client_data = self.localhost_client_data("webauthn.create", &asked.challenge);
        let request = self.creation_options(&asked);
        let created = self
            .register(request, client_data.as_deref())
            .await
            .expect("the passkey crate makes a passkey");
        json!({
            "credId": created.id,
            "clientData": base64url(sent(client_data, &created.response.client_data_json)),
            "attestationData": base64url(&*created.response.attestation_object),
        })
    }

    /// `credentialAssertion` of a factor.
    pub async fn get(&mut self, asked: impl Into<Asked>) -> Value {
        let asked = asked.into();
        let client_data = self.localhost_client_data("webauthn.get", &asked.challenge);
        let request = self.request_options(&asked);
        let made = self
            .authenticate(request, client_data.as_deref())
            .await
            .expect("the passkey crate makes an assertion");
        json!({
            "credId": made.id,
            "clientData": base64url(sent(client_data, &made.response.client_data_json)),
            "authenticatorData": base64url(&*made.response.authenticator_data),
            "signature": base64url(&*made.response.signature),
            "userHandle": made.response.user_handle.map(|handle| base64url(&*handle)),
        })
    }

    /// A whole new credential: `credentialKind` and `credentialInfo`.
    pub async fn offer(&mut self, asked: impl Into<Asked>) -> Value {
        json!({"credentialKind": "Fido2", "credentialInfo": self.create(asked).await})
    }

    /// A whole factor: `kind` and `credentialAssertion`.
    pub async fn factor(&mut self, asked: impl Into<Asked>) -> Value {
        json!({"kind": "Fido2", "credentialAssertion": self.get(asked).await})
    }

    async fn register(
        &mut self,
        request: CredentialCreationOptions,
        client_data: Option<&[u8]>,
    ) -> Result<CreatedPublicKeyCredential, WebauthnError> {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let origin = self.secure_origin();
        let created = match client_data {
            None => client.register(&origin, request, DefaultClientData).await,
            Some(bytes) => client.register(&origin, request, hash(bytes)).await,
        };
        self.stored.clone_from(client.authenticator().store());
        created
    }

    async fn authenticate(
        &mut self,
        request: CredentialRequestOptions,
        client_data: Option<&[u8]>,
    ) -> Result<AuthenticatedPublicKeyCredential, WebauthnError> {
        let mut client = Client::new(self.authenticator()).allows_insecure_localhost(true);
        let origin = self.secure_origin();
        let made = match client_data {
            None => {
                client
                    .authenticate(&origin, request, DefaultClientData)
                    .await
            }
            Some(bytes) => client.authenticate(&origin, request, hash(bytes)).await,
        };
        self.stored.clone_from(client.authenticator().store());
        made
    }

    /// The crate's client cannot be kept, its type has no public name; what it has learnt is.
    fn authenticator(&self) -> Authenticator<Option<Passkey>, VerifiedUser, RustCryptoBackend> {
        let mut authenticator = Authenticator::new(
            Aaguid::new_empty(),
            self.stored.clone(),
            VerifiedUser,
            RustCryptoBackend,
        );
        authenticator.set_make_credentials_with_signature_counter(self.counts);
        authenticator
    }

    fn creation_options(&self, asked: &Asked) -> CredentialCreationOptions {
        let user_id = asked.user_id.clone().unwrap_or_default();
        CredentialCreationOptions {
            public_key: PublicKeyCredentialCreationOptions {
                rp: PublicKeyCredentialRpEntity {
                    id: Some(self.rp_id.clone()),
                    name: self.rp_id.clone(),
                },
                user: PublicKeyCredentialUserEntity {
                    id: user_id.into_bytes().into(),
                    display_name: "somebody".to_owned(),
                    name: "somebody".to_owned(),
                },
                challenge: self.challenge_form.bytes(&asked.challenge).into(),
                pub_key_cred_params: vec![
                    PublicKeyCredentialParameters::from(Algorithm::ES256),
                    PublicKeyCredentialParameters::from(Algorithm::RS256),
                ],
                timeout: None,
                exclude_credentials: None,
                authenticator_selection: Some(AuthenticatorSelectionCriteria {
                    authenticator_attachment: None,
                    resident_key: Some(ResidentKeyRequirement::Required),
                    require_resident_key: true,
                    user_verification: UserVerificationRequirement::Required,
                }),
                hints: None,
                attestation: AttestationConveyancePreference::None,
                attestation_formats: None,
                extensions: None,
            },
        }
    }

    fn request_options(&self, asked: &Asked) -> CredentialRequestOptions {
        CredentialRequestOptions {
            public_key: PublicKeyCredentialRequestOptions {
                challenge: self.challenge_form.bytes(&asked.challenge).into(),
                timeout: None,
                rp_id: Some(self.rp_id.clone()),
                allow_credentials: None,
                user_verification: UserVerificationRequirement::Required,
                hints: None,
                attestation: AttestationConveyancePreference::None,
                attestation_formats: None,
                extensions: None,
            },
        }
    }

    /// The origin as the crate accepts it. Browsers take `http://*.localhost` for secure, the crate
    /// does not.
    fn secure_origin(&self) -> Url {
        let mut origin = self.origin.clone();
        if origin.scheme() == "http" && origin.set_scheme("https").is_err() {
            return self.origin.clone();
        }
        origin
    }

    /// The client data of a page that the crate would call insecure; nothing if it makes them itself.
    fn localhost_client_data(&self, ceremony: &str, challenge: &str) -> Option<Vec<u8>> {
        (self.origin.scheme() == "http").then(|| {
            json!({
                "type": ceremony,
                "challenge": self.challenge_form.apply(challenge),
                "origin": self.origin.origin().ascii_serialization(),
                "crossOrigin": false,
            })
            .to_string()
            .into_bytes()
        })
    }
}

/// The client data that were signed.
fn sent(ours: Option<Vec<u8>>, theirs: &[u8]) -> Vec<u8> {
    ours.unwrap_or_else(|| theirs.to_vec())
}

fn hash(client_data: &[u8]) -> DefaultClientDataWithCustomHash {
    DefaultClientDataWithCustomHash(digest(&SHA256, client_data).as_ref().to_vec())
}

/// Somebody who is always there and always agrees.
struct VerifiedUser;

#[async_trait]
impl UserValidationMethod for VerifiedUser {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence,
            verification,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}
