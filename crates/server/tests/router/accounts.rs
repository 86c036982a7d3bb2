//! What holds for the credentials of an account as a whole.

use std::time::Duration;

use axum::http::Method;
use serde_json::json;

use crate::support::{
    signer::{ENCRYPTED_PRIVATE_KEY, FACTORS, Signer},
    stage::Stage,
    stranger::Invited,
    world::{ADA, Circumstances, ONE, World},
};

#[tokio::test]
async fn the_last_usable_credential_cannot_be_removed() {
    for kind in FACTORS {
        let world = World::new().await;
        let ada = world.member(&world.acme, ADA, &Signer::of(kind, ONE)).await;
        // Neither a recovery key nor an inactive credential is another one to sign in with.
        ada.create(&Signer::recovery_key()).await.ok();
        let inactive = Signer::key();
        ada.create(&inactive).await.ok();
        ada.deactivate(&ada.uuid_of(&inactive).await).await.ok();

        let uuid = ada.uuid_of(&ada.signer).await;
        let refused = ada.deactivate(&uuid).await;
        refused.refused(409, "last_credential");
        ada.remove(&uuid).await.refused(409, "last_credential");
        assert!(ada.is_signed_in().await);
        ada.activate(&ada.uuid_of(&inactive).await).await.ok();
        ada.remove(&uuid).await.ok();
        assert!(!ada.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_recovery_key_neither_signs_in_nor_signs_actions() {
    let world = World::new().await;
    let ada = world.ada().await;
    let recovery = Signer::recovery_key();
    let place = world.stranger();
    let codes = ada.code(world.now()).await;
    place.enrol(&codes.short, &recovery).await.ok();
    assert_eq!(ada.credential_of(&recovery).await["kind"], "RecoveryKey");
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    for challenge in [&login, &action] {
        let text = challenge.to_string();
        assert!(!text.contains(recovery.id()), "{text}");
    }
    for kind in ["Key", "PasswordProtectedKey"] {
        recovery.change_key(|client| kind.clone_into(&mut client.credential_kind));
        let refused = place.complete_login(&login, &recovery).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
        let refused = ada.complete_action(&action, &recovery).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
    }
    recovery.change_key(|client| "RecoveryKey".clone_into(&mut client.credential_kind));
    let refused = place.complete_login(&login, &recovery).await;
    refused
        .refused(400, "invalid_field")
        .about("firstFactor.kind");
}

#[tokio::test]
async fn an_encrypted_private_key_leaves_only_to_its_signed_in_user() {
    let world = World::new().await;
    let protected = Signer::password_protected_key();
    let ada = world.member(&world.acme, ADA, &protected).await;
    let recovery = Signer::recovery_key();
    recovery.change_key(|client| {
        client.encrypted_private_key = Some("another-encrypted-private-key".to_owned());
    });
    ada.create(&recovery).await.ok();
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;

    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let claimed = place.begin_with_code("Key", &codes.short).await.ok();
    for answer in [
        place.begin_login(&world.acme, ADA).await.ok(),
        claimed.clone(),
        place.verify(&claimed, &Signer::key()).await.ok(),
        bob.begin_action("POST", "/x", "").await.ok(),
        bob.begin_credential("PasswordProtectedKey").await.ok(),
        ada.get("/auth/credentials").await.ok(),
        ada.begin_credential("PasswordProtectedKey").await.ok(),
    ] {
        let text = answer.to_string();
        assert!(!text.contains("encrypted-private-key"), "{text}");
    }

    let action = ada.begin_action("POST", "/x", "").await.ok();
    assert_eq!(
        action["allowCredentials"]["passwordProtectedKey"],
        json!([{
            "type": "public-key",
            "id": protected.id(),
            "encryptedPrivateKey": ENCRYPTED_PRIVATE_KEY,
        }])
    );
    let text = action.to_string();
    assert!(!text.contains("another-encrypted-private-key"), "{text}");
}

#[tokio::test]
async fn a_taken_credential_id_is_refused_in_the_code_flow_too() {
    let world = World::new().await;
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.long).await.ok();
    let thief = Signer::key();
    thief.change_key(|client| bob.signer.id().clone_into(&mut client.credential_id));
    let refused = place.verify(&challenge, &thief).await;
    refused.refused(409, "credential_id_taken");
    // A refused verify may be repeated.
    place.verify(&challenge, &Signer::key()).await.ok();
}

#[tokio::test]
async fn a_user_has_at_most_a_hundred_credentials() {
    let world = World::with(Circumstances::unlimited()).await;
    let ada = world.ada().await;
    for _ in 1..100 {
        ada.create(&Signer::key()).await.ok();
    }
    let refused = ada.create(&Signer::key()).await;
    refused.refused(409, "too_many_credentials");
    let codes = ada.code(world.now()).await;
    let refused = world.stranger().enrol(&codes.short, &Signer::key()).await;
    refused.refused(409, "too_many_credentials");
}

#[tokio::test]
async fn a_user_cannot_fill_the_disk_with_actions() {
    let world = World::new().await;
    let ada = world.ada().await;
    let begun = ada.begin_action("POST", "/x", "").await.ok();
    let mut long = json!({
        "challengeIdentifier": begun["challengeIdentifier"],
        "firstFactor": ada.signer.sign(&begun),
    });
    let place = ada.place();
    long["firstFactor"]["credentialAssertion"]["clientData"] = json!("A".repeat(5_464));
    let refused = place.post("/auth/action", &long).await;
    refused
        .refused(400, "invalid_field")
        .about("firstFactor.credentialAssertion.clientData");
    for _ in 0..60 {
        ada.user_action(&Method::POST, "/x", "").await;
    }
    let refused = ada.complete_action(&begun, &ada.signer).await;
    refused.refused(429, "too_many_attempts");
    assert_eq!(refused.header("retry-after"), "61");
    let bob = world.administrator(&world.acme, "bob@example.com").await;
    bob.user_action(&Method::POST, "/x", "").await;
    world.wait(Duration::from_mins(1));
    ada.complete_action(&begun, &ada.signer).await.ok();
}

#[tokio::test]
async fn a_username_is_the_same_however_it_is_composed() {
    let world = World::new().await;
    let (composed, decomposed) = ("j\u{fc}rgen@example.com", "ju\u{308}rgen@example.com");
    let invited = world.invite(&world.acme, composed).await;
    let again = world.invite(&world.acme, decomposed).await;
    assert_eq!(again.id, invited.id);
    let signer = Signer::key();
    let place = world.stranger();
    place.register(&again, &signer).await.ok();
    for username in [composed, decomposed, "JU\u{308}RGEN@example.com"] {
        let signed_in = place.sign_in(&world.acme, username, &signer).await;
        assert_eq!(signed_in.user_id().await, invited.id);
    }
    let administrator = world.administrator(&world.acme, ADA).await;
    let body = json!({ "email": decomposed, "kind": "CustomerEmployee" });
    let refused = administrator.signed(Method::POST, "/auth/users", Some(&body));
    refused.await.refused(409, "user_exists");
    for misleading in [
        "a\u{202e}b@example.com",
        "a\u{200b}b@example.com",
        "a\u{2028}b@example.com",
    ] {
        let body = json!({ "email": misleading, "kind": "CustomerEmployee" });
        let refused = administrator.signed(Method::POST, "/auth/users", Some(&body));
        refused.await.refused(400, "invalid_field").about("email");
    }
}

/// The code with other dashes, in full-width forms, and with something invisible in it.
fn pasted(code: &str) -> String {
    let symbols = code.chars().map(|symbol| match symbol {
        '-' => '\u{2011}',
        symbol => char::from_u32(u32::from(symbol) + 0xfee0).unwrap(),
    });
    let symbols: Vec<_> = symbols.map(String::from).collect();
    format!(" {}\u{feff}\n", symbols.join("\u{200b}"))
}

#[tokio::test]
async fn a_code_is_taken_however_it_was_pasted() {
    let stage = Stage::new().await;
    let (world, ada) = (&stage.world, &stage.ada);
    let invited = stage.invited(ada).await;
    let invited = Invited {
        code: pasted(&invited.code),
        ..invited
    };
    ada.place.begin_registration(&invited).await.ok();
    let codes = ada.session.code(world.now()).await;
    let begun = ada.place.begin_with_code("Key", &pasted(&codes.long)).await;
    begun.ok();
    let codes = ada.session.code(world.now()).await;
    let begun = ada
        .place
        .begin_with_code("Key", &pasted(&codes.short))
        .await;
    begun.ok();
    let code = stage.mailed_code(ada, "/auth/login/code").await;
    let body = ada.named(json!({ "loginCode": pasted(&code) }));
    ada.place.post("/auth/login/init", &body).await.ok();
    let code = stage.mailed_code(ada, "/auth/recover/user/code").await;
    let body = ada.named(json!({
        "verificationCode": pasted(&code),
        "credentialId": ada.recovery_key.id(),
    }));
    ada.place.post("/auth/recover/user/init", &body).await.ok();
}
