//! What goes out, as snapshots: the exact names that published clients read (API contract §4).

use std::sync::Arc;

use latchkey_domain::{
    challenge::{Challenge, ChallengeText, purpose},
    credential::{Credential, CredentialKind, passkey::Transports},
    credential_code::{Binding, Claim, CodeState, CodeText, CredentialCode},
    id::{ChallengeId, CredentialCodeId, CredentialUuid},
    text::CredentialName,
    time::Timestamp,
    user::Epoch,
};
use latchkey_service::{
    ceremony::{BegunChallenge, CreationChallenge, ListedPasskey, SignedIn},
    credential_codes::{IssuedCode, NewestCode},
    factors::{AllowedCredentials, FactorChallenge},
    first_credentials::Registered,
    ports::{locator::Unlocated, user_store::UserEntry},
    recovery::RecoveryChallenge,
    registration::RegistrationChallenge,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    samples::{
        NOW, all_kinds, application, challenge, key, organization, passkey, protected_key,
        recovery_key, sealed, session, user,
    },
    support::sorted,
};
use crate::{
    dto::{
        assertion::AuthChallenge,
        creation::{CredentialChallenge, RecoveryChallengeBody, RegistrationChallengeBody},
        credential::CredentialBody,
        first_credentials::RegisteredBody,
        user::UserBody,
    },
    routes::credential_code::{issue::IssueCodeResponse, newest::CodeStatusResponse},
};

/// The body as it goes out.
fn wire(body: impl Serialize) -> Value {
    sorted(&serde_json::to_string(&body).unwrap())
}

fn begun() -> BegunChallenge {
    BegunChallenge {
        challenge: Challenge {
            text: ChallengeText::from_random(&[7; 32]),
            ..challenge(purpose::Login::default())
        },
        identifier: "identifier".to_owned(),
        application: Arc::new(application()),
    }
}

