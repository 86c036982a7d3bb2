//! Tokens carry facts and give them back, and say to others what others read.

use std::{collections::BTreeSet, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use latchkey_crypto::{
    secrets::{PUBLISHED_AFTER, PUBLISHED_BEFORE, Secrets},
    tokens::SignedTokens,
};
use latchkey_domain::{
    application::RpId,
    approval::ApprovalTicket,
    challenge::{
        ActionNonce, Challenge, ChallengeText,
        purpose::{self, Purpose, SessionSigner},
    },
    credential::{
        CredentialId, CredentialKind,
        key::PublicKey,
        signer::{PasskeyKey, SignerKey},
    },
    id::{
        AccountCodeId, ApplicationId, ChallengeId, CredentialCodeId, CredentialUuid,
        InstallationId, OrganizationId, TokenId, UserActionId, UserId,
    },
    session::Session,
    text::{CredentialName, Username},
    time::Timestamp,
    user::{Epoch, UserKind},
    user_action::{ActionPath, Method, PayloadDigest, SignedUserAction, UserAction},
};
use latchkey_service::ports::tokens::{InvalidToken, Tokens as _};
use latchkey_testkit::entropy::SeededEntropy;
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-11-22T19:00:00.250Z
pub(crate) const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_795_374_000_250);

pub(crate) fn later(milliseconds: u64) -> Timestamp {
    NOW.plus(Duration::from_millis(milliseconds))
}

pub(crate) fn secrets(seed: u64) -> Secrets {
    Secrets::generate(&SeededEntropy::new(seed), NOW).unwrap()
}

pub(crate) fn installation(number: u8) -> InstallationId {
    InstallationId::from_random(&[number; 32])
}

pub(crate) fn tokens() -> SignedTokens {
    SignedTokens::new(&secrets(1), &installation(1))
}

