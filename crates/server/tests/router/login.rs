//! Login: a user proves to hold a credential and gets a session.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{
    signed_in::SignedIn,
    signer::{ENCRYPTED_PRIVATE_KEY, Signer},
    world::{ADA, ONE, RIVAL, TWO, World},
};

#[tokio::test]
async fn a_passkey_signs_in_without_a_username() {
    let world = World::new().await;
    let signer = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &signer).await;
    for (place, handle) in [
        (world.stranger().at(ONE), true),
        (world.stranger().at(ONE), false),
        (world.stranger(), true),
    ] {
        let body = json!({ "orgId": world.acme.organization });
        let challenge = place.post("/auth/login/init", &body).await.ok();
        assert_eq!(challenge["allowCredentials"]["webauthn"], json!([]));
        assert_eq!(challenge["allowCredentials"]["key"], json!([]));
        let mut factor = signer.sign(&challenge);
        if !handle {
            factor["credentialAssertion"]["userHandle"] = json!("");
        }
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": factor,
        });
        let answer = place.post("/auth/login", &body).await.ok();
        let again = SignedIn::new(&place, answer["token"].as_str().unwrap(), &signer);
        assert_eq!(again.credentials().await, ada.credentials().await);
    }
}

#[tokio::test]
async fn the_challenge_lists_what_may_sign_it() {
    let world = World::new().await;
    let key = Signer::key();
    let ada = world.member(&world.acme, ADA, &key).await;
    let passkeys = [Signer::passkey(ONE), Signer::passkey(TWO)];
    for passkey in &passkeys {
        let place = world.stranger().at(passkey.origin().unwrap());
        ada.moved_to(&place).create(passkey).await.ok();
        world.wait(Duration::from_millis(1));
    }
    for signer in [Signer::password_protected_key(), Signer::recovery_key()] {
        ada.create(&signer).await.ok();
    }
    let inactive = Signer::key();
    ada.create(&inactive).await.ok();
    ada.deactivate(&ada.uuid_of(&inactive).await).await.ok();

    let descriptor = |signer: &Signer| json!({ "type": "public-key", "id": signer.id() });
    let [one, two] = passkeys.each_ref().map(descriptor);
    for (place, expected) in [
        (world.stranger().at(ONE), json!([one])),
        (world.stranger().at(TWO), json!([two])),
        (world.stranger(), json!([one, two])),
    ] {
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        let allowed = &challenge["allowCredentials"];
        assert_eq!(allowed["webauthn"], expected);
        assert_eq!(allowed["key"], json!([descriptor(&key)]));
        assert_eq!(challenge["externalAuthenticationUrl"], "");
        assert_eq!(challenge["userVerification"], "required");
        assert!(challenge["rp"]["id"].is_string());
        let supported = challenge["supportedCredentialKinds"].as_array().unwrap();
        assert!(!supported.is_empty());
        for kind in supported {
            assert_eq!(kind["requiresSecondFactor"], false);
            assert!(kind["kind"].is_string() && kind["factor"].is_string());
        }
        let text = challenge.to_string();
        assert!(!text.contains(ENCRYPTED_PRIVATE_KEY), "{text}");
        assert!(allowed.get("passwordProtectedKey").is_none());
    }
}

#[tokio::test]
async fn the_transports_of_a_passkey_are_kept_and_sent_back_where_it_is_listed() {
    let world = World::new().await;
    let ada = world.member(&world.acme, ADA, &Signer::key()).await;
    let here = ada.moved_to(&world.stranger().at(ONE));
    let passkeys = [Signer::passkey(ONE), Signer::passkey(ONE)];
    // The second one's client says nothing, as those do that were there before.
    let sent = [Some(json!(["usb", "internal", "of-tomorrow"])), None];
    for (passkey, transports) in passkeys.iter().zip(sent) {
        let challenge = here.begin_credential("Fido2").await.ok();
        let mut body = passkey.named_credential(&challenge, "A passkey");
        if let Some(transports) = transports {
            body["credentialInfo"]["transports"] = transports;
        }
        let made = here.signed(Method::POST, "/auth/credentials", Some(&body));
        made.await.ok();
        world.wait(Duration::from_millis(1));
    }
    let [one, two] = passkeys.each_ref().map(|signer| {
        let id = signer.id();
        json!({ "type": "public-key", "id": id })
    });
    let mut known = one;
    known["transports"] = json!(["internal", "usb"]);
    let expected = json!([known, two]);
    let login = here.place().begin_login(&world.acme, ADA).await.ok();
    assert_eq!(login["allowCredentials"]["webauthn"], expected);
    let action = here.begin_action("POST", "/x", "").await.ok();
    assert_eq!(action["allowCredentials"]["webauthn"], expected);
    let challenge = here.begin_credential("Fido2").await.ok();
    assert_eq!(challenge["excludeCredentials"], expected);
}

