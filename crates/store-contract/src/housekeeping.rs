//! Removing what nobody needs any more.

use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCodeKind,
    authority::{Authority, Spend, Spendable},
    credential::CredentialState,
    credential_code::CodeState,
    message::NewMessage,
    time::Timestamp,
};
use latchkey_service::ports::event_store::LeftEvent;

use crate::{NOW, Person, World, at_once};

cases! { housekeeping:
    what_has_not_expired_stays,
    what_has_expired_goes,
    the_newest_code_of_a_user_stays,
    a_claimed_code_stays_while_its_challenge_lives,
    a_batch_bounds_what_is_deleted_of_each_kind,
    events_that_are_still_to_be_told_stay,
    replicas_share_the_work,
}

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

async fn what_has_not_expired_stays(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let (used, older) = (world.authority(&person), world.new_code(&person));
    let issued = world.credential_codes.issue(used.clone(), older.clone());
    issued.await.unwrap();
    let newest = world.issued_code(&person).await;
    assert_eq!(world.housekeep(NOW, 100).await, 0);
    assert!(world.standing(&used).await.is_err());
    assert!(world.code(&older.long).await.is_some());
    assert!(world.code(&newest.long).await.is_some());
    assert!(world.invited(&tenant.administrator).await.is_some());
}

async fn what_has_expired_goes(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let older = world.issued_code(&person).await;
    let newest = world.issued_code(&person).await;
    // Three spent things and the older credential code; the administrator's registration code stays,
    // so that an expired one can be told from a wrong one.
    assert_eq!(world.housekeep(later(300), 100).await, 4);
    assert_eq!(world.code(&older.long).await, None);
    assert!(world.code(&newest.long).await.is_some());
    assert!(world.invited(&tenant.administrator).await.is_some());
}

async fn the_newest_code_of_a_user_stays(world: World) {
    let person = world.someone().await;
    world.claimed_code(&person).await;
    let newest = world.issued_code(&person).await;
    world.cancel_all(&person).await;
    world.housekeep(later(600), 100).await;
    let kept = world.newest(&person.user.id).await.unwrap();
    assert_eq!(kept.id, newest.code.id);
    assert_eq!(kept.state, CodeState::Cancelled { claim: None });
}

async fn a_claimed_code_stays_while_its_challenge_lives(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await.code.id;
    world.issued_code(&person).await;
    for (minutes, stays) in [(4, true), (6, false)] {
        world.housekeep(later(minutes), 100).await;
        assert_eq!(world.code_by_id(&claimed).await.is_some(), stays);
    }
}

/// Of each of the five kinds there are three that have expired.
async fn a_batch_bounds_what_is_deleted_of_each_kind(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let user = &person.user.id;
    fill(&world, &person, 3).await;
    for _ in 0..3 {
        world.issued_code(&person).await;
        let issued = NOW.minus(Duration::from_mins(10));
        let login = world.account_code(&person.user, AccountCodeKind::Login, issued);
        let told = NewMessage {
            expires: NOW,
            ..world.message(user)
        };
        assert!(world.account_codes.issue(login, told).await.unwrap());
        let other = world.person(&tenant, 1).await;
        let claimed = world.claimed_code(&other).await;
        let mut waiting = world.key(&other.user);
        waiting.state = CredentialState::Waiting { until: later(1) };
        world.redeem(&claimed, waiting).await.unwrap();
    }
    // The newest code of a user stays.
    world.issued_code(&person).await;
    for expected in [10, 5, 0] {
        assert_eq!(world.housekeep(later(2), 2).await, expected);
    }
}

/// However long nobody served.
async fn events_that_are_still_to_be_told_stay(world: World) {
    let left = world.event(0);
    world.events.leave(left.clone()).await.unwrap();
    let much_later = NOW.plus(LeftEvent::KEPT * 100);
    assert_eq!(world.housekeep(much_later, 100).await, 0);
    assert_eq!(world.events.take(9).await.unwrap(), [left]);
}

async fn replicas_share_the_work(world: World) {
    fill(&world, &world.someone().await, 500).await;
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        async move {
            stores
                .housekeeping
                .delete_expired(later(1), 50)
                .await
                .unwrap()
        }
    })
    .await;
    let mut deleted: u64 = outcomes.iter().sum();
    loop {
        match world.housekeep(later(1), 50).await {
            0 => break,
            more => deleted += more,
        }
    }
    assert_eq!(deleted, 500);
}

/// Spends that many things that have expired.
async fn fill(world: &World, person: &Person, things: u64) {
    let expired = |number| Spend {
        item: Spendable::Challenge,
        id: format!("ch-{number}"),
        expires: Timestamp::from_unix_milliseconds(1),
    };
    let session = Authority::of_session(&world.session(person));
    let authority = (0..things).map(expired).fold(session, Authority::spending);
    world.sessions.exercise(authority).await.unwrap();
}
