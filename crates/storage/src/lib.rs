//! Storage adapter of Latchkey: SQLite and PostgreSQL through sea-orm.
