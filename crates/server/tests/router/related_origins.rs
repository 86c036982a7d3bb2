//! Pages of other domains that the host of an RP id lists (WebAuthn Level 3 §5.11).

use std::time::Duration;

use latchkey_domain::{
    application::{Origin, RelyingParty, RpId, pages::Pages},
    text::ApplicationName,
};
use latchkey_testkit::authenticator::passkey::PasskeyClient;
use serde_json::json;

use crate::support::{
    signer::Signer,
    world::{ADA, World, host},
};

/// Where the RP id is at home.
const HOME: &str = "https://a.example";

/// A page on another domain.
const RELATED: &str = "https://b.example";

async fn related_world() -> World {
    let world = World::new().await;
    let origins = [RELATED, HOME].map(|origin| Origin::new(origin).unwrap());
    let relying_party =
        RelyingParty::new(RpId::new(host(HOME)).unwrap(), origins.to_vec()).unwrap();
    let name = ApplicationName::new("Related").unwrap();
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

#[tokio::test]
async fn a_related_origin_uses_the_passkeys_of_the_rp_id() {
    let world = related_world().await;
    let passkey = || Signer::from(PasskeyClient::new(RELATED).rp_id(host(HOME)));
    let first = passkey();
    // Registers and signs in at the related origin.
    let ada = world.member(&world.acme, ADA, &first).await;
    let credential = ada.credential_of(&first).await;
    assert_eq!(credential["origin"], RELATED);
    assert_eq!(credential["relyingPartyId"], host(HOME));
    // A second one with a code, and a signed action.
    let second = passkey();
    let codes = ada.code(world.now()).await;
    let place = world.stranger().at(RELATED);
    place.enrol(&codes.short, &second).await.ok();
    let there = place.sign_in(&world.acme, ADA, &second).await;
    there.code(world.now()).await;
    // Where the RP id is at home the same passkeys are asked for.
    let home = world.stranger().at(HOME);
    let asked = home.begin_login(&world.acme, ADA).await.ok();
    assert_eq!(asked["rp"]["id"], host(HOME));
    let allowed = asked["allowCredentials"]["webauthn"].as_array().unwrap();
    assert_eq!(allowed.len(), 2);
}

#[tokio::test]
async fn the_host_of_the_rp_id_lists_related_origins() {
    let world = related_world().await;
    let at = |host| world.stranger().with_header("host", host);
    let told = at(host(HOME)).get("/.well-known/webauthn").await.ok();
    assert_eq!(told, json!({ "origins": [HOME, RELATED] }));
    let refused = at(host(RELATED)).get("/.well-known/webauthn").await;
    refused.refused(404, "application_not_found");
    let told = at(host(RELATED)).get("/auth/application").await.ok();
    assert_eq!(told["application"]["rpId"], host(HOME));
    assert_eq!(told["application"]["origin"], RELATED);
}
