//! What can be written in several ways: extensions, client data and signatures.

use ciborium::Value as Cbor;
use data_encoding::BASE64URL_NOPAD;
use latchkey_service::ports::proof_verifier::ProofError;
use latchkey_testkit::authenticator::{
    key_pair::{Digest, KeyKind},
    passkey::{EXTENSIONS, USER_PRESENT, USER_VERIFIED},
};
use serde_json::{Value, json};

use super::{Device, ORIGIN, Proof, authenticator_data, cbor, client_data, ours};
use crate::support::asked;

#[test]
fn extensions_of_every_form_get_one_verdict() {
    let device = Device::new(KeyKind::P256);
    let map = |members: Vec<(Cbor, Cbor)>| cbor(&Cbor::Map(members));
    let nested = |depth| {
        let arrays = (0..depth).fold(Cbor::Null, |inner, _| Cbor::Array(vec![inner]));
        map(vec![("x".into(), arrays)])
    };
    let whole = map(vec![
        (
            "credProps".into(),
            Cbor::Map(vec![("rk".into(), true.into())]),
        ),
        ("uvm".into(), Cbor::Bytes(vec![1, 2, 3])),
    ]);
    let mut forms = vec![
        map(vec![]),
        map(vec![("a".into(), 1.into())]),
        map(vec![(1.into(), 2.into())]),
        map(vec![("a".into(), 1.into()), ("a".into(), 2.into())]),
        map(vec![("a".into(), 1.into()), (2.into(), 2.into())]),
        map(vec![(Cbor::Null, Cbor::Null)]),
        map(vec![("a".into(), Cbor::Float(1.5))]),
        map(vec![(
            "a".into(),
            Cbor::Tag(2, Box::new(Cbor::Bytes(vec![1; 9]))),
        )]),
        map(vec![("a".into(), Cbor::Tag(99, Box::new(Cbor::Null)))]),
        cbor(&Cbor::Array(vec![])),
        cbor(&Cbor::Null),
        cbor(&Cbor::Tag(99, Box::new(Cbor::Map(vec![])))),
        vec![0xbf, 0xff],
        vec![0xbf, 0x61, b'a', 0x01, 0xff],
        vec![0xbf],
        vec![0xa1, 0x61, 0xff, 0x01],
        vec![0xa1, 0x61, b'a'],
        vec![0xa1, 0x7f, 0x61, b'a', 0xff, 0x01],
        vec![0xa1, 0x61, b'a', 0xf8, 0x01],
        vec![0xa1, 0x61, b'a', 0xf7],
        vec![0xb8, 0x01, 0x61, b'a', 0x01],
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![],
    ];
    forms.extend([3, 60, 100, 130, 260].map(nested));
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        forms.push(changed);
    }
    forms.push(whole);
    for form in forms {
        let flags = USER_PRESENT | USER_VERIFIED | EXTENSIONS;
        let data = authenticator_data(flags, 6, &form);
        let proof = device.sign(&client_data(&json!({})), &data);
        let _ = device.judge(&proof, &format!("{form:02x?}"));
    }
}

