//! The whole service on a store of one's own: here the one that keeps everything in memory.
//!
//! ```sh
//! LATCHKEY__DEMO__ENABLED=true cargo run -p latchkey-own-store
//! ```
//!
//! It makes the demonstration and says how to go on, as `latchkey` does on an empty database. Everything is as
//! with that binary, but that what one process keeps no other one sees.

use std::{process::ExitCode, sync::Arc};

use latchkey_memory::MemoryStore;
use latchkey_server::{beginning::OpenError, cli, config::Settings, wiring::Adapters};
use latchkey_service::ports::Stores;

/// The adapters that are configured, around this store.
async fn adapters(settings: &Settings) -> Result<Adapters, OpenError> {
    let store = Arc::new(MemoryStore::default());
    Adapters::with(settings, Stores::of(store)).await
}

fn main() -> ExitCode {
    cli::run_with(adapters)
}

#[cfg(test)]
mod tests {
    use latchkey_e2e::{ceremony::join, client::Client, holder::Holder, installation::Invited};
    use latchkey_server::serve::{Serving, serve};
    use latchkey_testkit::organization::bootstrap;
    use tokio::{net::TcpListener, sync::oneshot};

    use super::*;

    #[tokio::test]
    async fn somebody_registers_and_signs_in_where_there_is_no_database() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.path().display());
        settings.secrets.path = folder.path().join("secrets.toml");
        let adapters = adapters(&settings).await.unwrap();
        let latchkey = adapters.use_cases();
        let made = bootstrap(&latchkey.administration, "ada@example.com").await;
        let user = made.administrator.user;
        let invited = Invited {
            organization: user.organization.to_string(),
            user: user.id.to_string(),
            username: user.username.to_string(),
            code: made.administrator.code.reveal().to_owned(),
        };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Client::to(&format!("http://{}", listener.local_addr().unwrap()));
        let serving = Serving::new(listener, &settings).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(latchkey, serving, async {
            let _dropped = stopped.await;
        }));
        let here = join(&place, &invited, &mut Holder::key()).await.unwrap();
        let credentials = here.get("/auth/credentials").await.unwrap();
        assert_eq!(credentials.status, 200);
        drop(stop);
        served.await.unwrap().unwrap();
        adapters.close().await.unwrap();
        assert!(!folder.path().join("latchkey.db").exists());
    }
}
