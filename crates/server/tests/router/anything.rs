//! Anything at all: whatever is sent, the answer is never a 5xx and has the error body.
//!
//! The client that sends requires both of every answer, so these cases only have to make requests.

use std::sync::OnceLock;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, Uri},
};
use proptest::prelude::*;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{
    body::{member, members, without},
    operations::{self, operations, requests_with_a_body},
    stage::Stage,
    world::{ONE, RIVAL, UNLISTED},
};

/// One installation for all cases, since each needs only one request.
struct Shared {
    runtime: Runtime,
    stage: Stage,
    requests: Vec<operations::Request>,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (stage, requests) = runtime.block_on(async {
            let stage = Stage::new().await;
            let requests = requests_with_a_body(&stage).await;
            (stage, requests)
        });
        Shared {
            runtime,
            stage,
            requests,
        }
    })
}

fn a_method() -> impl Strategy<Value = Method> {
    prop_oneof![
        4 => prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        1 => prop::sample::select(vec!["PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW"]),
    ]
    .prop_map(|method| method.parse().unwrap())
}

const USER: &str = "us-aaaaa-aaaaa-aaaaaaaaaaaaaaaa";
const CREDENTIAL: &str = "cr-aaaaa-aaaaa-aaaaaaaaaaaaaaaa";

fn a_path() -> impl Strategy<Value = String> {
    let known: Vec<_> = operations()
        .iter()
        .map(|operation| operation.path.replace("{userId}", USER))
        .map(|path| path.replace("{credentialUuid}", CREDENTIAL))
        .chain([format!(
            "/auth/users?limit=1&kind=EndUser&paginationToken={USER}"
        )])
        .collect();
    let known = prop::sample::select(known);
    prop_oneof![
        3 => known.clone(),
        1 => (known, "[a-z0-9%/?&=._~+-]{0,12}").prop_map(|(path, rest)| format!("{path}{rest}")),
        1 => "/[!-~]{0,40}",
    ]
}

fn a_header() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let name = prop::sample::select(vec![
        "authorization",
        "content-type",
        "content-length",
        "origin",
        "host",
        "x-dfns-useraction",
        "x-dfns-appid",
        "x-dfns-nonce",
        "x-forwarded-for",
        "access-control-request-method",
        "accept",
        "expect",
        "transfer-encoding",
    ]);
    let value = prop_oneof![
        prop::collection::vec(prop_oneof![0x20_u8..=0x7e, 0x80_u8..=0xff], 0..60),
        prop::sample::select(vec![ONE, RIVAL, UNLISTED, "null", "application/json"])
            .prop_map(|text| text.as_bytes().to_vec()),
        Just(b"Bearer e30.e30.e30".to_vec()),
    ];
    (name, value).prop_filter_map("no header value", |(name, value)| {
        let value = HeaderValue::from_bytes(&value).ok()?;
        Some((HeaderName::from_static(name), value))
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[A-Za-z0-9_=-]{0,80}".prop_map(Value::from),
        "[a-z]{2}-[a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{16}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z]{0,12}", inner, 0..4)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// What happens to a member of a good body.
#[derive(Clone, Debug)]
enum Mutation {
    Remove,
    Replace(Value),
    /// Replaces one character of a text.
    Spoil(prop::sample::Index, char),
    /// Cuts a text short.
    Cut(prop::sample::Index),
    /// Decodes base64url, changes a byte, and encodes it again.
    SpoilBytes(prop::sample::Index, u8),
}

fn a_mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        Just(Mutation::Remove),
        json_value().prop_map(Mutation::Replace),
        (any::<prop::sample::Index>(), any::<char>())
            .prop_map(|(index, symbol)| Mutation::Spoil(index, symbol)),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
        (any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(index, byte)| Mutation::SpoilBytes(index, byte)),
    ]
}

fn mutate(body: &Value, path: &str, mutation: &Mutation) -> Value {
    let mut body = body.clone();
    let value = member(&mut body, path);
    let text = value.as_str().unwrap_or_default().to_owned();
    match mutation {
        Mutation::Remove => return without(&body, path),
        Mutation::Replace(other) => value.clone_from(other),
        Mutation::Spoil(index, symbol) if !text.is_empty() => {
            let mut symbols: Vec<_> = text.chars().collect();
            let place = index.index(symbols.len());
            symbols[place] = *symbol;
            *value = symbols.into_iter().collect::<String>().into();
        }
        Mutation::Cut(index) if !text.is_empty() => {
            let symbols = text.chars().take(index.index(text.chars().count()));
            *value = symbols.collect::<String>().into();
        }
        Mutation::SpoilBytes(index, byte) => {
            let encoding = data_encoding::BASE64URL_NOPAD;
            if let Ok(mut bytes) = encoding.decode(text.as_bytes())
                && !bytes.is_empty()
            {
                let place = index.index(bytes.len());
                bytes[place] = *byte;
                *value = encoding.encode(&bytes).into();
            }
        }
        Mutation::Spoil(..) | Mutation::Cut(_) => {}
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_is_answered(
        method in a_method(),
        path in a_path(),
        headers in prop::collection::vec(a_header(), 0..5),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let shared = shared();
        if let Ok(uri) = path.parse::<Uri>() {
            let mut request = Request::new(Body::from(body));
            *request.method_mut() = method;
            *request.uri_mut() = uri;
            request.headers_mut().extend(headers);
            shared.runtime.block_on(shared.stage.world.stranger().send(request));
        }
    }

    #[test]
    fn any_json_is_answered(method in a_method(), path in a_path(), body in json_value(), signed: bool) {
        let shared = shared();
        if path.parse::<Uri>().is_ok() && !path.starts_with("/auth/logout") {
            let place = if signed { shared.stage.ada.session.place() } else { shared.stage.world.stranger() };
            shared.runtime.block_on(place.call(method, &path, Some(&body.to_string())));
        }
    }

    #[test]
    fn any_change_of_a_good_request_is_answered(
        request in any::<prop::sample::Index>(),
        path in any::<prop::sample::Index>(),
        mutation in a_mutation(),
    ) {
        let shared = shared();
        let request = request.get(&shared.requests);
        let good = request.body.as_ref().unwrap();
        let paths = members(good);
        let body = mutate(good, &paths[path.index(paths.len())], &mutation);
        shared.runtime.block_on(request.send_body(&body));
    }

    #[test]
    fn any_action_that_can_be_signed_is_answered(
        method in "[A-Z]{0,6}",
        path in "/?[!-~]{0,30}",
        payload in prop_oneof![any::<String>(), json_value().prop_map(|value| value.to_string())],
    ) {
        let shared = shared();
        shared.runtime.block_on(shared.stage.ada.session.begin_action(&method, &path, &payload));
    }
}

#[test]
fn the_stage_is_still_good_for_something() {
    let shared = shared();
    assert!(
        shared
            .runtime
            .block_on(shared.stage.ada.session.is_signed_in())
    );
}
