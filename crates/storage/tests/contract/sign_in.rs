//! Using credentials.

use latchkey_domain::{
    authority::{Authority, Spendable},
    challenge::{ActionNonce, Purpose},
    credential::{Credential, CredentialReference, Material},
    id::{CredentialUuid, UserActionId},
};
use latchkey_service::ports::{
    credential_store::CredentialStore as _,
    proof_verifier::{AssertionProof, AuthenticatorState, Used},
    sign_in_store::{CredentialUse, Evidence, SignInStore as _, UseError},
    store::AuthorityConflict,
};

use crate::{
    people::{Person, some_action},
    world::{NOW, World, at_once, successes},
};

contract! {
    a_sign_in_is_recorded,
    of_many_sign_ins_with_one_challenge_one_succeeds,
    a_counter_grows,
    a_counter_that_went_back_changes_nothing,
    a_counter_may_stay_at_zero,
    of_many_uses_with_one_count_one_succeeds,
    a_credential_that_is_not_active_does_not_sign_in,
    a_regression_is_noted,
    an_action_is_kept_with_its_evidence,
    a_passkeys_evidence_has_its_authenticator_data,
    of_many_actions_with_one_challenge_one_succeeds,
    evidence_outlives_the_credential,
    an_action_that_nobody_signed_is_refused,
}

fn used(credential: &CredentialUuid, count: Option<u32>) -> Vec<CredentialUse> {
    vec![CredentialUse {
        credential: credential.clone(),
        state: count.map(|sign_count| AuthenticatorState {
            sign_count,
            backed_up: true,
        }),
        date: NOW,
    }]
}

/// The authority of a sign-in that the service did not bind to a credential.
fn sign_in(world: &World, person: &Person) -> Authority {
    let challenge = world.challenge(&person.user.organization, Purpose::Login { user: None });
    Authority::of_sign_in(&challenge, &person.user.id, person.user.epoch)
}

/// A person with a passkey, which comes second.
async fn with_passkey(world: &World) -> Person {
    let tenant = world.tenant("Example").await;
    let mut person = world.person(&tenant, 1).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    let authority = world.authority(&person);
    world
        .store
        .create(authority, passkey.clone())
        .await
        .unwrap();
    person.credentials.push(passkey);
    person
}

async fn kept(world: &World, person: &Person, credential: &CredentialUuid) -> Credential {
    let credentials = world.credentials_of(person).await;
    credentials
        .into_iter()
        .find(|kept| kept.uuid == *credential)
        .unwrap()
}

async fn count(world: &World, person: &Person) -> (u32, bool) {
    let credential = kept(world, person, &person.credentials[1].uuid).await;
    let Material::Fido2(passkey) = credential.material else {
        panic!("it is a passkey");
    };
    (passkey.sign_count, passkey.backed_up)
}

async fn a_sign_in_is_recorded(world: World) {
    let person = world.someone().await;
    let uuid = &person.credentials[0].uuid;
    world
        .store
        .sign_in(sign_in(&world, &person), used(uuid, None))
        .await
        .unwrap();
    assert_eq!(kept(&world, &person, uuid).await.last_used, Some(NOW));
    let other = &person.credentials[1].uuid;
    assert_eq!(kept(&world, &person, other).await.last_used, None);
}

async fn of_many_sign_ins_with_one_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = sign_in(&world, &person);
    let outcomes = at_once(|index| {
        let (store, authority) = (world.replica(index), authority.clone());
        let uses = used(&person.credentials[0].uuid, None);
        async move { store.sign_in(authority, uses).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(
            outcome,
            UseError::Authority(AuthorityConflict::Spent(Spendable::Challenge))
        ));
    }
}

async fn a_counter_grows(world: World) {
    let person = with_passkey(&world).await;
    let passkey = &person.credentials[1].uuid;
    for sign_count in [1, 2, 1_000, u32::MAX] {
        world
            .store
            .sign_in(sign_in(&world, &person), used(passkey, Some(sign_count)))
            .await
            .unwrap();
        assert_eq!(count(&world, &person).await, (sign_count, true));
    }
}

async fn a_counter_that_went_back_changes_nothing(world: World) {
    let person = with_passkey(&world).await;
    let passkey = &person.credentials[1].uuid;
    let store = &world.store;
    let first = sign_in(&world, &person);
    store.sign_in(first, used(passkey, Some(7))).await.unwrap();
    let spent = world.count("spent").await;
    let authority = sign_in(&world, &person);
    for sign_count in [7, 6, 0] {
        let outcome = store.sign_in(authority.clone(), used(passkey, Some(sign_count)));
        assert!(matches!(outcome.await, Err(UseError::CounterRegressed)));
    }
    assert_eq!(count(&world, &person).await, (7, true));
    assert_eq!(world.count("spent").await, spent);
    store
        .sign_in(authority, used(passkey, Some(8)))
        .await
        .unwrap();
}

async fn a_counter_may_stay_at_zero(world: World) {
    let person = with_passkey(&world).await;
    let passkey = &person.credentials[1].uuid;
    for _time in 0..2 {
        world
            .store
            .sign_in(sign_in(&world, &person), used(passkey, Some(0)))
            .await
            .unwrap();
    }
}

async fn of_many_uses_with_one_count_one_succeeds(world: World) {
    let person = with_passkey(&world).await;
    let outcomes = at_once(|index| {
        let (store, authority) = (world.replica(index), sign_in(&world, &person));
        let uses = used(&person.credentials[1].uuid, Some(5));
        async move { store.sign_in(authority, uses).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(UseError::CounterRegressed)));
    }
}

