//! The epoch: logging out everywhere, a recovery, and deactivating a user end everything at once.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    operations::Ceremony,
    signed_in::SignedIn,
    signer::Signer,
    stage::{Person, Stage},
    stranger::Invited,
    world::{ADA, World},
};

/// What somebody has begun or holds, of which nothing has taken effect yet.
struct Pending {
    challenges: Vec<(Ceremony, Value)>,
    permit: Permit,
    /// Another code than the one that was claimed.
    code: Option<String>,
    login_code: String,
    recovery_code: String,
}

impl Pending {
    /// Ceremonies of somebody who is signed in; there is one code at a time, claimed or not.
    async fn begin(stage: &Stage, person: &Person, claims: bool) -> Self {
        let mut challenges = Vec::new();
        let code = person.session.code(stage.world.now()).await.long;
        for ceremony in Ceremony::ALL {
            let is_pending = match ceremony {
                // Who registers has nothing yet.
                Ceremony::Registration => false,
                Ceremony::CredentialWithCode => claims,
                Ceremony::Recovery
                | Ceremony::Login
                | Ceremony::UserAction
                | Ceremony::Credential => true,
            };
            if is_pending {
                let challenge = ceremony.begin(stage, person).await;
                challenges.push((ceremony, challenge));
            }
        }
        Self {
            challenges,
            permit: Permit::signed_by(&person.session, &stage.world).await,
            code: (!claims).then_some(code),
            login_code: stage.mailed_code(person, "/auth/login/code").await,
            recovery_code: stage.mailed_code(person, "/auth/recover/user/code").await,
        }
    }

    /// Requires that all of it came to nothing, for whoever is signed in again.
    async fn require_ended(&self, again: &Person) {
        for (ceremony, challenge) in &self.challenges {
            let late = ceremony.completion(again, challenge).with_one_factor();
            late.send().await.refused_challenge();
        }
        let late = self.permit.use_in(&again.session).await;
        late.refused(403, "user_action_invalid");
        if let Some(code) = &self.code {
            let late = again.place.begin_with_code("Key", code).await;
            late.refused_code();
        }
        let place = &again.place;
        let body = again.named(json!({ "loginCode": self.login_code }));
        place.post("/auth/login/init", &body).await.refused_code();
        let body = again.named(json!({
            "verificationCode": self.recovery_code,
            "credentialId": again.recovery_key.id(),
        }));
        place
            .post("/auth/recover/user/init", &body)
            .await
            .refused_code();
    }
}

#[tokio::test]
async fn deactivating_who_was_invited_ends_every_registration_code_for_good() {
    let stage = Stage::new().await;
    let invited = stage.invited(&stage.ada).await;
    let place = stage.world.stranger();
    let body = json!({ "orgId": invited.organization, "username": invited.username });
    place.put("/auth/registration/code", &body).await.ok();
    stage.world.mail_codes().await;
    let further = Invited {
        code: stage.world.mailed_code(&invited.username).await,
        ..invited.clone()
    };
    let codes = [invited, further];
    for code in &codes {
        place.begin_registration(code).await.ok();
    }
    for active in [false, true] {
        stage.world.set_user_active(&codes[0].id, active).await;
        for code in &codes {
            place.begin_registration(code).await.refused_code();
        }
    }
}

#[tokio::test]
async fn logging_out_everywhere_ends_sessions_user_actions_codes_and_challenges() {
    let stage = Stage::new().await;
    for claims in [true, false] {
        let person = stage.colleague(&stage.ada).await;
        let other = person.again().await.session;
        let pending = Pending::begin(&stage, &person, claims).await;
        let nobodys = json!({ "orgId": person.tenant.organization });
        let nobodys = person.place.post("/auth/login/init", &nobodys).await.ok();
        person.session.log_out(true).await.ok();
        for session in [&person.session, &other] {
            assert!(!session.is_signed_in().await);
        }
        pending.require_ended(&person.again().await).await;
        // A sign-in that had begun without a name was nobody's yet: it may go on.
        let late = Ceremony::Login.completion(&person, &nobodys);
        late.send().await.ok();
    }
}

