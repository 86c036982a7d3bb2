//! Proofs with passkeys, over HTTP.

use data_encoding::BASE64URL_NOPAD;
use latchkey_testkit::authenticator::{
    asked::ChallengeForm,
    independent::IndependentPasskey,
    key_pair::KeyKind,
    passkey::{BACKED_UP, BACKUP_ELIGIBLE, PasskeyClient, Quirks, USER_PRESENT, USER_VERIFIED},
};
use serde_json::{Value, json};

use crate::support::{
    answer::Answer,
    signed_in::SignedIn,
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, TWO, World, host},
};

const FORMS: [ChallengeForm; 2] = [ChallengeForm::Plain, ChallengeForm::EncodedTwice];

/// Ada with a passkey at the first application.
async fn with_passkey(world: &World) -> (SignedIn, Signer) {
    let passkey = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &passkey).await;
    (ada, passkey)
}

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
async fn both_offered_algorithms_work_and_no_others() {
    let world = World::new().await;
    let ada = world.ada().await;
    let place = world.stranger().at(ONE);
    for kind in KeyKind::ALL {
        let passkey: Signer = PasskeyClient::with_key(ONE, kind).into();
        let codes = ada.code(world.now()).await;
        let answer = place.enrol(&codes.short, &passkey).await;
        if matches!(kind, KeyKind::P256 | KeyKind::Rsa2048) {
            answer.ok();
            let again = place.sign_in(&world.acme, ADA, &passkey).await;
            assert!(again.is_signed_in().await);
        } else {
            answer.refused(400, "proof_refused");
        }
    }
}

/// What verify answers to a passkey that behaves so; afterwards the challenge is still good.
async fn enrol_quirky(world: &World, ada: &SignedIn, quirks: Quirks) -> Answer {
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_with_code("Fido2", &codes.long).await.ok();
    let passkey = Signer::passkey(ONE);
    passkey.change_passkey(|passkey| passkey.quirks = quirks);
    let answer = place.verify(&challenge, &passkey).await;
    if answer.status != 200 {
        place.verify(&challenge, &Signer::passkey(ONE)).await.ok();
    }
    answer
}

fn client_data(name: &'static str, value: impl Into<Option<Value>>) -> Quirks {
    Quirks {
        client_data: vec![(name, value.into())],
        ..Quirks::default()
    }
}

fn without(flags: u8) -> Quirks {
    Quirks {
        clear_flags: flags,
        ..Quirks::default()
    }
}

/// Everything that is wrong in a creation as well as in a use.
fn wrong_in_any_ceremony() -> Vec<(&'static str, Quirks)> {
    vec![
        ("type", client_data("type", json!("webauthn.other"))),
        ("no type", client_data("type", None)),
        ("challenge", client_data("challenge", json!("Y2gtYQ"))),
        ("no challenge", client_data("challenge", None)),
        ("origin", client_data("origin", json!(TWO))),
        ("no origin", client_data("origin", None)),
        (
            "trailing slash",
            client_data("origin", json!(format!("{ONE}/"))),
        ),
        (
            "subdomain",
            client_data("origin", json!("https://www.one.example")),
        ),
        (
            "other port",
            client_data("origin", json!("https://one.example:444")),
        ),
        ("cross-origin", client_data("crossOrigin", json!(true))),
        ("top origin", client_data("topOrigin", json!(TWO))),
        ("no presence", without(USER_PRESENT)),
        ("no verification", without(USER_VERIFIED)),
        (
            "not JSON",
            Quirks {
                raw_client_data: Some(b"{".to_vec()),
                ..Quirks::default()
            },
        ),
        (
            "trailing bytes",
            Quirks {
                after_authenticator_data: vec![0],
                ..Quirks::default()
            },
        ),
    ]
}

#[tokio::test]
async fn every_wrong_creation_is_400_and_the_challenge_stays() {
    let world = World::new().await;
    let ada = world.ada().await;
    let mut cases = wrong_in_any_ceremony();
    cases.push((
        "after the attestation object",
        Quirks {
            after_attestation_object: vec![0],
            ..Quirks::default()
        },
    ));
    cases.push((
        "another credId",
        Quirks {
            sent_id: Some("AQID".to_owned()),
            ..Quirks::default()
        },
    ));
    cases.push((
        "too long an id",
        Quirks {
            attested_id: Some(vec![7; 1024]),
            ..Quirks::default()
        },
    ));
    for (case, quirks) in cases {
        let refused = enrol_quirky(&world, &ada, quirks).await;
        assert_eq!(refused.status, 400, "{case}: {}", refused.body);
        let field = refused.body["error"]["details"]["field"].as_str();
        let is_named = field.is_some_and(|field| field.starts_with("credentialInfo"));
        assert!(is_named, "{case}: {}", refused.body);
    }
}

