//! Secrets are changed by commands: signing keys in steps, during which nobody is signed out, and everything
//! after a leak.

use std::{fmt::Write as _, fs};

use data_encoding::BASE64URL_NOPAD;
use latchkey_e2e::{
    Outcome,
    ceremony::{join, register, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{Bootstrapped, DatabaseKind, Installation, text},
    server::Server,
};
use serde_json::Value;

const ONE: &str = "https://one.example";

/// The ids of the keys that a process publishes.
async fn published(server: &Server) -> Outcome<Vec<String>> {
    let keys = Client::of(server)?.get("/.well-known/jwks.json").await?;
    let keys = keys.ok()?;
    let keys = keys.get("keys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten();
    keys.map(|key| text(key, "kid")).collect()
}

/// The id of the key that signed what this place calls with.
fn signed_by(place: &Client) -> Outcome<String> {
    let token = place.token().unwrap_or_default();
    let (head, _) = token.split_once('.').ok_or_else(|| failure("no token"))?;
    let head = BASE64URL_NOPAD.decode(head.as_bytes())?;
    text(&serde_json::from_slice(&head)?, "kid")
}

/// States and ids of the keys as a command answers them.
fn keys(answer: &Value) -> Outcome<Vec<(String, String)>> {
    let keys = answer.get("signingKeys").and_then(Value::as_array);
    let keys = keys.into_iter().flatten();
    keys.map(fact).collect()
}

fn fact(key: &Value) -> Outcome<(String, String)> {
    Ok((text(key, "state")?, text(key, "kid")?))
}

/// Lets so many hours have passed for the keys in the file.
fn age(installation: &Installation, hours: i64) -> Outcome {
    let path = installation.secrets_file();
    let mut text = String::new();
    for line in fs::read_to_string(&path)?.lines() {
        match line.split_once(" = ") {
            Some((member @ ("created" | "stopped"), moment)) => {
                let moment: i64 = moment.parse()?;
                writeln!(text, "{member} = {}", moment - hours * 3_600_000)?;
            }
            Some(_) | None => writeln!(text, "{line}")?,
        }
    }
    Ok(fs::write(path, text)?)
}

/// The administrator, signed in at that process with a key.
async fn signed_in(server: &Server, acme: &Bootstrapped, own: &mut Holder) -> Outcome<Client> {
    let invited = &acme.administrator;
    let place = Client::of(server)?.at(ONE);
    let name = Some(invited.username.as_str());
    sign_in(&place, &invited.organization, name, own).await
}

async fn is_signed_in(place: &Client, server: &Server) -> Outcome<bool> {
    let place = place.clone().on(server)?;
    Ok(place.get("/auth/credentials").await?.status == 200)
}

#[tokio::test]
async fn a_key_signs_after_every_replica_knows_it_and_goes_when_its_tokens_have() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Postgres)?;
    let acme = installation.bootstrap("Acme")?;
    let mut own = Holder::key();
    let restart = async |server: Server| {
        server.stop().await?;
        installation.start().await
    };
    let (one, two) = (installation.start().await?, installation.start().await?);
    let place = Client::of(&one)?.at(ONE);
    let early = join(&place, &acme.administrator, &mut own).await?;
    let old = signed_by(&early)?;
    let refused = installation.run("secrets rotate")?;
    assert!(refused.error()?.contains("no next key"), "{refused:?}");
    assert!(
        refused.error()?.contains("secrets rotate --next"),
        "{refused:?}"
    );

    // Published, at one replica after another, and not signing.
    let answer = installation.run("secrets rotate --next")?;
    // No database is asked, so this log alone tells it.
    assert!(answer.stderr.contains("rotate_signing_keys"), "{answer:?}");
    let answer = answer.json()?;
    let states = keys(&answer)?;
    let new = states[1].1.clone();
    assert_eq!(
        states,
        [
            ("signs".to_owned(), old.clone()),
            ("next".to_owned(), new.clone())
        ]
    );
    assert_eq!(published(&one).await?, std::slice::from_ref(&old));
    let one = restart(one).await?;
    assert_eq!(published(&one).await?, [old.clone(), new.clone()]);
    let here = signed_in(&one, &acme, &mut own).await?;
    assert_eq!(signed_by(&here)?, old);
    assert!(is_signed_in(&here, &two).await?);
    let two = restart(two).await?;
    let refused = installation.run("secrets rotate")?;
    assert!(refused.error()?.contains("too early"), "{refused:?}");
    let refused = installation.run("secrets rotate --next")?;
    assert!(refused.error()?.contains(&new), "{refused:?}");

    // Signing, at one replica after another.
    age(&installation, 1)?;
    installation.administrate("secrets rotate")?;
    let two = restart(two).await?;
    let there = signed_in(&two, &acme, &mut own).await?;
    assert_eq!(signed_by(&there)?, new);
    let here = signed_in(&one, &acme, &mut own).await?;
    assert_eq!(signed_by(&here)?, old);
    for server in [&one, &two] {
        for place in [&early, &here, &there] {
            assert!(is_signed_in(place, server).await?);
        }
    }
    let one = restart(one).await?;
    assert_eq!(published(&one).await?, [new.clone(), old.clone()]);

    // Gone.
    let refused = installation.run("secrets rotate --retire")?;
    assert!(refused.error()?.contains("too early"), "{refused:?}");
    age(&installation, 48)?;
    let answer = installation.administrate("secrets rotate --retire")?;
    assert_eq!(keys(&answer)?, [("signs".to_owned(), new.clone())]);
    let (one, two) = (restart(one).await?, restart(two).await?);
    for server in [&one, &two] {
        assert_eq!(published(server).await?, std::slice::from_ref(&new));
        assert!(is_signed_in(&there, server).await?);
        assert!(!is_signed_in(&early, server).await?);
    }
    Ok(())
}

