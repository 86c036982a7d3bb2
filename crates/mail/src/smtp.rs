//! Delivery by SMTP (RFC 5321): one connection for each message, and one command after another, because
//! what a refusal means depends on what was refused. Only what the server says about the recipient or the
//! content is for ever; a refusal of us (the connection, `AUTH`, the sender, what we may) is somebody's to
//! mend, and the message waits until they have. An answer that may mean either is taken for one of us, since
//! what is tried in vain ends with its time, and what is dropped is lost.

mod server;

use std::{error::Error, fmt, time::Duration};

use async_trait::async_trait;
use latchkey_domain::host::ENCODING_ADVICE;
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        self,
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter, ServerInfo},
    },
};
use tokio::time::timeout;

use self::server::Server;

/// How long the whole conversation about one message may take: less than the outbox waits, so that it is
/// known what took so long.
const PATIENCE: Duration = Duration::from_secs(12);

/// Hands messages to a mail server. It has no `Debug`, because its address may hold a password.
pub struct Smtp {
    server: Server,
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
    /// A password hides the host.
    #[error("{ENCODING_ADVICE}")]
    Encoding,
    /// The sender is no mailbox.
    #[error("must be an e-mail address, such as \"Latchkey <no-reply@example.com>\"")]
    From,
}

/// Whether it is the address of a mail server.
///
/// # Errors
/// [`SmtpSettingsError::Url`].
pub fn check_url(url: &str) -> Result<(), SmtpSettingsError> {
    Server::parse(url).map(|_server| ())
}

/// Whether whoever is on the way to the mail server can read and change messages: it is on another machine, and
/// what is said to it is in clear, or need not be encrypted (`tls=opportunistic`).
///
/// # Errors
/// [`SmtpSettingsError::Url`].
pub fn trusts_the_network(url: &str) -> Result<bool, SmtpSettingsError> {
    Server::parse(url).map(|server| server.trusts_the_network())
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

/// Whether a message can be sent to who is called so.
pub fn is_address(name: &str) -> bool {
    name.trim().parse::<Address>().is_ok()
}

impl Smtp {
    /// Delivers to the mail server at `url`, in the name of `from`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SmtpSettingsError`].
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpSettingsError> {
        Ok(Self {
            server: Server::parse(url)?,
            from: from.parse().map_err(|_malformed| SmtpSettingsError::From)?,
        })
    }

    /// Asks the mail server whether it would take a message for that recipient, or for the sender where none
    /// is given; it is sent none.
    ///
    /// # Errors
    /// [`DeliveryError`] says why it would not, or not now.
    pub async fn ask(&self, recipient: Option<&str>) -> Result<(), DeliveryError> {
        let recipient = match recipient {
            Some(recipient) => recipient
                .trim()
                .parse()
                .map_err(|_malformed| never("the recipient is no e-mail address"))?,
            None => self.from.email.clone(),
        };
        let mut step = Step::Greeting;
        let question = Box::pin(self.introduce(recipient, &mut step));
        match timeout(PATIENCE, question).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(fault.at(step)),
            Err(_elapsed) => Err(too_slow(step)),
        }
    }

    /// Says from whom and for whom there would be a message; `step` tells how far that has come.
    async fn introduce(&self, recipient: Address, step: &mut Step) -> Result<(), Fault> {
        let mut connection = self.server.connect(step).await?;
        *step = Step::Sender;
        let sender = &self.from.email;
        let is_ascii = [sender, &recipient]
            .iter()
            .all(|address| address.to_string().is_ascii());
        let parameters = parameters(connection.server_info(), is_ascii, true)?;
        let sender = MailFrom::new(Some(sender.clone()), parameters);
        connection.command(sender).await?;
        *step = Step::Recipient;
        connection.command(Rcpt::new(recipient, vec![])).await?;
        *step = Step::Done;
        connection.abort().await;
        Ok(())
    }

    /// The message as it travels. Its id is the same however often it is sent.
    fn message(&self, mail: &Mail, to: Address) -> Result<Message, DeliveryError> {
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.content.subject.as_str())
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            // RFC 3834 §5: nobody's absence is to be told to a machine.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(
                mail.content.text.clone(),
                mail.content.html.clone(),
            ))
            .map_err(|_malformed| never("the message cannot be written"))
    }

    /// Hands the message over; `step` tells how far that has come, whatever becomes of it.
    async fn converse(&self, message: &Message, step: &mut Step) -> Result<(), Fault> {
        let mut connection = self.server.connect(step).await?;
        let (envelope, content) = (message.envelope(), message.formatted());
        *step = Step::Sender;
        let is_ascii = (envelope.from().into_iter().chain(envelope.to()))
            .all(|address| address.to_string().is_ascii());
        let parameters = parameters(connection.server_info(), is_ascii, content.is_ascii())?;
        let sender = MailFrom::new(envelope.from().cloned(), parameters);
        connection.command(sender).await?;
        *step = Step::Recipient;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), vec![]);
            connection.command(recipient).await?;
        }
        *step = Step::Data;
        connection.command(Data).await?;
        *step = Step::Content;
        connection.message(&content).await?;
        *step = Step::Done;
        connection.abort().await;
        Ok(())
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let Ok(to) = mail.to.as_str().trim().parse() else {
            // No mail reaches such a user, who gets what is in it, a code to recover with, from an administrator.
            return Ok(Delivery::Kept);
        };
        let message = self.message(&mail, to)?;
        let mut step = Step::Greeting;
        let conversation = Box::pin(self.converse(&message, &mut step));
        let failure = match timeout(PATIENCE, conversation).await {
            Ok(Ok(())) => return Ok(Delivery::Delivered),
            Ok(Err(fault)) => fault.at(step),
            Err(_elapsed) => too_slow(step),
        };
        // Whatever went wrong with the farewell: the server has the message.
        if step == Step::Done {
            Ok(Delivery::Delivered)
        } else {
            Err(failure)
        }
    }
}

