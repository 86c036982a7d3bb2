//! Using credentials.

use latchkey_domain::{
    authority::{Authority, Spendable},
    challenge::{ActionNonce, purpose},
    credential::{Credential, CredentialReference, Material},
    id::{ChallengeId, CredentialUuid, UserActionId},
};
use latchkey_service::ports::{
    proof_verifier::{AssertionProof, AuthenticatorState, Used},
    sign_in_store::{CredentialUse, Evidence, UseError},
};

use crate::{NOW, Person, Spent, Void, World, assert_one, at_once, conflict, successes};

cases! { sign_in:
    a_sign_in_is_recorded,
    of_many_sign_ins_with_one_challenge_one_succeeds,
    a_counter_grows,
    a_counter_that_went_back_changes_nothing,
    a_counter_may_stay_at_zero,
    of_many_uses_with_one_count_one_succeeds,
    a_credential_that_is_not_active_does_not_sign_in,
    two_factors_are_used_together_or_not_at_all,
    a_regression_is_noted_unless_the_answer_was_sent_again,
    a_signed_action_is_a_use_of_its_credential,
    of_many_actions_with_one_challenge_one_succeeds,
    of_many_actions_that_spend_a_challenge_one_succeeds,
    an_action_that_was_signed_stays_as_it_was,
    an_action_that_nobody_signed_is_refused,
}

pub(crate) fn used(credential: &CredentialUuid, count: Option<u32>) -> Vec<CredentialUse> {
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
        let challenge = self.challenge(&person.user.organization, purpose::Login::default());
        Authority::of_sign_in(&challenge, &person.user.id, person.user.epoch)
    }

    /// A person with a key and a passkey.
    pub async fn with_passkey(&self) -> Person {
        let tenant = self.tenant("Example").await;
        self.person_with_passkey(&tenant, 1).await
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
            public_key: credential.material.public_key().clone(),
            date: NOW,
        }
    }
}

/// The challenge that is used up.
fn challenge_of(authority: &Authority) -> ChallengeId {
    authority.spends()[0].id.parse().unwrap()
}

/// Signs somebody in with that.
async fn use_of(world: &World, person: &Person, uses: Vec<CredentialUse>) -> Result<(), UseError> {
    let authority = world.sign_in(person);
    world.sign_ins.sign_in(authority, uses).await
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
    use_of(&world, &person, used(uuid, None)).await.unwrap();
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
    assert_one(&outcomes, Spent(Spendable::Challenge));
}

async fn a_counter_grows(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    for sign_count in [1, 2, 1_000, u32::MAX] {
        use_of(&world, &person, used(passkey, Some(sign_count)))
            .await
            .unwrap();
        assert_eq!(count(&world, &person).await, (sign_count, true));
    }
}

async fn a_counter_that_went_back_changes_nothing(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    let first = use_of(&world, &person, used(passkey, Some(7))).await;
    first.unwrap();
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
        use_of(&world, &person, used(passkey, Some(0)))
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
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    world.set_active(&person, second, false).await;
    for uses in [
        used(second, None),
        [used(first, None), used(second, None)].concat(),
    ] {
        let outcome = use_of(&world, &person, uses).await;
        assert_eq!(conflict(&outcome), Void);
    }
    assert_eq!(kept(&world, &person, first).await.last_used, None);
}

async fn two_factors_are_used_together_or_not_at_all(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let other = world.person(&tenant, 1).await;
    let [key, passkey] = [0, 1].map(|index| &person.credentials[index].uuid);
    let authority = world.sign_in(&person);
    let with_key = async |second: &CredentialUuid, count| {
        let uses = [used(key, None), used(second, count)].concat();
        world.sign_ins.sign_in(authority.clone(), uses).await
    };
    let foreign = with_key(&other.credentials[0].uuid, None).await;
    assert_eq!(conflict(&foreign), Void);
    let once = use_of(&world, &person, used(passkey, Some(7))).await;
    once.unwrap();
    let regressed = with_key(passkey, Some(7)).await;
    assert!(matches!(regressed, Err(UseError::CounterRegressed)));
    assert_eq!(kept(&world, &person, key).await.last_used, None);
    with_key(passkey, Some(8)).await.unwrap();
    assert_eq!(kept(&world, &person, key).await.last_used, Some(NOW));
    assert_eq!(count(&world, &person).await, (8, true));
}

async fn a_regression_is_noted_unless_the_answer_was_sent_again(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1].uuid;
    let used_up = world.sign_in(&person);
    let sent_again = challenge_of(&used_up);
    let signed_in = world.sign_ins.sign_in(used_up, used(passkey, Some(1)));
    signed_in.await.unwrap();
    let fresh = challenge_of(&world.sign_in(&person));
    let signed_with = ChallengeId::from_random(&world.draw());
    let signed = world.sign_ins.sign_action(
        Authority::of_session(&world.session(&person)),
        used(&person.credentials[0].uuid, None),
        Evidence {
            id: UserActionId::of(&signed_with),
            ..world.evidence(&person.credentials[0])
        },
    );
    signed.await.unwrap();
    for (challenge, is_noted) in [(&sent_again, false), (&signed_with, false), (&fresh, true)] {
        let noted = world
            .credentials
            .note_counter_regression(passkey, challenge, NOW);
        assert_eq!(noted.await.unwrap(), is_noted);
    }
    world.delete(&person, passkey).await;
    let of_the_gone = world
        .credentials
        .note_counter_regression(passkey, &fresh, NOW);
    assert!(!of_the_gone.await.unwrap());
}

async fn of_many_actions_with_one_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let [key, other] = [0, 1].map(|index| used(&person.credentials[index].uuid, None));
    // Two factors are kept in another way than one.
    for uses in [key.clone(), [key, other].concat()] {
        let authority = Authority::of_session(&world.session(&person));
        let evidence = world.evidence(&person.credentials[0]);
        let outcomes = at_once(|index| {
            let (stores, authority) = (world.replica(index), authority.clone());
            let (uses, evidence) = (uses.clone(), evidence.clone());
            async move { stores.sign_ins.sign_action(authority, uses, evidence).await }
        })
        .await;
        assert_one(&outcomes, Spent(Spendable::Challenge));
    }
}

async fn of_many_actions_that_spend_a_challenge_one_succeeds(world: World) {
    let person = world.someone().await;
    let authority = world.sign_in(&person);
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        let uses = used(&person.credentials[0].uuid, None);
        let evidence = world.evidence(&person.credentials[0]);
        async move { stores.sign_ins.sign_action(authority, uses, evidence).await }
    })
    .await;
    assert_one(&outcomes, Spent(Spendable::Challenge));
}

async fn an_action_that_was_signed_stays_as_it_was(world: World) {
    let person = world.with_passkey().await;
    let passkey = &person.credentials[1];
    let evidence = world.evidence(passkey);
    let sign = async |sign_count| {
        let authority = Authority::of_session(&world.session(&person));
        let uses = used(&passkey.uuid, Some(sign_count));
        let signed = world
            .sign_ins
            .sign_action(authority, uses, evidence.clone());
        signed.await
    };
    sign(5).await.unwrap();
    // With the counter it had, too: an answer that is sent again is no sign of a second authenticator.
    for sign_count in [5, 6] {
        let again = sign(sign_count).await;
        assert_eq!(conflict(&again), Spent(Spendable::Challenge));
    }
    assert_eq!(count(&world, &person).await, (5, true));
    world.set_active(&person, &passkey.uuid, false).await;
    assert_eq!(conflict(&sign(7).await), Void);
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
