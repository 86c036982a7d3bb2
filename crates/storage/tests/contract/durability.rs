//! What was done stays done.

use std::time::Duration;

use latchkey_testkit::database::TestDatabase;

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

/// Copies the file of SQLite alone, without its log, and counts there.
async fn counted_in_a_copy(world: &Sql, from: &str) -> i64 {
    let copy = TestDatabase::empty_sqlite().unwrap();
    std::fs::copy(world.database.file(), copy.file()).unwrap();
    Sql::on(copy.into()).await.count(from).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_alone_has_everything_after_an_orderly_end() {
    let world = SqlWorld::sqlite().await;
    world.tenant("Example").await;
    // The first replica ends; the second one keeps its connections.
    let sql = world.sql.clone();
    sql.store.clone().close().await.unwrap();
    assert_eq!(counted_in_a_copy(&sql, "organizations").await, 1);
}

/// As with somebody who never ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_follows_the_log_by_time() {
    let world = SqlWorld::sqlite().await;
    world.tenant("Example").await;
    let moved = async {
        while counted_in_a_copy(&world.sql, "organizations").await == 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(5), moved)
        .await
        .unwrap();
}
