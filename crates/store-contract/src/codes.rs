//! Credential codes, one caller after another.

use std::time::Duration;

use latchkey_domain::{
    authority::Authority,
    credential::{Credential, CredentialKind, CredentialState},
    credential_code::{
        Binding, Claim, CodeDigest, CodeForm, CodeState, CredentialCode, Kinds, NewCredentialCode,
        RedeemedCode, Release, ReleaseReason, ReleasedCode,
    },
    id::{ChallengeId, OrganizationId, UserId},
    organization::Approval,
    text::CredentialName,
};
use latchkey_service::ports::{
    account_store::HeldPasskey,
    credential_code_store::{IssueError, RedeemError, Redemption, ReleaseError},
    credential_store::CreateError,
    user_store::UserChange,
};

use crate::{NOW, Person, Void, World, assert_refused, conflict, enter};

cases! { codes:
    a_code_is_found_by_either_form,
    a_code_is_found_with_the_passkeys_of_its_owner,
    a_code_without_short_form_is_found_by_the_long_one,
    every_state_comes_back_as_it_was,
    what_a_code_is_for_comes_back_as_it_was,
    issuing_cancels_codes_that_are_issued_or_claimed,
    issuing_leaves_redeemed_codes_alone,
    cancelling_leaves_redeemed_codes_alone,
    a_taken_text_changes_nothing,
    the_newest_code_is_told,
    cancelling_takes_issued_and_claimed_codes,
    cancelling_nothing_is_fine,
    raising_the_epoch_cancels_codes,
    only_deactivating_the_owner_cancels_codes,
    only_the_challenge_that_claimed_a_code_redeems_it,
    a_cancelled_code_is_not_redeemed,
    a_superseded_code_is_not_redeemed,
    a_code_is_not_redeemed_when_its_issuer_is_not_active,
    a_failed_redemption_may_be_repeated,
    what_is_given_back_ends_and_stays_so,
    only_the_challenge_that_claimed_a_code_gives_it_back,
    what_is_over_is_not_given_back,
}

/// A code of that person that somebody claimed, and what redeems it.
pub struct Claimed {
    /// The code, as it was before.
    pub code: CredentialCode,
    /// The digest of its long form.
    pub long: CodeDigest,
    /// Who claimed it.
    pub claim: Claim,
    /// The authority of the challenge that came from the claim.
    pub authority: Authority,
    /// The decision of that challenge.
    pub redeemed: RedeemedCode,
}

/// How codes are given back here.
const RELEASE: Release = Release {
    reason: ReleaseReason::NotMyAccount,
    date: NOW,
};

impl World {
    /// A code of that person that somebody claimed.
    pub async fn claimed_code(&self, person: &Person) -> Claimed {
        let new = self.issued_code(person).await;
        let entry = self.entry(&new.code);
        let claim = entry.claim.clone();
        enter(self, &new.long, entry).await.unwrap();
        let challenge = self.challenge_of(&new.code, &claim);
        Claimed {
            authority: Authority::of_challenge(&challenge),
            redeemed: RedeemedCode::with(&challenge),
            code: new.code,
            long: new.long,
            claim,
        }
    }

    /// The decision to give a claimed code back.
    pub fn released(&self, claimed: &Claimed) -> ReleasedCode {
        let challenge = self.challenge_of(&claimed.code, &claimed.claim);
        ReleasedCode::with(&challenge, RELEASE)
    }

    /// The decision to make that credential with a claimed code.
    pub fn redemption(&self, redeemed: &RedeemedCode, credential: Credential) -> Redemption {
        Redemption {
            redeemed: redeemed.clone(),
            credential,
        }
    }

    /// Makes that credential with a claimed code. Where it waits the organization asks for approval, but only
    /// meanwhile.
    ///
    /// # Errors
    /// [`RedeemError`].
    pub async fn redeem(
        &self,
        claimed: &Claimed,
        credential: Credential,
    ) -> Result<(), RedeemError> {
        let organization = credential.organization.clone();
        let redemption = self.redemption(&claimed.redeemed, credential);
        self.set_approval(&organization, redemption.approval())
            .await;
        let authority = claimed.authority.clone();
        let redeemed = self.credential_codes.redeem(authority, redemption).await;
        self.set_approval(&organization, Approval::Never).await;
        redeemed
    }

