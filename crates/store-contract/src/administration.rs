//! What an administrator does from the command line.

use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::{
        Application, Origin, RelyingParty, RpId,
        native::{AndroidPackage, AppleAppId, NativeApplications},
    },
    credential::{Credential, CredentialState},
    credential_code::{CodeState, NewCredentialCode},
    id::{ApplicationId, MessageId, OrganizationId, UserId},
    message::NewMessage,
    page::PageSize,
    text::{ApplicationName, SearchText},
    user::{Epoch, User},
};
use latchkey_service::ports::{
    administration_store::{
        AddApplicationError, ApplicationUpdate, BootstrapError, DeleteApplicationError,
        InviteError, Loss, NewOrganization, SetUserError, UpdateApplicationError,
    },
    credential_store::ChangeError,
    user_store::UserPage,
};

use crate::{CALLERS, NOW, World, at_once, successes};

cases! { administration:
    a_database_is_empty_until_the_first_organization,
    who_there_is_is_told,
    bootstrap_makes_all_of_it,
    a_taken_name_changes_nothing,
    of_many_organizations_of_one_name_one_is_made,
    an_invited_user_can_be_found,
    inviting_again_replaces_the_code,
    a_name_that_is_composed_otherwise_is_the_same_users,
    inviting_many_times_at_once_leaves_one_code,
    who_has_registered_is_not_invited_again,
    who_was_deactivated_is_not_invited_again,
    an_unknown_organization_invites_nobody,
    deactivating_a_user_raises_the_epoch_once,
    of_many_activations_from_the_command_line_one_tells,
    an_administrator_can_be_made_and_unmade,
    of_many_who_make_an_administrator_one_tells,
    an_invitation_may_make_an_administrator,
    the_last_active_administrator_stays,
    of_all_administrators_at_once_one_stays,
    unknown_users_and_applications_are_told,
    an_origin_belongs_to_one_application,
    an_origin_belongs_to_one_organization,
    of_many_organizations_at_once_one_gets_an_origin,
    organizations_are_listed_with_the_number_of_their_users,
    applications_are_listed_with_the_number_of_their_passkeys,
    users_of_all_organizations_are_listed_and_found,
    a_user_is_deleted_and_the_last_administrator_stays,
    deactivating_a_credential_ends_what_it_does_for_its_user,
    a_credential_that_must_stay_is_not_deactivated,
    ending_sessions_raises_the_epoch_and_ends_every_code,
    ending_codes_leaves_sessions_alone,
    an_application_is_changed_where_that_is_asked_for,
    an_rp_id_stays_while_there_is_a_passkey_for_it,
    an_application_cannot_become_what_it_cannot_be,
    an_application_without_passkeys_is_deleted,
    an_application_is_deleted_with_its_passkeys_when_that_is_wanted,
    a_deleted_application_ends_codes_and_what_waits,
    who_is_locked_out_with_an_application_is_counted,
    an_unknown_organization_gets_no_application,
    crossed_origins_at_once_give_one_application,
    an_application_is_deactivated_and_activated,
    native_applications_are_set_and_taken_away,
    native_applications_come_with_a_new_application,
}

async fn a_database_is_empty_until_the_first_organization(world: World) {
    assert!(world.administration.is_empty().await.unwrap());
    world.tenant("Example").await;
    assert!(!world.administration.is_empty().await.unwrap());
}

async fn who_there_is_is_told(world: World) {
    let told = async || {
        let found = world.administration.population().await.unwrap();
        (found.has_several_users, found.has_registered)
    };
    assert_eq!(told().await, (false, false));
    let tenant = world.tenant("Example").await;
    assert_eq!(told().await, (false, false));
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    world.invite(invitation).await;
    assert_eq!(told().await, (true, false));
    world.person(&tenant, 1).await;
    assert_eq!(told().await, (true, true));
}

