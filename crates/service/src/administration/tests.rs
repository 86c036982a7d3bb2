use std::sync::Mutex;

use latchkey_domain::{
    account_code::AccountCode, credential_code::CodeDigest, id::CredentialCodeId,
    message::MessageKind, time::Timestamp,
};

use super::*;
use crate::{
    ports::{
        account_code_store::MockAccountCodeStore,
        account_store::MockAccountStore,
        administration_store::{
            AddApplicationError, ApplicationUpdate, MockAdministrationStore, UpdatedApplication,
        },
        code_digester::MockCodeDigester,
        credential_code_store::MockCredentialCodeStore,
        event_store::{LeftEvent, MockEventStore},
        proof_verifier::MockProofVerifier,
    },
    testing::{
        NOW, account, account_code, application, ceremonies, clock, entropy, key, left_events,
        organization, session, told, user, uuid,
    },
};

/// Administration of an installation where user 1 has one key.
fn administration(
    store: MockAdministrationStore,
    codes: MockCredentialCodeStore,
) -> Administration {
    let mut account_codes = MockAccountCodeStore::new();
    account_codes.expect_list().returning(|_| Ok(vec![]));
    let mut digester = MockCodeDigester::new();
    digester
        .expect_digest()
        .returning(|_| CodeDigest::new([3; 32]));
    let mut accounts = MockAccountStore::new();
    accounts
        .expect_find()
        .returning(|id| Ok((*id == user(1).id).then(|| account(1, vec![key()]))));
    Administration {
        ceremonies: ceremonies(MockProofVerifier::new()),
        digester: Arc::new(digester),
        store: Arc::new(store),
        accounts: Arc::new(accounts),
        codes: Arc::new(codes),
        account_codes: Arc::new(account_codes),
        events: left_events(),
    }
}

#[tokio::test]
async fn an_invitation_has_a_link_where_there_is_a_page() {
    for (number, page) in [(1, Some("https://one.example")), (3, None)] {
        let mut store = MockAdministrationStore::new();
        store
            .expect_invite()
            .times(1)
            .returning(|invitation| Ok(invitation.user));
        let request = Invite {
            organization: organization(number),
            username: Username::new("ada@example.com").unwrap(),
            kind: UserKind::EndUser,
            administrator: false,
            by_mail: false,
        };
        let administration = administration(store, MockCredentialCodeStore::new());
        let invited = administration.invite(request).await.unwrap();
        let link = page.map(|page| {
            format!(
                "{page}/register#code={}&username=ada%40example.com&orgId={}",
                invited.code.reveal(),
                organization(number)
            )
        });
        assert_eq!(invited.link, link);
    }
}

#[tokio::test]
async fn whose_credential_is_deactivated_is_told_by_whom() {
    let mut store = MockAdministrationStore::new();
    store
        .expect_deactivate_credential()
        .times(1)
        .withf(|owner, credential, message| {
            let content = told(message);
            *owner == user(1).id
                && *credential == uuid(1)
                && message.kind == MessageKind::CredentialDeactivated
                && message.user == user(1).id
                && content.text.contains("whoever runs this service")
        })
        .returning(|_, _, _| Ok(true));
    let administration = administration(store, MockCredentialCodeStore::new());
    let deactivate = async |owner, credential| {
        administration
            .deactivate_credential(&user(owner).id, &uuid(credential))
            .await
    };
    assert_eq!(deactivate(1, 1).await.unwrap(), Effect::Changed);
    // Nobody has these.
    for (owner, credential) in [(1, 2), (2, 1)] {
        let refused = deactivate(owner, credential).await;
        assert!(matches!(refused, Err(ChangeError::NotFound)));
    }
}

