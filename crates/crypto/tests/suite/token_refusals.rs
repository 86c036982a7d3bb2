//! Every way in which a token can be false.

use aws_lc_rs::{
    hkdf::{HKDF_SHA256, Salt},
    hmac::HMAC_SHA256,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use latchkey_crypto::{secrets::Secrets, tokens::SignedTokens};
use latchkey_domain::{
    challenge::{Challenge, purpose},
    credential::{key::PublicKey, signer::SignerKey},
    time::Timestamp,
    user_action::SignedUserAction,
};
use latchkey_service::ports::tokens::{InvalidToken, Tokens as _};
use latchkey_testkit::{
    authenticator::{
        key::pem,
        key_pair::{Digest, KeyKind, KeyPair},
    },
    entropy::SeededEntropy,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::tokens::{
    NOW, challenges, installation, parts, secrets, session, ticket, tokens, user_action,
    user_action_by,
};

/// Whether a text is accepted as one type of token.
type Accepts = fn(&str) -> bool;

/// One reader per type.
const READERS: [(&str, Accepts); 4] = [
    ("challenge", |token| {
        tokens().read_challenge(token, NOW).is_ok()
    }),
    ("session", |token| tokens().read_session(token, NOW).is_ok()),
    ("user action", |token| {
        tokens().read_user_action(token, NOW).is_ok()
    }),
    ("approval", |token| {
        tokens().read_approval(token, NOW).is_ok()
    }),
];

/// One good token per type, in the order of the readers.
fn signed() -> [String; 4] {
    [
        tokens().sign_challenge(&challenges()[0]),
        tokens().sign_session(&session()),
        tokens().sign_user_action(&user_action()),
        tokens().sign_approval(&ticket(), NOW),
    ]
}

fn assert_refused(token: &str, case: &str) {
    for (kind, accepts) in READERS {
        assert!(!accepts(token), "{case} as {kind}");
    }
}

/// The private signing key, as whoever stole the secrets would have it.
fn stolen_key(secrets: &Secrets) -> EncodingKey {
    let text = secrets.to_toml();
    let pkcs8 = text
        .lines()
        .find_map(|line| line.strip_prefix("pkcs8 = \"")?.strip_suffix('"'))
        .unwrap();
    EncodingKey::from_ec_der(&BASE64URL_NOPAD.decode(pkcs8.as_bytes()).unwrap())
}

/// The key of what we alone read, as whoever stole the secrets would have it.
fn stolen_own_key(secrets: &Secrets) -> EncodingKey {
    let text = secrets.to_toml();
    let secret = text
        .lines()
        .find_map(|line| {
            line.strip_prefix("installation_secret = \"")?
                .strip_suffix('"')
        })
        .unwrap();
    let secret = BASE64URL_NOPAD.decode(secret.as_bytes()).unwrap();
    let mut key = [0; 32];
    Salt::new(HKDF_SHA256, &[])
        .extract(&secret)
        .expand(&[b"latchkey tokens of our own"], HMAC_SHA256)
        .and_then(|material| material.fill(&mut key))
        .unwrap();
    EncodingKey::from_secret(&key)
}

/// A token with these claims and a header of this type, algorithm and key.
fn made(token: &str, key: &EncodingKey, algorithm: Algorithm, kid: &str) -> String {
    changed(token, key, algorithm, kid, |_| ())
}

/// The same with changed claims.
fn changed(
    token: &str,
    key: &EncodingKey,
    algorithm: Algorithm,
    kid: &str,
    change: impl Fn(&mut Value),
) -> String {
    let (header, mut claims, _) = parts(token);
    change(&mut claims);
    let mut made = Header::new(algorithm);
    made.typ = header["typ"].as_str().map(str::to_owned);
    made.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&made, &claims, key).unwrap()
}

/// A session token with changed header and claims, signed with this key.
fn forged(key: &EncodingKey, change: impl Fn(&mut Header, &mut Value)) -> String {
    let (header, mut claims, _) = parts(&tokens().sign_session(&session()));
    let mut forged: Header = serde_json::from_value(header).unwrap();
    change(&mut forged, &mut claims);
    jsonwebtoken::encode(&forged, &claims, key).unwrap()
}

fn encode(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

#[test]
fn a_forgery_without_any_change_would_be_accepted() {
    // Shows that the forgeries below are refused for what they change and for nothing else.
    let token = forged(&stolen_key(&secrets(1)), |_, _| ());
    assert_eq!(tokens().read_session(&token, NOW), Ok(session()));
}

#[test]
fn each_type_has_one_algorithm_and_one_form_from_before() {
    let (ecdsa, own) = (stolen_key(&secrets(1)), stolen_own_key(&secrets(1)));
    let jwks: Value = serde_json::from_str(&tokens().jwks()).unwrap();
    let kid = jwks["keys"][0]["kid"].as_str().unwrap();
    for (index, token) in signed().iter().enumerate() {
        let (of, accepts) = READERS[index];
        let is_ours_alone = matches!(of, "challenge" | "approval");
        // Exactly as it was signed before there was another key.
        assert!(accepts(&made(token, &ecdsa, Algorithm::ES256, kid)), "{of}");
        let keyed = made(token, &own, Algorithm::HS256, "own");
        assert_eq!(accepts(&keyed), is_ours_alone, "{of}");
        for (key, algorithm, kid) in [
            (&ecdsa, Algorithm::ES256, "own"),
            (&own, Algorithm::HS256, kid),
            (&own, Algorithm::HS384, "own"),
            (&own, Algorithm::HS512, "own"),
        ] {
            let confused = made(token, key, algorithm, kid);
            assert_refused(&confused, &format!("{of} {algorithm:?} {kid}"));
        }
        // One key's signature under the other one's head.
        let (other, right) = if is_ours_alone {
            (made(token, &ecdsa, Algorithm::ES256, kid), token)
        } else {
            (keyed, token)
        };
        let (head, _) = right.split_once('.').unwrap();
        let (_, rest) = other.split_once('.').unwrap();
        assert_refused(&format!("{head}.{rest}"), of);
        let (head, _) = other.split_once('.').unwrap();
        let (_, rest) = right.split_once('.').unwrap();
        assert_refused(&format!("{head}.{rest}"), of);
    }
}

#[test]
fn a_token_that_says_only_its_second_was_issued_when_that_began() {
    let bare = |token: &str, key: &EncodingKey, algorithm, kid: &str| {
        changed(token, key, algorithm, kid, |claims| {
            claims.as_object_mut().unwrap().remove("iatMs").unwrap();
        })
    };
    let [challenge, _, action, _] = signed();
    let kid = parts(&action).0["kid"].as_str().unwrap().to_owned();
    let challenge = bare(
        &challenge,
        &stolen_own_key(&secrets(1)),
        Algorithm::HS256,
        "own",
    );
    let action = bare(&action, &stolen_key(&secrets(1)), Algorithm::ES256, &kid);
    let issued = Timestamp::from_unix_milliseconds(NOW.unix_seconds() * 1_000);
    assert!(issued < NOW);
    let wanted = Challenge {
        issued,
        ..challenges().remove(0)
    };
    assert_eq!(tokens().read_challenge(&challenge, NOW), Ok(wanted));
    let wanted = SignedUserAction {
        issued,
        ..user_action()
    };
    assert_eq!(tokens().read_user_action(&action, NOW), Ok(wanted));
}

#[test]
fn a_challenge_says_what_it_is_for_sealed_or_as_an_earlier_release_did() {
    let open = json!({"ceremony": "login", "user": null});
    let own = stolen_own_key(&secrets(1));
    let [identifier, ..] = signed();
    let (_, claims, _) = parts(&identifier);
    let sealed = claims["sealed"].as_str().unwrap();
    let read = |sealed: Option<String>, purpose: Option<&Value>| {
        let token = changed(&identifier, &own, Algorithm::HS256, "own", |claims| {
            claims["sealed"] = json!(sealed);
            claims["purpose"] = json!(purpose);
        });
        tokens().read_challenge(&token, NOW)
    };
    let in_the_open = Challenge {
        purpose: purpose::Login::default().into(),
        ..challenges().remove(0)
    };
    assert_eq!(read(None, Some(&open)), Ok(in_the_open));
    let as_it_was = challenges().remove(0);
    assert_eq!(read(Some(sealed.to_owned()), Some(&open)), Ok(as_it_was));
    assert_eq!(read(None, None), Err(InvalidToken));
    for other in ["", "AAAA", &format!("AAAA{sealed}"), &sealed.to_lowercase()] {
        assert_eq!(read(Some(other.to_owned()), Some(&open)), Err(InvalidToken));
    }
}

/// It need not say who signs, and what a later release writes may say more than is known here. What an earlier one
/// calls otherwise is not read, as that one does not read this: at each of them another thing uses the challenge up.
#[test]
fn the_challenge_of_an_action_is_read_whether_it_says_less_or_more() {
    let own = stolen_own_key(&secrets(1));
    let without = user_action_by(None);
    let mut open = json!({
        "ceremony": "signing",
        "user": without.user.as_str(),
        "epoch": without.epoch.number(),
        "sessionCredential": without.session_credential.as_str(),
        "action": {
            "method": "DELETE",
            "path": without.action.path.as_str(),
            "payload": BASE64URL_NOPAD.encode(without.action.payload.as_bytes()),
        },
        "nonce": BASE64URL_NOPAD.encode(without.nonce.as_bytes()),
    });
    let [identifier, ..] = signed();
    let read = |purpose: &Value| {
        let token = changed(&identifier, &own, Algorithm::HS256, "own", |claims| {
            claims["sealed"] = json!(null);
            claims["purpose"] = purpose.clone();
        });
        tokens()
            .read_challenge(&token, NOW)
            .map(|read| read.purpose)
    };
    assert_eq!(read(&open), Ok(without.into()));
    let mut of_before = open.clone();
    of_before["ceremony"] = json!("userAction");
    assert_eq!(read(&of_before), Err(InvalidToken));
    let key = PublicKey::from_spki_der(vec![1; 91]);
    let by_key = user_action_by(Some(SignerKey::Key(key.clone())));
    open["signer"] = json!({
        "id": by_key.signer.as_ref().unwrap().id.as_str(),
        "key": { "kind": "Key", "publicKey": BASE64URL_NOPAD.encode(key.spki_der()), "later": 1 },
        "later": 1,
    });
    open["later"] = json!({});
    assert_eq!(read(&open), Ok(by_key.into()));
    for (member, wrong) in [
        ("id", json!("")),
        ("key", json!({ "kind": "Key", "publicKey": "=" })),
        ("key", json!({ "kind": "RecoveryKey", "publicKey": "AQID" })),
        (
            "key",
            json!({
                "kind": "Fido2",
                "publicKey": "AQID",
                "rpId": "https://example.com",
                "signCount": 0,
                "backupEligible": false,
            }),
        ),
    ] {
        let mut open = open.clone();
        open["signer"][member] = wrong;
        assert_eq!(read(&open), Err(InvalidToken), "{open}");
    }
}

#[test]
fn a_head_is_accepted_as_it_is_written_alone() {
    let (ecdsa, own) = (stolen_key(&secrets(1)), stolen_own_key(&secrets(1)));
    for (index, token) in signed().iter().enumerate() {
        let (of, accepts) = READERS[index];
        let (header, _, _) = parts(token);
        let [typ, alg, kid] = ["typ", "alg", "kid"].map(|name| header[name].to_string());
        let payload = token.split('.').nth(1).unwrap();
        let (key, algorithm) = if alg.contains("HS") {
            (&own, Algorithm::HS256)
        } else {
            (&ecdsa, Algorithm::ES256)
        };
        let with_head = |head: String| {
            let message = format!("{}.{payload}", BASE64URL_NOPAD.encode(head.as_bytes()));
            let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
            format!("{message}.{signature}")
        };
        let right = format!(r#"{{"typ":{typ},"alg":{alg},"kid":{kid}}}"#);
        assert!(accepts(&with_head(right)), "{of}");
        for head in [
            format!(r#"{{"alg":{alg},"typ":{typ},"kid":{kid}}}"#),
            format!(r#"{{"typ":{typ},"alg":{alg},"kid":{kid},"crit":["exp"]}}"#),
            format!(r#"{{"typ":{typ},"alg":{alg},"kid":{kid},"zip":"DEF"}}"#),
            format!(r#"{{"typ":{typ},"alg":{alg},"alg":{alg},"kid":{kid}}}"#),
            format!(r#"{{"typ":{typ},"alg":{alg},"kid":{kid}}} "#),
            format!(r#"{{"typ":{typ},"alg":{alg}}}"#),
            String::new(),
        ] {
            assert_refused(&with_head(head.clone()), &head);
        }
    }
}

#[test]
fn each_type_is_read_as_itself_alone() {
    for (index, token) in signed().iter().enumerate() {
        for (position, (kind, accepts)) in READERS.iter().enumerate() {
            assert_eq!(accepts(token), index == position, "{kind}");
        }
    }
}

#[test]
fn another_or_no_type_in_the_header_is_refused() {
    let key = stolen_key(&secrets(1));
    for typ in [
        None,
        Some("JWT"),
        Some("latchkey-challenge+jwt"),
        Some("LATCHKEY-SESSION+JWT"),
    ] {
        let token = forged(&key, |header, _| header.typ = typ.map(str::to_owned));
        assert_eq!(
            tokens().read_session(&token, NOW),
            Err(InvalidToken),
            "{typ:?}"
        );
    }
}

#[test]
fn unsigned_tokens_are_refused() {
    for token in signed() {
        let (mut header, claims, _) = parts(&token);
        for algorithm in ["none", "None", "NONE", ""] {
            header["alg"] = algorithm.into();
            let unsigned = format!("{}.{}.", encode(&header), encode(&claims));
            assert_refused(&unsigned, algorithm);
        }
        let without_signature = token.rsplit_once('.').unwrap().0;
        assert_refused(without_signature, "two parts");
        assert_refused(&format!("{without_signature}."), "an empty signature");
    }
}

#[test]
fn the_public_key_is_no_secret_of_an_hmac() {
    let jwks = tokens().jwks();
    let jwk: Value = serde_json::from_str::<Value>(&jwks).unwrap()["keys"][0].clone();
    let coordinate = |name: &str| {
        let text = jwk[name].as_str().unwrap();
        BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
    };
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let spki = [
        data_encoding::HEXLOWER.decode(head.as_bytes()).unwrap(),
        point.clone(),
    ]
    .concat();
    let pem = pem("PUBLIC KEY", &spki, 64, "\n");
    for secret in [
        point.clone(),
        point[1..].to_vec(),
        spki.clone(),
        pem.clone().into_bytes(),
        pem.trim_end().as_bytes().to_vec(),
        BASE64.encode(&spki).into_bytes(),
        jwk.to_string().into_bytes(),
        jwks.clone().into_bytes(),
        vec![],
    ] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(&secret);
            let token = forged(&key, |header, _| header.alg = algorithm);
            assert_refused(&token, "HMAC");
            for token in signed() {
                assert_refused(&made(&token, &key, algorithm, "own"), "HMAC of our own");
            }
        }
    }
}

#[test]
fn another_key_is_refused_whatever_kid_it_names() {
    let other = stolen_key(&secrets(2));
    let other_jwks: Value =
        serde_json::from_str(&SignedTokens::new(&secrets(2), &installation(1)).jwks()).unwrap();
    let other_kid = other_jwks["keys"][0]["kid"].as_str().map(str::to_owned);
    assert_refused(&forged(&other, |_, _| ()), "our kid");
    assert_refused(
        &forged(&other, |header, _| header.kid = other_kid.clone()),
        "its kid",
    );
    assert_refused(&forged(&other, |header, _| header.kid = None), "no kid");
}

#[test]
fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let other = stolen_key(&secrets(2));
    let jwks = SignedTokens::new(&secrets(2), &installation(1)).jwks();
    let jwks: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks).unwrap();
    let token = forged(&other, |header, _| {
        header.jwk = jwks.keys.first().cloned();
        header.jku = Some("https://two.example/jwks.json".to_owned());
    });
    assert_refused(&token, "jwk and jku");
}

#[test]
fn our_key_without_or_with_a_wrong_kid_is_refused() {
    let key = stolen_key(&secrets(1));
    for kid in [None, Some(""), Some("0")] {
        let token = forged(&key, |header, _| header.kid = kid.map(str::to_owned));
        assert_eq!(
            tokens().read_session(&token, NOW),
            Err(InvalidToken),
            "{kid:?}"
        );
    }
}

#[test]
fn another_algorithm_of_the_family_is_refused() {
    let (mut header, claims, _) = parts(&tokens().sign_session(&session()));
    header["alg"] = "ES384".into();
    let message = format!("{}.{}", encode(&header), encode(&claims));
    let pair = KeyPair::generate(KeyKind::P384);
    let signature = pair.sign(Digest::default(), message.as_bytes());
    let token = format!("{message}.{}", BASE64URL_NOPAD.encode(&signature));
    assert_refused(&token, "ES384");
}

#[test]
fn tokens_of_another_installation_are_refused() {
    // The same secrets, so only issuer and audience differ.
    let other = SignedTokens::new(&secrets(1), &installation(2));
    assert_refused(&other.sign_session(&session()), "session");
    assert_refused(&other.sign_challenge(&challenges()[0]), "challenge");
    assert_refused(&other.sign_user_action(&user_action()), "user action");
    assert_refused(&other.sign_approval(&ticket(), NOW), "approval");
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let key = stolen_key(&secrets(1));
    let other = json!(installation(2).as_str());
    for (name, value) in [
        ("iss", None),
        ("iss", Some(other.clone())),
        ("iss", Some(json!(1))),
        ("aud", None),
        ("aud", Some(other.clone())),
        ("aud", Some(json!([other]))),
        ("exp", None),
        ("exp", Some(json!("1795374002"))),
        ("exp", Some(json!(1_795_374_001))),
        ("exp", Some(json!(1_795_374_003))),
        ("expMs", None),
        ("expMs", Some(json!(0))),
        ("expMs", Some(json!(1e300))),
        ("sub", None),
        ("sub", Some(json!("us-1"))),
        ("jti", Some(json!("us-6b58p-r53sr-rlrd3l5cj3uc4ome"))),
        ("epoch", None),
        ("epoch", Some(json!(1.5))),
        ("credential", None),
        ("kind", Some(json!("Pat"))),
        ("userKind", Some(json!("DfnsStaff"))),
        ("https://custom/username", Some(json!(""))),
        ("https://custom/app_metadata", Some(json!({}))),
    ] {
        let token = forged(&key, |_, claims| {
            let claims = claims.as_object_mut().unwrap();
            match &value {
                Some(value) => claims.insert(name.to_owned(), value.clone()),
                None => claims.remove(name),
            };
        });
        assert_eq!(
            tokens().read_session(&token, NOW),
            Err(InvalidToken),
            "{name} {value:?}"
        );
    }
}

#[test]
fn any_changed_character_is_noticed() {
    for (token, (kind, accepts)) in signed().iter().zip(READERS) {
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(!accepts(&changed), "character {index} of a {kind}");
        }
    }
}

#[test]
fn parts_of_two_tokens_do_not_make_a_third() {
    let mut other = session();
    other.epoch = latchkey_domain::user::Epoch::new(8);
    let (one, two) = (
        tokens().sign_session(&session()),
        tokens().sign_session(&other),
    );
    let one: Vec<&str> = one.split('.').collect();
    let two: Vec<&str> = two.split('.').collect();
    for (header, claims, signature) in [(one[0], two[1], one[2]), (one[0], one[1], two[2])] {
        assert_refused(&format!("{header}.{claims}.{signature}"), "a mixture");
    }
}

#[test]
fn other_writings_of_a_token_are_refused() {
    for token in signed() {
        for other in [
            format!("{token}."),
            format!(".{token}"),
            format!("{token}.x"),
            format!("{token}="),
            format!("{token} "),
            format!(" {token}"),
            format!("{token}\n"),
            token.replace('.', ".."),
            token.to_uppercase(),
        ] {
            assert_refused(&other, &other);
        }
    }
}

#[test]
fn a_very_long_token_is_refused() {
    let key = stolen_key(&secrets(1));
    let token = forged(&key, |_, claims| claims["more"] = "x".repeat(40_000).into());
    assert_refused(&token, "long");
}

#[test]
fn a_token_is_not_signed_by_a_key_made_of_other_randomness() {
    let one = SignedTokens::new(&secrets(1), &installation(1));
    let two = Secrets::generate(&SeededEntropy::new(99), NOW).unwrap();
    let two = SignedTokens::new(&two, &installation(1));
    assert_eq!(
        two.read_session(&one.sign_session(&session()), NOW),
        Err(InvalidToken)
    );
}

proptest! {
    #[test]
    fn any_text_is_refused(text in any::<String>(), parts in "[A-Za-z0-9_.-]{0,200}") {
        for text in [text, parts] {
            for (_, accepts) in READERS {
                prop_assert!(!accepts(&text));
            }
        }
    }

    #[test]
    fn any_json_in_a_token_is_refused(header in any::<String>(), claims in any::<String>()) {
        let claims = BASE64URL_NOPAD.encode(claims.as_bytes());
        let signature = BASE64URL_NOPAD.encode(&[1; 64]);
        let heads = signed().map(|token| token.split('.').next().unwrap().to_owned());
        let other = encode(&json!({"alg": "ES256", "typ": header, "kid": claims}));
        for head in heads.iter().chain([&other]) {
            let token = format!("{head}.{claims}.{signature}");
            for (_, accepts) in READERS {
                prop_assert!(!accepts(&token));
            }
        }
    }
}
