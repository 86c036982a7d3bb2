//! What a server asks a client to sign.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::base64url;

/// What a server asked for, read from its answer to an init call or given as a challenge alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The challenge text C.
    pub challenge: String,
    /// The RP id in the answer, if there was one.
    pub rp_id: Option<String>,
    /// The user's id, when a credential is to be made.
    pub user_id: Option<String>,
    /// The credential ids of passkeys that may sign; empty means any.
    pub allowed: Vec<String>,
}

/// The two forms in which clients put the challenge into client data (API contract §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeForm {
    /// C itself, as native clients and key pairs do.
    Plain,
    /// base64url of the UTF-8 bytes of C, as browser clients do.
    EncodedTwice,
}

impl ChallengeForm {
    /// What stands in client data for this challenge.
    pub fn apply(self, challenge: &str) -> String {
        match self {
            Self::Plain => challenge.to_owned(),
            Self::EncodedTwice => base64url(challenge),
        }
    }

    /// The bytes that a browser is given; it encodes them once itself.
    pub fn bytes(self, challenge: &str) -> Vec<u8> {
        match self {
            Self::Plain => BASE64URL_NOPAD
                .decode(challenge.as_bytes())
                .expect("a challenge is base64url"),
            Self::EncodedTwice => challenge.as_bytes().to_vec(),
        }
    }
}

impl From<&str> for Asked {
    fn from(challenge: &str) -> Self {
        Self {
            challenge: challenge.to_owned(),
            ..Self::default()
        }
    }
}

impl From<&String> for Asked {
    fn from(challenge: &String) -> Self {
        challenge.as_str().into()
    }
}

impl From<&Value> for Asked {
    /// Reads a challenge answer (API contract §4.2 to §4.4), or a challenge alone.
    fn from(answer: &Value) -> Self {
        if let Some(challenge) = answer.as_str() {
            return challenge.into();
        }
        let text = |pointer: &str| answer.pointer(pointer)?.as_str().map(str::to_owned);
        let allowed = answer
            .pointer("/allowCredentials/webauthn")
            .and_then(Value::as_array);
        Self {
            challenge: text("/challenge").expect("the answer has a challenge"),
            rp_id: text("/rp/id"),
            user_id: text("/user/id"),
            allowed: allowed
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.get("id")?.as_str().map(str::to_owned))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer = json!({
            "challenge": "Y2g",
            "rp": {"id": "one.example", "name": "One"},
            "user": {"id": "us-1", "name": "a", "displayName": "a"},
            "allowCredentials": {"key": [], "webauthn": [{"type": "public-key", "id": "AQ"}]},
        });
        let asked = Asked::from(&answer);
        assert_eq!(asked.challenge, "Y2g");
        assert_eq!(asked.rp_id.as_deref(), Some("one.example"));
        assert_eq!(asked.user_id.as_deref(), Some("us-1"));
        assert_eq!(asked.allowed, ["AQ"]);
        assert_eq!(Asked::from(&json!("Y2g")), Asked::from("Y2g"));
    }

    #[test]
    fn a_challenge_has_two_forms() {
        assert_eq!(ChallengeForm::Plain.apply("Y2g"), "Y2g");
        assert_eq!(ChallengeForm::EncodedTwice.apply("Y2g"), "WTJn");
        assert_eq!(ChallengeForm::Plain.bytes("Y2g"), b"ch");
        assert_eq!(ChallengeForm::EncodedTwice.bytes("Y2g"), b"Y2g");
    }
}
