//! Changing a user's credentials.

use std::time::Duration;

use latchkey_domain::{
    authority::Spendable,
    credential::{Credential, CredentialId, CredentialKind},
    credential_code::CodeState,
    id::CredentialUuid,
    text::CredentialName,
};
use latchkey_service::ports::credential_store::{ChangeError, CreateError, NewName};
use tokio::join;

use crate::{CALLERS, NOW, Person, Spent, Void, World, assert_one, at_once, conflict, successes};

cases! { credentials:
    a_credential_id_is_unique_whatever_its_padding,
    a_credential_id_may_be_had_in_two_organizations,
    a_credential_id_is_free_again_after_deletion,
    of_many_credentials_of_one_id_one_is_made,
    of_many_credentials_by_one_user_action_one_is_made,
    a_hundred_credentials_are_enough,
    a_hundred_credentials_are_enough_at_once,
    a_failed_change_uses_nothing_up,
    asking_for_the_same_state_uses_up_the_user_action_alone,
    the_last_usable_credential_stays,
    what_cannot_sign_in_may_go,
    two_at_once_cannot_remove_the_last_two,
    a_credential_is_renamed_whatever_its_state,
    a_credential_of_another_user_is_not_there,
    of_many_deletions_one_succeeds,
    of_many_deactivations_one_tells,
    deactivating_and_deleting_cancel_open_codes,
    a_renewed_recovery_key_takes_the_place_of_all_others,
    what_is_replaced_needs_no_room,
    of_many_recovery_keys_that_are_renewed_at_once_one_stays,
    a_recovery_key_that_is_not_renewed_leaves_all_as_it_was,
    renewing_a_recovery_key_cancels_open_codes,
}

