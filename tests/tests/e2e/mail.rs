//! Mail: handed to a mail server, with retries and once by several processes; or kept to be read.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation, text},
};
use serde_json::{Value, json};
use tokio::time::sleep;

/// A mail server that keeps what it is handed, after it refused some messages for the moment.
struct Sink {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    fn start(refusals: u32) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let mails = Arc::new(Mutex::new(vec![]));
        let (kept, left) = (Arc::clone(&mails), Arc::new(Mutex::new(refusals)));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, left) = (Arc::clone(&kept), Arc::clone(&left));
                thread::spawn(move || converse(stream, &kept, &left));
            }
        });
        Ok(Self { address, mails })
    }

    fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    fn mails(&self) -> Vec<String> {
        locked(&self.mails).clone()
    }

    /// Waits until that many mails have come.
    async fn wait_for(&self, count: usize) -> Outcome<Vec<String>> {
        for _ in 0..600 {
            if self.mails().len() >= count {
                return Ok(self.mails());
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(format!("{} of {count} mails came", self.mails().len()).into())
    }
}

/// Speaks SMTP (RFC 5321 §4.1) as far as one client needs it.
fn converse(
    stream: TcpStream,
    kept: &Mutex<Vec<String>>,
    refusals: &Mutex<u32>,
) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    answers.write_all(b"220 sink\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let verb = line.get(..4).unwrap_or_default().to_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "MAIL" if take_one(refusals) => b"451 come again\r\n",
            "DATA" => {
                answers.write_all(b"354 go on\r\n")?;
                let mail: Vec<_> = lines
                    .by_ref()
                    .map_while(Result::ok)
                    .take_while(|line| line != ".")
                    .collect();
                locked(kept).push(mail.join("\n"));
                b"250 kept\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 fine\r\n",
        };
        answers.write_all(answer)?;
    }
    Ok(())
}

/// What is kept there; nobody panics while holding it.
fn locked<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take_one(left: &Mutex<u32>) -> bool {
    let mut left = locked(left);
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
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
    let sink = Sink::start(2)?;
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
    sink.wait_for(20).await?;
    // Whoever sent one of them twice would have done so by now.
    sleep(Duration::from_secs(2)).await;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for mail in sink.mails() {
        assert_eq!(header(&mail, "From"), "Latchkey <no-reply@example.com>");
        assert_eq!(header(&mail, "Subject"), "Your invitation to register");
        assert!(header(&mail, "Message-ID").starts_with("<ms-"), "{mail}");
        *times.entry(header(&mail, "To").to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), 20);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    let logs = [one.stop().await?, two.stop().await?].concat();
    assert!(logs.contains("the mail server answered 451"), "{logs}");
    for secret in ["user1@example.com", "rc_"] {
        assert!(!logs.contains(secret), "{secret}: {logs}");
    }
    assert_eq!(installation.administrate("outbox list")?, json!([]));
    Ok(())
}

#[tokio::test]
async fn without_a_mail_server_messages_are_kept_to_be_read() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.administrator.organization;
    invite(&installation, organization, "ada@example.com")?;
    let server = installation.start().await?;
    let waits = server
        .event(|event| event.to_string().contains("latchkey outbox list"))
        .await?
        .to_string();
    let waiting = installation.administrate("outbox list")?;
    let message = &waiting[0];
    assert!(waits.contains(&text(message, "messageId")?), "{waits}");
    assert_eq!(message["kind"], "Registration");
    assert_eq!(message["to"], "ada@example.com");
    assert!(text(message, "text")?.contains("  rc_"), "{message}");
    assert!(text(message, "expiration")? > text(message, "date")?);
    sleep(Duration::from_secs(2)).await;
    let log = server.stop().await?;
    assert_eq!(log.matches("latchkey outbox list").count(), 1, "{log}");
    Ok(())
}

#[tokio::test]
async fn a_username_that_is_no_address_is_given_up_and_told_once() -> Outcome {
    let sink = Sink::start(0)?;
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("MAIL__TRANSPORT", "smtp")
        .with("MAIL__SMTP_URL", &sink.url());
    let acme = installation.bootstrap("Acme")?;
    let organization = &acme.administrator.organization;
    for name in ["nobody", "ada@example.com"] {
        invite(&installation, organization, name)?;
    }
    let server = installation.start().await?;
    sink.wait_for(1).await?;
    let log = server.stop().await?;
    assert_eq!(
        log.matches("the username is no e-mail address").count(),
        1,
        "{log}"
    );
    assert_eq!(sink.mails().len(), 1);
    Ok(())
}
