//! Changing a user's credentials.

use latchkey_domain::{
    authority::Spendable,
    credential::{Credential, CredentialId},
    credential_code::CodeState,
    id::CredentialUuid,
    text::CredentialName,
};
use latchkey_service::ports::{
    credential_store::{ChangeError, CreateError, NewName},
    store::AuthorityConflict,
};
use tokio::join;

use crate::{CALLERS, NOW, World, at_once, successes};

cases! { credentials:
    a_credential_id_is_unique_whatever_its_padding,
    a_credential_id_may_be_had_in_two_organizations,
    a_credential_id_is_free_again_after_deletion,
    of_many_credentials_of_one_id_one_is_made,
    of_many_credentials_by_one_user_action_one_is_made,
    a_hundred_credentials_are_enough,
    a_hundred_credentials_are_enough_at_once,
    a_failed_change_uses_nothing_up,
    activating_what_is_active_uses_up_the_user_action,
    the_last_usable_credential_stays,
    what_cannot_sign_in_may_go,
    two_at_once_cannot_remove_the_last_two,
    a_credential_is_renamed_whatever_its_state,
    a_credential_of_another_user_is_not_there,
    of_many_deletions_one_succeeds,
    of_many_deactivations_one_tells,
    deactivating_and_deleting_cancel_open_codes,
}

async fn a_credential_id_is_unique_whatever_its_padding(world: World) {
    let tenant = world.tenant("Example").await;
    let (one, two) = (
        world.person(&tenant, 1).await,
        world.person(&tenant, 1).await,
    );
    for (owner, text, free) in [
        (&one, "AQ==", true),
        (&one, "AQ", false),
        (&two, "AQ=", false),
        (&two, "AQ==", false),
        (&two, "aQ==", true),
    ] {
        let mut credential = world.key(&owner.user);
        credential.id = CredentialId::new(text).unwrap();
        let outcome = world
            .credentials
            .create(world.authority(owner), credential)
            .await;
        match outcome {
            Ok(()) => assert!(free, "{text}"),
            Err(CreateError::CredentialIdTaken) => assert!(!free, "{text}"),
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn a_credential_id_may_be_had_in_two_organizations(world: World) {
    for name in ["One", "Two"] {
        let tenant = world.tenant(name).await;
        let person = world.person(&tenant, 1).await;
        let mut credential = world.key(&person.user);
        credential.id = CredentialId::new("same").unwrap();
        world.create(&person, credential).await;
    }
}

async fn a_credential_id_is_free_again_after_deletion(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1];
    world.delete(&person, &second.uuid).await;
    let mut again = world.key(&person.user);
    again.id = second.id.clone();
    world.create(&person, again.clone()).await;
    let kept = world.credentials_of(&person).await;
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&again));
}

async fn of_many_credentials_of_one_id_one_is_made(world: World) {
    let person = world.someone().await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&person));
        let mut credential = world.key(&person.user);
        credential.id = CredentialId::new("same").unwrap();
        async move { stores.credentials.create(authority, credential).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(
            outcome,
            Ok(()) | Err(CreateError::CredentialIdTaken)
        ));
    }
}

async fn of_many_credentials_by_one_user_action_one_is_made(world: World) {
    let person = world.someone().await;
    let authority = world.authority(&person);
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), authority.clone());
        let credential = world.key(&person.user);
        async move { stores.credentials.create(authority, credential).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(
            outcome,
            CreateError::Authority(AuthorityConflict::Spent(Spendable::UserAction))
        ));
    }
    assert_eq!(world.credentials_of(&person).await.len(), 3);
}

async fn a_hundred_credentials_are_enough(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, Credential::MAXIMUM_PER_USER).await;
    let authority = world.authority(&person);
    let one_more = world.key(&person.user);
    let outcome = world.credentials.create(authority, one_more.clone()).await;
    assert!(matches!(outcome, Err(CreateError::TooMany)));
    let last = &person.credentials[99].uuid;
    world.delete(&person, last).await;
    world.create(&person, one_more).await;
}

