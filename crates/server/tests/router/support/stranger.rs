//! Somebody who is not signed in.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderName, HeaderValue, Method, Request, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{answer::Answer, signed_in::SignedIn, signer::Signer, world::Tenant};

/// A place that calls the service: a page of some origin or a machine, at some address.
#[derive(Clone)]
pub(crate) struct Stranger {
    router: Router,
    address: IpAddr,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Stranger {
    /// A machine: it sends no origin.
    pub(crate) fn new(router: Router) -> Self {
        Self {
            router,
            address: IpAddr::from([192, 0, 2, 1]),
            headers: vec![],
        }
    }

    /// The same place as a page of `origin`.
    pub(crate) fn at(&self, origin: &str) -> Self {
        self.with_header("origin", origin)
    }

    /// The same place at another address.
    pub(crate) fn from(&self, address: &str) -> Self {
        Self {
            address: address.parse().unwrap(),
            ..self.clone()
        }
    }

    /// The same place sending this header too; one of the same name is replaced.
    pub(crate) fn with_header(&self, name: &str, value: &str) -> Self {
        let mut place = self.without_header(name);
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let header = (name.parse().unwrap(), value);
        place.headers.push(header);
        place
    }

    /// The same place without this header.
    pub(crate) fn without_header(&self, name: &str) -> Self {
        let mut place = self.clone();
        place.headers.retain(|(other, _)| *other != name);
        place
    }

    /// What it sends in that header.
    pub(crate) fn sent(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    /// The same place with a bearer token.
    pub(crate) fn bearing(&self, token: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(&body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(&body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// A request with a body of JSON, or without any.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&str>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(text) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(text.to_owned())),
            None => request.body(Body::empty()),
        };
        self.send(request.unwrap()).await
    }

    /// Any request, with the headers of this place.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.send_in_failure(request).await;
        answer.require_no_failure();
        answer
    }

    /// Any request to a service that may have failed.
    pub(crate) async fn send_in_failure(&self, mut request: Request<Body>) -> Answer {
        let call = format!("{} {}", request.method(), request.uri());
        let peer = SocketAddr::new(self.address, 40_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        for (name, value) in &self.headers {
            request.headers_mut().insert(name.clone(), value.clone());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer::new(call, parts.status.as_u16(), parts.headers, &bytes)
    }

    // Registration.

    pub(crate) async fn begin_registration(&self, invited: &Invited) -> Answer {
        let body = json!({
            "orgId": invited.organization,
            "username": invited.username,
            "registrationCode": invited.code,
        });
        self.post("/auth/registration/init", &body).await
    }

    /// Registers with one credential, made by `signer`.
    pub(crate) async fn register(&self, invited: &Invited, signer: &Signer) -> Answer {
        let challenge = self.begin_registration(invited).await.ok();
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let body = json!({ "firstFactorCredential": signer.create(&challenge) });
        self.bearing(token).post("/auth/registration", &body).await
    }

    // Signing in.

    pub(crate) async fn begin_login(&self, tenant: &Tenant, username: &str) -> Answer {
        let body = json!({ "orgId": tenant.organization, "username": username });
        self.post("/auth/login/init", &body).await
    }

    pub(crate) async fn complete_login(&self, challenge: &Value, signer: &Signer) -> Answer {
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": signer.sign(challenge),
        });
        self.post("/auth/login", &body).await
    }

    /// Signs in with `signer`, which from then on signs the user actions too.
    pub(crate) async fn sign_in(
        &self,
        tenant: &Tenant,
        username: &str,
        signer: &Signer,
    ) -> SignedIn {
        let challenge = self.begin_login(tenant, username).await.ok();
        let answer = self.complete_login(&challenge, signer).await.ok();
        SignedIn::new(self, answer["token"].as_str().unwrap(), signer)
    }

    // Create Credential With Code.

    pub(crate) async fn begin_with_code(&self, kind: &str, code: &str) -> Answer {
        let body = json!({ "credentialKind": kind, "code": code });
        self.post("/auth/credentials/code/init", &body).await
    }

    /// Completes what code/init began.
    pub(crate) async fn verify(&self, challenge: &Value, signer: &Signer) -> Answer {
        let body = signer.named_credential(challenge, "Second place");
        self.post("/auth/credentials/code/verify", &body).await
    }

    /// Gives the code back that code/init claimed.
    pub(crate) async fn release(&self, challenge: &Value, reason: &str) -> Answer {
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "reason": reason,
        });
        self.post("/auth/credentials/code/release", &body).await
    }

    /// What has come of the credential that this approval token was given for.
    pub(crate) async fn approval(&self, token: &Value) -> Answer {
        let body = json!({ "approvalToken": token });
        self.post("/auth/credentials/code/status", &body).await
    }

    /// What has come of what was made with this challenge.
    pub(crate) async fn outcome(&self, challenge: &Value) -> Answer {
        let body = json!({ "challengeIdentifier": challenge["challengeIdentifier"] });
        self.post("/auth/credentials/code/status", &body).await
    }

    /// Asks for a code.
    pub(crate) async fn ask_for_code(&self, body: &Value) -> Answer {
        self.post("/auth/credentials/code/request", body).await
    }

    /// What has become of a request for a code.
    pub(crate) async fn request_state(&self, asked: &Value) -> String {
        let body = json!({ "longCode": asked["longCode"] });
        let path = "/auth/credentials/code/request/status";
        let answer = self.post(path, &body).await.ok();
        answer["state"].as_str().unwrap().to_owned()
    }

    /// The whole flow with a code.
    pub(crate) async fn enrol(&self, code: &str, signer: &Signer) -> Answer {
        let challenge = self.begin_with_code(signer.kind(), code).await.ok();
        self.verify(&challenge, signer).await
    }
}

/// A user who may register.
#[derive(Clone, Debug)]
pub(crate) struct Invited {
    pub(crate) organization: String,
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) code: String,
}
