//! People who have registered, and the ceremonies they play.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use data_encoding::BASE64URL_NOPAD;
use latchkey_testkit::authenticator::asked::ChallengeForm;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Outcome,
    ceremony::{Call, act, enrol, issue_code, join, sign_in},
    client::Client,
    failure,
    holder::Holder,
    installation::{Installation, Invited, text},
    server::Server,
};

const ONE: &str = "https://one.example";
const TWO: &str = "https://two.example";

/// How many people there are for each who is at it: so that what codes leave behind does not change much
/// what a person has.
const FOR_EACH: u32 = 8;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ceremony {
    /// Signing in with a passkey: two requests.
    SignIn,
    /// From a user who is signed in on one domain to a passkey on another: a user action is signed, a code
    /// issued, claimed and redeemed. Five requests.
    CodeFlow,
}

impl Ceremony {
    pub(super) const ALL: [Self; 2] = [Self::SignIn, Self::CodeFlow];

    /// What people read.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::CodeFlow => "code flow",
        }
    }
}

/// Somebody who has registered with a passkey and is signed in.
pub(super) struct Person {
    invited: Invited,
    own: Holder,
    /// Where the person is signed in.
    here: Client,
    /// How many credentials codes have made.
    made: usize,
}

impl Person {
    /// Plays a ceremony once, and checks what comes of it.
    pub(super) async fn play(&mut self, ceremony: Ceremony) -> Outcome {
        match ceremony {
            Ceremony::SignIn => {
                let place = self.here.clone().without_token();
                let Invited {
                    organization,
                    username,
                    user,
                    ..
                } = &self.invited;
                let username = Some(username.as_str());
                let signed_in = sign_in(&place, organization, username, &mut self.own).await?;
                require_session_of(user, signed_in.token().unwrap_or_default())
            }
            Ceremony::CodeFlow => {
                let code = text(&issue_code(&self.here, &mut self.own).await?, "code")?;
                let mut second = Holder::passkey(TWO, ChallengeForm::EncodedTwice);
                let there = self.here.clone().at(TWO).without_token();
                require_passkey(&enrol(&there, &code, &mut second).await?)?;
                self.made += 1;
                Ok(())
            }
        }
    }

    /// Everything that was acknowledged is there, and nothing else.
    async fn require_what_was_made(&mut self) -> Outcome {
        let listed = self.here.get("/auth/credentials").await?.ok()?;
        let listed = listed.get("items").and_then(Value::as_array).map(Vec::len);
        if listed == Some(self.made + 1) {
            self.made = 0;
            return Ok(());
        }
        let (user, made) = (&self.invited.user, self.made);
        Err(failure(format!(
            "{user} made {made} credentials besides the first, and has {listed:?}"
        )))
    }
}

/// That a session is of this user, by the claim that clients read.
fn require_session_of(user: &str, token: &str) -> Outcome {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes())?)?;
    if claims.get("sub").is_some_and(|subject| subject == user) {
        Ok(())
    } else {
        Err(failure(format!(
            "{user} signed in and got a session of {claims}"
        )))
    }
}

/// That a new credential is a passkey of the second domain.
fn require_passkey(credential: &Value) -> Outcome {
    let is =
        |member: &str, value: &str| credential.get(member).is_some_and(|found| *found == *value);
    if is("kind", "Fido2") && is("relyingPartyId", "two.example") && is("origin", TWO) {
        Ok(())
    } else {
        Err(failure(format!(
            "not the passkey that was made: {credential}"
        )))
    }
}

/// Who is not at it at the moment.
#[derive(Default)]
pub(super) struct Queue(Mutex<VecDeque<Person>>);

impl Queue {
    /// Whoever has waited longest.
    pub(super) fn take(&self) -> Outcome<Person> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front().ok_or_else(|| failure("nobody is left"))
    }

    /// Lets somebody wait again.
    pub(super) fn put_back(&self, person: Person) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(person);
    }
}