async fn a_hundred_credentials_are_enough_at_once(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world
        .person(&tenant, Credential::MAXIMUM_PER_USER - 3)
        .await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&person));
        let credential = world.key(&person.user);
        async move { stores.credentials.create(authority, credential).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 3);
    let kept = world.credentials_of(&person).await;
    assert_eq!(kept.len(), Credential::MAXIMUM_PER_USER);
}

async fn a_failed_change_uses_nothing_up(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let authority = world.authority(&person);
    let mut credential = world.key(&person.user);
    let free = credential.id.clone();
    credential.id = person.credentials[0].id.clone();
    let taken = world
        .credentials
        .create(authority.clone(), credential.clone())
        .await;
    assert!(matches!(taken, Err(CreateError::CredentialIdTaken)));
    let only = &person.credentials[0].uuid;
    let last = world.credentials.delete(authority.clone(), only).await;
    assert!(matches!(last, Err(ChangeError::LastUsable)));
    let unknown = CredentialUuid::from_random(&world.draw());
    let missing = world
        .credentials
        .set_active(authority.clone(), &unknown, true, NOW)
        .await;
    assert!(matches!(missing, Err(ChangeError::NotFound)));

    credential.id = free;
    let made = world.credentials.create(authority.clone(), credential);
    made.await.unwrap();
    let spent = AuthorityConflict::Spent(Spendable::UserAction);
    assert_eq!(world.standing(&authority).await, Err(spent));
}

async fn activating_what_is_active_uses_up_the_user_action(world: World) {
    let person = world.someone().await;
    let authority = world.authority(&person);
    let credential = &person.credentials[1].uuid;
    world
        .credentials
        .set_active(authority.clone(), credential, true, NOW)
        .await
        .unwrap();
    let again = world
        .credentials
        .set_active(authority, credential, true, NOW)
        .await;
    assert!(matches!(
        again,
        Err(ChangeError::Authority(AuthorityConflict::Spent(
            Spendable::UserAction
        )))
    ));
}

async fn the_last_usable_credential_stays(world: World) {
    let person = world.someone().await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    let recovery = world.recovery_key(&person.user);
    world.create(&person, recovery).await;
    world.set_active(&person, second, false).await;
    // A recovery key and an inactive key are left, and neither can sign in.
    let message = || world.message(&person.user.id);
    let telling = || world.authority(&person).telling(message());
    let deactivated = world.credentials.set_active(telling(), first, false, NOW);
    assert!(matches!(deactivated.await, Err(ChangeError::LastUsable)));
    let deleted = world.credentials.delete(telling(), first).await;
    assert!(matches!(deleted, Err(ChangeError::LastUsable)));
    assert_eq!(world.told().await, []);
    world.set_active(&person, second, true).await;
    world.delete(&person, first).await;
}

async fn what_cannot_sign_in_may_go(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let recovery = world.recovery_key(&person.user);
    world.create(&person, recovery.clone()).await;
    for (credential, active) in [(second, false), (&recovery.uuid, false)] {
        world.set_active(&person, credential, active).await;
    }
    for credential in [second, &recovery.uuid] {
        world.delete(&person, credential).await;
    }
    assert_eq!(world.credentials_of(&person).await.len(), 1);
}

/// Each person removes both credentials at the same moment, each by the other: deactivates or deletes
/// one, deactivates the other.
async fn two_at_once_cannot_remove_the_last_two(world: World) {
    let tenant = world.tenant("Example").await;
    for round in 0..50 {
        let person = world.person(&tenant, 2).await;
        let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
        let by_first = world.authority_with(&person.user, first);
        let by_second = world.authority_with(&person.user, second);
        let remove_second = async {
            if round % 2 == 0 {
                world
                    .credentials
                    .set_active(by_first, second, false, NOW)
                    .await
            } else {
                world.credentials.delete(by_first, second).await
            }
        };
        let (one, two) = join!(
            remove_second,
            world
                .other
                .credentials
                .set_active(by_second, first, false, NOW)
        );
        assert_eq!(successes(&[one, two]), 1);
        let left = world.credentials_of(&person).await;
        assert_eq!(left.iter().filter(|kept| kept.is_usable()).count(), 1);
    }
}

