//! Rows that no part of the program writes are named, never guessed at.

use std::error::Error as _;

use latchkey_domain::{credential_code::CodeForm, id::CredentialUuid};
use latchkey_service::ports::store::StoreError;

use crate::world::SqlWorld;

on_both! {
    impossible_credentials_are_named,
    impossible_credentials_are_named_where_they_are_listed,
    impossible_users_are_named,
    impossible_codes_are_named,
    impossible_applications_are_named,
}

/// Requires that the cause, as it goes into the log, names the row of that key and what is wrong with it,
/// which begins with the column where it is one.
fn assert_named<T: std::fmt::Debug>(
    outcome: Result<T, StoreError>,
    (table, key): (&str, impl std::fmt::Display),
    problem: &str,
    change: &str,
) {
    let error = outcome.unwrap_err();
    let cause = error.source().unwrap().to_string();
    let named = format!("inconsistent row {key} of table {table}: {problem}");
    assert!(cause.contains(&named), "{change}: {cause}");
    assert_eq!(error.to_string(), "the store failed");
}

async fn impossible_credentials_are_named(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    world.create(&person, passkey.clone()).await;
    let (key, encrypted) = (&person.credentials[0], "encrypted_private_key ");
    for (credential, change, problem) in [
        (key, "kind = 'Totp'", "kind "),
        (key, "kind = 'Fido2'", "a passkey lacks"),
        (key, "kind = 'PasswordProtectedKey'", encrypted),
        (key, "encrypted_private_key = 'x'", encrypted),
        (key, "sign_count = 1", "has some of what passkeys have"),
        (key, "made_by = 'code'", "made_by "),
        (key, "made_by = 'magic'", "made_by "),
        (key, "made_from_address = 'here'", "made_from_address "),
        (key, "name = ''", "name "),
        (&passkey, "kind = 'Key'", "a key pair has"),
        (&passkey, "sign_count = -1", "sign_count "),
        (&passkey, "sign_count = 4294967296", "sign_count "),
        (&passkey, "rp_id = NULL", "has some of what passkeys have"),
        (&passkey, "origin = NULL", "origin "),
        (&passkey, "origin = 'nowhere'", "origin "),
        (&passkey, "encrypted_private_key = 'x'", encrypted),
        (&passkey, "aaguid = public_key", "aaguid "),
    ] {
        let id = &credential.uuid;
        changed(&world, id, change).await;
        let outcome = world.accounts.find(&person.user.id).await;
        assert_named(outcome, ("credentials", id), problem, change);
        changed_back(&world).await;
    }
    assert_eq!(world.credentials_of(&person).await.len(), 2);
}

async fn changed(world: &SqlWorld, id: &CredentialUuid, change: &str) {
    let keep = "CREATE TABLE kept AS SELECT * FROM credentials";
    world.sql.execute(keep).await;
    let statement = format!("UPDATE credentials SET {change} WHERE id = '{id}'");
    assert_eq!(world.sql.execute(&statement).await, 1);
}

async fn changed_back(world: &SqlWorld) {
    for statement in [
        "DELETE FROM credentials",
        "INSERT INTO credentials SELECT * FROM kept",
        "DROP TABLE kept",
    ] {
        world.sql.execute(statement).await;
    }
}

