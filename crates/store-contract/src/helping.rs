//! What who helps users looks at, and ends for them.

use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCodeKind,
    credential::Credential,
    credential_code::CodeState,
    id::{MessageId, OrganizationId, UserId},
    message::NewMessage,
    page::PageSize,
    text::SearchText,
};
use latchkey_service::ports::{
    administration_store::{Effect, SetUserError},
    credential_store::ChangeError,
    user_store::UserPage,
};

use crate::{NOW, World};

cases! { helping:
    organizations_are_listed_with_the_number_of_their_users,
    users_of_all_organizations_are_listed_and_found,
    a_user_is_deleted_and_the_last_administrator_stays,
    deactivating_a_credential_ends_what_it_does_for_its_user,
    a_credential_that_must_stay_is_not_deactivated,
    ending_sessions_raises_the_epoch_and_ends_every_code,
    ending_codes_leaves_sessions_alone,
}

async fn organizations_are_listed_with_the_number_of_their_users(world: World) {
    let listed = async || world.administration.organizations().await.unwrap();
    assert_eq!(listed().await, []);
    let one = world.tenant("One").await;
    let mut second = world.new_organization("Two");
    second.organization.created = NOW.plus(Duration::from_secs(1));
    world
        .administration
        .bootstrap(second.clone())
        .await
        .unwrap();
    world.person(&one, 1).await;
    world.person(&one, 1).await;
    world.deactivate(&one.organization).await;
    let told: Vec<_> = listed().await;
    let told: Vec<_> = told
        .iter()
        .map(|entry| {
            (
                &entry.organization.id,
                entry.organization.is_active,
                entry.users,
            )
        })
        .collect();
    let expected = [
        (&one.organization, false, 3),
        (&second.organization.id, true, 1),
    ];
    assert_eq!(told, expected);
}

/// Everybody who is listed, in parts of two.
async fn everybody(
    world: &World,
    organization: Option<&OrganizationId>,
    search: Option<&str>,
) -> Vec<UserId> {
    let (mut met, mut after) = (vec![], None);
    loop {
        let page = UserPage {
            size: PageSize::new(2).unwrap(),
            after,
            kind: None,
            search: search.map(|text| SearchText::new(text).unwrap()),
        };
        let listed = world
            .administration
            .list_users(organization.cloned(), &page);
        let part = listed.await.unwrap();
        met.extend(part.users.into_iter().map(|entry| entry.user.id));
        after = part.next;
        if after.is_none() {
            return met;
        }
    }
}

async fn users_of_all_organizations_are_listed_and_found(world: World) {
    let one = world.tenant("One").await;
    let two = world.tenant("Two").await;
    let invite = async |organization: &OrganizationId, name: &str, later: u64| {
        let mut invitation = world.invitation(organization, name);
        invitation.user.created = NOW.plus(Duration::from_secs(later));
        world.invite(invitation).await.id
    };
    let ada = invite(&one.organization, "Ada@one.example", 1).await;
    let bob = invite(&one.organization, "bob_100%@one.example", 2).await;
    let other_ada = invite(&two.organization, "ada@two.example", 3).await;
    let [first, second] = [&one, &two].map(|tenant| tenant.administrator.user.id.clone());
    let mut all = everybody(&world, None, None).await;
    assert_eq!(all.split_off(2), [&ada, &bob, &other_ada].map(Clone::clone));
    all.sort();
    let mut administrators = [first.clone(), second];
    administrators.sort();
    assert_eq!(all, administrators);
    let of_one = everybody(&world, Some(&one.organization), None).await;
    assert_eq!(of_one, [&first, &ada, &bob].map(Clone::clone));
    let find = async |text| everybody(&world, None, Some(text)).await;
    assert_eq!(find("ADA@").await, [ada.clone(), other_ada.clone()]);
    assert_eq!(find("b_100%").await, std::slice::from_ref(&bob));
    // Each of these means nothing but itself.
    assert_eq!(find("%").await, std::slice::from_ref(&bob));
    for nobody in ["a_a", "b%1", "!", "\\", "two.examples"] {
        assert_eq!(find(nobody).await, [], "{nobody}");
    }
    let part_of_id = &other_ada.as_str()[5..];
    assert_eq!(find(part_of_id).await, std::slice::from_ref(&other_ada));
    let within = everybody(&world, Some(&two.organization), Some("ada")).await;
    assert_eq!(within, [other_ada]);
}

