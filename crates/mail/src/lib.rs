//! Mail adapter of Latchkey: how messages leave the house.
//!
//! [`smtp::Smtp`] hands them to a mail server; [`kept::Kept`] hands them to nobody, so that they stay in
//! the outbox, where whoever runs the service can read them.
//!
//! To add a transport, implement the port `latchkey_service::ports::mailer::Mailer` in a module of its
//! own. Its errors must hold neither content nor addresses: they are logged.

pub mod kept;

pub mod smtp;