    pub async fn set_approval(&self, organization: &OrganizationId, approval: Approval) {
        let set = self
            .administration
            .set_organization(organization, approval.into());
        assert!(set.await.unwrap().is_there());
    }

    /// How far a code has come.
    pub async fn state_of(&self, new: &NewCredentialCode) -> CodeState {
        self.code(&new.long).await.unwrap().code.state
    }
}

async fn a_code_is_found_by_either_form(world: World) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    let short = new.short.unwrap();
    let long = CodeForm::Long;
    for (form, own, other) in [(CodeForm::Short, short, new.long), (long, new.long, short)] {
        let held = world.code_of(form, &own).await.unwrap();
        assert_eq!((&held.code, &held.user), (&new.code, &person.user));
        for wrong in [other, world.digest()] {
            assert_eq!(world.code_of(form, &wrong).await, None);
        }
    }
}

async fn a_code_is_found_with_the_passkeys_of_its_owner(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person_with_passkey(&tenant, 1).await;
    world.person_with_passkey(&tenant, 1).await;
    let mut long = world.issued_code(&person).await.long;
    for waits in [None, Some(NOW.plus(Duration::from_mins(5)))] {
        let claimed = world.claimed_code(&person).await;
        let passkey = Credential {
            state: waits.map_or(CredentialState::Active, |until| CredentialState::Waiting {
                until,
            }),
            created: NOW.minus(Duration::from_secs(1)),
            ..world.passkey(&person.user, &tenant.application)
        };
        world.redeem(&claimed, passkey).await.unwrap();
        long = claimed.long;
    }
    let account = world.account(&person.user.id).await.unwrap();
    let held: Vec<_> = account
        .credentials
        .iter()
        .filter_map(HeldPasskey::of)
        .collect();
    assert_eq!(held.len(), 3);
    let found = world.credential_codes.find(CodeForm::Long, &long).await;
    let found = found.unwrap().unwrap();
    assert_eq!((found.owner, found.passkeys), (account.user, held));
    let without = world.person(&tenant, 1).await;
    let new = world.issued_code(&without).await;
    let found = world.credential_codes.find(CodeForm::Long, &new.long).await;
    assert_eq!(found.unwrap().unwrap().passkeys, []);
}

async fn a_code_without_short_form_is_found_by_the_long_one(world: World) {
    let person = world.someone().await;
    for _code in 0..2 {
        let new = NewCredentialCode {
            short: None,
            ..world.new_code(&person)
        };
        let authority = world.authority(&person);
        let issued = world.credential_codes.issue(authority, new.clone());
        issued.await.unwrap();
        assert_eq!(world.code(&new.long).await.unwrap().code, new.code);
    }
}

async fn every_state_comes_back_as_it_was(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let mut expected = claimed.code.clone();
    expected.state = CodeState::Claimed(claimed.claim.clone());
    assert_eq!(world.newest(&person.user.id).await, Some(expected.clone()));

    let credential = world.key(&person.user);
    world.redeem(&claimed, credential.clone()).await.unwrap();
    expected.state = CodeState::Redeemed {
        claim: claimed.claim,
        credential: credential.uuid.clone(),
        wait: None,
    };
    assert_eq!(world.newest(&person.user.id).await, Some(expected));
    assert!(world.credentials_of(&person).await.contains(&credential));

    let second = world.issued_code(&person).await;
    let mut entry = world.entry(&second.code);
    entry.claim.origin = None;
    let native = entry.claim.clone();
    enter(&world, &second.long, entry).await.unwrap();
    world.cancel_all(&person).await;
    let cancelled = CodeState::Cancelled {
        claim: Some(native),
    };
    assert_eq!(world.state_of(&second).await, cancelled);

    let third = world.issued_code(&person).await;
    world.cancel_all(&person).await;
    assert_eq!(
        world.state_of(&third).await,
        CodeState::Cancelled { claim: None }
    );
}