async fn a_user_is_deleted_and_the_last_administrator_stays(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    world.issued_code(&person).await;
    let first = &tenant.administrator.user.id;
    let delete = async |user: &UserId| world.administration.delete_user(user).await;
    assert!(matches!(
        delete(first).await,
        Err(SetUserError::LastAdministrator)
    ));
    assert!(delete(&person.user.id).await.unwrap());
    assert_eq!(world.account(&person.user.id).await, None);
    assert!(!delete(&person.user.id).await.unwrap());
    // The name is free again, and nothing refers to the application any more.
    let again = world.invitation(&tenant.organization, person.user.username.as_str());
    let again = world.invite(again).await;
    world.set_administrator(&again.id, true).await;
    assert!(delete(first).await.unwrap());
    let application = &tenant.application.id;
    let deleted = world.administration.delete_application(application, None);
    deleted.await.unwrap();
}

async fn deactivating_a_credential_ends_what_it_does_for_its_user(world: World) {
    let person = world.someone().await;
    let [first, second] = [0, 1].map(|index| person.credentials[index].uuid.clone());
    let sessions = [&first, &second].map(|uuid| world.session_with(&person.user, uuid));
    let code = world.issued_code(&person).await;
    let told = world.message(&person.user.id);
    for changes in [true, false] {
        let told = NewMessage {
            id: MessageId::from_random(&world.draw()),
            ..told.clone()
        };
        let deactivated = world
            .administration
            .deactivate_credential(&person.user.id, &first, told);
        assert_eq!(deactivated.await.unwrap(), changes);
    }
    assert!(!world.sessions.is_live(&sessions[0]).await.unwrap());
    assert!(world.sessions.is_live(&sessions[1]).await.unwrap());
    let code = world.code_by_id(&code.code.id).await.unwrap().code;
    assert!(matches!(code.state, CodeState::Cancelled { .. }));
    assert_eq!(world.told().await.len(), 1);
}

async fn a_credential_that_must_stay_is_not_deactivated(world: World) {
    let [ada, bob] = world.two(1).await;
    let deactivate = async |user: &UserId, credential| {
        let told = world.message(user);
        let store = &world.administration;
        store.deactivate_credential(user, credential, told).await
    };
    let last = &ada.credentials[0].uuid;
    let refused = deactivate(&ada.user.id, last).await;
    assert!(matches!(refused, Err(ChangeError::LastUsable)));
    let foreign = deactivate(&bob.user.id, last).await;
    assert!(matches!(foreign, Err(ChangeError::NotFound)));
    let nobody = UserId::from_random(&world.draw());
    let unknown = deactivate(&nobody, last).await;
    assert!(matches!(unknown, Err(ChangeError::NotFound)));
    assert!(world.credentials_of(&ada).await[0].is_active());
    assert_eq!(world.told().await, []);
}

async fn ending_sessions_raises_the_epoch_and_ends_every_code(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    let session = world.session(&person);
    let code = world.issued_code(&person).await;
    let login = world
        .hand_out(&person.user, AccountCodeKind::Login, NOW)
        .await;
    assert!(world.administration.end_sessions(id).await.unwrap());
    assert!(!world.sessions.is_live(&session).await.unwrap());
    let account = world.account(id).await.unwrap();
    assert_eq!(account.user.epoch, person.user.epoch.next());
    assert!(account.credentials.iter().all(Credential::is_active));
    let code = world.code_by_id(&code.code.id).await.unwrap().code;
    assert!(matches!(code.state, CodeState::Cancelled { .. }));
    assert_eq!(world.held(&person.user, &login).await, None);
    let nobody = UserId::from_random(&world.draw());
    assert!(!world.administration.end_sessions(&nobody).await.unwrap());
}

async fn ending_codes_leaves_sessions_alone(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    let session = world.session(&person);
    let code = world.issued_code(&person).await;
    let login = world
        .hand_out(&person.user, AccountCodeKind::Login, NOW)
        .await;
    let ended = world.administration.end_codes(id).await;
    assert_eq!(ended.unwrap(), Effect::Changed);
    assert!(world.sessions.is_live(&session).await.unwrap());
    let code = world.code_by_id(&code.code.id).await.unwrap().code;
    assert!(matches!(code.state, CodeState::Cancelled { .. }));
    assert_eq!(world.held(&person.user, &login).await, None);
    assert_eq!(world.account(id).await.unwrap().user, person.user);
    let again = world.administration.end_codes(id).await;
    assert_eq!(again.unwrap(), Effect::Unneeded);
    // Either is enough by itself.
    world.issued_code(&person).await;
    let ended = world.administration.end_codes(id).await;
    assert_eq!(ended.unwrap(), Effect::Changed);
    let login = AccountCodeKind::Login;
    world.hand_out(&person.user, login, NOW).await;
    let ended = world.administration.end_codes(id).await;
    assert_eq!(ended.unwrap(), Effect::Changed);
    let nobody = UserId::from_random(&world.draw());
    let nobodys = world.administration.end_codes(&nobody).await;
    assert_eq!(nobodys.unwrap(), Effect::NotFound);
}
