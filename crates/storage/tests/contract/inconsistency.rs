//! Rows that no part of the program writes are named, never guessed at.

use std::error::Error as _;

use latchkey_service::ports::{
    account_store::AccountStore, credential_code_store::CredentialCodeStore as _,
    credential_store::CredentialStore as _, directory_store::DirectoryStore as _,
    store::StoreError,
};

use crate::world::World;

contract! {
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

async fn impossible_credentials_are_named(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    world
        .store
        .create(world.authority(&person), passkey)
        .await
        .unwrap();
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
            .execute("CREATE TABLE kept AS SELECT * FROM credentials")
            .await;
        let statement = format!("UPDATE credentials SET {change} WHERE kind = '{kind}'");
        assert_eq!(world.execute(&statement).await, 1);
        let outcome = AccountStore::find(&world.store, &person.user.id).await;
        assert_named(outcome, "credentials", change);
        world.execute("DELETE FROM credentials").await;
        world
            .execute("INSERT INTO credentials SELECT * FROM kept")
            .await;
        world.execute("DROP TABLE kept").await;
    }
    assert_eq!(world.credentials_of(&person).await.len(), 2);
}

async fn impossible_users_are_named(world: World) {
    let person = world.someone().await;
    for change in [
        "kind = 'Robot'",
        "username = ''",
        "username = ' '",
        "external_id = ''",
    ] {
        let id = &person.user.id;
        world
            .execute(&format!("UPDATE users SET {change} WHERE id = '{id}'"))
            .await;
        let outcome = AccountStore::find(&world.store, &person.user.id).await;
        assert_named(outcome, "users", change);
        world
            .execute("UPDATE users SET kind = 'EndUser', username = 'ada', external_id = NULL")
            .await;
    }
}

async fn impossible_codes_are_named(world: World) {
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
            .execute(&format!("UPDATE credential_codes SET {change}"))
            .await;
        let outcome = world.store.newest(&person.user.id).await;
        assert_named(outcome, "credential_codes", change);
        world
            .execute(&format!(
                "UPDATE credential_codes SET state = 'claimed', claim_address = '203.0.113.7', \
                 claim_challenge = '{}', credential = NULL",
                claimed.claim.challenge
            ))
            .await;
    }
    assert!(world.store.newest(&person.user.id).await.is_ok());
}

async fn impossible_applications_are_named(world: World) {
    world.tenant("Example").await;
    for change in [
        "UPDATE applications SET rp_id = 'elsewhere.example'",
        "UPDATE applications SET rp_id = 'https://one.example'",
        "DELETE FROM application_origins",
    ] {
        world.execute(change).await;
        assert_named(world.store.load().await, "applications", change);
    }
}
