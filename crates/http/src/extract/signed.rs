//! Somebody signed in who signed exactly this request.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderName, request::Parts},
};
use latchkey_domain::user_action::{Method, PayloadDigest, UserAction};
use latchkey_json::Value;
use latchkey_service::{credentials::SignedRequest, user_actions::NotPermitted};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::{bearer::SignedIn, json_body::WholeBody};
use crate::{error::ApiError, middleware::path::RequestPath, state::AppState};

const USER_ACTION: HeaderName = HeaderName::from_static("x-dfns-useraction");

/// A request of somebody signed in, with the user action that permits it and a body of a given shape.
/// The action is bound to method, path, query and body (API contract §6.3); using it up is part of the
/// effect.
pub(crate) struct Signed<T = Nothing> {
    pub(crate) request: SignedRequest,
    pub(crate) body: T,
}

/// A body of which nothing is read.
#[derive(Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct Nothing {}

impl<T: DeserializeOwned> FromRequest<AppState> for Signed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(session) = SignedIn::from_request_parts(&mut parts, state).await?;
        let WholeBody { shaped, json } = WholeBody::receive(&parts.headers, body).await?;
        let token = token(&parts.headers)?;
        let requested = requested(&parts, &json)?;
        let action = state
            .use_cases
            .user_actions
            .check(&session, token, &requested)?;
        Ok(Self {
            request: SignedRequest { session, action },
            body: shaped,
        })
    }
}

fn token(headers: &HeaderMap) -> Result<&str, NotPermitted> {
    headers
        .get(USER_ACTION)
        .and_then(|value| value.to_str().ok())
        .ok_or(NotPermitted)
}

/// The request as it must have been signed.
fn requested(parts: &Parts, body: &Value) -> Result<UserAction, ApiError> {
    let RequestPath(path) = parts
        .extensions
        .get::<RequestPath>()
        .ok_or_else(|| ApiError::internal("the path was not read"))?;
    let method: Method = parts
        .method
        .as_str()
        .parse()
        .map_err(|_unsigned| NotPermitted)?;
    Ok(UserAction {
        method,
        path: path.clone(),
        payload: payload_digest(body),
    })
}

/// The digest of what is signed of a body: what it means, and not how it is written.
pub(crate) fn payload_digest(body: &Value) -> PayloadDigest {
    PayloadDigest::new(Sha256::digest(body.canonical()).into())
}
