//! Challenge identifiers.

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::{
    application::RpId,
    challenge::{
        ActionNonce, Challenge, ChallengeText,
        purpose::{self, Purpose, SessionSigner},
    },
    credential::{
        CredentialId,
        key::PublicKey,
        signer::{PasskeyKey, SignerKey},
    },
    id::ChallengeId,
    text::CredentialName,
    time::Timestamp,
    user::Epoch,
};
use latchkey_service::ports::tokens::InvalidToken;
use serde::{Deserialize, Serialize};

use super::{
    AppMetadata, Claims, Readers, issued, parse, text,
    user_action::{ActionClaims, bytes},
};
use crate::tokens::sealed::SealingKey;

#[derive(Serialize, Deserialize)]
pub(crate) struct ChallengeClaims {
    jti: String,
    iat: i64,
    #[serde(rename = "iatMs")]
    iat_milliseconds: Option<i64>,
    challenge: String,
    #[serde(rename = "https://custom/app_metadata")]
    app_metadata: AppMetadata,
    application: Option<String>,
    /// What it may be used for: nobody else is to read that.
    sealed: Option<String>,
    /// The same in the open, as an earlier release wrote it.
    #[serde(skip_serializing)]
    purpose: Option<PurposeClaims>,
}

/// What a challenge may be used for; the variants are those of the domain.
#[derive(Serialize, Deserialize)]
#[serde(
    tag = "ceremony",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum PurposeClaims {
    Registration {
        user: String,
        epoch: i64,
        code: String,
    },
    Login {
        user: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<i64>,
    },
    // A process that calls it `userAction` spends its challenge; there is one signed action of a challenge only while
    // nobody completes what the other has begun.
    #[serde(rename = "signing")]
    UserAction {
        user: String,
        epoch: i64,
        session_credential: String,
        action: ActionClaims,
        nonce: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signer: Option<SignerClaims>,
    },
    Credential {
        user: String,
        epoch: i64,
        session: String,
        session_credential: String,
        kind: String,
    },
    CredentialWithCode {
        user: String,
        epoch: i64,
        code: String,
        issuer: String,
        kind: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Recovery {
        user: String,
        epoch: i64,
        credential: String,
    },
}

/// What the challenge of a user action says of the credential that signed in.
#[derive(Serialize, Deserialize)]
struct SignerClaims {
    id: String,
    key: KeyClaims,
}

/// The variants are those of the domain.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
enum KeyClaims {
    Fido2 {
        public_key: String,
        rp_id: String,
        sign_count: u32,
        backup_eligible: bool,
    },
    Key {
        public_key: String,
    },
    PasswordProtectedKey {
        public_key: String,
    },
}

impl Claims for ChallengeClaims {
    const TYPE: &'static str = "latchkey-challenge+jwt";
    const READERS: Readers = Readers::Ourselves;
}

impl ChallengeClaims {
    pub(crate) fn new(challenge: &Challenge, key: Option<&SealingKey>) -> Self {
        let purpose = PurposeClaims::new(&challenge.purpose);
        Self {
            jti: text(&challenge.id),
            iat: challenge.issued.unix_seconds(),
            iat_milliseconds: Some(challenge.issued.unix_milliseconds()),
            challenge: text(&challenge.text),
            app_metadata: AppMetadata {
                organization: text(&challenge.organization),
                user: challenge.purpose.user().map(text),
                token: text(&challenge.id),
            },
            application: challenge.application.as_ref().map(text),
            sealed: purpose.seal(&challenge.id, key),
            purpose: None,
        }
    }

    /// The challenge these claims are about, which is void from `expires` on.
    pub(crate) fn challenge(
        self,
        expires: Timestamp,
        key: Option<&SealingKey>,
    ) -> Result<Challenge, InvalidToken> {
        let purpose = match &self.sealed {
            Some(sealed) => PurposeClaims::open(sealed, key),
            None => self.purpose,
        };
        Ok(Challenge {
            id: parse(&self.jti)?,
            text: ChallengeText::parse(self.challenge).map_err(|_unreachable| InvalidToken)?,
            organization: parse(&self.app_metadata.organization)?,
            application: self.application.as_deref().map(parse).transpose()?,
            purpose: purpose.ok_or(InvalidToken)?.purpose()?,
            issued: issued(self.iat, self.iat_milliseconds),
            expires,
        })
    }
}

impl PurposeClaims {
    fn new(purpose: &Purpose) -> Self {
        match purpose {
            Purpose::Registration(purpose::Registration { user, epoch, code }) => {
                Self::Registration {
                    user: text(user),
                    epoch: epoch.number(),
                    code: text(code),
                }
            }
            Purpose::Login(purpose::Login { user, epoch }) => Self::Login {
                user: user.as_ref().map(text),
                epoch: epoch.map(Epoch::number),
            },
            Purpose::UserAction(purpose::UserAction {
                user,
                epoch,
                session_credential,
                action,
                nonce,
                signer,
            }) => Self::UserAction {
                user: text(user),
                epoch: epoch.number(),
                session_credential: text(session_credential),
                action: ActionClaims::new(action),
                nonce: BASE64URL_NOPAD.encode(nonce.as_bytes()),
                signer: signer.as_ref().map(SignerClaims::new),
            },
            Purpose::Credential(purpose::Credential {
                user,
                epoch,
                session,
                session_credential,
                kind,
            }) => Self::Credential {
                user: text(user),
                epoch: epoch.number(),
                session: text(session),
                session_credential: text(session_credential),
                kind: text(kind),
            },
            Purpose::CredentialWithCode(purpose::CredentialWithCode {
                user,
                epoch,
                code,
                issuer,
                kind,
                name,
            }) => Self::CredentialWithCode {
                user: text(user),
                epoch: epoch.number(),
                code: text(code),
                issuer: text(issuer),
                kind: text(kind),
                name: name.as_ref().map(text),
            },
            Purpose::Recovery(purpose::Recovery {
                user,
                epoch,
                credential,
            }) => Self::Recovery {
                user: text(user),
                epoch: epoch.number(),
                credential: text(credential),
            },
        }
    }

    /// Nothing is left that can fail but memory. Should it, the challenge is for nothing.
    fn seal(&self, id: &ChallengeId, key: Option<&SealingKey>) -> Option<String> {
        let text = serde_json::to_vec(self).ok()?;
        key?.seal(ChallengeClaims::TYPE, id.as_str(), &text)
    }

    fn open(sealed: &str, key: Option<&SealingKey>) -> Option<Self> {
        let text = key?.open(ChallengeClaims::TYPE, sealed)?;
        serde_json::from_slice(&text).ok()
    }

    fn purpose(self) -> Result<Purpose, InvalidToken> {
        Ok(match self {
            Self::Registration { user, epoch, code } => purpose::Registration {
                user: parse(&user)?,
                epoch: Epoch::new(epoch),
                code: parse(&code)?,
            }
            .into(),
            Self::Login { user, epoch } => purpose::Login {
                user: user.as_deref().map(parse).transpose()?,
                epoch: epoch.map(Epoch::new),
            }
            .into(),
            Self::UserAction {
                user,
                epoch,
                session_credential,
                action,
                nonce,
                signer,
            } => purpose::UserAction {
                user: parse(&user)?,
                epoch: Epoch::new(epoch),
                session_credential: parse(&session_credential)?,
                action: action.action()?,
                nonce: ActionNonce::new(bytes(&nonce)?),
                signer: signer.map(SignerClaims::signer).transpose()?,
            }
            .into(),
            Self::Credential {
                user,
                epoch,
                session,
                session_credential,
                kind,
            } => purpose::Credential {
                user: parse(&user)?,
                epoch: Epoch::new(epoch),
                session: parse(&session)?,
                session_credential: parse(&session_credential)?,
                kind: parse(&kind)?,
            }
            .into(),
            Self::CredentialWithCode {
                user,
                epoch,
                code,
                issuer,
                kind,
                name,
            } => purpose::CredentialWithCode {
                user: parse(&user)?,
                epoch: Epoch::new(epoch),
                code: parse(&code)?,
                issuer: parse(&issuer)?,
                kind: parse(&kind)?,
                name: name
                    .map(CredentialName::accepted_before)
                    .transpose()
                    .map_err(|_misnamed| InvalidToken)?,
            }
            .into(),
            Self::Recovery {
                user,
                epoch,
                credential,
            } => purpose::Recovery {
                user: parse(&user)?,
                epoch: Epoch::new(epoch),
                credential: parse(&credential)?,
            }
            .into(),
        })
    }
}

impl SignerClaims {
    fn new(signer: &SessionSigner) -> Self {
        Self {
            id: text(&signer.id),
            key: KeyClaims::new(&signer.key),
        }
    }

    fn signer(self) -> Result<SessionSigner, InvalidToken> {
        Ok(SessionSigner {
            id: CredentialId::accepted_before(self.id).map_err(|_misnamed| InvalidToken)?,
            key: self.key.key()?,
        })
    }
}

impl KeyClaims {
    fn new(key: &SignerKey) -> Self {
        let public_key = BASE64URL_NOPAD.encode(key.public_key().spki_der());
        match key {
            SignerKey::Fido2(passkey) => Self::Fido2 {
                public_key,
                rp_id: text(&passkey.rp_id),
                sign_count: passkey.sign_count,
                backup_eligible: passkey.backup_eligible,
            },
            SignerKey::Key(_) => Self::Key { public_key },
            SignerKey::PasswordProtectedKey(_) => Self::PasswordProtectedKey { public_key },
        }
    }

    fn key(self) -> Result<SignerKey, InvalidToken> {
        Ok(match self {
            Self::Fido2 {
                public_key,
                rp_id,
                sign_count,
                backup_eligible,
            } => SignerKey::Fido2(PasskeyKey {
                public_key: key(&public_key)?,
                rp_id: RpId::new(rp_id).map_err(|_malformed| InvalidToken)?,
                sign_count,
                backup_eligible,
            }),
            Self::Key { public_key } => SignerKey::Key(key(&public_key)?),
            Self::PasswordProtectedKey { public_key } => {
                SignerKey::PasswordProtectedKey(key(&public_key)?)
            }
        })
    }
}

fn key(base64url: &str) -> Result<PublicKey, InvalidToken> {
    let spki_der = BASE64URL_NOPAD.decode(base64url.as_bytes());
    spki_der
        .map(PublicKey::from_spki_der)
        .map_err(|_malformed| InvalidToken)
}
