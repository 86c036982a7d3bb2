//! What it costs to read JSON from strangers, and to bring it to its canonical form.

use divan::{Bencher, counter::BytesCount};
use latchkey_json::Value;

fn main() {
    divan::main();
}

/// The body of a completed challenge, of about the usual size.
const BODY: &str = r#"{
    "challengeIdentifier": "eyJ0eXAiOiJsYXRjaGtleS1jaGFsbGVuZ2Urand0IiwiYWxnIjoiRVMyNTYifQ.eyJpc3MiOiJpbi02YjU4cC1yNTNzci1ybHJkM2w1Y2ozdWM0b21lIn0.c2lnbmF0dXJl",
    "firstFactor": {
        "kind": "Fido2",
        "credentialAssertion": {
            "credId": "MsIyOQlI1BHKv01XSF3n0xNt7wbkNpPWYWCu07dVRnI",
            "clientData": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiWTJndGIyNWxMWFIzYnkxMGFISmxaUzFtYjNWeUxXWnBkbVUiLCJvcmlnaW4iOiJodHRwczovL29uZS5leGFtcGxlIn0",
            "authenticatorData": "SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MFAAAAAQ",
            "signature": "MEUCIQDOFz1B6oMRgGQ1u9GQpqyp5UYfYvjKfU0j6LhJ3DkZ9AIgTm5vZCBzaWduYXR1cmUgb2YgYW55Ym9keQ",
            "userHandle": "dXMtNmI1OHAtcjUzc3ItcmxyZDNsNWNqM3VjNG9tZQ"
        }
    }
}"#;

/// So many transfers: the payload of a user action of a service beside this one.
fn transfers(number: u32) -> String {
    let transfer = |id| format!(r#"{{"to":"0x{id:040x}","amount":"{id}.50","asset":null}}"#);
    let transfers: Vec<_> = (0..number).map(transfer).collect();
    format!(
        r#"{{"transfers":[{}],"kind":"Batch"}}"#,
        transfers.join(",")
    )
}

#[divan::bench]
fn reading_a_body(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::of_str(BODY))
        .bench(|| Value::read_object(divan::black_box(BODY.as_bytes())).map(drop));
}

#[divan::bench(args = [1, 10, 100])]
fn reading_a_payload(bencher: Bencher<'_, '_>, number: u32) {
    let text = transfers(number);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Value::read(divan::black_box(text.as_bytes())).map(drop));
}

#[divan::bench(args = [1, 10, 100])]
fn the_canonical_form_of_a_payload(bencher: Bencher<'_, '_>, number: u32) {
    let text = transfers(number);
    let Ok(payload) = Value::read(text.as_bytes()) else {
        return;
    };
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| payload.canonical());
}
