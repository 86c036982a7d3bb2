//! Backups: every row of every table, of one moment, into either database; and what is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    sync::Arc,
};

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::look::Logo,
    credential_code::CodeState,
    id::InstallationId,
    message::{MessageKind, NewMessage},
};
use latchkey_service::ports::{
    administration_store::{ApplicationUpdate, New},
    installation_store::Installation,
    sign_in_store::{CredentialUse, Evidence},
};
use latchkey_storage::backup::{self, BackupError, Reading, Summary};
use latchkey_store_contract::{NOW, Person};
use sea_orm::ConnectionTrait as _;
use tokio::runtime::Handle;

use crate::world::{Sql, SqlWorld};

on_both! {
    every_row_of_every_table_comes_into_either_database_and_back,
    a_backup_is_of_one_moment,
    what_is_not_whole_or_was_changed_is_refused_and_nothing_is_made,
    a_database_that_has_something_to_lose_is_refused_and_named,
    a_backup_of_an_older_schema_is_brought_up_to_date,
    a_backup_of_nothing_is_refused,
    to_go_back_ends_every_session_and_every_code,
    a_database_is_bound_to_other_secrets_in_the_transaction_that_fills_it,
}

/// All tables of the database but that of the steps of the schema.
async fn tables(sql: &Sql) -> Vec<String> {
    let asked = if sql.is_postgres() {
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
    } else {
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    };
    let rows = sql.query(asked).await;
    let names = rows
        .iter()
        .map(|row| row.try_get_by_index::<String>(0).unwrap());
    names.filter(|name| name != "seaql_migrations").collect()
}

/// The columns of a table, each as a text that is the same on both databases.
async fn columns_as_text(sql: &Sql, table: &str) -> Vec<String> {
    let asked = if sql.is_postgres() {
        format!(
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY column_name"
        )
    } else {
        format!("SELECT name, type FROM pragma_table_info('{table}') ORDER BY name")
    };
    let rows = sql.query(&asked).await;
    let columns = rows.iter().map(|row| {
        let name: String = row.try_get_by_index(0).unwrap();
        let kind: String = row.try_get_by_index(1).unwrap();
        let text = match kind.to_lowercase().as_str() {
            "bytea" => format!("UPPER(ENCODE(\"{name}\", 'hex'))"),
            "blob" => format!("HEX(\"{name}\")"),
            "boolean" => format!("CAST(CAST(\"{name}\" AS INTEGER) AS TEXT)"),
            _ => format!("CAST(\"{name}\" AS TEXT)"),
        };
        format!("'{name}=' || CASE WHEN \"{name}\" IS NULL THEN 'none' ELSE {text} END")
    });
    columns.collect()
}

/// Every row of every table, as text.
async fn everything(sql: &Sql) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for table in tables(sql).await {
        let columns = columns_as_text(sql, &table).await.join(" || ' ' || ");
        let rows = sql.query(&format!("SELECT {columns} FROM {table}")).await;
        let rows = rows.iter().map(|row| row.try_get_by_index(0).unwrap());
        all.insert(table, rows.collect());
    }
    all
}

/// Something in every table.
async fn fill(world: &SqlWorld) -> Person {
    let kept = Installation {
        id: InstallationId::from_random(&world.draw()),
        secrets_fingerprint: "of these secrets".to_owned(),
    };
    world.installation.establish(kept).await.unwrap();
    let person = world.with_passkey().await;
    show_logo(world).await;
    world.issued_code(&person).await;
    world
        .hand_out(&person.user, AccountCodeKind::Login, NOW)
        .await;
    sign_action(world, &person).await;
    world.ask_for_code(&person.user.organization).await;
    world.events.leave(world.event(0)).await.unwrap();
    person
}

