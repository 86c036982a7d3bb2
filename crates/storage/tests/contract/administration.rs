//! What an administrator does from the command line.

use latchkey_domain::{
    account_code::NewAccountCode,
    application::{
        Application, Origin, RelyingParty, RpId,
        native::{AndroidPackage, AppleAppId, NativeApplications},
    },
    id::{ApplicationId, OrganizationId, UserId},
    user::{Epoch, User},
};
use latchkey_service::ports::{
    administration_store::{
        AddApplicationError, AdministrationStore as _, BootstrapError, InviteError, SetUserError,
    },
    directory_store::DirectoryStore as _,
};

use crate::world::{CALLERS, World, at_once, successes};

contract! {
    a_database_is_empty_until_the_first_organization,
    bootstrap_makes_all_of_it,
    a_taken_name_changes_nothing,
    of_many_organizations_of_one_name_one_is_made,
    an_invited_user_can_be_found,
    inviting_again_replaces_the_code,
    inviting_many_times_at_once_leaves_one_code,
    who_has_registered_is_not_invited_again,
    who_was_deactivated_is_not_invited_again,
    an_unknown_organization_invites_nobody,
    deactivating_a_user_raises_the_epoch_once,
    an_administrator_can_be_made_and_unmade,
    an_invitation_may_make_an_administrator,
    the_last_active_administrator_stays,
    of_all_administrators_at_once_one_stays,
    unknown_users_and_applications_are_told,
    an_origin_belongs_to_one_application_of_an_organization,
    organizations_may_share_an_origin,
    an_unknown_organization_gets_no_application,
    crossed_origins_at_once_give_one_application,
    an_application_is_deactivated_and_activated,
    native_applications_are_set_and_taken_away,
    native_applications_come_with_a_new_application,
}

async fn a_database_is_empty_until_the_first_organization(world: World) {
    assert!(world.store.is_empty().await.unwrap());
    world.tenant("Example").await;
    assert!(!world.store.is_empty().await.unwrap());
}

async fn bootstrap_makes_all_of_it(world: World) {
    let tenant = world.tenant("Example").await;
    let directory = world.store.load().await.unwrap();
    assert_eq!(directory.organizations.len(), 1);
    assert_eq!(directory.organizations[0].id, tenant.organization);
    assert_eq!(directory.applications, [tenant.application]);
    let invited = tenant.administrator;
    let NewAccountCode { code, digest } = invited.code;
    let held = world.registration_code(&invited.user, &digest).await;
    let held = held.unwrap();
    assert_eq!((held.user, held.code), (invited.user, code));
}

async fn a_taken_name_changes_nothing(world: World) {
    world.tenant("Example").await;
    let again = world.store.bootstrap(world.new_organization("Example"));
    assert!(matches!(again.await, Err(BootstrapError::NameTaken)));
    assert_eq!(world.count("organizations").await, 1);
    assert_eq!(world.count("applications").await, 1);
    assert_eq!(world.count("users").await, 1);
}