async fn what_a_code_is_for_comes_back_as_it_was(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let all = CredentialKind::ALL;
    for binding in [
        Binding::default(),
        Binding {
            application: Some(tenant.application.id.clone()),
            kinds: Some(Kinds::new(all).unwrap()),
            name: Some(CredentialName::new("Ada's phone").unwrap()),
        },
        Binding {
            kinds: Some(Kinds::new(&[CredentialKind::Key]).unwrap()),
            ..Binding::default()
        },
    ] {
        let mut new = world.new_code(&person);
        new.code = new.code.bound_to(binding);
        let authority = world.authority(&person);
        let issued = world.credential_codes.issue(authority, new.clone());
        issued.await.unwrap();
        assert_eq!(world.code(&new.long).await.unwrap().code, new.code);
        let newest = world.newest(&person.user.id).await;
        assert_eq!(newest, Some(new.code));
    }
}

async fn issuing_cancels_codes_that_are_issued_or_claimed(world: World) {
    let person = world.someone().await;
    let issued = world.issued_code(&person).await;
    let claimed = world.claimed_code(&person).await;
    assert_eq!(
        world.state_of(&issued).await,
        CodeState::Cancelled { claim: None }
    );
    let newest = world.issued_code(&person).await;
    assert_eq!(world.state_of(&newest).await, CodeState::Issued);
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert_eq!(conflict(&outcome), Void);
}

async fn issuing_leaves_redeemed_codes_alone(world: World) {
    let [person, other] = world.two(1).await;
    let theirs = world.issued_code(&other).await;
    let claimed = world.claimed_code(&person).await;
    let redeemed = world.redeem(&claimed, world.key(&person.user));
    redeemed.await.unwrap();
    world.issued_code(&person).await;
    let state = world.code_by_id(&claimed.code.id).await.unwrap().code.state;
    assert!(matches!(state, CodeState::Redeemed { .. }));
    assert_eq!(world.state_of(&theirs).await, CodeState::Issued);
}

async fn a_taken_text_changes_nothing(world: World) {
    let [one, two] = world.two(1).await;
    let theirs = world.issued_code(&one).await;
    let mine = world.issued_code(&two).await;
    let authority = world.authority(&two);
    for same in [
        NewCredentialCode {
            short: theirs.short,
            ..world.new_code(&two)
        },
        NewCredentialCode {
            long: theirs.long,
            ..world.new_code(&two)
        },
    ] {
        let outcome = world.credential_codes.issue(authority.clone(), same).await;
        assert!(matches!(outcome, Err(IssueError::Taken)));
    }
    assert_eq!(world.state_of(&mine).await, CodeState::Issued);
    assert_eq!(world.newest(&two.user.id).await, Some(mine.code));
    assert_eq!(world.standing(&authority).await, Ok(()));
}

async fn the_newest_code_is_told(world: World) {
    let tenant = world.tenant("Example").await;
    let person = world.person(&tenant, 1).await;
    let other = world.person(&tenant, 1).await;
    let first = world.issued_code(&person).await;
    assert_eq!(world.newest(&other.user.id).await, None);
    assert_eq!(world.newest(&person.user.id).await, Some(first.code));
    // A replica whose clock is behind issues the second one.
    let mut second = world.new_code(&person);
    second.code.issued = NOW.minus(Duration::from_secs(1));
    let authority = world.authority(&person);
    world
        .credential_codes
        .issue(authority, second.clone())
        .await
        .unwrap();
    world.issued_code(&other).await;
    assert_eq!(world.newest(&person.user.id).await, Some(second.code));
}