async fn bootstrap_makes_all_of_it(world: World) {
    let mut new = world.new_organization("Example");
    let message = world.message(&new.administrator.user.id);
    new.administrator.message = Some(message.clone());
    world.administration.bootstrap(new.clone()).await.unwrap();
    let directory = world.directory.load().await.unwrap();
    assert_eq!(directory.organizations, [new.organization]);
    assert_eq!(directory.applications, [new.application]);
    let invited = new.administrator;
    let held = world.invited(&invited).await.unwrap();
    let told = world.told().await;
    assert_eq!((told.len(), &told[0].id), (1, &message.id));
    assert_eq!(told[0].to, held.user.username);
    assert_eq!((held.user, held.code), (invited.user, invited.code.code));
}

async fn a_taken_name_changes_nothing(world: World) {
    world.tenant("Example").await;
    let before = world.directory.load().await.unwrap();
    let new = world.new_organization("Example");
    let again = world.administration.bootstrap(new.clone()).await;
    assert!(matches!(again, Err(BootstrapError::NameTaken)));
    assert_eq!(world.directory.load().await.unwrap(), before);
    assert_eq!(world.account(&new.administrator.user.id).await, None);
}

async fn of_many_organizations_of_one_name_one_is_made(world: World) {
    let outcomes = at_once(|index| {
        let (stores, new) = (world.replica(index), world.new_organization("Example"));
        async move { stores.administration.bootstrap(new).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(BootstrapError::NameTaken)));
    }
    let directory = world.directory.load().await.unwrap();
    assert_eq!(directory.organizations.len(), 1);
    assert_eq!(directory.applications.len(), 1);
}

async fn an_invited_user_can_be_found(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "Ada@Example.com");
    let user = world.invite(invitation.clone()).await;
    assert_eq!(user, invitation.user);
    let account = world.account(&user.id).await.unwrap();
    assert_eq!(account.user, user);
    assert_eq!(account.credentials, []);
}

async fn inviting_again_replaces_the_code(world: World) {
    let tenant = world.tenant("Example").await;
    let first = world.invitation(&tenant.organization, "ada@example.com");
    let kept = world.invite(first.clone()).await;
    let second = world.invitation(&tenant.organization, "ADA@example.com");
    assert_eq!(world.invite(second.clone()).await, kept);
    assert_eq!(world.invited(&first).await, None);
    let held = world.invited(&second).await.unwrap();
    assert_eq!(
        (&held.code.id, &held.code.user),
        (&second.code.code.id, &kept.id)
    );
}

async fn a_name_that_is_composed_otherwise_is_the_same_users(world: World) {
    let tenant = world.tenant("Example").await;
    let first = world.invitation(&tenant.organization, "j\u{fc}rgen@example.com");
    let kept = world.invite(first).await;
    let second = world.invitation(&tenant.organization, "JU\u{308}RGEN@example.com");
    assert_eq!(world.invite(second.clone()).await, kept);
    let name = &second.user.username;
    let found = world.accounts.find_by_username(&tenant.organization, name);
    assert_eq!(found.await.unwrap().map(|account| account.user), Some(kept));
    assert!(world.invited(&second).await.is_some());
}

async fn inviting_many_times_at_once_leaves_one_code(world: World) {
    let tenant = world.tenant("Example").await;
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let invitation = world.invitation(&tenant.organization, "ada@example.com");
        async move {
            let kept = stores.administration.invite(invitation.clone()).await;
            (kept.unwrap().id, invitation)
        }
    })
    .await;
    assert_eq!(world.one_invited(&outcomes).await, outcomes[0].0);
}

async fn who_has_registered_is_not_invited_again(world: World) {
    let person = world.someone().await;
    let again = world.invitation(&person.user.organization, person.user.username.as_str());
    assert!(matches!(
        world.administration.invite(again).await,
        Err(InviteError::AlreadyRegistered)
    ));
}

async fn who_was_deactivated_is_not_invited_again(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.invite(invitation).await;
    assert!(world.set_user_active(&user.id, false).await);
    let again = world.invitation(&tenant.organization, "ada@example.com");
    assert!(matches!(
        world.administration.invite(again).await,
        Err(InviteError::AlreadyRegistered)
    ));
}

async fn an_unknown_organization_invites_nobody(world: World) {
    let unknown = OrganizationId::from_random(&world.draw());
    let invitation = world.invitation(&unknown, "ada@example.com");
    assert!(matches!(
        world.administration.invite(invitation).await,
        Err(InviteError::UnknownOrganization)
    ));
}

