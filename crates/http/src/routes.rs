//! The endpoints: one file each, in the order request, response, documentation, handler.

pub(crate) mod registration {
    //! `/auth/registration`: an invited user makes the first credentials.

    pub(crate) mod init;

    pub(crate) mod complete;

    pub(crate) mod code;
}

pub(crate) mod recovery {
    //! `/auth/recover/user`: a user who has lost every credential makes new ones with a recovery key.

    pub(crate) mod code;

    pub(crate) mod init;

    pub(crate) mod complete;
}

pub(crate) mod login {
    //! `/auth/login` and `/auth/logout`: sessions begin and end.

    pub(crate) mod init;

    pub(crate) mod complete;

    pub(crate) mod logout;

    pub(crate) mod code;
}

pub(crate) mod action {
    //! `/auth/action`: a signed-in user signs exactly one request.

    pub(crate) mod init;

    pub(crate) mod complete;
}

pub(crate) mod credentials {
    //! `/auth/credentials`: a signed-in user manages credentials.

    pub(crate) mod list;

    pub(crate) mod init;

    pub(crate) mod create;

    pub(crate) mod activate;

    pub(crate) mod deactivate;

    pub(crate) mod rename;

    pub(crate) mod delete;
}

pub(crate) mod credential_code {
    //! `/auth/credentials/code`: a credential is added in a second place with a one-time code.

    pub(crate) mod issue;

    pub(crate) mod init;

    pub(crate) mod verify;

    pub(crate) mod newest;

    pub(crate) mod cancel;

    pub(crate) mod approve;

    pub(crate) mod refuse;

    pub(crate) mod status;
}

pub(crate) mod application;

pub(crate) mod well_known {
    //! `/.well-known`: what browsers, password managers and phones look for at an RP id.

    pub(crate) mod apple_app_site_association;

    pub(crate) mod asset_links;

    pub(crate) mod webauthn;

    pub(crate) mod passkey_endpoints;
}

pub(crate) mod users {
    //! `/auth/users`: an administrator manages the users of the organization.

    use crate::error::ApiError;

    pub(crate) mod list;

    pub(crate) mod create;

    pub(crate) mod get;

    pub(crate) mod update;

    pub(crate) mod activate;

    pub(crate) mod deactivate;

    pub(crate) mod delete;

    /// Refuses users who must sign in elsewhere.
    fn require_no_sso(is_sso_required: Option<bool>) -> Result<(), ApiError> {
        match is_sso_required {
            Some(true) => Err(ApiError::not_offered(
                "isSSORequired",
                "must be false: single sign-on is not offered",
            )),
            Some(false) | None => Ok(()),
        }
    }
}

pub(crate) mod health {
    //! `/health`: for whoever runs the service.

    pub(crate) mod live;

    pub(crate) mod ready;
}

pub(crate) mod jwks;

pub(crate) mod openapi;

pub(crate) mod not_offered;
