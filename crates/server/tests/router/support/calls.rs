//! One good request for every call that takes a body.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    signed_in::SignedIn,
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, World},
};

/// A request that is as it should be.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// From where, with whatever bearer token it needs.
    pub(crate) place: Stranger,
    /// Who signs the user action that it needs.
    pub(crate) signed_by: Option<SignedIn>,
    pub(crate) body: Value,
    /// Members, by their path, that may be left out.
    pub(crate) optional: &'static [&'static str],
}

impl Call {
    fn post(place: &Stranger, path: &'static str, body: Value) -> Self {
        Self {
            method: Method::POST,
            path,
            place: place.clone(),
            signed_by: None,
            body,
            optional: &[],
        }
    }

    fn put(self) -> Self {
        Self {
            method: Method::PUT,
            ..self
        }
    }

    fn without(self, optional: &'static [&'static str]) -> Self {
        Self { optional, ..self }
    }

    fn signed_by(self, user: &SignedIn) -> Self {
        Self {
            signed_by: Some(user.clone()),
            ..self
        }
    }
}

/// Every call that takes a body, made by Ada and by strangers. Her session survives them.
pub(crate) async fn every_call(world: &World, ada: &SignedIn) -> Vec<Call> {
    let mut calls = public_calls(world, ada).await;
    calls.extend(own_calls(world, ada).await);
    calls.extend(administrators_calls(world, ada).await);
    calls
}

async fn public_calls(world: &World, ada: &SignedIn) -> Vec<Call> {
    let place = world.stranger();
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let registration = place.begin_registration(&invited).await.ok();
    let token = registration["temporaryAuthenticationToken"]
        .as_str()
        .unwrap();
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let codes = bob.code(world.now()).await;
    let claimed = place.begin_with_code("Fido2", &codes.short).await.ok();
    let codes = ada.code(world.now()).await;
    vec![
        Call::post(
            &place,
            "/auth/registration/init",
            json!({
                "orgId": world.acme.organization,
                "username": invited.username,
                "registrationCode": invited.code,
            }),
        )
        .without(&["orgId"]),
        Call::post(
            &place.bearing(token),
            "/auth/registration",
            json!({
                "firstFactorCredential": Signer::passkey(ONE).create(&registration),
                "secondFactorCredential": Signer::password_protected_key().create(&registration),
                "recoveryCredential": Signer::recovery_key().create(&registration),
            }),
        )
        .without(&["secondFactorCredential", "recoveryCredential"]),
        Call::post(
            &place,
            "/auth/login/init",
            json!({ "orgId": world.acme.organization, "username": ADA }),
        )
        .without(&["orgId", "username"]),
        Call::post(
            &place,
            "/auth/login",
            json!({
                "challengeIdentifier": login["challengeIdentifier"],
                "firstFactor": ada.signer.sign(&login),
                "secondFactor": Signer::passkey(ONE).sign(&login),
            }),
        )
        .without(&[
            "secondFactor",
            "secondFactor.credentialAssertion.userHandle",
        ]),
        Call::post(
            &place,
            "/auth/credentials/code/init",
            json!({ "credentialKind": "Key", "code": codes.long, "username": ADA }),
        )
        .without(&["username"]),
        Call::post(
            &place,
            "/auth/credentials/code/verify",
            Signer::passkey(ONE).named_credential(&claimed, "x"),
        ),
    ]
}

async fn own_calls(world: &World, ada: &SignedIn) -> Vec<Call> {
    let place = ada.place();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    let credential = ada.begin_credential("PasswordProtectedKey").await.ok();
    let spare = Signer::key();
    ada.create(&spare).await.ok();
    let uuid = ada.uuid_of(&spare).await;
    let other = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    vec![
        Call::post(
            &other.place(),
            "/auth/logout",
            json!({ "allSessions": false }),
        )
        .put()
        .without(&["allSessions"]),
        Call::post(
            &place,
            "/auth/action/init",
            json!({
                "userActionHttpMethod": "POST",
                "userActionHttpPath": "/x",
                "userActionPayload": "{}",
            }),
        )
        .without(&["userActionPayload"]),
        Call::post(
            &place,
            "/auth/action",
            json!({
                "challengeIdentifier": action["challengeIdentifier"],
                "firstFactor": ada.signer.sign(&action),
            }),
        ),
        Call::post(&place, "/auth/credentials/init", json!({ "kind": "Key" })),
        Call::post(
            &place,
            "/auth/credentials",
            Signer::password_protected_key().named_credential(&credential, "x"),
        )
        .signed_by(ada),
        Call::post(
            &place,
            "/auth/credentials/activate",
            json!({ "credentialUuid": uuid }),
        )
        .put()
        .signed_by(ada),
        Call::post(
            &place,
            "/auth/credentials/deactivate",
            json!({ "credentialUuid": uuid }),
        )
        .put()
        .signed_by(ada),
        Call::post(
            &place,
            "/auth/credentials/code",
            json!({ "expiration": "2026-01-01T00:00:30Z", "longOnly": true }),
        )
        .without(&["longOnly"])
        .signed_by(ada),
    ]
}

/// What Ada does as an administrator.
async fn administrators_calls(world: &World, ada: &SignedIn) -> Vec<Call> {
    world.set_administrator(&ada.user_id().await, true).await;
    let place = ada.place();
    let other = world.invite(&world.acme, "carol@example.com").await;
    vec![
        Call::post(
            &place,
            "/auth/users",
            json!({
                "email": "dan@example.com",
                "kind": "CustomerEmployee",
                "externalId": "staff-7",
                "isSSORequired": false,
            }),
        )
        .without(&["externalId", "isSSORequired"])
        .signed_by(ada),
        Call::post(
            &place,
            format!("/auth/users/{}", other.id).leak(),
            json!({ "isSSORequired": false }),
        )
        .put()
        .signed_by(ada),
    ]
}

/// Every member of a body at any depth, by its path as errors name it.
pub(crate) fn members(body: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    collect(body, "", &mut paths);
    paths
}

fn collect(value: &Value, prefix: &str, paths: &mut Vec<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        collect(member, &format!("{path}."), paths);
        paths.push(path);
    }
}

/// The member at that path.
pub(crate) fn member<'a>(body: &'a mut Value, path: &str) -> &'a mut Value {
    let pointer = format!("/{}", path.replace('.', "/"));
    body.pointer_mut(&pointer).unwrap()
}

/// The body without the member at that path.
pub(crate) fn without(body: &Value, path: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (member(&mut body, parent), name),
        None => (&mut body, path),
    };
    parent.as_object_mut().unwrap().remove(name).unwrap();
    body
}
