//! Speaks HTTP to a server.

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use crate::{Outcome, failure, server::Server};

/// A place that calls the server: with or without an origin, signed in or not.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    origin: Option<String>,
    token: Option<String>,
    user_action: Option<String>,
}

impl Client {
    /// A place without an origin, as a machine is, and with nobody signed in.
    ///
    /// # Errors
    /// When the server is not ready.
    pub fn of(server: &Server) -> Outcome<Self> {
        Ok(Self {
            http: reqwest::Client::new(),
            base: server.url()?,
            origin: None,
            token: None,
            user_action: None,
        })
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

    /// The same place with a signed user action.
    #[must_use]
    pub fn with_user_action(mut self, user_action: &str) -> Self {
        self.user_action = Some(user_action.to_owned());
        self
    }

    /// The same place calling another server.
    ///
    /// # Errors
    /// When that server is not ready.
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
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn get(&self, path: &str) -> Outcome<Answer> {
        self.send(Method::GET, path, None).await
    }

    /// POST with a JSON body.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn post(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// PUT with a JSON body.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn put(&self, path: &str, body: &Value) -> Outcome<Answer> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Any request.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Answer> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base));
        if let Some(origin) = &self.origin {
            request = request.header("origin", origin);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(user_action) = &self.user_action {
            request = request.header("x-dfns-useraction", user_action);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        Ok(Answer {
            call: format!("{method} {path}"),
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
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
    ///
    /// # Errors
    /// When it is none.
    pub fn ok(self) -> Outcome<Value> {
        if self.status == 200 {
            Ok(self.body)
        } else {
            Err(failure(format!(
                "{}: {} {}",
                self.call, self.status, self.body
            )))
        }
    }

    /// The message of an error with this status.
    ///
    /// # Errors
    /// When it is anything else, or the error body is incomplete.
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
