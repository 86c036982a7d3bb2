//! The objects of the wire (API contract §4) and how they become domain values and back.
//!
//! What comes in is parsed here, once: [`text`], [`base64url`] and [`date`] refuse a value with the
//! path of its member; [`new_credential`], [`first_credentials`], [`factor`] and [`recovery`] assemble
//! domain values.
//! What goes out is [`creation`], [`assertion`], [`credential`], [`user`] and [`message`].

pub(crate) mod text;

pub(crate) mod base64url;

pub(crate) mod date;

pub(crate) mod new_credential;

pub(crate) mod first_credentials;

pub(crate) mod factor;

pub(crate) mod recovery;

pub(crate) mod relying_party;

pub(crate) mod creation;

pub(crate) mod assertion;

pub(crate) mod credential;

pub(crate) mod user;

pub(crate) mod message;

pub(crate) mod example;