/// To who signs with them, and with a code to whoever makes one beside: what is not listed there is not read.
async fn impossible_credentials_are_named_where_they_are_listed(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let passkey = world.passkey(&person.user, &tenant.application);
    world.create(&person, passkey.clone()).await;
    let (session, new) = (world.session(&person), world.issued_code(&person).await);
    let key = &person.credentials[0];
    let (other, waits) = (Some("is not what its kind"), Some("is active and waits"));
    let lacks = Some("a passkey lacks");
    for (credential, change, to_signers, to_a_code) in [
        (key, "kind = 'Totp'", Some("kind "), None),
        (key, "kind = 'Fido2'", other, lacks),
        (key, "kind = 'PasswordProtectedKey'", other, None),
        (key, "encrypted_private_key = 'x'", other, None),
        (key, "waits_until = 1", waits, None),
        (&passkey, "kind = 'Key'", other, None),
        (&passkey, "rp_id = NULL", other, lacks),
        (&passkey, "sign_count = NULL", other, None),
        (&passkey, "waits_until = 1", waits, waits),
        (&passkey, "is_active = FALSE, rp_id = NULL", None, lacks),
    ] {
        let id = &credential.uuid;
        changed(&world, id, change).await;
        let row = ("credentials", id);
        let signers = world.accounts.find_signers(&session).await;
        match to_signers {
            Some(problem) => assert_named(signers, row, problem, change),
            None => assert!(signers.is_ok(), "{change}"),
        }
        let found = world.credential_codes.find(CodeForm::Long, &new.long).await;
        match to_a_code {
            Some(problem) => assert_named(found, row, problem, change),
            None => assert!(found.is_ok(), "{change}"),
        }
        changed_back(&world).await;
    }
}

async fn impossible_users_are_named(world: SqlWorld) {
    let person = world.someone().await;
    let id = &person.user.id;
    for (column, value) in [
        ("kind", "Robot"),
        ("username", ""),
        ("username", " "),
        ("external_id", ""),
    ] {
        let change = format!("{column} = '{value}'");
        let statement = format!("UPDATE users SET {change} WHERE id = '{id}'");
        assert_eq!(world.sql.execute(&statement).await, 1);
        let problem = format!("{column} ");
        let outcome = world.accounts.find(id).await;
        assert_named(outcome, ("users", id), &problem, &change);
        world
            .sql
            .execute("UPDATE users SET kind = 'EndUser', username = 'ada', external_id = NULL")
            .await;
    }
}

async fn impossible_codes_are_named(world: SqlWorld) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    for (change, problem) in [
        ("state = 'issued'", "state "),
        ("state = 'redeemed'", "state "),
        ("state = 'lost'", "state "),
        ("claim_address = NULL", "has some columns of a claim"),
        ("claim_challenge = 'ch'", "claim_challenge "),
        ("credential = issuer", "state "),
        ("released = 1", "released and release_reason"),
        ("released = 1, release_reason = 'GivenUp'", "state "),
        ("release_reason = 'Boredom'", "release_reason must be"),
        ("for_kinds = 'Fido2 Robot'", "for_kinds "),
        ("for_kinds = ''", "for_kinds "),
    ] {
        world
            .sql
            .execute(&format!("UPDATE credential_codes SET {change}"))
            .await;
        let outcome = world.credential_codes.newest(&person.user.id).await;
        let row = ("credential_codes", &claimed.code.id);
        assert_named(outcome, row, problem, change);
        world
            .sql
            .execute(&format!(
                "UPDATE credential_codes SET state = 'claimed', claim_address = '203.0.113.7', \
                 claim_challenge = '{}', credential = NULL, released = NULL, release_reason = NULL, \
                 for_kinds = NULL",
                claimed.claim.challenge
            ))
            .await;
    }
    assert!(world.credential_codes.newest(&person.user.id).await.is_ok());
}

async fn impossible_applications_are_named(world: SqlWorld) {
    let tenant = world.tenant("Example").await;
    for (change, problem) in [
        ("UPDATE applications SET accent = 'green'", "accent must be"),
        (
            "UPDATE applications SET accent = NULL, logo = 'ours.svg'",
            "logo must be",
        ),
        (
            "UPDATE applications SET logo = NULL, rp_id = 'https://one.example'",
            "rp_id must be",
        ),
        (
            "UPDATE applications SET rp_id = 'elsewhere.example'",
            "rp_id the RP id elsewhere.example fits none",
        ),
        (
            "DELETE FROM application_origins",
            "rp_id an application needs",
        ),
    ] {
        world.sql.execute(change).await;
        let row = ("applications", &tenant.application.id);
        assert_named(world.directory.load().await, row, problem, change);
    }
}