async fn deactivating_a_user_raises_the_epoch_once(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    let now = async || -> User { world.account(id).await.unwrap().user };
    for (active, epoch) in [(false, 1), (false, 1), (true, 1), (true, 1), (false, 2)] {
        assert!(world.set_user_active(id, active).await);
        let user = now().await;
        assert_eq!((user.is_active, user.epoch), (active, Epoch::new(epoch)));
    }
}

async fn of_many_activations_from_the_command_line_one_tells(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    let activate = async || {
        let outcomes = at_once(|index| {
            let (stores, told, id) = (world.replica(index), world.message(id), id.clone());
            async move {
                let administration = stores.administration;
                administration.set_user_active(&id, true, Some(told)).await
            }
        })
        .await;
        assert_eq!(successes(&outcomes), CALLERS);
    };
    activate().await;
    assert_eq!(world.told().await, []);
    assert!(world.set_user_active(id, false).await);
    activate().await;
    let told = world.told().await;
    assert_eq!((told.len(), &told[0].to), (1, &person.user.username));
}

async fn an_administrator_can_be_made_and_unmade(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    for administrator in [true, true, false, false] {
        let set = world
            .administration
            .set_administrator(id, administrator, None)
            .await;
        assert!(set.unwrap());
        let user = world.account(id).await.unwrap().user;
        let expected = User {
            is_administrator: administrator,
            ..person.user.clone()
        };
        assert_eq!(user, expected);
    }
}

async fn of_many_who_make_an_administrator_one_tells(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    for _ in 0..2 {
        let outcomes = at_once(|index| {
            let (stores, told, id) = (world.replica(index), world.message(id), id.clone());
            async move {
                let administration = stores.administration;
                administration
                    .set_administrator(&id, true, Some(told))
                    .await
            }
        })
        .await;
        assert_eq!(successes(&outcomes), CALLERS);
    }
    let told = world.told().await;
    assert_eq!((told.len(), &told[0].to), (1, &person.user.username));
}

async fn an_invitation_may_make_an_administrator(world: World) {
    let tenant = world.tenant("Example").await;
    assert!(tenant.administrator.user.is_administrator);
    let first = world.invitation(&tenant.organization, "ada@example.com");
    world.invite(first.clone()).await;
    let mut second = world.invitation(&tenant.organization, "ada@example.com");
    second.user.is_administrator = true;
    let kept = world.invite(second).await;
    assert!(kept.is_administrator);
    let third = world.invitation(&tenant.organization, "ada@example.com");
    let kept = world.invite(third).await;
    assert!(kept.is_administrator);
    assert_eq!(world.account(&first.user.id).await.unwrap().user, kept);
}

async fn the_last_active_administrator_stays(world: World) {
    let tenant = world.tenant("Example").await;
    world.tenant("Other").await;
    let first = &tenant.administrator.user.id;
    let person = world.person(&tenant, 1).await;
    let second = &person.user.id;
    let is_refused = async || {
        let deactivated = world
            .administration
            .set_user_active(first, false, None)
            .await;
        let demoted = world
            .administration
            .set_administrator(first, false, None)
            .await;
        matches!(deactivated, Err(SetUserError::LastAdministrator))
            && matches!(demoted, Err(SetUserError::LastAdministrator))
    };
    assert!(is_refused().await);
    world.set_administrator(second, true).await;
    world.set_user_active(second, false).await;
    assert!(is_refused().await);
    world.set_user_active(second, true).await;
    world.set_user_active(first, false).await;
    let demoted = world
        .administration
        .set_administrator(second, false, None)
        .await;
    assert!(matches!(demoted, Err(SetUserError::LastAdministrator)));
    assert!(world.account(second).await.unwrap().user.is_administrator);
}

