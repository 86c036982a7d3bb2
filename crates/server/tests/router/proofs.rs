//! Proofs, over HTTP: those of an authenticator that nobody here wrote, and what is said of wrong ones.

use axum::http::Method;
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    independent::IndependentPasskey,
    key::KeyClient,
    key_pair::KeyKind,
    passkey::{PasskeyClient, Quirks, USER_VERIFIED},
};
use serde_json::{Value, json};

use crate::support::{
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, TWO, World},
};

const FORMS: [ChallengeForm; 2] = [ChallengeForm::Plain, ChallengeForm::EncodedTwice];

#[tokio::test]
async fn both_forms_of_the_challenge_work_on_the_same_user() {
    let world = World::new().await;
    let ada = world.ada().await;
    for form in FORMS {
        let passkey: Signer = PasskeyClient::new(ONE).challenge_form(form).into();
        let codes = ada.code(world.now()).await;
        let place = world.stranger().at(ONE);
        place.enrol(&codes.short, &passkey).await.ok();
        for form in FORMS {
            passkey.change_passkey(|passkey| passkey.challenge_form = form);
            let again = place.sign_in(&world.acme, ADA, &passkey).await;
            assert!(again.is_signed_in().await);
        }
    }
}

#[tokio::test]
async fn an_authenticator_that_nobody_here_wrote_plays_the_whole_flow() {
    for form in FORMS {
        let world = World::new().await;
        let invited = world.invite(&world.acme, ADA).await;
        let place = world.stranger().at(ONE);
        let mut one = IndependentPasskey::new(ONE).challenge_form(form).counting();
        let challenge = place.begin_registration(&invited).await.ok();
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let body = json!({ "firstFactorCredential": one.offer(&challenge).await });
        place
            .bearing(token)
            .post("/auth/registration", &body)
            .await
            .ok();
        let session = independent_login(&world, &place, &mut one).await;

        let body = json!({ "expiration": world.now() + 60_000 });
        let asked = json!({
            "userActionHttpMethod": "POST",
            "userActionHttpPath": "/auth/credentials/code",
            "userActionPayload": body.to_string(),
        });
        let challenge = session.post("/auth/action/init", &asked).await.ok();
        let answer = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": one.factor(&challenge).await,
        });
        let action = session.post("/auth/action", &answer).await.ok();
        let signed =
            session.with_header("x-dfns-useraction", action["userAction"].as_str().unwrap());
        let codes = signed.post("/auth/credentials/code", &body).await.ok();

        let there = world.stranger().at(TWO);
        let code = codes["code"].as_str().unwrap();
        let challenge = there.begin_with_code("Fido2", code).await.ok();
        let mut two = IndependentPasskey::new(TWO).challenge_form(form);
        let mut body = two.offer(&challenge).await;
        body["credentialName"] = json!("Second place");
        body["challengeIdentifier"] = challenge["challengeIdentifier"].clone();
        there
            .post("/auth/credentials/code/verify", &body)
            .await
            .ok();
        independent_login(&world, &there, &mut two).await;
    }
}