/// Those who have registered with an installation.
pub(super) struct People(Arc<Queue>);

impl People {
    /// Makes and registers people enough for so many to be at it at once, and leaves no process running.
    pub(super) async fn of(installation: &Installation, at_once: u32) -> Outcome<Self> {
        let administrator = installation.bootstrap("Bench")?.administrator;
        let server = installation.start().await?;
        let place = Client::of(&server)?.at(ONE);
        let mut key = Holder::key();
        let signed_in = join(&place, &administrator, &mut key).await?;
        let mut ids = HashMap::new();
        for number in 0..at_once * FOR_EACH {
            let email = format!("person{number}@example.com");
            let new = json!({ "email": email, "kind": "CustomerEmployee" });
            let create = Call::new(Method::POST, "/auth/users", new);
            let made = act(&signed_in, &mut key, &create).await?.ok()?;
            ids.insert(email, text(&made, "userId")?);
        }
        let people = Queue::default();
        for message in installation.list("outbox list")? {
            let username = text(&message, "to")?;
            let Some(user) = ids.remove(&username) else {
                continue;
            };
            let invited = Invited {
                organization: administrator.organization.clone(),
                user,
                username,
                code: registration_code(&message)?,
            };
            let mut own = Holder::passkey(ONE, ChallengeForm::EncodedTwice);
            people.put_back(Person {
                here: join(&place, &invited, &mut own).await?,
                invited,
                own,
                made: 0,
            });
        }
        if !ids.is_empty() {
            return Err(failure(format!("nobody was told of {ids:?}")));
        }
        server.stop().await?;
        Ok(Self(Arc::new(people)))
    }

    /// Where they wait.
    pub(super) const fn queue(&self) -> &Arc<Queue> {
        &self.0
    }

    /// From now on they call this server, where they are as they were when they had registered.
    pub(super) fn move_to(&mut self, server: &Server) -> Outcome {
        let mut waiting = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        for person in waiting.iter_mut() {
            person.here = person.here.clone().on(server)?;
        }
        Ok(())
    }

    /// Checks that everybody has what was acknowledged.
    pub(super) async fn require_what_was_made(&mut self) -> Outcome {
        let number = self
            .0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        for _ in 0..number {
            let mut person = self.0.take()?;
            person.require_what_was_made().await?;
            self.0.put_back(person);
        }
        Ok(())
    }
}

/// The code in an invitation.
fn registration_code(message: &Value) -> Outcome<String> {
    let text = text(message, "text")?;
    let code = text
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("rc_"));
    Ok(code
        .ok_or_else(|| failure("an invitation without a code"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_somebody_else_is_a_wrong_answer() {
        let claims = BASE64URL_NOPAD.encode(json!({ "sub": "us-1" }).to_string().as_bytes());
        let token = format!("e30.{claims}.c2ln");
        assert!(require_session_of("us-1", &token).is_ok());
        assert!(require_session_of("us-2", &token).is_err());
        assert!(require_session_of("us-1", "").is_err());
    }

    #[test]
    fn a_credential_of_another_place_is_a_wrong_answer() {
        let right = json!({ "kind": "Fido2", "relyingPartyId": "two.example", "origin": TWO });
        assert!(require_passkey(&right).is_ok());
        for (member, value) in [
            ("kind", "Key"),
            ("relyingPartyId", "one.example"),
            ("origin", ONE),
        ] {
            let mut wrong = right.clone();
            wrong[member] = json!(value);
            assert!(require_passkey(&wrong).is_err(), "{member}");
        }
    }

    #[test]
    fn the_code_is_found_in_the_invitation() {
        let message = json!({ "text": "You are invited.\n\n  rc_abc\n\nValid until" });
        assert_eq!(registration_code(&message).unwrap(), "rc_abc");
        assert!(registration_code(&json!({ "text": "Nothing" })).is_err());
    }
}
