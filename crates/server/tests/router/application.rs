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
        })
    };
    let expected = json!({
        "organization": { "id": world.acme.organization, "name": "acme" },
        "application": application(1, TWO),
        "applications": [application(0, ONE), application(1, TWO)],
        "approval": "never",
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
async fn it_costs_nothing_while_the_directory_is_fresh() {
    let world = World::new().await;
    world.warm().await;
    let place = world.stranger().at(ONE);
    let (told, cost) = world.cost(place.get("/auth/application")).await;
    told.ok();
    assert_eq!((cost.reads, cost.write_transactions), (0, 0));
}
