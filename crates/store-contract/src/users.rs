//! Managing the users of an organization.

use std::collections::BTreeSet;

use latchkey_domain::{
    authority::Spendable,
    id::UserId,
    message::{MessageKind, NewMessage},
    page::PageSize,
    text::{ExternalId, SearchText},
    time::Timestamp,
    user::{Epoch, User, UserKind},
};
use latchkey_service::ports::user_store::{
    ChangeUserError, CreateUserError, Invitation, ReadUsersError, Reader, UserChange, UserEntry,
    UserPage, UserPosition,
};

use crate::{CALLERS, NOW, Person, Spent, Tenant, Void, World, at_once, conflict, successes};

cases! { users:
    users_are_listed_oldest_first_in_pages_of_any_size,
    a_list_shows_one_organization_and_one_kind,
    whoever_is_looked_for_is_found_in_one_organization,
    a_user_is_shown_with_the_oldest_credential,
    nobody_but_an_active_administrator_reads,
    a_created_user_is_told,
    creating_an_unregistered_user_again_replaces_the_code,
    a_name_or_external_id_that_is_taken_is_told,
    of_many_created_at_once_with_one_external_id_one_is_made,
    created_many_times_at_once_it_is_one_user,
    every_change_requires_an_administrator,
    a_user_of_another_organization_is_not_found,
    asking_for_the_same_state_uses_up_the_user_action_alone,
    deactivating_raises_the_epoch,
    of_many_activations_one_tells,
    deleting_leaves_nothing_of_the_user,
    the_last_administrator_is_neither_deactivated_nor_deleted,
    administrators_who_remove_each_other_leave_one,
    a_user_action_changes_one_user,
}

/// An organization whose only active administrator is a person with one key.
async fn scene(world: &World) -> (Tenant, Person) {
    let tenant = world.tenant("Example").await;
    let ada = world.administrator(&tenant).await;
    let first = &tenant.administrator.user.id;
    world.set_administrator(first, false).await;
    (tenant, ada)
}

fn reader(person: &Person) -> Reader {
    Reader {
        organization: person.user.organization.clone(),
        administrator: person.user.id.clone(),
    }
}

fn page(size: u16, after: Option<UserPosition>) -> UserPage {
    UserPage {
        size: PageSize::new(size).unwrap(),
        after,
        kind: None,
        search: None,
    }
}

/// A user with that name and external id who is still to be made.
fn stranger(world: &World, by: &Person, name: &str, external_id: Option<&str>) -> Invitation {
    let mut invitation = world.invitation(&by.user.organization, name);
    invitation.user.external_id = external_id.map(|id| ExternalId::new(id).unwrap());
    invitation.message = Some(NewMessage {
        kind: MessageKind::Registration,
        ..world.message(&invitation.user.id)
    });
    invitation
}

async fn create(world: &World, by: &Person, new: Invitation) -> Result<UserEntry, CreateUserError> {
    world.users.create(world.authority(by), new).await
}

async fn change(
    world: &World,
    by: &Person,
    user: &UserId,
    change: UserChange,
) -> Result<UserEntry, ChangeUserError> {
    let authority = world.authority(by);
    world.users.change(authority, user, change).await
}