/// A passkey in a list, whose client named these transports.
fn listed(transports: &[&'static str]) -> ListedPasskey {
    ListedPasskey {
        id: passkey().id,
        transports: Transports::among(transports.iter().copied()),
    }
}

#[test]
fn a_list_says_how_a_passkey_may_be_reached_where_that_is_known() {
    for (transports, told) in [
        (&["usb", "nfc"][..], Some(json!(["nfc", "usb"]))),
        (&[], None),
    ] {
        let allowed = AllowedCredentials {
            passkeys: vec![listed(transports)],
            ..AllowedCredentials::default()
        };
        let begun = begun();
        let asked = wire(AuthChallenge::from(FactorChallenge { begun, allowed }));
        let made = wire(CredentialChallenge::from(CreationChallenge {
            begun: self::begun(),
            kind: CredentialKind::Fido2,
            user: user(),
            exclude: vec![listed(transports)],
        }));
        for entry in [
            &asked["allowCredentials"]["webauthn"][0],
            &made["excludeCredentials"][0],
        ] {
            assert_eq!(entry.get("transports"), told.as_ref());
        }
    }
}

#[test]
fn a_challenge_lists_what_may_sign_it_with_private_keys_where_they_are_given() {
    let body = |password_protected_keys| {
        let allowed = AllowedCredentials {
            passkeys: vec![listed(&[])],
            keys: vec![key().id],
            password_protected_keys,
        };
        let begun = begun();
        wire(AuthChallenge::from(FactorChallenge { begun, allowed }))
    };
    insta::assert_json_snapshot!("auth_challenge_of_login", body(None));
    let keys = Some(vec![(protected_key().id, sealed())]);
    insta::assert_json_snapshot!("auth_challenge_of_action", body(keys), {
        ".challenge" => "[challenge]",
    });
}

#[test]
fn a_challenge_for_a_new_credential_has_what_its_kind_needs() {
    let body = |kind| {
        wire(CredentialChallenge::from(CreationChallenge {
            begun: begun(),
            kind,
            user: user(),
            exclude: vec![listed(&[])],
        }))
    };
    insta::assert_json_snapshot!("credential_challenge_of_fido2", body(CredentialKind::Fido2));
    let key = body(CredentialKind::Key);
    insta::assert_json_snapshot!("credential_challenge_of_key", key);
    for kind in [
        CredentialKind::PasswordProtectedKey,
        CredentialKind::RecoveryKey,
    ] {
        let mut expected = key.clone();
        expected["kind"] = json!(kind.as_str());
        assert_eq!(body(kind), expected);
    }
}

#[test]
fn a_recovery_has_the_challenge_of_a_registration_and_the_recovery_key() {
    let (begun, user) = (begun(), user());
    let registration = RegistrationChallenge { begun, user };
    let mut expected = wire(RegistrationChallengeBody::from(registration.clone()));
    insta::assert_json_snapshot!("registration_challenge", expected);
    for (kept, told) in [(Some(sealed()), "sealed"), (None, "")] {
        let RegistrationChallenge { begun, user } = registration.clone();
        let recovery = RecoveryChallengeBody::from(RecoveryChallenge {
            begun,
            user,
            recovery_key: recovery_key().id,
            encrypted_private_key: kept,
        });
        expected["allowedRecoveryCredentials"] =
            json!([{"id": "cmVjb3Zlcnk", "encryptedRecoveryKey": told}]);
        assert_eq!(wire(recovery), expected);
    }
}

#[test]
fn whoever_has_registered_is_told_the_first_credential() {
    let credential = Credential {
        uuid: CredentialUuid::from_random(&[7; 32]),
        name: CredentialName::new("Phone").unwrap(),
        ..key()
    };
    let user = user();
    let registered = |session| {
        let (credential, user) = (credential.clone(), user.clone());
        wire(RegisteredBody::from(Registered {
            credential,
            user,
            session,
        }))
    };
    let body = registered(None);
    insta::assert_json_snapshot!("registered", body);
    let token = "a-session".to_owned();
    let mut expected = body;
    expected["authentication"] = json!({ "token": token });
    let session = session();
    assert_eq!(registered(Some(SignedIn { session, token })), expected);
}

#[test]
fn credentials_of_every_kind_have_the_same_names() {
    let items: Vec<_> = all_kinds().into_iter().map(CredentialBody::from).collect();
    insta::assert_json_snapshot!("credential_list", wire(json!({ "items": items })));
}

#[test]
fn users_are_told_with_all_their_names() {
    let entry = UserEntry {
        user: user(),
        credential: Some(key().uuid),
    };
    insta::assert_json_snapshot!(wire(UserBody::from(entry)), @r#"
    {
      "credentialUuid": "cr-en6tc-kcay4-346207nduncfp7gh",
      "dateCreated": "2026-01-01T00:00:00.000Z",
      "isActive": true,
      "isAdministrator": false,
      "isRegistered": false,
      "isSSORequired": false,
      "isServiceAccount": false,
      "kind": "EndUser",
      "name": "ada@example.com",
      "orgId": "or-en6tc-kcay4-346207nduncfp7gh",
      "permissionAssignments": [],
      "permissions": [],
      "userId": "us-en6tc-kcay4-346207nduncfp7gh",
      "username": "ada@example.com"
    }
    "#);
}

#[test]
fn a_code_has_two_forms_or_one() {
    let code = |text: &str| CodeText::new(text.to_owned());
    let issued = |short: Option<CodeText>, link| {
        wire(IssueCodeResponse::from(IssuedCode {
            short,
            long: code("cc_1"),
            link,
            expires: NOW,
        }))
    };
    let expiration = "2026-01-01T00:00:00.000Z";
    assert_eq!(
        issued(
            Some(code("ABC-DEF-GHJ")),
            Some(code("https://x/enrol#cc_1"))
        ),
        json!({
            "code": "ABC-DEF-GHJ",
            "expiration": expiration,
            "link": "https://x/enrol#cc_1",
            "longCode": "cc_1",
        })
    );
    assert_eq!(
        issued(None, None),
        json!({ "code": "cc_1", "expiration": expiration })
    );
}

#[test]
fn the_newest_code_tells_how_far_it_has_come() {
    let later =
        |milliseconds| Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + milliseconds);
    let claim = Claim {
        date: NOW,
        origin: application().relying_party.origins().first().cloned(),
        address: "203.0.113.9".parse().unwrap(),
        challenge: ChallengeId::from_random(&[1; 32]),
        expires: later(300_000),
    };
    let body = |state| {
        let newest = NewestCode {
            code: CredentialCode {
                id: CredentialCodeId::from_random(&[1; 32]),
                organization: organization(),
                user: user().id,
                epoch: Epoch::default(),
                issuer: key().uuid,
                session: session().id,
                issued: NOW,
                expires: later(60_000),
                binding: Binding::default(),
                state,
            },
            now: NOW,
            waiting: None,
        };
        wire(CodeStatusResponse::of(&newest, &Unlocated))
    };
    let native = Claim {
        origin: None,
        ..claim.clone()
    };
    let claimed = body(CodeState::Claimed(native));
    assert_eq!(claimed["state"], "Claimed");
    assert_eq!(claimed["claim"]["origin"], "");
    let credential = key().uuid;
    let redeemed = CodeState::Redeemed {
        claim,
        credential,
        wait: None,
    };
    insta::assert_json_snapshot!("redeemed_code", body(redeemed));
}