/// Gives the oldest application a logo.
async fn show_logo(world: &SqlWorld) {
    let listed = world.administration.applications().await.unwrap();
    let logo = Logo::new(b"\x89PNG\r\n\x1a\n\x00\xff".to_vec()).unwrap();
    let update = ApplicationUpdate {
        logo: Some(New::At(logo)),
        ..ApplicationUpdate::default()
    };
    let id = &listed[0].application.id;
    let updated = world.administration.update_application(id, update).await;
    updated.unwrap();
}

async fn sign_action(world: &SqlWorld, person: &Person) -> Evidence {
    let evidence = world.evidence(&person.credentials[1]);
    let uses = vec![CredentialUse {
        credential: person.credentials[1].uuid.clone(),
        state: None,
        date: NOW,
    }];
    let signed = world
        .sign_ins
        .sign_action(world.sign_in(person), uses, evidence.clone());
    signed.await.unwrap();
    evidence
}

async fn backed_up(sql: &Sql) -> (Vec<u8>, Summary) {
    let mut file = Vec::new();
    let written = backup::write(&sql.store, "1.2.3", "today".to_owned(), &mut file);
    let summary = written.await.unwrap();
    (file, summary)
}

async fn restored(sql: &Sql, file: &[u8]) -> Result<Summary, BackupError> {
    let reading = Reading::begin(file)?;
    let steps = reading.header().steps.len();
    let begun = latchkey_migrations::begin(sql.store.connection()).await;
    let transaction = begun.unwrap();
    let filled = async {
        backup::require_empty(&transaction).await?;
        latchkey_migrations::begin_anew(&transaction, steps).await?;
        let summary = backup::fill(&transaction, reading, |_row| {}).await?;
        latchkey_migrations::up_in(&transaction).await?;
        Ok::<_, BackupError>(summary)
    };
    match filled.await {
        Ok(summary) => {
            transaction.commit().await.unwrap();
            Ok(summary)
        }
        Err(error) => {
            transaction.rollback().await.unwrap();
            Err(error)
        }
    }
}

async fn is_empty(sql: &Sql) -> bool {
    everything(sql).await.values().all(BTreeSet::is_empty)
}

async fn every_row_of_every_table_comes_into_either_database_and_back(world: SqlWorld) {
    fill(&world).await;
    let before = everything(&world.sql).await;
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "{table}");
    }
    let (file, summary) = backed_up(&world.sql).await;
    // No table is forgotten.
    assert!(summary.rows.keys().eq(before.keys()), "{:?}", summary.rows);
    for (table, rows) in &before {
        assert_eq!(summary.rows[table], u64::try_from(rows.len()).unwrap());
    }
    for other in [Sql::sqlite().await, Sql::postgres().await] {
        assert_eq!(restored(&other, &file).await.unwrap(), summary);
        assert_eq!(everything(&other).await, before);

        let (file, _summary) = backed_up(&other).await;
        let again = if world.sql.is_postgres() {
            Sql::postgres().await
        } else {
            Sql::sqlite().await
        };
        restored(&again, &file).await.unwrap();
        assert_eq!(everything(&again).await, before);
    }
}

/// Somebody who changes the database while its backup is written.
struct Meddler<'a> {
    sql: &'a Sql,
    has_meddled: bool,
}

