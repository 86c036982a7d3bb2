//! Who asks: somebody signed in, or somebody with a temporary token.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
};
use latchkey_domain::session::Session;

use crate::{
    error::{ApiError, ErrorCode},
    middleware::observe::Subject,
    state::AppState,
};

/// Whoever bears the token of a session, for calls whose effect or answer is of a statement that itself requires
/// that the session holds; anybody else gets 401. What such a call refuses is told only to a session that holds
/// ([`observe`](crate::middleware::observe) asks), so that they differ from calls of [`SignedIn`] in nothing but
/// a statement less. Public endpoints do not ask for either, and so ignore the header: some clients send it
/// everywhere (API contract §1).
pub(crate) struct Bearer(pub(crate) Session);

impl FromRequestParts<AppState> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let sessions = &state.use_cases.sessions;
        let session = sessions.read(bearer(&parts.headers)?)?;
        match parts.extensions.get::<Subject>() {
            Some(subject) => subject.bears(&session),
            // Nobody would ask.
            None => sessions.require(&session).await?,
        }
        Ok(Self(session))
    }
}

/// Somebody signed in: the session holds.
pub(crate) struct SignedIn(pub(crate) Session);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers)?;
        let session = state.use_cases.sessions.check(token).await?;
        if let Some(subject) = parts.extensions.get::<Subject>() {
            subject.note(&session.organization, &session.user);
        }
        Ok(Self(session))
    }
}

/// A temporary token, as it was sent; the use case reads it.
pub(crate) struct TemporaryToken(pub(crate) String);

impl FromRequestParts<AppState> for TemporaryToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, ApiError> {
        bearer(&parts.headers).map(|token| Self(token.to_owned()))
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| ErrorCode::NotAuthorized.into())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(value: &[u8]) -> Option<String> {
        let value = HeaderValue::from_bytes(value).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
        bearer(&headers).ok().map(str::to_owned)
    }

    #[test]
    fn the_scheme_has_no_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(of(value.as_bytes()).as_deref(), Some("abc"));
        }
    }

    #[test]
    fn everything_else_is_not_authorized() {
        for value in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Basic abc",
            b"abc",
            b"Bearer \xff",
        ] {
            assert_eq!(of(value), None);
        }
        assert!(bearer(&HeaderMap::new()).is_err());
    }
}
