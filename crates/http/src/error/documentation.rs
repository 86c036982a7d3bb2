//! How the errors of a call appear in the API description.

use std::{collections::BTreeMap, fmt::Write as _};

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Content, Ref, RefOr, Response, ResponseBuilder},
};

use super::{ErrorCode, body::ErrorBody};

/// What every call with a body may be refused for.
pub(crate) const BODY: &[ErrorCode] = &[
    ErrorCode::InvalidPath,
    ErrorCode::InvalidBody,
    ErrorCode::InvalidField,
    ErrorCode::BodyTimeout,
    ErrorCode::BodyTooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
];

/// What every call that reads no body may be refused for.
pub(crate) const PLAIN: &[ErrorCode] = &[
    ErrorCode::InvalidPath,
    ErrorCode::InvalidField,
    ErrorCode::Internal,
    ErrorCode::Unavailable,
];

/// What a call of somebody signed in may be refused for besides.
pub(crate) const SIGNED_IN: &[ErrorCode] = &[ErrorCode::NotAuthorized];

/// What a call that needs a user action may be refused for besides.
pub(crate) const SIGNED: &[ErrorCode] = &[
    ErrorCode::NotAuthorized,
    ErrorCode::UserActionInvalid,
    ErrorCode::UserActionUsed,
];

/// One response for each status that these codes come with.
pub(crate) fn responses(groups: &[&[ErrorCode]]) -> BTreeMap<String, RefOr<Response>> {
    let mut described = BTreeMap::<String, String>::new();
    for code in groups.iter().copied().flatten() {
        let text = described
            .entry(code.status().as_str().to_owned())
            .or_default();
        let separator = if text.is_empty() { "" } else { "\n" };
        text.push_str(separator);
        // Writing to a string cannot fail.
        let _ = write!(text, "* `{}`: {}", code.as_str(), code.when());
    }
    described
        .into_iter()
        .map(|(status, description)| (status, RefOr::T(response(description))))
        .collect()
}

fn response(description: String) -> Response {
    ResponseBuilder::new()
        .description(description)
        .content(
            "application/json",
            Content::new(Some(Ref::from_schema_name(ErrorBody::name()))),
        )
        .build()
}

/// The name and schema of the error body, for the components of the description.
pub(crate) fn schemas() -> Vec<(String, RefOr<utoipa::openapi::Schema>)> {
    let mut schemas = vec![(ErrorBody::name().into_owned(), ErrorBody::schema())];
    ErrorBody::schemas(&mut schemas);
    schemas
}

/// Names a type that documents what a call may be refused for: groups of codes, then its own.
macro_rules! refusals {
    ($name:ident: [$($group:ident),*], [$($code:ident),*]) => {
        /// What this call may be refused for.
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                $crate::error::documentation::responses(&[
                    $($crate::error::documentation::$group,)*
                    &[$($crate::error::ErrorCode::$code),*],
                ])
            }
        }
    };
}

pub(crate) use refusals;
