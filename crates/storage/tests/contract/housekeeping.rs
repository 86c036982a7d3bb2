//! Removing what nobody needs any more.

use std::time::Duration;

use latchkey_domain::{credential_code::CodeState, time::Timestamp};
use latchkey_service::ports::{
    administration_store::AdministrationStore as _,
    credential_code_store::CredentialCodeStore as _, housekeeping_store::HousekeepingStore as _,
};

use crate::world::{NOW, World, at_once};

contract! {
    what_has_not_expired_stays,
    what_has_expired_goes,
    the_newest_code_of_a_user_stays,
    a_claimed_code_stays_while_its_challenge_lives,
    a_batch_bounds_what_is_deleted_at_once,
    replicas_share_the_work,
}

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

async fn what_has_not_expired_stays(world: World) {
    let person = world.someone().await;
    world.issued_code(&person).await;
    world.issued_code(&person).await;
    let invitation = world.invitation(&person.user.organization, "invited@example.com");
    world.store.invite(invitation).await.unwrap();
    let spent = world.count("spent").await;
    assert_eq!(world.store.delete_expired(NOW, 100).await.unwrap(), 0);
    assert_eq!(world.count("spent").await, spent);
    assert_eq!(world.count("credential_codes").await, 2);
    assert_eq!(world.count("account_codes").await, 2);
}

async fn what_has_expired_goes(world: World) {
    let person = world.someone().await;
    world.issued_code(&person).await;
    world.issued_code(&person).await;
    // Three spent things and the older credential code; the administrator's registration code stays,
    // so that an expired one can be told from a wrong one.
    let deleted = world.store.delete_expired(later(300), 100).await.unwrap();
    assert_eq!(deleted, 4);
    assert_eq!(world.count("spent").await, 0);
    assert_eq!(world.count("account_codes").await, 1);
    assert_eq!(world.count("credential_codes").await, 1);
    assert_eq!(world.count("users").await, 2);
}

async fn the_newest_code_of_a_user_stays(world: World) {
    let person = world.someone().await;
    world.claimed_code(&person).await;
    let newest = world.issued_code(&person).await;
    world.store.cancel_all(&person.user.id).await.unwrap();
    world.store.delete_expired(later(600), 100).await.unwrap();
    let kept = world.store.newest(&person.user.id).await.unwrap().unwrap();
    assert_eq!(kept.id, newest.code.id);
    assert_eq!(kept.state, CodeState::Cancelled { claim: None });
}

async fn a_claimed_code_stays_while_its_challenge_lives(world: World) {
    let person = world.someone().await;
    world.claimed_code(&person).await;
    world.issued_code(&person).await;
    world.store.delete_expired(later(4), 100).await.unwrap();
    assert_eq!(world.count("credential_codes").await, 2);
    world.store.delete_expired(later(6), 100).await.unwrap();
    assert_eq!(world.count("credential_codes").await, 1);
}

async fn a_batch_bounds_what_is_deleted_at_once(world: World) {
    fill(&world, 10).await;
    for expected in [4, 4, 2, 0] {
        let deleted = world.store.delete_expired(later(1), 4).await.unwrap();
        assert_eq!(deleted, expected);
    }
}

async fn replicas_share_the_work(world: World) {
    fill(&world, 500).await;
    let outcomes = at_once(|index| {
        let store = world.replica(index);
        async move { store.delete_expired(later(1), 50).await.unwrap() }
    })
    .await;
    let left = world.count("spent").await;
    assert_eq!(
        outcomes.iter().sum::<u64>() + u64::try_from(left).unwrap(),
        500
    );
    while world.store.delete_expired(later(1), 50).await.unwrap() > 0 {}
    assert_eq!(world.count("spent").await, 0);
}

/// Writes that many spent things that have expired.
async fn fill(world: &World, rows: usize) {
    let values: Vec<_> = (0..rows).map(|row| format!("('ch-{row}', 1)")).collect();
    let statement = format!(
        "INSERT INTO spent (id, expires) VALUES {}",
        values.join(", ")
    );
    world.execute(&statement).await;
}
