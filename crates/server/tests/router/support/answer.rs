//! What the router answered, and what holds for every answer.

use axum::http::{HeaderMap, Method};
use serde_json::Value;

use super::description::Description;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The request, for messages.
    pub(crate) call: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The JSON body; null when there is none, as in the answer to a preflight.
    pub(crate) body: Value,
}

impl Answer {
    /// Reads an answer and requires what every answer promises.
    pub(crate) fn new(call: String, status: u16, headers: HeaderMap, bytes: &[u8]) -> Self {
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(bytes)
                .unwrap_or_else(|_| panic!("{call}: not JSON: {}", String::from_utf8_lossy(bytes)))
        };
        let answer = Self {
            call,
            status,
            headers,
            body,
        };
        answer.check();
        answer
    }

    /// Requires that the service has not failed.
    pub(crate) fn require_no_failure(&self) {
        assert!(
            self.status < 500,
            "{}: {} {}",
            self.call,
            self.status,
            self.body
        );
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.call, self.body);
        self.body
    }

    /// Requires an error with that status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &Self {
        assert_eq!(
            (self.status, self.code()),
            (status, code),
            "{}: {}",
            self.call,
            self.body
        );
        self
    }

    /// Requires an error about that member of the request.
    #[track_caller]
    pub(crate) fn about(&self, field: &str) -> &Self {
        assert_eq!(
            self.body["error"]["details"]["field"], field,
            "{}: {}",
            self.call, self.body
        );
        self
    }

    /// Requires this text for people.
    #[track_caller]
    pub(crate) fn saying(&self, message: &str) -> &Self {
        assert_eq!(self.body["message"], message, "{}", self.call);
        self
    }

    /// Requires the refusal of a challenge that is void or for something else.
    #[track_caller]
    pub(crate) fn refused_challenge(&self) -> &Self {
        self.refused(400, "challenge_invalid")
            .saying("Challenge token is not valid.")
    }

    /// Requires the refusal of a code, whatever is wrong with it.
    #[track_caller]
    pub(crate) fn refused_code(&self) -> &Self {
        self.refused(403, "invalid_code").saying("Invalid code")
    }

    /// The stable code of an error; empty when it is none.
    pub(crate) fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_default()
    }

    /// A header as text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Everything a client can tell answers apart by, but for the request id.
    pub(crate) fn fingerprint(&self) -> String {
        let mut body = self.body.clone();
        if let Some(id) = body.pointer_mut("/error/id") {
            *id = Value::Null;
        }
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-request-id")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        format!("{}\n{}\n{body}", self.status, headers.join("\n"))
    }

    fn check(&self) {
        assert_ne!(
            self.status, 202,
            "{}: clients take it as pending",
            self.call
        );
        let id = self.header("x-request-id");
        assert!(!id.is_empty(), "{}: no request id", self.call);
        let cached = self.header("cache-control");
        let may_be_kept = self.status == 200 && cached == "public, max-age=300";
        assert!(
            may_be_kept || cached == "no-store",
            "{}: {cached}",
            self.call
        );
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        if !self.body.is_null() {
            let kind = self.header("content-type");
            let is_json = matches!(kind, "application/json" | "application/jwk-set+json");
            assert!(is_json, "{}: {kind}", self.call);
        }
        if self.status >= 400 && !self.call.starts_with(Method::HEAD.as_str()) {
            let error = &self.body["error"];
            assert_eq!(error["id"], id, "{}: {}", self.call, self.body);
            assert_eq!(error["status"], self.status, "{}", self.call);
            assert_eq!(error["message"], self.body["message"], "{}", self.call);
            assert!(error["message"].is_string(), "{}: no text", self.call);
            assert!(!self.code().is_empty(), "{}: no code", self.call);
        }
        if let Some((method, target)) = self.call.split_once(' ') {
            let path = target.split('?').next().unwrap_or_default();
            Description::served().require(method, path, self.status, &self.body);
        }
    }
}
