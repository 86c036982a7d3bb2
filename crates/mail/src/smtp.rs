//! Delivery by SMTP (RFC 5321): one connection for each message, and one command after another, because
//! what a refusal means depends on what was refused. Only what the server says about the recipient or the
//! content, in a detail that means nothing else, is for ever; a refusal of us (the connection, `AUTH`, the sender,
//! what we may) is somebody's to mend, and the message waits until they have. So it does after an answer that may
//! mean either, since what is tried in vain ends with its time, and what is dropped is lost.

mod server;

use std::{
    collections::HashSet,
    error::Error,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use latchkey_domain::{
    host::{ENCODING_ADVICE, RequestHost},
    text::Username,
};
use latchkey_service::ports::mailer::{Delivery, DeliveryError, Mail, Mailer};
use lettre::{
    Address, Message,
    message::{
        Mailbox, Mailboxes, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        self,
        client::AsyncSmtpConnection,
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{Extension, MailBodyParameter, MailParameter, ServerInfo},
    },
};
use tokio::time::{error::Elapsed, timeout};
use url::Host;

use self::server::Server;

/// How long the conversation about a message may take until its content is wanted, and a farewell.
const PATIENCE: Duration = Duration::from_secs(12);

/// How long the mail server may take to accept the content, which it may look into before it answers: whoever goes
/// away earlier sends it again (RFC 5321 §4.5.3.2.6). With all else it is less than the outbox waits, so that it is
/// known what took so long.
const ACCEPTANCE: Duration = Duration::from_mins(10);

/// After so many recipients, one after another, that were refused without a reason it is probably us who are.
const SEVERAL: usize = 3;

/// Hands messages to a mail server. It has no `Debug`, because its address may hold a password.
pub struct Smtp {
    server: Server,
    from: Mailbox,
    /// Who was refused without a reason since the server last took or knew anybody, up to [`SEVERAL`].
    refused: Mutex<HashSet<Address>>,
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

/// Whether a sender is on this machine, and the mail server is not: it cannot know such a domain, nor can anybody
/// answer there.
///
/// # Errors
/// [`SmtpSettingsError`].
pub fn is_sender_unknown_there(url: &str, from: &str) -> Result<bool, SmtpSettingsError> {
    let from: Mailbox = from.parse().map_err(|_malformed| SmtpSettingsError::From)?;
    let is_here = RequestHost::parse(from.email.domain()).is_some_and(|host| host.is_loopback());
    Server::parse(url).map(|server| is_here && !server.is_here())
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
    mailbox(name).is_some()
}

/// The mailbox of who is called so. One that can stand in no header is none: a local part in quotation marks may be
/// such.
fn mailbox(name: &str) -> Option<Mailbox> {
    let address = name.trim().parse().ok()?;
    let mailbox = Mailbox::new(None, by_dns_name(address));
    // When a message is written its header is read again.
    let is_read = mailbox.to_string().parse::<Mailboxes>().is_ok();
    is_read.then_some(mailbox)
}

impl Smtp {
    /// Delivers to the mail server at `url`, in the name of `from`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`SmtpSettingsError`].
    pub fn new(url: &str, from: &str) -> Result<Self, SmtpSettingsError> {
        let server = Server::parse(url)?;
        let from: Mailbox = from.parse().map_err(|_malformed| SmtpSettingsError::From)?;
        Ok(Self {
            server,
            from: Mailbox::new(from.name, by_dns_name(from.email)),
            refused: Mutex::default(),
        })
    }

    /// Asks the mail server whether it would take a message for that recipient, or for the sender where none
    /// is given; it is sent none.
    ///
    /// # Errors
    /// [`DeliveryError`] says why it would not, or not now.
    pub async fn ask(&self, recipient: Option<&str>) -> Result<(), DeliveryError> {
        let recipient = match recipient {
            Some(name) => mailbox(name).ok_or_else(|| {
                DeliveryError::Permanent("the recipient is no e-mail address".to_owned())
            })?,
            None => self.from.clone(),
        };
        let mut step = Step::Greeting;
        match Box::pin(self.inquire(&recipient.email, &mut step)).await {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.at(step, DeliveryError::Deferred)),
        }
    }

    async fn inquire(&self, recipient: &Address, step: &mut Step) -> Result<(), Fault> {
        let connection = timeout(PATIENCE, self.introduce(recipient, step)).await??;
        leave(connection).await;
        Ok(())
    }

    /// Says from whom and for whom there is a message; `step` tells how far that has come, whatever becomes of it.
    async fn introduce(
        &self,
        recipient: &Address,
        step: &mut Step,
    ) -> Result<AsyncSmtpConnection, Fault> {
        let mut connection = self.server.connect(step).await?;
        let takes_utf8 = takes_utf8(connection.server_info());
        let is_ascii = |address: &Address| address.to_string().is_ascii();
        *step = Step::Sender;
        let sender = &self.from.email;
        if !is_ascii(sender) && !takes_utf8 {
            return Err(Fault::NoUtf8);
        }
        let parameters = if is_ascii(sender) && is_ascii(recipient) || !takes_utf8 {
            vec![]
        } else {
            // Its header has the address as it is.
            let body = MailParameter::Body(MailBodyParameter::EightBitMime);
            vec![MailParameter::SmtpUtfEight, body]
        };
        let sender = MailFrom::new(Some(sender.clone()), parameters);
        connection.command(sender).await?;
        *step = Step::Recipient;
        if !is_ascii(recipient) && !takes_utf8 {
            return Err(Fault::NoUtf8);
        }
        let recipient = Rcpt::new(recipient.clone(), vec![]);
        connection.command(recipient).await?;
        Ok(connection)
    }

    /// The message as it travels. Its id is the same however often it is sent.
    fn message(&self, mail: &Mail, to: Mailbox) -> Result<Message, DeliveryError> {
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .to(to)
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
            .map_err(|_malformed| {
                DeliveryError::Transient("the message cannot be written".to_owned())
            })
    }

    /// What it means that this recipient was refused without a reason: most often there is no such mailbox, which
    /// concerns nobody else.
    fn refused_one(&self, to: &Address, reason: String) -> DeliveryError {
        let mut refused = self.refused();
        if refused.len() < SEVERAL {
            refused.insert(to.clone());
        }
        if refused.len() < SEVERAL {
            DeliveryError::Deferred(reason)
        } else {
            DeliveryError::Transient(format!("{reason}, for several recipients"))
        }
    }

    /// Nobody panics while holding it.
    fn refused(&self) -> MutexGuard<'_, HashSet<Address>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the message over; `step` tells how far that has come, whatever becomes of it.
    async fn converse(
        &self,
        message: &Message,
        to: &Address,
        step: &mut Step,
    ) -> Result<(), Fault> {
        let wanted = async {
            let mut connection = self.introduce(to, step).await?;
            *step = Step::Data;
            connection.command(Data).await?;
            Ok::<_, Fault>(connection)
        };
        let mut connection = timeout(PATIENCE, wanted).await??;
        *step = Step::Content;
        let content = message.formatted();
        timeout(ACCEPTANCE, connection.message(&content)).await??;
        leave(connection).await;
        Ok(())
    }
}

#[async_trait]
impl Mailer for Smtp {
    fn reaches(&self, user: &Username) -> bool {
        is_address(user.as_str())
    }

    async fn send(&self, mail: Mail) -> Result<Delivery, DeliveryError> {
        let Some(to) = mailbox(mail.to.as_str()) else {
            // No mail reaches such a user, who gets what is in it, a code to recover with, from an administrator.
            return Ok(Delivery::Kept);
        };
        let message = self.message(&mail, to.clone())?;
        let to = to.email;
        let mut step = Step::Greeting;
        let outcome = match Box::pin(self.converse(&message, &to, &mut step)).await {
            Ok(()) => Ok(Delivery::Delivered),
            Err(fault) => Err(fault.at(step, |reason| self.refused_one(&to, reason))),
        };
        if step > Step::Recipient || matches!(outcome, Err(DeliveryError::Permanent(_))) {
            self.refused().clear();
        }
        outcome
    }
}

/// What is asked of the mail server next, or has been asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
        })
    }
}

