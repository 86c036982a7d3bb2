//! Users are told of every change of their credentials, and can be mailed codes.

use std::{collections::HashSet, time::Duration};

use axum::http::Method;
use latchkey_domain::message::MessageKind::{
    AccountActivated, AccountRecovered, AdministratorMade, CredentialActivated, CredentialAdded,
    CredentialDeactivated, CredentialDeleted, CredentialWaits, LoginCode, RecoveryCode,
    Registration,
};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    operations::cases,
    signer::Signer,
    stage::Stage,
    stranger::{Invited, Stranger},
    world::{ADA, Circumstances, ONE, TWO, World},
};

/// Asks that a user of the first organization be mailed a code.
async fn ask(world: &World, place: &Stranger, path: &str, username: &str) -> Answer {
    world.tick();
    let body = json!({ "orgId": world.acme.organization, "username": username });
    let answer = if path == "/auth/registration/code" {
        place.put(path, &body).await
    } else {
        place.post(path, &body).await
    };
    world.mail_codes().await;
    answer
}

async fn begin_with_login_code(world: &World, username: &str, code: &str) -> Answer {
    let body = json!({
        "orgId": world.acme.organization,
        "username": username,
        "loginCode": code,
    });
    world.stranger().post("/auth/login/init", &body).await
}

#[tokio::test]
async fn every_change_of_a_credential_is_told() {
    let stage = Stage::new().await;
    for (operation, case) in cases() {
        let told: &[_] = match (operation.id, case.asks_approval) {
            ("createCredentialWithCode", true) => &[CredentialWaits],
            ("createCredentialWithCode", false) => &[CredentialAdded],
            ("completeRegistration" | "createCredential" | "approveCredential", _) => {
                &[CredentialAdded]
            }
            ("activateCredential", _) => &[CredentialActivated],
            ("deactivateCredential", _) => &[CredentialDeactivated],
            ("deleteCredential", _) => &[CredentialDeleted],
            ("completeRecovery", _) => &[AccountRecovered],
            // Every credential of the user is of use again.
            ("activateUser", _) => &[AccountActivated],
            _ => &[],
        };
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        stage.world.mail_codes().await;
        stage.world.tick();
        let waiting = async || stage.world.use_cases.outbox.waiting().await.unwrap();
        let before: HashSet<_> = waiting()
            .await
            .into_iter()
            .map(|one| one.id.to_string())
            .collect();
        request.send_from(&place).await.ok();
        let kinds = waiting().await.into_iter();
        let kinds = kinds.filter(|message| !before.contains(message.id.as_str()));
        let kinds = kinds.map(|message| message.kind);
        // An invitation is no change of a credential.
        let kinds: Vec<_> = kinds.filter(|kind| *kind != Registration).collect();
        assert_eq!(kinds, told, "{} {}", operation.id, case.name);
    }
}

/// Once, and who is active already is told nothing.
#[tokio::test]
async fn whoever_activates_a_user_tells_them() {
    const BOB: &str = "bob@example.com";
    let world = World::new().await;
    let ada = world.administrator(&world.acme, ADA).await;
    let bob = world.member(&world.acme, BOB, &Signer::key()).await;
    let id = bob.user_id().await;
    let path = format!("/auth/users/{id}/activate");
    for (by_administrator, by) in [
        (true, "an administrator of your organization"),
        (false, "whoever runs this service"),
    ] {
        world.set_user_active(&id, false).await;
        let before = world.told(BOB).await.len();
        for _ in 0..2 {
            world.tick();
            if by_administrator {
                ada.signed(Method::PUT, &path, None).await.ok();
            } else {
                world.set_user_active(&id, true).await;
            }
        }
        let told = world.told(BOB).await;
        assert_eq!(told.len(), before + 1);
        let message = told.last().unwrap();
        assert_eq!(message.kind, AccountActivated);
        let text = &message.content.text;
        assert!(text.contains(by), "{text}");
    }
}

#[tokio::test]
async fn who_becomes_an_administrator_is_told_once() {
    const BOB: &str = "bob@example.com";
    let world = World::new().await;
    let bob = world.member(&world.acme, BOB, &Signer::key()).await;
    let id = bob.user_id().await;
    let before = world.told(BOB).await.len();
    // Who is made a user like others is told nothing.
    for (administrator, told) in [(true, 1), (true, 1), (false, 1), (true, 2)] {
        world.tick();
        world.set_administrator(&id, administrator).await;
        let kinds = world.told_kinds(BOB).await;
        assert_eq!(kinds.len(), before + told);
        assert_eq!(kinds.last(), Some(&AdministratorMade));
    }
}

