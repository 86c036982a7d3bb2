//! What an administrator does from the command line.

use latchkey_domain::{
    application::look::Logo,
    id::{ApplicationId, OrganizationId, UserId},
    organization::Organization,
    text::OrganizationName,
    user::{Epoch, User},
};
use latchkey_service::ports::{
    administration_store::{
        BootstrapError, DeleteOrganizationError, Effect, InviteError, RenameOrganizationError,
        SetUserError, Vacancy,
    },
    credential_store::CreateError,
    registration_store::RegisterError,
};

use crate::{CALLERS, Void, World, at_once, sign_in::used, successes};

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
    an_organization_can_be_called_something_else,
    of_many_organizations_that_are_to_have_one_name_one_has_it,
    an_organization_where_nobody_registered_goes_with_all_that_is_of_it,
    an_organization_where_somebody_registered_stays,
    an_organization_where_somebody_has_signed_stays,
    who_registers_while_the_organization_is_deleted_has_it_or_has_not,
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
    for (active, epoch, changes) in [
        (false, 1, true),
        (false, 1, false),
        (true, 1, true),
        (true, 1, false),
        (false, 2, true),
    ] {
        let set = world.administration.set_user_active(id, active, None).await;
        assert_eq!(set.unwrap(), Effect::of(changes));
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
    for (administrator, effect) in [
        (true, Effect::Changed),
        (true, Effect::Unneeded),
        (false, Effect::Changed),
        (false, Effect::Unneeded),
    ] {
        let set = world
            .administration
            .set_administrator(id, administrator, None)
            .await;
        assert_eq!(set.unwrap(), effect);
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
            Ok(Effect::Changed) | Err(SetUserError::LastAdministrator)
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

async fn an_organization_can_be_called_something_else(world: World) {
    let tenant = world.tenant("Exampel").await;
    let other = world.tenant("Other").await.organization;
    let rename = async |organization: &OrganizationId, name: &str| {
        let name = OrganizationName::new(name).unwrap();
        world
            .administration
            .rename_organization(organization, &name)
            .await
    };
    let before = organization(&world, &tenant.organization).await.unwrap();
    for (name, effect) in [("Example", Effect::Changed), ("Example", Effect::Unneeded)] {
        let renamed = rename(&tenant.organization, name).await;
        assert_eq!(renamed.unwrap(), effect);
    }
    let expected = Organization {
        name: OrganizationName::new("Example").unwrap(),
        ..before
    };
    assert!(matches!(
        rename(&tenant.organization, "Other").await,
        Err(RenameOrganizationError::NameTaken)
    ));
    let now = organization(&world, &tenant.organization).await;
    assert_eq!(now, Some(expected));
    // What it was called before is free.
    let renamed = rename(&other, "Exampel").await;
    assert_eq!(renamed.unwrap(), Effect::Changed);
    let unknown = OrganizationId::from_random(&world.draw());
    let renamed = rename(&unknown, "Another").await;
    assert_eq!(renamed.unwrap(), Effect::NotFound);
}

async fn of_many_organizations_that_are_to_have_one_name_one_has_it(world: World) {
    let mut organizations = vec![];
    for number in 0..CALLERS {
        let tenant = world.tenant(&format!("Example-{number}")).await;
        organizations.push(tenant.organization);
    }
    let outcomes = at_once(|index| {
        let (stores, organization) = (world.replica(index), organizations[index].clone());
        async move {
            let name = OrganizationName::new("Example").unwrap();
            let administration = stores.administration;
            administration
                .rename_organization(&organization, &name)
                .await
        }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(
            outcome,
            Ok(Effect::Changed) | Err(RenameOrganizationError::NameTaken)
        ));
    }
}

async fn an_organization_where_nobody_registered_goes_with_all_that_is_of_it(world: World) {
    let other = world.tenant("Other").await;
    let person = world.person(&other, 1).await;
    let tenant = world.tenant("Example").await;
    let logo = Logo::new(b"\x89PNG\r\n\x1a\n".to_vec()).unwrap();
    let mut application = world.new_application(&tenant.organization, "https://two.example");
    application.pages.look.logo = Some(logo.tag());
    let added = world
        .administration
        .add_application(application.clone(), Some(logo));
    added.await.unwrap();
    let request = world.ask_for_code(&tenant.organization).await;
    let mut invitation = world.invitation(&tenant.organization, "ada@example.com");
    invitation.message = Some(world.message(&invitation.user.id));
    world.invite(invitation.clone()).await;

    let deleted = world
        .administration
        .delete_organization(&tenant.organization);
    let expected = Vacancy {
        users: 2,
        applications: 2,
    };
    assert_eq!(deleted.await.unwrap(), expected);

    assert_eq!(organization(&world, &tenant.organization).await, None);
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, std::slice::from_ref(&other.application));
    assert_eq!(world.directory.logo(&application.id).await.unwrap(), None);
    assert!(world.request(&request).await.is_none());
    assert_eq!(world.told().await, []);
    assert_eq!(world.invited(&invitation).await, None);
    assert_eq!(world.account(&tenant.administrator.user.id).await, None);
    assert_eq!(world.credentials_of(&person).await, person.credentials);
    let again = world
        .administration
        .delete_organization(&tenant.organization)
        .await;
    assert!(matches!(again, Err(DeleteOrganizationError::NotFound)));
    // Its name and its origins are free.
    let tenant = world.tenant("Example").await;
    world.second_application(&tenant).await;
}

async fn an_organization_where_somebody_registered_stays(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    world.set_user_active(&person.user.id, false).await;
    let before = world.directory.load().await.unwrap();
    let refused = world
        .administration
        .delete_organization(&tenant.organization)
        .await;
    assert!(matches!(
        refused,
        Err(DeleteOrganizationError::HasRegistered(1))
    ));
    assert_eq!(world.directory.load().await.unwrap(), before);
    assert!(world.account(&tenant.administrator.user.id).await.is_some());
    let listed = world.administration.organizations().await.unwrap();
    assert_eq!((listed[0].users, listed[0].registered), (2, 1));
}

/// What was signed there is kept for good, and would be of nowhere.
async fn an_organization_where_somebody_has_signed_stays(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let key = &person.credentials[0];
    let uses = used(&key.uuid, None);
    let authority = world.sign_in(&person);
    let signed = world
        .sign_ins
        .sign_action(authority, uses, world.evidence(key));
    signed.await.unwrap();
    assert!(
        world
            .administration
            .delete_user(&person.user.id)
            .await
            .unwrap()
    );
    let before = world.directory.load().await.unwrap();
    let refused = world
        .administration
        .delete_organization(&tenant.organization)
        .await;
    assert!(matches!(refused, Err(DeleteOrganizationError::HasSigned)));
    assert_eq!(world.directory.load().await.unwrap(), before);
}

/// Some delete it, some register at it, and some invite others to it.
async fn who_registers_while_the_organization_is_deleted_has_it_or_has_not(world: World) {
    for round in 0..4 {
        let tenant = world.tenant(&format!("Example-{round}")).await;
        let mut invitations = vec![];
        for number in 0..CALLERS {
            let name = format!("person-{number}@example.com");
            let invitation = world.invitation(&tenant.organization, &name);
            if number % 3 == 1 {
                world.invite(invitation.clone()).await;
            }
            // Every other one of the rest is invited a second time.
            if number % 3 == 2 && number % 2 == 0 {
                let before = world.invitation(&tenant.organization, &name);
                world.invite(before).await;
            }
            invitations.push(invitation);
        }
        // Whether it was deleted, or somebody registered.
        let outcomes = at_once(|index| {
            let stores = world.replica(index);
            let invitation = invitations[index].clone();
            let (authority, registration) =
                world.registration(&invitation, vec![world.key(&invitation.user)]);
            async move {
                match index % 3 {
                    0 => {
                        let id = &invitation.user.organization;
                        let deleted = stores.administration.delete_organization(id).await;
                        match deleted {
                            Ok(_vacancy) => (true, false),
                            Err(
                                DeleteOrganizationError::NotFound
                                | DeleteOrganizationError::HasRegistered(_)
                                | DeleteOrganizationError::HasSigned,
                            ) => (false, false),
                            Err(DeleteOrganizationError::Store(error)) => panic!("{error:?}"),
                        }
                    }
                    1 => {
                        let registrations = stores.registrations;
                        let registered = registrations.register(authority, registration).await;
                        assert!(matches!(
                            registered,
                            Ok(())
                                | Err(RegisterError::Lost
                                    | RegisterError::Create(CreateError::Authority(Void)))
                        ));
                        (false, registered.is_ok())
                    }
                    _ => {
                        let invited = stores.administration.invite(invitation).await;
                        assert!(matches!(
                            invited,
                            Ok(_) | Err(InviteError::UnknownOrganization)
                        ));
                        (false, false)
                    }
                }
            }
        })
        .await;
        let deletions = outcomes.iter().filter(|(deleted, _)| *deleted).count();
        let registrations = outcomes.iter().filter(|(_, registered)| *registered);
        let registrations = registrations.count();
        let is_there = organization(&world, &tenant.organization).await.is_some();
        if is_there {
            assert_eq!((deletions, registrations), (0, CALLERS / 3 + 1));
        } else {
            assert_eq!((deletions, registrations), (1, 0));
        }
    }
}

async fn organization(world: &World, id: &OrganizationId) -> Option<Organization> {
    let listed = world.administration.organizations().await.unwrap();
    let mut listed = listed.into_iter().map(|entry| entry.organization);
    listed.find(|organization| organization.id == *id)
}
