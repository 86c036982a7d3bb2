use latchkey_domain::{
    account_code::AccountCode,
    challenge::{Challenge, purpose::Purpose},
    credential::{CredentialState, Material},
    credential_code::{CodeDigest, CredentialCode},
    id::{CredentialCodeId, UserId},
    time::Timestamp,
};

use super::*;
use crate::{
    ports::{
        account_code_store::{HeldAccountCode, MockAccountCodeStore},
        account_store::{Account, HeldCredential, MockAccountStore},
        code_digester::MockCodeDigester,
        credential_store::MockCredentialStore,
        proof_verifier::{MockProofVerifier, ProofError, Used},
        sign_in_store::MockSignInStore,
        store::AuthorityConflict,
    },
    testing::{
        NOW, account, account_code, application, assertion, caller, ceremonies, challenge,
        credential, events, key, organization, passkey, protected_key, recovery_key, session,
        throttle, user, uuid,
    },
};

mod codes;

struct World {
    accounts: MockAccountStore,
    credentials: MockCredentialStore,
    verifier: MockProofVerifier,
    store: MockSignInStore,
    codes: MockAccountCodeStore,
}

impl World {
    /// Nobody is there; every unexpected call fails the test.
    fn new() -> Self {
        Self::finding(ProofError::Signature)
    }

    /// The same, where that is found wrong with a proof of nobody.
    fn finding(wrong: ProofError) -> Self {
        let mut verifier = MockProofVerifier::new();
        verifier
            .expect_verify_for_nobody()
            .returning(move |_, _| wrong.clone());
        Self {
            accounts: MockAccountStore::new(),
            credentials: MockCredentialStore::new(),
            verifier,
            store: MockSignInStore::new(),
            codes: MockAccountCodeStore::new(),
        }
    }

    fn named(mut self, account: Option<Account>) -> Self {
        self.accounts
            .expect_find_by_username()
            .returning(move |_, _| Ok(account.clone()));
        self
    }

    /// Credential `credential-N` belongs to user N.
    fn holding(mut self) -> Self {
        self.accounts
            .expect_find_credential()
            .returning(|_, reference| {
                let held = [1, 2].map(|number| {
                    let user = user(number);
                    HeldCredential {
                        credential: credential(number, &user, key()),
                        user,
                    }
                });
                Ok(held.into_iter().find(|held| {
                    *reference
                        == latchkey_domain::credential::CredentialReference::Id(
                            held.credential.id.clone(),
                        )
                }))
            });
        self
    }

    fn proving(mut self, outcome: Result<(), ProofError>) -> Self {
        self.verifier
            .expect_verify_assertion()
            .returning(move |_, _, _| outcome.clone().map(|()| None));
        self
    }

    fn logins(self) -> Logins {
        let mut digester = MockCodeDigester::new();
        digester
            .expect_digest()
            .return_const(CodeDigest::new([5; 32]));
        Logins {
            factors: Factors {
                ceremonies: ceremonies(self.verifier),
                accounts: Arc::new(self.accounts),
                credentials: Arc::new(self.credentials),
            },
            store: Arc::new(self.store),
            digester: Arc::new(digester),
            codes: Arc::new(self.codes),
            throttle: throttle(),
        }
    }
}

fn named(username: &str) -> BeginLogin {
    BeginLogin {
        organization: Some(organization(1)),
        who: Who::User(Username::new(username).unwrap()),
    }
}

const ONE: Option<&str> = Some("https://one.example");

async fn begin_as(materials: Vec<Material>) -> Result<FactorChallenge, BeginLoginError> {
    let logins = World::new().named(Some(account(1, materials))).logins();
    logins.begin(&caller(ONE), named("user1@example.com")).await
}

#[tokio::test]
async fn the_passkeys_of_the_page_and_all_keys_are_offered() {
    let materials = vec![
        passkey(&application("one", 1)),
        passkey(&application("two", 1)),
        key(),
    ];
    let begun = begin_as(materials).await.unwrap();
    assert_eq!(begun.allowed.passkeys.len(), 1);
    assert_eq!(begun.allowed.keys.len(), 1);
    assert_eq!(begun.allowed.password_protected_keys, None);
}

