//! Software clients and authenticators: what people and machines hold in their hands.
//!
//! * [`KeyClient`](key::KeyClient) proves with a key pair, in the shape of any published client;
//! * [`PasskeyClient`](passkey::PasskeyClient) is an authenticator and a browser in one, and does on
//!   request everything wrong that one can do wrong;
//! * [`IndependentPasskey`](independent::IndependentPasskey) is an authenticator that nobody here wrote.
//!
//! All of them are [`Asked`](asked::Asked) with the JSON a server answered, or with a challenge alone,
//! and answer with the JSON that goes back on the wire.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a client that cannot do its work is a failed test"
)]

pub mod asked;
pub mod independent;
pub mod key;
pub mod key_pair;
pub mod passkey;

use data_encoding::{BASE64URL, BASE64URL_NOPAD};

/// Unpadded base64url, as almost all clients send it.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// base64url with or without padding.
fn base64url_padded(bytes: &[u8], padded: bool) -> String {
    if padded {
        BASE64URL.encode(bytes)
    } else {
        base64url(bytes)
    }
}
