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
    assert!(installation.folder().join("data/latchkey.db").exists());
    assert!(installation.folder().join("data/secrets.toml").exists());
    Ok(())
}

#[tokio::test]
async fn the_demonstration_is_made_once() -> Outcome {
    let installation = unconfigured()?;
    let said = installation.start().await?.stop().await?;
    assert!(said.contains("registration code"), "{said}");
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