#[tokio::test]
async fn deactivating_a_user_ends_everything_for_good() {
    let stage = Stage::new().await;
    let set_active = async |id: &str, active: bool, by_administrator: bool| {
        if by_administrator {
            let verb = if active { "activate" } else { "deactivate" };
            let path = format!("/auth/users/{id}/{verb}");
            let done = stage.ada.session.signed(Method::PUT, &path, None).await;
            assert_eq!(done.ok()["isActive"], active);
        } else {
            stage.world.set_user_active(id, active).await;
        }
    };
    for (claims, by_administrator) in [(true, true), (true, false), (false, true), (false, false)] {
        let person = stage.colleague(&stage.ada).await;
        let pending = Pending::begin(&stage, &person, claims).await;
        let login = Ceremony::Login.begin(&stage, &person).await;
        set_active(&person.id, false, by_administrator).await;
        let late = Ceremony::Login.completion(&person, &login);
        late.send().await.refused_challenge();
        let late = person.place.begin_login(&person.tenant, &person.username);
        late.await.refused(401, "no_usable_credential");
        for active in [false, true] {
            set_active(&person.id, active, by_administrator).await;
            assert!(!person.session.is_signed_in().await);
        }
        pending.require_ended(&person.again().await).await;
    }
}

#[tokio::test]
async fn a_recovery_ends_everything_earlier() {
    let stage = Stage::new().await;
    for claims in [true, false] {
        let mut person = stage.colleague(&stage.ada).await;
        let pending = Pending::begin(&stage, &person, claims).await;
        let login = Ceremony::Login.begin(&stage, &person).await;
        let challenge = Ceremony::Recovery.begin(&stage, &person).await;
        let key = Signer::key();
        let new = json!({ "firstFactorCredential": key.create(&challenge) });
        let recovery = person.agrees_to(&new);
        let body = json!({ "recovery": recovery, "newCredentials": new });
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let place = person.place.bearing(token);
        place.post("/auth/recover/user", &body).await.ok();

        assert!(!person.session.is_signed_in().await);
        let late = Ceremony::Login.completion(&person, &login);
        late.send().await.refused(401, "no_usable_credential");
        person.session.signer = key;
        pending.require_ended(&person.again().await).await;
        assert_eq!(person.again().await.session.credentials().await.len(), 1);
    }
}

/// A signed user action, with the request that it permits: to issue a code.
struct Permit {
    action: String,
    body: String,
}

impl Permit {
    const PATH: &str = "/auth/credentials/code";

    async fn signed_by(session: &SignedIn, world: &World) -> Self {
        let body = json!({ "expiration": world.now() + 60_000 }).to_string();
        let action = session.user_action(&Method::POST, Self::PATH, &body).await;
        Self { action, body }
    }

    async fn use_in(&self, session: &SignedIn) -> Answer {
        let place = session.with_action(&self.action);
        place.call(Method::POST, Self::PATH, Some(&self.body)).await
    }
}

#[tokio::test]
async fn deactivating_a_credential_ends_what_it_signed() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let other = world.stranger().sign_in(&world.acme, ADA, &spare).await;
    // Signed in with one credential, signed with another: both must stay active.
    let mixed = SignedIn {
        signer: spare.clone(),
        ..ada.clone()
    };
    let permit = Permit::signed_by(&mixed, &world).await;
    let begun = other.begin_action("POST", "/x", "").await.ok();
    let credential = other.begin_credential("Key").await.ok();
    ada.deactivate(&uuid).await.ok();

    let require_ended = async || {
        assert!(!other.is_signed_in().await);
        let late = permit.use_in(&ada).await;
        late.refused(403, "user_action_invalid");
        let late = ada.complete_action(&begun, &ada.signer).await;
        late.refused_challenge();
        let body = Signer::key().named_credential(&credential, "x");
        let late = ada
            .signed(Method::POST, "/auth/credentials", Some(&body))
            .await;
        late.refused_challenge();
        assert!(ada.is_signed_in().await);
    };
    require_ended().await;
    world.tick();
    ada.activate(&uuid).await.ok();
    require_ended().await;
    // What is signed from now on counts.
    Permit::signed_by(&mixed, &world)
        .await
        .use_in(&ada)
        .await
        .ok();
}

#[tokio::test]
async fn a_recovery_that_began_before_its_kit_was_deactivated_comes_to_nothing() {
    let stage = Stage::new().await;
    let person = stage.colleague(&stage.ada).await;
    let begun = Ceremony::Recovery.begin(&stage, &person).await;
    let kit = person.session.uuid_of(&person.recovery_key).await;
    person.session.deactivate(&kit).await.ok();
    stage.world.tick();
    person.session.activate(&kit).await.ok();
    let late = Ceremony::Recovery.completion(&person, &begun);
    late.send().await.refused_challenge();
    let begun = Ceremony::Recovery.begin(&stage, &person).await;
    let again = Ceremony::Recovery.completion(&person, &begun);
    again.send().await.ok();
}

#[tokio::test]
async fn a_user_action_of_an_ended_session_serves_another_session_of_the_user() {
    // It is bound to user and organization, not to the session it was signed in.
    let world = World::new().await;
    let ada = world.ada().await;
    let other = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    let permit = Permit::signed_by(&ada, &world).await;
    ada.log_out(false).await.ok();
    permit.use_in(&other).await.ok();
}
