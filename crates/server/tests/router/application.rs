//! A page asks where it is.

use latchkey_domain::organization::Approval;
use serde_json::json;

use crate::support::world::{ONE, RIVAL, TWO, UNLISTED, World, host};

#[tokio::test]
async fn a_page_is_told_its_application_by_origin_or_by_host() {
    let world = World::new().await;
    let application = |index: usize, origin: &str| {
        json!({
            "id": world.acme.applications[index].to_string(),
            "name": host(origin),
            "rpId": host(origin),
            "origin": origin,
            "enrolUrl": format!("{origin}/enrol"),
            "accountUrl": format!("{origin}/account"),
        })
    };
    let expected = json!({
        "organization": { "id": world.acme.organization, "name": "acme" },
        "application": application(1, TWO),
        "applications": [application(0, ONE), application(1, TWO)],
        "returnOrigins": [TWO],
        "approval": "never",
        "codeRequests": "nowhere",
        "freshness": 0,
    });
    let place = world.stranger();
    for page in [
        place.at(TWO),
        place.with_header("host", host(TWO)),
        // The origin counts, not where the service is reached.
        place.at(TWO).with_header("host", host(RIVAL)),
    ] {
        assert_eq!(page.get("/auth/application").await.ok(), expected);
    }
}

#[tokio::test]
async fn a_page_of_nobody_is_told_nothing() {
    let world = World::new().await;
    let place = world.stranger();
    for page in [
        place.clone(),
        place.at(UNLISTED),
        place.at(UNLISTED).with_header("host", host(ONE)),
        place.at("null"),
        place.with_header("host", host(UNLISTED)),
        place.with_header("host", "one.example:8080"),
        place.with_header("host", "one.example@evil.example"),
        place.with_header("host", "one.example/"),
        place.with_header("x-forwarded-host", host(ONE)),
    ] {
        let refused = page.get("/auth/application").await;
        refused.refused(404, "application_not_found");
    }
}

#[tokio::test]
async fn an_organization_may_be_named() {
    let world = World::new().await;
    let shared = "https://shared.example";
    world.add_application(shared).await;
    let place = world.stranger().at(shared);
    let path = format!("/auth/application?orgId={}", world.acme.organization);
    let told = place.get(&path).await.ok();
    assert_eq!(told["organization"]["id"], world.acme.organization);
    let path = format!("/auth/application?orgId={}", world.rival.organization);
    let refused = place.get(&path).await;
    refused.refused(404, "application_not_found");
    for query in ["orgId=x", "orgId=", "orgId=a&orgId=b"] {
        let refused = place.get(&format!("/auth/application?{query}")).await;
        refused.refused(400, "invalid_field").about("orgId");
    }
}

#[tokio::test]
async fn what_is_not_active_or_has_changed_is_seen_within_five_seconds() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    world.set_approval(&world.acme, Approval::Always).await;
    let told = place.get("/auth/application").await.ok();
    assert_eq!(told["approval"], "always");
    world
        .set_application_active(&world.acme.applications[0], false)
        .await;
    world.wait(std::time::Duration::from_secs(5));
    let refused = place.get("/auth/application").await;
    refused.refused(404, "application_not_found");
    let told = world.stranger().at(TWO).get("/auth/application").await.ok();
    assert_eq!(told["applications"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn browsers_and_password_managers_find_what_they_look_for_at_the_rp_id() {
    let world = World::new().await;
    let place = world.stranger().with_header("host", host(TWO));
    let told = place.get("/.well-known/webauthn").await;
    assert_eq!(told.header("content-type"), "application/json");
    assert_eq!(told.ok(), json!({ "origins": [TWO] }));
    let told = place.get("/.well-known/passkey-endpoints").await;
    assert_eq!(told.header("content-type"), "application/json");
    let expected = json!({
        "enroll": format!("{TWO}/enrol"),
        "manage": format!("{TWO}/account"),
    });
    assert_eq!(told.ok(), expected);
    for path in ["/.well-known/webauthn", "/.well-known/passkey-endpoints"] {
        let refused = world.stranger().at(TWO).get(path).await;
        refused.refused(404, "application_not_found");
        let elsewhere = world.stranger().with_header("host", host(UNLISTED));
        let refused = elsewhere.get(path).await;
        refused.refused(404, "application_not_found");
    }
}

#[tokio::test]
async fn a_code_comes_with_a_link_to_the_page_that_takes_it() {
    let world = World::new().await;
    let body = json!({ "expiration": world.now() + 60_000 });
    let signer = crate::support::signer::Signer::passkey(TWO);
    let ada = world.member(&world.acme, "ada@example.com", &signer).await;
    let issued = ada.request_code(&body).await.ok();
    let long = issued["longCode"].as_str().unwrap();
    assert_eq!(issued["link"], format!("{TWO}/enrol#{long}"));
    // A machine is led to the oldest application's page.
    let key = crate::support::signer::Signer::key();
    let bob = world.member(&world.acme, "bob@example.com", &key).await;
    let body = json!({ "expiration": world.now() + 60_000, "longOnly": true });
    let issued = bob.request_code(&body).await.ok();
    let code = issued["code"].as_str().unwrap();
    assert_eq!(issued["link"], format!("{ONE}/enrol#{code}"));
}

#[tokio::test]
async fn codes_are_entered_at_the_page_of_the_application_or_at_ours_or_nowhere() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    let [one, two] = [0, 1].map(|index| world.acme.applications[index].clone());
    let own = format!("{TWO}/passkeys/new");
    world.set_pages(&one, false, None).await;
    world.set_pages(&two, true, Some(&own)).await;
    let told = place.get("/auth/application").await.ok();
    assert_eq!(told["application"]["enrolUrl"], json!(null));
    assert_eq!(told["applications"][0]["enrolUrl"], json!(null));
    assert_eq!(told["applications"][1]["enrolUrl"], own);
    assert_eq!(told["applications"][0]["accountUrl"], json!(null));
    let account = format!("{TWO}/account");
    assert_eq!(told["applications"][1]["accountUrl"], account);

    // Links with codes lead there, or are none.
    let body = json!({ "expiration": world.now() + 60_000 });
    for (page, link) in [(ONE, None), (TWO, Some(&own))] {
        let signer = crate::support::signer::Signer::passkey(page);
        let name = format!("ada@{}", host(page));
        let ada = world.member(&world.acme, &name, &signer).await;
        let issued = ada.request_code(&body).await.ok();
        let long = issued["longCode"].as_str().unwrap();
        let expected = link.map_or(json!(null), |page| json!(format!("{page}#{long}")));
        assert_eq!(issued["link"], expected);
    }

    // What password managers find follows.
    let at = |page: &str| world.stranger().with_header("host", host(page));
    let path = "/.well-known/passkey-endpoints";
    let refused = at(ONE).get(path).await;
    refused.refused(404, "application_not_found");
    let found = at(TWO).get(path).await.ok();
    assert_eq!(
        found,
        json!({ "enroll": own, "manage": format!("{TWO}/account") })
    );
    world.set_pages(&two, false, Some(&own)).await;
    let found = at(TWO).get(path).await.ok();
    assert_eq!(found, json!({ "enroll": own }));
}