#[tokio::test]
async fn without_an_origin_the_passkeys_of_every_application_are_offered() {
    let materials = vec![
        passkey(&application("one", 1)),
        passkey(&application("two", 1)),
    ];
    let logins = World::new().named(Some(account(1, materials))).logins();
    let begun = logins
        .begin(&caller(None), named("user1@example.com"))
        .await
        .unwrap();
    assert_eq!(begun.allowed.passkeys.len(), 2);
    assert_eq!(begun.begun.challenge.application, None);
}

#[tokio::test]
async fn unknown_users_and_users_who_cannot_sign_in_look_the_same() {
    let mut inactive = account(1, vec![key()]);
    inactive.user.is_active = false;
    let mut deactivated = account(1, vec![key()]);
    deactivated.credentials[0].state = CredentialState::Inactive;
    let recovery_only = account(1, vec![recovery_key()]);
    for account in [None, Some(inactive), Some(deactivated), Some(recovery_only)] {
        let logins = World::new().named(account).logins();
        let refused = logins.begin(&caller(ONE), named("user1@example.com")).await;
        assert!(matches!(refused, Err(BeginLoginError::NoUsableCredential)));
    }
}

#[tokio::test]
async fn without_a_username_nothing_is_looked_up() {
    let request = BeginLogin {
        organization: Some(organization(1)),
        who: Who::Passkey,
    };
    let begun = World::new()
        .logins()
        .begin(&caller(ONE), request)
        .await
        .unwrap();
    assert_eq!(begun.allowed, AllowedCredentials::default());
    let wanted = Purpose::from(purpose::Login::default());
    assert_eq!(begun.begun.challenge.purpose, wanted);
}

#[tokio::test]
async fn the_organization_is_required_when_there_are_several() {
    let request = BeginLogin {
        organization: None,
        who: Who::Passkey,
    };
    let refused = World::new().logins().begin(&caller(None), request).await;
    assert!(matches!(
        refused,
        Err(BeginLoginError::OrganizationRequired(_))
    ));
}

#[tokio::test]
async fn beginnings_are_limited_per_address() {
    let logins = World::new().logins();
    let begin = || {
        let request = BeginLogin {
            organization: Some(organization(1)),
            who: Who::Passkey,
        };
        async { logins.begin(&caller(None), request).await }
    };
    for _ in 0..60 {
        assert!(begin().await.is_ok());
    }
    assert!(matches!(begin().await, Err(BeginLoginError::Throttled(_))));
}

async fn complete(
    logins: Logins,
    purpose: impl Into<Purpose>,
    second: Option<&str>,
) -> Result<SignedIn, FactorError> {
    let identifier = logins
        .factors
        .ceremonies
        .tokens
        .sign_challenge(&challenge(purpose));
    let first = assertion("credential-1");
    let answer = FactorAnswer {
        identifier,
        first,
        second: second.map(assertion),
    };
    logins.complete(&caller(ONE), &answer).await
}

fn login_of(number: u8) -> purpose::Login {
    purpose::Login {
        user: Some(user(number).id),
        epoch: Some(user(number).epoch),
    }
}

#[tokio::test]
async fn a_true_proof_gives_a_session_of_the_credential() {
    let mut world = World::new().holding().proving(Ok(()));
    world
        .store
        .expect_sign_in()
        .times(1)
        .withf(|authority, uses| {
            authority.credentials().keys().eq(&[uuid(1)])
                && authority.epoch() == user(1).epoch
                && uses.len() == 1
        })
        .returning(|_, _| Ok(()));
    let logins = world.logins();
    let tokens = Arc::clone(&logins.factors.ceremonies.tokens);
    let signed_in = complete(logins, login_of(1), None).await.unwrap();
    let session = tokens.read_session(&signed_in.token, NOW).unwrap();
    assert_eq!(session, signed_in.session);
    assert_eq!((session.user, session.credential), (user(1).id, uuid(1)));
}

