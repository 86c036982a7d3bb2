//! The first minute: started without any configuration, the binary makes an organization to try it with
//! and says what to do next, and what it says works.

use latchkey_e2e::{
    Outcome,
    ceremony::{enrol, issue_code, register, sign_in},
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, Invited, text},
    server::Server,
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::Value;

/// The default configuration but for the port, in an empty folder.
fn unconfigured() -> Outcome<Installation> {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    Ok(installation
        .without("DATABASE__URL")
        .without("SECRETS__PATH")
        .without("DEMO__ENABLED"))
}

#[tokio::test]
async fn what_the_demonstration_says_works() -> Outcome {
    let installation = unconfigured()?;
    let server = installation.start().await?;
    let invited = Invited {
        organization: server.line("organization").await?,
        username: server.line("first user").await?,
        code: server.line("registration code").await?,
        user: String::new(),
    };
    let port = server.address()?.port();
    let one = format!("http://one.localhost:{port}");
    let two = format!("http://two.localhost:{port}");
    assert_eq!(
        server.line("applications").await?,
        format!("{one} and {two}")
    );
    let link = format!("{one}/register#code=");
    let fragment = server.line(&link).await?;
    assert!(fragment.starts_with(&invited.code), "{fragment}");
    let description = server.line("API description").await?;
    assert_eq!(reqwest::get(description).await?.status(), 200);

    let here = Client::of(&server)?.at(&one);
    let mut first = Holder::passkey(&one, ChallengeForm::EncodedTwice);
    register(&here, &invited, &mut first).await?;
    let here = sign_in(&here, &invited.organization, None, &mut first).await?;
    let code = text(&issue_code(&here, &mut first).await?, "code")?;
    let there = Client::of(&server)?.at(&two);
    let mut second = Holder::passkey(&two, ChallengeForm::EncodedTwice);
    enrol(&there, &code, &mut second).await?;
    sign_in(&there, &invited.organization, None, &mut second).await?;
    let through_a_proxy = reqwest::Client::new()
        .get(format!("{}/health/live", server.url()?))
        .header("x-forwarded-for", "192.0.2.1");
    assert_eq!(through_a_proxy.send().await?.status(), 200);
    assert!(installation.folder().join("data/latchkey.db").exists());
    assert!(installation.folder().join("data/secrets.toml").exists());
    Ok(())
}

#[tokio::test]
async fn the_demonstration_is_made_once() -> Outcome {
    let installation = unconfigured()?;
    let server = installation.start().await?;
    let organization = server.line("organization").await?;
    let code = server.line("registration code").await?;
    server.stop().await?;

    // Nobody has registered, so the next start says again what to do, where it listens now.
    let server = installation.start().await?;
    assert_eq!(server.line("organization").await?, organization);
    let invited = Invited {
        organization,
        username: server.line("first user").await?,
        code: server.line("registration code").await?,
        user: String::new(),
    };
    assert_ne!(invited.code, code);
    let one = format!("http://one.localhost:{}", server.address()?.port());
    let fragment = server.line(&format!("{one}/register#code=")).await?;
    assert!(fragment.starts_with(&invited.code), "{fragment}");
    let here = Client::of(&server)?.at(&one);
    let mut first = Holder::passkey(&one, ChallengeForm::EncodedTwice);
    register(&here, &invited, &mut first).await?;
    server.stop().await?;

    let said = installation.start().await?.stop().await?;
    assert!(!said.contains("registration code"), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_installation_with_an_organization_gets_no_demonstration() -> Outcome {
    let installation = unconfigured()?;
    installation.bootstrap("Acme")?;
    let said = installation.start().await?.stop().await?;
    assert!(!said.contains("registration code"), "{said}");
    Ok(())
}

#[tokio::test]
async fn without_a_command_it_serves() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = Server::spawn(installation.command("")?)?;
    server.ready().await?;
    server.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_demonstration_is_for_this_machine_alone_until_somebody_has_registered() -> Outcome {
    let installation = unconfigured()?;
    installation.start().await?.stop().await?;
    // Another start of the same installation is no different.
    let installation = installation.with("LOG__FORMAT", "json");
    let server = installation.start().await?;
    let url = format!("{}/health/live", server.url()?);
    let client = reqwest::Client::new();
    let forwarded = || {
        client
            .get(&url)
            .header("x-forwarded-for", "192.0.2.1")
            .send()
    };
    let named = || client.get(&url).header("host", "auth.example.com").send();
    for answer in [forwarded().await?, named().await?, forwarded().await?] {
        assert_eq!(answer.status(), 421);
        assert!(answer.text().await?.contains("http.public_url"));
    }
    assert_eq!(client.get(&url).send().await?.status(), 200);
    // All of the log is there when the process has ended.
    let log = server.stop().await?;
    let events = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let warnings = events.filter(|event| {
        let message = event["message"].as_str();
        event["level"] == "WARN" && message.is_some_and(|message| message.contains("demonstration"))
    });
    assert_eq!(warnings.count(), 1, "{log}");

    // Where somebody has chosen to be reached from elsewhere, or asked for a demonstration there, nobody is
    // refused.
    for (key, value) in [
        ("HTTP__PUBLIC_URL", "https://auth.example.com"),
        ("DEMO__ENABLED", "true"),
    ] {
        let installation = unconfigured()?;
        installation.start().await?.stop().await?;
        let installation = installation.with(key, value);
        let server = installation.start().await?;
        let url = format!("{}/health/live", server.url()?);
        let answer = client.get(&url).header("x-forwarded-for", "192.0.2.1");
        assert_eq!(answer.send().await?.status(), 200, "{key}");
    }
    Ok(())
}