async fn users_are_listed_oldest_first_in_pages_of_any_size(world: World) {
    let (tenant, ada) = scene(&world).await;
    let mut expected = vec![
        (NOW, ada.user.id.clone()),
        (NOW, tenant.administrator.user.id.clone()),
    ];
    // Twos of the same moment, so that ids must order them.
    for number in 0..6_i64 {
        let mut invitation =
            world.invitation(&tenant.organization, &format!("user-{number}@example.com"));
        let created = Timestamp::from_unix_milliseconds(number / 2);
        invitation.user.created = created;
        let user = world.invite(invitation).await;
        expected.push((created, user.id));
    }
    expected.sort();
    for size in [1, 2, 3, 7, 8, 9, 200] {
        let (mut met, mut after) = (Vec::new(), None);
        loop {
            let asked = page(size, after);
            let part = world.users.list(&reader(&ada), &asked).await.unwrap();
            assert!(part.users.len() <= usize::from(size));
            met.extend(
                part.users
                    .into_iter()
                    .map(|entry| (entry.user.created, entry.user.id)),
            );
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(met, expected, "{size}");
    }
}

async fn a_list_shows_one_organization_and_one_kind(world: World) {
    let (tenant, ada) = scene(&world).await;
    let other = world.tenant("Other").await;
    world.person(&other, 1).await;
    let mut invitation = world.invitation(&tenant.organization, "employee@example.com");
    invitation.user.kind = UserKind::CustomerEmployee;
    let employee = world.invite(invitation).await;
    let list = async |kind| {
        let page = UserPage {
            kind,
            ..page(200, None)
        };
        let part = world.users.list(&reader(&ada), &page).await.unwrap();
        part.users
            .into_iter()
            .map(|entry| entry.user.id)
            .collect::<BTreeSet<_>>()
    };
    let (first, own) = (tenant.administrator.user.id.clone(), ada.user.id.clone());
    assert_eq!(
        list(Some(UserKind::CustomerEmployee)).await,
        BTreeSet::from([employee.id.clone()])
    );
    assert_eq!(
        list(Some(UserKind::EndUser)).await,
        BTreeSet::from([first.clone(), own.clone()])
    );
    assert_eq!(list(None).await, BTreeSet::from([first, own, employee.id]));
}

async fn whoever_is_looked_for_is_found_in_one_organization(world: World) {
    let (tenant, ada) = scene(&world).await;
    let other = world.tenant("Other").await;
    for organization in [&tenant.organization, &other.organization] {
        for name in [
            "Bob.Miller@example.com",
            "bobby@example.com",
            "carol@example.com",
        ] {
            world.invite(world.invitation(organization, name)).await;
        }
    }
    let find = async |text: &str| {
        let (mut met, mut after) = (BTreeSet::new(), None);
        loop {
            let asked = UserPage {
                search: Some(SearchText::new(text).unwrap()),
                ..page(1, after)
            };
            let part = world.users.list(&reader(&ada), &asked).await.unwrap();
            for UserEntry { user, .. } in part.users {
                assert_eq!(user.organization, tenant.organization);
                assert!(met.insert(user.username.to_string()));
            }
            after = part.next;
            if after.is_none() {
                return met;
            }
        }
    };
    let names = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let bobs = names(&["Bob.Miller@example.com", "bobby@example.com"]);
    assert_eq!(find("BOB").await, bobs);
    assert_eq!(find("miller@").await, names(&["Bob.Miller@example.com"]));
    for text in ["nobody", "b_b", "bob%", "example.com!"] {
        assert_eq!(find(text).await, names(&[]), "{text}");
    }
    let by_id = find(ada.user.id.as_str()).await;
    assert_eq!(by_id, names(&[ada.user.username.as_str()]));
    let page = UserPage {
        search: Some(SearchText::new("nobody").unwrap()),
        ..page(1, None)
    };
    let stranger = Reader {
        administrator: tenant.administrator.user.id,
        ..reader(&ada)
    };
    let refused = world.users.list(&stranger, &page).await;
    assert!(matches!(refused, Err(ReadUsersError::NotAdministrator(_))));
}

async fn a_user_is_shown_with_the_oldest_credential(world: World) {
    let (tenant, ada) = scene(&world).await;
    let mut newer = world.key(&ada.user);
    newer.created = NOW.plus(std::time::Duration::from_millis(1));
    let mut older = world.key(&ada.user);
    older.created = NOW.minus(std::time::Duration::from_millis(1));
    for credential in [newer, older.clone()] {
        world.create(&ada, credential).await;
    }
    let find = async |user: &UserId| world.users.find(&reader(&ada), user).await.unwrap();
    let entry = find(&ada.user.id).await.unwrap();
    assert_eq!(entry.user, ada.user);
    assert_eq!(entry.credential, Some(older.uuid));
    let invited = find(&tenant.administrator.user.id).await.unwrap();
    assert_eq!(invited.credential, None);
    assert_eq!(find(&UserId::from_random(&world.draw())).await, None);
}

async fn nobody_but_an_active_administrator_reads(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    let other = world.tenant("Other").await;
    let eve = world.administrator(&other).await;
    let foreign = Reader {
        organization: tenant.organization.clone(),
        administrator: eve.user.id.clone(),
    };
    let is_refused = async |reader: &Reader| {
        let listed = world.users.list(reader, &page(1, None)).await;
        let found = world.users.find(reader, &ada.user.id).await;
        match (listed, found) {
            (
                Err(ReadUsersError::NotAdministrator(_)),
                Err(ReadUsersError::NotAdministrator(_)),
            ) => true,
            (Ok(_), Ok(_)) => false,
            other => panic!("{other:?}"),
        }
    };
    assert!(!is_refused(&reader(&ada)).await);
    assert!(is_refused(&reader(&bob)).await);
    assert!(is_refused(&foreign).await);
    world.set_administrator(&bob.user.id, true).await;
    world.set_user_active(&ada.user.id, false).await;
    assert!(is_refused(&reader(&ada)).await);
    assert!(!is_refused(&reader(&bob)).await);
}

async fn a_created_user_is_told(world: World) {
    let (_tenant, ada) = scene(&world).await;
    let new = stranger(&world, &ada, "bob@example.com", Some("7"));
    let made = create(&world, &ada, new.clone()).await.unwrap();
    assert_eq!(
        made,
        UserEntry {
            user: new.user.clone(),
            credential: None
        }
    );
    let kept = world
        .users
        .find(&reader(&ada), &made.user.id)
        .await
        .unwrap();
    assert_eq!(kept, Some(made.clone()));
    let told = world.told().await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].kind, &told[0].to),
        (MessageKind::Registration, &made.user.username)
    );
    assert_eq!(world.invited(&new).await.unwrap().code, new.code.code);
}

