//! `cargo xtask demo`: the whole flow between two domains, against a throwaway server.
//!
//! The passkeys are made by a software authenticator, one for each place; the server is the real binary
//! on a new SQLite database. Every request and answer is printed, and a step that fails ends the demo
//! with an error.

use latchkey_testkit::authenticator::{asked::ChallengeForm, independent::IndependentPasskey};
use serde_json::{Value, json};

use self::{
    place::{Place, text},
    server::Server,
};
use crate::{Outcome, say, workspace::Workspace};

mod place;
mod server;

/// The domain where the user has a passkey already.
const FIRST: &str = "one.example";

/// The domain where a passkey of the first one cannot be used.
const SECOND: &str = "two.example";

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let binary = workspace.build_binary()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(Box::pin(async {
            let server = Server::start(binary)?;
            play(&server).await?;
            server.stop()
        }))
}

/// The places and what the user has in each.
struct Stage {
    organization: String,
    username: String,
    first: Place,
    second: Place,
    /// The passkey of the first domain.
    own: IndependentPasskey,
    /// The passkey of the second domain.
    new: IndependentPasskey,
}

async fn play(server: &Server) -> Outcome {
    let (mut stage, registration_code) = set(server)?;
    stage.register(&registration_code).await?;
    stage.sign_in().await?;
    let code = stage.issue_code().await?;
    stage.redeem(&code).await?;
    stage.sign_in_with_the_new_passkey().await?;
    stage.try_the_code_again(&code).await?;
    stage.list().await?;
    say("\nDone: one user, two domains, two passkeys, and the code is worth nothing any more.")
}

/// An administrator prepares an organization with an application on each domain.
fn set(server: &Server) -> Outcome<(Stage, String)> {
    chapter("An administrator makes an organization with two applications")?;
    let made = server.administrate(&[
        "bootstrap",
        "--organization",
        "Demo",
        "--admin",
        "ada@example.com",
        "--application",
        "One",
        "--rp-id",
        FIRST,
        "--origin",
        &origin(FIRST),
    ])?;
    let organization = text(&made, "orgId")?;
    server.administrate(&[
        "application",
        "add",
        "--org",
        &organization,
        "--name",
        "Two",
        "--rp-id",
        SECOND,
        "--origin",
        &origin(SECOND),
    ])?;
    let passkey = |domain| {
        IndependentPasskey::new(&origin(domain)).challenge_form(ChallengeForm::EncodedTwice)
    };
    let stage = Stage {
        username: text(&made, "username")?,
        first: Place::new(server.url(), &origin(FIRST)),
        second: Place::new(server.url(), &origin(SECOND)),
        own: passkey(FIRST),
        new: passkey(SECOND),
        organization,
    };
    Ok((stage, text(&made, "registrationCode")?))
}

impl Stage {
    async fn register(&mut self, registration_code: &str) -> Outcome {
        chapter("On the first domain the user registers with a passkey")?;
        let invitation = json!({
            "orgId": self.organization,
            "username": self.username,
            "registrationCode": registration_code,
        });
        let challenge = self
            .first
            .post("/auth/registration/init", &invitation)
            .await?;
        let token = text(&challenge, "temporaryAuthenticationToken")?;
        let body = json!({ "firstFactorCredential": self.own.offer(&challenge).await });
        let place = self.first.clone().with_token(&token);
        place.post("/auth/registration", &body).await.map(drop)
    }

    async fn sign_in(&mut self) -> Outcome {
        chapter("and signs in")?;
        let who = json!({ "orgId": self.organization, "username": self.username });
        let challenge = self.first.post("/auth/login/init", &who).await?;
        let proof = proof(&challenge, &mut self.own).await?;
        let session = self.first.post("/auth/login", &proof).await?;
        self.first = self.first.clone().with_token(&text(&session, "token")?);
        Ok(())
    }

    async fn issue_code(&mut self) -> Outcome<String> {
        chapter("The user signs exactly one request: to issue a code")?;
        let path = "/auth/credentials/code";
        let body = json!({ "expiration": place::unix_milliseconds() + 60_000 });
        let intent = json!({
            "userActionHttpMethod": "POST",
            "userActionHttpPath": path,
            "userActionPayload": body.to_string(),
        });
        let challenge = self.first.post("/auth/action/init", &intent).await?;
        let proof = proof(&challenge, &mut self.own).await?;
        let signed = self.first.post("/auth/action", &proof).await?;
        let place = self
            .first
            .clone()
            .with_user_action(&text(&signed, "userAction")?);
        text(&place.post(path, &body).await?, "code")
    }

    async fn redeem(&mut self, code: &str) -> Outcome {
        chapter("On the second domain nobody is signed in: the code becomes a challenge")?;
        let claim = json!({ "code": code, "credentialKind": "Fido2" });
        let challenge = self
            .second
            .post("/auth/credentials/code/init", &claim)
            .await?;
        chapter("and the challenge a second passkey")?;
        let mut body = self.new.offer(&challenge).await;
        if let Some(members) = body.as_object_mut() {
            let identifier = text(&challenge, "challengeIdentifier")?;
            members.insert("challengeIdentifier".to_owned(), json!(identifier));
            members.insert("credentialName".to_owned(), json!("My other device"));
        }
        self.second
            .post("/auth/credentials/code/verify", &body)
            .await
            .map(drop)
    }

    async fn sign_in_with_the_new_passkey(&mut self) -> Outcome {
        chapter("The user signs in on the second domain, with the passkey made there")?;
        let who = json!({ "orgId": self.organization, "username": self.username });
        let challenge = self.second.post("/auth/login/init", &who).await?;
        let proof = proof(&challenge, &mut self.new).await?;
        self.second.post("/auth/login", &proof).await.map(drop)
    }

    async fn try_the_code_again(&self, code: &str) -> Outcome {
        chapter("The same code again is refused")?;
        let claim = json!({ "code": code, "credentialKind": "Fido2" });
        self.second
            .refused(403, "/auth/credentials/code/init", &claim)
            .await
    }

    async fn list(&self) -> Outcome {
        chapter("On the first domain the user sees both passkeys")?;
        let listed = self.first.get("/auth/credentials").await?;
        match listed.pointer("/items").and_then(Value::as_array) {
            Some(items) if items.len() == 2 => Ok(()),
            _ => Err("there should be two credentials".into()),
        }
    }
}

/// A challenge signed with the user's passkey.
async fn proof(challenge: &Value, passkey: &mut IndependentPasskey) -> Outcome<Value> {
    Ok(json!({
        "challengeIdentifier": text(challenge, "challengeIdentifier")?,
        "firstFactor": passkey.factor(challenge).await,
    }))
}

fn origin(domain: &str) -> String {
    format!("https://{domain}")
}

fn chapter(words: &str) -> Outcome {
    say(format!("\n━━ {words}"))
}