#[tokio::test]
async fn secrets_of_the_environment_are_rotated_by_what_the_command_answers() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    installation.bootstrap("Acme")?;
    let contents = fs::read_to_string(installation.secrets_file())?;
    fs::remove_file(installation.secrets_file())?;
    let installation = installation.with("SECRETS__CONTENTS", &contents);
    let answer = installation.administrate("secrets rotate --next")?;
    let installation = installation.with("SECRETS__CONTENTS", &text(&answer, "contents")?);
    let server = installation.start().await?;
    let before = published(&server).await?;
    assert_eq!(before.len(), 2);
    server.stop().await?;
    let answer = installation.administrate("secrets rotate --now")?;
    let installation = installation.with("SECRETS__CONTENTS", &text(&answer, "contents")?);
    let server = installation.start().await?;
    let after = published(&server).await?;
    assert!(after.iter().eq(before.iter().rev()), "{after:?}");
    server.stop().await?;
    assert!(!installation.secrets_file().exists());
    Ok(())
}

#[test]
fn showing_the_secrets_tells_none_and_makes_none() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let absent = installation.run("secrets show")?;
    assert!(absent.error()?.contains("secrets.toml"), "{absent:?}");
    assert!(!installation.secrets_file().exists());
    installation.bootstrap("Acme")?;
    installation.administrate("secrets rotate --next")?;
    let shown = installation.administrate("secrets show")?;
    let states: Vec<_> = keys(&shown)?.into_iter().map(|(state, _)| state).collect();
    assert_eq!(states, ["signs", "next"]);
    let shown = shown.to_string();
    let file = fs::read_to_string(installation.secrets_file())?;
    for secret in file.split('"').skip(1).step_by(2) {
        assert!(!shown.contains(secret), "{shown}");
    }
    Ok(())
}

#[tokio::test]
async fn replaced_secrets_end_what_the_old_ones_made_and_the_database_takes_them() -> Outcome {
    for kind in DatabaseKind::ALL {
        let installation = Installation::empty(kind)?;
        let acme = installation.bootstrap("Acme")?;
        let organization = &acme.organization;
        let mut own = Holder::key();
        let server = installation.start().await?;
        let place = Client::of(&server)?.at(ONE);
        let session = join(&place, &acme.administrator, &mut own).await?;
        server.stop().await?;
        let invited = installation.invite(organization, "bob@example.com")?;
        let mail = format!("user invite --org {organization} --email ada@example.com --mail");
        installation.administrate(&mail)?;
        let old = fs::read_to_string(installation.secrets_file())?;

        let refused = installation.run("secrets replace")?;
        assert!(refused.error()?.contains("--yes"), "{refused:?}");
        assert_eq!(fs::read_to_string(installation.secrets_file())?, old);
        installation.administrate("secrets replace --yes")?;

        let (one, two) = (installation.start().await?, installation.start().await?);
        assert!(installation.list("outbox list")?.is_empty());
        for server in [&one, &two] {
            assert!(!is_signed_in(&session, server).await?);
            let place = Client::of(server)?.at(ONE);
            assert!(
                register(&place, &invited, &mut Holder::key())
                    .await
                    .is_err()
            );
        }
        // Credentials stay, and whoever is invited again registers.
        let there = signed_in(&two, &acme, &mut own).await?;
        assert!(is_signed_in(&there, &one).await?);
        let invited = installation.invite(organization, "bob@example.com")?;
        let place = Client::of(&one)?.at(ONE);
        register(&place, &invited, &mut Holder::key()).await?;

        // The database is theirs alone now.
        let late = installation.with("SECRETS__CONTENTS", &old);
        let refused = late.run("serve")?;
        assert!(refused.error()?.contains("secrets"), "{refused:?}");
        one.stop().await?;
        two.stop().await?;
    }
    Ok(())
}