#[tokio::test]
async fn what_is_told_says_how_where_and_of_which_credential() {
    let world = World::new().await;
    let ada = world.ada().await;
    let spare = Signer::key();
    world.tick();
    ada.create(&spare).await.ok();
    world.tick();
    let codes = ada.code(world.now()).await;
    let second = Signer::passkey(TWO);
    let place = world.stranger().at(TWO);
    place.enrol(&codes.short, &second).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    world.tick();
    ada.deactivate(&uuid).await.ok();
    world.tick();
    // What is so already is nothing to tell of.
    ada.deactivate(&uuid).await.ok();
    ada.activate(&uuid).await.ok();
    ada.activate(&uuid).await.ok();
    world.tick();
    ada.remove(&uuid).await.ok();
    let told = world.told(ADA).await;
    assert_eq!(told.len(), 6);
    let by_code = &told[2].content.text;
    for part in [TWO, "with a one-time code", "Second place", "192.0.2.1"] {
        assert!(by_code.contains(part), "{part}: {by_code}");
    }
    for message in &told[3..] {
        assert!(message.content.text.contains("Another one"));
    }
}

#[tokio::test]
async fn a_login_code_hands_out_the_encrypted_key_once() {
    let world = World::new().await;
    let signer = Signer::password_protected_key();
    world.member(&world.acme, ADA, &signer).await;
    let place = world.stranger();
    let without = place.begin_login(&world.acme, ADA).await.ok();
    assert_eq!(
        without["allowCredentials"]["passwordProtectedKey"],
        Value::Null
    );
    let answer = ask(&world, &place, "/auth/login/code", ADA).await.ok();
    assert_eq!(answer, json!({ "message": "success" }));
    let code = world.mailed_code(ADA).await;
    let begun = begin_with_login_code(&world, ADA, &code.to_lowercase())
        .await
        .ok();
    let keys = &begun["allowCredentials"]["passwordProtectedKey"];
    assert_eq!(keys[0]["id"], signer.id());
    assert!(keys[0]["encryptedPrivateKey"].is_string());
    place.complete_login(&begun, &signer).await.ok();
    begin_with_login_code(&world, ADA, &code)
        .await
        .refused_code();
}

#[tokio::test]
async fn login_codes_that_are_not_right_look_the_same_and_cost_the_same() {
    let world = World::with(Circumstances::unlimited()).await;
    let signer = Signer::password_protected_key();
    world.member(&world.acme, ADA, &signer).await;
    let bob = Signer::password_protected_key();
    world.member(&world.acme, "bob@example.com", &bob).await;
    ask(&world, &world.stranger(), "/auth/login/code", ADA)
        .await
        .ok();
    let code = world.mailed_code(ADA).await;
    let mut looks = vec![];
    for (username, code) in [
        (ADA, "ABC-DEF-GHJ"),
        ("nobody@example.com", "ABC-DEF-GHJ"),
        ("bob@example.com", code.as_str()),
        ("nobody@example.com", code.as_str()),
    ] {
        world.warm().await;
        let (refused, cost) = world
            .cost(begin_with_login_code(&world, username, code))
            .await;
        refused.refused_code();
        looks.push((refused.fingerprint(), cost));
    }
    world.wait(Duration::from_mins(10));
    world.warm().await;
    let (refused, cost) = world.cost(begin_with_login_code(&world, ADA, &code)).await;
    looks.push((refused.fingerprint(), cost));
    assert_eq!((looks[0].1.reads, looks[0].1.write_transactions), (1, 0));
    assert!(looks.iter().all(|look| *look == looks[0]), "{looks:?}");
}

/// Whoever knows a username can ask; the codes that are live, and what was begun with one, go on.
#[tokio::test]
async fn a_further_registration_code_stands_beside_the_others_and_voids_nothing() {
    let world = World::new().await;
    let invited = world.invite(&world.acme, ADA).await;
    let place = world.stranger();
    let begun = place.begin_registration(&invited).await.ok();
    let mut codes = vec![invited.clone()];
    for asked in 1..6 {
        ask(&world, &place, "/auth/registration/code", ADA)
            .await
            .ok();
        // The invitation was not mailed; beyond three that are live there is none.
        assert_eq!(world.told_kinds(ADA).await.len(), asked.min(2));
        let code = world.mailed_code(ADA).await;
        if asked < 3 {
            codes.push(Invited {
                code,
                ..invited.clone()
            });
        }
    }
    assert_eq!(world.told_kinds(ADA).await, [Registration; 2]);
    let text = &world.told(ADA).await[0].content.text;
    assert!(text.contains(&format!("{ONE}/register#code=rc_")), "{text}");
    for code in &codes {
        place.begin_registration(code).await.ok();
    }
    let token = begun["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": Signer::key().create(&begun) });
    world.tick();
    let registered = place.bearing(token).post("/auth/registration", &body).await;
    registered.ok();
    // Who has registered can use none of the others, which are mailed no more, and gets no further one.
    for code in &codes {
        place.begin_registration(code).await.refused_code();
    }
    ask(&world, &place, "/auth/registration/code", ADA)
        .await
        .ok();
    assert_eq!(world.told_kinds(ADA).await, [CredentialAdded]);
}

