//! Account codes: codes that are mailed or handed to users.

use std::time::Duration;

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind, NewAccountCode},
    authority::Authority,
    challenge::purpose,
    id::UserId,
    text::Username,
    time::Timestamp,
    user::User,
};
use latchkey_service::ports::user_store::UserChange;

use crate::{NOW, Person, World, at_once};

cases! { account_codes:
    a_code_is_found_by_its_owners_name_only,
    codes_of_an_organization_that_is_not_active_are_not_found,
    a_users_codes_are_listed_and_nobody_elses,
    a_code_is_spent_once,
    an_expired_code_is_deleted,
    no_more_than_three_of_a_kind_are_live_and_asking_ends_none,
    a_code_of_any_kind_ends_with_its_epoch,
    codes_of_an_epoch_that_ended_take_nobodys_room,
    a_code_of_another_epoch_is_not_issued,
    a_user_who_is_not_active_or_gone_gets_no_code,
    only_who_has_not_registered_gets_another_registration_code,
}

fn later(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_mins(minutes))
}

async fn issued(world: &World, person: &Person, at: Timestamp) -> NewAccountCode {
    let login = AccountCodeKind::Login;
    world.hand_out(&person.user, login, at).await
}

async fn a_code_is_found_by_its_owners_name_only(world: World) {
    let person = world.someone().await;
    let elsewhere = world.tenant("Other").await.organization;
    let (user, new) = (&person.user, issued(&world, &person, NOW).await);
    let held = world.held(user, &new).await.unwrap();
    assert_eq!((&held.code, &held.user), (&new.code, user));
    let (home, name) = (&user.organization, user.username.as_str());
    let (kind, digest) = (AccountCodeKind::Login, new.digest);
    for (organization, name, kind, digest, found) in [
        (home, &*name.to_uppercase(), kind, digest, true),
        (home, "admin@example.com", kind, digest, false),
        (&elsewhere, name, kind, digest, false),
        (home, name, AccountCodeKind::Recovery, digest, false),
        (home, name, kind, world.digest(), false),
    ] {
        let username = Username::new(name).unwrap();
        let held = world
            .account_codes
            .find(organization, &username, kind, &digest);
        assert_eq!(held.await.unwrap().is_some(), found, "{name} {kind}");
    }
}

async fn codes_of_an_organization_that_is_not_active_are_not_found(world: World) {
    let person = world.someone().await;
    let new = issued(&world, &person, NOW).await;
    assert!(world.held(&person.user, &new).await.is_some());
    world.deactivate(&person.user.organization).await;
    assert_eq!(world.held(&person.user, &new).await, None);
}

async fn a_users_codes_are_listed_and_nobody_elses(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.invite(invitation.clone()).await;
    let other = world.invitation(&tenant.organization, "bob@example.com");
    let other = world.invite(other).await;
    let listed = async |id: &UserId| world.account_codes.list(id).await.unwrap();
    assert_eq!(
        listed(&user.id).await,
        std::slice::from_ref(&invitation.code.code)
    );
    // The later one first: the list is in the order in which they were issued, whatever their kind.
    let mut codes = vec![];
    for (kind, minutes) in [(AccountCodeKind::Login, 2), (AccountCodeKind::Recovery, 1)] {
        codes.push(world.hand_out(&user, kind, later(minutes)).await.code);
    }
    codes.push(invitation.code.code);
    codes.reverse();
    assert_eq!(listed(&user.id).await, codes);
    assert_eq!(listed(&other.id).await.len(), 1);
    assert_eq!(listed(&UserId::from_random(&world.draw())).await, []);
    assert!(world.account_codes.spend(&codes[0]).await.unwrap());
    assert_eq!(listed(&user.id).await, codes[1..]);
}

async fn a_code_is_spent_once(world: World) {
    let person = world.someone().await;
    let new = issued(&world, &person, NOW).await;
    let spent = at_once(|index| {
        let (stores, code) = (world.replica(index), new.code.clone());
        async move { stores.account_codes.spend(&code).await.unwrap() }
    })
    .await;
    assert_eq!(spent.into_iter().filter(|spent| *spent).count(), 1);
}

async fn an_expired_code_is_deleted(world: World) {
    let person = world.someone().await;
    let new = issued(&world, &person, NOW).await;
    for (minutes, stays) in [(10, true), (11, false)] {
        world.housekeep(later(minutes), 100).await;
        assert_eq!(world.held(&person.user, &new).await.is_some(), stays);
    }
}

