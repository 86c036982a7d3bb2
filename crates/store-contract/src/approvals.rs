//! Credentials that wait for their owner's approval.

use std::time::Duration;

use latchkey_domain::{
    approval::{Decision, LIFETIME, Verdict, Wait, WaitStatus},
    credential::{Credential, CredentialState},
    credential_code::CodeState,
    id::CredentialUuid,
    organization::Approval,
    text::CredentialName,
    time::Timestamp,
};
use latchkey_service::ports::{
    credential_code_store::{DecideError, RedeemError},
    credential_store::{ChangeError, CreateError, NewName},
    user_store::UserChange,
};
use tokio::join;

use crate::{Claimed, NOW, Person, Void, World, at_once, conflict, successes};

cases! { approvals:
    what_the_organization_asks_for_when_a_code_is_redeemed_decides,
    what_waits_is_kept_with_its_code,
    what_is_approved_is_active,
    what_is_refused_is_gone_and_its_id_free,
    nothing_is_decided_when_time_is_over,
    only_its_owner_decides,
    of_many_decisions_one_counts,
    an_approval_and_an_expiry_at_once_agree,
    a_new_code_ends_what_waits,
    an_approval_and_a_new_code_at_once_agree,
    cancelling_and_removing_end_what_waits,
    raising_the_epoch_ends_what_waits,
    only_deactivating_its_owner_ends_what_waits,
    deleting_what_waits_refuses_it,
    what_waits_cannot_be_changed_otherwise,
    what_waits_counts_until_it_is_gone,
    the_id_of_what_has_waited_in_vain_is_free_at_once,
    housekeeping_removes_what_has_waited_in_vain,
}

/// A credential that waits, and the code it was made with.
pub(crate) struct Waiting {
    pub(crate) credential: Credential,
    claimed: Claimed,
}

fn later(duration: Duration) -> Timestamp {
    NOW.plus(duration)
}

/// The last moment at which something can be decided.
fn last() -> Timestamp {
    later(LIFETIME).minus(Duration::from_millis(1))
}

pub(crate) fn decision(credential: &CredentialUuid, verdict: Verdict, date: Timestamp) -> Decision {
    Decision {
        credential: credential.clone(),
        verdict,
        date,
    }
}

impl World {
    pub(crate) async fn waiting(&self, person: &Person) -> Waiting {
        let claimed = self.claimed_code(person).await;
        let mut credential = self.key(&person.user);
        credential.state = CredentialState::Waiting {
            until: Wait::begin(NOW).expires,
        };
        self.redeem(&claimed, credential.clone()).await.unwrap();
        Waiting {
            credential,
            claimed,
        }
    }

    async fn decide(
        &self,
        person: &Person,
        waiting: &Waiting,
        verdict: Verdict,
    ) -> Result<(), DecideError> {
        let decision = decision(&waiting.credential.uuid, verdict, last());
        self.credential_codes
            .decide(self.authority(person), decision)
            .await
    }

    /// What the wait of the code looks like at the last moment.
    async fn outcome(&self, waiting: &Waiting) -> WaitStatus {
        let held = self.code_by_id(&waiting.claimed.code.id).await.unwrap();
        let CodeState::Redeemed {
            wait: Some(wait), ..
        } = held.code.state
        else {
            panic!("the code has no wait");
        };
        wait.status(last())
    }

    async fn kept(&self, person: &Person, waiting: &Waiting) -> Option<CredentialState> {
        let kept = self.credentials_of(person).await;
        let mut kept = kept
            .into_iter()
            .filter(|credential| credential.uuid == waiting.credential.uuid);
        kept.next().map(|credential| credential.state)
    }
}

