//! Any bytes at any endpoint are answered by a 4xx.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request},
};
use latchkey_service::ports::tokens::InvalidToken;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use super::support::{World, acting, json, send};

/// Every call that reads a body.
const CALLS: &[(&str, &str)] = &[
    ("POST", "/auth/registration/init"),
    ("POST", "/auth/registration"),
    ("POST", "/auth/recover/user/init"),
    ("POST", "/auth/recover/user"),
    ("POST", "/auth/login/init"),
    ("POST", "/auth/login"),
    ("POST", "/auth/action/init"),
    ("POST", "/auth/action"),
    ("POST", "/auth/credentials/init"),
    ("POST", "/auth/credentials"),
    ("PUT", "/auth/credentials/activate"),
    ("PUT", "/auth/credentials/deactivate"),
    (
        "DELETE",
        "/auth/credentials/cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
    ),
    ("POST", "/auth/credentials/code"),
    ("POST", "/auth/credentials/code/init"),
    ("POST", "/auth/credentials/code/verify"),
];

/// A world in which nothing is known and nothing is permitted.
fn empty_world() -> Router {
    let mut world = World::signed_in().signing_challenges();
    world
        .tokens
        .expect_read_challenge()
        .returning(|_, _| Err(InvalidToken));
    world
        .tokens
        .expect_read_user_action()
        .returning(|_, _| Err(InvalidToken));
    world
        .digester
        .expect_digest()
        .returning(|_| latchkey_domain::credential_code::CodeDigest::new([1; 32]));
    world
        .account_codes
        .expect_find()
        .returning(|_, _, _, _| Ok(None));
    world.codes.expect_find().returning(|_| Ok(None));
    world.accounts.expect_find().returning(|_| Ok(None));
    world
        .accounts
        .expect_find_by_username()
        .returning(|_, _| Ok(None));
    world.policy.limits.enabled = false;
    world.router()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn is_refused(router: &Router, request: Request<Body>) -> Result<(), TestCaseError> {
    let answer = runtime().block_on(send(router, acting(request)));
    prop_assert!(answer.status.is_client_error(), "{:?}", answer);
    prop_assert!(answer.json()["error"]["code"].is_string());
    Ok(())
}

/// Values of every type, with a liking for what members are called and what they hold.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
        prop::sample::select(vec![
            "Key",
            "Fido2",
            "Password",
            "RecoveryKey",
            "PasswordProtectedKey",
            "AQ",
            "AQ==",
            "POST",
            "/auth",
            "ada@example.com",
            "cr-6b58p-r53sr-rlrd3l5cj3uc4ome",
            "\0",
            "2026-01-01T00:00:00Z",
        ])
        .prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map(member(), inner, 0..8)
                .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "orgId",
        "username",
        "registrationCode",
        "firstFactorCredential",
        "recoveryCredential",
        "credentialKind",
        "kind",
        "credentialInfo",
        "credId",
        "clientData",
        "attestationData",
        "encryptedPrivateKey",
        "credentialName",
        "challengeIdentifier",
        "firstFactor",
        "secondFactor",
        "credentialAssertion",
        "signature",
        "authenticatorData",
        "userHandle",
        "userActionPayload",
        "userActionHttpMethod",
        "userActionHttpPath",
        "credentialUuid",
        "expiration",
        "longOnly",
        "code",
        "loginCode",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_as_a_body(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let router = empty_world();
        for (method, path) in CALLS {
            is_refused(&router, json(method, path, bytes.clone()))?;
        }
    }

    #[test]
    fn any_bytes_in_headers(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let router = empty_world();
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            for name in ["content-type", "origin", "x-dfns-appid", "x-dfns-useraction", "x-forwarded-for"] {
                let mut request = acting(json("POST", "/auth/credentials", "{\"a\":1}"));
                request.headers_mut().insert(name, value.clone());
                let answer = runtime().block_on(send(&router, request));
                prop_assert!(answer.status.is_client_error(), "{:?}", answer);
            }
        }
    }

    #[test]
    fn any_path(path in "/[a-z/%0-9?{}.:;=&é\\\\-]{0,60}") {
        let router = empty_world();
        if let Ok(request) = Request::post(path).body(Body::empty()) {
            is_refused(&router, request)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_shape_of_a_body(
        members in prop::collection::btree_map(member(), value(), 0..12),
    ) {
        let body = serde_json::Value::Object(members.clone().into_iter().collect()).to_string();
        let router = empty_world();
        for (method, path) in CALLS {
            let answer = runtime().block_on(send(&router, acting(json(method, path, body.clone()))));
            // Beginning a sign-in without a username needs nothing that is not known.
            prop_assert!(!answer.status.is_server_error() , "{} {} {:?}", path, body, answer);
        }
    }
}
