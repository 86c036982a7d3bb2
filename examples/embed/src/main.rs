//! The API and the pages inside a program that has routes of its own.
//!
//! ```sh
//! cargo run -p latchkey-embed
//! ```
//!
//! It is configured as the binary `latchkey` is, and serves what that binary has made: an organization is made
//! with `latchkey bootstrap` on the same settings.

use std::{error::Error, path::Path, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use latchkey_server::{
    config::Settings,
    lifecycle::stop_signal,
    serve::{Serving, serve},
    telemetry,
    wiring::Adapters,
};
use latchkey_service::{sessions::SessionError, use_cases::UseCases};
use tokio::net::TcpListener;

/// Routes of one's own.
fn routes(latchkey: &Arc<UseCases>) -> Router {
    Router::new()
        .route("/greeting", get(greeting))
        .with_state(Arc::clone(latchkey))
}

/// For those who are signed in.
async fn greeting(
    State(latchkey): State<Arc<UseCases>>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    let token = bearer(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
    match latchkey.sessions.check(token).await {
        Ok(session) => Ok(format!("Hello, {}!", session.username)),
        Err(SessionError::NotSignedIn) => Err(StatusCode::UNAUTHORIZED),
        Err(SessionError::Store(_)) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The token that came with a request. The name of the scheme has no case (RFC 9110 §11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::var_os("LATCHKEY_CONFIG").filter(|file| !file.is_empty());
    let settings = Settings::of_process(file.as_deref().map(Path::new))?;
    let _log = telemetry::start(&settings.log)?;
    let stop = stop_signal(1)?;
    let adapters = Adapters::open(&settings).await?;
    let latchkey = adapters.use_cases();
    let listener = TcpListener::bind(settings.http.listen).await?;
    let serving = Serving {
        routes: routes(&latchkey),
        ..Serving::new(listener, &settings)?
    };
    serve(latchkey, serving, stop).await?;
    adapters.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use latchkey_e2e::{ceremony::join, client::Client, holder::Holder, installation::Invited};
    use latchkey_testkit::organization::bootstrap;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn its_own_routes_know_who_signed_in_with_latchkey() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        settings.secrets.path = folder.path().join("secrets.toml");
        let adapters = Adapters::open(&settings).await.unwrap();
        let latchkey = adapters.use_cases();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let made = bootstrap(&latchkey.administration, "ada@example.com").await;
        let user = made.administrator.user;
        let invited = Invited {
            organization: user.organization.to_string(),
            user: user.id.to_string(),
            username: user.username.to_string(),
            code: made.administrator.code.reveal().to_owned(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Serving {
            routes: routes(&latchkey),
            ..Serving::new(listener, &settings).unwrap()
        };
        let served = tokio::spawn(serve(latchkey, serving, async {
            let _dropped = stopped.await;
        }));

        let place = Client::to(&base);
        let refused = place.get("/greeting").await.unwrap();
        assert_eq!(refused.status, 401, "{refused:?}");
        assert_eq!(refused.body, "");
        // What surrounds the API surrounds them, too.
        assert!(refused.headers.contains_key("x-request-id"));

        let here = join(&place, &invited, &mut Holder::key()).await.unwrap();
        let greeted = here.get("/greeting").await.unwrap().ok().unwrap();
        assert_eq!(greeted, "Hello, ada@example.com!");

        let page = reqwest::Client::new()
            .get(&base)
            .header("host", "one.example");
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(page.starts_with("<!doctype html>"), "{page}");

        drop(stop);
        served.await.unwrap().unwrap();
    }
}