impl Write for Meddler<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_meddled {
            self.has_meddled = true;
            let change = self
                .sql
                .execute("INSERT INTO spent (id, expires) VALUES ('meanwhile', 0)");
            tokio::task::block_in_place(|| Handle::current().block_on(change));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn a_backup_is_of_one_moment(world: SqlWorld) {
    fill(&world).await;
    let before = u64::try_from(world.sql.count("spent").await).unwrap();
    // With connections of its own.
    let other = Sql::on(Arc::clone(&world.sql.database)).await;
    let meddler = Meddler {
        sql: &other,
        has_meddled: false,
    };
    let written = backup::write(&world.sql.store, "1.2.3", String::new(), meddler);
    assert_eq!(written.await.unwrap().rows["spent"], before);
    let after = u64::try_from(world.sql.count("spent").await).unwrap();
    assert_eq!(after, before + 1);
}

async fn what_is_not_whole_or_was_changed_is_refused_and_nothing_is_made(world: SqlWorld) {
    fill(&world).await;
    let (file, _summary) = backed_up(&world.sql).await;
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let last = lines[lines.len() - 1];
    let without = |index: usize| {
        let mut lines = lines.clone();
        lines.remove(index);
        lines.concat()
    };
    let name = text.find("\"Example\"").unwrap();
    let row_of_name = lines
        .iter()
        .position(|line| line.contains("\"Example\""))
        .unwrap();
    let mut renamed = text.clone();
    renamed.replace_range(name..name + 9, "\"Exampel\"");
    let other = if world.sql.is_postgres() {
        Sql::sqlite().await
    } else {
        Sql::postgres().await
    };
    for (changed, is_cut) in [
        (String::new(), true),
        (text[..text.len() - 1].to_owned(), true),
        (text[..text.len() - last.len()].to_owned(), true),
        (text[..text.len() / 2].to_owned(), true),
        (without(row_of_name), false),
        (without(lines.len() - 2), false),
        (renamed, false),
        (
            text.replacen("\"made\":\"today\"", "\"made\":\"later\"", 1),
            false,
        ),
        (format!("{text}{last}"), false),
    ] {
        assert_ne!(changed, text);
        let refused = restored(&other, changed.as_bytes()).await.unwrap_err();
        assert_eq!(
            matches!(refused, BackupError::NotWhole),
            is_cut,
            "{refused:?}"
        );
        assert!(is_empty(&other).await, "{refused:?}");
    }
    // With or without an end of its line.
    for foreign in [
        "CREATE TABLE users;\n",
        "CREATE TABLE users;",
        "{\"a\":",
        "h",
    ] {
        let refused = restored(&other, foreign.as_bytes()).await;
        assert!(matches!(refused, Err(BackupError::Foreign)), "{foreign:?}");
    }
    let newer = text.replacen("\"latchkeyBackup\":1", "\"latchkeyBackup\":2", 1);
    let newer = restored(&other, newer.as_bytes()).await.unwrap_err();
    assert!(newer.to_string().contains("1.2.3"), "{newer}");
    restored(&other, text.as_bytes()).await.unwrap();
}

async fn a_database_that_has_something_to_lose_is_refused_and_named(world: SqlWorld) {
    let (file, _summary) = backed_up(&world.sql).await;
    world.tenant("Example").await;
    let before = everything(&world.sql).await;
    let refused = restored(&world.sql, &file).await.unwrap_err().to_string();
    for named in ["organizations (1)", "users (1)", "database.url"] {
        assert!(refused.contains(named), "{refused}");
    }
    assert_eq!(everything(&world.sql).await, before);
}

async fn a_backup_of_an_older_schema_is_brought_up_to_date(world: SqlWorld) {
    let begun = latchkey_migrations::begin(world.sql.store.connection()).await;
    let transaction = begun.unwrap();
    latchkey_migrations::begin_anew(&transaction, 7)
        .await
        .unwrap();
    for statement in [
        "INSERT INTO organizations (id, name, is_active, created) VALUES ('or-1', 'One', TRUE, 0)",
        "INSERT INTO users (id, organization_id, username, username_key, kind, is_active, epoch, created) \
         VALUES ('us-1', 'or-1', 'ada', 'ada', 'EndUser', TRUE, 0, 0)",
        "INSERT INTO registration_codes (id, user_id, digest, issued, expires) \
         VALUES ('rc-1', 'us-1', 'digest', 0, 0)",
    ] {
        let statement = if world.sql.is_postgres() {
            statement.replace("'digest'", "'digest'::bytea")
        } else {
            statement.replace("'digest'", "X'00'")
        };
        transaction.execute_unprepared(&statement).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let (file, summary) = backed_up(&world.sql).await;
    assert_eq!(summary.rows["registration_codes"], 1);
    for other in [Sql::sqlite().await, Sql::postgres().await] {
        restored(&other, &file).await.unwrap();
        let status = latchkey_migrations::status(other.store.connection()).await;
        assert!(status.unwrap().iter().all(|step| step.is_applied));
        for from in ["organizations", "users", "account_codes WHERE id = 'ac-1'"] {
            assert_eq!(other.count(from).await, 1, "{from}");
        }
    }
}

async fn a_backup_of_nothing_is_refused(world: SqlWorld) {
    latchkey_migrations::down(world.sql.store.connection())
        .await
        .unwrap();
    world.sql.execute("DROP TABLE seaql_migrations").await;
    let written = backup::write(&world.sql.store, "1.2.3", String::new(), Vec::new());
    assert!(matches!(written.await, Err(BackupError::Nothing)));
}

/// The kinds of the messages that wait.
async fn kinds_that_wait(world: &SqlWorld) -> BTreeSet<String> {
    let rows = world.sql.query("SELECT kind FROM messages").await;
    let kinds = rows.iter().map(|row| row.try_get_by_index(0).unwrap());
    kinds.collect()
}

/// As often as anybody goes back.
async fn to_go_back_ends_every_session_and_every_code(world: SqlWorld) {
    let person = fill(&world).await;
    let user = &person.user.id;
    let session = world.session(&person);
    assert!(world.sessions.is_live(&session).await.unwrap());
    let credentials = world.account(user).await.unwrap().credentials;
    for kind in MessageKind::ALL {
        let code = world.account_code(&person.user, AccountCodeKind::Recovery, NOW);
        let message = NewMessage {
            kind: *kind,
            ..world.message(user)
        };
        world.sql.execute("DELETE FROM account_codes").await;
        assert!(world.account_codes.issue(code, message).await.unwrap());
    }
    let all = MessageKind::ALL.iter().map(ToString::to_string);
    assert_eq!(kinds_that_wait(&world).await, all.collect());
    for epoch in [NOW.unix_seconds(), NOW.unix_seconds() + 1] {
        let begun = latchkey_migrations::begin(world.sql.store.connection()).await;
        let transaction = begun.unwrap();
        backup::end_everything(&transaction, NOW).await.unwrap();
        transaction.commit().await.unwrap();
        let account = world.account(user).await.unwrap();
        assert_eq!(account.user.epoch.number(), epoch);
        assert_eq!(account.credentials, credentials);
    }
    assert!(!world.sessions.is_live(&session).await.unwrap());
    let code = world.newest(user).await.unwrap();
    assert_eq!(code.state, CodeState::Cancelled { claim: None });
    assert_eq!(world.sql.count("account_codes").await, 0);
    // Notices are still sent; a code that has ended is not, and what was told is not told again.
    let notices = MessageKind::ALL.iter().filter(|kind| !kind.has_code());
    let notices = notices.map(ToString::to_string);
    assert_eq!(kinds_that_wait(&world).await, notices.collect());
    assert_eq!(world.events.take(9).await.unwrap(), []);
}

async fn a_database_is_bound_to_other_secrets_in_the_transaction_that_fills_it(world: SqlWorld) {
    fill(&world).await;
    let fingerprint = async || {
        let kept = world.installation.look().await.unwrap();
        kept.unwrap().secrets_fingerprint
    };
    for (from, is_bound) in [("of others", false), ("of these secrets", true)] {
        let begun = latchkey_migrations::begin(world.sql.store.connection()).await;
        let transaction = begun.unwrap();
        let bound = backup::rebind(&transaction, from, "of new ones").await;
        assert_eq!(bound.unwrap(), is_bound);
        transaction.rollback().await.unwrap();
        assert_eq!(fingerprint().await, "of these secrets");
    }
}
