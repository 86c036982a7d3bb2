//! Whole ceremonies, as a page or a program performs them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Outcome,
    client::{Answer, Client},
    holder::Holder,
    installation::{Invited, text},
};

/// A request that a user agrees to by signing.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its body.
    pub body: Value,
}

impl Call {
    /// Any.
    pub fn new(method: Method, path: &str, body: Value) -> Self {
        Self {
            method,
            path: path.to_owned(),
            body,
        }
    }

    /// The same with one member more in its body.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Self {
        if let Some(members) = self.body.as_object_mut() {
            members.insert(member.to_owned(), value);
        }
        self
    }

    /// Asks for a one-time code that lives almost as long as one may.
    pub fn issue_code() -> Self {
        Self::issue_code_for(Duration::from_secs(55))
    }

    /// Asks for a one-time code that lives as long as is said.
    pub fn issue_code_for(life: Duration) -> Self {
        let expiration = (unix_time() + life).as_millis();
        Self::new(
            Method::POST,
            "/auth/credentials/code",
            json!({ "expiration": expiration }),
        )
    }
}

/// Registers an invited user with a first credential; answers what registration answers.
pub async fn register(place: &Client, invited: &Invited, holder: &mut Holder) -> Outcome<Value> {
    let challenge = registration_challenge(place, invited).await?;
    let first = holder.create(&challenge).await;
    complete_registration(
        place,
        &challenge,
        &json!({ "firstFactorCredential": first }),
    )
    .await?
    .ok()
}

/// The challenge for an invited user's first credential.
pub async fn registration_challenge(place: &Client, invited: &Invited) -> Outcome<Value> {
    let body = json!({
        "orgId": invited.organization,
        "username": invited.username,
        "registrationCode": invited.code,
    });
    place.post("/auth/registration/init", &body).await?.ok()
}

/// Completes a registration with the body given.
pub async fn complete_registration(
    place: &Client,
    challenge: &Value,
    body: &Value,
) -> Outcome<Answer> {
    let token = text(challenge, "temporaryAuthenticationToken")?;
    let place = place.clone().with_token(&token);
    place.post("/auth/registration", body).await
}

/// Signs in and answers the same place, signed in. Without a username the credential says who it is.
pub async fn sign_in(
    place: &Client,
    organization: &str,
    username: Option<&str>,
    holder: &mut Holder,
) -> Outcome<Client> {
    let init = match username {
        Some(username) => json!({ "orgId": organization, "username": username }),
        None => json!({ "orgId": organization }),
    };
    let challenge = place.post("/auth/login/init", &init).await?.ok()?;
    let answer = complete_sign_in(place, &challenge, holder).await?.ok()?;
    Ok(place.clone().with_token(&text(&answer, "token")?))
}

/// Registers an invited user with a first credential and signs in with it.
pub async fn join(place: &Client, invited: &Invited, holder: &mut Holder) -> Outcome<Client> {
    register(place, invited, holder).await?;
    sign_in(
        place,
        &invited.organization,
        Some(&invited.username),
        holder,
    )
    .await
}

/// Answers a sign-in challenge.
pub async fn complete_sign_in(
    place: &Client,
    challenge: &Value,
    holder: &mut Holder,
) -> Outcome<Answer> {
    let body = proof(challenge, holder).await?;
    place.post("/auth/login", &body).await
}

/// Signs a user action for a call.
pub async fn user_action(place: &Client, holder: &mut Holder, call: &Call) -> Outcome<String> {
    let init = json!({
        "userActionPayload": call.body.to_string(),
        "userActionHttpMethod": call.method.as_str(),
        "userActionHttpPath": call.path,
    });
    let challenge = place.post("/auth/action/init", &init).await?.ok()?;
    let body = proof(&challenge, holder).await?;
    text(
        &place.post("/auth/action", &body).await?.ok()?,
        "userAction",
    )
}

async fn proof(challenge: &Value, holder: &mut Holder) -> Outcome<Value> {
    Ok(json!({
        "challengeIdentifier": text(challenge, "challengeIdentifier")?,
        "firstFactor": holder.sign(challenge).await,
    }))
}

/// Signs a user action and makes the call with it.
pub async fn act(place: &Client, holder: &mut Holder, call: &Call) -> Outcome<Answer> {
    let action = user_action(place, holder, call).await?;
    let place = place.clone().with_user_action(&action);
    place
        .send(call.method.clone(), &call.path, Some(&call.body))
        .await
}

/// Issues a one-time code; answers all that the call answers.
pub async fn issue_code(place: &Client, holder: &mut Holder) -> Outcome<Value> {
    act(place, holder, &Call::issue_code()).await?.ok()
}

/// Claims a code.
pub async fn claim(place: &Client, code: &str, kind: &str) -> Outcome<Answer> {
    let body = json!({ "credentialKind": kind, "code": code });
    place.post("/auth/credentials/code/init", &body).await
}

/// The body that completes a challenge with a new credential.
pub async fn completion(challenge: &Value, holder: &mut Holder) -> Outcome<Value> {
    let identifier = text(challenge, "challengeIdentifier")?;
    let mut body = holder.create(challenge).await;
    if let Some(members) = body.as_object_mut() {
        members.insert("credentialName".to_owned(), json!("a second one"));
        members.insert("challengeIdentifier".to_owned(), json!(identifier));
    }
    Ok(body)
}

/// Redeems a claimed code.
pub async fn verify(place: &Client, body: &Value) -> Outcome<Answer> {
    place.post("/auth/credentials/code/verify", body).await
}

/// The second place's part of the code flow, from the code to the new credential.
pub async fn enrol(place: &Client, code: &str, holder: &mut Holder) -> Outcome<Value> {
    let challenge = claim(place, code, holder.kind()).await?.ok()?;
    let body = completion(&challenge, holder).await?;
    verify(place, &body).await?.ok()
}

/// The machine's time, which is the server's too.
#[expect(
    clippy::disallowed_methods,
    reason = "the process under test lives in real time, so its clients do too"
)]
fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
