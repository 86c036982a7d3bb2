//! Rows that no part of the program writes are named, never guessed at.

use std::error::Error as _;

use latchkey_service::ports::store::StoreError;

use crate::world::SqlWorld;

on_both! {
    impossible_credentials_are_named,
    impossible_users_are_named,
    impossible_codes_are_named,
    impossible_applications_are_named,
}

/// The cause of a failure, as it goes into the log.
fn cause(error: &StoreError) -> String {
    error.source().unwrap().to_string()
}

fn assert_named<T: std::fmt::Debug>(outcome: Result<T, StoreError>, table: &str, change: &str) {
    let error = outcome.unwrap_err();
    let cause = cause(&error);
    assert!(cause.contains("inconsistent row"), "{change}: {cause}");
    assert!(cause.contains(table), "{change}: {cause}");
    assert_eq!(error.to_string(), "the store failed");
}

async fn impossible_credentials_are_named(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    world.create(&person, passkey).await;
    for (kind, change) in [
        ("Key", "kind = 'Totp'"),
        ("Key", "kind = 'Fido2'"),
        ("Key", "kind = 'PasswordProtectedKey'"),
        ("Key", "encrypted_private_key = 'x'"),
        ("Key", "sign_count = 1"),
        ("Key", "made_by = 'code'"),
        ("Key", "made_by = 'magic'"),
        ("Key", "made_from_address = 'here'"),
        ("Key", "name = ''"),
        ("Fido2", "kind = 'Key'"),
        ("Fido2", "sign_count = -1"),
        ("Fido2", "sign_count = 4294967296"),
        ("Fido2", "rp_id = NULL"),
        ("Fido2", "origin = NULL"),
        ("Fido2", "origin = 'nowhere'"),
        ("Fido2", "encrypted_private_key = 'x'"),
        ("Fido2", "aaguid = public_key"),
    ] {
        world
            .sql
            .execute("CREATE TABLE kept AS SELECT * FROM credentials")
            .await;
        let statement = format!("UPDATE credentials SET {change} WHERE kind = '{kind}'");
        assert_eq!(world.sql.execute(&statement).await, 1);
        let outcome = world.accounts.find(&person.user.id).await;
        assert_named(outcome, "credentials", change);
        world.sql.execute("DELETE FROM credentials").await;
        world
            .sql
            .execute("INSERT INTO credentials SELECT * FROM kept")
            .await;
        world.sql.execute("DROP TABLE kept").await;
    }
    assert_eq!(world.credentials_of(&person).await.len(), 2);
}

async fn impossible_users_are_named(world: SqlWorld) {
    let person = world.someone().await;
    for change in [
        "kind = 'Robot'",
        "username = ''",
        "username = ' '",
        "external_id = ''",
    ] {
        let id = &person.user.id;
        world
            .sql
            .execute(&format!("UPDATE users SET {change} WHERE id = '{id}'"))
            .await;
        let outcome = world.accounts.find(&person.user.id).await;
        assert_named(outcome, "users", change);
        world
            .sql
            .execute("UPDATE users SET kind = 'EndUser', username = 'ada', external_id = NULL")
            .await;
    }
}

async fn impossible_codes_are_named(world: SqlWorld) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    for change in [
        "state = 'issued'",
        "state = 'redeemed'",
        "state = 'lost'",
        "claim_address = NULL",
        "claim_challenge = 'ch'",
        "credential = issuer",
    ] {
        world
            .sql
            .execute(&format!("UPDATE credential_codes SET {change}"))
            .await;
        let outcome = world.credential_codes.newest(&person.user.id).await;
        assert_named(outcome, "credential_codes", change);
        world
            .sql
            .execute(&format!(
                "UPDATE credential_codes SET state = 'claimed', claim_address = '203.0.113.7', \
                 claim_challenge = '{}', credential = NULL",
                claimed.claim.challenge
            ))
            .await;
    }
    assert!(world.credential_codes.newest(&person.user.id).await.is_ok());
}

async fn impossible_applications_are_named(world: SqlWorld) {
    world.tenant("Example").await;
    for change in [
        "UPDATE applications SET rp_id = 'elsewhere.example'",
        "UPDATE applications SET rp_id = 'https://one.example'",
        "DELETE FROM application_origins",
    ] {
        world.sql.execute(change).await;
        assert_named(world.directory.load().await, "applications", change);
    }
}