/// Why the mail server has not taken the message.
enum Fault {
    /// It refused, or there is no conversation.
    Smtp(smtp::Error),
    /// It did not answer in time.
    TooSlow,
    /// It takes no addresses with a local part beyond ASCII (RFC 6531).
    NoUtf8,
}

impl From<Elapsed> for Fault {
    fn from(_elapsed: Elapsed) -> Self {
        Self::TooSlow
    }
}

impl From<smtp::Error> for Fault {
    fn from(error: smtp::Error) -> Self {
        Self::Smtp(error)
    }
}

impl Fault {
    /// What it means at this step, where `either` says what is made of a recipient that was refused without a reason.
    /// The server's own words may repeat an address, so only its codes are told; what there is to tell without any
    /// answer comes from this side.
    fn at(&self, step: Step, either: impl FnOnce(String) -> DeliveryError) -> DeliveryError {
        let error = match self {
            Self::Smtp(error) => error,
            Self::TooSlow => {
                let meaning = match step {
                    Step::Greeting => {
                        " (where TLS is spoken from the beginning it waits: that is smtps://)"
                    }
                    Step::StartTls
                    | Step::Auth
                    | Step::Sender
                    | Step::Recipient
                    | Step::Data
                    | Step::Content => "",
                };
                return DeliveryError::Transient(format!(
                    "the mail server took too long at {step}{meaning}"
                ));
            }
            Self::NoUtf8 => {
                let reason = "the mail server takes no addresses beyond ASCII (SMTPUTF8)";
                return if step == Step::Recipient {
                    DeliveryError::Deferred(reason.to_owned())
                } else {
                    DeliveryError::Transient(reason.to_owned())
                };
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
        match step.refusal(code.into(), detail) {
            Refusal::Message if is_final => DeliveryError::Permanent(reason),
            Refusal::Message => DeliveryError::Deferred(reason),
            Refusal::Us => DeliveryError::Transient(reason),
            Refusal::Either => either(reason),
        }
    }
}

/// Whom a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// This recipient or this content.
    Message,
    /// Us, or everybody.
    Us,
    /// Most often this recipient; but there are servers that say no more to whom they do not relay for.
    Either,
}

impl Step {
    /// What a refusal with this code and detail is about.
    fn refusal(self, code: u16, detail: Option<&str>) -> Refusal {
        if !matches!(self, Self::Recipient | Self::Data | Self::Content) {
            return Refusal::Us;
        }
        // These are about the host (RFC 5321 §3.8, RFC 7504 §3), the conversation (RFC 5321 §4.2.3) or who we
        // are (RFC 4954 §6), whatever the detail.
        if matches!(code, 421 | 430..=439 | 500 | 502..=504 | 521 | 530..=539) {
            return Refusal::Us;
        }
        let by_code = match (self, code) {
            // Who lets strangers wait says so.
            (Self::Recipient, 450 | 451) => Refusal::Message,
            // The mailbox is not there, elsewhere or full, or no name can be such, or its domain takes no mail
            // (RFC 7504 §4); or it is refused "for policy reasons" (RFC 5321 §4.2.3).
            (Self::Recipient, 550..=553 | 556) => Refusal::Either,
            // What is wrong with 554 may be anything, and with 555 it is our words. Whoever has seen the content may
            // not take it from us.
            _ => Refusal::Us,
        };
        let Some((_class, detail)) = detail.and_then(|detail| detail.split_once('.')) else {
            return by_code;
        };
        let subject = detail.split('.').next().unwrap_or_default();
        match (subject, detail) {
            // No more than the code says (RFC 3463 §3.1).
            ("0", _) => by_code,
            // Addressing (RFC 3463 §3.2), except for that of the sender, which is ours.
            ("1", "1.7" | "1.8") => Refusal::Us,
            // Addressing, the mailbox and the content (RFC 3463 §3.2, §3.3, §3.7), and that it is too large (§3.4).
            ("1" | "2" | "6", _) | (_, "3.4") => Refusal::Message,
            // A policy is about us (RFC 3463 §3.8): no relaying, a blocked address, a sender that is not ours.
            // This one is "useful only as a permanent error", so for a while it says that strangers wait.
            (_, "7.1") if self == Self::Recipient && matches!(code, 450 | 451) => Refusal::Message,
            // The system, the network, the protocol, other policies, and what nobody has defined yet.
            _ => Refusal::Us,
        }
    }
}

/// The enhanced status code in an answer (RFC 3463 §2): it begins with it, or has it among its words, as `(#5.7.1)`.
fn detail(answer: &str) -> Option<&str> {
    let is_number =
        |part: &str| matches!(part.len(), 1..=3) && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_detail = |word: &&str| {
        let mut parts = word.split('.');
        matches!(parts.next(), Some("4" | "5"))
            && parts.clone().count() == 2
            && parts.all(is_number)
    };
    answer
        .split_whitespace()
        .map(|word| word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric()))
        .find(is_detail)
}

