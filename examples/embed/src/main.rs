//! The API and the pages inside an axum application that has routes of its own.
//!
//! ```sh
//! cargo run -p latchkey-embed
//! ```
//!
//! It is configured as the binary `latchkey` is.

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use latchkey_http::HttpSettings;
use latchkey_server::{config::Settings, lifecycle::stop_signal, wiring::Adapters};
use latchkey_service::{sessions::SessionError, use_cases::UseCases};
use tokio::{net::TcpListener, sync::oneshot};

/// A route of one's own, for those who are signed in.
async fn greeting(
    State(latchkey): State<Arc<UseCases>>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(StatusCode::UNAUTHORIZED)?;
    match latchkey.sessions.check(token).await {
        Ok(session) => Ok(format!("Hello, {}!", session.username)),
        Err(SessionError::NotSignedIn) => Err(StatusCode::UNAUTHORIZED),
        Err(SessionError::Store(_)) => Err(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// The application: its own routes first, and whatever else is asked for goes to Latchkey.
fn app(latchkey: Arc<UseCases>, settings: HttpSettings) -> Router {
    let pages = latchkey_web::pages(Arc::clone(&latchkey.directory));
    let api = latchkey_http::router_with_pages(Arc::clone(&latchkey), settings, pages);
    Router::new()
        .route("/greeting", get(greeting))
        .with_state(latchkey)
        .fallback_service(api)
}

/// Serves until `stop` completes. Handlers need the peer's address, and the use cases work beside them:
/// they mail codes, send messages and remove what has expired.
async fn serve(
    listener: TcpListener,
    latchkey: Arc<UseCases>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn Error>> {
    let settings = HttpSettings {
        trusted_proxies: vec![],
        public_url: format!("http://{}", listener.local_addr()?),
    };
    let app = app(Arc::clone(&latchkey), settings);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let (stop_working, stopped) = oneshot::channel::<()>();
    let work = tokio::spawn(async move {
        let stop = async {
            let _dropped = stopped.await;
        };
        latchkey.work(stop).await;
    });
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await?;
    drop(stop_working);
    work.await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(None, std::env::vars().collect())?;
    let listener = TcpListener::bind(settings.http.listen).await?;
    let adapters = Adapters::open(&settings).await?;
    let latchkey = Arc::new(adapters.use_cases());
    serve(listener, latchkey, stop_signal(1)?).await?;
    adapters.store.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use latchkey_domain::{
        application::{Origin, RelyingParty, RpId},
        organization::Approval,
        text::{ApplicationName, OrganizationName, Username},
    };
    use latchkey_e2e::{ceremony::join, client::Client, holder::Holder, installation::Invited};
    use latchkey_service::administration::Bootstrap;

    use super::*;

    #[tokio::test]
    async fn its_own_routes_know_who_signed_in_with_latchkey() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        settings.secrets.path = folder.path().join("secrets.toml");
        let adapters = Adapters::open(&settings).await.unwrap();
        let latchkey = Arc::new(adapters.use_cases());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let invited = bootstrap(&latchkey).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let stop = async {
                let _dropped = stopped.await;
            };
            serve(listener, latchkey, stop).await.unwrap();
        });

        let place = Client::to(&base);
        let refused = place.get("/greeting").await.unwrap();
        assert_eq!(refused.status, 401);

        let here = join(&place, &invited, &mut Holder::key()).await.unwrap();
        let greeted = here.get("/greeting").await.unwrap().ok().unwrap();
        assert_eq!(greeted, "Hello, ada@example.com!");

        let page = reqwest::Client::new()
            .get(&base)
            .header("host", "one.example");
        let page = page.send().await.unwrap().text().await.unwrap();
        assert!(page.starts_with("<!doctype html>"), "{page}");

        drop(stop);
        served.await.unwrap();
    }

    async fn bootstrap(latchkey: &UseCases) -> Invited {
        let origin = Origin::new("https://one.example").unwrap();
        let rp_id = RpId::new("one.example").unwrap();
        let bootstrap = Bootstrap {
            organization: OrganizationName::new("acme").unwrap(),
            approval: Approval::Never,
            administrator: Username::new("ada@example.com").unwrap(),
            application: ApplicationName::new("One").unwrap(),
            relying_party: RelyingParty::new(rp_id, vec![origin]).unwrap(),
        };
        let made = latchkey.administration.bootstrap(bootstrap).await;
        let invited = made.unwrap().administrator;
        Invited {
            organization: invited.user.organization.to_string(),
            user: invited.user.id.to_string(),
            username: invited.user.username.to_string(),
            code: invited.code.reveal().to_owned(),
        }
    }
}