#[tokio::test]
async fn a_session_made_with_a_key_says_nothing_of_the_application() {
    for bound in [None, Some(application("one", 1).id)] {
        let mut world = World::new().holding().proving(Ok(()));
        world.store.expect_sign_in().returning(|_, _| Ok(()));
        let logins = world.logins();
        let asked = Challenge {
            application: bound,
            ..challenge(login_of(1))
        };
        let tokens = &logins.factors.ceremonies.tokens;
        let answer = FactorAnswer {
            identifier: tokens.sign_challenge(&asked),
            first: assertion("credential-1"),
            second: None,
        };
        let signed_in = logins.complete(&caller(ONE), &answer).await.unwrap();
        // A proof with a key names no page, so the origin is only what the client says.
        assert_eq!(signed_in.session.application, None);
        let kind = signed_in.session.credential_kind;
        assert_eq!(kind, Some(CredentialKind::Key));
    }
}

#[tokio::test]
async fn a_credential_of_another_user_does_not_sign_in() {
    let logins = World::new().holding().proving(Ok(())).logins();
    let refused = complete(logins, login_of(2), None).await;
    assert!(matches!(refused, Err(FactorError::UnknownCredential)));
}

#[tokio::test]
async fn a_second_factor_must_be_the_same_users() {
    let logins = World::new().holding().proving(Ok(())).logins();
    let refused = complete(logins, login_of(1), Some("credential-2")).await;
    assert!(matches!(refused, Err(FactorError::UnknownCredential)));
}

#[tokio::test]
async fn a_second_factor_counts_when_it_is_the_same_users() {
    let mut world = World::new().holding().proving(Ok(()));
    world
        .store
        .expect_sign_in()
        .withf(|_, uses| uses.len() == 2)
        .returning(|_, _| Ok(()));
    let signed_in = complete(world.logins(), login_of(1), Some("credential-1")).await;
    assert!(signed_in.is_ok());
}

#[tokio::test]
async fn an_untrue_proof_changes_nothing() {
    let logins = World::new()
        .holding()
        .proving(Err(ProofError::Signature))
        .logins();
    let refused = complete(logins, login_of(1), None).await;
    assert!(matches!(
        refused,
        Err(FactorError::Proof {
            error: ProofError::Signature,
            ..
        })
    ));
}

#[tokio::test]
async fn a_counter_that_went_back_is_noted() {
    let mut world = World::new()
        .holding()
        .proving(Err(ProofError::CounterRegressed));
    world
        .credentials
        .expect_note_counter_regression()
        .times(1)
        .withf(|credential, _, _| *credential == uuid(1))
        .returning(|_, _, _| Ok(true));
    let refused = complete(world.logins(), login_of(1), None).await;
    assert!(matches!(refused, Err(FactorError::Proof { .. })));
}

/// What is answered to an untrue proof of somebody who has not said who they are, of a credential that there
/// is and of one that there is not.
async fn untrue(wrong: ProofError) -> [Result<SignedIn, FactorError>; 2] {
    let nobody = || purpose::Login::default();
    let held = World::new().holding().proving(Err(wrong.clone()));
    let mut unknown = World::finding(wrong);
    unknown
        .accounts
        .expect_find_credential()
        .times(1)
        .returning(|_, _| Ok(None));
    [
        complete(held.logins(), nobody(), None).await,
        complete(unknown.logins(), nobody(), None).await,
    ]
}

#[tokio::test]
async fn without_a_username_an_untrue_proof_does_not_tell_which_credentials_there_are() {
    for wrong in [
        ProofError::Origin,
        ProofError::Signature,
        ProofError::Mismatch,
        ProofError::UserVerification,
        ProofError::Malformed {
            part: "authenticatorData",
            problem: "must be well-formed",
        },
    ] {
        for refused in untrue(wrong).await {
            assert!(matches!(refused, Err(FactorError::UnknownCredential)));
        }
    }
    // What is wrong with the client data is told all the same.
    for refused in untrue(ProofError::Challenge).await {
        assert!(matches!(
            refused,
            Err(FactorError::Proof {
                member: "firstFactor",
                error: ProofError::Challenge,
            })
        ));
    }
}

