//! The log: one line per request, and never a secret in any line at any level.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Write},
    sync::OnceLock,
};

use axum::http::Method;
use serde_json::Value;
use tracing_subscriber::{
    Layer as _, filter::dynamic_filter_fn, fmt, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::support::{operations::cases, signed_in::SignedIn, stage::Stage};

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

/// The members of requests and answers that are for their reader alone.
const SECRETS: [&str; 14] = [
    "approvalToken",
    "challengeIdentifier",
    "code",
    "encryptedPrivateKey",
    "link",
    "loginCode",
    "longCode",
    "registrationCode",
    "signature",
    "temporaryAuthenticationToken",
    "token",
    "userAction",
    "userActionPayload",
    "verificationCode",
];

/// What stands in members of those names at any depth, with the names.
fn secrets(body: &Value) -> Vec<(String, String)> {
    let members = body.as_object().into_iter().flatten();
    members
        .flat_map(|(name, value)| match value.as_str() {
            Some(text) if SECRETS.contains(&name.as_str()) => vec![(name.clone(), text.to_owned())],
            _ => secrets(value),
        })
        .collect()
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    let _log = Log::start();
    let stage = Stage::new().await;
    let mut kept = BTreeMap::new();
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        let answer = request.send_from(&place).await.ok();
        // Once more, for a refusal if it is no reading call.
        request.send_from(&place).await;
        kept.extend(request.body.as_ref().map(secrets).unwrap_or_default());
        kept.extend(secrets(&answer));
        require_no_secret(kept.values().chain(&place.sent("x-dfns-useraction")));
    }
    let names: Vec<_> = kept.keys().collect();
    assert_eq!(names, SECRETS);
    let codes = stage.ada.session.code(stage.world.now()).await;
    broken_requests(&stage.ada.session, &codes.long).await;
    require_no_secret([&codes.long, &stage.ada.session.token]);
    let requests = Log::text().matches("\"latchkey::request\"").count();
    assert!(requests > cases().count(), "{requests}");
}

#[track_caller]
fn require_no_secret<'a>(secrets: impl IntoIterator<Item = &'a String>) {
    let text = Log::text();
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
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
