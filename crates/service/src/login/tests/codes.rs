//! Login codes: what they hand out, and to whom.

use super::*;

fn with_code() -> BeginLogin {
    let username = user(1).username;
    BeginLogin {
        organization: Some(organization(1)),
        who: Who::UserWithCode(username, EnteredCode::parse("a7uky69pt")),
    }
}

/// A code of user 1 that lives until that moment.
fn held(expires: Timestamp) -> HeldAccountCode {
    account_code(user(1), AccountCodeKind::Login, expires)
}

fn live() -> HeldAccountCode {
    held(NOW.plus(AccountCode::SHORT_LIFETIME))
}

#[tokio::test]
async fn a_login_code_is_spent_and_hands_out_the_encrypted_key() {
    let mut world = World::new();
    world
        .codes
        .expect_find()
        .times(1)
        .returning(|_, _, kind, _| {
            assert_eq!(kind, AccountCodeKind::Login);
            Ok(Some(live()))
        });
    world
        .codes
        .expect_spend()
        .times(1)
        .withf(|code| *code == live().code)
        .returning(|_| Ok(true));
    world
        .accounts
        .expect_find()
        .returning(|_| Ok(Some(account(1, vec![protected_key()]))));
    let begun = world.logins().begin(&caller(None), with_code()).await;
    let keys = begun.unwrap().allowed.password_protected_keys.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].1.reveal(), "encrypted");
}

#[tokio::test]
async fn a_wrong_an_expired_and_a_used_login_code_are_refused_alike() {
    for found in [None, Some(held(NOW))] {
        let mut world = World::new();
        world
            .codes
            .expect_find()
            .times(1)
            .returning(move |_, _, _, _| Ok(found.clone()));
        let refused = world.logins().begin(&caller(None), with_code()).await;
        assert!(matches!(refused, Err(BeginLoginError::InvalidCode)));
    }
    let mut world = World::new();
    world
        .codes
        .expect_find()
        .returning(|_, _, _, _| Ok(Some(live())));
    world.codes.expect_spend().returning(|_| Ok(false));
    world
        .accounts
        .expect_find()
        .returning(|_| Ok(Some(account(1, vec![protected_key()]))));
    let refused = world.logins().begin(&caller(None), with_code()).await;
    assert!(matches!(refused, Err(BeginLoginError::InvalidCode)));
}

#[tokio::test]
async fn a_login_code_of_another_epoch_or_of_who_is_not_active_is_refused() {
    let mut of_another_epoch = live();
    of_another_epoch.user.epoch = of_another_epoch.user.epoch.next();
    let mut inactive = live();
    inactive.user.is_active = false;
    for found in [of_another_epoch, inactive] {
        let mut world = World::new();
        world
            .codes
            .expect_find()
            .times(1)
            .returning(move |_, _, _, _| Ok(Some(found.clone())));
        let refused = world.logins().begin(&caller(None), with_code()).await;
        assert!(matches!(refused, Err(BeginLoginError::InvalidCode)));
    }
}

#[tokio::test]
async fn a_login_code_hands_out_no_key_that_cannot_be_used() {
    let mut world = World::new();
    world
        .codes
        .expect_find()
        .returning(|_, _, _, _| Ok(Some(live())));
    world.codes.expect_spend().returning(|_| Ok(true));
    world.accounts.expect_find().returning(|_| {
        let mut account = account(1, vec![protected_key(), protected_key(), key()]);
        account.credentials[0].state = CredentialState::Inactive;
        Ok(Some(account))
    });
    let begun = world.logins().begin(&caller(None), with_code()).await;
    let keys = begun.unwrap().allowed.password_protected_keys.unwrap();
    let ids: Vec<_> = keys.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["credential-2"]);
}

#[tokio::test]
async fn wrong_login_codes_are_limited() {
    let mut world = World::new();
    world
        .codes
        .expect_find()
        .times(5)
        .returning(|_, _, _, _| Ok(None));
    let logins = world.logins();
    for _ in 0..5 {
        let refused = logins.begin(&caller(None), with_code()).await;
        assert!(matches!(refused, Err(BeginLoginError::InvalidCode)));
    }
    let refused = logins.begin(&caller(None), with_code()).await;
    assert!(matches!(refused, Err(BeginLoginError::Throttled(_))));
}
