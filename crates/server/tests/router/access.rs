//! Who may call what: every operation refuses whoever may not, and what was not signed for it.

use std::{collections::BTreeSet, time::Duration};

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    operations::{Caller, Ceremony, Operation, Request, identifier, operations},
    session_code::{code_in, going_back},
    signed_in::SignedIn,
    signer::Signer,
    stage::{Person, Stage},
    stranger::Stranger,
    world::{UNLISTED, World},
};

/// A type of token, by the ceremony that a challenge identifier is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Session,
    UserAction,
    Approval,
    SessionCode,
    Challenge(Ceremony),
}

/// A token of every type, all of one person.
async fn tokens(stage: &Stage, person: &Person) -> Vec<(Type, String)> {
    let action = person.session.user_action(&Method::POST, "/x", "").await;
    let waiting = person.enrolled(stage).await;
    let approval = waiting["approvalToken"].as_str().unwrap().to_owned();
    let back = going_back(person.origin);
    let place = person.session.place();
    let issued = place.post("/auth/session/code", &back).await.ok();
    let mut tokens = vec![
        (Type::Session, person.session.token.clone()),
        (Type::UserAction, action),
        (Type::Approval, approval),
        (Type::SessionCode, code_in(&issued)),
    ];
    for ceremony in Ceremony::ALL {
        let challenge = ceremony.begin(stage, person).await;
        let token = identifier(&challenge).to_owned();
        tokens.push((Type::Challenge(ceremony), token));
    }
    tokens
}

/// All tokens of other types.
fn others(tokens: &[(Type, String)], own: Type) -> impl Iterator<Item = &str> {
    let others = tokens.iter().filter(move |(other, _)| *other != own);
    others.map(|(_, token)| token.as_str())
}

fn of_somebody_signed_in() -> impl Iterator<Item = &'static Operation> {
    operations()
        .iter()
        .filter(|operation| operation.caller.is_signed_in())
}

fn signed() -> impl Iterator<Item = &'static Operation> {
    operations().iter().filter(|operation| operation.signed)
}

