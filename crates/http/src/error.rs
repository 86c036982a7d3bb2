//! Errors: every refusal has one stable code, one status and one body.
//!
//! A handler or extractor returns an [`ApiError`]. It becomes a response without a body that carries
//! the error; [`observe`](crate::middleware::observe), the outermost middleware, writes the body, since
//! only it knows the request id, and logs the cause of a failure, once.

pub(crate) mod body;
pub(crate) mod code;
mod code_requests;
pub(crate) mod documentation;
mod mapping;

use std::{borrow::Cow, error::Error, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};

pub(crate) use self::code::ErrorCode;

/// The most characters of a message: whatever a client sends comes back shortened.
const MAXIMUM_MESSAGE: usize = 300;

/// The longest name of a member in an answer, in characters.
const MAXIMUM_FIELD: usize = 100;

fn shortened(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A request that is not answered as wished.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) code: ErrorCode,
    pub(crate) message: Cow<'static, str>,
    /// The member of the request that is at fault.
    pub(crate) field: Option<String>,
    /// Whether that member has a value that must be unique, and is not.
    pub(crate) is_duplicate: bool,
    /// After how long the same request may be made again.
    pub(crate) retry_after: Option<Duration>,
    /// Why the service itself failed: for the log, never for the client.
    pub(crate) cause: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// The error of that code with its usual text.
    pub(crate) const fn new(code: ErrorCode) -> Self {
        Self {
            message: Cow::Borrowed(code.message()),
            code,
            field: None,
            is_duplicate: false,
            retry_after: None,
            cause: None,
        }
    }

    /// The same error with a text that says more.
    pub(crate) fn saying(mut self, message: impl Into<String>) -> Self {
        self.message = Cow::Owned(shortened(message.into(), MAXIMUM_MESSAGE));
        self
    }

    /// The same error, at this member of the request.
    pub(crate) fn at(mut self, field: impl Into<String>) -> Self {
        // It may be what the client called it.
        self.field = Some(shortened(field.into(), MAXIMUM_FIELD));
        self
    }

    /// The same error, at this member, whose value is taken.
    pub(crate) fn taken(mut self, field: impl Into<String>) -> Self {
        self.is_duplicate = true;
        self.at(field)
    }

    /// A member of the request that breaks a rule; `problem` continues the sentence that the member's
    /// name begins.
    pub(crate) fn invalid_field(field: impl Into<String>, problem: &str) -> Self {
        let field = field.into();
        Self::new(ErrorCode::InvalidField)
            .saying(format!("{field} {problem}"))
            .at(field)
    }

    /// A member of the request that asks for what this version does not offer.
    pub(crate) fn not_offered(field: &str, problem: &str) -> Self {
        Self::new(ErrorCode::MemberNotOffered)
            .saying(format!("{field} {problem}"))
            .at(field)
    }

    /// Something that is away for a moment: most of what passes does so within seconds.
    pub(crate) fn unavailable() -> Self {
        Self {
            retry_after: Some(Duration::from_secs(2)),
            ..Self::new(ErrorCode::Unavailable)
        }
    }

    /// A failure of the service itself.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Some(cause.into()),
            ..Self::new(ErrorCode::Internal)
        }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

/// What a response carries until its body is written.
#[derive(Clone, Debug)]
pub(crate) struct Refused(pub(crate) Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(Refused(Arc::new(self)));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_shortened_between_characters() {
        let error = ApiError::invalid_field("code", &"é".repeat(1_000));
        assert_eq!(error.message.chars().count(), MAXIMUM_MESSAGE + 1);
        assert!(error.message.ends_with("é…"));
    }

    #[test]
    fn an_invalid_field_is_named_in_text_and_details() {
        let error = ApiError::invalid_field("credentialInfo.credId", "must not be empty");
        assert_eq!(error.message, "credentialInfo.credId must not be empty");
        assert_eq!(error.field.as_deref(), Some("credentialInfo.credId"));
    }
}