async fn creating_an_unregistered_user_again_replaces_the_code(world: World) {
    let (_tenant, ada) = scene(&world).await;
    let first = stranger(&world, &ada, "bob@example.com", None);
    let made = create(&world, &ada, first.clone()).await.unwrap();
    let second = stranger(&world, &ada, "BOB@example.com", Some("7"));
    let again = create(&world, &ada, second.clone()).await.unwrap();
    assert_eq!(again, made);
    assert_eq!(world.invited(&first).await, None);
    assert_eq!(world.invited(&second).await.unwrap().user, made.user);
    let told = world.told().await;
    let to: Vec<_> = told.iter().map(|message| &message.to).collect();
    // What was to bring the replaced one brings it no more.
    assert_eq!(to, [&made.user.username]);
}

async fn a_name_or_external_id_that_is_taken_is_told(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    let authority = world.authority(&ada);
    let create_again = async |name, external_id| {
        let new = stranger(&world, &ada, name, external_id);
        world.users.create(authority.clone(), new).await
    };
    let taken = create_again(bob.user.username.as_str(), None).await;
    assert!(matches!(taken, Err(CreateUserError::AlreadyExists)));
    let first = stranger(&world, &ada, "carol@example.com", Some("7"));
    let carol = create(&world, &ada, first).await.unwrap();
    let taken = create_again("dan@example.com", Some("7")).await;
    assert!(matches!(taken, Err(CreateUserError::ExternalIdTaken)));
    change(&world, &ada, &carol.user.id, UserChange::Deactivate)
        .await
        .unwrap();
    let taken = create_again("carol@example.com", None).await;
    assert!(matches!(taken, Err(CreateUserError::AlreadyExists)));
    assert_eq!(world.told().await, []);
    assert_eq!(world.standing(&authority).await, Ok(()));
}

async fn of_many_created_at_once_with_one_external_id_one_is_made(world: World) {
    let (_tenant, ada) = scene(&world).await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&ada));
        let new = stranger(
            &world,
            &ada,
            &format!("user-{index}@example.com"),
            Some("7"),
        );
        async move { stores.users.create(authority, new).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(
            outcome,
            Ok(_) | Err(CreateUserError::ExternalIdTaken)
        ));
    }
    assert_eq!(world.told().await.len(), 1);
}

