//! Callers who go away, and what a change costs.

use std::time::Duration;

use latchkey_service::ports::{
    credential_code_store::CredentialCodeStore as _, credential_store::CredentialStore as _,
};

use crate::world::World;

contract! {
    a_caller_who_goes_away_leaves_no_half_done_change,
    every_change_is_one_transaction,
    what_was_done_is_there_for_who_connects_later,
}

async fn a_caller_who_goes_away_leaves_no_half_done_change(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let spent = world.count("spent").await;
    for round in 0..60 {
        let (authority, credential) = (world.authority(&person), world.key(&person.user));
        let call = world.store.create(authority, credential);
        let patience = Duration::from_micros(round * 50);
        let _gone = tokio::time::timeout(patience, call).await;
    }
    // A change of the same user comes after all that are under way.
    world
        .store
        .create(world.authority(&person), world.key(&person.user))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let made = world.credentials_of(&person).await.len();
    let used_up = world.count("spent").await - spent;
    assert_eq!(i64::try_from(made).unwrap() - 1, used_up);
}

async fn every_change_is_one_transaction(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let store = &world.store;
    let before = store.statements();
    world
        .redeem(&claimed, world.key(&person.user))
        .await
        .unwrap();
    store
        .issue(world.authority(&person), world.new_code(&person))
        .await
        .unwrap();
    store.cancel_all(&person.user.id).await.unwrap();
    let after = store.statements();
    assert_eq!(after.write_transactions - before.write_transactions, 3);
    assert_eq!(after.reads, before.reads);
}

async fn what_was_done_is_there_for_who_connects_later(world: World) {
    let person = world.someone().await;
    let World {
        store,
        other,
        database,
        ..
    } = world;
    store.close().await.unwrap();
    other.close().await.unwrap();
    let later = latchkey_storage::connect::connect(database.url())
        .await
        .unwrap();
    let account =
        latchkey_service::ports::account_store::AccountStore::find(&later, &person.user.id);
    assert_eq!(account.await.unwrap().unwrap().user, person.user);
}
