//! A body of a given shape.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, header::CONTENT_TYPE},
};
use latchkey_service::json;
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
        let headers = request.headers().clone();
        let bytes = bytes(request, state).await?;
        read(&headers, &bytes).map(Self)
    }
}

/// The bytes of a body that was received before ([`crate::middleware::body`]).
pub(super) async fn bytes(request: Request, state: &AppState) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state)
        .await
        .map_err(ApiError::internal)
}

/// Reads a body: JSON as this service accepts it, an object, and of the expected shape.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, ApiError> {
    let text = match bytes.trim_ascii() {
        b"" => b"{}",
        text => {
            require_json(headers)?;
            text
        }
    };
    let canonical = json::canonical(text).map_err(|error| {
        ApiError::new(ErrorCode::InvalidBody).saying(format!("the body {error}"))
    })?;
    if !canonical.starts_with('{') {
        return Err(ApiError::new(ErrorCode::InvalidBody).saying("the body must be a JSON object"));
    }
    shape("", text)
}

/// Reads the text of a member of a body that was read before; it stays at hand as it was received.
pub(crate) fn member<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, ApiError> {
    shape(path, text.as_bytes())
}

/// Reads JSON of the expected shape; `place` is where it stands in the body.
fn shape<T: DeserializeOwned>(place: &str, text: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = match (place, path.as_str()) {
            (place, ".") => place.to_owned(),
            ("", path) => path.to_owned(),
            (place, path) => format!("{place}.{path}"),
        };
        invalid(&path, &error.inner().to_string())
    })
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
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _position)| message);
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
        read(&json_headers(), text)
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
        assert_eq!(read::<Outer>(&HeaderMap::new(), b"").unwrap(), empty);
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
            let error = read::<Outer>(&headers, b"{}").unwrap_err();
            assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
        }
        let error = read::<Outer>(&HeaderMap::new(), b"{}").unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedMediaType);
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
