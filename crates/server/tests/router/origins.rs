//! Which application a ceremony is for.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    signer::Signer,
    stranger::Stranger,
    world::{ADA, ONE, RIVAL, TWO, UNLISTED, World, host},
};

/// The ceremonies that begin without a session, at that place.
async fn begin_public(world: &World, place: &Stranger, code: &str) -> Vec<(u16, Value)> {
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let answers = [
        place.begin_registration(&invited).await,
        place.begin_login(&world.acme, ADA).await,
        place.begin_with_code("Key", code).await,
    ];
    answers
        .into_iter()
        .map(|answer| (answer.status, answer.body))
        .collect()
}

#[tokio::test]
async fn the_origin_chooses_the_application_of_every_ceremony() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (origin, name) in [(Some(TWO), TWO), (Some(ONE), ONE), (None, ONE)] {
        let place = match origin {
            Some(origin) => world.stranger().at(origin),
            None => world.stranger(),
        };
        // Never from `Host`.
        let place = place.with_header("host", "two.example");
        let codes = ada.code(world.now()).await;
        let mut answers = begin_public(&world, &place, &codes.short).await;
        let here = ada.moved_to(&place);
        for answer in [
            here.begin_action("POST", "/x", "").await,
            here.begin_credential("Fido2").await,
        ] {
            answers.push((answer.status, answer.body));
        }
        for (status, body) in answers {
            assert_eq!(status, 200, "{body}");
            let rp = json!({ "id": host(name), "name": host(name) });
            assert_eq!(body["rp"], rp);
        }
    }
}

#[tokio::test]
async fn an_unlisted_origin_begins_nothing_and_costs_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let place = world.stranger().at(UNLISTED);
    world.warm().await;
    let (answers, cost) = world
        .cost(async {
            [
                place.begin_registration(&invited).await,
                place.begin_login(&world.acme, ADA).await,
                place.begin_with_code("Key", &codes.short).await,
            ]
        })
        .await;
    for answer in answers {
        answer.refused(403, "origin_not_allowed");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    assert_eq!((cost.reads, cost.write_transactions), (0, 0));
    let here = ada.moved_to(&place);
    for answer in [
        here.begin_action("POST", "/x", "").await,
        here.begin_credential("Key").await,
    ] {
        answer.refused(403, "origin_not_allowed");
    }
}

#[tokio::test]
async fn an_unlisted_origin_completes_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let machine = world.stranger();
    let registration = machine.begin_registration(&invited).await.ok();
    let claimed = machine.begin_with_code("Key", &codes.short).await.ok();
    let credential = ada.begin_credential("Key").await.ok();

    for (place, works) in [(machine.at(UNLISTED), false), (machine.at(ONE), true)] {
        let token = registration["temporaryAuthenticationToken"]
            .as_str()
            .unwrap();
        let body = json!({ "firstFactorCredential": Signer::key().create(&registration) });
        let own = Signer::key().named_credential(&credential, "x");
        let payload = own.to_string();
        let path = "/auth/credentials";
        let action = ada.user_action(&Method::POST, path, &payload).await;
        let here = ada.moved_to(&place).with_action(&action);
        for answer in [
            place.bearing(token).post("/auth/registration", &body).await,
            place.verify(&claimed, &Signer::key()).await,
            here.post(path, &own).await,
        ] {
            if works {
                answer.ok();
            } else {
                answer.refused(403, "origin_not_allowed");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_origin_tells_a_stranger_nothing() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let invited = world.invite(&world.acme, "invited@example.com").await;
    let place = world.stranger().at(RIVAL);
    place.begin_registration(&invited).await.refused_code();
    let refused = place.begin_login(&world.acme, ADA).await;
    refused.refused(401, "no_usable_credential");
    place
        .begin_with_code("Key", &codes.short)
        .await
        .refused_code();
    let here = ada.moved_to(&place);
    for answer in [
        here.begin_action("POST", "/x", "").await,
        here.begin_credential("Key").await,
    ] {
        answer.refused(403, "origin_not_allowed");
    }
}

#[tokio::test]
async fn without_an_origin_a_legacy_application_id_is_followed() {
    let world = World::new().await;
    let ada = world.ada().await;
    for (named, expected) in [
        (world.acme.applications[1].to_string(), TWO),
        (world.acme.applications[0].to_string(), ONE),
        (world.rival.applications[0].to_string(), ONE),
        ("ap-aaaaa-aaaaa-aaaaaaaaaaaaaaaa".to_owned(), ONE),
        ("rubbish".to_owned(), ONE),
    ] {
        let place = world.stranger().with_header("x-dfns-appid", &named);
        let codes = ada.code(world.now()).await;
        let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
        assert_eq!(challenge["rp"]["id"], host(expected), "{named}");
        // Nothing is bound: a passkey of either application completes it.
        let made = place.verify(&challenge, &Signer::passkey(TWO)).await.ok();
        assert_eq!(made["relyingPartyId"], host(TWO));
    }
}

#[tokio::test]
async fn an_origin_wins_over_a_legacy_application_id() {
    let world = World::new().await;
    let ada = world.ada().await;
    let named = world.acme.applications[0].to_string();
    let place = world.stranger().at(TWO).with_header("x-dfns-appid", &named);
    let codes = ada.code(world.now()).await;
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    assert_eq!(challenge["rp"]["id"], host(TWO));
}

#[tokio::test]
async fn a_bound_challenge_takes_proofs_of_its_application_alone() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(TWO);
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    for origin in [ONE, RIVAL, UNLISTED] {
        let refused = place.verify(&challenge, &Signer::passkey(origin)).await;
        refused.refused(400, "proof_refused");
    }
    place.verify(&challenge, &Signer::passkey(TWO)).await.ok();
}

#[tokio::test]
async fn an_unbound_challenge_takes_origin_and_rp_id_of_one_application_only() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let place = world.stranger();
    let challenge = place.begin_with_code("Fido2", &codes.short).await.ok();
    for (origin, rp_id) in [
        (ONE, host(TWO)),
        (TWO, host(ONE)),
        (RIVAL, host(RIVAL)),
        (UNLISTED, host(UNLISTED)),
    ] {
        let mixed = Signer::passkey(origin);
        mixed.change_passkey(|passkey| rp_id.clone_into(&mut passkey.rp_id));
        let refused = place.verify(&challenge, &mixed).await;
        refused.refused(400, "proof_refused");
    }
    place.verify(&challenge, &Signer::passkey(ONE)).await.ok();
}

