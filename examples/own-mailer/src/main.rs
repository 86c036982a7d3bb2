//! The whole service with a mailer of one's own: every message is posted to a URL.
//!
//! ```sh
//! MESSAGES_URL=http://127.0.0.1:9000/messages cargo run -p latchkey-own-mailer
//! ```
//!
//! Everything else is configured as for the binary `latchkey`.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use latchkey_server::{
    config::Settings,
    lifecycle::stop_signal,
    serve::{Serving, serve},
    wiring::Adapters,
};
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

/// Posts messages as JSON.
struct Poster {
    client: Client,
    url: String,
}

impl Poster {
    fn new(url: String) -> Self {
        let client = Client::new();
        Self { client, url }
    }
}

#[async_trait]
impl Mailer for Poster {
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let message = json!({
            "id": mail.id.to_string(),
            "to": mail.to.as_str(),
            "subject": mail.content.subject,
            "text": mail.content.text,
            "html": mail.content.html,
        });
        let answer = self.client.post(&self.url).json(&message).send().await;
        // Errors are logged, so they hold neither what the message says nor whom it is for.
        let answer = answer.map_err(|error| DeliveryError::Transient(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => Ok(Delivery::Delivered),
            StatusCode::UNPROCESSABLE_ENTITY => Err(DeliveryError::Permanent(
                "the receiver does not take this message".to_owned(),
            )),
            status => Err(DeliveryError::Transient(format!(
                "the receiver answered {status}"
            ))),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::load(None, std::env::vars().collect())?;
    let mailer = Poster::new(std::env::var("MESSAGES_URL")?);
    let listener = TcpListener::bind(settings.http.listen).await?;

    let mut adapters = Adapters::open(&settings).await?;
    adapters.ports.mailer = Arc::new(mailer);
    let serving = Serving::new(listener, &settings)?;
    serve(adapters.use_cases(), serving, stop_signal(1)?).await?;
    adapters.store.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::{Json, Router, routing::post};
    use latchkey_domain::{
        application::{Origin, RelyingParty, RpId},
        organization::Approval,
        text::{ApplicationName, OrganizationName, Username},
        user::UserKind,
    };
    use latchkey_service::administration::{Administration, Bootstrap, Invite};
    use serde_json::Value;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn an_invitation_is_posted_with_its_code() {
        let (arrived, mut arrivals) = mpsc::unbounded_channel();
        let receiver = Router::new().route(
            "/messages",
            post(async move |Json(message): Json<Value>| {
                arrived.send(message).unwrap();
                StatusCode::NO_CONTENT
            }),
        );
        let inbox = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/messages", inbox.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(inbox, receiver).await });

        let folder = tempfile::tempdir().unwrap();
        let settings = settings_in(folder.path());
        let mut adapters = Adapters::open(&settings).await.unwrap();
        adapters.ports.mailer = Arc::new(Poster::new(url));
        let use_cases = adapters.use_cases();
        let code = invite(&use_cases.administration).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let serving = Serving::new(listener, &settings).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = tokio::spawn(serve(use_cases, serving, async {
            let _dropped = stopped.await;
        }));

        let message = arrivals.recv().await.unwrap();
        assert_eq!(message["to"], "ada@example.com");
        assert!(message["text"].as_str().unwrap().contains(&code));
        drop(stop);
        service.await.unwrap().unwrap();
    }

    fn settings_in(folder: &Path) -> Settings {
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.display());
        settings.secrets.path = folder.join("secrets.toml");
        settings
    }

    /// Makes an organization and invites a user by mail; gives the code to register with.
    async fn invite(administration: &Administration) -> String {
        let origin = Origin::new("https://one.example").unwrap();
        let rp_id = RpId::new("one.example").unwrap();
        let bootstrap = Bootstrap {
            organization: OrganizationName::new("acme").unwrap(),
            approval: Approval::Never,
            administrator: Username::new("admin@example.com").unwrap(),
            application: ApplicationName::new("One").unwrap(),
            relying_party: RelyingParty::new(rp_id, vec![origin]).unwrap(),
        };
        let made = administration.bootstrap(bootstrap).await.unwrap();
        let invite = Invite {
            organization: made.administrator.user.organization,
            username: Username::new("ada@example.com").unwrap(),
            kind: UserKind::EndUser,
            administrator: false,
            by_mail: true,
        };
        let invited = administration.invite(invite).await.unwrap();
        invited.code.reveal().to_owned()
    }
}
