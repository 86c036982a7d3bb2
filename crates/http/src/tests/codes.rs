//! What goes out of the calls of Create Credential With Code.

use axum::http::StatusCode;
use latchkey_domain::{
    challenge::Purpose,
    credential::CredentialKind,
    credential_code::{Claim, CodeDigest, CodeState, CredentialCode},
    id::{ChallengeId, CredentialCodeId, CredentialUuid},
    time::Timestamp,
    user::Epoch,
    user_action::Method,
};
use latchkey_service::ports::credential_code_store::HeldCode;

use super::{
    samples::{NEW_KEY, NOW, action, all_kinds, application, key, organization, session, user},
    support::{Answer, World, acting, bearing, json, ok, send},
};

async fn issue(body: &'static str) -> Answer {
    let mut world = World::with_action(action(Method::Post, "/auth/credentials/code", body));
    world
        .digester
        .expect_digest()
        .returning(|_| CodeDigest::new([1; 32]));
    world.codes.expect_issue().returning(|_, _| Ok(()));
    let request = acting(json("POST", "/auth/credentials/code", body));
    send(&world.router(), request).await
}

#[tokio::test]
async fn a_code_has_two_forms() {
    let answer = issue("{\"expiration\":\"2026-01-01T00:00:30.5Z\"}").await;
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "code": "HHH-HHH-HHH",
      "expiration": "2026-01-01T00:00:30.500Z",
      "longCode": "cc_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"
    }
    "#);
    let answer = issue("{\"expiration\":1767225665,\"longOnly\":true}").await;
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "code": "cc_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
      "expiration": "2026-01-01T00:01:00.000Z"
    }
    "#);
}

#[tokio::test]
async fn an_expiration_out_of_bounds_is_told() {
    for (body, message) in [
        (
            "{\"expiration\":1767225666}",
            "expiration must be at most one minute ahead",
        ),
        (
            "{\"expiration\":1767225600}",
            "expiration must be in the future",
        ),
        ("{\"expiration\":-1}", "expiration must be in the future"),
        (
            "{\"expiration\":18446744073709551615}",
            "expiration must be at most one minute ahead",
        ),
    ] {
        let answer = issue(body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.code(), "invalid_expiration");
        assert_eq!(answer.message(), message);
    }
}

fn code(state: CodeState) -> CredentialCode {
    CredentialCode {
        id: CredentialCodeId::from_random(&[1; 32]),
        organization: organization(),
        user: user().id,
        epoch: Epoch::default(),
        issuer: key().uuid,
        session: session().id,
        issued: NOW,
        expires: Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + 60_000),
        state,
    }
}

fn claim() -> Claim {
    Claim {
        date: NOW,
        origin: None,
        address: "203.0.113.9".parse().unwrap(),
        challenge: ChallengeId::from_random(&[1; 32]),
        expires: Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + 300_000),
    }
}

async fn newest(state: Option<CodeState>) -> Answer {
    let mut world = World::signed_in();
    world
        .codes
        .expect_newest()
        .returning(move |_| Ok(state.clone().map(code)));
    let request = bearing(json("GET", "/auth/credentials/code", ""));
    send(&world.router(), request).await
}

#[tokio::test]
async fn the_newest_code_tells_how_far_it_has_come() {
    let answer = newest(Some(CodeState::Issued)).await;
    insta::assert_json_snapshot!(answer.json(), @r#"
    {
      "dateIssued": "2026-01-01T00:00:00.000Z",
      "expiration": "2026-01-01T00:01:00.000Z",
      "state": "Issued"
    }
    "#);
    let answer = newest(Some(CodeState::Redeemed {
        claim: Claim {
            origin: claim_origin(),
            ..claim()
        },
        credential: CredentialUuid::from_random(&[1; 32]),
        wait: None,
    }))
    .await;
    insta::assert_json_snapshot!("redeemed_code", answer.json());
    let answer = newest(Some(CodeState::Claimed(claim()))).await.json();
    assert_eq!(answer["state"], "Claimed");
    assert_eq!(answer["claim"]["origin"], "");
    let answer = newest(Some(CodeState::Cancelled { claim: None })).await;
    assert_eq!(answer.json()["state"], "Cancelled");
}

fn claim_origin() -> Option<latchkey_domain::application::Origin> {
    application().relying_party.origins().first().cloned()
}

#[tokio::test]
async fn without_a_code_there_is_none() {
    let answer = newest(None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.code(), "code_not_found");
}

#[tokio::test]
async fn a_code_is_cancelled_without_a_user_action() {
    let mut world = World::signed_in();
    world
        .codes
        .expect_cancel_all()
        .times(1)
        .returning(|_| Ok(()));
    let request = bearing(json("DELETE", "/auth/credentials/code", ""));
    let answer = ok(&world.router(), request).await;
    assert_eq!(answer, serde_json::json!({"message": "success"}));
}

#[tokio::test]
async fn code_init_gives_the_same_challenge_as_credentials_init() {
    let mut world = World::new().owning(all_kinds()).signing_challenges();
    world
        .digester
        .expect_digest()
        .withf(|code| code.reveal() == "ABC-DEF-GHJ")
        .returning(|_| CodeDigest::new([1; 32]));
    world.codes.expect_find().returning(|_| {
        Ok(Some(HeldCode {
            code: code(CodeState::Issued),
            user: user(),
        }))
    });
    world.codes.expect_claim().times(1).returning(|_| Ok(()));
    let body = "{\"code\":\"abc def ghj\",\"kind\":\"Fido2\",\"username\":\"Ada@Example.com\"}";
    let request = json("POST", "/auth/credentials/code/init", body);
    let answer = ok(&world.router(), request).await;
    insta::assert_json_snapshot!("credential_challenge_of_fido2", answer);
}

#[tokio::test]
async fn code_verify_gives_the_credential() {
    let purpose = Purpose::CredentialWithCode {
        user: user().id,
        epoch: Epoch::default(),
        code: CredentialCodeId::from_random(&[1; 32]),
        issuer: key().uuid,
        kind: CredentialKind::Key,
    };
    let mut world = World::new().reading(purpose);
    world
        .verifier
        .expect_verify_creation()
        .returning(|_, _| Ok(key().material));
    world
        .codes
        .expect_redeem()
        .times(1)
        .returning(|_, _, _| Ok(()));
    let request = json("POST", "/auth/credentials/code/verify", NEW_KEY);
    let answer = ok(&world.router(), request).await;
    insta::assert_json_snapshot!("credential", answer);
}

#[tokio::test]
async fn a_wrong_code_is_told_as_every_other_one() {
    let mut world = World::new();
    world
        .digester
        .expect_digest()
        .returning(|_| CodeDigest::new([1; 32]));
    world.codes.expect_find().returning(|_| Ok(None));
    let body = "{\"code\":\"\u{0}🔑\",\"credentialKind\":\"Key\"}".replace('\u{0}', "\\u0000");
    let request = json("POST", "/auth/credentials/code/init", body);
    let answer = send(&world.router(), request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.message(), "Invalid code");
    assert_eq!(answer.code(), "invalid_code");
}
