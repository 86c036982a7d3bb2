//! Mail: handed to a mail server, with retries and once by several processes; or kept to be read.

use std::{collections::BTreeMap, fs, time::Duration};

use latchkey_e2e::{
    Outcome,
    ceremony::{Call, act, join},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
    server::Server,
};
use latchkey_testkit::mail_server::{ALWAYS, At, MailServer};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;

/// Waits until it is so.
async fn eventually(what: &str, is_so: impl Fn() -> bool) -> Outcome {
    for _ in 0..600 {
        if is_so() {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    Err(format!("{what} never was so").into())
}

/// Waits until that many mails have come.
async fn wait_for(sink: &MailServer, count: usize) -> Outcome {
    eventually(&format!("{count} mails"), || sink.mails().len() >= count).await
}

/// What the log says is wrong with mail.
fn errors(log: &str) -> Vec<Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["level"] == "ERROR")
        .collect()
}

async fn readiness(server: &Server) -> Outcome<Value> {
    Client::of(server)?.get("/health/ready").await?.ok()
}

/// An installation on SQLite that sends by this server.
fn sending_by(url: &str) -> Outcome<Installation> {
    Ok(Installation::empty(DatabaseKind::Sqlite)?
        .with("MAIL__TRANSPORT", "smtp")
        .with("MAIL__SMTP_URL", url))
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    mail.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_default()
}

/// Invites a user by mail.
fn invite(installation: &Installation, organization: &str, email: &str) -> Outcome<Value> {
    let words = format!("user invite --org {organization} --email {email} --mail");
    installation.administrate(&words)
}

