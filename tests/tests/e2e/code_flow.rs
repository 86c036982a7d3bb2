//! Create Credential With Code, end to end, on both databases: from `https://one.example`, where somebody
//! is signed in, to `https://two.example`, where nobody is.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    ceremony::{
        Call, act, add, claim, complete_registration, complete_sign_in, completion, enrol,
        issue_code, register, registration_challenge, sign_in, verify,
    },
    client::Client,
    holder::Holder,
    installation::{Bootstrapped, DatabaseKind, Installation, text},
    server::Server,
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::{Value, json};

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

/// A running installation with one organization whose administrator is not registered yet.
struct World {
    server: Server,
    acme: Bootstrapped,
    installation: Installation,
}

impl World {
    async fn on(kind: DatabaseKind) -> Outcome<Self> {
        let installation = Installation::empty(kind)?;
        let acme = installation.bootstrap("Acme")?;
        let server = installation.start().await?;
        Ok(Self {
            server,
            acme,
            installation,
        })
    }

    fn place(&self, origin: &str) -> Outcome<Client> {
        Ok(Client::of(&self.server)?.at(origin))
    }

    /// Somebody new, registered and signed in at `one.example` with `holder`.
    async fn signed_in(&self, name: &str, holder: &mut Holder) -> Outcome<Client> {
        let invited = self.installation.invite(&self.acme.organization, name)?;
        let place = self.place(ONE)?;
        register(&place, &invited, holder).await?;
        sign_in(&place, &invited.organization, Some(name), holder).await
    }
}

async fn listed(place: &Client) -> Outcome<Vec<Value>> {
    let answer = place.get("/auth/credentials").await?.ok()?;
    let items = answer.get("items").and_then(Value::as_array);
    Ok(items.cloned().unwrap_or_default())
}

