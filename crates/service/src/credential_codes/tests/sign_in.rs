//! Sessions that begin with what was made with a code.

use latchkey_domain::{credential::passkey::Transports, organization::CodeSignIn};

use super::*;
use crate::testing::recovery_key;

/// Codes of an organization where a session begins with what is made or not, which asks for approval or not; the owner
/// is looked for that many times.
fn where_it(
    code_sign_in: CodeSignIn,
    approval: Approval,
    material: Material,
    looks: usize,
) -> CredentialCodes {
    let mut store = MockCredentialCodeStore::new();
    store.expect_redeem().times(1).returning(|_, _| Ok(()));
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find()
        .times(looks)
        .returning(|_| Ok(Some(account(3, vec![]))));
    let mut codes = codes(store, accounts, true_proofs(material));
    let mut entries = entries();
    entries.organizations[0].code_sign_in = code_sign_in;
    entries.organizations[0].approval = approval;
    codes.ceremonies.directory = Arc::new(directory_of(entries));
    codes
}

async fn sign_in(
    codes: &CredentialCodes,
    purpose: purpose::CredentialWithCode,
    offered: Offered,
) -> MadeWithCode {
    let tokens = &codes.ceremonies.tokens;
    let identifier = tokens.sign_challenge(&challenge(purpose));
    codes
        .verify_and_sign_in(&caller(ONE), &identifier, new_credential(offered))
        .await
        .unwrap()
}

#[tokio::test]
async fn where_it_may_a_session_begins_with_exactly_what_was_made() {
    let mut codes = where_it(CodeSignIn::AtOnce, Approval::Never, key(), 1);
    let (events, heard) = events();
    codes.ceremonies.events = events;
    let earlier = purpose::CredentialWithCode {
        epoch: user(3).epoch.next(),
        ..with_code(&user(3))
    };
    let made = sign_in(&codes, earlier.clone(), Offered::Key).await;
    assert_eq!(made.credential.last_used, Some(NOW));
    let SignedIn { session, token } = made.session.unwrap();
    assert_eq!(session.user, user(3).id);
    assert_eq!(session.username, user(3).username);
    assert_eq!(session.credential, made.credential.uuid);
    assert_eq!(session.credential_kind, Some(CredentialKind::Key));
    // It ends with the epoch that the change has required, whatever was read before.
    assert_eq!(session.epoch, earlier.epoch);
    assert_eq!(session.expires, seconds(6 * 60 * 60));
    let read = codes.ceremonies.tokens.read_session(&token, NOW);
    assert_eq!(read.unwrap(), session);
    let succeeded = [Event::RedeemCode, Event::SignIn].map(|event| (event, None));
    assert_eq!(heard.take(), succeeded);
}

#[tokio::test]
async fn a_passkey_says_at_which_application_its_session_began() {
    let one = application("one", 1);
    let codes = where_it(CodeSignIn::AtOnce, Approval::Never, passkey(&one), 1);
    let tokens = &codes.ceremonies.tokens;
    let purpose = purpose::CredentialWithCode {
        kind: CredentialKind::Fido2,
        ..with_code(&user(3))
    };
    let mut bound = challenge(purpose);
    bound.application = Some(one.id.clone());
    let identifier = tokens.sign_challenge(&bound);
    let new = new_credential(Offered::Fido2(Transports::default()));
    let made = codes
        .verify_and_sign_in(&caller(ONE), &identifier, new)
        .await
        .unwrap();
    assert_eq!(made.session.unwrap().session.application, Some(one.id));
}

#[tokio::test]
async fn nobody_is_signed_in_where_it_may_not_be_or_before_an_approval() {
    for (code_sign_in, approval, looks) in [
        (CodeSignIn::Never, Approval::Never, 0),
        (CodeSignIn::Never, Approval::Always, 0),
        (CodeSignIn::AtOnce, Approval::Always, 1),
    ] {
        let mut codes = where_it(code_sign_in, approval, key(), looks);
        let (events, heard) = events();
        codes.ceremonies.events = events;
        let made = sign_in(&codes, with_code(&user(3)), Offered::Key).await;
        assert_eq!(made.session, None);
        assert_eq!(made.credential.last_used, None);
        assert_eq!(made.awaited.is_some(), approval == Approval::Always);
        assert_eq!(heard.take(), [(Event::RedeemCode, None)]);
    }
}

#[tokio::test]
async fn a_recovery_key_begins_no_session() {
    let codes = where_it(CodeSignIn::AtOnce, Approval::Never, recovery_key(), 0);
    let purpose = purpose::CredentialWithCode {
        kind: CredentialKind::RecoveryKey,
        ..with_code(&user(3))
    };
    let made = sign_in(&codes, purpose, Offered::RecoveryKey(None)).await;
    assert_eq!(made.session, None);
}

#[tokio::test]
async fn whoever_does_not_ask_for_a_session_gets_none() {
    let codes = where_it(CodeSignIn::AtOnce, Approval::Never, key(), 0);
    let tokens = &codes.ceremonies.tokens;
    let identifier = tokens.sign_challenge(&challenge(with_code(&user(3))));
    let made = codes
        .verify(&caller(ONE), &identifier, new_credential(Offered::Key))
        .await
        .unwrap();
    assert_eq!(made.session, None);
    assert_eq!(made.credential.last_used, None);
}
