//! Signed tokens: the implementation of [`Tokens`] (JSON Web Tokens, RFC 7519).
//!
//! What other services read, sessions and user actions, is signed with ES256 and verifies with the keys that
//! are published. What this installation alone reads back, challenge identifiers and approval tokens, is
//! authenticated with HS256 under a key of its own, which costs a tenth.
//!
//! Every token says in its head what type it is (`typ`, RFC 8725 §3.11), and which key and algorithm go with
//! it; issuer and audience are the installation. A head is not read: for each type and key there is one, and
//! a token has that one, byte for byte, or is refused. So whoever sends a token chooses neither algorithm nor
//! key. Then the signature is verified, issuer and audience, and the expiry against the `now` that is passed
//! in, without leeway.
//!
//! A session code stands in an address, where it may be kept, so it is sealed: it tells nobody whose session it is.
//! What a challenge is for is sealed, too, inside of its identifier: anybody who names a user has one to sign in, and
//! learns nothing by it that happened to the user.

mod ascii;
mod claims;
mod keys;
mod sealed;
mod verified;

use data_encoding::BASE64URL_NOPAD;
use latchkey_domain::{
    approval::ApprovalTicket, challenge::Challenge, id::InstallationId, session::Session,
    session_code::SessionCode, time::Timestamp, user_action::SignedUserAction,
};
use latchkey_service::ports::tokens::{InvalidToken, Tokens};
use serde::{Deserialize, Serialize};

use self::{
    claims::{
        ApprovalClaims, ChallengeClaims, Claims, Payload, Readers, Registered, SessionClaims,
        SessionCodeClaims, UserActionClaims,
    },
    keys::{EcdsaKey, Jwk, OwnKey, PublishedKey},
    sealed::SealingKey,
    verified::{TokenDigest, VerifiedSessions},
};
use crate::secrets::Secrets;

/// The most bytes a token can have. The longest ones carry a path of 2048 bytes, which can take three
/// times as many as JSON.
const MAXIMUM: usize = 16 * 1024;

/// What a session code begins with, so that people and programs know one where it should not be.
const SESSION_CODE: &str = "sc_";

/// Signs tokens and reads them back.
pub struct SignedTokens {
    installation: String,
    signs: EcdsaKey,
    published: Vec<PublishedKey>,
    own: Option<OwnKey>,
    session_codes: Option<SealingKey>,
    challenges: Option<SealingKey>,
    verified: VerifiedSessions,
}

/// A JSON Web Key Set (RFC 7517 §5).
#[derive(Serialize)]
struct Jwks<'a> {
    keys: Vec<&'a Jwk>,
}

impl SignedTokens {
    /// Signs with the newest key of the secrets, and accepts all of them, for this installation.
    pub fn new(secrets: &Secrets, installation: &InstallationId) -> Self {
        Self {
            installation: installation.to_string(),
            signs: EcdsaKey::new(secrets.signs_with()),
            published: secrets
                .signing_keys()
                .filter_map(PublishedKey::of)
                .collect(),
            own: OwnKey::new(secrets),
            session_codes: SealingKey::of_session_codes(secrets),
            challenges: SealingKey::of_challenges(secrets),
            verified: VerifiedSessions::default(),
        }
    }

    /// Signs claims.
    ///
    /// The claims can always be written, and the keys were read when the secrets were, so nothing is left
    /// that can fail but memory. Should it, the answer is empty, which is no token.
    fn sign<C: Claims>(&self, claims: C, expires: Timestamp) -> String {
        let payload = Payload::new(&self.installation, expires, claims);
        let Ok(payload) = ascii::to_json(&payload) else {
            return String::new();
        };
        match C::READERS {
            Readers::Everybody => compact(self.signs.head(C::TYPE), &payload, |message| {
                self.signs.sign(message)
            }),
            Readers::Ourselves => compact(OwnKey::head(C::TYPE), &payload, |message| {
                self.own.as_ref().map(|key| key.sign(message))
            }),
        }
    }

