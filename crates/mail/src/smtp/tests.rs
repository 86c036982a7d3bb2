use latchkey_domain::{id::MessageId, message::MessageKind, text::Username};
use latchkey_service::ports::mailer::MessageContent;
use latchkey_testkit::mail_server::{ALWAYS, At, MailServer};
use tokio::{
    io::{self, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::oneshot,
    time,
};

use super::*;

mod addresses;

const FROM: &str = "Latchkey <no-reply@example.com>";

fn mail_to(to: &str) -> Mail {
    Mail {
        id: MessageId::from_random(&[1; 32]),
        kind: MessageKind::LoginCode,
        to: Username::new(to).unwrap(),
        content: MessageContent {
            subject: "Your sign-in code".to_owned(),
            text: "K7M-2PX-9QD".to_owned(),
            html: "<p>K7M-2PX-9QD</p>".to_owned(),
        },
    }
}

async fn send_to(url: &str) -> Result<Delivery, DeliveryError> {
    let mailer = Smtp::new(url, FROM).unwrap();
    mailer.send(mail_to("ada@example.com")).await
}

/// The address of the server with a password, so that it is asked for.
fn known(server: &MailServer) -> String {
    server.url().replace("//", "//latchkey:hunter2@")
}

/// What is made of that answer.
async fn answered(at: At, answer: &str) -> DeliveryError {
    let server = MailServer::in_clear().unwrap();
    server.answers(at, ALWAYS, answer);
    let error = send_to(&known(&server)).await.unwrap_err();
    assert_eq!(server.mails(), Vec::<String>::new());
    error
}

/// What is made of one refusal, by a server that repeats all it has heard.
async fn refusal(at: At, code: &'static str) -> DeliveryError {
    let error = answered(at, &format!("{code} ada@example.com hunter2 K7M-2PX-9QD")).await;
    let text = error.to_string();
    assert!(text.contains(code), "{text}");
    for secret in ["ada@", "hunter2", "K7M"] {
        assert!(!text.contains(secret), "{text}");
    }
    error
}

#[tokio::test]
async fn a_refusal_of_us_is_never_for_ever() {
    for at in [At::Greeting, At::Hello, At::Auth, At::Sender] {
        for code in [
            "535 5.7.8",
            "530",
            "534",
            "554",
            "550 5.1.1",
            "550 5.7.1",
            "552",
            "421",
            "451",
        ] {
            let error = refusal(at, code).await;
            assert!(
                matches!(error, DeliveryError::Transient(_)),
                "{at:?}: {error}"
            );
        }
    }
    // Servers say so later as well, when they are asked to do something for us.
    for (at, code) in [
        (At::Recipient, "530 5.7.0"),
        (At::Recipient, "535"),
        (At::Recipient, "503"),
        (At::Recipient, "504 5.5.2"),
        (At::Recipient, "521"),
        (At::Recipient, "550 5.7.1"),
        (At::Recipient, "550 5.7.26"),
        (At::Recipient, "550 5.1.8"),
        (At::Recipient, "550 5.4.1"),
        (At::Recipient, "550 5.5.0"),
        (At::Recipient, "553 5.7.1"),
        (At::Recipient, "554"),
        (At::Recipient, "554 5.0.0"),
        (At::Recipient, "554 5.7.1"),
        (At::Recipient, "555"),
        (At::Recipient, "421 4.2.1"),
        (At::Recipient, "450 4.3.2"),
        (At::Recipient, "451 4.7.650"),
        (At::Recipient, "452"),
        (At::Recipient, "454 4.7.1"),
        (At::Data, "451"),
        (At::Data, "503"),
        (At::Data, "530"),
        (At::Data, "550"),
        (At::Data, "552"),
        (At::Data, "554"),
        (At::Content, "530"),
        (At::Content, "550"),
        (At::Content, "550 5.0.0"),
        (At::Content, "552"),
        (At::Content, "554"),
        (At::Content, "550 5.7.1"),
        (At::Content, "552 5.7.0"),
        (At::Content, "554 5.3.0"),
        (At::Content, "554 5.7.1"),
        (At::Content, "421"),
        (At::Content, "450 4.7.1"),
        (At::Content, "452"),
    ] {
        let error = refusal(at, code).await;
        assert!(
            matches!(error, DeliveryError::Transient(_)),
            "{at:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_refusal_that_can_only_be_of_the_recipient_or_the_content_is_for_ever() {
    for (at, code) in [
        (At::Recipient, "550 5.1.1"),
        (At::Recipient, "552 5.2.2"),
        (At::Recipient, "554 5.1.1"),
        (At::Recipient, "556 5.1.10"),
        (At::Recipient, "501 5.1.3"),
        (At::Data, "554 5.1.1"),
        (At::Data, "554 5.6.0"),
        (At::Content, "550 5.1.1"),
        (At::Content, "552 5.3.4"),
        (At::Content, "554 5.2.1"),
        (At::Content, "554 5.6.0"),
    ] {
        let error = refusal(at, code).await;
        assert!(
            matches!(error, DeliveryError::Permanent(_)),
            "{at:?}: {error}"
        );
    }
}

/// As Amazon SES, qmail and Cisco say it.
#[tokio::test]
async fn a_detail_counts_wherever_it_stands_and_words_do_not() {
    let unverified = "554 Message rejected: Email address is not verified.";
    let error = answered(At::Content, unverified).await;
    assert!(matches!(error, DeliveryError::Transient(_)), "{error}");
    let not_ours = "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)";
    let error = answered(At::Recipient, not_ours).await;
    let reason = "the mail server answered 553 5.7.1 to RCPT TO";
    assert_eq!(error, DeliveryError::Transient(reason.to_owned()));
    for unknown in [
        "550 sorry, no mailbox here by that name (#5.1.1)",
        "550 #5.1.0 Address rejected.",
    ] {
        let error = answered(At::Recipient, unknown).await;
        assert!(matches!(error, DeliveryError::Permanent(_)), "{error}");
    }
}

/// It may be unknown, or nobody may send anything to anybody.
#[tokio::test]
async fn a_recipient_that_is_refused_without_a_reason_waits_and_several_say_that_it_is_us() {
    let server = MailServer::in_clear().unwrap();
    let mailer = Smtp::new(&server.url(), FROM).unwrap();
    let send = async |to: &str| mailer.send(mail_to(&format!("{to}@example.com"))).await;
    let answer = "the mail server answered 550 to RCPT TO";
    let waits = Err(DeliveryError::Deferred(answer.to_owned()));
    let is_us = format!("{answer}, for several recipients");
    let is_us = Err(DeliveryError::Transient(is_us));
    for (code, ends) in [
        ("250", Ok(Delivery::Delivered)),
        (
            "554 5.6.0",
            Err(DeliveryError::Permanent(
                "the mail server answered 554 5.6.0 to RCPT TO".to_owned(),
            )),
        ),
    ] {
        server.answers(At::Recipient, ALWAYS, "550 relay not permitted");
        for to in ["ada", "bob", "ada", "bob"] {
            assert_eq!(send(to).await, waits);
        }
        for to in ["cyd", "ada", "dan"] {
            assert_eq!(send(to).await, is_us);
        }
        let times = u32::from(code != "250");
        server.answers(At::Recipient, times, code);
        assert_eq!(send("eve").await, ends);
    }
    // What is refused later was not refused for its recipient.
    for to in ["ada", "bob"] {
        server.answers(At::Recipient, 1, "550 relay not permitted");
        assert_eq!(send(to).await, waits);
    }
    server.answers(At::Data, 1, "451 come again");
    assert!(send("ada").await.is_err());
    server.answers(At::Recipient, 1, "550 relay not permitted");
    assert_eq!(send("cyd").await, waits);
}

#[tokio::test]
async fn a_recipient_or_a_content_that_has_to_wait_is_told_from_a_refusal_of_us() {
    for (at, code) in [
        (At::Recipient, "450"),
        (At::Recipient, "450 4.2.0"),
        (At::Recipient, "450 4.7.1"),
        (At::Recipient, "451"),
        (At::Recipient, "550"),
        (At::Recipient, "550 5.0.0"),
        (At::Recipient, "550 4.0.0"),
        (At::Recipient, "551"),
        (At::Recipient, "552"),
        (At::Recipient, "553"),
        (At::Recipient, "556"),
        (At::Recipient, "451 4.7.1"),
        (At::Recipient, "452 4.2.2"),
        (At::Recipient, "550 4.2.2"),
        (At::Content, "451 4.6.0"),
        (At::Content, "452 4.2.2"),
    ] {
        let error = refusal(at, code).await;
        assert!(
            matches!(error, DeliveryError::Deferred(_)),
            "{at:?}: {error}"
        );
    }
}

#[test]
fn no_code_says_anything_of_the_message_but_those_that_do() {
    for code in 400..600 {
        for step in [
            Step::Greeting,
            Step::StartTls,
            Step::Auth,
            Step::Sender,
            Step::Recipient,
            Step::Data,
            Step::Content,
        ] {
            let expected = match (step, code) {
                (Step::Recipient, 450 | 451) => Refusal::Message,
                (Step::Recipient, 550..=553 | 556) => Refusal::Either,
                _ => Refusal::Us,
            };
            let refusal = |detail| step.refusal(code, detail);
            assert_eq!(refusal(None), expected, "{code} {step}");
            for detail in ["5.0.0", "4.0.1"] {
                assert_eq!(refusal(Some(detail)), expected, "{code} {step}");
            }
            // Of the system, the network, the protocol, a policy, and of what is not defined.
            for detail in [
                "5.3.0", "5.4.6", "5.5.4", "5.7.0", "5.7.13", "5.8.1", "5.1.7",
            ] {
                let refusal = refusal(Some(detail));
                assert_eq!(refusal, Refusal::Us, "{code} {detail} {step}");
            }
        }
    }
}

#[tokio::test]
async fn a_refusal_names_what_was_refused() {
    for (at, text) in [
        (
            At::Greeting,
            "the mail server answered 554 to the connection",
        ),
        (At::Auth, "the mail server answered 554 to AUTH"),
        (At::Sender, "the mail server answered 554 to MAIL FROM"),
        (At::Recipient, "the mail server answered 554 to RCPT TO"),
        (At::Content, "the mail server answered 554 to the message"),
    ] {
        let error = refusal(at, "554").await;
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[tokio::test]
async fn messages_are_handed_over_and_say_that_a_machine_sent_them() {
    let server = MailServer::in_clear().unwrap();
    for url in [server.url(), known(&server)] {
        assert_eq!(send_to(&url).await, Ok(Delivery::Delivered));
    }
    let mails = server.mails();
    assert_eq!(mails.len(), 2);
    for mail in mails {
        let mut lines = mail.lines();
        assert!(lines.any(|line| line == "Auto-Submitted: auto-generated"));
        assert!(lines.any(|line| line.contains("K7M-2PX-9QD")));
    }
}

#[tokio::test]
async fn a_lost_farewell_does_not_undo_what_was_taken() {
    let server = MailServer::in_clear().unwrap();
    server.answers(At::Farewell, ALWAYS, "554 no farewell");
    assert_eq!(send_to(&server.url()).await, Ok(Delivery::Delivered));
}

/// A mail server that says when it has a message, and takes it when it is told to.
async fn think(
    listener: TcpListener,
    thinks: oneshot::Sender<()>,
    has_thought: oneshot::Receiver<()>,
) -> io::Result<()> {
    let (stream, _address) = listener.accept().await?;
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 thinks\r\n").await?;
    let mut line = String::new();
    while !line.starts_with("DATA") {
        line.clear();
        stream.read_line(&mut line).await?;
        let answer = if line.starts_with("DATA") {
            "354"
        } else {
            "250"
        };
        stream
            .write_all(format!("{answer} go on\r\n").as_bytes())
            .await?;
    }
    while line != ".\r\n" {
        line.clear();
        stream.read_line(&mut line).await?;
    }
    thinks.send(()).unwrap();
    if has_thought.await.is_ok() {
        stream.write_all(b"250 kept\r\n").await?;
    }
    Ok(())
}

/// As long as RFC 5321 §4.5.3.2.6 says, and no longer.
#[tokio::test]
async fn a_server_has_ten_minutes_to_accept_a_message() {
    let too_long = "the mail server took too long at the message";
    let given_up = Err(DeliveryError::Transient(too_long.to_owned()));
    for (seconds, outcome) in [(599, Ok(Delivery::Delivered)), (600, given_up)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let (thinks, begun) = oneshot::channel();
        let (think_over, has_thought) = oneshot::channel();
        let server = tokio::spawn(think(listener, thinks, has_thought));
        let sending = tokio::spawn(async move { send_to(&url).await });
        begun.await.unwrap();
        time::pause();
        time::advance(Duration::from_secs(seconds)).await;
        time::resume();
        if outcome.is_ok() {
            assert!(!sending.is_finished());
            think_over.send(()).unwrap();
        } else {
            drop(think_over);
        }
        assert_eq!(sending.await.unwrap(), outcome);
        server.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn why_there_is_no_conversation_is_told() {
    let unknown = MailServer::with_tls("127.0.0.1").unwrap();
    let in_clear = MailServer::in_clear().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    for (url, reason) in [
        (unknown.url(), "UnknownIssuer"),
        (format!("{}?tls=required", in_clear.url()), "STARTTLS"),
        (
            in_clear.url().replace("smtp:", "smtps:"),
            "nobody speaks TLS",
        ),
        (format!("smtp://{nobody}"), "refused"),
    ] {
        let error = send_to(&url.replace("//", "//latchkey:hunter2@")).await;
        let error = error.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, DeliveryError::Transient(_)), "{error}");
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert_eq!(in_clear.asked(At::Auth), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = send_to(&format!("smtp://{address}")).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Transient(_)), "{error}");
    for part in [
        "the mail server took too long at the connection",
        "smtps://",
    ] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn details_are_told_from_words() {
    for (answer, expected) in [
        ("5.7.1 no relaying", Some("5.7.1")),
        ("5.1.10 null MX", Some("5.1.10")),
        ("rejected (#5.7.1)", Some("5.7.1")),
        ("#5.1.0 rejected", Some("5.1.0")),
        ("rejected: 5.7.26. Go on.", Some("5.7.26")),
        ("250.1.1 no", None),
        ("5.1.1@example.com", None),
        ("5.7 no", None),
        ("10.0.0.1 is blocked", None),
        ("5.7.x no", None),
        ("5..1 no", None),
        ("no", None),
        ("", None),
    ] {
        assert_eq!(detail(answer), expected, "{answer}");
    }
}

#[test]
fn addresses_of_mail_servers_are_told_from_others() {
    for url in [
        "smtp://localhost:2525",
        "smtp://[::1]:2525",
        "smtp://mail.example.com?tls=required",
        "smtp://mail.example.com?tls=opportunistic",
        "smtps://user:pass%20word@mail.example.com",
        "smtps://mail.example.com/client.example.com",
    ] {
        assert_eq!(check_url(url), Ok(()), "{url}");
    }
    for url in [
        "",
        "mail.example.com",
        "http://mail.example.com",
        "smtp:",
        "smtp://mail.example.com?tls=perhaps",
        "smtp://user:%ff@mail.example.com",
    ] {
        assert_eq!(check_url(url), Err(SmtpSettingsError::Url), "{url}");
    }
}

#[test]
fn what_is_said_to_another_machine_is_safe_if_it_must_be_encrypted() {
    for (url, trusts) in [
        ("smtp://mail.example.com", true),
        ("smtp://root:hunter2@mail.example.com:25/me", true),
        ("smtp://192.0.2.7?tls=opportunistic", true),
        ("smtp://mail.example.com?tls=required", false),
        ("smtps://mail.example.com", false),
        ("smtp://localhost", false),
        ("smtp://127.0.0.1:1025?tls=opportunistic", false),
        ("smtp://[::1]:1025", false),
    ] {
        assert_eq!(trusts_the_network(url), Ok(trusts), "{url}");
    }
}

#[tokio::test]
async fn a_server_is_asked_whether_it_would_take_a_message_and_is_sent_none() {
    let server = MailServer::in_clear().unwrap();
    let mailer = Smtp::new(&known(&server), FROM).unwrap();
    for recipient in [None, Some("ada@example.com")] {
        assert_eq!(mailer.ask(recipient).await, Ok(()));
    }
    for at in [At::Auth, At::Sender, At::Recipient, At::Farewell] {
        assert_eq!(server.asked(at), 2, "{at:?}");
    }
    assert_eq!(server.asked(At::Data), 0);
    assert!(mailer.ask(Some("nobody")).await.is_err());

    server.answers(At::Recipient, ALWAYS, "550 5.7.1 no relaying for ada");
    let error = mailer.ask(Some("ada@example.com")).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("550 5.7.1 to RCPT TO"), "{said}");
    assert!(!said.contains("ada"), "{said}");
}

#[test]
fn a_password_that_hides_the_host_is_told_how_to_be_written() {
    let error = check_url("smtps://root:hunter/2@mail.example.com").unwrap_err();
    assert_eq!(error, SmtpSettingsError::Encoding);
    assert!(error.to_string().contains("/ as %2F"), "{error}");
}

#[test]
fn what_a_library_says_of_a_certificate_is_told_with_what_it_means() {
    let said = "invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))";
    let told = meant(said.to_owned());
    assert!(
        told.starts_with("the certificate of an authority"),
        "{told}"
    );
    assert!(told.contains(said), "{told}");
    let plain = "invalid peer certificate: UnknownIssuer";
    assert_eq!(meant(plain.to_owned()), plain);
}
