//! Passkeys of applications that are installed, and not pages: each platform in its own shape (API
//! contract §3.2, §3.3, §3.6, §8). None of them sends an `Origin`.

use std::{collections::BTreeSet, time::Duration};

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use latchkey_domain::{
    application::{Origin, RelyingParty, RpId, pages::Pages},
    text::ApplicationName,
};
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    key::{ClientDataShape, KeyClient},
    key_pair::KeyKind,
    passkey::PasskeyClient,
};
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, ONE, TWO, World},
};

const RP_ID: &str = "mobile.example";

/// What an application on iOS says it is.
const IOS: &str = "https://mobile.example";

/// What an application on Android says it is: the digest of the certificate it is signed with.
const ANDROID: &str = "android:apk-key-hash:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

/// A world with an application for both platforms.
async fn mobile_world() -> World {
    let world = World::new().await;
    let origins = [IOS, ANDROID].map(|origin| Origin::new(origin).unwrap());
    let relying_party = RelyingParty::new(RpId::new(RP_ID).unwrap(), origins.to_vec()).unwrap();
    let name = ApplicationName::new("Mobile").unwrap();
    let organization = world.acme.organization.parse().unwrap();
    let added = world.use_cases.administration.add_application(
        organization,
        name,
        relying_party,
        Pages::default(),
        None,
    );
    added.await.unwrap();
    // Until the directory is read again.
    world.wait(Duration::from_secs(5));
    world
}

/// A passkey as a platform hands it out: the challenge is not encoded a second time.
fn passkey(origin: &str) -> PasskeyClient {
    PasskeyClient::new(origin)
        .rp_id(RP_ID)
        .challenge_form(ChallengeForm::Plain)
}

/// Registers a user with it, adds `second` with a code, and signs in and signs an action with both.
async fn whole_flow(world: &World, first: &Signer, second: &Signer) -> SignedIn {
    let ada = world.member(&world.acme, ADA, first).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    place.enrol(&codes.short, second).await.ok();
    let there = place.sign_in(&world.acme, ADA, second).await;
    there.code(world.now()).await;
    ada
}

#[tokio::test]
async fn kotlin_answers_at_the_certificate_of_its_application() {
    let world = mobile_world().await;
    let first: Signer = passkey(ANDROID).into();
    let ada = whole_flow(&world, &first, &passkey(ANDROID).into()).await;
    let credential = ada.credential_of(&first).await;
    assert_eq!(credential["origin"], ANDROID);
    assert_eq!(credential["relyingPartyId"], RP_ID);
}

#[tokio::test]
async fn android_applications_of_another_certificate_are_refused() {
    let world = mobile_world().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let other = "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let signer = passkey(other).into();
    let answer = world.stranger().enrol(&codes.short, &signer).await;
    answer.refused(400, "proof_refused");
}

#[tokio::test]
async fn swift_leaves_cross_origin_out() {
    let world = mobile_world().await;
    let swift = || {
        let mut passkey = passkey(IOS);
        passkey.quirks.client_data = vec![("crossOrigin", None)];
        Signer::from(passkey)
    };
    let ada = whole_flow(&world, &swift(), &swift()).await;
    // It decodes the challenge, so that must be the canonical base64url of something.
    let challenge = ada.begin_action("POST", "/x", "").await.ok();
    let text = challenge["challenge"].as_str().unwrap();
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    assert!(bytes.is_ascii());
    assert_eq!(BASE64URL_NOPAD.encode(&bytes), text);
}

#[tokio::test]
async fn flutter_pads_everything_it_encodes() {
    let world = mobile_world().await;
    for origin in [ANDROID, IOS] {
        let flutter = || {
            let mut passkey = passkey(origin);
            passkey.quirks.padded = true;
            Signer::from(passkey)
        };
        let username = format!("{}@example.com", origin.len());
        let ada = world.member(&world.acme, &username, &flutter()).await;
        let codes = ada.code(world.now()).await;
        let second = flutter();
        let place = world.stranger();
        place.enrol(&codes.long, &second).await.ok();
        let there = place.sign_in(&world.acme, &username, &second).await;
        there.code(world.now()).await;
    }
}

#[tokio::test]
async fn react_native_moves_between_platforms() {
    let world = mobile_world().await;
    whole_flow(&world, &passkey(IOS).into(), &passkey(ANDROID).into()).await;
}

#[tokio::test]
async fn kotlin_and_flutter_find_every_member_they_decode() {
    let world = mobile_world().await;
    let ada = world.ada().await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let place = world.stranger();
    let codes = ada.code(world.now()).await;
    for challenge in [
        place.begin_registration(&invited).await.ok(),
        ada.begin_credential("Fido2").await.ok(),
        place.begin_with_code("Fido2", &codes.short).await.ok(),
    ] {
        assert_eq!(challenge["otpUrl"], "");
        assert!(challenge["excludeCredentials"].is_array());
    }
    for challenge in [
        place.begin_login(&world.acme, ADA).await.ok(),
        ada.begin_action("POST", "/x", "").await.ok(),
    ] {
        assert_eq!(challenge["externalAuthenticationUrl"], "");
        assert!(challenge["allowCredentials"]["webauthn"].is_array());
    }
}

