//! Applications: how they come, change and go, and where they run.

use std::time::Duration;

use latchkey_domain::{
    account_code::AccountCodeKind,
    application::{
        Application, Origin, RelyingParty, RpId,
        native::{AndroidPackage, AppleAppId, NativeApplications},
        pages::{EnrolUrl, Pages},
    },
    credential::CredentialState,
    credential_code::{CodeState, NewCredentialCode},
    id::{ApplicationId, OrganizationId},
    message::MessageKind,
    text::ApplicationName,
};
use latchkey_service::ports::administration_store::{
    AddApplicationError, ApplicationUpdate, BootstrapError, DeleteApplicationError, Effect, Loss,
    NewEnrolUrl, NewOrganization, UpdateApplicationError, UpdatedApplication,
};

use crate::{NOW, World, at_once, successes};

cases! { applications:
    an_origin_belongs_to_one_application,
    an_origin_belongs_to_one_organization,
    of_many_organizations_at_once_one_gets_an_origin,
    applications_are_listed_with_the_number_of_their_passkeys,
    an_application_is_changed_where_that_is_asked_for,
    an_rp_id_stays_while_there_is_a_passkey_for_it,
    an_application_cannot_become_what_it_cannot_be,
    an_rp_id_that_would_be_refused_now_stays_until_it_is_changed,
    an_application_without_passkeys_is_deleted,
    an_application_is_deleted_with_its_passkeys_when_that_is_wanted,
    a_deleted_application_ends_codes_and_what_waits,
    who_is_locked_out_with_an_application_is_counted,
    an_unknown_organization_gets_no_application,
    crossed_origins_at_once_give_one_application,
    an_application_is_deactivated_and_activated,
    native_applications_are_set_and_taken_away,
    native_applications_come_with_a_new_application,
    where_pages_are_comes_with_an_application_and_is_changed,
    a_page_for_codes_stays_on_an_origin_of_its_application,
}

