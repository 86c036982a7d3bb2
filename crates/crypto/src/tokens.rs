//! Signed tokens: the implementation of [`Tokens`] (JSON Web Tokens, RFC 7519, signed with ES256).
//!
//! Every token says in its header what type it is (`typ`, RFC 8725 §3.11) and which key signed it
//! (`kid`); issuer and audience are the installation. Reading checks the algorithm, the key, the type,
//! the signature, issuer, audience and expiry, the latter against the `now` that is passed in and
//! without leeway.

mod ascii;
mod claims;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use latchkey_domain::{
    approval::ApprovalTicket, challenge::Challenge, id::InstallationId, session::Session,
    time::Timestamp, user_action::SignedUserAction,
};
use latchkey_service::ports::tokens::{InvalidToken, Tokens};
use serde::Serialize;

use self::claims::{
    ApprovalClaims, ChallengeClaims, Claims, Envelope, SessionClaims, UserActionClaims,
};
use crate::secrets::{Secrets, SigningKey};

/// The most bytes a token can have. The longest ones carry a path of 2048 bytes, which can take three
/// times as many as JSON.
const MAXIMUM: usize = 16 * 1024;

/// Signs tokens and reads them back.
pub struct SignedTokens {
    installation: String,
    signing_key: EncodingKey,
    signing_kid: String,
    keys: Vec<PublishedKey>,
}

/// A key that tokens in circulation are signed with.
struct PublishedKey {
    verifying_key: DecodingKey,
    jwk: Jwk,
}

/// A JSON Web Key (RFC 7517 §4, RFC 7518 §6.2.1).
#[derive(Serialize)]
struct Jwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    y: String,
    kid: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

/// A JSON Web Key Set (RFC 7517 §5).
#[derive(Serialize)]
struct Jwks<'a> {
    keys: Vec<&'a Jwk>,
}

impl SignedTokens {
    /// Signs with the newest key of the secrets, and accepts all of them, for this installation.
    pub fn new(secrets: &Secrets, installation: &InstallationId) -> Self {
        let newest = secrets.signs_with();
        Self {
            installation: installation.to_string(),
            signing_key: EncodingKey::from_ec_der(newest.pkcs8()),
            signing_kid: newest.kid().to_owned(),
            keys: secrets
                .signing_keys()
                .filter_map(|key| PublishedKey::of(key).ok())
                .collect(),
        }
    }

    /// Signs claims.
    ///
    /// The claims can always be written, and the key was read by the same library when the secrets
    /// were, so nothing is left that can fail but memory. Should it, the answer is empty, which is no
    /// token.
    fn sign<C: Claims>(&self, claims: C, expires: Timestamp) -> String {
        let envelope = Envelope::new(&self.installation, expires, claims);
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(C::TYPE.to_owned());
        header.kid = Some(self.signing_kid.clone());
        ascii::to_raw_json(&envelope)
            .ok()
            .and_then(|claims| jsonwebtoken::encode(&header, &claims, &self.signing_key).ok())
            .unwrap_or_default()
    }

    /// Reads the claims of a token of that type, and when it expires.
    fn read<C: Claims>(&self, token: &str, now: Timestamp) -> Result<(C, Timestamp), InvalidToken> {
        if token.len() > MAXIMUM {
            return Err(InvalidToken);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_malformed| InvalidToken)?;
        if header.typ.as_deref() != Some(C::TYPE) {
            return Err(InvalidToken);
        }
        let key = self
            .keys
            .iter()
            .find(|key| header.kid.as_deref() == Some(key.jwk.kid.as_str()))
            .ok_or(InvalidToken)?;
        let envelope =
            jsonwebtoken::decode::<Envelope<C>>(token, &key.verifying_key, &self.validation())
                .map_err(|_refused| InvalidToken)?
                .claims;
        let expires = envelope.expires();
        if now < expires {
            Ok((envelope.claims, expires))
        } else {
            Err(InvalidToken)
        }
    }

    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        validation.set_issuer(&[&self.installation]);
        validation.set_audience(&[&self.installation]);
        // The library would ask the machine's clock, and would count in seconds.
        validation.validate_exp = false;
        validation
    }
}

impl PublishedKey {
    fn of(key: &SigningKey) -> jsonwebtoken::errors::Result<Self> {
        Ok(Self {
            verifying_key: DecodingKey::from_ec_components(key.x(), key.y())?,
            jwk: Jwk {
                kty: "EC",
                crv: "P-256",
                x: key.x().to_owned(),
                y: key.y().to_owned(),
                kid: key.kid().to_owned(),
                alg: "ES256",
                usage: "sig",
            },
        })
    }
}

impl Tokens for SignedTokens {
    fn sign_challenge(&self, challenge: &Challenge, now: Timestamp) -> String {
        self.sign(ChallengeClaims::new(challenge, now), challenge.expires)
    }

    fn read_challenge(&self, token: &str, now: Timestamp) -> Result<Challenge, InvalidToken> {
        let (claims, expires) = self.read::<ChallengeClaims>(token, now)?;
        claims.challenge(expires)
    }

    fn sign_session(&self, session: &Session) -> String {
        self.sign(SessionClaims::new(session), session.expires)
    }

    fn read_session(&self, token: &str, now: Timestamp) -> Result<Session, InvalidToken> {
        let (claims, expires) = self.read::<SessionClaims>(token, now)?;
        claims.session(expires)
    }

    fn sign_user_action(&self, action: &SignedUserAction, now: Timestamp) -> String {
        self.sign(UserActionClaims::new(action, now), action.expires)
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

    fn jwks(&self) -> String {
        let keys = self.keys.iter().map(|key| &key.jwk).collect();
        serde_json::to_string(&Jwks { keys }).unwrap_or_default()
    }
}