/// Of two organizations each decides for itself, and what is refused changes nothing.
async fn what_the_organization_asks_for_when_a_code_is_redeemed_decides(world: World) {
    for name in ["Example", "Other"] {
        let tenant = world.tenant(name).await;
        let waiting = CredentialState::Waiting {
            until: later(LIFETIME),
        };
        for (asked, fits, does_not) in [
            (Approval::Always, waiting, CredentialState::Active),
            (Approval::Never, CredentialState::Active, waiting),
        ] {
            let person = world.person(&tenant, 1).await;
            let claimed = world.claimed_code(&person).await;
            world.set_approval(&tenant.organization, asked).await;
            let message = world.message(&person.user.id);
            let authority = claimed.authority.clone().telling(message.clone());
            let redeem_as = async |state| {
                let credential = Credential {
                    state,
                    ..world.key(&person.user)
                };
                let redemption = world.redemption(&claimed.redeemed, credential.clone());
                let redeemed = world
                    .credential_codes
                    .redeem(authority.clone(), redemption)
                    .await;
                let is_made = world.credentials_of(&person).await.contains(&credential);
                let told = world.told().await.into_iter();
                let is_told = told.map(|message| message.id).any(|id| id == message.id);
                (redeemed, is_made, is_told)
            };
            let refused = redeem_as(does_not).await;
            assert!(
                matches!(refused, (Err(RedeemError::Asks(it)), false, false) if it == asked),
                "{refused:?}"
            );
            let made = redeem_as(fits).await;
            assert!(matches!(made, (Ok(()), true, true)), "{made:?}");
        }
    }
}

async fn what_waits_is_kept_with_its_code(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    let kept = world.credentials_of(&person).await;
    assert!(kept.contains(&waiting.credential));
    let held = world.code_by_id(&waiting.claimed.code.id).await.unwrap();
    assert_eq!(held.user, person.user);
    assert_eq!(
        held.code.state,
        CodeState::Redeemed {
            claim: waiting.claimed.claim.clone(),
            credential: waiting.credential.uuid.clone(),
            wait: Some(Wait::begin(NOW)),
        }
    );
    let session = world.session_with(&person.user, &waiting.credential.uuid);
    assert!(!world.sessions.is_live(&session).await.unwrap());
}

async fn what_is_approved_is_active(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    let done = world.decide(&person, &waiting, Verdict::Approved).await;
    done.unwrap();
    assert_eq!(
        world.kept(&person, &waiting).await,
        Some(CredentialState::Active)
    );
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Approved);
    let session = world.session_with(&person.user, &waiting.credential.uuid);
    assert!(world.sessions.is_live(&session).await.unwrap());
}

async fn what_is_refused_is_gone_and_its_id_free(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    let done = world.decide(&person, &waiting, Verdict::Refused).await;
    done.unwrap();
    assert_eq!(world.kept(&person, &waiting).await, None);
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Refused);
    let mut again = world.key(&person.user);
    again.id = waiting.credential.id;
    world.create(&person, again).await;
}

async fn nothing_is_decided_when_time_is_over(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    let authority = world.authority(&person);
    for verdict in [Verdict::Approved, Verdict::Refused] {
        let late = decision(&waiting.credential.uuid, verdict, later(LIFETIME));
        let outcome = world.credential_codes.decide(authority.clone(), late).await;
        assert!(matches!(outcome, Err(DecideError::NotWaiting)));
    }
    // Nothing was used up.
    let early = decision(&waiting.credential.uuid, Verdict::Approved, last());
    let decided = world.credential_codes.decide(authority, early);
    decided.await.unwrap();
}

async fn only_its_owner_decides(world: World) {
    let [person, other] = world.two(1).await;
    let waiting = world.waiting(&person).await;
    for verdict in [Verdict::Approved, Verdict::Refused] {
        let outcome = world.decide(&other, &waiting, verdict).await;
        assert!(matches!(outcome, Err(DecideError::NotWaiting)));
    }
    // A credential that waits signs nothing, least of all its own approval.
    let own = world.authority_with(&person.user, &waiting.credential.uuid);
    let approval = decision(&waiting.credential.uuid, Verdict::Approved, NOW);
    let outcome = world.credential_codes.decide(own, approval).await;
    assert_eq!(conflict(&outcome), Void);
    let unknown = CredentialUuid::from_random(&world.draw());
    let approval = decision(&unknown, Verdict::Approved, NOW);
    let outcome = world
        .credential_codes
        .decide(world.authority(&person), approval)
        .await;
    assert!(matches!(outcome, Err(DecideError::NotWaiting)));
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Waiting);
}