pub(crate) fn ticket() -> ApprovalTicket {
    ApprovalTicket {
        code: CredentialCodeId::from_random(&[6; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        user: UserId::from_random(&[4; 32]),
        expires: later(600_000),
    }
}

#[test]
fn an_approval_token_gives_its_ticket_back_until_it_expires() {
    let token = tokens().sign_approval(&ticket(), NOW);
    assert_eq!(tokens().read_approval(&token, NOW), Ok(ticket()));
    assert_eq!(tokens().read_approval(&token, later(599_999)), Ok(ticket()));
    let late = tokens().read_approval(&token, later(600_000));
    assert_eq!(late, Err(InvalidToken));
}

pub(crate) fn session() -> Session {
    Session {
        id: TokenId::from_random(&[2; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        user: UserId::from_random(&[4; 32]),
        username: Username::new("Zoë@example.com 😀").unwrap(),
        user_kind: UserKind::EndUser,
        epoch: Epoch::new(7),
        credential: CredentialUuid::from_random(&[5; 32]),
        credential_kind: Some(CredentialKind::Fido2),
        application: Some(ApplicationId::from_random(&[9; 32])),
        issued: NOW,
        expires: later(1_999),
    }
}

fn action(path: &str) -> UserAction {
    UserAction {
        method: Method::Delete,
        path: ActionPath::parse(path).unwrap(),
        payload: PayloadDigest::new([6; 32]),
    }
}

pub(crate) fn user_action() -> SignedUserAction {
    SignedUserAction {
        id: UserActionId::from_random(&[2; 32]),
        organization: OrganizationId::from_random(&[3; 32]),
        user: UserId::from_random(&[4; 32]),
        epoch: Epoch::new(-7),
        signers: vec![
            CredentialUuid::from_random(&[5; 32]),
            CredentialUuid::from_random(&[6; 32]),
        ],
        action: action("/auth/crédentials/😀?a=b"),
        issued: NOW,
        expires: later(1_999),
    }
}

/// The purpose of an action's challenge that says what the session's credential signs with, or does not say it.
pub(crate) fn user_action_by(key: Option<SignerKey>) -> purpose::UserAction {
    purpose::UserAction {
        user: UserId::from_random(&[4; 32]),
        epoch: Epoch::new(7),
        session_credential: CredentialUuid::from_random(&[5; 32]),
        action: action("/auth/users?limit=1"),
        nonce: ActionNonce::new([8; 16]),
        signer: key.map(|key| SessionSigner {
            id: CredentialId::new("AQID 字=").unwrap(),
            key,
        }),
    }
}

fn purposes() -> Vec<Purpose> {
    let user = UserId::from_random(&[4; 32]);
    let epoch = Epoch::new(7);
    let cr = CredentialUuid::from_random(&[5; 32]);
    let key = PublicKey::from_spki_der(vec![9; 158]);
    vec![
        purpose::Registration {
            user: user.clone(),
            epoch,
            code: AccountCodeId::from_random(&[6; 32]),
        }
        .into(),
        purpose::Login::default().into(),
        purpose::Login {
            user: Some(user.clone()),
            epoch: Some(epoch),
        }
        .into(),
        // Of an earlier release.
        purpose::Login {
            user: Some(user.clone()),
            epoch: None,
        }
        .into(),
        user_action_by(None).into(),
        user_action_by(Some(SignerKey::Fido2(PasskeyKey {
            public_key: PublicKey::from_spki_der(vec![7; 91]),
            rp_id: RpId::new("example.com").unwrap(),
            sign_count: u32::MAX,
            backup_eligible: true,
        })))
        .into(),
        user_action_by(Some(SignerKey::Key(key.clone()))).into(),
        user_action_by(Some(SignerKey::PasswordProtectedKey(key))).into(),
        purpose::Credential {
            user: user.clone(),
            epoch,
            session: TokenId::from_random(&[6; 32]),
            session_credential: cr.clone(),
            kind: CredentialKind::RecoveryKey,
        }
        .into(),
        purpose::CredentialWithCode {
            user: user.clone(),
            epoch,
            code: CredentialCodeId::from_random(&[6; 32]),
            issuer: cr.clone(),
            kind: CredentialKind::Fido2,
            name: Some(CredentialName::new("My phone").unwrap()),
        }
        .into(),
        purpose::Recovery {
            user,
            epoch,
            credential: cr,
        }
        .into(),
    ]
}

pub(crate) fn challenges() -> Vec<Challenge> {
    purposes()
        .into_iter()
        .zip(
            [None, Some(ApplicationId::from_random(&[9; 32]))]
                .into_iter()
                .cycle(),
        )
        .map(|(purpose, application)| Challenge {
            id: ChallengeId::from_random(&[2; 32]),
            text: ChallengeText::from_random(&[1; 32]),
            organization: OrganizationId::from_random(&[3; 32]),
            application,
            purpose,
            issued: NOW,
            expires: later(1_999),
        })
        .collect()
}

/// The three parts of a token; the first two decoded.
pub(crate) fn parts(token: &str) -> (Value, Value, String) {
    let mut parts = token.split('.');
    let mut next = || parts.next().unwrap();
    let json = |text: &str| {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    (json(next()), json(next()), next().to_owned())
}

#[test]
fn challenges_of_every_purpose_are_read_back() {
    for challenge in challenges() {
        let token = tokens().sign_challenge(&challenge);
        assert_eq!(tokens().read_challenge(&token, NOW), Ok(challenge));
    }
}

/// Whoever names a user has a challenge to sign in: the user's epoch would tell what happened to the user.
#[test]
fn a_challenge_tells_nobody_what_it_is_for() {
    for challenge in challenges() {
        let (_, claims, _) = parts(&tokens().sign_challenge(&challenge));
        let sealed = claims["sealed"].as_str().unwrap();
        let sealed = BASE64URL_NOPAD.decode(sealed.as_bytes()).unwrap();
        let shown = format!("{claims} {}", String::from_utf8_lossy(&sealed));
        for told in ["epoch", "ceremony", "cr-", "purpose"] {
            assert!(!shown.contains(told), "{told} in {shown}");
        }
    }
}

fn epoch_of(purpose: &mut Purpose) -> Option<&mut Epoch> {
    match purpose {
        Purpose::Registration(it) => Some(&mut it.epoch),
        Purpose::Login(it) => it.epoch.as_mut(),
        Purpose::UserAction(it) => Some(&mut it.epoch),
        Purpose::Credential(it) => Some(&mut it.epoch),
        Purpose::CredentialWithCode(it) => Some(&mut it.epoch),
        Purpose::Recovery(it) => Some(&mut it.epoch),
    }
}

#[test]
fn the_length_of_a_challenge_does_not_tell_the_epoch() {
    for mut challenge in challenges() {
        let mut lengths = BTreeSet::new();
        for epoch in [0, 9, 10, 99, 100, 999_999, i64::MAX] {
            if let Some(of_user) = epoch_of(&mut challenge.purpose) {
                *of_user = Epoch::new(epoch);
            }
            let token = tokens().sign_challenge(&challenge);
            assert!(tokens().read_challenge(&token, NOW).is_ok());
            lengths.insert(token.len());
        }
        assert_eq!(lengths.len(), 1, "{lengths:?} {:?}", challenge.purpose);
    }
}

#[test]
fn sessions_are_read_back() {
    let token = tokens().sign_session(&session());
    assert_eq!(tokens().read_session(&token, NOW), Ok(session()));
}

#[test]
fn user_actions_are_read_back() {
    let token = tokens().sign_user_action(&user_action());
    assert_eq!(tokens().read_user_action(&token, NOW), Ok(user_action()));
}

#[test]
fn tokens_are_void_from_the_millisecond_of_their_expiry_on() {
    let tokens = tokens();
    let challenge = challenges().remove(0);
    let challenge = tokens.sign_challenge(&challenge);
    let session = tokens.sign_session(&session());
    let action = tokens.sign_user_action(&user_action());
    assert!(tokens.read_challenge(&challenge, later(1_998)).is_ok());
    assert!(tokens.read_session(&session, later(1_998)).is_ok());
    assert!(tokens.read_user_action(&action, later(1_998)).is_ok());
    for late in [later(1_999), later(2_000), later(u64::MAX)] {
        assert_eq!(tokens.read_challenge(&challenge, late), Err(InvalidToken));
        assert_eq!(tokens.read_session(&session, late), Err(InvalidToken));
        assert_eq!(tokens.read_user_action(&action, late), Err(InvalidToken));
    }
}

#[test]
fn a_token_from_a_replica_whose_clock_is_ahead_is_accepted() {
    let token = tokens().sign_session(&session());
    assert!(
        tokens()
            .read_session(&token, NOW.minus(Duration::from_mins(1)))
            .is_ok()
    );
}

#[test]
fn each_type_says_what_it_is() {
    let tokens = tokens();
    let (public, own) = (("ES256", tokens_kid()), ("HS256", json!("own")));
    for (token, kind, (algorithm, kid)) in [
        (
            tokens.sign_challenge(&challenges()[0]),
            "latchkey-challenge+jwt",
            &own,
        ),
        (
            tokens.sign_approval(&ticket(), NOW),
            "latchkey-approval+jwt",
            &own,
        ),
        (
            tokens.sign_session(&session()),
            "latchkey-session+jwt",
            &public,
        ),
        (
            tokens.sign_user_action(&user_action()),
            "latchkey-user-action+jwt",
            &public,
        ),
    ] {
        let (header, claims, _) = parts(&token);
        assert_eq!(header, json!({"typ": kind, "alg": algorithm, "kid": kid}));
        assert_eq!(claims["iss"], json!(installation(1).as_str()));
        assert_eq!(claims["aud"], json!(installation(1).as_str()));
    }
}

fn tokens_kid() -> Value {
    let jwks: Value = serde_json::from_str(&tokens().jwks()).unwrap();
    jwks["keys"][0]["kid"].clone()
}

#[test]
fn published_clients_find_the_claims_they_read() {
    let token = tokens().sign_session(&session());
    let (_, claims, _) = parts(&token);
    let session = session();
    let metadata = json!({
        "orgId": session.organization.as_str(),
        "userId": session.user.as_str(),
        "tokenId": session.id.as_str(),
    });
    assert_eq!(claims["https://custom/app_metadata"], metadata);
    assert_eq!(
        claims["https://custom/username"],
        json!("Zoë@example.com 😀")
    );
    assert_eq!(claims["sub"], json!(session.user.as_str()));
    assert_eq!(claims["jti"], json!(session.id.as_str()));
    assert_eq!(claims["kind"], json!("Token"));
    assert_eq!(claims["permissions"], json!([]));
    assert_eq!(claims["iat"], json!(1_795_374_000));
    assert_eq!(claims["nbf"], claims["iat"]);
}

#[test]
fn a_session_names_the_application_that_was_signed_in_at_and_the_kind_of_the_credential() {
    let (_, claims, _) = parts(&tokens().sign_session(&session()));
    let application = session().application.unwrap();
    assert_eq!(claims["azp"], json!(application.as_str()));
    assert_eq!(claims["credentialKind"], json!("Fido2"));
}

#[test]
fn a_session_that_names_neither_is_read_as_those_of_an_earlier_release_are() {
    let bare = Session {
        application: None,
        credential_kind: None,
        ..session()
    };
    let token = tokens().sign_session(&bare);
    let (_, claims, _) = parts(&token);
    for name in ["azp", "credentialKind"] {
        assert_eq!(claims.get(name), None, "{name}");
    }
    assert_eq!(tokens().read_session(&token, NOW), Ok(bare));
}

#[test]
fn every_claim_that_others_read_is_documented() {
    let documentation = include_str!("../../../../docs/tokens.md");
    for token in [
        tokens().sign_session(&session()),
        tokens().sign_user_action(&user_action()),
    ] {
        let (head, claims, _) = parts(&token);
        let kind = head["typ"].as_str().unwrap();
        let names = claims.as_object().unwrap().keys().map(String::as_str);
        for name in names.chain([kind]) {
            assert!(documentation.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn exp_is_never_later_than_the_expiry() {
    // 250 ms and 1999 ms after a full second.
    let (_, claims, _) = parts(&tokens().sign_session(&session()));
    assert_eq!(claims["exp"], json!(1_795_374_002));
    assert!(1_795_374_002_000 <= session().expires.unix_milliseconds());
}

#[test]
fn payloads_are_plain_ascii() {
    let tokens = tokens();
    for token in [
        tokens.sign_session(&session()),
        tokens.sign_user_action(&user_action()),
    ] {
        let payload = token.split('.').nth(1).unwrap();
        let json = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
        assert!(json.is_ascii());
    }
}

#[test]
fn other_services_can_verify_by_the_key_set() {
    let tokens = tokens();
    let jwks: JwkSet = serde_json::from_str(&tokens.jwks()).unwrap();
    for token in [
        tokens.sign_session(&session()),
        tokens.sign_user_action(&user_action()),
    ] {
        let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
        let key = DecodingKey::from_jwk(jwks.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[installation(1)]);
        validation.set_audience(&[installation(1)]);
        validation.validate_exp = false;
        let read = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
        assert_eq!(read.claims["sub"], json!(session().user.as_str()));
    }
}

#[test]
fn rotating_the_keys_leaves_what_we_alone_read_as_it_was() {
    let entropy = SeededEntropy::new(4);
    let old = Secrets::generate(&entropy, NOW).unwrap();
    let before = SignedTokens::new(&old, &installation(1));
    let challenge = challenges().remove(0);
    let identifier = before.sign_challenge(&challenge);
    let approval = before.sign_approval(&ticket(), NOW);
    let rotated = old
        .with_next_key(&entropy, NOW)
        .and_then(|secrets| secrets.signing_with_next_key(later(1), Duration::ZERO))
        .and_then(|secrets| secrets.without_retired_keys(later(2), Duration::ZERO))
        .unwrap();
    let after = SignedTokens::new(&rotated, &installation(1));
    assert_eq!(after.sign_challenge(&challenge), identifier);
    assert_eq!(after.read_challenge(&identifier, NOW), Ok(challenge));
    assert_eq!(after.read_approval(&approval, NOW), Ok(ticket()));

    let replaced = rotated.replaced(&entropy, NOW).unwrap();
    let replaced = SignedTokens::new(&replaced, &installation(1));
    let refused = replaced.read_challenge(&identifier, NOW);
    assert_eq!(refused, Err(InvalidToken));
    let refused = replaced.read_approval(&approval, NOW);
    assert_eq!(refused, Err(InvalidToken));
}

#[test]
fn a_session_that_was_verified_is_the_same_until_it_expires_and_no_other_token_is() {
    let tokens = tokens();
    let token = tokens.sign_session(&session());
    for _ in 0..3 {
        assert_eq!(tokens.read_session(&token, NOW), Ok(session()));
        assert_eq!(tokens.read_challenge(&token, NOW), Err(InvalidToken));
        assert_eq!(tokens.read_user_action(&token, NOW), Err(InvalidToken));
        assert_eq!(tokens.read_approval(&token, NOW), Err(InvalidToken));
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            let refused = tokens.read_session(&changed, NOW);
            assert_eq!(refused, Err(InvalidToken), "character {index}");
        }
    }
    assert!(tokens.read_session(&token, later(1_998)).is_ok());
    for moment in [later(1_999), later(u64::MAX), later(1_999)] {
        assert_eq!(tokens.read_session(&token, moment), Err(InvalidToken));
    }
}

#[test]
fn the_key_set_holds_public_keys_alone() {
    let jwks: Value = serde_json::from_str(&tokens().jwks()).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let mut names: Vec<&String> = keys[0].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(keys[0]["use"], json!("sig"));
}

#[test]
fn tokens_of_a_retired_key_are_accepted_and_its_public_key_published() {
    let entropy = SeededEntropy::new(2);
    let old = Secrets::generate(&entropy, NOW).unwrap();
    let before = SignedTokens::new(&old, &installation(1));
    let token = before.sign_session(&session());
    let published = old.with_next_key(&entropy, later(1)).unwrap();
    let new = published
        .signing_with_next_key(later(1), Duration::ZERO)
        .unwrap();
    let after = SignedTokens::new(&new, &installation(1));

    assert_eq!(after.read_session(&token, NOW), Ok(session()));
    let jwks: JwkSet = serde_json::from_str(&after.jwks()).unwrap();
    assert_eq!(jwks.keys.len(), 2);

    let newer = after.sign_session(&session());
    assert_ne!(parts(&newer).0["kid"], parts(&token).0["kid"]);
    assert_eq!(after.read_session(&newer, NOW), Ok(session()));
    assert_eq!(before.read_session(&newer, NOW), Err(InvalidToken));
}

#[test]
fn tokens_of_a_dropped_key_are_refused() {
    let entropy = SeededEntropy::new(3);
    let old = Secrets::generate(&entropy, NOW).unwrap();
    let before = SignedTokens::new(&old, &installation(1));
    let token = before.sign_session(&session());
    // That it was verified is remembered with the keys that verified it, and nowhere else.
    assert_eq!(before.read_session(&token, NOW), Ok(session()));
    let hour = |hours| NOW.plus(Duration::from_hours(hours));
    let secrets = old
        .with_next_key(&entropy, NOW)
        .and_then(|secrets| secrets.signing_with_next_key(hour(1), PUBLISHED_BEFORE))
        .and_then(|secrets| secrets.without_retired_keys(hour(49), PUBLISHED_AFTER))
        .unwrap();
    let tokens = SignedTokens::new(&secrets, &installation(1));
    assert_eq!(tokens.read_session(&token, NOW), Err(InvalidToken));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_session_is_read_back(seed: [u8; 32], name in "\\PC{1,60}", epoch: i64, life in 1..u32::MAX) {
        prop_assume!(Username::new(name.clone()).is_ok());
        let session = Session {
            id: TokenId::from_random(&seed),
            username: Username::new(name).unwrap(),
            epoch: Epoch::new(epoch),
            user_kind: UserKind::CustomerEmployee,
            expires: later(life.into()),
            ..session()
        };
        let token = tokens().sign_session(&session);
        prop_assert_eq!(tokens().read_session(&token, NOW), Ok(session));
    }

    #[test]
    fn any_action_is_read_back(path in any::<String>(), payload: [u8; 32]) {
        let Ok(path) = ActionPath::parse(format!("/{path}")) else {
            return Ok(());
        };
        let mut action = user_action();
        action.action.path = path;
        action.action.payload = PayloadDigest::new(payload);
        let token = tokens().sign_user_action(&action);
        prop_assert_eq!(tokens().read_user_action(&token, NOW), Ok(action));
    }
}

#[test]
fn the_longest_action_is_read_back() {
    let mut signed = user_action();
    signed.action = action(&format!("/a{}", "é".repeat(1_023)));
    let token = tokens().sign_user_action(&signed);
    assert_eq!(tokens().read_user_action(&token, NOW), Ok(signed));
}
