//! The page that asks.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header::HOST, request::Parts},
};
use latchkey_domain::{application::Application, id::OrganizationId};
use latchkey_service::directory::{Snapshot, page::Page};

use super::{client::origin, query::Parameters};
use crate::{
    error::{ApiError, ErrorCode},
    state::AppState,
};

/// The page that asks: by `Origin` if it sends one, else by `Host`, which browsers set for
/// their page's own service. Where several organizations have an application there, `orgId` in the query says whose is
/// meant. It is information for the page; no ceremony is decided by it.
pub(crate) struct At(pub(crate) Page);

impl FromRequestParts<AppState> for At {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let query = Parameters::from_request_parts(parts, state).await?;
        let organization: Option<OrganizationId> = query.read("orgId")?;
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
