//! The installation's one row.

use latchkey_domain::{
    account_code::{AccountCode, AccountCodeKind},
    authority::Authority,
    id::InstallationId,
};
use latchkey_service::ports::installation_store::Installation;

use crate::{NOW, World, at_once};

cases! { installation:
    of_many_proposals_one_is_kept,
    a_later_proposal_gets_the_kept_one,
    a_look_makes_no_installation,
    binding_to_other_secrets_takes_messages_and_account_codes_once,
    an_installation_is_not_rebound_from_secrets_it_has_not,
    the_database_answers,
}

fn proposal(world: &World) -> Installation {
    let id = InstallationId::from_random(&world.draw());
    Installation {
        secrets_fingerprint: format!("fingerprint of {id}"),
        id,
    }
}

async fn of_many_proposals_one_is_kept(world: World) {
    let outcomes = at_once(|index| {
        let (stores, proposed) = (world.replica(index), proposal(&world));
        async move { stores.installation.establish(proposed).await.unwrap() }
    })
    .await;
    assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
}

async fn a_later_proposal_gets_the_kept_one(world: World) {
    let first = proposal(&world);
    let kept = world.installation.establish(first.clone()).await.unwrap();
    assert_eq!(kept, first);
    let again = world
        .other
        .installation
        .establish(proposal(&world))
        .await
        .unwrap();
    assert_eq!(again, first);
}

async fn a_look_makes_no_installation(world: World) {
    for _ in 0..2 {
        assert_eq!(world.installation.look().await.unwrap(), None);
    }
    let first = proposal(&world);
    let kept = world.installation.establish(first.clone()).await.unwrap();
    assert_eq!(kept, first);
    let seen = world.other.installation.look().await.unwrap();
    assert_eq!(seen, Some(first.clone()));
    let to = "after";
    let bound = world.installation.rebind(&first.secrets_fingerprint, to);
    assert!(bound.await.unwrap());
    let seen = world.other.installation.look().await.unwrap().unwrap();
    assert_eq!((seen.id, seen.secrets_fingerprint.as_str()), (first.id, to));
}

async fn binding_to_other_secrets_takes_messages_and_account_codes_once(world: World) {
    let kept = world.installation.establish(proposal(&world)).await;
    let before = kept.unwrap().secrets_fingerprint;
    let person = world.someone().await;
    let tell = async || {
        let session = world.session(&person);
        let message = world.message(&person.user.id);
        let authority = Authority::of_session(&session).telling(message);
        world.sessions.exercise(authority).await.unwrap();
    };
    let ask = async || {
        let login = AccountCodeKind::Login;
        world.hand_out(&person.user, login, NOW).await
    };
    tell().await;
    let mut codes = vec![];
    for _ in 0..AccountCode::MAXIMUM_LIVE {
        codes.push(ask().await);
    }
    let told = world.told().await.len();
    let outcomes = at_once(|index| {
        let (stores, before) = (world.replica(index), before.clone());
        async move { stores.installation.rebind(&before, "after").await.unwrap() }
    })
    .await;
    assert!(outcomes.iter().all(|is_bound| *is_bound));
    assert_eq!((told, world.told().await.len()), (1 + codes.len(), 0));
    for code in &codes {
        assert_eq!(world.held(&person.user, code).await, None);
    }
    let kept = world.installation.establish(proposal(&world)).await;
    assert_eq!(kept.unwrap().secrets_fingerprint, "after");
    // What is told from now on can be opened, and codes that nobody can use take no room.
    tell().await;
    for _ in 0..AccountCode::MAXIMUM_LIVE {
        codes.push(ask().await);
    }
    assert!(world.installation.rebind(&before, "after").await.unwrap());
    assert_eq!(world.told().await.len(), 1 + AccountCode::MAXIMUM_LIVE);
    let last = &codes[AccountCode::MAXIMUM_LIVE];
    assert!(world.held(&person.user, last).await.is_some());
}

async fn an_installation_is_not_rebound_from_secrets_it_has_not(world: World) {
    let kept = world.installation.establish(proposal(&world)).await;
    let before = kept.unwrap();
    let is_bound = world.installation.rebind("of nobody", "after").await;
    assert!(!is_bound.unwrap());
    let kept = world.installation.establish(proposal(&world)).await;
    assert_eq!(kept.unwrap(), before);
}

async fn the_database_answers(world: World) {
    world.installation.ping().await.unwrap();
}
