//! The page that asks.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, header::HOST, request::Parts},
};
use latchkey_domain::{application::Application, id::OrganizationId};
use latchkey_service::directory::{Snapshot, page::Page};
use serde::Deserialize;
use utoipa::IntoParams;

use super::client::origin;
use crate::{
    error::{ApiError, ErrorCode},
    state::AppState,
};

/// The page that asks: by `Origin` if it sends one, else by `Host`, which browsers set for
/// their page's own service. It is information for the page; no ceremony is decided by it.
pub(crate) struct At(pub(crate) Page);

/// Which of several organizations with this page is meant.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The organization, where several have an application at this origin; the oldest application's
    /// otherwise.
    #[param(example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<String>,
}

impl FromRequestParts<AppState> for At {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let organization = organization(parts)?;
        let organization = organization.as_ref();
        let origin = origin(&parts.headers);
        let page = |snapshot: &Snapshot| match &origin {
            Some(origin) => snapshot.page(origin, organization),
            None => host(&parts.headers).and_then(|host| snapshot.page_of_host(host, organization)),
        };
        let directory = &state.use_cases.directory;
        let snapshot = directory.snapshot_if(|known| page(known).is_some()).await?;
        page(&snapshot)
            .map(Self)
            .ok_or_else(|| ErrorCode::ApplicationNotFound.into())
    }
}

fn organization(parts: &Parts) -> Result<Option<OrganizationId>, ApiError> {
    let Query(query) = Query::<PageQuery>::try_from_uri(&parts.uri)
        .map_err(|_repeated| ApiError::invalid_field("orgId", "must be given once at most"))?;
    query.org_id.map(|text| text.parse()).transpose().map_err(
        |error: latchkey_domain::id::IdError| ApiError::invalid_field("orgId", &error.to_string()),
    )
}

/// The applications whose RP id is the host that is asked.
pub(crate) struct AtRpId(pub(crate) Vec<Arc<Application>>);

impl FromRequestParts<AppState> for AtRpId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let host = host(&parts.headers).unwrap_or_default();
        let directory = &state.use_cases.directory;
        let is_rp_id = |known: &Snapshot| !known.at_rp_id(host).is_empty();
        let snapshot = directory.snapshot_if(is_rp_id).await?;
        Ok(Self(snapshot.at_rp_id(host)))
    }
}

/// The `Host` header, when there is exactly one and it is text. That it has the form of a host is
/// decided where it is compared with the listed origins: nothing is parsed out of it.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(HOST).iter();
    let only = values.next()?;
    match values.next() {
        None => only.to_str().ok(),
        Some(_second) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_host_is_named_once_and_as_text() {
        let mut headers = HeaderMap::new();
        assert_eq!(host(&headers), None);
        headers.append(HOST, HeaderValue::from_static("one.example"));
        assert_eq!(host(&headers), Some("one.example"));
        headers.append(HOST, HeaderValue::from_static("one.example"));
        assert_eq!(host(&headers), None);
        headers.insert(HOST, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(host(&headers), None);
    }
}
