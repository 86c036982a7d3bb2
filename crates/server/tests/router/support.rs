//! What the cases share: an installation in miniature and a client for each kind of caller.

pub(crate) mod world;

pub(crate) mod stage;

pub(crate) mod operations;

pub(crate) mod answer;

pub(crate) mod description;

pub(crate) mod stranger;

pub(crate) mod signed_in;

pub(crate) mod signer;

pub(crate) mod session_code;

pub(crate) mod body;
