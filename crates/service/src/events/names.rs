//! What security events are called, and why what did not happen did not.

macro_rules! named {
    ($(#[$doc:meta])* $names:ident { $($name:ident, $text:literal, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $names {
            $(#[doc = $meaning] $name,)*
        }

        impl $names {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in the log and in metrics: stable, programs may rely on it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The one of that name, if there is one.
            pub fn named(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }

            /// What it stands for.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

named! {
    /// What somebody does, or is refused.
    Event {
        BeginRegistration, "begin_registration", "A registration code is shown, and a challenge for the first credentials given.";
        Register, "register", "An invited user makes the first credentials.";
        BeginRecovery, "begin_recovery", "A recovery code is used up, and a challenge for new credentials given.";
        Recover, "recover", "A user with a recovery key puts new credentials in the place of all others.";
        BeginSignIn, "begin_sign_in", "A challenge to sign in with is given; a login code is used up.";
        SignIn, "sign_in", "A session begins; `credential` is the one that signed, or was just made.";
        IssueSessionCode, "issue_session_code", "Who is signed in on our pages goes back to the application, with a code for the session.";
        ExchangeSessionCode, "exchange_session_code", "The application uses such a code up, and has the session.";
        SignOut, "sign_out", "A session ends.";
        SignOutEverywhere, "sign_out_everywhere", "Every session, code and user action of a user ends, by the user or the command line.";
        BeginUserAction, "begin_user_action", "A challenge that commits to one request is given.";
        SignUserAction, "sign_user_action", "A user signs one request; `credential` is the one that signed.";
        SpendUserAction, "spend_user_action", "A program that embeds Latchkey uses a signed action up for a request of its own.";
        BeginCredential, "begin_credential", "A challenge for another credential of a signed-in user is given.";
        AddCredential, "add_credential", "A signed-in user makes another credential; `by_credential` signed that.";
        RenewRecoveryKey, "renew_recovery_key", "A signed-in user makes a recovery key in the place of all that there are; `by_credential` signed that.";
        ActivateCredential, "activate_credential", "A user activates a credential.";
        DeactivateCredential, "deactivate_credential", "A user, or the command line, deactivates a credential, which ends its sessions and codes.";
        RenameCredential, "rename_credential", "A user gives a credential another name.";
        DeleteCredential, "delete_credential", "A user deletes a credential.";
        IssueCode, "issue_code", "A user issues a credential code.";
        CancelCode, "cancel_code", "A user, or the command line, cancels every credential code that is not redeemed.";
        ClaimCode, "claim_code", "Somebody enters a credential code, and gets a challenge for a credential of its owner.";
        RedeemCode, "redeem_code", "A credential is made with a code; `by_credential` issued it.";
        ReleaseCode, "release_code", "Whoever entered a credential code gives it back, which ends it.";
        RequestCode, "request_code", "A place where nobody is signed in asks for a credential code.";
        FindCodeRequest, "find_code_request", "A user looks at what a place asks for.";
        GrantCodeRequest, "grant_code_request", "A user grants a place the code that it asks for; `by_credential` signed that.";
        RefuseCodeRequest, "refuse_code_request", "A user says that what a place asks for is not theirs to grant, which ends it.";
        ApproveCredential, "approve_credential", "A user approves a credential that was made with a code.";
        RefuseCredential, "refuse_credential", "A user refuses a credential that was made with a code.";
        AskForCode, "ask_for_code", "Somebody asks that a registration, login or recovery code be mailed.";
        MailCode, "mail_code", "A code that was asked for is mailed to its user.";
        CreateUser, "create_user", "An administrator makes a user, or invites one again.";
        UpdateUser, "update_user", "An administrator updates a user.";
        ActivateUser, "activate_user", "An administrator, or the command line, activates a user.";
        DeactivateUser, "deactivate_user", "An administrator, or the command line, deactivates a user.";
        DeleteUser, "delete_user", "An administrator, or the command line, deletes a user.";
        CreateOrganization, "create_organization", "The command line makes an organization with its first administrator.";
        UpdateOrganization, "update_organization", "The command line gives an organization another name.";
        DeleteOrganization, "delete_organization", "The command line deletes an organization where nobody has registered.";
        InviteUser, "invite_user", "The command line invites a user.";
        PromoteUser, "promote_user", "The command line makes a user an administrator.";
        DemoteUser, "demote_user", "The command line makes an administrator a user like others.";
        SetApproval, "set_approval", "The command line sets whether an organization's credentials wait for approval.";
        SetCodeSignIn, "set_code_sign_in", "The command line sets whether making a credential with a code of an organization begins a session.";
        SetFreshness, "set_freshness", "The command line sets for how long an organization's credentials are fresh that were made with a code.";
        SetRequestsFrom, "set_requests_from", "The command line sets from where places may ask an organization's users for codes.";
        AddApplication, "add_application", "The command line adds an application.";
        UpdateApplication, "update_application", "The command line gives an application another name, RP id, origins, pages or look.";
        DeleteApplication, "delete_application", "The command line deletes an application, and its passkeys where that is wanted.";
        ActivateApplication, "activate_application", "The command line activates an application.";
        DeactivateApplication, "deactivate_application", "The command line deactivates an application.";
        SetNativeApplications, "set_native_applications", "The command line sets which native applications use an RP id.";
        DropMessages, "drop_messages", "The command line deletes messages unsent.";
        RotateSigningKeys, "rotate_signing_keys", "The command line makes the next signing key, lets it sign, or drops retired ones.";
        ReplaceSecrets, "replace_secrets", "The command line makes all secrets anew.";
        WriteBackup, "write_backup", "The command line writes the whole database to a file.";
        RestoreBackup, "restore_backup", "The command line fills the database with a backup.";
    }
}

named! {
    /// Why it did not happen.
    Reason {
        Throttled, "throttled", "A limit is reached.";
        OriginNotAllowed, "origin_not_allowed", "No application lists the origin, or none of the organization.";
        ReturnNotAllowed, "return_not_allowed", "The application does not list the origin of the page to go back to.";
        OrganizationRequired, "organization_required", "No organization is named, and there are several.";
        NoApplication, "no_application", "The organization has no active application.";
        UnknownUser, "unknown_user", "There is no such user in the organization.";
        NotSignedIn, "not_signed_in", "The session has ended.";
        UserInactive, "user_inactive", "The user is not active.";
        NoUsableCredential, "no_usable_credential", "The user has no credential that can be used there.";
        UnknownCredential, "unknown_credential", "There is no such credential, or it is another user's.";
        NoRecoveryKey, "no_recovery_key", "The credential is no active recovery key of the user.";
        InvalidCode, "invalid_code", "The code is wrong, used, cancelled, or another user's.";
        CodeExpired, "code_expired", "The code was right, and has expired.";
        ChallengeInvalid, "challenge_invalid", "The challenge is expired, spent or for something else, or its user, credential or code has gone.";
        ProofInvalid, "proof_invalid", "The proof cannot be read, or is one of something else.";
        ProofTooLong, "proof_too_long", "The proof is longer than what is kept of a user action.";
        ProofOrigin, "proof_origin", "The proof was made on a page that is not the application's.";
        UserNotVerified, "user_not_verified", "The authenticator did not verify who used it.";
        KeyNotOffered, "key_not_offered", "The key is of a kind or strength that is not offered.";
        SignatureInvalid, "signature_invalid", "The signature is not one of this key.";
        CounterRegressed, "counter_regressed", "The signature counter went back: the authenticator may have been cloned.";
        KindNotAllowed, "kind_not_allowed", "A credential of that kind cannot take this place.";
        CredentialIdTaken, "credential_id_taken", "The credential id is registered already.";
        TooManyCredentials, "too_many_credentials", "The user has as many credentials as are allowed.";
        ExpirationInvalid, "expiration_invalid", "The expiration that was asked for is out of bounds.";
        UserActionInvalid, "user_action_invalid", "Who or what the user action stands for is gone or not active.";
        UserActionUsed, "user_action_used", "The user action was used before.";
        NotAdministrator, "not_administrator", "Who asks is no administrator of the organization.";
        LastAdministrator, "last_administrator", "The organization would be left without an active administrator.";
        LastCredential, "last_credential", "The user would be left without a credential to sign in with.";
        CredentialFresh, "credential_fresh", "The credential that it was to be done with was made with a code, too short a time ago.";
        CredentialWaits, "credential_waits", "The credential waits for approval.";
        NotWaiting, "not_waiting", "No such credential waits for approval.";
        WrongNumber, "wrong_number", "The number that was picked is not the one that is shown where the credential was made, or where the code is asked for: it is refused.";
        RequestsOff, "requests_off", "The organization lets no place ask for codes.";
        OtherNetwork, "other_network", "The place that asks for a code is in another network than who would grant it.";
        NotFound, "not_found", "There is no such thing.";
        AlreadyExists, "already_exists", "There is one of that name, id or origin, or the user has registered.";
        ApplicationInvalid, "application_invalid", "No application can be as it is described.";
        HasPasskeys, "has_passkeys", "There are passkeys for the application.";
        HasRegistered, "has_registered", "Somebody in the organization has registered, or has signed an action there.";
        StoreUnavailable, "store_unavailable", "The database is away, or did not answer in time.";
        StoreFailed, "store_failed", "There is a defect; the log has the cause.";
    }
}

impl Event {
    /// Whether it only prepares another event: then it is told to those alone who look closely, as long as it is
    /// not refused.
    pub(super) const fn only_prepares(self) -> bool {
        matches!(
            self,
            Self::BeginRegistration
                | Self::BeginRecovery
                | Self::BeginSignIn
                | Self::BeginUserAction
                | Self::BeginCredential
                | Self::FindCodeRequest
                | Self::AskForCode
        )
    }
}

impl Reason {
    /// Whether it is the service that failed, and nobody was refused. Then the log has the cause already.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::StoreUnavailable | Self::StoreFailed)
    }

    /// What came of it: `succeeded`, `refused` or `failed`.
    pub const fn outcome(of: Option<Self>) -> &'static str {
        match of {
            None => "succeeded",
            Some(reason) if reason.is_failure() => "failed",
            Some(_) => "refused",
        }
    }
}
