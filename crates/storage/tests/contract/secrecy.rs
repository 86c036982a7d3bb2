//! What must not be found in the database by somebody who reads all of it.

use latchkey_domain::{
    account_code::AccountCodeKind,
    credential_code::{
        CodeDigest, CodeText, NewCredentialCode, long_from_random, short_from_random,
    },
};
use latchkey_store_contract::enter;

use crate::world::SqlWorld;

on_both! {
    no_code_is_kept_in_clear,
}

/// Stands for the keyed digest that the service makes; all that matters here is that it differs.
fn digest(text: &CodeText) -> CodeDigest {
    let mut bytes = [0; 32];
    for (index, byte) in text.reveal().bytes().enumerate() {
        bytes[index % 32] ^= byte.rotate_left(3) ^ 0xa5;
    }
    CodeDigest::new(bytes)
}

async fn no_code_is_kept_in_clear(world: SqlWorld) {
    let person = world.someone().await;
    let (short, long) = (
        short_from_random(&world.draw()),
        long_from_random(&world.draw()),
    );
    let registration = AccountCodeKind::Registration.draw(&world.draw());
    let new = NewCredentialCode {
        short: Some(digest(&short)),
        long: digest(&long),
        ..world.new_code(&person)
    };
    let authority = world.authority(&person);
    let issued = world.credential_codes.issue(authority, new.clone());
    issued.await.unwrap();
    let mut invitation = world.invitation(&person.user.organization, "invited@example.com");
    invitation.code.digest = digest(&registration);
    world.invite(invitation).await;
    let claimed = enter(&world, &new.long, world.entry(&new.code)).await;
    claimed.unwrap();

    let everything = everything(&world).await;
    assert!(everything.contains(person.user.username.as_str()));
    for code in [short, long, registration] {
        let hex = data_encoding::HEXLOWER.encode(code.reveal().as_bytes());
        assert!(!everything.contains(code.reveal()));
        assert!(!everything.to_lowercase().contains(&hex));
    }
}

/// The whole database as text: the bytes of the file and its log, or every row of every table.
async fn everything(world: &SqlWorld) -> String {
    if !world.sql.is_postgres() {
        let path = world.sql.database.file();
        return ["", "-wal"]
            .map(|end| std::fs::read(format!("{path}{end}")).unwrap())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .concat();
    }
    let mut text = String::new();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
    for table in world.sql.query(tables).await {
        let table: String = table.try_get_by_index(0).unwrap();
        let rows = format!("SELECT row_of::text FROM {table} AS row_of");
        for row in world.sql.query(&rows).await {
            text.push_str(&row.try_get_by_index::<String>(0).unwrap());
            text.push('\n');
        }
    }
    text
}
