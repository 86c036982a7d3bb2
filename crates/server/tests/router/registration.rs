//! Registration: an invited user makes the first credentials.

use std::time::Duration;

use serde_json::json;

use crate::support::{
    signer::Signer,
    stranger::Invited,
    world::{ADA, ONE, World, host},
};

async fn invited(world: &World) -> Invited {
    world.invite(&world.acme, ADA).await
}

#[tokio::test]
async fn every_kind_that_signs_in_can_be_the_first_factor() {
    for kind in ["Fido2", "Key", "PasswordProtectedKey"] {
        let world = World::new().await;
        let signer = Signer::of(kind, ONE);
        let place = world.stranger().at(ONE);
        let invited = invited(&world).await;
        let answer = place.register(&invited, &signer).await.ok();
        assert_eq!(answer["credential"]["kind"], kind);
        assert_eq!(answer["credential"]["credentialKind"], kind);
        assert_eq!(answer["credential"]["name"], "Default Credential");
        assert_eq!(answer["user"]["id"], invited.id);
        assert_eq!(answer["user"]["username"], ADA);
        assert_eq!(answer["user"]["orgId"], world.acme.organization);
        let ada = place.sign_in(&world.acme, ADA, &signer).await;
        let credential = ada.credential_of(&signer).await;
        assert_eq!(credential["credentialUuid"], answer["credential"]["uuid"]);
    }
}

#[tokio::test]
async fn a_wrong_code_is_refused_in_the_same_way_whatever_is_wrong() {
    let world = World::new().await;
    let place = world.stranger();
    let ada = invited(&world).await;
    let bob = world.invite(&world.acme, "bob@example.com").await;
    let elsewhere = world.invite(&world.rival, ADA).await;
    world.warm().await;
    let wrong = |code: &str, username: &str, organization: &str| Invited {
        organization: organization.to_owned(),
        username: username.to_owned(),
        code: code.to_owned(),
        ..ada.clone()
    };
    let acme = &world.acme.organization;
    let mut seen: Vec<_> = Vec::new();
    for invited in [
        wrong("no-such-code", ADA, acme),
        wrong(&bob.code, ADA, acme),
        wrong(&ada.code, "bob@example.com", acme),
        wrong(&ada.code, "nobody@example.com", acme),
        wrong(&elsewhere.code, ADA, acme),
        wrong(&ada.code, ADA, &world.rival.organization),
        wrong(&ada.code, ADA, "or-aaaaa-aaaaa-aaaaaaaaaaaaaaaa"),
    ] {
        let (answer, cost) = world.cost(place.begin_registration(&invited)).await;
        answer.refused_code();
        assert_eq!((cost.reads, cost.write_transactions), (1, 0));
        seen.push(answer.fingerprint());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    place.begin_registration(&ada).await.ok();
}

#[tokio::test]
async fn a_code_lives_four_hours() {
    let world = World::new().await;
    let invited = invited(&world).await;
    let almost = Duration::from_hours(4).saturating_sub(Duration::from_millis(1));
    world.wait(almost);
    world.stranger().begin_registration(&invited).await.ok();
    world.wait(Duration::from_millis(1));
    let late = world.stranger().begin_registration(&invited).await;
    late.refused(400, "registration_code_expired")
        .saying("Registration code expired");
    world.wait(Duration::from_hours(24 * 30));
    world.use_cases.housekeeping.run().await.unwrap();
    let late = world.stranger().begin_registration(&invited).await;
    late.refused(400, "registration_code_expired");
}

#[tokio::test]
async fn the_challenge_has_what_every_client_reads() {
    let world = World::new().await;
    let challenge = world
        .stranger()
        .at(ONE)
        .begin_registration(&invited(&world).await)
        .await
        .ok();
    assert_eq!(
        challenge["rp"],
        json!({ "id": host(ONE), "name": host(ONE) })
    );
    assert_eq!(challenge["user"]["name"], ADA);
    assert_eq!(challenge["user"]["displayName"], ADA);
    assert_eq!(challenge["otpUrl"], "");
    assert_eq!(challenge["attestation"], "none");
    assert_eq!(challenge["excludeCredentials"], json!([]));
    let algorithms = json!([
        { "type": "public-key", "alg": -7 },
        { "type": "public-key", "alg": -257 },
    ]);
    assert_eq!(challenge["pubKeyCredParams"], algorithms);
    let selection = &challenge["authenticatorSelection"];
    assert_eq!(selection["residentKey"], "required");
    assert_eq!(selection["requireResidentKey"], true);
    assert_eq!(selection["userVerification"], "required");
    let kinds = &challenge["supportedCredentialKinds"];
    for place in ["firstFactor", "secondFactor"] {
        let mut offered: Vec<_> = kinds[place]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap())
            .collect();
        offered.sort_unstable();
        assert_eq!(offered, ["Fido2", "Key", "PasswordProtectedKey"]);
    }
    assert!(challenge.get("challengeIdentifier").is_none());
}

#[tokio::test]
async fn a_kind_cannot_take_the_place_of_another() {
    let world = World::new().await;
    let place = world.stranger();
    let challenge = place.begin_registration(&invited(&world).await).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let place = place.bearing(token);
    let good = Signer::key().create(&challenge);
    for (member, kind) in [
        ("firstFactorCredential", "RecoveryKey"),
        ("secondFactorCredential", "RecoveryKey"),
        ("recoveryCredential", "Key"),
        ("recoveryCredential", "PasswordProtectedKey"),
    ] {
        let mut body = json!({ "firstFactorCredential": good });
        body[member] = Signer::of(kind, ONE).create(&challenge);
        let refused = place.post("/auth/registration", &body).await;
        refused
            .refused(400, "kind_not_allowed")
            .about(&format!("{member}.credentialKind"));
    }
}