async fn no_more_than_three_of_a_kind_are_live_and_asking_ends_none(world: World) {
    let tenant = world.tenant("Example").await;
    let invitation = world.invitation(&tenant.organization, "ada@example.com");
    let user = &world.invite(invitation.clone()).await;
    for kind in AccountCodeKind::ALL {
        // The invitation brought one to register with.
        let mut codes = match kind {
            AccountCodeKind::Registration => vec![invitation.code.clone()],
            AccountCodeKind::Login | AccountCodeKind::Recovery => vec![],
        };
        while codes.len() < AccountCode::MAXIMUM_LIVE {
            codes.push(world.hand_out(user, *kind, NOW).await);
        }
        let told = world.told().await.len();
        let ask = async |at| {
            let new = world.account_code(user, *kind, at);
            let message = world.message(&user.id);
            let issued = world.account_codes.issue(new.clone(), message);
            (issued.await.unwrap(), world.held(user, &new).await)
        };
        let last = codes[2].code.expires.minus(Duration::from_millis(1));
        assert_eq!(ask(last).await, (false, None), "{kind}");
        assert_eq!(world.told().await.len(), told);
        for code in &codes {
            assert!(world.held(user, code).await.is_some(), "{kind}");
        }
        // One that was used, and those that have expired, make room.
        assert!(world.account_codes.spend(&codes[0].code).await.unwrap());
        assert!(ask(NOW).await.0, "{kind}");
        assert!(!ask(NOW).await.0, "{kind}");
        let expires = codes[2].code.expires;
        assert!(ask(expires).await.0, "{kind}");
        // What was begun with one can be completed, and nobody who asks makes more and more of them.
        let kept = AccountCode::KEPT_AFTER_EXPIRY;
        assert!(
            ask(expires.plus(kept).minus(Duration::from_millis(1)))
                .await
                .0
        );
        for (code, is_spent) in codes.iter().zip([true, false, false]) {
            assert_eq!(world.held(user, code).await.is_none(), is_spent, "{kind}");
        }
        assert!(ask(expires.plus(kept)).await.0, "{kind}");
        for code in &codes {
            assert_eq!(world.held(user, code).await, None, "{kind}");
        }
    }
    let other = &world.person(&tenant, 1).await.user;
    let issued = at_once(|index| {
        let stores = world.replica(index);
        let new = world.account_code(other, AccountCodeKind::Login, NOW);
        let told = world.message(&other.id);
        async move { stores.account_codes.issue(new, told).await.unwrap() }
    })
    .await;
    assert_eq!(issued.into_iter().filter(|issued| *issued).count(), 3);
}

/// A code of every kind, beside the one of the invitation: only who has not registered yet can have them.
async fn of_every_kind(world: &World, user: &User) -> Vec<NewAccountCode> {
    let mut codes = vec![];
    for kind in AccountCodeKind::ALL {
        let code = world.hand_out(user, *kind, NOW).await;
        let held = world.held(user, &code).await.unwrap();
        assert!(held.can_be_used(NOW));
        codes.push(code);
    }
    codes
}

/// In how many ways an epoch ends.
const ENDINGS: usize = 4;

/// Ends the epoch of a user in one of the ways, of which the last two leave the user inactive.
async fn end_epoch(world: &World, administrator: &Person, user: &User, ending: usize) {
    let own = || {
        let challenge = world.challenge(&user.organization, purpose::Login::default());
        Authority::of_sign_in(&challenge, &user.id, user.epoch)
    };
    match ending {
        0 => world.sessions.end_all(own()).await.unwrap(),
        1 => {
            let recovered = world.recoveries.recover(own(), vec![world.key(user)]);
            recovered.await.unwrap();
        }
        2 => assert!(world.set_user_active(&user.id, false).await),
        _ => {
            let authority = world.authority(administrator);
            let change = UserChange::Deactivate;
            let changed = world.users.change(authority, &user.id, change);
            changed.await.unwrap();
        }
    }
}

