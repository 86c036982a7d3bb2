//! Any bytes at any endpoint give a 4xx with a clear error that names the field.

use axum::{body::Body, http};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    body::{member, members, without},
    description::{Description, Members},
    operations::{Request, operations, requests_with_a_body},
    stage::Stage,
};

async fn stage() -> (Stage, Vec<Request>) {
    let stage = Stage::new().await;
    let requests = requests_with_a_body(&stage).await;
    (stage, requests)
}

impl Request {
    fn good_body(&self) -> &Value {
        self.body.as_ref().unwrap()
    }

    fn described(&self) -> Members {
        let mut described = Description::served().operations();
        let described = described.remove(self.operation.id).unwrap();
        described.members.unwrap()
    }

    /// The same request with any text as its body. Nothing is signed, since form comes first.
    async fn with_text(&self, text: &str) -> Answer {
        self.with_bytes(Some("application/json"), text.into()).await
    }

    async fn with_bytes(&self, content_type: Option<&str>, bytes: Vec<u8>) -> Answer {
        let request = http::Request::builder()
            .method(self.operation.method.clone())
            .uri(&self.path);
        let request = match content_type {
            Some(value) => request.header("content-type", value),
            None => request,
        };
        let place = match &self.token {
            Some(token) => self.place.bearing(token),
            None => self.place.clone(),
        };
        place.send(request.body(Body::from(bytes)).unwrap()).await
    }
}

#[tokio::test]
async fn a_missing_member_is_named_if_it_is_required() {
    let (stage, requests) = stage().await;
    for request in requests {
        let described = request.described();
        for path in members(request.good_body()) {
            // What goes well uses up what the request needs.
            let fresh = request.operation.request(&stage).await;
            let nothing = without(fresh.good_body(), &path);
            let mut null = fresh.good_body().clone();
            *member(&mut null, &path) = Value::Null;
            let answer = fresh.send_body(&null).await;
            if described[&path] || is_required_with_others(&answer, &path) {
                answer.refused(400, "invalid_field").about(&path);
                let message = format!("{path} is required");
                let answer = fresh.send_body(&nothing).await;
                answer.refused(400, "invalid_field").about(&path);
                answer.saying(&message);
            } else if path == "orgId" {
                // There are two.
                answer.refused(400, "organization_required");
            } else if path.starts_with("newCredentials.") {
                // The recovery key agreed to something else.
                answer.refused(401, "factor_refused");
            } else {
                answer.ok();
                let fresh = request.operation.request(&stage).await;
                let nothing = without(fresh.good_body(), &path);
                fresh.send_body(&nothing).await.ok();
            }
        }
    }
}

/// Some members are required only beside others, which no description can say.
fn is_required_with_others(answer: &Answer, path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap();
    let known = [
        "approvalToken",
        "encryptedPrivateKey",
        "authenticatorData",
        "username",
    ];
    answer.status == 400 && known.contains(&name)
}