async fn cancelling_takes_issued_and_claimed_codes(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    for _time in 0..2 {
        world.cancel_all(&person).await;
        let newest = world.newest(&person.user.id).await.unwrap();
        let claim = Some(claimed.claim.clone());
        assert_eq!(newest.state, CodeState::Cancelled { claim });
    }
    let issued = world.issued_code(&person).await;
    world.cancel_all(&person).await;
    assert_refused(&world, &issued.code, &issued.long).await;
}

async fn cancelling_nothing_is_fine(world: World) {
    let [one, two] = world.two(1).await;
    let theirs = world.issued_code(&two).await;
    world.cancel_all(&one).await;
    let unknown = UserId::from_random(&world.draw());
    world.credential_codes.cancel_all(&unknown).await.unwrap();
    assert_eq!(world.state_of(&theirs).await, CodeState::Issued);
}

async fn raising_the_epoch_cancels_codes(world: World) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    world.end_all(&person).await;
    let cancelled = CodeState::Cancelled { claim: None };
    assert_eq!(world.state_of(&new).await, cancelled);

    let user = world.account(&person.user.id).await.unwrap().user;
    let person = Person { user, ..person };
    let new = world.issued_code(&person).await;
    world.set_user_active(&person.user.id, false).await;
    assert_eq!(world.state_of(&new).await, cancelled);
}

/// Being active again brings no code back.
async fn only_deactivating_the_owner_cancels_codes(world: World) {
    let tenant = world.tenant("Example").await;
    let administrator = world.administrator(&tenant).await;
    for changes in [
        &[UserChange::Activate][..],
        &[UserChange::Deactivate, UserChange::Activate],
    ] {
        let one = world.person(&tenant, 1).await;
        let other = world.person(&tenant, 1).await;
        let issued = world.issued_code(&one).await;
        let claimed = world.claimed_code(&other).await;
        for user in [&one.user.id, &other.user.id] {
            for asked in changes {
                let authority = world.authority(&administrator);
                let changed = world.users.change(authority, user, *asked).await;
                changed.unwrap();
            }
        }
        let is_open = changes.len() == 1;
        let state = world.newest(&other.user.id).await.unwrap().state;
        assert_eq!(matches!(state, CodeState::Claimed(_)), is_open);
        let redeemed = world.redeem(&claimed, world.key(&other.user)).await;
        assert_eq!(redeemed.is_ok(), is_open);
        let claimed = enter(&world, &issued.long, world.entry(&issued.code)).await;
        assert_eq!(claimed.is_ok(), is_open);
    }
}

async fn only_the_challenge_that_claimed_a_code_redeems_it(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let other = Claim {
        challenge: ChallengeId::from_random(&world.draw()),
        ..world.claim()
    };
    let challenge = world.challenge_of(&claimed.code, &other);
    let outcome = world
        .credential_codes
        .redeem(
            Authority::of_challenge(&challenge),
            world.redemption(&RedeemedCode::with(&challenge), world.key(&person.user)),
        )
        .await;
    assert_eq!(conflict(&outcome), Void);
    assert_eq!(world.credentials_of(&person).await.len(), 2);
    let redeemed = world.redeem(&claimed, world.key(&person.user));
    redeemed.await.unwrap();
}

async fn a_cancelled_code_is_not_redeemed(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    world.cancel_all(&person).await;
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert_eq!(conflict(&outcome), Void);
    assert_eq!(world.credentials_of(&person).await.len(), 2);
    assert_eq!(world.standing(&claimed.authority).await, Ok(()));
}

async fn a_superseded_code_is_not_redeemed(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    world.issued_code(&person).await;
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert_eq!(conflict(&outcome), Void);
}

async fn a_code_is_not_redeemed_when_its_issuer_is_not_active(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let [first, second] = [0, 1].map(|index| &person.credentials[index].uuid);
    let authority = world.authority_with(&person.user, second);
    let changed = world.credentials.set_active(authority, first, false, NOW);
    changed.await.unwrap();
    let outcome = world.redeem(&claimed, world.key(&person.user)).await;
    assert_eq!(conflict(&outcome), Void);
}

