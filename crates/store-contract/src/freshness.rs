//! Credentials that were made with a code lately: they count, but not for everything.

use std::time::Duration;

use latchkey_domain::{
    authority::Authority,
    credential::{Credential, MadeBy},
    id::OrganizationId,
    organization::Freshness,
    time::Timestamp,
};
use latchkey_service::ports::administration_store::Effect;

use crate::{AuthorityConflict, NOW, Person, World};

cases! { freshness:
    a_fresh_credential_is_not_enough_where_that_is_required,
    a_fresh_credential_is_fresh_beside_another_one_too,
    what_was_made_otherwise_is_not_fresh,
    each_organization_says_for_how_long,
    setting_it_says_whether_anything_was_changed,
    nothing_is_used_up_by_what_is_too_fresh,
}

const DAY: Duration = Duration::from_hours(24);

impl World {
    async fn set_freshness(&self, organization: &OrganizationId, freshness: &str) {
        let freshness: Freshness = freshness.parse().unwrap();
        let set = self
            .administration
            .set_organization(organization, freshness.into());
        assert_eq!(set.await.unwrap(), Effect::Changed);
    }

    /// A credential that was made with a code at `NOW`.
    async fn made_with_code(&self, person: &Person) -> Credential {
        let claimed = self.claimed_code(person).await;
        let mut credential = self.key(&person.user);
        credential.provenance.made_by = MadeBy::Code {
            code: claimed.code.id.clone(),
            credential: claimed.code.issuer.clone(),
        };
        self.redeem(&claimed, credential.clone()).await.unwrap();
        credential
    }

    /// What becomes of a change at that moment, for which a fresh credential is not enough.
    async fn at(&self, authority: Authority, at: Timestamp) -> Result<(), AuthorityConflict> {
        self.standing(&authority.unless_fresh(at)).await
    }
}

fn last() -> Timestamp {
    NOW.plus(DAY).minus(Duration::from_millis(1))
}

async fn a_fresh_credential_is_not_enough_where_that_is_required(world: World) {
    let person = world.someone().await;
    world.set_freshness(&person.user.organization, "24h").await;
    let fresh = world.made_with_code(&person).await;
    let authority = || world.authority_with(&person.user, &fresh.uuid);
    for moment in [NOW, last()] {
        let refused = world.at(authority(), moment).await;
        assert_eq!(refused, Err(AuthorityConflict::Fresh));
    }
    assert_eq!(world.at(authority(), NOW.plus(DAY)).await, Ok(()));
    // For everything else it is.
    assert_eq!(world.standing(&authority()).await, Ok(()));
    // Void it is void, and not fresh.
    let mut of_another_epoch = person.user.clone();
    of_another_epoch.epoch = person.user.epoch.next();
    let void = world.authority_with(&of_another_epoch, &fresh.uuid);
    let refused = world.at(void, NOW).await;
    assert_eq!(refused, Err(AuthorityConflict::Void));
}

async fn a_fresh_credential_is_fresh_beside_another_one_too(world: World) {
    let person = world.someone().await;
    world.set_freshness(&person.user.organization, "24h").await;
    let fresh = world.made_with_code(&person).await;
    let both = world.authority(&person).signed_by(fresh.uuid.clone());
    let refused = world.at(both, NOW).await;
    assert_eq!(refused, Err(AuthorityConflict::Fresh));
    assert_eq!(world.at(world.authority(&person), NOW).await, Ok(()));
}

async fn what_was_made_otherwise_is_not_fresh(world: World) {
    let person = world.someone().await;
    world.set_freshness(&person.user.organization, "24h").await;
    let key = world.key(&person.user);
    world.create(&person, key.clone()).await;
    let authority = world.authority_with(&person.user, &key.uuid);
    assert_eq!(world.at(authority, NOW).await, Ok(()));
}

async fn each_organization_says_for_how_long(world: World) {
    let [one, two] = ["Example", "Other"];
    let [one, two] = [world.tenant(one).await, world.tenant(two).await];
    let [ada, bob] = [world.person(&one, 1).await, world.person(&two, 1).await];
    let [hers, his] = [
        world.made_with_code(&ada).await,
        world.made_with_code(&bob).await,
    ];
    let her = || world.authority_with(&ada.user, &hers.uuid);
    let him = || world.authority_with(&bob.user, &his.uuid);
    let fresh = Err(AuthorityConflict::Fresh);
    world.set_freshness(&two.organization, "1h").await;
    assert_eq!(world.at(her(), NOW).await, Ok(()));
    assert_eq!(world.at(him(), NOW).await, fresh);
    world.set_freshness(&one.organization, "24h").await;
    assert_eq!(world.at(her(), last()).await, fresh);
    assert_eq!(world.at(him(), last()).await, Ok(()));
    // It is as the organization says now, for what there is too.
    world.set_freshness(&one.organization, "off").await;
    assert_eq!(world.at(her(), NOW).await, Ok(()));
    // A clock that is behind makes nothing fresh.
    let before = NOW.minus(DAY);
    assert_eq!(world.at(her(), before).await, Ok(()));
}

async fn setting_it_says_whether_anything_was_changed(world: World) {
    let tenant = world.tenant("Example").await;
    let day = Freshness::new(DAY).unwrap();
    let hour = Freshness::new(Duration::from_hours(1)).unwrap();
    for (wanted, effect) in [
        (Freshness::default(), Effect::Unneeded),
        (day, Effect::Changed),
        (day, Effect::Unneeded),
        (hour, Effect::Changed),
        (Freshness::default(), Effect::Changed),
        (Freshness::default(), Effect::Unneeded),
    ] {
        let administration = &world.administration;
        let set = administration.set_organization(&tenant.organization, wanted.into());
        assert_eq!(set.await.unwrap(), effect);
        let entries = administration.organizations().await.unwrap();
        assert_eq!(entries[0].organization.freshness, wanted);
    }
    let unknown = OrganizationId::from_random(&world.draw());
    let set = world.administration.set_organization(&unknown, day.into());
    assert_eq!(set.await.unwrap(), Effect::NotFound);
}

async fn nothing_is_used_up_by_what_is_too_fresh(world: World) {
    let person = world.someone().await;
    world.set_freshness(&person.user.organization, "24h").await;
    let fresh = world.made_with_code(&person).await;
    let authority = world.authority_with(&person.user, &fresh.uuid);
    let authority = authority.telling(world.message(&person.user.id));
    let told = world.told().await.len();
    let new = world.new_code(&person);
    let settled = authority.clone().unless_fresh(NOW);
    let refused = world.credential_codes.issue(settled, new.clone()).await;
    assert_eq!(crate::conflict(&refused), AuthorityConflict::Fresh);
    assert_eq!(world.code(&new.long).await, None);
    assert_eq!(world.told().await.len(), told);
    let issued = world.credential_codes.issue(authority, new);
    issued.await.unwrap();
}