async fn an_origin_belongs_to_one_application(world: World) {
    let tenant = world.tenant("Example").await;
    let second = world.second_application(&tenant).await;
    let same = world.new_application(&tenant.organization, "https://two.example");
    assert!(matches!(
        world.administration.add_application(same, None).await,
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
    let added = world
        .administration
        .add_application(same.clone(), None)
        .await;
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

/// Updates an application. It is kept just as the answer says.
async fn update(
    world: &World,
    application: &Application,
    update: ApplicationUpdate,
) -> Result<Application, UpdateApplicationError> {
    let store = &world.administration;
    let updated = store.update_application(&application.id, update).await?;
    let kept = world.directory.load().await.unwrap().applications;
    let kept = kept.into_iter().find(|kept| kept.id == application.id);
    // The directory has none that is not active.
    assert!(kept.is_none_or(|kept| kept == updated.application));
    Ok(updated.application)
}

async fn delete_application(
    world: &World,
    application: &Application,
    with_passkeys: bool,
) -> Result<Loss, DeleteApplicationError> {
    let told = world.notice();
    let store = &world.administration;
    store
        .delete_application(&application.id, with_passkeys.then_some(told))
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
    let same = ApplicationUpdate {
        name: Some(expected.name.clone()),
        origins: Some(expected.relying_party.origins().to_vec()),
        ..ApplicationUpdate::default()
    };
    let store = &world.administration;
    let updated = store.update_application(&tenant.application.id, same).await;
    let unchanged = UpdatedApplication {
        application: expected.clone(),
        is_changed: false,
    };
    assert_eq!(updated.unwrap(), unchanged);
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

/// As where the list of public suffixes has become longer.
async fn an_rp_id_that_would_be_refused_now_stays_until_it_is_changed(world: World) {
    let tenant = world.tenant("Example").await;
    let rp_id = RpId::new("internal").unwrap();
    let origins = vec![Origin::new("https://a.internal").unwrap()];
    let before = Application {
        relying_party: RelyingParty::kept(rp_id, origins.clone()).unwrap(),
        ..world.new_application(&tenant.organization, "https://two.example")
    };
    let added = world.administration.add_application(before.clone(), None);
    added.await.unwrap();
    let renaming = ApplicationUpdate {
        name: Some(ApplicationName::new("Two").unwrap()),
        ..ApplicationUpdate::default()
    };
    let renamed = update(&world, &before, renaming).await.unwrap();
    assert_eq!(renamed.relying_party, before.relying_party);
    let applications = world.directory.load().await.unwrap().applications;
    assert!(applications.contains(&renamed));
    let moving = ApplicationUpdate {
        origins: Some(origins),
        ..ApplicationUpdate::default()
    };
    let refused = update(&world, &before, moving).await.unwrap_err();
    assert!(refused.to_string().contains("public suffix"), "{refused}");
}

async fn an_application_without_passkeys_is_deleted(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    world.person(&tenant, 1).await;
    let loss = delete_application(&world, &other, false).await.unwrap();
    assert_eq!(loss, Loss::default());
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, std::slice::from_ref(&tenant.application));
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
    let told = async || -> Vec<_> {
        let mut told = world.told().await;
        told.retain(|message| message.kind == MessageKind::CredentialDeleted);
        told.into_iter().map(|message| message.to).collect()
    };
    assert_eq!(told().await, []);
    let loss = delete_application(&world, &tenant.application, true).await;
    assert_eq!(loss.unwrap(), expected);
    assert_eq!(told().await, std::slice::from_ref(&ada.user.username));
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
        world
            .administration
            .add_application(application, None)
            .await,
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
            async move {
                stores
                    .administration
                    .add_application(application, None)
                    .await
            }
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
    for (active, listed, changes) in [
        (false, 0, true),
        (false, 0, false),
        (true, 1, true),
        (true, 1, false),
    ] {
        let set = world.administration.set_application_active(id, active);
        assert_eq!(set.await.unwrap(), Effect::of(changes));
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
    for (native, effect) in [
        (both_platforms(), Effect::Changed),
        (both_platforms(), Effect::Unneeded),
        (only_apple, Effect::Changed),
        (none, Effect::Changed),
    ] {
        let done = world.administration.set_native(&other.id, &native).await;
        assert_eq!(done.unwrap(), effect);
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
    assert_eq!(done.unwrap(), Effect::NotFound);
}

async fn native_applications_come_with_a_new_application(world: World) {
    let mut new = world.new_organization("Example");
    new.application.native = both_platforms();
    world.administration.bootstrap(new.clone()).await.unwrap();
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, [new.application]);
}

async fn where_pages_are_comes_with_an_application_and_is_changed(world: World) {
    let url = |path: &str| EnrolUrl::new(&format!("https://one.example/{path}")).unwrap();
    let mut new = world.new_organization("Example");
    new.application = world.new_application(&new.organization.id, "https://one.example");
    new.application.pages = Pages {
        ours: false,
        enrol_url: Some(url("new")),
        ..Pages::default()
    };
    world.administration.bootstrap(new.clone()).await.unwrap();
    let change = |has_pages, enrol_url| ApplicationUpdate {
        has_pages,
        enrol_url,
        ..ApplicationUpdate::default()
    };
    let name = ApplicationUpdate {
        name: Some(ApplicationName::new("Another").unwrap()),
        ..ApplicationUpdate::default()
    };
    for (update, ours, enrol_url) in [
        (name, false, Some(url("new"))),
        (change(Some(true), None), true, Some(url("new"))),
        (
            change(None, Some(NewEnrolUrl::At(url("other")))),
            true,
            Some(url("other")),
        ),
        (change(None, Some(NewEnrolUrl::None)), true, None),
        (change(Some(false), None), false, None),
    ] {
        let id = &new.application.id;
        let updated = world.administration.update_application(id, update).await;
        let expected = Pages {
            ours,
            enrol_url,
            ..Pages::default()
        };
        assert_eq!(updated.unwrap().application.pages, expected);
        let applications = world.directory.load().await.unwrap().applications;
        assert_eq!(applications[0].pages, expected);
    }
}

async fn a_page_for_codes_stays_on_an_origin_of_its_application(world: World) {
    let tenant = world.tenant("Example").await;
    let origin = tenant.application.relying_party.origins()[0].clone();
    let enrol_url = |text: &str| ApplicationUpdate {
        enrol_url: Some(NewEnrolUrl::At(EnrolUrl::new(text).unwrap())),
        ..ApplicationUpdate::default()
    };
    let refused = |outcome: Result<Application, UpdateApplicationError>| {
        matches!(outcome, Err(UpdateApplicationError::Invalid(_)))
    };
    let elsewhere = enrol_url("https://elsewhere.example/new");
    assert!(refused(
        update(&world, &tenant.application, elsewhere).await
    ));
    let here = enrol_url(&format!("{origin}/new"));
    let after = update(&world, &tenant.application, here).await.unwrap();
    // Nor does the origin go from under the page.
    let host = after.relying_party.rp_id().as_str();
    let moved = ApplicationUpdate {
        origins: Some(vec![Origin::new(format!("https://other.{host}")).unwrap()]),
        ..ApplicationUpdate::default()
    };
    assert!(refused(update(&world, &after, moved).await));
    let applications = world.directory.load().await.unwrap().applications;
    assert_eq!(applications, [after]);
}
