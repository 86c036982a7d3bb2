//! What asks for a session code, and what makes one good.

use serde_json::{Value, json};

/// The verifier and the challenge of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What asks for the way back to that page.
pub(crate) fn going_back(to: &str) -> Value {
    json!({ "returnTo": to, "codeChallenge": CHALLENGE, "state": "a&b=c" })
}

/// The code in the address that somebody goes back to.
pub(crate) fn code_in(issued: &Value) -> String {
    let address = issued["returnTo"].as_str().unwrap();
    let (_, code) = address.split_once("code=").unwrap();
    code.split('&').next().unwrap().to_owned()
}
