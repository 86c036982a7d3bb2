//! Proofs with key pairs, over HTTP.

use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    key::{ClientDataShape, KeyClient, PemForm, SignatureForm},
    key_pair::{Digest, KeyKind},
};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    world::{ADA, World},
};

/// Makes a credential with a code and signs in with it.
async fn enrol_and_sign_in(world: &World, ada: &SignedIn, signer: &Signer) {
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let made = place.enrol(&codes.short, signer).await.ok();
    assert_eq!(made["credentialId"], signer.id());
    let again = place.sign_in(&world.acme, ADA, signer).await;
    ada.remove(&again.uuid_of(signer).await).await.ok();
}

#[tokio::test]
async fn every_kind_of_key_works_in_every_place() {
    let world = World::new().await;
    let ada = world.ada().await;
    for kind in KeyKind::ALL {
        enrol_and_sign_in(&world, &ada, &KeyClient::new(kind).into()).await;
    }
}

#[tokio::test]
async fn every_way_to_write_a_pem_is_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    for form in PemForm::ALL_SPKI {
        let mut client = KeyClient::new(KeyKind::P256);
        client.pem_form = form;
        enrol_and_sign_in(&world, &ada, &client.into()).await;
    }
    let mut client = KeyClient::new(KeyKind::Rsa2048);
    client.pem_form = PemForm::Pkcs1;
    enrol_and_sign_in(&world, &ada, &client.into()).await;
}

#[tokio::test]
async fn both_forms_of_the_challenge_and_every_form_of_the_signature_are_read() {
    let world = World::new().await;
    let ada = world.ada().await;
    for challenge_form in [ChallengeForm::Plain, ChallengeForm::EncodedTwice] {
        for signature_form in [
            SignatureForm::Hex,
            SignatureForm::UpperHex,
            SignatureForm::Base64Url,
            SignatureForm::PaddedBase64Url,
        ] {
            let mut client = KeyClient::new(KeyKind::P256);
            client.challenge_form = challenge_form;
            client.signature_form = signature_form;
            client.padded = matches!(signature_form, SignatureForm::PaddedBase64Url);
            enrol_and_sign_in(&world, &ada, &client.into()).await;
        }
    }
}

#[tokio::test]
async fn a_named_digest_is_used() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (kind, digest, name) in [
        (KeyKind::Rsa2048, Digest::Sha256, "RSA-SHA256"),
        (KeyKind::P256, Digest::Sha256, "SHA256"),
        (KeyKind::P384, Digest::Sha512, "SHA512"),
        (KeyKind::Rsa2048, Digest::Sha512, "SHA512"),
    ] {
        let mut client = KeyClient::new(kind);
        client.digest = digest;
        client.algorithm = Some(name.to_owned());
        enrol_and_sign_in(&world, &ada, &client.into()).await;
    }
}

/// What verify answers to this `credentialInfo`, with a challenge that is good.
async fn verify_info(world: &World, ada: &SignedIn, info: impl FnOnce(&Value) -> Value) -> Answer {
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Key", &codes.long).await.ok();
    let body = json!({
        "challengeIdentifier": challenge["challengeIdentifier"],
        "credentialName": "x",
        "credentialKind": "Key",
        "credentialInfo": info(&challenge),
    });
    let answer = place.post("/auth/credentials/code/verify", &body).await;
    if answer.status != 200 {
        // Whatever was wrong, the challenge is still good.
        place.verify(&challenge, &Signer::key()).await.ok();
    }
    answer
}

fn client_data(challenge: &Value) -> String {
    let challenge = challenge["challenge"].as_str().unwrap();
    KeyClient::new(KeyKind::P256).client_data("key.create", challenge)
}