#[tokio::test]
async fn two_processes_hand_each_message_to_the_mail_server_once_and_try_again() -> Outcome {
    let sink = MailServer::in_clear()?;
    sink.answers(At::Sender, 2, "451 come again");
    let installation = Installation::empty(DatabaseKind::Postgres)?
        .with("MAIL__TRANSPORT", "smtp")
        .with("MAIL__SMTP_URL", &sink.url())
        .with("MAIL__FROM", "Latchkey <no-reply@example.com>");
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.administrator.organization;
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        let invited = invite(&installation, organization, &email)?;
        assert_eq!(text(&invited, "username")?, email);
        assert!(invited.get("registrationCode").is_none(), "{invited}");
    }
    let (one, two) = (installation.start().await?, installation.start().await?);
    wait_for(&sink, 20).await?;
    // Whoever sent one of them twice would have done so by now.
    sleep(Duration::from_secs(2)).await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for mail in sink.mails() {
        assert_eq!(header(&mail, "From"), "Latchkey <no-reply@example.com>");
        assert_eq!(header(&mail, "Subject"), "Your invitation to register");
        assert!(header(&mail, "Message-ID").starts_with("<ms-"), "{mail}");
        assert_eq!(header(&mail, "Auto-Submitted"), "auto-generated");
        *times.entry(header(&mail, "To").to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), 20);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    let logs = [one.stop().await?, two.stop().await?].concat();
    assert!(logs.contains("the mail server answered 451"), "{logs}");
    for secret in ["user1@example.com", "rc_"] {
        assert!(!logs.contains(secret), "{secret}: {logs}");
    }
    assert_eq!(installation.list("outbox list")?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn what_nobody_sends_is_told_beside_the_answer_of_every_command_that_writes_it() -> Outcome {
    let kept = Installation::empty(DatabaseKind::Sqlite)?;
    let sent = sending_by("smtp://127.0.0.1:1")?;
    for (installation, waits) in [(kept, true), (sent, false)] {
        let organization = installation.bootstrap("Acme")?.organization;
        let words = format!("user invite --org {organization} --email ada@example.com --mail");
        let invited = installation.run(&words)?;
        assert!(invited.json()?.get("registrationCode").is_none());
        let told = invited.stderr.contains("latchkey outbox list");
        assert_eq!(told, waits, "{invited:?}");
        let user = text(&invited.json()?, "userId")?;
        for (command, tells) in [
            ("promote", true),
            ("promote", false),
            ("demote", false),
            ("deactivate", false),
            ("activate", true),
            ("show", false),
        ] {
            let done = installation.run(&format!("user {command} --user {user}"))?;
            done.json()?;
            let told = done.stderr.contains("latchkey outbox list");
            assert_eq!(told, waits && tells, "{done:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn without_a_mail_server_messages_are_kept_to_be_read() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let acme = installation.bootstrap("Acme")?;
    let server = installation.start().await?;
    let place = Client::of(&server)?.at("https://one.example");
    let mut key = Holder::key();
    let signed_in = join(&place, &acme.administrator, &mut key).await?;
    let ada = json!({ "email": "ada@example.com", "kind": "CustomerEmployee" });
    let create = Call::new(Method::POST, "/auth/users", ada);
    act(&signed_in, &mut key, &create).await?.ok()?;
    let waits = server
        .event(|event| event.to_string().contains("latchkey outbox list"))
        .await?
        .to_string();
    let waiting = installation.list("outbox list")?;
    let message = waiting
        .iter()
        .find(|message| message["to"] == "ada@example.com");
    let message = message.ok_or("ada is told nothing")?;
    assert!(waits.contains(&text(message, "messageId")?), "{waits}");
    assert_eq!(message["kind"], "Registration");
    assert!(text(message, "text")?.contains("  rc_"), "{message}");
    assert!(text(message, "expiration")? > text(message, "date")?);
    let log = server.stop().await?;
    assert_eq!(log.matches("latchkey outbox list").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn what_is_for_a_username_that_is_no_address_is_kept_to_be_read() -> Outcome {
    let sink = MailServer::in_clear()?;
    let installation = sending_by(&sink.url())?;
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.administrator.organization;
    let words = format!("user invite --org {organization} --username nobody");
    let nobody = installation.administrate(&words)?;
    let id = nobody["userId"].as_str().unwrap_or_default();
    installation.administrate(&format!("user promote --user {id}"))?;
    invite(&installation, organization, "ada@example.com")?;
    let server = installation.start().await?;
    wait_for(&sink, 1).await?;
    server
        .event(|event| event["message"] == "a message waits; `latchkey outbox list` shows it")
        .await?;
    let waiting = installation.list("outbox list")?;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0]["to"], "nobody");
    let degrades_nothing = json!({ "status": "ok" });
    assert_eq!(readiness(&server).await?, degrades_nothing);
    server.stop().await?;
    assert_eq!(sink.mails().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_refuses_us_loses_no_message_and_readiness_tells() -> Outcome {
    let sink = MailServer::in_clear()?;
    sink.answers(At::Auth, ALWAYS, "535 5.7.8 hunter2 is wrong");
    let installation = sending_by(&sink.url().replace("//", "//latchkey:hunter2@"))?;
    let acme = installation.bootstrap("Acme")?;
    invite(&installation, &acme.organization, "ada@example.com")?;
    let server = installation.start().await?;
    eventually("two tries", || sink.asked(At::Auth) >= 2).await?;
    let waiting = installation.list("outbox list")?;
    assert_eq!(waiting[0]["to"], "ada@example.com");
    let degraded = json!({ "status": "ok", "degraded": ["mail"] });
    assert_eq!(readiness(&server).await?, degraded);

    sink.answers(At::Auth, 0, "");
    wait_for(&sink, 1).await?;
    server
        .event(|event| event["message"] == "mail works again")
        .await?;
    assert_eq!(readiness(&server).await?, json!({ "status": "ok" }));
    let log = server.stop().await?;
    let errors = errors(&log);
    assert_eq!(errors.len(), 1, "{log}");
    assert_eq!(
        errors[0]["reason"],
        "the mail server answered 535 5.7.8 to AUTH"
    );
    assert!(!log.contains("hunter2"), "{log}");
    assert_eq!(installation.list("outbox list")?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_recipient_that_is_refused_is_given_up() -> Outcome {
    let sink = MailServer::in_clear()?;
    sink.answers(At::Recipient, 1, "550 5.1.1 no such user");
    let installation = sending_by(&sink.url())?;
    let acme = installation.bootstrap("Acme")?;
    invite(&installation, &acme.organization, "ada@example.com")?;
    let server = installation.start().await?;
    let dropped = "a message cannot be sent and is dropped";
    let event = server.event(|event| event["message"] == dropped).await?;
    let reason = "the mail server answered 550 5.1.1 to RCPT TO";
    assert_eq!(event["reason"], reason);
    // It is gone, so its id leads nowhere: whose it was is told.
    let invited = installation.list("user find ada@example.com")?;
    assert_eq!(event["user"], invited[0]["userId"], "{invited:?}");
    assert_eq!(readiness(&server).await?, json!({ "status": "ok" }));
    server.stop().await?;
    assert_eq!(installation.list("outbox list")?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_recipient_that_has_to_wait_is_mailed_later_and_degrades_nothing() -> Outcome {
    let sink = MailServer::in_clear()?;
    sink.answers(At::Recipient, 1, "450 4.7.1 ada@example.com: greylisted");
    let installation = sending_by(&sink.url())?;
    let acme = installation.bootstrap("Acme")?;
    invite(&installation, &acme.organization, "ada@example.com")?;
    let server = installation.start().await?;
    let waits = "a message has to wait and is tried again";
    let event = server.event(|event| event["message"] == waits).await?;
    let reason = "the mail server answered 450 4.7.1 to RCPT TO";
    assert_eq!(event["reason"], reason);
    assert_eq!(readiness(&server).await?, json!({ "status": "ok" }));
    wait_for(&sink, 1).await?;
    let log = server.stop().await?;
    assert!(errors(&log).is_empty(), "{log}");
    assert!(!log.contains("ada@example.com"), "{log}");
    assert_eq!(installation.list("outbox list")?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn a_server_that_does_not_relay_for_us_loses_no_message_and_readiness_tells() -> Outcome {
    let sink = MailServer::in_clear()?;
    let refusal = "550 5.7.1 no relaying for ada@example.com";
    sink.answers(At::Recipient, ALWAYS, refusal);
    let installation = sending_by(&sink.url())?;
    let acme = installation.bootstrap("Acme")?;
    invite(&installation, &acme.organization, "ada@example.com")?;
    let server = installation.start().await?;
    let event = server.event(|event| event["level"] == "ERROR").await?;
    let reason = "the mail server answered 550 5.7.1 to RCPT TO";
    assert_eq!(event["reason"], reason);
    let degraded = json!({ "status": "ok", "degraded": ["mail"] });
    assert_eq!(readiness(&server).await?, degraded);

    sink.answers(At::Recipient, 0, "");
    wait_for(&sink, 1).await?;
    server
        .event(|event| event["message"] == "mail works again")
        .await?;
    let log = server.stop().await?;
    assert_eq!(errors(&log).len(), 1, "{log}");
    assert_eq!(installation.list("outbox list")?, Vec::<Value>::new());
    Ok(())
}

#[tokio::test]
async fn the_log_says_why_a_connection_is_not_secure() -> Outcome {
    let unknown = MailServer::with_tls("127.0.0.1")?;
    let other = MailServer::with_tls("mail.example.com")?;
    let in_clear = MailServer::in_clear()?;
    let without = format!("{}?tls=required", in_clear.url());
    for (url, trusted, reason) in [
        (unknown.url(), other.certificate(), "UnknownIssuer"),
        (other.url(), other.certificate(), "not valid for name"),
        (without, other.certificate(), "STARTTLS is not supported"),
    ] {
        let installation = sending_by(&url.replace("//", "//latchkey:hunter2@"))?;
        let log = log_trusting(&installation, trusted, |event| event["level"] == "ERROR").await?;
        let errors = errors(&log);
        assert_eq!(errors.len(), 1, "{log}");
        assert!(errors[0]["reason"].to_string().contains(reason), "{log}");
        assert!(!log.contains("hunter2"), "{log}");
    }
    assert_eq!(in_clear.asked(At::Auth), 0);
    Ok(())
}

#[tokio::test]
async fn messages_go_to_servers_whose_certificate_is_trusted() -> Outcome {
    for sink in [
        MailServer::with_tls("127.0.0.1")?,
        MailServer::with_starttls("127.0.0.1")?,
    ] {
        let installation = sending_by(&sink.url().replace("//", "//latchkey:hunter2@"))?
            .with("LOG__LEVEL", "info,latchkey_service=debug");
        let sent = |event: &Value| event["message"] == "a message was sent";
        log_trusting(&installation, sink.certificate(), sent).await?;
        assert_eq!(sink.mails().len(), 1);
        assert_eq!(sink.asked(At::Auth), 1);
    }
    Ok(())
}

/// The log of a service that has a message to send and trusts only that certificate, once there is such a
/// line in it.
async fn log_trusting(
    installation: &Installation,
    certificate: &str,
    is_it: impl Fn(&Value) -> bool,
) -> Outcome<String> {
    let trusted = installation.folder().join("trusted.pem");
    fs::write(&trusted, certificate)?;
    let acme = installation.bootstrap("Acme")?;
    invite(installation, &acme.organization, "ada@example.com")?;
    let mut command = installation.command("serve")?;
    command
        .env("SSL_CERT_FILE", trusted)
        .env_remove("SSL_CERT_DIR");
    let server = Server::spawn(command)?;
    server.ready().await?;
    server.event(is_it).await?;
    server.stop().await
}
