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

use crate::support::{
    operations::{Caller, cases},
    signed_in::SignedIn,
    signer::Signer,
    stage::Stage,
    world::{ADA, World},
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

    /// Forgets what was logged so far.
    fn begin_anew() {
        LINES.set(Some(vec![]));
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

/// The security events that this thread has logged, oldest first.
fn security_events() -> Vec<Value> {
    let text = Log::text();
    let lines = text.lines();
    lines
        .filter(|line| line.contains("\"latchkey::security\""))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The only one of that name, or the last one.
fn last_of(event: &str) -> Value {
    let events = security_events().into_iter();
    let mut named: Vec<_> = events.filter(|line| line["event"] == event).collect();
    named
        .pop()
        .unwrap_or_else(|| panic!("no {event} in\n{}", Log::text()))
}

#[tokio::test]
async fn a_sign_in_and_a_refused_one_are_one_line_each_that_says_who_and_from_where() {
    let _log = Log::start();
    let world = World::new().await;
    let key = Signer::key();
    let ada = world.member(&world.acme, ADA, &key).await;
    let signed_in = last_of("sign_in");
    assert_eq!(signed_in["level"], "INFO");
    assert_eq!(signed_in["outcome"], "succeeded");
    assert_eq!(signed_in["address"], "192.0.2.1");
    assert_eq!(signed_in["organization"], world.acme.organization);
    assert_eq!(signed_in["user"], ada.user_id().await);
    let credential = signed_in["credential"].as_str().unwrap();
    assert!(credential.starts_with("cr-"), "{signed_in}");
    assert_eq!(signed_in.get("reason"), None);

    let before = security_events().len();
    let place = ada.place().from("198.51.100.7");
    let begun = place.begin_login(&world.acme, ADA).await.ok();
    let other = place.begin_login(&world.acme, ADA).await.ok();
    let mut answer = key.sign(&begun);
    answer["credentialAssertion"]["signature"] =
        key.sign(&other)["credentialAssertion"]["signature"].clone();
    let body = serde_json::json!({
        "challengeIdentifier": begun["challengeIdentifier"],
        "firstFactor": answer,
    });
    let refused = place.post("/auth/login", &body).await;
    refused.refused(401, "factor_refused");
    // Two beginnings, and the refusal.
    assert_eq!(security_events().len(), before + 3);
    assert_eq!(last_of("begin_sign_in")["level"], "DEBUG");
    let refused = last_of("sign_in");
    assert_eq!(refused["outcome"], "refused");
    assert_eq!(refused["reason"], "signature_invalid");
    assert_eq!(refused["address"], "198.51.100.7");
    assert_eq!(refused["user"], signed_in["user"]);
    assert_eq!(refused["credential"], credential);
}

/// Whatever is asked again and again is a line for those alone who look closely; everything else is one for all.
#[track_caller]
fn require_a_line_at_its_level(id: &str, path: &str) {
    let is_polled = path.starts_with("/health/") || path.ends_with("/status");
    let level = if is_polled { "DEBUG" } else { "INFO" };
    let text = Log::text();
    let of_requests = |line: &&str| line.contains("\"latchkey::request\"");
    let lines: Vec<Value> = text
        .lines()
        .filter(of_requests)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["level"], &last["message"]),
        (&level.into(), &"request".into()),
        "{id}"
    );
}

/// What somebody signs to change something, and what begins or completes a ceremony.
#[tokio::test]
async fn every_operation_that_changes_something_is_a_security_event() {
    let _log = Log::start();
    let stage = Stage::new().await;
    for (operation, case) in cases() {
        let request = operation.request_of(&stage, case).await;
        let place = request.authorized().await;
        Log::begin_anew();
        request.send_from(&place).await.ok();
        require_a_line_at_its_level(operation.id, operation.path);
        let told = security_events();
        let is_one = operation.signed
            || operation.begins.is_some()
            || operation.completes.is_some()
            || operation.ends_the_session;
        assert!(!is_one || !told.is_empty(), "{}", operation.id);
        // Making a credential may sign in, too.
        let is_beside =
            |line: &&Value| line["event"] == "sign_in" && operation.id != "completeLogin";
        let beside = told.iter().filter(is_beside).count();
        assert!(
            told.len() < 2 + beside && beside < 2,
            "{}: {told:?}",
            operation.id
        );
        for line in told {
            assert_eq!(line["outcome"], "succeeded", "{}", operation.id);
            assert!(line["address"].is_string(), "{}: {line}", operation.id);
            if operation.caller != Caller::Anybody {
                assert!(line["user"].is_string(), "{}: {line}", operation.id);
                assert!(line["organization"].is_string(), "{}: {line}", operation.id);
            }
        }
    }
}

#[tokio::test]
async fn what_the_command_line_changes_is_told_without_an_address() {
    let _log = Log::start();
    let world = World::new().await;
    let ada = world.ada().await;
    let user = ada.user_id().await;
    world.set_administrator(&user, true).await;
    // It has left word, and says nothing itself.
    assert!(!Log::text().contains("promote_user"));
    let told = world.use_cases.left_events.run().await.unwrap();
    assert!(told >= 4, "{told}");
    for event in [
        "create_organization",
        "add_application",
        "invite_user",
        "promote_user",
    ] {
        let line = last_of(event);
        assert_eq!(line["level"], "INFO", "{line}");
        assert_eq!(line["outcome"], "succeeded", "{line}");
        assert_eq!(line.get("address"), None, "{line}");
        // When it was left.
        assert!(line["at"].is_i64(), "{line}");
    }
    assert_eq!(last_of("promote_user")["user"], user);
    let invited = last_of("invite_user");
    assert_eq!(invited["user"], user);
    assert_eq!(invited["organization"], world.acme.organization);
    let before = security_events().len();
    // What was so before is no event.
    world.set_administrator(&user, true).await;
    assert_eq!(world.use_cases.left_events.run().await.unwrap(), 0);
    assert_eq!(security_events().len(), before);
}
