//! What a process does before it serves, and when it refuses to.

use std::{fs, os::unix::fs::PermissionsExt};

use latchkey_e2e::{
    Outcome,
    client::Client,
    installation::{DatabaseKind, Installation},
    server::Server,
};

#[test]
fn every_fault_of_the_configuration_is_named() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .with("HTTP__LISTEN", "8080")
        .with("HTTP__PUBLIC_URL", "auth.example.com")
        .with("HTTP__TRUSTED_PROXIES", "10.0.0.1,nonsense")
        .with("DATABASE__URL", "mysql://admin:hunter2@localhost/latchkey")
        .with("TOKENS__CHALLENGE_SECONDS", "5")
        .with("LIMITS__WRONG_CODES_PER_ADDRESS", "many")
        .with("LOG__FORMAT", "xml")
        .with("HTTP__LISTTEN", "127.0.0.1:0");
    let refused = installation.run("serve")?;
    let words = refused.error()?;
    for key in [
        "http.listen",
        "http.public_url",
        "http.trusted_proxies",
        "database.url",
        "tokens.challenge_seconds",
        "limits.wrong_codes_per_address",
        "log.format",
        "http.listten",
    ] {
        assert!(words.contains(key), "{key} is not named in:\n{words}");
    }
    assert!(!words.contains("hunter2"), "{words}");
    Ok(())
}

#[test]
fn the_file_of_the_secrets_is_the_owners_alone() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let mode = fs::metadata(installation.secrets_file())?
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    Ok(())
}

#[tokio::test]
async fn other_secrets_than_the_databases_refuse_to_start() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        installation.bootstrap("Acme")?;
        let secrets = fs::read_to_string(installation.secrets_file())?;
        let elsewhere = installation.folder().join("other.toml");
        let installation = installation.with("SECRETS__PATH", &elsewhere.display().to_string());
        let refused = installation.run("serve")?;
        assert!(refused.error()?.contains("secrets"), "{refused:?}");

        // From the environment, the right ones serve.
        let installation = installation.with("SECRETS__CONTENTS", &secrets);
        installation.start().await?.stop().await?;
    }
    Ok(())
}

#[test]
fn a_database_that_cannot_be_reached_is_a_clear_error() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with(
        "DATABASE__URL",
        "postgres://latchkey:hunter2@127.0.0.1:1/latchkey",
    );
    let refused = installation.run("serve")?;
    let words = refused.error()?;
    assert!(words.contains("database"), "{words}");
    assert!(words.contains("Connection refused"), "{words}");
    assert!(words.contains("mend host and port"), "{words}");
    assert!(!words.contains("hunter2"), "{words}");

    let installation = installation.with(
        "DATABASE__URL",
        "postgres://latchkey:hunter/2@127.0.0.1:1/latchkey",
    );
    let refused = installation.run("serve")?;
    assert!(refused.error()?.contains("/ as %2F"), "{refused:?}");
    assert!(!refused.error()?.contains("hunter"), "{refused:?}");
    Ok(())
}

#[test]
fn a_setting_that_would_be_ignored_without_a_word_is_named() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?.with("LOG__LEVEL", "verbose");
    let mut command = installation.command("config check")?;
    let output = command
        .env("LATCHKEY_HTTP_LISTEN", "127.0.0.1:1")
        .env("LATCHKEY_PORT_8080_TCP", "tcp://10.0.0.1:8080")
        .output()?;
    let words = String::from_utf8(output.stderr)?;
    assert!(!output.status.success(), "{words}");
    for part in [
        "LATCHKEY_HTTP_LISTEN is the name of no setting; the nearest is LATCHKEY__HTTP__LISTEN",
        "log.level must be error, warn, info, debug, trace or off",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert!(!words.contains("8080_TCP"), "{words}");
    Ok(())
}

#[test]
fn an_empty_variable_names_no_configuration() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    for (words, works) in [("config check", true), ("config check --config=", false)] {
        let mut command = installation.command(words)?;
        let output = command.env("LATCHKEY_CONFIG", "").output()?;
        assert_eq!(output.status.success(), works, "{output:?}");
    }
    Ok(())
}

#[test]
fn an_address_in_use_is_a_clear_error() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let installation = installation.with("HTTP__LISTEN", &address);
    let refused = installation.run("serve")?;
    assert!(refused.error()?.contains(&address), "{refused:?}");
    assert!(
        refused.error()?.contains("another process listens there"),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_configures_and_the_environment_wins() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let file = installation.folder().join("latchkey.toml");
    fs::write(
        &file,
        "[http]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"xml\"\n",
    )?;
    let serve = format!("serve --config {}", file.display());
    let installation = installation.without("LOG__FORMAT");
    let refused = installation.run(&serve)?;
    assert!(refused.error()?.contains("log.format"), "{refused:?}");
    assert!(!refused.error()?.contains("http.listen"), "{refused:?}");

    let installation = installation.with("LOG__FORMAT", "json");
    let server = Server::spawn(installation.command(&serve)?)?;
    server.ready().await?;
    Ok(())
}

#[tokio::test]
async fn eight_processes_start_at_once_on_an_empty_database() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let servers = (0..8)
            .map(|_| Server::spawn(installation.command("serve")?))
            .collect::<Outcome<Vec<_>>>()?;
        let mut keys = Vec::new();
        for server in &servers {
            server.ready().await?;
            let published = Client::of(server)?.get("/.well-known/jwks.json").await?;
            keys.push(published.ok()?);
        }
        assert!(keys[0]["keys"][0]["kid"].is_string(), "{}", keys[0]);
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_probes_and_documents_are_served() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let client = Client::of(&server)?;
    client.get("/health/live").await?.ok()?;
    client.get("/health/ready").await?.ok()?;
    let document = client.get("/openapi.json").await?.ok()?;
    assert!(document["paths"]["/auth/credentials/code/verify"]["post"].is_object());
    Ok(())
}

#[tokio::test]
async fn a_start_warns_once_of_everything_that_weakens() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?
        .without("DATABASE__URL")
        .without("SECRETS__PATH");
    let organization = installation.bootstrap("Acme")?.organization;
    let warnings = |server: &Server| -> Vec<String> {
        let events = server.events().into_iter();
        let warnings = events.filter(|event| event["level"] == "WARN");
        warnings.map(|event| event["message"].to_string()).collect()
    };
    let server = installation.start().await?;
    assert_eq!(warnings(&server), Vec::<String>::new());
    drop(server);

    installation.invite(&organization, "ada@example.com")?;
    let data = installation.folder().join("data");
    for name in ["", "latchkey.db", "secrets.toml"] {
        let path = data.join(name);
        let mut permissions = fs::metadata(&path)?.permissions();
        assert_eq!(permissions.mode() & 0o077, 0, "{}", path.display());
        permissions.set_mode(0o755);
        fs::set_permissions(&path, permissions)?;
    }
    let installation = installation
        .with("LIMITS__ENABLED", "false")
        .with("HTTP__PUBLIC_URL", "http://auth.example.com")
        .with("HTTP__TRUSTED_PROXIES", "0.0.0.0/0");
    let server = installation.start().await?;
    let warnings = warnings(&server);
    for named in [
        "limits.enabled",
        "http.public_url",
        "http.trusted_proxies",
        "mail.transport",
        "data is open",
        "data/latchkey.db is open",
        "data/secrets.toml is open",
    ] {
        let lines = warnings.iter().filter(|line| line.contains(named));
        assert_eq!(lines.count(), 1, "{named}: {warnings:?}");
    }
    Ok(())
}