#[tokio::test]
async fn every_wrong_proof_is_refused_and_says_why() {
    let world = World::new().await;
    let ada = world.ada().await;
    let client = KeyClient::new(KeyKind::P256);
    let replaced = |from: &'static str, to: &'static str| {
        let client = &client;
        move |challenge: &Value| client.attest(client_data(challenge).replace(from, to).as_bytes())
    };
    for (from, to) in [
        ("key.create", "key.get"),
        ("key.create", "webauthn.create"),
        ("\"challenge\":\"", "\"challenge\":\"x"),
        ("\"challenge\"", "\"other\""),
        ("\"type\"", "\"kind\""),
        ("{", "{\"type\":\"key.create\","),
        ("{", "["),
        ("\"type\":\"key.create\"", "\"type\":7"),
    ] {
        let refused = verify_info(&world, &ada, replaced(from, to)).await;
        refused.refused(400, "proof_refused");
        let field = refused.body["error"]["details"]["field"].as_str().unwrap();
        assert!(field.starts_with("credentialInfo"), "{field}");
    }
}

/// What verify answers to a key client that claims to hold this public key.
async fn verify_public_key(world: &World, ada: &SignedIn, public_key: &str) -> Answer {
    let client = KeyClient::new(KeyKind::P256);
    let answer = verify_info(world, ada, |challenge| {
        client.attest_with(client_data(challenge).as_bytes(), public_key)
    })
    .await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "proof_refused"),
        "{public_key}: {}",
        answer.body
    );
    answer
}

#[tokio::test]
async fn malformed_public_keys_are_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    let pem = KeyClient::new(KeyKind::P256).pem();
    let body = pem.lines().nth(1).unwrap().to_owned();
    for public_key in [
        String::new(),
        "x".to_owned(),
        pem.replace("PUBLIC KEY", "PRIVATE KEY"),
        pem.replace("PUBLIC KEY", "CERTIFICATE"),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replace("-----END PUBLIC KEY-----\n", ""),
        pem.replace(&body, ""),
        pem.replace(&body, &body.replace(['A', 'E'], "+")),
        pem.replace("-----BEGIN", "Comment: x\n-----BEGIN"),
        format!("{pem}{pem}"),
        format!("{pem}x"),
    ] {
        let refused = verify_public_key(&world, &ada, &public_key).await;
        let field = refused.body["error"]["details"]["field"].as_str().unwrap();
        assert!(field.starts_with("credentialInfo"), "{field}");
    }
}

#[tokio::test]
async fn weak_and_unknown_public_keys_are_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    for public_key in [RSA_1024, ED448, BRAINPOOL] {
        let refused = verify_public_key(&world, &ada, public_key).await;
        refused
            .about("credentialInfo")
            .saying("credentialInfo: the public key is of a kind or strength that is not offered");
    }
}

/// RSA with 1024 bits.
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCr4+faez0XBn0mq9x0r/9msqXq\n\
RbvScwrIdnjKF1lK6YYJReVMO9IiVnyDupXF30nViwRZ7ll6znKHeo+QWeilGCvM\n\
njLpyy83f8JpniOvmoXGKh/GI5bLQubUXwop3P0BQtkGAekLIqPuLwdZQT9CXx1b\n\
vsRhRISU/7AZwrJ5jwIDAQAB\n\
-----END PUBLIC KEY-----\n";

/// A curve that is not offered.
const ED448: &str = "-----BEGIN PUBLIC KEY-----\n\
MEMwBQYDK2VxAzoAdrqKu07LdekhQ9foSkeR05GE+3CMUlSuc15O9NNEVZVEeOjy\n\
+o0Kte0QSxi+AUwUiHIWm6RWMI0A\n\
-----END PUBLIC KEY-----\n";

/// brainpoolP256r1, another one.
const BRAINPOOL: &str = "-----BEGIN PUBLIC KEY-----\n\
MFowFAYHKoZIzj0CAQYJKyQDAwIIAQEHA0IABARAP9LL4yDJWID38cNy/dFYppmQ\n\
u8JTuEuPo6EPXhjdW2RS0oSsi3Z1GSCwfaPHttqKT//9poWbnaKF0+V2n3s=\n\
-----END PUBLIC KEY-----\n";

