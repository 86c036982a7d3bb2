//! How pages look at an application: its colour and its logo.

use latchkey_domain::application::{
    Application,
    look::{Accent, Logo, Look},
};
use latchkey_service::ports::administration_store::{ApplicationUpdate, New};

use crate::World;

cases! { looks:
    a_look_is_kept_changed_and_taken_away,
    a_look_may_come_with_a_new_application,
    a_logo_is_of_one_application_and_goes_with_it,
}

fn logo(number: u8) -> Logo {
    let mut contents = b"\x89PNG\r\n\x1a\n".to_vec();
    // Bytes that are no text.
    contents.extend([0x00, 0xff, number]);
    Logo::new(contents).unwrap()
}

fn accent(text: &str) -> Accent {
    Accent::new(text).unwrap()
}

async fn change(world: &World, application: &Application, update: ApplicationUpdate) -> bool {
    let administration = &world.administration;
    let updated = administration.update_application(&application.id, update);
    updated.await.unwrap().is_changed
}

fn with_logo(logo: New<Logo>) -> ApplicationUpdate {
    ApplicationUpdate {
        logo: Some(logo),
        ..ApplicationUpdate::default()
    }
}

async fn a_look_is_kept_changed_and_taken_away(world: World) {
    let tenant = world.tenant("Example").await;
    let shop = &tenant.application;
    let with_accent = |accent| ApplicationUpdate {
        accent: Some(accent),
        ..ApplicationUpdate::default()
    };
    let both = ApplicationUpdate {
        accent: Some(New::At(accent("#aa0000"))),
        ..with_logo(New::At(logo(1)))
    };
    for (update, is_changed, accent, logo) in [
        (ApplicationUpdate::default(), false, None, None),
        (both.clone(), true, Some("#aa0000"), Some(logo(1))),
        (both, false, Some("#aa0000"), Some(logo(1))),
        (
            with_accent(New::At(accent("#00aa00"))),
            true,
            Some("#00aa00"),
            Some(logo(1)),
        ),
        (
            with_logo(New::At(logo(2))),
            true,
            Some("#00aa00"),
            Some(logo(2)),
        ),
        (with_accent(New::None), true, None, Some(logo(2))),
        (with_logo(New::None), true, None, None),
        (with_logo(New::None), false, None, None),
    ] {
        assert_eq!(change(&world, shop, update).await, is_changed);
        let look = Look {
            accent: accent.map(|text| Accent::new(text).unwrap()),
            logo: logo.as_ref().map(Logo::tag),
        };
        let applications = world.directory.load().await.unwrap().applications;
        assert_eq!(applications[0].pages.look, look);
        assert_eq!(world.directory.logo(&shop.id).await.unwrap(), logo);
        let listed = world.administration.applications().await.unwrap();
        assert_eq!(listed[0].application.pages.look, look);
    }
}

async fn a_look_may_come_with_a_new_application(world: World) {
    let tenant = world.tenant("Example").await;
    let mut new = world.new_application(&tenant.organization, "https://two.example");
    new.pages.look = Look {
        accent: Some(accent("#0000aa")),
        logo: Some(logo(1).tag()),
    };
    let added = world
        .administration
        .add_application(new.clone(), Some(logo(1)));
    added.await.unwrap();
    let applications = world.directory.load().await.unwrap().applications;
    assert!(applications.contains(&new));
    assert_eq!(world.directory.logo(&new.id).await.unwrap(), Some(logo(1)));
    // One that cannot be has left nothing.
    let taken = world.new_application(&tenant.organization, "https://two.example");
    let refused = world
        .administration
        .add_application(taken.clone(), Some(logo(2)));
    assert!(refused.await.is_err());
    assert_eq!(world.directory.logo(&taken.id).await.unwrap(), None);
}

async fn a_logo_is_of_one_application_and_goes_with_it(world: World) {
    let tenant = world.tenant("Example").await;
    let other = world.second_application(&tenant).await;
    let shop = &tenant.application;
    // Two may have the same.
    for application in [shop, &other] {
        assert!(change(&world, application, with_logo(New::At(logo(1)))).await);
    }
    let deleted = world.administration.delete_application(&other.id, None);
    deleted.await.unwrap();
    assert_eq!(world.directory.logo(&other.id).await.unwrap(), None);
    assert_eq!(world.directory.logo(&shop.id).await.unwrap(), Some(logo(1)));
}