    /// Reads the claims of a token of that type, and when it expires.
    fn read<C: Claims>(&self, token: &str, now: Timestamp) -> Result<(C, Timestamp), InvalidToken> {
        if token.len() > MAXIMUM {
            return Err(InvalidToken);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(InvalidToken)?;
        let (head, payload) = message.split_once('.').ok_or(InvalidToken)?;
        if !self.is_signed::<C>(head, message.as_bytes(), &decode(signature)?) {
            return Err(InvalidToken);
        }
        let payload = decode(payload)?;
        let expires = from_json::<Registered<'_>>(&payload)?.expires(&self.installation)?;
        if now < expires {
            Ok((from_json(&payload)?, expires))
        } else {
            Err(InvalidToken)
        }
    }

    /// Whether the head is the one of a token of that type and of a key that may sign it, and that key did.
    ///
    /// What we alone read was signed with ES256 until HS256 took its place. That form is accepted here, and
    /// made by nothing any more.
    fn is_signed<C: Claims>(&self, head: &str, message: &[u8], signature: &[u8]) -> bool {
        if C::READERS == Readers::Ourselves && head == OwnKey::head(C::TYPE) {
            let own = self.own.as_ref();
            return own.is_some_and(|key| key.verifies(message, signature));
        }
        let mut published = self.published.iter();
        let key = published.find(|key| head == key.head(C::TYPE));
        key.is_some_and(|key| key.verifies(message, signature))
    }
}

/// The compact form (RFC 7515 §3.1) of a payload, signed; nothing when that fails.
fn compact<S: AsRef<[u8]>>(
    head: String,
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> Option<S>,
) -> String {
    let mut token = head;
    token.push('.');
    BASE64URL_NOPAD.encode_append(payload, &mut token);
    let Some(signature) = sign(token.as_bytes()) else {
        return String::new();
    };
    token.push('.');
    BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
    token
}

fn decode(part: &str) -> Result<Vec<u8>, InvalidToken> {
    BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_malformed| InvalidToken)
}

fn from_json<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, InvalidToken> {
    serde_json::from_slice(payload).map_err(|_other| InvalidToken)
}

impl Tokens for SignedTokens {
    fn sign_challenge(&self, challenge: &Challenge) -> String {
        let claims = ChallengeClaims::new(challenge, self.challenges.as_ref());
        self.sign(claims, challenge.expires)
    }

    fn read_challenge(&self, token: &str, now: Timestamp) -> Result<Challenge, InvalidToken> {
        let (claims, expires) = self.read::<ChallengeClaims>(token, now)?;
        claims.challenge(expires, self.challenges.as_ref())
    }

    fn sign_session(&self, session: &Session) -> String {
        self.sign(SessionClaims::new(session), session.expires)
    }

    fn read_session(&self, token: &str, now: Timestamp) -> Result<Session, InvalidToken> {
        let digest = TokenDigest::of(token).ok_or(InvalidToken)?;
        if let Some(session) = self.verified.find(digest, now) {
            return Ok(session);
        }
        let (claims, expires) = self.read::<SessionClaims>(token, now)?;
        let session = claims.session(expires)?;
        self.verified.keep(digest, session.clone());
        Ok(session)
    }

    fn sign_user_action(&self, action: &SignedUserAction) -> String {
        self.sign(UserActionClaims::new(action), action.expires)
    }

    fn read_user_action(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<SignedUserAction, InvalidToken> {
        let (claims, expires) = self.read::<UserActionClaims>(token, now)?;
        claims.user_action(expires)
    }

    fn sign_approval(&self, ticket: &ApprovalTicket, now: Timestamp) -> String {
        self.sign(ApprovalClaims::new(ticket, now), ticket.expires)
    }

    fn read_approval(&self, token: &str, now: Timestamp) -> Result<ApprovalTicket, InvalidToken> {
        let (claims, expires) = self.read::<ApprovalClaims>(token, now)?;
        claims.ticket(expires)
    }

    fn seal_session_code(&self, code: &SessionCode) -> String {
        let claims = SessionCodeClaims::new(code);
        let payload = Payload::new(&self.installation, code.expires, claims);
        // As with tokens, nothing is left that can fail but memory.
        let Ok(payload) = ascii::to_json(&payload) else {
            return String::new();
        };
        let key = self.session_codes.as_ref();
        let sealed =
            key.and_then(|key| key.seal(SessionCodeClaims::TYPE, code.id.as_str(), &payload));
        sealed.map_or_else(String::new, |sealed| format!("{SESSION_CODE}{sealed}"))
    }

    fn open_session_code(&self, code: &str, now: Timestamp) -> Result<SessionCode, InvalidToken> {
        if code.len() > MAXIMUM {
            return Err(InvalidToken);
        }
        let sealed = code.strip_prefix(SESSION_CODE).ok_or(InvalidToken)?;
        let key = self.session_codes.as_ref();
        let payload = key.and_then(|key| key.open(SessionCodeClaims::TYPE, sealed));
        let payload = payload.ok_or(InvalidToken)?;
        let expires = from_json::<Registered<'_>>(&payload)?.expires(&self.installation)?;
        if now < expires {
            from_json::<SessionCodeClaims>(&payload)?.session_code(expires)
        } else {
            Err(InvalidToken)
        }
    }

    fn jwks(&self) -> String {
        let keys = self.published.iter().map(PublishedKey::jwk).collect();
        serde_json::to_string(&Jwks { keys }).unwrap_or_default()
    }
}
