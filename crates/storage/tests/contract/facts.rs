//! What a database tells of itself.

use latchkey_storage::facts::Facts;

use crate::world::SqlWorld;

on_both! {
    a_database_tells_what_it_is,
}

async fn a_database_tells_what_it_is(world: SqlWorld) {
    let facts = world.sql.store.facts().await.unwrap();
    let Facts {
        product,
        version,
        encoding,
        now,
        ..
    } = &facts;
    assert!(
        version.starts_with(|symbol: char| symbol.is_ascii_digit()),
        "{facts:?}"
    );
    assert!(
        encoding.replace('-', "").eq_ignore_ascii_case("utf8"),
        "{facts:?}"
    );
    assert_eq!(now.is_some(), *product == "PostgreSQL", "{facts:?}");
    assert!(!facts.is_read_only && facts.is_durable, "{facts:?}");
}
