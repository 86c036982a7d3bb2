//! Recovering an account.

use latchkey_domain::{
    authority::{Authority, Spendable},
    challenge::purpose,
    credential::Credential,
    credential_code::CodeState,
    user::{Epoch, User},
};
use latchkey_service::ports::credential_store::CreateError;

use crate::{Person, Spent, Tenant, Void, World, at_once, conflict, successes};

cases! { recovery:
    recovering_replaces_every_credential,
    recovering_ends_sessions_codes_and_authorities,
    an_id_that_the_user_had_is_free,
    two_new_credentials_of_one_id_recover_nothing,
    a_failed_recovery_changes_nothing,
    a_recovery_needs_its_key_its_user_and_its_epoch,
    of_many_recoveries_with_one_challenge_one_succeeds,
    of_many_recoveries_one_succeeds,
    users_who_take_each_others_ids_never_wait_in_a_circle,
    recovering_and_adding_a_credential_at_once_leave_only_new_ones,
}

/// Somebody with a key and a recovery key.
struct Forgetful {
    person: Person,
    recovery_key: Credential,
}

async fn forgetful(world: &World, tenant: &Tenant) -> Forgetful {
    let person = world.person(tenant, 1).await;
    let recovery_key = world.recovery_key(&person.user);
    world.create(&person, recovery_key.clone()).await;
    Forgetful {
        person,
        recovery_key,
    }
}

/// The authority of a fresh challenge that this recovery key has answered.
fn authority(world: &World, user: &User, recovery_key: &Credential) -> Authority {
    let challenge = world.challenge(
        &user.organization,
        purpose::Recovery {
            user: user.id.clone(),
            epoch: user.epoch,
            credential: recovery_key.uuid.clone(),
        },
    );
    Authority::of_challenge(&challenge)
}

impl Forgetful {
    fn authority(&self, world: &World) -> Authority {
        authority(world, &self.person.user, &self.recovery_key)
    }

    fn anew(&self, world: &World) -> Vec<Credential> {
        let user = &self.person.user;
        vec![
            world.key(user),
            world.protected_key(user),
            world.recovery_key(user),
        ]
    }
}

fn uuids(credentials: &[Credential]) -> Vec<String> {
    let mut uuids: Vec<_> = credentials.iter().map(|one| one.uuid.to_string()).collect();
    uuids.sort();
    uuids
}

async fn recovering_replaces_every_credential(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let other = forgetful(&world, &tenant).await;
    let anew = ada.anew(&world);
    let authority = ada.authority(&world);
    let recovered = world.recoveries.recover(authority, anew.clone());
    recovered.await.unwrap();

    let account = world.account(&ada.person.user.id).await.unwrap();
    assert_eq!(uuids(&account.credentials), uuids(&anew));
    assert_eq!(account.user.epoch, Epoch::new(1));
    assert_eq!(world.credentials_of(&other.person).await.len(), 2);
}

async fn recovering_ends_sessions_codes_and_authorities(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let session = world.session(&ada.person);
    let action = world.authority(&ada.person);
    let code = world.issued_code(&ada.person).await;
    assert!(world.sessions.is_live(&session).await.unwrap());
    let anew = ada.anew(&world);
    let authority = ada.authority(&world);
    world.recoveries.recover(authority, anew).await.unwrap();

    assert!(!world.sessions.is_live(&session).await.unwrap());
    let held = world.code(&code.long).await.unwrap();
    assert_eq!(held.code.state, CodeState::Cancelled { claim: None });
    let newest = world.newest(&ada.person.user.id).await;
    assert_eq!(newest.map(|code| code.id), Some(code.code.id));
    let added = world.key(&ada.person.user);
    let refused = world.credentials.create(action, added).await;
    assert_eq!(conflict(&refused), Void);
}

async fn an_id_that_the_user_had_is_free(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let mut anew = ada.anew(&world);
    anew[0].id = ada.person.credentials[0].id.clone();
    anew[2].id = ada.recovery_key.id.clone();
    let authority = ada.authority(&world);
    let recovered = world.recoveries.recover(authority, anew.clone());
    recovered.await.unwrap();
    let kept = world.credentials_of(&ada.person).await;
    assert_eq!(uuids(&kept), uuids(&anew));
}

async fn two_new_credentials_of_one_id_recover_nothing(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let mut anew = ada.anew(&world);
    anew[1].id = anew[0].id.clone();
    let refused = world.recoveries.recover(ada.authority(&world), anew).await;
    assert!(matches!(refused, Err(CreateError::CredentialIdTaken)));
    assert_eq!(world.credentials_of(&ada.person).await.len(), 2);
}

