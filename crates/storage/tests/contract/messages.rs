//! Messages: kept with a change, taken by one process at a time, and sent once.

use std::{collections::HashSet, time::Duration};

use latchkey_domain::{
    account_code::{AccountCodeKind, NewAccountCode},
    authority::Authority,
    id::{MessageId, UserId},
    message::{MessageKind, NewMessage, SealedText},
    time::Timestamp,
};
use latchkey_service::ports::{
    account_code_store::AccountCodeStore as _, administration_store::AdministrationStore as _,
    housekeeping_store::HousekeepingStore as _, message_store::MessageStore as _,
    session_store::SessionStore as _,
};

use crate::{
    people::Person,
    world::{CALLERS, NOW, World, at_once},
};

contract! {
    a_message_is_kept_with_the_change_it_tells_about,
    nobody_is_told_of_a_change_that_does_not_take_effect,
    a_claimed_message_is_its_holders_until_the_lease_ends,
    a_message_is_given_to_one_of_many_processes,
    a_message_that_was_put_back_is_due_later,
    an_expired_message_is_neither_sent_nor_shown,
    what_has_expired_is_deleted,
    a_code_is_found_by_its_owners_name_only,
    a_code_is_spent_once,
    three_codes_of_a_kind_stay,
    a_user_who_is_not_active_gets_no_code,
    an_invitation_by_mail_is_the_kept_users,
    only_who_has_not_registered_gets_another_registration_code,
}

const LEASE: Duration = Duration::from_mins(2);

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

fn message(world: &World, user: &UserId) -> NewMessage {
    NewMessage {
        id: MessageId::from_random(&world.draw()),
        kind: MessageKind::CredentialAdded,
        user: user.clone(),
        sealed: SealedText::new(vec![1, 2, 3]),
        created: NOW,
        expires: later(60),
    }
}

/// Ends no session, and tells the user of it.
async fn tell(world: &World, person: &Person) -> NewMessage {
    let message = message(world, &person.user.id);
    let authority = Authority::of_session(&world.session(person)).telling(message.clone());
    world.store.end(authority).await.unwrap();
    message
}

const LOGIN_CODES: &str = "account_codes WHERE kind = 'Login'";

fn new_code(world: &World, user: &UserId, issued: Timestamp) -> NewAccountCode {
    world.account_code(user, AccountCodeKind::Login, issued)
}

async fn a_message_is_kept_with_the_change_it_tells_about(world: World) {
    let person = world.someone().await;
    let told = tell(&world, &person).await;
    let waiting = world.store.waiting(NOW).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].id, told.id);
    assert_eq!(waiting[0].kind, told.kind);
    assert_eq!(waiting[0].sealed, told.sealed);
    assert_eq!(waiting[0].to, person.user.username);
}

async fn nobody_is_told_of_a_change_that_does_not_take_effect(world: World) {
    let person = world.someone().await;
    world
        .store
        .set_user_active(&person.user.id, false)
        .await
        .unwrap();
    let message = message(&world, &person.user.id);
    let authority = Authority::of_session(&world.session(&person)).telling(message);
    assert!(world.store.end(authority).await.is_err());
    assert_eq!(world.count("messages").await, 0);
}

