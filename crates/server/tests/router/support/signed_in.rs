//! Somebody who is signed in, with the credential that signs user actions.

use axum::http::Method;
use serde_json::{Value, json};

use super::{answer::Answer, signer::Signer, stranger::Stranger};

/// A place with a session. Calls that need a user action sign one by themselves.
#[derive(Clone)]
pub(crate) struct SignedIn {
    /// The same place without the session.
    pub(crate) stranger: Stranger,
    pub(crate) token: String,
    pub(crate) signer: Signer,
}

impl SignedIn {
    pub(crate) fn new(stranger: &Stranger, token: &str, signer: &Signer) -> Self {
        Self {
            stranger: stranger.clone(),
            token: token.to_owned(),
            signer: signer.clone(),
        }
    }

    /// The place with the session's token and no user action.
    pub(crate) fn place(&self) -> Stranger {
        self.stranger.bearing(&self.token)
    }

    /// The same session at another place.
    pub(crate) fn moved_to(&self, place: &Stranger) -> Self {
        Self {
            stranger: place.clone(),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.place().get(path).await
    }

    pub(crate) async fn begin_action(&self, method: &str, path: &str, payload: &str) -> Answer {
        let body = json!({
            "userActionHttpMethod": method,
            "userActionHttpPath": path,
            "userActionPayload": payload,
        });
        self.place().post("/auth/action/init", &body).await
    }

    pub(crate) async fn complete_action(&self, challenge: &Value, signer: &Signer) -> Answer {
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": signer.sign(challenge),
        });
        self.place().post("/auth/action", &body).await
    }

    /// A signed user action for that request.
    pub(crate) async fn user_action(&self, method: &Method, path: &str, payload: &str) -> String {
        let challenge = self.begin_action(method.as_str(), path, payload).await.ok();
        let answer = self.complete_action(&challenge, &self.signer).await.ok();
        answer["userAction"].as_str().unwrap().to_owned()
    }

    /// A request with a user action signed for exactly it.
    pub(crate) async fn signed(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let text = body.map(Value::to_string);
        let payload = text.as_deref().unwrap_or_default();
        let action = self.user_action(&method, path, payload).await;
        self.with_action(&action)
            .call(method, path, text.as_deref())
            .await
    }

    /// The place with a session and this user action.
    pub(crate) fn with_action(&self, action: &str) -> Stranger {
        self.place().with_header("x-dfns-useraction", action)
    }

    // Credentials.

    /// The `us-…` of who is signed in.
    pub(crate) async fn user_id(&self) -> String {
        let challenge = self.begin_credential("Key").await.ok();
        challenge["user"]["id"].as_str().unwrap().to_owned()
    }

    /// All own credentials.
    pub(crate) async fn credentials(&self) -> Vec<Value> {
        let list = self.get("/auth/credentials").await.ok();
        list["items"].as_array().unwrap().clone()
    }

    /// The credential that `signer` made.
    pub(crate) async fn credential_of(&self, signer: &Signer) -> Value {
        let found = self.credentials().await.into_iter();
        let mut found = found.filter(|credential| credential["credentialId"] == signer.id());
        found.next().unwrap()
    }

    /// The `cr-…` of the credential that `signer` made.
    pub(crate) async fn uuid_of(&self, signer: &Signer) -> String {
        let credential = self.credential_of(signer).await;
        credential["credentialUuid"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn begin_credential(&self, kind: &str) -> Answer {
        let body = json!({ "kind": kind });
        self.place().post("/auth/credentials/init", &body).await
    }

    /// Adds a credential that `signer` makes.
    pub(crate) async fn create(&self, signer: &Signer) -> Answer {
        let challenge = self.begin_credential(signer.kind()).await.ok();
        let body = signer.named_credential(&challenge, "Another one");
        self.signed(Method::POST, "/auth/credentials", Some(&body))
            .await
    }

    /// Makes a recovery key in the place of every other one.
    pub(crate) async fn renew_recovery_key(&self, signer: &Signer) -> Answer {
        let challenge = self.begin_credential("RecoveryKey").await.ok();
        let mut body = signer.named_credential(&challenge, "Recovery kit");
        body["replacesRecoveryKeys"] = json!(true);
        self.signed(Method::POST, "/auth/credentials", Some(&body))
            .await
    }

    pub(crate) async fn activate(&self, uuid: &str) -> Answer {
        let body = json!({ "credentialUuid": uuid });
        self.signed(Method::PUT, "/auth/credentials/activate", Some(&body))
            .await
    }

    pub(crate) async fn deactivate(&self, uuid: &str) -> Answer {
        let body = json!({ "credentialUuid": uuid });
        self.signed(Method::PUT, "/auth/credentials/deactivate", Some(&body))
            .await
    }

    pub(crate) async fn rename(&self, uuid: &str, name: &str) -> Answer {
        let path = format!("/auth/credentials/{uuid}");
        self.signed(Method::PUT, &path, Some(&json!({ "name": name })))
            .await
    }

    pub(crate) async fn remove(&self, uuid: &str) -> Answer {
        let path = format!("/auth/credentials/{uuid}");
        self.signed(Method::DELETE, &path, None).await
    }

    // Codes.

    /// Asks for a code with this body.
    pub(crate) async fn request_code(&self, body: &Value) -> Answer {
        self.signed(Method::POST, "/auth/credentials/code", Some(body))
            .await
    }

    /// A code that lives a minute from `now`, in milliseconds since 1970.
    pub(crate) async fn code(&self, now: i64) -> Codes {
        let body = json!({ "expiration": now + 60_000 });
        let answer = self.request_code(&body).await.ok();
        Codes {
            short: answer["code"].as_str().unwrap().to_owned(),
            long: answer["longCode"].as_str().unwrap().to_owned(),
        }
    }

    /// How far the newest code has come.
    pub(crate) async fn code_state(&self) -> String {
        let answer = self.get("/auth/credentials/code").await.ok();
        answer["state"].as_str().unwrap().to_owned()
    }

    /// Looks at what a place asks for.
    pub(crate) async fn find_request(&self, asked: &Value) -> Answer {
        let body = json!({ "code": asked["code"] });
        let path = "/auth/credentials/code/request/find";
        self.place().post(path, &body).await
    }

    /// Grants a place the code that it asks for, as it was answered there.
    pub(crate) async fn grant_request(&self, asked: &Value) -> Answer {
        let body = json!({ "code": asked["code"], "number": asked["number"] });
        let path = "/auth/credentials/code/request/grant";
        self.signed(Method::POST, path, Some(&body)).await
    }

    /// Says that what the place asks for is not theirs to grant.
    pub(crate) async fn refuse_request(&self, asked: &Value) -> Answer {
        let body = json!({ "code": asked["code"] });
        let path = "/auth/credentials/code/request/refuse";
        self.place().post(path, &body).await
    }

    // Approval.

    /// Approves what was made with a code, as it was answered where it was made.
    pub(crate) async fn approve(&self, made: &Value) -> Answer {
        let body = json!({
            "credentialUuid": made["credentialUuid"],
            "number": made["number"],
        });
        let path = "/auth/credentials/code/approve";
        self.signed(Method::POST, path, Some(&body)).await
    }

    /// Refuses it.
    pub(crate) async fn refuse(&self, made: &Value) -> Answer {
        let body = json!({ "credentialUuid": made["credentialUuid"] });
        let path = "/auth/credentials/code/refuse";
        self.signed(Method::POST, path, Some(&body)).await
    }

    // The session.

    pub(crate) async fn log_out(&self, all: bool) -> Answer {
        let body = json!({ "allSessions": all });
        self.place().put("/auth/logout", &body).await
    }

    /// Whether the session holds.
    pub(crate) async fn is_signed_in(&self) -> bool {
        match self.get("/auth/credentials").await.status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }
}

/// Both forms of one code.
#[derive(Clone)]
pub(crate) struct Codes {
    pub(crate) short: String,
    pub(crate) long: String,
}