async fn of_many_decisions_one_counts(world: World) {
    let person = world.someone().await;
    for _round in 0..5 {
        let waiting = world.waiting(&person).await;
        let outcomes = at_once(|index| {
            let verdict = if index % 4 < 2 {
                Verdict::Approved
            } else {
                Verdict::Refused
            };
            let decision = decision(&waiting.credential.uuid, verdict, NOW);
            let (stores, authority) = (world.replica(index), world.authority(&person));
            async move {
                stores
                    .credential_codes
                    .decide(authority, decision)
                    .await
                    .map(|()| verdict)
            }
        })
        .await;
        assert_eq!(successes(&outcomes), 1);
        let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
        let (status, kept) = match winner {
            Verdict::Approved => (WaitStatus::Approved, Some(CredentialState::Active)),
            Verdict::Refused => (WaitStatus::Refused, None),
        };
        assert_eq!(world.outcome(&waiting).await, status);
        assert_eq!(world.kept(&person, &waiting).await, kept);
    }
}

/// By one replica's clock there is still time, by the other's somebody else may have the credential id.
async fn an_approval_and_an_expiry_at_once_agree(world: World) {
    let [person, other] = world.two(1).await;
    for _round in 0..20 {
        let waiting = world.waiting(&person).await;
        let mut same = world.key(&other.user);
        same.id = waiting.credential.id.clone();
        same.created = later(LIFETIME);
        let (approved, created) = join!(
            world.decide(&person, &waiting, Verdict::Approved),
            world
                .other
                .credentials
                .create(world.authority(&other), same.clone())
        );
        let approved = match approved {
            Ok(()) => true,
            Err(DecideError::NotWaiting) => false,
            Err(error) => panic!("{error:?}"),
        };
        match created {
            Ok(()) => assert!(!approved),
            Err(CreateError::CredentialIdTaken) => assert!(approved),
            Err(error) => panic!("{error:?}"),
        }
        let kept = world.kept(&person, &waiting).await;
        assert_eq!(kept, approved.then_some(CredentialState::Active));
        let (holder, credential) = if approved {
            (&person, &waiting.credential)
        } else {
            (&other, &same)
        };
        world.delete(holder, &credential.uuid).await;
    }
}

async fn a_new_code_ends_what_waits(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    world.issued_code(&person).await;
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Refused);
    assert_eq!(world.kept(&person, &waiting).await, None);
    let outcome = world.decide(&person, &waiting, Verdict::Approved).await;
    assert!(matches!(outcome, Err(DecideError::NotWaiting)));
    // What was decided stays decided.
    let approved = world.waiting(&person).await;
    let done = world.decide(&person, &approved, Verdict::Approved).await;
    done.unwrap();
    world.issued_code(&person).await;
    assert_eq!(world.outcome(&approved).await, WaitStatus::Approved);
    assert_eq!(
        world.kept(&person, &approved).await,
        Some(CredentialState::Active)
    );
}

async fn an_approval_and_a_new_code_at_once_agree(world: World) {
    let person = world.someone().await;
    for _round in 0..20 {
        let waiting = world.waiting(&person).await;
        let new = world.new_code(&person);
        let approval = decision(&waiting.credential.uuid, Verdict::Approved, NOW);
        let (approved, issued) = join!(
            world
                .other
                .credential_codes
                .decide(world.authority(&person), approval),
            world.credential_codes.issue(world.authority(&person), new)
        );
        issued.unwrap();
        let expected = match approved {
            Ok(()) => (WaitStatus::Approved, Some(CredentialState::Active)),
            Err(DecideError::NotWaiting) => (WaitStatus::Refused, None),
            Err(error) => panic!("{error:?}"),
        };
        let outcome = world.outcome(&waiting).await;
        assert_eq!((outcome, world.kept(&person, &waiting).await), expected);
        if expected.1.is_some() {
            world.delete(&person, &waiting.credential.uuid).await;
        }
    }
}

async fn cancelling_and_removing_end_what_waits(world: World) {
    let person = world.someone().await;
    let second = &person.credentials[1].uuid;
    let cancelled = world.waiting(&person).await;
    world.cancel_all(&person).await;
    let deactivated = world.waiting(&person).await;
    world.set_active(&person, second, false).await;
    let deleted = world.waiting(&person).await;
    world.delete(&person, second).await;
    for waiting in [&cancelled, &deactivated, &deleted] {
        assert_eq!(world.outcome(waiting).await, WaitStatus::Refused);
        assert_eq!(world.kept(&person, waiting).await, None);
    }
}

