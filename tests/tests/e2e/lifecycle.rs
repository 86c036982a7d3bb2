//! A process stops in order and nothing is lost.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::TcpListener,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, ChildStderr, Command, ExitStatus},
    time::Duration,
};

use latchkey_e2e::{
    Outcome,
    ceremony::{claim, completion, issue_code, join, verify},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, Invited, text},
    server::Server,
    wire::{Wire, answer, head},
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::json;

fn says(words: &'static str) -> impl Fn(&serde_json::Value) -> bool {
    move |event| event["message"] == words
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_after_sigterm() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let organization = installation.bootstrap("Acme")?.organization;
    let server = installation.start().await?;

    let body = json!({ "orgId": organization }).to_string();
    let (beginning, end) = body.split_at(body.len() / 2);
    let length = body.len().to_string();
    let mut begun = Wire::to(&server).await?;
    let fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", length.as_str()),
        ("Origin", "https://one.example"),
    ];
    begun
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    begun.send(beginning).await?;
    // The server has read the head before it is told to stop.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.terminate()?;
    server.event(says("draining")).await?;
    assert!(
        Wire::to(&server).await.is_err(),
        "a new connection was taken"
    );
    begun.send(end).await?;
    let (status, body) = answer(&begun.rest().await?)?;
    assert_eq!(status, 200, "{body}");
    assert!(body["challengeIdentifier"].is_string());

    let (status, log) = server.end().await?;
    assert!(status.success(), "{status}: {log}");
    Ok(())
}

#[tokio::test]
async fn a_request_that_does_not_end_is_cut_off_after_the_drain_time() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("HTTP__DRAIN_SECONDS", "1");
    let server = installation.start().await?;
    let mut begun = Wire::to(&server).await?;
    let fields = [
        ("Content-Type", "application/json"),
        ("Content-Length", "10"),
    ];
    begun
        .send(head("POST", "/auth/login/init", &fields))
        .await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop()).await?;
    stopped?;
    Ok(())
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_end_up() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let client = Client::of(&server)?;
    client.get("/health/live").await?.ok()?;
    let _silent = Wire::to(&server).await?;
    let stopped = tokio::time::timeout(Duration::from_secs(5), server.stop()).await?;
    stopped?;
    Ok(())
}

#[tokio::test]
async fn a_restart_keeps_everything() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let acme = installation.bootstrap("Acme")?;
        let server = installation.start().await?;
        let here = Client::of(&server)?.at("https://one.example");
        let there = Client::of(&server)?.at("https://two.example");
        let mut own = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
        let here = join(&here, &acme.administrator, &mut own).await?;
        let code = text(&issue_code(&here, &mut own).await?, "code")?;
        let listed = here.get("/auth/credentials").await?.ok()?;

        server.stop().await?;
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        assert_eq!(here.get("/auth/credentials").await?.ok()?, listed);
        let challenge = claim(&there, &code, "Key").await?.ok()?;
        let body = completion(&challenge, &mut Holder::key()).await?;

        // A kill is no different.
        drop(server);
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        verify(&there, &body).await?.ok()?;
        drop(server);
        let server = installation.start().await?;
        let (here, there) = (here.on(&server)?, there.on(&server)?);
        verify(&there, &body).await?.refused(400)?;
        claim(&there, &code, "Key").await?.refused(403)?;
        let listed = here.get("/auth/credentials").await?.ok()?;
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    }
    Ok(())
}

#[tokio::test]
async fn a_hang_up_does_not_end_the_service() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    server.signal("HUP")?;
    server
        .event(|event| {
            let message = event["message"].as_str();
            message.is_some_and(|message| message.ends_with("nothing in it has changed"))
        })
        .await?;
    Client::of(&server)?.get("/health/ready").await?.ok()?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_hang_up_takes_what_can_change_and_tells_the_rest() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let file = installation.folder().join("latchkey.toml");
    std::fs::write(&file, "[limits]\nwrong_codes_per_address = 1\n")?;
    let serve = format!("serve --config {}", file.display());
    let server = Server::spawn(installation.command(&serve)?)?;
    server.ready().await?;
    let there = Client::of(&server)?.at("https://two.example");
    let wrong = async || claim(&there, "AAA-BBB-CCC", "Key").await;
    wrong().await?.refused(403)?;
    wrong().await?.refused(429)?;

    std::fs::write(
        &file,
        "[limits]\nwrong_codes_per_address = 3\n[tokens]\nsession_seconds = 90\n",
    )?;
    server.signal("HUP")?;
    let changed = server
        .event(|event| event["setting"] == "limits.wrong_codes_per_address")
        .await?;
    assert_eq!(
        (&changed["before"], &changed["now"]),
        (&json!("1"), &json!("3"))
    );
    server
        .event(|event| event["level"] == "WARN" && event["settings"] == "tokens.session_seconds")
        .await?;
    wrong().await?.refused(403)?;

    std::fs::write(
        &file,
        "[limits]\nwrong_codes_per_address = 0\nenabled = false\n",
    )?;
    server.signal("HUP")?;
    server
        .event(|event| {
            let message = event["message"].as_str().unwrap_or_default();
            event["level"] == "ERROR" && message.contains("limits.wrong_codes_per_address")
        })
        .await?;
    wrong().await?.refused(403)?;
    wrong().await?.refused(429)?;

    // Lines that the level did not let through come at once.
    std::fs::write(&file, "[log]\nlevel = \"debug\"\n")?;
    server.signal("HUP")?;
    server
        .event(|event| event["setting"] == "log.level")
        .await?;
    server.event(|event| event["level"] == "DEBUG").await?;
    server.stop().await?;
    Ok(())
}