/// Every caller takes another administrator away, half by deactivating, half by demoting.
async fn of_all_administrators_at_once_one_stays(world: World) {
    let tenant = world.tenant("Example").await;
    let mut administrators = vec![tenant.administrator.user.id.clone()];
    for number in 1..CALLERS {
        let name = format!("administrator-{number}@example.com");
        let mut invitation = world.invitation(&tenant.organization, &name);
        invitation.user.is_administrator = true;
        administrators.push(world.invite(invitation).await.id);
    }
    let outcomes = at_once(|index| {
        let (stores, user) = (world.replica(index), administrators[index].clone());
        async move {
            if index % 4 < 2 {
                stores
                    .administration
                    .set_user_active(&user, false, None)
                    .await
            } else {
                stores
                    .administration
                    .set_administrator(&user, false, None)
                    .await
            }
        }
    })
    .await;
    assert_eq!(successes(&outcomes), CALLERS - 1);
    for outcome in outcomes {
        assert!(matches!(
            outcome,
            Ok(true) | Err(SetUserError::LastAdministrator)
        ));
    }
    let mut left = 0;
    for user in &administrators {
        let user = world.account(user).await.unwrap().user;
        left += usize::from(user.is_administrator && user.is_active);
    }
    assert_eq!(left, 1);
}

async fn unknown_users_and_applications_are_told(world: World) {
    let user = UserId::from_random(&world.draw());
    assert!(!world.set_user_active(&user, false).await);
    assert!(!world.set_administrator(&user, true).await);
    let application = ApplicationId::from_random(&world.draw());
    assert!(!world.set_application_active(&application, true).await);
}

async fn an_origin_belongs_to_one_application(world: World) {
    let tenant = world.tenant("Example").await;
    let second = world.second_application(&tenant).await;
    let same = world.new_application(&tenant.organization, "https://two.example");
    assert!(matches!(
        world.administration.add_application(same).await,
        Err(AddApplicationError::OriginTaken)
    ));
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications.len(), 2);
    assert!(applications.contains(&second));
}

async fn an_origin_belongs_to_one_organization(world: World) {
    let one = world.tenant("One").await;
    let two = world.tenant("Two").await;
    let before = world.directory.load().await.unwrap();
    let origin = one.application.relying_party.origins()[0].clone();
    let same = world.new_application(&two.organization, origin.as_str());
    let added = world.administration.add_application(same.clone()).await;
    assert!(matches!(added, Err(AddApplicationError::OriginTaken)));
    let three = world.new_organization("Three");
    let new = NewOrganization {
        application: Application {
            organization: three.organization.id.clone(),
            ..same
        },
        ..three
    };
    let made = world.administration.bootstrap(new).await;
    assert!(matches!(made, Err(BootstrapError::OriginTaken)));
    let moved = ApplicationUpdate {
        rp_id: Some(one.application.relying_party.rp_id().clone()),
        origins: Some(vec![origin.clone()]),
        ..ApplicationUpdate::default()
    };
    let updated = update(&world, &two.application, moved.clone()).await;
    assert!(matches!(updated, Err(UpdateApplicationError::OriginTaken)));
    assert_eq!(world.directory.load().await.unwrap(), before);
    // One that is not active keeps it, and one that is gone does not.
    world
        .set_application_active(&one.application.id, false)
        .await;
    let updated = update(&world, &two.application, moved.clone()).await;
    assert!(matches!(updated, Err(UpdateApplicationError::OriginTaken)));
    delete_application(&world, &one.application, false)
        .await
        .unwrap();
    let updated = update(&world, &two.application, moved).await.unwrap();
    assert_eq!(updated.relying_party.origins(), [origin]);
}

