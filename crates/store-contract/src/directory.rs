//! Reading organizations and applications.

use latchkey_domain::{
    application::{Application, Origin, RelyingParty, RpId},
    id::OrganizationId,
    organization::{Approval, CodeSignIn},
    time::Timestamp,
};
use latchkey_service::ports::{administration_store::Effect, directory_store::DirectoryEntries};

use crate::{NOW, World};

cases! { directory:
    an_empty_directory_is_empty,
    applications_are_oldest_first_with_their_origins_in_order,
    what_is_not_active_is_not_listed,
    whether_approval_is_asked_for_is_kept,
    whether_a_code_signs_in_at_once_is_kept,
}

async fn an_empty_directory_is_empty(world: World) {
    let directory = world.directory.load().await.unwrap();
    assert_eq!(directory.organizations, []);
    assert_eq!(directory.applications, []);
}

async fn applications_are_oldest_first_with_their_origins_in_order(world: World) {
    let mut one = world.new_organization("One");
    one.organization.created = NOW.plus(std::time::Duration::from_secs(5));
    let mut two = world.new_organization("Two");
    two.application.created = Timestamp::from_unix_milliseconds(1);
    world.administration.bootstrap(one.clone()).await.unwrap();
    world.administration.bootstrap(two.clone()).await.unwrap();
    let origins = ["https://z.many.example", "https://a.many.example"]
        .map(|text| Origin::new(text).unwrap())
        .to_vec();
    let many = Application {
        relying_party: RelyingParty::new(RpId::new("many.example").unwrap(), origins).unwrap(),
        created: Timestamp::from_unix_milliseconds(2),
        ..world.new_application(&one.organization.id, "https://many.example")
    };
    let added = world.administration.add_application(many.clone(), None);
    added.await.unwrap();

    let directory = world.directory.load().await.unwrap();
    assert_eq!(
        directory.organizations,
        [two.organization, one.organization]
    );
    assert_eq!(
        directory.applications,
        [two.application, many, one.application]
    );
}

async fn what_is_not_active_is_not_listed(world: World) {
    let one = world.tenant("One").await;
    let two = world.tenant("Two").await;
    world
        .set_application_active(&two.application.id, false)
        .await;
    let directory = world.directory.load().await.unwrap();
    assert_eq!(ids(&directory), [&one.organization, &two.organization]);
    assert_eq!(directory.applications, [one.application]);

    world.deactivate(&one.organization).await;
    let directory = world.directory.load().await.unwrap();
    assert_eq!(ids(&directory), [&two.organization]);
    assert_eq!(directory.applications, []);
}

async fn whether_a_code_signs_in_at_once_is_kept(world: World) {
    let kept = async || world.directory.load().await.unwrap().organizations[0].code_sign_in;
    let organization = world.tenant("Example").await.organization;
    assert_eq!(kept().await, CodeSignIn::Never);
    for (wanted, effect) in [
        (CodeSignIn::Never, Effect::Unneeded),
        (CodeSignIn::AtOnce, Effect::Changed),
        (CodeSignIn::AtOnce, Effect::Unneeded),
        (CodeSignIn::Never, Effect::Changed),
    ] {
        let set = world
            .administration
            .set_organization(&organization, wanted.into());
        assert_eq!(set.await.unwrap(), effect);
        assert_eq!(kept().await, wanted);
    }
    let unknown = OrganizationId::from_random(&world.draw());
    let set = world
        .administration
        .set_organization(&unknown, CodeSignIn::AtOnce.into());
    assert_eq!(set.await.unwrap(), Effect::NotFound);
}

fn ids(directory: &DirectoryEntries) -> Vec<&OrganizationId> {
    let organizations = directory.organizations.iter();
    organizations.map(|organization| &organization.id).collect()
}

async fn whether_approval_is_asked_for_is_kept(world: World) {
    let approval = async || world.directory.load().await.unwrap().organizations[0].approval;
    let mut new = world.new_organization("One");
    new.organization.approval = Approval::Always;
    let organization = new.organization.id.clone();
    world.administration.bootstrap(new).await.unwrap();
    assert_eq!(approval().await, Approval::Always);
    for (wanted, effect) in [
        (Approval::Never, Effect::Changed),
        (Approval::Always, Effect::Changed),
        (Approval::Always, Effect::Unneeded),
    ] {
        let done = world
            .administration
            .set_organization(&organization, wanted.into())
            .await;
        assert_eq!(done.unwrap(), effect);
        assert_eq!(approval().await, wanted);
    }
    let unknown = OrganizationId::from_random(&world.draw());
    let done = world
        .administration
        .set_organization(&unknown, Approval::Never.into())
        .await;
    assert_eq!(done.unwrap(), Effect::NotFound);
    assert_eq!(approval().await, Approval::Always);
}
