//! Secrets are in no log and not in clear in the database.

use std::fs;

use latchkey_e2e::{
    Outcome,
    ceremony::{
        Call, claim, complete_registration, complete_sign_in, completion, issue_code,
        registration_challenge, user_action, verify,
    },
    client::Client,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
};
use latchkey_testkit::authenticator::passkey::{EXTENSIONS, PasskeyClient};
use serde_json::json;

/// Every secret of one whole flow, by name.
type Secrets = Vec<(&'static str, String)>;

async fn whole_flow(installation: &Installation) -> Outcome<(Secrets, String)> {
    let acme = installation.bootstrap("Acme")?;
    let invited = &acme.administrator;
    let server = installation.start().await?;
    let here = Client::of(&server)?.at("https://one.example");
    let there = Client::of(&server)?.at("https://two.example");
    let mut secrets = vec![("registration code", invited.code.clone())];
    let mut own = Holder::of_kind("PasswordProtectedKey", "https://one.example")?;

    let challenge = registration_challenge(&here, invited).await?;
    let first = own.create(&challenge).await;
    secrets.push((
        "encrypted private key",
        text(&first, "encryptedPrivateKey")?,
    ));
    secrets.push((
        "temporary token",
        text(&challenge, "temporaryAuthenticationToken")?,
    ));
    let body = json!({ "firstFactorCredential": first });
    complete_registration(&here, &challenge, &body)
        .await?
        .ok()?;

    let init = json!({ "orgId": invited.organization, "username": invited.username });
    let challenge = here.post("/auth/login/init", &init).await?.ok()?;
    secrets.push(("login challenge", text(&challenge, "challengeIdentifier")?));
    let session = complete_sign_in(&here, &challenge, &mut own).await?.ok()?;
    let token = text(&session, "token")?;
    let here = here.with_token(&token);
    secrets.push(("session", token));

    let unknown = "a member of a body that nobody knows";
    let call = Call::issue_code().with("note", json!(unknown));
    let action = user_action(&here, &mut own, &call).await?;
    let with_action = here.clone().with_user_action(&action);
    let issued = with_action.post(&call.path, &call.body).await?.ok()?;
    secrets.push(("user action", action));
    secrets.push(("code", text(&issued, "code")?));
    secrets.push(("long code", text(&issued, "longCode")?));
    secrets.push(("body", unknown.to_owned()));

    let challenge = claim(&there, &text(&issued, "code")?, "Key").await?.ok()?;
    secrets.push(("challenge", text(&challenge, "challengeIdentifier")?));
    let body = completion(&challenge, &mut Holder::key()).await?;
    verify(&there, &body).await?.ok()?;

    // What goes wrong is logged too, without the secret that went wrong.
    let wrong = "XYZ-234-ZYX";
    claim(&there, wrong, "Key").await?.refused(403)?;
    secrets.push(("wrong code", wrong.to_owned()));
    verify(&there, &body).await?.refused(400)?;
    let forged = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1cy0xIn0.";
    here.clone()
        .with_token(forged)
        .get("/auth/credentials")
        .await?
        .refused(401)?;
    secrets.push(("forged session", forged.to_owned()));
    issue_code(&here, &mut own).await?;
    for (_, secret) in codes_without_dashes(&secrets) {
        secrets.push(("code without dashes", secret));
    }
    Ok((secrets, server.stop().await?))
}

fn codes_without_dashes(secrets: &Secrets) -> Secrets {
    secrets
        .iter()
        .filter(|(name, secret)| name.ends_with("code") && secret.len() == 11)
        .map(|(name, secret)| (*name, secret.replace('-', "")))
        .collect()
}

#[tokio::test]
async fn no_log_has_a_secret_even_when_everything_is_logged() -> Outcome {
    for level in ["info", "trace"] {
        let installation = Installation::empty(DatabaseKind::Sqlite)?.with("LOG__LEVEL", level);
        let (secrets, log) = whole_flow(&installation).await?;
        assert!(log.contains("/auth/credentials/code/verify"), "{log}");
        for (name, secret) in secrets {
            assert!(
                !log.contains(&secret),
                "the {name} is in the log of {level}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_database_has_no_code_and_no_token_in_clear() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let (secrets, _log) = whole_flow(&installation).await?;
    let file = installation.database_file()?;
    let mut database = fs::read(&file)?;
    for suffix in ["-wal", "-shm"] {
        let mut beside = file.clone().into_os_string();
        beside.push(suffix);
        // They are gone after an orderly end.
        database.extend(fs::read(beside).unwrap_or_default());
    }
    let contains = |text: &str| {
        database
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    // The client's own ciphertext is what the server keeps for the user.
    assert!(contains("admin@one.example"));
    for (name, secret) in secrets {
        let kept = name == "encrypted private key";
        assert_eq!(contains(&secret), kept, "the {name} in the database");
    }
    Ok(())
}

#[tokio::test]
async fn a_clients_fault_is_no_error_of_a_library_unless_its_lines_are_asked_for() -> Outcome {
    let library = "webauthn_rs_core";
    for (level, is_told) in [
        ("debug".to_owned(), false),
        (format!("info,{library}=error"), true),
    ] {
        let installation = Installation::empty(DatabaseKind::Sqlite)?.with("LOG__LEVEL", &level);
        let acme = installation.bootstrap("Acme")?;
        let server = installation.start().await?;
        let origin = "https://one.example";
        let here = Client::of(&server)?.at(origin);
        let challenge = registration_challenge(&here, &acme.administrator).await?;
        let mut device = PasskeyClient::new(origin);
        // Well-formed extensions, of which one is a text where the library wants a number.
        device.quirks.set_flags = EXTENSIONS;
        device.quirks.after_authenticator_data = b"\xa1\x6bcredProtect\x61x".to_vec();
        let body = json!({ "firstFactorCredential": device.offer(&challenge) });
        let answer = complete_registration(&here, &challenge, &body).await?;
        answer.refused(400)?;
        let log = server.stop().await?;
        assert_eq!(log.contains(library), is_told, "{level}: {log}");
        assert_eq!(
            log.contains("\"level\":\"ERROR\""),
            is_told,
            "{level}: {log}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn each_request_is_one_line_with_id_route_status_and_duration() -> Outcome {
    let installation = Installation::empty(DatabaseKind::Sqlite)?;
    let server = installation.start().await?;
    let answer = Client::of(&server)?.get("/auth/credentials").await?;
    let id = answer.headers["x-request-id"].to_str()?.to_owned();
    answer.refused(401)?;
    let has = |event: &serde_json::Value, text: &str| event.to_string().contains(text);
    server.event(|event| has(event, &id)).await?;
    let lines: Vec<_> = server
        .events()
        .into_iter()
        .filter(|event| has(event, &id))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["status"], 401, "{}", lines[0]);
    assert!(has(&lines[0], "/auth/credentials"));
    Ok(())
}