async fn a_failed_redemption_may_be_repeated(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let mut taken = world.key(&person.user);
    taken.id = person.credentials[0].id.clone();
    let outcome = world.redeem(&claimed, taken).await;
    let taken = RedeemError::Create(CreateError::CredentialIdTaken);
    assert_eq!(outcome.unwrap_err().to_string(), taken.to_string());
    let newest = world.newest(&person.user.id).await.unwrap();
    assert_eq!(newest.state, CodeState::Claimed(claimed.claim.clone()));
    let redeemed = world.redeem(&claimed, world.key(&person.user));
    redeemed.await.unwrap();
}

async fn cancelling_leaves_redeemed_codes_alone(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let key = world.key(&person.user);
    world.redeem(&claimed, key).await.unwrap();
    world.cancel_all(&person).await;
    let newest = world.newest(&person.user.id).await.unwrap();
    assert!(matches!(newest.state, CodeState::Redeemed { .. }));
}

async fn what_is_given_back_ends_and_stays_so(world: World) {
    let tenant = world.tenant("Example").await;
    for reason in ReleaseReason::ALL.iter().copied() {
        let person = world.person(&tenant, 2).await;
        let claimed = world.claimed_code(&person).await;
        let challenge = world.challenge_of(&claimed.code, &claimed.claim);
        let release = Release {
            reason,
            date: NOW.plus(Duration::from_secs(7)),
        };
        let released = ReleasedCode::with(&challenge, release);
        world.credential_codes.release(released).await.unwrap();
        let expected = CodeState::Released {
            claim: claimed.claim.clone(),
            release,
        };
        let newest = world.newest(&person.user.id).await.unwrap();
        assert_eq!(newest.state, expected);
        // Nobody claims it again, and its own challenge makes nothing with it.
        assert_refused(&world, &claimed.code, &claimed.long).await;
        let outcome = world.redeem(&claimed, world.key(&person.user)).await;
        assert_eq!(conflict(&outcome), Void);
        assert_eq!(world.credentials_of(&person).await.len(), 2);
        // What ends all that is open leaves it as it is.
        world.cancel_all(&person).await;
        world.issued_code(&person).await;
        let held = world.code_by_id(&claimed.code.id).await.unwrap();
        assert_eq!(held.code.state, expected);
    }
}

async fn only_the_challenge_that_claimed_a_code_gives_it_back(world: World) {
    let [person, other] = world.two(1).await;
    let claimed = world.claimed_code(&person).await;
    let theirs = world.claimed_code(&other).await;
    let another = Claim {
        challenge: ChallengeId::from_random(&world.draw()),
        ..world.claim()
    };
    for challenge in [
        world.challenge_of(&claimed.code, &another),
        world.challenge_of(&claimed.code, &theirs.claim),
        world.challenge_of(&theirs.code, &claimed.claim),
    ] {
        let released = ReleasedCode::with(&challenge, RELEASE);
        let outcome = world.credential_codes.release(released).await;
        assert!(matches!(outcome, Err(ReleaseError::Lost)));
    }
    for (claimed, person) in [(&claimed, &person), (&theirs, &other)] {
        let redeemed = world.redeem(claimed, world.key(&person.user));
        redeemed.await.unwrap();
    }
}

async fn what_is_over_is_not_given_back(world: World) {
    let person = world.someone().await;
    let redeemed = world.claimed_code(&person).await;
    let made = world.redeem(&redeemed, world.key(&person.user));
    made.await.unwrap();
    let superseded = world.claimed_code(&person).await;
    let released = world.claimed_code(&person).await;
    let decision = world.released(&released);
    world.credential_codes.release(decision).await.unwrap();
    let cancelled = world.claimed_code(&person).await;
    world.cancel_all(&person).await;
    for over in [&redeemed, &superseded, &released, &cancelled] {
        let before = world.code_by_id(&over.code.id).await;
        let outcome = world.credential_codes.release(world.released(over)).await;
        assert!(matches!(outcome, Err(ReleaseError::Lost)));
        assert_eq!(world.code_by_id(&over.code.id).await, before);
    }
}