/// Whether it takes addresses beyond ASCII, and headers that have them (RFC 6531 §3.1).
fn takes_utf8(server: &ServerInfo) -> bool {
    [Extension::SmtpUtfEight, Extension::EightBitMime]
        .into_iter()
        .all(|extension| server.supports_feature(extension))
}

/// The same mailbox with its domain as DNS knows it (A-labels, RFC 5890 §2.3.2.1), which every mail server takes.
fn by_dns_name(address: Address) -> Address {
    if address.domain().is_ascii() {
        return address;
    }
    match Host::parse(address.domain()) {
        Ok(Host::Domain(name)) => Address::new(address.user(), name).unwrap_or(address),
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => address,
    }
}

/// Ends a conversation in which all is said, whatever the mail server makes of that.
async fn leave(mut connection: AsyncSmtpConnection) {
    let _farewell = timeout(PATIENCE, connection.abort()).await;
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
    meant(cause.to_string())
}

/// What a library says, and before it what that means, if it is in words that only the library knows.
fn meant(cause: String) -> String {
    let mut meanings = MEANINGS.iter();
    match meanings.find(|(words, _meaning)| cause.contains(words)) {
        Some((_words, meaning)) => format!("{meaning} ({cause})"),
        None => cause,
    }
}

/// Such words, and what they mean.
const MEANINGS: [(&str, &str); 2] = [
    (
        "CaUsedAsEndEntity",
        "the certificate of an authority stands where the server's own should",
    ),
    (
        "InvalidContentType",
        "nobody speaks TLS from the beginning at that port: say smtp://…?tls=required, or another port",
    ),
];

#[cfg(test)]
mod tests;
