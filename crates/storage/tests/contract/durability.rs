//! What was done stays done.

use crate::world::{Sql, SqlWorld};

on_both! {
    what_was_done_is_there_for_who_connects_later,
}

async fn what_was_done_is_there_for_who_connects_later(world: SqlWorld) {
    let person = world.someone().await;
    let Sql {
        store, database, ..
    } = world.sql.clone();
    drop(world);
    store.close().await.unwrap();
    let world = SqlWorld::again(database).await;
    let account = world.account(&person.user.id).await;
    assert_eq!(account.unwrap().user, person.user);
}
