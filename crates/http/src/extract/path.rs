//! An identifier in the path.

use std::{fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use latchkey_domain::id::{CredentialUuid, UserId};
use serde_json::json;
use utoipa::{
    IntoParams, PartialSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::{error::ApiError, state::AppState};

/// An identifier that routes have in their path.
pub(crate) trait InPath: FromStr<Err: Display> {
    /// The name of the parameter.
    const NAME: &'static str;
    /// Whose identifier it is.
    const DESCRIPTION: &'static str;
    /// One of them.
    const EXAMPLE: &'static str;
}

impl InPath for UserId {
    const NAME: &'static str = "userId";
    const DESCRIPTION: &'static str = "The user";
    const EXAMPLE: &'static str = "us-6b58p-r53sr-rlrd3l5cj3uc4ome";
}

impl InPath for CredentialUuid {
    const NAME: &'static str = "credentialUuid";
    const DESCRIPTION: &'static str = "The credential";
    const EXAMPLE: &'static str = "cr-6b58p-r53sr-rlrd3l5cj3uc4ome";
}

/// The one identifier that the route has in its path.
pub(crate) struct PathId<T>(pub(crate) T);

impl<T: InPath> FromRequestParts<AppState> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_malformed| ApiError::invalid_field("path", "must be UTF-8"))?;
        let (_, text) = parameters
            .iter()
            .find(|(name, _)| *name == T::NAME)
            .ok_or_else(|| ApiError::internal("the route has no identifier"))?;
        text.parse()
            .map(Self)
            .map_err(|error: T::Err| ApiError::invalid_field(T::NAME, &error.to_string()))
    }
}

impl<T: InPath> IntoParams for PathId<T> {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name(T::NAME)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(T::DESCRIPTION))
            .schema(Some(String::schema()))
            .example(Some(json!(T::EXAMPLE)));
        vec![parameter.build()]
    }
}