#[tokio::test]
async fn an_attestation_object_that_is_none_is_refused() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    let passkey = Signer::passkey(ONE);
    let good = passkey.named_credential(&challenge, "x");
    let bytes = good["credentialInfo"]["attestationData"].as_str().unwrap();
    let bytes = BASE64URL_NOPAD.decode(bytes.as_bytes()).unwrap();
    let empty_map = vec![0xa0];
    let endless_map = vec![0xbf; 10_000];
    let nested_lists = vec![0x81; 10_000];
    let huge_text = vec![0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    // A map of four members, of which the last repeats the first.
    let mut repeated = bytes.clone();
    repeated[0] = 0xa4;
    repeated.extend(b"\x63fmt\x64none");
    let mut wrong = vec![empty_map, endless_map, nested_lists, huge_text, repeated];
    wrong.push(b"{\"fmt\":\"none\"}".to_vec());
    wrong.extend(
        (1..bytes.len())
            .step_by(7)
            .map(|length| bytes[..length].to_vec()),
    );
    for bytes in wrong {
        let mut body = good.clone();
        body["credentialInfo"]["attestationData"] = json!(BASE64URL_NOPAD.encode(&bytes));
        let refused = place.post("/auth/credentials/code/verify", &body).await;
        refused
            .refused(400, "proof_refused")
            .about("credentialInfo.attestationData");
    }
    place
        .post("/auth/credentials/code/verify", &good)
        .await
        .ok();
}

#[tokio::test]
async fn every_wrong_use_is_401_and_the_challenge_stays() {
    let world = World::new().await;
    let (ada, passkey) = with_passkey(&world).await;
    let place = world.stranger().at(ONE);
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    let mut cases = wrong_in_any_ceremony();
    cases.push((
        "signature",
        Quirks {
            spoil_signature: true,
            ..Quirks::default()
        },
    ));
    for (case, quirks) in cases {
        passkey.change_passkey(|passkey| passkey.quirks = quirks);
        for refused in [
            place.complete_login(&login, &passkey).await,
            ada.complete_action(&action, &passkey).await,
        ] {
            assert_eq!(
                (refused.status, refused.code()),
                (401, "factor_refused"),
                "{case}: {}",
                refused.body
            );
        }
    }
    passkey.change_passkey(|passkey| passkey.quirks = Quirks::default());
    place.complete_login(&login, &passkey).await.ok();
    ada.complete_action(&action, &passkey).await.ok();
}

#[tokio::test]
async fn what_authenticators_may_do_differently_is_accepted() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (case, quirks) in [
        ("no crossOrigin", client_data("crossOrigin", None)),
        ("unknown member", client_data("other_keys", json!("x"))),
        (
            "padding",
            Quirks {
                padded: true,
                ..Quirks::default()
            },
        ),
        (
            "backed up",
            Quirks {
                set_flags: BACKUP_ELIGIBLE | BACKED_UP,
                ..Quirks::default()
            },
        ),
        (
            "an attestation nobody asked for",
            Quirks {
                attestation: Some(("tpm", unasked())),
                ..Quirks::default()
            },
        ),
        (
            "extensions",
            Quirks {
                extensions: Some(unasked()),
                ..Quirks::default()
            },
        ),
        (
            "a model",
            Quirks {
                aaguid: [7; 16],
                ..Quirks::default()
            },
        ),
        (
            "the longest id",
            Quirks {
                attested_id: Some(vec![7; 1023]),
                ..Quirks::default()
            },
        ),
    ] {
        let answer = enrol_quirky(&world, &ada, quirks).await;
        assert_eq!(answer.status, 200, "{case}: {}", answer.body);
    }
}

/// Something in CBOR that means nothing.
fn unasked() -> ciborium::Value {
    ciborium::Value::Map(vec![("x".into(), "y".into())])
}