/// Whatever ends the epoch; nobody else's end.
async fn a_code_of_any_kind_ends_with_its_epoch(world: World) {
    let tenant = world.tenant("Example").await;
    let administrator = world.administrator(&tenant).await;
    let bystander = world.invitation(&tenant.organization, "bob@example.com");
    let bystander = world.invite(bystander).await;
    let theirs = of_every_kind(&world, &bystander).await;
    for ending in 0..ENDINGS {
        let name = format!("ada{ending}@example.com");
        let invitation = world.invitation(&tenant.organization, &name);
        let user = world.invite(invitation.clone()).await;
        let mut codes = of_every_kind(&world, &user).await;
        codes.push(invitation.code);
        assert_eq!(
            world.to_bring(&user).await.len(),
            AccountCodeKind::ALL.len()
        );
        end_epoch(&world, &administrator, &user, ending).await;
        assert_eq!(world.to_bring(&user).await, []);
        for active in [false, true] {
            for code in &codes {
                assert_eq!(world.held(&user, code).await, None, "{ending}");
                assert!(!world.account_codes.spend(&code.code).await.unwrap());
            }
            if ending > 1 {
                world.set_user_active(&user.id, !active).await;
            }
        }
    }
    for code in &theirs {
        let held = world.held(&bystander, code).await.unwrap();
        assert!(held.can_be_used(NOW));
    }
    assert_eq!(world.to_bring(&bystander).await.len(), theirs.len());
}

/// Who has as many as can be and ends them all, because somebody else asked for them for example, gets
/// others at once.
async fn codes_of_an_epoch_that_ended_take_nobodys_room(world: World) {
    let tenant = world.tenant("Example").await;
    let administrator = world.administrator(&tenant).await;
    for ending in 0..ENDINGS {
        let invitation =
            world.invitation(&tenant.organization, &format!("ada{ending}@example.com"));
        let user = world.invite(invitation).await;
        let ask = async |user: &User, kind: AccountCodeKind| {
            let new = world.account_code(user, kind, NOW);
            let message = world.message(&user.id);
            world.account_codes.issue(new, message).await.unwrap()
        };
        for kind in AccountCodeKind::ALL {
            while ask(&user, *kind).await {}
        }
        end_epoch(&world, &administrator, &user, ending).await;
        world.set_user_active(&user.id, true).await;
        let user = world.account(&user.id).await.unwrap().user;
        for kind in AccountCodeKind::ALL {
            for _ in 0..AccountCode::MAXIMUM_LIVE {
                assert!(ask(&user, *kind).await, "{ending} {kind}");
            }
            assert!(!ask(&user, *kind).await, "{ending} {kind}");
        }
    }
}

async fn a_code_of_another_epoch_is_not_issued(world: World) {
    let person = world.someone().await;
    for epoch in [person.user.epoch.next(), person.user.epoch] {
        let user = User {
            epoch,
            ..person.user.clone()
        };
        let new = world.account_code(&user, AccountCodeKind::Login, NOW);
        let message = world.message(&user.id);
        let issued = world.account_codes.issue(new.clone(), message).await;
        assert_eq!(issued.unwrap(), epoch == person.user.epoch);
        let held = world.held(&user, &new).await;
        assert_eq!(held.map(|held| held.code), issued_code(&new, &person.user));
    }
}

/// What is kept of a code, if it is of the user's epoch.
fn issued_code(new: &NewAccountCode, user: &User) -> Option<AccountCode> {
    (new.code.epoch == user.epoch).then(|| new.code.clone())
}

async fn a_user_who_is_not_active_or_gone_gets_no_code(world: World) {
    let person = world.someone().await;
    world.set_user_active(&person.user.id, false).await;
    let inactive = world.account(&person.user.id).await.unwrap().user;
    let unknown = User {
        id: UserId::from_random(&world.draw()),
        ..person.user.clone()
    };
    for user in [&inactive, &unknown] {
        let new = world.account_code(user, AccountCodeKind::Login, NOW);
        let issued = world
            .account_codes
            .issue(new.clone(), world.message(&user.id));
        assert!(!issued.await.unwrap());
        assert_eq!(world.held(&person.user, &new).await, None);
    }
    assert_eq!(world.told().await, []);
}

async fn only_who_has_not_registered_gets_another_registration_code(world: World) {
    let person = world.someone().await;
    let tenant = world.tenant("Other").await;
    let invited = world.invitation(&tenant.organization, "ada@example.com");
    let user = world.invite(invited.clone()).await;
    for (user, expected) in [(&person.user, false), (&user, true)] {
        let new = world.account_code(user, AccountCodeKind::Registration, NOW);
        let issued = world.account_codes.issue(new, world.message(&user.id));
        assert_eq!(issued.await.unwrap(), expected);
    }
    // Whoever asked for it did not void the one of the invitation.
    assert!(world.invited(&invited).await.is_some());
    assert_eq!(world.told().await.len(), 1);
}
