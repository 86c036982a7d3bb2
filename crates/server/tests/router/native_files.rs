//! What phones look for at an RP id before an application there may use it.

use serde_json::{Value, json};

use crate::support::world::{ANDROID, MOBILE, ONE, World, host};

/// The package on Android and the App ID on Apple's devices.
const PACKAGE: &str = "com.example.app";
const APP_ID: &str = "A1B2C3D4E5.com.example.app";

const OTHER_ANDROID: &str = "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

const ASSET_LINKS: &str = "/.well-known/assetlinks.json";
const APPLE: &str = "/.well-known/apple-app-site-association";

/// What a phone gets at the RP id.
async fn found(world: &World, path: &str) -> Value {
    let place = world.stranger().with_header("host", host(MOBILE));
    let told = place.get(path).await;
    assert_eq!(told.header("content-type"), "application/json");
    told.ok()
}

async fn assert_nothing(world: &World, host: &str, path: &str) {
    let place = world.stranger().with_header("host", host);
    let refused = place.get(path).await;
    refused.refused(404, "application_not_found");
}

#[tokio::test]
async fn android_finds_its_applications_at_the_rp_id() {
    let world = World::new().await;
    let mobile = world
        .add_mobile_application(&[MOBILE, ANDROID, OTHER_ANDROID])
        .await;
    world.set_native(&mobile, [Some(PACKAGE), None]).await;
    let zeros = vec!["00"; 32].join(":");
    let expected = json!([{
        "relation": [
            "delegate_permission/common.handle_all_urls",
            "delegate_permission/common.get_login_creds",
        ],
        "target": {
            "namespace": "android_app",
            "package_name": PACKAGE,
            "sha256_cert_fingerprints": [
                "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:\
                 27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55",
                zeros,
            ],
        },
    }]);
    assert_eq!(found(&world, ASSET_LINKS).await, expected);
    assert_nothing(&world, host(MOBILE), APPLE).await;
    assert_nothing(&world, host(ONE), ASSET_LINKS).await;
}

#[tokio::test]
async fn apple_devices_find_their_applications_at_the_rp_id() {
    let world = World::new().await;
    let mobile = world.add_mobile_application(&[MOBILE]).await;
    world.set_native(&mobile, [None, Some(APP_ID)]).await;
    // Another application of the RP id.
    let other = world
        .add_mobile_application(&["https://other.mobile.example"])
        .await;
    world
        .set_native(&other, [None, Some("0000000000.app")])
        .await;
    let expected = json!({ "webcredentials": { "apps": ["0000000000.app", APP_ID] } });
    assert_eq!(found(&world, APPLE).await, expected);
    assert_nothing(&world, host(MOBILE), ASSET_LINKS).await;
    assert_nothing(&world, host(ONE), APPLE).await;
}

#[tokio::test]
async fn an_android_application_that_does_not_say_how_it_is_signed_is_not_listed() {
    let world = World::new().await;
    let mobile = world.add_mobile_application(&[MOBILE]).await;
    world.set_native(&mobile, [Some(PACKAGE), None]).await;
    assert_nothing(&world, host(MOBILE), ASSET_LINKS).await;
}

#[tokio::test]
async fn native_applications_that_were_taken_away_are_not_listed() {
    let world = World::new().await;
    let mobile = world.add_mobile_application(&[MOBILE, ANDROID]).await;
    world
        .set_native(&mobile, [Some(PACKAGE), Some(APP_ID)])
        .await;
    for path in [ASSET_LINKS, APPLE] {
        found(&world, path).await;
    }
    world.set_native(&mobile, [None, None]).await;
    for path in [ASSET_LINKS, APPLE] {
        assert_nothing(&world, host(MOBILE), path).await;
    }
}
