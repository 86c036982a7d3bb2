//! The endpoints, by resource; each in the order request, response, documentation, handler.

pub(crate) mod registration;

pub(crate) mod recovery;

pub(crate) mod mailed_codes;

pub(crate) mod login;

pub(crate) mod session;

pub(crate) mod session_code;

pub(crate) mod action;

pub(crate) mod credentials;

pub(crate) mod credential_code {
    //! `/auth/credentials/code`: a credential is added in a second place with a one-time code.

    pub(crate) mod issue;

    pub(crate) mod newest;

    pub(crate) mod init;

    pub(crate) mod verify;

    pub(crate) mod release;

    pub(crate) mod approval;

    pub(crate) mod request;
}

pub(crate) mod application;

pub(crate) mod well_known;

pub(crate) mod users;

pub(crate) mod operation;

pub(crate) mod not_offered;
