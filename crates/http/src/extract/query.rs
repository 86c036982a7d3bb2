//! What stands in the query of a read.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Query},
    http::{Uri, request::Parts},
};

use crate::{error::ApiError, state::AppState};

/// The parameters of a query by name. Repeated ones are refused, as in bodies; unknown ones were before, by
/// [`middleware::query`](crate::middleware::query). Calls that need a user action read no query.
pub(crate) struct Parameters(HashMap<String, String>);

impl FromRequestParts<AppState> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &AppState) -> Result<Self, ApiError> {
        let pairs = pairs(&parts.uri)?;
        let mut parameters = HashMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            if parameters.insert(name.clone(), value).is_some() {
                return Err(ApiError::invalid_field(name, "is given twice"));
            }
        }
        Ok(Self(parameters))
    }
}

/// Every parameter of a query with its value, as they stand there.
pub(crate) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, ApiError> {
    Query::try_from_uri(uri)
        .map(|Query(pairs)| pairs)
        .map_err(|_malformed| ApiError::invalid_field("query", "cannot be read"))
}

impl Parameters {
    /// The value of a parameter, if it is there.
    pub(crate) fn read<T>(&self, name: &str) -> Result<Option<T>, ApiError>
    where
        T: FromStr<Err: Display>,
    {
        self.0
            .get(name)
            .map(|text| text.parse())
            .transpose()
            .map_err(|error: T::Err| ApiError::invalid_field(name, &error.to_string()))
    }
}
