//! Attestation objects (WebAuthn §6.5).

use ciborium::Value;

use super::cbor;

/// The authenticator data of an attestation object: one CBOR map with `fmt`, `attStmt` and `authData`,
/// nothing in it twice and nothing after it.
pub(super) fn authenticator_data(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let value = cbor::take(&mut bytes)?;
    if !bytes.is_empty() {
        return None;
    }
    let members = value.into_map().ok()?;
    member(&members, "fmt")?.as_text()?;
    member(&members, "attStmt")?.as_map()?;
    member(&members, "authData")?.as_bytes().cloned()
}

fn member<'a>(members: &'a [(Value, Value)], name: &str) -> Option<&'a Value> {
    let found = members.iter().find(|(key, _)| key.as_text() == Some(name));
    found.map(|(_, value)| value)
}

/// The same authenticator data without any attestation statement. Statements are not asked for, so
/// nobody is locked out by one that the library cannot verify.
pub(super) fn without_statement(authenticator_data: Vec<u8>) -> Option<Vec<u8>> {
    let object = Value::Map(vec![
        (Value::from("fmt"), Value::from("none")),
        (Value::from("attStmt"), Value::Map(vec![])),
        (Value::from("authData"), Value::Bytes(authenticator_data)),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&object, &mut bytes).ok()?;
    Some(bytes)
}
