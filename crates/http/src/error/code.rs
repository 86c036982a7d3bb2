//! The codes: one line each, which is also its line in `docs/errors.md`.

use axum::http::StatusCode;

macro_rules! error_codes {
    ($($name:ident, $status:ident, $code:literal, $message:literal, $when:literal;)*) => {
        /// What kind of refusal it is. The code is stable; programs may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ErrorCode {
            $(#[doc = $when] $name,)*
        }

        impl ErrorCode {
            /// Every code, in the order of their statuses.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name on the wire.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// The status it comes with.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// Its usual text; some errors say more.
            pub(crate) const fn message(self) -> &'static str {
                match self { $(Self::$name => $message),* }
            }

            /// When it is given.
            pub(crate) const fn when(self) -> &'static str {
                match self { $(Self::$name => $when),* }
            }
        }
    };
}

error_codes! {
    InvalidPath, BAD_REQUEST, "invalid_path", "the path is not valid",
        "The path contains an encoded slash or a broken percent escape, or path and query have more than 2048 bytes.";
    InvalidHost, BAD_REQUEST, "invalid_host", "the request must name exactly one Host",
        "The request has several `Host` headers, or none although it is HTTP/1.1 (RFC 9112 §3.2).";
    InvalidBody, BAD_REQUEST, "invalid_body", "the body is not valid",
        "The body is not one JSON object in UTF-8, repeats a member, or is nested more than 64 levels deep.";
    InvalidField, BAD_REQUEST, "invalid_field", "a member of the request is not valid",
        "A member of the body or of the query is missing or breaks a rule, or one of the query is not known; the message and `details.field` name it.";
    MemberNotOffered, BAD_REQUEST, "not_offered", "the request asks for what this version does not offer",
        "A member asks for what this version does not offer; the message and `details.field` name it.";
    InvalidExpiration, BAD_REQUEST, "invalid_expiration", "expiration is out of bounds",
        "`expiration` is not in the future, or more than one minute ahead.";
    OrganizationRequired, BAD_REQUEST, "organization_required", "orgId is required, because there are several organizations",
        "`orgId` is left out and cannot be told.";
    NoApplication, BAD_REQUEST, "no_application", "the organization has no active application",
        "The organization is not known or has no active application, so no ceremony can take place.";
    KindNotAllowed, BAD_REQUEST, "kind_not_allowed", "a credential of this kind cannot take this place",
        "A recovery key is offered to sign in with, or another kind for recovery; or a place where nobody is signed in asks for a recovery key.";
    ReturnNotAllowed, BAD_REQUEST, "return_not_allowed", "the page to go back to is on no origin of the application",
        "The application does not list the origin of `returnTo`, exactly.";
    ChallengeInvalid, BAD_REQUEST, "challenge_invalid", "Challenge token is not valid.",
        "The challenge identifier or temporary token is malformed, expired, spent or for another purpose or application, or its user, credential or code has gone since.";
    ApprovalTokenInvalid, BAD_REQUEST, "approval_token_invalid", "the approval token is not valid",
        "`approvalToken` is malformed, altered or expired.";
    ProofRefused, BAD_REQUEST, "proof_refused", "the proof is not valid",
        "The proof of a new credential is not true; the message says why and `details.field` where.";
    UserActionUsed, BAD_REQUEST, "user_action_used", "user action has already been used",
        "The user action allowed a request before.";
    RegistrationCodeExpired, BAD_REQUEST, "registration_code_expired", "Registration code expired",
        "The registration code was right once.";
    NotAuthorized, UNAUTHORIZED, "not_authorized", "Not Authorized.",
        "The bearer token is missing, malformed, expired or void.";
    NoUsableCredential, UNAUTHORIZED, "no_usable_credential", "User does not have a credential that can be used for the application.",
        "There is no such user, no such credential of the user, or none that can be used: a stranger cannot tell which. Without a username a proof that is not true is answered so too.";
    FactorRefused, UNAUTHORIZED, "factor_refused", "the proof is not valid",
        "The proof in `firstFactor`, `secondFactor` or `recovery` is not true; the message says why and `details.field` where.";
    RecoveryCredentialRefused, UNAUTHORIZED, "recovery_credential_refused", "Credential cannot be used as a recovery factor.",
        "The credential is not an active recovery key of the user, or not the one that the recovery began with.";
    InvalidCode, FORBIDDEN, "invalid_code", "Invalid code",
        "The code is wrong, expired, used, cancelled or another organization's, or what is asked for with it is decided already: nobody can tell which.";
    NotPermitted, FORBIDDEN, "not_permitted", "not authorized to perform operation",
        "Whoever is signed in is not an administrator of the organization; the message names the user and the permission.";
    OriginNotAllowed, FORBIDDEN, "origin_not_allowed", "the origin is not allowed",
        "No application lists the `Origin` of the request, or none of the signed-in user's organization.";
    CodeRequestsOff, FORBIDDEN, "code_requests_off", "codes are not asked for here: get one where you are signed in",
        "The organization lets no place ask for codes; its users issue them where they are signed in.";
    OtherNetwork, FORBIDDEN, "other_network", "the place that asks for a code is in another network than you",
        "The organization lets places ask for codes from the network of whoever grants them alone, and this one is in another.";
    UserActionInvalid, FORBIDDEN, "user_action_invalid", "user action signature is missing or invalid",
        "`X-DFNS-USERACTION` is missing, expired, void, of another user, or signed for another request.";
    CredentialFresh, FORBIDDEN, "credential_fresh", "a credential that was made with a code cannot do this yet",
        "The credential that this is done with was made with a code, and not as long ago as the organization asks for. Until then it changes no other one and takes neither one nor the account away, makes neither codes nor credentials, approves and recovers nothing, and ends no other session.";
    NotFound, NOT_FOUND, "not_found", "there is nothing at this path",
        "The path is not one of this service; none ends with a slash.";
    NotOffered, NOT_FOUND, "not_offered", "this call is not offered by this version",
        "The call is part of the API but not of this version.";
    CredentialNotFound, NOT_FOUND, "credential_not_found", "credential not found",
        "The user has no such credential, or, when it is to be approved or refused, none that waits for that.";
    ApplicationNotFound, NOT_FOUND, "application_not_found", "application not found",
        "No application lists the page that asks, or none of the organization that is named; or the organization has no active application with the `applicationId` that a code is to be for.";
    UserNotFound, NOT_FOUND, "user_not_found", "user not found",
        "The organization has no such user.";
    CodeNotFound, NOT_FOUND, "code_not_found", "code not found",
        "The user has never issued a credential code.";
    MethodNotAllowed, METHOD_NOT_ALLOWED, "method_not_allowed", "the path does not take this method",
        "The path exists; the header `Allow` lists its methods.";
    BodyTimeout, REQUEST_TIMEOUT, "body_timeout", "the body took longer than 10 seconds to arrive",
        "The body does not arrive in time.";
    CredentialIdTaken, CONFLICT, "credential_id_taken", "the credential id is registered already",
        "`credId` is registered in the organization; nothing is told about its owner.";
    TooManyCredentials, CONFLICT, "too_many_credentials", "the user has 100 credentials, which is the most allowed",
        "The user has as many credentials as are allowed.";
    CredentialWaits, CONFLICT, "credential_waits", "the credential waits for approval",
        "Until its owner approves it, a credential can be approved, refused or deleted, and nothing else.";
    WrongNumber, CONFLICT, "wrong_number", "this is not the number that is shown where the credential was made: it is refused",
        "`number` is not the one of the credential that waits, or of the place that asks for a code; the credential is deleted, and the request refused.";
    LastCredential, CONFLICT, "last_credential", "the last credential the user can sign in with cannot be removed",
        "Deactivating or deleting the credential would lock the user out.";
    UserExists, CONFLICT, "user_exists", "User already exists.",
        "A user of that name has registered, or was deactivated.";
    ExternalIdTaken, CONFLICT, "external_id_taken", "externalId is taken by another user",
        "Another user of the organization has that `externalId`; `details.duplicate` names the member.";
    LastAdministrator, CONFLICT, "last_administrator", "the last active administrator of an organization cannot be removed",
        "Deactivating or deleting the user would leave the organization without an active administrator.";
    BodyTooLarge, PAYLOAD_TOO_LARGE, "body_too_large", "the body has more than 256 KiB",
        "The body is too large.";
    UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body must be sent as application/json",
        "There is a body and its `Content-Type` is not `application/json`, or it is compressed: no `Content-Encoding` but `identity` is accepted.";
    ThisMachineAlone, MISDIRECTED_REQUEST, "this_machine_alone", "this is a demonstration for the machine it runs on: to let others reach the service, set http.public_url, and http.trusted_proxies where there is a reverse proxy, make an organization of your own with `latchkey bootstrap`, and delete this one with `latchkey organization delete`",
        "Nobody has registered in the demonstration organization yet, and the request came through a proxy or asked for another machine.";
    TooManyAttempts, TOO_MANY_REQUESTS, "too_many_attempts", "too many attempts",
        "A limit is reached; the header `Retry-After` says in how many seconds to try again.";
    Internal, INTERNAL_SERVER_ERROR, "internal", "Internal Server Error",
        "The service failed; the log has the cause under the request id.";
    Unavailable, SERVICE_UNAVAILABLE, "unavailable", "Service Unavailable",
        "There is no room for another request at present; or the database is away, read-only, locked, full or damaged, or did not answer in time. The header `Retry-After` says in how many seconds to try again. A change was not made, unless it was being committed.";
    NotReady, SERVICE_UNAVAILABLE, "not_ready", "Service Unavailable",
        "The database does not take changes.";
}