#[tokio::test]
async fn an_unknown_user_looks_like_one_without_a_usable_credential() {
    let world = World::new().await;
    world.invite(&world.acme, "invited@example.com").await;
    let gone = world
        .member(&world.acme, "gone@example.com", &Signer::key())
        .await;
    let challenge = world
        .stranger()
        .begin_login(&world.acme, "gone@example.com")
        .await
        .ok();
    world.set_user_active(&gone.user_id().await, false).await;
    world.warm().await;

    let mut seen = Vec::new();
    for username in [
        "nobody@example.com",
        "invited@example.com",
        "gone@example.com",
    ] {
        let place = world.stranger();
        let (answer, cost) = world.cost(place.begin_login(&world.acme, username)).await;
        answer.refused(401, "no_usable_credential");
        assert_eq!((cost.reads, cost.write_transactions), (1, 0), "{username}");
        seen.push(answer.fingerprint());
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let late = world
        .stranger()
        .complete_login(&challenge, &gone.signer)
        .await;
    late.refused_challenge();
}

#[tokio::test]
async fn without_a_username_unknown_inactive_and_foreign_credentials_look_and_cost_the_same() {
    for is_passkey in [false, true] {
        let signer = |origin| {
            if is_passkey {
                Signer::passkey(origin)
            } else {
                Signer::key()
            }
        };
        let world = World::new().await;
        let [known, inactive, forger] = [signer(ONE), signer(ONE), signer(ONE)];
        let foreign = signer(RIVAL);
        let ada = world.member(&world.acme, ADA, &known).await;
        ada.create(&inactive).await.ok();
        let uuid = ada.uuid_of(&inactive).await;
        ada.deactivate(&uuid).await.ok();
        world.member(&world.acme, "eve@example.com", &forger).await;
        world.member(&world.rival, ADA, &foreign).await;

        let place = world.stranger();
        let init = json!({ "orgId": world.acme.organization });
        let challenge = place.post("/auth/login/init", &init).await.ok();
        world.warm().await;
        let mut seen = Vec::new();
        // Whoever tries knows ids of credentials at most, and signs with a key of their own.
        for claimed in [known.id(), inactive.id(), foreign.id(), "AQIDBAUGBwg"] {
            let mut factor = forger.sign(&challenge);
            factor["credentialAssertion"]["credId"] = claimed.into();
            let body = json!({
                "challengeIdentifier": challenge["challengeIdentifier"],
                "firstFactor": factor,
            });
            let (answer, cost) = world.cost(place.post("/auth/login", &body)).await;
            answer.refused(401, "no_usable_credential");
            assert_eq!((cost.reads, cost.write_transactions), (1, 0));
            seen.push(answer.fingerprint());
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:#?}");
        place.complete_login(&challenge, &known).await.ok();
    }
}

/// As a first factor and as a second one, with client data of another challenge too.
#[tokio::test]
async fn with_a_username_unknown_inactive_and_foreign_credentials_look_and_cost_the_same() {
    for is_passkey in [false, true] {
        let signer = |origin| {
            if is_passkey {
                Signer::passkey(origin)
            } else {
                Signer::key()
            }
        };
        let world = World::new().await;
        let [known, inactive, forger] = [signer(ONE), signer(ONE), signer(ONE)];
        let foreign = signer(RIVAL);
        let ada = world.member(&world.acme, ADA, &known).await;
        ada.create(&inactive).await.ok();
        ada.deactivate(&ada.uuid_of(&inactive).await).await.ok();
        world.member(&world.acme, "eve@example.com", &forger).await;
        world.member(&world.rival, ADA, &foreign).await;

        let place = world.stranger();
        let challenge = place.begin_login(&world.acme, ADA).await.ok();
        let action = ada.begin_action("POST", "/x", "").await.ok();
        world.warm().await;
        for (begun, path, place, reads) in [
            (&challenge, "/auth/login", &place, [1, 2]),
            // The first factor is the session's own credential.
            (&action, "/auth/action", &ada.place(), [2, 2]),
        ] {
            let other = other_challenge(begun);
            for (is_second, signed) in [(false, begun), (false, &other), (true, begun)] {
                let mut seen = Vec::new();
                for claimed in [inactive.id(), forger.id(), foreign.id(), "AQIDBAUGBwg"] {
                    let mut factor = forger.sign(signed);
                    factor["credentialAssertion"]["credId"] = claimed.into();
                    let mut body = json!({ "challengeIdentifier": begun["challengeIdentifier"] });
                    if is_second {
                        body["firstFactor"] = known.sign(begun);
                        body["secondFactor"] = factor;
                    } else {
                        body["firstFactor"] = factor;
                    }
                    let (answer, cost) = world.cost(place.post(path, &body)).await;
                    answer.refused(401, "no_usable_credential");
                    let reads = reads[usize::from(is_second)];
                    assert_eq!((cost.reads, cost.write_transactions), (reads, 0));
                    seen.push(answer.fingerprint());
                }
                seen.dedup();
                assert_eq!(seen.len(), 1, "{seen:#?}");
            }
        }
        // Who has its key learns that it is of no use, and goes on with another one.
        let late = place.complete_login(&challenge, &inactive).await;
        late.refused_challenge();
        place.complete_login(&challenge, &known).await.ok();
    }
}

/// A passkey of another page, and a key whose private half nobody asked for with a code: with a username, and
/// the passkey where somebody signed in signs an action.
#[tokio::test]
async fn what_a_challenge_does_not_list_looks_and_costs_like_what_is_not_there() {
    let world = World::new().await;
    let known = Signer::key();
    let ada = world.member(&world.acme, ADA, &known).await;
    let [elsewhere, protected] = [Signer::passkey(TWO), Signer::password_protected_key()];
    let two = world.stranger().at(TWO);
    ada.moved_to(&two).create(&elsewhere).await.ok();
    ada.create(&protected).await.ok();

    let place = world.stranger().at(ONE);
    let ada = ada.moved_to(&place);
    let login = place.begin_login(&world.acme, ADA).await.ok();
    let action = ada.begin_action("POST", "/x", "").await.ok();
    world.warm().await;
    for (begun, path, place, reads, unlisted, forger) in [
        (
            &login,
            "/auth/login",
            &place,
            [1, 2],
            &elsewhere,
            Signer::passkey(ONE),
        ),
        (
            &login,
            "/auth/login",
            &place,
            [1, 2],
            &protected,
            Signer::password_protected_key(),
        ),
        (
            &action,
            "/auth/action",
            &ada.place(),
            [2, 2],
            &elsewhere,
            Signer::passkey(ONE),
        ),
    ] {
        assert!(!begun.to_string().contains(unlisted.id()), "{begun}");
        let other = other_challenge(begun);
        for (is_second, signed) in [(false, begun), (false, &other), (true, begun)] {
            let mut seen = Vec::new();
            for claimed in [unlisted.id(), "AQIDBAUGBwg"] {
                let mut factor = forger.sign(signed);
                factor["credentialAssertion"]["credId"] = claimed.into();
                let mut body = json!({ "challengeIdentifier": begun["challengeIdentifier"] });
                if is_second {
                    body["firstFactor"] = known.sign(begun);
                    body["secondFactor"] = factor;
                } else {
                    body["firstFactor"] = factor;
                }
                let (answer, cost) = world.cost(place.post(path, &body)).await;
                answer.refused(401, "no_usable_credential");
                let reads = reads[usize::from(is_second)];
                assert_eq!((cost.reads, cost.write_transactions), (reads, 0));
                seen.push(answer.fingerprint());
            }
            seen.dedup();
            assert_eq!(seen.len(), 1, "{seen:#?}");
        }
    }
    // Who is signed in is shown the key, and told what is wrong with a proof of it.
    let mut factor = Signer::password_protected_key().sign(&action);
    factor["credentialAssertion"]["credId"] = protected.id().into();
    let body = json!({
        "challengeIdentifier": action["challengeIdentifier"],
        "firstFactor": factor,
    });
    let untrue = ada.place().post("/auth/action", &body).await;
    untrue.refused(401, "factor_refused");
    // A true proof is as good as ever.
    place.complete_login(&login, &protected).await.ok();
}

/// The same challenge with another text.
fn other_challenge(challenge: &Value) -> Value {
    let mut other = challenge.clone();
    other["challenge"] = json!("Y2gtYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYQ");
    other
}

#[tokio::test]
async fn a_second_factor_is_verified_when_it_is_sent() {
    let world = World::new().await;
    let passkey = Signer::passkey(ONE);
    let ada = world.member(&world.acme, ADA, &passkey).await;
    let key = Signer::key();
    ada.create(&key).await.ok();
    let bob = world
        .member(&world.acme, "bob@example.com", &Signer::key())
        .await;
    let place = ada.stranger.clone();
    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    let answer = async |first: Value, second: Value| {
        let body = json!({
            "challengeIdentifier": challenge["challengeIdentifier"],
            "firstFactor": first,
            "secondFactor": second,
        });
        place.post("/auth/login", &body).await
    };
    let good = || passkey.sign(&challenge);
    let refused = answer(good(), key.sign(&other_challenge(&challenge))).await;
    refused
        .refused(401, "factor_refused")
        .about("secondFactor.credentialAssertion");
    let refused = answer(good(), bob.signer.sign(&challenge)).await;
    refused.refused(401, "no_usable_credential");
    let refused = answer(good(), Signer::key().sign(&challenge)).await;
    refused.refused(401, "no_usable_credential");
    answer(good(), key.sign(&challenge)).await.ok();
}

#[tokio::test]
async fn a_session_ends_with_either_of_its_factors() {
    let world = World::new().await;
    let ada = world.ada().await;
    let [first, second] = [Signer::key(), Signer::key()];
    for signer in [&first, &second] {
        ada.create(signer).await.ok();
    }
    let place = world.stranger();
    let challenge = place.begin_login(&world.acme, ADA).await.ok();
    let body = json!({
        "challengeIdentifier": challenge["challengeIdentifier"],
        "firstFactor": first.sign(&challenge),
        "secondFactor": second.sign(&challenge),
    });
    let answer = place.post("/auth/login", &body).await.ok();
    let both = SignedIn::new(&place, answer["token"].as_str().unwrap(), &first);
    assert!(both.is_signed_in().await);
    ada.deactivate(&ada.uuid_of(&first).await).await.ok();
    assert!(!both.is_signed_in().await);
}
