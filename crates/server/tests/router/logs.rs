//! The log: one line per request, and never a secret in any line at any level.

use std::{
    cell::RefCell,
    io::{self, Write},
    sync::OnceLock,
};

use axum::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::{
    Layer as _, filter::dynamic_filter_fn, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::support::{
    signed_in::SignedIn,
    signer::{ENCRYPTED_PRIVATE_KEY, Signer},
    world::{ADA, ONE, World},
};

thread_local! {
    /// What this thread logs, while somebody looks.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Everything that this thread logs, at any level, while it is alive.
struct Log;

impl Log {
    fn start() -> Self {
        static STARTED: OnceLock<()> = OnceLock::new();
        STARTED.get_or_init(|| {
            let lines = fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(|| ThreadWriter)
                .with_filter(dynamic_filter_fn(|_metadata, _context| {
                    LINES.with_borrow(Option::is_some)
                }));
            tracing_subscriber::registry().with(lines).init();
        });
        LINES.set(Some(vec![]));
        Self
    }

    fn text() -> String {
        let bytes = LINES.with_borrow(|lines| lines.clone().unwrap());
        String::from_utf8(bytes).unwrap()
    }

    /// The lines of requests.
    fn requests() -> Vec<Value> {
        let lines = Self::text();
        lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line["target"] == "latchkey::request")
            .collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LINES.set(None);
    }
}

struct ThreadWriter;

impl Write for ThreadWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_is_one_line_that_says_who_did_what() {
    let world = World::new().await;
    let ada = world.ada().await;
    let user = ada.user_id().await;
    let uuid = ada.uuid_of(&ada.signer).await;
    let _log = Log::start();
    let answer = ada
        .place()
        .delete(&format!("/auth/credentials/{uuid}?a=b"))
        .await;
    let stranger = world.stranger().get("/nowhere").await;
    let lines = Log::requests();
    let [own, other] = lines.as_slice() else {
        panic!("{}", Log::text());
    };
    assert_eq!(own["request_id"], answer.header("x-request-id"));
    assert_eq!(own["method"], "DELETE");
    assert_eq!(own["route"], "/auth/credentials/{credentialUuid}");
    assert_eq!(own["status"], 403);
    assert!(own["duration_ms"].is_u64());
    assert_eq!(own["organization"], world.acme.organization);
    assert_eq!(own["user"], user);
    assert_eq!(other["request_id"], stranger.header("x-request-id"));
    assert_eq!(other["status"], 404);
    assert!(other.get("user").is_none_or(Value::is_null));
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let _log = Log::start();
    let world = World::new().await;
    let mut secrets = vec![ENCRYPTED_PRIVATE_KEY.to_owned()];

    let place = world.stranger().at(ONE);
    let signer = Signer::password_protected_key();
    let invited = world.invite(&world.acme, ADA).await;
    let challenge = place.begin_registration(&invited).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": signer.create(&challenge) });
    place
        .bearing(token)
        .post("/auth/registration", &body)
        .await
        .ok();
    let ada = place.sign_in(&world.acme, ADA, &signer).await;
    secrets.extend([invited.code, token.to_owned(), ada.token.clone()]);

    let codes = ada.code(world.now()).await;
    let action = ada
        .user_action(&Method::POST, "/x", "{\"amount\":\"4711\"}")
        .await;
    let claimed = place.begin_with_code("Fido2", &codes.short).await.ok();
    let identifier = claimed["challengeIdentifier"].as_str().unwrap().to_owned();
    place.verify(&claimed, &Signer::passkey(ONE)).await.ok();
    secrets.extend([codes.short.clone(), codes.long.clone(), action, identifier]);
    secrets.push("4711\\\"".to_owned());

    // Refusals too.
    for code in [&codes.short, &codes.long] {
        place.begin_with_code("Key", code).await.refused_code();
    }
    let refused = place.verify(&claimed, &Signer::passkey(ONE)).await;
    refused.refused_challenge();
    broken_requests(&ada, &codes.long).await;

    let text = Log::text();
    assert!(Log::requests().len() > 15, "{text}");
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret}");
    }
}

/// Requests that are refused for their form, with something secret in them.
async fn broken_requests(ada: &SignedIn, code: &str) {
    let place = ada.place();
    for body in [
        format!("{{\"code\":\"{code}\",\"code\":\"{code}\"}}"),
        format!("{{\"code\":[\"{code}\"],\"credentialKind\":\"Key\"}}"),
        format!("{{\"code\":\"{code}\""),
        format!("{{\"credentialKind\":\"{code}\",\"code\":\"{code}\"}}"),
    ] {
        let path = "/auth/credentials/code/init";
        let refused = place.call(Method::POST, path, Some(&body)).await;
        assert_eq!(refused.status, 400);
        let text = refused.body.to_string();
        assert!(!text.contains(code), "the answer repeats it: {text}");
    }
}