#[tokio::test]
async fn every_call_that_needs_a_session_refuses_everything_else() {
    let stage = Stage::new().await;
    let ended = stage.ada.again().await.session;
    ended.log_out(false).await.ok();
    let deactivated = stage.colleague(&stage.ada).await;
    stage.world.set_user_active(&deactivated.id, false).await;
    let elsewhere = World::new().await.ada().await;
    let good = &stage.ada.session.token;
    let mut refused = vec![
        "rubbish".to_owned(),
        "Bearer".to_owned(),
        "Bearer rubbish".to_owned(),
        "Bearer \u{ff}".to_owned(),
        format!("Bearer {good}x"),
        format!("Basic {good}"),
        good.clone(),
    ];
    let tokens = tokens(&stage, &stage.eve).await;
    let bearers = others(&tokens, Type::Session).chain([
        ended.token.as_str(),
        &deactivated.session.token,
        &elsewhere.token,
    ]);
    refused.extend(bearers.map(|token| format!("Bearer {token}")));
    for operation in of_somebody_signed_in() {
        let request = operation.request(&stage).await;
        let authorized = request.authorized().await;
        let nobody = authorized.without_header("authorization");
        let others = refused
            .iter()
            .map(|value| nobody.with_header("authorization", value));
        for place in others.chain([nobody.clone()]) {
            let answer = request.send_from(&place).await;
            answer
                .refused(401, "not_authorized")
                .saying("Not Authorized.");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
        request.require_token_before_body(&nobody).await;
        // Nobody else is told what else is wrong, either.
        let former = nobody.with_header("authorization", &format!("Bearer {}", ended.token));
        request.require_token_before_body(&former).await;
        let unsigned = former.without_header("x-dfns-useraction");
        let answer = request.send_from(&unsigned).await;
        answer.refused(401, "not_authorized");
        request.send_from(&authorized).await.ok();
    }
}

#[tokio::test]
async fn every_call_with_a_temporary_token_refuses_every_other_token() {
    let stage = Stage::new().await;
    let tokens = tokens(&stage, &stage.eve).await;
    for operation in operations() {
        if operation.caller != Caller::Temporary {
            continue;
        }
        let request = operation.request(&stage).await;
        let answer = request.send_from(&request.place).await;
        answer.refused(401, "not_authorized");
        request.require_token_before_body(&request.place).await;
        let own = Type::Challenge(operation.completes.unwrap());
        for token in others(&tokens, own).chain(["rubbish"]) {
            let answer = request.send_from(&request.place.bearing(token)).await;
            answer.refused_challenge();
        }
        request.send().await.ok();
    }
}

#[tokio::test]
async fn every_token_in_a_body_must_be_of_its_type() {
    let stage = Stage::new().await;
    let tokens = tokens(&stage, &stage.eve).await;
    let mut tried = BTreeSet::new();
    for operation in operations() {
        for case in &operation.cases {
            let request = operation.request_of(&stage, case).await;
            let Some(body) = &request.body else { continue };
            for (member, own, code) in [
                (
                    "challengeIdentifier",
                    operation.takes().map(Type::Challenge),
                    "challenge_invalid",
                ),
                (
                    "approvalToken",
                    Some(Type::Approval),
                    "approval_token_invalid",
                ),
            ] {
                if !body[member].is_string() || !tried.insert((operation.id, member)) {
                    continue;
                }
                for token in others(&tokens, own.unwrap()).chain(["rubbish", ""]) {
                    let mut body = body.clone();
                    body[member] = json!(token);
                    let answer = request.send_body(&body).await;
                    answer.refused(400, code);
                }
                request.send().await.ok();
            }
        }
    }
    assert_eq!(
        tried.len(),
        7,
        "four completing calls, the one that gives up, and the asking after approval by either: {tried:?}"
    );
}

#[tokio::test]
async fn every_public_call_ignores_who_is_signed_in() {
    for value in ["", "Bearer", "Bearer ..", "Basic YTpi", "rubbish, \u{ff}"] {
        let stage = Stage::new().await;
        for operation in operations() {
            if operation.caller != Caller::Anybody {
                continue;
            }
            let mut request = operation
                .request_of(&stage, operation.cases.last().unwrap())
                .await;
            request.place = request.place.with_header("authorization", value);
            request.place = request.place.with_header("x-dfns-useraction", value);
            request.send().await.ok();
        }
    }
}

#[tokio::test]
async fn every_signed_call_needs_a_user_action_for_exactly_it() {
    let stage = Stage::new().await;
    let bob = stage.colleague(&stage.ada).await;
    let tokens = tokens(&stage, &stage.eve).await;
    for operation in signed() {
        let request = operation.request(&stage).await;
        let foreign = stage.foreign_to(operation.cases[0].person(&stage));
        let user = request.signed_by.as_ref().unwrap();
        let (method, path) = (&operation.method, request.path.as_str());
        let payload = request
            .body
            .as_ref()
            .map(Value::to_string)
            .unwrap_or_default();
        let other_method = match *method {
            Method::POST => Method::PUT,
            _ => Method::POST,
        };
        let mut extended = request.body.clone().unwrap_or(json!({}));
        extended["force"] = json!(true);
        let mut wrong = vec![
            String::new(),
            "rubbish".to_owned(),
            user.user_action(&other_method, path, &payload).await,
            user.user_action(method, &format!("{path}/"), &payload)
                .await,
            user.user_action(method, &format!("/v1{path}"), &payload)
                .await,
            user.user_action(method, &path.to_uppercase(), &payload)
                .await,
            user.user_action(method, path, &extended.to_string()).await,
            bob.session.user_action(method, path, &payload).await,
            foreign.session.user_action(method, path, &payload).await,
        ];
        if request.body.is_some() {
            wrong.push(user.user_action(method, path, "").await);
        }
        let wrong = wrong.iter().map(String::as_str);
        for action in wrong.chain(others(&tokens, Type::UserAction)) {
            let answer = request.send_from(&user.with_action(action)).await;
            answer
                .refused(403, "user_action_invalid")
                .saying("user action signature is missing or invalid");
        }
        let unsigned = request.send_from(&user.place()).await;
        unsigned.refused(403, "user_action_invalid");
        // What was refused changed nothing and used nothing up, and what is done is done once.
        let place = request.authorized().await;
        request.send_from(&place).await.ok();
        let again = request.send_from(&place).await;
        again
            .refused(400, "user_action_used")
            .saying("user action has already been used");
    }
}

impl Request {
    /// The same request of somebody else, with whatever that person can sign.
    fn of(&self, other: &SignedIn) -> Self {
        Self {
            token: Some(other.token.clone()),
            signed_by: self.signed_by.is_some().then(|| other.clone()),
            ..self.clone()
        }
    }

    /// Requires that who asks is told before the body is read.
    async fn require_token_before_body(&self, nobody: &Stranger) {
        let method = self.operation.method.clone();
        let answer = nobody.call(method, &self.path, Some("not json")).await;
        answer.refused(401, "not_authorized");
    }
}

#[tokio::test]
async fn every_call_of_an_administrator_refuses_everybody_else() {
    let stage = Stage::new().await;
    let bob = stage.colleague(&stage.ada).await;
    for operation in of_somebody_signed_in() {
        let Caller::Administrator(permission) = operation.caller else {
            // And no other call asks for an administrator.
            let harry = stage.colleague(operation.cases[0].person(&stage)).await;
            let request = operation.request_by(&stage, &harry).await;
            request.send().await.ok();
            continue;
        };
        let request = operation.request(&stage).await;
        let answer = request.of(&bob.session).send().await;
        answer.refused(403, "not_permitted").saying(&format!(
            "EndUser {} is not authorized to perform operation (Auth:Users:{permission})",
            bob.id
        ));
        request.send().await.ok();
    }
}

#[tokio::test]
async fn no_call_reaches_what_is_another_users_or_another_organizations() {
    let stage = Stage::new().await;
    let bob = stage.colleague(&stage.ada).await;
    let mut tried = 0;
    for operation in of_somebody_signed_in() {
        let request = operation.request(&stage).await;
        let names = |member: &str| {
            let body = request.body.as_ref();
            body.is_some_and(|body| body.get(member).is_some())
        };
        let (status, code) = match operation.caller {
            Caller::Administrator(_) if operation.path.contains('{') => (404, "user_not_found"),
            _ if names("challengeIdentifier") => (400, "challenge_invalid"),
            _ if names("credentialUuid") || operation.path.contains('{') => {
                (404, "credential_not_found")
            }
            Caller::Anybody | Caller::Temporary | Caller::User | Caller::Administrator(_) => {
                continue;
            }
        };
        let is_of_users = matches!(operation.caller, Caller::Administrator(_));
        let colleague = (!is_of_users).then_some(&bob.session);
        let foreign = stage.foreign_to(operation.cases[0].person(&stage));
        for thief in colleague.into_iter().chain([&foreign.session]) {
            let answer = request.of(thief).send().await;
            answer.refused(status, code);
        }
        request.send().await.ok();
        tried += 1;
    }
    assert_eq!(
        tried, 13,
        "five about a user, two completing, six about a credential"
    );
}

#[tokio::test]
async fn a_request_that_fails_does_not_use_the_action_up() {
    let world = World::new().await;
    let ada = world.ada().await;
    let path = "/auth/credentials";
    let challenge = ada.begin_credential("Fido2").await.ok();
    let body = Signer::passkey(UNLISTED).named_credential(&challenge, "New");
    let text = body.to_string();
    let action = ada.user_action(&Method::POST, path, &text).await;
    let place = ada.with_action(&action);
    for _ in 0..2 {
        let refused = place.post(path, &body).await;
        refused.refused(400, "proof_refused");
    }
    // The action is for this very body: what makes its proof a good one comes from elsewhere.
    world.add_application(UNLISTED).await;
    world.wait(Duration::from_secs(5));
    place.post(path, &body).await.ok();
}

#[tokio::test]
async fn a_signed_query_must_be_the_one_requested_and_an_unsigned_one_is_ignored() {
    let world = World::new().await;
    let ada = world.ada().await;
    let path = "/auth/credentials/cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa";
    for (signed, requested, permits) in [
        ("?force=1", "", false),
        ("?force=1", "?force=2", false),
        ("?force=1", "?force=1&force=2", false),
        ("?", "?force=1", false),
        ("", "?force=1", true),
    ] {
        let action = ada
            .user_action(&Method::DELETE, &format!("{path}{signed}"), "")
            .await;
        let answer = ada
            .with_action(&action)
            .delete(&format!("{path}{requested}"))
            .await;
        if permits {
            answer.refused(404, "credential_not_found");
        } else {
            answer.refused(403, "user_action_invalid");
        }
    }
}

#[tokio::test]
async fn paths_are_compared_after_decoding_each_segment_once() {
    let world = World::new().await;
    let ada = world.ada().await;
    let uuid = "cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa";
    let path = format!("/auth/credentials/{uuid}");
    let first = uuid.bytes().next().unwrap();
    let escaped = format!("/auth/credentials/%{first:02X}{}", &uuid[1..]);
    let twice = escaped.replace('%', "%25");
    let action = ada.user_action(&Method::DELETE, &twice, "").await;
    let refused = ada.with_action(&action).delete(&path).await;
    refused.refused(403, "user_action_invalid");
    let action = ada.user_action(&Method::DELETE, &escaped, "").await;
    let permitted = ada.with_action(&action).delete(&path).await;
    permitted.refused(404, "credential_not_found");
}