async fn a_claimed_message_is_its_holders_until_the_lease_ends(world: World) {
    let person = world.someone().await;
    tell(&world, &person).await;
    let first = world.store.claim(NOW, LEASE, 10).await.unwrap();
    assert_eq!((first.len(), first[0].attempt), (1, 1));
    assert!(
        world
            .other
            .claim(later(1), LEASE, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let second = world.other.claim(later(2), LEASE, 10).await.unwrap();
    assert_eq!((second.len(), second[0].attempt), (1, 2));
    assert!(!world.store.remove(&first[0]).await.unwrap());
    assert!(!world.store.put_back(&first[0], NOW).await.unwrap());
    assert!(world.other.remove(&second[0]).await.unwrap());
    assert_eq!(world.count("messages").await, 0);
}

async fn a_message_is_given_to_one_of_many_processes(world: World) {
    let person = world.someone().await;
    for _ in 0..40 {
        tell(&world, &person).await;
    }
    let claimed = at_once(|index| {
        let store = world.replica(index);
        async move {
            let mut ids = vec![];
            loop {
                let batch = store.claim(NOW, LEASE, 3).await.unwrap();
                if batch.is_empty() {
                    return ids;
                }
                for message in batch {
                    assert!(store.remove(&message).await.unwrap());
                    ids.push(message.message.id.to_string());
                }
            }
        }
    })
    .await;
    assert_eq!(claimed.len(), CALLERS);
    let all: Vec<_> = claimed.into_iter().flatten().collect();
    let distinct: HashSet<_> = all.iter().collect();
    // Whoever found all that is due with others left; what they hold is sent by them.
    assert_eq!((all.len(), distinct.len()), (40, 40));
}

async fn a_message_that_was_put_back_is_due_later(world: World) {
    let person = world.someone().await;
    tell(&world, &person).await;
    let claimed = world.store.claim(NOW, LEASE, 10).await.unwrap();
    assert!(world.store.put_back(&claimed[0], later(5)).await.unwrap());
    assert!(
        world
            .store
            .claim(later(4), LEASE, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let again = world.store.claim(later(5), LEASE, 10).await.unwrap();
    assert_eq!(again[0].attempt, 2);
}

async fn an_expired_message_is_neither_sent_nor_shown(world: World) {
    let person = world.someone().await;
    tell(&world, &person).await;
    assert!(
        world
            .store
            .claim(later(60), LEASE, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(world.store.waiting(later(60)).await.unwrap().is_empty());
}

async fn what_has_expired_is_deleted(world: World) {
    let person = world.someone().await;
    tell(&world, &person).await;
    let new = new_code(&world, &person.user.id, NOW);
    let message = message(&world, &person.user.id);
    assert!(world.store.issue(new, message).await.unwrap());
    world.store.delete_expired(later(10), 100).await.unwrap();
    assert_eq!(world.count(LOGIN_CODES).await, 1);
    assert_eq!(world.count("messages").await, 2);
    world.store.delete_expired(later(61), 100).await.unwrap();
    assert_eq!(world.count(LOGIN_CODES).await, 0);
    assert_eq!(world.count("messages").await, 0);
}

async fn a_code_is_found_by_its_owners_name_only(world: World) {
    let person = world.someone().await;
    let user = &person.user;
    let new = new_code(&world, &user.id, NOW);
    let told = message(&world, &user.id);
    world.store.issue(new.clone(), told).await.unwrap();
    let find = |username: &str, kind, digest| {
        let (organization, digest) = (user.organization.clone(), digest);
        let username = latchkey_domain::text::Username::new(username).unwrap();
        let store = world.store.clone();
        async move {
            store
                .find(&organization, &username, kind, &digest)
                .await
                .unwrap()
        }
    };
    let name = user.username.as_str();
    let held = find(&name.to_uppercase(), AccountCodeKind::Login, new.digest).await;
    assert_eq!(held.unwrap().code, new.code);
    assert_eq!(
        find("nobody", AccountCodeKind::Login, new.digest).await,
        None
    );
    assert_eq!(
        find(name, AccountCodeKind::Recovery, new.digest).await,
        None
    );
    assert_eq!(
        find(name, AccountCodeKind::Login, world.digest()).await,
        None
    );
}

async fn a_code_is_spent_once(world: World) {
    let person = world.someone().await;
    let new = new_code(&world, &person.user.id, NOW);
    let told = message(&world, &person.user.id);
    world.store.issue(new.clone(), told).await.unwrap();
    let spent = at_once(|index| {
        let (store, code) = (world.replica(index), new.code.clone());
        async move { store.spend(&code).await.unwrap() }
    })
    .await;
    assert_eq!(spent.into_iter().filter(|spent| *spent).count(), 1);
}

async fn three_codes_of_a_kind_stay(world: World) {
    let person = world.someone().await;
    let mut codes = vec![];
    for minute in 0..5 {
        let new = new_code(&world, &person.user.id, later(minute));
        let told = message(&world, &person.user.id);
        assert!(world.store.issue(new.clone(), told).await.unwrap());
        codes.push(new.code);
    }
    assert_eq!(world.count(LOGIN_CODES).await, 3);
    assert!(!world.store.spend(&codes[1]).await.unwrap());
    assert!(world.store.spend(&codes[2]).await.unwrap());
    let issued = at_once(|index| {
        let store = world.replica(index);
        let new = new_code(&world, &person.user.id, later(9));
        let told = message(&world, &person.user.id);
        async move { store.issue(new, told).await.unwrap() }
    })
    .await;
    assert!(issued.into_iter().all(|issued| issued));
    assert_eq!(world.count(LOGIN_CODES).await, 3);
}

async fn a_user_who_is_not_active_gets_no_code(world: World) {
    let person = world.someone().await;
    world
        .store
        .set_user_active(&person.user.id, false)
        .await
        .unwrap();
    let new = new_code(&world, &person.user.id, NOW);
    let told = message(&world, &person.user.id);
    assert!(!world.store.issue(new, told).await.unwrap());
    assert_eq!(world.count(LOGIN_CODES).await, 0);
    assert_eq!(world.count("messages").await, 0);
}

async fn an_invitation_by_mail_is_the_kept_users(world: World) {
    let tenant = world.tenant("Example").await;
    let mut first = world.invitation(&tenant.organization, "ada@example.com");
    first.message = Some(message(&world, &first.user.id));
    let kept = world.store.invite(first).await.unwrap();
    let mut second = world.invitation(&tenant.organization, "Ada@example.com");
    second.message = Some(message(&world, &second.user.id));
    world.store.invite(second).await.unwrap();
    let told = world
        .count(&format!("messages WHERE user_id = '{}'", kept.id))
        .await;
    assert_eq!(told, 2);
}

async fn only_who_has_not_registered_gets_another_registration_code(world: World) {
    let person = world.someone().await;
    let tenant = world.tenant("Other").await;
    let invited = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.store.invite(invited.clone()).await.unwrap();
    for (user, expected) in [(&person.user.id, false), (&user.id, true)] {
        let new = world.account_code(user, AccountCodeKind::Registration, NOW);
        let told = message(&world, user);
        assert_eq!(world.store.issue(new, told).await.unwrap(), expected);
    }
    let found = world.registration_code(&user, &invited.code.digest).await;
    assert_eq!(found, None);
    assert_eq!(world.count("messages").await, 1);
}