#[tokio::test]
async fn a_user_is_shown_with_a_code_that_is_open() {
    let second = |number: i64| Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + number);
    for (expires, is_open) in [(second(1), true), (NOW, false)] {
        let id = CredentialCodeId::from_random(&[4; 32]);
        let code = CredentialCode::issue(id, &session(&user(1)), NOW, expires);
        let mut codes = MockCredentialCodeStore::new();
        let newest = code.clone();
        codes
            .expect_newest()
            .returning(move |_| Ok(Some(newest.clone())));
        let administration = administration(MockAdministrationStore::new(), codes);
        let shown = administration.show(&user(1).id).await.unwrap().unwrap();
        assert_eq!(shown.account, account(1, vec![key()]));
        assert_eq!(shown.code, is_open.then_some((code, CodeStatus::Issued)));
        assert_eq!(shown.can_register_until, None);
        assert_eq!(administration.show(&user(2).id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn until_when_a_user_can_register_is_shown() {
    let invited = User {
        registered: None,
        ..user(2)
    };
    let second = |number: i64| Timestamp::from_unix_milliseconds(NOW.unix_milliseconds() + number);
    let code = |kind, expires| account_code(invited.clone(), kind, expires).code;
    let of_another_epoch = AccountCode {
        epoch: invited.epoch.next(),
        ..code(AccountCodeKind::Registration, second(9))
    };
    let of_another_kind = code(AccountCodeKind::Login, second(9));
    let expired = code(AccountCodeKind::Registration, NOW);
    for (live, until) in [
        (vec![], None),
        (vec![second(1), second(3), second(2)], Some(second(3))),
    ] {
        let live = live.into_iter();
        let live = live.map(|expires| code(AccountCodeKind::Registration, expires));
        let mut codes: Vec<_> = live.collect();
        codes.extend([&of_another_epoch, &of_another_kind, &expired].map(AccountCode::clone));
        let mut account_codes = MockAccountCodeStore::new();
        account_codes
            .expect_list()
            .returning(move |_| Ok(codes.clone()));
        let account = Account {
            user: invited.clone(),
            credentials: vec![],
        };
        let mut accounts = MockAccountStore::new();
        accounts
            .expect_find()
            .returning(move |_| Ok(Some(account.clone())));
        let mut newest = MockCredentialCodeStore::new();
        newest.expect_newest().returning(|_| Ok(None));
        let administration = Administration {
            accounts: Arc::new(accounts),
            account_codes: Arc::new(account_codes),
            ..administration(MockAdministrationStore::new(), newest)
        };
        let shown = administration.show(&invited.id).await.unwrap().unwrap();
        assert_eq!(shown.can_register_until, until);
    }
}

/// The same administration, and the events that it leaves.
fn overheard(administration: Administration) -> (Administration, Arc<Mutex<Vec<LeftEvent>>>) {
    let heard: Arc<Mutex<Vec<LeftEvent>>> = Arc::default();
    let leaving = Arc::clone(&heard);
    let mut store = MockEventStore::new();
    store.expect_leave().returning(move |left| {
        leaving.lock().unwrap().push(left);
        Ok(())
    });
    let events = LeftEvents::of(clock(), entropy(), Arc::new(store));
    let administration = Administration {
        events,
        ..administration
    };
    (administration, heard)
}

#[tokio::test]
async fn an_event_about_a_user_says_of_which_organization() {
    let mut store = MockAdministrationStore::new();
    store.expect_delete_user().returning(|_| Ok(true));
    store.expect_end_sessions().returning(|_| Ok(true));
    store.expect_end_codes().returning(|_| Ok(Effect::Changed));
    store
        .expect_set_user_active()
        .returning(|_, _, _| Ok(Effect::Changed));
    store
        .expect_set_administrator()
        .returning(|_, _, _| Ok(Effect::Changed));
    store
        .expect_deactivate_credential()
        .returning(|_, _, _| Ok(true));
    let (administration, heard) = overheard(administration(store, MockCredentialCodeStore::new()));
    let id = user(1).id;
    for state in [true, false] {
        administration.set_user_active(&id, state).await.unwrap();
        administration.set_administrator(&id, state).await.unwrap();
    }
    let deactivated = administration.deactivate_credential(&id, &uuid(1)).await;
    deactivated.unwrap();
    administration.end_sessions(&id).await.unwrap();
    administration.end_codes(&id).await.unwrap();
    administration.delete_user(&id).await.unwrap();
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 8, "{heard:?}");
    for left in heard.iter() {
        assert_eq!(left.user, Some(user(1).id), "{left:?}");
        assert_eq!(left.organization, Some(user(1).organization), "{left:?}");
    }
}

#[tokio::test]
async fn an_event_about_an_application_says_of_which_organization_and_names_none_that_never_was() {
    let shop = application("shop", 1);
    let mut store = MockAdministrationStore::new();
    let listed = shop.clone();
    store.expect_applications().returning(move || {
        Ok(vec![ApplicationEntry {
            application: listed.clone(),
            passkeys: 0,
        }])
    });
    let updated = shop.clone();
    store.expect_update_application().returning(move |_, _| {
        Ok(UpdatedApplication {
            application: updated.clone(),
            is_changed: true,
        })
    });
    store
        .expect_set_application_active()
        .returning(|_, _| Ok(Effect::Changed));
    store
        .expect_add_application()
        .returning(|_, _| Err(AddApplicationError::UnknownOrganization));
    store
        .expect_bootstrap()
        .returning(|_| Err(BootstrapError::NameTaken));
    let (administration, heard) = overheard(administration(store, MockCredentialCodeStore::new()));
    let update = ApplicationUpdate::default();
    administration
        .update_application(&shop.id, update)
        .await
        .unwrap();
    let set = administration.set_application_active(&shop.id, false);
    assert_eq!(set.await.unwrap(), Effect::Changed);
    let party = shop.relying_party.clone();
    let added = administration.add_application(
        shop.organization.clone(),
        shop.name.clone(),
        party,
        Pages::default(),
        None,
    );
    assert!(added.await.is_err());
    let made = administration.bootstrap(Bootstrap {
        organization: OrganizationName::new("Acme").unwrap(),
        approval: Approval::Never,
        administrator: Username::new("ada@example.com").unwrap(),
        application: shop.name.clone(),
        relying_party: shop.relying_party.clone(),
    });
    assert!(made.await.is_err());
    let heard = heard.lock().unwrap();
    let said: Vec<_> = heard
        .iter()
        .map(|left| (left.organization.clone(), left.application.clone()))
        .collect();
    let whose = Some(shop.organization);
    let known = (whose.clone(), Some(shop.id));
    assert_eq!(said, [known.clone(), known, (whose, None), (None, None)]);
    assert!(heard.iter().all(|left| left.user.is_none()));
}
