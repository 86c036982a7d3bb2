//! Registration: an invited user makes the first credentials.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::support::{
    signer::{ENCRYPTED_PRIVATE_KEY, KINDS, Signer},
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
async fn first_second_and_recovery_credentials_are_made_together() {
    let world = World::new().await;
    let place = world.stranger().at(ONE);
    let challenge = place.begin_registration(&invited(&world).await).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let first = Signer::passkey(ONE);
    let second = Signer::password_protected_key();
    let recovery = Signer::recovery_key();
    let mut named = first.create(&challenge);
    named["credentialName"] = json!("My phone");
    let body = json!({
        "firstFactorCredential": named,
        "secondFactorCredential": second.create(&challenge),
        "recoveryCredential": recovery.create(&challenge),
    });
    let made = place.bearing(token).post("/auth/registration", &body).await;
    assert_eq!(made.ok()["credential"]["name"], "My phone");

    let ada = place.sign_in(&world.acme, ADA, &first).await;
    let credentials = ada.credentials().await;
    let mut facts: Vec<_> = credentials
        .iter()
        .map(|credential| (credential["kind"].as_str(), credential["name"].as_str()))
        .collect();
    facts.sort_unstable();
    assert_eq!(
        facts,
        [
            (Some("Fido2"), Some("My phone")),
            (Some("PasswordProtectedKey"), Some("Second Credential")),
            (Some("RecoveryKey"), Some("Recovery Credential")),
        ]
    );
    assert!(
        place
            .sign_in(&world.acme, ADA, &second)
            .await
            .is_signed_in()
            .await
    );
}

#[tokio::test]
async fn a_credential_that_is_refused_leaves_nothing_of_the_others() {
    let world = World::new().await;
    let place = world.stranger();
    let invited = invited(&world).await;
    let challenge = place.begin_registration(&invited).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let first = Signer::key();
    let mut second = Signer::key().create(&challenge);
    second["credentialInfo"]["credId"] = json!(first.id());
    let body = json!({
        "firstFactorCredential": first.create(&challenge),
        "secondFactorCredential": second,
    });
    let refused = place.bearing(token).post("/auth/registration", &body).await;
    refused.refused(409, "credential_id_taken");
    let login = place.begin_login(&world.acme, ADA).await;
    login.refused(401, "no_usable_credential");
    // Code, challenge and credential id are all still free.
    let body = json!({ "firstFactorCredential": first.create(&challenge) });
    let made = place.bearing(token).post("/auth/registration", &body).await;
    made.ok();
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

#[tokio::test]
async fn deprecated_kinds_are_refused_and_the_accepted_ones_are_named() {
    let world = World::new().await;
    let place = world.stranger();
    let challenge = place.begin_registration(&invited(&world).await).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    for credential in [
        json!({ "credentialKind": "Password", "credentialInfo": { "password": "secret" } }),
        json!({ "credentialKind": "Totp", "credentialInfo": { "otpCode": "123456" } }),
    ] {
        let body = json!({ "firstFactorCredential": credential });
        let refused = place.bearing(token).post("/auth/registration", &body).await;
        refused.refused(400, "invalid_field");
        let message = refused.body["message"].as_str().unwrap();
        for kind in KINDS {
            assert!(message.contains(kind), "{message}");
        }
        assert!(!message.contains("secret"), "{message}");
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
async fn a_code_is_too_long_to_guess_and_different_each_time() {
    let world = World::new().await;
    let codes = [
        world.invite(&world.acme, ADA).await.code,
        world.invite(&world.acme, ADA).await.code,
    ];
    assert_ne!(codes[0], codes[1]);
    for code in codes {
        let random = code.strip_prefix("rc_").unwrap();
        let bytes = BASE64URL_NOPAD.decode(random.as_bytes()).unwrap();
        assert!(bytes.len() >= 16, "{code}");
    }
}

#[tokio::test]
async fn a_code_registers_once() {
    let world = World::new().await;
    let place = world.stranger();
    let invited = invited(&world).await;
    let [one, two] = [
        place.begin_registration(&invited).await.ok(),
        place.begin_registration(&invited).await.ok(),
    ];
    let complete = async |challenge: &Value| {
        let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
        let body = json!({ "firstFactorCredential": Signer::key().create(challenge) });
        place.bearing(token).post("/auth/registration", &body).await
    };
    complete(&one).await.ok();
    complete(&one).await.refused_challenge();
    complete(&two).await.refused_challenge();
    place.begin_registration(&invited).await.refused_code();
}

#[tokio::test]
async fn inviting_again_gives_a_new_code_and_ends_the_old_one() {
    let world = World::new().await;
    let place = world.stranger();
    let first = invited(&world).await;
    let challenge = place.begin_registration(&first).await.ok();
    let second = invited(&world).await;
    assert_eq!(first.id, second.id);
    place.begin_registration(&first).await.refused_code();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": Signer::key().create(&challenge) });
    let late = place.bearing(token).post("/auth/registration", &body).await;
    late.refused_challenge();
    place.register(&second, &Signer::key()).await.ok();
}

#[tokio::test]
async fn a_deactivated_user_cannot_register() {
    let world = World::new().await;
    let place = world.stranger();
    let invited = invited(&world).await;
    let challenge = place.begin_registration(&invited).await.ok();
    world.set_user_active(&invited.id, false).await;
    place.begin_registration(&invited).await.refused_code();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let body = json!({ "firstFactorCredential": Signer::key().create(&challenge) });
    let late = place.bearing(token).post("/auth/registration", &body).await;
    late.refused_challenge();
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
async fn an_encrypted_private_key_is_required_of_one_kind_and_optional_for_recovery() {
    let world = World::new().await;
    let place = world.stranger();
    let challenge = place.begin_registration(&invited(&world).await).await.ok();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    let place = place.bearing(token);
    let mut bare = Signer::password_protected_key().create(&challenge);
    bare.as_object_mut().unwrap().remove("encryptedPrivateKey");
    let body = json!({ "firstFactorCredential": bare });
    let refused = place.post("/auth/registration", &body).await;
    refused
        .refused(400, "invalid_field")
        .about("firstFactorCredential.encryptedPrivateKey");
    let mut recovery = Signer::recovery_key().create(&challenge);
    recovery["encryptedPrivateKey"] = json!(ENCRYPTED_PRIVATE_KEY);
    let body = json!({
        "firstFactorCredential": Signer::key().create(&challenge),
        "recoveryCredential": recovery,
    });
    place.post("/auth/registration", &body).await.ok();
}