/// With a username it is told what is wrong with a proof, but of what the challenge lists only.
#[tokio::test]
async fn a_login_tells_what_is_wrong_with_a_proof_of_what_its_challenge_lists_only() {
    let [one, two] = ["one", "two"].map(|name| application(name, 1));
    for (material, bound, is_listed) in [
        (key(), Some(&one), true),
        (passkey(&one), Some(&one), true),
        (passkey(&one), None, true),
        (passkey(&two), None, true),
        (passkey(&two), Some(&one), false),
        (protected_key(), Some(&one), false),
        (protected_key(), None, false),
    ] {
        let held = account(1, vec![material]);
        let used = match &held.credentials[0].material {
            Material::Fido2(_) => Used::Fido2 {
                authenticator_data: vec![],
                user_handle: None,
            },
            Material::PasswordProtectedKey(..) => Used::PasswordProtectedKey { algorithm: None },
            Material::Key(_) | Material::RecoveryKey(..) => Used::Key { algorithm: None },
        };
        let listing = Listing {
            rp_id: bound.map(|bound| bound.relying_party.rp_id()),
            private_keys: false,
        };
        let signers = held.credentials.iter().filter_map(ListedSigner::of);
        let allowed = AllowedCredentials::among(signers, listing);
        assert_eq!(allowed.is_empty(), !is_listed, "{used:?}");
        let mut world = World::new().proving(Err(ProofError::Signature));
        world
            .accounts
            .expect_find_credential()
            .returning(move |_, _| {
                Ok(Some(HeldCredential {
                    user: held.user.clone(),
                    credential: held.credentials[0].clone(),
                }))
            });
        let logins = world.logins();
        let begun = Challenge {
            application: bound.map(|bound| bound.id.clone()),
            ..challenge(login_of(1))
        };
        let tokens = &logins.factors.ceremonies.tokens;
        let mut answer = FactorAnswer {
            identifier: tokens.sign_challenge(&begun),
            first: assertion("credential-1"),
            second: None,
        };
        answer.first.used = used;
        let refused = logins.complete(&caller(ONE), &answer).await;
        let is_told = matches!(refused, Err(FactorError::Proof { .. }));
        let is_unknown = matches!(refused, Err(FactorError::UnknownCredential));
        assert_eq!((is_told, is_unknown), (is_listed, !is_listed));
    }
}

#[tokio::test]
async fn completions_are_limited_per_address_apart_from_beginnings() {
    let logins = World::new().logins();
    let answer = FactorAnswer {
        identifier: "rubbish".to_owned(),
        first: assertion("credential-1"),
        second: None,
    };
    for _ in 0..60 {
        let refused = logins.complete(&caller(None), &answer).await;
        assert!(matches!(refused, Err(FactorError::InvalidChallenge)));
    }
    let refused = logins.complete(&caller(None), &answer).await;
    assert!(matches!(refused, Err(FactorError::Throttled(_))));
    let begin = BeginLogin {
        organization: Some(organization(1)),
        who: Who::Passkey,
    };
    assert!(logins.begin(&caller(None), begin).await.is_ok());
}

#[tokio::test]
async fn an_unlisted_origin_completes_nothing() {
    let logins = World::new().logins();
    let answer = FactorAnswer {
        identifier: "rubbish".to_owned(),
        first: assertion("credential-1"),
        second: None,
    };
    let refused = logins
        .complete(&caller(Some("https://evil.example")), &answer)
        .await;
    assert!(matches!(refused, Err(FactorError::OriginNotAllowed)));
}

#[tokio::test]
async fn whoever_has_gone_since_the_beginning_does_not_sign_in() {
    let mut world = World::new().holding().proving(Ok(()));
    world
        .store
        .expect_sign_in()
        .returning(|_, _| Err(AuthorityConflict::Void.into()));
    let refused = complete(world.logins(), login_of(1), None).await;
    assert!(matches!(refused, Err(FactorError::InvalidChallenge)));
}