async fn raising_the_epoch_ends_what_waits(world: World) {
    let [one, two] = world.two(1).await;
    let waiting = world.waiting(&one).await;
    world.end_all(&one).await;
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Refused);
    assert_eq!(world.kept(&one, &waiting).await, None);

    let waiting = world.waiting(&two).await;
    assert!(world.set_user_active(&two.user.id, false).await);
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Refused);
    assert_eq!(world.kept(&two, &waiting).await, None);
}

async fn only_deactivating_its_owner_ends_what_waits(world: World) {
    let tenant = world.tenant("Example").await;
    let administrator = world.administrator(&tenant).await;
    let person = world.person(&tenant, 1).await;
    let waiting = world.waiting(&person).await;
    for (asked, status) in [
        (UserChange::Activate, WaitStatus::Waiting),
        (UserChange::Deactivate, WaitStatus::Refused),
    ] {
        let authority = world.authority(&administrator);
        let changed = world.users.change(authority, &person.user.id, asked).await;
        changed.unwrap();
        assert_eq!(world.outcome(&waiting).await, status);
        let is_kept = world.kept(&person, &waiting).await.is_some();
        assert_eq!(is_kept, status == WaitStatus::Waiting);
    }
}

async fn deleting_what_waits_refuses_it(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    world.delete(&person, &waiting.credential.uuid).await;
    assert_eq!(world.outcome(&waiting).await, WaitStatus::Refused);
    assert_eq!(world.kept(&person, &waiting).await, None);
}

async fn what_waits_cannot_be_changed_otherwise(world: World) {
    let person = world.someone().await;
    let waiting = world.waiting(&person).await;
    let uuid = &waiting.credential.uuid;
    let name = |date| NewName {
        credential: uuid.clone(),
        name: CredentialName::new("Other").unwrap(),
        date,
    };
    let authority = || world.authority(&person);
    for active in [true, false] {
        let outcome = world
            .credentials
            .set_active(authority(), uuid, active, last())
            .await;
        assert!(matches!(outcome, Err(ChangeError::Waits)));
        let gone = world
            .credentials
            .set_active(authority(), uuid, active, later(LIFETIME));
        assert!(matches!(gone.await, Err(ChangeError::NotFound)));
    }
    let outcome = world.credentials.rename(authority(), name(last())).await;
    assert!(matches!(outcome, Err(ChangeError::Waits)));
    let gone = world
        .credentials
        .rename(authority(), name(later(LIFETIME)))
        .await;
    assert!(matches!(gone, Err(ChangeError::NotFound)));
    let kept = world.credentials_of(&person).await;
    assert!(kept.contains(&waiting.credential));
}

async fn what_waits_counts_until_it_is_gone(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world
        .person(&tenant, Credential::MAXIMUM_PER_USER - 1)
        .await;
    world.waiting(&person).await;
    let mut one_more = world.key(&person.user);
    one_more.created = last();
    let outcome = world.try_create(&person, one_more.clone()).await;
    assert!(matches!(outcome, Err(CreateError::TooMany)));
    one_more.created = later(LIFETIME);
    world.create(&person, one_more).await;
}

async fn the_id_of_what_has_waited_in_vain_is_free_at_once(world: World) {
    let [person, other] = world.two(1).await;
    let waiting = world.waiting(&person).await;
    let mut same = world.key(&other.user);
    same.id = waiting.credential.id.clone();
    same.created = last();
    let outcome = world.try_create(&other, same.clone()).await;
    assert!(matches!(outcome, Err(CreateError::CredentialIdTaken)));
    same.created = later(LIFETIME);
    world.create(&other, same.clone()).await;
    assert!(world.credentials_of(&other).await.contains(&same));
    assert_eq!(world.kept(&person, &waiting).await, None);
}

async fn housekeeping_removes_what_has_waited_in_vain(world: World) {
    let [one, two] = world.two(1).await;
    let forgotten = world.waiting(&one).await;
    let approved = world.waiting(&two).await;
    let done = world.decide(&two, &approved, Verdict::Approved).await;
    done.unwrap();
    world.housekeep(last(), 100).await;
    assert!(world.kept(&one, &forgotten).await.is_some());
    let after = later(LIFETIME).plus(Duration::from_millis(1));
    world.housekeep(after, 100).await;
    assert_eq!(world.kept(&one, &forgotten).await, None);
    assert_eq!(
        world.kept(&two, &approved).await,
        Some(CredentialState::Active)
    );
}