/// Values of members of the client data, good and bad.
fn values() -> [(&'static str, Vec<Value>); 7] {
    [
        (
            "challenge",
            vec![json!(null), json!(1), json!([1, 2]), json!("ch-%")],
        ),
        (
            "type",
            vec![json!("webauthn.create"), json!(null), json!("WEBAUTHN.GET")],
        ),
        (
            "origin",
            vec![
                json!("https://one.example/"),
                json!("https://ONE.example"),
                json!("https://one.example:443"),
                json!("https://one.example:444"),
                json!("https://a.one.example"),
                json!("https://name@one.example/path"),
                json!("http://one.example"),
                json!("one.example"),
                json!(""),
                json!(null),
                json!([ORIGIN]),
            ],
        ),
        (
            "crossOrigin",
            vec![json!(null), json!(true), json!(0), json!("false")],
        ),
        ("topOrigin", vec![json!(null), json!(ORIGIN), json!(1)]),
        (
            "tokenBinding",
            vec![
                json!(null),
                json!({"status": "supported"}),
                json!({"status": "present", "id": "AQID"}),
                json!({"status": "present", "id": null, "more": [1]}),
                json!({"status": 1}),
                json!({"status": null}),
                json!({"status": "present", "id": 1}),
                json!({"id": "AQID"}),
                json!({}),
                json!([]),
                json!(["supported"]),
                json!(["supported", null]),
                json!(["supported", "AQID", 3]),
                json!("supported"),
                json!(true),
            ],
        ),
        (
            "other_keys_can_be_added_here",
            vec![
                json!(null),
                json!({"a": [1.5, -0.0, "\u{0}"]}),
                json!(u64::MAX),
            ],
        ),
    ]
}

#[test]
fn client_data_of_every_form_get_one_verdict() {
    let device = Device::new(KeyKind::P256);
    let data = device.good().authenticator_data;
    let twice = BASE64URL_NOPAD.encode(asked().as_bytes());
    let mut forms = vec![];
    for challenge in [asked(), twice.clone()] {
        for padding in 0..5 {
            let padded = format!("{challenge}{}", "=".repeat(padding));
            forms.push(client_data(&json!({"challenge": padded})));
        }
    }
    for (name, values) in values() {
        for value in values {
            forms.push(client_data(&json!({name: value})));
        }
        let mut without: Value = serde_json::from_slice(&client_data(&json!({}))).unwrap();
        without.as_object_mut().unwrap().remove(name);
        forms.push(without.to_string().into_bytes());
    }
    let good = String::from_utf8(client_data(&json!({}))).unwrap();
    let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1).into_bytes();
    for depth in [60, 63, 64, 70, 126, 127, 128, 200] {
        forms.push(with(&format!(
            "\"x\":{}{}",
            "[".repeat(depth),
            "]".repeat(depth)
        )));
    }
    for member in [
        r#""x":1,"x":2"#,
        r#""type":"webauthn.get""#,
        r#""x":"\ud800""#,
        r#""x":"\ud83d\ude00""#,
        r#""x":"\q""#,
        r#""x":01"#,
        r#""x":.5"#,
        r#""x":1e5"#,
        r#""x":NaN"#,
        "\"x\":\"\u{1}\"",
        "\"x\":\"\u{7f}\"",
    ] {
        forms.push(with(member));
    }
    forms.extend([
        good.replace("\":", "\" :\t\r\n ").into_bytes(),
        good.replace("webauthn.get", "web\\u0061uthn.get")
            .into_bytes(),
        good.replace("https://", "https:\\/\\/").into_bytes(),
        format!(" {good}\n").into_bytes(),
        format!("{good}{good}").into_bytes(),
        format!("[{good}]").into_bytes(),
        good.replace('"', "'").into_bytes(),
        [good.as_bytes(), &[0]].concat(),
        good.replace("one.example", "one\u{e9}.example")
            .into_bytes(),
        [b"{\"x\":\"\xff\",", &good.as_bytes()[1..]].concat(),
    ]);
    for form in forms {
        let case = String::from_utf8_lossy(&form).into_owned();
        let _ = device.judge(&device.sign(&form, &data), &case);
    }
}