#[tokio::test]
async fn login_refuses_a_challenge_from_a_code() {
    let id = CredentialCodeId::from_random(&[4; 32]);
    let code = CredentialCode::issue(id, &session(&user(1)), NOW, NOW);
    let purpose = purpose::CredentialWithCode {
        user: UserId::from_random(&[1; 32]),
        epoch: code.epoch,
        code: code.id,
        issuer: uuid(1),
        kind: CredentialKind::Key,
        name: None,
    };
    let refused = complete(World::new().logins(), purpose, None).await;
    assert!(matches!(refused, Err(FactorError::InvalidChallenge)));
}

#[tokio::test]
async fn an_answer_that_is_sent_again_is_no_counter_that_went_back() {
    let mut world = World::new()
        .holding()
        .proving(Err(ProofError::CounterRegressed));
    world
        .credentials
        .expect_note_counter_regression()
        .returning(|_, _, _| Ok(false));
    let refused = complete(world.logins(), login_of(1), None).await;
    assert!(matches!(refused, Err(FactorError::InvalidChallenge)));
}

#[tokio::test]
async fn another_kind_or_user_handle_looks_like_an_unknown_credential() {
    let logins = World::new()
        .holding()
        .proving(Err(ProofError::UserHandle))
        .logins();
    let refused = complete(logins, login_of(1), None).await;
    assert!(matches!(refused, Err(FactorError::UnknownCredential)));
    let logins = World::new().holding().logins();
    let identifier = logins
        .factors
        .ceremonies
        .tokens
        .sign_challenge(&challenge(login_of(1)));
    let mut first = assertion("credential-1");
    first.used = Used::PasswordProtectedKey { algorithm: None };
    let answer = FactorAnswer {
        identifier,
        first,
        second: None,
    };
    let refused = logins.complete(&caller(ONE), &answer).await;
    assert!(matches!(refused, Err(FactorError::UnknownCredential)));
}

#[tokio::test]
async fn a_user_with_nothing_for_this_page_cannot_sign_in_there() {
    let elsewhere = vec![passkey(&application("two", 1))];
    let refused = begin_as(elsewhere).await;
    assert!(matches!(refused, Err(BeginLoginError::NoUsableCredential)));
}

/// What whoever runs the service hears of the beginning of a sign-in.
async fn heard_of_beginning(account: Option<Account>) -> Vec<(Event, Option<Reason>)> {
    let (events, heard) = events();
    let mut logins = World::new().named(account).logins();
    logins.factors.ceremonies.events = events;
    let begin = named("user1@example.com");
    let _begun = logins.begin(&caller(ONE), begin).await;
    heard.take()
}

#[tokio::test]
async fn the_log_tells_apart_why_a_sign_in_does_not_begin() {
    let mut inactive = account(1, vec![key()]);
    inactive.user.is_active = false;
    let useless = account(1, vec![recovery_key()]);
    for (account, reason) in [
        (Some(account(1, vec![key()])), None),
        (None, Some(Reason::UnknownUser)),
        (Some(inactive), Some(Reason::UserInactive)),
        (Some(useless), Some(Reason::NoUsableCredential)),
    ] {
        let heard = heard_of_beginning(account).await;
        assert_eq!(heard, [(Event::BeginSignIn, reason)]);
    }
}

#[tokio::test]
async fn the_log_tells_what_is_wrong_with_a_proof_that_strangers_are_told_nothing_of() {
    for (proof, reason) in [
        (Ok(()), None),
        (Err(ProofError::Signature), Some(Reason::SignatureInvalid)),
        (Err(ProofError::Origin), Some(Reason::ProofOrigin)),
    ] {
        let mut world = World::new().holding().proving(proof);
        world.store.expect_sign_in().returning(|_, _| Ok(()));
        let (events, heard) = events();
        let mut logins = world.logins();
        logins.factors.ceremonies.events = events;
        let signed_in = complete(logins, purpose::Login::default(), None).await;
        assert_eq!(signed_in.is_ok(), reason.is_none());
        assert_eq!(heard.take(), [(Event::SignIn, reason)]);
    }
}
