//! Bodies are received whole before a route is tried: within ten seconds and at most 256 KiB. So every
//! route, also one that does not exist, leaves the connection ready for the next request, and no use
//! case ever waits for a client. A body that is announced as larger is refused at once.

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody as _},
    extract::Request,
    http::{HeaderMap, header::EXPECT},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::error::{ApiError, ErrorCode};

/// The most bytes of a body.
pub(crate) const MAXIMUM: usize = 256 * 1024;

/// How many bytes of a body that is too large are read and dropped, so that a client which sends
/// before it reads sees the answer.
const DROPPED: usize = 1024 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module.
pub(crate) async fn body(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if is_announced_too_large(&body) {
        // Who sends before it reads gets its courtesy while it is answered; who asks first does not send.
        if !asks_first(&parts.headers) {
            tokio::spawn(dismiss(body));
        }
        return ApiError::new(ErrorCode::BodyTooLarge).into_response();
    }
    match receive(body).await {
        Ok(bytes) => {
            let request = Request::from_parts(parts, Body::from(bytes));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn receive(mut body: Body) -> Result<Bytes, ApiError> {
    match timeout(PATIENCE, collect(&mut body)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            dismiss(body).await;
            Err(error)
        }
        Err(_elapsed) => Err(ErrorCode::BodyTimeout.into()),
    }
}

async fn collect(body: &mut Body) -> Result<Bytes, ApiError> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_broken| {
            ApiError::new(ErrorCode::InvalidBody).saying("the body did not arrive whole")
        })?;
        // Trailers are of no interest.
        if let Ok(data) = frame.into_data() {
            if collected.len().saturating_add(data.len()) > MAXIMUM {
                return Err(ErrorCode::BodyTooLarge.into());
            }
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.into())
}

/// Whether its `Content-Length` is beyond the limit.
fn is_announced_too_large(body: &Body) -> bool {
    usize::try_from(body.size_hint().lower()).map_or(true, |least| least > MAXIMUM)
}

/// Whether the client waits to be told that its body is wanted (RFC 9110 §10.1.1).
fn asks_first(headers: &HeaderMap) -> bool {
    let expects = headers.get(EXPECT);
    expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Only courtesy: whether all of it arrives does not matter.
async fn dismiss(mut body: Body) {
    let _ = timeout(PATIENCE, discard(&mut body)).await;
}

async fn discard(body: &mut Body) {
    let mut dropped: usize = 0;
    while dropped < DROPPED
        && let Some(Ok(frame)) = body.frame().await
    {
        dropped = dropped.saturating_add(frame.data_ref().map_or(0, Bytes::len));
    }
}
