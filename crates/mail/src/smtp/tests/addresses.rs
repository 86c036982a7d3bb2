//! To whom and from whom mail can be.

use super::*;

#[tokio::test]
async fn a_domain_beyond_ascii_is_told_by_its_dns_name() {
    let server = MailServer::in_clear().unwrap();
    let mailer = Smtp::new(&server.url(), "Latchkey <no-reply@bücher.example>").unwrap();
    let to = "name@müller.example";
    assert_eq!(mailer.send(mail_to(to)).await, Ok(Delivery::Delivered));
    assert_eq!(mailer.ask(Some(to)).await, Ok(()));
    let mail = server.mails().remove(0);
    for line in [
        "From: Latchkey <no-reply@xn--bcher-kva.example>",
        "To: name@xn--mller-kva.example",
    ] {
        assert!(mail.lines().any(|told| told == line), "{mail}");
    }
}

#[tokio::test]
async fn a_mailbox_beyond_ascii_waits_for_a_server_that_takes_such_and_is_nobody_elses_matter() {
    let server = MailServer::in_clear().unwrap();
    let told = "the mail server takes no addresses beyond ASCII (SMTPUTF8)".to_owned();
    let send = async |from: &str, to: &str| {
        let mailer = Smtp::new(&server.url(), from).unwrap();
        mailer.send(mail_to(to)).await.unwrap_err()
    };
    let waits = send(FROM, "jürgen@example.com").await;
    assert_eq!(waits, DeliveryError::Deferred(told.clone()));
    let no_sender = send("jürgen@example.com", "ada@example.com").await;
    assert_eq!(no_sender, DeliveryError::Transient(told));
    server.answers(At::Sender, 1, "550 5.7.1 not you");
    let refused = send(FROM, "jürgen@example.com").await;
    assert!(matches!(refused, DeliveryError::Transient(_)), "{refused}");
}

#[tokio::test]
async fn what_is_for_a_name_that_is_no_address_stays_to_be_read() {
    let server = MailServer::in_clear().unwrap();
    let mailer = Smtp::new(&server.url(), FROM).unwrap();
    for name in ["nobody", r#""a b"@example.com"#] {
        let kept = mailer.send(mail_to(name)).await.unwrap();
        assert_eq!(kept, Delivery::Kept);
        assert!(!mailer.reaches(&Username::new(name).unwrap()));
    }
    assert_eq!(server.asked(At::Greeting), 0);
    assert!(mailer.reaches(&Username::new("ada@example.com").unwrap()));
}

/// Whoever may invite somebody chooses the name: it must not be what keeps all others from being mailed.
#[test]
fn to_every_address_a_message_can_be_written() {
    let mailer = Smtp::new("smtp://localhost", FROM).unwrap();
    for local in [
        "a",
        "a.b",
        "a+b",
        "a'b",
        "grüße",
        "a..b",
        r#""a""#,
        r#""a.b""#,
        r#""a b""#,
        r#""a,b""#,
        r#""a@b""#,
        r#""a\"b""#,
        r#""""#,
        r#"" ""#,
        r#""<a>""#,
    ] {
        for domain in ["example.com", "grüße.example", "[IPv6:2001:db8::1]"] {
            let name = format!("{local}@{domain}");
            if let Some(to) = mailbox(&name) {
                let written = mailer.message(&mail_to(&name), to);
                assert!(written.is_ok(), "{name}");
            }
        }
    }
}

#[test]
fn a_sender_is_a_mailbox() {
    assert_eq!(check_from("Latchkey <no-reply@example.com>"), Ok(()));
    assert_eq!(check_from("no-reply@example.com"), Ok(()));
    assert_eq!(check_from("nobody"), Err(SmtpSettingsError::From));
}

#[test]
fn a_name_is_an_address_or_none() {
    for name in ["ada@example.com", " ada+1@mail.example.com "] {
        assert!(is_address(name), "{name}");
    }
    for name in [
        "",
        "ada",
        "not an email",
        "ada@",
        "@example.com",
        "Ada <ada@example.com>",
        r#""a b"@example.com"#,
    ] {
        assert!(!is_address(name), "{name}");
    }
}