#[tokio::test]
async fn where_nothing_is_mailed_asking_for_a_registration_code_does_nothing() {
    let mut answers = vec![];
    for mails in [true, false] {
        let world = World::with(Circumstances {
            mails,
            ..Circumstances::default()
        })
        .await;
        let invited = world.invite(&world.acme, ADA).await;
        let place = world.stranger();
        let asked = ask(&world, &place, "/auth/registration/code", ADA).await;
        answers.push(asked.fingerprint());
        asked.ok();
        let expected = if mails { &[Registration][..] } else { &[] };
        assert_eq!(world.told_kinds(ADA).await, expected);
        place.register(&invited, &Signer::key()).await.ok();
    }
    assert_eq!(answers[0], answers[1]);
}

/// By kind, by organization, and by address.
#[tokio::test]
async fn nobody_keeps_another_from_codes_or_from_using_them() {
    let world = World::new().await;
    let signer = Signer::password_protected_key();
    let ada = world.member(&world.acme, ADA, &signer).await;
    let recovery_key = Signer::recovery_key();
    ada.create(&recovery_key).await.ok();
    let stranger = world.stranger().from("198.51.100.1");
    for _ in 0..9 {
        ask(&world, &stranger, "/auth/login/code", ADA).await.ok();
    }
    for name in ["bob@example.com", "carol@example.com"] {
        for _ in 0..9 {
            ask(&world, &stranger, "/auth/recover/user/code", name)
                .await
                .ok();
        }
    }
    // Nine asks gave three codes, of which the first is still good after five wrong ones from elsewhere.
    let told = world.told(ADA).await;
    let mailed = told.iter().filter(|one| one.kind == LoginCode);
    assert_eq!(mailed.count(), 3);
    let first = told.iter().find(|one| one.kind == LoginCode).unwrap();
    let mut lines = first.content.text.lines().map(str::trim);
    let code = lines.find(|line| line.len() == 11 && line.split('-').count() == 3);
    let body = |code: &str| json!({ "orgId": world.acme.organization, "username": ADA, "loginCode": code });
    let wrong = body("ABC-DEF-GHJ");
    for _ in 0..5 {
        let answer = stranger.post("/auth/login/init", &wrong).await;
        answer.refused_code();
    }
    let limited = stranger.post("/auth/login/init", &wrong).await;
    limited.refused(429, "too_many_attempts");
    let place = world.stranger();
    let right = body(code.unwrap());
    place.post("/auth/login/init", &right).await.ok();
    // Nor is there a lack of codes to recover with.
    ask(&world, &stranger, "/auth/recover/user/code", ADA)
        .await
        .ok();
    assert_eq!(world.told_kinds(ADA).await.last(), Some(&RecoveryCode));
}

#[tokio::test]
async fn only_who_can_use_a_code_gets_one_and_every_answer_is_the_same() {
    let world = World::with(Circumstances::unlimited()).await;
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    bob.create(&Signer::recovery_key()).await.ok();
    let place = world.stranger();
    let mut looks = vec![];
    for path in [
        "/auth/login/code",
        "/auth/recover/user/code",
        "/auth/registration/code",
    ] {
        for username in [ADA, "bob@example.com", "nobody@example.com"] {
            let answer = ask(&world, &place, path, username).await;
            looks.push(answer.fingerprint());
            answer.ok();
        }
    }
    assert!(looks.iter().all(|look| *look == looks[0]), "{looks:?}");
    assert_eq!(world.told_kinds(ADA).await, [CredentialAdded]);
    assert_eq!(
        world.told_kinds("bob@example.com").await,
        [CredentialAdded, CredentialAdded, RecoveryCode]
    );
    let body = json!({ "orgId": world.acme.organization, "username": "bob@example.com" });
    place.put("/auth/recover/user/code", &body).await.ok();
    world.mail_codes().await;
    let told = world.told_kinds("bob@example.com").await;
    assert_eq!(told.last(), Some(&RecoveryCode));
    assert_eq!(told.len(), 4);
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn the_database_does_not_tell_what_messages_say() {
    let world = World::new().await;
    let signer = Signer::password_protected_key();
    world.member(&world.acme, ADA, &signer).await;
    ask(&world, &world.stranger(), "/auth/login/code", ADA)
        .await
        .ok();
    let code = world.mailed_code(ADA).await;
    let bytes = world.database_bytes();
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds(ADA));
    assert!(holds("LoginCode"));
    assert!(!holds(&code));
    assert!(!holds("Your code to sign in"));
}
