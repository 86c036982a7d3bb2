//! The installation's one row.

use latchkey_domain::id::InstallationId;
use latchkey_service::ports::installation_store::Installation;

use crate::{World, at_once};

cases! { installation:
    of_many_proposals_one_is_kept,
    a_later_proposal_gets_the_kept_one,
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

async fn the_database_answers(world: World) {
    world.installation.ping().await.unwrap();
}
