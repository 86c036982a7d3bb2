//! Paths that different servers read differently are refused, before any route is tried.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use latchkey_domain::user_action::{ActionPath, ActionPathError};

use crate::error::{ApiError, ErrorCode};

/// The path and query of a request as they are received, read once for the check of user actions too:
/// below a prefix they would not be what clients sign.
#[derive(Clone)]
pub(crate) struct RequestPath(pub(crate) ActionPath);

/// See the module.
pub(crate) async fn path(mut request: Request, next: Next) -> Response {
    match read(&request) {
        Ok(path) => {
            request.extensions_mut().insert(RequestPath(path));
            next.run(request).await
        }
        Err(error) => ApiError::new(ErrorCode::InvalidPath)
            .saying(format!("the path {error}"))
            .into_response(),
    }
}

fn read(request: &Request) -> Result<ActionPath, ActionPathError> {
    let uri = request.uri();
    let text = uri
        .path_and_query()
        .map_or_else(|| uri.path(), |both| both.as_str());
    ActionPath::parse(text)
}