#[tokio::test]
async fn a_user_handle_may_be_missing_null_or_empty_and_must_otherwise_be_the_users() {
    let world = World::new().await;
    let (_, passkey) = with_passkey(&world).await;
    let place = world.stranger().at(ONE);
    for handle in [None, Some(json!(null)), Some(json!(""))] {
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        let mut factor = passkey.sign(&challenge);
        let assertion = factor["credentialAssertion"].as_object_mut().unwrap();
        match handle {
            Some(handle) => assertion.insert("userHandle".to_owned(), handle),
            None => assertion.remove("userHandle"),
        };
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": factor,
        });
        place.post("/auth/login", &body).await.ok();
    }
}

#[tokio::test]
async fn the_user_handle_of_somebody_else_is_refused() {
    let world = World::new().await;
    let (ada, passkey) = with_passkey(&world).await;
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let body = json!({ "orgId": world.acme.organization });
    let place = world.stranger().at(ONE);
    for handle in [bob.user_id().await, ada.user_id().await.to_uppercase()] {
        passkey.change_passkey(|passkey| {
            passkey.quirks.user_handle = Some(Some(handle.clone().into_bytes()));
        });
        for challenge in [
            place.begin_login(&world.acme, ADA).await.ok(),
            place.post("/auth/login/init", &body).await.ok(),
        ] {
            let refused = place.complete_login(&challenge, &passkey).await;
            refused.refused(401, "no_usable_credential");
        }
    }
}

#[tokio::test]
async fn a_counter_that_goes_back_is_refused_and_recorded() {
    let world = World::new().await;
    let (_, passkey) = with_passkey(&world).await;
    let place = world.stranger().at(ONE);
    let login = async |counter: u32| {
        passkey.change_passkey(|passkey| passkey.quirks.counter = Some(counter));
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        place.complete_login(&challenge, &passkey).await
    };
    login(10).await.ok();
    for counter in [10, 9, 0] {
        let (refused, cost) = world.cost(login(counter)).await;
        refused
            .refused(401, "factor_refused")
            .saying("firstFactor.credentialAssertion: the signature counter went back");
        assert_eq!(cost.write_transactions, 1, "it is not recorded");
    }
    login(11).await.ok();
}

#[tokio::test]
async fn a_counter_that_stays_zero_is_fine() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    passkey.change_passkey(|passkey| passkey.quirks.counter = Some(0));
    world.member(&world.acme, ADA, &passkey).await;
    let place = world.stranger().at(ONE);
    for _ in 0..2 {
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        place.complete_login(&challenge, &passkey).await.ok();
    }
}

#[tokio::test]
async fn a_passkey_of_one_relying_party_is_not_usable_on_another() {
    let world = World::new().await;
    let (ada, passkey) = with_passkey(&world).await;
    ada.create(&Signer::key()).await.ok();
    let there = world.stranger().at(TWO);
    let challenge = there.begin_login(&world.acme, ADA).await.ok();
    assert_eq!(challenge["allowCredentials"]["webauthn"], json!([]));
    // Neither where it is, nor pretending to be in the other place.
    let refused = there.complete_login(&challenge, &passkey).await;
    refused.refused(401, "factor_refused");
    passkey.change_passkey(|passkey| {
        TWO.clone_into(&mut passkey.origin);
        host(TWO).clone_into(&mut passkey.rp_id);
    });
    let refused = there.complete_login(&challenge, &passkey).await;
    refused.refused(401, "factor_refused");
    // Nor where no origin binds the challenge.
    let machine = world.stranger();
    let challenge = machine.begin_login(&world.acme, ADA).await.ok();
    let refused = machine.complete_login(&challenge, &passkey).await;
    refused.refused(401, "factor_refused");
    let action = ada.begin_action("POST", "/x", "").await.ok();
    let refused = ada.complete_action(&action, &passkey).await;
    refused.refused(401, "factor_refused");
}

#[tokio::test]
async fn a_passkey_registered_again_is_a_conflict() {
    let world = World::new().await;
    let (ada, passkey) = with_passkey(&world).await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    assert_eq!(challenge["excludeCredentials"][0]["id"], passkey.id());
    let refused = place.verify(&challenge, &passkey).await;
    refused.refused(409, "credential_id_taken");
}