/// `docs/errors.md`: every code with its status, message and occasion.
pub(crate) fn reference() -> String {
    let mut text = String::from(REFERENCE_HEAD);
    for code in ErrorCode::ALL {
        text.push_str("| `");
        text.push_str(code.as_str());
        text.push_str("` | ");
        text.push_str(code.status().as_str());
        text.push_str(" | ");
        text.push_str(code.message());
        text.push_str(" | ");
        text.push_str(code.when());
        text.push_str(" |\n");
    }
    text
}

const REFERENCE_HEAD: &str = "\
# Errors

Every answer that is not a success has this body, also for unknown paths and methods:

```json
{
  \"error\": {
    \"id\": \"the request id, as in the header X-Request-ID and in the log\",
    \"status\": 403,
    \"message\": \"Invalid code\",
    \"code\": \"invalid_code\"
  },
  \"message\": \"Invalid code\"
}
```

`code` is stable: programs should look at it. Texts may become clearer in later versions, except those
that existing clients know. When a member of the request is at fault, `error.details.field` names it by
its path, such as `firstFactor.credentialAssertion.clientData`. Answers of 429, and of 503 with the
code `unavailable`, have the header `Retry-After`, in seconds. This page is generated from the code; a
test fails when it is stale.

| code | status | message | when |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_code_and_a_status_name_one_error() {
        let mut seen = HashSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert((code.as_str(), code.status())), "{code:?}");
        }
    }

    #[test]
    fn codes_are_snake_case() {
        for code in ErrorCode::ALL {
            let text = code.as_str();
            assert!(
                text.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{text}"
            );
        }
    }

    #[test]
    fn the_reference_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
        let kept = std::fs::read_to_string(path).unwrap();
        assert_eq!(kept, reference(), "run: cargo xtask codegen");
    }
}