async fn created_many_times_at_once_it_is_one_user(world: World) {
    let (_tenant, ada) = scene(&world).await;
    let outcomes = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&ada));
        let new = stranger(&world, &ada, "bob@example.com", None);
        async move {
            let made = stores.users.create(authority, new.clone()).await;
            (made.unwrap().user.id, new)
        }
    })
    .await;
    assert_eq!(world.one_invited(&outcomes).await, outcomes[0].0);
}

async fn every_change_requires_an_administrator(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    let authority = world.authority(&bob);
    // Who may not is not told who exists.
    let unknown = UserId::from_random(&world.draw());
    for asked in [
        UserChange::Nothing,
        UserChange::Activate,
        UserChange::Deactivate,
        UserChange::Delete,
    ] {
        for user in [&ada.user.id, &unknown] {
            let refused = world.users.change(authority.clone(), user, asked).await;
            assert!(
                matches!(refused, Err(ChangeUserError::NotAdministrator(_))),
                "{refused:?}"
            );
        }
    }
    let new = stranger(&world, &bob, "carol@example.com", None);
    let refused = world.users.create(authority.clone(), new.clone()).await;
    assert!(matches!(refused, Err(CreateUserError::NotAdministrator(_))));
    assert_eq!(world.standing(&authority).await, Ok(()));
    assert_eq!(world.account(&new.user.id).await, None);
    assert_eq!(world.account(&ada.user.id).await.unwrap().user, ada.user);
}

async fn a_user_of_another_organization_is_not_found(world: World) {
    let (_tenant, ada) = scene(&world).await;
    let other = world.tenant("Other").await;
    let eve = world.person(&other, 1).await;
    for user in [eve.user.id.clone(), UserId::from_random(&world.draw())] {
        for asked in [
            UserChange::Nothing,
            UserChange::Deactivate,
            UserChange::Delete,
        ] {
            let refused = change(&world, &ada, &user, asked).await;
            assert!(matches!(refused, Err(ChangeUserError::NotFound)));
        }
    }
    assert_eq!(world.account(&eve.user.id).await.unwrap().user, eve.user);
}

async fn asking_for_the_same_state_uses_up_the_user_action_alone(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    let entry = UserEntry {
        user: bob.user.clone(),
        credential: Some(bob.credentials[0].uuid.clone()),
    };
    for asked in [UserChange::Nothing, UserChange::Activate] {
        let authority = world.authority(&ada);
        let same = world.users.change(authority.clone(), &bob.user.id, asked);
        assert_eq!(same.await.unwrap(), entry);
        let spent = Spent(Spendable::UserAction);
        assert_eq!(world.standing(&authority).await, Err(spent));
    }
    assert_eq!(world.account(&bob.user.id).await.unwrap().user, bob.user);
}

async fn deactivating_raises_the_epoch(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    for (asked, active, epoch) in [
        (UserChange::Deactivate, false, 1),
        (UserChange::Deactivate, false, 1),
        (UserChange::Activate, true, 1),
        (UserChange::Deactivate, false, 2),
    ] {
        let changed = change(&world, &ada, &bob.user.id, asked)
            .await
            .unwrap()
            .user;
        assert_eq!(
            (changed.is_active, changed.epoch),
            (active, Epoch::new(epoch))
        );
        assert_eq!(world.account(&bob.user.id).await.unwrap().user, changed);
    }
}

async fn of_many_activations_one_tells(world: World) {
    let (tenant, ada) = scene(&world).await;
    let bob = world.person(&tenant, 1).await;
    let id = &bob.user.id;
    let change_at_once = async |asked| {
        let outcomes = at_once(|index| {
            let (stores, id) = (world.replica(index), id.clone());
            let authority = world.authority(&ada).telling(world.message(&id));
            async move { stores.users.change(authority, &id, asked).await }
        })
        .await;
        assert_eq!(successes(&outcomes), CALLERS);
    };
    for asked in [UserChange::Nothing, UserChange::Activate] {
        change_at_once(asked).await;
        assert_eq!(world.told().await, []);
    }
    change(&world, &ada, id, UserChange::Deactivate)
        .await
        .unwrap();
    change_at_once(UserChange::Activate).await;
    let told = world.told().await;
    assert_eq!((told.len(), &told[0].to), (1, &bob.user.username));
}