#[tokio::test]
async fn a_key_may_name_any_origin_and_it_is_recorded() {
    let world = World::new().await;
    let ada = world.ada().await;
    let codes = ada.code(world.now()).await;
    let signer = Signer::key();
    signer.change_key(|client| {
        use latchkey_testkit::authenticator::key::ClientDataShape;
        client.client_data = ClientDataShape::Python {
            origin: UNLISTED.to_owned(),
        };
    });
    let place = world.stranger().at(TWO);
    let made = place.enrol(&codes.short, &signer).await.ok();
    assert_eq!(made["origin"], UNLISTED);
    assert_eq!(made["relyingPartyId"], "");
    let again = place.sign_in(&world.acme, ADA, &signer).await;
    assert!(again.is_signed_in().await);
}

#[tokio::test]
async fn a_deactivated_application_ends_what_was_begun_in_it() {
    let world = World::new().await;
    let ada = world.ada().await;
    let two = world.stranger().at(TWO);
    let passkey = Signer::passkey(TWO);
    ada.moved_to(&two).create(&passkey).await.ok();
    let there = two.sign_in(&world.acme, ADA, &passkey).await;
    let codes = ada.code(world.now()).await;
    let claimed = two.begin_with_code("Fido2", &codes.short).await.ok();
    let login = two.begin_login(&world.acme, ADA).await.ok();

    // At once where something takes effect, although the directory may be five seconds old.
    world
        .set_application_active(&world.acme.applications[1], false)
        .await;
    let late = two.verify(&claimed, &Signer::passkey(TWO)).await;
    late.refused_challenge();
    let late = two.complete_login(&login, &passkey).await;
    late.refused_challenge();
    assert!(!there.is_signed_in().await);

    world.wait(std::time::Duration::from_secs(5));
    let late = two.begin_login(&world.acme, ADA).await;
    late.refused(403, "origin_not_allowed");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_new_application_is_known_after_five_seconds_at_the_latest() {
    let world = World::new().await;
    let ada = world.ada().await;
    let origin = "https://three.example";
    world.add_application(origin).await;
    world.wait(std::time::Duration::from_secs(5));
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(origin);
    let signer = Signer::passkey(origin);
    let made = place.enrol(&codes.short, &signer).await.ok();
    assert_eq!(made["origin"], origin);
}

#[tokio::test]
async fn without_an_active_application_no_ceremony_takes_place() {
    let world = World::new().await;
    for application in &world.acme.applications {
        world.set_application_active(application, false).await;
    }
    world.wait(std::time::Duration::from_secs(5));
    let refused = world.stranger().begin_login(&world.acme, ADA).await;
    refused.refused(400, "no_application");
}