async fn of_many_organizations_of_one_name_one_is_made(world: World) {
    let outcomes = at_once(|index| {
        let (store, new) = (world.replica(index), world.new_organization("Example"));
        async move { store.bootstrap(new).await }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in outcomes {
        assert!(matches!(outcome, Ok(()) | Err(BootstrapError::NameTaken)));
    }
    assert_eq!(world.count("users").await, 1);
}

async fn an_invited_user_can_be_found(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "Ada@Example.com");
    let user = world.store.invite(invitation.clone()).await.unwrap();
    assert_eq!(user, invitation.user);
    let account = world.account(&user.id).await.unwrap();
    assert_eq!(account.user, user);
    assert_eq!(account.credentials, []);
}

async fn inviting_again_replaces_the_code(world: World) {
    let tenant = world.tenant("Example").await;
    let first = world.invitation(&tenant.organization, "ada@example.com");
    let kept = world.store.invite(first.clone()).await.unwrap();
    let second = world.invitation(&tenant.organization, "ADA@example.com");
    assert_eq!(world.store.invite(second.clone()).await.unwrap(), kept);
    let (first, second) = (first.code, second.code);
    assert_eq!(world.registration_code(&kept, &first.digest).await, None);
    let held = world.registration_code(&kept, &second.digest).await;
    let held = held.unwrap().code;
    assert_eq!((&held.id, &held.user), (&second.code.id, &kept.id));
}

async fn inviting_many_times_at_once_leaves_one_code(world: World) {
    let tenant = world.tenant("Example").await;
    let outcomes = at_once(|index| {
        let store = world.replica(index);
        let invitation = world.invitation(&tenant.organization, "ada@example.com");
        async move { store.invite(invitation).await.unwrap().id }
    })
    .await;
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
    let codes = format!("account_codes WHERE user_id = '{}'", outcomes[0]);
    assert_eq!(world.count(&codes).await, 1);
}

async fn who_has_registered_is_not_invited_again(world: World) {
    let person = world.someone().await;
    let again = world.invitation(&person.user.organization, person.user.username.as_str());
    assert!(matches!(
        world.store.invite(again).await,
        Err(InviteError::AlreadyRegistered)
    ));
}

async fn who_was_deactivated_is_not_invited_again(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.store.invite(invitation).await.unwrap();
    assert!(world.store.set_user_active(&user.id, false).await.unwrap());
    let again = world.invitation(&tenant.organization, "ada@example.com");
    assert!(matches!(
        world.store.invite(again).await,
        Err(InviteError::AlreadyRegistered)
    ));
}

async fn an_unknown_organization_invites_nobody(world: World) {
    let unknown = OrganizationId::from_random(&world.draw());
    let invitation = world.invitation(&unknown, "ada@example.com");
    assert!(matches!(
        world.store.invite(invitation).await,
        Err(InviteError::UnknownOrganization)
    ));
    assert_eq!(world.count("users").await, 0);
}

async fn deactivating_a_user_raises_the_epoch_once(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    let now = async || -> User { world.account(id).await.unwrap().user };
    for (active, epoch) in [(false, 1), (false, 1), (true, 1), (true, 1), (false, 2)] {
        assert!(world.store.set_user_active(id, active).await.unwrap());
        let user = now().await;
        assert_eq!((user.is_active, user.epoch), (active, Epoch::new(epoch)));
    }
}

async fn an_administrator_can_be_made_and_unmade(world: World) {
    let person = world.someone().await;
    let id = &person.user.id;
    for administrator in [true, true, false, false] {
        let set = world.store.set_administrator(id, administrator).await;
        assert!(set.unwrap());
        let user = world.account(id).await.unwrap().user;
        let expected = User {
            is_administrator: administrator,
            ..person.user.clone()
        };
        assert_eq!(user, expected);
    }
}

async fn an_invitation_may_make_an_administrator(world: World) {
    let tenant = world.tenant("Example").await;
    assert!(tenant.administrator.user.is_administrator);
    let first = world.invitation(&tenant.organization, "ada@example.com");
    world.store.invite(first.clone()).await.unwrap();
    let mut second = world.invitation(&tenant.organization, "ada@example.com");
    second.user.is_administrator = true;
    let kept = world.store.invite(second).await.unwrap();
    assert!(kept.is_administrator);
    let third = world.invitation(&tenant.organization, "ada@example.com");
    let kept = world.store.invite(third).await.unwrap();
    assert!(kept.is_administrator);
    assert_eq!(world.account(&first.user.id).await.unwrap().user, kept);
}

async fn the_last_active_administrator_stays(world: World) {
    let tenant = world.tenant("Example").await;
    world.tenant("Other").await;
    let first = &tenant.administrator.user.id;
    let person = world.person(&tenant, 1).await;
    let second = &person.user.id;
    let store = &world.store;
    let is_refused = async || {
        let deactivated = store.set_user_active(first, false).await;
        let demoted = store.set_administrator(first, false).await;
        matches!(deactivated, Err(SetUserError::LastAdministrator))
            && matches!(demoted, Err(SetUserError::LastAdministrator))
    };
    assert!(is_refused().await);
    store.set_administrator(second, true).await.unwrap();
    store.set_user_active(second, false).await.unwrap();
    assert!(is_refused().await);
    store.set_user_active(second, true).await.unwrap();
    store.set_user_active(first, false).await.unwrap();
    let demoted = store.set_administrator(second, false).await;
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
        administrators.push(world.store.invite(invitation).await.unwrap().id);
    }
    let outcomes = at_once(|index| {
        let (store, user) = (world.replica(index), administrators[index].clone());
        async move {
            if index % 4 < 2 {
                store.set_user_active(&user, false).await
            } else {
                store.set_administrator(&user, false).await
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
    let left = world.count("users WHERE is_administrator AND is_active");
    assert_eq!(left.await, 1);
}

async fn unknown_users_and_applications_are_told(world: World) {
    let user = UserId::from_random(&world.draw());
    assert!(!world.store.set_user_active(&user, false).await.unwrap());
    assert!(!world.store.set_administrator(&user, true).await.unwrap());
    let application = ApplicationId::from_random(&world.draw());
    let store = &world.store;
    assert!(
        !store
            .set_application_active(&application, true)
            .await
            .unwrap()
    );
}

async fn an_origin_belongs_to_one_application_of_an_organization(world: World) {
    let tenant = world.tenant("Example").await;
    let second = world.new_application(&tenant.organization, "https://two.example");
    world.store.add_application(second).await.unwrap();
    let same = world.new_application(&tenant.organization, "https://two.example");
    assert!(matches!(
        world.store.add_application(same).await,
        Err(AddApplicationError::OriginTaken)
    ));
    assert_eq!(world.count("applications").await, 2);
    assert_eq!(world.count("application_origins").await, 2);
}

async fn organizations_may_share_an_origin(world: World) {
    world.tenant("One").await;
    world.tenant("Two").await;
    assert_eq!(world.count("application_origins").await, 2);
}

async fn an_unknown_organization_gets_no_application(world: World) {
    let unknown = OrganizationId::from_random(&world.draw());
    let application = world.new_application(&unknown, "https://two.example");
    assert!(matches!(
        world.store.add_application(application).await,
        Err(AddApplicationError::UnknownOrganization)
    ));
}

/// Half of the callers list the two origins in one order, half in the other.
async fn crossed_origins_at_once_give_one_application(world: World) {
    let tenant = world.tenant("Example").await;
    for round in 0..10 {
        let outcomes = at_once(|index| {
            let store = world.replica(index);
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
            async move { store.add_application(application).await }
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
        assert!(
            world
                .store
                .set_application_active(id, active)
                .await
                .unwrap()
        );
        assert_eq!(world.store.load().await.unwrap().applications.len(), listed);
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
    let other = world.new_application(&tenant.organization, "https://two.example");
    world.store.add_application(other.clone()).await.unwrap();
    let only_apple = NativeApplications {
        android: None,
        ..both_platforms()
    };
    let none = NativeApplications::default();
    for native in [both_platforms(), both_platforms(), only_apple, none] {
        let done = world.store.set_native(&other.id, &native).await;
        assert!(done.unwrap());
        let applications = world.store.load().await.unwrap().applications;
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
    let done = world.store.set_native(&unknown, &both_platforms()).await;
    assert!(!done.unwrap());
}

async fn native_applications_come_with_a_new_application(world: World) {
    let mut new = world.new_organization("Example");
    new.application.native = both_platforms();
    world.store.bootstrap(new.clone()).await.unwrap();
    let applications = world.store.load().await.unwrap().applications;
    assert_eq!(applications, [new.application]);
}
