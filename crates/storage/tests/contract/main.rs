//! The contract of every store port, each case on SQLite and on PostgreSQL.
//!
//! A case is a function that takes a fresh [`world::World`]; `contract!` at the top of a module lists
//! the module's cases and makes two tests of each. Cases about several callers at once run on two
//! stores that share nothing but the database, as two replicas do.

#[cfg(test)]
#[macro_use]
mod world;

#[cfg(test)]
mod people;

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod administration;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod codes_at_once;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod housekeeping;
#[cfg(test)]
mod inconsistency;
#[cfg(test)]
mod installation;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod users;