async fn deleting_leaves_nothing_of_the_user(world: World) {
    let (tenant, ada) = scene(&world).await;
    let new = stranger(&world, &ada, "bob@example.com", Some("7"));
    let made = create(&world, &ada, new.clone()).await.unwrap();
    let key = world.key(&made.user);
    world.register(&new, vec![key.clone()]).await;
    let bob = Person {
        user: User {
            registered: Some(NOW),
            ..made.user.clone()
        },
        credentials: vec![key],
    };
    let code = world.issued_code(&bob).await;
    let invited = world.invitation(&tenant.organization, "carol@example.com");
    let carol = world.invite(invited.clone()).await;
    for (user, credential) in [
        (bob.user, Some(bob.credentials[0].uuid.clone())),
        (carol, None),
    ] {
        let deleted = change(&world, &ada, &user.id, UserChange::Delete).await;
        assert_eq!(world.account(&user.id).await, None);
        assert_eq!(deleted.unwrap(), UserEntry { user, credential });
    }
    assert_eq!(world.code(&code.long).await, None);
    assert_eq!(world.invited(&invited).await, None);
    assert_eq!(world.told().await, []);
    let again = stranger(&world, &ada, "bob@example.com", Some("7"));
    create(&world, &ada, again).await.unwrap();
}

async fn the_last_administrator_is_neither_deactivated_nor_deleted(world: World) {
    let (tenant, ada) = scene(&world).await;
    let own = &ada.user.id;
    for asked in [UserChange::Deactivate, UserChange::Delete] {
        let refused = change(&world, &ada, own, asked).await;
        assert!(matches!(refused, Err(ChangeUserError::LastAdministrator)));
    }
    assert_eq!(world.account(own).await.unwrap().user, ada.user);
    let bob = world.administrator(&tenant).await;
    change(&world, &ada, own, UserChange::Delete).await.unwrap();
    let refused = change(&world, &bob, &bob.user.id, UserChange::Delete).await;
    assert!(matches!(refused, Err(ChangeUserError::LastAdministrator)));
}

/// Every administrator removes the next one, all at the same moment: nobody waits for ever, and one stays.
async fn administrators_who_remove_each_other_leave_one(world: World) {
    let (tenant, ada) = scene(&world).await;
    let mut administrators = vec![ada];
    for _ in 1..8 {
        administrators.push(world.administrator(&tenant).await);
    }
    let outcomes = at_once(|index| {
        let by = &administrators[index % 8];
        let victim = administrators[(index + 1) % 8].user.id.clone();
        let (stores, authority) = (world.replica(index), world.authority(by));
        let asked = if index % 3 == 0 {
            UserChange::Delete
        } else {
            UserChange::Deactivate
        };
        async move { stores.users.change(authority, &victim, asked).await }
    })
    .await;
    for outcome in outcomes {
        assert!(
            matches!(
                outcome,
                Ok(_)
                    | Err(ChangeUserError::Authority(Void)
                        | ChangeUserError::NotFound
                        | ChangeUserError::LastAdministrator)
            ),
            "{outcome:?}"
        );
    }
    let mut left = 0;
    for Person { user, .. } in &administrators {
        let account = world.account(&user.id).await;
        left += usize::from(account.is_some_and(|account| account.user.is_active));
    }
    assert!(left >= 1);
}

async fn a_user_action_changes_one_user(world: World) {
    let (tenant, ada) = scene(&world).await;
    let (bob, carol) = (
        world.person(&tenant, 1).await,
        world.person(&tenant, 1).await,
    );
    let authority = world.authority(&ada);
    let first = world
        .users
        .change(authority.clone(), &bob.user.id, UserChange::Deactivate);
    first.await.unwrap();
    let second = world
        .users
        .change(authority, &carol.user.id, UserChange::Deactivate)
        .await;
    assert_eq!(conflict(&second), Spent(Spendable::UserAction));
    assert!(world.account(&carol.user.id).await.unwrap().user.is_active);
}
