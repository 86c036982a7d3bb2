//! A body of a given shape.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{
        HeaderMap,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
};
use http_body_util::BodyExt;
use latchkey_json::Value;
use serde::de::DeserializeOwned;

use crate::{
    error::{ApiError, ErrorCode},
    state::AppState,
};

/// A body of a given shape. No body at all is an empty object, as some clients send none where others
/// send `{}` (API contract §1).
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let WholeBody { shaped, .. } = WholeBody::from_request(request, state).await?;
        Ok(Self(shaped))
    }
}

/// A body of a given shape, and what it says besides: some of it is signed as it stands there.
pub(crate) struct WholeBody<T> {
    pub(crate) shaped: T,
    pub(crate) json: Value,
}

impl<T: DeserializeOwned> FromRequest<AppState> for WholeBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &AppState) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        Self::receive(&parts.headers, body).await
    }
}

impl<T: DeserializeOwned> WholeBody<T> {
    /// Takes a body that has arrived already: [`crate::middleware::body`] bounds it for every route.
    pub(super) async fn receive(headers: &HeaderMap, body: Body) -> Result<Self, ApiError> {
        let body = body.collect().await.map_err(ApiError::internal)?;
        Self::read(headers, &body.to_bytes())
    }

    /// Reads a body: JSON as this service accepts it, an object, and of the expected shape.
    pub(crate) fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, ApiError> {
        let text = match without_mark(bytes).trim_ascii() {
            b"" => b"{}",
            text => {
                require_plain(headers)?;
                require_json(headers)?;
                text
            }
        };
        let json = Value::read_object(text).map_err(|error| {
            ApiError::new(ErrorCode::InvalidBody).saying(format!("the body {error}"))
        })?;
        let shaped = serde_path_to_error::deserialize(&json)
            .map_err(|error| invalid(&error.path().to_string(), &error.inner().to_string()))?;
        Ok(Self { shaped, json })
    }
}

/// A text without the byte order mark that some programs begin one with (RFC 8259 §8.1 lets it be ignored).
pub(super) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Requires that the body is not compressed.
fn require_plain(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_plain = headers.get_all(CONTENT_ENCODING).iter().all(|value| {
        let codings = value.to_str().unwrap_or("unknown").split(',');
        codings
            .map(str::trim)
            .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case("identity"))
    });
    if is_plain {
        Ok(())
    } else {
        Err(ApiError::new(ErrorCode::UnsupportedMediaType)
            .saying("the body must be sent as it is: no Content-Encoding but identity is accepted"))
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    if is_json {
        Ok(())
    } else {
        Err(ErrorCode::UnsupportedMediaType.into())
    }
}

