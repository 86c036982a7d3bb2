//! Credential codes, many callers at once.

use latchkey_domain::credential_code::CodeState;
use latchkey_service::ports::{
    credential_code_store::{ClaimError, RedeemError, ReleaseError},
    credential_store::CreateError,
};
use tokio::join;

use crate::{Void, World, assert_one, at_once, enter, successes};

cases! { codes_at_once:
    of_many_claims_one_succeeds,
    of_many_redemptions_one_succeeds,
    of_many_issued_at_once_one_code_stays_open,
    a_code_is_never_claimed_after_it_was_superseded,
    a_code_is_never_redeemed_after_it_was_cancelled,
    a_code_is_redeemed_or_given_back_and_never_both,
}

async fn of_many_claims_one_succeeds(world: World) {
    let person = world.someone().await;
    let new = world.issued_code(&person).await;
    let outcomes = at_once(|index| {
        let (stores, entry) = (world.replica(index), world.entry(&new.code));
        let (long, claim) = (new.long, entry.claim.clone());
        async move { enter(&stores, &long, entry).await.map(|_found| claim) }
    })
    .await;
    assert_eq!(successes(&outcomes), 1);
    for outcome in &outcomes {
        assert!(matches!(outcome, Ok(_) | Err(ClaimError::Refused(Some(_)))));
    }
    let winner = outcomes.into_iter().find_map(Result::ok).unwrap();
    assert_eq!(world.state_of(&new).await, CodeState::Claimed(winner));
}

async fn of_many_redemptions_one_succeeds(world: World) {
    let person = world.someone().await;
    let claimed = world.claimed_code(&person).await;
    let outcomes = at_once(|index| {
        let (stores, credential) = (world.replica(index), world.key(&person.user));
        let authority = claimed.authority.clone();
        let redemption = world.redemption(&claimed.redeemed, credential);
        async move { stores.credential_codes.redeem(authority, redemption).await }
    })
    .await;
    assert_one(&outcomes, Void);
    assert_eq!(world.credentials_of(&person).await.len(), 3);
}

async fn of_many_issued_at_once_one_code_stays_open(world: World) {
    let person = world.someone().await;
    let issued = at_once(|index| {
        let (stores, authority) = (world.replica(index), world.authority(&person));
        let new = world.new_code(&person);
        async move {
            let outcome = stores.credential_codes.issue(authority, new.clone()).await;
            outcome.map(|()| new).unwrap()
        }
    })
    .await;
    let newest = world.newest(&person.user.id).await.unwrap();
    for new in issued {
        let expected = if new.code.id == newest.id {
            CodeState::Issued
        } else {
            CodeState::Cancelled { claim: None }
        };
        assert_eq!(world.state_of(&new).await, expected);
    }
}

async fn a_code_is_never_claimed_after_it_was_superseded(world: World) {
    let person = world.someone().await;
    for _round in 0..20 {
        let old = world.issued_code(&person).await;
        let entry = world.entry(&old.code);
        let claim = entry.claim.clone();
        let new = world.new_code(&person);
        let (claimed, issued) = join!(
            enter(&world.other, &old.long, entry),
            world
                .credential_codes
                .issue(world.authority(&person), new.clone())
        );
        issued.unwrap();
        let claim = claimed.ok().map(|_found| claim);
        assert_eq!(world.state_of(&old).await, CodeState::Cancelled { claim });
        assert_eq!(world.state_of(&new).await, CodeState::Issued);
    }
}

async fn a_code_is_never_redeemed_after_it_was_cancelled(world: World) {
    let person = world.someone().await;
    for _round in 0..20 {
        let before = world.credentials_of(&person).await.len();
        let claimed = world.claimed_code(&person).await;
        let (redeemed, cancelled) = join!(
            world.redeem(&claimed, world.key(&person.user)),
            world.other.credential_codes.cancel_all(&person.user.id)
        );
        cancelled.unwrap();
        let newest = world.newest(&person.user.id).await.unwrap();
        let made = world.credentials_of(&person).await.len() - before;
        match redeemed {
            Ok(()) => {
                assert!(matches!(newest.state, CodeState::Redeemed { .. }));
                assert_eq!(made, 1);
            }
            Err(RedeemError::Create(CreateError::Authority(Void))) => {
                assert!(matches!(newest.state, CodeState::Cancelled { .. }));
                assert_eq!(made, 0);
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn a_code_is_redeemed_or_given_back_and_never_both(world: World) {
    let person = world.someone().await;
    for _round in 0..20 {
        let before = world.credentials_of(&person).await.len();
        let claimed = world.claimed_code(&person).await;
        let released = world.released(&claimed);
        let (redeemed, released) = join!(
            world.redeem(&claimed, world.key(&person.user)),
            world.other.credential_codes.release(released)
        );
        let newest = world.newest(&person.user.id).await.unwrap();
        let made = world.credentials_of(&person).await.len() - before;
        match (redeemed, released) {
            (Ok(()), Err(ReleaseError::Lost)) => {
                assert!(matches!(newest.state, CodeState::Redeemed { .. }));
                assert_eq!(made, 1);
            }
            (Err(RedeemError::Create(CreateError::Authority(Void))), Ok(())) => {
                assert!(matches!(newest.state, CodeState::Released { .. }));
                assert_eq!(made, 0);
            }
            other => panic!("{other:?}"),
        }
    }
}
