//! Create Credential With Code, end to end, on both databases: from `https://one.example`, where somebody
//! is signed in, to `https://two.example`, where nobody is.

use std::time::Duration;

use latchkey_e2e::{
    Outcome,
    ceremony::{Call, act, claim, completion, issue_code, join, sign_in, verify},
    client::Client,
    holder::Holder,
    installation::{Bootstrapped, DatabaseKind, Installation, text},
    server::Server,
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::Value;

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
        join(&self.place(ONE)?, &invited, holder).await
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
            let seen = here.get("/auth/credentials/code").await?.ok()?;
            assert_eq!(seen["claim"]["address"], "127.0.0.1");
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