/// What is asked of the mail server next, or has been asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// To take the connection: its greeting, TLS from the beginning, and `EHLO`.
    Greeting,
    /// To make the connection secure.
    StartTls,
    /// To know who sends.
    Auth,
    /// To take something of this sender.
    Sender,
    /// To take something for this recipient.
    Recipient,
    /// To take the content.
    Data,
    /// To take responsibility.
    Content,
    /// Nothing: it has taken the message.
    Done,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Greeting => "the connection",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Data => "DATA",
            Self::Content => "the message",
            Self::Done => "QUIT",
        })
    }
}

/// Why the mail server has not taken the message.
enum Fault {
    /// It refused, or there is no conversation.
    Smtp(smtp::Error),
    /// It takes no such messages.
    Unable(&'static str),
}

impl From<smtp::Error> for Fault {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

impl Fault {
    /// What it means at this step. The server's own words may repeat an address, so only its codes are
    /// told; what there is to tell without any answer comes from this side.
    fn at(&self, step: Step) -> DeliveryError {
        let error = match self {
            Self::Smtp(error) => error,
            Self::Unable(what) => {
                return DeliveryError::Transient(format!("the mail server takes no {what}"));
            }
        };
        let Some(code) = error.status() else {
            let cause = cause(error);
            return DeliveryError::Transient(format!(
                "talking to the mail server failed at {step}: {cause}"
            ));
        };
        let answer = error.source().map(ToString::to_string).unwrap_or_default();
        let detail = detail(&answer);
        let reason = match detail {
            Some(detail) => format!("the mail server answered {code} {detail} to {step}"),
            None => format!("the mail server answered {code} to {step}"),
        };
        // Where the two contradict each other, the milder one counts.
        let is_final =
            error.is_permanent() && !detail.is_some_and(|detail| detail.starts_with('4'));
        if !step.is_about_the_message(code.into(), detail) {
            DeliveryError::Transient(reason)
        } else if is_final {
            DeliveryError::Permanent(reason)
        } else {
            DeliveryError::Deferred(reason)
        }
    }
}

impl Step {
    /// Whether a refusal with this code and detail is one of this recipient or this content; otherwise it is
    /// one of us, or of everybody.
    fn is_about_the_message(self, code: u16, detail: Option<&str>) -> bool {
        let is_by_code = match self {
            // The mailbox is busy, not there, elsewhere or full, or no name can be such (RFC 5321 §4.2.3), or
            // its domain takes no mail (RFC 7504 §4). Who lets strangers wait says 450 or 451. What is wrong
            // with 554 may be anything, and with 555 it is our words.
            Self::Recipient => matches!(code, 450 | 451 | 550..=553 | 556),
            // It was seen whole, and is not taken, or is too large (RFC 5321 §4.3.2).
            Self::Data | Self::Content => matches!(code, 550 | 552 | 554),
            Self::Greeting | Self::StartTls | Self::Auth | Self::Sender | Self::Done => {
                return false;
            }
        };
        // These are about the host (RFC 5321 §3.8, RFC 7504 §3), the conversation (RFC 5321 §4.2.3) or who we
        // are (RFC 4954 §6), whatever the detail.
        if matches!(code, 421 | 430..=439 | 500 | 502..=504 | 521 | 530..=539) {
            return false;
        }
        let Some((_class, detail)) = detail.and_then(|detail| detail.split_once('.')) else {
            return is_by_code;
        };
        let subject = detail.split('.').next().unwrap_or_default();
        match (subject, detail) {
            // No more than the code says (RFC 3463 §3.1).
            ("0", _) => is_by_code,
            // Addressing (RFC 3463 §3.2), except for that of the sender, which is ours.
            ("1", _) => !matches!(detail, "1.7" | "1.8"),
            // The mailbox and the content (RFC 3463 §3.3, §3.7), and that it is too large (§3.4).
            ("2" | "6", _) | (_, "3.4") => true,
            // A policy is about us (RFC 3463 §3.8): no relaying, a blocked address, a sender that is not ours.
            // This one is "useful only as a permanent error", so for a while it says that strangers wait.
            (_, "7.1") => self == Self::Recipient && matches!(code, 450 | 451),
            // The system, the network, the protocol, other policies, and what nobody has defined yet.
            _ => false,
        }
    }
}

/// The enhanced status code that an answer may begin with (RFC 3463 §2).
fn detail(answer: &str) -> Option<&str> {
    let first = answer.split_whitespace().next()?;
    let is_number =
        |part: &str| matches!(part.len(), 1..=3) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_detail = first.split('.').count() == 3 && first.split('.').all(is_number);
    is_detail.then_some(first)
}

/// What `MAIL FROM` says about the message (RFC 6152, RFC 6531).
fn parameters(
    server: &ServerInfo,
    is_ascii: bool,
    is_content_ascii: bool,
) -> Result<Vec<MailParameter>, Fault> {
    let mut parameters = Vec::new();
    if !is_ascii {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Fault::Unable("addresses beyond ASCII (SMTPUTF8)"));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    if !is_content_ascii {
        if !server.supports_feature(Extension::EightBitMime) {
            return Err(Fault::Unable("content beyond ASCII (8BITMIME)"));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(parameters)
}

/// The reason behind all others: what TLS, the system or the library has to say. An answer that is none is
/// not repeated, since it is the server's words.
fn cause(error: &smtp::Error) -> String {
    if error.is_response() {
        return "what it says is no answer, or breaks off".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn too_slow(step: Step) -> DeliveryError {
    DeliveryError::Transient(format!("the mail server took too long at {step}"))
}

fn never(reason: &str) -> DeliveryError {
    DeliveryError::Permanent(reason.to_owned())
}

#[cfg(test)]
mod tests;