#[tokio::test]
async fn who_sends_no_origin_is_told_of_the_passkeys_of_every_application() {
    let world = World::new().await;
    let one = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &one).await;
    let two = Signer::passkey(TWO);
    let codes = ada.code(world.now()).await;
    let there = world.stranger().at(TWO);
    there.enrol(&codes.short, &two).await.ok();
    let ids = |list: &Value| -> BTreeSet<String> {
        let entries = list.as_array().unwrap().iter();
        entries
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let of = |signers: &[&Signer]| -> BTreeSet<String> {
        signers
            .iter()
            .map(|signer| signer.id().to_owned())
            .collect()
    };
    for (place, expected) in [
        (world.stranger(), of(&[&one, &two])),
        (world.stranger().at(ONE), of(&[&one])),
        (world.stranger().at(TWO), of(&[&two])),
    ] {
        let login = place.begin_login(&world.acme, ADA).await.ok();
        assert_eq!(ids(&login["allowCredentials"]["webauthn"]), expected);
        let here = ada.moved_to(&place);
        let created = here.begin_credential("Fido2").await.ok();
        assert_eq!(ids(&created["excludeCredentials"]), expected);
        let codes = ada.code(world.now()).await;
        let claimed = place.begin_with_code("Fido2", &codes.short).await.ok();
        assert_eq!(ids(&claimed["excludeCredentials"]), expected);
    }
}

#[tokio::test]
async fn a_user_handle_may_be_the_id_in_any_form_that_clients_give_it() {
    let world = World::new().await;
    let signer = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &signer).await;
    let id = ada.begin_credential("Fido2").await.ok()["user"]["id"].clone();
    let id = id.as_str().unwrap();
    let once = BASE64URL_NOPAD.encode(id.as_bytes());
    let twice = BASE64URL_NOPAD.encode(once.as_bytes());
    let nobody = "us-00000-00000-0000000000000000";
    let nobody_encoded = BASE64URL_NOPAD.encode(nobody.as_bytes());
    let place = world.stranger();
    let body = json!({ "orgId": world.acme.organization });
    for (handle, is_taken) in [
        (once.as_str(), true),
        (twice.as_str(), true),
        (id, true),
        (nobody, false),
        (nobody_encoded.as_str(), false),
    ] {
        let challenge = place.post("/auth/login/init", &body).await.ok();
        let mut factor = signer.sign(&challenge);
        factor["credentialAssertion"]["userHandle"] = json!(handle);
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": factor,
        });
        let answer = place.post("/auth/login", &body).await;
        if is_taken {
            answer.ok();
        } else {
            answer.refused(401, "no_usable_credential");
        }
    }
}

#[tokio::test]
async fn java_signs_with_secp256k1_and_a_high_s() {
    let world = World::new().await;
    let ada = world.ada().await;
    let mut client = KeyClient::new(KeyKind::Secp256k1);
    client.client_data = ClientDataShape::Java;
    let signer = Signer::from(client);
    let codes = ada.code(world.now()).await;
    let place = world.stranger();

    let challenge = place.begin_with_code("Key", &codes.short).await.ok();
    let mut body = signer.named_credential(&challenge, "Java");
    let attestation = &mut body["credentialInfo"]["attestationData"];
    *attestation = with_high_s_in_attestation(attestation);
    place
        .post("/auth/credentials/code/verify", &body)
        .await
        .ok();

    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    let mut factor = signer.sign(&challenge);
    let signature = &mut factor["credentialAssertion"]["signature"];
    let bytes = BASE64URL_NOPAD.decode(signature.as_str().unwrap().as_bytes());
    *signature = BASE64URL_NOPAD.encode(&with_high_s(&bytes.unwrap())).into();
    let body = json!({
        "challengeIdentifier": challenge["challengeIdentifier"],
        "firstFactor": factor,
    });
    place.post("/auth/login", &body).await.ok();
}

fn with_high_s_in_attestation(attestation: &Value) -> Value {
    let text = BASE64URL_NOPAD.decode(attestation.as_str().unwrap().as_bytes());
    let mut attestation: Value = serde_json::from_slice(&text.unwrap()).unwrap();
    let signature = HEXLOWER.decode(attestation["signature"].as_str().unwrap().as_bytes());
    attestation["signature"] = HEXLOWER.encode(&with_high_s(&signature.unwrap())).into();
    BASE64URL_NOPAD
        .encode(attestation.to_string().as_bytes())
        .into()
}

/// The number of points of secp256k1 (SEC 2 §2.4.1).
const ORDER: &[u8] = b"fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

/// The same signature (of DER) with the greater of the two values that its second number may have.
fn with_high_s(signature: &[u8]) -> Vec<u8> {
    let (r, rest) = integer(&signature[2..]);
    let (s, _) = integer(rest);
    let order = HEXLOWER.decode(ORDER).unwrap();
    let s = [&vec![0; 32 - s.len()], s].concat();
    let high = subtract(&order, &s).max(s);
    let numbers = [der(r), der(&high)].concat();
    [&[0x30, u8::try_from(numbers.len()).unwrap()], &numbers[..]].concat()
}

/// The first number of some DER, without the zero of its sign, and what follows it.
fn integer(der: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(der[0], 0x02);
    let (bytes, rest) = der[2..].split_at(usize::from(der[1]));
    (bytes.strip_prefix(&[0]).unwrap_or(bytes), rest)
}

/// A positive number in DER.
fn der(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes[0] < 0x80 { &[] } else { &[0] };
    let length = u8::try_from(sign.len() + bytes.len()).unwrap();
    [&[0x02, length], sign, bytes].concat()
}

fn subtract(greater: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut difference = vec![0; greater.len()];
    let mut borrow = 0;
    for index in (0..greater.len()).rev() {
        let value = i16::from(greater[index]) - i16::from(smaller[index]) - borrow;
        borrow = i16::from(value < 0);
        difference[index] = u8::try_from(value.rem_euclid(256)).unwrap();
    }
    difference
}
