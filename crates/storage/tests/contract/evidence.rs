//! What is kept of uses of credentials, and no port gives back.

use latchkey_domain::id::ChallengeId;
use latchkey_service::ports::sign_in_store::{CredentialUse, Evidence};
use latchkey_store_contract::{NOW, Person};

use crate::world::SqlWorld;

on_both! {
    an_action_is_kept_with_its_evidence,
    a_passkeys_evidence_has_its_authenticator_data,
    evidence_outlives_the_credential,
    a_regression_is_noted,
}

/// Signs an action with the second credential of that person.
async fn sign_action(world: &SqlWorld, person: &Person) -> Evidence {
    let evidence = world.evidence(&person.credentials[1]);
    let uses = vec![CredentialUse {
        credential: person.credentials[1].uuid.clone(),
        state: None,
        date: NOW,
    }];
    let signed = world
        .sign_ins
        .sign_action(world.sign_in(person), uses, evidence.clone());
    signed.await.unwrap();
    evidence
}

async fn an_action_is_kept_with_its_evidence(world: SqlWorld) {
    let person = world.someone().await;
    let evidence = sign_action(&world, &person).await;
    let row = format!(
        "user_actions WHERE id = '{}' AND organization_id = '{}' AND user_id = '{}' \
         AND method = 'POST' AND path = '/auth/credentials?x=1' AND credential = '{}' \
         AND kind = 'Key' AND algorithm = 'SHA512' AND authenticator_data IS NULL \
         AND signed_at = {}",
        evidence.id,
        person.user.organization,
        person.user.id,
        person.credentials[1].uuid,
        NOW.unix_milliseconds()
    );
    assert_eq!(world.sql.count(&row).await, 1);
    // None of them has what is meant for another one.
    for (column, kept) in [
        ("signature", evidence.proof.signature.as_slice()),
        ("client_data", evidence.proof.client_data.as_slice()),
        ("payload_digest", evidence.action.payload.as_bytes()),
        ("nonce", evidence.nonce.as_bytes()),
        ("public_key", evidence.public_key.spki_der()),
    ] {
        let select = format!("SELECT {column} FROM user_actions");
        let found: Vec<u8> = world.sql.ask(&select).await;
        assert_eq!(found, kept, "{column}");
    }
}

async fn a_passkeys_evidence_has_its_authenticator_data(world: SqlWorld) {
    let person = world.with_passkey().await;
    sign_action(&world, &person).await;
    let row = "user_actions WHERE kind = 'Fido2' AND length(authenticator_data) = 2";
    assert_eq!(world.sql.count(row).await, 1);
}

async fn evidence_outlives_the_credential(world: SqlWorld) {
    let person = world.someone().await;
    let evidence = sign_action(&world, &person).await;
    let (authority, second) = (world.authority(&person), &person.credentials[1].uuid);
    world.credentials.delete(authority, second).await.unwrap();
    let kept: Vec<u8> = world.sql.ask("SELECT public_key FROM user_actions").await;
    assert_eq!(kept, evidence.public_key.spki_der());
}

async fn a_regression_is_noted(world: SqlWorld) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    let challenge = ChallengeId::from_random(&[9; 32]);
    let noted = world
        .credentials
        .note_counter_regression(passkey, &challenge, NOW);
    assert!(noted.await.unwrap());
    let when = format!(
        "credentials WHERE id = '{passkey}' AND counter_regressed_at = {}",
        NOW.unix_milliseconds()
    );
    assert_eq!(world.sql.count(&when).await, 1);
}
