//! The schema: up, down, and several processes at once.

use std::{
    io,
    sync::{Arc, Mutex},
};

use latchkey_domain::account_code::AccountCodeKind;
use latchkey_service::ports::store::StoreError;
use latchkey_storage::{connect::connect, store::SqlStore};
use latchkey_store_contract::NOW;
use latchkey_testkit::database::TestDatabase;
use sea_orm::ConnectionTrait as _;
use tokio::task::JoinSet;
use tracing::{Level, instrument::WithSubscriber as _};
use url::Url;

use crate::world::SqlWorld;

on_both! {
    up_again_only_reads,
    status_tells_what_is_applied,
    down_takes_everything_back,
    a_step_is_taken_back_by_itself_and_what_it_holds_is_told_before,
    a_step_that_loses_more_than_was_told_is_not_taken_back,
    a_newer_schema_is_refused,
    a_schema_that_lacks_a_step_takes_no_changes,
    a_schema_that_lacks_any_table_takes_no_changes,
    the_oldest_user_of_each_organization_becomes_an_administrator,
    registration_codes_stay_valid_as_account_codes,
    codes_that_are_live_stay_in_the_epoch_of_their_user,
    usernames_that_differ_in_form_only_become_one,
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

/// As by `latchkey migrate down` beside a running service: what it needs is missing, and may come again.
async fn a_schema_that_lacks_a_step_takes_no_changes(world: SqlWorld) {
    let connection = world.sql.store.connection();
    world.installation.ping().await.unwrap();
    // The newest two are of indexes, and the one before adds a column to messages.
    for _ in 0..3 {
        let newest = latchkey_migrations::newest(connection).await.unwrap();
        let more = latchkey_migrations::step_down(connection, &newest.unwrap()).await;
        assert_eq!(more.unwrap(), None);
    }
    let ready = world.installation.ping().await;
    assert!(
        matches!(ready, Err(StoreError::Unavailable(_))),
        "{ready:?}"
    );
    let read = world.messages.waiting(NOW).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    latchkey_migrations::up(connection).await.unwrap();
    world.installation.ping().await.unwrap();
    world.messages.waiting(NOW).await.unwrap();
}

async fn a_schema_that_lacks_any_table_takes_no_changes(world: SqlWorld) {
    let names = if world.sql.is_postgres() {
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    for row in world.sql.query(names).await {
        let table: String = row.try_get_by_index(0).unwrap();
        let rename = async |from: &str, to: &str| {
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            world.sql.execute(&sql).await;
        };
        rename(&table, "elsewhere").await;
        let ready = world.installation.ping().await;
        // What steps were taken is of no matter to who serves.
        let is_needed = table != "seaql_migrations";
        assert_eq!(ready.is_err(), is_needed, "{table}: {ready:?}");
        rename("elsewhere", &table).await;
        world.installation.ping().await.unwrap();
    }
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

async fn a_step_is_taken_back_by_itself_and_what_it_holds_is_told_before(world: SqlWorld) {
    let connection = world.sql.store.connection();
    world.tenant("Example").await;
    assert_eq!(
        latchkey_migrations::organizations(connection)
            .await
            .unwrap(),
        ["Example"]
    );
    world.events.leave(world.event(0)).await.unwrap();
    let mut lost = Vec::new();
    loop {
        let steps = latchkey_migrations::status(connection).await.unwrap();
        let Some(newest) = latchkey_migrations::newest(connection).await.unwrap() else {
            break;
        };
        let losses = latchkey_migrations::losses(connection, &newest.step).await;
        assert_eq!(losses.unwrap(), newest.losses);
        lost.extend(newest.losses.clone());
        let more = latchkey_migrations::step_down(connection, &newest).await;
        assert_eq!(more.unwrap(), None);
        let left = latchkey_migrations::status(connection).await.unwrap();
        let (before, after) = [&steps, &left]
            .map(|steps| steps.iter().filter(|step| step.is_applied).count())
            .into();
        assert_eq!(after + 1, before);
    }
    let rows_of = |what: &str| {
        let of = lost.iter().filter(|loss| loss.what == what);
        of.map(|loss| loss.rows).sum::<u64>()
    };
    assert_eq!((rows_of("organizations"), rows_of("applications")), (1, 1));
    assert_eq!(rows_of("messages that wait"), 0);
    assert_eq!(rows_of("events of commands that are still to be told"), 1);
    assert!(lost.iter().all(|loss| loss.rows > 0), "{lost:?}");
    assert!(
        latchkey_migrations::losses(connection, "m9999_later")
            .await
            .is_err()
    );
}

/// Whoever agreed to a loss has not agreed to what came since.
async fn a_step_that_loses_more_than_was_told_is_not_taken_back(world: SqlWorld) {
    let connection = world.sql.store.connection();
    world.tenant("Example").await;
    let told = loop {
        let newest = latchkey_migrations::newest(connection).await.unwrap();
        let newest = newest.unwrap();
        if newest.step == "m0009_code_epochs" {
            break newest;
        }
        let more = latchkey_migrations::step_down(connection, &newest).await;
        assert_eq!(more.unwrap(), None);
    };
    assert_eq!(told.losses, []);
    let codes = world
        .sql
        .execute("UPDATE account_codes SET epoch = 1")
        .await;
    assert!(codes > 0);
    let more = latchkey_migrations::step_down(connection, &told).await;
    let now = more.unwrap().unwrap();
    assert_eq!((now.losses.len(), now.losses[0].rows), (1, codes));
    let kept = world.sql.count("account_codes WHERE epoch = 1").await;
    assert_eq!(u64::try_from(kept).unwrap(), codes);
    let more = latchkey_migrations::step_down(connection, &now).await;
    assert_eq!(more.unwrap(), None);
}

async fn a_newer_schema_is_refused(world: SqlWorld) {
    let connection = world.sql.store.connection();
    let unknown = latchkey_migrations::unknown_step(connection).await;
    assert_eq!(unknown.unwrap(), None);
    world
        .sql
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)")
        .await;
    let unknown = latchkey_migrations::unknown_step(connection).await;
    assert_eq!(unknown.unwrap().unwrap(), "m9999_later");
    let error = latchkey_migrations::up(connection).await.unwrap_err();
    assert!(error.to_string().contains("m9999_later"), "{error}");
}

async fn the_oldest_user_of_each_organization_becomes_an_administrator(world: SqlWorld) {
    let connection = world.sql.store.connection();
    for statement in [
        "DELETE FROM seaql_migrations WHERE version = 'm0002_administrators'",
        "DROP INDEX ix_users_administrators",
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

async fn codes_that_are_live_stay_in_the_epoch_of_their_user(world: SqlWorld) {
    let person = world.someone().await;
    world.end_all(&person).await;
    let user = world.account(&person.user.id).await.unwrap().user;
    let code = world.hand_out(&user, AccountCodeKind::Login, NOW).await;
    for statement in [
        "DELETE FROM seaql_migrations WHERE version = 'm0009_code_epochs'",
        "ALTER TABLE account_codes DROP COLUMN epoch",
    ] {
        world.sql.execute(statement).await;
    }
    latchkey_migrations::up(world.sql.store.connection())
        .await
        .unwrap();
    let held = world.held(&user, &code).await.unwrap();
    assert!(user.epoch > person.user.epoch && held.can_be_used(NOW));
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Brings the schema up to date, and gives what the log warned of in that organization.
async fn warned_by_up(world: &SqlWorld, organization: &str) -> Vec<String> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(Level::WARN)
        .with_writer(move || writer.clone())
        .finish();
    let up = latchkey_migrations::up(world.sql.store.connection());
    up.with_subscriber(subscriber).await.unwrap();
    let bytes = log.0.lock().unwrap().clone();
    let text = String::from_utf8(bytes).unwrap();
    let field = format!("organization=\"{organization}\"");
    let lines = text.lines().filter(|line| line.contains(&field));
    lines.map(str::to_owned).collect()
}

/// In each organization the first user has the decomposed name, as it was kept before, the second, if
/// there is one, the composed name.
async fn usernames_that_differ_in_form_only_become_one(world: SqlWorld) {
    let decomposed = "ju\u{308}rgen@example.com";
    let composed = "j\u{fc}rgen@example.com";
    let again = "DELETE FROM seaql_migrations WHERE version = 'm0010_username_keys'";
    world.sql.execute(again).await;
    for (organization, users, expected, loser) in [
        ("or-1", &[(decomposed, true)][..], "us-or-1-0", None),
        (
            "or-2",
            &[(decomposed, true), (composed, false)][..],
            "us-or-2-0",
            Some("us-or-2-1"),
        ),
        (
            "or-3",
            &[(decomposed, false), (composed, false)][..],
            "us-or-3-1",
            Some("us-or-3-0"),
        ),
        (
            "or-4",
            &[(decomposed, true), (composed, true)][..],
            "us-or-4-1",
            Some("us-or-4-0"),
        ),
        (
            "or-5",
            &[("JU\u{308}RGEN\u{200b}@example.com", false)][..],
            "us-or-5-0",
            None,
        ),
    ] {
        let made = format!(
            "INSERT INTO organizations (id, name, is_active, created) \
             VALUES ('{organization}', '{organization}', TRUE, 0)"
        );
        world.sql.execute(&made).await;
        for (index, (username, is_registered)) in users.iter().enumerate() {
            let registered = if *is_registered { "0" } else { "NULL" };
            let made = format!(
                "INSERT INTO users (id, organization_id, username, username_key, kind, \
                 is_administrator, is_active, epoch, registered, created) \
                 VALUES ('us-{organization}-{index}', '{organization}', '{username}', \
                 '{username}', 'EndUser', FALSE, TRUE, 0, {registered}, 0)"
            );
            world.sql.execute(&made).await;
        }
        let lines = warned_by_up(&world, organization).await;
        assert_eq!(lines.len(), usize::from(loser.is_some()), "{lines:?}");
        for (line, loser) in lines.iter().zip(loser) {
            for field in [
                format!("user=\"{loser}\""),
                format!("kept_by=\"{expected}\""),
            ] {
                assert!(line.contains(&field), "{field}: {line}");
            }
            // Names are in no log.
            assert!(!line.contains("rgen"), "{line}");
        }
        world.sql.execute(again).await;
        let found = format!(
            "users WHERE organization_id = '{organization}' AND username_key = '{composed}' \
             AND id = '{expected}'"
        );
        assert_eq!(world.sql.count(&found).await, 1, "{organization}");
        let all = format!("users WHERE organization_id = '{organization}'");
        assert_eq!(
            world.sql.count(&all).await,
            i64::try_from(users.len()).unwrap()
        );
    }
    latchkey_migrations::up(world.sql.store.connection())
        .await
        .unwrap();
}

/// Whoever serves at the version before has one table and asks for another, which an earlier step has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_grows_beside_those_who_use_it() {
    let world = SqlWorld::postgres().await;
    let connection = world.sql.store.connection();
    world.tenant("Example").await;
    let anew = latchkey_migrations::begin(connection).await.unwrap();
    latchkey_migrations::begin_anew(&anew, 12).await.unwrap();
    anew.commit().await.unwrap();
    let pending = "pg_locks WHERE NOT granted AND relation = 'applications'::regclass";
    let works = async {
        let begun = "BEGIN; LOCK TABLE applications IN ROW EXCLUSIVE MODE; \
                     DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted \
                     AND relation = 'applications'::regclass) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$; \
                     UPDATE credentials SET is_active = is_active; COMMIT";
        world.sql.execute(begun).await
    };
    let grows = async {
        while world
            .sql
            .count(
                "pg_locks WHERE relation = 'applications'::regclass AND mode = 'RowExclusiveLock'",
            )
            .await
            == 0
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        latchkey_migrations::up(connection).await
    };
    let (_done, outcome) = tokio::join!(works, grows);
    outcome.unwrap();
    assert_eq!(world.sql.count(pending).await, 0);
    let status = latchkey_migrations::status(connection).await.unwrap();
    assert!(status.iter().all(|step| step.is_applied));
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

/// As in any new database that is somebody else's, since PostgreSQL 15.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_change_the_schema_is_told_what_to_do() {
    let database = TestDatabase::empty_postgres().unwrap();
    let owner = connect(database.url()).await.unwrap();
    let mut url = Url::parse(database.url()).unwrap();
    let role = format!("guest_of{}", url.path().replace('/', "_"));
    for sql in [
        format!("CREATE ROLE {role} LOGIN"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
    ] {
        owner.connection().execute_unprepared(&sql).await.unwrap();
    }
    url.set_username(&role).unwrap();
    let guest = connect(url.as_str()).await.unwrap();
    assert!(!guest.facts().await.unwrap().may_migrate);
    let refused = latchkey_migrations::up(guest.connection()).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("permission denied"), "{said}");
    assert!(said.contains("OWNER TO"), "{said}");
    assert!(!said.contains("at line"), "{said}");
    assert!(owner.facts().await.unwrap().may_migrate);
    guest.close().await.unwrap();
    let sql = format!("DROP ROLE {role}");
    owner.connection().execute_unprepared(&sql).await.unwrap();
}
