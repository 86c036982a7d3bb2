//! What goes out, as snapshots: the exact names that published clients read (API contract §4).

use axum::http::StatusCode;
use latchkey_domain::{
    account_code::AccountCode,
    challenge::{ActionNonce, Purpose},
    credential::CredentialKind,
    credential_code::CodeDigest,
    id::{AccountCodeId, OrganizationId},
    organization::Organization,
    time::Timestamp,
    user::Epoch,
    user_action::Method,
};
use latchkey_service::ports::{
    account_code_store::HeldAccountCode,
    account_store::HeldCredential,
    credential_store::{ChangeError, CreateError},
    directory_store::DirectoryEntries,
};
use serde_json::Value;

use super::{
    samples::{NEW_KEY, NOW, action, all_kinds, application, key, session, tenant, user},
    support::{Answer, World, acting, bearing, json, ok, send},
};

const KEY_FACTOR: &str = r#"{
    "challengeIdentifier": "identifier",
    "firstFactor": {
        "kind": "Key",
        "credentialAssertion": {"credId": "AQ", "clientData": "AQ", "signature": "AQ"}
    }
}"#;

#[tokio::test]
async fn registration_init_gives_a_registration_challenge() {
    let mut world = World::new().signing_challenges();
    world
        .digester
        .expect_digest()
        .withf(|code| code.reveal() == "rc_1")
        .returning(|_| CodeDigest::new([1; 32]));
    world
        .account_codes
        .expect_find()
        .returning(|_, _, kind, _| {
            Ok(Some(HeldAccountCode {
                code: AccountCode {
                    id: AccountCodeId::from_random(&[1; 32]),
                    user: user().id,
                    kind,
                    issued: NOW,
                    expires: Timestamp::from_unix_milliseconds(i64::MAX),
                },
                user: user(),
            }))
        });
    let body = "{\"username\":\"ada@example.com\",\"registrationCode\":\" rc_1 \"}";
    let answer = ok(
        &world.router(),
        json("POST", "/auth/registration/init", body),
    )
    .await;
    insta::assert_json_snapshot!("registration_challenge", answer);
}

#[tokio::test]
async fn registration_gives_the_credential_and_the_user() {
    let purpose = Purpose::Registration {
        user: user().id,
        epoch: Epoch::default(),
        code: AccountCodeId::from_random(&[1; 32]),
    };
    let mut world = World::new().owning(vec![]).reading(purpose);
    world
        .verifier
        .expect_verify_creation()
        .returning(|_, _| Ok(key().material));
    world
        .registrations
        .expect_register()
        .returning(|_, _| Ok(()));
    let body = format!("{{\"firstFactorCredential\":{NEW_KEY}}}");
    let request = bearing(json("POST", "/auth/registration", body));
    insta::assert_json_snapshot!("registered", ok(&world.router(), request).await);
}

#[tokio::test]
async fn login_init_lists_the_usable_credentials_without_private_keys() {
    let world = World::new().owning(all_kinds()).signing_challenges();
    let body = "{\"username\":\"ada@example.com\"}";
    let answer = ok(&world.router(), json("POST", "/auth/login/init", body)).await;
    insta::assert_json_snapshot!("auth_challenge_of_login", answer);
}