/// The order of P-256 (FIPS 186-4 D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// An INTEGER in DER.
fn integer(number: &[u8]) -> Vec<u8> {
    let number: Vec<u8> = number
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    let zero = number.first().is_none_or(|first| *first > 0x7f);
    let content = [&[0][..usize::from(zero)], &number].concat();
    [&[2, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

fn sequence(content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
}

/// The order less a number below it.
fn negated(number: &[u8]) -> Vec<u8> {
    let padded = [vec![0; 32 - number.len()], number.to_vec()].concat();
    let mut borrow = 0;
    let mut digits: Vec<u8> = ORDER
        .iter()
        .zip(&padded)
        .rev()
        .map(|(order, digit)| {
            let difference = i16::from(*order) - i16::from(*digit) - borrow;
            borrow = i16::from(difference < 0);
            difference.rem_euclid(256).try_into().unwrap()
        })
        .collect();
    digits.reverse();
    digits
}

#[test]
fn signatures_of_every_form_get_one_verdict() {
    let device = Device::new(KeyKind::P256);
    let good = device.good();
    let signature = &good.signature;
    let length = usize::from(signature[3]);
    let (r, s) = (&signature[4..4 + length], &signature[6 + length..]);
    let plain = |number: &[u8]| -> Vec<u8> {
        number
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect()
    };
    let (r, s) = (plain(r), plain(s));
    let written = |r: &[u8], s: &[u8]| sequence(&[&integer(r), &integer(s)]);
    assert_eq!(&written(&r, &s), signature);
    let other_s = written(&r, &negated(&s));
    let padded = |number: &[u8]| [vec![0; 32 - number.len()], number.to_vec()].concat();
    for (case, is_accepted, changed) in [
        ("s as the order less s", true, other_s),
        ("r as the order less r", false, written(&negated(&r), &s)),
        ("r and s exchanged", false, written(&s, &r)),
        ("r is 0", false, written(&[], &s)),
        ("s is 0", false, written(&r, &[])),
        ("both are 0", false, written(&[], &[])),
        ("both are 1", false, written(&[1], &[1])),
        ("r is the order", false, written(&ORDER, &s)),
        ("s is the order", false, written(&r, &ORDER)),
        (
            "r has 33 bytes",
            false,
            written(&[&[1], &padded(&r)[..]].concat(), &s),
        ),
        (
            "s has 33 bytes",
            false,
            written(&r, &[&[1], &padded(&s)[..]].concat()),
        ),
        ("raw", false, [padded(&r), padded(&s)].concat()),
        ("a zero before r", false, {
            let r = [&[0, 0], &r[..]].concat();
            let r = [&[2, u8::try_from(r.len()).unwrap()], &r[..]].concat();
            sequence(&[&r, &integer(&s)])
        }),
        (
            "r is negative",
            false,
            sequence(&[&[2, 1, 0x80], &integer(&s)]),
        ),
        ("r is empty", false, sequence(&[&[2, 0], &integer(&s)])),
        (
            "a third number",
            false,
            sequence(&[&integer(&r), &integer(&s), &[2, 1, 1]]),
        ),
        ("one number", false, sequence(&[&integer(&r)])),
        (
            "a long length",
            false,
            [&[0x30, 0x81], &signature[1..]].concat(),
        ),
        (
            "an indefinite length",
            false,
            [&[0x30, 0x80], &signature[2..], &[0, 0]].concat(),
        ),
        ("a set", false, [&[0x31], &signature[1..]].concat()),
        ("texts", false, sequence(&[&[4, 1, 1], &integer(&s)])),
        ("zeros", false, vec![0; signature.len()]),
        ("nothing", false, vec![]),
    ] {
        let changed = Proof {
            signature: changed,
            ..good.clone()
        };
        device.judge_strictly(&changed, case);
        assert_eq!(
            ours(&device.passkey, &changed).is_ok(),
            is_accepted,
            "{case}"
        );
    }
}

#[test]
fn rsa_signatures_of_every_form_get_one_verdict() {
    let device = Device::new(KeyKind::Rsa2048);
    let good = device.good();
    for (case, changed) in [
        ("a zero before", [&[0], &good.signature[..]].concat()),
        ("a zero after", [&good.signature[..], &[0]].concat()),
        ("without its last byte", good.signature[..255].to_vec()),
        ("all ones", vec![0xff; 256]),
        ("zeros", vec![0; 256]),
        ("one", [vec![0; 255], vec![1]].concat()),
        ("another digest", device.pair.sign(Digest::Sha384, b"x")),
        ("nothing", vec![]),
    ] {
        let changed = Proof {
            signature: changed,
            ..good.clone()
        };
        assert_eq!(
            device.judge(&changed, case),
            Err(ProofError::Signature),
            "{case}"
        );
    }
}
