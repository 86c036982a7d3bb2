//! The whole service with a mailer of one's own: every message is posted to a URL.
//!
//! ```sh
//! MESSAGES_URL=http://127.0.0.1:9000/messages cargo run -p latchkey-own-mailer
//! ```
//!
//! Everything else, the other commands included, is as with the binary `latchkey`.

use std::{error::Error, process::ExitCode, sync::Arc};

use async_trait::async_trait;
use latchkey_server::{cli, config::Settings, wiring::Adapters};
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};
use reqwest::{Client, StatusCode};
use serde_json::json;

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
        // Errors are logged, so they hold neither what the message says nor whom it is for; nor the URL,
        // since who knows it may post.
        let answer =
            answer.map_err(|error| DeliveryError::Transient(error.without_url().to_string()))?;
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

/// The adapters that are configured, and the mailer in its place.
async fn adapters(settings: &Settings) -> Result<Adapters, Box<dyn Error + Send + Sync>> {
    let url = std::env::var("MESSAGES_URL").map_err(|error| format!("MESSAGES_URL: {error}"))?;
    let mut adapters = Adapters::open(settings).await?;
    adapters.ports.mailer = Arc::new(Poster::new(url));
    Ok(adapters)
}

fn main() -> ExitCode {
    cli::run_with(adapters)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::{Json, Router, routing::post};
    use latchkey_domain::{id::MessageId, message::MessageKind, text::Username, user::UserKind};
    use latchkey_server::serve::{Serving, serve};
    use latchkey_service::{
        administration::{Administration, Invite},
        ports::mailer::MessageContent,
    };
    use latchkey_testkit::organization::bootstrap;
    use serde_json::Value;
    use tokio::{
        net::TcpListener,
        sync::{mpsc, oneshot},
    };

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

    #[tokio::test]
    async fn an_error_does_not_tell_where_messages_are_posted() {
        let poster = Poster::new("http://127.0.0.1:1/whoever-knows-this-may-post".to_owned());
        let content = MessageContent {
            subject: "Hello".to_owned(),
            text: "Hello".to_owned(),
            html: "Hello".to_owned(),
        };
        let refused = poster.send(Mail {
            id: MessageId::from_random(&[1; 32]),
            kind: MessageKind::LoginCode,
            to: Username::new("ada@example.com").unwrap(),
            content,
        });
        let error = refused.await.unwrap_err();
        assert!(matches!(error, DeliveryError::Transient(_)));
        assert!(!error.to_string().contains("may-post"), "{error}");
    }

    fn settings_in(folder: &Path) -> Settings {
        let mut settings = Settings::default();
        settings.database.url = format!("sqlite://{}/latchkey.db", folder.display());
        settings.secrets.path = folder.join("secrets.toml");
        settings
    }

    /// Makes an organization and invites a user by mail; gives the code to register with.
    async fn invite(administration: &Administration) -> String {
        let made = bootstrap(administration, "admin@example.com").await;
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
