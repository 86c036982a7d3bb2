//! The schema: up, down, and several processes at once.

use latchkey_storage::{connect::connect, store::SqlStore};
use latchkey_testkit::database::TestDatabase;
use sea_orm::ConnectionTrait as _;
use tokio::task::JoinSet;

use crate::world::SqlWorld;

on_both! {
    up_again_only_reads,
    status_tells_what_is_applied,
    down_takes_everything_back,
    a_newer_schema_is_refused,
    the_oldest_user_of_each_organization_becomes_an_administrator,
    registration_codes_stay_valid_as_account_codes,
}

async fn up_again_only_reads(world: SqlWorld) {
    let up = latchkey_migrations::up(world.sql.store.connection());
    let cost = world.sql.cost(async { up.await.unwrap() }).await;
    assert!(cost.write_statements <= 2);
}

async fn status_tells_what_is_applied(world: SqlWorld) {
    let status = latchkey_migrations::status(world.sql.store.connection()).await;
    assert!(status.unwrap().iter().all(|step| step.is_applied));
    latchkey_migrations::down(world.sql.store.connection())
        .await
        .unwrap();
    let status = latchkey_migrations::status(world.sql.store.connection()).await;
    assert!(status.unwrap().iter().all(|step| !step.is_applied));
}

async fn down_takes_everything_back(world: SqlWorld) {
    world.tenant("Example").await;
    latchkey_migrations::down(world.sql.store.connection())
        .await
        .unwrap();
    let organizations = world
        .sql
        .store
        .connection()
        .execute_unprepared("SELECT 1 FROM organizations");
    assert!(organizations.await.is_err());
    latchkey_migrations::up(world.sql.store.connection())
        .await
        .unwrap();
    assert_eq!(world.sql.count("organizations").await, 0);
}

async fn a_newer_schema_is_refused(world: SqlWorld) {
    world
        .sql
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
        .await;
    let error = latchkey_migrations::up(world.sql.store.connection())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("m9999_later"), "{error}");
}

async fn the_oldest_user_of_each_organization_becomes_an_administrator(world: SqlWorld) {
    let connection = world.sql.store.connection();
    for statement in [
        "DELETE FROM seaql_migrations WHERE version = 'm0002_administrators'",
        "DROP INDEX ux_users_organization_id_external_id",
        "DROP INDEX ix_users_organization_id_created_id",
        "ALTER TABLE users DROP COLUMN external_id",
        "ALTER TABLE users DROP COLUMN is_administrator",
    ] {
        world.sql.execute(statement).await;
    }
    for organization in ["or-1", "or-2"] {
        world
            .sql
            .execute(&format!(
                "INSERT INTO organizations (id, name, is_active, created) \
                 VALUES ('{organization}', '{organization}', TRUE, 0)"
            ))
            .await;
    }
    for (id, organization, created) in [
        ("us-1", "or-1", 3),
        ("us-2", "or-1", 2),
        ("us-3", "or-2", 5),
        ("us-4", "or-2", 5),
    ] {
        world
            .sql
            .execute(&format!(
                "INSERT INTO users (id, organization_id, username, username_key, kind, is_active, \
                 epoch, created) \
                 VALUES ('{id}', '{organization}', '{id}', '{id}', 'EndUser', TRUE, 0, {created})"
            ))
            .await;
    }
    latchkey_migrations::up(connection).await.unwrap();
    assert_eq!(world.sql.count("users WHERE is_administrator").await, 2);
    let oldest = "users WHERE is_administrator AND id IN ('us-2', 'us-3')";
    assert_eq!(world.sql.count(oldest).await, 2);
}

async fn registration_codes_stay_valid_as_account_codes(world: SqlWorld) {
    let invited = world.tenant("Example").await.administrator;
    for statement in [
        "DELETE FROM seaql_migrations WHERE version = 'm0008_registration_codes'",
        "CREATE TABLE registration_codes AS \
         SELECT 'rc-' || SUBSTR(id, 4) AS id, user_id, digest, issued, expires FROM account_codes",
        "DELETE FROM account_codes",
    ] {
        world.sql.execute(statement).await;
    }
    latchkey_migrations::up(world.sql.store.connection())
        .await
        .unwrap();
    let held = world.invited(&invited).await.unwrap();
    assert_eq!(held.code, invited.code.code);
}

/// Eight processes that start at once on a database that does not exist or is empty.
async fn eight_at_once(database: TestDatabase) {
    let mut processes = JoinSet::new();
    for _process in 0..8 {
        let url = database.url().to_owned();
        processes.spawn(async move {
            let store: SqlStore = connect(url).await?;
            latchkey_migrations::up(store.connection()).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
    }
    for outcome in processes.join_all().await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_may_start_at_once_on_sqlite() {
    for _round in 0..5 {
        eight_at_once(TestDatabase::empty_sqlite().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_may_start_at_once_on_postgres() {
    for _round in 0..3 {
        eight_at_once(TestDatabase::empty_postgres().unwrap()).await;
    }
}
