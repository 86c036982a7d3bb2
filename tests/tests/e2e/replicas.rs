//! Two processes on one PostgreSQL database: one begins, the other completes.

use std::fs;

use latchkey_e2e::{
    Outcome,
    ceremony::{
        Call, claim, complete_registration, complete_sign_in, completion, enrol, issue_code, join,
        registration_challenge, sign_in, user_action, verify,
    },
    client::Client,
    holder::Holder,
    installation::{Bootstrapped, DatabaseKind, Installation, text},
    server::Server,
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::json;

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

struct World {
    first: Server,
    second: Server,
    acme: Bootstrapped,
    installation: Installation,
}

impl World {
    async fn new() -> Outcome<Self> {
        let installation = Installation::empty(DatabaseKind::Postgres)?;
        let acme = installation.bootstrap("Acme")?;
        Ok(Self {
            first: installation.start().await?,
            second: installation.start().await?,
            acme,
            installation,
        })
    }

    /// The administrator, registered and signed in at the first process.
    async fn signed_in(&self, holder: &mut Holder) -> Outcome<Client> {
        let place = Client::of(&self.first)?.at(ONE);
        join(&place, &self.acme.administrator, holder).await
    }
}

#[tokio::test]
async fn every_step_is_taken_at_the_other_process() -> Outcome {
    let world = World::new().await?;
    let (first, second) = (&world.first, &world.second);
    let invited = &world.acme.administrator;
    let here = Client::of(first)?.at(ONE);
    let mut own = Holder::passkey(ONE, ChallengeForm::EncodedTwice);

    let challenge = registration_challenge(&here, invited).await?;
    let credential = own.create(&challenge).await;
    let body = json!({ "firstFactorCredential": credential });
    let here = here.on(second)?;
    complete_registration(&here, &challenge, &body)
        .await?
        .ok()?;

    let init = json!({ "orgId": invited.organization, "username": invited.username });
    let challenge = here.post("/auth/login/init", &init).await?.ok()?;
    let here = here.on(first)?;
    let session = complete_sign_in(&here, &challenge, &mut own).await?.ok()?;
    let here = here.with_token(&text(&session, "token")?);

    let call = Call::issue_code();
    let action = user_action(&here, &mut own, &call).await?;
    let here = here.on(second)?.with_user_action(&action);
    let issued = here.post(&call.path, &call.body).await?.ok()?;
    let again = here.clone().on(first)?.post(&call.path, &call.body).await?;
    assert_eq!(again.refused(400)?, "user action has already been used");

    let there = Client::of(first)?.at(TWO);
    let challenge = claim(&there, &text(&issued, "code")?, "Fido2")
        .await?
        .ok()?;
    let mut added = Holder::passkey(TWO, ChallengeForm::EncodedTwice);
    let body = completion(&challenge, &mut added).await?;
    let there = there.on(second)?;
    verify(&there, &body).await?.ok()?;
    verify(&there.clone().on(first)?, &body)
        .await?
        .refused(400)?;
    sign_in(&there, &invited.organization, None, &mut added).await?;

    let out = here.put("/auth/logout", &json!({})).await?;
    out.ok()?;
    here.on(first)?
        .get("/auth/credentials")
        .await?
        .refused(401)?;
    Ok(())
}

#[tokio::test]
async fn a_process_that_was_not_there_at_the_beginning_completes() -> Outcome {
    let world = World::new().await?;
    let mut own = Holder::key();
    let here = world.signed_in(&mut own).await?;
    let code = text(&issue_code(&here, &mut own).await?, "code")?;
    let there = Client::of(&world.first)?.at(TWO);
    let challenge = claim(&there, &code, "Key").await?.ok()?;
    let body = completion(&challenge, &mut Holder::key()).await?;

    let World {
        first,
        second,
        installation,
        ..
    } = world;
    first.stop().await?;
    second.stop().await?;
    let third = installation.start().await?;
    verify(&there.on(&third)?, &body).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_process_with_other_secrets_does_not_join() -> Outcome {
    let world = World::new().await?;
    let elsewhere = world.installation.folder().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    let mut own = Holder::key();
    let here = world.signed_in(&mut own).await?;
    let mut stranger = world.installation.command("serve")?;
    stranger.env("LATCHKEY__SECRETS__PATH", elsewhere.join("secrets.toml"));
    let refused = stranger.output()?;
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr)?.contains("secrets"));
    let code = text(&issue_code(&here, &mut own).await?, "code")?;
    let there = Client::of(&world.second)?.at(TWO);
    enrol(&there, &code, &mut Holder::key()).await?;
    Ok(())
}