async fn independent_login(
    world: &World,
    place: &Stranger,
    passkey: &mut IndependentPasskey,
) -> Stranger {
    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    let body = json!({
        "challengeIdentifier": challenge["challengeIdentifier"],
        "firstFactor": passkey.factor(&challenge).await,
    });
    let answer = place.post("/auth/login", &body).await.ok();
    place.bearing(answer["token"].as_str().unwrap())
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

fn client_data(name: &'static str, value: Value) -> Quirks {
    Quirks {
        client_data: vec![(name, Some(value))],
        ..Quirks::default()
    }
}

#[tokio::test]
async fn a_refused_creation_says_where_and_why() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    for (quirks, said) in [
        (
            client_data("type", json!("webauthn.get")),
            "credentialInfo: the type in the client data is not the one of this ceremony",
        ),
        (
            client_data("challenge", json!("Y2gtYQ")),
            "credentialInfo: the challenge in the client data is not the one that was issued",
        ),
        (
            client_data("origin", json!(TWO)),
            "credentialInfo: the origin and the RP id of the proof do not belong to one allowed application",
        ),
        (
            client_data("crossOrigin", json!(true)),
            "credentialInfo: the ceremony ran in a cross-origin frame",
        ),
        (
            Quirks {
                clear_flags: USER_VERIFIED,
                ..Quirks::default()
            },
            "credentialInfo: the authenticator did not verify the user",
        ),
        (
            Quirks {
                sent_id: Some("AQID".to_owned()),
                ..Quirks::default()
            },
            "credentialInfo: credId is not the id of the attested credential",
        ),
        (
            Quirks {
                raw_client_data: Some(b"{".to_vec()),
                ..Quirks::default()
            },
            "credentialInfo.clientData must be a JSON object in UTF-8 whose member names are not repeated",
        ),
        (
            Quirks {
                after_attestation_object: vec![0],
                ..Quirks::default()
            },
            "credentialInfo.attestationData must be a CBOR map of fmt, attStmt and authData, and nothing after it",
        ),
    ] {
        let passkey = Signer::passkey(ONE);
        passkey.change_passkey(|passkey| passkey.quirks = quirks);
        let refused = place.verify(&challenge, &passkey).await;
        refused.refused(400, "proof_refused").saying(said);
        refused.about(said.split([':', ' ']).next().unwrap());
    }
    place.verify(&challenge, &Signer::passkey(ONE)).await.ok();
}

#[tokio::test]
async fn a_refused_key_says_where_and_why() {
    let world = World::new().await;
    let ada = world.ada().await;
    let challenge = ada.begin_credential("Key").await.ok();
    let client = KeyClient::new(KeyKind::P256);
    let text = client.client_data("key.create", challenge["challenge"].as_str().unwrap());
    for (info, said) in [
        (
            client.attest_with(text.as_bytes(), RSA_1024),
            "credentialInfo: the public key is of a kind or strength that is not offered",
        ),
        (
            client.attest_with(text.as_bytes(), "x"),
            "credentialInfo.attestationData must have a publicKey in PEM, as BEGIN PUBLIC KEY or BEGIN RSA PUBLIC KEY",
        ),
        (
            client.attest(b"{}"),
            "credentialInfo: the signature is not valid",
        ),
    ] {
        let mut body = Signer::key().named_credential(&challenge, "x");
        body["credentialInfo"]["attestationData"] = info["attestationData"].clone();
        let path = "/auth/credentials";
        let refused = ada.signed(Method::POST, path, Some(&body)).await;
        refused.refused(400, "proof_refused").saying(said);
        refused.about(said.split([':', ' ']).next().unwrap());
    }
}

/// RSA with 1024 bits.
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----\n\
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCr4+faez0XBn0mq9x0r/9msqXq\n\
RbvScwrIdnjKF1lK6YYJReVMO9IiVnyDupXF30nViwRZ7ll6znKHeo+QWeilGCvM\n\
njLpyy83f8JpniOvmoXGKh/GI5bLQubUXwop3P0BQtkGAekLIqPuLwdZQT9CXx1b\n\
vsRhRISU/7AZwrJ5jwIDAQAB\n\
-----END PUBLIC KEY-----\n";

#[tokio::test]
async fn a_refused_factor_says_where_and_why() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &passkey).await;
    let login = ada.stranger.begin_login(&world.acme, ADA).await.ok();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    for (quirks, said) in [
        (
            Quirks {
                counter: Some(1),
                ..Quirks::default()
            },
            "firstFactor.credentialAssertion: the signature counter went back",
        ),
        (
            Quirks {
                spoil_signature: true,
                ..Quirks::default()
            },
            "firstFactor.credentialAssertion: the signature is not valid",
        ),
        (
            Quirks {
                after_authenticator_data: vec![0],
                ..Quirks::default()
            },
            "firstFactor.credentialAssertion.authenticatorData must be well-formed, with nothing after it",
        ),
    ] {
        passkey.change_passkey(|passkey| passkey.quirks = quirks);
        for refused in [
            ada.stranger.complete_login(&login, &passkey).await,
            ada.complete_action(&action, &passkey).await,
        ] {
            refused.refused(401, "factor_refused").saying(said);
            refused.about(said.split([':', ' ']).next().unwrap());
        }
    }
}