#[tokio::test]
async fn login_init_without_a_username_lists_nothing() {
    let world = World::new().signing_challenges();
    let answer = ok(&world.router(), json("POST", "/auth/login/init", "")).await;
    let lists = &answer["allowCredentials"];
    insta::assert_json_snapshot!(lists, @r#"
    {
      "key": [],
      "webauthn": []
    }
    "#);
}

#[tokio::test]
async fn login_gives_a_token() {
    let mut world = World::new().reading(Purpose::Login { user: None });
    world.accounts.expect_find_credential().returning(|_, _| {
        Ok(Some(HeldCredential {
            credential: key(),
            user: user(),
        }))
    });
    world
        .verifier
        .expect_verify_assertion()
        .returning(|_, _, _| Ok(None));
    world.sign_ins.expect_sign_in().returning(|_, _| Ok(()));
    world
        .tokens
        .expect_sign_session()
        .returning(|_| "token".to_owned());
    let answer = ok(&world.router(), json("POST", "/auth/login", KEY_FACTOR)).await;
    insta::assert_json_snapshot!(answer, @r#"
    {
      "token": "token"
    }
    "#);
}

#[tokio::test]
async fn logout_ends_this_session_or_all() {
    for (body, all) in [
        ("", false),
        ("{}", false),
        ("{\"allSessions\":false}", false),
        ("{\"allSessions\":null}", false),
        ("{\"allSessions\":true}", true),
    ] {
        let mut world = World::signed_in();
        world
            .sessions
            .expect_end()
            .times(usize::from(!all))
            .returning(|_| Ok(()));
        world
            .sessions
            .expect_end_all()
            .times(usize::from(all))
            .returning(|_| Ok(()));
        let answer = ok(&world.router(), bearing(json("PUT", "/auth/logout", body))).await;
        assert_eq!(answer, serde_json::json!({"message": "success"}));
    }
}

#[tokio::test]
async fn action_init_gives_private_keys_to_their_owner() {
    let world = World::signed_in().owning(all_kinds()).signing_challenges();
    let body = "{\"userActionHttpMethod\":\"POST\",\"userActionHttpPath\":\"/wallets\"}";
    let request = bearing(json("POST", "/auth/action/init", body));
    let answer = ok(&world.router(), request).await;
    insta::assert_json_snapshot!("auth_challenge_of_action", answer, {
        ".challenge" => "[challenge]",
    });
}

#[tokio::test]
async fn action_gives_a_user_action() {
    let purpose = Purpose::UserAction {
        user: user().id,
        epoch: Epoch::default(),
        session_credential: session().credential,
        action: action(Method::Post, "/wallets", "{}"),
        nonce: ActionNonce::new([1; 16]),
    };
    let mut world = World::signed_in().reading(purpose);
    world.accounts.expect_find_credential().returning(|_, _| {
        Ok(Some(HeldCredential {
            credential: key(),
            user: user(),
        }))
    });
    world
        .verifier
        .expect_verify_assertion()
        .returning(|_, _, _| Ok(None));
    world
        .sign_ins
        .expect_sign_action()
        .returning(|_, _, _| Ok(()));
    world
        .tokens
        .expect_sign_user_action()
        .returning(|_, _| "action".to_owned());
    let request = bearing(json("POST", "/auth/action", KEY_FACTOR));
    let answer = ok(&world.router(), request).await;
    assert_eq!(answer, serde_json::json!({"userAction": "action"}));
}

#[tokio::test]
async fn the_list_has_every_kind() {
    let world = World::signed_in().owning(all_kinds());
    let answer = ok(
        &world.router(),
        bearing(json("GET", "/auth/credentials", "")),
    )
    .await;
    insta::assert_json_snapshot!("credential_list", answer);
}

#[tokio::test]
async fn credentials_init_gives_a_challenge_of_the_kind() {
    for (kind, name) in [
        ("Fido2", "credential_challenge_of_fido2"),
        ("Key", "credential_challenge_of_key"),
    ] {
        let world = World::signed_in().owning(all_kinds()).signing_challenges();
        let body = format!("{{\"kind\":\"{kind}\"}}");
        let request = bearing(json("POST", "/auth/credentials/init", body));
        insta::assert_json_snapshot!(name, ok(&world.router(), request).await);
    }
    let members = |answer: &Value| answer.as_object().unwrap().len();
    for kind in ["PasswordProtectedKey", "RecoveryKey"] {
        let world = World::signed_in().owning(all_kinds()).signing_challenges();
        let body = format!("{{\"credentialKind\":\"{kind}\"}}");
        let request = bearing(json("POST", "/auth/credentials/init", body));
        let answer = ok(&world.router(), request).await;
        assert_eq!((answer["kind"].as_str(), members(&answer)), (Some(kind), 8));
    }
}

fn creating(outcome: fn() -> Result<(), CreateError>) -> World {
    let world = World::with_action(action(Method::Post, "/auth/credentials", NEW_KEY));
    let purpose = Purpose::Credential {
        user: user().id,
        epoch: Epoch::default(),
        session: session().id,
        session_credential: session().credential,
        kind: CredentialKind::Key,
    };
    let mut world = world.reading(purpose);
    world
        .verifier
        .expect_verify_creation()
        .returning(|_, _| Ok(key().material));
    world
        .credentials
        .expect_create()
        .returning(move |_, _| outcome());
    world
}

async fn create(outcome: fn() -> Result<(), CreateError>) -> Answer {
    let request = acting(json("POST", "/auth/credentials", NEW_KEY));
    send(&creating(outcome).router(), request).await
}

#[tokio::test]
async fn a_created_credential_is_given_back() {
    let answer = create(|| Ok(())).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = answer.json();
    assert_eq!(answer["credentialId"], "AQ==");
    assert_eq!(answer["name"], "Phone");
    assert_eq!(answer["dateCreated"], "2026-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn conflicts_of_a_new_credential_are_told() {
    let answer = create(|| Err(CreateError::CredentialIdTaken)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.code(), "credential_id_taken");
    let answer = create(|| Err(CreateError::TooMany)).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert_eq!(answer.code(), "too_many_credentials");
}

#[tokio::test]
async fn credentials_are_activated_and_deactivated() {
    const BODY: &str = "{\"credentialUuid\":\"cr-6b58p-r53sr-rlrd3l5cj3uc4ome\"}";
    for (operation, wanted) in [("activate", true), ("deactivate", false)] {
        let path = format!("/auth/credentials/{operation}");
        let mut world = World::with_action(action(Method::Put, &path, BODY));
        world
            .accounts
            .expect_find_credential()
            .returning(|_, _| Ok(None));
        world
            .credentials
            .expect_set_active()
            .withf(move |_, credential, active, at| {
                credential.as_str() == "cr-6b58p-r53sr-rlrd3l5cj3uc4ome"
                    && *active == wanted
                    && *at == NOW
            })
            .times(1)
            .returning(|_, _, _, _| Ok(()));
        let answer = ok(&world.router(), acting(json("PUT", &path, BODY))).await;
        assert_eq!(answer, serde_json::json!({"message": "success"}));
    }
}

#[tokio::test]
async fn a_deletion_that_cannot_be_is_told() {
    let path = "/auth/credentials/cr-6b58p-r53sr-rlrd3l5cj3uc4ome";
    for (error, status, message) in [
        (ChangeError::NotFound, 404, "credential not found"),
        (
            ChangeError::LastUsable,
            409,
            "the last credential the user can sign in with cannot be removed",
        ),
    ] {
        let mut world = World::with_action(action(Method::Delete, path, "{}"));
        let mut error = Some(error);
        world
            .accounts
            .expect_find_credential()
            .returning(|_, _| Ok(None));
        world
            .credentials
            .expect_delete()
            .returning(move |_, _| Err(error.take().unwrap()));
        let answer = send(&world.router(), acting(json("DELETE", path, ""))).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.message(), message);
    }
}

#[tokio::test]
async fn too_many_attempts_say_when_to_come_back() {
    let mut world = World::new().signing_challenges();
    world.policy.limits.login_inits_per_address = 1;
    let router = world.router();
    ok(&router, json("POST", "/auth/login/init", "")).await;
    let answer = send(&router, json("POST", "/auth/login/init", "")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.code(), "too_many_attempts");
    assert_eq!(answer.header("retry-after"), Some("61"));
}

#[tokio::test]
async fn among_several_organizations_one_must_be_named() {
    let mut world = World::new();
    world.directory.checkpoint();
    world.directory.expect_load().returning(|| {
        Ok(DirectoryEntries {
            organizations: vec![
                tenant(),
                Organization {
                    id: OrganizationId::from_random(&[2; 32]),
                    ..tenant()
                },
            ],
            applications: vec![application()],
        })
    });
    let answer = send(&world.router(), json("POST", "/auth/login/init", "{}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.code(), "organization_required");
    assert_eq!(answer.json()["error"]["details"]["field"], "orgId");
}
