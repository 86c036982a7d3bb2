//! Speaks HTTP to a server.

use std::net::IpAddr;

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use crate::{
    Outcome, answered, failure,
    narration::{indented, say, shortened},
    server::Server,
};

/// A place that calls the server: with or without an origin, signed in or not.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    origin: Option<String>,
    token: Option<String>,
    user_action: Option<String>,
    is_aloud: bool,
}

impl Client {
    /// A place without an origin, as a machine is, and with nobody signed in.
    pub fn of(server: &Server) -> Outcome<Self> {
        Ok(Self::to(&server.url()?))
    }

    /// The same for a service at a URL, without a slash at its end.
    pub fn to(base: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.to_owned(),
            origin: None,
            token: None,
            user_action: None,
            is_aloud: false,
        }
    }

    /// The same place at an address of this machine, with a connection of its own for every call.
    pub fn bound_to(mut self, address: IpAddr) -> Outcome<Self> {
        self.http = reqwest::Client::builder()
            .local_address(address)
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(self)
    }

    /// The same place for a page of `origin`.
    #[must_use]
    pub fn at(mut self, origin: &str) -> Self {
        self.origin = Some(origin.to_owned());
        self
    }

    /// The same place, signed in with `token`.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same place with nobody signed in.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.token = None;
        self
    }

    /// The same place with a signed user action.
    #[must_use]
    pub fn with_user_action(mut self, user_action: &str) -> Self {
        self.user_action = Some(user_action.to_owned());
        self
    }

    /// The same place, telling what it sends and gets; see [`narration`](crate::narration).
    #[must_use]
    pub fn aloud(mut self) -> Self {
        self.is_aloud = true;
        self
    }

    /// The same place calling another server.
    pub fn on(mut self, server: &Server) -> Outcome<Self> {
        self.base = server.url()?;
        Ok(self)
    }

    /// The page's origin.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// The session that it calls with.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// GET without a body.
    pub async fn get(&self, path: &str) -> Outcome<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Any request.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Answer> {
        let call = format!("{method} {path}");
        self.tell(|| format!("\n→ {call}"))?;
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        for (name, value) in [
            ("origin", &self.origin),
            ("authorization", &bearer),
            ("x-dfns-useraction", &self.user_action),
        ] {
            if let Some(value) = value {
                self.tell(|| format!("  {name}: {}", shortened(value)))?;
                request = request.header(name, value);
            }
        }
        if let Some(body) = body {
            self.tell(|| indented(body))?;
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        self.tell(|| format!("← {status}\n{}", indented(&body)))?;
        Ok(Answer {
            call,
            status,
            headers,
            body,
        })
    }

    fn tell(&self, words: impl FnOnce() -> String) -> Outcome {
        if self.is_aloud { say(&words()) } else { Ok(()) }
    }
}

/// What the server answered.
#[derive(Debug)]
pub struct Answer {
    /// Method and path, for messages.
    pub call: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The JSON body; a text when it is no JSON.
    pub body: Value,
}

impl Answer {
    /// The body of a success.
    pub fn ok(self) -> Outcome<Value> {
        if self.status == 200 {
            Ok(self.body)
        } else {
            let words = format!("{}: {} {}", self.call, self.status, self.body);
            Err(answered(self.status, words))
        }
    }

    /// The message of an error with this status and a complete body.
    pub fn refused(self, status: u16) -> Outcome<String> {
        let error = self.body.get("error").unwrap_or(&Value::Null);
        let message = error.get("message").and_then(Value::as_str);
        let complete = error.get("code").is_some_and(Value::is_string)
            && error.get("id").is_some_and(Value::is_string)
            && error.get("status").is_some_and(|member| *member == status)
            && self.body.get("message").and_then(Value::as_str) == message;
        match message {
            Some(message) if self.status == status && complete => Ok(message.to_owned()),
            _ => Err(failure(format!(
                "{}: expected an error {status}, got {} {}",
                self.call, self.status, self.body
            ))),
        }
    }
}
