//! What every change requires, and that it uses nothing up when that does not hold.

use std::{fmt::Debug, pin::Pin, time::Duration};

use latchkey_domain::{
    approval::Verdict,
    authority::{Authority, Spend, Spendable},
    challenge::{Challenge, purpose},
    code_request::CodeRequest,
    credential::CredentialKind,
    id::{ApplicationId, CredentialUuid, TokenId, UserActionId, UserId},
    session::Session,
    text::CredentialName,
    time::Timestamp,
    user::{Epoch, User},
};
use latchkey_service::ports::{
    credential_store::NewName,
    message_store::WaitingMessage,
    registration_store::CompletedRegistration,
    user_store::{Invitation, UserChange},
};

use crate::{
    AuthorityConflict, Claimed, NOW, Person, Refusal as _, Spent, Tenant, Void, World,
    approvals::{Waiting, decision},
    sign_in::used,
};

cases! { authority:
    what_is_all_active_holds,
    void_when_the_user_is_not_active,
    void_when_the_epoch_moved_on,
    void_when_the_organization_is_not_active,
    void_when_a_credential_is_not_active,
    void_when_a_credential_was_activated_since,
    void_when_the_credential_of_its_session_was_activated_since,
    void_when_its_session_has_ended,
    void_when_a_credential_was_deleted,
    void_when_a_credential_is_another_users,
    void_when_the_application_of_a_credential_is_not_active,
    void_when_the_application_is_not_active,
    void_when_the_application_is_another_organizations,
    void_when_the_user_is_another_organizations,
    every_change_requires_its_authority,
    credentials_may_be_named_twice,
    what_is_void_is_so_whatever_was_used_up,
}

/// A tenant with a person who has two keys and a passkey.
async fn scene(world: &World) -> (Tenant, Person) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 2).await;
    (tenant, person)
}

/// The authority of a challenge to add a credential, signed for with that credential.
fn adding(world: &World, person: &Person, credential: &CredentialUuid) -> Authority {
    adding_since(world, person, credential, NOW)
}

/// The same of one that was issued at that moment.
fn adding_since(
    world: &World,
    person: &Person,
    credential: &CredentialUuid,
    issued: Timestamp,
) -> Authority {
    let purpose = purpose::Credential {
        user: person.user.id.clone(),
        epoch: person.user.epoch,
        session: TokenId::from_random(&world.draw()),
        session_credential: credential.clone(),
        kind: CredentialKind::Key,
    };
    Authority::of_challenge(&Challenge {
        issued,
        ..world.challenge(&person.user.organization, purpose)
    })
}

/// Whether the authority holds; asking does not use it up, so it can be asked again.
async fn holds(world: &World, authority: &Authority) -> bool {
    let standing = world.standing(authority).await;
    assert_eq!(world.standing(authority).await, standing);
    match standing {
        Ok(()) => true,
        Err(Void) => false,
        Err(other @ (AuthorityConflict::Fresh | Spent(_))) => panic!("{other:?}"),
    }
}

async fn what_is_all_active_holds(world: World) {
    let (tenant, person) = scene(&world).await;
    let passkey = &person.credentials[2].uuid;
    let authority = adding(&world, &person, passkey)
        .within([&tenant.application.id])
        .signed_by(person.credentials[1].uuid.clone());
    assert!(holds(&world, &authority).await);
}

async fn void_when_the_user_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let id = &person.user.id;
    world.set_user_active(id, false).await;
    let user = world.account(id).await.unwrap().user;
    let now = Person { user, ..person };
    let authority = adding(&world, &now, &now.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_epoch_moved_on(world: World) {
    let (_tenant, mut person) = scene(&world).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    world.end_all(&person).await;
    assert!(!holds(&world, &authority).await);
    person.user.epoch = Epoch::new(1);
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    assert!(holds(&world, &authority).await);
}

async fn void_when_the_organization_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    world.deactivate(&person.user.organization).await;
    assert!(!holds(&world, &authority).await);
}

async fn void_when_a_credential_is_not_active(world: World) {
    let (_tenant, person) = scene(&world).await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    world.set_active(&person, second, false).await;
    assert!(!holds(&world, &adding(&world, &person, second)).await);
    let signed = adding(&world, &person, first).signed_by(second.clone());
    assert!(!holds(&world, &signed).await);
    assert!(holds(&world, &adding(&world, &person, first)).await);
}

