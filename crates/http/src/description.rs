//! What the API description says beside its routes.

use latchkey_json::Value;
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi, RefOr,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::error::documentation;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Latchkey",
        description = "A self-hosted credential service: it keeps the public credentials of users, \
                       checks every signature made with them, and lets a user add a credential in a \
                       second place with a one-time code.\n\n\
                       Bodies are JSON in UTF-8, at most 256 KiB; a body without required members may \
                       be left out. Unknown members are ignored, repeated ones refused; in a query \
                       unknown ones are refused too. Binary values are base64url, padded or not. Dates are \
                       ISO-8601 in UTC with milliseconds. Every answer has the header `X-Request-ID`; every error has the same body."
    ),
    tags(
        (name = "Registration", description = "An invited user makes the first credentials."),
        (
            name = "Recovery",
            description = "A user who has lost every credential makes new ones with a recovery key."
        ),
        (name = "Login", description = "Sessions begin and end."),
        (name = "User actions", description = "A signed-in user signs exactly one request."),
        (name = "Credentials", description = "A signed-in user manages credentials."),
        (
            name = "Create Credential With Code",
            description = "A user who has a credential in one place adds one in another place."
        ),
        (name = "Pages", description = "What a page of an application asks before a ceremony."),
        (name = "Users", description = "An administrator manages the users of the organization."),
        (name = "Operation", description = "For whoever runs the service, and for other services.")
    )
)]
struct Head;

/// The description without routes.
pub(crate) fn head() -> OpenApi {
    let mut description = Head::openapi();
    let components = description.components.get_or_insert_default();
    components.schemas.extend(documentation::schemas());
    let schemes = [
        (
            "bearer".to_owned(),
            bearer("The session token of a sign-in."),
        ),
        (
            "temporaryToken".to_owned(),
            bearer("The `temporaryAuthenticationToken` of the init call."),
        ),
        ("userAction".to_owned(), user_action()),
    ];
    let schemes = schemes.map(|(name, scheme)| (name, RefOr::T(scheme)));
    components.security_schemes.extend(schemes);
    description
}

/// The description as text, always the same for the same routes: its members are sorted, because the
/// order that the JSON library keeps depends on what else is built along.
pub(crate) fn text(description: &OpenApi) -> String {
    // It is made of maps with text keys, texts and numbers, which always serialise.
    let compact = serde_json::to_vec(description).unwrap_or_default();
    let sorted = Value::read(&compact).map(|members| members.canonical());
    let members: serde_json::Value =
        serde_json::from_str(&sorted.unwrap_or_default()).unwrap_or_default();
    format!("{members:#}\n")
}

fn bearer(description: &str) -> SecurityScheme {
    SecurityScheme::Http(
        HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(description))
            .build(),
    )
}

fn user_action() -> SecurityScheme {
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
        "X-DFNS-USERACTION",
        "The `userAction` of `POST /auth/action`, signed for exactly this request.",
    )))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checked_in_description_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let kept = std::fs::read_to_string(path).unwrap();
        // Two whole documents side by side would say less.
        assert!(
            kept == crate::openapi_document(),
            "run: cargo xtask codegen"
        );
    }
}
