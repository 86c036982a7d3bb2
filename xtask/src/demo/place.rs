//! A page of an application: it calls the server, and prints what it sends and gets.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::Value;

use crate::{Outcome, say};

/// A page at one origin; after a sign-in it has a token.
#[derive(Clone)]
pub(super) struct Place {
    http: reqwest::Client,
    server: String,
    origin: String,
    token: Option<String>,
    user_action: Option<String>,
}

impl Place {
    pub(super) fn new(server: &str, origin: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            server: server.to_owned(),
            origin: origin.to_owned(),
            token: None,
            user_action: None,
        }
    }

    pub(super) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    pub(super) fn with_user_action(mut self, user_action: &str) -> Self {
        self.user_action = Some(user_action.to_owned());
        self
    }

    pub(super) async fn get(&self, path: &str) -> Outcome<Value> {
        self.call(Method::GET, path, None).await?.expect(200)
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.call(Method::POST, path, Some(body)).await?.expect(200)
    }

    /// A call that must be refused.
    pub(super) async fn refused(&self, status: u16, path: &str, body: &Value) -> Outcome {
        let answer = self.call(Method::POST, path, Some(body)).await?;
        answer.expect(status).map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Answer> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.server))
            .header("origin", &self.origin);
        say(format!("\n→ {method} {path}\n  origin: {}", self.origin))?;
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
            say(format!("  authorization: Bearer {}", shortened(token)))?;
        }
        if let Some(user_action) = &self.user_action {
            request = request.header("x-dfns-useraction", user_action);
            say(format!("  x-dfns-useraction: {}", shortened(user_action)))?;
        }
        if let Some(body) = body {
            request = request.json(body);
            say(indented(body))?;
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let body = serde_json::from_str(&response.text().await?)?;
        say(format!("← {status}\n{}", indented(&body)))?;
        Ok(Answer { status, body })
    }
}

struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn expect(self, status: u16) -> Outcome<Value> {
        if self.status == status {
            Ok(self.body)
        } else {
            Err(format!("the server answered {} instead of {status}", self.status).into())
        }
    }
}

/// JSON over several lines, with long texts shortened.
pub(super) fn indented(value: &Value) -> String {
    let text = format!("{:#}", abridged(value));
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn abridged(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shortened(text)),
        Value::Array(items) => items.iter().map(abridged).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), abridged(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// The most characters of a text that are printed.
const READABLE: usize = 60;

fn shortened(text: &str) -> String {
    let length = text.chars().count();
    if length <= READABLE {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(READABLE / 2).collect();
    format!("{beginning}… ({length} characters)")
}

/// A text member of an answer.
pub(super) fn text(answer: &Value, member: &str) -> Outcome<String> {
    match answer.get(member).and_then(Value::as_str) {
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("the answer has no {member}").into()),
    }
}

/// The present moment, as the API counts time.
#[expect(
    clippy::disallowed_methods,
    reason = "the server lives in real time, so the demo does too"
)]
pub(super) fn unix_milliseconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|time| u64::try_from(time.as_millis()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_texts_are_shortened_and_short_ones_kept() {
        let long = "a".repeat(100);
        let shown = abridged(&json!({ "short": "abc", "list": [long, 1] }));
        assert_eq!(shown["short"], "abc");
        assert_eq!(shown["list"][1], 1);
        let shortened = shown["list"][0].as_str().unwrap();
        assert!(shortened.ends_with("(100 characters)"), "{shortened}");
    }
}