async fn a_failed_recovery_changes_nothing(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let other = forgetful(&world, &tenant).await;
    let session = world.session(&ada.person);
    let code = world.issued_code(&ada.person).await;
    let before = world.account(&ada.person.user.id).await.unwrap();

    let mut anew = ada.anew(&world);
    anew[2].id = other.recovery_key.id.clone();
    let authority = ada.authority(&world);
    let refused = world.recoveries.recover(authority.clone(), anew).await;
    assert!(matches!(refused, Err(CreateError::CredentialIdTaken)));
    assert_eq!(world.account(&ada.person.user.id).await, Some(before));
    assert!(world.sessions.is_live(&session).await.unwrap());
    let held = world.code(&code.long).await.unwrap();
    assert_eq!(held.code.state, CodeState::Issued);

    // The challenge is not used up: with ids that are free it goes on.
    let anew = ada.anew(&world);
    world.recoveries.recover(authority, anew).await.unwrap();
}

async fn a_recovery_needs_its_key_its_user_and_its_epoch(world: World) {
    let tenant = world.tenant("Example").await;
    let void = async |ada: &Forgetful, authority: Authority| {
        let refused = world.recoveries.recover(authority, ada.anew(&world)).await;
        assert_eq!(conflict(&refused), Void);
        assert_eq!(world.credentials_of(&ada.person).await.len(), 2);
    };

    let inactive_key = forgetful(&world, &tenant).await;
    let key = &inactive_key.recovery_key.uuid;
    world.set_active(&inactive_key.person, key, false).await;
    void(&inactive_key, inactive_key.authority(&world)).await;

    let moved_on = forgetful(&world, &tenant).await;
    world.end_all(&moved_on.person).await;
    void(&moved_on, moved_on.authority(&world)).await;

    let ada = forgetful(&world, &tenant).await;
    let other = forgetful(&world, &tenant).await;
    let of_other = authority(&world, &ada.person.user, &other.recovery_key);
    void(&ada, of_other).await;

    let user = &ada.person.user.id;
    world.set_user_active(user, false).await;
    void(&ada, ada.authority(&world)).await;
}

async fn of_many_recoveries_with_one_challenge_one_succeeds(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let authority = ada.authority(&world);
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let (authority, anew) = (authority.clone(), ada.anew(&world));
        async move { stores.recoveries.recover(authority, anew).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        // The epoch has moved on, which is looked at before the ledger.
        assert!(matches!(
            refused,
            CreateError::Authority(Void | Spent(Spendable::Challenge))
        ));
    }
    assert_eq!(world.credentials_of(&ada.person).await.len(), 3);
}

async fn of_many_recoveries_one_succeeds(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let (authority, anew) = (ada.authority(&world), ada.anew(&world));
        async move {
            stores
                .recoveries
                .recover(authority, anew.clone())
                .await
                .map(|()| anew)
        }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
    let account = world.account(&ada.person.user.id).await.unwrap();
    assert_eq!(uuids(&account.credentials), uuids(&winner));
    assert_eq!(account.user.epoch, Epoch::new(1));
}

async fn users_who_take_each_others_ids_never_wait_in_a_circle(world: World) {
    let tenant = world.tenant("Example").await;
    for _ in 0..8 {
        let one = forgetful(&world, &tenant).await;
        let two = forgetful(&world, &tenant).await;
        let ids = [&one, &two].map(|of| of.person.credentials[0].id.clone());
        let pair = [&one, &two];
        let outcomes = at_once(|index| {
            let stores = world.replica(index);
            let of = pair[index % 2];
            let mut anew = of.anew(&world);
            anew[0].id = ids[0].clone();
            anew[1].id = ids[1].clone();
            let authority = of.authority(&world);
            async move { stores.recoveries.recover(authority, anew).await }
        })
        .await;
        for outcome in outcomes {
            assert!(
                !matches!(outcome, Err(CreateError::Store(_))),
                "{outcome:?}"
            );
        }
    }
}

async fn recovering_and_adding_a_credential_at_once_leave_only_new_ones(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = forgetful(&world, &tenant).await;
    let anew = ada.anew(&world);
    at_once(|index| {
        let stores = world.replica(index);
        let recovery = (index == 3).then(|| (ada.authority(&world), anew.clone()));
        let addition = (world.authority(&ada.person), world.key(&ada.person.user));
        async move {
            match recovery {
                Some((authority, anew)) => stores.recoveries.recover(authority, anew).await,
                None => stores.credentials.create(addition.0, addition.1).await,
            }
        }
    })
    .await;
    let kept = world.credentials_of(&ada.person).await;
    assert_eq!(uuids(&kept), uuids(&anew));
}
