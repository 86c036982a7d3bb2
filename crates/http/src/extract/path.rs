//! An identifier in the path.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use crate::{error::ApiError, state::AppState};

/// The one identifier that the route has in its path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T> FromRequestParts<AppState> for PathId<T>
where
    T: FromStr<Err: Display>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_malformed| ApiError::invalid_field("path", "must be UTF-8"))?;
        let (name, text) = parameters
            .iter()
            .next()
            .ok_or_else(|| ApiError::internal("the route has no identifier"))?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| ApiError::invalid_field(name, &error.to_string()))
    }
}