#[tokio::test]
async fn a_member_of_another_type_is_named() {
    let (_stage, requests) = stage().await;
    for request in requests {
        for path in members(request.good_body()) {
            for wrong in [
                json!(7),
                json!(true),
                json!("\u{1}"),
                json!([]),
                json!({}),
                json!([[]]),
            ] {
                let mut body = request.good_body().clone();
                let value = member(&mut body, &path);
                let same_type = value.is_string() && wrong.is_string()
                    || value.is_object() && wrong.is_object()
                    || value.is_boolean() && wrong.is_boolean()
                    || (value.is_number() || path == "expiration") && wrong.is_number()
                    || path.ends_with("transports") && wrong == json!([]);
                if same_type {
                    continue;
                }
                *value = wrong.clone();
                let refused = request.send_body(&body).await;
                refused.refused(400, "invalid_field");
                let field = refused.body["error"]["details"]["field"].as_str().unwrap();
                assert!(
                    field.starts_with(path.as_str()),
                    "{} {path} = {wrong}: {}",
                    request.path,
                    refused.body
                );
                let message = refused.body["message"].as_str().unwrap();
                assert!(message.starts_with(field), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn an_overlong_member_is_refused() {
    let (_stage, requests) = stage().await;
    for request in requests {
        for path in members(request.good_body()) {
            let mut body = request.good_body().clone();
            let value = member(&mut body, &path);
            if !value.is_string() {
                continue;
            }
            *value = json!("A".repeat(100_000));
            let answer = request.send_body(&body).await;
            let is_refused = matches!(answer.status, 400 | 401 | 403);
            assert!(is_refused, "{} {path}: {}", request.path, answer.status);
            assert!(answer.body.to_string().len() < 1_500, "it is repeated");
        }
    }
}

#[tokio::test]
async fn the_longest_texts_are_accepted_and_one_more_character_is_not() {
    let (_stage, requests) = stage().await;
    for (id, path, longest, unit) in [
        ("createCredential", "credentialName", 128, "é"),
        ("createCredential", "credentialInfo.credId", 1_364, "A"),
        ("createCredential", "encryptedPrivateKey", 16_384, "x"),
        ("beginLogin", "username", 254, "ü"),
        ("beginUserAction", "userActionHttpPath", 2_048, "/"),
    ] {
        let is_it = |request: &&Request| request.operation.id == id;
        let request = requests.iter().find(is_it).unwrap();
        for (length, fits) in [(longest, true), (longest + 1, false)] {
            let mut body = request.good_body().clone();
            *member(&mut body, path) = json!(unit.repeat(length));
            let answer = request.send_body(&body).await;
            if fits {
                assert_ne!(answer.code(), "invalid_field", "{path}: {}", answer.body);
            } else {
                answer.refused(400, "invalid_field").about(path);
            }
        }
    }
}

#[tokio::test]
async fn a_repeated_member_is_refused_at_any_depth() {
    let (_stage, requests) = stage().await;
    for request in requests {
        for path in members(request.good_body()) {
            let name = path.rsplit('.').next().unwrap();
            let mut body = request.good_body().clone();
            let value = member(&mut body, &path).clone();
            // Once literally, once escaped.
            let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
            for twin in [name, &escaped] {
                let mut template = request.good_body().clone();
                *member(&mut template, &path) = json!("HERE");
                let twice = format!("{value},\"{twin}\":{value}");
                let text = template.to_string().replacen("\"HERE\"", &twice, 1);
                let refused = request.with_text(&text).await;
                refused.refused(400, "invalid_body");
                let message = refused.body["message"].as_str().unwrap();
                assert!(message.contains(name), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let (_stage, requests) = stage().await;
    for request in requests {
        let mut body = request.good_body().clone();
        let objects: Vec<_> = members(&body)
            .into_iter()
            .filter(|path| member(&mut request.good_body().clone(), path).is_object())
            .collect();
        body["unknown"] = json!({ "deep": [null, 1.5, "x"] });
        for path in objects {
            member(&mut body, &path)["unknown"] = json!([{}]);
        }
        let answer = request.send_body(&body).await;
        let is_shape = matches!(answer.code(), "invalid_field" | "invalid_body");
        assert!(!is_shape, "{}: {}", request.path, answer.body);
    }
}

#[tokio::test]
async fn what_is_not_one_json_object_in_utf8_is_refused() {
    let (_stage, requests) = stage().await;
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    let deeper = format!("{}{}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
    let texts: [&[u8]; 16] = [
        b"{",
        b"[]",
        b"null",
        b"\"{}\"",
        b"7",
        b"{}{}",
        b"{}x",
        b"{'a':1}",
        b"{\"a\":1,}",
        b"{\"a\":01}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\\ud800\"}",
        // One byte order mark is ignored, as no other.
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        deep.as_bytes(),
        deeper.as_bytes(),
    ];
    for request in requests {
        for text in texts {
            let refused = request
                .with_bytes(Some("application/json"), text.to_vec())
                .await;
            refused.refused(400, "invalid_body");
        }
    }
}

#[tokio::test]
async fn another_content_type_is_415() {
    let (_stage, requests) = stage().await;
    for request in requests {
        let bytes = request.good_body().to_string().into_bytes();
        for content_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/json5"),
            Some(""),
        ] {
            let refused = request.with_bytes(content_type, bytes.clone()).await;
            refused.refused(415, "unsupported_media_type");
        }
        let answer = request
            .with_bytes(Some("APPLICATION/JSON ; charset=UTF-8"), bytes)
            .await;
        assert_ne!(answer.status, 415);
    }
}

#[tokio::test]
async fn values_that_are_not_what_they_should_be_are_named() {
    let (_stage, requests) = stage().await;
    for request in requests {
        for path in members(request.good_body()) {
            let name = path.rsplit('.').next().unwrap();
            let wrong: &[&str] = match name {
                "orgId" => &["or-1", "us-aaaaa-aaaaa-aaaaaaaaaaaaaaaa", " "],
                "credentialUuid" => &["1", "us-aaaaa-aaaaa-aaaaaaaaaaaaaaaa", "cr-"],
                "credentialKind" | "kind" => &["fido2", "FIDO2", "Password", "Totp", " "],
                "clientData" | "attestationData" | "authenticatorData" | "signature"
                | "userHandle" => &["+/+/", "a b", "A", "AQ=", "é"],
                "username" | "email" | "externalId" | "credentialName" | "name" => {
                    &["", " ", "a\u{0}b", "a\nb"]
                }
                "credId" => &["", "=", "a\u{0}", "\u{7f}"],
                "userActionHttpMethod" => &["get", "HEAD", ""],
                "userActionHttpPath" => &["", "x", "/%2f"],
                "userActionPayload" => &["{", "x"],
                "expiration" => &["", "tomorrow", "2026-01-01T00:00:30"],
                "encryptedPrivateKey" => &["", "a\u{0}"],
                "returnTo" => &["", "/back", "//one.example", "javascript:alert(1)"],
                "codeChallenge" | "codeVerifier" => &["", "short", "a b", "é"],
                _ => continue,
            };
            for text in wrong {
                let mut body = request.good_body().clone();
                *member(&mut body, &path) = json!(text);
                let refused = request.send_body(&body).await;
                assert_eq!(
                    (refused.status, refused.code()),
                    (400, "invalid_field"),
                    "{} {path} = {text:?}: {}",
                    request.path,
                    refused.body
                );
                refused.about(&path);
            }
        }
    }
}

/// Before anything else is looked at: nobody is signed in here, and nothing is signed.
#[tokio::test]
async fn an_unknown_member_of_the_query_is_named() {
    let stage = Stage::new().await;
    for operation in operations() {
        let request = operation.request(&stage).await;
        for (query, name) in [
            ("unknown=1", "unknown"),
            ("userId=us-aaaaa-aaaaa-aaaaaaaaaaaaaaaa", "userId"),
            (
                "force&Limit=5",
                if operation.id == "deleteCredential" {
                    "Limit"
                } else {
                    "force"
                },
            ),
            ("%C3%BC=&x", "\u{fc}"),
            ("=", ""),
        ] {
            let path = format!("{}?{query}", request.path);
            let method = operation.method.clone();
            let refused = request.place.call(method, &path, None).await;
            refused.refused(400, "invalid_field").about(name);
        }
    }
}

/// What is allowed is what the description says, so that a member that is described is known.
#[tokio::test]
async fn a_member_of_the_query_that_is_described_is_known() {
    let stage = Stage::new().await;
    let mut known = 0;
    for operation in operations() {
        let mut request = operation.request(&stage).await;
        let path = request.path.clone();
        for (name, example) in Description::served().query_of(operation.id) {
            known += 1;
            request.path = format!("{path}?{name}={example}");
            let answer = request.send().await;
            let field = answer.body["error"]["details"]["field"].as_str();
            let message = answer.body["message"].as_str().unwrap_or_default();
            assert!(
                field != Some(name) || !message.contains("is not known"),
                "{}: {}",
                operation.id,
                answer.body
            );
        }
        // A question mark alone asks for nothing.
        request.path = format!("{path}?");
        let answer = request
            .place
            .call(operation.method.clone(), &request.path, None);
        let message = answer.await.body["message"].to_string();
        assert!(
            !message.contains("is not known"),
            "{}: {message}",
            operation.id
        );
    }
    assert!(known >= 6, "{known}");
}

#[tokio::test]
async fn an_identifier_in_the_path_must_be_one() {
    let stage = Stage::new().await;
    for operation in operations() {
        let Some((before, rest)) = operation.path.split_once('{') else {
            continue;
        };
        let (name, after) = rest.split_once('}').unwrap();
        let mut request = operation.request(&stage).await;
        for id in ["x", "or-aaaaa-aaaaa-aaaaaaaaaaaaaaaa", "cr-", "us-", "%00"] {
            request.path = format!("{before}{id}{after}");
            let refused = request.send().await;
            refused.refused(400, "invalid_field").about(name);
        }
        request.path = format!("{before}%ff{after}");
        let unsigned = request.send_from(&request.place).await;
        unsigned.refused(400, "invalid_field").about("path");
    }
}