/// Whoever reads a pipe again finds nothing in it, and that would be the defaults.
#[tokio::test]
async fn a_hang_up_takes_no_pipe_for_a_configuration() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"[limits]\nwrong_codes_per_address = 1\n")?;
    drop(writer);
    let mut command = installation.command("serve --config /dev/stdin")?;
    command.stdin(reader);
    let server = Server::spawn(command)?;
    server.ready().await?;
    server.signal("HUP")?;
    server
        .event(|event| {
            let message = event["message"].as_str().unwrap_or_default();
            message.starts_with("SIGHUP changes nothing") && message.contains("no regular file")
        })
        .await?;
    let there = Client::of(&server)?.at("https://two.example");
    let wrong = async || claim(&there, "AAA-BBB-CCC", "Key").await;
    wrong().await?.refused(403)?;
    wrong().await?.refused(429)?;
    server.stop().await?;
    Ok(())
}

/// A process that is killed when this is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.0.kill();
        let _ended = self.0.wait();
    }
}

impl Killed {
    /// Waits for its end.
    async fn ended(&mut self) -> Outcome<ExitStatus> {
        let ended = async {
            loop {
                if let Some(status) = self.0.try_wait()? {
                    return Ok(status);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), ended).await?
    }
}

/// A process that serves, whose log goes into a pipe.
struct Logging {
    process: Killed,
    url: String,
    administrator: Invited,
    _installation: Installation,
}

impl Logging {
    /// One that tells so much, and the end of the pipe that its log goes into.
    fn at(level: &str) -> Outcome<(Self, BufReader<ChildStderr>)> {
        let installation = Installation::empty(DatabaseKind::Sqlite)?;
        let administrator = installation.bootstrap("Acme")?.administrator;
        let installation = installation.with("LOG__LEVEL", level);
        let mut process = Self {
            process: Killed(installation.command("serve")?.spawn()?),
            url: String::new(),
            administrator,
            _installation: installation,
        };
        let mut log = BufReader::new(process.process.0.stderr.take().ok_or("no standard error")?);
        let mut line = String::new();
        loop {
            line.clear();
            if log.read_line(&mut line)? == 0 {
                return Err("it does not serve".into());
            }
            let event: serde_json::Value = serde_json::from_str(&line)?;
            if says("listening")(&event)
                && let Some(address) = event.get("address").and_then(serde_json::Value::as_str)
            {
                process.url = format!("http://{address}");
                return Ok((process, log));
            }
        }
    }

    /// Answers, brings a credential to another place with a code, and ends when it is told to.
    async fn works_and_ends(mut self) -> Outcome {
        let client = Client::to(&self.url);
        // A pipe holds 64 KiB; each of these requests logs more than 100 bytes.
        for _ in 0..1_000 {
            client.get("/health/live").await?.ok()?;
        }
        let (here, there) = (
            client.clone().at("https://one.example"),
            client.at("https://two.example"),
        );
        let mut own = Holder::passkey("https://one.example", ChallengeForm::EncodedTwice);
        let here = join(&here, &self.administrator, &mut own).await?;
        let code = text(&issue_code(&here, &mut own).await?, "code")?;
        let challenge = claim(&there, &code, "Key").await?.ok()?;
        let body = completion(&challenge, &mut Holder::key()).await?;
        verify(&there, &body).await?.ok()?;
        let told = Command::new("sh")
            .args(["-c", "kill -TERM \"$0\"", &self.process.0.id().to_string()])
            .status()?;
        assert!(told.success());
        let status = self.process.ended().await?;
        assert!(status.success(), "{status}");
        Ok(())
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() -> Outcome {
    // Probes are not told at the level info.
    let (process, log) = Logging::at("debug")?;
    drop(log);
    process.works_and_ends().await
}

/// Neither does it wait for a reader of its last sentence.
#[tokio::test]
async fn a_log_that_nobody_reads_keeps_no_process_from_its_end() -> Outcome {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("HTTP__LISTEN", &taken.local_addr()?.to_string());
    let (_unread, mut full) = UnixStream::pair()?;
    full.set_nonblocking(true)?;
    while full.write(&[b'\n'; 1024]).is_ok() {}
    full.set_nonblocking(false)?;
    let mut command = installation.command("serve")?;
    command.stderr(OwnedFd::from(full));
    let mut process = Killed(command.spawn()?);
    assert_eq!(process.ended().await?.code(), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() -> Outcome {
    let (process, _unread) = Logging::at("trace")?;
    process.works_and_ends().await
}
