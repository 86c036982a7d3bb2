//! Account codes: codes that are mailed or handed to users.

use std::time::Duration;

use latchkey_domain::{
    account_code::{AccountCodeKind, NewAccountCode},
    id::UserId,
    text::Username,
    time::Timestamp,
};

use crate::{NOW, Person, World, at_once};

cases! { account_codes:
    a_code_is_found_by_its_owners_name_only,
    a_code_is_spent_once,
    an_expired_code_is_deleted,
    three_codes_of_a_kind_stay,
    a_user_who_is_not_active_or_gone_gets_no_code,
    only_who_has_not_registered_gets_another_registration_code,
}

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

async fn issued(world: &World, person: &Person, at: Timestamp) -> NewAccountCode {
    let login = AccountCodeKind::Login;
    world.hand_out(&person.user.id, login, at).await
}

async fn a_code_is_found_by_its_owners_name_only(world: World) {
    let person = world.someone().await;
    let elsewhere = world.tenant("Other").await.organization;
    let (user, new) = (&person.user, issued(&world, &person, NOW).await);
    let held = world.held(user, &new).await.unwrap();
    assert_eq!((&held.code, &held.user), (&new.code, user));
    let (home, name) = (&user.organization, user.username.as_str());
    let (kind, digest) = (AccountCodeKind::Login, new.digest);
    for (organization, name, kind, digest, found) in [
        (home, &*name.to_uppercase(), kind, digest, true),
        (home, "admin@example.com", kind, digest, false),
        (&elsewhere, name, kind, digest, false),
        (home, name, AccountCodeKind::Recovery, digest, false),
        (home, name, kind, world.digest(), false),
    ] {
        let username = Username::new(name).unwrap();
        let held = world
            .account_codes
            .find(organization, &username, kind, &digest);
        assert_eq!(held.await.unwrap().is_some(), found, "{name} {kind}");
    }
}

async fn a_code_is_spent_once(world: World) {
    let person = world.someone().await;
    let new = issued(&world, &person, NOW).await;
    let spent = at_once(|index| {
        let (stores, code) = (world.replica(index), new.code.clone());
        async move { stores.account_codes.spend(&code).await.unwrap() }
    })
    .await;
    assert_eq!(spent.into_iter().filter(|spent| *spent).count(), 1);
}

async fn an_expired_code_is_deleted(world: World) {
    let person = world.someone().await;
    let new = issued(&world, &person, NOW).await;
    for (minutes, stays) in [(10, true), (11, false)] {
        world.housekeep(later(minutes), 100).await;
        assert_eq!(world.held(&person.user, &new).await.is_some(), stays);
    }
}

async fn three_codes_of_a_kind_stay(world: World) {
    let person = world.someone().await;
    let mut codes = vec![];
    for minute in 0..5 {
        codes.push(issued(&world, &person, later(minute)).await);
    }
    for (index, code) in codes.iter().enumerate() {
        let held = world.held(&person.user, code).await;
        assert_eq!(held.is_some(), index >= 2);
    }
    assert!(!world.account_codes.spend(&codes[1].code).await.unwrap());
    assert!(world.account_codes.spend(&codes[2].code).await.unwrap());
    let issued = at_once(|index| {
        let stores = world.replica(index);
        let new = world.account_code(&person.user.id, AccountCodeKind::Login, later(9));
        let told = world.message(&person.user.id);
        async move {
            assert!(stores.account_codes.issue(new.clone(), told).await.unwrap());
            new
        }
    })
    .await;
    let mut left = 0;
    for code in codes.iter().chain(&issued) {
        left += usize::from(world.held(&person.user, code).await.is_some());
    }
    assert_eq!(left, 3);
}

async fn a_user_who_is_not_active_or_gone_gets_no_code(world: World) {
    let person = world.someone().await;
    world.set_user_active(&person.user.id, false).await;
    for user in [&person.user.id, &UserId::from_random(&world.draw())] {
        let new = world.account_code(user, AccountCodeKind::Login, NOW);
        let issued = world.account_codes.issue(new.clone(), world.message(user));
        assert!(!issued.await.unwrap());
        assert_eq!(world.held(&person.user, &new).await, None);
    }
    assert_eq!(world.told().await, []);
}

async fn only_who_has_not_registered_gets_another_registration_code(world: World) {
    let person = world.someone().await;
    let tenant = world.tenant("Other").await;
    let invited = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.invite(invited.clone()).await;
    for (user, expected) in [(&person.user.id, false), (&user.id, true)] {
        let new = world.account_code(user, AccountCodeKind::Registration, NOW);
        let issued = world.account_codes.issue(new, world.message(user));
        assert_eq!(issued.await.unwrap(), expected);
    }
    assert_eq!(world.invited(&invited).await, None);
    assert_eq!(world.told().await.len(), 1);
}