async fn of_many_organizations_at_once_one_gets_an_origin(world: World) {
    let outcomes = at_once(|index| {
        let stores = world.replica(index);
        let mut new = world.new_organization(&format!("Organization-{index}"));
        let application = world.new_application(&new.organization.id, "https://one.example");
        new.application = application;
        async move { stores.administration.bootstrap(new).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(BootstrapError::OriginTaken)));
    }
    let directory = world.directory.load().await.unwrap();
    assert_eq!(directory.organizations.len(), 1);
    assert_eq!(directory.applications.len(), 1);
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

async fn applications_are_listed_with_the_number_of_their_passkeys(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.tenant("Other").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let second = world.passkey(&person.user, &tenant.application);
    world.create(&person, second.clone()).await;
    world.set_active(&person, &second.uuid, false).await;
    world
        .set_application_active(&other.application.id, false)
        .await;
    let listed = world.administration.applications().await.unwrap();
    let mut told: Vec<_> = listed
        .into_iter()
        .map(|entry| (entry.application, entry.passkeys))
        .collect();
    told.sort_by_key(|(_application, passkeys)| *passkeys);
    let inactive = Application {
        is_active: false,
        ..other.application
    };
    assert_eq!(told, [(inactive, 0), (tenant.application, 2)]);
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
    delete_application(&world, &tenant.application, false)
        .await
        .unwrap();
}

async fn deactivating_a_credential_ends_what_it_does_for_its_user(world: World) {
    let person = world.someone().await;
    let [first, second] = [0, 1].map(|index| person.credentials[index].uuid.clone());
    let sessions = [&first, &second].map(|uuid| world.session_with(&person.user, uuid));
    let code = world.issued_code(&person).await;
    let told = world.message(&person.user.id);
    for _ in 0..2 {
        let told = NewMessage {
            id: MessageId::from_random(&world.draw()),
            ..told.clone()
        };
        let deactivated = world
            .administration
            .deactivate_credential(&person.user.id, &first, told);
        deactivated.await.unwrap();
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
    assert!(world.administration.end_codes(id).await.unwrap());
    assert!(world.sessions.is_live(&session).await.unwrap());
    let code = world.code_by_id(&code.code.id).await.unwrap().code;
    assert!(matches!(code.state, CodeState::Cancelled { .. }));
    assert_eq!(world.held(&person.user, &login).await, None);
    assert_eq!(world.account(id).await.unwrap().user, person.user);
    let nobody = UserId::from_random(&world.draw());
    assert!(!world.administration.end_codes(&nobody).await.unwrap());
}

async fn update(
    world: &World,
    application: &Application,
    update: ApplicationUpdate,
) -> Result<Application, UpdateApplicationError> {
    let store = &world.administration;
    store.update_application(&application.id, update).await
}

async fn delete_application(
    world: &World,
    application: &Application,
    with_passkeys: bool,
) -> Result<Loss, DeleteApplicationError> {
    let store = &world.administration;
    store
        .delete_application(&application.id, with_passkeys)
        .await
}

async fn an_application_is_changed_where_that_is_asked_for(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    let mut expected = tenant.application.clone();
    let loaded = async |expected: &Application| {
        let applications = world.directory.load().await.unwrap().applications;
        assert_eq!(applications.len(), 2);
        assert!(applications.contains(expected) && applications.contains(&other));
    };
    let name = ApplicationName::new("Renamed").unwrap();
    let renamed = ApplicationUpdate {
        name: Some(name.clone()),
        ..ApplicationUpdate::default()
    };
    expected.name = name;
    assert_eq!(
        update(&world, &tenant.application, renamed).await.unwrap(),
        expected
    );
    loaded(&expected).await;
    // In another order, with one of before among them.
    let origins = [
        "https://b.one.example",
        "https://one.example",
        "https://a.one.example",
    ]
    .map(|origin| Origin::new(origin).unwrap())
    .to_vec();
    let moved = ApplicationUpdate {
        origins: Some(origins.clone()),
        ..ApplicationUpdate::default()
    };
    let rp_id = expected.relying_party.rp_id().clone();
    expected.relying_party = RelyingParty::new(rp_id, origins).unwrap();
    assert_eq!(
        update(&world, &tenant.application, moved).await.unwrap(),
        expected
    );
    loaded(&expected).await;
    let taken = ApplicationUpdate {
        origins: Some(vec![
            Origin::new("https://one.example").unwrap(),
            other.relying_party.origins()[0].clone(),
        ]),
        ..ApplicationUpdate::default()
    };
    let refused = update(&world, &tenant.application, taken).await;
    assert!(matches!(refused, Err(UpdateApplicationError::OriginTaken)));
    loaded(&expected).await;
}

async fn an_rp_id_stays_while_there_is_a_passkey_for_it(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    let passkey = person.credentials[1].uuid.clone();
    let elsewhere = || ApplicationUpdate {
        rp_id: Some(RpId::new("two.example").unwrap()),
        origins: Some(vec![Origin::new("https://two.example").unwrap()]),
        ..ApplicationUpdate::default()
    };
    // One that is not active can be activated again.
    world.set_active(&person, &passkey, false).await;
    let refused = update(&world, &tenant.application, elsewhere()).await;
    assert!(matches!(
        refused,
        Err(UpdateApplicationError::HasPasskeys(1))
    ));
    let same = ApplicationUpdate {
        rp_id: Some(tenant.application.relying_party.rp_id().clone()),
        ..ApplicationUpdate::default()
    };
    let kept = update(&world, &tenant.application, same).await.unwrap();
    assert_eq!(kept, tenant.application);
    world.delete(&person, &passkey).await;
    let moved = update(&world, &tenant.application, elsewhere()).await;
    assert_eq!(moved.unwrap().relying_party.rp_id().as_str(), "two.example");
}

async fn an_application_cannot_become_what_it_cannot_be(world: World) {
    let tenant = world.tenant("Example").await;
    let unfit = ApplicationUpdate {
        rp_id: Some(RpId::new("two.example").unwrap()),
        ..ApplicationUpdate::default()
    };
    let refused = update(&world, &tenant.application, unfit.clone()).await;
    assert!(matches!(refused, Err(UpdateApplicationError::Invalid(_))));
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, std::slice::from_ref(&tenant.application));
    let unknown = world.new_application(&tenant.organization, "https://two.example");
    let refused = update(&world, &unknown, unfit).await;
    assert!(matches!(refused, Err(UpdateApplicationError::NotFound)));
}

async fn an_application_without_passkeys_is_deleted(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    world.person(&tenant, 1).await;
    let loss = delete_application(&world, &other, false).await.unwrap();
    assert_eq!(loss, Loss::default());
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, [tenant.application.clone()]);
    let again = delete_application(&world, &other, true).await;
    assert!(matches!(again, Err(DeleteApplicationError::NotFound)));
    world.second_application(&tenant).await;
}

