//! The pages of applications are there for the hosts of registered ones that show them: a passkey made anywhere else
//! would be of no use, and a name that merely points to this machine gets nothing that can be used. Whoever
//! opens such a name is told what this is.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Request, State},
    http::{Method, StatusCode, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};
use latchkey_domain::application::{Application, pages::PagePrefix};
use latchkey_service::{
    directory::{Directory, Snapshot},
    ports::store::StoreError,
};
use tokio::time::timeout;

use crate::{accept::header_prefers_page, landing, languages::Language};

/// How long a person waits for a page: a database that is away takes longer to be given up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the pages are.
pub(crate) struct Hosts {
    pub(crate) directory: Arc<Directory>,
    pub(crate) public_url: String,
    pub(crate) prefix: PagePrefix,
}

/// Whose host it is, as a request for a page carries it.
#[derive(Clone)]
pub(crate) struct Host(pub(crate) Arc<Application>);

/// See the module.
pub(crate) async fn registered_only(
    State(hosts): State<Arc<Hosts>>,
    mut request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let application = |snapshot: &Snapshot| {
        let page = snapshot.page_of_host(host, None)?;
        page.application.pages.ours.then_some(page.application)
    };
    let has_page = |snapshot: &Snapshot| application(snapshot).is_some();
    let Ok(read) = timeout(PATIENCE, hosts.directory.snapshot_if(has_page)).await else {
        tracing::warn!("the hosts of the pages take too long to be read");
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let snapshot = match read {
        Ok(snapshot) => snapshot,
        Err(error) => {
            return failed(&error, "the hosts of the pages cannot be read").into_response();
        }
    };
    let language = Language::preferred(request.headers());
    if let Some(application) = application(&snapshot) {
        request.extensions_mut().insert(Host(application));
        next.run(request).await
    } else if is_opened(&request, &hosts.prefix) {
        landing::page(&snapshot, &hosts.public_url, &hosts.prefix, host, language)
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

/// What it means for an answer that the store fails.
pub(crate) fn failed(error: &StoreError, what: &str) -> StatusCode {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause, "{what}");
    match error {
        StoreError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        StoreError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Whether a person opens the first of the pages.
fn is_opened(request: &Request, prefix: &PagePrefix) -> bool {
    request.uri().path().strip_prefix(prefix.as_str()) == Some("/")
        && [Method::GET, Method::HEAD].contains(request.method())
        && header_prefers_page(request.headers())
}