async fn a_credential_is_renamed_whatever_its_state(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 2).await;
    let second = &person.credentials[1].uuid;
    let name = CredentialName::new("Türöffner").unwrap();
    let new = |credential: &CredentialUuid| NewName {
        credential: credential.clone(),
        name: name.clone(),
        date: NOW,
    };
    for active in [true, false] {
        let authority = world.authority(&person);
        let done = world.credentials.set_active(authority, second, active, NOW);
        done.await.unwrap();
        let authority = world.authority(&person);
        let renamed = world.credentials.rename(authority.clone(), new(second));
        let renamed = renamed.await.unwrap();
        assert_eq!((&renamed.uuid, &renamed.name), (second, &name));
        assert_eq!(renamed.is_active(), active);
        assert!(world.credentials_of(&person).await.contains(&renamed));
        let again = world.credentials.rename(authority, new(second)).await;
        let spent = AuthorityConflict::Spent(Spendable::UserAction);
        assert!(matches!(again, Err(ChangeError::Authority(conflict)) if conflict == spent));
    }
    let unknown = CredentialUuid::from_random(&world.draw());
    let authority = world.authority(&person);
    let missing = world.credentials.rename(authority, new(&unknown)).await;
    assert!(matches!(missing, Err(ChangeError::NotFound)));
    let other = world.person(&tenant, 1).await;
    let authority = world.authority(&other);
    let foreign = world.credentials.rename(authority, new(second)).await;
    assert!(matches!(foreign, Err(ChangeError::NotFound)));
}

async fn a_credential_of_another_user_is_not_there(world: World) {
    let tenant = world.tenant("Example").await;
    let (one, two) = (
        world.person(&tenant, 2).await,
        world.person(&tenant, 2).await,
    );
    let theirs = &two.credentials[1].uuid;
    let outcome = world
        .credentials
        .set_active(world.authority(&one), theirs, false, NOW)
        .await;
    assert!(matches!(outcome, Err(ChangeError::NotFound)));
    let outcome = world
        .credentials
        .delete(world.authority(&one), theirs)
        .await;
    assert!(matches!(outcome, Err(ChangeError::NotFound)));
    assert_eq!(world.credentials_of(&two).await.len(), 2);
}

async fn of_many_deletions_one_succeeds(world: World) {
    let person = world.someone().await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&person));
        let credential = person.credentials[1].uuid.clone();
        async move { stores.credentials.delete(authority, &credential).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(ChangeError::NotFound)));
    }
}

async fn of_many_deactivations_one_tells(world: World) {
    let person = world.someone().await;
    let outcomes = at_once(|index| {
        let (stores, message) = (world.replica(index), world.message(&person.user.id));
        let authority = world.authority(&person).telling(message);
        let credential = person.credentials[1].uuid.clone();
        async move {
            stores
                .credentials
                .set_active(authority, &credential, false, NOW)
                .await
        }
    })
    .await;
    assert_eq!(successes(&outcomes), CALLERS);
    assert_eq!(world.told().await.len(), 1);
}

/// Whichever credential it is: an owner who reacts to something strange must not be overtaken.
async fn deactivating_and_deleting_cancel_open_codes(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let authority = || world.authority(&person);

    let claimed = world.claimed_code(&person).await;
    let changed = world
        .credentials
        .set_active(authority(), second, false, NOW)
        .await;
    changed.unwrap();
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert!(matches!(
        outcome,
        Err(CreateError::Authority(AuthorityConflict::Void))
    ));

    let issued = world.issued_code(&person).await;
    let changed = world
        .credentials
        .set_active(authority(), second, true, NOW)
        .await;
    changed.unwrap();
    assert_eq!(world.state_of(&issued).await, CodeState::Issued);
    world.credentials.delete(authority(), second).await.unwrap();
    assert_eq!(
        world.state_of(&issued).await,
        CodeState::Cancelled { claim: None }
    );
}
