//! What a service beside Latchkey does with its tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::sync::{Mutex, RwLock};

/// How long keys are kept: a new one is published ten minutes before it signs.
const MAXIMUM_AGE: Duration = Duration::from_mins(5);

/// How often at most they are asked for because of a token that names an unknown one: anybody can make that up.
const ASKING_INTERVAL: Duration = Duration::from_secs(10);

/// How long Latchkey may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is read of a session token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Session {
    /// Who is signed in: an identifier that stays when the name changes.
    pub(crate) sub: String,
    /// The application that the user signed in at.
    pub(crate) azp: Option<String>,
    /// What the user signs in with.
    #[serde(rename = "https://custom/username")]
    pub(crate) username: String,
}

/// What is read of a user action token.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct UserAction {
    /// Identifies the action, so that it is honoured once.
    pub(crate) jti: String,
    /// Who signed it.
    pub(crate) sub: String,
    /// What was signed.
    pub(crate) action: Request,
}

/// Exactly one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The base64url of the SHA-256 of the body's canonical JSON.
    pub(crate) payload: String,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is malformed, of another type or issuer, untrue, or expired.
    NotValid,
    /// Latchkey does not answer.
    Unreachable,
}

impl From<Refused> for StatusCode {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NotValid => Self::UNAUTHORIZED,
            Refused::Unreachable => Self::SERVICE_UNAVAILABLE,
        }
    }
}

/// Reads the tokens of one Latchkey.
pub(crate) struct Tokens {
    latchkey: String,
    http: reqwest::Client,
    known: RwLock<Option<Arc<Known>>>,
    /// Held by the one who asks; nobody waits for that whose token names a key that is known.
    asking: Mutex<()>,
}

/// Where the keys are.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// What was learned of Latchkey, and when.
struct Known {
    issuer: String,
    keys: JwkSet,
    asked: Instant,
}

impl Known {
    fn is_good_for(&self, kid: &str) -> bool {
        let age = self.asked.elapsed();
        age < ASKING_INTERVAL || (age < MAXIMUM_AGE && self.keys.find(kid).is_some())
    }
}

impl Tokens {
    /// Those of the service at that address, which has no slash at its end.
    pub(crate) fn new(latchkey: String) -> Self {
        Self {
            latchkey,
            http: reqwest::Client::new(),
            known: RwLock::default(),
            asking: Mutex::default(),
        }
    }

    /// The claims of a token of that type, verified by the published keys. It says who signed in, and not
    /// whether the session still holds.
    pub(crate) async fn read<C: DeserializeOwned>(
        &self,
        token: &str,
        kind: &str,
    ) -> Result<C, Refused> {
        let head = jsonwebtoken::decode_header(token).map_err(|_malformed| Refused::NotValid)?;
        if head.typ.as_deref() != Some(kind) {
            return Err(Refused::NotValid);
        }
        let key_id = head.kid.ok_or(Refused::NotValid)?;
        let known = self.known(&key_id).await?;
        let jwk = known.keys.find(&key_id).ok_or(Refused::NotValid)?;
        let key = DecodingKey::from_jwk(jwk).map_err(|_foreign| Refused::NotValid)?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&known.issuer]);
        validation.set_audience(&[&known.issuer]);
        validation.leeway = 0;
        let read = jsonwebtoken::decode::<C>(token, &key, &validation);
        Ok(read.map_err(|_untrue| Refused::NotValid)?.claims)
    }

    /// Whether the session of a token still holds: only Latchkey knows of sign-outs.
    pub(crate) async fn holds(&self, token: &str) -> Result<bool, Refused> {
        let url = format!("{}/auth/session", self.latchkey);
        let asked = self.http.get(url).bearer_auth(token).timeout(PATIENCE);
        let asked = asked.send().await;
        match asked.map(|answer| answer.status()) {
            Ok(StatusCode::OK) => Ok(true),
            Ok(StatusCode::UNAUTHORIZED) => Ok(false),
            Ok(_) | Err(_) => Err(Refused::Unreachable),
        }
    }

    async fn known(&self, kid: &str) -> Result<Arc<Known>, Refused> {
        if let Some(good) = self.good_for(kid).await {
            return Ok(good);
        }
        let _alone = self.asking.lock().await;
        if let Some(good) = self.good_for(kid).await {
            return Ok(good);
        }
        let url = format!("{}/.well-known/oauth-authorization-server", self.latchkey);
        let Metadata { issuer, jwks_uri } = self.get(&url).await?;
        let new = Arc::new(Known {
            issuer,
            keys: self.get(&jwks_uri).await?,
            asked: Instant::now(),
        });
        *self.known.write().await = Some(Arc::clone(&new));
        Ok(new)
    }

    async fn good_for(&self, kid: &str) -> Option<Arc<Known>> {
        let known = self.known.read().await;
        known.clone().filter(|known| known.is_good_for(kid))
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, Refused> {
        let asked = self.http.get(url).timeout(PATIENCE).send().await;
        let answer = asked.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|_away| Refused::Unreachable)?;
        answer.json().await.map_err(|_other| Refused::Unreachable)
    }
}
