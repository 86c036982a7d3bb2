//! What holds for the credentials of an account as a whole.

use std::time::Duration;

use axum::http::Method;
use latchkey_domain::{
    credential::{Credential, MadeBy, Material, Provenance},
    time::Timestamp,
};
use latchkey_service::ports::account_store::AccountStore;
use latchkey_testkit::authenticator::passkey::{BACKED_UP, BACKUP_ELIGIBLE};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::{ENCRYPTED_PRIVATE_KEY, FACTORS, KINDS, Signer},
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
async fn no_request_forces_the_last_one_out() {
    let world = World::new().await;
    let ada = world.ada().await;
    let uuid = ada.uuid_of(&ada.signer).await;
    let body = json!({ "credentialUuid": uuid, "force": true });
    let path = "/auth/credentials/deactivate";
    let refused = ada.signed(Method::PUT, path, Some(&body)).await;
    refused.refused(409, "last_credential");
    let path = format!("/auth/credentials/{uuid}?force=true");
    let refused = ada.signed(Method::DELETE, &path, None).await;
    refused.refused(409, "last_credential");
}

#[tokio::test]
async fn a_recovery_key_neither_signs_in_nor_signs_actions() {
    let world = World::new().await;
    let ada = world.ada().await;
    let recovery = Signer::recovery_key();
    ada.create(&recovery).await.ok();
    let place = world.stranger();
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

async fn with_id(ada: &SignedIn, kind: &str, id: &str) -> Answer {
    let signer = Signer::of(kind, ONE);
    signer.change_key(|client| id.clone_into(&mut client.credential_id));
    ada.create(&signer).await
}

#[tokio::test]
async fn a_credential_id_is_unique_in_its_organization_whatever_its_padding_and_kind() {
    let world = World::new().await;
    let ada = world.ada().await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    with_id(&ada, "Key", "AQ==").await.ok();
    let mut seen = Vec::new();
    for user in [&ada, &bob] {
        for kind in ["Key", "PasswordProtectedKey", "RecoveryKey"] {
            for id in ["AQ==", "AQ", "AQ="] {
                let refused = with_id(user, kind, id).await;
                refused.refused(409, "credential_id_taken");
                seen.push(refused.fingerprint());
            }
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "it tells whose it is: {seen:#?}");
    with_id(&ada, "Key", "aq").await.ok();
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
async fn another_organization_may_use_the_same_credential_id() {
    let world = World::new().await;
    let ada = world.ada().await;
    let eve = world.member(&world.rival, ADA, &Signer::key()).await;
    for user in [&ada, &eve] {
        with_id(user, "Key", "the-same").await.ok();
    }
}

#[tokio::test]
async fn a_deleted_credential_id_is_free_again_and_an_inactive_one_is_not() {
    let world = World::new().await;
    let ada = world.ada().await;
    let made = with_id(&ada, "Key", "mine").await.ok();
    let uuid = made["credentialUuid"].as_str().unwrap();
    ada.deactivate(uuid).await.ok();
    let refused = with_id(&ada, "Key", "mine").await;
    refused.refused(409, "credential_id_taken");
    ada.remove(uuid).await.ok();
    with_id(&ada, "RecoveryKey", "mine").await.ok();
}

#[tokio::test]
async fn a_credential_id_may_not_look_like_a_uuid() {
    let world = World::new().await;
    let ada = world.ada().await;
    let refused = with_id(&ada, "Key", "cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa").await;
    refused
        .refused(400, "invalid_field")
        .about("credentialInfo.credId");
}

#[tokio::test]
async fn a_user_has_at_most_a_hundred_credentials() {
    let world = World::with(Circumstances::unlimited()).await;
    let ada = world.ada().await;
    let [mut last, mut kept] = [Value::Null, Value::Null];
    for number in 1..100 {
        let kind = KINDS[1 + number % 3];
        last = ada.create(&Signer::of(kind, ONE)).await.ok();
        if number == 1 {
            kept = last.clone();
        }
    }
    assert_eq!(ada.credentials().await.len(), 100);
    let refused = ada.create(&Signer::key()).await;
    refused.refused(409, "too_many_credentials");
    let codes = ada.code(world.now()).await;
    let refused = world.stranger().enrol(&codes.short, &Signer::key()).await;
    refused.refused(409, "too_many_credentials");
    ada.remove(last["credentialUuid"].as_str().unwrap())
        .await
        .ok();
    ada.create(&Signer::key()).await.ok();
    assert_ne!(kept, last);
}

async fn kept_credentials(world: &World, ada: &SignedIn) -> Vec<Credential> {
    let user = ada.user_id().await.parse().unwrap();
    let account = AccountStore::find(&world.store, &user).await.unwrap();
    account.unwrap().credentials
}

#[tokio::test]
async fn how_and_by_whom_a_credential_was_made_is_kept() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger().at(ONE).from("198.51.100.7");
    let codes = ada.code(world.now()).await;
    world.wait(Duration::from_millis(1));
    place.enrol(&codes.short, &Signer::key()).await.ok();
    world.wait(Duration::from_millis(1));
    ada.create(&Signer::key()).await.ok();

    let by = ada.uuid_of(&ada.signer).await;
    let mut seen = Vec::new();
    for credential in kept_credentials(&world, &ada).await {
        let Provenance {
            made_by,
            origin,
            address,
        } = credential.provenance;
        let how = match made_by {
            MadeBy::Registration => "registration".to_owned(),
            MadeBy::Credential { credential, .. } => format!("credential {credential}"),
            MadeBy::Code { credential, .. } => format!("code of {credential}"),
            MadeBy::Recovery { credential } => format!("recovery with {credential}"),
        };
        let origin = origin.map(|origin| origin.to_string());
        seen.push((how, origin, address.to_string()));
    }
    assert_eq!(
        seen,
        [
            ("registration".to_owned(), None, "192.0.2.1".to_owned()),
            (
                format!("code of {by}"),
                Some(ONE.to_owned()),
                "198.51.100.7".to_owned()
            ),
            (format!("credential {by}"), None, "192.0.2.1".to_owned()),
        ]
    );
}

#[tokio::test]
async fn what_an_authenticator_tells_is_kept_and_kept_up_to_date() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    passkey.change_passkey(|passkey| {
        passkey.quirks.aaguid = [7; 16];
        passkey.quirks.set_flags = BACKUP_ELIGIBLE;
    });
    let ada = world.member(&world.acme, ADA, &passkey).await;
    let facts = async || {
        let kept = kept_credentials(&world, &ada).await.remove(0);
        let Material::Fido2(kept_passkey) = kept.material else {
            panic!("not a passkey");
        };
        assert_eq!(kept_passkey.aaguid.as_bytes(), &[7; 16]);
        assert!(kept_passkey.backup_eligible);
        let used = kept.last_used.map(Timestamp::unix_milliseconds);
        (kept_passkey.backed_up, kept_passkey.sign_count, used)
    };
    let first = world.now();
    assert_eq!(facts().await, (false, 1, Some(first)));
    world.wait(Duration::from_mins(1));
    passkey.change_passkey(|passkey| passkey.quirks.set_flags |= BACKED_UP);
    ada.user_action(&Method::POST, "/x", "").await;
    assert_eq!(facts().await, (true, 2, Some(first + 60_000)));
}
