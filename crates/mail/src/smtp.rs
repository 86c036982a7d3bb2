//! Delivery by SMTP (RFC 5321).

use std::time::Duration;

use async_trait::async_trait;
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp,
};

/// How long the mail server may take for each of its answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Hands messages to a mail server. It has no `Debug`, because its address may hold a password.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// Why no mail can be sent like this. It does not repeat the address, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpSettingsError {
    /// The server's address is none.
    #[error(
        "must be smtp://host:port, smtps://host:port, or smtp://host:port?tls=required, with \
         user:password@ before the host if need be"
    )]
    Url,
    /// The sender is no mailbox.
    #[error("must be an e-mail address, such as \"Latchkey <no-reply@example.com>\"")]
    From,
}

/// Whether it is the address of a mail server.
///
/// # Errors
/// [`SmtpSettingsError::Url`].
pub fn check_url(url: &str) -> Result<(), SmtpSettingsError> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map(|_transport| ())
        .map_err(|_malformed| SmtpSettingsError::Url)
}

/// Whether it is a mailbox.
///
/// # Errors
/// [`SmtpSettingsError::From`].
pub fn check_from(from: &str) -> Result<(), SmtpSettingsError> {
    from.parse::<Mailbox>()
        .map(|_mailbox| ())
        .map_err(|_malformed| SmtpSettingsError::From)
}

impl Smtp {
    /// Delivers to the mail server at `url`, in the name of `from`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SmtpSettingsError`].
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpSettingsError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_malformed| SmtpSettingsError::Url)?
            .timeout(Some(PATIENCE))
            .build();
        let from = from.parse().map_err(|_malformed| SmtpSettingsError::From)?;
        Ok(Self { transport, from })
    }

    /// The message as it travels. Its id is the same however often it is sent.
    fn message(&self, mail: &Mail) -> Result<Message, DeliveryError> {
        let to = mail
            .to
            .as_str()
            .trim()
            .parse()
            .map_err(|_malformed| never("the username is no e-mail address"))?;
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.content.subject.as_str())
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .multipart(MultiPart::alternative_plain_html(
                mail.content.text.clone(),
                mail.content.html.clone(),
            ))
            .map_err(|_malformed| never("the message cannot be written"))
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let message = self.message(&mail)?;
        match self.transport.send(message).await {
            Ok(_response) => Ok(Delivery::Delivered),
            Err(error) => Err(refused(&error)),
        }
    }
}

fn never(reason: &str) -> DeliveryError {
    DeliveryError::Permanent(reason.to_owned())
}

/// What a failure means. The server's own words may repeat an address, so only its code is told.
fn refused(error: &smtp::Error) -> DeliveryError {
    let code = error
        .status()
        .map(|code| format!("the mail server answered {code}"));
    if error.is_permanent() {
        return DeliveryError::Permanent(code.unwrap_or_default());
    }
    let kind = if error.is_timeout() {
        "the mail server took too long"
    } else if error.is_tls() {
        "no secure connection to the mail server"
    } else {
        "the mail server cannot be reached"
    };
    DeliveryError::Transient(code.unwrap_or_else(|| kind.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_mail_servers_are_told_from_others() {
        for url in [
            "smtp://localhost:2525",
            "smtp://mail.example.com?tls=required",
            "smtps://user:pass%20word@mail.example.com",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
        }
        for url in ["", "mail.example.com", "http://mail.example.com", "smtp:"] {
            assert_eq!(check_url(url), Err(SmtpSettingsError::Url), "{url}");
        }
    }

    #[test]
    fn a_sender_is_a_mailbox() {
        assert_eq!(check_from("Latchkey <no-reply@example.com>"), Ok(()));
        assert_eq!(check_from("no-reply@example.com"), Ok(()));
        assert_eq!(check_from("nobody"), Err(SmtpSettingsError::From));
    }
}
