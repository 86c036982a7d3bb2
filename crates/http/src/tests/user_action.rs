//! The binding of a user action to its request, in the shapes of the published clients (API contract
//! §6.3).

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use latchkey_domain::user_action::UserAction;

use super::support::{Answer, World, acting, bearing, json, send};
use crate::{dto::text::Text, routes::action::ActionInitRequest};

const CREDENTIAL: &str = "/auth/credentials/cr-6b58p-r53sr-rlrd3l5cj3uc4ome";

/// What signing this request at action/init binds.
fn signed(body: &str) -> UserAction {
    let request: ActionInitRequest = serde_json::from_str(body).unwrap();
    request.try_into().ok().unwrap()
}

async fn deleted(signed_as: &str, path: &str, body: &'static str) -> Answer {
    let mut world = World::with_action(signed(signed_as));
    world
        .accounts
        .expect_find_credential()
        .returning(|_, _| Ok(None));
    world.credentials.expect_delete().returning(|_, _| Ok(()));
    let request = match body {
        "" => Request::delete(path).body(Body::empty()).unwrap(),
        body => json("DELETE", path, body),
    };
    send(&world.router(), acting(request)).await
}

fn delete_of(path: &str, payload: &str) -> String {
    serde_json::json!({
        "userActionHttpMethod": "DELETE",
        "userActionHttpPath": path,
        "userActionPayload": payload,
    })
    .to_string()
}

#[tokio::test]
async fn go_signs_path_and_query_and_sends_no_body() {
    let path = format!("{CREDENTIAL}?force=true");
    let answer = deleted(&delete_of(&path, ""), &path, "").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::OK, "{}")
    );
    let answer = deleted(&delete_of(&path, ""), CREDENTIAL, "").await;
    assert_eq!(answer.code(), "user_action_invalid");
}

#[tokio::test]
async fn java_signs_an_empty_object_and_sends_nothing() {
    let answer = deleted(&delete_of(CREDENTIAL, "{}"), CREDENTIAL, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn python_signs_nothing_and_sends_an_empty_object() {
    let answer = deleted(&delete_of(CREDENTIAL, ""), CREDENTIAL, "{}").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn typescript_leaves_an_undefined_payload_out() {
    let payload = serde_json::json!({
        "userActionHttpMethod": "DELETE",
        "userActionHttpPath": CREDENTIAL,
        "userActionServerKind": "Api",
    });
    let answer = deleted(&payload.to_string(), CREDENTIAL, "{}").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn whoever_signs_the_path_alone_may_send_a_query() {
    let path = format!("{CREDENTIAL}?x=1");
    let answer = deleted(&delete_of(CREDENTIAL, ""), &path, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn escapes_in_the_path_do_not_matter() {
    let escaped = CREDENTIAL.replace("auth", "%61uth");
    let answer = deleted(&delete_of(&escaped, ""), CREDENTIAL, "").await;
    assert_eq!(answer.status, StatusCode::OK);
}

async fn issued(payload: &str, sent: &'static str) -> Answer {
    let signed_as = serde_json::json!({
        "userActionHttpMethod": "POST",
        "userActionHttpPath": "/auth/credentials/code",
        "userActionPayload": payload,
    });
    let mut world = World::with_action(signed(&signed_as.to_string()));
    world
        .digester
        .expect_digest()
        .returning(|_| latchkey_domain::credential_code::CodeDigest::new([1; 32]));
    world.codes.expect_issue().returning(|_, _| Ok(()));
    let request = json("POST", "/auth/credentials/code", sent);
    send(&world.router(), acting(request)).await
}

#[tokio::test]
async fn python_escapes_what_it_signed_in_clear_and_spaces_differently() {
    let answer = issued(
        "{\"expiration\":1767225630,\"note\":\"café 🔑\"}",
        "{\"note\": \"caf\\u00e9 \\ud83d\\udd11\", \"expiration\": 1767225630}",
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn another_body_method_or_path_is_not_permitted() {
    let other_body = issued("{\"expiration\":1767225631}", "{\"expiration\":1767225630}").await;
    let same_number_otherwise = issued(
        "{\"expiration\":1.76722563e9}",
        "{\"expiration\":1767225630}",
    )
    .await;
    let more = issued("{}", "{\"expiration\":1767225630}").await;
    let other_path = deleted(&delete_of("/auth/credentials/code", ""), CREDENTIAL, "").await;
    let other_method = deleted(
        &delete_of(CREDENTIAL, "").replace("DELETE", "POST"),
        CREDENTIAL,
        "",
    )
    .await;
    for answer in [
        other_body,
        same_number_otherwise,
        more,
        other_path,
        other_method,
    ] {
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(
            answer.message(),
            "user action signature is missing or invalid"
        );
    }
}

#[tokio::test]
async fn without_a_user_action_nothing_is_permitted() {
    let world = World::with_action(signed(&delete_of(CREDENTIAL, "")));
    let router = world.router();
    let request = || bearing(json("DELETE", CREDENTIAL, ""));
    let answer = send(&router, request()).await;
    assert_eq!(answer.code(), "user_action_invalid");
    for value in [&b""[..], b"other", b"\xff"] {
        let mut request = request();
        let value = axum::http::HeaderValue::from_bytes(value).unwrap();
        request.headers_mut().insert("x-dfns-useraction", value);
        assert_eq!(send(&router, request).await.code(), "user_action_invalid");
    }
}

#[tokio::test]
async fn the_body_is_checked_before_the_user_action() {
    let router = World::signed_in().router();
    let request = bearing(json(
        "POST",
        "/auth/credentials/code",
        "{\"expiration\":{}}",
    ));
    let answer = send(&router, request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.message(),
        "expiration must be an ISO-8601 date with an offset or an integer Unix time"
    );
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_by_name() {
    let router = World::signed_in().router();
    for (member, value, message) in [
        (
            "userActionPayload",
            "{\"a\":1,\"a\":2}",
            "userActionPayload has two members of the name \"a\"",
        ),
        (
            "userActionPayload",
            "rubbish",
            "userActionPayload is not valid JSON",
        ),
        (
            "userActionHttpMethod",
            "post",
            "userActionHttpMethod must be one of GET, POST, PUT, DELETE, PATCH",
        ),
        (
            "userActionHttpPath",
            "https://x/y",
            "userActionHttpPath must be a path that begins with a slash, such as /auth/credentials",
        ),
        (
            "userActionHttpPath",
            "/a%2Fb",
            "userActionHttpPath must not contain an encoded slash",
        ),
    ] {
        let mut body = serde_json::json!({
            "userActionHttpMethod": "POST",
            "userActionHttpPath": "/wallets",
        });
        body[member] = value.into();
        let request = bearing(json("POST", "/auth/action/init", body.to_string()));
        let answer = send(&router, request).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.message(), message);
        assert_eq!(answer.json()["error"]["details"]["field"], member);
    }
}

#[test]
fn any_path_of_another_service_can_be_signed() {
    let Text(path) = serde_json::from_str::<Text<latchkey_domain::user_action::ActionPath>>(
        "\"/wallets/wa-1/transfers?x=%C3%A9\"",
    )
    .ok()
    .unwrap();
    assert_eq!(path.as_str(), "/wallets/wa-1/transfers?x=%C3%A9");
}