#[tokio::test]
async fn a_passkey_of_one_relying_party_adds_a_passkey_of_another() -> Outcome {
    for kind in DatabaseKind::ALL {
        let world = World::on(kind).await?;
        for form in [ChallengeForm::EncodedTwice, ChallengeForm::Plain] {
            let name = format!("{form:?}@example.com").to_lowercase();
            let mut first = Holder::passkey(ONE, form);
            let here = world.signed_in(&name, &mut first).await?;
            let code = text(&issue_code(&here, &mut first).await?, "code")?;

            let there = world.place(TWO)?;
            let mut second = Holder::passkey(TWO, form);
            let challenge = claim(&there, &code, "Fido2").await?.ok()?;
            assert_eq!(challenge["rp"]["id"], "two.example");
            assert_eq!(challenge["user"]["name"], name);
            let body = completion(&challenge, &mut second).await?;
            let credential = verify(&there, &body).await?.ok()?;
            assert_eq!(credential["kind"], "Fido2");
            assert_eq!(credential["relyingPartyId"], "two.example");
            assert_eq!(credential["origin"], TWO);

            let organization = &world.acme.organization;
            for username in [Some(name.as_str()), None] {
                let signed_in = sign_in(&there, organization, username, &mut second).await?;
                let mut places: Vec<_> = listed(&signed_in)
                    .await?
                    .iter()
                    .map(|credential| text(credential, "relyingPartyId"))
                    .collect::<Outcome<_>>()?;
                places.sort_unstable();
                assert_eq!(places, ["one.example", "two.example"]);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_kind_is_registered_created_and_enrolled() -> Outcome {
    for kind in DatabaseKind::ALL {
        let world = World::on(kind).await?;
        for kind in ["Fido2", "Key", "PasswordProtectedKey"] {
            let mut first = Holder::of_kind(kind, ONE)?;
            let name = format!("{kind}@example.com");
            let here = world.signed_in(&name, &mut first).await?;
            for added in Holder::KINDS {
                let mut holder = Holder::of_kind(added, ONE)?;
                let made = add(&here, &mut first, &mut holder).await?;
                assert_eq!(made["kind"], added);
                let code = text(&issue_code(&here, &mut first).await?, "code")?;
                let mut holder = Holder::of_kind(added, TWO)?;
                let enrolled = enrol(&world.place(TWO)?, &code, &mut holder).await?;
                assert_eq!(enrolled["kind"], added);
                assert_eq!(enrolled["isActive"], true);
            }
            assert_eq!(listed(&here).await?.len(), 9);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_second_and_a_recovery_credential_are_registered_with_the_first() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let place = world.place(ONE)?;
    let invited = &world.acme.administrator;
    let challenge = registration_challenge(&place, invited).await?;
    let mut first = Holder::passkey(ONE, ChallengeForm::EncodedTwice);
    let mut second = Holder::key();
    let mut recovery = Holder::of_kind("RecoveryKey", ONE)?;
    let body = json!({
        "firstFactorCredential": first.create(&challenge).await,
        "secondFactorCredential": second.create(&challenge).await,
        "recoveryCredential": recovery.create(&challenge).await,
    });
    complete_registration(&place, &challenge, &body)
        .await?
        .ok()?;
    // The code and the token are spent.
    assert_ne!(
        complete_registration(&place, &challenge, &body)
            .await?
            .status,
        200
    );

    let (organization, username) = (&invited.organization, Some(invited.username.as_str()));
    let signed_in = sign_in(&place, organization, username, &mut second).await?;
    let mut kinds: Vec<_> = listed(&signed_in)
        .await?
        .iter()
        .map(|credential| text(credential, "kind"))
        .collect::<Outcome<_>>()?;
    kinds.sort_unstable();
    assert_eq!(kinds, ["Fido2", "Key", "RecoveryKey"]);

    // The recovery key does not sign in, whatever it calls itself.
    for (called, status) in [("RecoveryKey", 400), ("Key", 401)] {
        if let Holder::Key(key) = &mut recovery {
            called.clone_into(&mut key.credential_kind);
        }
        let init = json!({ "orgId": organization, "username": username });
        let challenge = place.post("/auth/login/init", &init).await?.ok()?;
        complete_sign_in(&place, &challenge, &mut recovery)
            .await?
            .refused(status)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_long_code_stands_alone_when_asked_for() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::passkey(ONE, ChallengeForm::Plain);
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let there = world.place(TWO)?;

    let both = issue_code(&here, &mut first).await?;
    assert!(text(&both, "longCode")?.starts_with("cc_"));
    enrol(&there, &text(&both, "longCode")?, &mut Holder::key()).await?;
    claim(&there, &text(&both, "code")?, "Key")
        .await?
        .refused(403)?;

    let call = Call::issue_code().with("longOnly", json!(true));
    let long = act(&here, &mut first, &call).await?.ok()?;
    assert!(text(&long, "code")?.starts_with("cc_"));
    assert!(long.get("longCode").is_none());
    enrol(&there, &text(&long, "code")?, &mut Holder::key()).await?;
    Ok(())
}

#[tokio::test]
async fn a_code_is_typed_in_any_shape() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::key();
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let shapes: [fn(&str) -> String; 3] = [
        |code| code.to_lowercase(),
        |code| code.replace('-', ""),
        |code| format!(" {} ", code.replace('-', " ")),
    ];
    for shape in shapes {
        let code = text(&issue_code(&here, &mut first).await?, "code")?;
        enrol(&world.place(TWO)?, &shape(&code), &mut Holder::key()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_owner_sees_the_code_and_cancels_it() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::passkey(ONE, ChallengeForm::EncodedTwice);
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let there = world.place(TWO)?;
    here.get("/auth/credentials/code").await?.refused(404)?;

    let code = text(&issue_code(&here, &mut first).await?, "code")?;
    let issued = here.get("/auth/credentials/code").await?.ok()?;
    let mut second = Holder::passkey(TWO, ChallengeForm::EncodedTwice);
    let challenge = claim(&there, &code, "Fido2").await?.ok()?;
    let claimed = here.get("/auth/credentials/code").await?.ok()?;
    assert_ne!(issued["state"], claimed["state"]);
    assert_eq!(claimed["claim"]["origin"], TWO);
    assert_eq!(claimed["claim"]["address"], "127.0.0.1");

    let body = completion(&challenge, &mut second).await?;
    for _ in 0..2 {
        let cancel = reqwest::Method::DELETE;
        let answer = here
            .send(cancel, "/auth/credentials/code", None)
            .await?
            .ok()?;
        assert_eq!(answer, json!({ "message": "success" }));
    }
    let refused = verify(&there, &body).await?.refused(400)?;
    assert_eq!(refused, "Challenge token is not valid.");
    assert_eq!(listed(&here).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_page_of_an_unknown_origin_gets_nothing_and_claims_nothing() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::key();
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let code = text(&issue_code(&here, &mut first).await?, "code")?;
    let elsewhere = world.place("https://three.example")?;
    let refused = claim(&elsewhere, &code, "Key").await?;
    assert_eq!(refused.body["error"]["code"], "origin_not_allowed");
    refused.refused(403)?;
    enrol(&world.place(TWO)?, &code, &mut Holder::key()).await?;
    Ok(())
}

#[tokio::test]
async fn a_passkey_made_for_another_page_is_refused() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::key();
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let code = text(&issue_code(&here, &mut first).await?, "code")?;
    let there = world.place(TWO)?;
    let challenge = claim(&there, &code, "Fido2").await?.ok()?;
    let mut phished = Holder::passkey(ONE, ChallengeForm::EncodedTwice);
    let body = completion(&challenge, &mut phished).await?;
    verify(&there, &body).await?.refused(400)?;

    // The challenge is not spent by a failure.
    let mut right = Holder::passkey(TWO, ChallengeForm::EncodedTwice);
    let body = completion(&challenge, &mut right).await?;
    verify(&there, &body).await?.ok()?;
    Ok(())
}

#[tokio::test]
async fn a_code_ends_with_its_time() -> Outcome {
    let world = World::on(DatabaseKind::Sqlite).await?;
    let mut first = Holder::key();
    let here = world.signed_in("ann@example.com", &mut first).await?;
    let call = Call::issue_code_for(Duration::from_secs(1));
    let issued = act(&here, &mut first, &call).await?.ok()?;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    for code in ["code", "longCode"] {
        let late = claim(&world.place(TWO)?, &text(&issued, code)?, "Key").await?;
        assert_eq!(late.refused(403)?, "Invalid code");
    }
    Ok(())
}
