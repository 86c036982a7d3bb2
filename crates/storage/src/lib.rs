//! Storage adapter of Latchkey: SQLite and PostgreSQL through sea-orm.
//!
//! [`connect::connect`] gives a [`store::SqlStore`], which implements every store port of
//! `latchkey_service::ports`. From the outside in:
//!
//! * `*_store`: the ports; each method composes statements inside at most one transaction;
//! * `authority`: what every change requires first, in one place;
//! * `administrators`: what changes of other users require besides, and that every organization keeps one;
//! * `ending`: what ends with what: epochs, codes, what waits, users;
//! * `transaction`: the only place where a transaction begins;
//! * `table`: one module per table: its columns, its statements, and how rows become domain values;
//! * `statement`: how statements run, and what is made of the rows they met;
//! * `column`: how values of the domain are kept, and the error of a row that holds none.
//!
//! To add a table, add a migration, a module in `table`, and cases to the contract, which run on both
//! databases. A new type of the domain is kept by a line in `column`.
//!
//! Three rules keep concurrent callers apart. A read is one statement outside any transaction, so it
//! sees one moment. A change locks the user's row before it looks at anything else of the user; only
//! then come credentials, codes and the ledger, so that no two changes wait for each other. Only the
//! changes that administrators make of other users lock two rows of users, and two administrators may
//! change each other: so these lock the organization's row before the first of them, and so does whatever
//! else takes an administrator away. Nobody who holds a user's row asks for the organization's. And every
//! change of a state names the expected old state in its `WHERE` and checks how many rows it met: a
//! decision made on an earlier read cannot overwrite a later one.

pub mod connect;
pub mod store;

mod account_code_store;
mod account_store;
mod administration_store;
mod credential_code_store;
mod credential_store;
mod directory_store;
mod housekeeping_store;
mod installation_store;
mod message_store;
mod recovery_store;
mod registration_store;
mod session_store;
mod sign_in_store;
mod user_store;

mod administrators;
mod authority;
mod ending;
mod transaction;

mod table;

mod column;
mod statement;
