//! The rows.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{
    Caller::{Administrator, Temporary, User},
    Ceremony::{Credential, Login, Recovery, Registration, UserAction},
    Operation, Request, identifier,
    row::{delete, get, post, put, read, written},
};
use crate::support::{
    session_code::{VERIFIER, code_in, going_back},
    signer::{ENCRYPTED_PRIVATE_KEY, Signer},
    stage::{Person, Stage},
    world::{MOBILE, host},
};

mod with_code;

/// In the order of the routes.
pub(super) fn table() -> Vec<Operation> {
    [
        registration(),
        recovery(),
        sessions(),
        credentials(),
        with_code::codes(),
        with_code::credentials(),
        with_code::requests(),
        pages(),
        users(),
        operation(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn registration() -> Vec<Operation> {
    vec![
        post("beginRegistration", "/auth/registration/init")
            .begins(Registration)
            .costs(read(1), async |stage, person, request| {
                let invited = stage.invited(person).await;
                request.with(json!({
                    "orgId": invited.organization,
                    "username": invited.username,
                    "registrationCode": invited.code,
                }))
            }),
        post("completeRegistration", "/auth/registration")
            .by(Temporary)
            .completes(
                Registration,
                written(1, 9).on_postgres(8),
                |person, challenge, request| {
                    let mut body = first_credentials(person, challenge);
                    body["signIn"] = json!(true);
                    request.bearing(identifier(challenge)).with(body)
                },
            )
            .or_completes(
                "with one credential",
                written(1, 7).on_postgres(6),
                |_, challenge, request| {
                    request
                        .bearing(identifier(challenge))
                        .with(one_credential(challenge))
                },
            ),
        put("mailRegistrationCode", "/auth/registration/code")
            .costs(read(0), async |stage, person, request| {
                let invited = stage.invited(person).await;
                request.with(json!({
                    "orgId": invited.organization,
                    "username": invited.username,
                }))
            })
            .and_afterwards(written(1, 5)),
    ]
}

/// One credential for each place, with everything that may be said of it.
fn first_credentials(person: &Person, challenge: &Value) -> Value {
    let [key, recovery] = [Signer::password_protected_key(), Signer::recovery_key()];
    let [first, second] = [Signer::passkey(person.origin), key];
    let named = |signer: &Signer, name: &str| {
        let mut credential = signer.create(challenge);
        credential["credentialName"] = json!(name);
        reached(credential)
    };
    let mut recovery = named(&recovery, "Kit");
    recovery["encryptedPrivateKey"] = json!(ENCRYPTED_PRIVATE_KEY);
    json!({
        "firstFactorCredential": named(&first, "Phone"),
        "secondFactorCredential": named(&second, "Laptop"),
        "recoveryCredential": recovery,
    })
}

/// A new credential that says how its authenticator is reached, as pages do and published clients do not.
fn reached(mut credential: Value) -> Value {
    credential["credentialInfo"]["transports"] = json!(["internal", "hybrid"]);
    credential
}

fn one_credential(challenge: &Value) -> Value {
    json!({ "firstFactorCredential": Signer::key().create(challenge) })
}

fn recovery() -> Vec<Operation> {
    vec![
        post("mailRecoveryCode", "/auth/recover/user/code")
            .costs(read(0), named)
            .and_afterwards(written(1, 5)),
        put("mailRecoveryCodeAsBefore", "/auth/recover/user/code")
            .costs(read(0), named)
            .and_afterwards(written(1, 5)),
        post("beginRecovery", "/auth/recover/user/init")
            .begins(Recovery)
            .costs(written(2, 1), async |stage, person, request| {
                let code = stage.mailed_code(person, "/auth/recover/user/code").await;
                request.with(person.named(json!({
                    "verificationCode": code,
                    "credentialId": person.recovery_key.id(),
                })))
            }),
        post("completeRecovery", "/auth/recover/user")
            .by(Temporary)
            .ending_the_session()
            .completes(
                Recovery,
                written(1, 14).on_postgres(13),
                |person, challenge, request| {
                    let new = first_credentials(person, challenge);
                    agreed(person, challenge, request, &new)
                },
            )
            .or_completes(
                "with one credential",
                written(1, 10).on_postgres(9),
                |person, challenge, request| {
                    agreed(person, challenge, request, &one_credential(challenge))
                },
            ),
    ]
}

/// New credentials that the recovery key agrees to.
fn agreed(person: &Person, challenge: &Value, request: Request, new: &Value) -> Request {
    request
        .bearing(identifier(challenge))
        .with(json!({ "recovery": person.agrees_to(new), "newCredentials": new }))
}

fn sessions() -> Vec<Operation> {
    vec![
        post("mailLoginCode", "/auth/login/code")
            .costs(read(0), named)
            .and_afterwards(written(1, 5)),
        post("beginLogin", "/auth/login/init")
            .begins(Login)
            .costs(written(2, 1), async |stage, person, request| {
                let code = stage.mailed_code(person, "/auth/login/code").await;
                request.with(person.named(json!({ "loginCode": code })))
            })
            .or("without a login code", read(1), named)
            .or("without a username", read(0), async |_, person, request| {
                request.with(json!({ "orgId": person.tenant.organization }))
            }),
        post("completeLogin", "/auth/login")
            .completes(Login, written(2, 4), answered)
            .or_completes("with one factor", written(1, 2).on_postgres(1), signed),
        get("getSession", "/auth/session")
            .by(User)
            .costs(read(1), as_it_is),
        post("issueSessionCode", "/auth/session/code")
            .by(User)
            .costs(read(1), async |_, person, request| {
                request.with(going_back(person.origin))
            }),
        post("exchangeSessionCode", "/auth/session/code/exchange").costs(
            written(0, 1),
            async |_, person, request| {
                let place = person.session.place();
                let issued = place
                    .post("/auth/session/code", &going_back(person.origin))
                    .await;
                request.with(json!({
                    "code": code_in(&issued.ok()),
                    "codeVerifier": VERIFIER,
                }))
            },
        ),
        put("logout", "/auth/logout")
            .by(User)
            .ending_the_session()
            .costs(written(1, 1), async |_, _, request| {
                request.with(json!({ "allSessions": false }))
            })
            .or("of all sessions", written(1, 6), async |_, _, request| {
                request.with(json!({ "allSessions": true }))
            }),
        post("beginUserAction", "/auth/action/init")
            .by(User)
            .begins(UserAction)
            .costs(read(1), async |_, _, request| {
                request.with(json!({
                    "userActionHttpMethod": "POST",
                    "userActionHttpPath": "/transfers",
                    "userActionPayload": "{\"amount\":1}",
                }))
            }),
        post("completeUserAction", "/auth/action")
            .by(User)
            .completes(UserAction, written(1, 4), answered)
            .or_completes("with one factor", written(0, 2).on_postgres(1), signed)
            .or_completes(
                "with another credential than that of the session",
                written(1, 2).on_postgres(1),
                |person, challenge, request| {
                    request.with(json!({
                        "challengeIdentifier": identifier(challenge),
                        "firstFactor": person.passkey.sign(challenge),
                    }))
                },
            ),
    ]
}

/// Both factors, with everything that may be said of them.
fn answered(person: &Person, challenge: &Value, request: Request) -> Request {
    let mut second = person.passkey.sign(challenge);
    second["credentialAssertion"]["userHandle"] =
        json!(BASE64URL_NOPAD.encode(person.id.as_bytes()));
    request.with(json!({
        "challengeIdentifier": identifier(challenge),
        "firstFactor": person.session.signer.sign(challenge),
        "secondFactor": second,
    }))
}

/// One factor.
fn signed(person: &Person, challenge: &Value, request: Request) -> Request {
    request.with(json!({
        "challengeIdentifier": identifier(challenge),
        "firstFactor": person.session.signer.sign(challenge),
    }))
}

fn credentials() -> Vec<Operation> {
    vec![
        get("listCredentials", "/auth/credentials")
            .by(User)
            .costs(read(1), as_it_is),
        post("createCredential", "/auth/credentials")
            .by(User)
            .signed()
            .completes(
                Credential,
                written(0, 5).on_postgres(1),
                |_, challenge, request| {
                    request.with(named_credential(challenge, "replacesRecoveryKeys", false))
                },
            )
            .or(
                "in the place of every recovery key",
                written(0, 8).on_postgres(1),
                async |stage, person, request| {
                    // Its own kit is needed further on.
                    let other = stage.colleague(person).await;
                    let begun = other.session.begin_credential("RecoveryKey").await.ok();
                    let mut body = Signer::recovery_key().named_credential(&begun, "Kit");
                    body["replacesRecoveryKeys"] = json!(true);
                    request.made_by(&other).with(body)
                },
            ),
        post("beginCredential", "/auth/credentials/init")
            .by(User)
            .begins(Credential)
            .costs(read(1), async |_, _, request| {
                request.with(json!({ "kind": "PasswordProtectedKey" }))
            }),
        put("activateCredential", "/auth/credentials/activate")
            .by(User)
            .signed()
            .costs(written(1, 5), async |_, person, request| {
                let uuid = person.spare().await;
                person.session.deactivate(&uuid).await.ok();
                request.with(json!({ "credentialUuid": uuid }))
            }),
        put("deactivateCredential", "/auth/credentials/deactivate")
            .by(User)
            .signed()
            .costs(written(1, 6), async |_, person, request| {
                request.with(json!({ "credentialUuid": person.spare().await }))
            }),
        put("renameCredential", "/auth/credentials/{credentialUuid}")
            .by(User)
            .signed()
            .costs(written(0, 4), async |_, person, request| {
                let uuid = person.spare().await;
                request.about(&uuid).with(json!({ "name": "Old one" }))
            }),
        delete("deleteCredential", "/auth/credentials/{credentialUuid}")
            .by(User)
            .signed()
            .costs(written(1, 6).on_postgres(5), async |_, person, request| {
                request.about(&person.spare().await)
            }),
    ]
}

/// A new credential, and what else is said of it.
fn named_credential(challenge: &Value, member: &str, value: bool) -> Value {
    let signer = Signer::password_protected_key();
    let mut body = reached(signer.named_credential(challenge, "Another one"));
    body["challengeIdentifier"] = json!(identifier(challenge));
    body[member] = json!(value);
    body
}

/// A new credential with a code, and a session with it where one may begin so.
fn signing_in(_: &Person, challenge: &Value, request: Request) -> Request {
    request.with(named_credential(challenge, "signIn", true))
}

fn pages() -> Vec<Operation> {
    vec![
        get("getApplication", "/auth/application").costs(read(0), as_it_is),
        get("getRelatedOrigins", "/.well-known/webauthn").costs(read(0), of_the_host),
        get("getPasskeyEndpoints", "/.well-known/passkey-endpoints").costs(read(0), of_the_host),
        get("getAssetLinks", "/.well-known/assetlinks.json").costs(read(0), of_the_host),
        get(
            "getAppSiteAssociation",
            "/.well-known/apple-app-site-association",
        )
        .costs(read(0), of_the_host),
    ]
}

fn users() -> Vec<Operation> {
    const USER: &str = "/auth/users/{userId}";
    vec![
        get("listUsers", "/auth/users")
            .by(Administrator("Read"))
            .costs(read(2), as_it_is)
            .or("with a search", read(3), async |_, _, mut request| {
                request.path.push_str("?search=example");
                request
            }),
        post("createUser", "/auth/users")
            .by(Administrator("Create"))
            .signed()
            .costs(written(0, 8), async |stage, _, request| {
                let username = stage.username();
                request.with(json!({
                    "email": username,
                    "kind": "CustomerEmployee",
                    "externalId": username,
                    "isSSORequired": false,
                }))
            }),
        get("getUser", USER)
            .by(Administrator("Read"))
            .costs(read(2), about_somebody_invited),
        put("updateUser", USER)
            .by(Administrator("Update"))
            .signed()
            .costs(written(0, 5), async |stage, person, request| {
                let invited = stage.invited(person).await;
                request
                    .about(&invited.id)
                    .with(json!({ "isSSORequired": false }))
            }),
        delete("deleteUser", USER)
            .by(Administrator("Delete"))
            .signed()
            .costs(written(0, 8), about_somebody_invited),
        put("activateUser", "/auth/users/{userId}/activate")
            .by(Administrator("Activate"))
            .signed()
            .costs(written(0, 7), async |stage, person, request| {
                let invited = stage.invited(person).await;
                stage.world.set_user_active(&invited.id, false).await;
                request.about(&invited.id)
            }),
        put("deactivateUser", "/auth/users/{userId}/deactivate")
            .by(Administrator("Deactivate"))
            .signed()
            .costs(written(0, 10), about_somebody_invited),
    ]
}

fn operation() -> Vec<Operation> {
    const READY: &str = "/health/ready";
    vec![
        get("live", "/health/live").costs(read(0), as_it_is),
        get("ready", READY)
            .costs(written(0, 1), async |stage, _, request| {
                stage.world.wait(Duration::from_secs(1));
                request
            })
            .or(
                "within a second of another",
                read(0),
                async |_, person, request| {
                    person.place.get(READY).await.ok();
                    request
                },
            ),
        get("getKeys", "/.well-known/jwks.json").costs(read(0), as_it_is),
        get("getMetadata", "/.well-known/oauth-authorization-server").costs(read(0), as_it_is),
        get("getDescription", "/openapi.json").costs(read(0), as_it_is),
    ]
}

/// Nothing has to be prepared.
async fn as_it_is(_: &Stage, _: &Person, request: Request) -> Request {
    request
}

/// Who the caller is must be said.
async fn named(_: &Stage, person: &Person, request: Request) -> Request {
    request.with(person.named(json!({})))
}

/// Where the service is reached counts.
async fn of_the_host(_: &Stage, _: &Person, request: Request) -> Request {
    request.at_host(host(MOBILE))
}

async fn about_somebody_invited(stage: &Stage, person: &Person, request: Request) -> Request {
    let invited = stage.invited(person).await;
    request.about(&invited.id)
}
