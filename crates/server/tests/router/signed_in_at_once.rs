//! Sessions that begin with a credential that was just made: nobody proves to hold it a second time.

use latchkey_domain::organization::{Approval, CodeSignIn};
use latchkey_testkit::authenticator::passkey::USER_VERIFIED;
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::{FACTORS, Signer},
    stranger::{Invited, Stranger},
    world::{ADA, ONE, TWO, World},
};

/// Registers with one credential, and asks for a session or not.
async fn register(place: &Stranger, invited: &Invited, signer: &Signer, sign_in: bool) -> Answer {
    let challenge = place.begin_registration(invited).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({
        "firstFactorCredential": signer.create(&challenge),
        "signIn": sign_in,
    });
    place.bearing(token).post("/auth/registration", &body).await
}

/// Makes a credential with a code, and asks for a session.
async fn enrol(place: &Stranger, code: &str, signer: &Signer) -> Answer {
    let challenge = place.begin_with_code(signer.kind(), code).await.ok();
    let mut body = signer.named_credential(&challenge, "Second place");
    body["signIn"] = json!(true);
    place.post("/auth/credentials/code/verify", &body).await
}

/// The session of an answer.
fn session(answer: &Value, place: &Stranger, signer: &Signer) -> SignedIn {
    let token = answer["authentication"]["token"].as_str().unwrap();
    SignedIn::new(place, token, signer)
}

#[tokio::test]
async fn whoever_registers_is_signed_in_with_exactly_what_was_made_where_that_is_asked_for() {
    for kind in FACTORS {
        let world = World::new().await;
        let place = world.stranger().at(ONE);
        let signer = Signer::of(kind, ONE);
        let invited = world.invite(&world.acme, ADA).await;
        let registered = register(&place, &invited, &signer, true).await.ok();
        let ada = session(&registered, &place, &signer);
        let told = ada.get("/auth/session").await.ok();
        let uuid = &registered["credential"]["uuid"];
        assert_eq!(told["credentialUuid"], *uuid, "{told}");
        let used = ada.credential_of(&signer).await;
        assert_eq!(used["credentialUuid"], *uuid);
        assert_eq!(used["lastUsedAt"], used["dateCreated"]);
        // It reads; what it changes is signed as ever.
        let body = json!({ "credentialUuid": uuid });
        let refused = ada.place().put("/auth/credentials/deactivate", &body).await;
        refused.refused(403, "user_action_invalid");
        ada.create(&Signer::key()).await.ok();
        // It ends with its credential, and with all sessions.
        let other = place.sign_in(&world.acme, ADA, &signer).await;
        other.log_out(true).await.ok();
        assert!(!ada.is_signed_in().await);
    }
}

#[tokio::test]
async fn whoever_does_not_ask_for_a_session_gets_the_answer_as_it_was() {
    let world = World::new().await;
    world
        .set_code_sign_in(&world.acme, CodeSignIn::AtOnce)
        .await;
    let place = world.stranger().at(ONE);
    let signer = Signer::passkey(ONE);
    let invited = world.invite(&world.acme, ADA).await;
    let registered = register(&place, &invited, &signer, false).await.ok();
    assert_eq!(registered.get("authentication"), None);
    let ada = place.sign_in(&world.acme, ADA, &signer).await;
    let codes = ada.code(world.now()).await;
    let there = world.stranger().at(TWO);
    let made = there.enrol(&codes.short, &Signer::passkey(TWO)).await.ok();
    assert_eq!(made.get("authentication"), None);
    assert_eq!(made.get("lastUsedAt"), None);
}

#[tokio::test]
async fn what_does_not_show_who_used_it_makes_nothing_and_begins_nothing() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    let signer = Signer::passkey(ONE);
    signer.change_passkey(|client| client.quirks.clear_flags = USER_VERIFIED);
    let invited = world.invite(&world.acme, ADA).await;
    let refused = register(&place, &invited, &signer, true).await;
    refused.refused(400, "proof_refused");
    signer.change_passkey(|client| client.quirks.clear_flags = 0);
    register(&place, &invited, &signer, true).await.ok();
}

#[tokio::test]
async fn a_code_signs_in_at_once_where_the_organization_lets_it_and_nowhere_else() {
    let world = World::new().await;
    let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
    let place = world.stranger().at(TWO);
    for (code_sign_in, approval, kind, is_signed_in) in [
        (CodeSignIn::Never, Approval::Never, "Fido2", false),
        (CodeSignIn::AtOnce, Approval::Never, "Fido2", true),
        (CodeSignIn::AtOnce, Approval::Never, "Key", true),
        (CodeSignIn::AtOnce, Approval::Never, "RecoveryKey", false),
        (CodeSignIn::AtOnce, Approval::Always, "Fido2", false),
    ] {
        world.set_code_sign_in(&world.acme, code_sign_in).await;
        world.set_approval(&world.acme, approval).await;
        let codes = ada.code(world.now()).await;
        let signer = Signer::of(kind, TWO);
        let made = enrol(&place, &codes.short, &signer).await.ok();
        let has_one = made.get("authentication").is_some();
        assert_eq!(has_one, is_signed_in, "{made}");
        assert_eq!(made.get("lastUsedAt").is_some(), is_signed_in, "{made}");
        if !is_signed_in {
            continue;
        }
        let there = session(&made, &place, &signer);
        let told = there.get("/auth/session").await.ok();
        assert_eq!(told["credentialUuid"], made["credentialUuid"], "{told}");
        // Taking the credential away ends it.
        let uuid = made["credentialUuid"].as_str().unwrap();
        ada.deactivate(uuid).await.ok();
        assert!(!there.is_signed_in().await);
    }
}

#[tokio::test]
async fn a_session_that_began_at_once_takes_nothing_over_with_what_is_fresh() {
    let world = World::new().await;
    let ada = world.member(&world.acme, ADA, &Signer::passkey(ONE)).await;
    world.set_freshness(&world.acme, "24h").await;
    world
        .set_code_sign_in(&world.acme, CodeSignIn::AtOnce)
        .await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let signer = Signer::passkey(TWO);
    let made = enrol(&place, &codes.short, &signer).await.ok();
    let there = session(&made, &place, &signer);
    let refused = there.renew_recovery_key(&Signer::recovery_key()).await;
    refused.refused(403, "credential_fresh");
    there.log_out(true).await.refused(403, "credential_fresh");
    there.log_out(false).await.ok();
    assert!(!there.is_signed_in().await);
    assert!(ada.is_signed_in().await);
}
