//! The rows of Create Credential With Code.

use serde_json::json;

use super::{
    super::{
        Caller::User,
        Ceremony::CredentialWithCode,
        Operation, Person, Request, Stage, identifier,
        row::{delete, get, post, read, written},
    },
    named_credential, signing_in,
};
pub(super) fn codes() -> Vec<Operation> {
    const CODE: &str = "/auth/credentials/code";
    vec![
        post("issueCredentialCode", CODE)
            .by(User)
            .signed()
            .costs(
                written(0, 5).on_postgres(1),
                async |stage, person, request| {
                    let here = person.place.get("/auth/application").await.ok();
                    request.with(json!({
                        "expiration": stage.world.now() + 60_000,
                        "longOnly": true,
                        "applicationId": here["application"]["id"],
                        "credentialKinds": ["Fido2", "Key"],
                        "credentialName": "Second place",
                    }))
                },
            )
            .or(
                "in both forms",
                written(0, 5).on_postgres(1),
                async |stage, _, request| {
                    request.with(json!({ "expiration": stage.world.now() + 60_000 }))
                },
            ),
        get("getCredentialCode", CODE)
            .by(User)
            .costs(read(2), async |stage, person, request| {
                person.session.code(stage.world.now()).await;
                request
            })
            .or(
                "while something waits",
                read(3),
                async |stage, person, request| {
                    person.enrolled(stage).await;
                    request
                },
            )
            .where_approval_is_asked(),
        delete("cancelCredentialCode", CODE)
            .by(User)
            .costs(
                written(1, 3).on_postgres(2),
                async |stage, person, request| {
                    person.session.code(stage.world.now()).await;
                    request
                },
            )
            .or(
                "when nothing is open",
                written(1, 2),
                async |_, person, request| {
                    let place = person.session.place();
                    place.delete(CODE).await.ok();
                    request
                },
            ),
    ]
}

/// Enters a code of that person.
async fn entering(stage: &Stage, person: &Person, request: Request) -> Request {
    let codes = person.session.code(stage.world.now()).await;
    request.with(json!({
        "credentialKind": "PasswordProtectedKey",
        "code": codes.long,
        "username": person.username,
    }))
}

pub(super) fn credentials() -> Vec<Operation> {
    vec![
        post("beginCredentialWithCode", "/auth/credentials/code/init")
            .begins(CredentialWithCode)
            .costs(
                written(1, 1).or_on_postgres(written(0, 1)),
                async |stage, person, request| entering(stage, person, request).await,
            )
            .or(
                "without an origin",
                written(2, 1).or_on_postgres(written(1, 1)),
                async |stage, person, request| {
                    entering(stage, person, request.without_origin()).await
                },
            ),
        post("createCredentialWithCode", "/auth/credentials/code/verify")
            .completes(CredentialWithCode, written(1, 5).on_postgres(1), signing_in)
            .or_completes(
                "without a session",
                written(0, 5).on_postgres(1),
                |_, challenge, request| request.with(named_credential(challenge, "signIn", false)),
            )
            .or_completes(
                "where it waits for approval",
                written(0, 5).on_postgres(1),
                signing_in,
            )
            .where_approval_is_asked(),
        post("releaseCredentialCode", "/auth/credentials/code/release")
            .about(CredentialWithCode)
            .costs(written(0, 1), async |stage, person, request| {
                let challenge = CredentialWithCode.begin(stage, person).await;
                request.with(json!({
                    "challengeIdentifier": identifier(&challenge),
                    "reason": "NotMyAccount",
                }))
            }),
        post("approveCredential", "/auth/credentials/code/approve")
            .by(User)
            .signed()
            .costs(
                written(1, 5).on_postgres(1),
                async |stage, person, request| {
                    let waiting = person.enrolled(stage).await;
                    request.with(json!({
                        "credentialUuid": waiting["credentialUuid"],
                        "number": waiting["number"],
                    }))
                },
            )
            .where_approval_is_asked(),
        post("refuseCredential", "/auth/credentials/code/refuse")
            .by(User)
            .signed()
            .costs(
                written(0, 4).on_postgres(1),
                async |stage, person, request| {
                    let waiting = person.enrolled(stage).await;
                    request.with(json!({ "credentialUuid": waiting["credentialUuid"] }))
                },
            )
            .where_approval_is_asked(),
        post("getApprovalStatus", "/auth/credentials/code/status")
            .about(CredentialWithCode)
            .costs(read(1), async |stage, person, request| {
                let waiting = person.enrolled(stage).await;
                request.with(json!({ "approvalToken": waiting["approvalToken"] }))
            })
            .where_approval_is_asked()
            .or(
                "by the challenge",
                read(1),
                async |stage, person, request| {
                    let challenge = CredentialWithCode.begin(stage, person).await;
                    let completion = CredentialWithCode.completion(person, &challenge);
                    completion.send().await.ok();
                    request.with(json!({ "challengeIdentifier": identifier(&challenge) }))
                },
            )
            .where_approval_is_asked()
            .or(
                "of what can be used",
                read(2),
                async |stage, person, request| {
                    let challenge = CredentialWithCode.begin(stage, person).await;
                    let completion = CredentialWithCode.completion(person, &challenge);
                    completion.send().await.ok();
                    request.with(json!({ "challengeIdentifier": identifier(&challenge) }))
                },
            ),
    ]
}

pub(super) fn requests() -> Vec<Operation> {
    const REQUEST: &str = "/auth/credentials/code/request";
    vec![
        post("requestCredentialCode", REQUEST).costs(
            written(0, 1),
            async |stage, person, request| {
                // The directory is read for this one.
                person.asked(stage).await;
                request.with(person.asking())
            },
        ),
        post(
            "getCodeRequestStatus",
            "/auth/credentials/code/request/status",
        )
        .costs(read(1), async |stage, person, request| {
            let asked = person.asked(stage).await;
            request.with(json!({ "longCode": asked["longCode"] }))
        }),
        post("findCodeRequest", "/auth/credentials/code/request/find")
            .by(User)
            .costs(read(2), async |stage, person, request| {
                let asked = person.asked(stage).await;
                request.with(json!({ "code": asked["code"] }))
            }),
        post("grantCodeRequest", "/auth/credentials/code/request/grant")
            .by(User)
            .signed()
            .costs(
                written(2, 6).on_postgres(1),
                async |stage, person, request| {
                    let asked = person.asked(stage).await;
                    request.with(json!({ "code": asked["code"], "number": asked["number"] }))
                },
            ),
        post("refuseCodeRequest", "/auth/credentials/code/request/refuse")
            .by(User)
            .costs(written(2, 1), async |stage, person, request| {
                let asked = person.asked(stage).await;
                request.with(json!({ "code": asked["code"] }))
            }),
    ]
}
