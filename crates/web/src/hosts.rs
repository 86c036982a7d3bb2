//! Pages are there for the hosts of registered applications only: a passkey made anywhere else would be
//! of no use, and a name that merely points to this machine gets no page to show.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};
use latchkey_service::{
    directory::{Directory, Snapshot},
    ports::store::StoreError,
};

/// See the module.
pub(crate) async fn registered_only(
    State(directory): State<Arc<Directory>>,
    request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let has_page = |snapshot: &Snapshot| snapshot.page_of_host(host, None).is_some();
    let snapshot = match directory.snapshot_if(has_page).await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "the hosts of the pages cannot be read");
            return match error {
                StoreError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
                StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            }
            .into_response();
        }
    };
    if has_page(&snapshot) {
        next.run(request).await
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}