async fn an_application_is_deleted_with_its_passkeys_when_that_is_wanted(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    let ada = world.person_with_passkey(&tenant, 1).await;
    let bob = world.person(&tenant, 1).await;
    let elsewhere = world.passkey(&bob.user, &other);
    world.create(&bob, elsewhere.clone()).await;
    let sessions = [0, 1].map(|index| {
        let uuid = &ada.credentials[index].uuid;
        world.session_with(&ada.user, uuid)
    });
    let recovery = world
        .hand_out(&ada.user, AccountCodeKind::Recovery, NOW)
        .await;
    let expected = Loss {
        passkeys: 1,
        users: 1,
        locked_out: 0,
    };
    let refused = delete_application(&world, &tenant.application, false).await;
    match refused {
        Err(DeleteApplicationError::HasPasskeys(loss)) => assert_eq!(loss, expected),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.credentials_of(&ada).await.len(), 2);
    let loss = delete_application(&world, &tenant.application, true).await;
    assert_eq!(loss.unwrap(), expected);
    assert_eq!(
        world.credentials_of(&ada).await,
        [ada.credentials[0].clone()]
    );
    assert_eq!(world.credentials_of(&bob).await.len(), 2);
    // The session of the passkey is over, that of the key goes on, and so does the way back.
    assert!(world.sessions.is_live(&sessions[0]).await.unwrap());
    assert!(!world.sessions.is_live(&sessions[1]).await.unwrap());
    assert!(world.held(&ada.user, &recovery).await.is_some());
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, [other]);
}

async fn a_deleted_application_ends_codes_and_what_waits(world: World) {
    let tenant = world.tenant("Example").await;
    let ada = world.person_with_passkey(&tenant, 1).await;
    let bob = world.person(&tenant, 1).await;
    let [hers, his] = [world.issued_code(&ada).await, world.issued_code(&bob).await];
    let mut waiting = world.key(&ada.user);
    waiting.state = CredentialState::Waiting {
        until: NOW.plus(Duration::from_mins(5)),
    };
    world.create(&ada, waiting.clone()).await;
    delete_application(&world, &tenant.application, true)
        .await
        .unwrap();
    let state = async |code: &NewCredentialCode| {
        let found = world.code_by_id(&code.code.id).await;
        found.unwrap().code.state
    };
    assert!(matches!(state(&hers).await, CodeState::Cancelled { .. }));
    assert_eq!(state(&his).await, CodeState::Issued);
    let held = world.credentials_of(&ada).await;
    assert!(held.iter().all(|held| held.uuid != waiting.uuid));
}

