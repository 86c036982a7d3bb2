//! Using credentials.

use latchkey_domain::{
    authority::{Authority, Spendable},
    challenge::{ActionNonce, purpose},
    credential::{Credential, CredentialReference, Material},
    id::{CredentialUuid, UserActionId},
};
use latchkey_service::ports::{
    proof_verifier::{AssertionProof, AuthenticatorState, Used},
    sign_in_store::{CredentialUse, Evidence, UseError},
    store::AuthorityConflict,
};

use crate::{NOW, Person, World, at_once, successes};

cases! { sign_in:
    a_sign_in_is_recorded,
    of_many_sign_ins_with_one_challenge_one_succeeds,
    a_counter_grows,
    a_counter_that_went_back_changes_nothing,
    a_counter_may_stay_at_zero,
    of_many_uses_with_one_count_one_succeeds,
    a_credential_that_is_not_active_does_not_sign_in,
    a_regression_is_noted_unless_the_answer_was_sent_again,
    a_signed_action_is_a_use_of_its_credential,
    of_many_actions_with_one_challenge_one_succeeds,
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

impl World {
    /// The authority of a sign-in that the service did not bind to a credential.
    pub fn sign_in(&self, person: &Person) -> Authority {
        let challenge = self.challenge(&person.user.organization, purpose::Login { user: None });
        Authority::of_sign_in(&challenge, &person.user.id, person.user.epoch)
    }

    /// A person with a key and a passkey.
    pub async fn with_passkey(&self) -> Person {
        let tenant = self.tenant("Example").await;
        let mut person = self.person(&tenant, 1).await;
        let passkey = self.passkey(&person.user, &tenant.application);
        self.create(&person, passkey.clone()).await;
        person.credentials.push(passkey);
        person
    }

    /// What proves that the credential signed some action.
    pub fn evidence(&self, credential: &Credential) -> Evidence {
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
            id: UserActionId::from_random(&self.draw()),
            action: self.action(),
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
        .sign_ins
        .sign_in(world.sign_in(&person), used(uuid, None))
        .await
        .unwrap();
    assert_eq!(kept(&world, &person, uuid).await.last_used, Some(NOW));
    let other = &person.credentials[1].uuid;
    assert_eq!(kept(&world, &person, other).await.last_used, None);
}

async fn of_many_sign_ins_with_one_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = world.sign_in(&person);
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        let uses = used(&person.credentials[0].uuid, None);
        async move { stores.sign_ins.sign_in(authority, uses).await }
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
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    for sign_count in [1, 2, 1_000, u32::MAX] {
        world
            .sign_ins
            .sign_in(world.sign_in(&person), used(passkey, Some(sign_count)))
            .await
            .unwrap();
        assert_eq!(count(&world, &person).await, (sign_count, true));
    }
}

async fn a_counter_that_went_back_changes_nothing(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    let first = world.sign_in(&person);
    world
        .sign_ins
        .sign_in(first, used(passkey, Some(7)))
        .await
        .unwrap();
    let authority = world.sign_in(&person);
    for sign_count in [7, 6, 0] {
        let outcome = world
            .sign_ins
            .sign_in(authority.clone(), used(passkey, Some(sign_count)));
        assert!(matches!(outcome.await, Err(UseError::CounterRegressed)));
    }
    assert_eq!(count(&world, &person).await, (7, true));
    world
        .sign_ins
        .sign_in(authority, used(passkey, Some(8)))
        .await
        .unwrap();
}

async fn a_counter_may_stay_at_zero(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    for _time in 0..2 {
        world
            .sign_ins
            .sign_in(world.sign_in(&person), used(passkey, Some(0)))
            .await
            .unwrap();
    }
}

async fn of_many_uses_with_one_count_one_succeeds(world: World) {
    let person = world.with_passkey().await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.sign_in(&person));
        let uses = used(&person.credentials[1].uuid, Some(5));
        async move { stores.sign_ins.sign_in(authority, uses).await }
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
        .credentials
        .set_active(authority, second, false, NOW)
        .await
        .unwrap();
    let outcome = world
        .sign_ins
        .sign_in(world.sign_in(&person), used(second, None))
        .await;
    assert!(matches!(
        outcome,
        Err(UseError::Authority(AuthorityConflict::Void))
    ));
}

async fn a_regression_is_noted_unless_the_answer_was_sent_again(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    let used_up = world.sign_in(&person);
    let sent_again = used_up.spends()[0].clone();
    let signed_in = world.sign_ins.sign_in(used_up, used(passkey, Some(1)));
    signed_in.await.unwrap();
    let fresh = world.sign_in(&person).spends()[0].clone();
    for (challenge, is_noted) in [(sent_again, false), (fresh, true)] {
        let noted = world
            .credentials
            .note_counter_regression(passkey, &challenge, NOW);
        assert_eq!(noted.await.unwrap(), is_noted);
    }
}

async fn of_many_actions_with_one_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = world.sign_in(&person);
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        let uses = used(&person.credentials[0].uuid, None);
        let evidence = world.evidence(&person.credentials[0]);
        async move { stores.sign_ins.sign_action(authority, uses, evidence).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
}

async fn a_signed_action_is_a_use_of_its_credential(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1];
    let uses = used(&passkey.uuid, Some(1));
    let evidence = world.evidence(passkey);
    let signed = world
        .sign_ins
        .sign_action(world.sign_in(&person), uses, evidence);
    signed.await.unwrap();
    assert_eq!(count(&world, &person).await, (1, true));
    let credential = kept(&world, &person, &passkey.uuid).await;
    assert_eq!(credential.last_used, Some(NOW));
}

async fn an_action_that_nobody_signed_is_refused(world: World) {
    let person = world.someone().await;
    let evidence = world.evidence(&person.credentials[0]);
    let authority = world.sign_in(&person);
    let outcome = world
        .sign_ins
        .sign_action(authority.clone(), vec![], evidence);
    assert!(matches!(outcome.await, Err(UseError::Store(_))));
    assert_eq!(world.standing(&authority).await, Ok(()));
}