/// Brings what serde says into the form of our own sentences; what the client sent is not repeated.
fn invalid(path: &str, message: &str) -> ApiError {
    let path = if path == "." { "" } else { path };
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'));
    if let Some(member) = missing {
        let separator = if path.is_empty() { "" } else { "." };
        return ApiError::invalid_field(format!("{path}{separator}{member}"), "is required");
    }
    match message.rsplit_once(", expected ") {
        Some((_found, expected)) => ApiError::invalid_field(path, &format!("must be {expected}")),
        None => ApiError::invalid_field(path, message),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", expecting = "an object")]
    struct Outer {
        name: Option<String>,
        inner_part: Option<Inner>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", expecting = "an object")]
    struct Inner {
        is_big: bool,
    }

    fn json_headers() -> HeaderMap {
        let value = HeaderValue::from_static("Application/JSON; charset=utf-8");
        HeaderMap::from_iter([(CONTENT_TYPE, value)])
    }

    fn outer(text: &[u8]) -> Result<Outer, ApiError> {
        WholeBody::read(&json_headers(), text).map(|body| body.shaped)
    }

    fn refusal(text: &str) -> (&'static str, String, Option<String>) {
        let error = outer(text.as_bytes()).unwrap_err();
        (error.code.as_str(), error.message.into_owned(), error.field)
    }

    #[test]
    fn no_body_is_an_empty_object_whatever_its_type() {
        let empty = Outer {
            name: None,
            inner_part: None,
        };
        for text in ["", " \n", "{}", "{\"unknown\":[1e999]}"] {
            assert_eq!(outer(text.as_bytes()).unwrap(), empty);
        }
        let untyped = WholeBody::<Outer>::read(&HeaderMap::new(), b"").unwrap();
        assert_eq!(untyped.shaped, empty);
    }

    #[test]
    fn another_type_is_415() {
        for value in [
            "text/plain",
            "application/jsonp",
            "",
            "application/x-www-form-urlencoded",
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            let error = WholeBody::<Outer>::read(&headers, b"{}").err().unwrap();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
        }
        let error = WholeBody::<Outer>::read(&HeaderMap::new(), b"{}")
            .err()
            .unwrap();
        assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
    }

    #[test]
    fn a_compressed_body_is_415_and_told_why() {
        let encoded = |coding: &'static str| {
            let mut headers = json_headers();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            headers
        };
        for coding in ["gzip", "br", "identity, gzip", "\u{e9}"] {
            let mut headers = json_headers();
            let value = HeaderValue::from_bytes(coding.as_bytes()).unwrap();
            headers.insert(CONTENT_ENCODING, value);
            let error = WholeBody::<Outer>::read(&headers, b"\x1f\x8b")
                .err()
                .unwrap();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType, "{coding}");
            assert!(error.message.contains("identity"), "{}", error.message);
        }
        for coding in ["identity", "Identity", ""] {
            assert!(
                WholeBody::<Outer>::read(&encoded(coding), b"{}").is_ok(),
                "{coding}"
            );
        }
        assert!(WholeBody::<Outer>::read(&encoded("gzip"), b"").is_ok());
    }

    #[test]
    fn one_byte_order_mark_is_ignored() {
        for text in ["\u{feff}", "\u{feff}{}", "\u{feff} {}\n"] {
            assert!(outer(text.as_bytes()).is_ok(), "{text:?}");
        }
        for text in ["\u{feff}\u{feff}{}", "{\u{feff}}", "{}\u{feff}"] {
            assert_eq!(refusal(text).0, "invalid_body", "{text:?}");
        }
    }

    #[test]
    fn what_is_not_one_object_is_refused() {
        for (text, message) in [
            ("[]", "the body must be a JSON object"),
            ("null", "the body must be a JSON object"),
            ("\"\"", "the body must be a JSON object"),
            ("{", "the body is not valid JSON"),
            ("{}{}", "the body is not valid JSON"),
            (
                "{\"a\":1,\"\\u0061\":1}",
                "the body has two members of the name \"a\"",
            ),
        ] {
            let (code, said, field) = refusal(text);
            assert_eq!(
                (code, said.as_str(), field),
                ("invalid_body", message, None)
            );
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
        assert_eq!(
            refusal(&deep).1,
            "the body is nested more than 64 levels deep"
        );
        assert!(outer(b"{\"name\":\"\xff\"}").is_err());
    }

    #[test]
    fn the_member_at_fault_is_named_by_its_path() {
        for (text, field, message) in [
            ("{\"name\":5}", "name", "name must be a string"),
            (
                "{\"innerPart\":{}}",
                "innerPart.isBig",
                "innerPart.isBig is required",
            ),
            (
                "{\"innerPart\":[]}",
                "innerPart",
                "innerPart must be an object",
            ),
            (
                "{\"innerPart\":7}",
                "innerPart",
                "innerPart must be an object",
            ),
            (
                "{\"innerPart\":{\"isBig\":\"secret, expected \"}}",
                "innerPart.isBig",
                "innerPart.isBig must be a boolean",
            ),
        ] {
            let (code, said, at) = refusal(text);
            assert_eq!(code, "invalid_field");
            assert_eq!(said, message, "{text}");
            assert_eq!(at.as_deref(), Some(field), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Err(error) = outer(&bytes) {
                prop_assert!(error.code.status().is_client_error());
            }
        }

        #[test]
        fn any_value_of_a_member_is_answered(text in r#"\{"(name|innerPart)":[\[\]{}",:a-z0-9\\ ]{0,20}\}"#) {
            if let Err(error) = outer(text.as_bytes()) {
                prop_assert!(error.code.status().is_client_error());
            }
        }
    }
}