async fn who_is_locked_out_with_an_application_is_counted(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    // A key beside the passkey, which is inactive for the second and the third.
    for (keeps_key, elsewhere) in [(true, false), (false, false), (false, true)] {
        let person = world.person_with_passkey(&tenant, 1).await;
        if elsewhere {
            let passkey = world.passkey(&person.user, &other);
            world.create(&person, passkey).await;
        }
        if !keeps_key {
            let passkey = &person.credentials[1].uuid;
            let authority = world.authority_with(&person.user, passkey);
            let key = &person.credentials[0].uuid;
            let deactivated = world.credentials.set_active(authority, key, false, NOW);
            deactivated.await.unwrap();
        }
    }
    // Whose passkey is inactive loses nothing to sign in with.
    let person = world.person_with_passkey(&tenant, 1).await;
    world
        .set_active(&person, &person.credentials[1].uuid, false)
        .await;
    let loss = delete_application(&world, &tenant.application, true).await;
    let expected = Loss {
        passkeys: 4,
        users: 4,
        locked_out: 1,
    };
    assert_eq!(loss.unwrap(), expected);
}

async fn an_unknown_organization_gets_no_application(world: World) {
    let unknown = OrganizationId::from_random(&world.draw());
    let application = world.new_application(&unknown, "https://two.example");
    assert!(matches!(
        world.administration.add_application(application).await,
        Err(AddApplicationError::UnknownOrganization)
    ));
}

/// Half of the callers list the two origins in one order, half in the other.
async fn crossed_origins_at_once_give_one_application(world: World) {
    let tenant = world.tenant("Example").await;
    for round in 0..10 {
        let outcomes = at_once(|index| {
            let stores = world.replica(index);
            let mut origins = ["a", "b"]
                .map(|host| Origin::new(format!("https://{host}.{round}.example")).unwrap());
            if index % 4 < 2 {
                origins.reverse();
            }
            let rp_id = RpId::new(format!("{round}.example")).unwrap();
            let application = Application {
                relying_party: RelyingParty::new(rp_id, origins.to_vec()).unwrap(),
                ..world.new_application(&tenant.organization, "https://two.example")
            };
            async move { stores.administration.add_application(application).await }
        })
        .await;
        assert_eq!(successes(&outcomes), 1);
        for outcome in outcomes {
            assert!(matches!(
                outcome,
                Ok(()) | Err(AddApplicationError::OriginTaken)
            ));
        }
    }
}

async fn an_application_is_deactivated_and_activated(world: World) {
    let tenant = world.tenant("Example").await;
    let id = &tenant.application.id;
    for (active, listed) in [(false, 0), (false, 0), (true, 1), (true, 1)] {
        assert!(world.set_application_active(id, active).await);
        assert_eq!(
            world.directory.load().await.unwrap().applications.len(),
            listed
        );
    }
}

fn both_platforms() -> NativeApplications {
    NativeApplications {
        android: Some(AndroidPackage::new("com.example.app").unwrap()),
        apple: Some(AppleAppId::new("A1B2C3D4E5.com.example.app").unwrap()),
    }
}

async fn native_applications_are_set_and_taken_away(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    let only_apple = NativeApplications {
        android: None,
        ..both_platforms()
    };
    let none = NativeApplications::default();
    for native in [both_platforms(), both_platforms(), only_apple, none] {
        let done = world.administration.set_native(&other.id, &native).await;
        assert!(done.unwrap());
        let applications = world.directory.load().await.unwrap().applications;
        for found in applications {
            let expected = if found.id == other.id {
                native.clone()
            } else {
                NativeApplications::default()
            };
            assert_eq!(found.native, expected);
        }
    }
    let unknown = ApplicationId::from_random(&world.draw());
    let done = world
        .administration
        .set_native(&unknown, &both_platforms())
        .await;
    assert!(!done.unwrap());
}

async fn native_applications_come_with_a_new_application(world: World) {
    let mut new = world.new_organization("Example");
    new.application.native = both_platforms();
    world.administration.bootstrap(new.clone()).await.unwrap();
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, [new.application]);
}
