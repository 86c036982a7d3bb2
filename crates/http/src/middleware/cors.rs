//! Cross-origin requests: pages of the registered origins may call, others may not (API contract §1).
//!
//! Cookies are not used, so credentials are never allowed. The answer never depends on `Host`.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
            ACCESS_CONTROL_REQUEST_METHOD, VARY,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use latchkey_service::ports::store::StoreError;

use crate::{error::ApiError, extract::client, state::AppState};

const METHODS: &str = "GET, POST, PUT, DELETE";

const REQUEST_HEADERS: &str = "authorization, content-type, x-dfns-useraction, x-dfns-sdk-version, \
                               x-dfns-appid, x-dfns-nonce";

const RESPONSE_HEADERS: &str = "x-dfns-result-truncated, x-request-id, retry-after";

/// In seconds.
const PREFLIGHT_AGE: &str = "600";

/// Answers preflights by itself, and lets pages of registered origins read all other answers.
pub(crate) async fn cors(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let listed = listed_origin(&state, request.headers()).await;
    let mut response = if is_preflight(&request) {
        match listed {
            Ok(origin) => preflight(origin),
            Err(error) => ApiError::from(error).into_response(),
        }
    } else {
        let response = next.run(request).await;
        match listed {
            Ok(Some(origin)) => shared(response, origin),
            // Where the directory cannot be read, the use case meets the same failure and reports it.
            Ok(None) | Err(_) => response,
        }
    };
    response
        .headers_mut()
        .append(VARY, HeaderValue::from_static("origin"));
    response
}

/// The origin of the request, if an application lists it.
async fn listed_origin(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, StoreError> {
    let Some(origin) = client::origin(headers) else {
        return Ok(None);
    };
    let directory = &state.use_cases.directory;
    let snapshot = directory.snapshot_if(|known| known.lists(&origin)).await?;
    Ok(snapshot
        .lists(&origin)
        .then(|| HeaderValue::try_from(origin).ok())
        .flatten())
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(listed: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let Some(origin) = listed else {
        return response;
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    shared(response, origin)
}

fn shared(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(RESPONSE_HEADERS),
    );
    response
}