async fn void_when_a_credential_was_activated_since(world: World) {
    let (_tenant, person) = scene(&world).await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    let at = NOW.plus(Duration::from_millis(2));
    let before = NOW.plus(Duration::from_millis(1));
    world.set_active(&person, second, false).await;
    world.set_active_at(&person, second, true, at).await;
    for (issued, stands) in [(before, false), (at, true)] {
        let begun = adding_since(&world, &person, second, issued);
        let signed = adding_since(&world, &person, first, issued).signed_by(second.clone());
        for authority in [begun, signed] {
            assert_eq!(holds(&world, &authority).await, stands, "{issued:?}");
        }
    }
    assert!(holds(&world, &adding(&world, &person, first)).await);
}

/// The action was signed afterwards, in another session.
async fn void_when_the_credential_of_its_session_was_activated_since(world: World) {
    let (_tenant, person) = scene(&world).await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    let [begun, activated, signed] = [1, 2, 3].map(|at| NOW.plus(Duration::from_millis(at)));
    world.set_active(&person, second, false).await;
    world.set_active_at(&person, second, true, activated).await;
    for (issued, stands) in [(begun, false), (activated, true)] {
        let session = Session {
            issued,
            ..world.session_with(&person.user, second)
        };
        for signer in [first, second] {
            let authority = adding_since(&world, &person, signer, signed).during(&session);
            assert_eq!(holds(&world, &authority).await, stands, "{issued:?}");
        }
    }
}

async fn void_when_its_session_has_ended(world: World) {
    let (_tenant, person) = scene(&world).await;
    let [ended, other] = [0, 1].map(|_| world.session(&person));
    let [in_ended, in_other] = [&ended, &other].map(|session| {
        let credential = &person.credentials[0].uuid;
        adding(&world, &person, credential).during(session)
    });
    assert!(holds(&world, &in_ended).await);
    let logout = Authority::of_session(&ended).spending(Spend::session(&ended));
    world.sessions.exercise(logout).await.unwrap();
    assert!(!holds(&world, &in_ended).await);
    assert!(holds(&world, &in_other).await);
}

async fn void_when_a_credential_was_deleted(world: World) {
    let (_tenant, person) = scene(&world).await;
    let second = &person.credentials[1].uuid;
    world.delete(&person, second).await;
    assert!(!holds(&world, &adding(&world, &person, second)).await);
}

