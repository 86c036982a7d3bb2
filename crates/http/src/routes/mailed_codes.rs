//! The calls that have a code mailed to a user, for one of three ceremonies.

use axum::{Json, extract::State};
use latchkey_domain::{account_code::AccountCodeKind, id::OrganizationId, text::Username};
use latchkey_service::mailed_codes::MailCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    dto::{
        message::Message,
        text::{Text, organization},
    },
    error::{ApiError, documentation::refusals},
    extract::{client::Client, json_body::JsonBody},
    state::AppState,
};

/// Who is to be mailed a code.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub(crate) struct MailedCodeRequest {
    /// The user.
    #[schema(value_type = String, example = "ada@example.com")]
    username: Text<Username>,
    /// The organization; may be left out when there is only one.
    #[schema(value_type = Option<String>, example = "or-3277q-4hcvk-9lmnbrj2q3qd6st")]
    org_id: Option<Text<OrganizationId>>,
    /// The same as `orgId`.
    #[schema(value_type = Option<String>)]
    tenant_id: Option<Text<OrganizationId>>,
}

fn example() -> Value {
    json!({ "username": "ada@example.com", "orgId": "or-3277q-4hcvk-9lmnbrj2q3qd6st" })
}

refusals!(Refusals: [BODY], [OrganizationRequired, OriginNotAllowed]);

/// Makes calls that have a code mailed: method, path, tag, name, and of which kind.
macro_rules! mails {
    ($(
        $(#[doc = $doc:tt])*
        $method:ident $path:tt $tag:tt $id:tt $handler:ident: $kind:ident;
    )*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(
            $method,
            path = $path,
            operation_id = $id,
            tag = $tag,
            request_body(content = MailedCodeRequest, example = json!(example())),
            responses((status = 200, description = "Always, whoever is named", body = Message), Refusals)
        )]
        pub(crate) async fn $handler(
            State(state): State<AppState>,
            Client(caller): Client,
            JsonBody(request): JsonBody<MailedCodeRequest>,
        ) -> Result<Json<Message>, ApiError> {
            let request = MailCode {
                kind: AccountCodeKind::$kind,
                organization: organization(request.org_id, request.tenant_id),
                username: request.username.0,
            };
            state.use_cases.mailed_codes.ask(&caller, request).await?;
            Ok(Json(Message::SUCCESS))
        }
    )*};
}

mails! {
    /// Mail a new registration code
    ///
    /// A user who was invited and has not registered gets a further code; earlier ones stay valid. The answer
    /// is the same whoever is named; requests beyond the limit, while three codes are valid, or where nothing
    /// is mailed, are dropped without a word.
    put "/auth/registration/code" "Registration"
    "mailRegistrationCode" mail_registration_code: Registration;

    /// Mail a recovery code
    ///
    /// A user with a recovery key gets a code that begins a recovery, valid for ten minutes. The answer is
    /// the same whoever is named; requests beyond the limit are dropped without a word.
    post "/auth/recover/user/code" "Recovery"
    "mailRecoveryCode" mail_recovery_code: Recovery;

    /// Mail a recovery code, as older clients ask for it
    ///
    /// The same as with `POST`.
    put "/auth/recover/user/code" "Recovery"
    "mailRecoveryCodeAsBefore" mail_recovery_code_as_before: Recovery;

    /// Mail a login code
    ///
    /// A user with a password-protected key gets a code for login/init, valid for ten minutes. The answer is
    /// the same whoever is named; requests beyond the limit are dropped without a word.
    post "/auth/login/code" "Login"
    "mailLoginCode" mail_login_code: Login;
}