#[tokio::test]
async fn a_signature_over_anything_else_is_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    let client = KeyClient::new(KeyKind::P256);
    let other = KeyClient::new(KeyKind::P256);
    // Another key's, and one over other client data.
    for forge in [0, 1] {
        let refused = verify_info(&world, &ada, |challenge| {
            let text = client_data(challenge);
            let mut info = client.attest(text.as_bytes());
            info["attestationData"] = if forge == 0 {
                with_public_key(&other.attest(text.as_bytes()), &client.pem())
            } else {
                client.attest(b"{}")["attestationData"].clone()
            };
            info
        })
        .await;
        refused
            .refused(400, "proof_refused")
            .about("credentialInfo");
    }
}

fn attestation(info: &Value) -> Value {
    let encoded = info["attestationData"].as_str().unwrap();
    let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn signature(info: &Value) -> String {
    let attestation = attestation(info);
    attestation["signature"].as_str().unwrap().to_owned()
}

/// The attestation data of `info` with another public key in it.
fn with_public_key(info: &Value, pem: &str) -> Value {
    let mut attestation = attestation(info);
    attestation["publicKey"] = json!(pem);
    json!(BASE64URL.encode(attestation.to_string().as_bytes()))
}

#[tokio::test]
async fn a_signature_in_standard_base64_is_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    let mut client = KeyClient::new(KeyKind::Rsa2048);
    client.signature_form = SignatureForm::StandardBase64;
    // The rare signature without a symbol that tells the alphabets apart proves nothing.
    let mut is_told_apart = false;
    while !is_told_apart {
        let answer = verify_info(&world, &ada, |challenge| {
            let info = client.attest(client_data(challenge).as_bytes());
            is_told_apart = signature(&info).contains(['+', '/']);
            info
        })
        .await;
        if is_told_apart {
            answer.refused(400, "proof_refused");
        }
    }
}

#[tokio::test]
async fn a_key_may_be_named_by_its_uuid_when_it_signs() {
    let world = World::new().await;
    let ada = world.ada().await;
    let uuid = ada.uuid_of(&ada.signer).await;
    ada.signer
        .change_key(|client| client.credential_id.clone_from(&uuid));
    let again = world
        .stranger()
        .sign_in(&world.acme, ADA, &ada.signer)
        .await;
    assert!(again.is_signed_in().await);
}

#[tokio::test]
async fn a_credential_is_found_without_regard_to_padding_and_returned_with_it() {
    let world = World::new().await;
    let ada = world.ada().await;
    let signer: Signer = KeyClient::new(KeyKind::P256).called("bXkta2V5cw==").into();
    ada.create(&signer).await.ok();
    for id in ["bXkta2V5cw", "bXkta2V5cw="] {
        signer.change_key(|client| id.clone_into(&mut client.credential_id));
        let again = world.stranger().sign_in(&world.acme, ADA, &signer).await;
        let credential = again.credential_of(&signer).await;
        assert_eq!(credential["credentialId"], "bXkta2V5cw==");
    }
    let login = world.stranger().begin_login(&world.acme, ADA).await.ok();
    let ids = login["allowCredentials"]["key"].to_string();
    assert!(ids.contains("\"bXkta2V5cw==\""), "{ids}");
}

#[tokio::test]
async fn client_data_may_name_an_origin_and_more() {
    let world = World::new().await;
    let ada = world.ada().await;
    for shape in [
        ClientDataShape::TypeScript,
        ClientDataShape::Go,
        ClientDataShape::Java,
        ClientDataShape::Python {
            origin: "https://anything.example".to_owned(),
        },
    ] {
        let mut client = KeyClient::new(KeyKind::Ed25519);
        client.client_data = shape;
        enrol_and_sign_in(&world, &ada, &client.into()).await;
    }
}

#[tokio::test]
async fn the_kind_a_factor_names_must_be_the_credentials() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger();
    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    ada.signer.change_key(|client| {
        "PasswordProtectedKey".clone_into(&mut client.credential_kind);
    });
    let refused = place.complete_login(&challenge, &ada.signer).await;
    refused.refused(401, "no_usable_credential");
}
