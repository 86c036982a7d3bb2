//! What those see who look after a process: a health check, and a service manager.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::PathBuf,
    time::Duration,
};

use latchkey_e2e::{
    Outcome,
    installation::{DatabaseKind, Installation},
    server::Server,
};

#[tokio::test]
async fn a_health_check_asks_the_running_service() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let server = installation.start().await?;
        let address = server.address()?;
        // As a service in a container listens: the check asks on its own machine.
        let everywhere = format!("0.0.0.0:{}", address.port());
        let installation = installation.with("HTTP__LISTEN", &everywhere);
        assert_eq!(installation.administrate("health")?["status"], "ok");
        server.stop().await?;
        let refused = installation.run("health")?;
        assert!(
            refused.error()?.contains(&address.to_string()),
            "{refused:?}"
        );
        assert_eq!(refused.status.code(), Some(1));
    }
    Ok(())
}

/// Whoever mends a configuration while the service runs is not told that the service is ill.
#[tokio::test]
async fn a_health_check_asks_for_no_more_of_the_configuration_than_the_address() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let address = server.address()?;
    let asked = installation.administrate(&format!("health --address {address}"))?;
    assert_eq!(asked["status"], "ok");

    let file = installation.folder().join("latchkey.toml");
    let half = format!("[http]\nlisten = \"{address}\"\n[mail]\ntransport = \"pigeon\"\n");
    fs::write(&file, half)?;
    let by_file = installation.without("HTTP__LISTEN");
    let health = format!("--config {} health", file.display());
    let asked = by_file.run(&health)?;
    assert_eq!(asked.json()?["status"], "ok");
    assert!(asked.stderr.contains("latchkey config check"), "{asked:?}");
    by_file
        .run(&health.replace("health", "config check"))?
        .error()?;

    // Nothing tells where the service is.
    fs::write(&file, "[http\n")?;
    let refused = by_file.run(&health)?;
    assert!(refused.error()?.contains("latchkey.toml"), "{refused:?}");
    let told = by_file.with("HTTP__LISTEN", &address.to_string());
    assert_eq!(told.administrate(&health)?["status"], "ok");
    server.stop().await?;
    Ok(())
}

/// A service manager, as systemd is one.
struct Manager {
    path: PathBuf,
    socket: UnixDatagram,
    signs_of_life: u32,
}

impl Manager {
    fn at(path: PathBuf) -> Outcome<Self> {
        let socket = UnixDatagram::bind(&path)?;
        socket.set_read_timeout(Some(Duration::from_mins(1)))?;
        Ok(Self {
            path,
            socket,
            signs_of_life: 0,
        })
    }

    /// What it is told next, signs of life apart.
    fn told(&mut self) -> Outcome<String> {
        let mut bytes = [0; 1024];
        loop {
            let length = self.socket.recv(&mut bytes)?;
            let told =
                String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
            if told != "WATCHDOG=1\n" {
                return Ok(told);
            }
            self.signs_of_life += 1;
        }
    }
}

#[tokio::test]
async fn a_service_manager_is_told_when_it_serves_reads_its_configuration_again_and_stops()
-> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let mut manager = Manager::at(installation.folder().join("notify"))?;
    let mut command = installation.command("serve")?;
    command
        .env("NOTIFY_SOCKET", &manager.path)
        // The first sign of life comes at once, whatever the time between them.
        .env("WATCHDOG_USEC", "3600000000")
        .env_remove("WATCHDOG_PID");
    let server = Server::spawn(command)?;
    assert_eq!(manager.told()?, "READY=1\n");
    server.ready().await?;

    server.signal("HUP")?;
    let told = manager.told()?;
    assert!(told.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{told}");
    assert_eq!(manager.told()?, "READY=1\n");

    server.terminate()?;
    assert_eq!(manager.told()?, "STOPPING=1\n");
    let (status, log) = server.end().await?;
    assert!(status.success(), "{status}: {log}");
    assert_eq!(manager.signs_of_life, 1);
    Ok(())
}

#[tokio::test]
async fn a_service_manager_that_has_gone_stops_nothing() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let mut command = installation.command("serve")?;
    command.env("NOTIFY_SOCKET", installation.folder().join("nobody"));
    let server = Server::spawn(command)?;
    server.ready().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_secret_comes_from_a_credential_or_a_file_and_not_from_both() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Postgres)?;
    let url = installation.environment().get("LATCHKEY__DATABASE__URL");
    let url = url.ok_or("no database")?.clone();
    let credentials = installation.folder().join("credentials");
    let file = credentials.join("database.url");
    fs::create_dir(&credentials)?;
    fs::write(&file, format!("{url}\n"))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let warning = format!("{} is open to others", file.display());

    // What a service manager lays down it also protects.
    let installation = installation.without("DATABASE__URL");
    let mut command = installation.command("serve")?;
    command.env("CREDENTIALS_DIRECTORY", &credentials);
    let server = Server::spawn(command)?;
    server.ready().await?;
    let log = server.stop().await?;
    assert!(!log.contains(&warning), "{log}");

    let installation = installation.with("DATABASE__URL_FILE", &file.display().to_string());
    let log = installation.start().await?.stop().await?;
    assert!(log.contains(&warning), "{log}");

    let mut command = installation.command("serve")?;
    command.env("CREDENTIALS_DIRECTORY", &credentials);
    let refused = command.output()?;
    let words = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{words}");
    assert!(
        words.contains("database.url must have one place"),
        "{words}"
    );
    Ok(())
}
