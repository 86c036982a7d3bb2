//! The whole flow between two domains, against a throwaway server: `cargo xtask demo`.
//!
//! The passkeys are made by a software authenticator, one for each place; the server is the real binary
//! on a new SQLite database. Every request and answer is printed, and a step that fails ends the demo
//! with an error.

use latchkey_e2e::{
    Outcome,
    ceremony::{claim, completion, issue_code, register, sign_in, verify},
    client::Client,
    failure,
    holder::Holder,
    installation::{DatabaseKind, Installation, text},
    narration::say,
};
use latchkey_testkit::authenticator::asked::ChallengeForm;
use serde_json::Value;

/// The domain where the user has a passkey already.
const FIRST: &str = "https://one.example";

/// The domain where a passkey of the first one cannot be used.
const SECOND: &str = "https://two.example";

#[tokio::main]
async fn main() -> Outcome {
    chapter("An administrator makes an organization with two applications")?;
    let installation = Installation::empty(DatabaseKind::Sqlite)?.aloud();
    let invited = installation.bootstrap("Demo")?.administrator;
    let (organization, username) = (&invited.organization, Some(invited.username.as_str()));
    let server = installation.start().await?;
    let here = Client::of(&server)?.at(FIRST).aloud();
    let there = Client::of(&server)?.at(SECOND).aloud();
    let mut own = Holder::passkey(FIRST, ChallengeForm::EncodedTwice);
    let mut new = Holder::passkey(SECOND, ChallengeForm::EncodedTwice);

    chapter("On the first domain the user registers with a passkey")?;
    register(&here, &invited, &mut own).await?;
    chapter("and signs in")?;
    let here = sign_in(&here, organization, username, &mut own).await?;
    chapter("The user signs exactly one request: to issue a code")?;
    let code = text(&issue_code(&here, &mut own).await?, "code")?;

    chapter("On the second domain nobody is signed in: the code becomes a challenge")?;
    let challenge = claim(&there, &code, "Fido2").await?.ok()?;
    chapter("and the challenge a second passkey")?;
    let body = completion(&challenge, &mut new).await?;
    verify(&there, &body).await?.ok()?;
    chapter("The user signs in on the second domain, with the passkey made there")?;
    sign_in(&there, organization, username, &mut new).await?;
    chapter("The same code again is refused")?;
    claim(&there, &code, "Fido2").await?.refused(403)?;

    chapter("On the first domain the user sees both passkeys")?;
    let listed = here.get("/auth/credentials").await?.ok()?;
    let listed = listed.get("items").and_then(Value::as_array);
    if listed.map(Vec::len) != Some(2) {
        return Err(failure("there should be two credentials"));
    }
    server.stop().await?;
    say("\nDone: one user, two domains, two passkeys, and the code is worth nothing any more.")
}

fn chapter(words: &str) -> Outcome {
    say(&format!("\n━━ {words}"))
}
