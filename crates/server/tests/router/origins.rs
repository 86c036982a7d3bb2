//! Which application a ceremony is for.

use serde_json::json;

use crate::support::{
    operations::{Ceremony, Cost, Operation, Request, operations},
    signer::Signer,
    stage::Stage,
    stranger::Stranger,
    world::{ADA, ONE, RIVAL, TWO, UNLISTED, World, host},
};

/// The init of a ceremony for a new user, who is signed in, from any place.
async fn init(stage: &Stage, ceremony: Ceremony, place: &Stranger) -> (Request, Stranger) {
    let mut request = ceremony.init().request(stage).await;
    request.place = place.clone();
    let place = request.authorized().await;
    (request, place)
}

#[tokio::test]
async fn the_origin_chooses_the_application_of_every_ceremony() {
    let stage = Stage::new().await;
    let machine = stage.world.stranger();
    for (place, name) in [
        (machine.at(TWO), TWO),
        (machine.at(ONE), ONE),
        (machine, ONE),
    ] {
        // Never from `Host`.
        let place = place.with_header("host", "two.example");
        for ceremony in Ceremony::ALL {
            let (request, place) = init(&stage, ceremony, &place).await;
            let challenge = request.send_from(&place).await.ok();
            let rp = json!({ "id": host(name), "name": host(name) });
            assert_eq!(challenge["rp"], rp, "{ceremony:?}");
        }
    }
}

#[tokio::test]
async fn an_unlisted_origin_begins_nothing_and_costs_nothing() {
    let stage = Stage::new().await;
    let unlisted = stage.world.stranger().at(UNLISTED);
    for ceremony in Ceremony::ALL {
        let (request, place) = init(&stage, ceremony, &unlisted).await;
        stage.world.warm().await;
        let (answer, cost) = stage.world.cost(request.send_from(&place)).await;
        answer.refused(403, "origin_not_allowed");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        let session_check = u64::from(request.token.is_some());
        assert_eq!((cost.reads, cost.write_transactions), (session_check, 0));
    }
}

#[tokio::test]
async fn an_unlisted_origin_is_mailed_nothing() {
    let stage = Stage::new().await;
    for operation in operations() {
        if operation.cases[0].afterwards == Cost::default() {
            continue;
        }
        let mut request = operation.request(&stage).await;
        request.place = request.place.at(UNLISTED);
        request.send().await.refused(403, "origin_not_allowed");
        let ((), cost) = stage.world.cost(stage.world.mail_codes()).await;
        assert_eq!((cost.reads, cost.write_transactions), (0, 0));
    }
}

#[tokio::test]
async fn an_unlisted_origin_completes_no_ceremony() {
    let stage = Stage::new().await;
    for ceremony in Ceremony::ALL {
        let mut person = stage.colleague(&stage.ada).await;
        person.place = person.place.without_header("origin");
        let challenge = ceremony.begin(&stage, &person).await;
        let mut request = ceremony.completion(&person, &challenge);
        request.place = person.place.at(UNLISTED);
        request.send().await.refused(403, "origin_not_allowed");
        request.place = person.place.at(ONE);
        request.send().await.ok();
    }
}

#[tokio::test]
async fn another_application_completes_no_ceremony() {
    let stage = Stage::new().await;
    let takes_a_challenge = |operation: &&Operation| operation.takes().is_some();
    for operation in operations().iter().filter(takes_a_challenge) {
        // It only tells what has come of a challenge.
        if operation.id == "getApprovalStatus" {
            continue;
        }
        for (is_bound, others) in [(true, vec![RIVAL, TWO]), (false, vec![RIVAL])] {
            let mut person = stage.colleague(&stage.ada).await;
            if !is_bound {
                person.place = person.place.without_header("origin");
            }
            let mut request = operation.request_by(&stage, &person).await;
            for other in others {
                request.place = person.place.at(other);
                request.send().await.refused_challenge();
            }
            request.place = person.place.at(ONE);
            request.send().await.ok();
        }
    }
}

#[tokio::test]
async fn a_foreign_origin_tells_a_stranger_nothing() {
    let stage = Stage::new().await;
    let foreign = stage.world.stranger().at(RIVAL);
    for ceremony in Ceremony::ALL {
        let (request, place) = init(&stage, ceremony, &foreign).await;
        let answer = request.send_from(&place).await;
        match ceremony {
            Ceremony::Registration | Ceremony::Recovery | Ceremony::CredentialWithCode => {
                answer.refused_code();
            }
            Ceremony::Login => {
                answer.refused(401, "no_usable_credential");
            }
            Ceremony::UserAction | Ceremony::Credential => {
                answer.refused(403, "origin_not_allowed");
            }
        }
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
