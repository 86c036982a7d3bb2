//! The body of every error.

use serde::Serialize;
use utoipa::ToSchema;

use super::ApiError;

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorBody {
    /// What went wrong.
    error: ErrorDetail,
    /// The same text as `error.message`, where some clients look for it.
    message: String,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorDetail {
    /// The request id, as in the header `X-Request-ID`.
    id: String,
    /// The status of the answer.
    status: u16,
    /// What went wrong, for people.
    message: String,
    /// What went wrong, for programs: stable, one of the codes in the error reference.
    #[schema(example = "invalid_field")]
    code: &'static str,
    /// Where it went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

/// Where it went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct Details {
    /// The path of the member of the body that is at fault.
    #[schema(example = "credentialInfo.clientData")]
    field: String,
    /// The same member, when its value must be unique and is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "externalId")]
    duplicate: Option<String>,
}

impl ErrorBody {
    /// The body of this error in the answer to the request with that id.
    pub(crate) fn of(error: &ApiError, request_id: &str) -> Self {
        let message = error.message.to_string();
        Self {
            error: ErrorDetail {
                id: request_id.to_owned(),
                status: error.code.status().as_u16(),
                message: message.clone(),
                code: error.code.as_str(),
                details: error.field.clone().map(|field| Details {
                    duplicate: error.is_duplicate.then(|| field.clone()),
                    field,
                }),
            },
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn the_body_has_what_each_client_reads() {
        let error = ApiError::new(ErrorCode::InvalidCode);
        insta::assert_json_snapshot!(ErrorBody::of(&error, "request-1"), @r#"
        {
          "error": {
            "id": "request-1",
            "status": 403,
            "message": "Invalid code",
            "code": "invalid_code"
          },
          "message": "Invalid code"
        }
        "#);
    }

    #[test]
    fn details_name_the_member() {
        let error = ApiError::invalid_field("credentialName", "must not be empty");
        insta::assert_json_snapshot!(ErrorBody::of(&error, "request-2"), @r#"
        {
          "error": {
            "id": "request-2",
            "status": 400,
            "message": "credentialName must not be empty",
            "code": "invalid_field",
            "details": {
              "field": "credentialName"
            }
          },
          "message": "credentialName must not be empty"
        }
        "#);
    }

    #[test]
    fn details_name_what_is_taken() {
        let error = ApiError::new(ErrorCode::ExternalIdTaken).taken("externalId");
        insta::assert_json_snapshot!(ErrorBody::of(&error, "request-4").error.details, @r#"
        {
          "field": "externalId",
          "duplicate": "externalId"
        }
        "#);
    }

    #[test]
    fn a_failure_tells_nothing_of_its_cause() {
        let error = ApiError::internal("the secret of the database");
        let body = serde_json::to_string(&ErrorBody::of(&error, "request-3")).unwrap();
        assert!(!body.contains("secret"), "{body}");
        assert!(body.contains("Internal Server Error"), "{body}");
    }
}