async fn void_when_a_credential_is_another_users(world: World) {
    let (tenant, person) = scene(&world).await;
    let other = world.person(&tenant, 1).await;
    let authority = adding(&world, &person, &other.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_application_of_a_credential_is_not_active(world: World) {
    let (tenant, person) = scene(&world).await;
    let passkey = &person.credentials[2].uuid;
    let application = &tenant.application.id;
    let second = world.second_application(&tenant).await;
    let authority = adding(&world, &person, passkey);
    let in_another = authority.clone().within([&second.id]);
    assert!(holds(&world, &in_another).await);
    world.set_application_active(application, false).await;
    for authority in [authority, in_another] {
        assert!(!holds(&world, &authority).await);
    }
    let with_a_key = adding(&world, &person, &person.credentials[0].uuid);
    assert!(holds(&world, &with_a_key).await);
}

async fn void_when_the_application_is_not_active(world: World) {
    let (tenant, person) = scene(&world).await;
    let second = world.second_application(&tenant).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid).within([&second.id]);
    assert!(holds(&world, &authority).await);
    world.set_application_active(&second.id, false).await;
    assert!(!holds(&world, &authority).await);
    let unknown = ApplicationId::from_random(&world.draw());
    assert!(!holds(&world, &authority.within([&unknown])).await);
}

async fn void_when_the_application_is_another_organizations(world: World) {
    let (_tenant, person) = scene(&world).await;
    let other = world.tenant("Other").await;
    let authority =
        adding(&world, &person, &person.credentials[0].uuid).within([&other.application.id]);
    assert!(!holds(&world, &authority).await);
}

async fn void_when_the_user_is_another_organizations(world: World) {
    let (_tenant, mut person) = scene(&world).await;
    person.user.organization = world.tenant("Other").await.organization;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    assert!(!holds(&world, &authority).await);
}

async fn credentials_may_be_named_twice(world: World) {
    let (_tenant, person) = scene(&world).await;
    let first = &person.credentials[0].uuid;
    let authority = adding(&world, &person, first)
        .signed_by(first.clone())
        .signed_by(first.clone());
    assert!(holds(&world, &authority).await);
}

/// Of two reasons the first is told, so a stranger who sends something again learns nothing about a user who
/// is gone.
async fn what_is_void_is_so_whatever_was_used_up(world: World) {
    let (_tenant, person) = scene(&world).await;
    let authority = adding(&world, &person, &person.credentials[0].uuid);
    world.sessions.exercise(authority.clone()).await.unwrap();
    let again = Spent(Spendable::Challenge);
    assert_eq!(world.standing(&authority).await, Err(again));
    world.set_user_active(&person.user.id, false).await;
    assert_eq!(world.standing(&authority).await, Err(Void));
}

/// Who changes what, where everything that an authority allows can be done.
struct Stage {
    /// An administrator.
    ada: Person,
    /// What redeems a code of hers.
    claimed: Claimed,
    /// Somebody of whom a credential waits.
    bob: Person,
    waiting: Waiting,
    /// A place that asks their organization for a code.
    asked: CodeRequest,
    /// Who may register, and does so.
    carol: Invitation,
    registration: CompletedRegistration,
    /// Who is still to be made.
    dan: Invitation,
    /// An application that is not active.
    closed: ApplicationId,
}

impl Stage {
    async fn new(world: &World, name: &str) -> Self {
        let tenant = world.tenant(name).await;
        let ada = world.person(&tenant, 2).await;
        world.set_administrator(&ada.user.id, true).await;
        let bob = world.person(&tenant, 1).await;
        let carol = world.invitation(&tenant.organization, "carol@example.com");
        world.invite(carol.clone()).await;
        let first = vec![world.key(&carol.user)];
        // There are several stages in a world, and an origin belongs to one organization.
        let origin = format!(
            "https://closed.{}",
            tenant.application.relying_party.rp_id()
        );
        let closed = world.new_application(&tenant.organization, &origin);
        let added = world.administration.add_application(closed.clone(), None);
        added.await.unwrap();
        let closed = closed.id;
        world.set_application_active(&closed, false).await;
        Self {
            closed,
            asked: world.ask_for_code(&tenant.organization).await,
            claimed: world.claimed_code(&ada).await,
            ada,
            waiting: world.waiting(&bob).await,
            bob,
            registration: world.registration(&carol, first).1,
            carol,
            dan: world.invitation(&tenant.organization, "dan@example.com"),
        }
    }

    /// All that ports show.
    async fn look(&self, world: &World) -> impl Debug + PartialEq {
        let mut shown = vec![];
        let (ada, bob) = (&self.ada.user, &self.bob.user);
        for User { id, .. } in [ada, bob, &self.carol.user, &self.dan.user] {
            shown.push((world.account(id).await, world.newest(id).await));
        }
        let asked = world.request(&self.asked).await;
        let invited = world.invited(&self.carol).await;
        (shown, asked, invited, world.told().await)
    }
}

/// Why a change did not take effect, as far as the authority is why.
type Outcome = Result<(), Option<AuthorityConflict>>;

type Call =
    for<'a> fn(&'a World, &'a Stage, Authority) -> Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// A method of a port that takes an authority.
struct Change {
    name: &'static str,
    /// Whose authority it takes.
    by: fn(&Stage) -> &User,
    call: Call,
}

macro_rules! changes {
    ($world:ident, $stage:ident: $($by:ident => $store:ident.$method:ident($($argument:expr),*);)*) => {
        /// Every one there is.
        const CHANGES: &[Change] = &[$(Change {
            name: concat!(stringify!($store), ".", stringify!($method)),
            by: |stage| &stage.$by.user,
            call: |$world, $stage, authority| Box::pin(async move {
                let _ = $stage;
                let outcome = $world.$store.$method(authority, $($argument),*).await;
                outcome.map(|_done| ()).map_err(|error| error.conflict())
            }),
        }),*];
    };
}

changes! { world, stage:
    ada => credentials.create(world.key(&stage.ada.user));
    ada => credentials.renew_recovery_key(world.recovery_key(&stage.ada.user));
    ada => credentials.set_active(&stage.ada.credentials[1].uuid, false, NOW);
    ada => credentials.rename(NewName {
        credential: stage.ada.credentials[1].uuid.clone(),
        name: CredentialName::new("Other").unwrap(),
        date: NOW,
    });
    ada => credentials.delete(&stage.ada.credentials[1].uuid);
    ada => credential_codes.issue(world.new_code(&stage.ada));
    ada => credential_codes.redeem(
        world.redemption(&stage.claimed.redeemed, world.key(&stage.ada.user))
    );
    ada => code_requests.decide(world.granting(&stage.asked, &stage.ada));
    bob => credential_codes.decide(decision(&stage.waiting.credential.uuid, Verdict::Approved, NOW));
    ada => sign_ins.sign_in(used(&stage.ada.credentials[0].uuid, None));
    ada => sign_ins.sign_action(
        used(&stage.ada.credentials[0].uuid, None),
        world.evidence(&stage.ada.credentials[0])
    );
    ada => sessions.exercise();
    ada => sessions.end_all();
    carol => registrations.register(stage.registration.clone());
    ada => recoveries.recover(vec![world.key(&stage.ada.user)]);
    ada => users.create(stage.dan.clone());
    ada => users.change(&stage.bob.user.id, UserChange::Deactivate);
}

/// The authority of that user, with two things to use up and one to tell.
fn twofold(world: &World, user: &User) -> Authority {
    let challenge = world.challenge(&user.organization, purpose::Login::default());
    Authority::of_sign_in(&challenge, &user.id, user.epoch)
        .spending(Spend {
            item: Spendable::UserAction,
            id: UserActionId::from_random(&world.draw()).to_string(),
            expires: challenge.expires,
        })
        .telling(world.message(&user.id))
}

/// Void, or with one of two things used up, it changes nothing and uses nothing up; good, all of it.
async fn every_change_requires_its_authority(world: World) {
    let witness = Authority::of_session(&world.session(&world.someone().await));
    let spending = |spend: &Spend| witness.clone().spending(spend.clone());
    for Change { name, by, call } in CHANGES {
        let stage = Stage::new(&world, name).await;
        let user = by(&stage);
        let before = stage.look(&world).await;
        let unknown = CredentialUuid::from_random(&world.draw());
        let mut of_another_epoch = user.clone();
        of_another_epoch.epoch = user.epoch.next();
        let mut nobody = user.clone();
        nobody.id = UserId::from_random(&world.draw());
        for void in [
            twofold(&world, user).signed_by(unknown),
            twofold(&world, user).within([&stage.closed]),
            twofold(&world, &of_another_epoch),
            twofold(&world, &nobody),
        ] {
            assert_eq!(call(&world, &stage, void).await, Err(Some(Void)), "{name}");
        }
        for (gone, left) in [(0, 1), (1, 0)] {
            let authority = twofold(&world, user);
            let [gone, left] = [gone, left].map(|index| authority.spends()[index].clone());
            world.sessions.exercise(spending(&gone)).await.unwrap();
            let refused = call(&world, &stage, authority).await;
            assert_eq!(refused, Err(Some(Spent(gone.item))), "{name}");
            assert_eq!(world.standing(&spending(&left)).await, Ok(()), "{name}");
        }
        assert_eq!(stage.look(&world).await, before, "{name}");

        let authority = twofold(&world, user);
        assert_eq!(
            call(&world, &stage, authority.clone()).await,
            Ok(()),
            "{name}"
        );
        for spend in authority.spends() {
            let spent = world.standing(&spending(spend)).await;
            assert_eq!(spent, Err(Spent(spend.item)), "{name}");
        }
        let is_it = |told: &WaitingMessage| told.id == authority.messages()[0].id;
        assert!(world.told().await.iter().any(is_it), "{name}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::CHANGES;

    /// The ports themselves say which they are, so that a new one is not forgotten.
    #[test]
    fn every_method_that_takes_an_authority_is_tried() {
        let ports = concat!(env!("CARGO_MANIFEST_DIR"), "/../service/src/ports");
        let mut expected = vec![];
        for port in fs::read_dir(ports).unwrap() {
            let port = fs::read_to_string(port.unwrap().path()).unwrap();
            let methods = port.split("async fn ").skip(1);
            let signatures = methods.filter_map(|rest| rest.split(';').next()?.split_once('('));
            let takes_one = signatures.filter(|(_, arguments)| arguments.contains(": Authority"));
            expected.extend(takes_one.map(|(name, _)| name.to_owned()));
        }
        let methods = CHANGES
            .iter()
            .filter_map(|change| change.name.split_once('.'));
        let mut tried: Vec<_> = methods.map(|(_, method)| method.to_owned()).collect();
        expected.sort();
        tried.sort();
        assert_eq!(tried, expected);
    }
}