async fn a_credential_that_is_not_active_does_not_sign_in(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let authority = world.authority(&person);
    world
        .store
        .set_active(authority, second, false, NOW)
        .await
        .unwrap();
    let outcome = world
        .store
        .sign_in(sign_in(&world, &person), used(second, None))
        .await;
    assert!(matches!(
        outcome,
        Err(UseError::Authority(AuthorityConflict::Void))
    ));
}

async fn a_regression_is_noted(world: World) {
    let person = with_passkey(&world).await;
    let passkey = &person.credentials[1].uuid;
    let store = &world.store;
    let used_up = sign_in(&world, &person);
    let sent_again = used_up.spends()[0].clone();
    store
        .sign_in(used_up, used(passkey, Some(1)))
        .await
        .unwrap();
    let noted = store.note_counter_regression(passkey, &sent_again, NOW);
    assert!(!noted.await.unwrap());
    let when = "credentials WHERE counter_regressed_at IS NOT NULL";
    assert_eq!(world.count(when).await, 0);

    let fresh = sign_in(&world, &person).spends()[0].clone();
    let noted = store.note_counter_regression(passkey, &fresh, NOW);
    assert!(noted.await.unwrap());
    let when = format!(
        "credentials WHERE id = '{passkey}' AND counter_regressed_at = {}",
        NOW.unix_milliseconds()
    );
    assert_eq!(world.count(&when).await, 1);
}

fn evidence(world: &World, credential: &Credential) -> Evidence {
    let used = match &credential.material {
        Material::Fido2(_) => Used::Fido2 {
            authenticator_data: vec![9, 9],
            user_handle: None,
        },
        Material::PasswordProtectedKey(..) => Used::PasswordProtectedKey { algorithm: None },
        Material::Key(_) | Material::RecoveryKey(..) => Used::Key {
            algorithm: Some("SHA512".to_owned()),
        },
    };
    Evidence {
        id: UserActionId::from_random(&world.draw()),
        action: some_action(),
        nonce: ActionNonce::new([3; 16]),
        proof: AssertionProof {
            credential: CredentialReference::Id(credential.id.clone()),
            client_data: b"{}".to_vec(),
            signature: vec![4; 70],
            used,
        },
        date: NOW,
    }
}

async fn sign_action(world: &World, person: &Person, credential: &Credential) -> Evidence {
    let evidence = evidence(world, credential);
    let uses = used(&credential.uuid, None);
    world
        .store
        .sign_action(sign_in(world, person), uses, evidence.clone())
        .await
        .unwrap();
    evidence
}

async fn an_action_is_kept_with_its_evidence(world: World) {
    let person = world.someone().await;
    let key = &person.credentials[0];
    let evidence = sign_action(&world, &person, key).await;
    let row = format!(
        "user_actions WHERE id = '{}' AND organization_id = '{}' AND user_id = '{}' \
         AND method = 'POST' AND path = '/auth/credentials?x=1' AND credential = '{}' \
         AND kind = 'Key' AND algorithm = 'SHA512' AND authenticator_data IS NULL \
         AND signed_at = {}",
        evidence.id,
        person.user.organization,
        person.user.id,
        key.uuid,
        NOW.unix_milliseconds()
    );
    assert_eq!(world.count(&row).await, 1);
    let hex = data_encoding::HEXLOWER.encode(&evidence.proof.signature);
    let literal = if world.is_postgres() {
        format!("'\\x{hex}'")
    } else {
        format!("x'{hex}'")
    };
    let signature = format!("user_actions WHERE signature = {literal}");
    assert_eq!(world.count(&signature).await, 1);
    assert_eq!(kept(&world, &person, &key.uuid).await.last_used, Some(NOW));
}

async fn a_passkeys_evidence_has_its_authenticator_data(world: World) {
    let person = with_passkey(&world).await;
    let passkey = &person.credentials[1];
    let uses = used(&passkey.uuid, Some(1));
    world
        .store
        .sign_action(sign_in(&world, &person), uses, evidence(&world, passkey))
        .await
        .unwrap();
    let row = "user_actions WHERE kind = 'Fido2' AND length(authenticator_data) = 2";
    assert_eq!(world.count(row).await, 1);
    assert_eq!(count(&world, &person).await, (1, true));
}

async fn of_many_actions_with_one_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = sign_in(&world, &person);
    let outcomes = at_once(|index| {
        let (store, authority) = (world.replica(index), authority.clone());
        let uses = used(&person.credentials[0].uuid, None);
        let evidence = evidence(&world, &person.credentials[0]);
        async move { store.sign_action(authority, uses, evidence).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    assert_eq!(world.count("user_actions").await, 1);
}

async fn evidence_outlives_the_credential(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1];
    sign_action(&world, &person, second).await;
    world
        .store
        .delete(world.authority(&person), &second.uuid)
        .await
        .unwrap();
    let kept = "user_actions WHERE length(public_key) = 32";
    assert_eq!(world.count(kept).await, 1);
}

async fn an_action_that_nobody_signed_is_refused(world: World) {
    let person = world.someone().await;
    let evidence = evidence(&world, &person.credentials[0]);
    let spent = world.count("spent").await;
    let outcome = world
        .store
        .sign_action(sign_in(&world, &person), vec![], evidence)
        .await;
    assert!(matches!(outcome, Err(UseError::Store(_))));
    assert_eq!(world.count("spent").await, spent);
}