async fn a_credential_id_is_unique_whatever_its_padding(world: World) {
    let [one, two] = world.two(1).await;
    for (owner, text, free) in [
        (&one, "AQ==", true),
        (&one, "AQ", false),
        (&two, "AQ=", false),
        (&two, "AQ==", false),
        (&two, "aQ==", true),
    ] {
        let mut credential = world.key(&owner.user);
        credential.id = CredentialId::new(text).unwrap();
        match world.try_create(owner, credential).await {
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
    assert_one(&outcomes, Spent(Spendable::UserAction));
    assert_eq!(world.credentials_of(&person).await.len(), 3);
}

async fn a_hundred_credentials_are_enough(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, Credential::MAXIMUM_PER_USER).await;
    let one_more = world.key(&person.user);
    let outcome = world.try_create(&person, one_more.clone()).await;
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
    let spent = Spent(Spendable::UserAction);
    assert_eq!(world.standing(&authority).await, Err(spent));
}

/// Earlier sessions of what is active go on, codes stay open, and nobody is told.
async fn asking_for_the_same_state_uses_up_the_user_action_alone(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let session = world.session_with(&person.user, second);
    let later = NOW.plus(Duration::from_secs(1));
    for active in [true, false] {
        world.set_active(&person, second, active).await;
        let code = world.issued_code(&person).await;
        let message = world.message(&person.user.id);
        let authority = world.authority(&person).telling(message);
        let same = world
            .credentials
            .set_active(authority.clone(), second, active, later);
        same.await.unwrap();
        assert_eq!(world.sessions.is_live(&session).await.unwrap(), active);
        assert_eq!(world.state_of(&code).await, CodeState::Issued);
        assert_eq!(world.told().await, []);
        let spent = Spent(Spendable::UserAction);
        assert_eq!(world.standing(&authority).await, Err(spent));
    }
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

/// Each person removes both credentials at the same moment, by a third one that cannot sign in:
/// deactivates or deletes one, deactivates the other.
async fn two_at_once_cannot_remove_the_last_two(world: World) {
    let tenant = world.tenant("Example").await;
    for round in 0..50 {
        let person = world.person(&tenant, 2).await;
        let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
        let recovery = world.recovery_key(&person.user);
        world.create(&person, recovery.clone()).await;
        let authority = || world.authority_with(&person.user, &recovery.uuid);
        let (one, other) = (&world.credentials, &world.other.credentials);
        let remove_second = async {
            if round % 2 == 0 {
                one.set_active(authority(), second, false, NOW).await
            } else {
                one.delete(authority(), second).await
            }
        };
        let remove_first = other.set_active(authority(), first, false, NOW);
        let removed: [_; 2] = join!(remove_second, remove_first).into();
        assert_eq!(successes(&removed), 1);
        for outcome in removed {
            assert!(matches!(outcome, Ok(()) | Err(ChangeError::LastUsable)));
        }
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
        world.set_active(&person, second, active).await;
        let authority = world.authority(&person);
        let renamed = world.credentials.rename(authority.clone(), new(second));
        let renamed = renamed.await.unwrap();
        assert_eq!((&renamed.uuid, &renamed.name), (second, &name));
        assert_eq!(renamed.is_active(), active);
        assert!(world.credentials_of(&person).await.contains(&renamed));
        let again = world.credentials.rename(authority, new(second)).await;
        assert_eq!(conflict(&again), Spent(Spendable::UserAction));
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
    let [one, two] = world.two(2).await;
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
    let claimed = world.claimed_code(&person).await;
    world.set_active(&person, second, false).await;
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert_eq!(conflict(&outcome), Void);

    let issued = world.issued_code(&person).await;
    world.set_active(&person, second, true).await;
    assert_eq!(world.state_of(&issued).await, CodeState::Issued);
    world.delete(&person, second).await;
    assert_eq!(
        world.state_of(&issued).await,
        CodeState::Cancelled { claim: None }
    );
}

/// Those of one kind, by their ids in order.
fn ids(credentials: &[Credential], kind: CredentialKind) -> Vec<&CredentialUuid> {
    let of_that_kind = credentials.iter().filter(|held| held.kind() == kind);
    let mut ids: Vec<_> = of_that_kind.map(|held| &held.uuid).collect();
    ids.sort_by_key(ToString::to_string);
    ids
}

impl World {
    async fn renew(&self, person: &Person, recovery_key: Credential) -> Result<(), CreateError> {
        let authority = self.authority(person);
        let renewed = self.credentials.renew_recovery_key(authority, recovery_key);
        renewed.await
    }
}

/// Whether those are active or not; other kinds and other people's stay.
async fn a_renewed_recovery_key_takes_the_place_of_all_others(world: World) {
    let [person, other] = world.two(2).await;
    let theirs = world.recovery_key(&other.user);
    world.create(&other, theirs.clone()).await;
    let [one, two] = [(); 2].map(|()| world.recovery_key(&person.user));
    for earlier in [&one, &two] {
        world.create(&person, earlier.clone()).await;
    }
    world.set_active(&person, &two.uuid, false).await;
    for _ in 0..2 {
        let renewed = world.recovery_key(&person.user);
        world.renew(&person, renewed.clone()).await.unwrap();
        let kept = world.credentials_of(&person).await;
        assert!(kept.contains(&renewed));
        assert_eq!(ids(&kept, CredentialKind::RecoveryKey), [&renewed.uuid]);
        assert_eq!(kept.len(), 3);
    }
    let kept = world.credentials_of(&other).await;
    assert_eq!(ids(&kept, CredentialKind::RecoveryKey), [&theirs.uuid]);
}

async fn what_is_replaced_needs_no_room(world: World) {
    let tenant = world.tenant("Example").await;
    let room = Credential::MAXIMUM_PER_USER - 1;
    let person = world.person(&tenant, room).await;
    for _ in 0..2 {
        let renewed = world.recovery_key(&person.user);
        world.renew(&person, renewed).await.unwrap();
        let kept = world.credentials_of(&person).await;
        assert_eq!(kept.len(), Credential::MAXIMUM_PER_USER);
    }
    let full = world.person(&tenant, Credential::MAXIMUM_PER_USER).await;
    let outcome = world.renew(&full, world.recovery_key(&full.user)).await;
    assert!(matches!(outcome, Err(CreateError::TooMany)));
}

async fn of_many_recovery_keys_that_are_renewed_at_once_one_stays(world: World) {
    let person = world.someone().await;
    let earlier = world.recovery_key(&person.user);
    world.create(&person, earlier).await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&person));
        let renewed = world.recovery_key(&person.user);
        async move {
            let credentials = &stores.credentials;
            credentials.renew_recovery_key(authority, renewed).await
        }
    })
    .await;
    assert_eq!(successes(&outcomes), CALLERS);
    let kept = world.credentials_of(&person).await;
    assert_eq!(ids(&kept, CredentialKind::RecoveryKey).len(), 1);
    assert_eq!(kept.len(), 3);
}

/// There is always one.
async fn a_recovery_key_that_is_not_renewed_leaves_all_as_it_was(world: World) {
    let person = world.someone().await;
    let earlier = world.recovery_key(&person.user);
    world.create(&person, earlier.clone()).await;
    let before = world.credentials_of(&person).await;
    // The id of what would be replaced is taken, too.
    for taken in [&earlier.id, &person.credentials[0].id] {
        let authority = world.authority(&person);
        let mut renewed = world.recovery_key(&person.user);
        renewed.id = taken.clone();
        let credentials = &world.credentials;
        let refused = credentials.renew_recovery_key(authority.clone(), renewed);
        let refused = refused.await;
        assert!(matches!(refused, Err(CreateError::CredentialIdTaken)));
        assert_eq!(world.standing(&authority).await, Ok(()));
        assert_eq!(world.credentials_of(&person).await, before);
    }
}

/// As whatever takes a credential away; what waits is refused.
async fn renewing_a_recovery_key_cancels_open_codes(world: World) {
    let person = world.someone().await;
    let code = world.issued_code(&person).await;
    let renewed = world.recovery_key(&person.user);
    world.renew(&person, renewed).await.unwrap();
    let cancelled = CodeState::Cancelled { claim: None };
    assert_eq!(world.state_of(&code).await, cancelled);
}
